import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Gic } from '../src/index.js';
import { Guest, SPURIOUS } from './guest.js';

/** With more interrupts pending than list registers, each acknowledge after an entry takes the most urgent of all. */

const FIRST = 32;
const COUNT = 24;

interface Scenario {
  version: 2 | 3;
  listRegisters: number;
  /** The interrupts that are pending at first, in this order. */
  start: number[];
  priorities: number[];
  /** The interrupt that comes after the first, second, … acknowledge. */
  later: number[];
}

const one = fc.nat(COUNT - 1);
const scenario: fc.Arbitrary<Scenario> = fc.record({
  version: fc.constantFrom(2 as const, 3 as const),
  listRegisters: fc.constantFrom(1, 2, 3, 4, 16),
  start: fc.uniqueArray(one, { minLength: 6 }),
  priorities: fc.array(
    fc.nat(30).map((p) => p * 8),
    { minLength: COUNT, maxLength: COUNT },
  ),
  later: fc.array(one, { maxLength: 12 }),
});

class Wrong extends Error {}

function run(
  { version, listRegisters, start, priorities, later }: Scenario,
  sabotage: (gic: Gic) => void = () => {},
): void {
  const guest = Guest.ready({ version, listRegisters, interrupts: 64 });
  sabotage(guest.gic);
  const priority = new Map<number, number>();
  const pending = new Set<number>();
  const arrive = (intid: number) => {
    pending.add(intid);
    guest.gic.setLine(intid, true);
  };
  for (let n = 0; n < COUNT; n++) {
    guest.spi(FIRST + n, { edge: true, priority: priorities[n] });
    priority.set(FIRST + n, priorities[n]);
  }
  for (const n of start) arrive(FIRST + n);
  for (let step = 0; pending.size > 0; step++) {
    guest.enter();
    const best = Math.min(...[...pending].map((intid) => priority.get(intid)!));
    const iar = guest.acknowledge();
    if (iar === SPURIOUS) throw new Wrong(`${pending.size} are pending, none is signalled`);
    if (priority.get(iar) !== best) throw new Wrong(`took ${iar} of priority ${priority.get(iar)}, not one of ${best}`);
    if (!pending.delete(iar)) throw new Wrong(`${iar} is not pending`);
    guest.end(iar);
    if (step < later.length) arrive(FIRST + later[step]);
  }
  if (guest.enter().acknowledge() !== SPURIOUS) throw new Wrong('one too many');
}

describe('order of acknowledges', () => {
  it('is that of the priorities, with any number of list registers and whatever comes in between', () => {
    fc.assert(
      fc.property(scenario, (all) => run(all)),
      { numRuns: 400 },
    );
  });

  it('the check sees list registers that are filled without regard to priority', () => {
    const sabotage = (gic: Gic) => {
      gic.irqs.lists.sort = () => {};
    };
    const result = fc.check(
      fc.property(scenario, (all) => run(all, sabotage)),
      { seed: 1, numRuns: 400, endOnFailure: true },
    );
    expect(result.failed).toBe(true);
    expect(result.errorInstance).toBeInstanceOf(Wrong);
  });
});
