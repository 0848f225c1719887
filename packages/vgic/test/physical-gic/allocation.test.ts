import { describe, expect, it } from 'vitest';
import { bytesPerCycle, NOTHING } from './heap-growth.js';
import { type Host, ready } from './host.js';

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
