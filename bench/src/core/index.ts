import { timeOnOurs } from './ours.js';
import { hotLoops, wideCode } from './programs.js';
import { qemuVersion, timeOnQemu } from './qemu.js';

export interface CoreBenchmarkOptions {
  /** Runs on each side, in turn; the median counts. Default 5. */
  readonly runs?: number;
  /** Multiplies the work of each run, 1 for about a second of our core. Below 0.2 QEMU's two marks come too close to time. */
  readonly scale?: number;
}

export interface CoreFigure {
  readonly program: string;
  /** Bytes of the image: for the wide programs nearly all of it code that runs. */
  readonly imageBytes: number;
  /** Guest instructions of the measured part, counted by our core. */
  readonly instructions: number;
  /** Seconds of each run of our core, and of QEMU's TCG when it is there. */
  readonly oursSeconds: readonly number[];
  readonly qemuSeconds: readonly number[];
  /** Million guest instructions per second, from the median. */
  readonly oursMips: number;
  readonly qemuMips?: number;
  /** Our speed by QEMU's: above 1 is faster. */
  readonly ratio?: number;
}

export interface CoreBenchmark {
  readonly node: string;
  /** Undefined when QEMU is missing: then there is nothing beside our figures. */
  readonly qemu?: string;
  readonly figures: readonly CoreFigure[];
  /** The same for a person to read. */
  readonly table: string;
}

const programs: readonly { readonly name: string; readonly make: (scale: number) => Uint8Array }[] = [
  { name: 'hot loops', make: (scale) => hotLoops(Math.ceil(4000 * scale)) },
  { name: 'wide code, 1000 functions', make: (scale) => wideCode(1000, 1000, Math.ceil(1000 * scale)) },
  { name: 'wide code, 100 functions', make: (scale) => wideCode(100, 1000, Math.ceil(1500 * scale)) },
];

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/**
 * Guest instructions per second of our core beside QEMU's TCG: the same images, in the same run, timed between two marks
 * that the guest prints, so that neither start-up nor the first translation of the code counts.
 */
export async function benchCore(options: CoreBenchmarkOptions = {}): Promise<CoreBenchmark> {
  const { runs = 5, scale = 1 } = options;
  const qemu = qemuVersion();
  const figures: CoreFigure[] = [];
  for (const { name, make } of programs) {
    const image = make(scale);
    const oursSeconds: number[] = [];
    const qemuSeconds: number[] = [];
    let instructions = 0;
    for (let run = 0; run < runs; run++) {
      const ours = timeOnOurs(image);
      instructions = ours.instructions;
      oursSeconds.push(ours.seconds);
      if (!qemu) continue;
      const theirs = await timeOnQemu(image);
      if (theirs.result !== ours.result)
        throw new Error(`${name}: QEMU came to ${theirs.result}, our core to ${ours.result}`);
      qemuSeconds.push(theirs.seconds);
    }
    const oursMips = instructions / median(oursSeconds) / 1e6;
    const base = { program: name, imageBytes: image.length, instructions, oursSeconds, qemuSeconds, oursMips };
    if (!qemu) figures.push(base);
    else {
      const qemuMips = instructions / median(qemuSeconds) / 1e6;
      figures.push({ ...base, qemuMips, ratio: oursMips / qemuMips });
    }
  }
  const environment = qemu === undefined ? { node: process.version } : { node: process.version, qemu };
  return { ...environment, figures, table: table(figures, qemu) };
}

function table(figures: readonly CoreFigure[], qemu: string | undefined): string {
  const rows = figures.map((f) => [
    f.program,
    `${(f.imageBytes / 1000).toFixed(0)} KB`,
    `${(f.instructions / 1e6).toFixed(0)} M`,
    f.oursMips.toFixed(0),
    f.qemuMips?.toFixed(0) ?? '–',
    f.ratio?.toFixed(2) ?? '–',
  ]);
  const all = [['program', 'image', 'instructions', 'ours, M/s', 'QEMU TCG, M/s', 'ours / QEMU'], ...rows];
  const widths = (all[0] as string[]).map((_, column) => Math.max(...all.map((row) => (row[column] as string).length)));
  const text = all.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
  const note = qemu ?? 'QEMU is missing, so there is nothing beside our figures: apt-get install qemu-system-arm';
  return [...text, note].join('\n');
}
