import { describe, expect, it } from 'vitest';
import {
  HCR_EN,
  HCR_LRENPIE,
  HCR_NPIE,
  HCR_UIE,
  HCR_VGRP0DIE,
  HCR_VGRP0EIE,
  HCR_VGRP1DIE,
  HCR_VGRP1EIE,
  LR_ACTIVE,
  LR_EOI,
  LR_GROUP,
  LR_HW,
  LR_PENDING,
  LR_STATE,
  MISR_EOI,
  MISR_LRENP,
  MISR_NP,
  MISR_U,
  MISR_VGRP0D,
  MISR_VGRP0E,
  MISR_VGRP1D,
  MISR_VGRP1E,
  VMCR_ENG0,
  VMCR_ENG1,
} from '../src/architecture/virtual-interface.js';
import { CpuInterface, type GicConfig } from '../src/index.js';
import { ARCHITECTURE, Guest, SPURIOUS } from './guest.js';

/** IHI 0069, 12.4 "virtualization control system registers"; KVM's entry and exit. */

const intidsOf = (guest: Guest, vcpu = 0) => guest.listRegisters(vcpu).map(({ low }) => low & 0x3ff);

function pendingEdges(guest: Guest, list: readonly (readonly [intid: number, priority: number])[]): void {
  for (const [intid, priority] of list) {
    guest.spi(intid, { edge: true, priority });
    guest.gic.setLine(intid, true);
  }
}

describe('list registers: guest entry', () => {
  it('what fits goes in in the order in which it became pending; the hardware picks by priority', () => {
    const guest = Guest.ready({ listRegisters: 4 });
    pendingEdges(guest, [
      [40, 0xa0],
      [34, 0x20],
      [36, 0x60],
    ]);
    guest.enter();
    expect(intidsOf(guest)).toEqual([40, 34, 36]);
    expect(guest.acknowledge()).toBe(34);
  });

  /** One active SPI, and four pending ones of other priorities. */
  function oneActiveFourPending(config: Partial<GicConfig>): Guest {
    const guest = Guest.ready(config);
    pendingEdges(guest, [[32, 0xc0]]);
    guest.enter();
    expect(guest.acknowledge()).toBe(32);
    pendingEdges(guest, [
      [33, 0xa0],
      [34, 0x80],
      [35, 0xa0],
      [36, 0x40],
    ]);
    return guest.enter();
  }

  it.each([
    [1, [36]],
    [2, [36, 34]],
    [3, [36, 34, 33]],
    [5, [32, 33, 34, 35, 36]],
  ])(
    'of four pending and one active %i go in, pending ones first by priority, unless all fit',
    (listRegisters, held) => {
      expect(intidsOf(oneActiveFourPending({ listRegisters }))).toEqual(held);
    },
  );

  it('when not all fits, KVM 6.12 puts active interrupts in first, then pending ones by priority', () => {
    expect(intidsOf(oneActiveFourPending({ listRegisters: 3, kvm: '6.12' }))).toEqual([32, 36, 34]);
  });

  it.each([0, 1] as const)(
    'what is pending of group %i, which the CPU interface has disabled, goes in last',
    (group) => {
      const guest = Guest.ready({ listRegisters: 2 });
      guest.msr(`ICC_IGRPEN${group}_EL1`, 0);
      guest.msr(`ICC_IGRPEN${group === 0 ? 1 : 0}_EL1`, 1);
      for (const intid of [40, 41, 42]) guest.setGroup(intid, group);
      guest.setGroup(43, group === 0 ? 1 : 0);
      pendingEdges(guest, [
        [40, 0x20],
        [41, 0x40],
        [42, 0x60],
        [43, 0xa0],
      ]);
      guest.enter();
      expect(intidsOf(guest)).toEqual([43, 40]);
      expect(group === 0 ? guest.gic.irqAsserted(0) : guest.gic.fiqAsserted(0)).toBe(true);
    },
  );

  function threeOfOnePriority(config: Partial<GicConfig>): Guest {
    const guest = Guest.ready({ listRegisters: 2, ...config });
    pendingEdges(guest, [
      [50, 0xa0],
      [40, 0xa0],
      [45, 0xa0],
    ]);
    return guest.enter();
  }

  it('of equal priorities the lowest INTID goes in first', () => {
    expect(intidsOf(threeOfOnePriority({}))).toEqual([40, 45]);
  });

  it('of equal priorities KVM 6.12 puts in first the one that became pending first', () => {
    expect(intidsOf(threeOfOnePriority({ kvm: '6.12' }))).toEqual([50, 40]);
  });

  it.each([2, 3] as const)(
    'of equal priorities the lowest INTID is acknowledged first, in whatever list register (GICv%i)',
    (version) => {
      const order = (config: Partial<GicConfig>) =>
        threeOfOnePriority({ version, listRegisters: 4, ...config }).serve();
      expect(order({})).toEqual([40, 45, 50]);
      expect(order({ kvm: '6.12' })).toEqual([50, 40, 45]);
    },
  );

  it('an interrupt in a list register has its INTID, priority, group and state', () => {
    const guest = Guest.ready();
    pendingEdges(guest, [[40, 0x48]]);
    guest.enter();
    expect(guest.listRegisters()).toEqual([{ low: 40, high: LR_PENDING | LR_GROUP | (0x48 << 16) }]);
    guest.acknowledge();
    expect(guest.listRegisters()).toEqual([{ low: 40, high: (LR_ACTIVE | LR_GROUP | (0x48 << 16)) >>> 0 }]);
  });

  it('a level-sensitive interrupt asks for a maintenance interrupt at its end, an edge-triggered one does not', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.spi(41, { edge: true });
    guest.gic.setLine(40, true);
    guest.gic.setLine(41, true);
    guest.enter();
    expect(guest.listRegisters().map(({ high }) => (high & LR_EOI) !== 0)).toEqual([true, false]);
  });

  it('an edge that went into a list register has left the latch, a level’s latch stays until its end', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.gic.irqs.isPending(guest.gic.irqs.indexOf(0, 40))).toBe(false);
    guest.exit();
    expect(guest.bit('ISPENDR', 40)).toBe(1);

    guest.spi(41);
    guest.mark('ISPENDR', 41);
    guest.enter();
    expect(guest.gic.irqs.isPending(guest.gic.irqs.indexOf(0, 41))).toBe(true);
    expect(guest.serve().sort()).toEqual([40, 41]);
    expect(guest.bit('ISPENDR', 41)).toBe(0);
  });

  it('nothing pending: no list register is used', () => {
    const guest = Guest.ready().enter();
    expect(guest.listRegisters()).toEqual([]);
    expect(guest.gic.irqAsserted(0)).toBe(false);
  });

  it('a second entry without exit leaves and enters again: nothing is twice', () => {
    const guest = Guest.ready();
    pendingEdges(guest, [[40, 0xa0]]);
    guest.enter().enter();
    expect(intidsOf(guest)).toEqual([40]);
  });
});

describe('list registers: guest exit', () => {
  it('empties them, and an exit of a vCPU that is outside changes nothing', () => {
    const guest = Guest.ready();
    pendingEdges(guest, [[40, 0xa0]]);
    guest.enter().exit();
    expect(guest.listRegisters()).toEqual([]);
    guest.exit();
    expect(guest.bit('ISPENDR', 40)).toBe(1);
    expect(guest.serve()).toEqual([40]);
  });

  it('an interrupt that was not taken is pending again', () => {
    const guest = Guest.ready();
    pendingEdges(guest, [
      [40, 0xa0],
      [41, 0x20],
    ]);
    guest.enter();
    expect(guest.acknowledge()).toBe(41);
    guest.exit();
    expect([guest.bit('ISPENDR', 40), guest.bit('ISACTIVER', 40)]).toEqual([1, 0]);
    expect([guest.bit('ISPENDR', 41), guest.bit('ISACTIVER', 41)]).toEqual([0, 1]);
  });

  it('an active interrupt stays with its vCPU, and is ended there after any number of exits', () => {
    const guest = Guest.ready({ vcpus: 2 });
    pendingEdges(guest, [[40, 0xa0]]);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    guest.route(40, 1);
    for (let n = 0; n < 3; n++) guest.exit().enter();
    guest.enter(1);
    expect([intidsOf(guest, 0), intidsOf(guest, 1)]).toEqual([[40], []]);
    guest.end(40);
    guest.exit();
    expect(guest.bit('ISACTIVER', 40)).toBe(0);
  });
});

describe('list registers: level-sensitive interrupts', () => {
  it('one whose line is still high at its end is taken again, one whose line is low is not', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    let rounds = 0;
    const taken = guest.serve(0, () => {
      if (++rounds === 3) guest.gic.setLine(40, false);
    });
    expect(taken).toEqual([40, 40, 40]);
  });

  it('its end asserts a maintenance interrupt until the vCPU has left the guest', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.enter();
    guest.acknowledge();
    expect(guest.gic.maintenanceAsserted(0)).toBe(false);
    guest.end(40);
    expect(guest.gic.maintenanceAsserted(0)).toBe(true);
    guest.gic.setLine(40, false);
    guest.exit();
    expect(guest.gic.maintenanceAsserted(0)).toBe(false);
    guest.enter();
    expect(guest.gic.maintenanceAsserted(0)).toBe(false);
  });

  function activeWithItsLineHigh(config: Partial<GicConfig> = {}): Guest {
    const guest = Guest.ready(config);
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.enter();
    guest.acknowledge();
    return guest.enter();
  }

  it('whose line is high while it is active is taken anew after its end, and not before', () => {
    const guest = activeWithItsLineHigh();
    expect(guest.acknowledge()).toBe(SPURIOUS);
    guest.end(40);
    if (guest.gic.maintenanceAsserted(0)) guest.enter();
    expect(guest.acknowledge()).toBe(40);
  });

  it('whose line falls while it is active is not taken anew', () => {
    const guest = activeWithItsLineHigh();
    guest.gic.setLine(40, false);
    expect(guest.listRegisters().map(({ high }) => (high & LR_STATE) >>> 0)).toEqual([LR_ACTIVE]);
    guest.end(40);
    expect(guest.acknowledge()).toBe(SPURIOUS);
    expect(guest.serve()).toEqual([]);
  });

  it('is never pending and active in a list register of KVM 6.12', () => {
    const guest = activeWithItsLineHigh({ kvm: '6.12' });
    expect(guest.listRegisters().map(({ high }) => (high & LR_STATE) >>> 0)).toEqual([LR_ACTIVE]);
    expect(guest.acknowledge()).toBe(SPURIOUS);
  });

  /** ISPENDR, then the acknowledge, then ISPENDR again; how often it is taken in all. */
  function timesTaken(config: Partial<GicConfig>): number {
    const guest = Guest.ready(config);
    guest.spi(40);
    guest.mark('ISPENDR', 40);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    expect(guest.bit('ISPENDR', 40)).toBe(config.kvm === '6.12' ? 1 : 0);
    guest.mark('ISPENDR', 40);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
    guest.end(40);
    return 1 + guest.serve().length;
  }

  it('which ISPENDR has made pending is so until its acknowledge, and again when it is set meanwhile', () => {
    expect(timesTaken({})).toBe(2);
  });

  it('which ISPENDR has made pending is so until its end in KVM 6.12, and no second time', () => {
    expect(timesTaken({ kvm: '6.12' })).toBe(1);
  });

  it('a line that fell while the interrupt was queued leaves nothing to take', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.gic.setLine(40, false);
    expect(guest.serve()).toEqual([]);
  });

  it('a line that falls while the interrupt is pending in a list register pulls it out: it is not taken', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.enter();
    guest.gic.setLine(40, false);
    expect([guest.gic.irqAsserted(0), guest.acknowledge()]).toEqual([false, SPURIOUS]);
    expect(guest.serve()).toEqual([]);
  });

  it('a line that fell while the interrupt was pending in a list register is taken once in KVM 6.12, not again', () => {
    const guest = Guest.ready({ kvm: '6.12' });
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.enter();
    guest.gic.setLine(40, false);
    expect(guest.acknowledge()).toBe(40);
    guest.end(40);
    expect(guest.serve()).toEqual([]);
  });

  it('the latch and the line are apart: the fall of the line leaves what software has made pending', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.mark('ISPENDR', 40);
    guest.gic.setLine(40, false);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
    expect(guest.serve()).toEqual([40]);
  });

  it('the end of an SPI tells its resampler, that of an edge or a PPI does not', () => {
    const guest = Guest.ready();
    const resampled: number[] = [];
    guest.gic.events.on('resample', (intid) => {
      resampled.push(intid);
      guest.gic.setLine(intid, false);
    });
    guest.spi(40);
    guest.spi(41, { edge: true });
    guest.enable(27);
    for (const intid of [40, 41, 27]) guest.gic.setLine(intid, true);
    guest.serve(0, (intid) => {
      if (intid === 27) guest.gic.setLine(27, false);
    });
    expect(resampled).toEqual([40]);
  });
});

describe('list registers: edge-triggered interrupts', () => {
  it('an edge while the interrupt is active makes it pending and active, and it is taken exactly twice', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.listRegisters().map(({ high }) => (high & LR_STATE) >>> 0)).toEqual([LR_STATE]);
    expect(guest.acknowledge()).toBe(SPURIOUS);
    guest.end(40);
    expect(guest.acknowledge()).toBe(40);
    guest.end(40);
    expect(guest.serve()).toEqual([]);
  });

  it('an edge while the interrupt is pending in a list register is the same interrupt until the next exit', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.enter();
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.serve()).toEqual([40]);
  });

  it('an edge between acknowledge and exit is not lost in the fold', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.enter();
    guest.acknowledge();
    guest.gic.setLine(40, true);
    guest.end(40);
    guest.exit();
    expect(guest.bit('ISPENDR', 40)).toBe(1);
    expect(guest.serve()).toEqual([40]);
  });
});

describe('list registers: more interrupts than list registers', () => {
  it.each([1, 2, 4, 16])(
    'with %i list registers 40 pending interrupts are taken in order of priority, each once',
    (n) => {
      const guest = Guest.ready({ listRegisters: n, interrupts: 128 });
      const priorities = Array.from({ length: 40 }, (_, k) => ((k * 7) % 31) * 8);
      pendingEdges(
        guest,
        priorities.map((priority, k) => [32 + k, priority] as const),
      );
      const taken = guest.serve();
      expect(taken.length).toBe(40);
      expect(new Set(taken).size).toBe(40);
      const order = taken.map((intid) => priorities[intid - 32]);
      expect(order).toEqual([...priorities].sort((a, b) => a - b));
    },
  );

  it('no pending one left asks for a maintenance interrupt while the guest could take one that did not fit', () => {
    const guest = Guest.ready({ listRegisters: 4 });
    pendingEdges(
      guest,
      [32, 33, 34, 35, 36].map((intid) => [intid, 0xa0] as const),
    );
    guest.enter();
    expect(guest.gic.cpuInterface(0).hcr & (HCR_NPIE | HCR_UIE)).toBe(HCR_NPIE);
    const asserted: boolean[] = [];
    const taken: number[] = [];
    for (let n = 0; n < 4; n++) {
      asserted.push(guest.gic.maintenanceAsserted(0));
      taken.push(guest.acknowledge());
      if (n < 3) guest.end(taken[n]);
    }
    // the last one is active still: none that could be taken is pending
    asserted.push(guest.gic.maintenanceAsserted(0));
    expect(asserted).toEqual([false, false, false, false, true]);
    guest.enter();
    expect([intidsOf(guest), guest.gic.maintenanceAsserted(0)]).toEqual([[35, 36], false]);
    guest.end(35);
    expect(guest.acknowledge()).toBe(36);
  });

  it('is asked for anew at each entry', () => {
    const guest = Guest.ready({ listRegisters: 1 });
    pendingEdges(
      guest,
      [32, 33, 34].map((intid) => [intid, 0xa0] as const),
    );
    const asked: number[] = [];
    for (let n = 0; n < 3; n++) {
      guest.enter();
      asked.push(guest.gic.cpuInterface(0).hcr & HCR_NPIE);
      guest.end(guest.acknowledge());
    }
    expect(asked).toEqual([HCR_NPIE, HCR_NPIE, 0]);
  });

  it.each([0, 1] as const)(
    'a pending one of a disabled group that did not fit comes in as soon as the guest enables group %i',
    (group) => {
      const guest = Guest.ready({ listRegisters: 1 });
      const other = group === 0 ? 1 : 0;
      guest.msr(`ICC_IGRPEN${group}_EL1`, 0);
      guest.msr(`ICC_IGRPEN${other}_EL1`, 1);
      guest.setGroup(40, group);
      guest.setGroup(41, other);
      pendingEdges(guest, [
        [40, 0x20],
        [41, 0xa0],
      ]);
      guest.enter();
      expect([intidsOf(guest), guest.gic.maintenanceAsserted(0)]).toEqual([[41], false]);
      guest.msr(`ICC_IGRPEN${group}_EL1`, 1);
      expect(guest.gic.maintenanceAsserted(0)).toBe(true);
      guest.enter();
      expect(guest.mrs(`ICC_IAR${group}_EL1`)).toBe(40);
    },
  );

  it('underflow asks for a maintenance interrupt of KVM 6.12 when at most one list register is left', () => {
    const guest = Guest.ready({ listRegisters: 4, kvm: '6.12' });
    pendingEdges(
      guest,
      [32, 33, 34, 35, 36].map((intid) => [intid, 0xa0] as const),
    );
    guest.enter();
    expect(guest.gic.cpuInterface(0).hcr & HCR_UIE).toBe(HCR_UIE);
    const asserted: boolean[] = [];
    for (let n = 0; n < 3; n++) {
      asserted.push(guest.gic.maintenanceAsserted(0));
      guest.end(guest.acknowledge());
    }
    asserted.push(guest.gic.maintenanceAsserted(0));
    expect(asserted).toEqual([false, false, false, true]);
  });

  it('without more interrupts than list registers there is no underflow', () => {
    const guest = Guest.ready({ listRegisters: 4 });
    pendingEdges(
      guest,
      [32, 33, 34, 35].map((intid) => [intid, 0xa0] as const),
    );
    guest.enter();
    for (let n = 0; n < 4; n++) guest.end(guest.acknowledge());
    expect(guest.gic.maintenanceAsserted(0)).toBe(false);
    expect(guest.gic.cpuInterface(0).hcr & HCR_UIE).toBe(0);
  });

  it('underflow is asked for anew at each entry of KVM 6.12', () => {
    const guest = Guest.ready({ listRegisters: 1, kvm: '6.12' });
    pendingEdges(
      guest,
      [32, 33, 34].map((intid) => [intid, 0xa0] as const),
    );
    guest.enter();
    guest.end(guest.acknowledge());
    guest.enter();
    expect(guest.gic.cpuInterface(0).hcr & HCR_UIE).toBe(HCR_UIE);
    guest.end(guest.acknowledge());
    guest.enter();
    expect(guest.gic.cpuInterface(0).hcr & HCR_UIE).toBe(0);
  });

  it('a more urgent interrupt that comes while all list registers are taken is next after the next entry', () => {
    const guest = Guest.ready({ listRegisters: 2 });
    pendingEdges(
      guest,
      [32, 33, 34, 35].map((intid) => [intid, 0xa0] as const),
    );
    guest.enter();
    pendingEdges(guest, [[40, 0x10]]);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
  });
});

describe('list registers: an interrupt that moves', () => {
  it.each([2, 3] as const)(
    'one that is queued moves to its new vCPU at once, kicks both, and is taken once (GICv%i)',
    (version) => {
      const guest = Guest.ready({ version, vcpus: 2 });
      pendingEdges(guest, [[40, 0xa0]]);
      const kicked: number[] = [];
      guest.gic.events.on('kick', (vcpu) => kicked.push(vcpu));
      guest.route(40, 1);
      // the old one too: what was behind it may be signalled now
      expect(kicked).toEqual([0, 1]);
      expect([guest.serve(0), guest.serve(1), guest.serve(0), guest.serve(1)]).toEqual([[], [40], [], []]);
    },
  );

  it('one that is queued moves to its new vCPU at the old one’s next exit in KVM 6.12, and is taken once', () => {
    const guest = Guest.ready({ vcpus: 2, kvm: '6.12' });
    pendingEdges(guest, [[40, 0xa0]]);
    guest.route(40, 1);
    expect(guest.serve(1)).toEqual([]);
    const kicked: number[] = [];
    guest.gic.events.on('kick', (vcpu) => kicked.push(vcpu));
    expect(guest.serve(0)).toEqual([]);
    expect(kicked).toContain(1);
    expect(guest.serve(1)).toEqual([40]);
    expect(guest.serve(0)).toEqual([]);
  });

  it.each([2, 3] as const)(
    'one that is in the old vCPU’s list register leaves it, and is taken at the new one alone (GICv%i)',
    (version) => {
      const guest = Guest.ready({ version, vcpus: 2 });
      pendingEdges(guest, [[40, 0xa0]]);
      guest.enter(0).enter(1);
      if (version === 3) guest.store('GICD_IROUTER', 1, 40 * 8, 1, 8);
      else guest.store('GICD_ITARGETSR', 2, 40, 1, 1);
      expect(intidsOf(guest, 0)).toEqual([]);
      expect(guest.acknowledge(0)).toBe(SPURIOUS);
      // the vCPU that writes has left the guest for it: its entry brings the interrupt
      expect([intidsOf(guest, 1), guest.gic.kicks(0) > 0]).toEqual([[40], true]);
      expect(guest.acknowledge(1)).toBe(40);
      guest.end(40, 1);
      expect([...guest.serve(0), ...guest.serve(1)]).toEqual([]);
    },
  );

  it('one that is in the old vCPU’s list register is taken there in KVM 6.12, and not again at the new one', () => {
    const guest = Guest.ready({ vcpus: 2, kvm: '6.12' });
    pendingEdges(guest, [[40, 0xa0]]);
    guest.enter(0);
    guest.store('GICD_IROUTER', 1, 40 * 8, 1, 8);
    expect(guest.acknowledge(0)).toBe(40);
    guest.end(40, 0);
    expect([...guest.serve(0), ...guest.serve(1)]).toEqual([]);
  });

  it('a level-sensitive one whose line stays high is taken at the new vCPU after its end at the old one', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.enter(0);
    expect(guest.acknowledge(0)).toBe(40);
    guest.store('GICD_IROUTER', 1, 40 * 8, 1, 8);
    guest.end(40, 0);
    guest.exit(0);
    expect(guest.serve(1, () => guest.gic.setLine(40, false))).toEqual([40]);
    expect(guest.serve(0)).toEqual([]);
  });
});

describe('list registers: a maintenance interrupt that comes late', () => {
  it('loses nothing and delivers nothing twice when the vCPU has left and entered in between', () => {
    const guest = Guest.ready({ listRegisters: 1 });
    guest.spi(40);
    pendingEdges(guest, [
      [41, 0xa0],
      [42, 0xa0],
    ]);
    guest.gic.setLine(40, true);
    const taken: number[] = [];
    guest.enter();
    for (let n = 0; n < 20; n++) {
      // the maintenance interrupt is asserted, but what the vCPU does next are exits and entries for other reasons
      if (guest.gic.irqAsserted(0)) {
        const intid = guest.acknowledge();
        taken.push(intid);
        if (intid === 40) guest.gic.setLine(40, false);
        guest.end(intid);
      }
      if (n % 3 === 0) guest.exit();
      guest.enter();
    }
    expect(taken.sort()).toEqual([40, 41, 42]);
  });

  it('a line that rises again before the vCPU has left after the end of interrupt is one more interrupt', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.enter();
    guest.acknowledge();
    guest.gic.setLine(40, false);
    guest.end(40);
    guest.gic.setLine(40, true);
    // no exit yet: the list register is empty, nothing is signalled
    expect(guest.gic.irqAsserted(0)).toBe(false);
    expect(guest.serve(0, () => guest.gic.setLine(40, false))).toEqual([40]);
  });

  it('is not asserted for a vCPU outside the guest', () => {
    const guest = Guest.ready({ listRegisters: 2 });
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.enter();
    guest.acknowledge();
    guest.end(40);
    guest.gic.leave(0);
    expect(guest.gic.maintenanceAsserted(0)).toBe(false);
    expect(guest.gic.irqAsserted(0)).toBe(false);
  });
});

describe('list registers: a change while the interrupt is in one', () => {
  /** Edge-triggered SPI 40 in a list register of vCPU 0; vCPU 1 makes the accesses. */
  function inListRegister(config: Partial<GicConfig> = {}): Guest {
    const guest = Guest.ready({ vcpus: 2, ...config });
    pendingEdges(guest, [[40, 0xa0]]);
    guest.enter(0);
    expect(intidsOf(guest, 0)).toEqual([40]);
    return guest;
  }

  it.each([
    ['ICPENDR', (guest: Guest) => guest.mark('ICPENDR', 40, 1)],
    ['ICENABLER', (guest: Guest) => guest.mark('ICENABLER', 40, 1)],
    ['GICD_CTLR', (guest: Guest) => guest.store('GICD_CTLR', 0, 0, 1)],
    ['IGROUPR, to a group that is disabled,', (guest: Guest) => guest.store('GICD_IGROUPR', 0, 4, 1)],
    ['ISACTIVER', (guest: Guest) => guest.mark('ISACTIVER', 40, 1)],
    ['a priority below the mask', (guest: Guest) => guest.store('GICD_IPRIORITYR', 0xf8, 40, 1, 1)],
  ])('%s takes it away from a vCPU in the guest at once, and kicks it', (_what, change) => {
    const guest = inListRegister();
    const kicked: number[] = [];
    guest.gic.events.on('kick', (vcpu) => kicked.push(vcpu));
    change(guest);
    expect(kicked).toEqual([0]);
    expect([guest.gic.irqAsserted(0), guest.acknowledge(0)]).toEqual([false, SPURIOUS]);
  });

  it.each([
    ['ISENABLER', (guest: Guest) => guest.mark('ISENABLER', 40, 1)],
    ['ICENABLER of others', (guest: Guest) => guest.store('GICD_ICENABLER', 0xfffffeff, 4, 1)],
    ['IGROUPR', (guest: Guest) => guest.store('GICD_IGROUPR', guest.load('GICD_IGROUPR', 4, 1), 4, 1)],
    ['ISPENDR', (guest: Guest) => guest.mark('ISPENDR', 40, 1)],
    ['ICPENDR of others', (guest: Guest) => guest.store('GICD_ICPENDR', 0xfffffeff, 4, 1)],
    ['ICACTIVER', (guest: Guest) => guest.mark('ICACTIVER', 40, 1)],
    ['IPRIORITYR', (guest: Guest) => guest.store('GICD_IPRIORITYR', 0xa0, 40, 1, 1)],
    ['ICFGR', (guest: Guest) => guest.store('GICD_ICFGR', guest.load('GICD_ICFGR', 8, 1), 8, 1)],
    ['IROUTER', (guest: Guest) => guest.store('GICD_IROUTER', 0, 40 * 8, 1, 8)],
    ['GICD_CTLR', (guest: Guest) => guest.store('GICD_CTLR', 3, 0, 1)],
    ['a read of ISPENDR', (guest: Guest) => expect(guest.bit('ISPENDR', 40, 1)).toBe(1)],
    ['a read of ISACTIVER', (guest: Guest) => expect(guest.bit('ISACTIVER', 40, 1)).toBe(0)],
  ])('%s that changes nothing of it leaves it to be taken, once', (_what, access) => {
    for (const kvm of [ARCHITECTURE, '6.12'] as const) {
      const guest = inListRegister({ kvm });
      if (kvm === '6.12' && _what.startsWith('a read')) continue;
      access(guest);
      guest.sendSgi(1, [0], 0);
      guest.exit(0);
      expect(guest.bit('ISPENDR', 40)).toBe(1);
      expect(guest.serve(0).sort()).toEqual([1, 40]);
      expect([...guest.serve(0), ...guest.serve(1)]).toEqual([]);
    }
  });

  it('its priority counts from the write on, also to preempt', () => {
    const guest = inListRegister();
    expect(guest.acknowledge(0)).toBe(40);
    pendingEdges(guest, [[41, 0xc0]]);
    guest.enter(0);
    expect(guest.acknowledge(0)).toBe(SPURIOUS);
    const kicked: number[] = [];
    guest.gic.events.on('kick', (vcpu) => kicked.push(vcpu));
    guest.store('GICD_IPRIORITYR', 0x20, 41, 1, 1);
    expect(new Set(kicked)).toEqual(new Set([0]));
    expect(guest.acknowledge(0)).toBe(41);
  });

  it('ICPENDR and a falling line have no effect on a list register in KVM 6.12', () => {
    const guest = inListRegister({ kvm: '6.12' });
    guest.mark('ICPENDR', 40, 1);
    expect(guest.acknowledge(0)).toBe(40);
  });
});

describe('list registers: an active interrupt that is in no list register', () => {
  /** Two active SPIs of which one fits. */
  function twoActive(config: Partial<GicConfig>): Guest {
    const guest = Guest.ready({ listRegisters: 1, ...config });
    guest.setEoiMode(true);
    for (const intid of [40, 41]) {
      guest.spi(intid, { edge: true });
      guest.mark('ISACTIVER', intid);
    }
    guest.enter();
    expect(intidsOf(guest)).toEqual([40]);
    return guest;
  }

  it.each([2, 3] as const)('is deactivated by INTID, in any order (GICv%i)', (version) => {
    for (const order of [
      [40, 41],
      [41, 40],
    ]) {
      const guest = twoActive({ version });
      for (const intid of order) guest.deactivate(intid);
      expect([guest.bit('ISACTIVER', 40), guest.bit('ISACTIVER', 41)]).toEqual([0, 0]);
    }
  });

  it('of KVM 6.12 stays active: its deactivation is not seen', () => {
    const guest = twoActive({ kvm: '6.12' });
    guest.deactivate(41);
    guest.exit();
    expect([guest.bit('ISACTIVER', 40), guest.bit('ISACTIVER', 41)]).toEqual([1, 1]);
    guest.enter();
    guest.deactivate(40);
    guest.enter();
    guest.deactivate(41);
    guest.exit();
    expect([guest.bit('ISACTIVER', 40), guest.bit('ISACTIVER', 41)]).toEqual([0, 0]);
  });

  it.each([2, 3] as const)(
    'ends with EOImode 0 too: nested deeper than there are list registers (GICv%i)',
    (version) => {
      const guest = Guest.ready({ version, listRegisters: 1 });
      const levels = [0xc0, 0xa0, 0x80, 0x60, 0x40, 0x20].map((priority, n) => [40 + n, priority] as const);
      for (const level of levels) {
        pendingEdges(guest, [level]);
        guest.enter();
        expect(guest.acknowledge()).toBe(level[0]);
      }
      for (const [intid] of levels.toReversed()) guest.end(intid);
      expect(levels.map(([intid]) => guest.bit('ISACTIVER', intid))).toEqual(levels.map(() => 0));
      pendingEdges(guest, levels);
      expect(guest.serve()).toEqual(levels.map(([intid]) => intid).toReversed());
    },
  );

  it.each([2, 3] as const)(
    'of another vCPU, an SPI, is deactivated, and its high line is pending anew (GICv%i)',
    (version) => {
      const guest = Guest.ready({ version, vcpus: 2 });
      for (const vcpu of [0, 1]) guest.setEoiMode(true, vcpu);
      guest.spi(40);
      guest.gic.setLine(40, true);
      guest.enter(0).enter(1);
      expect(guest.acknowledge(0)).toBe(40);
      guest.end(40, 0);
      guest.deactivate(40, 1);
      guest.enter(0);
      expect(guest.acknowledge(0)).toBe(40);
    },
  );

  it('of another vCPU, an SPI, stays active in KVM 6.12', () => {
    const guest = Guest.ready({ vcpus: 2, kvm: '6.12' });
    for (const vcpu of [0, 1]) guest.setEoiMode(true, vcpu);
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.enter(0).enter(1);
    expect(guest.acknowledge(0)).toBe(40);
    guest.end(40, 0);
    guest.deactivate(40, 1);
    guest.enter(0);
    expect(guest.acknowledge(0)).toBe(SPURIOUS);
  });

  it('of another vCPU, a PPI of the same INTID, stays active', () => {
    const guest = Guest.ready({ vcpus: 2 });
    for (const vcpu of [0, 1]) {
      guest.setEoiMode(true, vcpu);
      guest.enable(27, vcpu);
    }
    guest.gic.setLine(27, true, 0);
    guest.enter(0).enter(1);
    expect(guest.acknowledge(0)).toBe(27);
    guest.end(27, 0);
    guest.deactivate(27, 1);
    expect(guest.bit('ISACTIVER', 27, 0)).toBe(1);
    guest.deactivate(27, 0);
    expect(guest.bit('ISACTIVER', 27, 0)).toBe(0);
  });

  it('tells its resampler when it is deactivated', () => {
    const guest = Guest.ready({ listRegisters: 1 });
    guest.setEoiMode(true);
    const resampled: number[] = [];
    guest.gic.events.on('resample', (intid) => {
      resampled.push(intid);
      guest.gic.setLine(intid, false);
    });
    for (const intid of [40, 41, 42]) {
      guest.spi(intid);
      guest.gic.setLine(intid, true);
      guest.enter();
      expect(guest.acknowledge()).toBe(intid);
      guest.end(intid);
    }
    for (const intid of [40, 41, 42]) guest.deactivate(intid);
    guest.exit();
    expect(resampled.sort()).toEqual([40, 41, 42]);
    expect(guest.serve()).toEqual([]);
  });

  it('the end of an SPI tells its resampler, though the vCPU has left the guest while it was active', () => {
    const guest = Guest.ready();
    const resampled: number[] = [];
    guest.gic.events.on('resample', (intid) => {
      resampled.push(intid);
      guest.gic.setLine(intid, false);
    });
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    guest.exit().enter();
    guest.end(40);
    expect(guest.gic.maintenanceAsserted(0)).toBe(true);
    guest.enter();
    expect([resampled, guest.acknowledge()]).toEqual([[40], SPURIOUS]);
  });

  /** An active SGI with another sender left, more urgent than an active SPI. */
  function sgiWithSenderLeft(config: Partial<GicConfig>): Guest {
    const guest = Guest.ready({ version: 2, vcpus: 2, ...config });
    guest.setEoiMode(true);
    guest.sendSgi(1, [0], 1);
    guest.enter();
    guest.end(guest.acknowledge());
    guest.spi(40, { edge: true, priority: 0xc0 });
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    guest.end(40);
    guest.sendSgi(1, [0], 0);
    return guest.enter();
  }

  it('a GICv2 SGI with senders left keeps nothing out of the list registers', () => {
    const guest = sgiWithSenderLeft({});
    expect(intidsOf(guest).sort()).toEqual([1, 40]);
    guest.deactivate(40);
    expect(guest.bit('ISACTIVER', 40)).toBe(0);
    guest.deactivate(1 | (1 << 10));
    guest.enter();
    expect(guest.acknowledge()).toBe(1);
  });

  it('a GICv2 SGI with senders left keeps active interrupts of lower priority out of KVM 6.12’s list registers', () => {
    const guest = sgiWithSenderLeft({ kvm: '6.12' });
    expect(intidsOf(guest)).toEqual([1]);
    guest.deactivate(40);
    guest.deactivate(1 | (1 << 10));
    // the maintenance interrupt of the SGI's end brings the rest
    expect(guest.gic.maintenanceAsserted(0)).toBe(true);
    guest.enter();
    expect(intidsOf(guest).sort()).toEqual([1, 40]);
    guest.deactivate(40);
    guest.exit();
    expect(guest.bit('ISACTIVER', 40)).toBe(0);
  });
});

describe('maintenance status (ICH_MISR_EL2)', () => {
  const hardware = { priorityBits: 5, idBits: 0, affinity3: true, seis: false, systemRegisters: true } as const;
  const END = LR_EOI;
  const cases: [string, number, number[], number, number][] = [
    ['nothing when nothing is asked for', 0, [LR_PENDING], 0, 0],
    ['EOI: an empty list register with the EOI bit', 0, [END, LR_PENDING], 0, MISR_EOI],
    ['no EOI while that interrupt is active', 0, [LR_ACTIVE | END], 0, 0],
    ['no EOI for HW = 1, where the bit is a physical INTID’s', 0, [LR_HW | END], 0, 0],
    ['underflow with no valid list register', HCR_UIE, [], 0, MISR_U],
    ['underflow with one valid list register', HCR_UIE, [LR_ACTIVE], 0, MISR_U],
    ['no underflow with two', HCR_UIE, [LR_ACTIVE, LR_PENDING], 0, 0],
    ['no pending: none is pending', HCR_NPIE, [LR_ACTIVE], 0, MISR_NP],
    ['no pending: pending and active does not count as pending', HCR_NPIE, [LR_STATE], 0, MISR_NP],
    ['not no-pending with a pending one', HCR_NPIE, [LR_PENDING], 0, 0],
    ['an end without list register', HCR_LRENPIE | (1 << 27), [], 0, MISR_LRENP],
    ['no such end counted', HCR_LRENPIE, [], 0, 0],
    ['group 0 enabled', HCR_VGRP0EIE, [], VMCR_ENG0, MISR_VGRP0E],
    ['group 0 not enabled', HCR_VGRP0EIE, [], VMCR_ENG1, 0],
    ['group 0 disabled', HCR_VGRP0DIE, [], VMCR_ENG1, MISR_VGRP0D],
    ['group 1 enabled', HCR_VGRP1EIE, [], VMCR_ENG1, MISR_VGRP1E],
    ['group 1 disabled', HCR_VGRP1DIE, [], VMCR_ENG0, MISR_VGRP1D],
    ['group 1 not disabled', HCR_VGRP1DIE, [], VMCR_ENG1, 0],
  ];
  it.each(cases)('%s', (_what, hcr, list, vmcr, status) => {
    const cpu = new CpuInterface({ version: 3, listRegisters: 4, ...hardware });
    cpu.setHcr((hcr | HCR_EN) >>> 0);
    cpu.setVmcr(vmcr);
    for (const [n, high] of list.entries()) cpu.setListRegister(n, 40 + n, high);
    expect(cpu.maintenanceStatus()).toBe(status);
  });

  it('a list register keeps the implemented bits of priority and INTID', () => {
    const cpu = new CpuInterface({ version: 3, listRegisters: 1, ...hardware });
    cpu.setListRegister(0, 0xffffffff, 0xffffffff);
    expect(cpu.lrLow[0]).toBe(0xffff);
    expect(cpu.lrHigh[0]).toBe(0xf0f81fff);
    const wide = new CpuInterface({ version: 3, listRegisters: 1, ...hardware, idBits: 1, priorityBits: 7 });
    wide.setListRegister(0, 0xffffffff, 0xffffffff);
    expect(wide.lrLow[0]).toBe(0xffffff);
    expect(wide.lrHigh[0]).toBe(0xf0fe1fff);
  });

  it('ICH_ELRSR_EL2 shows the list registers that are free: no state, no end to report', () => {
    const cpu = new CpuInterface({ version: 3, listRegisters: 4, ...hardware });
    cpu.setListRegister(0, 40, LR_PENDING);
    cpu.setListRegister(1, 41, END);
    cpu.setListRegister(2, 42, LR_HW | END);
    expect([cpu.emptyListRegisters(), cpu.endedListRegisters()]).toEqual([0b1100, 0b0010]);
  });
});
