import { SGI_COUNT } from '../architecture/intid.js';
import type { ResidentVpe } from '../cpu-interface/cpu-interface.js';
import { lowestBit } from '../interrupts/bitmap.js';
import type { Ram } from '../memory/ram.js';
import { NO_INTID, PendingTable } from './pending-table.js';

/** Configuration byte of a vSGI: priority in bits 7:4, group in bit 1, enable in bit 0. */
const SGI_ENABLE = 1;
const SGI_GROUP_1 = 2;
const SGI_PRIORITY_MASK = 0xf0;

/**
 * Where an unmapped vPE's vSGIs are: in the first kilobyte of its virtual pending table, whose content is IMPLEMENTATION
 * DEFINED (IHI 0069, 5.1.2). Bits 15:0 of the first doubleword are pending, 16 configuration bytes follow.
 */
const SGI_PENDING_OFFSET = 0;
const SGI_CONFIGURATION_OFFSET = 8;

/** Groups whose interrupts may be signalled: a mask. */
export const GROUP_0 = 1;
export const GROUP_1 = 2;

/** Not resident on any redistributor. */
export const NOT_RESIDENT = -1;

export interface VpeMapping {
  /** The redistributor that its vLPIs and doorbells go to. */
  readonly target: number;
  readonly pendingAddress: number;
  /** Bits of its vINTIDs. */
  readonly bits: number;
  /** LPI, or NO_DOORBELL. GICv4.1 only. */
  readonly defaultDoorbell: number;
}

/** A virtual PE that VMAPP has mapped: what redistributors keep of it. Source: IHI 0069, chapter 5.6 and 6. */
export class Vpe implements ResidentVpe {
  readonly vlpis: PendingTable;
  readonly pendingAddress: number;
  target: number;
  defaultDoorbell: number;
  /** The redistributor that it is resident on. */
  resident = NOT_RESIDENT;
  /** Groups enabled as of the last residency (GICR_VPENDBASER.VGrp0En, VGrp1En). GICv4.0 has no such enables. */
  groups: number;
  /** It was descheduled with a doorbell requested, which has not rung since. */
  doorbellArmed = false;
  sgiPending = 0;
  readonly #sgis = new Uint8Array(SGI_COUNT);

  constructor(
    readonly id: number,
    readonly priorityMask: number,
    mapping: VpeMapping,
    groups: number,
  ) {
    this.vlpis = new PendingTable(priorityMask);
    this.vlpis.limit = 2 ** mapping.bits;
    this.pendingAddress = mapping.pendingAddress;
    this.target = mapping.target;
    this.defaultDoorbell = mapping.defaultDoorbell;
    this.groups = groups;
  }

  /** Takes the virtual pending table over from memory, in GICv4.1 with the vSGIs. */
  load(memory: Ram, sgis: boolean): void {
    this.vlpis.load(memory, this.pendingAddress);
    if (!sgis || !memory.has(this.pendingAddress, SGI_CONFIGURATION_OFFSET + SGI_COUNT)) return;
    this.sgiPending = memory.load32(this.pendingAddress + SGI_PENDING_OFFSET) & 0xffff;
    for (let sgi = 0; sgi < SGI_COUNT; sgi++) {
      const byte = memory.load8(this.pendingAddress + SGI_CONFIGURATION_OFFSET + sgi);
      this.#sgis[sgi] = byte & (SGI_PRIORITY_MASK | SGI_GROUP_1 | SGI_ENABLE);
    }
  }

  /** Gives it back, complete. */
  store(memory: Ram, sgis: boolean): void {
    this.vlpis.store(memory, this.pendingAddress);
    if (!sgis) return;
    memory.store64(this.pendingAddress + SGI_PENDING_OFFSET, this.sgiPending, 0);
    for (let sgi = 0; sgi < SGI_COUNT; sgi++) {
      memory.store8(this.pendingAddress + SGI_CONFIGURATION_OFFSET + sgi, this.#sgis[sgi]);
    }
  }

  // ---- vSGIs

  /** `priority` has 8 bits, of which the upper four count. */
  configureSgi(sgi: number, enable: boolean, group: 0 | 1, priority: number): void {
    this.#sgis[sgi] = (priority & SGI_PRIORITY_MASK) | (group ? SGI_GROUP_1 : 0) | (enable ? SGI_ENABLE : 0);
  }

  sgiGroup(sgi: number): number {
    return this.#sgis[sgi] & SGI_GROUP_1 ? GROUP_1 : GROUP_0;
  }

  /** The configuration byte of a vSGI: priority in bits 7:4, group 1 in bit 1, enable in bit 0. */
  sgiConfiguration(sgi: number): number {
    return this.#sgis[sgi];
  }

  /** Whether a vSGI is enabled, and its group among `groups`. */
  sgiEnabled(sgi: number, groups: number): boolean {
    return (this.#sgis[sgi] & SGI_ENABLE) !== 0 && (this.sgiGroup(sgi) & groups) !== 0;
  }

  // ---- what it signals

  /** Whether a vLPI is one that could be signalled. */
  vlpiEnabled(intid: number): boolean {
    return (this.groups & GROUP_1) !== 0 && this.vlpis.enabled(intid);
  }

  /** GICR_VPENDBASER.PendingLast: something enabled is pending. */
  get hasPending(): boolean {
    return this.best(GROUP_0 | GROUP_1) !== NO_INTID;
  }

  /**
   * The INTID that it signals, of the lowest priority value and of these the lowest INTID, or NO_INTID. `groups` are those
   * that the virtual CPU interface has enabled.
   */
  best(groups: number): number {
    const open = this.groups & groups;
    let best = NO_INTID;
    if (open & GROUP_1) best = this.vlpis.best();
    for (let pending = this.sgiPending; pending !== 0; pending &= pending - 1) {
      const sgi = lowestBit(pending);
      if (!this.sgiEnabled(sgi, open)) continue;
      if (best === NO_INTID || this.#before(sgi, best)) best = sgi;
    }
    return best;
  }

  #before(sgi: number, other: number): boolean {
    const difference = this.priority(sgi) - this.priority(other);
    return difference < 0 || (difference === 0 && sgi < other);
  }

  /** Of a vSGI or vLPI, with the priority bits that are implemented. */
  priority(intid: number): number {
    return intid < SGI_COUNT ? this.#sgis[intid] & SGI_PRIORITY_MASK & this.priorityMask : this.vlpis.priority(intid);
  }

  /** A vLPI is of group 1. */
  isGroup1(intid: number): boolean {
    return intid >= SGI_COUNT || this.sgiGroup(intid) === GROUP_1;
  }

  isPending(intid: number): boolean {
    return intid < SGI_COUNT ? ((this.sgiPending >>> intid) & 1) !== 0 : this.vlpis.has(intid);
  }

  clearPending(intid: number): void {
    if (intid < SGI_COUNT) this.sgiPending &= ~(1 << intid);
    else this.vlpis.clear(intid);
  }
}
