/** Tables of an ITS in memory that are not what was saved: random entries, turned bits, entries where there are none. */
import { baser, bytesOf, deviceEntry, ENTRY, firstLevelEntry, type ItsPlan } from '../../generator/guest-tables.js';
import { GROUP, hex } from '../../generator/protocol.js';
import { GITS_BASER } from '../../generator/registers.js';
import type { Sequence } from '../../generator/sequence.js';

const VALID = 0x80000000;

/** Where entries lie, and what kind they are. */
function placeOf(s: Sequence, its: ItsPlan): readonly [address: number, kind: 'DTE' | 'CTE' | 'ITE' | 'first level'] {
  const { random } = s;
  const device = random.pick(its.devices);
  switch (random.below(its.secondLevel ? 4 : 3)) {
    case 0:
      return [its.collectionTable + random.below(5) * ENTRY, 'CTE'];
    case 1: {
      const near = random.chance(0.8) ? device.id : device.id + random.below(4);
      return [deviceEntry(its, near) ?? its.deviceTable, 'DTE'];
    }
    case 2:
      return [device.itt + (random.chance(0.8) ? random.pick(s.tables!.events) : random.below(32)) * ENTRY, 'ITE'];
    default:
      return [its.deviceTable + random.pick([...its.secondLevel!.keys(), 0, 1]) * ENTRY, 'first level'];
  }
}

/**
 * INTIDs with more than 16 bits are left out here: KVM takes them (see NOTES.md), and what follows is its own business.
 * They have a kind of damage of their own, below.
 */
const intidInItt = (s: Sequence): number =>
  s.random.chance(0.8) ? s.random.pick(s.lpis) : s.random.pick([0, 1, 8191, 8192, 16384, 65535, s.random.below(65536)]);

function newEntry(s: Sequence, its: ItsPlan, kind: 'DTE' | 'CTE' | 'ITE' | 'first level'): string {
  const { random } = s;
  const tables = s.tables!;
  const end = tables.ramBase + tables.ramBytes;
  switch (kind) {
    case 'CTE': {
      const target = random.chance(0.7)
        ? s.realVcpu()
        : random.pick([
            s.vcpus,
            s.vcpus,
            s.vcpus,
            255,
            511,
            512,
            0xffff,
            0x10000,
            0xffffffff,
            0xfffffffe,
            random.word(),
          ]);
      const id = random.chance(0.8) ? random.pick(tables.collections) : random.pick([7, 8191, 8192, 65535]);
      const reserved = random.chance(0.05) ? random.below(0x800) << 20 : 0;
      const valid = random.chance(0.85) ? VALID : 0;
      return bytesOf((target << 16) | id, valid | reserved | (target >>> 16));
    }
    case 'DTE': {
      const device = random.pick(its.devices);
      const size = random.chance(0.6) ? device.eventBits - 1 : random.below(32);
      const itt = random.chance(0.6)
        ? device.itt
        : random.pick([
            tables.spare,
            its.collectionTable,
            end - 0x100,
            end - 0x1000,
            end,
            0,
            tables.ramBase - 0x100,
            2 ** 45,
          ]);
      const next = random.chance(0.6) ? random.below(8) : random.pick([0, 1, 8191, 8192, 16383, random.below(16384)]);
      return dte(random.chance(0.85), next, itt, size);
    }
    case 'ITE': {
      const next = random.chance(0.6) ? random.below(8) : random.pick([0, 1, 31, 32, 255, 0xffff, random.below(65536)]);
      const collection = random.chance(0.85) ? random.pick(tables.collections) : random.below(65536);
      return ite(next, intidInItt(s), collection);
    }
    default: {
      const page = random.chance(0.5)
        ? random.pick([...its.secondLevel!.values()])
        : random.pick([0, end, tables.spare]);
      return firstLevelEntry(page + (random.chance(0.2) ? random.below(0x10000) : 0), random.chance(0.8));
    }
  }
}

/** A device table entry: Valid, distance to the next, ITT, bits of EventID less one. */
function dte(valid: boolean, next: number, itt: number, size: number): string {
  const units = itt / 2 ** 8;
  const low = ((units * 2 ** 5) % 2 ** 32) | size;
  return bytesOf(low, (valid ? VALID : 0) | (next << 17) | (Math.floor(units / 2 ** 27) & 0x1ffff));
}

/** A translation table entry: distance to the next, INTID, collection. */
export const ite = (next: number, intid: number, collection: number): string =>
  bytesOf(((intid & 0xffff) << 16) | collection, (next << 16) | (intid >>> 16));

/** Turns some bits of an entry as it was last seen; an ITE's INTID keeps 16 bits. */
function flipped(s: Sequence, address: number, kind: string): string | undefined {
  const { random } = s;
  const seen = s.entries.get(address);
  if (!seen) return undefined;
  const bytes = Buffer.from(seen, 'hex');
  for (let i = random.weighted([[5, 1] as const, [2, 2] as const, [1, 4] as const]); i > 0; i--) {
    const bit = random.below(64);
    if (kind === 'ITE' && bit >= 32 && bit < 48) continue;
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  return bytes.toString('hex');
}

/** Damages a few entries in memory. */
export function damageTables(s: Sequence): void {
  const { random } = s;
  for (let i = random.weighted([[5, 1] as const, [2, 2] as const, [1, 5] as const]); i > 0; i--) {
    const its = random.pick(s.tables!.its);
    const [address, kind] = placeOf(s, its);
    const bytes = (random.chance(0.5) ? flipped(s, address, kind) : undefined) ?? newEntry(s, its, kind);
    s.emit({ op: 'mem_write', addr: hex(address), hex: bytes }, `damage to a ${kind}`);
  }
}

/** A flat table with room for more DeviceIDs than there are: entries that lead from one to the next, up to the first such. */
export function growDeviceTable(s: Sequence, its: ItsPlan): void {
  const most = 16383;
  const operation = { op: 'set_attr', dev: its.dev, group: GROUP.ITS_REGS, attr: hex(GITS_BASER) };
  s.emit({ ...operation, value: baser(its.deviceTable, 9, false) }, 'GITS_BASER user set');
  for (let id = 0; id <= 65536; id += Math.min(most, Math.max(1, 65536 - id))) {
    const next = Math.min(most, Math.max(0, 65536 - id));
    const addr = hex(its.deviceTable + id * ENTRY);
    s.emit({ op: 'mem_write', addr, hex: dte(true, next, s.tables!.spare, 0) }, 'damage to a DTE');
  }
}
