import { SingleBar } from 'cli-progress';
import type { Line } from '../control/server.js';

const MIB = 2 ** 20;
const PAGE = 4096;

/** A migration's progress on stderr: a bar on a terminal, otherwise a line for each round. */
export class MigrationDisplay {
  readonly #bar: SingleBar | undefined;
  #round = -1;
  #phase: unknown;

  constructor() {
    if (!process.stderr.isTTY) return;
    this.#bar = new SingleBar({
      format: '{what} [{bar}] {value}/{total} pages, {rate}',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      forceRedraw: true,
    });
  }

  show(line: Line): void {
    const { rounds, roundPages, leftPages } = numbers(line);
    const isNew = rounds !== this.#round || line.phase !== this.#phase;
    this.#round = rounds;
    this.#phase = line.phase;
    if (!this.#bar) {
      if (isNew && rounds > 0) process.stderr.write(`${what(line)}: ${roundPages} pages, ${rate(line)}\n`);
      return;
    }
    const values = { what: what(line), rate: rate(line) };
    if (isNew) this.#bar.start(Math.max(roundPages, 1), roundPages - leftPages, values);
    else this.#bar.update(roundPages - leftPages, values);
  }

  end(): void {
    this.#bar?.stop();
  }
}

function what(line: Line): string {
  const { rounds } = numbers(line);
  if (line.phase === 'copying') return `Round ${rounds + 1}`;
  if (line.phase === 'greeting') return 'Greeting';
  if (line.phase === 'unknown' || line.phase === 'asking') return 'The connection is broken; asking the destination';
  return 'Handing over';
}

function rate(line: Line): string {
  const { bandwidth, dirtyRate, expectedDowntime, throttle } = numbers(line);
  if (bandwidth === 0) return 'at the first round';
  return [
    `${(bandwidth / MIB).toFixed(0)} MiB/s`,
    `${((dirtyRate * PAGE) / MIB).toFixed(1)} MiB/s dirty`,
    `downtime would be ${expectedDowntime.toFixed(0)} ms`,
    ...(throttle > 0 ? [`guest held back ${(throttle * 100).toFixed(0)} %`] : []),
  ].join(', ');
}

/** What came of it, for people. */
export function summary(line: Line): string {
  const { rounds, pages, zeroPages, bytes, downtime, milliseconds } = numbers(line);
  const took = `${milliseconds.toFixed(0)} ms`;
  if (line.rounds === undefined) return `The machine is in ${String(line.destination)} (${took}).`;
  return (
    `The guest goes on at ${String(line.destination)}: it stood still for ${downtime.toFixed(1)} ms. ` +
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ${pages} pages and ${zeroPages} of zeros, ${(bytes / MIB).toFixed(1)} MiB in ${took}.`
  );
}

const NUMBERS = [
  'rounds',
  'pages',
  'zeroPages',
  'roundPages',
  'leftPages',
  'bytes',
  'bandwidth',
  'dirtyRate',
  'expectedDowntime',
  'downtime',
  'milliseconds',
  'throttle',
] as const;

/** The numbers of an event; 0 for what is not there. */
function numbers(line: Line): Record<(typeof NUMBERS)[number], number> {
  const read = NUMBERS.map((name) => [name, typeof line[name] === 'number' ? line[name] : 0] as const);
  return Object.fromEntries(read) as Record<(typeof NUMBERS)[number], number>;
}
