import type { StateVisitor } from '../checkpoint.js';
import { grown } from '../interrupts/bitmap.js';

/** Events in a page. */
const PAGE_SHIFT = 5;
const PAGE_EVENTS = 1 << PAGE_SHIFT;

/** An event without collection: it was unmapped by MAPC after the event was mapped. */
export const NO_COLLECTION = -1;

const FIRST_ROOM = 16;

/**
 * The translations of an ITS, in pages of 32 consecutive EventIDs of one device: an event is at `page * 32 + EventID % 32`.
 * All pages are in a few typed arrays, so that making one allocates nothing.
 */
export class EventPages {
  /** INTID of each event, 0 where none is mapped. */
  intid = new Uint32Array(0);
  collection = new Int32Array(0);
  /** Of each page the events that the translation cache holds, a bit each, valid for one generation of it. */
  cached = new Int32Array(0);
  generation = new Int32Array(0);

  /** Pages that were used and are free again: where the last one is, then the one before it, and so on; -1 for none. */
  #lastFree = -1;
  #previousFree = new Int32Array(0);
  #taken = 0;

  /** @param most number of pages that there may be at one time. */
  constructor(readonly most: number) {}

  /** All of it. What can be seen, the devices know. */
  visitPages(state: StateVisitor): void {
    const before = this.#taken;
    const taken = state.number(before);
    if (taken > this.cached.length) this.#grow(taken);
    // a page that is taken has no events
    this.intid.fill(0, taken << PAGE_SHIFT, before << PAGE_SHIFT);
    this.#taken = taken;
    this.#lastFree = state.number(this.#lastFree);
    state.array(this.intid, 0, taken << PAGE_SHIFT);
    state.array(this.collection, 0, taken << PAGE_SHIFT);
    state.array(this.cached, 0, taken);
    state.array(this.generation, 0, taken);
    state.array(this.#previousFree, 0, taken);
  }

  /** A page of events that are not mapped, or -1 if there are as many as there may be. */
  take(): number {
    let page = this.#lastFree;
    if (page >= 0) {
      this.#lastFree = this.#previousFree[page];
      return page;
    }
    if (this.#taken === this.most) return -1;
    page = this.#taken++;
    if (page === this.cached.length) this.#grow(Math.max(FIRST_ROOM, 2 * page));
    this.generation[page] = -1;
    return page;
  }

  /** Gives a page back, whose events are all unmapped. */
  release(page: number): void {
    this.generation[page] = -1;
    this.#previousFree[page] = this.#lastFree;
    this.#lastFree = page;
  }

  #grow(pages: number): void {
    this.intid = grown(this.intid, pages * PAGE_EVENTS);
    this.collection = grown(this.collection, pages * PAGE_EVENTS);
    this.cached = grown(this.cached, pages);
    this.generation = grown(this.generation, pages);
    this.#previousFree = grown(this.#previousFree, pages);
  }
}
