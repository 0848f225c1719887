import type { Gic } from '../gic.js';
import { Interrupts } from '../interrupts/interrupts.js';
import { Its } from '../its/its.js';
import { Lpis } from '../its/lpis.js';
import { Ram } from '../memory/ram.js';
import { ITS_TABLE_ABIS } from '../state/its-tables.js';
import { translateAlike } from './its-mappings.js';

/** Guest RAM that takes bytes, as a restore clears pending bits, and does not change. */
class UnchangedMemory extends Ram {
  readonly #written = new Map<number, number>();

  override load8(address: number): number {
    return this.#written.get(address) ?? super.load8(address);
  }

  override load32(address: number): number {
    let value = super.load32(address);
    // tables that lie over each other: what clears a pending bit in one changes an entry of the other
    for (let n = 0; n < 4 && this.#written.size > 0; n++) {
      const byte = this.#written.get(address + n);
      if (byte !== undefined) value = (value & ~(0xff << (8 * n))) | (byte << (8 * n));
    }
    return value >>> 0;
  }

  override store8(address: number, value: number): boolean {
    if (!this.has(address, 1)) return false;
    this.#written.set(address, value);
    return true;
  }

  override store64(address: number): boolean {
    return this.has(address, 8);
  }
}

/**
 * What a restore would make of the ITSs' tables and the pending tables as they are in guest RAM now: the LPIs, made
 * beside the real ones. Undefined if that would not translate as the ITSs do.
 */
export function readBack(gic: Gic): Interrupts | undefined {
  const memory = gic.lpis.memory;
  if (memory === undefined) return undefined;
  const irqs = new Interrupts(3, gic.irqs.vcpus, gic.irqs.count);
  const unchanged = new UnchangedMemory(memory.base, memory.bytes);
  const lpis = new Lpis(irqs, 0, unchanged, gic.lpis.intidBits);
  lpis.propbaserLow = gic.lpis.propbaserLow;
  lpis.propbaserHigh = gic.lpis.propbaserHigh;
  lpis.pendbaserLow.set(gic.lpis.pendbaserLow);
  lpis.pendbaserHigh.set(gic.lpis.pendbaserHigh);
  for (const its of gic.its) {
    const twin = new Its({ irqs, lpis, memory: unchanged });
    for (const table of ['deviceTable', 'collectionTable'] as const) {
      twin[table].low = its[table].low;
      twin[table].high = its[table].high;
    }
    if (ITS_TABLE_ABIS[its.abiRevision].restore(twin) !== 0 || !translateAlike(its, twin)) return undefined;
  }
  return irqs;
}
