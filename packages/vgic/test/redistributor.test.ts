import { describe, expect, it } from 'vitest';
import { GICR_SIZE } from '../src/architecture/redistributor.js';
import { ALL_ONES, GICR_BASE, Guest, hex, withHex } from './guest.js';

/** IHI 0069, 12.10 and 12.11 "Redistributor register descriptions"; KVM: arm-vgic-v3.rst and its own choices. */

describe('redistributor: identification and control', () => {
  it('there is one of 128 KiB for each vCPU, one behind the other', () => {
    const guest = new Guest({ vcpus: 3 });
    expect(guest.gic.contains(GICR_BASE, 4)).toBe(true);
    expect(guest.gic.contains(GICR_BASE + 3 * GICR_SIZE - 4, 4)).toBe(true);
    expect(guest.gic.contains(GICR_BASE + 3 * GICR_SIZE, 4)).toBe(false);
    expect(guest.gic.contains(GICR_BASE - 4, 4)).toBe(false);
  });

  it.each([
    [0, 0x000, 0],
    [15, 0x00f, 0],
    [16, 0x100, 0],
    [17, 0x101, 1],
  ])('GICR_TYPER of vCPU %i has its number, affinity %i, and Last = %i', (vcpu, affinity, last) => {
    const guest = new Guest({ vcpus: 18 });
    const low = (vcpu << 8) | (last << 4);
    expect(guest.load('GICR_TYPER', 0, vcpu, 8)).toBe(low);
    expect(guest.gic.high).toBe(affinity);
    expect(guest.load('GICR_TYPER', 0, vcpu)).toBe(low);
    expect(guest.load('GICR_TYPER', 4, vcpu)).toBe(affinity);
  });

  it.each(
    withHex(
      [
        ['GICR_CTLR', 0, 0x6, 'CES and IR are one, there are no LPIs to enable'],
        ['GICR_IIDR', 0, 0x4b00043b, 'Arm, product K'],
        ['GICR_SYNCR', 0, 0, 'no invalidation is in progress'],
        ['GICR_IDREGS', 0x18, 0x3b, 'architecture revision 3'],
        ['GICR_IGRPMODR0', 0, 0, 'one security state'],
        ['GICR_NSACR', 0, 0, 'one security state'],
        ['GICR_INVLPIR', 0, 0, 'write-only'],
        ['GICR_INVALLR', 0, 0, 'write-only'],
      ],
      2,
    ),
  )('reads %s, whatever is written: %s + %i', (_hex, name, at, value) => {
    const guest = new Guest();
    expect(guest.load(name, at)).toBe(value);
    guest.store(name, ALL_ONES, at);
    expect(guest.load(name, at)).toBe(value);
  });

  it('GICR_WAKER is each vCPU’s own: ChildrenAsleep follows ProcessorSleep, both are one after reset', () => {
    const guest = new Guest({ vcpus: 2 });
    expect(guest.load('GICR_WAKER')).toBe(6);
    guest.store('GICR_WAKER', 0);
    expect([guest.load('GICR_WAKER', 0, 0), guest.load('GICR_WAKER', 0, 1)]).toEqual([0, 6]);
    guest.store('GICR_WAKER', 4);
    expect(guest.load('GICR_WAKER')).toBe(0);
    guest.store('GICR_WAKER', ALL_ONES);
    expect(guest.load('GICR_WAKER')).toBe(6);
  });

  it('GICR_WAKER reads as zero in KVM 6.12, whatever is written', () => {
    const guest = new Guest({ kvm: '6.12' });
    expect(guest.load('GICR_WAKER')).toBe(0);
    guest.store('GICR_WAKER', ALL_ONES);
    expect(guest.load('GICR_WAKER')).toBe(0);
  });

  it('GICR_WAKER holds nothing back: a guest that never wakes its redistributor gets its interrupts', () => {
    const guest = Guest.ready();
    guest.store('GICR_WAKER', 2);
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    expect([guest.load('GICR_WAKER'), guest.serve()]).toEqual([6, [40]]);
  });

  it('GICR_PROPBASER is one for the virtual machine; GICR_PENDBASER is each vCPU’s, at reset inner shareable, write-back', () => {
    const guest = new Guest({ vcpus: 2 });
    guest.store('GICR_PROPBASER', 0x12340000 | 0x78f, 0, 0, 8, 0x0);
    expect(guest.load('GICR_PROPBASER', 0, 1)).toBe(guest.load('GICR_PROPBASER', 0, 0));
    guest.store('GICR_PENDBASER', 0x56780000 | 0x780, 0, 0, 8, 0x1);
    expect(guest.load('GICR_PENDBASER', 0, 0)).toBe(0x56780780);
    expect(guest.load('GICR_PENDBASER', 4, 0)).toBe(1);
    expect(guest.load('GICR_PENDBASER', 0, 1)).toBe(0x580);
  });

  it.each(
    withHex(
      [
        ['non-shareable and write-back stays', 0x180, 0x180, 0],
        ['inner shareable stays', 0x580, 0x580, 0],
        ['outer shareable becomes inner shareable', 0x980, 0x580, 0],
        ['device memory becomes read-allocate write-back', 0x400, 0x580, 0],
        ['non-cacheable becomes read-allocate write-back', 0x480, 0x580, 0],
        ['write-allocate write-back stays', 0x780, 0x780, 0],
      ] as const,
      1,
    ),
  )('of the memory attributes %s KVM takes what it can offer: %s', (_hex, _what, written, read) => {
    const guest = new Guest();
    for (const name of ['GICR_PROPBASER', 'GICR_PENDBASER']) {
      guest.store(name, written, 0, 0, 8);
      expect(guest.load(name)).toBe(read);
    }
  });

  it.each([
    [0, 0],
    [1, 1],
    [2, 0],
    [7, 0],
  ])('of outer cacheability %i KVM keeps %i: as inner, or non-cacheable', (written, read) => {
    const guest = new Guest();
    for (const name of ['GICR_PROPBASER', 'GICR_PENDBASER']) {
      guest.store(name, 0x580, 0, 0, 8, written << 24);
      guest.load(name, 0, 0, 8);
      expect(guest.gic.high).toBe(read << 24);
    }
  });

  it('reserved bits of GICR_PROPBASER and GICR_PENDBASER read as zero', () => {
    const guest = new Guest();
    for (const [name, low, high] of [
      ['GICR_PROPBASER', 0xffffff9f, 0x000fffff],
      ['GICR_PENDBASER', 0xffff0f80, 0x000fffff],
    ] as const) {
      guest.store(name, ALL_ONES, 0, 0, 8, ALL_ONES);
      expect(hex(guest.load(name, 0, 0, 8)), name).toBe(hex(low));
      expect(hex(guest.gic.high), name).toBe(hex(high));
    }
  });

  it('GICR_PENDBASER.PTZ reads as zero', () => {
    const guest = new Guest();
    guest.store('GICR_PENDBASER', 0, 0, 0, 8, 1 << 30);
    guest.load('GICR_PENDBASER', 0, 0, 8);
    expect(guest.gic.high).toBe(0);
  });

  it('GICR_PROPBASER and GICR_PENDBASER are accessible by halves, which leave each other alone', () => {
    const guest = new Guest();
    for (const name of ['GICR_PROPBASER', 'GICR_PENDBASER']) {
      guest.store(name, 0x780, 0);
      guest.store(name, 0x3, 4);
      guest.store(name, 0xabcd0780, 0);
      expect([guest.load(name, 0), guest.load(name, 4)]).toEqual([0xabcd0780, 3]);
    }
  });

  it.each([
    ['a read of a reserved location', 1 << 0, (guest: Guest) => guest.gic.read(0, GICR_BASE + 0x4000, 4)],
    ['a write to a reserved location', 1 << 1, (guest: Guest) => guest.gic.write(0, GICR_BASE + 0x4000, 4, 1, 0)],
    ['a read of a write-only register', 1 << 2, (guest: Guest) => guest.load('GICR_INVALLR', 0, 0, 8)],
    ['a write to a read-only register', 1 << 3, (guest: Guest) => guest.store('GICR_IIDR', 1)],
  ])('GICR_STATUSR records %s, for this vCPU alone, until one is written', (_what, bit, access) => {
    const guest = new Guest({ vcpus: 2 });
    access(guest);
    expect([guest.load('GICR_STATUSR', 0, 0), guest.load('GICR_STATUSR', 0, 1)]).toEqual([bit, 0]);
    guest.store('GICR_STATUSR', bit);
    expect(guest.load('GICR_STATUSR')).toBe(0);
  });
});

describe('redistributor: SGIs and PPIs', () => {
  it.each(
    withHex(
      [
        ['GICR_IGROUPR0', 0, ALL_ONES],
        ['GICR_ISENABLER0', 0, 0x0000ffff],
        ['GICR_ICENABLER0', 0, 0x0000ffff],
        ['GICR_ISPENDR0', 0, 0],
        ['GICR_ISACTIVER0', 0, 0],
        ['GICR_IPRIORITYR', 28, 0],
        ['GICR_ICFGR', 0, 0xaaaaaaaa],
        ['GICR_ICFGR', 4, 0],
      ],
      2,
    ),
  )('reads %s, KVM’s reset value: %s + %i', (_hex, name, at, value) => {
    expect(new Guest().load(name, at)).toBe(value);
  });

  it.each([
    ['GICR_ISENABLER0', 'GICR_ICENABLER0', 0x0000ffff],
    ['GICR_ISPENDR0', 'GICR_ICPENDR0', 0],
    ['GICR_ISACTIVER0', 'GICR_ICACTIVER0', 0],
  ])('%s sets and %s clears, for this vCPU alone', (set, clear, reset) => {
    const guest = new Guest({ vcpus: 2 });
    guest.store(clear, ALL_ONES, 0, 1);
    guest.store(set, 0x80010001, 0, 1);
    expect([guest.load(set, 0, 1), guest.load(clear, 0, 1)]).toEqual([0x80010001, 0x80010001]);
    guest.store(clear, 0x00010000, 0, 1);
    expect(guest.load(set, 0, 1)).toBe(0x80000001);
    expect(guest.load(set, 0, 0)).toBe(reset);
  });

  it('GICR_ICFGR1 cannot be changed: PPIs are level-sensitive in KVM', () => {
    const guest = new Guest();
    guest.store('GICR_ICFGR', ALL_ONES, 4);
    expect(guest.load('GICR_ICFGR', 4)).toBe(0);
  });

  it('GICR_IPRIORITYR is byte accessible and keeps five bits', () => {
    const guest = new Guest({ vcpus: 2 });
    guest.store('GICR_IPRIORITYR', 0x3f, 27, 1, 1);
    expect(guest.load('GICR_IPRIORITYR', 24, 1)).toBe(0x38000000);
    expect(guest.load('GICR_IPRIORITYR', 24, 0)).toBe(0);
  });

  it('each is the same to every vCPU: it is its own vCPU’s', () => {
    const guest = new Guest({ vcpus: 3 });
    for (let owner = 0; owner < 3; owner++) {
      const address = guest.address('GICR_ISENABLER0', 0, owner);
      guest.gic.write((owner + 1) % 3, address, 4, 1 << (20 + owner), 0);
      const seen = [0, 1, 2].map((vcpu) => guest.gic.read(vcpu, address, 4));
      expect(seen).toEqual(Array(3).fill(0xffff | (1 << (20 + owner))));
    }
  });

  it('one vCPU can make another’s PPI pending', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.enable(27, 1);
    guest.enter(0);
    guest.gic.write(0, guest.address('GICR_ISPENDR0', 0, 1), 4, 1 << 27, 0);
    expect(guest.serve(1)).toEqual([27]);
    expect(guest.serve(0)).toEqual([]);
  });

  it('one vCPU sees and clears another’s active PPI while that is in the guest', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.enable(27, 1);
    guest.gic.setLine(27, true, 1);
    guest.enter(1);
    expect(guest.acknowledge(1)).toBe(27);
    expect(guest.gic.read(0, guest.address('GICR_ISACTIVER0', 0, 1), 4)).toBe(1 << 27);
    guest.gic.write(0, guest.address('GICR_ICACTIVER0', 0, 1), 4, 1 << 27, 0);
    expect(guest.gic.read(0, guest.address('GICR_ISACTIVER0', 0, 1), 4)).toBe(0);
  });

  it('an SGI can be disabled and regrouped as any interrupt', () => {
    const guest = Guest.ready();
    guest.disable(3);
    guest.sendSgi(3, [0]);
    expect(guest.serve()).toEqual([]);
    guest.enable(3);
    expect(guest.serve()).toEqual([3]);
  });
});
