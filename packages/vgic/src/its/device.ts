import type { StatePart, StateVisitor } from '../checkpoint.js';
import { EventPages, NO_COLLECTION } from './event-pages.js';

export { NO_COLLECTION } from './event-pages.js';

// as in EventPages; V8 folds a module's own constants, not imported ones, and an MSI's way leads through here
const PAGE_SHIFT = 5;
const PAGE_EVENTS = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_EVENTS - 1;

/**
 * A device that MAPD has mapped, with its interrupt translation entries (ITEs). Pages of entries come to be with their
 * first event, so that a device costs what it uses.
 */
export class Device implements StatePart {
  /** The page of each 32 consecutive EventIDs, or -1. */
  readonly #numbers: number[] = [];
  readonly #pages: EventPages;
  events = 0;
  /** A second device with the same DeviceID, which only a restore of odd tables can make: it shows when this one goes. */
  shadowed: Device | undefined;

  constructor(
    readonly id: number,
    /** Guest-physical address of the interrupt translation table. */
    readonly ittAddress: number,
    /** Bits of its EventIDs. */
    readonly eventBits: number,
    /** Where its translations are, with those of the ITS's other devices. */
    pages: EventPages = new EventPages(Infinity),
  ) {
    this.#pages = pages;
  }

  /** Its translations; what it is, its ITS knows. */
  visitState(state: StateVisitor): void {
    this.events = state.number(this.events);
    if (state.visible) {
      this.each((event, intid, collection) => {
        state.number(event);
        state.number(intid);
        state.number(collection);
        return true;
      });
      return;
    }
    const numbers = this.#numbers;
    numbers.length = state.number(numbers.length);
    for (let n = 0; n < numbers.length; n++) numbers[n] = state.number(numbers[n]);
  }

  /** Where an event is in the pages, or -1 if its page is none. */
  #at(event: number): number {
    const number = event >>> PAGE_SHIFT;
    const page = number < this.#numbers.length ? this.#numbers[number] : -1;
    return page < 0 ? -1 : (page << PAGE_SHIFT) + (event & PAGE_MASK);
  }

  /** INTID of an event, or 0. */
  intid(event: number): number {
    const at = this.#at(event);
    return at < 0 ? 0 : this.#pages.intid[at];
  }

  /** Collection of a mapped event, or NO_COLLECTION. */
  collection(event: number): number {
    const at = this.#at(event);
    return at < 0 ? NO_COLLECTION : this.#pages.collection[at];
  }

  /** Makes room for an event. False if the ITS has as many pages as it may have. */
  reserve(event: number): boolean {
    if (this.#at(event) >= 0) return true;
    const page = this.#pages.take();
    if (page < 0) return false;
    const number = event >>> PAGE_SHIFT;
    while (this.#numbers.length <= number) this.#numbers.push(-1);
    this.#numbers[number] = page;
    return true;
  }

  /** Maps an event, for which there is room. */
  map(event: number, intid: number, collection: number): void {
    if (!this.reserve(event)) return;
    const at = this.#at(event);
    if (this.#pages.intid[at] === 0) this.events++;
    this.#pages.intid[at] = intid;
    this.#pages.collection[at] = collection;
  }

  setCollection(event: number, collection: number): void {
    const at = this.#at(event);
    if (at >= 0) this.#pages.collection[at] = collection;
  }

  unmap(event: number): void {
    const at = this.#at(event);
    if (at < 0 || this.#pages.intid[at] === 0) return;
    this.#pages.intid[at] = 0;
    this.#pages.collection[at] = NO_COLLECTION;
    this.events--;
  }

  /** Unmaps all events and gives their pages back. */
  clear(): void {
    const { intid } = this.#pages;
    for (const page of this.#numbers) {
      if (page < 0) continue;
      intid.fill(0, page << PAGE_SHIFT, (page + 1) << PAGE_SHIFT);
      this.#pages.release(page);
    }
    this.#numbers.length = 0;
    this.events = 0;
  }

  /** The INTID that the translation cache of this generation holds for an event, or 0. */
  cachedIntid(event: number, generation: number): number {
    const number = event >>> PAGE_SHIFT;
    const page = number < this.#numbers.length ? this.#numbers[number] : -1;
    const pages = this.#pages;
    if (page < 0 || pages.generation[page] !== generation) return 0;
    return (pages.cached[page] >>> (event & PAGE_MASK)) & 1
      ? pages.intid[(page << PAGE_SHIFT) + (event & PAGE_MASK)]
      : 0;
  }

  /** Puts a mapped event into the translation cache. */
  cache(event: number, generation: number): void {
    const at = this.#at(event);
    if (at < 0) return;
    const pages = this.#pages;
    const page = at >>> PAGE_SHIFT;
    if (pages.generation[page] !== generation) {
      pages.generation[page] = generation;
      pages.cached[page] = 0;
    }
    pages.cached[page] |= 1 << (event & PAGE_MASK);
  }

  /** Takes an event out of the translation cache. */
  uncache(event: number): void {
    const at = this.#at(event);
    if (at >= 0) this.#pages.cached[at >>> PAGE_SHIFT] &= ~(1 << (event & PAGE_MASK));
  }

  /** Visits all mapped events by ascending EventID, until `visit` answers false. */
  each(visit: (event: number, intid: number, collection: number) => boolean): boolean {
    const pages = this.#pages;
    for (let number = 0; number < this.#numbers.length; number++) {
      const page = this.#numbers[number];
      if (page < 0) continue;
      const first = page << PAGE_SHIFT;
      for (let n = 0; n < PAGE_EVENTS; n++) {
        const intid = pages.intid[first + n];
        if (intid !== 0 && !visit(number * PAGE_EVENTS + n, intid, pages.collection[first + n])) return false;
      }
    }
    return true;
  }
}
