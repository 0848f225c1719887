import { GICR_V4_REGISTERS, GITS_V4_REGISTERS, NO_DOORBELL } from '../../src/architecture/gicv4.js';
import { NO_INTID, PhysicalGic, type PhysicalGicConfig } from '../../src/gicv4.js';
import { Command, type CommandName, type FieldName, Ram } from '../../src/index.js';
import type { VirtualCommandName } from '../../src/its/commands.js';

export const HOST_RAM = 0x8000_0000;
const RAM_SIZE = 4 << 20;
const KIB_64 = 0x10000;
const QUEUE_SIZE = KIB_64;
/** Upper half of a register: Valid. */
const VALID = 0x8000_0000;
/** Every LPI and vLPI is enabled with this priority, unless a test says otherwise. */
export const CONFIGURATION = 0xa1;

export type GitsName = (typeof GITS_V4_REGISTERS)[number]['name'];
export type GicrName = (typeof GICR_V4_REGISTERS)[number]['name'];
type Fields = Partial<Record<FieldName, number>>;

/** Bits of GICR_VPENDBASER's upper half. */
export const VPEND = {
  valid: 0x8000_0000,
  doorbell: 0x4000_0000,
  pendingLast: 0x2000_0000,
  dirty: 0x1000_0000,
  group0: 0x0800_0000,
  group1: 0x0400_0000,
};

/** The LPI that is a vPE's default doorbell in these tests. */
export const doorbellOf = (vpe: number) => 8192 + vpe;

/**
 * A hypervisor's driver of the physical GIC, by registers and commands only: tables in host RAM, LPIs enabled on every CPU,
 * collection n mapped to CPU n. Doorbells are counted as they arrive.
 */
export class Host {
  readonly memory: Ram;
  readonly gic: PhysicalGic;
  /** `[cpu, INTID]` of the physical LPIs that CPUs were told of. */
  readonly told: [number, number][] = [];
  readonly queue: number;
  readonly properties: number;
  readonly virtualProperties: number;
  readonly #vpts = new Map<number, number>();
  #free = HOST_RAM;

  constructor(config: Partial<Omit<PhysicalGicConfig, 'memory'>> = {}) {
    this.memory = new Ram(HOST_RAM, new Uint8Array(RAM_SIZE));
    this.gic = new PhysicalGic({
      cpus: 2,
      onPhysicalLpi: (cpu, intid) => this.told.push([cpu, intid]),
      ...config,
      memory: this.memory,
    });
    this.queue = this.take(QUEUE_SIZE);
    this.properties = this.take(KIB_64);
    this.virtualProperties = this.take(KIB_64);
    this.memory.bytes.fill(CONFIGURATION, this.properties - HOST_RAM, this.virtualProperties + KIB_64 - HOST_RAM);
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      this.storeGicr(cpu, 'GICR_PROPBASER', this.properties + 15, 0);
      this.storeGicr(cpu, 'GICR_PENDBASER', this.take(KIB_64), 0);
      this.storeGicr(cpu, 'GICR_CTLR', 1);
    }
    this.storeGits('GITS_CBASER', this.queue + QUEUE_SIZE / 4096 - 1, VALID);
    for (const n of [0, 1, 2]) this.storeGits('GITS_BASER', this.take(KIB_64), VALID, 8 * n);
    const vpeTable = this.gic.its.vpeTable.address;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      if (this.gic.version === 41) this.storeGicr(cpu, 'GICR_VPROPBASER', vpeTable, VALID);
      else this.storeGicr(cpu, 'GICR_VPROPBASER', this.virtualProperties + 15, 0);
    }
    this.storeGits('GITS_CTLR', 1);
    for (let cpu = 0; cpu < this.cpus; cpu++) this.issue('MAPC', { collection: cpu, target: cpu, valid: 1 });
  }

  get cpus(): number {
    return this.gic.redistributors.length;
  }

  take(bytes: number): number {
    const at = this.#free;
    this.#free += Math.ceil(bytes / KIB_64) * KIB_64;
    if (!this.memory.has(at, bytes)) throw new Error('This host needs more RAM.');
    return at;
  }

  // ---- registers

  storeGits(name: GitsName, low: number, high = 0, at = 0): void {
    const row = GITS_V4_REGISTERS.find((each) => each.name === name)!;
    this.gic.writeIts(row.offset + at, row.length >= 8 ? 8 : 4, low, high);
  }
  /** `[low, high]`. */
  loadGits(name: GitsName, at = 0): [number, number] {
    const { offset } = GITS_V4_REGISTERS.find((each) => each.name === name)!;
    return [this.gic.readIts(offset + at, 4), this.gic.readIts(offset + at + 4, 4)];
  }
  storeGicr(cpu: number, name: GicrName, low: number, high = 0): void {
    const row = GICR_V4_REGISTERS.find((each) => each.name === name)!;
    this.gic.writeRedistributor(cpu, row.offset, row.length >= 8 ? 8 : 4, low, high);
  }
  loadGicr(cpu: number, name: GicrName): [number, number] {
    const row = GICR_V4_REGISTERS.find((each) => each.name === name)!;
    const low = this.gic.readRedistributor(cpu, row.offset, row.length >= 8 ? 8 : 4);
    return [low, this.gic.high];
  }

  // ---- commands

  issue(name: CommandName | VirtualCommandName, fields: Fields = {}): void {
    this.issueWords(Command.of(name, fields).words);
  }

  issueWords(words: Uint32Array): void {
    const at = this.gic.its.queue.cwriter;
    for (let n = 0; n < 8; n += 2) this.memory.store64(this.queue + at + 4 * n, words[n], words[n + 1]);
    this.storeGits('GITS_CWRITER', (at + 32) % QUEUE_SIZE);
  }

  mapDevice(deviceId: number, bits = 5): void {
    this.issue('MAPD', { deviceId, size: bits - 1, ittAddress: this.take(KIB_64) / 256, valid: 1 });
  }

  /** Where a vPE's virtual pending table is. */
  vpt(vpe: number): number {
    let at = this.#vpts.get(vpe);
    if (at === undefined) {
      at = this.take(KIB_64);
      this.#vpts.set(vpe, at);
    }
    return at;
  }

  mapVpe(vpe: number, target = 0, fields: Fields = {}): void {
    this.issue('VMAPP', {
      vpe,
      target,
      valid: 1,
      virtualSize: 15,
      pendingAddress: this.vpt(vpe) / KIB_64,
      ...(this.gic.version === 41
        ? { configurationAddress: this.virtualProperties / KIB_64, defaultDoorbell: doorbellOf(vpe), allocate: 1 }
        : {}),
      ...fields,
    });
  }
  unmapVpe(vpe: number): void {
    this.issue('VMAPP', { vpe });
  }
  mapEvent(deviceId: number, eventId: number, vpe: number, virtualIntid: number, doorbell = NO_DOORBELL): void {
    this.issue('VMAPTI', { deviceId, eventId, vpe, virtualIntid, doorbell });
  }

  // ---- residency

  enter(vpe: number, cpu: number, high = VPEND.group0 | VPEND.group1): void {
    if (this.gic.version === 41) this.storeGicr(cpu, 'GICR_VPENDBASER', vpe, VPEND.valid | high);
    else this.storeGicr(cpu, 'GICR_VPENDBASER', this.vpt(vpe), VPEND.valid);
  }
  /** Returns PendingLast. */
  exit(cpu: number, high = VPEND.doorbell): boolean {
    const [low] = this.loadGicr(cpu, 'GICR_VPENDBASER');
    this.storeGicr(cpu, 'GICR_VPENDBASER', low, this.gic.version === 41 ? high : 0);
    return (this.loadGicr(cpu, 'GICR_VPENDBASER')[1] & VPEND.pendingLast) !== 0;
  }

  /** All that a resident vPE acknowledges, in order. */
  taken(vpe: number): number[] {
    const intids: number[] = [];
    for (let intid = this.gic.best(vpe); intid !== NO_INTID; intid = this.gic.best(vpe)) {
      this.gic.acknowledge(vpe, intid);
      intids.push(intid);
    }
    return intids;
  }

  /** All that a physical CPU acknowledges, in order. */
  takenPhysical(cpu: number): number[] {
    const intids: number[] = [];
    for (let intid = this.gic.bestPhysical(cpu); intid !== NO_INTID; intid = this.gic.bestPhysical(cpu)) {
      this.gic.acknowledgePhysical(cpu, intid);
      intids.push(intid);
    }
    return intids;
  }

  // ---- tables

  /** A byte of the virtual configuration table; the redistributors see it after INV. */
  configureVirtual(intid: number, value: number): void {
    this.memory.store8(this.virtualProperties + intid - 8192, value);
  }
  configure(intid: number, value: number): void {
    this.memory.store8(this.properties + intid - 8192, value);
  }
  /** A bit of a vPE's virtual pending table in memory. */
  inMemory(vpe: number, intid: number): boolean {
    return ((this.memory.load8(this.vpt(vpe) + (intid >>> 3)) >>> (intid & 7)) & 1) !== 0;
  }
}

/** Device 1 of 32 events, vPE 0 mapped to CPU 0 and vPE 1 to CPU 1, event n of device 1 is vLPI 8192 + n of vPE 0. */
export function ready(config: Partial<Omit<PhysicalGicConfig, 'memory'>> = {}): Host {
  const host = new Host(config);
  host.mapDevice(1);
  for (const vpe of [0, 1]) host.mapVpe(vpe, vpe);
  for (let event = 0; event < 4; event++) host.mapEvent(1, event, 0, 8192 + event, 9000 + event);
  return host;
}
