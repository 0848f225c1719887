import { GicError } from './errors.js';

/** The arrays that state is in. */
export type StateArray = Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

/**
 * Goes over state: to copy it, to put a copy back, to hash it. A number goes through the visitor and is what it is
 * afterwards, an array is visited in place: `this.hcr = state.number(this.hcr); state.array(this.lrLow);`
 */
export interface StateVisitor {
  /**
   * Only what a guest or userspace can see counts, in an order that does not depend on how it came to be: for a hash and a
   * comparison. Else everything that what comes next depends on, caches included.
   */
  readonly visible: boolean;
  /** A value that must be the same on both sides, such as the number of vCPUs: state of another shape can't be put back. */
  shape(name: string, value: number): void;
  /** A number and what it is from now on. */
  number(value: number): number;
  flag(value: boolean): boolean;
  /** Elements `from` to `to - 1`; default all. */
  array(array: StateArray, from?: number, to?: number): void;
}

/**
 * An owner of state. It names each of its fields once, here, in the same order whenever the visitor is of the same kind; and
 * visits the owners that it has.
 */
export interface StatePart {
  visitState(state: StateVisitor): void;
}

const FIRST_ROOM = 256;
/** An array that is not longer is kept among the numbers, which is faster. */
const SHORT = 16;

/**
 * A copy of the state of something, in memory. It can be put back into where it is from any number of times, and into another
 * one of the same shape, which is a copy then. A checkpoint that is taken again uses its memory again.
 */
export class Checkpoint {
  /** How many numbers and arrays were visited. */
  #numbers = 0;
  #arrays = 0;
  #values = new Float64Array(FIRST_ROOM);
  readonly #copies: StateArray[] = [];
  readonly #writer = new Writer(this, false);
  readonly #reader = new Reader(this);

  /** Copies the state of a part. */
  take(part: StatePart): this {
    return this.#write(part, this.#writer);
  }

  /** Copies what can be seen of it, which can't be put back, but compared. */
  takeVisible(part: StatePart): this {
    return this.#write(part, new Writer(this, true));
  }

  #write(part: StatePart, writer: Writer): this {
    this.#numbers = 0;
    this.#arrays = 0;
    part.visitState(writer);
    return this;
  }

  /**
   * Puts the state back.
   * @throws GicError EINVAL, and nothing has changed, if the checkpoint is of something of another shape.
   */
  restore(part: StatePart): void {
    this.#reader.start();
    part.visitState(this.#reader);
  }

  /** Whether another checkpoint is of the same state. */
  equals(other: Checkpoint): boolean {
    if (this.#numbers !== other.#numbers || this.#arrays !== other.#arrays) return false;
    for (let n = 0; n < this.#numbers; n++) if (this.#values[n] !== other.#values[n]) return false;
    for (let n = 0; n < this.#arrays; n++) {
      const copy = this.#copies[n];
      const its = other.#copies[n];
      if (copy.length !== its.length) return false;
      for (let i = 0; i < copy.length; i++) if (copy[i] !== its[i]) return false;
    }
    return true;
  }

  /** @internal */
  put(value: number): void {
    if (this.#numbers === this.#values.length) {
      const more = new Float64Array(2 * this.#numbers);
      more.set(this.#values);
      this.#values = more;
    }
    this.#values[this.#numbers++] = value;
  }

  /** @internal */
  putArray(array: StateArray, from: number, to: number): void {
    const n = this.#arrays++;
    const copy = this.#copies[n];
    if (copy !== undefined && copy.length === to - from && copy.constructor === array.constructor) {
      copy.set(from === 0 && to === array.length ? array : array.subarray(from, to));
    } else {
      this.#copies[n] = array.slice(from, to);
    }
  }

  /** @internal */
  value(n: number): number {
    return this.#values[n];
  }

  /** @internal */
  copy(n: number): StateArray {
    return this.#copies[n];
  }
}

class Writer implements StateVisitor {
  constructor(
    readonly checkpoint: Checkpoint,
    readonly visible: boolean,
  ) {}

  shape(_name: string, value: number): void {
    this.checkpoint.put(value);
  }

  number(value: number): number {
    this.checkpoint.put(value);
    return value;
  }

  flag(value: boolean): boolean {
    this.checkpoint.put(value ? 1 : 0);
    return value;
  }

  array(array: StateArray, from = 0, to = array.length): void {
    if (to - from > SHORT) this.checkpoint.putArray(array, from, to);
    else for (let i = from; i < to; i++) this.checkpoint.put(array[i]);
  }
}

class Reader implements StateVisitor {
  readonly visible = false;
  #number = 0;
  #array = 0;

  constructor(readonly checkpoint: Checkpoint) {}

  start(): void {
    this.#number = 0;
    this.#array = 0;
  }

  shape(name: string, value: number): void {
    const saved = this.checkpoint.value(this.#number++);
    if (saved !== value) {
      throw new GicError('EINVAL', `checkpoint: it is of a GIC whose ${name} is ${saved}; this one's is ${value}.`);
    }
  }

  number(_value: number): number {
    const value = this.checkpoint.value(this.#number++);
    // what is an integer must be one for V8 too, else its field would be a double from now on
    const integer = value | 0;
    return integer === value ? integer : value;
  }

  flag(_value: boolean): boolean {
    return this.checkpoint.value(this.#number++) !== 0;
  }

  array(array: StateArray, from = 0, to = array.length): void {
    if (to - from > SHORT) array.set(this.checkpoint.copy(this.#array++), from);
    else for (let i = from; i < to; i++) array[i] = this.checkpoint.value(this.#number++);
  }
}

/** Mixes what it visits into 64 bits, of which it gives 53. After MurmurHash3, in two lanes. */
class Hasher implements StateVisitor {
  readonly visible = true;
  #low = 0;
  #high = 0;

  start(): void {
    this.#low = 0x9e3779b9 | 0;
    this.#high = 0x7f4a7c15;
  }

  #mix(word: number): void {
    let k = Math.imul(word, 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    const low = this.#low ^ k;
    this.#low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0;
    const high = this.#high ^ Math.imul(k ^ word, 0x85ebca6b);
    this.#high = (Math.imul((high << 17) | (high >>> 15), 9) + this.#low) | 0;
  }

  shape(_name: string, value: number): void {
    this.#mix(value);
  }

  number(value: number): number {
    this.#mix(value);
    // addresses have more than 32 bits
    this.#mix(Math.floor(value / 2 ** 32));
    return value;
  }

  flag(value: boolean): boolean {
    this.#mix(value ? 1 : 0);
    return value;
  }

  array(array: StateArray, from = 0, to = array.length): void {
    const bytes = array.BYTES_PER_ELEMENT;
    const begin = array.byteOffset + from * bytes;
    const length = (to - from) * bytes;
    if (to - from > SHORT && ((begin | length) & 3) === 0) {
      // V8 is slow where it meets arrays of several kinds
      this.#mixWords(new Uint32Array(array.buffer, begin, length >>> 2));
    } else {
      for (let i = from; i < to; i++) this.#mix(array[i]);
    }
  }

  #mixWords(words: Uint32Array): void {
    for (let i = 0; i < words.length; i++) this.#mix(words[i]);
  }

  get value(): number {
    const low = finished(this.#low ^ Math.imul(this.#high, 0xc2b2ae35));
    return (finished(this.#high ^ low) >>> 11) * 2 ** 32 + (low >>> 0);
  }
}

/** MurmurHash3's last step: each bit counts for all. */
function finished(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const hasher = new Hasher();

/**
 * A hash of what can be seen of the state of a part: an integer of 53 bits, the same for equal states. Nothing here is
 * secret: somebody who wants two states with one hash can make them.
 */
export function stateHash(part: StatePart): number {
  hasher.start();
  part.visitState(hasher);
  return hasher.value;
}
