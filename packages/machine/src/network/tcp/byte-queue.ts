/** Bytes in their order, put in at the end and dropped from the front. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that are dropped already. */
  #skip = 0;
  length = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes.slice());
    this.length += bytes.length;
  }

  /** A copy of a part; the caller knows that it is there. */
  copy(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let skip = this.#skip + offset;
    let done = 0;
    for (const chunk of this.#chunks) {
      if (done === length) break;
      if (skip >= chunk.length) {
        skip -= chunk.length;
        continue;
      }
      const part = chunk.subarray(skip, skip + length - done);
      bytes.set(part, done);
      done += part.length;
      skip = 0;
    }
    return bytes;
  }

  drop(count: number): void {
    this.length -= count;
    this.#skip += count;
    let whole = 0;
    while (whole < this.#chunks.length && this.#skip >= this.#chunks[whole].length)
      this.#skip -= this.#chunks[whole++].length;
    this.#chunks.splice(0, whole);
  }
}
