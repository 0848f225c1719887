/** Bitmaps in Uint32Arrays: bit i is bit i % 32 of word i / 32. */

export function testBit(map: Uint32Array, i: number): boolean {
  return ((map[i >>> 5] >>> (i & 31)) & 1) !== 0;
}

export function setBit(map: Uint32Array, i: number): void {
  map[i >>> 5] |= 1 << (i & 31);
}

export function clearBit(map: Uint32Array, i: number): void {
  map[i >>> 5] &= ~(1 << (i & 31));
}

export function writeBit(map: Uint32Array, i: number, value: boolean): void {
  if (value) map[i >>> 5] |= 1 << (i & 31);
  else map[i >>> 5] &= ~(1 << (i & 31));
}

/** Position of the lowest set bit; `word` must not be 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** How many bits of a byte are set. */
export function countBits(byte: number): number {
  let n = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) n++;
  return n;
}

/** A longer copy of a typed array, with zeros behind. */
export function grown<T extends Uint8Array | Uint16Array | Uint32Array | Int16Array | Int32Array>(
  array: T,
  length: number,
): T {
  const copy = new (array.constructor as new (length: number) => T)(length);
  copy.set(array);
  return copy;
}
