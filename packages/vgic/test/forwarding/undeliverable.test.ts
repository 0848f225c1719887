import { describe, expect, it } from 'vitest';
import { FIRST_LPI, PassedThrough } from './passed-through.js';

/** What a VMM uses whose guest is not to notice that its device's MSIs are forwarded. */

describe.each([40, 41] as const)('on a host with GICv%d', (gicv4) => {
  const forwarded = () => {
    const machine = PassedThrough.ready({ gicv4 });
    for (const event of [0, 1]) expect(machine.forward(event)).toBe(0);
    machine.forwarding.endUndeliverable();
    machine.msi(0);
    return machine;
  };

  it('what can be delivered stays forwarded', () => {
    const machine = forwarded();
    machine.forwarding.endUndeliverable();
    expect(machine.isForwarded(0)).toBe(true);
    expect(machine.isLatched(FIRST_LPI)).toBe(false);
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });

  it('where the ITS is off nothing is forwarded any more, and what was pending still is', () => {
    const machine = forwarded();
    machine.its.store('GITS_CTLR', 0n, 0, 4);
    machine.forwarding.endUndeliverable();
    expect([machine.isForwarded(0), machine.isForwarded(1)]).toEqual([false, false]);
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });

  it('where LPIs are off nothing is forwarded any more, and what was pending is lost as in software', () => {
    const machine = forwarded();
    machine.its.disableLpis(0);
    machine.forwarding.endUndeliverable();
    expect([machine.isForwarded(0), machine.isForwarded(1)]).toEqual([false, false]);
    expect(machine.isLatched(FIRST_LPI)).toBe(false);
    machine.its.enableLpis(0);
    expect(machine.taken()).toEqual([]);
  });

  it('a doorbell is told, and that it has rung is known and can be restored', () => {
    const machine = PassedThrough.ready({ gicv4 });
    const { forwarding, gic } = machine;
    machine.forward(0);
    const rung: number[] = [];
    gic.events.on('doorbell', (vcpu) => rung.push(vcpu));
    gic.enter(0);
    gic.wait(0);
    expect([forwarding.hasRung(0), gic.hasPending(0), rung]).toEqual([false, false, []]);
    machine.msi(0);
    expect([forwarding.hasRung(0), gic.hasPending(0), rung]).toEqual([true, true, [0]]);
    forwarding.setRung(1);
    expect([forwarding.hasRung(1), gic.hasPending(1)]).toEqual([true, true]);
  });

  it('the vCPU of a forwarded MSI is known', () => {
    const machine = forwarded();
    expect([0, 1, 2].map((msi) => machine.forwarding.vcpuOf(msi))).toEqual([0, 0, -1]);
    machine.event('MOVI', 1, { collection: 1 });
    expect(machine.forwarding.vcpuOf(1)).toBe(1);
  });
});
