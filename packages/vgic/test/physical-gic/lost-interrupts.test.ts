import { expect, it } from 'vitest';
import { restoreGic, saveGic } from '../../src/index.js';
import { FIRST_LPI, PassedThrough } from '../forwarding/passed-through.js';

/** Short ways in which an interrupt could be lost; the property of each-msi-taken.test.ts has found them. */

/** vCPU 0 waits, with nothing to take. */
function waiting(gicv4: 40 | 41): PassedThrough {
  const machine = PassedThrough.ready({ gicv4 });
  machine.gic.enter(0);
  machine.gic.wait(0);
  return machine;
}

it('a vCPU that waits is woken by a forwarded LPI that comes after a save', () => {
  const machine = waiting(41);
  machine.forward(0);
  saveGic(machine.gic);
  expect(machine.gic.hasPending(0)).toBe(false);
  machine.msi(0);
  expect(machine.gic.hasPending(0)).toBe(true);
});

it.each([41, 40] as const)(
  'a vCPU that was saved while it waited is woken by a forwarded LPI after the restore (GICv4 version %i)',
  (gicv4) => {
    const machine = waiting(gicv4);
    const saved = saveGic(machine.gic);
    const bytes = machine.its.memory.bytes.slice();
    const twin = new PassedThrough({ gicv4 }, { guest: machine.its, bytes });
    restoreGic(twin.gic, saved);
    twin.gic.wait(0);
    twin.forward(0);
    expect(twin.gic.hasPending(0)).toBe(false);
    twin.msi(0);
    expect(twin.gic.hasPending(0)).toBe(true);
    expect(twin.taken()).toEqual([FIRST_LPI]);
  },
);

it('an LPI that was forwarded while it waited in the list of a sleeping vCPU leaves that list', () => {
  const machine = waiting(41);
  machine.msi(0);
  machine.its.mapCollection(0, 1);
  machine.forward(0);
  machine.unforward(0);
  expect(machine.taken(1)).toEqual([FIRST_LPI]);
});

it('with GICv4.0 a vCPU that waits is woken by a pending vLPI when the guest enables it', () => {
  const machine = PassedThrough.ready({ gicv4: 40 });
  machine.its.configure(FIRST_LPI, 0xa0);
  machine.event('INV', 0);
  machine.msi(0);
  machine.forward(0);
  machine.gic.enter(0);
  machine.gic.wait(0);
  expect(machine.gic.hasPending(0)).toBe(false);
  machine.its.configure(FIRST_LPI, 0xa1);
  machine.event('INV', 0);
  expect(machine.gic.hasPending(0)).toBe(true);
  expect(machine.taken()).toEqual([FIRST_LPI]);
});
