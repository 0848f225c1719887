import type { Gic } from 'vgic';
import { type AllocationFigure, measureAllocation } from './allocation.js';
import { type CheckpointFigure, measureCheckpoints } from './checkpoint.js';
import { KVM_MISSING, KvmVgic } from './kvm.js';
import { BURST, LIST_REGISTERS, prepareGic, WORKLOADS, type Workload } from './workloads.js';

export interface VgicBenchmarkOptions {
  /** Samples on each side, in turn; the median counts. Default 31. */
  readonly samples?: number;
  /** Multiplies the operations of each sample, 1 for one or two milliseconds. */
  readonly scale?: number;
}

export interface VgicFigure {
  readonly kind: string;
  readonly gic: 2 | 3;
  readonly vcpus: number;
  /** Nanoseconds per operation of each sample, ours and KVM's when it is there. */
  readonly oursNs: readonly number[];
  readonly kvmNs: readonly number[];
  readonly oursMedian: number;
  readonly kvmMedian?: number;
  /** Our time by KVM's, medians: below 1 is faster. */
  readonly ratio?: number;
  /** The same of the fastest sample of each side, which a busy machine disturbs least. */
  readonly bestRatio?: number;
}

export interface VgicBenchmark {
  readonly node: string;
  /** Whether KVM's VGIC was beside ours. */
  readonly kvm: boolean;
  readonly figures: readonly VgicFigure[];
  readonly checkpoints: readonly CheckpointFigure[];
  /** Missing without `--expose-gc`. */
  readonly allocation?: readonly AllocationFigure[];
  /** The same for a person to read. */
  readonly table: string;
}

/** What is measured: every vCPU count that the version can have. */
const MACHINES = [
  { gic: 3, vcpus: 1 },
  { gic: 3, vcpus: 8 },
  { gic: 3, vcpus: 64 },
  { gic: 2, vcpus: 1 },
  { gic: 2, vcpus: 8 },
] as const;

const WARM_UP_SAMPLES = 10;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function timeOurs(gic: Gic, workload: Workload, operations: number): number {
  const begin = process.hrtime.bigint();
  const wrong = workload.run(gic, operations);
  const end = process.hrtime.bigint();
  if (wrong !== 0) throw new Error(`${workload.kind}: ${wrong} of ${operations} operations went wrong`);
  return Number(end - begin) / operations;
}

async function timeKvm(kvm: KvmVgic, workload: Workload, gic: number, vcpus: number, n: number): Promise<number> {
  const answer = await kvm.bench({ kind: workload.kind, n, gic, vcpus, nr_lr: LIST_REGISTERS, k: BURST });
  if (answer.spurious || answer.lost) throw new Error(`${workload.kind}: KVM lost interrupts`);
  return answer[workload.figure];
}

/**
 * Our VGIC beside KVM's: the same operations on both, in the same run, samples in turn, so that a busy machine disturbs
 * both alike.
 */
export async function benchVgic(options: VgicBenchmarkOptions = {}): Promise<VgicBenchmark> {
  const { samples = 31, scale = 1 } = options;
  const kvm = KvmVgic.start();
  const figures: VgicFigure[] = [];
  for (const { gic, vcpus } of MACHINES) {
    for (const workload of WORKLOADS) {
      const model = prepareGic(gic, vcpus);
      workload.prepare?.(model);
      const operations = Math.ceil(workload.operations * scale);
      for (let n = 0; n < WARM_UP_SAMPLES; n++) timeOurs(model, workload, operations);
      const oursNs: number[] = [];
      const kvmNs: number[] = [];
      for (let n = 0; n < samples; n++) {
        oursNs.push(timeOurs(model, workload, operations));
        if (kvm) kvmNs.push(await timeKvm(kvm, workload, gic, vcpus, operations));
      }
      const figure = { kind: workload.kind, gic, vcpus, oursNs, kvmNs, oursMedian: median(oursNs) };
      if (!kvm) figures.push(figure);
      else {
        const kvmMedian = median(kvmNs);
        const bestRatio = Math.min(...oursNs) / Math.min(...kvmNs);
        figures.push({ ...figure, kvmMedian, ratio: figure.oursMedian / kvmMedian, bestRatio });
      }
    }
  }
  kvm?.stop();
  const checkpoints = measureCheckpoints();
  const measured = { node: process.version, kvm: kvm !== undefined, figures, checkpoints };
  if (globalThis.gc === undefined) return { ...measured, table: table(measured) };
  const allocation = measureAllocation();
  return { ...measured, allocation, table: table({ ...measured, allocation }) };
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n]))).join('  ');
  return rows.map(line).join('\n');
}

function table({ figures, kvm, checkpoints, allocation }: Omit<VgicBenchmark, 'table'>): string {
  const times = figures.map((f) => [
    f.kind,
    `v${f.gic}`,
    String(f.vcpus),
    f.oursMedian.toFixed(1),
    f.kvmMedian?.toFixed(1) ?? '–',
    f.ratio?.toFixed(2) ?? '–',
    f.bestRatio?.toFixed(2) ?? '–',
  ]);
  const parts = [columns([['kind', 'GIC', 'vCPUs', 'ours, ns', 'KVM, ns', 'ours / KVM', 'of the best'], ...times])];
  if (!kvm) parts.push(KVM_MISSING);
  const copies = checkpoints.map((f) => {
    const times = [f.takeUs, f.rollbackUs, f.hashUs].map((us) => us.toFixed(1));
    return [`v${f.gic}`, String(f.vcpus), String(f.interrupts), ...times];
  });
  parts.push(columns([['GIC', 'vCPUs', 'INTIDs', 'checkpoint, µs', 'rollback, µs', 'hash, µs'], ...copies]));
  if (allocation) {
    const bytes = allocation.map((f) => [f.kind, `v${f.gic}`, f.bytesPerMillion.toFixed(0)]);
    parts.push(columns([['kind', 'GIC', 'bytes allocated per million'], ...bytes]));
  } else parts.push('Allocation is measured too with: node --expose-gc bench/dist/main.js --only vgic');
  return parts.join('\n\n');
}
