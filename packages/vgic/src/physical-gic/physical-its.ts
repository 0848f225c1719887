import { NO_DOORBELL, TABLE_TYPE_VPE } from '../architecture/gicv4.js';
import { LPI_MIN } from '../architecture/intid.js';
import { EVENT_ID_BITS, TABLE_TYPE_COLLECTION, TABLE_TYPE_DEVICE } from '../architecture/its.js';
import { CommandQueue } from '../its/command-queue.js';
import type { Command, CommandName, VirtualCommandName } from '../its/commands.js';
import { ItsTable } from '../its/tables.js';
import { LPI_BITS, LPI_LIMIT } from './configuration-table.js';
import { PhysicalDevice } from './physical-device.js';
import type { PhysicalGic } from './physical-gic.js';

/** Bytes of entries of the device, collection and interrupt translation tables, and of the vPE table. */
const ENTRY_SIZE = 8;
const VPE_ENTRY_SIZE = 32;
/** The least bits of a vINTID that a virtual pending table can have: vLPIs begin at 8192. */
const VIRTUAL_BITS_MIN = 14;
const PAGE_64K = 2 ** 16;
/** Events that all devices together may have room for: translations are kept outside of memory, and have an end too. */
const EVENTS_MAX = 2 ** 22;

/** What became of an MSI: `vlpi` and `lpi` are pending now, `lost` had a translation that leads nowhere. */
export type PhysicalMsiResult = 'vlpi' | 'lpi' | 'lost' | 'unmapped' | 'disabled';

/**
 * The host's ITS, which knows vPEs beside collections. A command in error is skipped, as if the ITS had no report of it:
 * GITS_CREADR goes on and nothing stalls. Source: IHI 0069, 5.3 "The ITS commands".
 */
export class PhysicalIts {
  readonly gic: PhysicalGic;
  enabled = false;
  readonly queue: CommandQueue;
  readonly deviceTable: ItsTable;
  readonly collectionTable: ItsTable;
  readonly vpeTable: ItsTable;
  /** By DeviceID. */
  readonly devices = new Map<number, PhysicalDevice>();
  /** Collection ID to redistributor. */
  readonly collections = new Map<number, number>();
  #events = 0;

  constructor(gic: PhysicalGic) {
    this.gic = gic;
    this.queue = new CommandQueue(gic.memory, (command) => this.execute(command));
    this.deviceTable = new ItsTable(gic.memory, TABLE_TYPE_DEVICE, ENTRY_SIZE);
    this.collectionTable = new ItsTable(gic.memory, TABLE_TYPE_COLLECTION, ENTRY_SIZE);
    this.vpeTable = new ItsTable(gic.memory, TABLE_TYPE_VPE, VPE_ENTRY_SIZE);
  }

  // ---- MSIs

  /** An MSI becomes the physical LPI or the vLPI that its event is mapped to. Allocates nothing. */
  trigger(deviceId: number, event: number): PhysicalMsiResult {
    if (!this.enabled) return 'disabled';
    const device = this.devices.get(deviceId);
    const intid = device === undefined ? 0 : device.intid(event);
    if (device === undefined || event >>> device.eventBits !== 0 || intid === 0) return 'unmapped';
    const vpe = device.vpe(event);
    if (vpe >= 0) return this.gic.raiseVlpi(vpe, intid, device.doorbell(event)) ? 'vlpi' : 'lost';
    return this.gic.raise(this.#redistributorOf(device.collection(event)), intid) ? 'lpi' : 'lost';
  }

  /** The redistributor of a mapped collection, or -1. */
  #redistributorOf(collection: number): number {
    return this.collections.get(collection) ?? -1;
  }

  // ---- commands

  /** Carries a command out; one that is in error, or that this version of GICv4 does not have, changes nothing. */
  execute(command: Command): void {
    const { name, virtualName } = command;
    if (name !== undefined) this.#handlers[name](command);
    else if (virtualName !== undefined) this.#virtualHandlers[virtualName](command);
  }

  readonly #handlers: { readonly [Name in CommandName]: (command: Command) => void } = {
    MAPD: (command) => this.#mapDevice(command),
    MAPC: (command) => this.#mapCollection(command),
    MAPTI: (command) => this.#mapEvent(command, command.get('intid')),
    MAPI: (command) => this.#mapEvent(command, command.get('eventId')),
    MOVI: (command) => this.#moveEvent(command),
    MOVALL: (command) => this.#moveAll(command.get('target'), command.get('target2')),
    DISCARD: (command) => this.#discard(command),
    INV: (command) => this.#invalidate(command),
    INVALL: (command) => this.gic.invalidateAllPhysical(this.#redistributorOf(command.get('collection'))),
    INT: (command) => {
      this.trigger(command.get('deviceId'), command.get('eventId'));
    },
    CLEAR: (command) => {
      const device = this.#deviceOf(command);
      if (device !== undefined) this.#takePending(device, command.get('eventId'));
    },
    // every command is complete when the next one is read
    SYNC: () => {},
  };

  readonly #virtualHandlers: { readonly [Name in VirtualCommandName]: (command: Command) => void } = {
    VMAPP: (command) => this.#mapVpe(command),
    VMAPTI: (command) => this.#mapVirtualEvent(command, command.get('virtualIntid')),
    VMAPI: (command) => this.#mapVirtualEvent(command, command.get('eventId')),
    VMOVI: (command) => this.#moveVirtualEvent(command),
    VMOVP: (command) => this.#moveVpe(command),
    VSYNC: () => {},
    VINVALL: (command) => this.invalidateVpe(command.get('vpe')),
    VSGI: (command) => this.#configureSgi(command),
    INVDB: (command) => {
      const vpe = this.gic.version === 41 ? this.gic.vpes.get(command.get('vpe')) : undefined;
      if (vpe !== undefined) this.gic.invalidatePhysical(vpe.target, vpe.defaultDoorbell);
    },
  };

  /** The device of a command whose event is mapped. */
  #deviceOf(command: Command): PhysicalDevice | undefined {
    const device = this.devices.get(command.get('deviceId'));
    const event = command.get('eventId');
    return device === undefined || event >>> device.eventBits !== 0 || device.intid(event) === 0 ? undefined : device;
  }

  /** The device of a command whose event has a place and is not mapped. */
  #freeDeviceOf(command: Command): PhysicalDevice | undefined {
    const device = this.devices.get(command.get('deviceId'));
    const event = command.get('eventId');
    if (device === undefined || event >>> device.eventBits !== 0 || device.intid(event) !== 0) return undefined;
    return this.gic.memory.has(device.ittAddress + event * ENTRY_SIZE, ENTRY_SIZE) ? device : undefined;
  }

  /** Clears the pending bit of a mapped event's LPI or vLPI; whether it was set. */
  #takePending(device: PhysicalDevice, event: number): boolean {
    const intid = device.intid(event);
    const vpe = device.vpe(event);
    const table =
      vpe >= 0
        ? this.gic.vpes.get(vpe)?.vlpis
        : this.gic.redistributors[this.#redistributorOf(device.collection(event))]?.lpis;
    if (!table?.has(intid)) return false;
    table.clear(intid);
    return true;
  }

  #mapDevice(command: Command): void {
    const id = command.get('deviceId');
    const eventBits = command.get('size') + 1;
    const valid = command.get('valid') !== 0;
    if (this.deviceTable.entryAddress(id) < 0 || (valid && eventBits > EVENT_ID_BITS)) return;
    const present = this.devices.get(id);
    const events = this.#events - (present === undefined ? 0 : 2 ** present.eventBits) + (valid ? 2 ** eventBits : 0);
    if (events > EVENTS_MAX) return;
    this.#events = events;
    this.devices.delete(id);
    if (valid) this.devices.set(id, new PhysicalDevice(id, command.get('ittAddress') * 2 ** 8, eventBits));
  }

  /** The device table goes: so do the translations. */
  forgetDevices(): void {
    this.devices.clear();
    this.#events = 0;
  }

  #mapCollection(command: Command): void {
    const id = command.get('collection');
    if (command.get('valid') === 0) {
      this.collections.delete(id);
      return;
    }
    const target = command.get('target');
    if (target >= this.gic.redistributors.length || this.collectionTable.entryAddress(id) < 0) return;
    this.collections.set(id, target);
  }

  #mapEvent(command: Command, intid: number): void {
    const device = this.#freeDeviceOf(command);
    const collection = command.get('collection');
    if (device === undefined || !isLpi(intid) || this.collectionTable.entryAddress(collection) < 0) return;
    device.map(command.get('eventId'), intid, collection);
  }

  #moveEvent(command: Command): void {
    const device = this.#deviceOf(command);
    const event = command.get('eventId');
    const target = this.#redistributorOf(command.get('collection'));
    if (device === undefined || device.vpe(event) >= 0 || target < 0) return;
    const intid = device.intid(event);
    const pending = this.#takePending(device, event);
    device.setCollection(event, command.get('collection'));
    if (pending) this.gic.raise(target, intid);
  }

  #moveAll(from: number, to: number): void {
    const { redistributors } = this.gic;
    if (from >= redistributors.length || to >= redistributors.length || from === to) return;
    redistributors[from].lpis.each((intid) => {
      if (!redistributors[to].enabled || !redistributors[to].lpis.holds(intid)) return;
      redistributors[from].lpis.clear(intid);
      this.gic.raise(to, intid);
    });
  }

  /** What is pending goes with the translation. */
  #discard(command: Command): void {
    const device = this.#deviceOf(command);
    if (device === undefined) return;
    const event = command.get('eventId');
    this.#takePending(device, event);
    device.unmap(event);
    device.setDoorbell(event, NO_DOORBELL);
  }

  #invalidate(command: Command): void {
    const device = this.#deviceOf(command);
    if (device === undefined) return;
    const event = command.get('eventId');
    const vpe = device.vpe(event);
    if (vpe >= 0) this.gic.invalidateVlpi(vpe, device.intid(event));
    else this.gic.invalidatePhysical(this.#redistributorOf(device.collection(event)), device.intid(event));
  }

  // ---- vPEs

  /** Whether the vPE table has a place for a vPEID. */
  hasVpeEntry(id: number): boolean {
    return id < 2 ** this.gic.vpeIdBits && this.vpeTable.valid && this.vpeTable.entryAddress(id) >= 0;
  }

  #mapVpe(command: Command): void {
    const { gic } = this;
    const id = command.get('vpe');
    if (!this.hasVpeEntry(id)) return;
    if (command.get('valid') === 0) {
      gic.unmapVpe(id);
      return;
    }
    const target = command.get('target');
    const bits = command.get('virtualSize') + 1;
    const pendingAddress = command.get('pendingAddress') * PAGE_64K;
    if (gic.vpes.has(id) || target >= gic.redistributors.length) return;
    if (bits < VIRTUAL_BITS_MIN || bits > LPI_BITS || !gic.memory.has(pendingAddress, 2 ** bits / 8)) return;
    if (gic.version === 40) {
      gic.mapVpe(id, { target, pendingAddress, bits, defaultDoorbell: NO_DOORBELL }, undefined, false);
      return;
    }
    const configuration = command.get('configurationAddress') * PAGE_64K;
    const defaultDoorbell = command.get('defaultDoorbell');
    if (!gic.memory.has(configuration, 2 ** bits - LPI_MIN) || !isDoorbell(defaultDoorbell)) return;
    const zero = command.get('pendingZero') !== 0;
    gic.mapVpe(id, { target, pendingAddress, bits, defaultDoorbell }, configuration, zero);
    // a table that others have may be older than what is in memory; one that is its alone has just been read
    if ((gic.vpes.get(id)?.vlpis.configuration?.users ?? 0) > 1) this.invalidateVpe(id);
  }

  /** In GICv4.1 an event has no doorbell of its own (GITS_TYPER.nID). */
  #mapVirtualEvent(command: Command, virtualIntid: number): void {
    const device = this.#freeDeviceOf(command);
    const vpe = command.get('vpe');
    const doorbell = this.gic.version === 41 ? NO_DOORBELL : command.get('doorbell');
    if (device === undefined || !this.hasVpeEntry(vpe) || !isLpi(virtualIntid) || !isDoorbell(doorbell)) return;
    if (virtualIntid >= (this.gic.vpes.get(vpe)?.vlpis.limit ?? LPI_LIMIT)) return;
    device.mapVirtual(command.get('eventId'), virtualIntid, vpe, doorbell);
    this.gic.invalidateVlpi(vpe, virtualIntid);
  }

  /** The pending bit moves, and may ring for the new vPE. */
  #moveVirtualEvent(command: Command): void {
    const device = this.#deviceOf(command);
    const event = command.get('eventId');
    const to = command.get('vpe');
    if (device === undefined || device.vpe(event) < 0 || !this.gic.vpes.get(to)?.vlpis.holds(device.intid(event))) {
      return;
    }
    const changesDoorbell = this.gic.version === 40 && command.get('doorbellValid') !== 0;
    const doorbell = command.get('doorbell');
    if (changesDoorbell && !isDoorbell(doorbell)) return;
    const from = device.vpe(event);
    const pending = from !== to && this.#takePending(device, event);
    device.setVpe(event, to);
    const { vpes } = this.gic;
    if (vpes.get(from)?.vlpis.configuration !== vpes.get(to)?.vlpis.configuration) {
      // nobody has read it for the new vPE
      this.gic.invalidateVlpi(to, device.intid(event));
    }
    if (changesDoorbell) device.setDoorbell(event, doorbell);
    if (pending) this.gic.raiseVlpi(to, device.intid(event), device.doorbell(event));
  }

  /** The vPE's vLPIs and doorbells go to another redistributor; a default doorbell that is pending goes with it. */
  #moveVpe(command: Command): void {
    const { gic } = this;
    const vpe = gic.vpes.get(command.get('vpe'));
    const target = command.get('target');
    if (vpe === undefined || target >= gic.redistributors.length) return;
    if (gic.version === 41 && command.get('moveDoorbell') !== 0) {
      const doorbell = command.get('movedDoorbell');
      if (!isDoorbell(doorbell)) return;
      const { lpis } = gic.redistributors[vpe.target];
      const rings = lpis.has(vpe.defaultDoorbell);
      if (rings && !(doorbell === vpe.defaultDoorbell && target === vpe.target)) {
        lpis.clear(vpe.defaultDoorbell);
        gic.raise(target, doorbell);
      }
      vpe.defaultDoorbell = doorbell;
    }
    vpe.target = target;
  }

  /** VINVALL: the configuration of the vLPIs that are mapped to the vPE is read anew. */
  invalidateVpe(id: number): void {
    if (!this.gic.vpes.has(id)) return;
    for (const device of this.devices.values()) {
      device.eachOfVpe(id, (_event, virtualIntid) => this.gic.invalidateVlpi(id, virtualIntid));
    }
  }

  #configureSgi(command: Command): void {
    const { gic } = this;
    if (gic.version !== 41) return;
    const id = command.get('vpe');
    const sgi = command.get('sgiIntid');
    if (command.get('sgiClear') !== 0) {
      gic.vpes.get(id)?.clearPending(sgi);
      return;
    }
    const group = command.get('sgiGroup') === 0 ? 0 : 1;
    gic.configureVsgi(id, sgi, command.get('sgiEnable') !== 0, group, command.get('sgiPriority') << 4);
  }
}

function isLpi(intid: number): boolean {
  return intid >= LPI_MIN && intid < LPI_LIMIT;
}

function isDoorbell(intid: number): boolean {
  return intid === NO_DOORBELL || isLpi(intid);
}
