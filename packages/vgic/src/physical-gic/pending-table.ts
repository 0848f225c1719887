import { LPI_MIN } from '../architecture/intid.js';
import { LPI_ENABLE, LPI_PRIORITY_MASK } from '../architecture/lpi.js';
import { clearBit, lowestBit, setBit, testBit, writeBit } from '../interrupts/bitmap.js';
import type { Ram } from '../memory/ram.js';
import { type ConfigurationTable, LPI_LIMIT } from './configuration-table.js';

const WORDS = LPI_LIMIT / 32;
const GROUPS = WORDS / 32;
const FIRST_WORD = LPI_MIN / 32;

/** Nothing that can be signalled. */
export const NO_INTID = -1;

/** A priority below all others. */
const IDLE_PRIORITY = 0x100;

/**
 * The pending bits of one redistributor's LPIs or of one vPE's vLPIs, held here while the pending table in memory belongs
 * to the hardware: memory is stale until {@link store}. Source: IHI 0069, 5.1.2 "LPI Pending tables".
 */
export class PendingTable {
  readonly #pending = new Uint32Array(WORDS);
  /** The lowest priority value of what each word of `#pending` could signal, and of each group of 32 words. */
  readonly #ofWord = new Uint16Array(WORDS).fill(IDLE_PRIORITY);
  readonly #ofGroup = new Uint16Array(GROUPS).fill(IDLE_PRIORITY);
  /** Which words of each group could signal anything, and which groups: mostly few. */
  readonly #busyWords = new Uint32Array(GROUPS);
  readonly #busyGroups = new Uint32Array(GROUPS / 32);
  #best = NO_INTID;
  /** What the five above were found with. */
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
    if (this.#stale || !this.enabled(intid)) return true;
    const priority = this.priority(intid);
    const word = intid >>> 5;
    if (priority < this.#ofWord[word]) this.#ofWord[word] = priority;
    if (priority < this.#ofGroup[word >>> 5]) this.#ofGroup[word >>> 5] = priority;
    setBit(this.#busyWords, word);
    setBit(this.#busyGroups, word >>> 5);
    const best = this.#best === NO_INTID ? IDLE_PRIORITY : this.priority(this.#best);
    if (priority < best || (priority === best && intid < this.#best)) this.#best = intid;
    return true;
  }

  clear(intid: number): void {
    if (!this.has(intid)) return;
    clearBit(this.#pending, intid);
    if (this.#stale) return;
    this.#weighWord(intid >>> 5);
    this.#weighGroup(intid >>> 10);
    if (this.#best === intid) this.#best = this.#findBest();
  }

  /** The enabled pending LPI of the lowest priority value, and of these the lowest INTID; or NO_INTID. */
  best(): number {
    if (this.#stale) this.#weighAll();
    return this.#best;
  }

  /** The configuration has changed since priorities were weighed. */
  get #stale(): boolean {
    const { configuration } = this;
    return configuration !== this.#configuration || (configuration?.generation ?? -1) !== this.#generation;
  }

  #weighAll(): void {
    this.#configuration = this.configuration;
    this.#generation = this.configuration?.generation ?? -1;
    for (let word = FIRST_WORD; word < WORDS; word++) this.#weighWord(word);
    for (let group = 0; group < this.#ofGroup.length; group++) this.#weighGroup(group);
    this.#best = this.#findBest();
  }

  #weighWord(word: number): void {
    let least = IDLE_PRIORITY;
    for (let bits = this.#pending[word]; bits !== 0; bits &= bits - 1) {
      const intid = word * 32 + lowestBit(bits);
      if (this.enabled(intid)) least = Math.min(least, this.priority(intid));
    }
    this.#ofWord[word] = least;
    writeBit(this.#busyWords, word, least !== IDLE_PRIORITY);
  }

  #weighGroup(group: number): void {
    let least = IDLE_PRIORITY;
    for (let words = this.#busyWords[group]; words !== 0; words &= words - 1) {
      least = Math.min(least, this.#ofWord[group * 32 + lowestBit(words)]);
    }
    this.#ofGroup[group] = least;
    writeBit(this.#busyGroups, group, least !== IDLE_PRIORITY);
  }

  #findBest(): number {
    let group = 0;
    let priority = IDLE_PRIORITY;
    for (let n = 0; n < GROUPS; n += 32) {
      for (let groups = this.#busyGroups[n >>> 5]; groups !== 0; groups &= groups - 1) {
        const each = n + lowestBit(groups);
        if (this.#ofGroup[each] >= priority) continue;
        group = each;
        priority = this.#ofGroup[each];
      }
    }
    if (priority === IDLE_PRIORITY) return NO_INTID;
    let words = this.#busyWords[group];
    while (this.#ofWord[group * 32 + lowestBit(words)] !== priority) words &= words - 1;
    const word = group * 32 + lowestBit(words);
    let bits = this.#pending[word];
    for (; bits !== 0; bits &= bits - 1) {
      const intid = word * 32 + lowestBit(bits);
      if (this.enabled(intid) && this.priority(intid) === priority) return intid;
    }
    return NO_INTID;
  }

  /** Visits what is pending, enabled or not, by ascending INTID. */
  each(visit: (intid: number) => void): void {
    for (let word = FIRST_WORD; word < WORDS; word++) {
      for (let bits = this.#pending[word]; bits !== 0; bits &= bits - 1) visit(word * 32 + lowestBit(bits));
    }
  }

  clearAll(): void {
    this.#pending.fill(0);
    this.#ofWord.fill(IDLE_PRIORITY);
    this.#ofGroup.fill(IDLE_PRIORITY);
    this.#busyWords.fill(0);
    this.#busyGroups.fill(0);
    this.#best = NO_INTID;
  }

  /** Takes the table in memory over, as far as it is RAM. */
  load(memory: Ram, address: number): void {
    this.#pending.fill(0);
    for (let word = FIRST_WORD; word < this.limit / 32; word++) {
      this.#pending[word] = memory.has(address + 4 * word, 4) ? memory.load32(address + 4 * word) : 0;
    }
    this.#weighAll();
  }

  /** Writes the table back to memory, as far as it is RAM; what is equal already is not written. */
  store(memory: Ram, address: number): void {
    for (let word = FIRST_WORD; word < this.limit / 32; word += 2) {
      const at = address + 4 * word;
      if (!memory.has(at, 8)) continue;
      const low = this.#pending[word];
      const high = this.#pending[word + 1];
      if (memory.load32(at) !== low || memory.load32(at + 4) !== high) memory.store64(at, low, high);
    }
  }
}
