// npm run check: what is worth running at each change, in well under a minute: lint, types, and the quick unit tests.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT, run } from './prepare.mjs';

/** Suites that take long: processes, guests, hostile inputs by the million, large tables. `npm test` runs them. */
const SLOW = [
  'conformance/**',
  'examples/**',
  'guests/**',
  'packages/cli/**',
  'packages/machine/test/{core,guests,instructions,migration,node,snapshot}/**',
  'packages/machine/test/{gic-memory,hostile*,machine,msi-device,passthrough*}.test.ts',
  'packages/machine/test/**/{tcp,virtqueue,devices}.test.ts',
  'packages/vgic/test/{forwarding,physical-gic,state}/**',
  'packages/vgic/test/**/{allocation,any-access,checkpoint,its-*,residency}.test.ts',
];

/** Runs a command beside the others; answers how it ended, and prints its output when it is over. */
function check(name, command, args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(PROJECT, 'node_modules', command), ...args], { cwd: PROJECT });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    child.on('close', (status) => {
      if (status !== 0) console.log(output);
      console.log(`${name}: ${status === 0 ? 'good' : 'FAILED'}`);
      resolve(status);
    });
  });
}

run(process.execPath, [join(PROJECT, 'scripts', 'build-core.mjs')], 'Building the AArch64 core');
const results = await Promise.all([
  check('lint', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']),
  check('types', 'typescript/bin/tsc', ['-b']),
  check('unit tests', 'vitest/vitest.mjs', [
    'run',
    '--project=sources',
    '--reporter=dot',
    ...SLOW.flatMap((pattern) => ['--exclude', pattern]),
  ]),
]);
process.exitCode = results.some((status) => status !== 0) ? 1 : 0;
