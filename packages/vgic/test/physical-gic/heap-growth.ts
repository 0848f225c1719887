import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The smallest growth of the used heap over several runs: a path that allocates does so in every run. */

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const CYCLES = 10_000;
const WARM_UP = 200_000;
const RUNS = 15;

export function bytesPerCycle(cycle: (n: number) => void): number {
  for (let n = 0; n < WARM_UP; n++) cycle(n);
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < CYCLES; n++) cycle(n);
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  return least / CYCLES;
}

/** A few bytes for the measuring itself, over all cycles. */
export const NOTHING = 0.5;
