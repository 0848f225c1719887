import { describe, expect, it } from 'vitest';
import { GICD_V2_REGISTERS } from '../src/architecture/gicv2.js';
import { ALL_ONES, ARCHITECTURE, Guest } from './guest.js';

/** IHI 0048, 4.3 "Distributor register descriptions"; KVM: arm-vgic.rst and its own choices. */

const v2 = (config = {}) => new Guest({ version: 2, vcpus: 4, ...config });
const ready = (config = {}) => Guest.ready({ version: 2, vcpus: 4, ...config });
const sender = (iar: number) => iar >>> 10;

describe('GICv2 distributor: identification and control', () => {
  it.each([
    [1, 64, 0x001],
    [2, 96, 0x022],
    [8, 1024, 0x0ff],
  ])('GICD_TYPER of %i vCPUs and %i INTIDs is %i: CPUNumber and ITLinesNumber', (vcpus, interrupts, value) => {
    expect(v2({ vcpus, interrupts }).load('GICD_TYPER')).toBe(value);
  });

  it('GICD_IIDR says Arm, product K, revision 3, and the guest cannot change it', () => {
    const guest = v2();
    guest.store('GICD_IIDR', 0);
    expect(guest.load('GICD_IIDR')).toBe(0x4b00343b);
  });

  it.each([
    ['an enable of each group', ARCHITECTURE, 3, 2],
    ['the one enable bit in KVM 6.12', '6.12', 1, 0],
  ] as const)('GICD_CTLR has %s', (_what, kvm, all, group1) => {
    const guest = v2({ kvm });
    guest.store('GICD_CTLR', ALL_ONES);
    expect(guest.load('GICD_CTLR')).toBe(all);
    guest.store('GICD_CTLR', 2);
    expect(guest.load('GICD_CTLR')).toBe(group1);
  });

  it.each([
    ['GICD_IGROUPR', 0, 0],
    ['GICD_ISENABLER', 0, 0xffff],
    ['GICD_ISENABLER', 4, 0],
    ['GICD_ICFGR', 0, 0xaaaaaaaa],
    ['GICD_ICFGR', 4, 0],
    ['GICD_ICFGR', 8, 0],
    ['GICD_ITARGETSR', 32, 0],
    ['GICD_IPRIORITYR', 32, 0],
  ])('%s + %i reads its reset value', (name, at, value) => {
    expect(v2().load(name, at)).toBe(value);
  });

  it('GICD_ICFGR says in KVM 6.12 that SPIs are edge-triggered after reset', () => {
    expect(v2({ kvm: '6.12' }).load('GICD_ICFGR', 8)).toBe(0xaaaaaaaa);
  });

  it.each(GICD_V2_REGISTERS.filter((row) => row.bitsPerInterrupt !== 0).map((row) => [row.name, row.bitsPerInterrupt]))(
    '%s is RAZ/WI for INTIDs that GICD_TYPER does not claim',
    (name, bits) => {
      const guest = v2({ interrupts: 64 });
      for (let at = (bits * 64) / 8; at < (bits * 1024) / 8; at += 4) {
        guest.store(name, ALL_ONES, at);
        expect(guest.load(name, at)).toBe(0);
      }
    },
  );

  it.each(['GICD_ISENABLER', 'GICD_ISACTIVER', 'GICD_IGROUPR'])('%s0 is banked for each vCPU', (name) => {
    const guest = v2();
    const before = guest.load(name, 0, 0);
    guest.store(name, 0x10000000, 0, 2);
    expect(guest.load(name, 0, 2) & 0x10000000).toBe(0x10000000);
    expect(guest.load(name, 0, 0)).toBe(before);
  });
});

describe('GICv2 distributor: targets', () => {
  it('GICD_ITARGETSR0 to 7 read the mask of the vCPU that reads and ignore writes', () => {
    const guest = v2();
    for (let vcpu = 0; vcpu < 4; vcpu++) {
      for (let at = 0; at < 32; at += 4) {
        guest.store('GICD_ITARGETSR', ALL_ONES, at, vcpu);
        expect(guest.load('GICD_ITARGETSR', at, vcpu)).toBe(0x01010101 << vcpu);
      }
    }
  });

  it('GICD_ITARGETSR keeps the bits of vCPUs that exist, and is byte accessible', () => {
    const guest = v2();
    guest.store('GICD_ITARGETSR', 0xff08f100, 32);
    expect(guest.load('GICD_ITARGETSR', 32)).toBe(0x0f080100);
    guest.store('GICD_ITARGETSR', 0x04, 33, 0, 1);
    expect(guest.load('GICD_ITARGETSR', 32)).toBe(0x0f080400);
    expect(guest.load('GICD_ITARGETSR', 33, 0, 1)).toBe(4);
  });

  it.each([
    [0b0001, 0, ARCHITECTURE],
    [0b1000, 3, ARCHITECTURE],
    [0b1110, 1, ARCHITECTURE],
    [0b0000, -1, ARCHITECTURE],
    [0b1110, 1, '6.12'],
    [0b0000, 0, '6.12'],
  ] as const)(
    'of the targets %i vCPU %i gets it: the lowest, or nobody; of none vCPU 0 in KVM 6.12 (kvm: %j)',
    (targets, vcpu, kvm) => {
      const guest = ready({ kvm });
      guest.spi(40, { edge: true });
      guest.store('GICD_ITARGETSR', targets, 40, 0, 1);
      guest.gic.setLine(40, true);
      for (let other = 0; other < 4; other++) expect(guest.serve(other)).toEqual(other === vcpu ? [40] : []);
    },
  );

  it('an SPI without a target waits, pending, for one', () => {
    const guest = ready();
    guest.spi(40, { edge: true });
    guest.store('GICD_ITARGETSR', 0, 40, 0, 1);
    guest.gic.setLine(40, true);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
    guest.store('GICD_ITARGETSR', 0b0100, 40, 0, 1);
    expect([guest.serve(0), guest.serve(2)]).toEqual([[], [40]]);
  });

  it('with one vCPU GICD_ITARGETSR reads as zero, and that vCPU gets all', () => {
    const guest = ready({ vcpus: 1 });
    guest.store('GICD_ITARGETSR', ALL_ONES, 40);
    for (const at of [0, 40]) expect(guest.load('GICD_ITARGETSR', at)).toBe(0);
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    expect(guest.serve()).toEqual([40]);
    const kvm = ready({ vcpus: 1, kvm: '6.12' });
    kvm.store('GICD_ITARGETSR', ALL_ONES, 40);
    expect(kvm.load('GICD_ITARGETSR', 40)).toBe(0x01010101);
  });
});

describe('GICv2 distributor: software-generated interrupts', () => {
  const LISTED = 0 << 24;
  const ALL_BUT_SELF = 1 << 24;
  const SELF = 2 << 24;
  const RESERVED = 3 << 24;

  it.each([
    ['the listed vCPUs', LISTED | (0b1010 << 16), [1, 3]],
    ['the listed vCPUs, itself too', LISTED | (0b0101 << 16), [0, 2]],
    ['no vCPU with an empty list', LISTED, []],
    ['no vCPU that does not exist', LISTED | (0xf0 << 16), []],
    ['all vCPUs but the sender', ALL_BUT_SELF | (0xff << 16), [0, 1, 3]],
    ['the sender alone', SELF | (0xff << 16), [2]],
    ['nobody by the reserved filter', RESERVED | (0xff << 16), []],
  ])('GICD_SGIR sends to %s', (_whom, value, targets) => {
    const guest = ready();
    guest.store('GICD_SGIR', value | 5, 0, 2);
    for (let vcpu = 0; vcpu < 4; vcpu++) {
      expect(guest.serve(vcpu)).toEqual(targets.includes(vcpu) ? [5 | (2 << 10)] : []);
    }
  });

  it('GICD_SGIR is write-only: it reads as zero', () => {
    const guest = v2();
    guest.store('GICD_SGIR', 0x02000005);
    expect(guest.load('GICD_SGIR')).toBe(0);
  });

  it('an SGI from each of several senders is delivered once each, whatever the number of list registers', () => {
    for (const listRegisters of [1, 2, 4, 16]) {
      const guest = ready({ vcpus: 8, listRegisters });
      for (let from = 7; from >= 0; from--) guest.sendSgi(9, [0], from);
      for (let from = 0; from < 8; from++) guest.sendSgi(9, [0], from);
      const taken = guest.serve();
      expect(taken.map((iar) => iar & 0x3ff)).toEqual(Array(8).fill(9));
      expect(taken.map(sender).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    }
  });

  it('an SGI sent again by the same sender before it is taken is one SGI', () => {
    const guest = ready();
    guest.sendSgi(1, [0], 3);
    guest.sendSgi(1, [0], 3);
    expect(guest.serve()).toEqual([1 | (3 << 10)]);
  });

  it('an SGI sent again by the same sender while it is active is taken again', () => {
    const guest = ready();
    guest.sendSgi(1, [0], 3);
    let more = 1;
    expect(
      guest.serve(0, () => {
        if (more-- > 0) guest.sendSgi(1, [0], 3);
      }),
    ).toEqual([1 | (3 << 10), 1 | (3 << 10)]);
  });

  it('GICD_SPENDSGIR and CPENDSGIR show the senders of this vCPU’s pending SGIs, a byte each', () => {
    const guest = ready();
    guest.sendSgi(6, [1], 0);
    guest.sendSgi(6, [1], 3);
    for (const name of ['GICD_SPENDSGIR', 'GICD_CPENDSGIR']) {
      expect(guest.load(name, 6, 1, 1)).toBe(0b1001);
      expect(guest.load(name, 4, 1)).toBe(0b1001 << 16);
      expect(guest.load(name, 6, 0, 1)).toBe(0);
    }
  });

  it('GICD_SPENDSGIR makes an SGI pending as if the vCPU of the bit had sent it', () => {
    const guest = ready();
    guest.store('GICD_SPENDSGIR', 0b0110, 2, 0, 1);
    expect(guest.serve()).toEqual([2 | (1 << 10), 2 | (2 << 10)]);
  });

  it('GICD_CPENDSGIR takes the SGI of one sender away and leaves the others', () => {
    const guest = ready();
    guest.sendSgi(2, [0], 1);
    guest.sendSgi(2, [0], 2);
    guest.store('GICD_CPENDSGIR', 0b0010 << 16, 0);
    expect(guest.bit('ISPENDR', 2)).toBe(1);
    guest.store('GICD_CPENDSGIR', 0b1001 << 16, 0);
    expect(guest.serve()).toEqual([2 | (2 << 10)]);
    guest.sendSgi(2, [0], 1);
    guest.store('GICD_CPENDSGIR', 0b0010, 2, 0, 1);
    expect([guest.bit('ISPENDR', 2), guest.serve().length]).toEqual([0, 0]);
  });

  it('GICD_ISPENDR and ICPENDR ignore the bits of SGIs', () => {
    const guest = ready();
    guest.store('GICD_ISPENDR', 0x0000ffff);
    expect(guest.load('GICD_ISPENDR')).toBe(0);
    guest.sendSgi(4, [0], 1);
    guest.store('GICD_ICPENDR', 0x0000ffff);
    expect(guest.load('GICD_ISPENDR')).toBe(1 << 4);
    expect(guest.serve()).toEqual([4 | (1 << 10)]);
  });

  it('an SGI of one sender is not overtaken by an interrupt of lower priority', () => {
    const guest = ready({ listRegisters: 1 });
    guest.setPriority(3, 0x40);
    guest.spi(40, { edge: true, priority: 0x80 });
    guest.gic.setLine(40, true);
    for (const from of [1, 2, 3]) guest.sendSgi(3, [0], from);
    expect(guest.serve()).toEqual([3 | (1 << 10), 3 | (2 << 10), 3 | (3 << 10), 40]);
  });
});

describe('GICv2 distributor: groups', () => {
  it.each([
    [0, 1, [40, 1023]],
    [0, 2, [1023, 1023]],
    [1, 1, [1023, 1023]],
    [1, 2, [1022, 40]],
    [0, 3, [40, 1023]],
    [1, 3, [1022, 40]],
  ] as const)('an interrupt of group %i with GICD_CTLR %i is %j by GICV_IAR and GICV_AIAR', (group, enables, iars) => {
    const guest = ready();
    guest.setGroup(40, group);
    guest.spi(40, { edge: true });
    guest.gicvStore('CTLR', 3);
    guest.store('GICD_CTLR', enables);
    guest.gic.setLine(40, true);
    guest.enter();
    expect([guest.gicvLoad('IAR'), guest.gicvLoad('AIAR')]).toEqual(iars);
    // and what was held back is delivered when its group is enabled
    if (iars[0] !== 1023) return;
    guest.store('GICD_CTLR', 3);
    expect(guest.gicvLoad(group === 0 ? 'IAR' : 'AIAR')).toBe(40);
  });

  it('GICD_IGROUPR decides what GICV_IAR may acknowledge', () => {
    const guest = ready();
    guest.spi(40, { edge: true });
    guest.setGroup(40, 1);
    guest.gicvStore('CTLR', 3);
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.gicvLoad('IAR')).toBe(1022);
    expect(guest.gicvLoad('AIAR')).toBe(40);
  });
});
