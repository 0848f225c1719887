/**
 * The pending rule of 32 interrupts, a bit each: the latch, or for a level-sensitive interrupt the line too (IHI 0069, 4.1.2).
 * It takes the planes one by one, since who goes through many interrupts has them at hand. V8 puts it where it is called.
 */
export function pendingBits(latch: Uint32Array, line: Uint32Array, edge: Uint32Array, word: number): number {
  return latch[word] | (line[word] & ~edge[word]);
}
