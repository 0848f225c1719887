import { PAGE_SIZE, Ram } from './ram.js';

const WORD = 4;
const ENTRY = 8;

/** Pages of 4 KiB of a RAM, apart from it. */
export interface RamPages {
  /** Their numbers, ascending: page n is at offset n * 4096 of the RAM. */
  readonly pages: Uint32Array;
  /** Their contents, one after the other. */
  readonly contents: Uint8Array;
}

/** No page at all. */
export const NO_PAGES: RamPages = { pages: new Uint32Array(0), contents: new Uint8Array(0) };

/**
 * Whether something from outside are pages of a RAM of `size` bytes. Nothing of them is converted: it may be anything that a
 * caller can make.
 */
export function areRamPages(value: unknown, size: number): value is RamPages {
  const { pages, contents } = (value ?? {}) as Partial<RamPages>;
  if (!(pages instanceof Uint32Array) || !(contents instanceof Uint8Array)) return false;
  if (contents.length !== pages.length * PAGE_SIZE) return false;
  let before = -1;
  for (const page of pages) {
    if (page <= before || page * PAGE_SIZE >= size) return false;
    before = page;
  }
  return true;
}

/**
 * A RAM as it is under pages that lie over it. What is stored goes to such pages, of which each is a copy of what is beneath
 * until then; loads see them. The RAM itself never changes, and its dirty tracker hears of nothing.
 */
export class PageOverlay extends Ram {
  readonly #pages = new Map<number, DataView>();

  /**
   * @param under the RAM. Its `bytes` are this one's too, without what is over them.
   * @param over pages of it that lie over it from the beginning. They are not changed: a store copies what it meets.
   */
  constructor(
    under: Ram,
    readonly over: RamPages = NO_PAGES,
  ) {
    super(under.base, under.bytes);
    const { pages, contents } = over;
    for (const [n, page] of pages.entries()) {
      this.#pages.set(page, new DataView(contents.buffer, contents.byteOffset + n * PAGE_SIZE, PAGE_SIZE));
    }
  }

  override load8(address: number): number {
    const page = this.#pages.get(this.#pageOf(address));
    return page === undefined || !this.has(address, 1) ? super.load8(address) : page.getUint8(this.#offsetOf(address));
  }

  /** At a multiple of 4. */
  override load32(address: number): number {
    const page = this.#pages.get(this.#pageOf(address));
    return page === undefined ? super.load32(address) : page.getUint32(this.#offsetOf(address), true);
  }

  override countEmpty(address: number, most: number): number {
    let count = 0;
    while (count < most) {
      const at = address + count * ENTRY;
      const inPage = Math.min(most - count, (PAGE_SIZE - this.#offsetOf(at)) / ENTRY);
      const page = this.#pages.get(this.#pageOf(at));
      const empty = page === undefined ? super.countEmpty(at, inPage) : emptyEntries(page, this.#offsetOf(at), inPage);
      count += empty;
      if (empty < inPage) break;
    }
    return count;
  }

  override store8(address: number, value: number): boolean {
    if (!this.has(address, 1)) return false;
    this.#writable(address).setUint8(this.#offsetOf(address), value);
    return true;
  }

  override store64(address: number, low: number, high: number): boolean {
    if (!this.has(address, ENTRY)) return false;
    const page = this.#writable(address);
    const offset = this.#offsetOf(address);
    page.setUint32(offset, low, true);
    page.setUint32(offset + WORD, high, true);
    return true;
  }

  /** The pages over the RAM, copied. */
  pages(): RamPages {
    const pages = Uint32Array.from(this.#pages.keys()).sort();
    const contents = new Uint8Array(pages.length * PAGE_SIZE);
    for (const [n, page] of pages.entries()) contents.set(bytesOf(this.#pages.get(page) as DataView), n * PAGE_SIZE);
    return { pages, contents };
  }

  #pageOf(address: number): number {
    return Math.floor((address - this.base) / PAGE_SIZE);
  }

  #offsetOf(address: number): number {
    return (address - this.base) % PAGE_SIZE;
  }

  #writable(address: number): DataView {
    const number = this.#pageOf(address);
    const present = this.#pages.get(number);
    if (present !== undefined && present.buffer !== this.over.contents.buffer) return present;
    const copy = new Uint8Array(PAGE_SIZE);
    const from = number * PAGE_SIZE;
    // the last page of a RAM may be a part of one
    copy.set(present === undefined ? this.bytes.subarray(from, from + PAGE_SIZE) : bytesOf(present));
    const page = new DataView(copy.buffer);
    this.#pages.set(number, page);
    return page;
  }
}

function bytesOf(page: DataView): Uint8Array {
  return new Uint8Array(page.buffer, page.byteOffset, page.byteLength);
}

function emptyEntries(page: DataView, offset: number, most: number): number {
  let count = 0;
  while (count < most) {
    const at = offset + count * ENTRY;
    if ((page.getUint32(at, true) | page.getUint32(at + WORD, true)) !== 0) break;
    count++;
  }
  return count;
}
