import { LPI_MIN } from '../architecture/intid.js';
import { LPI_ENABLE, LPI_PRIORITY_MASK } from '../architecture/its.js';
import { clearBit, lowestBit, setBit, testBit } from '../interrupts/bitmap.js';
import type { GuestMemory } from '../its/guest-memory.js';
import { type ConfigurationTable, LPI_LIMIT } from './configuration-table.js';

const WORDS = LPI_LIMIT / 32;
const FIRST_WORD = LPI_MIN / 32;

/** Nothing that can be signalled. */
export const NO_INTID = -1;
const UNKNOWN = -2;

/** A priority below all others. */
const IDLE_PRIORITY = 0x100;

/**
 * The pending bits of one redistributor's LPIs or of one vPE's vLPIs, held here while the pending table in memory belongs
 * to the hardware: memory is stale until {@link store}. Source: IHI 0069, 5.1.2 "LPI Pending tables".
 */
export class PendingTable {
  readonly #pending = new Uint32Array(WORDS);
  /** A bit for each word of `#pending` that is not 0. */
  readonly #words = new Uint32Array(WORDS / 32);
  #best = NO_INTID;
  /** What `#best` was found with. */
  #configuration: ConfigurationTable | undefined;
  #generation = -1;
  configuration: ConfigurationTable | undefined;
  /** One more than the largest INTID that the table has room for. */
  limit = LPI_LIMIT;

  constructor(
    /** Priority bits that are implemented, as a mask of a byte. */
    readonly priorityMask: number,
  ) {}

  has(intid: number): boolean {
    return intid >= LPI_MIN && intid < this.limit && testBit(this.#pending, intid);
  }

  /** Whether the table has room for an INTID. */
  holds(intid: number): boolean {
    return intid >= LPI_MIN && intid < this.limit;
  }

  enabled(intid: number): boolean {
    return this.configuration !== undefined && (this.configuration.get(intid) & LPI_ENABLE) !== 0;
  }

  priority(intid: number): number {
    const byte = this.configuration === undefined ? 0 : this.configuration.get(intid);
    return byte & LPI_PRIORITY_MASK & this.priorityMask;
  }

  /** False where the table has no room for the INTID. */
  set(intid: number): boolean {
    if (!this.holds(intid)) return false;
    setBit(this.#pending, intid);
    setBit(this.#words, intid >>> 5);
    if (this.#best !== UNKNOWN && this.enabled(intid)) {
      const priority = this.priority(intid);
      const best = this.#best === NO_INTID ? IDLE_PRIORITY : this.priority(this.#best);
      if (priority < best || (priority === best && intid < this.#best)) this.#best = intid;
    }
    return true;
  }

  clear(intid: number): void {
    if (!this.has(intid)) return;
    clearBit(this.#pending, intid);
    if (this.#pending[intid >>> 5] === 0) clearBit(this.#words, intid >>> 5);
    if (this.#best === intid) this.#best = UNKNOWN;
  }

  /** The enabled pending LPI of the lowest priority value, and of these the lowest INTID; or NO_INTID. */
  best(): number {
    const { configuration } = this;
    if (configuration === undefined) return NO_INTID;
    if (configuration !== this.#configuration || configuration.generation !== this.#generation) {
      this.#configuration = configuration;
      this.#generation = configuration.generation;
      this.#best = UNKNOWN;
    }
    if (this.#best === UNKNOWN) this.#best = this.#findBest();
    return this.#best;
  }

  #findBest(): number {
    let best = NO_INTID;
    let bestPriority = IDLE_PRIORITY;
    for (let group = 0; group < this.#words.length; group++) {
      for (let words = this.#words[group]; words !== 0; words &= words - 1) {
        const word = group * 32 + lowestBit(words);
        for (let bits = this.#pending[word]; bits !== 0; bits &= bits - 1) {
          const intid = word * 32 + lowestBit(bits);
          if (!this.enabled(intid)) continue;
          const priority = this.priority(intid);
          if (priority >= bestPriority) continue;
          best = intid;
          bestPriority = priority;
        }
      }
    }
    return best;
  }

  /** Visits what is pending, enabled or not, by ascending INTID. */
  each(visit: (intid: number) => void): void {
    for (let word = FIRST_WORD; word < WORDS; word++) {
      for (let bits = this.#pending[word]; bits !== 0; bits &= bits - 1) visit(word * 32 + lowestBit(bits));
    }
  }

  clearAll(): void {
    this.#pending.fill(0);
    this.#words.fill(0);
    this.#best = NO_INTID;
  }

  /** Takes the table in memory over, as far as it is RAM. */
  load(memory: GuestMemory, address: number): void {
    this.clearAll();
    this.#best = UNKNOWN;
    for (let word = FIRST_WORD; word < this.limit / 32; word++) {
      const bits = memory.has(address + 4 * word, 4) ? memory.load32(address + 4 * word) : 0;
      this.#pending[word] = bits;
      if (bits !== 0) setBit(this.#words, word);
    }
  }

  /** Writes the table back to memory, as far as it is RAM; what is equal already is not written. */
  store(memory: GuestMemory, address: number): void {
    for (let word = FIRST_WORD; word < this.limit / 32; word += 2) {
      const at = address + 4 * word;
      if (!memory.has(at, 8)) continue;
      const low = this.#pending[word];
      const high = this.#pending[word + 1];
      if (memory.load32(at) !== low || memory.load32(at + 4) !== high) memory.store64(at, low, high);
    }
  }
}
