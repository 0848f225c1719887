import { BASER_INDIRECT, BASER_VALID, DEVICE_ID_BITS, PAGE_64K } from '../architecture/its.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';
import type { Ram } from '../memory/ram.js';

/** Collection IDs have 16 bits; so have DeviceIDs, which the architecture lets be more. */
const ID_LIMIT = 2 ** DEVICE_ID_BITS;
const LEVEL_1_ENTRY = 8;
const LEVEL_1_ADDRESS_LOW = 0xffff0000;
const LEVEL_1_ADDRESS_HIGH = 0x000fffff;

/**
 * A table in guest memory that GITS_BASER<n> describes: flat, or of two levels where the first one's entries point to
 * pages of 64 KiB. Source: IHI 0069, 5.2.2 "The ITS tables".
 */
export class ItsTable implements StatePart {
  /** GITS_BASER<n> in halves. */
  low = 0;
  high = 0;

  constructor(
    readonly memory: Ram,
    /** GITS_BASER<n>.Type. */
    readonly type: number,
    /** Bytes of an entry, by the ABI in force. */
    public entrySize: number,
  ) {}

  visitState(state: StateVisitor): void {
    this.low = state.number(this.low);
    this.high = state.number(this.high);
    this.entrySize = state.number(this.entrySize);
  }

  get valid(): boolean {
    return (this.high & BASER_VALID) !== 0;
  }

  get indirect(): boolean {
    return (this.high & BASER_INDIRECT) !== 0;
  }

  /** Bytes of the flat table or of the first level. */
  get length(): number {
    return ((this.low & 0xff) + 1) * PAGE_64K;
  }

  /** With 64 KiB pages bits 15:12 are bits 51:48 of the address. */
  get address(): number {
    const middle = (this.high & 0xffff) * 2 ** 32 + ((this.low & 0xffff0000) >>> 0);
    return ((this.low >>> 12) & 0xf) * 2 ** 48 + middle;
  }

  /**
   * Where the entry of an ID lies, or -1: the table has no room for it, or its place is not RAM. `memory` is where the first
   * level is read, for a save or a restore that has the tables apart.
   */
  entryAddress(id: number, memory = this.memory): number {
    if (id >= ID_LIMIT) return -1;
    const { entrySize } = this;
    if (!this.indirect) {
      const address = this.address + id * entrySize;
      return id < this.length / entrySize && memory.hasPage(address) ? address : -1;
    }
    const perPage = PAGE_64K / entrySize;
    const index = Math.floor(id / perPage);
    if (index >= this.length / LEVEL_1_ENTRY) return -1;
    const page = this.levelTwo(this.address + index * LEVEL_1_ENTRY, memory);
    if (page < 0) return -1;
    const address = page + (id % perPage) * entrySize;
    return memory.hasPage(address) ? address : -1;
  }

  /** The page that a first-level entry points to, or -1 if it is not valid or not RAM. */
  levelTwo(entry: number, memory = this.memory): number {
    if (!memory.has(entry, LEVEL_1_ENTRY)) return -1;
    const high = memory.load32(entry + 4);
    if (!(high & BASER_VALID)) return -1;
    const low = memory.load32(entry);
    return (high & LEVEL_1_ADDRESS_HIGH) * 2 ** 32 + ((low & LEVEL_1_ADDRESS_LOW) >>> 0);
  }
}
