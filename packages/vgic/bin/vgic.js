#!/usr/bin/env node
// Packed, the command is one file, bundled of packages/cli by scripts/prepack.mjs. A checkout, which a tsconfig.json tells,
// runs what tsc has compiled, so that it is never an older bundle.
import { existsSync } from 'node:fs';

const inCheckout = existsSync(new URL('../tsconfig.json', import.meta.url));
await import(inCheckout ? '../../cli/bin/vgic.js' : '../command/vgic.js');
