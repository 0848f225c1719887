import { checkBase, refuse } from '../arguments.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';

const PAGE_SHIFT = 12;
const PAGE = 1 << PAGE_SHIFT;
/** Bytes of a page, by which what is written is told. */
export const PAGE_SIZE = PAGE;
/** An address may have more than 32 bits; these are the lowest, of which `&` is exact and much faster than `%`. */
const PAGE_OFFSET = PAGE - 1;

/**
 * Guest RAM as the GIC sees it: one block at a guest-physical address. What is outside reads as `undefined` or refuses a
 * store, and is for the caller to turn into KVM's EFAULT or into a skipped command.
 */
export class Ram implements StatePart {
  readonly #view: DataView;
  /** All of RAM by 32 bits, if the bytes are aligned so. */
  readonly #words: Uint32Array | undefined;
  readonly size: number;
  #lastDirty = -1;

  /** Told of each 4 KiB page (its address) that the GIC writes: live migration must send it again. */
  onDirty: ((page: number) => void) | undefined;

  /** @throws GicError EINVAL for a base that is no such address, or bytes that are no Uint8Array. */
  constructor(
    /** Physical address of the first byte, a multiple of 4 KiB. */
    readonly base: number,
    readonly bytes: Uint8Array,
  ) {
    if (!(bytes instanceof Uint8Array)) refuse('bytes', 'a Uint8Array', bytes);
    checkBase('base', base, PAGE, bytes.length);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.size = bytes.byteLength;
    if (bytes.byteOffset % 4 === 0) this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, this.size >>> 2);
  }

  /** All bytes, none of which is reported to {@link onDirty}: for a RAM that is small enough to be copied whole. */
  visitState(state: StateVisitor): void {
    state.shape('RAM', this.size);
    state.array(this.bytes);
  }

  has(address: number, length: number): boolean {
    const offset = address - this.base;
    return offset >= 0 && offset + length <= this.size;
  }

  /** Whether the whole 4 KiB page of an address is RAM. */
  hasPage(address: number): boolean {
    return this.has(address - (address & PAGE_OFFSET), PAGE);
  }

  /** A byte, or -1 outside RAM. */
  load8(address: number): number {
    const offset = address - this.base;
    return offset >= 0 && offset < this.size ? this.bytes[offset] : -1;
  }

  /** 32 bits of RAM; the caller has asked {@link has}. */
  load32(address: number): number {
    return this.#view.getUint32(address - this.base, true);
  }

  /**
   * How many entries of 8 bytes are empty from one on that is, at a multiple of 8, up to `most` and within RAM. Hostile
   * tables have billions of them.
   */
  countEmpty(address: number, most: number): number {
    const words = this.#words;
    if (words === undefined) return 1;
    const first = (address - this.base) / 4;
    const end = Math.min(first + 2 * most, words.length);
    let at = first;
    while (at < end && (words[at] | words[at + 1]) === 0) at += 2;
    return (at - first) / 2;
  }

  store8(address: number, value: number): boolean {
    if (!this.has(address, 1)) return false;
    this.bytes[address - this.base] = value;
    this.#markDirty(address);
    return true;
  }

  /** 64 bits in two halves, at an address that is a multiple of 8. */
  store64(address: number, low: number, high: number): boolean {
    if (!this.has(address, 8)) return false;
    const offset = address - this.base;
    this.#view.setUint32(offset, low, true);
    this.#view.setUint32(offset + 4, high, true);
    this.#markDirty(address);
    return true;
  }

  #markDirty(address: number): void {
    if (this.onDirty === undefined) return;
    const page = address - (address & PAGE_OFFSET);
    if (page === this.#lastDirty) return;
    this.#lastDirty = page;
    this.onDirty(page);
  }

  /** The dirty tracker has been read: pages reported before are to be reported again. */
  forgetDirty(): void {
    this.#lastDirty = -1;
  }
}
