// npm run bench: every claim of speed beside its peer. Options go on to bench/.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensure, packages } from './debian-packages.mjs';
import { ensureLinux } from './linux-guest.mjs';
import { PROJECT, prepare } from './prepare.mjs';

prepare();
ensure(packages.filter(({ suites }) => suites.some((suite) => suite.startsWith('bench'))));
ensureLinux();
const main = join(PROJECT, 'bench', 'dist', 'main.js');
const { status } = spawnSync(process.execPath, ['--expose-gc', main, ...process.argv.slice(2)], {
  cwd: PROJECT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
