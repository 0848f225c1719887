import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Gic, KvmCompatibility } from '../src/index.js';
import { ARCHITECTURE, Guest, SPURIOUS } from './guest.js';

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
  kvm: KvmCompatibility,
  sabotage: (gic: Gic) => void = () => {},
): void {
  const guest = Guest.ready({ version, listRegisters, interrupts: 64, kvm });
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
    const first = [...pending].sort((a, b) => priority.get(a)! - priority.get(b)! || a - b)[0];
    const best = priority.get(first);
    const iar = guest.acknowledge();
    if (iar === SPURIOUS) throw new Wrong(`${pending.size} are pending, none is signalled`);
    if (priority.get(iar) !== best) throw new Wrong(`took ${iar} of priority ${priority.get(iar)}, not one of ${best}`);
    // which of equal priorities is first, a guest of KVM can't tell
    if (kvm !== '6.12' && iar !== first) throw new Wrong(`took ${iar}, not ${first}, the lowest of its priority`);
    if (!pending.delete(iar)) throw new Wrong(`${iar} is not pending`);
    guest.end(iar);
    if (step < later.length) arrive(FIRST + later[step]);
  }
  if (guest.enter().acknowledge() !== SPURIOUS) throw new Wrong('one too many');
}

describe('order of acknowledges', () => {
  it.each([
    ['is that of the priorities, and of equal ones that of the INTIDs', ARCHITECTURE],
    ['is that of the priorities in KVM 6.12', '6.12'],
  ] as const)('%s, with any number of list registers and whatever comes in between', (_order, kvm) => {
    fc.assert(
      fc.property(scenario, (all) => run(all, kvm)),
      { numRuns: 400 },
    );
  });

  /** While a vCPU enters with more than fits, `hidden` of what is in its list is not seen. */
  const hiding = (gic: Gic, hidden: (list: readonly number[], room: number) => number) => {
    const { irqs } = gic;
    const enter = gic.enter.bind(gic);
    gic.enter = (vcpu) => {
      const { head, next } = irqs.lists;
      const list: number[] = [];
      for (let i = head[vcpu]; i >= 0; i = next[i]) list.push(i);
      const room = gic.cpuInterface(vcpu).listRegisters;
      const i = list.length > room ? hidden(list, room) : -1;
      if (i >= 0) irqs.enabled[i >>> 5] &= ~(1 << (i & 31));
      enter(vcpu);
      if (i >= 0) irqs.enabled[i >>> 5] |= 1 << (i & 31);
    };
  };

  it.each([
    [
      'list registers that KVM 6.12 fills without regard to priority',
      '6.12',
      (gic: Gic) => {
        gic.irqs.lists.sort = () => {};
      },
    ],
    [
      'list registers without the best of those that wait',
      ARCHITECTURE,
      (gic: Gic) => {
        const { priority } = gic.irqs;
        hiding(gic, (list) => list.reduce((best, i) => (priority[i] < priority[best] ? i : best)));
      },
    ],
    [
      'list registers without the lowest INTID of those that wait',
      ARCHITECTURE,
      (gic: Gic) => hiding(gic, (list) => Math.min(...list)),
    ],
    [
      'an order that depends on the list registers',
      ARCHITECTURE,
      (gic: Gic) => {
        const enter = gic.enter.bind(gic);
        gic.enter = (vcpu) => {
          enter(vcpu);
          // among equal priorities the first list register wins, as in KVM 6.12
          gic.cpuInterface(vcpu).endsByPriority = true;
        };
      },
    ],
  ] as const)('the check sees %s', (_what, kvm, sabotage) => {
    const result = fc.check(
      fc.property(scenario, (all) => run(all, kvm, sabotage)),
      { seed: 1, numRuns: 400, endOnFailure: true },
    );
    expect(result.failed).toBe(true);
    expect(result.errorInstance).toBeInstanceOf(Wrong);
  });
});
