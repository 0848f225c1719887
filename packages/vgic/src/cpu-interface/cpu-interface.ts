import * as architecture from '../architecture/virtual-interface.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';
import { GicEvents } from '../gic-events.js';
import { lowestBit } from '../interrupts/bitmap.js';

// V8 folds a module's own constants, not imported ones; the guest's hot path is here
const GICH_HCR_MASK = architecture.GICH_HCR_MASK;
const HCR_EOICOUNT_SHIFT = architecture.HCR_EOICOUNT_SHIFT;
const HCR_LRENPIE = architecture.HCR_LRENPIE;
const HCR_NPIE = architecture.HCR_NPIE;
const HCR_UIE = architecture.HCR_UIE;
const HCR_VGRP0DIE = architecture.HCR_VGRP0DIE;
const HCR_VGRP0EIE = architecture.HCR_VGRP0EIE;
const HCR_VGRP1DIE = architecture.HCR_VGRP1DIE;
const HCR_VGRP1EIE = architecture.HCR_VGRP1EIE;
const ICH_HCR_MASK = architecture.ICH_HCR_MASK;
const LR_EOI = architecture.LR_EOI;
const LR_GROUP = architecture.LR_GROUP;
const LR_HW = architecture.LR_HW;
const LR_PENDING = architecture.LR_PENDING;
const LR_PINTID_MASK = architecture.LR_PINTID_MASK;
const LR_PRIORITY_SHIFT = architecture.LR_PRIORITY_SHIFT;
const LR_STATE = architecture.LR_STATE;
const MISR_EOI = architecture.MISR_EOI;
const MISR_LRENP = architecture.MISR_LRENP;
const MISR_NP = architecture.MISR_NP;
const MISR_U = architecture.MISR_U;
const MISR_VGRP0D = architecture.MISR_VGRP0D;
const MISR_VGRP0E = architecture.MISR_VGRP0E;
const MISR_VGRP1D = architecture.MISR_VGRP1D;
const MISR_VGRP1E = architecture.MISR_VGRP1E;
const VMCR_ACKCTL = architecture.VMCR_ACKCTL;
const VMCR_BPR0_SHIFT = architecture.VMCR_BPR0_SHIFT;
const VMCR_BPR1_SHIFT = architecture.VMCR_BPR1_SHIFT;
const VMCR_CBPR = architecture.VMCR_CBPR;
const VMCR_CTLR_MASK = architecture.VMCR_CTLR_MASK;
const VMCR_ENG0 = architecture.VMCR_ENG0;
const VMCR_ENG1 = architecture.VMCR_ENG1;
const VMCR_FIQEN = architecture.VMCR_FIQEN;
const VMCR_PMR_SHIFT = architecture.VMCR_PMR_SHIFT;

/** What the hardware of the virtual CPU interface is like. */
export interface CpuInterfaceConfig {
  /** The version of the host's interface: GICH (2) or ICH system registers (3). */
  readonly version: 2 | 3;
  /** Number of list registers, 1 to 16. */
  readonly listRegisters: number;
  /** Bits of priority implemented, 5 to 8; a GICv2 has 5. */
  readonly priorityBits: number;
  /** ICH_VTR_EL2.IDbits: 0 for 16-bit INTIDs, 1 for 24-bit ones. */
  readonly idBits: number;
  /** ICH_VTR_EL2.A3V: whether affinity 3 counts in SGIs. */
  readonly affinity3: boolean;
  /** ICH_VTR_EL2.SEIS: whether SErrors are generated locally. */
  readonly seis: boolean;
  /** ICC_CTLR_EL1.ExtRange: INTIDs of the extended ranges may come. Default false. */
  readonly extendedRange?: boolean | undefined;
  /** The guest uses the system registers (ICC_SRE_EL1.SRE = 1), which fixes some fields of ICH_VMCR_EL2. */
  readonly systemRegisters: boolean;
}

/**
 * What a virtual CPU interface sees of the vPE that is resident on its CPU (GICv4): the best of its vLPIs and vSGIs, which
 * have no active state.
 */
export interface ResidentVpe {
  /** INTID of the lowest priority value, of these the lowest, or -1. `groups`: those enabled, bit 0 and bit 1. */
  best(groups: number): number;
  priority(intid: number): number;
  isGroup1(intid: number): boolean;
  clearPending(intid: number): void;
}

/**
 * The hardware's half of the virtual CPU interface of one physical CPU: list registers, ICH_HCR, ICH_VMCR, active
 * priorities. What the guest's acknowledge, end of interrupt and deactivation do to it is in `system-registers.ts` and
 * `gicv.ts`; the hypervisor's half is in `vcpus/`.
 */
export class CpuInterface implements StatePart {
  /** List registers in two halves: vINTID, and state with priority, group, HW, EOI. */
  readonly lrLow: Uint32Array;
  readonly lrHigh: Uint32Array;
  /** Active priorities of group 0 and 1, 4 words each. A GICv2 host has one for both: the first of group 1. */
  readonly ap0r = new Uint32Array(4);
  readonly ap1r = new Uint32Array(4);
  hcr = 0;
  vmcr = 0;
  /** The fields of `vmcr`, which every acknowledge needs: priority mask, binary points, and GICC_CTLR's bits in place. */
  pmr = 0;
  bpr0 = 0;
  bpr1 = 0;
  control = 0;
  /** The bits of a priority of each group that count in preemption, which follow from these. */
  private groupMask0 = 0;
  private groupMask1 = 0;
  /** How many list registers the hypervisor filled at the last entry. */
  used = 0;
  vpe: ResidentVpe | undefined;
  /** Who is told of what happens here, and of which vCPU. */
  events: GicEvents;
  vcpu = 0;
  /** The deviation `endOfOtherPriority`, and that among equal priorities the lowest-numbered list register comes first. */
  endsByPriority = false;
  /** The deviation `seisShown`. */
  showsSeis = false;
  /**
   * The hypervisor, to which the end of an active interrupt traps that no list register has. Without it the hardware counts
   * such an end (ICH_HCR_EL2.EOIcount).
   */
  unlistedEnd: ((intid: number) => void) | undefined;

  readonly listRegisters: number;
  readonly preemptionBits: number;
  /** Words of active priority registers that count. */
  readonly activePriorityWords: number;
  /** The least value of the group 1 binary point; group 0's is one less. */
  readonly minimumBpr: number;
  readonly priorityMask: number;
  readonly intidMask: number;
  readonly #hcrMask: number;
  readonly #lrHighMask: number;

  /** @param events of the GIC that it is part of. Default: its own. */
  constructor(
    readonly config: CpuInterfaceConfig,
    events: GicEvents = new GicEvents(),
  ) {
    this.events = events;
    const priorityBits = config.version === 2 ? 5 : config.priorityBits;
    this.listRegisters = config.listRegisters;
    this.lrLow = new Uint32Array(config.listRegisters);
    this.lrHigh = new Uint32Array(config.listRegisters);
    this.preemptionBits = Math.min(priorityBits, 7);
    this.activePriorityWords = 1 << (this.preemptionBits - 5);
    this.minimumBpr = 8 - this.preemptionBits;
    this.priorityMask = (0xff << (8 - priorityBits)) & 0xff;
    this.intidMask = config.idBits !== 0 ? 0xffffff : 0xffff;
    // as signed numbers, which V8 need not keep as doubles
    this.#hcrMask = (config.version === 2 ? GICH_HCR_MASK : ICH_HCR_MASK) | 0;
    this.#lrHighMask = LR_STATE | LR_HW | LR_GROUP | (this.priorityMask << LR_PRIORITY_SHIFT) | LR_PINTID_MASK;
    this.divideGroups();
  }

  /** But for {@link vpe}, which follows from who is resident. */
  visitState(state: StateVisitor): void {
    state.array(this.lrLow);
    state.array(this.lrHigh);
    state.array(this.ap0r);
    state.array(this.ap1r);
    this.hcr = state.number(this.hcr);
    this.vmcr = state.number(this.vmcr);
    this.pmr = state.number(this.pmr);
    this.bpr0 = state.number(this.bpr0);
    this.bpr1 = state.number(this.bpr1);
    this.control = state.number(this.control);
    this.used = state.number(this.used);
    this.divideGroups();
  }

  /** All registers as after a cold reset. */
  reset(): void {
    this.lrLow.fill(0);
    this.lrHigh.fill(0);
    this.ap0r.fill(0);
    this.ap1r.fill(0);
    this.hcr = 0;
    this.vmcr = 0;
    this.pmr = 0;
    this.bpr0 = 0;
    this.bpr1 = 0;
    this.control = 0;
    this.divideGroups();
  }

  setHcr(value: number): void {
    this.hcr = (value & this.#hcrMask) >>> 0;
  }

  /** Binary points saturate at their minimum, unimplemented priority bits and reserved bits are dropped (IHI 0069, 12.4.8). */
  setVmcr(value: number): void {
    const bpr0 = Math.max((value >>> VMCR_BPR0_SHIFT) & 7, this.minimumBpr - 1);
    const bpr1 = Math.max((value >>> VMCR_BPR1_SHIFT) & 7, this.minimumBpr);
    const pmr = (value >>> VMCR_PMR_SHIFT) & this.priorityMask;
    let control = value & VMCR_CTLR_MASK;
    if (this.config.systemRegisters) control = (control & ~VMCR_ACKCTL) | VMCR_FIQEN;
    this.pmr = pmr;
    this.bpr0 = bpr0;
    this.bpr1 = bpr1;
    this.control = control;
    this.divideGroups();
    this.vmcr = (control | (bpr1 << VMCR_BPR1_SHIFT) | (bpr0 << VMCR_BPR0_SHIFT) | (pmr << VMCR_PMR_SHIFT)) >>> 0;
  }

  /** Writes a list register as the hardware keeps it. */
  setListRegister(n: number, low: number, high: number): void {
    this.lrLow[n] = low & this.intidMask;
    this.lrHigh[n] = high & this.#lrHighMask;
    if (this.events.looking) this.tellFilled(n);
  }

  private tellFilled(n: number): void {
    this.events.filled?.(this.vcpu, n, this.lrLow[n] | 0, this.lrHigh[n] | 0);
  }

  /** A list register with no state that asks for no maintenance interrupt: ICH_ELRSR_EL2, a bit each. */
  emptyListRegisters(): number {
    let empty = 0;
    for (let n = 0; n < this.listRegisters; n++) {
      const high = this.lrHigh[n];
      if ((high & LR_STATE) === 0 && ((high & LR_HW) !== 0 || (high & LR_EOI) === 0)) empty |= 1 << n;
    }
    return empty;
  }

  /** List registers with an end of interrupt to report: ICH_EISR_EL2, a bit each. */
  endedListRegisters(): number {
    let ended = 0;
    for (let n = 0; n < this.listRegisters; n++) {
      if ((this.lrHigh[n] & (LR_STATE | LR_HW | LR_EOI)) === LR_EOI) ended |= 1 << n;
    }
    return ended;
  }

  /** ICH_MISR_EL2: why a maintenance interrupt is asserted; 0 when it is not (IHI 0069, 12.4.7). */
  maintenanceStatus(): number {
    const hcr = this.hcr;
    let valid = 0;
    let pending = 0;
    for (let n = 0; n < this.listRegisters; n++) {
      const state = this.lrHigh[n] & LR_STATE;
      if (state !== 0) valid++;
      if (state === LR_PENDING) pending++;
    }
    let status = this.endedListRegisters() !== 0 ? MISR_EOI : 0;
    if (hcr & HCR_UIE && valid <= 1) status |= MISR_U;
    if (hcr & HCR_LRENPIE && hcr >>> HCR_EOICOUNT_SHIFT !== 0) status |= MISR_LRENP;
    if (hcr & HCR_NPIE && pending === 0) status |= MISR_NP;
    if (hcr & HCR_VGRP0EIE && this.vmcr & VMCR_ENG0) status |= MISR_VGRP0E;
    if (hcr & HCR_VGRP0DIE && !(this.vmcr & VMCR_ENG0)) status |= MISR_VGRP0D;
    if (hcr & HCR_VGRP1EIE && this.vmcr & VMCR_ENG1) status |= MISR_VGRP1E;
    if (hcr & HCR_VGRP1DIE && !(this.vmcr & VMCR_ENG1)) status |= MISR_VGRP1D;
    return status;
  }

  /** A deactivation found no list register: ICH_HCR_EL2.EOIcount counts it, modulo 32. */
  countUnlistedEnd(): void {
    this.hcr = (this.hcr + (1 << HCR_EOICOUNT_SHIFT)) >>> 0;
  }

  /** The end of an interrupt that no list register has as active. */
  endUnlisted(intid: number): void {
    if (this.unlistedEnd === undefined) this.countUnlistedEnd();
    else this.unlistedEnd(intid);
  }

  /** The binary point of group 0, or of group 1 with ICC_CTLR_EL1.CBPR taken into account. */
  binaryPoint(group: number): number {
    if (group === 0) return this.bpr0;
    return this.control & VMCR_CBPR ? Math.min(this.bpr0 + 1, 7) : this.bpr1;
  }

  /** The part of a priority that counts in preemption (IHI 0069, 4.8.2 "Priority grouping"). */
  groupPriority(priority: number, group: number): number {
    return priority & (group === 0 ? this.groupMask0 : this.groupMask1);
  }

  /** With CBPR group 1 is divided as group 0 is; KVM's trap code takes what ICC_BPR1_EL1 reads then, which is 7 at most. */
  private divideGroups(): void {
    const isCommon = (this.control & VMCR_CBPR) !== 0 && !this.endsByPriority;
    this.groupMask0 = (0xff << (this.bpr0 + 1)) & 0xff;
    this.groupMask1 = isCommon ? this.groupMask0 : (0xff << this.binaryPoint(1)) & 0xff;
  }

  /** The highest active group priority, or 0x100 when nothing is active. */
  runningPriority(): number {
    for (let word = 0; word < this.activePriorityWords; word++) {
      const bits = this.ap0r[word] | this.ap1r[word];
      if (bits !== 0) return (word * 32 + lowestBit(bits)) << this.minimumBpr;
    }
    return 0x100;
  }
}
