import type { Frame } from './frame.js';

/** A frame at a guest-physical address. */
export interface MappedFrame {
  readonly base: number;
  readonly frame: Frame;
  /** The vCPU whose frame it is, or NO_VCPU for one that is the accessing vCPU's view. */
  readonly vcpu: number;
}

/** Where an access or a frame lies as seen from a frame: before it (-1), within it (0), or reaching beyond it (1). */
function place(address: number, length: number, { base, frame }: MappedFrame): number {
  if (address < base) return -1;
  return address + length > base + frame.size ? 1 : 0;
}

/**
 * Where the guest finds the frames. An access belongs to a frame that contains it whole. A VMM can place frames over each
 * other; the guest then sees the one that KVM's bus finds, which depends on the order in which they came.
 */
export class AddressMap {
  #frames: MappedFrame[] = [];
  /** The last two frames that were accessed, which are nearly always accessed again. */
  #lastHit: MappedFrame | undefined;
  #hitBefore: MappedFrame | undefined;
  #overlapping = false;

  add(mapped: MappedFrame): void {
    const { base, frame } = mapped;
    const at = this.#frames.findIndex((other) => place(other.base, other.frame.size, mapped) > 0);
    this.#frames.splice(at < 0 ? this.#frames.length : at, 0, mapped);
    this.#overlapping ||= this.#frames.some(
      (other) => other !== mapped && other.base < base + frame.size && base < other.base + other.frame.size,
    );
    this.#forgetHits();
  }

  remove(predicate: (mapped: MappedFrame) => boolean): void {
    this.#frames = this.#frames.filter((mapped) => !predicate(mapped));
    this.#forgetHits();
  }

  #forgetHits(): void {
    this.#lastHit = undefined;
    this.#hitBefore = undefined;
  }

  /** Where a frame lies, the one of that vCPU if each has its own; undefined if it has no place. */
  baseOf(frame: Frame, vcpu: number): number | undefined {
    return this.#frames.find((mapped) => mapped.frame === frame && mapped.vcpu === vcpu)?.base;
  }

  find(address: number, length: number): MappedFrame | undefined {
    const last = this.#lastHit;
    if (last !== undefined && place(address, length, last) === 0) return last;
    const before = this.#hitBefore;
    if (before !== undefined && place(address, length, before) === 0) return before;
    return this.search(address, length);
  }

  private search(address: number, length: number): MappedFrame | undefined {
    const frames = this.#frames;
    for (let from = 0, count = frames.length; count > 0; count >>>= 1) {
      let at = from + (count >>> 1);
      const there = place(address, length, frames[at]);
      if (there === 0) {
        while (at > 0 && place(address, length, frames[at - 1]) === 0) at--;
        if (!this.#overlapping) {
          this.#hitBefore = this.#lastHit;
          this.#lastHit = frames[at];
        }
        return frames[at];
      }
      if (there > 0) {
        from = at + 1;
        count--;
      }
    }
    return undefined;
  }
}
