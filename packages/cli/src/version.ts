import { readFileSync } from 'node:fs';

/** Of the package that this is in: packages/cli in a checkout, `vgic` when installed, where the command is one file. */
export const VERSION: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
