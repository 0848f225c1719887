import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Census } from 'vgic';
import { Refusal, STATUS } from '../refusal.js';
import { formatTime } from '../values.js';
import { type Account, readAccount } from './guest-account.js';
import { firstHalf, type Half } from './halves.js';

/** Everything that the demonstration found. */
export interface DemoReport {
  /** By kind of interrupt, as the guest counted. */
  kinds: Record<string, Account>;
  total: Account;
  verdict: string;
  /** The GIC when it was saved. */
  stateAtSave: Census;
  /** Whether the second process found the GIC as the first had left it. */
  sameStateRestored: boolean;
  pids: { saved: number; restored: number };
  /** Virtual times, in nanoseconds. */
  time: { save: number; end: number };
  snapshotBytes: number;
  /** Wall clock, in milliseconds. */
  milliseconds: number;
  /** Nothing was lost, nothing was spurious, and the guest says so too. */
  passed: boolean;
}

/** Where the guest is: beside the command, which is one file when installed, or in its room of the checkout. */
const GUESTS = ['./interrupts.bin', '../../../../guests/interrupts/interrupts.bin'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);
/** Wall-clock milliseconds that the second process may take. */
const PATIENCE = 300_000;

/** Saves a guest amid its interrupts, restores it in a new process, and accounts for every interrupt. */
export function runDemo(): DemoReport {
  const started = performance.now();
  const directory = mkdtempSync(join(tmpdir(), 'vgic-demo-'));
  try {
    const snapshot = join(directory, 'machine.snapshot');
    const first = firstHalf({ kernel: readGuest(), name: 'interrupts.bin' }, snapshot);
    const snapshotBytes = statSync(snapshot).size;
    const second = otherProcess(snapshot);
    return report(first, second, snapshotBytes, performance.now() - started);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readGuest(): Uint8Array {
  const guest = GUESTS.find((path) => existsSync(path));
  if (guest === undefined) throw new Refusal(`The guest of the demonstration is missing: ${GUESTS.join(' or ')}.`);
  return readFileSync(guest);
}

function otherProcess(snapshot: string): Half {
  // the same command as this one
  const child = spawnSync(process.execPath, [process.argv[1], 'demo', '--second-half', snapshot], {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    timeout: PATIENCE,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.status !== 0) {
    throw new Refusal(
      `The second process failed: ${child.stderr.trim() || child.error?.message || child.signal}`,
      STATUS.failed,
    );
  }
  return JSON.parse(child.stdout) as Half;
}

function report(first: Half, second: Half, snapshotBytes: number, milliseconds: number): DemoReport {
  const { kinds, total, verdict } = readAccount(first.console + second.console);
  const sameStateRestored = JSON.stringify(first.atSave) === JSON.stringify(second.atSave);
  return {
    kinds,
    total,
    verdict: verdict ?? 'The guest gave no verdict.',
    stateAtSave: first.atSave,
    sameStateRestored,
    pids: { saved: first.pid, restored: second.pid },
    time: { save: first.time, end: second.time },
    snapshotBytes,
    milliseconds: Math.round(milliseconds),
    passed:
      total.sent > 0 &&
      total.lost === 0 &&
      total.spurious === 0 &&
      verdict === 'PASS' &&
      sameStateRestored &&
      first.pid !== second.pid,
  };
}

const STATE_NAMES: Partial<Record<keyof Census, string>> = {
  pending: 'pending',
  active: 'active',
  activePending: 'active and pending',
  latched: 'latched by software',
  lineHigh: 'with the line held high',
  queued: 'queued beyond the list registers',
};

/** The report for people. */
export function formatReport(demo: DemoReport): string {
  const row = (name: string, values: (string | number)[]) =>
    `  ${name.padEnd(26)}${values.map((value) => String(value).padStart(10)).join('')}`;
  const account = (name: string, { sent, taken, lost, spurious }: Account) => row(name, [sent, taken, lost, spurious]);
  const states = Object.entries(STATE_NAMES).map(
    ([state, name]) => `  ${String(demo.stateAtSave[state as keyof Census]).padStart(4)}  ${name}`,
  );
  return [
    `A guest with 4 vCPUs and a GICv3 was saved at ${formatTime(demo.time.save)} of its time by process ${demo.pids.saved},`,
    `restored by process ${demo.pids.restored}, and went on to its end at ${formatTime(demo.time.end)}.`,
    '',
    `Interrupts at the moment of the save (snapshot: ${Math.ceil(demo.snapshotBytes / 1024)} KiB):`,
    ...states,
    demo.sameStateRestored ? '  The restored GIC has the same.' : '  THE RESTORED GIC HAS OTHERS.',
    '',
    row('Interrupts, whole run', ['sent', 'taken', 'lost', 'spurious']),
    ...Object.entries(demo.kinds).map(([name, kind]) => account(name, kind)),
    account('total', demo.total),
    '',
    `The guest says: ${demo.verdict}`,
    `${demo.passed ? 'No interrupt was lost, none was spurious' : 'THE DEMONSTRATION FAILED'} (${(demo.milliseconds / 1000).toFixed(1)} s).`,
    '',
  ].join('\n');
}
