// npm run example NAME: compiles what is out of date and runs examples/NAME.ts.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT, prepare } from './prepare.mjs';

const FOLDER = join(PROJECT, 'examples');
const [name, ...words] = process.argv.slice(2);
const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.ts') && readFileSync(join(FOLDER, file), 'utf8').includes('npm run example '))
  .map((file) => file.replace(/\.ts$/, ''));
if (!names.includes(name)) {
  console.error(`npm run example NAME; there are: ${names.join(', ')}.`);
  process.exit(2);
}
prepare();
const { status } = spawnSync(process.execPath, [join(FOLDER, 'dist', `${name}.js`), ...words], {
  cwd: PROJECT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
