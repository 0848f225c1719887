import {
  DISTRIBUTOR_PRIORITY_MASK,
  EXTENDED,
  FIRST_EXTENDED_PPI,
  FIRST_EXTENDED_SPI,
  FIRST_LPI,
  type GuestGic,
  LPIS,
  PRIVATE,
  SGIS,
  SPECIAL,
} from './configuration.js';
import { Interrupt, NOWHERE } from './interrupt.js';
import { Priorities } from './priorities.js';

/** What one vCPU has: its private interrupts, and the state of its CPU interface and redistributor. */
export class Vcpu {
  readonly privates: readonly Interrupt[];
  readonly extendedPpis: readonly Interrupt[];
  readonly priorities: Priorities;
  /** ICC_IGRPEN<n>_EL1, GICC_CTLR.EnableGrp<n>. */
  readonly groupEnabled: [boolean, boolean] = [false, false];
  /** ICC_CTLR_EL1.EOImode, GICC_CTLR.EOImode: ends drop the priority only. */
  split = false;
  /** GICC_CTLR.AckCtl and FIQEn. */
  ackCtl = false;
  fiqEn = false;
  /** GICR_WAKER.ProcessorSleep, which ChildrenAsleep follows (IHI 0069, 12.11 GICR_WAKER). */
  asleep = true;
  /** GICR_CTLR.EnableLPIs. */
  lpisEnabled = false;

  constructor(
    readonly number: number,
    { version, priorityBits, extended }: GuestGic,
  ) {
    this.priorities = new Priorities(priorityBits);
    this.privates = Array.from({ length: PRIVATE }, (_, intid) => {
      const interrupt = new Interrupt(intid, number);
      interrupt.group = version === 3 ? 1 : 0;
      // SGIs are edge-triggered, PPIs level-sensitive here, neither to be changed; SGIs are enabled out of reset: all of
      // this is IMPLEMENTATION DEFINED (IHI 0069, 12.9 GICD_ICFGR<n> and GICD_ISENABLER<n>; IHI 0048, 4.3.13 and 4.3.5)
      interrupt.edge = intid < SGIS;
      interrupt.enabled = intid < SGIS;
      return interrupt;
    });
    this.extendedPpis = Array.from({ length: extended ? EXTENDED : 0 }, (_, n) => {
      const interrupt = new Interrupt(FIRST_EXTENDED_PPI + n, number);
      interrupt.group = 1;
      return interrupt;
    });
  }
}

/**
 * A GIC without list registers, in the words of the architecture: the interrupts, one object each, and whom each is
 * signalled to. One security state (GICD_CTLR.DS = 1).
 */
export class ArchitecturalGic {
  readonly vcpus: readonly Vcpu[];
  readonly spis: readonly Interrupt[];
  readonly extendedSpis: readonly Interrupt[];
  readonly lpis: readonly Interrupt[];
  /** GICD_CTLR.EnableGrp0 and EnableGrp1. */
  readonly groupEnabled: [boolean, boolean] = [false, false];

  constructor(readonly config: GuestGic) {
    const { version, vcpus, interrupts, its, extended } = config;
    this.vcpus = Array.from({ length: vcpus }, (_, number) => new Vcpu(number, config));
    this.spis = Array.from({ length: interrupts - PRIVATE }, (_, n) => {
      // IROUTER 0 is the affinity of vCPU 0; ITARGETSR 0 is nobody, but in a uniprocessor all are for the one that there is
      const interrupt = new Interrupt(PRIVATE + n, version === 3 || vcpus === 1 ? 0 : NOWHERE);
      interrupt.group = version === 3 ? 1 : 0;
      return interrupt;
    });
    this.extendedSpis = Array.from({ length: extended ? EXTENDED : 0 }, (_, n) => {
      const interrupt = new Interrupt(FIRST_EXTENDED_SPI + n, 0);
      interrupt.group = 1;
      return interrupt;
    });
    this.lpis = Array.from({ length: its ? LPIS : 0 }, (_, n) => {
      const interrupt = new Interrupt(FIRST_LPI + n, NOWHERE);
      // LPIs are edge-triggered, and in group 1 where there is one security state (IHI 0069, 5.1)
      interrupt.edge = true;
      interrupt.group = 1;
      return interrupt;
    });
  }

  /** The interrupt of that INTID for a vCPU, or undefined. */
  interrupt(vcpu: Vcpu, intid: number): Interrupt | undefined {
    if (intid < PRIVATE) return vcpu.privates[intid];
    if (intid < FIRST_EXTENDED_PPI) return this.spis[intid - PRIVATE];
    return intid < FIRST_EXTENDED_SPI
      ? vcpu.extendedPpis[intid - FIRST_EXTENDED_PPI]
      : this.extendedSpis[intid - FIRST_EXTENDED_SPI];
  }

  // ---- devices

  /**
   * An input line. An edge-triggered interrupt becomes pending at an edge (IHI 0069, 4.1.2). A device that asserts a line
   * which is asserted has sent an edge that the line was too slow to show.
   */
  setLine(vcpu: Vcpu, intid: number, level: boolean): void {
    const interrupt = this.interrupt(vcpu, intid);
    if (interrupt === undefined || intid < SGIS) return;
    interrupt.line = level;
    if (level && interrupt.edge) interrupt.latch = true;
  }

  /**
   * GICD_SETSPI_NSR and GICD_CLRSPI_NSR (IHI 0069, 12.9): an SPI becomes pending, or is so no more. For a level-sensitive one they
   * move the level of its line.
   */
  message(intid: number, set: boolean): void {
    const interrupt = intid < FIRST_EXTENDED_SPI ? this.spis[intid - PRIVATE] : this.interrupt(this.vcpus[0], intid);
    if (interrupt === undefined || !this.config.extended) return;
    if (set && interrupt.edge) interrupt.latch = true;
    else interrupt.line = set;
    if (!set) interrupt.latch = false;
  }

  // ---- what is signalled

  /** Pending, not active, enabled, of a group that is (IHI 0069, 4.1 and 4.8.1; IHI 0048, 3.2 and 3.3). */
  isDeliverable(vcpu: Vcpu, interrupt: Interrupt): boolean {
    const { group } = interrupt;
    return (
      interrupt.pending &&
      interrupt.enabled &&
      !interrupt.active &&
      interrupt.target === vcpu.number &&
      this.groupEnabled[group as 0 | 1] &&
      vcpu.groupEnabled[group as 0 | 1] &&
      (!interrupt.isLpi || vcpu.lpisEnabled)
    );
  }

  /**
   * The highest priority pending interrupt. Which of equal ones is IMPLEMENTATION DEFINED (IHI 0069, 4.8.1; IHI 0048,
   * 3.3): the lowest INTID. Bits that the CPU interface does not implement do not count.
   */
  highestPending(vcpu: Vcpu): Interrupt | undefined {
    const { implemented } = vcpu.priorities;
    let best: Interrupt | undefined;
    let bestPriority = 0x100;
    for (const interrupts of [vcpu.privates, this.spis, vcpu.extendedPpis, this.extendedSpis, this.lpis]) {
      for (const interrupt of interrupts) {
        const priority = interrupt.priority & implemented;
        if (priority < bestPriority && this.isDeliverable(vcpu, interrupt)) {
          best = interrupt;
          bestPriority = priority;
        }
      }
    }
    return best;
  }

  /** The interrupt whose exception the CPU interface asks for, if there is one (IHI 0069, 4.8.3). */
  signalled(vcpu: Vcpu): Interrupt | undefined {
    const highest = this.highestPending(vcpu);
    if (highest === undefined) return undefined;
    const { priorities } = vcpu;
    return priorities.admits(highest.priority & priorities.implemented, highest.group) ? highest : undefined;
  }

  /** Group 0 is signalled as FIQ, with GICv2 if GICC_CTLR.FIQEn says so (IHI 0069, 4.6.2; IHI 0048, 2.3). */
  isFiq(vcpu: Vcpu, interrupt: Interrupt): boolean {
    return interrupt.group === 0 && (this.config.version === 3 || vcpu.fiqEn);
  }

  // ---- acknowledge, end, deactivation

  acknowledge(vcpu: Vcpu, interrupt: Interrupt): void {
    const { priorities } = vcpu;
    interrupt.acknowledge();
    priorities.activate(interrupt.priority & priorities.implemented, interrupt.group);
  }

  /**
   * End of interrupt. A write that does not end the last one acknowledged is CONSTRAINED UNPREDICTABLE (IHI 0069, 12.2
   * ICC_EOIR1_EL1): it is ignored if it is for the other group than the highest active priority's or if none is active, else the
   * priority drops. A special INTID does nothing.
   * @param groups for which the register is
   */
  end(vcpu: Vcpu, intid: number, groups: (group: number) => boolean): void {
    const { priorities } = vcpu;
    if (isSpecial(intid) || !groups(priorities.runningGroup)) return;
    priorities.drop();
    if (!vcpu.split) this.deactivate(vcpu, intid);
  }

  /** ICC_DIR_EL1, GICC_DIR: only if ends don't deactivate (IHI 0069, 12.2 ICC_DIR_EL1; IHI 0048, 4.4.15). */
  deactivateAlone(vcpu: Vcpu, intid: number): void {
    if (vcpu.split) this.deactivate(vcpu, intid);
  }

  /** By INTID, whoever acknowledged it (IHI 0069, 4.1.1). What there is not, LPIs among it, has no active state. */
  deactivate(vcpu: Vcpu, intid: number): void {
    const interrupt = this.interrupt(vcpu, intid);
    if (interrupt !== undefined) interrupt.active = false;
  }
}

const isSpecial = (intid: number): boolean => intid >= SPECIAL && intid < SPECIAL + 4;
export const distributorPriority = (value: number): number => value & DISTRIBUTOR_PRIORITY_MASK;
