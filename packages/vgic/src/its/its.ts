import { LPI_MIN } from '../architecture/intid.js';
import { EVENT_ID_BITS, TABLE_TYPE_COLLECTION, TABLE_TYPE_DEVICE } from '../architecture/its.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';
import { testBit } from '../interrupts/bitmap.js';
import { type Interrupts, NO_VCPU } from '../interrupts/interrupts.js';
import type { Ram } from '../memory/ram.js';
import { CommandQueue } from './command-queue.js';
import type { Command, CommandName } from './commands.js';
import { Device, NO_COLLECTION } from './device.js';
import { EventPages } from './event-pages.js';
import type { Lpis } from './lpis.js';
import { ItsTable } from './tables.js';

/** A collection that MAPTI named before MAPC gave it a target. */
export const COLLECTION_NOT_MAPPED = 0xffffffff;

/** Bytes of table entries in ABI revision 0. */
const ENTRY_SIZE = 8;
/** V8 folds a module's own constants, not imported ones. */
const EVENT_LIMIT: number = 2 ** EVENT_ID_BITS;
/** Bytes that a page of translations has in its ITT; an ITT begins at a multiple of them. */
const ITT_PAGE_SIZE = 256;

/** {@link Its.resolve}: no translation to a vCPU; the ITS, or LPIs at the vCPU, are disabled. */
export const UNMAPPED = -1;
export const DISABLED = -2;

/** What became of an MSI. */
export type MsiResult = 'delivered' | 'unmapped' | 'disabled';

/** What an ITS works with. */
export interface ItsContext {
  readonly irqs: Interrupts;
  readonly lpis: Lpis;
  readonly memory: Ram;
  /** Its number among the ITSs of a GIC. Default 0. */
  readonly number?: number;
}

/**
 * An Interrupt Translation Service: turns (DeviceID, EventID) into LPIs, as the guest's commands tell it.
 * What the guest gets wrong is skipped, as KVM does: CREADR goes on, nothing stalls. Source: IHI 0069, chapter 5.
 */
export class Its implements StatePart {
  readonly irqs: Interrupts;
  readonly lpis: Lpis;
  readonly memory: Ram;
  readonly number: number;

  enabled = false;
  /** Revision of the ABI of the tables in guest memory. */
  abiRevision = 0;
  readonly queue: CommandQueue;
  readonly deviceTable: ItsTable;
  readonly collectionTable: ItsTable;

  /** By DeviceID. */
  readonly devices = new Map<number, Device>();
  /** Collection ID to vCPU, or COLLECTION_NOT_MAPPED, in the order in which they came to be. */
  readonly collections = new Map<number, number>();

  /** The translation cache: entries of an older generation count no more. */
  #cacheGeneration = 0;
  /** No more than RAM has room for: more are of ITTs that lie over each other. */
  readonly #pages: EventPages;
  /** Told before the translation of an event goes that leads to an LPI (its index) which is injected directly. */
  onEventGone: (deviceId: number, eventId: number, lpi: number) => void = () => {};
  #lastDevice: Device | undefined;

  constructor(context: ItsContext) {
    this.irqs = context.irqs;
    this.lpis = context.lpis;
    this.memory = context.memory;
    this.number = context.number ?? 0;
    this.#pages = new EventPages(Math.ceil(context.memory.size / ITT_PAGE_SIZE));
    this.queue = new CommandQueue(context.memory, (command) => this.execute(command));
    this.deviceTable = new ItsTable(context.memory, TABLE_TYPE_DEVICE, ENTRY_SIZE);
    this.collectionTable = new ItsTable(context.memory, TABLE_TYPE_COLLECTION, ENTRY_SIZE);
  }

  // ---- MSIs

  /** The LPI that the cache has for an MSI, made pending; false when the cache does not have it. Allocates nothing. */
  injectCached(deviceId: number, eventId: number): boolean {
    let device = this.#lastDevice;
    if (device === undefined || device.id !== deviceId) {
      device = this.devices.get(deviceId);
      if (device === undefined) return false;
      this.#lastDevice = device;
    }
    if (eventId >= EVENT_LIMIT) return false;
    let intid = device.cachedIntid(eventId, this.#cacheGeneration);
    // the cache goes by DeviceID: it may have been filled from a device that has since been hidden
    for (let each = device.shadowed; intid === 0 && each !== undefined; each = each.shadowed) {
      intid = each.cachedIntid(eventId, this.#cacheGeneration);
    }
    if (intid === 0) return false;
    this.irqs.pend(this.irqs.lpiAt(intid));
    return true;
  }

  /** An MSI through the tables. */
  trigger(deviceId: number, eventId: number): MsiResult {
    const i = this.resolve(deviceId, eventId);
    if (i < 0) return i === UNMAPPED ? 'unmapped' : 'disabled';
    this.irqs.pend(i);
    return 'delivered';
  }

  /**
   * Index of the LPI that an MSI leads to, UNMAPPED or DISABLED. A translation found goes to the cache, but for one that is
   * injected directly.
   */
  resolve(deviceId: number, eventId: number): number {
    if (!this.enabled) return DISABLED;
    const device = this.devices.get(deviceId);
    const intid = device === undefined ? 0 : device.intid(eventId);
    if (device === undefined || intid === 0) return UNMAPPED;
    const vcpu = this.targetOf(device.collection(eventId));
    if (vcpu < 0) return UNMAPPED;
    if (!this.lpis.enabled[vcpu]) return DISABLED;
    const i = this.irqs.lpiAt(intid);
    if (testBit(this.irqs.onVpe, i)) return i;
    device.cache(eventId, this.#cacheGeneration);
    for (let each = device.shadowed; each !== undefined; each = each.shadowed) each.uncache(eventId);
    return i;
  }

  /** The vCPU of a collection that is mapped to one that exists, or -1. */
  targetOf(collection: number): number {
    if (collection === NO_COLLECTION) return -1;
    const vcpu = this.collections.get(collection);
    return vcpu === undefined || vcpu === COLLECTION_NOT_MAPPED || vcpu >= this.irqs.vcpus ? -1 : vcpu;
  }

  #isMapped(collection: number): boolean {
    const vcpu = collection === NO_COLLECTION ? undefined : this.collections.get(collection);
    return vcpu !== undefined && vcpu !== COLLECTION_NOT_MAPPED;
  }

  invalidateCache(): void {
    this.#cacheGeneration++;
    this.#lastDevice = undefined;
  }

  // ---- commands

  /** GITS_CWRITER is written: the commands up to there are carried out. An offset beyond the queue is ignored. */
  setCwriter(value: number): void {
    if (this.queue.setCwriter(value)) this.processCommands();
  }

  processCommands(): void {
    if (this.enabled) this.queue.run();
  }

  /** Carries a command out; one that is in error changes nothing. */
  execute(command: Command): void {
    this.irqs.events.command?.(this.number, command);
    const { name } = command;
    if (name !== undefined) this.#handlers[name](command);
  }

  readonly #handlers: { readonly [Name in CommandName]: (command: Command) => void } = {
    MAPD: (command) => this.#mapDevice(command),
    MAPC: (command) => this.#mapCollection(command),
    MAPTI: (command) => this.#mapEvent(command, command.get('intid')),
    MAPI: (command) => this.#mapEvent(command, command.get('eventId')),
    MOVI: (command) => this.#moveEvent(command),
    MOVALL: (command) => this.#moveAll(command.get('target'), command.get('target2')),
    DISCARD: (command) => this.#discard(command.get('deviceId'), command.get('eventId')),
    INV: (command) => {
      const i = this.#lpiOf(command);
      if (i >= 0) this.lpis.readConfiguration(i, NO_VCPU);
    },
    INVALL: (command) => {
      const vcpu = this.targetOf(command.get('collection'));
      if (vcpu >= 0) this.lpis.invalidateAll(vcpu);
    },
    INT: (command) => {
      this.trigger(command.get('deviceId'), command.get('eventId'));
    },
    CLEAR: (command) => {
      const i = this.#lpiOf(command);
      if (i >= 0) this.irqs.clearPending(i);
    },
    // every command is complete when the next one is read
    SYNC: () => {},
  };

  /** Index of the LPI that a command's event leads to, or -1. */
  #lpiOf(command: Command): number {
    const intid = this.devices.get(command.get('deviceId'))?.intid(command.get('eventId')) ?? 0;
    return intid === 0 ? -1 : this.irqs.lpiAt(intid);
  }

  #mapDevice(command: Command): void {
    const id = command.get('deviceId');
    const valid = command.get('valid') !== 0;
    const eventBits = command.get('size') + 1;
    const entry = this.deviceTable.entryAddress(id);
    if (entry < 0 || (valid && eventBits > EVENT_ID_BITS)) return;
    const present = this.devices.get(id);
    if (present !== undefined) this.freeDevice(present, true);
    if (valid) this.addDevice(this.createDevice(id, command.get('ittAddress') * 2 ** 8, eventBits));
    else this.memory.store64(entry, 0, 0);
  }

  #mapCollection(command: Command): void {
    const id = command.get('collection');
    if (command.get('valid') === 0) {
      this.freeCollection(id);
      this.invalidateCache();
      return;
    }
    const vcpu = command.get('target');
    if (vcpu >= this.irqs.vcpus) return;
    if (this.collections.has(id)) {
      this.collections.set(id, vcpu);
      for (const device of this.devices.values()) {
        for (let each: Device | undefined = device; each !== undefined; each = each.shadowed) {
          each.each((_event, intid, collection) => {
            if (collection === id) this.irqs.retarget(this.irqs.lpiAt(intid), vcpu);
            return true;
          });
        }
      }
    } else if (this.collectionTable.entryAddress(id) >= 0) {
      this.collections.set(id, vcpu);
    }
  }

  #mapEvent(command: Command, intid: number): void {
    const device = this.devices.get(command.get('deviceId'));
    const event = command.get('eventId');
    if (device === undefined || !this.hasEntry(device, event)) return;
    if (intid < LPI_MIN || intid >= this.lpis.limit || device.intid(event) !== 0) return;
    const collection = command.get('collection');
    const isNew = !this.collections.has(collection);
    if (isNew) {
      if (this.collectionTable.entryAddress(collection) < 0) return;
      this.collections.set(collection, COLLECTION_NOT_MAPPED);
    }
    if (!this.mapTranslation(device, event, intid, collection) && isNew) this.freeCollection(collection);
  }

  /** Whether a device's translation table has a place for an event, in RAM. */
  hasEntry(device: Device, event: number): boolean {
    return event < 1 << device.eventBits && this.memory.hasPage(device.ittAddress + event * ENTRY_SIZE);
  }

  /**
   * Makes a translation; false where the LPI's tables are outside RAM, or there are too many translations. `memory` is where
   * those tables are.
   */
  mapTranslation(
    device: Device,
    event: number,
    intid: number,
    collection: number,
    target = this.targetOf(collection),
    memory = this.memory,
  ): boolean {
    if (!device.reserve(event) || this.lpis.map(intid, target, memory) < 0) return false;
    device.map(event, intid, collection);
    return true;
  }

  #moveEvent(command: Command): void {
    const device = this.devices.get(command.get('deviceId'));
    const event = command.get('eventId');
    const i = this.#lpiOf(command);
    if (device === undefined || i < 0 || !this.#isMapped(device.collection(event))) return;
    const collection = command.get('collection');
    if (!this.#isMapped(collection)) return;
    device.setCollection(event, collection);
    this.invalidateCache();
    this.irqs.retarget(i, this.targetOf(collection));
  }

  #moveAll(from: number, to: number): void {
    const { irqs } = this;
    if (from >= irqs.vcpus || to >= irqs.vcpus || from === to) return;
    irqs.eachLpi((i) => {
      if (irqs.target[i] === from) irqs.retarget(i, to);
      return true;
    });
    this.invalidateCache();
  }

  #discard(deviceId: number, event: number): void {
    const device = this.devices.get(deviceId);
    const intid = device?.intid(event) ?? 0;
    if (device === undefined || intid === 0 || !this.#isMapped(device.collection(event))) return;
    this.invalidateCache();
    const i = this.irqs.lpiAt(intid);
    this.#eventGoes(device, event, i);
    device.unmap(event);
    this.irqs.discardLpi(i);
    this.memory.store64(device.ittAddress + event * ENTRY_SIZE, 0, 0);
  }

  /** An event's translation to an LPI (its index) is about to go. An MSI of the host that is forwarded to it is the host's again. */
  #eventGoes(device: Device, event: number, i: number): void {
    if (testBit(this.irqs.onVpe, i)) this.onEventGone(device.id, event, i);
  }

  // ---- devices and collections

  /** A device of this ITS, which {@link addDevice} makes known. */
  createDevice(id: number, ittAddress: number, eventBits: number): Device {
    return new Device(id, ittAddress, eventBits, this.#pages);
  }

  addDevice(device: Device): void {
    const present = this.devices.get(device.id);
    if (present === undefined) {
      this.devices.set(device.id, device);
      return;
    }
    let last = present;
    while (last.shadowed !== undefined) last = last.shadowed;
    last.shadowed = device;
  }

  /** Takes a device away, with its translations; what they have made pending stays so unless it is `discarded`. */
  freeDevice(device: Device, discarded = false): void {
    device.each((event, intid) => {
      const i = this.irqs.lpiAt(intid);
      this.#eventGoes(device, event, i);
      if (discarded) this.irqs.discardLpi(i);
      else this.irqs.releaseLpi(i);
      return true;
    });
    device.clear();
    this.invalidateCache();
    let above = this.devices.get(device.id);
    if (above === device) {
      if (device.shadowed === undefined) this.devices.delete(device.id);
      else this.devices.set(device.id, device.shadowed);
      return;
    }
    while (above !== undefined && above.shadowed !== device) above = above.shadowed;
    if (above !== undefined) above.shadowed = device.shadowed;
  }

  /**
   * All devices by DeviceID, for a save. Those with the same one, which only odd tables can make, change places each time:
   * KVM's order of sorting puts the later one first, and what was hidden shows from then on.
   */
  sortDevices(): Device[] {
    const sorted: Device[] = [];
    for (const id of [...this.devices.keys()].sort((a, b) => a - b)) {
      let first = this.devices.get(id) as Device;
      let following = first.shadowed;
      first.shadowed = undefined;
      while (following !== undefined) {
        const after: Device | undefined = following.shadowed;
        following.shadowed = first;
        first = following;
        following = after;
      }
      this.devices.set(id, first);
      for (let each: Device | undefined = first; each !== undefined; each = each.shadowed) sorted.push(each);
    }
    this.#lastDevice = undefined;
    return sorted;
  }

  freeAllDevices(): void {
    for (const id of [...this.devices.keys()]) {
      for (let device = this.devices.get(id); device !== undefined; device = this.devices.get(id)) {
        this.freeDevice(device);
      }
    }
  }

  /** Takes a collection away; translations to it lead nowhere from then on. */
  freeCollection(id: number): void {
    if (!this.collections.delete(id)) return;
    for (const device of this.devices.values()) {
      for (let each: Device | undefined = device; each !== undefined; each = each.shadowed) {
        const owner = each;
        owner.each((event, _intid, collection) => {
          if (collection === id) owner.setCollection(event, NO_COLLECTION);
          return true;
        });
      }
    }
  }

  freeAllCollections(): void {
    for (const device of this.devices.values()) {
      for (let each: Device | undefined = device; each !== undefined; each = each.shadowed) {
        const owner = each;
        owner.each((event, _intid, collection) => {
          if (this.collections.has(collection)) owner.setCollection(event, NO_COLLECTION);
          return true;
        });
      }
    }
    this.collections.clear();
  }

  /** KVM_DEV_ARM_ITS_CTRL_RESET: registers and translations as after creation, the tables' places kept but not valid. */
  reset(): void {
    this.deviceTable.high &= 0x7fffffff;
    this.collectionTable.high &= 0x7fffffff;
    this.queue.reset();
    this.enabled = false;
    this.freeAllDevices();
    this.freeAllCollections();
  }

  // ---- checkpoints

  visitState(state: StateVisitor): void {
    this.enabled = state.flag(this.enabled);
    this.abiRevision = state.number(this.abiRevision);
    this.queue.visitState(state);
    this.deviceTable.visitState(state);
    this.collectionTable.visitState(state);
    if (!state.visible) {
      this.#cacheGeneration = state.number(this.#cacheGeneration);
      this.#pages.visitPages(state);
    }
    this.#visitDevices(state);
    this.#visitCollections(state);
  }

  /** In the order in which a search finds them. Devices that are there already are kept. */
  #visitDevices(state: StateVisitor): void {
    const before: Device[] = [];
    for (const device of this.devices.values()) {
      for (let each: Device | undefined = device; each !== undefined; each = each.shadowed) before.push(each);
    }
    const count = state.number(before.length);
    const devices: Device[] = [];
    for (let n = 0; n < count; n++) {
      const there: Device | undefined = before[n];
      const id = state.number(there?.id ?? 0);
      const ittAddress = state.number(there?.ittAddress ?? 0);
      const eventBits = state.number(there?.eventBits ?? 0);
      const isSame = there?.id === id && there.ittAddress === ittAddress && there.eventBits === eventBits;
      const device = isSame ? there : this.createDevice(id, ittAddress, eventBits);
      device.visitState(state);
      devices.push(device);
    }
    if (count === before.length && devices.every((device, n) => device === before[n])) return;
    this.#lastDevice = undefined;
    this.devices.clear();
    for (const device of devices) {
      device.shadowed = undefined;
      this.addDevice(device);
    }
  }

  #visitCollections(state: StateVisitor): void {
    const before = [...this.collections];
    const count = state.number(before.length);
    const collections = before.slice(0, count);
    for (let n = 0; n < count; n++) {
      const [id, vcpu] = collections[n] ?? [0, 0];
      collections[n] = [state.number(id), state.number(vcpu)];
    }
    if (count === before.length && collections.every(([id, vcpu], n) => id === before[n][0] && vcpu === before[n][1]))
      return;
    this.collections.clear();
    for (const [id, vcpu] of collections) this.collections.set(id, vcpu);
  }
}
