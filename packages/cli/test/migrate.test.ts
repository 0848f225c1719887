import { type ChildProcessWithoutNullStreams, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scratch, startVgic, vgic } from './vgic.js';

const file = scratch();
const guest = (name: string) => fileURLToPath(new URL(`../../../guests/${name}/${name}.bin`, import.meta.url));

/** A command that runs, with all that it has printed so far. */
class Running {
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

/** Guests that run for seconds, and a moment near their end at which the destination saves them. */
const GUESTS = [
  { name: 'interrupts', append: 'rounds=300', at: '90ms' },
  { name: 'its', append: 'rounds=200', at: '90ms' },
];

const machine = ['--smp', '4', '--memory', '64'];
const whole = new Map(
  GUESTS.map(({ name, append, at }) => {
    const run = ['run', ...machine, '--kernel', guest(name), '--append', append];
    const { stdout, status, stderr } = vgic([...run, '--save', file(`${name}.expected`), '--at', at]);
    if (status !== 0) throw new Error(stderr);
    return [name, { console: stdout, snapshot: readFileSync(file(`${name}.expected`)) }];
  }),
);

/** Starts the guest, migrates it as soon as it speaks, and gives everybody's end. */
async function move(name: string, append: string, at: string, incoming: string, how: string[] = []) {
  const saved = file(`${name}.${incoming.slice(0, 3)}.moved`);
  const control = file('control');
  const destination = incoming.startsWith('file:')
    ? undefined
    : new Running(['run', ...machine, '--incoming', incoming, '--save', saved, '--at', at]);
  const address = destination ? (await destination.prints('stderr', /Waiting for a machine at (\S+)\n/))[1] : incoming;
  const source = new Running(['run', ...machine, '--kernel', guest(name), '--append', append, '--control', control]);
  await source.prints('stdout', /\n/);
  const migrate = new Running(['migrate', control, address, ...how]);
  expect([await migrate.closed, migrate.stderr.replaceAll(/^Handing over.*\n|^Round.*\n/gm, '')]).toEqual([0, '']);
  expect(await source.closed).toBe(0);
  const there = destination ?? new Running(['run', ...machine, '--incoming', incoming, '--save', saved, '--at', at]);
  expect([await there.closed, source.stderr]).toEqual([0, '']);
  return { source, there, migrate, snapshot: readFileSync(saved) };
}

describe('vgic migrate', () => {
  it.each(GUESTS.flatMap((one) => ['unix', 'tcp', 'file'].map((kind) => ({ ...one, kind }))))(
    'moves the guest $name to another process by $kind: it comes to the very state that it would have come to, and prints the same',
    async ({ name, append, at, kind }) => {
      const incoming = { unix: `unix:${file('in')}`, tcp: 'tcp:127.0.0.1:0', file: `file:${file('machine')}` }[kind]!;
      const { source, there, migrate, snapshot } = await move(name, append, at, incoming);
      const expected = whole.get(name)!;
      expect(source.stdout + there.stdout).toBe(expected.console);
      expect(there.stdout.length).toBeGreaterThan(0);
      expect(snapshot.equals(expected.snapshot)).toBe(true);
      expect(migrate.stdout).toMatch(
        kind === 'file' ? /^The machine is in file:/ : /^The guest goes on at .*: it stood still for \d+\.\d ms\./,
      );
    },
  );
});
void execFileSync;
void existsSync;
void statSync;
