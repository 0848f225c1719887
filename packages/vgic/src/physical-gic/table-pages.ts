import type { Ram } from '../memory/ram.js';

/** Tables of the GIC begin at multiples of this (IHI 0069: GITS_BASER<n>, VMAPP, GICR_PENDBASER). */
export const TABLE_PAGE = 0x10000;

/** The host's RAM, handed out in pages of 64 KiB and taken back one by one. */
export class TablePages {
  #next: number;
  readonly #free: number[] = [];

  constructor(readonly memory: Ram) {
    this.#next = Math.ceil(memory.base / TABLE_PAGE) * TABLE_PAGE;
  }

  /** Address of that many pages of zeros behind each other, or -1: there is no room. */
  take(pages = 1): number {
    const { memory } = this;
    const reused = pages === 1 ? this.#free.pop() : undefined;
    if (reused !== undefined) {
      memory.bytes.fill(0, reused - memory.base, reused - memory.base + TABLE_PAGE);
      return reused;
    }
    const address = this.#next;
    if (!memory.has(address, pages * TABLE_PAGE)) return -1;
    this.#next += pages * TABLE_PAGE;
    return address;
  }

  /** Takes a single page back. */
  release(address: number): void {
    this.#free.push(address);
  }
}
