import type { Encoding } from '../encoding.js';
import { branches } from './branches.js';
import { dataProcessingImmediate, dataProcessingRegister } from './data-processing.js';
import { loadsAndStores } from './loads-stores.js';
import { reserved } from './reserved.js';
import { simd } from './simd.js';
import { system } from './system.js';

export { simd };

/** Every A64 encoding of ARMv8.0-A with CRC32 that has no floating point or SIMD register, and what is unallocated around them. */
export const integer: readonly Encoding[] = [
  ...dataProcessingImmediate,
  ...dataProcessingRegister,
  ...branches,
  ...loadsAndStores,
  ...system,
  ...reserved,
];

/** Those, and the ones with such registers. */
export const encodings: readonly Encoding[] = [...integer, ...simd];

const byName = new Map(encodings.map((e) => [e.name, e]));

/** The encoding of that name. Throws when the tables have none. */
export function encodingNamed(name: string): Encoding {
  const found = byName.get(name);
  if (!found) throw new Error(`no encoding is called '${name}'`);
  return found;
}
