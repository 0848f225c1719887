import { median } from '../vgic/index.js';
import { KVM_MISSING, KvmVgic } from '../vgic/kvm.js';
import { EVENTS_PER_DEVICE, forwardedMachine, itsMachine, MOST_FORWARDED } from './machine.js';
import { copyNs, WORKLOADS, type Workload } from './workloads.js';

export interface ItsBenchmarkOptions {
  /** Samples on each side, in turn; the median counts. Default 15. */
  readonly samples?: number;
}

export interface ItsFigure {
  readonly name: string;
  readonly events: number;
  /** Nanoseconds per event of each sample, ours, and KVM's where it can have so many. */
  readonly oursNs: readonly number[];
  readonly kvmNs: readonly number[];
  readonly oursMedian: number;
  readonly kvmMedian?: number;
  /** Our time by KVM's, medians: below 1 is faster. */
  readonly ratio?: number;
}

export interface ItsBenchmark {
  readonly node: string;
  readonly kvm: boolean;
  readonly figures: readonly ItsFigure[];
  /** Nanoseconds for 8 bytes of a plain copy of as many bytes as the tables have, by number of events. */
  readonly copyNs: readonly (readonly [events: number, ns: number])[];
  /** The same for a person to read. */
  readonly table: string;
}

/** The last is beyond what 16 bits of INTID, and so KVM, can have. */
export const EVENTS = [1024, 57344, 1 << 20] as const;
const MOST_OF_KVM = 57344;
const FORWARDED_EVENTS = [1024, MOST_FORWARDED] as const;
const WARM_UP_SAMPLES = 3;

async function timeKvm(kvm: KvmVgic, { kind, figure }: Workload, events: number, n: number): Promise<number> {
  const devs = events / EVENTS_PER_DEVICE;
  const answer = await kvm.bench({ kind, n, gic: 3, vcpus: 1, nr_lr: 4, devs, events: EVENTS_PER_DEVICE });
  if (answer.failed || answer.spurious) throw new Error(`${kind}: KVM lost MSIs`);
  return answer[figure];
}

/** Our ITS beside KVM's: the same work on both, in the same run, samples in turn. */
export async function benchIts(options: ItsBenchmarkOptions = {}): Promise<ItsBenchmark> {
  const { samples = 15 } = options;
  const kvm = KvmVgic.start();
  const figures: ItsFigure[] = [];
  const machines = EVENTS.map((events) => itsMachine(events));
  const forwarded = FORWARDED_EVENTS.map(forwardedMachine);
  for (const workload of WORKLOADS) {
    for (const machine of workload.forwarded ? forwarded : machines) {
      const { events } = machine;
      const operations = workload.operations(events);
      const beside = events <= MOST_OF_KVM ? kvm : undefined;
      for (let n = 0; n < WARM_UP_SAMPLES; n++) workload.run(machine, operations);
      const oursNs: number[] = [];
      const kvmNs: number[] = [];
      for (let n = 0; n < (events > MOST_OF_KVM ? Math.ceil(samples / 3) : samples); n++) {
        oursNs.push(workload.run(machine, operations));
        if (beside) kvmNs.push(await timeKvm(beside, workload, events, operations));
      }
      const figure = { name: workload.name, events, oursNs, kvmNs, oursMedian: median(oursNs) };
      if (!beside) figures.push(figure);
      else {
        const kvmMedian = median(kvmNs);
        figures.push({ ...figure, kvmMedian, ratio: figure.oursMedian / kvmMedian });
      }
    }
  }
  kvm?.stop();
  const copies = EVENTS.map((events) => [events, median(Array.from({ length: 15 }, () => copyNs(events)))] as const);
  const measured = { node: process.version, kvm: kvm !== undefined, figures, copyNs: copies };
  return { ...measured, table: table(figures, copies, kvm !== undefined) };
}

function table(figures: readonly ItsFigure[], copies: ItsBenchmark['copyNs'], kvm: boolean): string {
  const rows = [
    ['kind', 'events', 'ours, ns', 'KVM, ns', 'ours / KVM'],
    ...figures.map((f) => [
      f.name,
      String(f.events),
      f.oursMedian.toFixed(2),
      f.kvmMedian?.toFixed(2) ?? '–',
      f.ratio?.toFixed(2) ?? '–',
    ]),
    ...copies.map(([events, ns]) => ['plain copy, 8 bytes each', String(events), ns.toFixed(2), '', '']),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n]))).join('  '),
  );
  return [lines.join('\n'), ...(kvm ? [] : [KVM_MISSING])].join('\n\n');
}
