// npm test: all suites. Installs the Debian packages that some need, where it may; says by name what is skipped.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensure } from './debian-packages.mjs';
import { ensureLinux } from './linux-guest.mjs';
import { PROJECT, prepare } from './prepare.mjs';

/** What Vitest counted, for those who add up several checks. */
export const RESULTS = join(PROJECT, 'build', 'test-results.json');

prepare();
try {
  ensure();
  ensureLinux();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

mkdirSync(join(PROJECT, 'build'), { recursive: true });
rmSync(RESULTS, { force: true });
const vitest = join(PROJECT, 'node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${RESULTS}`, ...process.argv.slice(2)],
  { cwd: PROJECT, stdio: 'inherit' },
);

let results;
try {
  results = JSON.parse(readFileSync(RESULTS, 'utf8'));
} catch {
  console.error('The tests have left no results.');
  process.exit(status || 1);
}
const skipped = results.testResults.flatMap(({ assertionResults }) =>
  assertionResults.filter((test) => test.status === 'pending' || test.status === 'skipped' || test.status === 'todo'),
);
for (const test of skipped) console.log(`skipped: ${test.fullName}`);
const failed = results.numFailedTests + (results.numFailedTests === 0 && !results.success ? 1 : 0);
console.log(`${results.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped`);
if (process.env.CI === 'true' && skipped.length > 0) console.error('In CI no test may be skipped.');
process.exitCode = status || (process.env.CI === 'true' && skipped.length > 0) ? 1 : 0;
