import type { Gicv4Version } from '../architecture/gicv4.js';
import {
  GICR_V4_SIZE,
  GITS_V4_SIZE,
  NO_DOORBELL,
  VPENDBASER_DOORBELL,
  VPENDBASER_GROUP_0_ENABLE,
  VPENDBASER_GROUP_1_ENABLE,
  VPENDBASER_PENDING_LAST,
  VPENDBASER_VALID,
  VPROPBASER_VALID,
} from '../architecture/gicv4.js';
import { PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import { addressOf } from '../its/lpis.js';
import type { Ram } from '../memory/ram.js';
import { type ConfigurationTable, ConfigurationTables } from './configuration-table.js';
import { NO_INTID } from './pending-table.js';
import { PHYSICAL_ITS_FRAME, PHYSICAL_REDISTRIBUTOR } from './physical-frames.js';
import { PhysicalIts, type PhysicalMsiResult } from './physical-its.js';
import { PhysicalRedistributor } from './physical-redistributor.js';
import { GROUP_0, GROUP_1, NOT_RESIDENT, Vpe, type VpeMapping } from './vpe.js';

export interface PhysicalGicConfig {
  /** The host's RAM, which has all tables. */
  readonly memory: Ram;
  /** Physical CPUs, 1 to 65536. Default 1. */
  readonly cpus?: number;
  /** 41 for GICv4.1, 40 for GICv4.0. Default 41. */
  readonly gicv4?: Gicv4Version;
  /** Bits of a vPEID, 1 to 16. Default 12. */
  readonly vpeIdBits?: number;
  /** Bits of priority that the CPUs implement, 4 to 8. Default 5. */
  readonly priorityBits?: number;
  /** Told when an enabled LPI has become pending on a CPU, within the operation that made it so. */
  readonly onPhysicalLpi?: (cpu: number, intid: number) => void;
}

const VPROPBASER_ADDRESS = 0xfffff000;
const ADDRESS_HIGH = 0x000fffff;
const VPEID = 0xffff;
const PAGE_64K = 2 ** 16;
const ALL_GROUPS = GROUP_0 | GROUP_1;

/**
 * The host's interrupt controller, as far as LPIs and direct injection go: one ITS, and a redistributor for each physical
 * CPU, with GICv4.1 or GICv4.0. A CPU interface shows what {@link best} answers for the vPE that runs on it.
 *
 * Everything is done at once: no register ever reads Dirty or Busy. Source: IHI 0069, chapters 4.8, 5 and 6.
 */
export class PhysicalGic {
  readonly memory: Ram;
  readonly version: Gicv4Version;
  readonly vpeIdBits: number;
  readonly configurations: ConfigurationTables;
  readonly redistributors: readonly PhysicalRedistributor[];
  readonly its: PhysicalIts;
  /** The vPEs that are mapped, by vPEID. */
  readonly vpes = new Map<number, Vpe>();
  /** Upper half of the last 64-bit register read. */
  high = 0;
  /** The INTIDs that the redistributors' register arrays have. */
  readonly irqs = { count: PRIVATE_COUNT };
  /** GICv4.0 names a vPE by its virtual pending table: vPEIDs by its page; of several vPEs with one, the first. */
  readonly #byPendingPage = new Map<number, number>();
  readonly #priorityMask: number;
  /** By CPU. */
  readonly #resident: (Vpe | undefined)[];
  readonly #onPhysicalLpi: PhysicalGicConfig['onPhysicalLpi'];

  constructor(config: PhysicalGicConfig) {
    const { memory, cpus = 1, gicv4 = 41, vpeIdBits = 12, priorityBits = 5 } = config;
    this.memory = memory;
    this.version = gicv4;
    this.vpeIdBits = Math.min(vpeIdBits, 16);
    this.#priorityMask = (0xff << (8 - priorityBits)) & 0xff;
    this.#onPhysicalLpi = config.onPhysicalLpi;
    this.configurations = new ConfigurationTables(memory);
    this.redistributors = Array.from(
      { length: cpus },
      (_, n) => new PhysicalRedistributor(n, this.configurations, this.#priorityMask),
    );
    this.#resident = new Array(cpus).fill(undefined);
    this.its = new PhysicalIts(this);
  }

  // ---- registers

  /** A load from the ITS, 4 or 8 bytes; the upper half of 8 bytes is in `high`. */
  readIts(offset: number, width: number): number {
    return offset < GITS_V4_SIZE ? PHYSICAL_ITS_FRAME.read(this, 0, offset, width, NO_VCPU) >>> 0 : 0;
  }

  writeIts(offset: number, width: number, low: number, high = 0): void {
    if (offset < GITS_V4_SIZE) PHYSICAL_ITS_FRAME.write(this, 0, offset, width, low >>> 0, high >>> 0, NO_VCPU);
  }

  /** A load from a CPU's redistributor, all frames. */
  readRedistributor(cpu: number, offset: number, width: number): number {
    if (this.redistributors[cpu] === undefined || offset >= GICR_V4_SIZE) return 0;
    return PHYSICAL_REDISTRIBUTOR.read(this, cpu, offset, width, NO_VCPU) >>> 0;
  }

  /** The registers keep halves of 32 bits with sign: V8 would allocate for a number above 2^31. */
  writeRedistributor(cpu: number, offset: number, width: number, low: number, high = 0): void {
    if (this.redistributors[cpu] === undefined || offset >= GICR_V4_SIZE) return;
    PHYSICAL_REDISTRIBUTOR.write(this, cpu, offset, width, low | 0, high | 0, NO_VCPU);
  }

  /** A device writes an EventID to GITS_TRANSLATER. Allocates nothing. */
  msi(deviceId: number, eventId: number): PhysicalMsiResult {
    return this.its.trigger(deviceId, eventId);
  }

  // ---- physical LPIs

  /** GICR_CTLR.EnableLPIs is written. */
  enableLpis(cpu: number, enable: boolean): void {
    const redistributor = this.redistributors[cpu];
    if (enable === redistributor.enabled) return;
    if (!enable) {
      redistributor.disable();
      return;
    }
    redistributor.enable();
    const best = redistributor.lpis.best();
    if (best !== NO_INTID) this.#onPhysicalLpi?.(cpu, best);
  }

  /** A physical LPI becomes pending on a CPU; false, and lost, if LPIs are disabled there or the tables have no room. */
  raise(cpu: number, intid: number): boolean {
    const redistributor = this.redistributors[cpu];
    if (!redistributor?.enabled || !redistributor.lpis.set(intid)) return false;
    if (redistributor.lpis.enabled(intid)) this.#onPhysicalLpi?.(cpu, intid);
    return true;
  }

  /** The LPI that a CPU is signalled, or NO_INTID. */
  bestPhysical(cpu: number): number {
    return this.redistributors[cpu]?.lpis.best() ?? NO_INTID;
  }

  /** The CPU acknowledges an LPI: it is pending no more. */
  acknowledgePhysical(cpu: number, intid: number): void {
    this.redistributors[cpu]?.lpis.clear(intid);
  }

  /** An INV of a physical LPI: it may be enabled now. */
  invalidatePhysical(cpu: number, intid: number): void {
    const lpis = this.redistributors[cpu]?.lpis;
    if (lpis === undefined || !lpis.holds(intid)) return;
    lpis.configuration?.invalidate(intid);
    if (lpis.has(intid) && lpis.enabled(intid)) this.#onPhysicalLpi?.(cpu, intid);
  }

  /** An INVALL of a redistributor. */
  invalidateAllPhysical(cpu: number): void {
    const lpis = this.redistributors[cpu]?.lpis;
    if (lpis === undefined) return;
    lpis.configuration?.invalidateAll();
    const best = lpis.best();
    if (best !== NO_INTID) this.#onPhysicalLpi?.(cpu, best);
  }

  // ---- what the virtual CPU interface sees

  /** The vPE that is resident on a CPU. */
  residentOn(cpu: number): Vpe | undefined {
    return this.#resident[cpu];
  }

  /**
   * The vSGI or vLPI that a resident vPE signals: of the lowest priority value, of these the lowest INTID; NO_INTID if
   * there is none or it is not resident. `groups` are those that the virtual CPU interface has enabled.
   */
  best(vpeId: number, groups = ALL_GROUPS): number {
    const vpe = this.vpes.get(vpeId);
    return vpe === undefined || vpe.resident === NOT_RESIDENT ? NO_INTID : vpe.best(groups);
  }

  /** The vPE acknowledges: the interrupt is pending no more, and has no active state. False if it was not pending. */
  acknowledge(vpeId: number, intid: number): boolean {
    const vpe = this.vpes.get(vpeId);
    if (vpe === undefined || vpe.resident === NOT_RESIDENT || !vpe.isPending(intid)) return false;
    vpe.clearPending(intid);
    return true;
  }

  // ---- vPEs

  /** VMAPP with V=1 of a vPE that is not mapped. `pendingZero`: its pending table is known to hold zeros only. */
  mapVpe(id: number, mapping: VpeMapping, configuration: number | undefined, pendingZero: boolean): void {
    const vpe = new Vpe(id, this.#priorityMask, mapping, this.version === 41 ? 0 : ALL_GROUPS);
    if (configuration !== undefined) vpe.vlpis.configuration = this.configurations.acquire(configuration);
    if (!pendingZero) vpe.load(this.memory, this.version === 41);
    this.vpes.set(id, vpe);
    const page = mapping.pendingAddress / PAGE_64K;
    if (!this.#byPendingPage.has(page)) this.#byPendingPage.set(page, id);
    // UNPREDICTABLE, and done here: GICR_VPENDBASER was written before the vPE was mapped
    for (const { number } of this.redistributors) {
      if (this.#residencyOf(number) === id) this.#makeResident(number, vpe);
    }
  }

  /** VMAPP with V=0: the virtual pending table is complete in memory. */
  unmapVpe(id: number): void {
    const vpe = this.vpes.get(id);
    if (vpe === undefined) return;
    vpe.store(this.memory, this.version === 41);
    this.configurations.release(vpe.vlpis.configuration);
    this.vpes.delete(id);
    this.#forgetPendingPage(vpe);
    this.#makeNotResident(vpe);
  }

  #forgetPendingPage({ id, pendingAddress }: Vpe): void {
    const page = pendingAddress / PAGE_64K;
    if (this.#byPendingPage.get(page) !== id) return;
    this.#byPendingPage.delete(page);
    // UNPREDICTABLE: another one has the same table
    for (const other of this.vpes.values()) {
      if (other.pendingAddress !== pendingAddress) continue;
      this.#byPendingPage.set(page, other.id);
      return;
    }
  }

  /** A vLPI becomes pending. False, and lost, if its vPE is not mapped. Allocates nothing. */
  raiseVlpi(vpeId: number, virtualIntid: number, doorbell: number): boolean {
    const vpe = this.vpes.get(vpeId);
    if (vpe === undefined || !vpe.vlpis.set(virtualIntid)) return false;
    this.#notify(vpe, doorbell, vpe.vlpiEnabled(virtualIntid));
    return true;
  }

  /** The configuration of a vLPI is read anew. */
  invalidateVlpi(vpeId: number, virtualIntid: number): void {
    const vpe = this.vpes.get(vpeId);
    if (vpe === undefined || !vpe.vlpis.holds(virtualIntid)) return;
    vpe.vlpis.configuration?.invalidate(virtualIntid);
    if (vpe.vlpis.has(virtualIntid)) this.#notify(vpe, NO_DOORBELL, vpe.vlpiEnabled(virtualIntid));
  }

  /** GITS_SGIR: a vSGI becomes pending. */
  raiseVsgi(vpeId: number, sgi: number): void {
    const vpe = this.vpes.get(vpeId);
    if (vpe === undefined || this.version !== 41 || sgi >= SGI_COUNT) return;
    vpe.sgiPending |= 1 << sgi;
    this.#notify(vpe, NO_DOORBELL, vpe.sgiEnabled(sgi, vpe.groups));
  }

  /** VSGI without C: an enabled vSGI that is pending may ring. */
  configureVsgi(vpeId: number, sgi: number, enable: boolean, group: 0 | 1, priority: number): void {
    const vpe = this.vpes.get(vpeId);
    if (vpe === undefined) return;
    vpe.configureSgi(sgi, enable, group, priority);
    if (vpe.isPending(sgi)) this.#notify(vpe, NO_DOORBELL, vpe.sgiEnabled(sgi, vpe.groups));
  }

  /** Something became pending: a doorbell rings if the vPE is not resident. */
  #notify(vpe: Vpe, doorbell: number, deliverable: boolean): void {
    if (vpe.resident !== NOT_RESIDENT) return;
    if (this.version === 40) {
      if (doorbell !== NO_DOORBELL) this.raise(vpe.target, doorbell);
      return;
    }
    if (!vpe.doorbellArmed || !deliverable) return;
    vpe.doorbellArmed = false;
    if (vpe.defaultDoorbell !== NO_DOORBELL) this.raise(vpe.target, vpe.defaultDoorbell);
  }

  // ---- residency

  /** The vPEID that GICR_VPENDBASER names, mapped or not; -1 if it is not valid, or in GICv4.0 names no mapped vPE. */
  #residencyOf(cpu: number): number {
    const redistributor = this.redistributors[cpu];
    if (redistributor === undefined || !(redistributor.vpendbaserHigh & VPENDBASER_VALID)) return -1;
    if (this.version === 41) return redistributor.vpendbaserLow & VPEID;
    const page = pageOf(redistributor.vpendbaserLow, redistributor.vpendbaserHigh, 16);
    return this.#byPendingPage.get(page) ?? -1;
  }

  #makeResident(cpu: number, vpe: Vpe): void {
    const redistributor = this.redistributors[cpu];
    // UNPREDICTABLE while it is resident elsewhere: it is taken from there
    this.#makeNotResident(vpe);
    this.#resident[cpu] = vpe;
    vpe.resident = cpu;
    vpe.doorbellArmed = false;
    const { vpendbaserHigh: high } = redistributor;
    if (this.version === 41) {
      vpe.groups = (high & VPENDBASER_GROUP_0_ENABLE ? GROUP_0 : 0) | (high & VPENDBASER_GROUP_1_ENABLE ? GROUP_1 : 0);
      return;
    }
    const { vpropbaserLow, vpropbaserHigh } = redistributor;
    const present: ConfigurationTable | undefined = vpe.vlpis.configuration;
    if (present !== undefined && present.page === pageOf(vpropbaserLow, vpropbaserHigh, 12)) return;
    const configuration = addressOf(vpropbaserLow & VPROPBASER_ADDRESS, vpropbaserHigh);
    vpe.vlpis.configuration = this.configurations.acquire(configuration);
    this.configurations.release(present);
    // an INV before had no table to read
    this.its.invalidateVpe(vpe.id);
  }

  #makeNotResident(vpe: Vpe): void {
    if (vpe.resident !== NOT_RESIDENT) this.#resident[vpe.resident] = undefined;
    vpe.resident = NOT_RESIDENT;
  }

  /** GICR_VPENDBASER is written: a vPE becomes resident, or the one that was is so no more. */
  writeVpendbaser(cpu: number, low: number, high: number): void {
    const redistributor = this.redistributors[cpu];
    const wasValid = (redistributor.vpendbaserHigh & VPENDBASER_VALID) !== 0;
    const valid = (high & VPENDBASER_VALID) !== 0;
    if (wasValid === valid) {
      // while Valid is 1 another vPE is UNPREDICTABLE, and ignored here; while it is 0 nothing happens yet
      if (!valid) this.#setVpendbaser(redistributor, low, high & ~VPENDBASER_PENDING_LAST, false);
      return;
    }
    if (valid) {
      if (!(redistributor.vpropbaserHigh & VPROPBASER_VALID) && this.version === 41) return;
      this.#setVpendbaser(redistributor, low, high, false);
      const vpe = this.vpes.get(this.#residencyOf(cpu));
      if (vpe !== undefined) this.#makeResident(cpu, vpe);
      return;
    }
    const vpe = this.residentOn(cpu);
    this.#setVpendbaser(redistributor, low, high, this.#deschedule(vpe, high));
  }

  /** Returns PendingLast. */
  #deschedule(vpe: Vpe | undefined, high: number): boolean {
    // GICv4.1: written as 1 it says that nobody wants to know, and that no doorbell is to ring
    if (this.version === 41 && high & VPENDBASER_PENDING_LAST) {
      if (vpe !== undefined) this.#makeNotResident(vpe);
      return true;
    }
    if (vpe === undefined) return false;
    const pending = vpe.hasPending;
    this.#makeNotResident(vpe);
    vpe.doorbellArmed = this.version === 41 && (high & VPENDBASER_DOORBELL) !== 0 && !pending;
    return pending;
  }

  #setVpendbaser(redistributor: PhysicalRedistributor, low: number, high: number, pendingLast: boolean): void {
    const kept = (this.version === 41 ? VPENDBASER_41_HIGH : VPENDBASER_40_HIGH) & high;
    redistributor.vpendbaserLow = this.version === 41 ? low & VPEID : low;
    redistributor.vpendbaserHigh = kept | (pendingLast ? VPENDBASER_PENDING_LAST : 0);
  }
}

/** Which page of 2^shift bytes a table's address is, bits 51:shift of a register: an integer small enough for V8. */
function pageOf(low: number, high: number, shift: number): number {
  return (high & ADDRESS_HIGH) * 2 ** (32 - shift) + (low >>> shift);
}

/** What the registers keep of what is written; PendingLast, Dirty and in GICv4.0 IDAI are the hardware's. */
const VPENDBASER_41_HIGH =
  VPENDBASER_VALID | VPENDBASER_DOORBELL | VPENDBASER_GROUP_0_ENABLE | VPENDBASER_GROUP_1_ENABLE;
const VPENDBASER_40_HIGH = VPENDBASER_VALID | 0x070fffff;
