import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const bin = fileURLToPath(new URL('../bin/vgic.js', import.meta.url));
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
if (!existsSync(main)) throw new Error('The command is not built: run "npm run build" first.');

/** The images of the small programs that the machine's tests use. */
export { testProgram } from '../../machine/test/programs/index.js';

/** Runs the command to its end with that input on stdin. */
export function vgic(args: string[], input: string | Uint8Array = '') {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { input, timeout: 100_000 });
  return { status, signal, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Runs the command where no file may grow beyond 512 bytes. */
export function limitedVgic(args: string[]) {
  const { status, stderr } = spawnSync('/bin/sh', [
    '-c',
    'ulimit -f 1; exec "$0" "$@"',
    process.execPath,
    bin,
    ...args,
  ]);
  return { status, stderr: stderr.toString() };
}

/** Starts the command, to be talked to. */
export function startVgic(args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [bin, ...args]);
}

/** The command as a shell takes it. */
export function commandLine(args: string[]): string {
  return [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ');
}

/** A directory of the test file's own, gone at its end. */
export function scratch(): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'vgic-cli-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return (name) => join(directory, name);
}
