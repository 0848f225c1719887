import { GITS_REGISTERS, GITS_TRANSLATER_OFFSET } from '../src/architecture/its.js';
import { COMMANDS, Command, type CommandName, type FieldName, type GicConfig, itsAt, Ram } from '../src/index.js';
import { Guest } from './guest.js';

/** Where QEMU's `virt` has its RAM and its ITS; more ITSs are behind each other elsewhere. */
export const RAM_BASE = 0x40000000;
export const ITS_BASE = 0x08080000;
const OTHER_ITS_BASE = 0x0c000000;
const ITS_STRIDE = 0x20000;

const KIB_64 = 0x10000;
const QUEUE_PAGES = 16;

export type ItsRegisterName = (typeof GITS_REGISTERS)[number]['name'];

export interface ItsGuestConfig extends Partial<Omit<GicConfig, 'memory' | 'its'>> {
  /** Bytes of RAM. Default 16 MiB. */
  readonly ram?: number;
  /** Number of ITSs. Default 1. */
  readonly itsCount?: number;
  /** Pages of 64 KiB of each device table. Default 1: DeviceIDs 0 to 8191. */
  readonly deviceTablePages?: number;
}

/** Where a guest has the tables of one ITS. */
export interface ItsTables {
  readonly queue: number;
  readonly devices: number;
  readonly collections: number;
}

export const itsBase = (n = 0) => (n === 0 ? ITS_BASE : OTHER_ITS_BASE + (n - 1) * ITS_STRIDE);

/**
 * A guest with LPIs: it places tables in its RAM, writes commands to the queue, and its devices send MSIs. Priority of
 * every LPI is 0xa0, all are enabled in the configuration table.
 */
export class ItsGuest {
  readonly guest: Guest;
  readonly memory: Ram;
  readonly view: DataView;
  readonly tables: ItsTables[] = [];
  readonly properties: number;
  readonly pending: number[] = [];
  readonly #itts = new Map<number, number>();
  #free = RAM_BASE;

  constructor(
    readonly config: ItsGuestConfig = {},
    ram?: Uint8Array,
  ) {
    const { ram: size = 16 << 20, itsCount = 1, deviceTablePages = 1, ...rest } = config;
    const bytes = ram ?? new Uint8Array(size);
    this.memory = new Ram(RAM_BASE, bytes);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const its = Array.from({ length: itsCount }, (_, n) => itsAt(itsBase(n)));
    this.guest = new Guest({ ...rest, memory: this.memory, its });
    const intids = 2 ** (config.intidBits ?? 16);
    this.properties = this.take(intids, KIB_64);
    for (let vcpu = 0; vcpu < this.gic.irqs.vcpus; vcpu++) this.pending.push(this.take(intids / 8, KIB_64));
    for (let n = 0; n < itsCount; n++) {
      this.tables.push({
        queue: this.take(QUEUE_PAGES * 4096, KIB_64),
        devices: this.take(deviceTablePages * KIB_64, KIB_64),
        collections: this.take(KIB_64, KIB_64),
      });
    }
  }

  /** A guest that has set everything up: LPIs enabled on every vCPU, ITSs enabled, collection n mapped to vCPU n. */
  static ready(config: ItsGuestConfig = {}): ItsGuest {
    const guest = new ItsGuest(config);
    guest.guest.prepare();
    guest.configureAll();
    for (let vcpu = 0; vcpu < guest.gic.irqs.vcpus; vcpu++) guest.enableLpis(vcpu);
    for (let n = 0; n < guest.tables.length; n++) {
      guest.placeTables(n);
      guest.store('GITS_CTLR', 1n, 0, 4, n);
      for (let vcpu = 0; vcpu < guest.gic.irqs.vcpus; vcpu++) guest.mapCollection(vcpu, vcpu, n);
    }
    return guest;
  }

  /** The same machine at the other end, which may have another host, with this RAM and nothing else yet. */
  static arrived(guest: ItsGuest, ram: Uint8Array, config = guest.config): ItsGuest {
    const twin = new ItsGuest(config, ram);
    twin.#free = guest.#free;
    for (const [key, itt] of guest.#itts) twin.#itts.set(key, itt);
    return twin;
  }

  get gic() {
    return this.guest.gic;
  }

  /** RAM that nothing else uses. */
  take(bytes: number, alignment = 256): number {
    const at = Math.ceil(this.#free / alignment) * alignment;
    this.#free = at + bytes;
    if (!this.memory.has(at, bytes)) throw new Error('This guest needs more RAM.');
    return at;
  }

  // ---- RAM

  load64(address: number): bigint {
    return this.view.getBigUint64(address - RAM_BASE, true);
  }
  store64(address: number, value: bigint): void {
    this.view.setBigUint64(address - RAM_BASE, value, true);
  }

  // ---- LPIs

  /** A configuration byte; the GIC sees it after INV. */
  configure(intid: number, value: number): void {
    this.memory.bytes[this.properties - RAM_BASE + intid - 8192] = value;
  }
  configureAll(value = 0xa1): void {
    const at = this.properties - RAM_BASE;
    this.memory.bytes.fill(value, at, at + 2 ** (this.config.intidBits ?? 16) - 8192);
  }

  placeLpiTables(vcpu: number, pendingTableZero = true): void {
    const idBits = (this.config.intidBits ?? 16) - 1;
    this.guest.store('GICR_PROPBASER', this.properties + idBits, 0, vcpu, 8);
    this.guest.store('GICR_PENDBASER', this.pending[vcpu], 0, vcpu, 8, pendingTableZero ? 1 << 30 : 0);
  }
  enableLpis(vcpu = 0, pendingTableZero = true): void {
    this.placeLpiTables(vcpu, pendingTableZero);
    this.guest.store('GICR_CTLR', 1, 0, vcpu);
  }
  disableLpis(vcpu = 0): void {
    this.guest.store('GICR_CTLR', 0, 0, vcpu);
  }

  /** A vCPU's bit for an LPI in its pending table. */
  pendingBit(intid: number, vcpu = 0): number {
    return (this.memory.bytes[this.pending[vcpu] - RAM_BASE + (intid >>> 3)] >>> (intid & 7)) & 1;
  }
  setPendingBit(intid: number, vcpu = 0): void {
    this.memory.bytes[this.pending[vcpu] - RAM_BASE + (intid >>> 3)] |= 1 << (intid & 7);
  }

  // ---- ITS registers

  #address(name: ItsRegisterName, at: number, n: number): number {
    const row = GITS_REGISTERS.find((each) => each.name === name);
    return itsBase(n) + (row?.offset ?? 0) + at;
  }
  load(name: ItsRegisterName, at = 0, size = 8, n = 0): bigint {
    const low = this.gic.read(0, this.#address(name, at, n), size);
    return BigInt(low) | (BigInt(this.gic.high) << 32n);
  }
  store(name: ItsRegisterName, value: bigint, at = 0, size = 8, n = 0): void {
    const low = Number(value & 0xffffffffn);
    this.gic.write(0, this.#address(name, at, n), size, low, Number((value >> 32n) & 0xffffffffn));
  }

  /** GITS_BASER0, GITS_BASER1 and GITS_CBASER, valid. */
  placeTables(n = 0): void {
    const { queue, devices, collections } = this.tables[n];
    const pages = BigInt((this.config.deviceTablePages ?? 1) - 1);
    this.store('GITS_BASER', VALID | BigInt(devices) | pages, 0, 8, n);
    this.store('GITS_BASER', VALID | BigInt(collections), 8, 8, n);
    this.store('GITS_CBASER', VALID | BigInt(queue) | BigInt(QUEUE_PAGES - 1), 0, 8, n);
  }

  // ---- commands

  /** Writes commands to the queue, wrapping at its end, and says so in GITS_CWRITER. */
  submit(commands: readonly Command[], n = 0): void {
    const bytes = Number((this.load('GITS_CBASER', 0, 8, n) & 0xffn) + 1n) * 4096;
    let writer = Number(this.load('GITS_CWRITER', 0, 8, n));
    for (const command of commands) {
      const at = this.tables[n].queue + writer - RAM_BASE;
      for (let word = 0; word < 8; word++) this.view.setUint32(at + 4 * word, command.words[word], true);
      writer = (writer + 32) % bytes;
    }
    this.store('GITS_CWRITER', BigInt(writer), 0, 8, n);
  }
  issue(name: CommandName, fields: Partial<Record<FieldName, number>> = {}, n = 0): void {
    this.submit([Command.of(name, fields)], n);
  }

  /** MAPD with V=1; the ITT is new RAM unless given. Answers its address. */
  mapDevice(deviceId: number, eventBits = 5, itt?: number, n = 0): number {
    const address = itt ?? this.take(Math.max(256, 8 * 2 ** eventBits));
    this.#itts.set(n * 2 ** 32 + deviceId, address);
    this.issue('MAPD', { deviceId, size: eventBits - 1, ittAddress: address / 256, valid: 1 }, n);
    return address;
  }
  unmapDevice(deviceId: number, n = 0): void {
    this.issue('MAPD', { deviceId, valid: 0 }, n);
  }
  mapCollection(collection: number, vcpu: number, n = 0): void {
    this.issue('MAPC', { collection, target: vcpu, valid: 1 }, n);
  }
  unmapCollection(collection: number, n = 0): void {
    this.issue('MAPC', { collection, valid: 0 }, n);
  }
  mapEvent(deviceId: number, eventId: number, intid: number, collection = 0, n = 0): void {
    this.issue('MAPTI', { deviceId, eventId, intid, collection }, n);
  }

  /** A device's ITT, where mapDevice placed it. */
  itt(deviceId: number, n = 0): number {
    return this.#itts.get(n * 2 ** 32 + deviceId) ?? -1;
  }

  // ---- MSIs and vCPUs

  /** A device writes its EventID to GITS_TRANSLATER. Answers what KVM_SIGNAL_MSI does. */
  msi(deviceId: number, eventId: number, n = 0): number {
    return this.gic.signalMsi(itsBase(n) + GITS_TRANSLATER_OFFSET, eventId, deviceId);
  }
  /** What a vCPU takes until nothing is left. */
  taken(vcpu = 0): number[] {
    return this.guest.serve(vcpu, () => {}, 100_000);
  }
}

/** Bit 63 of GITS_CBASER and GITS_BASER<n>. */
export const VALID = 1n << 63n;
export const INDIRECT = 1n << 62n;

export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];
