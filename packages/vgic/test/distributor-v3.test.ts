import { describe, expect, it } from 'vitest';
import { GICD_V3_REGISTERS } from '../src/architecture/distributor-v3.js';
import { ALL_ONES, ARCHITECTURE, GICD_BASE, Guest, SPURIOUS } from './guest.js';

/** IHI 0069, 12.9 "Distributor register descriptions"; KVM: arm-vgic-v3.rst and its own choices. */

const ARRAYS = GICD_V3_REGISTERS.filter((row) => row.bitsPerInterrupt !== 0);
const bytesOf = (bits: number, intids: number) => (bits * intids) / 8;

describe('GICv3 distributor: identification and control', () => {
  it.each([
    [64, 1],
    [96, 2],
    [256, 7],
    [1024, 31],
  ])(
    'GICD_TYPER of %i INTIDs has ITLinesNumber %i, 10 bits of INTID, no LPIs, no message-based SPIs, no 1 of N',
    (interrupts, lines) => {
      const guest = new Guest({ interrupts });
      expect(guest.load('GICD_TYPER')).toBe((1 << 25) | (9 << 19) | lines);
      // KVM 6.12 claims 1 of N distribution, which it does not have
      expect(new Guest({ interrupts, kvm: '6.12' }).load('GICD_TYPER')).toBe((9 << 19) | lines);
    },
  );

  it('GICD_IIDR says Arm, product K, revision 3, and the guest cannot change it', () => {
    const guest = new Guest();
    guest.store('GICD_IIDR', 0);
    expect(guest.load('GICD_IIDR')).toBe(0x4b00343b);
  });

  it('GICD_PIDR2 says architecture revision 3, the other identification registers read as zero', () => {
    const guest = new Guest();
    for (let at = 0; at < 48; at += 4) expect(guest.load('GICD_IDREGS', at)).toBe(at === 0x18 ? 0x3b : 0);
  });

  it('GICD_TYPER2 reads as zero: no vSGIs without GICv4.1', () => {
    expect(new Guest().load('GICD_TYPER2')).toBe(0);
  });

  it.each([
    [0x00, 0x50, 0x50],
    [0x01, 0x51, 0x50],
    [0x02, 0x52, 0x52],
    [0x03, 0x53, 0x52],
    [0xffffffff, 0x53, 0x52],
    [0x40, 0x50, 0x50],
  ])(
    'GICD_CTLR written %i reads %i: ARE_NS and DS are one, the group enables can be changed; %i in KVM 6.12, EnableGrp1 alone',
    (written, read, kvmRead) => {
      const guest = new Guest();
      guest.store('GICD_CTLR', written);
      expect(guest.load('GICD_CTLR')).toBe(read);
      const kvm = new Guest({ kvm: '6.12' });
      kvm.store('GICD_CTLR', written);
      expect(kvm.load('GICD_CTLR')).toBe(kvmRead);
    },
  );
});

describe('GICv3 distributor: registers with a field for each interrupt', () => {
  it.each(ARRAYS.map(({ name, bitsPerInterrupt }) => [name, bitsPerInterrupt] as const))(
    '%s is RAZ/WI for the SGIs and PPIs, which are in the redistributors',
    (name, bits) => {
      const guest = new Guest();
      const before = JSON.stringify([...guest.gic.irqs.enabled, ...guest.gic.irqs.group, ...guest.gic.irqs.priority]);
      for (let at = 0; at < bytesOf(bits, 32); at += 4) {
        guest.store(name, ALL_ONES, at);
        expect(guest.load(name, at)).toBe(0);
      }
      const after = JSON.stringify([...guest.gic.irqs.enabled, ...guest.gic.irqs.group, ...guest.gic.irqs.priority]);
      expect(after).toBe(before);
    },
  );

  it.each(ARRAYS.map(({ name, bitsPerInterrupt }) => [name, bitsPerInterrupt] as const))(
    '%s is RAZ/WI for INTIDs that GICD_TYPER does not claim',
    (name, bits) => {
      const guest = new Guest({ interrupts: 64 });
      for (let at = bytesOf(bits, 64); at < bytesOf(bits, 1024); at += 4) {
        guest.store(name, ALL_ONES, at);
        expect(guest.load(name, at)).toBe(0);
      }
    },
  );

  it.each(['GICD_ITARGETSR', 'GICD_IGRPMODR'])('%s is RAZ/WI with affinity routing and one security state', (name) => {
    const guest = new Guest();
    for (let at = 0; at < 128; at += 4) {
      guest.store(name, ALL_ONES, at);
      expect(guest.load(name, at)).toBe(0);
    }
  });

  it.each([
    ['GICD_IGROUPR', 1, ALL_ONES],
    ['GICD_ISENABLER', 1, 0],
    ['GICD_ICENABLER', 1, 0],
    ['GICD_ISPENDR', 1, 0],
    ['GICD_ICPENDR', 1, 0],
    ['GICD_ISACTIVER', 1, 0],
    ['GICD_ICACTIVER', 1, 0],
    ['GICD_IPRIORITYR', 8, 0],
    ['GICD_ICFGR', 2, 0],
    ['GICD_IROUTER', 64, 0],
  ])('%s of an SPI reads its reset value after reset', (name, bits, value) => {
    const guest = new Guest();
    for (let at = bytesOf(bits, 32); at < bytesOf(bits, 256); at += 4) expect(guest.load(name, at)).toBe(value);
  });

  it('GICD_ICFGR says in KVM 6.12 that SPIs are edge-triggered after reset', () => {
    const guest = new Guest({ kvm: '6.12' });
    for (let at = 8; at < 64; at += 4) expect(guest.load('GICD_ICFGR', at)).toBe(0xaaaaaaaa);
  });

  it.each([
    ['GICD_ISENABLER', 'GICD_ICENABLER'],
    ['GICD_ISPENDR', 'GICD_ICPENDR'],
    ['GICD_ISACTIVER', 'GICD_ICACTIVER'],
  ])('%s sets and %s clears the bits that are written as one; both read the state', (set, clear) => {
    const guest = new Guest();
    guest.store(set, 0x0ff0f00f, 4);
    guest.store(set, 0x00000000, 4);
    expect([guest.load(set, 4), guest.load(clear, 4)]).toEqual([0x0ff0f00f, 0x0ff0f00f]);
    guest.store(clear, 0x00f00001, 4);
    guest.store(clear, 0, 4);
    expect([guest.load(set, 4), guest.load(clear, 4)]).toEqual([0x0f00f00e, 0x0f00f00e]);
    expect(guest.load(set, 8)).toBe(0);
  });

  it('GICD_IPRIORITYR is byte accessible and keeps the upper five bits', () => {
    const guest = new Guest();
    guest.store('GICD_IPRIORITYR', 0xff, 33, 0, 1);
    expect(guest.load('GICD_IPRIORITYR', 33, 0, 1)).toBe(0xf8);
    expect(guest.load('GICD_IPRIORITYR', 32)).toBe(0x0000f800);
    guest.store('GICD_IPRIORITYR', 0x87654321, 32);
    expect(guest.load('GICD_IPRIORITYR', 32)).toBe(0x80604020);
  });

  it('GICD_ICFGR changes the upper bit of each pair alone', () => {
    const guest = new Guest();
    guest.store('GICD_ICFGR', 0x55555555, 8);
    expect(guest.load('GICD_ICFGR', 8)).toBe(0);
    guest.store('GICD_ICFGR', 0xc0000001, 8);
    expect(guest.load('GICD_ICFGR', 8)).toBe(0x80000000);
  });

  it('GICD_IROUTER keeps Aff2.Aff1.Aff0, by 64 bits or by halves; KVM drops Aff3 and Interrupt_Routing_Mode', () => {
    const guest = new Guest();
    guest.store('GICD_IROUTER', 0x80ffffff, 32 * 8, 0, 8, 0xff);
    expect(guest.load('GICD_IROUTER', 32 * 8, 0, 8)).toBe(0x00ffffff);
    expect(guest.gic.high).toBe(0);
    guest.store('GICD_IROUTER', 0x00010203, 32 * 8);
    guest.store('GICD_IROUTER', 0xffffffff, 32 * 8 + 4);
    expect(guest.load('GICD_IROUTER', 32 * 8)).toBe(0x00010203);
    expect(guest.load('GICD_IROUTER', 32 * 8 + 4)).toBe(0);
  });

  it.each([1, 2, 8])('a register of 32 bits is RAZ/WI for an access of %i bytes', (size) => {
    const guest = new Guest();
    guest.store('GICD_ISENABLER', 0xff, 4, 0, size);
    expect(guest.load('GICD_ISENABLER', 4)).toBe(0);
    guest.store('GICD_ISENABLER', 0xff, 4);
    expect(guest.load('GICD_ISENABLER', 4, 0, size)).toBe(0);
  });

  it.each([1, 2, 3])('an access that is %i bytes off its alignment is RAZ/WI', (offset) => {
    const guest = new Guest();
    guest.store('GICD_ISENABLER', 0xff, 4 + offset);
    expect(guest.load('GICD_ISENABLER', 4)).toBe(0);
    expect(guest.load('GICD_TYPER', offset)).toBe(0);
  });

  it('a 64-bit access to GICD_IROUTER that is only word-aligned is RAZ/WI', () => {
    const guest = new Guest();
    guest.store('GICD_IROUTER', 5, 32 * 8 + 4, 0, 8, 5);
    expect(guest.load('GICD_IROUTER', 32 * 8, 0, 8)).toBe(0);
    expect(guest.load('GICD_IROUTER', 33 * 8, 0, 8)).toBe(0);
  });
});

describe('GICv3 distributor: GICD_STATUSR', () => {
  it.each([
    ['a read of a reserved location', 1 << 0, (guest: Guest) => guest.gic.read(0, GICD_BASE + 0x0040, 4)],
    ['a write to a reserved location', 1 << 1, (guest: Guest) => guest.gic.write(0, GICD_BASE + 0x0040, 4, 1, 0)],
    ['a write to a read-only register', 1 << 3, (guest: Guest) => guest.store('GICD_TYPER', 1)],
  ])('%s is recorded', (_what, bit, access) => {
    const guest = new Guest();
    expect(guest.load('GICD_STATUSR')).toBe(0);
    access(guest);
    expect(guest.load('GICD_STATUSR')).toBe(bit);
  });

  it('is cleared by writing ones, bit by bit', () => {
    const guest = new Guest();
    guest.gic.read(0, GICD_BASE + 0x40, 4);
    guest.store('GICD_TYPER', 1);
    guest.store('GICD_STATUSR', 1);
    expect(guest.load('GICD_STATUSR')).toBe(8);
    guest.store('GICD_STATUSR', ALL_ONES);
    expect(guest.load('GICD_STATUSR')).toBe(0);
  });
});

describe('GICv3 distributor: what it forwards', () => {
  it.each([
    ['the distributor is off', (guest: Guest) => guest.store('GICD_CTLR', 0)],
    ['the interrupt is disabled', (guest: Guest) => guest.disable(40)],
  ])('a pending interrupt is not taken while %s, and stays pending', (_why, hold) => {
    const guest = Guest.ready();
    guest.spi(40);
    hold(guest);
    guest.gic.setLine(40, true);
    expect(guest.serve()).toEqual([]);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
  });

  it('an interrupt that was pending when it was enabled is taken then', () => {
    const guest = Guest.ready();
    guest.setEdge(40, true);
    guest.gic.setLine(40, true);
    expect(guest.serve()).toEqual([]);
    guest.enable(40);
    expect(guest.serve()).toEqual([40]);
  });

  it('GICD_ISPENDR makes an interrupt pending that is taken once', () => {
    const guest = Guest.ready();
    for (const intid of [guest.spi(40), guest.spi(41, { edge: true })]) guest.mark('ISPENDR', intid);
    expect(guest.serve().sort()).toEqual([40, 41]);
    expect(guest.serve()).toEqual([]);
    expect(guest.bit('ISPENDR', 40) + guest.bit('ISPENDR', 41)).toBe(0);
  });

  it('GICD_ICPENDR takes the pending state of an edge away', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.mark('ICPENDR', 40);
    expect(guest.serve()).toEqual([]);
  });

  it('GICD_ICPENDR does not clear what a high line keeps pending', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.mark('ISPENDR', 40);
    guest.mark('ICPENDR', 40);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
    guest.gic.setLine(40, false);
    expect(guest.bit('ISPENDR', 40)).toBe(0);
  });

  it('GICD_ISACTIVER keeps an interrupt from being taken again until it is deactivated', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.mark('ISACTIVER', 40);
    guest.gic.setLine(40, true);
    expect(guest.serve()).toEqual([]);
    guest.mark('ICACTIVER', 40);
    expect(guest.serve(0, () => guest.gic.setLine(40, false))).toEqual([40]);
  });

  it('GICD_ISACTIVER and ICACTIVER see and change what a vCPU has in a list register', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.spi(40);
    guest.setEoiMode(true);
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    expect(guest.bit('ISACTIVER', 40, 1)).toBe(1);
    guest.gic.setLine(40, false);
    guest.end(40);
    guest.mark('ICACTIVER', 40, 1);
    expect(guest.bit('ISACTIVER', 40)).toBe(0);
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
  });

  it('an SPI goes to the vCPU that GICD_IROUTER names', () => {
    const guest = Guest.ready({ vcpus: 20 });
    guest.spi(40, { edge: true });
    for (const [affinity, vcpu] of [
      [0x000, 0],
      [0x00f, 15],
      [0x100, 16],
      [0x103, 19],
    ]) {
      guest.store('GICD_IROUTER', affinity, 40 * 8, 0, 8);
      guest.gic.setLine(40, true);
      for (let other = 0; other < 20; other++) expect(guest.serve(other)).toEqual(other === vcpu ? [40] : []);
    }
  });

  it('an SPI routed to an affinity that no vCPU has waits, pending, for a route', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.spi(40, { edge: true });
    guest.store('GICD_IROUTER', 0x10, 40 * 8, 0, 8);
    guest.gic.setLine(40, true);
    expect([...guest.serve(0), ...guest.serve(1)]).toEqual([]);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
    guest.route(40, 1);
    expect(guest.serve(1)).toEqual([40]);
  });

  it('an SPI that waits for a route is not delivered by it in KVM 6.12, but by the next event', () => {
    const guest = Guest.ready({ vcpus: 2, kvm: '6.12' });
    guest.spi(40, { edge: true });
    guest.store('GICD_IROUTER', 0x10, 40 * 8, 0, 8);
    guest.gic.setLine(40, true);
    guest.route(40, 1);
    expect(guest.serve(1)).toEqual([]);
    guest.enable(40);
    expect(guest.serve(1)).toEqual([40]);
  });

  it.each([
    ['GICD_ISENABLER', 0x300],
    ['GICD_IGROUPR', ALL_ONES],
    ['GICD_ICFGR', 0xaaaaaaaa],
    ['GICD_ISPENDR', 0],
    ['GICD_ICENABLER', 0],
  ])('a write of %s that changes nothing loses nothing that a list register of another vCPU has', (name, value) => {
    const guest = Guest.ready({ vcpus: 2, interrupts: 64 });
    for (let intid = 32; intid < 64; intid++) guest.setEdge(intid, true);
    for (const intid of [40, 41]) guest.spi(intid, { edge: true });
    for (const intid of [40, 41]) guest.gic.setLine(intid, true);
    guest.enter(0);
    guest.store(name, value, name === 'GICD_ICFGR' ? 8 : 4, 1);
    guest.exit(0);
    expect(guest.serve(0).sort()).toEqual([40, 41]);
  });

  it.each([
    ['an SPI', [40], (guest: Guest) => guest.gic.setLine(40, true)],
    ['a PPI', [27], (guest: Guest) => guest.gic.setLine(27, true, 1)],
    ['an SGI', [3], (guest: Guest) => guest.sendSgi(3, [1])],
    ['what ISPENDR sets', [41], (guest: Guest) => guest.mark('ISPENDR', 41)],
  ])('%s that has become pending while the distributor was off is delivered when it is on', (_what, taken, pend) => {
    for (const kvm of [ARCHITECTURE, '6.12'] as const) {
      const guest = Guest.ready({ vcpus: 2, kvm });
      guest.spi(40, { edge: true, vcpu: 1 });
      guest.spi(41, { vcpu: 1 });
      guest.enable(27, 1);
      guest.store('GICD_CTLR', 0);
      pend(guest);
      guest.store('GICD_CTLR', 3);
      const lower = (intid: number) => guest.gic.setLine(Math.max(intid, 16), false, 1);
      // KVM 6.12 does not look for what has become pending meanwhile
      expect([guest.gic.hasPending(1), guest.serve(1, lower)]).toEqual(kvm === '6.12' ? [false, []] : [true, taken]);
    }
  });

  it.each([
    [0, 1, 40],
    [0, 2, SPURIOUS],
    [1, 1, SPURIOUS],
    [1, 2, 40],
  ] as const)(
    'an interrupt of group %i with GICD_CTLR %i is acknowledged as %i, and as its own with both',
    (group, enables, iar) => {
      const guest = Guest.ready();
      guest.msr('ICC_IGRPEN0_EL1', 1);
      guest.setGroup(40, group);
      guest.spi(40, { edge: true });
      guest.store('GICD_CTLR', enables);
      guest.gic.setLine(40, true);
      guest.enter();
      const register = group === 0 ? 'ICC_HPPIR0_EL1' : 'ICC_HPPIR1_EL1';
      expect(guest.mrs(register)).toBe(iar);
      guest.store('GICD_CTLR', 3);
      expect(guest.mrs(register)).toBe(40);
    },
  );

  it('enabling the distributor kicks the vCPUs that have something deliverable', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.spi(40, { edge: true, vcpu: 1 });
    guest.gic.setLine(40, true);
    guest.store('GICD_CTLR', 0);
    const kicked: number[] = [];
    guest.gic.events.on('kick', (vcpu) => kicked.push(vcpu));
    expect(guest.gic.hasPending(1)).toBe(false);
    guest.store('GICD_CTLR', 2);
    expect(kicked).toEqual([1]);
    expect(guest.gic.hasPending(1)).toBe(true);
  });

  it('a group 0 interrupt is not acknowledged by ICC_IAR1_EL1, nor a group 1 interrupt by ICC_IAR0_EL1', () => {
    const guest = Guest.ready();
    guest.msr('ICC_IGRPEN0_EL1', 1);
    guest.spi(40, { edge: true });
    guest.setGroup(40, 0);
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.mrs('ICC_IAR1_EL1')).toBe(SPURIOUS);
    expect(guest.mrs('ICC_IAR0_EL1')).toBe(40);
    guest.msr('ICC_EOIR0_EL1', 40);
    guest.setGroup(40, 1);
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.mrs('ICC_IAR0_EL1')).toBe(SPURIOUS);
    expect(guest.mrs('ICC_IAR1_EL1')).toBe(40);
  });
});
