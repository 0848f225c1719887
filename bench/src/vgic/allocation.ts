import { BURST, prepareGic, WORKLOADS } from './workloads.js';

/**
 * How much a path allocates, garbage included: the growth of the used heap over cycles between which nothing is collected.
 * What is reported is the smallest of several runs, after warm-up, since the compiler allocates too; a path that allocates
 * does so in every run. It needs a collector to call (`--expose-gc`), and each run is short enough that what it could
 * allocate, a few objects per cycle, fits the young generation without a collection.
 */

const CYCLES = 10_240;
const RUNS = 10;
const WARM_UP = 30 * CYCLES;

export interface AllocationFigure {
  readonly kind: string;
  readonly gic: 2 | 3;
  /** Bytes of heap for a million operations. */
  readonly bytesPerMillion: number;
}

/** Bytes that `run` allocates per million operations; each counts for `weight` cycles. */
export function bytesPerMillion(run: (operations: number) => void, weight = 1): number {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('to measure allocation node must be started with --expose-gc');
  // a number computed between the two looks at the heap would count
  const operations = CYCLES / weight;
  run(WARM_UP / weight);
  let least = Infinity;
  for (let n = 0; n < RUNS; n++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    run(operations);
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  // the measurement itself allocates: what memoryUsage() returns
  collect();
  const before = process.memoryUsage().heapUsed;
  const own = process.memoryUsage().heapUsed - before;
  return Math.max(0, least - own) * (1e6 / operations);
}

/** Every workload, on one vCPU. The negative control is in packages/vgic/test/allocation.test.ts. */
export function measureAllocation(): readonly AllocationFigure[] {
  const figures: AllocationFigure[] = [];
  for (const gic of [3, 2] as const) {
    for (const workload of WORKLOADS) {
      const model = prepareGic(gic, 1);
      workload.prepare?.(model);
      const weight = workload.figure === 'ns_per_burst' ? BURST : 1;
      const bytes = bytesPerMillion((operations) => workload.run(model, operations), weight);
      figures.push({ kind: workload.kind, gic, bytesPerMillion: bytes });
    }
  }
  return figures;
}
