import type { Dma } from '../dma.js';
import { isWhole, isWholeList } from '../state-checks.js';
import { type Chain, readChain } from './chain.js';
import { DriverFault } from './driver-fault.js';

/** A split virtqueue: Virtual I/O Device (VIRTIO) Version 1.2, section 2.7. */

/** Flags of the available ring (2.7.6) and of the used ring (2.7.8). */
const AVAILABLE_NO_INTERRUPT = 1;
const RING_HEADER = 4;
const AVAILABLE_ENTRY = 2;
const USED_ENTRY = 8;
const DESCRIPTOR = 16;

/** What the driver has set up for a queue; its words are those of the common configuration (4.1.4.3). */
export interface QueueState {
  size: number;
  vector: number;
  enabled: boolean;
  /** Physical addresses of descriptor table, driver area and device area: low and high words of each. */
  areas: number[];
  /** The next entry of the available ring to look at, and of the used ring to fill: they count on beyond the rings' sizes. */
  available: number;
  used: number;
}

/** MSI-X vector of a queue or a configuration change that has none. */
export const NO_VECTOR = 0xffff;

export function freshQueue(size: number): QueueState {
  return { size, vector: NO_VECTOR, enabled: false, areas: [0, 0, 0, 0, 0, 0], available: 0, used: 0 };
}

export function checkQueueState(state: unknown, most: number, vectors: number): boolean {
  const { size, vector, enabled, areas, available, used } = (state ?? {}) as Partial<QueueState>;
  return (
    isWhole(size, most) &&
    isQueueSize(size, most) &&
    (vector === NO_VECTOR || isWhole(vector, vectors - 1)) &&
    typeof enabled === 'boolean' &&
    isWholeList(areas, 6, 0xffff_ffff) &&
    isWhole(available, 0xffff) &&
    isWhole(used, 0xffff)
  );
}

/** A queue's size is a power of two (2.7). */
export function isQueueSize(size: number, most: number): boolean {
  return size > 0 && size <= most && (size & (size - 1)) === 0;
}

/** What the negotiated features say about rings. */
export interface RingFeatures {
  indirect: boolean;
  eventIndex: boolean;
}

/**
 * The device's side of an enabled queue, for as long as it is worked on. Every access to the rings is checked; what a
 * driver must not do is a DriverFault.
 */
export class Virtqueue {
  readonly #state: QueueState;
  readonly #dma: Dma;
  readonly #features: RingFeatures;
  readonly #descriptors: number;
  readonly #driver: number;
  readonly #device: number;
  readonly #usedBefore: number;

  constructor(state: QueueState, dma: Dma, features: RingFeatures) {
    this.#state = state;
    this.#dma = dma;
    this.#features = features;
    this.#usedBefore = state.used;
    const { size, areas } = state;
    const [descriptors, driver, device] = [0, 2, 4].map((at) => areas[at + 1] * 2 ** 32 + areas[at]);
    const event = features.eventIndex ? 2 : 0;
    const inRam =
      dma.has(descriptors, size * DESCRIPTOR) &&
      dma.has(driver, RING_HEADER + size * AVAILABLE_ENTRY + event) &&
      dma.has(device, RING_HEADER + size * USED_ENTRY + event);
    if (!inRam || descriptors % 16 !== 0 || driver % 2 !== 0 || device % 4 !== 0) {
      throw new DriverFault('an area of the queue is not where it may be');
    }
    this.#descriptors = descriptors;
    this.#driver = driver;
    this.#device = device;
  }

  /** The next chain that the driver has made available, or undefined (2.7.13). */
  take(): Chain | undefined {
    const state = this.#state;
    const waiting = (this.#dma.load16(this.#driver + 2) - state.available) & 0xffff;
    if (waiting === 0) return undefined;
    if (waiting > state.size) throw new DriverFault('more is available than the ring holds');
    const entry = this.#driver + RING_HEADER + AVAILABLE_ENTRY * (state.available % state.size);
    const chain = readChain(this.#dma, this.#descriptors, state.size, this.#dma.load16(entry), this.#features.indirect);
    state.available = (state.available + 1) & 0xffff;
    return chain;
  }

  /** Gives a chain back, with so many bytes written to it (2.7.8). */
  giveBack(chain: Chain, written: number): void {
    const state = this.#state;
    const entry = this.#device + RING_HEADER + USED_ENTRY * (state.used % state.size);
    this.#dma.store32(entry, chain.head);
    this.#dma.store32(entry + 4, written);
    state.used = (state.used + 1) & 0xffff;
    this.#dma.store16(this.#device + 2, state.used);
  }

  /** Ends the work on the queue: asks to be told of what comes next; says whether the driver wants an interrupt (2.7.7, 2.7.10). */
  finish(): boolean {
    const { size, available, used } = this.#state;
    if (this.#features.eventIndex) this.#dma.store16(this.#device + RING_HEADER + USED_ENTRY * size, available);
    const done = (used - this.#usedBefore) & 0xffff;
    if (done === 0) return false;
    if (!this.#features.eventIndex) return (this.#dma.load16(this.#driver) & AVAILABLE_NO_INTERRUPT) === 0;
    const event = this.#dma.load16(this.#driver + RING_HEADER + AVAILABLE_ENTRY * size);
    return ((used - event - 1) & 0xffff) < done;
  }
}
