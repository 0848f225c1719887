import { isWholeList } from '../state-checks.js';
import type { ConfigSpace } from './config-space.js';

/** The MSI-X capability and its structures: PCI Local Bus Specification 3.0, 6.8.2. */

const CAPABILITY_ID = 0x11;
const CAPABILITY_LENGTH = 12;
/** Message Control, 6.8.2.3. */
const CONTROL = { enable: 1 << 15, functionMask: 1 << 14 } as const;
/** A table entry is four words: message address, its upper half, message data, vector control. */
const ENTRY_WORDS = 4;
const WORD = { addressLow: 0, addressHigh: 1, data: 2, control: 3 } as const;
/** Vector Control: the vector is masked, as all are at reset. */
const MASKED = 1;
/** Bits that a word of an entry has; an address is of a doubleword. */
const WORD_BITS = [0xffff_fffc, 0xffff_ffff, 0xffff_ffff, MASKED] as const;

export interface MsiXPlace {
  /** The BAR with table and PBA, and where they are in it. */
  bar: number;
  table: number;
  pendingBits: number;
}

/** All that it remembers beyond the configuration space; plain JSON. */
export interface MsiXState {
  table: number[];
  /** Numbers of the vectors with their pending bit set, ascending. */
  pending: number[];
}

/** The vectors of one function. A message that may not be sent yet is pending, and sent when it may. */
export class MsiX {
  readonly vectors: number;
  readonly #config: ConfigSpace;
  readonly #place: MsiXPlace;
  readonly #controlOffset: number;
  readonly #mayAccessMemory: () => boolean;
  readonly #send: (address: number, data: number) => void;
  readonly #table: Uint32Array;
  readonly #pending: Uint32Array;

  /** `mayAccessMemory`: the function is bus master. `send`: writes a word to a physical address. */
  constructor(
    config: ConfigSpace,
    vectors: number,
    place: MsiXPlace,
    mayAccessMemory: () => boolean,
    send: (address: number, data: number) => void,
  ) {
    this.vectors = vectors;
    this.#config = config;
    this.#place = place;
    this.#mayAccessMemory = mayAccessMemory;
    this.#send = send;
    this.#table = new Uint32Array(vectors * ENTRY_WORDS);
    this.#pending = new Uint32Array((vectors + 31) >> 5);
    for (let vector = 0; vector < vectors; vector++) this.#table[vector * ENTRY_WORDS + WORD.control] = MASKED;
    const offset = config.addCapability(CAPABILITY_ID, CAPABILITY_LENGTH);
    this.#controlOffset = offset + 2;
    config.define(offset + 2, 2, vectors - 1, CONTROL.enable | CONTROL.functionMask);
    config.define(offset + 4, 4, place.table | place.bar);
    config.define(offset + 8, 4, place.pendingBits | place.bar);
  }

  get enabled(): boolean {
    return (this.#control & CONTROL.enable) !== 0;
  }

  get #control(): number {
    return this.#config.get(this.#controlOffset, 2);
  }

  /** The device wants this vector's message sent. */
  notify(vector: number): void {
    if (!this.enabled || vector >= this.vectors) return;
    this.#pending[vector >> 5] |= 1 << (vector & 31);
    this.sendPending();
  }

  /** Sends what is pending and may be sent: after each change of enables and masks. Disabled, nothing is pending. */
  sendPending(): void {
    const control = this.#control;
    if (!(control & CONTROL.enable)) this.#pending.fill(0);
    if (!(control & CONTROL.enable) || control & CONTROL.functionMask || !this.#mayAccessMemory()) return;
    for (let vector = 0; vector < this.vectors; vector++) {
      const entry = vector * ENTRY_WORDS;
      if (!this.#isPending(vector) || this.#table[entry + WORD.control] & MASKED) continue;
      this.#pending[vector >> 5] &= ~(1 << (vector & 31));
      const address = this.#table[entry + WORD.addressHigh] * 2 ** 32 + this.#table[entry + WORD.addressLow];
      this.#send(address, this.#table[entry + WORD.data]);
    }
  }

  /** The device was reset: what it wanted to say is void. */
  forgetPending(): void {
    this.#pending.fill(0);
  }

  /** A word of the BAR; 0 beside table and PBA. */
  readWord(offset: number): number {
    const { table, pendingBits } = this.#place;
    if (offset >= pendingBits) return this.#pending[(offset - pendingBits) >> 2] ?? 0;
    return this.#table[(offset - table) >> 2] ?? 0;
  }

  writeWord(offset: number, value: number): void {
    const word = (offset - this.#place.table) >> 2;
    if (word < 0 || word >= this.#table.length) return;
    this.#table[word] = value & WORD_BITS[word % ENTRY_WORDS];
    this.sendPending();
  }

  save(): MsiXState {
    const all = Array.from({ length: this.vectors }, (_, vector) => vector);
    return { table: [...this.#table], pending: all.filter((vector) => this.#isPending(vector)) };
  }

  /** Takes a state that `check` accepts. Nothing is sent: whoever was to get it has it, or it is pending. */
  restore({ table, pending }: MsiXState): void {
    this.#table.set(table);
    this.#pending.fill(0);
    for (const vector of pending) this.#pending[vector >> 5] |= 1 << (vector & 31);
  }

  check(state: unknown): boolean {
    const { table, pending } = (state ?? {}) as Partial<MsiXState>;
    return (
      isWholeList(table, this.#table.length, 0xffff_ffff) &&
      table.every((word, at) => (word & WORD_BITS[at % ENTRY_WORDS]) >>> 0 === word) &&
      Array.isArray(pending) &&
      isWholeList(pending, pending.length, this.vectors - 1) &&
      pending.every((vector, at) => at === 0 || vector > pending[at - 1])
    );
  }

  #isPending(vector: number): boolean {
    return (this.#pending[vector >> 5] & (1 << (vector & 31))) !== 0;
  }
}
