import { describe, expect, it } from 'vitest';
import { doorbellOf, Host, ready, VPEND } from './host.js';

/** IHI 0069, 5.3 "The ITS commands": those of GICv4 and GICv4.1. What is in error is skipped. */

describe('VMAPTI and VMAPI', () => {
  it('make an event a vLPI, which a resident vPE takes without a physical LPI', () => {
    const host = ready();
    host.enter(0, 0);
    expect(host.gic.msi(1, 2)).toBe('vlpi');
    expect([host.taken(0), host.takenPhysical(0), host.told]).toEqual([[8194], [], []]);
  });

  it('VMAPI has the EventID for vINTID', () => {
    const host = new Host();
    host.mapDevice(1, 14);
    host.mapVpe(0);
    host.issue('VMAPI', { deviceId: 1, eventId: 8200, vpe: 0, doorbell: 1023 });
    host.enter(0, 0);
    host.gic.msi(1, 8200);
    expect(host.taken(0)).toEqual([8200]);
  });

  it.each([
    ['an event that is mapped already', { eventId: 0, vpe: 1, virtualIntid: 8300 }],
    ['an event beyond the device', { eventId: 32, vpe: 0, virtualIntid: 8300 }],
    ['a device that is not mapped', { deviceId: 2, eventId: 8, vpe: 0, virtualIntid: 8300 }],
    ['a vINTID below 8192', { eventId: 8, vpe: 0, virtualIntid: 8191 }],
    ['a vINTID beyond the virtual pending table', { eventId: 8, vpe: 0, virtualIntid: 65536 }],
    ['a vPEID beyond the vPE table', { eventId: 8, vpe: 2048, virtualIntid: 8300 }],
  ])('of %s is skipped', (_what, fields) => {
    const host = ready();
    host.issue('VMAPTI', { deviceId: 1, doorbell: 1023, ...fields });
    for (const vpe of [0, 1]) host.enter(vpe, vpe);
    host.gic.msi(1, 0);
    host.gic.msi(1, fields.eventId);
    host.gic.msi(2, fields.eventId);
    expect([host.taken(0), host.taken(1)]).toEqual([[8192], []]);
  });

  it('read the configuration of the vLPI anew', () => {
    const host = ready();
    host.configureVirtual(8300, 0xa0);
    host.mapEvent(1, 8, 0, 8300);
    host.enter(0, 0);
    host.gic.msi(1, 8);
    expect(host.taken(0)).toEqual([]);
  });
});

describe('a physical event', () => {
  it('beside vLPIs becomes an LPI of its collection', () => {
    const host = ready();
    host.issue('MAPTI', { deviceId: 1, eventId: 9, intid: 9500, collection: 1 });
    expect(host.gic.msi(1, 9)).toBe('lpi');
    expect([host.takenPhysical(0), host.takenPhysical(1)]).toEqual([[], [9500]]);
  });

  it('moves with its pending bit at MOVI and at MOVALL, and loses it at CLEAR and DISCARD', () => {
    const host = ready();
    host.issue('MAPTI', { deviceId: 1, eventId: 9, intid: 9500, collection: 0 });
    host.gic.msi(1, 9);
    host.issue('MOVI', { deviceId: 1, eventId: 9, collection: 1 });
    expect(host.takenPhysical(0)).toEqual([]);
    host.issue('MOVALL', { target: 1, target2: 0 });
    expect([host.takenPhysical(1), host.takenPhysical(0)]).toEqual([[], [9500]]);
    host.issue('INT', { deviceId: 1, eventId: 9 });
    host.issue('CLEAR', { deviceId: 1, eventId: 9 });
    host.gic.msi(1, 9);
    host.issue('DISCARD', { deviceId: 1, eventId: 9 });
    expect([host.takenPhysical(0), host.takenPhysical(1)]).toEqual([[], []]);
    expect(host.gic.msi(1, 9)).toBe('unmapped');
  });

  it('is not touched by VMOVI, nor a vLPI by MOVI', () => {
    const host = ready();
    host.issue('MAPTI', { deviceId: 1, eventId: 9, intid: 9500, collection: 0 });
    host.issue('VMOVI', { deviceId: 1, eventId: 9, vpe: 1 });
    host.issue('MOVI', { deviceId: 1, eventId: 0, collection: 1 });
    expect([host.gic.msi(1, 9), host.gic.msi(1, 0)]).toEqual(['lpi', 'vlpi']);
  });
});

describe('INT, CLEAR, DISCARD and INV of a vLPI', () => {
  it('INT makes it pending, CLEAR makes it not pending', () => {
    const host = ready();
    host.enter(0, 0);
    for (const eventId of [0, 1]) host.issue('INT', { deviceId: 1, eventId });
    host.issue('CLEAR', { deviceId: 1, eventId: 0 });
    expect(host.taken(0)).toEqual([8193]);
  });

  it('DISCARD drops the translation and what is pending', () => {
    const host = ready();
    host.gic.msi(1, 0);
    host.issue('DISCARD', { deviceId: 1, eventId: 0 });
    host.enter(0, 0);
    expect([host.taken(0), host.gic.msi(1, 0)]).toEqual([[], 'unmapped']);
  });

  it('INV reads its configuration anew, which nothing else does', () => {
    const host = ready();
    host.enter(0, 0);
    host.configureVirtual(8192, 0xa0);
    host.gic.msi(1, 0);
    expect(host.taken(0)).toEqual([8192]);
    host.issue('INV', { deviceId: 1, eventId: 0 });
    host.gic.msi(1, 0);
    expect(host.taken(0)).toEqual([]);
    host.configureVirtual(8192, 0xa1);
    host.issue('INV', { deviceId: 1, eventId: 0 });
    expect(host.taken(0)).toEqual([8192]);
  });
});

describe('VINVALL', () => {
  it('reads the configuration of the vLPIs of one vPE anew, and not of another', () => {
    const host = ready();
    host.mapEvent(1, 8, 1, 8300);
    for (const intid of [8192, 8300]) host.configureVirtual(intid, 0xa0);
    host.issue('VINVALL', { vpe: 0 });
    for (const vpe of [0, 1]) host.enter(vpe, vpe);
    for (const event of [0, 8]) host.gic.msi(1, event);
    expect([host.taken(0), host.taken(1)]).toEqual([[], [8300]]);
  });
});

describe('VMOVI', () => {
  it('takes the pending bit to the new vPE, and later MSIs too', () => {
    const host = ready();
    host.gic.msi(1, 0);
    host.issue('VMOVI', { deviceId: 1, eventId: 0, vpe: 1 });
    for (const vpe of [0, 1]) host.enter(vpe, vpe);
    expect([host.taken(0), host.taken(1)]).toEqual([[], [8192]]);
    host.gic.msi(1, 0);
    expect([host.taken(0), host.taken(1)]).toEqual([[], [8192]]);
  });

  it('to a vPE that is not mapped is skipped', () => {
    const host = ready();
    host.issue('VMOVI', { deviceId: 1, eventId: 0, vpe: 5 });
    expect(host.gic.msi(1, 0)).toBe('vlpi');
  });
});

describe('VMAPP', () => {
  it('with V=0 leaves the pending table complete in memory, with V=1 and PTZ=0 takes it over', () => {
    const host = ready();
    host.gic.msi(1, 3);
    expect(host.inMemory(0, 8195)).toBe(false);
    host.unmapVpe(0);
    expect(host.inMemory(0, 8195)).toBe(true);
    expect(host.gic.msi(1, 3)).toBe('lost');
    host.memory.store8(host.vpt(0) + 8240 / 8, 0x01);
    host.mapVpe(0);
    host.enter(0, 0);
    expect(host.taken(0)).toEqual([8195, 8240]);
  });

  it('with PTZ=1 takes the pending table for zeros', () => {
    const host = ready();
    host.gic.msi(1, 3);
    host.unmapVpe(0);
    host.mapVpe(0, 0, { pendingZero: 1 });
    host.enter(0, 0);
    expect(host.taken(0)).toEqual([]);
  });

  it.each([
    ['a redistributor that does not exist', { target: 2 }],
    ['a vPEID beyond the vPE table', { vpe: 2048 }],
    ['a pending table outside RAM', { pendingAddress: 1 }],
    ['a configuration table outside RAM', { configurationAddress: 1 }],
    ['fewer vINTID bits than vLPIs need', { virtualSize: 12 }],
    ['more vINTID bits than there are', { virtualSize: 16 }],
    ['a default doorbell that is no LPI', { defaultDoorbell: 1024 }],
  ])('of %s is skipped', (_what, fields) => {
    const host = ready();
    host.mapVpe(7, 0, fields);
    expect([...host.gic.vpes.keys()]).toEqual([0, 1]);
    host.mapVpe(7, 0);
    expect([...host.gic.vpes.keys()]).toEqual([0, 1, 7]);
  });

  it('of a vPE that is mapped is skipped: nothing pending is lost', () => {
    const host = ready();
    host.gic.msi(1, 0);
    host.mapVpe(0, 1, { pendingZero: 1 });
    host.enter(0, 0);
    expect(host.taken(0)).toEqual([8192]);
    expect(host.gic.vpes.get(0)?.target).toBe(0);
  });

  it('with 14 bits has room for vINTIDs below 16384', () => {
    const host = new Host();
    host.mapDevice(1);
    host.mapVpe(0, 0, { virtualSize: 13 });
    host.mapEvent(1, 0, 0, 16383);
    host.mapEvent(1, 1, 0, 16384);
    expect([host.gic.msi(1, 0), host.gic.msi(1, 1)]).toEqual(['vlpi', 'unmapped']);
  });

  it('without a valid vPE table is skipped', () => {
    const host = new Host();
    host.storeGits('GITS_CTLR', 0);
    host.storeGits('GITS_BASER', 0, 0, 16);
    host.storeGits('GITS_CTLR', 1);
    host.mapVpe(0);
    expect(host.gic.vpes.size).toBe(0);
  });

  it('lets the configuration tables go that no vPE has any more', () => {
    const host = ready();
    const before = host.gic.configurations.size;
    for (const vpe of [0, 1]) host.unmapVpe(vpe);
    expect([before, host.gic.configurations.size]).toEqual([2, 1]);
  });
});

describe('VMOVP', () => {
  it('sends the default doorbell to the new redistributor from then on', () => {
    const host = ready();
    host.enter(0, 0);
    host.exit(0);
    host.issue('VMOVP', { vpe: 0, target: 1, moveDoorbell: 1, movedDoorbell: doorbellOf(0) });
    host.gic.msi(1, 0);
    expect([host.takenPhysical(0), host.takenPhysical(1)]).toEqual([[], [doorbellOf(0)]]);
  });

  it('with DB=1 takes a pending default doorbell along', () => {
    const host = ready();
    host.enter(0, 0);
    host.exit(0);
    host.gic.msi(1, 0);
    host.issue('VMOVP', { vpe: 0, target: 1, moveDoorbell: 1, movedDoorbell: doorbellOf(0) });
    expect([host.takenPhysical(0), host.takenPhysical(1)]).toEqual([[], [doorbellOf(0)]]);
  });

  it('keeps what is pending, for the vPE at its new CPU', () => {
    const host = ready();
    host.gic.msi(1, 0);
    host.issue('VMOVP', { vpe: 0, target: 1 });
    host.enter(0, 1);
    expect(host.taken(0)).toEqual([8192]);
  });

  it('to a redistributor that does not exist, or of a vPE that is not mapped, is skipped', () => {
    const host = ready();
    host.issue('VMOVP', { vpe: 0, target: 2 });
    host.issue('VMOVP', { vpe: 9, target: 0 });
    expect(host.gic.vpes.get(0)?.target).toBe(0);
  });
});

describe('VSYNC, and opcodes that are no commands', () => {
  it('change nothing, and the queue goes on', () => {
    const host = ready();
    host.issue('VSYNC', { vpe: 0 });
    for (const opcode of [0, 2, 0x20, 0x24, 0x28, 0xff]) host.issueWords(new Uint32Array(8).fill(opcode));
    expect(host.loadGits('GITS_CREADR')).toEqual(host.loadGits('GITS_CWRITER'));
    expect(host.gic.msi(1, 0)).toBe('vlpi');
  });
});

describe('INVDB', () => {
  it('reads the configuration of the default doorbell anew, which then rings', () => {
    const host = ready();
    host.configure(doorbellOf(0), 0xa0);
    host.issue('INVDB', { vpe: 0 });
    host.enter(0, 0);
    host.exit(0);
    host.gic.msi(1, 0);
    expect(host.told).toEqual([]);
    host.configure(doorbellOf(0), 0xa1);
    host.issue('INVDB', { vpe: 0 });
    expect(host.told).toEqual([[0, doorbellOf(0)]]);
  });
});

describe('GICv4.0', () => {
  it('has no VSGI and no INVDB: they are skipped', () => {
    const host = ready({ gicv4: 40 });
    host.issue('VSGI', { vpe: 0, sgiIntid: 3, sgiEnable: 1 });
    host.issue('INVDB', { vpe: 0 });
    host.enter(0, 0);
    host.storeGits('GITS_SGIR', 3, 0);
    expect(host.taken(0)).toEqual([]);
  });

  it('takes the configuration table from GICR_VPROPBASER at residency', () => {
    const host = ready({ gicv4: 40 });
    host.configureVirtual(8193, 0xa0);
    host.enter(0, 0);
    for (const event of [0, 1]) host.gic.msi(1, event);
    expect(host.taken(0)).toEqual([8192]);
  });

  it('VMOVI with D=1 changes the doorbell, with D=0 keeps it', () => {
    const host = ready({ gicv4: 40 });
    host.issue('VMOVI', { deviceId: 1, eventId: 0, vpe: 0, doorbellValid: 1, doorbell: 9100 });
    host.issue('VMOVI', { deviceId: 1, eventId: 1, vpe: 0, doorbell: 9101 });
    for (const event of [0, 1]) host.gic.msi(1, event);
    expect(host.told).toEqual([
      [0, 9100],
      [0, 9001],
    ]);
  });
});

it('a negative control: a vPE that is not resident takes nothing', () => {
  const host = ready();
  host.gic.msi(1, 0);
  expect(host.taken(0)).toEqual([]);
  host.enter(0, 0, VPEND.group0);
  expect(host.taken(0)).toEqual([]);
});
