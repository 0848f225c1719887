import { describe, expect, it } from 'vitest';
import type { GuestGic } from '../../src/specification/architecture/configuration.js';
import { Specification } from '../../src/specification/specification.js';
import { command, step } from '../../src/specification/steps.js';
import { SIGNAL } from '../../src/specification/subject.js';

/** The specification as a guest has it, by the architecture's own words. */

const SPURIOUS = 1023;

class Guest {
  readonly specification: Specification;

  constructor(config: Partial<GuestGic> = {}) {
    const { version = 3, vcpus = 2 } = config;
    const defaults = { version, vcpus, interrupts: 64, priorityBits: 5, its: false, extended: false };
    this.specification = new Specification({ ...defaults, ...config });
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      this.write('ISENABLER', 0xffffffff, 0, vcpu);
      if (version === 2) {
        this.write('GICC_PMR', 0xff, 0, vcpu);
        this.write('GICC_CTLR', 3, 0, vcpu);
        continue;
      }
      this.write('ICC_PMR_EL1', 0xff, 0, vcpu);
      this.write('ICC_IGRPEN0_EL1', 1, 0, vcpu);
      this.write('ICC_IGRPEN1_EL1', 1, 0, vcpu);
    }
    this.write('ISENABLER', 0xffffffff, 1);
    this.write('GICD_CTLR', 3);
  }

  read(name: string, at = 0, vcpu = 0, size = 4): number {
    return this.specification.perform(step('read', vcpu, name, at, 0, 0, size));
  }
  write(name: string, value: number, at = 0, vcpu = 0, size = 4): void {
    this.specification.perform(step('write', vcpu, name, at, value, 0, size));
  }
  line(intid: number, level: boolean, vcpu = 0): void {
    this.specification.perform(step('line', vcpu, '', intid, level ? 1 : 0));
  }
  priority(intid: number, value: number): void {
    this.write('IPRIORITYR', value, intid, 0, 1);
  }
  signals(vcpu = 0): number {
    return this.specification.signals(vcpu);
  }
  acknowledge(vcpu = 0): number {
    return this.read('ICC_IAR1_EL1', 0, vcpu);
  }
  end(intid: number, vcpu = 0): void {
    this.write('ICC_EOIR1_EL1', intid, 0, vcpu);
  }
}

describe('an interrupt of the specification', () => {
  it('is pending while its line is asserted, if it is level-sensitive, and again after its end', () => {
    const guest = new Guest();
    guest.line(32, true);
    expect(guest.acknowledge()).toBe(32);
    expect(guest.read('ISPENDR', 1)).toBe(1);
    expect(guest.read('ISACTIVER', 1)).toBe(1);
    expect(guest.signals()).toBe(0);
    guest.end(32);
    expect(guest.signals()).toBe(SIGNAL.IRQ);
    guest.line(32, false);
    expect(guest.signals()).toBe(0);
  });

  it('is pending by an edge until it is acknowledged, if it is edge-triggered', () => {
    const guest = new Guest();
    guest.write('ICFGR', 2, 2);
    guest.line(32, true);
    guest.line(32, false);
    expect(guest.acknowledge()).toBe(32);
    guest.end(32);
    expect(guest.acknowledge()).toBe(SPURIOUS);
  });

  it('is active and pending by an edge that comes while it is active', () => {
    const guest = new Guest();
    guest.write('ICFGR', 2, 2);
    guest.line(32, true);
    expect(guest.acknowledge()).toBe(32);
    guest.line(32, true);
    expect(guest.acknowledge()).toBe(SPURIOUS);
    guest.end(32);
    expect(guest.acknowledge()).toBe(32);
  });

  it('loses what ISPENDR has set at its acknowledge, and can have it set again', () => {
    const guest = new Guest();
    guest.write('ISPENDR', 1, 1);
    expect(guest.acknowledge()).toBe(32);
    expect(guest.read('ISPENDR', 1)).toBe(0);
    guest.write('ISPENDR', 1, 1);
    guest.end(32);
    expect(guest.acknowledge()).toBe(32);
  });

  it('stays pending by its line when ICPENDR clears the latch', () => {
    const guest = new Guest();
    guest.line(32, true);
    guest.write('ISPENDR', 1, 1);
    guest.write('ICPENDR', 1, 1);
    expect(guest.read('ISPENDR', 1)).toBe(1);
    guest.line(32, false);
    expect(guest.read('ISPENDR', 1)).toBe(0);
  });

  it('follows its line from a switch to level-sensitive on, and remembers no line that fell before', () => {
    const guest = new Guest();
    guest.write('ICFGR', 0xa, 2);
    guest.line(32, true);
    guest.line(33, true);
    guest.line(33, false);
    guest.write('ICPENDR', 3, 1);
    guest.write('ICFGR', 0, 2);
    expect(guest.read('ISPENDR', 1)).toBe(1);
  });
});

describe('priorities of the specification', () => {
  it('signal the highest one first, of equal ones the lowest INTID', () => {
    const guest = new Guest();
    guest.priority(40, 0x40);
    guest.priority(41, 0x40);
    guest.priority(42, 0x20);
    for (const intid of [41, 40, 42]) guest.line(intid, true);
    expect(guest.acknowledge()).toBe(42);
    guest.line(42, false);
    guest.end(42);
    expect(guest.acknowledge()).toBe(40);
  });

  it('let only a higher group priority preempt', () => {
    const guest = new Guest();
    guest.priority(40, 0x60);
    guest.priority(41, 0x40);
    guest.write('ICC_BPR1_EL1', 6);
    guest.line(40, true);
    expect(guest.acknowledge()).toBe(40);
    expect(guest.read('ICC_RPR_EL1')).toBe(0x40);
    guest.line(41, true);
    expect(guest.signals()).toBe(0);
    guest.write('ICC_BPR1_EL1', 5);
    expect(guest.signals()).toBe(0);
    guest.priority(41, 0x20);
    expect(guest.acknowledge()).toBe(41);
    expect(guest.read('ICC_AP1R0_EL1')).toBe((1 << 8) | (1 << 4));
  });

  it('leave no preemption at all with a common binary point of 7', () => {
    const guest = new Guest();
    guest.priority(40, 0x80);
    guest.write('ICC_BPR0_EL1', 7);
    guest.write('ICC_CTLR_EL1', 1);
    expect(guest.read('ICC_BPR1_EL1')).toBe(7);
    guest.line(40, true);
    expect(guest.acknowledge()).toBe(40);
    guest.line(41, true);
    expect(guest.signals()).toBe(0);
  });

  it('have as many levels as there are bits, and binary points that fit', () => {
    for (const [priorityBits, smallest] of [
      [5, 2],
      [6, 1],
      [7, 0],
      [8, 0],
    ]) {
      const guest = new Guest({ priorityBits });
      guest.write('ICC_BPR0_EL1', 0);
      guest.write('ICC_BPR1_EL1', 0);
      expect(guest.read('ICC_BPR0_EL1')).toBe(smallest);
      expect(guest.read('ICC_BPR1_EL1')).toBe(smallest + 1);
      expect(guest.read('ICC_PMR_EL1')).toBe((0xff00 >>> priorityBits) & 0xff);
    }
  });

  it('are not looked at by HPPIR, which shows what the mask holds back', () => {
    const guest = new Guest();
    guest.write('ICC_PMR_EL1', 0);
    guest.line(40, true);
    expect(guest.signals()).toBe(0);
    expect(guest.read('ICC_HPPIR1_EL1')).toBe(40);
    expect(guest.read('ICC_HPPIR0_EL1')).toBe(SPURIOUS);
  });
});

describe('groups of the specification', () => {
  it('need both enables, and a disabled one hides nothing of the other', () => {
    const guest = new Guest();
    guest.write('IGROUPR', 0xfffffffe, 1);
    guest.line(32, true);
    expect(guest.signals()).toBe(SIGNAL.FIQ);
    expect(guest.acknowledge()).toBe(SPURIOUS);
    guest.priority(33, 0x80);
    guest.line(33, true);
    guest.write('ICC_IGRPEN0_EL1', 0);
    expect(guest.signals()).toBe(SIGNAL.IRQ);
    guest.write('ICC_IGRPEN0_EL1', 1);
    guest.write('GICD_CTLR', 2);
    expect(guest.signals()).toBe(SIGNAL.IRQ);
    guest.write('GICD_CTLR', 0);
    expect(guest.signals()).toBe(0);
  });

  it('end by their own register', () => {
    const guest = new Guest();
    guest.line(32, true);
    expect(guest.acknowledge()).toBe(32);
    guest.write('ICC_EOIR0_EL1', 32);
    expect(guest.read('ISACTIVER', 1)).toBe(1);
    guest.end(1021);
    expect(guest.read('ICC_RPR_EL1')).toBe(0);
    guest.end(32);
    expect(guest.read('ISACTIVER', 1)).toBe(0);
    expect(guest.read('ICC_RPR_EL1')).toBe(0xff);
  });
});

describe('deactivation of the specification', () => {
  it('is by INTID, on any vCPU, where ends only drop the priority', () => {
    const guest = new Guest();
    guest.write('ICC_CTLR_EL1', 2);
    guest.line(32, true);
    expect(guest.acknowledge()).toBe(32);
    guest.end(32);
    expect(guest.read('ICC_RPR_EL1')).toBe(0xff);
    expect(guest.read('ISACTIVER', 1)).toBe(1);
    guest.write('ICC_DIR_EL1', 32, 0, 1);
    expect(guest.read('ISACTIVER', 1)).toBe(1); // vCPU 1 does not split
    guest.write('ICC_CTLR_EL1', 2, 0, 1);
    guest.write('ICC_DIR_EL1', 32, 0, 1);
    expect(guest.read('ISACTIVER', 1)).toBe(0);
  });

  it('comes with the end of another interrupt than the last one too, after a priority drop', () => {
    const guest = new Guest();
    guest.priority(32, 0x80);
    guest.line(32, true);
    expect(guest.acknowledge()).toBe(32);
    guest.line(33, true);
    expect(guest.acknowledge()).toBe(33);
    guest.end(32);
    expect(guest.read('ISACTIVER', 1)).toBe(2);
    expect(guest.read('ICC_RPR_EL1')).toBe(0x80);
  });
});

describe('routes of the specification', () => {
  it('lead an SPI to the vCPU of that affinity or to nobody', () => {
    const guest = new Guest();
    guest.line(32, true);
    guest.write('IROUTER', 1, 32, 0, 8);
    expect([guest.signals(0), guest.acknowledge(1)]).toEqual([0, 32]);
    guest.end(32, 1);
    guest.write('IROUTER', 0xff, 32, 0, 8);
    expect([guest.acknowledge(0), guest.acknowledge(1)]).toEqual([SPURIOUS, SPURIOUS]);
    guest.write('IROUTER', 0, 32, 0, 8);
    expect(guest.acknowledge()).toBe(32);
  });

  it('are target lists with GICv2, read-only for private interrupts, and absent with one vCPU', () => {
    const guest = new Guest({ version: 2 });
    expect(guest.read('ITARGETSR', 4, 1)).toBe(0x02020202);
    guest.write('ITARGETSR', 0xfe, 32, 0, 1);
    expect(guest.read('ITARGETSR', 32, 0, 1)).toBe(2);
    guest.line(32, true);
    expect(guest.read('GICC_IAR', 0, 1)).toBe(32);
    const alone = new Guest({ version: 2, vcpus: 1 });
    alone.write('ITARGETSR', 0xff, 32, 0, 1);
    expect(alone.read('ITARGETSR', 32, 0, 1)).toBe(0);
    alone.line(32, true);
    expect(alone.read('GICC_IAR')).toBe(32);
  });
});

describe('SGIs of the specification', () => {
  it('go to a target list, or to all but the sender, if they are of the group that the register generates', () => {
    const guest = new Guest({ vcpus: 3 });
    guest.specification.perform(step('write', 0, 'ICC_SGI1R_EL1', 0, 0x05000006));
    expect([0, 1, 2].map((vcpu) => guest.acknowledge(vcpu))).toEqual([SPURIOUS, 5, 5]);
    guest.specification.perform(step('write', 2, 'ICC_SGI1R_EL1', 0, 0x06000000, 0x100));
    expect([0, 1, 2].map((vcpu) => guest.read('ISPENDR', 0, vcpu))).toEqual([1 << 6, 1 << 6, 0]);
    guest.specification.perform(step('write', 2, 'ICC_SGI0R_EL1', 0, 0x07000001));
    expect(guest.read('ISPENDR', 0)).toBe(1 << 6);
  });

  it('are apart by their source with GICv2, one at a time, the lowest first', () => {
    const guest = new Guest({ version: 2, vcpus: 3 });
    guest.write('GICD_SGIR', 0x00010003, 0, 2);
    guest.write('GICD_SGIR', 0x00010003, 0, 1);
    expect(guest.read('SPENDSGIR', 0)).toBe(0x06000000);
    expect(guest.read('GICC_IAR')).toBe(3 | (1 << 10));
    expect(guest.read('GICC_IAR')).toBe(SPURIOUS);
    guest.write('GICC_EOIR', 3 | (1 << 10));
    expect(guest.read('GICC_IAR')).toBe(3 | (2 << 10));
  });
});

describe('the CPU interface of a GICv2', () => {
  it('acknowledges group 1 by its alias, or by GICC_IAR if AckCtl says so', () => {
    const guest = new Guest({ version: 2, vcpus: 1 });
    guest.write('IGROUPR', 1, 1);
    guest.line(32, true);
    expect(guest.read('GICC_IAR')).toBe(1022);
    expect(guest.read('GICC_HPPIR')).toBe(1022);
    expect(guest.read('GICC_AHPPIR')).toBe(32);
    expect(guest.read('GICC_AIAR')).toBe(32);
    guest.write('GICC_AEOIR', 32);
    guest.write('GICC_CTLR', 7);
    expect(guest.read('GICC_IAR')).toBe(32);
  });

  it('signals group 0 as FIQ if FIQEn says so', () => {
    const guest = new Guest({ version: 2, vcpus: 1 });
    guest.line(32, true);
    expect(guest.signals()).toBe(SIGNAL.IRQ);
    guest.write('GICC_CTLR', 0xb);
    expect(guest.signals()).toBe(SIGNAL.FIQ);
  });
});

describe('LPIs of the specification', () => {
  const ready = () => {
    const guest = new Guest({ its: true });
    const { specification } = guest;
    for (let vcpu = 0; vcpu < 2; vcpu++) guest.write('GICR_CTLR', 1, 0, vcpu);
    guest.write('GITS_CTLR', 1);
    for (let vcpu = 0; vcpu < 2; vcpu++) specification.perform({ ...command(0, 'MAPC', 0, vcpu, 0, vcpu), low: 1 });
    specification.perform({ ...command(0, 'MAPD', 1), low: 1 });
    specification.perform({ ...step('configure', 0, '', 2, 0xa1), device: 1, intid: 8195 });
    specification.perform(command(0, 'MAPTI', 1, 2, 8195, 0));
    return guest;
  };
  const send = ({ specification }: Guest) => specification.perform(step('msi', 0, '', 2, 1));

  it('have no active state: pending again at once, below the running priority', () => {
    const guest = ready();
    send(guest);
    expect(guest.acknowledge()).toBe(8195);
    send(guest);
    expect(guest.read('ICC_HPPIR1_EL1')).toBe(8195);
    expect(guest.signals()).toBe(0);
    guest.end(8195);
    expect(guest.acknowledge()).toBe(8195);
  });

  it('move with their pending state, and lose it by CLEAR and DISCARD', () => {
    const guest = ready();
    send(guest);
    guest.specification.perform(command(0, 'MOVI', 1, 2, 0, 1));
    expect([guest.acknowledge(0), guest.acknowledge(1)]).toEqual([SPURIOUS, 8195]);
    guest.end(8195, 1);
    for (const name of ['CLEAR', 'DISCARD']) {
      send(guest);
      guest.specification.perform(command(0, name, 1, 2));
      expect(guest.acknowledge(1)).toBe(SPURIOUS);
    }
  });

  it('wait while EnableLPIs is 0, when MSIs are lost', () => {
    const guest = ready();
    send(guest);
    guest.write('GICR_CTLR', 0);
    expect(guest.signals()).toBe(0);
    guest.write('GICR_CTLR', 1);
    expect(guest.acknowledge()).toBe(8195);
    guest.end(8195);
    guest.write('GICR_CTLR', 0);
    send(guest);
    guest.write('GICR_CTLR', 1);
    expect(guest.acknowledge()).toBe(SPURIOUS);
  });

  it('have the configuration that INV has read', () => {
    const guest = ready();
    guest.specification.perform({ ...step('configure', 0, '', 2, 0x40), device: 1, intid: 8195 });
    send(guest);
    expect(guest.signals()).toBe(0);
    guest.specification.perform({ ...step('configure', 0, '', 2, 0x41), device: 1, intid: 8195 });
    expect(guest.acknowledge()).toBe(8195);
    expect(guest.read('ICC_RPR_EL1')).toBe(0x40);
  });

  it('are left alone where the architecture leaves open what a command does', () => {
    const guest = ready();
    const { specification } = guest;
    expect(specification.allows(command(0, 'MAPTI', 1, 3, 8195, 0))).toBe(false);
    expect(specification.allows({ ...command(0, 'MAPD', 1), low: 1 })).toBe(false);
    expect(specification.allows({ ...command(0, 'MAPC', 0, 1, 0, 0), low: 1 })).toBe(false);
    expect(specification.allows(command(0, 'MAPTI', 1, 3, 8196, 0))).toBe(true);
  });
});

describe('wake-up of the specification', () => {
  it('is for what is signalled, and for nothing else', () => {
    const guest = new Guest();
    guest.specification.perform(step('wait', 0));
    guest.write('ICC_IGRPEN1_EL1', 0);
    guest.specification.perform(step('wait', 0));
    guest.line(32, true);
    expect(guest.signals()).toBe(0);
    guest.write('ICC_IGRPEN1_EL1', 1);
    guest.specification.perform(step('wait', 0));
    expect(guest.signals()).toBe(SIGNAL.WAKE);
    guest.specification.perform(step('exit', 0));
    expect(guest.signals()).toBe(0);
  });
});
