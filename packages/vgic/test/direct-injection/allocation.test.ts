import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type Host, ready } from './host.js';

/** The smallest growth of the used heap over several runs: a path that allocates does so in every run. */

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const CYCLES = 10_000;
const WARM_UP = 200_000;
const RUNS = 15;

function bytesPerCycle(cycle: (n: number) => void): number {
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
const NOTHING = 0.5;

function open(gicv4: 40 | 41): Host {
  const host = ready({ gicv4, onPhysicalLpi: () => {} });
  host.enter(0, 0);
  return host;
}

describe('an MSI', () => {
  it.each([41, 40] as const)(
    'of a resident vPE, with its acknowledgement, allocates nothing (GICv4 version %i)',
    (gicv4) => {
      const { gic } = open(gicv4);
      const bytes = bytesPerCycle((n) => {
        gic.msi(1, n & 3);
        gic.acknowledge(0, gic.best(0));
      });
      expect(bytes).toBeLessThan(NOTHING);
    },
  );

  it('of a vPE that is not resident, with its doorbell, allocates nothing', () => {
    const host = open(40);
    host.exit(0);
    const { gic } = host;
    const bytes = bytesPerCycle((n) => {
      gic.msi(1, n & 3);
      gic.acknowledgePhysical(0, gic.bestPhysical(0));
    });
    expect(bytes).toBeLessThan(NOTHING);
  });

  it('a negative control: a path that allocates one object is noticed', () => {
    const { gic } = open(41);
    const kept: { n: number }[] = [{ n: 0 }];
    const bytes = bytesPerCycle((n) => {
      gic.msi(1, n & 3);
      kept[0] = { n };
    });
    expect(bytes).toBeGreaterThan(NOTHING);
  });
});
