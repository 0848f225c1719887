import { describe, expect, it } from 'vitest';
import { census } from '../../src/index.js';
import { PassedThrough } from '../forwarding/passed-through.js';
import { ARCHITECTURE, Guest } from '../guest.js';
import { ItsGuest } from '../its-guest.js';

describe('census', () => {
  it('of an idle GIC counts nothing', () => {
    expect(census(Guest.ready().gic)).toEqual({
      pending: 0,
      active: 0,
      activePending: 0,
      latched: 0,
      lineHigh: 0,
      inListRegisters: 0,
      queued: 0,
    });
  });

  it('counts interrupts by state', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.spi(40);
    guest.spi(41);
    guest.spi(42, { edge: true });
    guest.spi(43, { edge: true });
    guest.gic.setLine(40, true);
    guest.mark('ISPENDR', 41);
    guest.gic.setLine(42, true);
    guest.mark('ISACTIVER', 42);
    guest.mark('ISACTIVER', 43);
    guest.sendSgi(1, [1], 0);
    expect(census(guest.gic)).toMatchObject({ pending: 3, active: 1, activePending: 1, latched: 1, lineHigh: 1 });
  });

  it('counts what is in list registers while a vCPU is in the guest, and what waits for one', () => {
    const guest = Guest.ready({ listRegisters: 2 });
    for (let intid = 40; intid < 45; intid++) {
      guest.spi(intid, { edge: true });
      guest.gic.setLine(intid, true);
    }
    guest.enter();
    expect(census(guest.gic).inListRegisters).toBe(2);
    guest.exit();
    expect(census(guest.gic)).toMatchObject({ pending: 5, inListRegisters: 0, queued: 3 });
  });

  it('counts disabled interrupts that are pending, which nobody waits for', () => {
    const guest = Guest.ready();
    guest.setEdge(40, true);
    guest.gic.setLine(40, true);
    expect(census(guest.gic)).toMatchObject({ pending: 1, queued: 0 });
  });

  it('takes nothing: the census twice is the same, and what it counted is still delivered', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.enter();
    expect(census(guest.gic)).toEqual(census(guest.gic));
    expect(guest.acknowledge()).toBe(40);
  });

  it.each([
    ['pending ones; none is active', ARCHITECTURE, 0],
    ['pending and active ones in KVM 6.12', '6.12', 1],
  ] as const)('counts LPIs: %s', (_what, kvm, active) => {
    const its = ItsGuest.ready({ kvm });
    its.mapDevice(1, 5);
    for (const n of [0, 1]) its.mapEvent(1, n, 8192 + n, 0);
    its.msi(1, 0);
    its.guest.enter();
    expect(its.guest.acknowledge()).toBe(8192);
    its.guest.exit();
    its.msi(1, 1);
    expect(census(its.gic)).toMatchObject({ pending: 1, active, activePending: 0 });
  });

  it.each([40, 41] as const)('counts what is pending with a GICv%i host, where software does not see it', (gicv4) => {
    const machine = PassedThrough.ready({ gicv4 });
    expect(machine.forward(0)).toBe(0);
    expect(census(machine.gic).pending).toBe(0);
    machine.msi(0);
    expect(machine.isLatched(8192)).toBe(false);
    expect(census(machine.gic).pending).toBe(1);
  });
});
