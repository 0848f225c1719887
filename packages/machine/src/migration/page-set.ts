import { PAGES_PER_CHUNK } from '../snapshot/format.js';
import { PAGE_SIZE } from '../snapshot/ram-state.js';

const WORDS_PER_CHUNK = PAGES_PER_CHUNK / 32;

/** Pages of one MiB of RAM, ascending. */
export interface Chunk {
  chunk: number;
  pages: number[];
}

/** A set of pages of a RAM, taken out chunk by chunk. */
export class PageSet {
  /** Bit n of word n >> 5 for page n, as the dirty log has it. */
  readonly #words: Uint32Array;
  readonly #pages: number;
  /** No chunk before this has a page. */
  #from = 0;

  constructor(ramSize: number) {
    this.#pages = ramSize / PAGE_SIZE;
    this.#words = new Uint32Array(Math.ceil(this.#pages / 32));
  }

  addAll(): void {
    for (let page = 0; page < this.#pages; page += 32) {
      this.#words[page >> 5] = this.#pages - page >= 32 ? 0xffff_ffff : 2 ** (this.#pages - page) - 1;
    }
    this.#from = 0;
  }

  /** Adds the pages of a bitmap of the same layout. */
  add(bitmap: Uint32Array): void {
    for (const [index, word] of bitmap.entries()) this.#words[index] |= word;
    this.#from = 0;
  }

  addPages(pages: Iterable<number>): void {
    for (const page of pages) this.#words[page >> 5] |= 1 << (page & 31);
    this.#from = 0;
  }

  get count(): number {
    let count = 0;
    for (const word of this.#words) for (let left = word; left !== 0; left &= left - 1) count++;
    return count;
  }

  /** Takes out the pages of the first chunk that has any; undefined when the set is empty. */
  takeChunk(): Chunk | undefined {
    const words = this.#words;
    let at = this.#from;
    while (at < words.length && words[at] === 0) at++;
    if (at >= words.length) return undefined;
    const chunk = Math.floor(at / WORDS_PER_CHUNK);
    const pages: number[] = [];
    this.#from = Math.min((chunk + 1) * WORDS_PER_CHUNK, words.length);
    for (; at < this.#from; at++) {
      for (let bit = 0; bit < 32; bit++) if ((words[at] >>> bit) & 1) pages.push(at * 32 + bit);
      words[at] = 0;
    }
    return { chunk, pages };
  }
}
