import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Handover } from '@vgic/machine';
import { MARK } from './program.js';

interface Line {
  return?: Record<string, unknown>;
  error?: { desc: string };
  event?: string;
  timestamp?: { seconds: number; microseconds: number };
}

/** A connection to QEMU's machine protocol (QMP): one request at a time. */
class Qmp {
  /** When an event came last, by QEMU's clock, in milliseconds. */
  readonly events = new Map<string, number>();
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async open(path: string): Promise<Qmp> {
    await until(() => existsSync(path));
    const qmp = new Qmp(createConnection(path));
    await qmp.ask('qmp_capabilities');
    return qmp;
  }

  async ask(execute: string, parameters?: object): Promise<Record<string, unknown>> {
    this.#socket.write(JSON.stringify({ execute, ...(parameters && { arguments: parameters }) }));
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error('QEMU has hung up');
      const line = JSON.parse(value) as Line;
      if (line.event && line.timestamp) {
        this.events.set(line.event, line.timestamp.seconds * 1000 + line.timestamp.microseconds / 1000);
      }
      if (line.error) throw new Error(`QEMU: ${line.error.desc}`);
      if (line.return) return line.return;
    }
  }
}

async function until(true_: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 60_000; performance.now() < end; ) {
    if (await true_()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error('waited a minute for QEMU in vain');
}

export interface Migrated {
  /** Milliseconds from the guest's last instruction at the source to its first at the destination. */
  downtime: number;
  total: number;
  /** When the steps of the downtime were over, of ours. */
  handover?: Handover;
}

/** Migrates the program from one QEMU to another over a unix socket, as fast as that goes. */
export async function migrateInQemu(image: string, directory: string, name: string): Promise<Migrated> {
  const path = (what: string) => `${directory}/${name}.${what}`;
  const board = ['-M', 'virt,gic-version=3', '-cpu', 'cortex-a57', '-accel', 'tcg', '-m', '128', '-nic', 'none'];
  const common = [...board, '-nographic', '-monitor', 'none', '-kernel', image];
  const start = (which: string, more: string[]) =>
    spawn('qemu-system-aarch64', [...common, '-qmp', `unix:${path(which)},server=on,wait=off`, ...more], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const destination = start('there', ['-incoming', `unix:${path('incoming')}`]);
  const source = start('here', []);
  try {
    await printed(source);
    const [here, there] = [await Qmp.open(path('here')), await Qmp.open(path('there'))];
    await until(() => existsSync(path('incoming')));
    // Its default is 128 MiB/s, a limit that ours does not have.
    await here.ask('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
    await here.ask('migrate', { uri: `unix:${path('incoming')}` });
    let result: Record<string, unknown> = {};
    await until(async () => {
      result = await here.ask('query-migrate');
      if (result.status === 'failed') throw new Error('QEMU: the migration failed');
      return result.status === 'completed';
    });
    await until(async () => (await there.ask('query-status')).status === 'running');
    await here.ask('query-status');
    // QEMU's own figure ends when the source has sent everything; the events tell when the guest goes on.
    const [stopped, resumed] = [here.events.get('STOP'), there.events.get('RESUME')];
    if (stopped === undefined || resumed === undefined) throw new Error('QEMU has not told of STOP and RESUME');
    return { downtime: resumed - stopped, total: result['total-time'] as number };
  } finally {
    for (const child of [source, destination]) child.kill('SIGKILL');
  }
}

/** Comes back when the program has been through all of its pages. */
export function printed(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', (data) => {
      if (String(data).includes(MARK)) resolve();
    });
    child.on('error', reject);
    child.on('close', (code) => reject(new Error(`the guest ended with ${code} before its mark`)));
  });
}
