import { deliveryKey, KEY_FIRST } from './active-pending-lists.js';
import { lowestBit, testBit } from './bitmap.js';
import { InterruptState } from './interrupt-state.js';
import { pendingBits } from './pending.js';
import type { VpeInterrupts } from './vpe-interrupts.js';

/** No vCPU: where an SPI goes that is routed to an affinity that no vCPU has. */
export const NO_VCPU = -1;

/** What becomes of the interrupts: which vCPU each must reach, and the way into that one's list. */
export class Interrupts extends InterruptState {
  /** Who injects directly, where a bit of `onVpe` is set. */
  vpes: VpeInterrupts | undefined;

  /** Called whenever a vCPU must look at its interrupts again: out of the guest and back, or awake from WFI. */
  kick: (vcpu: number) => void = () => {};

  /**
   * The vCPU that must have this interrupt in its list now, or NO_VCPU. An active interrupt stays where it is, whatever
   * its route and the distributor's enable say; a pending one needs both enables.
   */
  deliveryTarget(i: number): number {
    const w = i >>> 5;
    const b = i & 31;
    if ((this.active[w] >>> b) & 1) {
      const owner = this.lists.owner[i];
      return owner >= 0 ? owner : this.target[i];
    }
    const pending = pendingBits(this.latch, this.line, this.edge, w);
    if (!(((this.enabled[w] & pending) >>> b) & this.deliveryEnabled)) return NO_VCPU;
    return this.target[i];
  }

  /** Puts an interrupt into its target's list if it must be delivered and is in none, and kicks the target. */
  queue(i: number): void {
    const vcpu = this.deliveryTarget(i);
    if (vcpu < 0) return;
    if (this.lists.owner[i] < 0) {
      this.lists.append(vcpu, i);
      this.events.queued?.(vcpu, this.intidOf(i));
    }
    this.kick(vcpu);
  }

  /** {@link queue} for the interrupts of a word whose bits are set in `mask`, lowest first. */
  queueWord(word: number, mask: number): void {
    let rest = mask & (this.active[word] | this.pendingWord(word));
    while (rest !== 0) {
      this.queue((word << 5) + lowestBit(rest));
      rest &= rest - 1;
    }
  }

  /**
   * A device drives the input of an SPI or PPI: `level` is the line's level, a rising edge for an edge-triggered one.
   * The injection path: allocates nothing.
   */
  inject(i: number, level: boolean): void {
    const w = i >>> 5;
    const bit = 1 << (i & 31);
    if (this.edge[w] & bit) {
      if (!level) return;
      this.latch[w] |= bit;
    } else {
      if (((this.line[w] & bit) !== 0) === level) return;
      if (level) this.line[w] |= bit;
      else this.line[w] &= ~bit;
    }
    if (this.events.looking) this.#tellLine(i, level);
    this.queue(i);
  }

  #tellLine(i: number, level: boolean): void {
    if (testBit(this.edge, i)) this.events.latch?.(this.ownerOf(i), this.intidOf(i), 1);
    this.events.line?.(this.ownerOf(i), this.intidOf(i), level ? 1 : 0);
  }

  /** An SGI or LPI becomes pending: an edge, wherever its pending state is. Allocates nothing. */
  pend(i: number): void {
    const w = i >>> 5;
    const bit = 1 << (i & 31);
    if (this.onVpe[w] & bit) {
      this.vpes?.setPending(i, true);
      return;
    }
    this.latch[w] |= bit;
    this.events.latch?.(this.ownerOf(i), this.intidOf(i), 1);
    this.queue(i);
  }

  /** CLEAR of an LPI: it is pending no more, unless a list register has it. */
  clearPending(i: number): void {
    if (testBit(this.onVpe, i)) this.vpes?.setPending(i, false);
    else this.setLatch(i, false);
  }

  /** The pending state of an SGI or LPI, wherever it is. */
  isLatched(i: number): boolean {
    return testBit(this.onVpe, i) ? (this.vpes?.isPending(i) ?? false) : testBit(this.latch, i);
  }

  /** An LPI goes to another vCPU: at once if it is injected directly, else with its vCPU's next exit. */
  retarget(i: number, vcpu: number): void {
    this.target[i] = vcpu;
    if (testBit(this.onVpe, i)) this.vpes?.moved(i);
  }

  /** An arrow, so that it can be handed to the sort. */
  readonly #deliveryKey = (i: number): number => {
    const w = i >>> 5;
    const deliverable = this.enabled[w] & pendingBits(this.latch, this.line, this.edge, w);
    return deliveryKey(this.active[w], deliverable, i & 31, this.priority[i]);
  };

  /**
   * After an exit: what needs no delivery any more leaves the vCPU's list, what has another target by now moves there.
   */
  pruneList(vcpu: number): void {
    const { lists, latch, line, edge, active, enabled, target, deliveryEnabled } = this;
    const { next } = lists;
    for (let i = lists.head[vcpu], after = -1; i >= 0; i = after) {
      after = next[i];
      // most of a long list waits on, which is seen here without a call
      const w = i >>> 5;
      const waiting = enabled[w] & ~active[w] & pendingBits(latch, line, edge, w);
      if ((waiting >>> (i & 31)) & 1 && target[i] === vcpu && deliveryEnabled === 1) continue;
      const to = this.deliveryTarget(i);
      if (to === vcpu) continue;
      lists.remove(i);
      if (to >= 0) {
        lists.append(to, i);
        this.events.queued?.(to, this.intidOf(i));
        this.kick(to);
      } else if (i >= this.lpiBase) {
        this.forgetLpi(i);
      }
    }
  }

  /** Puts a vCPU's list into the order in which list registers are filled when not all fit. */
  sortList(vcpu: number): void {
    if (!this.#isSorted(vcpu)) this.lists.sort(vcpu, this.#deliveryKey);
  }

  /** The usual case, when one list is drained through several entries. */
  #isSorted(vcpu: number): boolean {
    const { lists, latch, line, edge, active, enabled, priority } = this;
    const { next } = lists;
    let lastKey = KEY_FIRST;
    for (let i = lists.head[vcpu]; i >= 0; i = next[i]) {
      const w = i >>> 5;
      const key = deliveryKey(active[w], enabled[w] & pendingBits(latch, line, edge, w), i & 31, priority[i]);
      if (key < lastKey) return false;
      lastKey = key;
    }
    return true;
  }

  /** Whether a vCPU has anything that would wake it: pending, enabled, not active, above the priority mask `pmr`. */
  hasDeliverable(vcpu: number, pmr: number): boolean {
    if (!this.distributorEnabled) return false;
    for (let i = this.lists.head[vcpu]; i >= 0; i = this.lists.next[i]) {
      const w = i >>> 5;
      const deliverable = this.enabled[w] & ~this.active[w] & this.pendingWord(w);
      if ((deliverable >>> (i & 31)) & 1 && this.priority[i] < pmr) return true;
    }
    return false;
  }
}
