import type { Gicv4Version } from '../architecture/gicv4.js';
import {
  NO_DOORBELL,
  VPENDBASER_DOORBELL,
  VPENDBASER_GROUP_0_ENABLE,
  VPENDBASER_GROUP_1_ENABLE,
  VPENDBASER_PENDING_LAST,
  VPENDBASER_VALID,
} from '../architecture/gicv4.js';
import { LPI_MIN, SGI_COUNT } from '../architecture/intid.js';
import { LPI_ENABLE } from '../architecture/lpi.js';
import { checkBoolean, checkOneOf, checkWhole, isWhole, refuse } from '../arguments.js';
import { GicError } from '../errors.js';
import { Forwarding, type ForwardingContext } from '../forwarding/forwarding.js';
import { Ram } from '../memory/ram.js';
import { LPI_BITS, LPI_LIMIT } from './configuration-table.js';
import type { DriverEvents, Fields } from './driver-events.js';
import type { PhysicalGic } from './physical-gic.js';
import {
  ID_BITS_FIELD,
  PHYSICAL_LPI_PRIORITY,
  PhysicalGicAccess,
  upperHalf,
  VPE_ID_BITS,
} from './physical-gic-access.js';
import type { PhysicalMsiResult } from './physical-its.js';
import { TABLE_PAGE } from './table-pages.js';
import type { Vpe } from './vpe.js';

/** The host's hardware that can inject directly. */
export interface Gicv4DriverConfig {
  /** 41 for GICv4.1, 40 for GICv4.0. Default 41. */
  readonly gicv4?: Gicv4Version;
  /** GICv4.1: whether the CPU interfaces take vSGIs (ID_AA64PFR0_EL1.GIC = 3). Default true. */
  readonly vsgis?: boolean;
  /** Physical CPUs, 1 to 65536. Default 1. */
  readonly cpus?: number;
  /** MSIs of the host's devices, 1 to {@link MOST_MSIS}. Default 1024. */
  readonly msis?: number;
  /** Bits of priority that the CPUs implement, 4 to 8. Default 5. */
  readonly priorityBits?: number;
  /** The host's RAM for tables: 64 KiB for each CPU and each vPE, and some more. Default: RAM of its own for as many vPEs. */
  readonly memory?: Ram;
}

/** The vPEs of one virtual machine, which share a virtual configuration table. */
export interface VpeSet {
  readonly configuration: number;
  readonly vpes: readonly DriverVpe[];
}

/** A register of 64 bits, in signed halves. */
interface Halves {
  readonly low: number;
  readonly high: number;
}

/** A vPE as the driver knows it. */
export interface DriverVpe {
  readonly id: number;
  /** Of its virtual pending table; that of its machine's configuration table. */
  readonly pendingTable: number;
  readonly configuration: number;
  /** GICv4.0: what GICR_VPROPBASER and GICR_VPENDBASER are to hold while it is resident, but for Valid. */
  readonly propbaser: Halves;
  readonly pendbaser: Halves;
  /** Its doorbell, a physical LPI. */
  readonly doorbell: number;
  mapped: boolean;
  /** The physical CPU to which the ITS sends its vLPIs. */
  cpu: number;
  /** GICv4.0: its doorbell does not ring through now. GICv4.1 needs no mask. */
  masked: boolean;
  /** Its doorbell rang, within the operation that made it. */
  onDoorbell: () => void;
}

/** Where a host's MSI goes while it is a guest's. */
interface VlpiMapping {
  vpe: DriverVpe;
  readonly intid: number;
  /** GICv4.0: the vPE's doorbell rings for it. */
  rings: boolean;
}

/** Vectors of each of the host's devices: MSI n is EventID n mod 32 of DeviceID n div 32. */
const VECTORS_SHIFT = 5;
const VECTORS = 1 << VECTORS_SHIFT;
const ITT_SIZE = VECTORS * 8;
/** vPEIDs from the top down: the one that finds out what is pending. */
const INQUIRER = 2 ** VPE_ID_BITS - 1;
const VPES_MAX = INQUIRER;

/** Physical CPUs that commands can name by their number (RDbase with GITS_TYPER.PTA = 0). */
const MOST_CPUS = 0x10000;
/** The most MSIs of host devices: each has an LPI, and each vPE's doorbell has one. */
export const MOST_MSIS = LPI_LIMIT - LPI_MIN - VPES_MAX;
const FIRST_DOORBELL = LPI_LIMIT - VPES_MAX;

/** Group 1, as Linux writes it into each configuration byte; the bit is reserved (IHI 0069, 5.1.1). */
const CONFIGURATION_GROUP_1 = 1 << 1;

/**
 * The host's driver of its GICv4: sets up tables, gives out vPEs, maps the MSIs of passed-through devices to vLPIs and
 * makes vPEs resident. It touches {@link PhysicalGic} by registers, commands and memory alone, as software does.
 * What a hypervisor makes of it is in `Forwarding`.
 */
export class Gicv4Driver {
  readonly gic: PhysicalGic;
  readonly memory: Ram;
  readonly version: Gicv4Version;
  readonly hasVsgis: boolean;
  readonly msis: number;
  /** Told of a host device's MSI that goes to the host: it is not forwarded. Within the operation that sent it. */
  onMsi: (msi: number) => void = () => {};
  /** Whether an MSI comes by an ITS that has GICv4. */
  canForward: (msi: number) => boolean = () => true;

  readonly #host: PhysicalGicAccess;
  readonly #itts: number;
  readonly #readyDevices: Uint8Array;
  /** By vPEID. */
  readonly #vpes: (DriverVpe | undefined)[] = [];
  readonly #mappings: (VlpiMapping | undefined)[] = [];
  /** For it every vLPI is enabled, and it has none of its own. */
  readonly #inquirer: DriverVpe;

  /** @throws GicError EINVAL if the configuration is none, ENOSPC where the host's RAM is too small. */
  constructor(config: Gicv4DriverConfig = {}) {
    const { gicv4 = 41, vsgis = true, cpus = 1, msis = 1024, priorityBits = 5, memory } = config;
    checkOneOf('gicv4', gicv4, [40, 41]);
    checkBoolean('vsgis', vsgis);
    checkWhole('cpus', cpus, 1, MOST_CPUS);
    checkWhole('msis', msis, 1, MOST_MSIS);
    checkWhole('priorityBits', priorityBits, 4, 8);
    if (memory !== undefined && !(memory instanceof Ram))
      refuse('memory', 'the Ram in which the host has its tables', memory);
    this.version = gicv4;
    this.hasVsgis = gicv4 === 41 && vsgis;
    this.msis = msis;
    const onPhysicalLpi = (cpu: number, intid: number) => this.#onPhysicalLpi(cpu, intid);
    this.#host = new PhysicalGicAccess({ gicv4, cpus, priorityBits, memory, lpis: msis, onPhysicalLpi });
    this.gic = this.#host.hardware;
    this.memory = this.#host.memory;
    const devices = Math.ceil(msis / VECTORS);
    this.#readyDevices = new Uint8Array(devices);
    this.#itts = this.#host.take(Math.ceil((devices * ITT_SIZE) / TABLE_PAGE));
    const configuration = this.#host.take();
    this.#host.fill(configuration, LPI_ENABLE, LPI_LIMIT - LPI_MIN);
    this.#inquirer = this.#newVpe(INQUIRER, this.#host.take(), configuration);
    this.mapVpe(this.#inquirer);
  }

  /** What the driver does, told to whoever wants to know. */
  get events(): DriverEvents {
    return this.#host.events;
  }

  /**
   * The vPEs of one more virtual machine, and what is forwarded to them. A GIC gets them here, so that one without a GICv4
   * host does without their code.
   * @throws GicError ENOSPC where the host has no room for so many.
   */
  forwardingFor(context: ForwardingContext): Forwarding {
    return new Forwarding(this, context);
  }

  // ---- MSIs of the host's devices

  /** A device of the host sends its MSI: to the vPE that it is forwarded to, else to the host. Allocates nothing. */
  send(msi: number): PhysicalMsiResult {
    if (!isWhole(msi, 0, this.msis - 1)) refuse('msi', `a whole number from 0 to ${this.msis - 1}`, msi);
    this.#prepareDevice(msi >>> VECTORS_SHIFT);
    return this.gic.msi(msi >>> VECTORS_SHIFT, msi & (VECTORS - 1));
  }

  #prepareDevice(deviceId: number): void {
    if (this.#readyDevices[deviceId]) return;
    this.#readyDevices[deviceId] = 1;
    const ittAddress = (this.#itts + deviceId * ITT_SIZE) / 2 ** 8;
    this.#host.issue('MAPD', { deviceId, size: VECTORS_SHIFT - 1, ittAddress, valid: 1 });
    for (let eventId = 0; eventId < VECTORS; eventId++) this.#mapToHost(deviceId * VECTORS + eventId);
  }

  #mapToHost(msi: number): void {
    if (msi < this.msis) this.#host.issue('MAPTI', { ...eventOf(msi), intid: LPI_MIN + msi, collection: 0 });
  }

  /** An LPI of the host itself: an MSI that is not forwarded, or a doorbell. */
  #onPhysicalLpi(cpu: number, intid: number): void {
    this.#host.writeRedistributor(cpu, 'GICR_CLRLPIR', intid);
    if (intid >= FIRST_DOORBELL) this.#vpes[intid - FIRST_DOORBELL]?.onDoorbell();
    else this.onMsi(intid - LPI_MIN);
  }

  // ---- vPEs

  /**
   * The vPEs of one more virtual machine, not mapped yet.
   * @throws GicError EINVAL for a count that is none, ENOSPC where host RAM or vPEIDs are used up; nothing is taken then.
   */
  allocate(count: number): VpeSet {
    checkWhole('count', count, 1, VPES_MAX);
    const ids: number[] = [];
    for (let id = 0; id < VPES_MAX && ids.length < count; id++) if (this.#vpes[id] === undefined) ids.push(id);
    const tables = ids.length < count ? undefined : this.#host.takeAll(count + 1);
    if (tables === undefined) throw new GicError('ENOSPC', `The host has no room for ${count} more vPEs.`);
    const configuration = tables[count];
    const vpes = ids.map((id, n) => this.#newVpe(id, tables[n], configuration));
    return { configuration, vpes };
  }

  #newVpe(id: number, pendingTable: number, configuration: number): DriverVpe {
    const doorbell = id === INQUIRER ? NO_DOORBELL : FIRST_DOORBELL + id;
    const onDoorbell = () => {};
    const state = { mapped: false, cpu: 0, masked: true, onDoorbell };
    const propbaser = { low: configuration | ID_BITS_FIELD, high: upperHalf(configuration) };
    const pendbaser = { low: pendingTable | 0, high: upperHalf(pendingTable) };
    const vpe: DriverVpe = { id, pendingTable, configuration, propbaser, pendbaser, doorbell, ...state };
    this.#vpes[id] = vpe;
    return vpe;
  }

  /** Gives the vPEs of a machine back, none of which an MSI is mapped to. */
  free({ configuration, vpes }: VpeSet): void {
    for (const vpe of vpes) {
      this.unmapVpe(vpe);
      this.#host.release(vpe.pendingTable);
      this.#vpes[vpe.id] = undefined;
    }
    this.#host.release(configuration);
  }

  /** VMAPP with V=1. Its vLPIs go to CPU 0 until it is moved; its pending table is taken over from memory. */
  mapVpe(vpe: DriverVpe): void {
    if (vpe.mapped) return;
    vpe.mapped = true;
    vpe.cpu = 0;
    const fields: Fields = {
      vpe: vpe.id,
      target: vpe.cpu,
      valid: 1,
      virtualSize: LPI_BITS - 1,
      pendingAddress: vpe.pendingTable / TABLE_PAGE,
    };
    if (this.version === 41) {
      fields.allocate = 1;
      fields.configurationAddress = vpe.configuration / TABLE_PAGE;
      fields.defaultDoorbell = vpe.doorbell;
    }
    this.#host.issue('VMAPP', fields);
    if (this.version === 41) this.maskDoorbell(vpe, false);
  }

  /** VMAPP with V=0: what is pending is in its pending table in memory from then on. */
  unmapVpe(vpe: DriverVpe): void {
    if (!vpe.mapped) return;
    this.maskDoorbell(vpe, true);
    this.#host.issue('VMAPP', { vpe: vpe.id, allocate: 1 });
    vpe.mapped = false;
  }

  /** Whether a vLPI is pending, of a vPE that is not mapped. */
  isPendingInMemory(vpe: DriverVpe, intid: number): boolean {
    const byte = this.memory.load8(vpe.pendingTable + (intid >>> 3));
    return byte > 0 && ((byte >>> (intid & 7)) & 1) !== 0;
  }

  /** VMOVP: vLPIs and doorbell go to another CPU. */
  moveVpe(vpe: DriverVpe, cpu: number): void {
    if (vpe.cpu === cpu) return;
    this.#host.prepareCpu(cpu);
    if (this.version === 41) {
      this.#host.issue('VMOVP', { vpe: vpe.id, target: cpu, moveDoorbell: 1, movedDoorbell: vpe.doorbell });
    } else {
      // GICv4.0's doorbell stays where it rang
      this.clearDoorbell(vpe);
      this.#host.issue('VMOVP', { vpe: vpe.id, target: cpu });
    }
    vpe.cpu = cpu;
  }

  /** The vPE is to run on its CPU. GICv4.1: with these groups enabled. */
  makeResident(vpe: DriverVpe, group0: boolean, group1: boolean): void {
    this.events.resident?.(vpe.id, vpe.cpu, group0 ? 1 : 0, group1 ? 1 : 0);
    if (this.version === 41) {
      const groups = (group0 ? VPENDBASER_GROUP_0_ENABLE : 0) | (group1 ? VPENDBASER_GROUP_1_ENABLE : 0);
      this.#host.writeRedistributor(vpe.cpu, 'GICR_VPENDBASER', vpe.id, VPENDBASER_VALID | groups);
      return;
    }
    const { propbaser, pendbaser } = vpe;
    this.#host.writeRedistributor(vpe.cpu, 'GICR_VPROPBASER', propbaser.low, propbaser.high);
    this.#host.writeRedistributor(vpe.cpu, 'GICR_VPENDBASER', pendbaser.low, pendbaser.high | VPENDBASER_VALID);
  }

  /**
   * The vPE runs no more. Answers whether something enabled is pending; GICv4.1 looks only where a doorbell is asked for,
   * else it is taken to be so.
   */
  makeNonResident(vpe: DriverVpe, doorbell: boolean): boolean {
    if (this.version === 41) {
      const wanted = doorbell ? VPENDBASER_DOORBELL : VPENDBASER_PENDING_LAST;
      this.#host.writeRedistributor(vpe.cpu, 'GICR_VPENDBASER', vpe.id, wanted);
    } else {
      this.#host.writeRedistributor(vpe.cpu, 'GICR_VPENDBASER', vpe.pendbaser.low, vpe.pendbaser.high);
    }
    const high = this.#host.readUpperHalf(vpe.cpu, 'GICR_VPENDBASER');
    const pendingLast = (high & VPENDBASER_PENDING_LAST) !== 0;
    this.events.nonResident?.(vpe.id, doorbell ? 1 : 0, pendingLast ? 1 : 0);
    return pendingLast;
  }

  /** What a CPU's virtual CPU interface sees of a vPE that is resident there. */
  residentOn(cpu: number): Vpe | undefined {
    return this.gic.residentOn(cpu);
  }

  // ---- doorbells

  /** Lets a vPE's doorbell ring through, or not; one that rang meanwhile rings now. */
  maskDoorbell(vpe: DriverVpe, masked: boolean): void {
    if (vpe.masked === masked || vpe.doorbell === NO_DOORBELL) return;
    vpe.masked = masked;
    const { bytes, base } = this.memory;
    bytes[this.#host.properties - base + vpe.doorbell - LPI_MIN] = PHYSICAL_LPI_PRIORITY | (masked ? 0 : LPI_ENABLE);
    if (this.version === 41) this.#host.issue('INVDB', { vpe: vpe.id });
    else this.#host.writeRedistributor(vpe.cpu, 'GICR_INVLPIR', vpe.doorbell);
  }

  /** GICv4.0: a doorbell that is latched is one no more. */
  clearDoorbell(vpe: DriverVpe): void {
    this.#host.writeRedistributor(vpe.cpu, 'GICR_CLRLPIR', vpe.doorbell);
  }

  /** Whether a doorbell has rung while it was masked. */
  isDoorbellLatched(vpe: DriverVpe): boolean {
    return this.gic.redistributors[vpe.cpu].lpis.has(vpe.doorbell);
  }

  // ---- vLPIs

  /** Where an MSI is forwarded to, or undefined. */
  mappingOf(msi: number): Readonly<VlpiMapping> | undefined {
    return this.#mappings[msi];
  }

  /** VMAPTI: an MSI becomes a vLPI, with this byte as its configuration. */
  mapVlpi(msi: number, vpe: DriverVpe, intid: number, configuration: number): void {
    this.#prepareDevice(msi >>> VECTORS_SHIFT);
    const event = eventOf(msi);
    this.#writeConfiguration(vpe, intid, configuration);
    this.#mappings[msi] = { vpe, intid, rings: true };
    this.#host.issue('DISCARD', event);
    this.#host.issue('VMAPTI', {
      ...event,
      vpe: vpe.id,
      virtualIntid: intid,
      doorbell: this.#eventDoorbell(vpe, true),
    });
  }

  /** The MSI is the host's again. Answers whether its vLPI was pending, which nothing else remembers from then on. */
  unmapVlpi(msi: number): boolean {
    if (this.#mappings[msi] === undefined) return false;
    const pending = this.#isPendingAlone(msi);
    this.#mappings[msi] = undefined;
    this.#host.issue('DISCARD', eventOf(msi));
    this.#mapToHost(msi);
    return pending;
  }

  /**
   * VMOVI: the vLPI goes to another vPE, and what is pending with it.
   */
  moveVlpi(msi: number, vpe: DriverVpe): void {
    const mapping = this.#mappings[msi];
    if (mapping === undefined) return;
    mapping.vpe = vpe;
    this.#move(msi, vpe, this.#eventDoorbell(vpe, mapping.rings));
  }

  #move(msi: number, vpe: DriverVpe, doorbell: number): void {
    const ring = this.version === 40 ? { doorbellValid: 1, doorbell } : {};
    this.#host.issue('VMOVI', { ...eventOf(msi), vpe: vpe.id, ...ring });
  }

  /** A vLPI's configuration byte changes; the redistributors see it at once, or with {@link invalidateAll}. */
  configureVlpi(msi: number, configuration: number, invalidate: boolean): void {
    const mapping = this.#mappings[msi];
    if (mapping === undefined) return;
    const { vpe, intid } = mapping;
    this.#writeConfiguration(vpe, intid, configuration);
    if (invalidate) this.#host.issue('INV', eventOf(msi));
    const rings = (configuration & LPI_ENABLE) !== 0;
    if (this.version === 41 || mapping.rings === rings) return;
    // GICv4.0: a disabled vLPI rings no doorbell
    mapping.rings = rings;
    this.#move(msi, vpe, this.#eventDoorbell(vpe, rings));
  }

  #eventDoorbell(vpe: DriverVpe, rings: boolean): number {
    return this.version === 40 && rings ? vpe.doorbell : NO_DOORBELL;
  }

  #writeConfiguration({ configuration }: DriverVpe, intid: number, byte: number): void {
    this.memory.store8(configuration + intid - LPI_MIN, byte | CONFIGURATION_GROUP_1);
  }

  /** The configuration byte of a vLPI in memory, and as the redistributors have it. */
  configurationOf(vpe: DriverVpe, intid: number): { memory: number; held: number } {
    const memory = this.memory.load8(vpe.configuration + intid - LPI_MIN);
    const table = this.gic.vpes.get(vpe.id)?.vlpis.configuration;
    return { memory, held: table === undefined ? memory : table.get(intid) };
  }

  /** VINVALL: the configuration of a vPE's vLPIs is read anew. */
  invalidateAll(vpe: DriverVpe): void {
    this.#host.issue('VINVALL', { vpe: vpe.id });
  }

  /** INT or CLEAR: the vLPI of an MSI becomes pending, or is so no more. */
  setPending(msi: number, pending: boolean): void {
    if (pending) this.send(msi);
    else this.#host.issue('CLEAR', eventOf(msi));
  }

  /**
   * Whether the vLPI of an MSI is pending. No register tells; but VMOVI takes its pending bit along, to a vPE that has no
   * other and is not anyone's, and GICR_VPENDBASER.PendingLast tells when that one has been resident. The vLPI stays there.
   */
  #isPendingAlone(msi: number): boolean {
    this.#move(msi, this.#inquirer, NO_DOORBELL);
    return this.visit(this.#inquirer, true, true);
  }

  /**
   * A vPE is resident on its CPU for a moment, and whoever is there steps aside. Answers whether something enabled is
   * pending; if not, its doorbell is asked for.
   */
  visit(vpe: DriverVpe, group0: boolean, group1: boolean): boolean {
    return this.#host.withNobodyResident(vpe.cpu, () => {
      this.makeResident(vpe, group0, group1);
      return this.makeNonResident(vpe, true);
    });
  }

  // ---- vSGIs

  /** VSGI: configuration of a vSGI. Of `priority` bits 7:4 count. */
  configureVsgi(vpe: DriverVpe, sgi: number, enable: boolean, group1: boolean, priority: number): void {
    const sgiGroup = group1 ? 1 : 0;
    const sgiPriority = priority >>> 4;
    this.#host.issue('VSGI', { vpe: vpe.id, sgiIntid: sgi, sgiEnable: enable ? 1 : 0, sgiGroup, sgiPriority });
  }

  /** GITS_SGIR, or VSGI with C: a vSGI becomes pending, or is so no more. Setting allocates nothing. */
  setVsgiPending(vpe: DriverVpe, sgi: number, pending: boolean): void {
    if (pending) this.#host.writeIts('GITS_SGIR', sgi, vpe.id);
    else this.#host.issue('VSGI', { vpe: vpe.id, sgiIntid: sgi, sgiClear: 1 });
  }

  /** GICR_VSGIR: the vSGIs that are pending, a bit each. */
  pendingVsgis(vpe: DriverVpe): number {
    this.#host.writeRedistributor(vpe.cpu, 'GICR_VSGIR', vpe.id);
    return this.#host.readRedistributor(vpe.cpu, 'GICR_VSGIPENDR') & ((1 << SGI_COUNT) - 1);
  }
}

function eventOf(msi: number): { deviceId: number; eventId: number } {
  return { deviceId: msi >>> VECTORS_SHIFT, eventId: msi & (VECTORS - 1) };
}
