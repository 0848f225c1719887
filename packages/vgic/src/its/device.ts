/** Events in a page of a device's translations. */
const PAGE_SHIFT = 5;
const PAGE = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE - 1;

/** An ITE without collection: it was unmapped by MAPC after the event was mapped. */
export const NO_COLLECTION = -1;

/** The translations of 32 consecutive EventIDs. */
class EventPage {
  /** INTID of each event, 0 where none is mapped. */
  readonly intid = new Uint32Array(PAGE);
  readonly collection = new Int32Array(PAGE).fill(NO_COLLECTION);
  /** Events that the translation cache holds, valid for one generation of it. */
  cached = 0;
  generation = -1;
}

/**
 * A device that MAPD has mapped, with its interrupt translation entries (ITEs). Pages of entries come to be with their
 * first event, so that a device costs what it uses.
 */
export class Device {
  readonly #pages: (EventPage | undefined)[] = [];
  events = 0;
  /** A second device with the same DeviceID, which only a restore of odd tables can make: it shows when this one goes. */
  shadowed: Device | undefined;

  constructor(
    readonly id: number,
    /** Guest-physical address of the interrupt translation table. */
    readonly ittAddress: number,
    /** Bits of its EventIDs. */
    readonly eventBits: number,
  ) {}

  /** INTID of an event, or 0. */
  intid(event: number): number {
    const page = this.#pages[event >>> PAGE_SHIFT];
    return page === undefined ? 0 : page.intid[event & PAGE_MASK];
  }

  /** Collection of a mapped event, or NO_COLLECTION. */
  collection(event: number): number {
    const page = this.#pages[event >>> PAGE_SHIFT];
    return page === undefined ? NO_COLLECTION : page.collection[event & PAGE_MASK];
  }

  map(event: number, intid: number, collection: number): void {
    const number = event >>> PAGE_SHIFT;
    let page = this.#pages[number];
    if (page === undefined) {
      page = new EventPage();
      this.#pages[number] = page;
    }
    if (page.intid[event & PAGE_MASK] === 0) this.events++;
    page.intid[event & PAGE_MASK] = intid;
    page.collection[event & PAGE_MASK] = collection;
  }

  setCollection(event: number, collection: number): void {
    const page = this.#pages[event >>> PAGE_SHIFT];
    if (page !== undefined) page.collection[event & PAGE_MASK] = collection;
  }

  unmap(event: number): void {
    const page = this.#pages[event >>> PAGE_SHIFT];
    if (page === undefined || page.intid[event & PAGE_MASK] === 0) return;
    page.intid[event & PAGE_MASK] = 0;
    page.collection[event & PAGE_MASK] = NO_COLLECTION;
    this.events--;
  }

  /** The INTID that the translation cache of this generation holds for an event, or 0. */
  cachedIntid(event: number, generation: number): number {
    const page = this.#pages[event >>> PAGE_SHIFT];
    if (page === undefined || page.generation !== generation) return 0;
    const at = event & PAGE_MASK;
    return (page.cached >>> at) & 1 ? page.intid[at] : 0;
  }

  /** Puts a mapped event into the translation cache. */
  cache(event: number, generation: number): void {
    const page = this.#pages[event >>> PAGE_SHIFT];
    if (page === undefined) return;
    if (page.generation !== generation) {
      page.generation = generation;
      page.cached = 0;
    }
    page.cached |= 1 << (event & PAGE_MASK);
  }

  /** Takes an event out of the translation cache. */
  uncache(event: number): void {
    const page = this.#pages[event >>> PAGE_SHIFT];
    if (page !== undefined) page.cached &= ~(1 << (event & PAGE_MASK));
  }

  /** Visits all mapped events by ascending EventID, until `visit` answers false. */
  each(visit: (event: number, intid: number, collection: number) => boolean): boolean {
    for (let number = 0; number < this.#pages.length; number++) {
      const page = this.#pages[number];
      if (page === undefined) continue;
      for (let at = 0; at < PAGE; at++) {
        const intid = page.intid[at];
        if (intid !== 0 && !visit(number * PAGE + at, intid, page.collection[at])) return false;
      }
    }
    return true;
  }
}
