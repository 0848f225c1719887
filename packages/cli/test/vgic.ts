import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
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

/** A command that runs, with all that it has printed so far. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly closed: Promise<number | null>;
  stdout = '';
  stderr = '';

  constructor(args: string[]) {
    this.child = startVgic(args);
    this.child.stdout.on('data', (data) => {
      this.stdout += data;
    });
    this.child.stderr.on('data', (data) => {
      this.stderr += data;
    });
    this.closed = once(this.child, 'close').then(([status]) => status);
  }

  /** Waits until it has printed that. */
  async prints(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this[stream]);
      if (found) return found;
      if (this.child.exitCode !== null) throw new Error(`it ended without ${pattern}: ${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
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
