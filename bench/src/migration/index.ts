import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Handover } from '@vgic/machine';
import { median } from '../core/index.js';
import { qemuVersion } from '../core/qemu.js';
import { migrateInOurs } from './ours.js';
import { dirtying } from './program.js';
import { type Migrated, migrateInQemu } from './qemu.js';

export interface MigrationBenchmarkOptions {
  /** Migrations on each side, in turn; the median counts. Default 5. */
  readonly runs?: number;
}

export interface MigrationFigure {
  /** Pages that the guest writes again and again. */
  readonly pages: number;
  readonly ours: readonly Migrated[];
  readonly qemu: readonly Migrated[];
  /** Ours by QEMU's, of the medians: below 1 is shorter. */
  readonly downtimeRatio?: number;
  readonly totalRatio?: number;
}

export interface MigrationBenchmark {
  readonly node: string;
  readonly qemu?: string;
  readonly figures: readonly MigrationFigure[];
  readonly table: string;
}

/** Pages that the guest makes dirty, and how long it idles after each: some 2 million pages in a second of either. */
const WORKING_SETS = [64, 1024, 8192] as const;
const IDLE = 200;

/** Downtime and total time of a migration between two processes beside QEMU's, of the same guest, in the same run. */
export async function benchMigration({ runs = 5 }: MigrationBenchmarkOptions = {}): Promise<MigrationBenchmark> {
  const qemu = qemuVersion();
  const directory = mkdtempSync(join(tmpdir(), 'vgic-bench-'));
  const figures: MigrationFigure[] = [];
  try {
    for (const pages of WORKING_SETS) {
      const image = join(directory, `${pages}.bin`);
      writeFileSync(image, dirtying(pages, IDLE));
      const ours: Migrated[] = [];
      const theirs: Migrated[] = [];
      for (let run = 0; run < runs; run++) {
        ours.push(await migrateInOurs(image, directory, `o${pages}.${run}`));
        if (qemu) theirs.push(await migrateInQemu(image, directory, `q${pages}.${run}`));
      }
      const ratio = (what: 'downtime' | 'total') =>
        median(ours.map((each) => each[what])) / median(theirs.map((each) => each[what]));
      const ratios = qemu && { downtimeRatio: ratio('downtime'), totalRatio: ratio('total') };
      figures.push({ pages, ours, qemu: theirs, ...ratios });
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return { node: process.version, ...(qemu && { qemu }), figures, table: table(figures, qemu) };
}

function table(figures: readonly MigrationFigure[], qemu: string | undefined): string {
  const medianOf = (runs: readonly Migrated[], what: 'downtime' | 'total') =>
    runs.length === 0 ? '–' : median(runs.map((each) => each[what])).toFixed(1);
  const step = (runs: readonly Migrated[], what: keyof Handover) =>
    median(runs.map(({ handover }) => handover![what])).toFixed(1);
  const downtime = ['downtime, ms', 'saved', 'sent', 'ready', "QEMU's", 'ratio'];
  const head = ['working set, MiB', ...downtime, 'total, ms', "QEMU's", 'ratio'];
  const rows = figures.map(({ pages, ours, qemu: theirs, downtimeRatio, totalRatio }) => [
    (pages / 256).toFixed(2),
    medianOf(ours, 'downtime'),
    step(ours, 'saved'),
    step(ours, 'sent'),
    step(ours, 'ready'),
    medianOf(theirs, 'downtime'),
    downtimeRatio?.toFixed(2) ?? '–',
    medianOf(ours, 'total'),
    medianOf(theirs, 'total'),
    totalRatio?.toFixed(2) ?? '–',
  ]);
  const widths = head.map((_, n) => Math.max(...[head, ...rows].map((row) => row[n].length)));
  const lines = [head, ...rows].map((row) => row.map((cell, n) => cell.padStart(widths[n])).join('  '));
  return [lines.join('\n'), qemu ?? 'QEMU is missing: install qemu-system-arm to have its figures beside ours.'].join(
    '\n\n',
  );
}
