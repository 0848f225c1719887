// npm run soak: what a submission runs in small, whole. Hours, or as long as is given: npm run soak -- --operations 20000000
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensure } from './debian-packages.mjs';
import { PROJECT, prepare } from './prepare.mjs';

const { values } = parseArgs({ options: { operations: { type: 'string', default: '60000000' } } });
prepare();
ensure();

const node = (...args) => [process.execPath, args];
/** Each with what it is for; the tests of guests take all numbers of list registers and 200 points at SOAK. */
const CHECKS = [
  ['conformance: all judges', node(join('conformance', 'dist', 'main.js'), '--operations', values.operations)],
  [
    'guests: every number of list registers, 200 saves each',
    node(
      join('node_modules', 'vitest', 'vitest.mjs'),
      'run',
      'packages/machine/test/guests',
      'packages/machine/test/random-gic',
    ),
  ],
];

let failed = 0;
for (const [name, [command, args]] of CHECKS) {
  console.log(`== ${name}`);
  const started = Date.now();
  const { status } = spawnSync(command, args, {
    cwd: PROJECT,
    stdio: 'inherit',
    env: { ...process.env, SOAK: 'true' },
  });
  console.log(`== ${name}: ${status === 0 ? 'passed' : 'FAILED'}, ${Math.round((Date.now() - started) / 1000)} s`);
  if (status !== 0) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
