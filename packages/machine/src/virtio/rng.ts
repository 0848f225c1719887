import { isWholeList } from '../state-checks.js';
import type { Chain } from './chain.js';
import type { VirtioDevice } from './device.js';

/** The entropy device: VIRTIO 1.2, section 5.4. */

/** Bytes for one request at most; a driver asks again (5.4.6.1). */
const MOST_BYTES = 4096;

/**
 * Bytes from a generator with a seed: a run of the machine can be repeated, and a guest is not to keep secrets with them.
 * The generator is xoshiro128** of Blackman and Vigna, its state hashed from the seed.
 */
export class VirtioRng implements VirtioDevice {
  readonly type = 4;
  readonly classCode = 0x00_ff00;
  readonly features: readonly number[] = [];
  readonly queueSizes = [64];
  readonly configuration = new Uint8Array(0);
  readonly #words = new Uint32Array(4);

  constructor(seed: number) {
    let value = seed >>> 0;
    for (let word = 0; word < 4; word++) {
      value = (value + 0x9e37_79b9) >>> 0;
      const once = Math.imul(value ^ (value >>> 16), 0x21f0_aaad);
      const twice = Math.imul(once ^ (once >>> 15), 0x735a_2d97);
      this.#words[word] = twice ^ (twice >>> 15);
    }
    // All zeros would stay so.
    this.#words[3] |= 1;
  }

  wants(): boolean {
    return true;
  }

  use(_queue: number, chain: Chain): number {
    const bytes = new Uint8Array(Math.min(chain.writableLength, MOST_BYTES));
    for (let at = 0; at < bytes.length; at += 4) {
      const word = this.#next();
      for (let byte = 0; byte < 4 && at + byte < bytes.length; byte++) bytes[at + byte] = word >>> (8 * byte);
    }
    return chain.write(0, bytes);
  }

  /** The sequence goes on. */
  reset(): void {}

  save(): { words: number[] } {
    return { words: [...this.#words] };
  }

  check(state: unknown): string | undefined {
    const { words } = (state ?? {}) as { words?: unknown };
    const possible = isWholeList(words, 4, 0xffff_ffff) && words.some((word) => word !== 0);
    return possible ? undefined : 'the state of its generator is impossible';
  }

  restore(state: object): void {
    this.#words.set((state as { words: number[] }).words);
  }

  #next(): number {
    const s = this.#words;
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 11);
    return result;
  }
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
