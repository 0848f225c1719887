import type { Frame } from './frame.js';

/** A frame at a guest-physical address. */
export interface MappedFrame {
  readonly base: number;
  readonly frame: Frame;
  /** The vCPU whose frame it is, or NO_VCPU for one that is the accessing vCPU's view. */
  readonly vcpu: number;
}

/** Where the guest finds the frames. An access belongs to a frame that contains it whole. */
export class AddressMap {
  #frames: MappedFrame[] = [];
  #lastHit: MappedFrame | undefined;

  add(mapped: MappedFrame): void {
    const at = this.#frames.findIndex((other) => other.base > mapped.base);
    this.#frames.splice(at < 0 ? this.#frames.length : at, 0, mapped);
    this.#lastHit = undefined;
  }

  remove(predicate: (mapped: MappedFrame) => boolean): void {
    this.#frames = this.#frames.filter((mapped) => !predicate(mapped));
    this.#lastHit = undefined;
  }

  find(address: number, length: number): MappedFrame | undefined {
    const last = this.#lastHit;
    if (last !== undefined && address >= last.base && address + length <= last.base + last.frame.size) return last;
    let low = 0;
    let high = this.#frames.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#frames[middle].base <= address) low = middle + 1;
      else high = middle;
    }
    const mapped = this.#frames[low - 1];
    if (mapped === undefined || address + length > mapped.base + mapped.frame.size) return undefined;
    this.#lastHit = mapped;
    return mapped;
  }
}
