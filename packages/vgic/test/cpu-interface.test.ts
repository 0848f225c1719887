import { describe, expect, it } from 'vitest';
import { HCR_EOICOUNT_SHIFT } from '../src/architecture/virtual-interface.js';
import { type GicConfig, SYSTEM_REGISTERS, type SystemRegisterName } from '../src/index.js';
import { Guest, SPURIOUS } from './guest.js';

/** IHI 0069, 4.2 "Physical and virtual interrupt handling", 4.8 "Interrupt prioritization", 12.2 and 12.3. */

/** Edge-triggered SPIs 32, 33, … with these priorities, all pending; vCPU 0 in the guest. */
function pendingAt(priorities: readonly number[], config = {}): Guest {
  const guest = Guest.ready(config);
  for (const [n, priority] of priorities.entries()) {
    guest.spi(32 + n, { edge: true, priority });
    guest.gic.setLine(32 + n, true);
  }
  return guest.enter();
}

function raise(guest: Guest, intid: number, priority: number): void {
  guest.spi(intid, { edge: true, priority });
  guest.gic.setLine(intid, true);
  guest.enter();
}

describe('CPU interface: acknowledge', () => {
  it('ICC_IAR1_EL1 returns 1023 when nothing is pending, and nothing becomes active', () => {
    const guest = Guest.ready().enter();
    expect(guest.acknowledge()).toBe(SPURIOUS);
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0xff);
  });

  it('returns the INTID of the highest priority, the lowest value', () => {
    const guest = pendingAt([0xa0, 0x20, 0x60]);
    expect(guest.acknowledge()).toBe(33);
  });

  it('makes the interrupt active: it is not acknowledged twice', () => {
    const guest = pendingAt([0xa0]);
    expect([guest.acknowledge(), guest.acknowledge()]).toEqual([32, SPURIOUS]);
    guest.exit();
    expect([guest.bit('ISACTIVER', 32), guest.bit('ISPENDR', 32)]).toEqual([1, 0]);
  });

  it('among equal priorities takes one after the other, each once', () => {
    const guest = pendingAt([0x80, 0x80, 0x80, 0x80]);
    expect(guest.serve().sort()).toEqual([32, 33, 34, 35]);
  });

  it('ICC_HPPIR1_EL1 shows what would be acknowledged, and changes nothing', () => {
    const guest = pendingAt([0x80, 0x40]);
    expect([guest.mrs('ICC_HPPIR1_EL1'), guest.mrs('ICC_HPPIR1_EL1')]).toEqual([33, 33]);
    expect(guest.mrs('ICC_HPPIR0_EL1')).toBe(SPURIOUS);
    expect(guest.acknowledge()).toBe(33);
    expect(guest.mrs('ICC_HPPIR1_EL1')).toBe(32);
  });
});

describe('CPU interface: priority mask', () => {
  it.each([
    [0xa8, true],
    [0xa0, false],
    [0x98, false],
    [0x00, false],
  ])('with ICC_PMR_EL1 = %i an interrupt of priority 0xa0 is signalled: %s', (mask, signalled) => {
    const guest = pendingAt([0xa0]);
    guest.msr('ICC_PMR_EL1', mask);
    expect(guest.gic.irqAsserted(0)).toBe(signalled);
    expect(guest.acknowledge()).toBe(signalled ? 32 : SPURIOUS);
  });

  it.each([
    [5, 0xf8],
    [6, 0xfc],
    [7, 0xfe],
    [8, 0xff],
  ])('with %i bits of priority ICC_PMR_EL1 keeps %i of 0xff', (priorityBits, mask) => {
    const guest = new Guest({ priorityBits });
    guest.msr('ICC_PMR_EL1', 0xffffffff);
    expect(guest.mrs('ICC_PMR_EL1')).toBe(mask);
  });

  it('an interrupt that the mask held back is taken when the mask opens', () => {
    const guest = pendingAt([0xa0]);
    guest.msr('ICC_PMR_EL1', 0x50);
    expect(guest.acknowledge()).toBe(SPURIOUS);
    guest.msr('ICC_PMR_EL1', 0xf0);
    expect(guest.acknowledge()).toBe(32);
  });
});

describe('CPU interface: running priority and preemption', () => {
  it('ICC_RPR_EL1 is the priority of the active interrupt, and 0xff when there is none', () => {
    const guest = pendingAt([0x60]);
    guest.acknowledge();
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0x60);
    guest.end(32);
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0xff);
  });

  it('an interrupt of higher priority preempts, one of the same or a lower waits', () => {
    const guest = pendingAt([0x60]);
    guest.acknowledge();
    raise(guest, 40, 0x60);
    raise(guest, 41, 0x80);
    expect([guest.gic.irqAsserted(0), guest.acknowledge()]).toEqual([false, SPURIOUS]);
    raise(guest, 42, 0x58);
    expect([guest.gic.irqAsserted(0), guest.acknowledge()]).toEqual([true, 42]);
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0x58);
  });

  it('nested interrupts end from the innermost: the running priority comes back step by step', () => {
    const guest = pendingAt([0xa0]);
    const running = [guest.mrs('ICC_RPR_EL1')];
    for (const [intid, priority] of [
      [32, 0xa0],
      [40, 0x60],
      [41, 0x20],
    ]) {
      if (intid !== 32) raise(guest, intid, priority);
      expect(guest.acknowledge()).toBe(intid);
      running.push(guest.mrs('ICC_RPR_EL1'));
    }
    for (const intid of [41, 40, 32]) {
      guest.end(intid);
      running.push(guest.mrs('ICC_RPR_EL1'));
    }
    expect(running).toEqual([0xff, 0xa0, 0x60, 0x20, 0x60, 0xa0, 0xff]);
  });

  it('ICC_AP1R0_EL1 has a bit for each active priority, which moves with the vCPU', () => {
    const guest = pendingAt([0xa0]);
    guest.acknowledge();
    raise(guest, 40, 0x20);
    guest.acknowledge();
    const active = (1 << (0xa0 >> 3)) | (1 << (0x20 >> 3));
    expect(guest.mrs('ICC_AP1R0_EL1')).toBe(active);
    expect(guest.mrs('ICC_AP0R0_EL1')).toBe(0);
    guest.exit();
    guest.enter();
    expect(guest.mrs('ICC_AP1R0_EL1')).toBe(active);
  });

  it.each([5, 6, 7, 8])(
    'with %i bits of priority the next higher priority of the distributor preempts',
    (priorityBits) => {
      const guest = Guest.ready({ priorityBits, listRegisters: 16 });
      for (let level = 0; level < 16; level++) {
        raise(guest, 32 + level, 0xf0 - 8 * level);
        expect(guest.acknowledge()).toBe(32 + level);
        expect(guest.mrs('ICC_RPR_EL1')).toBe(0xf0 - 8 * level);
      }
      for (let level = 15; level >= 0; level--) {
        expect(guest.mrs('ICC_RPR_EL1')).toBe(0xf0 - 8 * level);
        guest.end(32 + level);
      }
      expect(guest.mrs('ICC_RPR_EL1')).toBe(0xff);
    },
  );
});

describe('CPU interface: binary point', () => {
  /** IHI 0069, "Priority grouping": group priority bits of group 1 are those from the binary point up. */
  it.each([
    [3, 0x80, 0x78, true],
    [4, 0x80, 0x78, true],
    [4, 0x88, 0x80, false],
    [5, 0x98, 0x80, false],
    [5, 0x80, 0x60, true],
    [6, 0xb8, 0x80, false],
    [6, 0x80, 0x40, true],
    [7, 0xf0, 0x80, false],
    [7, 0x80, 0x00, true],
  ])('ICC_BPR1_EL1 = %i: active %i is preempted by %i: %s', (point, active, pending, preempts) => {
    const guest = Guest.ready();
    guest.msr('ICC_BPR1_EL1', point);
    raise(guest, 32, active);
    expect(guest.acknowledge()).toBe(32);
    raise(guest, 33, pending);
    expect(guest.acknowledge()).toBe(preempts ? 33 : SPURIOUS);
  });

  it('ICC_RPR_EL1 shows the group priority', () => {
    const guest = Guest.ready();
    guest.msr('ICC_BPR1_EL1', 6);
    raise(guest, 32, 0xb8);
    guest.acknowledge();
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0x80);
    guest.end(32);
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0xff);
  });

  it.each([
    [5, 2, 3],
    [6, 1, 2],
    [7, 0, 1],
    [8, 0, 1],
  ])('with %i bits of priority the least binary points are %i and %i', (priorityBits, bpr0, bpr1) => {
    const guest = new Guest({ priorityBits });
    guest.msr('ICC_BPR0_EL1', 0);
    guest.msr('ICC_BPR1_EL1', 0);
    expect([guest.mrs('ICC_BPR0_EL1'), guest.mrs('ICC_BPR1_EL1')]).toEqual([bpr0, bpr1]);
    guest.msr('ICC_BPR0_EL1', 7);
    guest.msr('ICC_BPR1_EL1', 7);
    expect([guest.mrs('ICC_BPR0_EL1'), guest.mrs('ICC_BPR1_EL1')]).toEqual([7, 7]);
  });

  it('with ICC_CTLR_EL1.CBPR the group 1 binary point reads as group 0’s plus one, saturated, and ignores writes', () => {
    const guest = new Guest();
    guest.msr('ICC_BPR1_EL1', 4);
    guest.msr('ICC_BPR0_EL1', 5);
    guest.msr('ICC_CTLR_EL1', 1);
    expect(guest.mrs('ICC_BPR1_EL1')).toBe(6);
    guest.msr('ICC_BPR1_EL1', 3);
    guest.msr('ICC_BPR0_EL1', 7);
    expect(guest.mrs('ICC_BPR1_EL1')).toBe(7);
    guest.msr('ICC_CTLR_EL1', 0);
    expect(guest.mrs('ICC_BPR1_EL1')).toBe(4);
  });
});

describe('CPU interface: end of interrupt and deactivation', () => {
  it('with EOImode 0 ICC_EOIR1_EL1 drops the priority and deactivates', () => {
    const guest = pendingAt([0x80]);
    guest.acknowledge();
    guest.end(32);
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0xff);
    guest.exit();
    expect(guest.bit('ISACTIVER', 32)).toBe(0);
  });

  it('with EOImode 1 ICC_EOIR1_EL1 drops the priority alone; ICC_DIR_EL1 deactivates', () => {
    const guest = Guest.ready();
    guest.setEoiMode(true);
    raise(guest, 32, 0x80);
    guest.acknowledge();
    guest.end(32);
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0xff);
    guest.gic.setLine(32, true);
    guest.enter();
    // active and pending: not signalled until it is deactivated
    expect(guest.acknowledge()).toBe(SPURIOUS);
    expect(guest.bit('ISACTIVER', 32)).toBe(1);
    guest.deactivate(32);
    expect(guest.acknowledge()).toBe(32);
  });

  it('with EOImode 1 another interrupt of the same priority is taken between priority drop and deactivation', () => {
    const guest = Guest.ready();
    guest.setEoiMode(true);
    raise(guest, 32, 0x80);
    raise(guest, 33, 0x80);
    const first = guest.acknowledge();
    expect(guest.acknowledge()).toBe(SPURIOUS);
    guest.end(first);
    const second = guest.acknowledge();
    expect([first, second].sort()).toEqual([32, 33]);
    guest.end(second);
    guest.deactivate(first);
    guest.deactivate(second);
    guest.exit();
    expect(guest.load('GICD_ISACTIVER', 4)).toBe(0);
  });

  it('with EOImode 0 ICC_DIR_EL1 is ignored', () => {
    const guest = pendingAt([0x80]);
    guest.acknowledge();
    guest.deactivate(32);
    guest.exit();
    expect(guest.bit('ISACTIVER', 32)).toBe(1);
  });

  it.each([
    ['ICC_EOIR1_EL1', 0],
    ['ICC_DIR_EL1', 2],
  ] as const)(
    '%s of an INTID that is in no list register is counted in ICH_HCR_EL2.EOIcount, modulo 32, unless it traps',
    (name, control) => {
      const guest = pendingAt([0x80], { kvm: ['endsOutsideForgotten'] });
      guest.msr('ICC_CTLR_EL1', control);
      // an end counts if it drops an active priority
      guest.msr('ICC_AP1R0_EL1', 0xffffffff);
      const count = () => guest.gic.cpuInterface(0).hcr >>> HCR_EOICOUNT_SHIFT;
      expect(count()).toBe(0);
      guest.msr(name, 77);
      expect(count()).toBe(1);
      for (let n = 0; n < 31; n++) guest.msr(name, 77);
      expect(count()).toBe(0);
    },
  );

  it.each([
    ['ICC_EOIR1_EL1', 0],
    ['ICC_DIR_EL1', 2],
  ] as const)('%s of an INTID that is in no list register traps to the hypervisor, which ends it', (name, control) => {
    const guest = pendingAt([0x80], { listRegisters: 1 });
    guest.mark('ISACTIVER', 77);
    expect(guest.listRegisters().map(({ low }) => low)).toEqual([32]);
    guest.msr('ICC_CTLR_EL1', control);
    guest.msr('ICC_AP1R0_EL1', 0xffffffff);
    guest.msr(name, 77);
    expect(guest.gic.cpuInterface(0).hcr >>> HCR_EOICOUNT_SHIFT).toBe(0);
    expect(guest.bit('ISACTIVER', 77)).toBe(0);
  });

  it.each([
    ['its priority', (guest: Guest) => guest.setPriority(32, 0x20)],
    ['its priority, to one that shares a group priority', (guest: Guest) => guest.setPriority(32, 0x88)],
    ['the binary point', (guest: Guest) => guest.msr('ICC_BPR1_EL1', 7)],
  ])('with EOImode 0 ICC_EOIR1_EL1 deactivates though %s has changed since the acknowledge', (_what, change) => {
    const guest = pendingAt([0x98]);
    expect(guest.acknowledge()).toBe(32);
    change(guest);
    guest.end(32);
    expect([guest.bit('ISACTIVER', 32), guest.mrs('ICC_RPR_EL1')]).toEqual([0, 0xff]);
  });

  it('with EOImode 0 ICC_EOIR1_EL1 deactivates an interrupt whose group has changed since the acknowledge', () => {
    const guest = pendingAt([0x80]);
    expect(guest.acknowledge()).toBe(32);
    guest.setGroup(32, 0);
    guest.end(32);
    expect([guest.bit('ISACTIVER', 32), guest.mrs('ICC_RPR_EL1')]).toEqual([0, 0xff]);
  });

  it.each([
    ['its priority', (guest: Guest) => guest.setPriority(32, 0x20)],
    ['its group', (guest: Guest) => guest.setGroup(32, 0)],
    ['the binary point', (guest: Guest) => guest.msr('ICC_BPR1_EL1', 7)],
  ])('KVM 6.12 leaves it active where %s has changed since the acknowledge', (_what, change) => {
    const guest = pendingAt([0x98], { kvm: '6.12' });
    expect(guest.acknowledge()).toBe(32);
    change(guest);
    guest.end(32);
    expect([guest.bit('ISACTIVER', 32), guest.mrs('ICC_RPR_EL1')]).toEqual([1, 0xff]);
  });

  const NO_END: readonly (readonly [string, (guest: Guest) => void])[] = [
    ['of INTID 1020', (guest) => guest.end(1020)],
    ['of INTID 1023', (guest) => guest.end(1023)],
    ['by the register of the other group', (guest) => guest.msr('ICC_EOIR0_EL1', 32)],
  ];

  it.each(NO_END)('an end of interrupt %s is ignored', (_what, end) => {
    const guest = pendingAt([0x80]);
    expect(guest.acknowledge()).toBe(32);
    end(guest);
    expect([guest.bit('ISACTIVER', 32), guest.mrs('ICC_RPR_EL1')]).toEqual([1, 0x80]);
    guest.end(32);
    expect([guest.bit('ISACTIVER', 32), guest.mrs('ICC_RPR_EL1')]).toEqual([0, 0xff]);
  });

  it.each(NO_END)('an end of interrupt %s drops a priority in KVM 6.12', (_what, end) => {
    const guest = pendingAt([0x80], { kvm: '6.12' });
    expect(guest.acknowledge()).toBe(32);
    end(guest);
    expect([guest.bit('ISACTIVER', 32), guest.mrs('ICC_RPR_EL1')]).toEqual([1, 0xff]);
  });

  it('an end of interrupt without an active priority is ignored: what is active by ISACTIVER stays so', () => {
    const guest = Guest.ready();
    guest.spi(32);
    guest.mark('ISACTIVER', 32);
    guest.enter();
    guest.end(32);
    expect(guest.bit('ISACTIVER', 32)).toBe(1);
  });

  it.each([0, 8, 31])(
    'an end of interrupt of another INTID drops the priority, and deactivates that one: SPI %i',
    (n) => {
      const guest = pendingAt([0x80]);
      expect(guest.acknowledge()).toBe(32);
      const other = 64 + n;
      guest.spi(other, { edge: true });
      guest.mark('ISACTIVER', other);
      guest.end(other);
      expect([guest.mrs('ICC_RPR_EL1'), guest.bit('ISACTIVER', other), guest.bit('ISACTIVER', 32)]).toEqual([
        0xff, 0, 1,
      ]);
    },
  );

  it('an end of an LPI number that is in no list register is not counted', () => {
    const guest = pendingAt([0x80], { kvm: '6.12' });
    guest.end(8192);
    guest.end(0xffffff);
    expect(guest.gic.cpuInterface(0).hcr >>> HCR_EOICOUNT_SHIFT).toBe(0);
  });
});

describe('CPU interface: groups', () => {
  function bothGroups(): Guest {
    const guest = Guest.ready();
    guest.msr('ICC_IGRPEN0_EL1', 1);
    guest.setGroup(32, 0);
    for (const [intid, priority] of [
      [32, 0x40],
      [33, 0x80],
    ]) {
      guest.spi(intid, { edge: true, priority });
      guest.gic.setLine(intid, true);
    }
    return guest.enter();
  }

  it('a group 0 interrupt is a FIQ, a group 1 interrupt an IRQ', () => {
    const guest = bothGroups();
    expect([guest.gic.fiqAsserted(0), guest.gic.irqAsserted(0)]).toEqual([true, false]);
    expect(guest.mrs('ICC_IAR0_EL1')).toBe(32);
    guest.msr('ICC_EOIR0_EL1', 32);
    expect([guest.gic.fiqAsserted(0), guest.gic.irqAsserted(0)]).toEqual([false, true]);
  });

  it.each([
    ['ICC_IGRPEN0_EL1', 33],
    ['ICC_IGRPEN1_EL1', 32],
  ] as const)('without %s the interrupts of that group are not signalled, those of the other are', (name, other) => {
    const guest = bothGroups();
    guest.msr(name, 0);
    expect(guest.mrs(name)).toBe(0);
    expect([guest.mrs('ICC_IAR0_EL1'), guest.mrs('ICC_IAR1_EL1')].filter((intid) => intid !== SPURIOUS)).toEqual([
      other,
    ]);
  });

  it('active priorities of group 0 are in ICC_AP0R0_EL1; either group’s hold back the other', () => {
    const guest = bothGroups();
    expect(guest.mrs('ICC_IAR0_EL1')).toBe(32);
    expect([guest.mrs('ICC_AP0R0_EL1'), guest.mrs('ICC_AP1R0_EL1')]).toEqual([1 << 8, 0]);
    expect(guest.mrs('ICC_IAR1_EL1')).toBe(SPURIOUS);
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0x40);
  });

  it('group 0’s binary point counts from one bit lower than group 1’s', () => {
    const guest = Guest.ready();
    guest.msr('ICC_IGRPEN0_EL1', 1);
    guest.msr('ICC_BPR0_EL1', 3);
    for (const intid of [32, 33, 34]) guest.setGroup(intid, 0);
    raise(guest, 32, 0x98);
    expect(guest.mrs('ICC_IAR0_EL1')).toBe(32);
    raise(guest, 33, 0x90);
    expect(guest.mrs('ICC_IAR0_EL1')).toBe(SPURIOUS);
    raise(guest, 34, 0x88);
    expect(guest.mrs('ICC_IAR0_EL1')).toBe(34);
  });
});

describe('CPU interface: identification and undefined accesses', () => {
  it.each([
    [{}, 0x8400],
    [{ priorityBits: 7, idBits: 1, seis: true, affinity3: false }, (6 << 8) | (1 << 11)],
    // a host's SEIS, which no guest has anything of
    [{ seis: true, kvm: '6.12' as const }, 0x8400 | (1 << 14)],
    [{ priorityBits: 8 }, 0x8700],
  ])('ICC_CTLR_EL1 tells what the hardware has: %j', (config, value) => {
    expect(new Guest(config).mrs('ICC_CTLR_EL1')).toBe(value);
  });

  it.each([
    [5, 1],
    [6, 2],
    [7, 4],
    [8, 4],
  ])(
    'with %i bits of priority there are %i active priority registers of each group, the others are UNDEFINED',
    (priorityBits, words) => {
      const names = [0, 1, 2, 3].flatMap((word) => [`ICC_AP0R${word}_EL1`, `ICC_AP1R${word}_EL1`] as const);
      const there = (config: Partial<GicConfig>) => {
        const guest = new Guest({ priorityBits, ...config }).enter();
        return names.map(
          (name) =>
            guest.mrs(name as SystemRegisterName) !== -1 &&
            guest.gic.writeSystemRegister(0, SYSTEM_REGISTERS[name as SystemRegisterName], 0, 0),
        );
      };
      expect(there({})).toEqual(names.map((_, n) => n >> 1 < words));
      expect(there({ kvm: '6.12' })).toEqual(names.map(() => true));
    },
  );

  it('ICC_CTLR_EL1 keeps CBPR and EOImode of what is written', () => {
    const guest = new Guest();
    guest.msr('ICC_CTLR_EL1', 0xffffffff);
    expect(guest.mrs('ICC_CTLR_EL1')).toBe(0x8403);
    guest.msr('ICC_CTLR_EL1', 0);
    expect(guest.mrs('ICC_CTLR_EL1')).toBe(0x8400);
  });

  it('ICC_SRE_EL1 is 7 and cannot be changed: the system registers are the only interface', () => {
    const guest = new Guest();
    guest.msr('ICC_SRE_EL1', 0);
    expect(guest.mrs('ICC_SRE_EL1')).toBe(7);
  });

  it.each([
    'ICC_EOIR1_EL1',
    'ICC_EOIR0_EL1',
    'ICC_DIR_EL1',
    'ICC_SGI1R_EL1',
    'ICC_SGI0R_EL1',
    'ICC_ASGI1R_EL1',
  ] as const)('%s is write-only: reading it is UNDEFINED', (name) => {
    expect(new Guest().mrs(name)).toBe(-1);
    expect(new Guest().enter().mrs(name)).toBe(-1);
  });

  it('an encoding that is no register of the interface is UNDEFINED, and so is every one for a GICv2', () => {
    const { gic } = new Guest();
    expect([gic.readSystemRegister(0, 0), gic.writeSystemRegister(0, 0, 0, 0)]).toEqual([-1, false]);
    const v2 = new Guest({ version: 2 });
    expect(v2.mrs('ICC_PMR_EL1')).toBe(-1);
    expect(v2.gic.writeSystemRegister(0, 0xc230, 0, 0)).toBe(false);
  });

  it('the interface’s registers keep their values over exit and entry', () => {
    const guest = new Guest().enter();
    guest.msr('ICC_PMR_EL1', 0x88);
    guest.msr('ICC_BPR1_EL1', 5);
    guest.msr('ICC_CTLR_EL1', 2);
    guest.msr('ICC_IGRPEN1_EL1', 1);
    guest.exit();
    const names = ['ICC_PMR_EL1', 'ICC_BPR1_EL1', 'ICC_CTLR_EL1', 'ICC_IGRPEN1_EL1'] as const;
    expect(names.map((name) => guest.mrs(name))).toEqual([0x88, 5, 0x8402, 1]);
  });
});
