import { describe, expect, it } from 'vitest';
import { doorbellOf, ready, VPEND } from './host.js';

/** Residency, PendingLast and doorbells. IHI 0069, 12.12 (GICR_VPENDBASER) and chapter 6. */

describe('GICR_VPENDBASER', () => {
  it('with Valid=1 makes a vPE resident: what was pending is signalled', () => {
    const host = ready();
    host.gic.msi(1, 1);
    host.enter(0, 0);
    expect(host.taken(0)).toEqual([8193]);
  });

  it('reads Dirty as 0, and what was written of Valid, vPEID and the group enables', () => {
    const host = ready();
    host.enter(1, 0, VPEND.group1 | VPEND.dirty | VPEND.pendingLast);
    expect(host.loadGicr(0, 'GICR_VPENDBASER')).toEqual([1, (VPEND.valid | VPEND.group1) >>> 0]);
  });

  it('does not take another vPE while Valid is 1', () => {
    const host = ready();
    host.enter(0, 0);
    host.enter(1, 0);
    expect(host.loadGicr(0, 'GICR_VPENDBASER')[0]).toBe(0);
    expect([host.gic.residentOn(0)?.id, host.gic.vpes.get(1)?.resident]).toEqual([0, -1]);
  });

  it('makes nothing resident while GICR_VPROPBASER has no valid vPE table', () => {
    const host = ready();
    host.storeGicr(0, 'GICR_VPROPBASER', 0, 0);
    host.enter(0, 0);
    expect(host.gic.residentOn(0)).toBeUndefined();
  });

  it('PendingLast is 1 if something enabled is pending when the vPE goes, else 0', () => {
    const host = ready();
    host.enter(0, 0);
    expect(host.exit(0)).toBe(false);
    host.enter(0, 0);
    host.gic.msi(1, 0);
    expect(host.exit(0)).toBe(true);
  });

  it('PendingLast does not count a disabled vLPI, nor one of a group that is not enabled', () => {
    const host = ready();
    host.gic.msi(1, 0);
    host.enter(0, 0, VPEND.group0);
    expect(host.exit(0)).toBe(false);
    host.configureVirtual(8192, 0xa0);
    host.issue('INV', { deviceId: 1, eventId: 0 });
    host.enter(0, 0);
    expect(host.exit(0)).toBe(false);
  });

  it('written with PendingLast=1 when the vPE goes, reads PendingLast as 1 and asks for no doorbell', () => {
    const host = ready();
    host.enter(0, 0);
    expect(host.exit(0, VPEND.pendingLast | VPEND.doorbell)).toBe(true);
    host.gic.msi(1, 0);
    expect(host.told).toEqual([]);
  });

  it('of a second redistributor takes the vPE over', () => {
    const host = ready();
    host.enter(0, 0);
    host.enter(0, 1);
    expect([host.gic.residentOn(0), host.gic.residentOn(1)?.id]).toEqual([undefined, 0]);
    expect(host.exit(0)).toBe(false);
    host.gic.msi(1, 0);
    expect(host.taken(0)).toEqual([8192]);
  });

  it('of a vPE that is mapped afterwards makes it resident then; unmapped, it is resident no more', () => {
    const host = ready();
    host.unmapVpe(0);
    host.enter(0, 0);
    host.mapVpe(0);
    host.gic.msi(1, 0);
    expect(host.taken(0)).toEqual([8192]);
    host.unmapVpe(0);
    expect([host.gic.residentOn(0), host.exit(0)]).toEqual([undefined, false]);
  });
});

describe('the default doorbell of GICv4.1', () => {
  it('rings once for each descheduling with DB=1, at the first enabled interrupt', () => {
    const host = ready();
    host.enter(0, 0);
    host.exit(0);
    for (const event of [0, 1, 2]) host.gic.msi(1, event);
    expect(host.told).toEqual([[0, doorbellOf(0)]]);
    host.enter(0, 0);
    expect([host.taken(0), host.takenPhysical(0)]).toEqual([[8192, 8193, 8194], [doorbellOf(0)]]);
    host.exit(0);
    host.gic.msi(1, 0);
    expect(host.told).toHaveLength(2);
  });

  it('does not ring with DB=0, nor while the vPE is resident, nor if it never was', () => {
    const host = ready();
    host.gic.msi(1, 0);
    host.enter(0, 0);
    host.taken(0);
    host.gic.msi(1, 1);
    host.taken(0);
    host.exit(0, 0);
    host.gic.msi(1, 2);
    expect(host.told).toEqual([]);
  });

  it('does not ring if PendingLast was 1: the hypervisor knows', () => {
    const host = ready();
    host.enter(0, 0);
    host.gic.msi(1, 0);
    expect(host.exit(0)).toBe(true);
    host.gic.msi(1, 1);
    expect(host.told).toEqual([]);
  });

  it('does not ring for a disabled vLPI, until INV enables it', () => {
    const host = ready();
    host.configureVirtual(8192, 0xa0);
    host.issue('INV', { deviceId: 1, eventId: 0 });
    host.enter(0, 0);
    host.exit(0);
    host.gic.msi(1, 0);
    expect(host.told).toEqual([]);
    host.configureVirtual(8192, 0xa1);
    host.issue('INV', { deviceId: 1, eventId: 0 });
    expect(host.told).toEqual([[0, doorbellOf(0)]]);
  });

  it('does not ring if VMAPP gave none (1023)', () => {
    const host = ready();
    host.mapVpe(2, 0, { defaultDoorbell: 1023 });
    host.mapEvent(1, 8, 2, 8300);
    host.enter(2, 0);
    host.exit(0);
    host.gic.msi(1, 8);
    expect(host.told).toEqual([]);
  });

  it('that is disabled stays pending, and is told when GICR_INVLPIR finds it enabled', () => {
    const host = ready();
    host.configure(doorbellOf(0), 0xa0);
    host.storeGicr(0, 'GICR_INVLPIR', doorbellOf(0));
    host.enter(0, 0);
    host.exit(0);
    host.gic.msi(1, 0);
    expect(host.told).toEqual([]);
    host.configure(doorbellOf(0), 0xa1);
    host.storeGicr(0, 'GICR_INVLPIR', doorbellOf(0));
    expect(host.told).toEqual([[0, doorbellOf(0)]]);
  });

  it('rings within the operation: its handler may make the vPE resident and issue commands', () => {
    const host = ready({
      onPhysicalLpi: () => {
        host.enter(0, 0);
        host.issue('INT', { deviceId: 1, eventId: 3 });
      },
    });
    host.enter(0, 0);
    host.exit(0);
    host.issue('INT', { deviceId: 1, eventId: 0 });
    expect(host.taken(0)).toEqual([8192, 8195]);
  });
});

describe('the doorbells of GICv4.0', () => {
  it('ring for each event while the vPE is not resident, enabled or not', () => {
    const host = ready({ gicv4: 40 });
    host.configureVirtual(8193, 0xa0);
    host.enter(0, 0);
    host.gic.msi(1, 0);
    expect(host.told).toEqual([]);
    host.exit(0);
    for (const event of [0, 1]) host.gic.msi(1, event);
    expect(host.told).toEqual([
      [0, 9000],
      [0, 9001],
    ]);
  });

  it('do not ring for an event that has none', () => {
    const host = ready({ gicv4: 40 });
    host.mapEvent(1, 8, 0, 8300);
    host.gic.msi(1, 8);
    expect(host.told).toEqual([]);
  });

  it('PendingLast counts enabled vLPIs', () => {
    const host = ready({ gicv4: 40 });
    host.enter(0, 0);
    expect(host.exit(0)).toBe(false);
    host.gic.msi(1, 0);
    host.enter(0, 0);
    expect(host.exit(0)).toBe(true);
  });
});

describe('what a resident vPE signals', () => {
  it('is the lowest priority value, and of these the lowest INTID', () => {
    const host = ready();
    const priorities = [0xa0, 0x40, 0x40, 0x80];
    for (const [event, priority] of priorities.entries()) {
      host.configureVirtual(8192 + event, priority | 1);
      host.issue('INV', { deviceId: 1, eventId: event });
    }
    host.enter(0, 0);
    for (const event of [0, 3, 2, 1]) host.gic.msi(1, event);
    expect(host.taken(0)).toEqual([8193, 8194, 8195, 8192]);
  });

  it('has the priority bits that the CPUs implement', () => {
    const host = ready({ priorityBits: 4 });
    host.configureVirtual(8192, 0x4d);
    host.configureVirtual(8193, 0x41);
    for (const eventId of [0, 1]) host.issue('INV', { deviceId: 1, eventId });
    host.enter(0, 0);
    for (const event of [1, 0]) host.gic.msi(1, event);
    expect(host.taken(0)).toEqual([8192, 8193]);
  });

  it('is pending once however often it was sent, and no more after the acknowledgement', () => {
    const host = ready();
    host.enter(0, 0);
    for (let n = 0; n < 3; n++) host.gic.msi(1, 0);
    expect(host.taken(0)).toEqual([8192]);
    expect(host.gic.acknowledge(0, 8192)).toBe(false);
    host.gic.msi(1, 0);
    expect(host.taken(0)).toEqual([8192]);
  });

  it('is of a group that both GICR_VPENDBASER and the CPU interface enable', () => {
    const host = ready();
    host.enter(0, 0, VPEND.group1);
    host.gic.msi(1, 0);
    expect([host.gic.best(0, 1), host.gic.best(0, 2)]).toEqual([-1, 8192]);
  });
});
