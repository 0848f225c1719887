import { describe, expect, it } from 'vitest';
import { HCR_EOICOUNT_SHIFT } from '../src/architecture/virtual-interface.js';
import { ARCHITECTURE, GICV_BASE, Guest, SPURIOUS } from './guest.js';

/** GICv2's virtual CPU interface. Source: IHI 0048, 4.4 "CPU interface register descriptions", 5.5 "GICV". */

const OTHER_GROUP = 1022;
const ready = (config = {}) => Guest.ready({ version: 2, vcpus: 2, ...config });

function raise(guest: Guest, intid: number, priority = 0x80, group: 0 | 1 = 0): void {
  guest.setGroup(intid, group);
  guest.spi(intid, { edge: true, priority });
  guest.gic.setLine(intid, true);
  guest.enter();
}

describe('GICV: registers', () => {
  it.each([
    ['CTLR', 0xffffffff, 0x21f],
    ['PMR', 0xffffffff, 0xf8],
    ['BPR', 0xffffffff, 7],
    ['BPR', 0, 2],
    ['ABPR', 0xffffffff, 7],
    ['ABPR', 0, 3],
    ['APR', 0x12345678, 0x12345678],
    ['IIDR', 0xffffffff, 0x0202143b],
    ['RPR', 0, 0xff],
    ['EOIR', 0xfffffff0, 0],
    ['AEOIR', 0xfffffff0, 0],
    ['DIR', 0xfffffff0, 0],
  ] as const)('GICV_%s written %i reads %i', (name, written, read) => {
    const guest = new Guest({ version: 2 });
    guest.gicvStore(name, written);
    expect(guest.gicvLoad(name)).toBe(read);
  });

  it('offsets that are no register, other widths and unaligned accesses are RAZ/WI', () => {
    const { gic } = ready();
    for (let offset = 0x2c; offset < 0xd0; offset += 4) expect(gic.read(0, GICV_BASE + offset, 4)).toBe(0);
    gic.write(0, GICV_BASE + 4, 1, 0, 0);
    gic.write(0, GICV_BASE + 6, 4, 0, 0);
    gic.write(0, GICV_BASE + 0, 8, 0, 0);
    expect([gic.read(0, GICV_BASE + 4, 4), gic.read(0, GICV_BASE, 4)]).toEqual([0xf8, 1]);
    expect([gic.read(0, GICV_BASE + 4, 1), gic.read(0, GICV_BASE + 4, 8), gic.read(0, GICV_BASE + 5, 4)]).toEqual([
      0, 0, 0,
    ]);
  });

  it('the interface is banked: each vCPU has its own', () => {
    const guest = ready();
    guest.gicvStore('PMR', 0x50, 1);
    expect([guest.gicvLoad('PMR', 0), guest.gicvLoad('PMR', 1)]).toEqual([0xf8, 0x50]);
  });

  it('its registers keep their values over exit and entry', () => {
    const guest = ready();
    guest.gicvStore('BPR', 4);
    guest.gicvStore('APR', 0x100);
    guest.enter().exit();
    expect([guest.gicvLoad('BPR'), guest.gicvLoad('APR')]).toEqual([4, 0x100]);
  });
});

describe('GICV: acknowledge, end of interrupt, deactivation', () => {
  it('GICV_IAR returns 1023 when nothing is pending', () => {
    expect(ready().enter().acknowledge()).toBe(SPURIOUS);
  });

  it('GICV_IAR returns the highest priority first and its sender for an SGI', () => {
    const guest = ready();
    guest.setPriority(3, 0x40);
    guest.sendSgi(3, [0], 1);
    raise(guest, 40, 0x80);
    expect(guest.gicvLoad('HPPIR')).toBe(3 | (1 << 10));
    expect(guest.acknowledge()).toBe(3 | (1 << 10));
    expect(guest.gicvLoad('RPR')).toBe(0x40);
    expect(guest.acknowledge()).toBe(SPURIOUS);
    guest.end(3 | (1 << 10));
    expect(guest.acknowledge()).toBe(40);
  });

  it.each([
    ['deactivates it: the SGI is active, not a sender’s', ARCHITECTURE, 0],
    ['does not deactivate it in KVM 6.12, whose list register does not match', '6.12', 1],
  ] as const)('an end of interrupt with another sender than the active SGI’s %s', (_what, kvm, active) => {
    const guest = ready({ kvm });
    guest.sendSgi(3, [0], 1);
    guest.enter();
    expect(guest.acknowledge()).toBe(3 | (1 << 10));
    guest.end(3);
    guest.exit();
    expect(guest.bit('ISACTIVER', 3)).toBe(active);
  });

  it('with GICV_CTLR.EOImode GICV_EOIR drops the priority and GICV_DIR deactivates', () => {
    const guest = ready();
    guest.setEoiMode(true);
    raise(guest, 40);
    expect(guest.acknowledge()).toBe(40);
    guest.end(40);
    expect([guest.gicvLoad('RPR'), guest.bit('ISACTIVER', 40)]).toEqual([0xff, 1]);
    guest.deactivate(40);
    expect(guest.bit('ISACTIVER', 40)).toBe(0);
  });

  it('without GICV_CTLR.EOImode GICV_DIR is ignored', () => {
    const guest = ready();
    raise(guest, 40);
    guest.acknowledge();
    guest.deactivate(40);
    expect(guest.bit('ISACTIVER', 40)).toBe(1);
  });

  it.each([1020, 1021, 1022, 1023])('an end of interrupt for the special INTID %i is ignored', (intid) => {
    const guest = ready();
    raise(guest, 40, 0x80);
    guest.acknowledge();
    guest.end(intid);
    expect(guest.gicvLoad('RPR')).toBe(0x80);
  });

  it.each([
    ['EOIR', 1],
    ['DIR', 0x201],
  ] as const)(
    'GICV_%s of an INTID that is in no list register is counted in GICH_HCR.EOICount, unless it traps',
    (name, control) => {
      for (const [kvm, count] of [
        [['endsOutsideForgotten'], 1],
        [ARCHITECTURE, 0],
      ] as const) {
        const guest = ready({ kvm, listRegisters: 1 });
        raise(guest, 40);
        guest.mark('ISACTIVER', 77);
        guest.gicvStore('CTLR', control);
        guest.gicvStore('APR', 0xffffffff);
        guest.gicvStore(name, 77);
        expect([guest.gic.cpuInterface(0).hcr >>> HCR_EOICOUNT_SHIFT, guest.bit('ISACTIVER', 77)]).toEqual([
          count,
          count,
        ]);
      }
    },
  );

  it('GICV_EOIR deactivates though the priority has changed since the acknowledge', () => {
    for (const kvm of [ARCHITECTURE, '6.12'] as const) {
      const guest = ready({ kvm });
      raise(guest, 40, 0x80);
      expect(guest.acknowledge()).toBe(40);
      guest.setPriority(40, 0x20);
      guest.end(40);
      expect([guest.bit('ISACTIVER', 40), guest.gicvLoad('RPR')]).toEqual([0, 0xff]);
    }
  });

  it('GICV_EOIR without an active priority is ignored: what is active by ISACTIVER stays so', () => {
    const guest = ready();
    guest.spi(40);
    guest.mark('ISACTIVER', 40);
    guest.enter();
    guest.end(40);
    expect(guest.bit('ISACTIVER', 40)).toBe(1);
  });

  it.each([
    [0x88, 40],
    [0x80, SPURIOUS],
    [0x00, SPURIOUS],
  ])('GICV_PMR = %i: GICV_IAR of a pending interrupt of priority 0x80 is %i', (mask, iar) => {
    const guest = ready();
    guest.gicvStore('PMR', mask);
    raise(guest, 40, 0x80);
    expect(guest.acknowledge()).toBe(iar);
  });

  it.each([
    [2, 0x80, 0x78, true],
    [3, 0x98, 0x90, false],
    [3, 0x98, 0x88, true],
    [6, 0x98, 0x80, false],
    [6, 0x98, 0x78, true],
    [7, 0x98, 0x00, false],
  ])('GICV_BPR = %i: active %i is preempted by %i: %s', (point, active, pending, preempts) => {
    const guest = ready();
    guest.gicvStore('BPR', point);
    raise(guest, 40, active);
    expect(guest.acknowledge()).toBe(40);
    raise(guest, 41, pending);
    expect(guest.acknowledge()).toBe(preempts ? 41 : SPURIOUS);
  });
});

describe('GICV: groups', () => {
  it('GICV_IAR answers 1022 for a group 1 interrupt; GICV_AIAR takes it', () => {
    const guest = ready();
    guest.gicvStore('CTLR', 0b11);
    raise(guest, 40, 0x80, 1);
    expect([guest.gicvLoad('HPPIR'), guest.gicvLoad('IAR'), guest.gicvLoad('AHPPIR')]).toEqual([
      OTHER_GROUP,
      OTHER_GROUP,
      40,
    ]);
    expect(guest.gicvLoad('AIAR')).toBe(40);
    guest.gicvStore('AEOIR', 40);
    expect(guest.bit('ISACTIVER', 40)).toBe(0);
  });

  it('with GICV_CTLR.AckCtl GICV_IAR takes a group 1 interrupt too', () => {
    const guest = ready();
    guest.gicvStore('CTLR', 0b111);
    raise(guest, 40, 0x80, 1);
    expect(guest.gicvLoad('IAR')).toBe(40);
  });

  it('GICV_AIAR does not take a group 0 interrupt', () => {
    const guest = ready();
    guest.gicvStore('CTLR', 0b11);
    raise(guest, 40, 0x80, 0);
    expect([guest.gicvLoad('AIAR'), guest.gicvLoad('AHPPIR')]).toEqual([SPURIOUS, SPURIOUS]);
    expect(guest.gicvLoad('IAR')).toBe(40);
  });

  it.each([
    [0b01, 1, SPURIOUS],
    [0b10, 0, SPURIOUS],
    [0b01, 0, 40],
  ] as const)('with the group enables %i an interrupt of group %i is acknowledged as %i', (enables, group, iar) => {
    const guest = ready();
    guest.gicvStore('CTLR', enables);
    raise(guest, 40, 0x80, group);
    expect(guest.gicvLoad('IAR')).toBe(iar);
  });

  it.each([
    [0, 0b0011, 'IRQ'],
    [0, 0b1011, 'FIQ'],
    [1, 0b1011, 'IRQ'],
  ] as const)('a group %i interrupt with GICV_CTLR %i is signalled as %s', (group, control, signal) => {
    const guest = ready();
    guest.gicvStore('CTLR', control);
    raise(guest, 40, 0x80, group);
    expect([guest.gic.irqAsserted(0), guest.gic.fiqAsserted(0)]).toEqual([signal === 'IRQ', signal === 'FIQ']);
  });
});

describe('GICV: a GICv2 guest on a GICv3 host', () => {
  it('behaves as on a GICv2 host', () => {
    for (const hostVersion of [2, 3] as const) {
      const guest = ready({ hostVersion, listRegisters: 2 });
      for (const from of [0, 1]) guest.sendSgi(1, [0], from);
      for (const intid of [40, 41, 42]) raise(guest, intid);
      expect(guest.serve().sort((a, b) => a - b)).toEqual([1, 40, 41, 42, 1 | (1 << 10)]);
    }
  });
});
