import { affinityOf, EPPI_MIN, ESPI_MIN, LPI_MIN } from '../architecture/intid.js';
import { isIndex } from '../arguments.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';
import type { InterruptState } from './interrupt-state.js';

/**
 * Where the interrupts of GICv3.1's extended ranges are among the others: the EPPIs of each vCPU, then the ESPIs. Both
 * numbers are multiples of 32, so that a register of 32 interrupts is one word here too.
 */
export class ExtendedRanges implements StatePart {
  readonly #spiBase: number;
  /** One more than the last index. */
  readonly end: number;

  constructor(
    /** The first index. */
    readonly base: number,
    vcpus: number,
    /** Extended PPIs of each vCPU. */
    readonly ppis: number,
    readonly spis: number,
  ) {
    this.#spiBase = base + vcpus * ppis;
    this.end = this.#spiBase + spis;
  }

  /** Whether there is such an INTID, whatever is asked. */
  has(intid: unknown): boolean {
    return isIndex(intid, LPI_MIN) && this.indexOf(0, intid) >= 0;
  }

  /** Index of an INTID as `vcpu` sees it, or -1. */
  indexOf(vcpu: number, intid: number): number {
    const ppi = intid - EPPI_MIN;
    if (ppi >= 0 && ppi < this.ppis) return this.base + vcpu * this.ppis + ppi;
    const spi = intid - ESPI_MIN;
    return spi >= 0 && spi < this.spis ? this.#spiBase + spi : -1;
  }

  intidOf(i: number): number {
    return i < this.#spiBase ? EPPI_MIN + ((i - this.base) % this.ppis) : ESPI_MIN + i - this.#spiBase;
  }

  /** The vCPU whose EPPI it is, or -1. */
  ownerOf(i: number): number {
    return i >= this.base && i < this.#spiBase ? Math.floor((i - this.base) / this.ppis) : -1;
  }

  /** As PPIs, and ESPIs as SPIs, which all of them are so far. */
  reset({ edge, target, affinity }: Pick<InterruptState, 'edge' | 'target' | 'affinity'>): void {
    edge.fill(0, this.base >>> 5, this.#spiBase >>> 5);
    for (let i = this.base; i < this.#spiBase; i++) {
      target[i] = this.ownerOf(i);
      affinity[i] = affinityOf(target[i]);
    }
  }

  /** Their number; their state is with that of the others. */
  visitState(state: StateVisitor): void {
    state.shape('extended PPIs', this.ppis);
    state.shape('extended SPIs', this.spis);
  }
}
