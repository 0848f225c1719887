import { LPI_MIN } from '../architecture/intid.js';
import { DEVICE_ID_BITS, EVENT_ID_BITS } from '../architecture/its.js';
import type { Gic } from '../gic.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import { type Device, NO_COLLECTION } from '../its/device.js';
import { COLLECTION_NOT_MAPPED, type Its } from '../its/its.js';

/**
 * What an ITS translates, said outright, where its tables in guest RAM do not say it: they have no entry for an event
 * whose collection is gone, and a guest may have put them over each other or outside RAM. KVM loses such translations
 * when a machine moves, or can't save or restore it.
 */
export interface ItsMappings {
  /** Collection ID and its vCPU, or COLLECTION_NOT_MAPPED, in the order in which they came to be. */
  readonly collections: readonly (readonly [id: number, vcpu: number])[];
  /** By ascending DeviceID; of devices with the same one, first the one that shows. */
  readonly devices: readonly DeviceMappings[];
}

export interface DeviceMappings {
  readonly id: number;
  readonly ittAddress: number;
  readonly eventBits: number;
  /** EventID, INTID and collection (-1: it is gone), by ascending EventID. */
  readonly events: readonly (readonly [event: number, intid: number, collection: number])[];
}

function* devicesOf(its: Its): Generator<Device> {
  for (const first of [...its.devices.values()].sort((a, b) => a.id - b.id)) {
    for (let device: Device | undefined = first; device !== undefined; device = device.shadowed) yield device;
  }
}

export function mappingsOf(its: Its): ItsMappings {
  const devices: DeviceMappings[] = [];
  for (const device of devicesOf(its)) {
    const events: [number, number, number][] = [];
    device.each((event, intid, collection) => {
      events.push([event, intid, collection]);
      return true;
    });
    devices.push({ id: device.id, ittAddress: device.ittAddress, eventBits: device.eventBits, events });
  }
  return { collections: [...its.collections], devices };
}

/** Whether two ITSs translate the same, in the same order. */
export function translateAlike(one: Its, other: Its): boolean {
  const otherCollections = [...other.collections];
  const collections = [...one.collections];
  const sameCollections =
    collections.length === otherCollections.length &&
    collections.every(([id, vcpu], n) => id === otherCollections[n][0] && vcpu === otherCollections[n][1]);
  if (!sameCollections) return false;
  const others = devicesOf(other);
  for (const device of devicesOf(one)) {
    const twin = others.next().value;
    if (twin === undefined || !alike(device, twin)) return false;
  }
  return others.next().done === true;
}

function alike(one: Device, other: Device): boolean {
  const { id, ittAddress, eventBits, events } = other;
  return (
    one.id === id &&
    one.ittAddress === ittAddress &&
    one.eventBits === eventBits &&
    one.events === events &&
    one.each((event, intid, collection) => other.intid(event) === intid && other.collection(event) === collection)
  );
}

/** Makes a fresh ITS translate so. LPIs that are new have no target and are disabled: their state comes apart. */
export function applyMappings(its: Its, mappings: ItsMappings): void {
  const { irqs } = its;
  for (const [id, vcpu] of mappings.collections) its.collections.set(id, vcpu);
  for (const { id, ittAddress, eventBits, events } of mappings.devices) {
    const device = its.createDevice(id, ittAddress, eventBits);
    its.addDevice(device);
    for (const [event, intid, collection] of events) {
      // more than RAM has room for, the ITS that was saved did not have
      if (!device.reserve(event)) return;
      const present = irqs.lpiIndex(intid);
      if (present >= 0) irqs.referLpi(present);
      else irqs.createLpi(intid, NO_VCPU);
      device.map(event, intid, collection);
    }
  }
}

const ITT_ADDRESS_LIMIT = 2 ** 52;
const COLLECTION_LIMIT = 2 ** 16;

function isWhole(value: unknown, least: number, limit: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) < limit;
}

/** Whether something from outside are translations that an ITS of this GIC can have. */
export function isItsMappings(gic: Gic, value: unknown): value is ItsMappings {
  const { collections, devices } = (value ?? {}) as Partial<ItsMappings>;
  return (
    Array.isArray(collections) &&
    collections.length <= COLLECTION_LIMIT &&
    collections.every((one) => isCollection(gic, one)) &&
    Array.isArray(devices) &&
    devices.length <= 2 ** DEVICE_ID_BITS &&
    devices.every((device) => isDevice(gic, device))
  );
}

function isCollection(gic: Gic, one: unknown): boolean {
  if (!Array.isArray(one) || one.length !== 2) return false;
  const [id, vcpu] = one as unknown[];
  return isWhole(id, 0, COLLECTION_LIMIT) && (vcpu === COLLECTION_NOT_MAPPED || isWhole(vcpu, 0, gic.irqs.vcpus));
}

function isDevice(gic: Gic, one: unknown): boolean {
  const { id, ittAddress, eventBits, events } = (one ?? {}) as Partial<DeviceMappings>;
  if (!isWhole(id, 0, 2 ** DEVICE_ID_BITS) || !isWhole(ittAddress, 0, ITT_ADDRESS_LIMIT)) return false;
  if (!isWhole(eventBits, 1, EVENT_ID_BITS + 1) || !Array.isArray(events)) return false;
  const limit = 2 ** eventBits;
  let before = -1;
  for (const each of events as unknown[]) {
    if (!Array.isArray(each) || each.length !== 3) return false;
    const [event, intid, collection] = each as unknown[];
    // ascending, so that there are no more than the device has
    if (!isWhole(event, before + 1, limit) || !isWhole(collection, NO_COLLECTION, COLLECTION_LIMIT)) return false;
    if (!isWhole(intid, LPI_MIN, 2 ** gic.lpis.intidBits)) return false;
    before = event;
  }
  return true;
}
