import type { Gic } from '../gic.js';
import { Interrupts } from '../interrupts/interrupts.js';
import { Its } from '../its/its.js';
import { Lpis } from '../its/lpis.js';
import type { Ram } from '../memory/ram.js';
import { translateAlike } from './its-mappings.js';
import { ITS_TABLE_ABIS } from './its-tables.js';

/**
 * What a restore would make of the ITSs' tables and the pending tables that are in `memory`: the LPIs, made beside the real
 * ones. Undefined if that would not translate as the ITSs do. What a restore takes out of the tables is taken out of `memory`.
 */
export function readBack(gic: Gic, memory: Ram): Interrupts | undefined {
  const irqs = new Interrupts(3, gic.irqs.vcpus, gic.irqs.count);
  const lpis = new Lpis(irqs, 0, memory, gic.lpis.intidBits);
  lpis.propbaserLow = gic.lpis.propbaserLow;
  lpis.propbaserHigh = gic.lpis.propbaserHigh;
  lpis.pendbaserLow.set(gic.lpis.pendbaserLow);
  lpis.pendbaserHigh.set(gic.lpis.pendbaserHigh);
  for (const its of gic.its) {
    const twin = new Its({ irqs, lpis, memory });
    for (const table of ['deviceTable', 'collectionTable'] as const) {
      twin[table].low = its[table].low;
      twin[table].high = its[table].high;
    }
    if (ITS_TABLE_ABIS[its.abiRevision].restore(twin) !== 0 || !translateAlike(its, twin)) return undefined;
  }
  return irqs;
}
