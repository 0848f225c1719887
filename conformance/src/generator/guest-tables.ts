/**
 * Where a guest keeps the tables of its GIC in its memory, and the small pools of devices, events, collections and LPIs
 * that a sequence works with, so that its commands hit each other.
 */
import type { Configuration } from './configuration.js';
import { hex64 } from './protocol.js';
import type { Random } from './random.js';

export const PAGE = 0x10000;
/** Bytes of a table's entry in ABI revision 0, and of an entry of a table's first level. */
export const ENTRY = 8;
const ENTRIES_IN_PAGE = PAGE / ENTRY;
const ITT_ALIGNMENT = 0x100;
/** The smallest LPI. */
export const FIRST_LPI = 8192;

/** A device that the guest means to map. */
export interface DevicePlan {
  readonly id: number;
  /** Bits of its EventIDs. */
  readonly eventBits: number;
  /** Where its interrupt translation table (ITT) lies. */
  readonly itt: number;
}

/** One ITS and the tables that it is given. */
export interface ItsPlan {
  readonly number: number;
  /** Where its frame is. */
  readonly base: number;
  /** The attribute `dev` of its device. */
  readonly dev: string;
  readonly deviceTable: number;
  readonly devicePages: number;
  /** Second-level pages by the index of their first-level entry; undefined: the table is flat. */
  readonly secondLevel: ReadonlyMap<number, number> | undefined;
  readonly collectionTable: number;
  readonly queue: number;
  /** Pages of 4 KiB in the command queue. */
  readonly queuePages: number;
  readonly devices: readonly DevicePlan[];
}

export interface GuestTables {
  readonly ramBase: number;
  readonly ramBytes: number;
  /** The LPIs' configuration table (GICR_PROPBASER) and each vCPU's pending table (GICR_PENDBASER). */
  readonly configuration: number;
  readonly pending: readonly number[];
  /** Bits of an INTID less one, as GICR_PROPBASER has them. */
  readonly idBits: number;
  readonly its: readonly ItsPlan[];
  readonly events: readonly number[];
  readonly collections: readonly number[];
  readonly lpis: readonly number[];
  /** A page that nothing uses. */
  readonly spare: number;
}

const NEVER_MORE_THAN = 3;

/** Draws the pools and places of a sequence. */
export function planTables(random: Random, { vcpus, its, itsBases, ramBase, ramBytes }: Configuration): GuestTables {
  let next = ramBase;
  const take = (pages = 1) => {
    const at = next;
    next += pages * PAGE;
    return at;
  };
  const configuration = take();
  const pending = Array.from({ length: vcpus }, () => take());
  const cluster = FIRST_LPI + (random.chance(0.7) ? 0 : random.below(56000));
  const lpis = new Set<number>([cluster]);
  for (let i = random.between(2, 7); i > 0; i--) lpis.add(cluster + random.below(random.chance(0.7) ? 8 : 64));
  if (random.chance(0.2)) lpis.add(random.pick([FIRST_LPI, 16383, 16384, 65535]));
  const events = [...new Set([0, 1, random.between(2, 7), random.between(2, 31)])];
  const collections = [...new Set([0, random.between(1, 3), random.pick([2, 5, 4095, 8191])])];
  if (random.chance(0.2)) collections.push(random.pick([8192, 65535]));
  const plans: ItsPlan[] = [];
  for (let number = 0; number < Math.min(its, NEVER_MORE_THAN); number++) {
    const indirect = random.chance(0.4);
    const devicePages = random.chance(0.9) ? 1 : 2;
    const deviceTable = take(devicePages);
    const ids = deviceIds(random, indirect ? 65536 : devicePages * ENTRIES_IN_PAGE);
    const secondLevel = indirect
      ? new Map([...new Set(ids.map((id) => Math.floor(id / ENTRIES_IN_PAGE)))].slice(0, 2).map((at) => [at, take()]))
      : undefined;
    const collectionTable = take();
    const queue = take();
    const queuePages = random.weighted([[8, 1] as const, [1, 2] as const, [1, 16] as const]);
    plans.push({
      number, base: itsBases[number]!, dev: `its${number}`, deviceTable, devicePages, secondLevel, collectionTable,
      queue, queuePages, devices: planDevices(random, ids, take()),
    }); // biome-ignore format: one name after the other
  }
  return { ramBase, ramBytes, configuration, pending, its: plans, events, collections, lpis: [...lpis], spare: take(),
    idBits: random.weighted([[8, 15] as const, [1, 13] as const, [1, 31] as const, [0.5, 14] as const]) }; // biome-ignore format: one name after the other
}

function deviceIds(random: Random, limit: number): number[] {
  const ids = new Set<number>();
  for (let i = random.between(2, 4); i > 0; i--) {
    ids.add(
      random.weighted([
        [6, () => random.below(8)],
        [2, () => random.below(limit)],
        [1, () => limit - 1],
        [1, () => Math.min(limit - 1, random.pick([8191, 8192, 16384, 32768]))],
      ])(),
    );
  }
  return [...ids];
}

/** ITTs behind each other in a page; now and then one for so many events that MAPI can make LPIs of them. */
function planDevices(random: Random, ids: readonly number[], page: number): DevicePlan[] {
  let at = page;
  return ids.map((id) => {
    const wide = random.chance(0.2);
    const eventBits = wide ? random.between(14, 16) : random.weighted([[5, 5] as const, [2, random.between(1, 8)]]);
    // an ITT of that size begins before its page: no more of it is ever used
    if (wide) return { id, eventBits, itt: page + PAGE / 2 - FIRST_LPI * ENTRY };
    const itt = at;
    at += Math.max(ITT_ALIGNMENT, ENTRY << eventBits);
    return { id, eventBits, itt };
  });
}

/** Where the entry of a device lies in the tables as planned; undefined where there is none. */
export function deviceEntry({ deviceTable, devicePages, secondLevel }: ItsPlan, id: number): number | undefined {
  if (!secondLevel) return id < devicePages * ENTRIES_IN_PAGE ? deviceTable + id * ENTRY : undefined;
  const page = secondLevel.get(Math.floor(id / ENTRIES_IN_PAGE));
  return page === undefined ? undefined : page + (id % ENTRIES_IN_PAGE) * ENTRY;
}

const VALID = 0x80000000;
const INDIRECT = 0x40000000;
/** Inner and outer cacheability, inner shareable: read-allocate write-back, as Linux writes them. */
const CACHEABLE_HIGH = 0x38000000;
const SHAREABLE = 1 << 10;
const PAGES_64K = 2 << 8;

/** A register that holds an address, with flags in both halves. */
export const baseRegister = (address: number, high: number, low: number): string =>
  hex64(high | Math.floor(address / 2 ** 32), (address % 2 ** 32) | low);

/** GITS_BASER<n>: a table of `pages` pages of 64 KiB. */
export const baser = (address: number, pages: number, indirect: boolean): string =>
  baseRegister(address, VALID | (indirect ? INDIRECT : 0) | CACHEABLE_HIGH, SHAREABLE | PAGES_64K | (pages - 1));

/** GITS_CBASER: a queue of `pages` pages of 4 KiB. */
export const cbaser = (address: number, pages: number): string =>
  baseRegister(address, VALID | CACHEABLE_HIGH, SHAREABLE | (pages - 1));

/** The two GITS_BASER<n> as planned. */
export const deviceBaser = (its: ItsPlan): string =>
  baser(its.deviceTable, its.devicePages, its.secondLevel !== undefined);
export const collectionBaser = (its: ItsPlan): string => baser(its.collectionTable, 1, false);

/** An entry of a table's first level. */
export const firstLevelEntry = (page: number, valid: boolean): string =>
  bytesOf(page % 2 ** 32, (valid ? VALID : 0) | Math.floor(page / 2 ** 32));

/** Bytes in memory order from 32-bit words, as hexadecimal digits. */
export function bytesOf(...words: readonly number[]): string {
  let text = '';
  for (const word of words) {
    for (let shift = 0; shift < 32; shift += 8) text += ((word >>> shift) & 0xff).toString(16).padStart(2, '0');
  }
  return text;
}
