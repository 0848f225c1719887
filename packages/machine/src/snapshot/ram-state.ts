import { NO_PAGES, type RamPages } from 'vgic';

/** Guest RAM as a snapshot holds it: only the pages that are not all zeros. */
export interface RamState extends RamPages {
  /** Bytes of RAM. */
  readonly size: number;
}

export const PAGE_SIZE = 4096;

/** The non-zero pages of a RAM, copied. */
export function collectRam(ram: Uint8Array): RamState {
  const words = new Int32Array(ram.buffer, ram.byteOffset, ram.length / 4);
  const pages: number[] = [];
  const wordsPerPage = PAGE_SIZE / 4;
  for (let page = 0, at = 0; at < words.length; page++, at += wordsPerPage) {
    for (let word = at, end = at + wordsPerPage; word < end; word++) {
      if (words[word] !== 0) {
        pages.push(page);
        break;
      }
    }
  }
  const contents = new Uint8Array(pages.length * PAGE_SIZE);
  pages.forEach((page, index) => {
    contents.set(ram.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), index * PAGE_SIZE);
  });
  return { size: ram.length, pages: Uint32Array.from(pages), contents };
}

/** No page of a RAM: all zeros, or held by somebody else. */
export function noPages(size: number): RamState {
  return { size, ...NO_PAGES };
}

/** Puts the pages into a RAM of that size. */
export function fillRam(ram: Uint8Array, state: RamState): void {
  state.pages.forEach((page, index) => {
    ram.set(state.contents.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE), page * PAGE_SIZE);
  });
}

/** Says what is impossible in a saved RAM, or undefined when it fills a RAM of that size. */
export function checkRamState(state: RamState, size: number): string | undefined {
  return state.size === size ? checkPages(state, size) : 'the RAM is of another size than the machine';
}

/** Says what is impossible in pages of a RAM of that size, or undefined. */
export function checkPages({ pages, contents }: RamPages, size: number): string | undefined {
  if (contents.length !== pages.length * PAGE_SIZE) return 'the RAM has not the bytes of its pages';
  let before = -1;
  for (const page of pages) {
    if (page <= before || page >= size / PAGE_SIZE) return 'the RAM has pages out of their order or place';
    before = page;
  }
  return undefined;
}
