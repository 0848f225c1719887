import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../core/index.js';
import { qemuVersion } from '../core/qemu.js';
import { bootOnOurs, bootOnQemu } from './boot.js';
import { linuxGuest } from './guest.js';

export interface LinuxBenchmarkOptions {
  /** Boots on each side, in turn; the median counts. Default 5. */
  readonly runs?: number;
}

export interface LinuxFigure {
  readonly boot: string;
  /** Seconds of each boot, from the start of the process to the first line of the init program. */
  readonly oursSeconds: readonly number[];
  readonly qemuSeconds: readonly number[];
  readonly oursMedian: number;
  readonly qemuMedian?: number;
  /** Our time by QEMU's, medians: below 1 is faster. */
  readonly ratio?: number;
}

export interface LinuxBenchmark {
  readonly node: string;
  /** Undefined when QEMU is missing: then there is nothing beside our figures. */
  readonly qemu?: string;
  /** None when the kernel is missing. */
  readonly figures: readonly LinuxFigure[];
  /** The same for a person to read. */
  readonly table: string;
}

const QUIET = 'console=ttyAMA0 nokaslr quiet';

const BOOTS = [
  { boot: '1 vCPU', vcpus: 1, append: `${QUIET} cryptomgr.notests` },
  { boot: '4 vCPUs', vcpus: 4, append: `${QUIET} cryptomgr.notests` },
  { boot: '1 vCPU, with the self-tests of the crypto', vcpus: 1, append: QUIET },
] as const;

/** How long Debian's arm64 kernel takes to user space in `vgic run`, beside QEMU's TCG in the same run. */
export async function benchLinux(options: LinuxBenchmarkOptions = {}): Promise<LinuxBenchmark> {
  const { runs = 5 } = options;
  const guest = await linuxGuest();
  const node = process.version;
  if (guest.linuxMissing() !== '') {
    return { node, figures: [], table: "Debian's arm64 kernel is missing: node scripts/linux-guest.mjs" };
  }
  const qemu = qemuVersion();
  const figures: LinuxFigure[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'vgic-bench-'));
  try {
    const initrd = join(folder, 'initrd');
    writeFileSync(initrd, guest.initInitrd());
    for (const { boot, vcpus, append } of BOOTS) {
      const what = { kernel: guest.kernelFile, initrd, vcpus, append: `${append} vgic.test=boot:${vcpus},off` };
      const oursSeconds: number[] = [];
      const qemuSeconds: number[] = [];
      for (let run = 0; run < runs; run++) {
        oursSeconds.push(await bootOnOurs(what));
        if (qemu) qemuSeconds.push(await bootOnQemu(what));
      }
      const oursMedian = median(oursSeconds);
      const base = { boot, oursSeconds, qemuSeconds, oursMedian };
      const qemuMedian = median(qemuSeconds);
      figures.push(qemu ? { ...base, qemuMedian, ratio: oursMedian / qemuMedian } : base);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { node, ...(qemu !== undefined && { qemu }), figures, table: table(figures, qemu) };
}

function table(figures: readonly LinuxFigure[], qemu: string | undefined): string {
  const rows = figures.map(({ boot, oursMedian, qemuMedian, ratio }) => [
    boot,
    oursMedian.toFixed(2),
    qemuMedian?.toFixed(2) ?? '–',
    ratio?.toFixed(2) ?? '–',
  ]);
  const all = [['boot to user space', 'ours, s', 'QEMU TCG, s', 'ours / QEMU'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const text = all.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
  const note = qemu ?? 'QEMU is missing, so there is nothing beside our figures: apt-get install qemu-system-arm';
  return [...text, note].join('\n');
}
