import { describe, expect, it } from 'vitest';
import { ARCHITECTURE } from './guest.js';
import { ItsGuest, type ItsGuestConfig, RAM_BASE } from './its-guest.js';

/** IHI 0069, 5.1 "LPIs", and 12.11 for GICR_CTLR, GICR_PROPBASER, GICR_PENDBASER, GICR_INVLPIR and GICR_INVALLR. */

/** Two vCPUs; device 1's event n is LPI 8192 + n, on vCPU 0 for n below 16, else on vCPU 1. */
function ready(config: ItsGuestConfig = {}): ItsGuest {
  const guest = ItsGuest.ready({ vcpus: 2, ...config });
  guest.mapDevice(1, 5);
  for (const n of [0, 1, 2, 3, 16, 17]) guest.mapEvent(1, n, 8192 + n, n >> 4);
  return guest;
}

describe('LPIs on a vCPU', () => {
  it('an LPI is acknowledged once for each MSI, or for several that came while it was pending', () => {
    const guest = ready();
    guest.msi(1, 0);
    guest.msi(1, 0);
    expect(guest.taken()).toEqual([8192]);
    guest.msi(1, 0);
    expect(guest.taken()).toEqual([8192]);
  });

  it.each([
    ['is pending beside', ARCHITECTURE],
    ['is active and pending in KVM 6.12', '6.12'],
  ] as const)('an LPI whose MSI comes again before its end %s, and is taken again after it', (_what, kvm) => {
    const guest = ready({ kvm });
    guest.msi(1, 0);
    guest.guest.enter();
    expect(guest.guest.acknowledge()).toBe(8192);
    guest.msi(1, 0);
    guest.guest.enter();
    expect(guest.gic.irqAsserted(0)).toBe(false);
    guest.guest.end(8192);
    guest.guest.exit();
    expect(guest.taken()).toEqual([8192]);
  });

  it('has no active state: with a higher priority meanwhile it is taken again before its end, but not in KVM 6.12', () => {
    for (const kvm of [ARCHITECTURE, '6.12'] as const) {
      const guest = ready({ kvm });
      guest.msi(1, 0);
      guest.guest.enter();
      expect(guest.guest.acknowledge()).toBe(8192);
      guest.configure(8192, 0x41);
      guest.issue('INV', { deviceId: 1, eventId: 0 });
      guest.msi(1, 0);
      guest.guest.enter();
      expect(guest.guest.acknowledge()).toBe(kvm === '6.12' ? 1023 : 8192);
    }
  });

  it('needs no end but the priority drop: after an exit in its handler too the next MSI is taken', () => {
    for (const eoiMode of [false, true]) {
      const guest = ready({ listRegisters: 1 });
      guest.guest.setEoiMode(eoiMode);
      for (let n = 0; n < 3; n++) {
        guest.msi(1, 0);
        guest.guest.enter();
        expect(guest.guest.acknowledge()).toBe(8192);
        guest.guest.exit().enter();
        guest.guest.end(8192);
      }
    }
  });

  it('the configuration’s priority decides: bits 7:2 of the byte', () => {
    const guest = ready();
    guest.configure(8193, 0x81);
    guest.configure(8194, 0x43);
    guest.issue('INVALL', { collection: 0 });
    for (const n of [0, 1, 2]) guest.msi(1, n);
    expect(guest.taken()).toEqual([8194, 8193, 8192]);
    expect(guest.gic.irqs.priority[guest.gic.irqs.lpiIndex(8194)]).toBe(0x40);
  });

  it('LPIs and SPIs are taken by priority together', () => {
    const guest = ready();
    guest.guest.spi(40, { edge: true, priority: 0x90 });
    guest.gic.setLine(40, true);
    guest.configure(8193, 0x81);
    guest.issue('INV', { deviceId: 1, eventId: 1 });
    guest.msi(1, 0);
    guest.msi(1, 1);
    expect(guest.taken()).toEqual([8193, 40, 8192]);
  });

  it('a waiting vCPU is woken by an LPI, and told: kick', () => {
    const guest = ready();
    const kicked: number[] = [];
    guest.gic.events.on('kick', (vcpu) => kicked.push(vcpu));
    guest.msi(1, 16);
    expect([kicked, guest.gic.hasPending(0), guest.gic.hasPending(1)]).toEqual([[1], false, true]);
  });

  it('with 24 bits of INTID LPIs up to 16777215 arrive', () => {
    const guest = ItsGuest.ready({ intidBits: 24, idBits: 1, ram: 64 << 20 });
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 2 ** 24 - 1);
    guest.mapEvent(1, 1, 2 ** 24);
    expect([guest.msi(1, 0), guest.msi(1, 1)]).toEqual([1, 0]);
    expect(guest.taken()).toEqual([2 ** 24 - 1]);
  });
});

describe('the LPI configuration table', () => {
  it('is read when an event is mapped', () => {
    const guest = ItsGuest.ready();
    guest.configure(8192, 0xa0);
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192);
    guest.configure(8192, 0xa1);
    guest.msi(1, 0);
    expect(guest.taken()).toEqual([]);
  });

  it('a disabled LPI keeps its pending state until it is enabled', () => {
    const guest = ready();
    guest.configure(8192, 0xa0);
    guest.issue('INV', { deviceId: 1, eventId: 0 });
    guest.msi(1, 0);
    expect(guest.taken()).toEqual([]);
    guest.configure(8192, 0xa1);
    guest.issue('INV', { deviceId: 1, eventId: 0 });
    expect(guest.taken()).toEqual([8192]);
  });

  it('GICR_INVLPIR reads one LPI’s byte anew, from whichever vCPU', () => {
    const guest = ready();
    guest.configureAll(0xa0);
    guest.guest.store('GICR_INVLPIR', 8192, 0, 1, 8);
    guest.msi(1, 0);
    guest.msi(1, 1);
    expect(guest.taken()).toEqual([8193]);
  });

  it('GICR_INVALLR reads the bytes of this vCPU’s LPIs anew', () => {
    const guest = ready();
    guest.configureAll(0xa0);
    guest.guest.store('GICR_INVALLR', 0, 0, 1, 8);
    for (const n of [0, 16, 17]) guest.msi(1, n);
    expect([guest.taken(0), guest.taken(1)]).toEqual([[8192], []]);
  });

  it.each([
    ['of an LPI that nothing leads to', 'GICR_INVLPIR', 9999],
    ['of an SPI', 'GICR_INVLPIR', 40],
    ['of INTID 0', 'GICR_INVLPIR', 0],
  ] as const)('an invalidation %s does nothing', (_what, name, intid) => {
    const guest = ready();
    guest.configureAll(0xa0);
    guest.guest.store(name, intid, 0, 0, 8);
    guest.msi(1, 0);
    expect(guest.taken()).toEqual([8192]);
  });

  it('while LPIs are disabled the redistributor invalidates nothing', () => {
    const guest = ready();
    guest.disableLpis(0);
    guest.configureAll(0xa0);
    guest.guest.store('GICR_INVALLR', 0, 0, 0, 8);
    guest.guest.store('GICR_INVLPIR', 8192, 0, 0, 8);
    guest.enableLpis(0);
    guest.msi(1, 0);
    expect(guest.taken()).toEqual([8192]);
  });

  it('outside RAM no event can be mapped, and INV changes nothing', () => {
    const guest = ready();
    for (const vcpu of [0, 1]) guest.disableLpis(vcpu);
    guest.guest.store('GICR_PROPBASER', 0x10000000 | 15, 0, 0, 8);
    guest.guest.store('GICR_CTLR', 1, 0, 0);
    guest.mapEvent(1, 9, 8201);
    guest.issue('INV', { deviceId: 1, eventId: 0 });
    expect([guest.msi(1, 9), guest.msi(1, 0)]).toEqual([0, 1]);
    expect(guest.gic.irqs.lpiIndex(8201)).toBe(-1);
    expect(guest.taken()).toEqual([8192]);
  });
});

describe('GICR_CTLR.EnableLPIs', () => {
  it('is there with an ITS only', () => {
    const without = new ItsGuest({ itsCount: 0 });
    without.guest.store('GICR_CTLR', 1);
    expect(without.guest.load('GICR_CTLR') & 1).toBe(0);
    const guest = new ItsGuest();
    guest.guest.store('GICR_CTLR', 1);
    expect(guest.guest.load('GICR_CTLR') & 1).toBe(1);
  });

  it('is each vCPU’s own', () => {
    const guest = ready();
    guest.disableLpis(0);
    expect([guest.guest.load('GICR_CTLR', 0, 0) & 1, guest.guest.load('GICR_CTLR', 0, 1) & 1]).toEqual([0, 1]);
    expect([guest.msi(1, 0), guest.msi(1, 16)]).toEqual([-16, 1]);
  });

  it('GICR_PENDBASER of a vCPU with LPIs enabled can’t be written; GICR_PROPBASER not by it, but by another one', () => {
    const guest = ready();
    guest.disableLpis(1);
    guest.guest.store('GICR_PENDBASER', 0x12340000, 0, 0, 8);
    guest.guest.store('GICR_PROPBASER', 0x12340000, 0, 0, 8);
    expect(guest.guest.load('GICR_PENDBASER') & 0xffff0000).toBe(guest.pending[0]);
    expect(guest.guest.load('GICR_PROPBASER') & 0xfffff000).toBe(guest.properties);
    guest.guest.store('GICR_PROPBASER', 0x12340000 | 15, 0, 1, 8);
    expect(guest.guest.load('GICR_PROPBASER') & 0xfffff000).toBe(0x12340000);
  });

  it('off, drops what is pending and enabled on that vCPU', () => {
    const guest = ready();
    guest.msi(1, 0);
    guest.msi(1, 16);
    guest.disableLpis(0);
    guest.enableLpis(0);
    expect([guest.taken(0), guest.taken(1)]).toEqual([[], [8208]]);
  });

  it.each([
    ['to which the last off has written it, out of it', ARCHITECTURE, [8192, 8193], 0],
    ['to which KVM 6.12 writes none, and leaves it there', '6.12', [8192], 1],
  ] as const)('on, takes the pending state from the table, %s', (_what, kvm, taken, left) => {
    const guest = ready({ kvm });
    guest.configure(8193, 0xa0);
    guest.issue('INV', { deviceId: 1, eventId: 1 });
    guest.msi(1, 1);
    guest.disableLpis(0);
    guest.setPendingBit(8192);
    guest.setPendingBit(8208);
    guest.enableLpis(0, false);
    guest.configure(8193, 0xa1);
    guest.issue('INV', { deviceId: 1, eventId: 1 });
    expect([guest.taken(0), guest.taken(1)]).toEqual([taken, []]);
    expect(guest.pendingBit(8192)).toBe(left);
  });

  it('on, makes no more pending what was before it went off: clear bits', () => {
    const guest = ready();
    guest.msi(1, 0);
    guest.disableLpis(0);
    expect(guest.pendingBit(8192)).toBe(1);
    guest.memory.store8(guest.pending[0] + (8192 >>> 3), 0);
    guest.enableLpis(0, false);
    expect(guest.taken()).toEqual([]);
  });

  it.each([
    ['does not come again out of an old bit of the table', ARCHITECTURE, []],
    ['comes again out of an old bit of the table in KVM 6.12', '6.12', [8192]],
  ] as const)('off and on, what was taken already %s', (_what, kvm, again) => {
    const guest = ready({ kvm });
    guest.disableLpis(0);
    guest.setPendingBit(8192);
    guest.enableLpis(0, false);
    expect(guest.taken()).toEqual([8192]);
    guest.disableLpis(0);
    guest.enableLpis(0, false);
    expect(guest.taken()).toEqual(again);
  });

  it('off, takes an LPI out of a list register and keeps it in the table', () => {
    const guest = ready();
    guest.msi(1, 0);
    guest.guest.enter(0);
    guest.guest.store('GICR_CTLR', 0, 0, 1);
    expect(guest.guest.acknowledge(0)).toBe(8192);
    guest.guest.end(8192);
    guest.msi(1, 0);
    guest.guest.enter(0);
    // by another vCPU
    guest.gic.write(1, guest.guest.address('GICR_CTLR', 0, 0), 4, 0, 0);
    expect([guest.guest.acknowledge(0), guest.pendingBit(8192)]).toEqual([1023, 1]);
    guest.enableLpis(0, false);
    expect(guest.taken()).toEqual([8192]);
  });

  it('on with GICR_PENDBASER.PTZ, does not look at the table', () => {
    const guest = ready();
    guest.disableLpis(0);
    guest.setPendingBit(8192);
    guest.enableLpis(0, true);
    expect(guest.taken()).toEqual([]);
  });

  it('on with a pending table outside RAM, has nothing pending', () => {
    const guest = ready();
    guest.disableLpis(0);
    guest.guest.store('GICR_PENDBASER', 0x10000000, 0, 0, 8);
    guest.guest.store('GICR_CTLR', 1);
    expect([guest.guest.load('GICR_CTLR') & 1, guest.taken()]).toEqual([1, []]);
    expect(guest.msi(1, 0)).toBe(1);
  });
});

describe('the LPI pending table', () => {
  it('an event that is mapped takes its LPI’s bit out of its vCPU’s table', () => {
    const guest = ItsGuest.ready({ vcpus: 2 });
    guest.setPendingBit(8200, 1);
    guest.setPendingBit(8201, 1);
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8200, 1);
    expect([guest.pendingBit(8200, 1), guest.pendingBit(8201, 1)]).toEqual([0, 1]);
    expect(guest.taken(1)).toEqual([8200]);
  });

  it('is not looked at again when a second event leads to an LPI', () => {
    const guest = ready();
    guest.setPendingBit(8192);
    guest.mapEvent(1, 7, 8192);
    expect([guest.pendingBit(8192), guest.taken()]).toEqual([1, []]);
  });

  it('an event whose LPI’s pending table is outside RAM can’t be mapped', () => {
    const guest = ItsGuest.ready({ vcpus: 2 });
    guest.disableLpis(1);
    guest.guest.store('GICR_PENDBASER', 0x10000000, 0, 1, 8, 1 << 30);
    guest.guest.store('GICR_CTLR', 1, 0, 1);
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8200, 1);
    guest.mapEvent(1, 1, 8201, 0);
    expect([guest.msi(1, 0), guest.msi(1, 1), guest.gic.irqs.lpiIndex(8200)]).toEqual([0, 1, -1]);
  });

  it('KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES writes a bit for each LPI: set if pending, disabled LPIs too, clear if not', () => {
    const guest = ready();
    guest.configure(8193, 0xa0);
    guest.issue('INV', { deviceId: 1, eventId: 1 });
    for (const n of [0, 1, 17]) guest.msi(1, n);
    guest.setPendingBit(8194);
    guest.setPendingBit(9000);
    expect(guest.gic.lpis.savePending()).toBe(true);
    const bits = (vcpu: number) =>
      Array.from({ length: 1024 }, (_, n) => 8192 + n).filter((intid) => guest.pendingBit(intid, vcpu) === 1);
    expect([bits(0), bits(1)]).toEqual([[8192, 8193, 9000], [8209]]);
  });

  it('saving changes nothing: what is pending is taken afterwards', () => {
    const guest = ready();
    for (const n of [0, 1, 17]) guest.msi(1, n);
    guest.gic.lpis.savePending();
    guest.gic.lpis.savePending();
    expect([guest.taken(0), guest.taken(1)]).toEqual([[8192, 8193], [8209]]);
  });

  it('saving reports each page that it changes', () => {
    const guest = ready();
    const pages: number[] = [];
    guest.memory.onDirty = (page) => pages.push(page);
    guest.gic.lpis.savePending();
    expect(pages).toEqual([]);
    guest.msi(1, 0);
    guest.msi(1, 17);
    guest.gic.lpis.savePending();
    expect(pages).toEqual([guest.pending[0], guest.pending[1]]);
  });

  it('outside RAM it can’t be saved', () => {
    const guest = ready();
    guest.disableLpis(0);
    guest.guest.store('GICR_PENDBASER', RAM_BASE + guest.memory.size, 0, 0, 8);
    guest.guest.store('GICR_CTLR', 1);
    guest.msi(1, 0);
    expect(guest.gic.lpis.savePending()).toBe(false);
  });
});
