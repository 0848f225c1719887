// Makes a checkout ready: installs the development tools and builds what is out of date. Plain Node, needs nothing installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const OLDEST_NODE = 20;

/** Runs a command in the project; ends the process with one sentence if it fails. */
export function run(command, args, what) {
  const { status, error } = spawnSync(command, args, {
    cwd: PROJECT,
    stdio: 'inherit',
    shell: process.platform === 'win32' && command === 'npm',
  });
  if (status === 0) return;
  console.error(`${what} failed${error ? `: ${error.message}` : ''}.`);
  process.exit(1);
}

/** npm ci, if the lock file is not the one of the last time. */
function install() {
  const stamp = join(PROJECT, 'node_modules', '.installed');
  const lock = createHash('sha256')
    .update(readFileSync(join(PROJECT, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.log('Installing the development tools (npm ci) ...');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'Installing the development tools');
  writeFileSync(stamp, lock);
}

/** The AArch64 core to WebAssembly, then TypeScript, of all or of these rooms; does nothing when nothing has changed. */
export function build(...rooms) {
  const first = !existsSync(join(PROJECT, 'packages', 'cli', 'dist', 'main.js'));
  if (first) console.log('Building (AssemblyScript core, then TypeScript) ...');
  run(process.execPath, [join(PROJECT, 'scripts', 'build-core.mjs')], 'Building the AArch64 core');
  run(process.execPath, [join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', ...rooms], 'Compiling');
}

export function prepare() {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    console.error(`This needs Node ${OLDEST_NODE} or newer; this is ${process.version}.`);
    process.exit(1);
  }
  install();
  build();
}
