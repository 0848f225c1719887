import { LPI_MIN } from '../architecture/intid.js';
import { BASER_VALID, EVENT_ID_BITS, PAGE_64K } from '../architecture/its.js';
import { ERRNO } from '../errors.js';
import { testBit } from '../interrupts/bitmap.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import { type Device, NO_COLLECTION } from '../its/device.js';
import { COLLECTION_NOT_MAPPED, type Its } from '../its/its.js';
import type { Ram } from '../memory/ram.js';

const { EACCES, EEXIST, EFAULT, EINVAL } = ERRNO;

/**
 * The ITS's tables in guest RAM, by which its translations migrate: KVM's ABI, revision 0. Entries of 8 bytes, little
 * endian; each device and event names the distance to the next one, so that a restore need not look at every entry.
 * Source: Linux, Documentation/virt/kvm/devices/arm-vgic-its.rst, "ITS Table ABI REV0".
 *
 *     CTE  | 63 valid | 62:52 zero | 51:16 vCPU | 15:0 collection |
 *     DTE  | 63 valid | 62:49 next | 48:5 address 51:8 of the ITT | 4:0 bits of EventID - 1 |
 *     ITE  | 63:48 next | 47:16 INTID | 15:0 collection |
 */
export interface ItsTableAbi {
  readonly entrySize: number;
  /** Writes the tables to `memory`: guest RAM, or pages over it. 0 or a negative errno; what was written before an error stays. */
  save(its: Its, memory?: Ram): number;
  /**
   * Reads them there, and takes what is pending of their LPIs out of the pending tables. 0 or a negative errno; after an error
   * nothing is mapped.
   */
  restore(its: Its, memory?: Ram): number;
}

const ENTRY = 8;
const LEVEL_1_ENTRY = 8;
/** Distances that fit: a larger one is cut, and the restore then looks at entries that are not valid. */
const MAX_NEXT_DEVICE = 2 ** 14 - 1;
const MAX_NEXT_EVENT = 2 ** EVENT_ID_BITS - 1;
const VALID = BASER_VALID;
const DTE_NEXT_SHIFT = 17;
const DTE_NEXT_MASK = 0x3fff;
const DTE_SIZE_MASK = 0x1f;

// ---- save

function saveDevices(its: Its, memory: Ram): number {
  const { deviceTable } = its;
  if (!deviceTable.valid) return 0;
  const devices = its.sortDevices();
  for (const [n, device] of devices.entries()) {
    // a device whose place in the table is gone can't be reached any more: the chain goes around it
    const address = deviceTable.entryAddress(device.id, memory);
    if (address < 0) continue;
    const result = saveTranslations(its, memory, device);
    if (result !== 0) return result;
    // only now, since an ITT may lie over the table's first level
    const next = distanceToNext(its, memory, devices, n);
    const itt = device.ittAddress / 2 ** 8;
    const low = ((itt * 2 ** 5) % 2 ** 32) | (device.eventBits - 1);
    const high = VALID | (next << DTE_NEXT_SHIFT) | Math.floor(itt / 2 ** 27);
    if (!memory.store64(address, low >>> 0, high >>> 0)) return -EFAULT;
  }
  return 0;
}

/** From a device to the following one that has a place in the table, or 0. */
function distanceToNext(its: Its, memory: Ram, devices: readonly Device[], n: number): number {
  for (let following = n + 1; following < devices.length; following++) {
    const { id } = devices[following];
    if (its.deviceTable.entryAddress(id, memory) >= 0) return Math.min(id - devices[n].id, MAX_NEXT_DEVICE);
  }
  return 0;
}

/** A device's ITT. An event whose collection is gone is written as not mapped. */
function saveTranslations(its: Its, memory: Ram, device: Device): number {
  const base = device.ittAddress;
  let event = -1;
  let intid = 0;
  let collection = NO_COLLECTION;
  /** Writes the event seen last, now that the one after it is known. */
  const write = (next: number): boolean => {
    const address = base + event * ENTRY;
    if (collection === NO_COLLECTION) return memory.store64(address, 0, 0);
    const low = ((intid & 0xffff) << 16) | collection;
    return memory.store64(address, low >>> 0, ((next << 16) | (intid >>> 16)) >>> 0);
  };
  let result = -EFAULT;
  const complete = device.each((nextEvent, nextIntid, nextCollection) => {
    if (event >= 0 && !write(Math.min(nextEvent - event, MAX_NEXT_EVENT))) return false;
    if (!canSave(its, nextIntid)) {
      result = -EACCES;
      return false;
    }
    event = nextEvent;
    intid = nextIntid;
    collection = nextCollection;
    return true;
  });
  return complete && (event < 0 || write(0)) ? 0 : result;
}

/** A GICv4.0 does not tell whether a vLPI is pending: a machine that has one can't move. */
function canSave({ irqs }: Its, intid: number): boolean {
  return !testBit(irqs.onVpe, irqs.lpiAt(intid)) || (irqs.vpes?.readable ?? true);
}

/** Collections in the order in which they came to be, then an entry that is not valid, if there is room. */
function saveCollections(its: Its, memory: Ram): number {
  const { collectionTable } = its;
  if (!collectionTable.valid) return 0;
  let address = collectionTable.address;
  const end = address + collectionTable.length;
  for (const [id, vcpu] of its.collections) {
    const low = ((vcpu & 0xffff) << 16) | id;
    if (!memory.store64(address, low >>> 0, (VALID | (vcpu >>> 16)) >>> 0)) return -EFAULT;
    address += ENTRY;
  }
  return address === end || memory.store64(address, 0, 0) ? 0 : -EFAULT;
}

// ---- restore

/** Reads an entry; answers the distance to the next one, 0 for the last one, or a negative errno. */
type EntryReader = (id: number, low: number, high: number) => number;

const END_OF_TABLE = 1;

/** Walks a table along its distances: 0 at an entry that says it is the last, END_OF_TABLE at the end, or an errno. */
function scan(memory: Ram, base: number, length: number, firstId: number, read: EntryReader): number {
  let id = firstId;
  for (let at = 0; ; ) {
    const address = base + at;
    if (!memory.has(address, ENTRY)) return -EFAULT;
    const low = memory.load32(address);
    const high = memory.load32(address + 4);
    const next = (low | high) === 0 ? memory.countEmpty(address, (length - at) / ENTRY) : read(id, low, high);
    if (next <= 0) return next;
    if (next * ENTRY >= length - at) return END_OF_TABLE;
    id += next;
    at += next * ENTRY;
  }
}

/**
 * `onUnmappable` is told of INTIDs that no guest can have mapped. KVM takes them, and its tables then reach beyond what they
 * may; here the restore fails, but only where KVM's has come to its end.
 */
function restoreTranslations(its: Its, memory: Ram, device: Device, onUnmappable: () => void): number {
  const events = 1 << device.eventBits;
  const intids = 1 << its.lpis.intidBits;
  const result = scan(memory, device.ittAddress, events * ENTRY, 0, (event, low, high) => {
    const collection = low & 0xffff;
    const intid = (high & 0xffff) * 2 ** 16 + (low >>> 16);
    const next = high >>> 16;
    if (intid === 0) return 1;
    if (intid < LPI_MIN || event + next >= events) return -EINVAL;
    const vcpu = its.collections.get(collection);
    if (vcpu === undefined || !its.hasEntry(device, event)) return -EINVAL;
    const target = vcpu === COLLECTION_NOT_MAPPED ? NO_VCPU : vcpu;
    if (intid >= intids) {
      onUnmappable();
      return its.lpis.hasTablesFor(intid, target) ? next : -EFAULT;
    }
    return its.mapTranslation(device, event, intid, collection, target, memory) ? next : -EFAULT;
  });
  return Math.min(result, 0);
}

function restoreDevice(its: Its, memory: Ram, id: number, low: number, high: number, onUnmappable: () => void): number {
  if (!(high & VALID)) return 1;
  const eventBits = (low & DTE_SIZE_MASK) + 1;
  const itt = ((high & 0x1ffff) * 2 ** 27 + (low >>> 5)) * 2 ** 8;
  if (eventBits > EVENT_ID_BITS || its.deviceTable.entryAddress(id, memory) < 0) return -EINVAL;
  const device = its.createDevice(id, itt, eventBits);
  its.addDevice(device);
  const result = restoreTranslations(its, memory, device, onUnmappable);
  if (result !== 0) {
    its.freeDevice(device);
    return result;
  }
  return (high >>> DTE_NEXT_SHIFT) & DTE_NEXT_MASK;
}

function restoreDevices(its: Its, memory: Ram): number {
  const { deviceTable } = its;
  if (!deviceTable.valid) return 0;
  let unmappable = false;
  const onUnmappable = () => {
    unmappable = true;
  };
  const readDevice: EntryReader = (id, low, high) => restoreDevice(its, memory, id, low, high, onUnmappable);
  const perPage = PAGE_64K / ENTRY;
  const scanned = deviceTable.indirect
    ? scan(memory, deviceTable.address, (deviceTable.length / LEVEL_1_ENTRY) * ENTRY, 0, (index, low, high) => {
        if (!(high & VALID)) return 1;
        const page = (high & 0xfffff) * 2 ** 32 + ((low & 0xffff0000) >>> 0);
        return scan(memory, page, PAGE_64K, index * perPage, readDevice);
      })
    : scan(memory, deviceTable.address, deviceTable.length, 0, readDevice);
  const result = scanned >= 0 && unmappable ? -EINVAL : Math.min(scanned, 0);
  if (result < 0) its.freeAllDevices();
  return result;
}

function restoreCollections(its: Its, memory: Ram): number {
  const { collectionTable, irqs } = its;
  if (!collectionTable.valid) return 0;
  const base = collectionTable.address;
  for (let at = 0; at < collectionTable.length; at += ENTRY) {
    const result = memory.has(base + at, ENTRY)
      ? restoreCollection(memory.load32(base + at), memory.load32(base + at + 4))
      : -EFAULT;
    if (result === 0) break;
    if (result < 0) {
      its.freeAllCollections();
      return result;
    }
  }
  return 0;

  function restoreCollection(low: number, high: number): number {
    if (!(high & VALID)) return 0;
    const id = low & 0xffff;
    const vcpu = ((high & 0xffff) * 2 ** 16 + (low >>> 16)) >>> 0;
    if (vcpu !== COLLECTION_NOT_MAPPED && vcpu >= irqs.vcpus) return -EINVAL;
    if (its.collections.has(id)) return -EEXIST;
    if (collectionTable.entryAddress(id, memory) < 0) return -EINVAL;
    its.collections.set(id, vcpu);
    return 1;
  }
}

/** The ABIs by their revision (GITS_IIDR.Revision). */
export const ITS_TABLE_ABIS: readonly ItsTableAbi[] = [
  {
    entrySize: ENTRY,
    save: (its, memory = its.memory) => saveDevices(its, memory) || saveCollections(its, memory),
    restore(its, memory = its.memory) {
      const result = restoreCollections(its, memory) || restoreDevices(its, memory);
      if (result !== 0) its.freeAllCollections();
      return result;
    },
  },
];
