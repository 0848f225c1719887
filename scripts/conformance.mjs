// npm run conformance: vgic against Linux's own VGIC, operation by operation. Options go on to conformance/.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensure, packages } from './debian-packages.mjs';
import { PROJECT, prepare } from './prepare.mjs';

prepare();
ensure(packages.filter(({ suites }) => suites.some((suite) => suite.startsWith('conformance'))));
const main = join(PROJECT, 'conformance', 'dist', 'main.js');
const { status } = spawnSync(process.execPath, [main, ...process.argv.slice(2)], { cwd: PROJECT, stdio: 'inherit' });
process.exitCode = status ?? 1;
