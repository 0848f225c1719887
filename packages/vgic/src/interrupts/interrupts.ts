import type { GicEvents } from '../gic-events.js';
import { deviates, type KvmCompatibility } from '../kvm-deviations.js';
import { deliveryKey, KEY_FIRST } from './active-pending-lists.js';
import { lowestBit, testBit } from './bitmap.js';
import type { ExtendedRanges } from './extended-ranges.js';
import { InterruptState } from './interrupt-state.js';
import { pendingBits } from './pending.js';
import type { PhysicalInterrupts } from './physical-interrupts.js';
import type { VpeInterrupts } from './vpe-interrupts.js';

/** No vCPU: where an SPI goes that is routed to an affinity that no vCPU has. */
export const NO_VCPU = -1;
/** The module's own, which V8 folds: the ways of an interrupt lead through here. */
const NONE = NO_VCPU;

/** Who has interrupts in list registers: the vCPUs in the guest. */
export interface ListRegisterOwners {
  beginChange(): void;
  /** Within a change: a vCPU in the guest gives back what its list registers have, and is out of it until the change ends. */
  takeBack(vcpu: number): void;
  endChange(): void;
}

const NOBODY: ListRegisterOwners = { beginChange() {}, takeBack() {}, endChange() {} };

/**
 * What becomes of the interrupts: which vCPU each must reach, and the way into that one's list.
 *
 * An interrupt is in the list of the vCPU that has to take or to end it, and nowhere else. Who changes anything of it but
 * making it pending does so between {@link beginChange} and {@link raised} or {@link lowered}, so that list registers of a
 * vCPU in the guest do not go on with what was.
 */
export class Interrupts extends InterruptState {
  /** Who injects directly, where a bit of `onVpe` is set. */
  vpes: VpeInterrupts | undefined;

  /** Called whenever a vCPU must look at its interrupts again: out of the guest and back, or awake from WFI. */
  kick: (vcpu: number) => void = () => {};
  listRegisterOwners: ListRegisterOwners = NOBODY;

  /** Where an SPI goes that has no target: what it is after reset. */
  readonly untargeted: number;
  readonly activeLpis: boolean;
  readonly levelLatchUntilEnd: boolean;
  readonly changesWaitForExit: boolean;
  /** The deviation `linesOfEdgesForgotten`: all bits set, or none. */
  private readonly linesOfEdgesForgotten: number;
  readonly #discardKeepsPending: boolean;

  constructor(
    version: 2 | 3,
    vcpus: number,
    count: number,
    physical?: PhysicalInterrupts,
    events?: GicEvents,
    /** Where it follows a KVM and not the architecture. */
    readonly kvm?: KvmCompatibility,
    rangesFrom?: (base: number, vcpus: number) => ExtendedRanges,
  ) {
    super(version, vcpus, count, physical, events, rangesFrom);
    this.lists.orderCounts = deviates(kvm, 'activeFirst');
    this.activeLpis = deviates(kvm, 'activeLpis');
    this.levelLatchUntilEnd = deviates(kvm, 'levelLatchUntilEnd');
    this.changesWaitForExit = deviates(kvm, 'changesWaitForExit');
    this.linesOfEdgesForgotten = deviates(kvm, 'linesOfEdgesForgotten') ? -1 : 0;
    this.#discardKeepsPending = deviates(kvm, 'discardKeepsPending');
    if (!deviates(kvm, 'spisResetToEdge')) this.edge.fill(0, this.vcpus, this.lpiBase >>> 5);
    this.untargeted = version === 2 && vcpus > 1 && !deviates(kvm, 'noTargetIsVcpu0') ? NO_VCPU : 0;
    if (this.untargeted < 0) this.target.fill(this.untargeted, this.sharedBase, this.lpiBase);
  }

  /**
   * The vCPU that must have this interrupt in its list now, or NO_VCPU. An active interrupt stays where it is, whatever
   * its route and the enables say; a pending one needs its own enable and that of its group.
   */
  deliveryTarget(i: number): number {
    const w = i >>> 5;
    const bit = 1 << (i & 31);
    if (this.active[w] & bit) return this.activeTarget(i);
    // `pendingBits` written out: shorter than its call, and V8 counts before it inlines this one
    const pending = this.latch[w] | (this.line[w] & ~this.edge[w]);
    return pending & this.enabled[w] & this.groupsEnabled(w) & bit ? this.target[i] : NONE;
  }

  private activeTarget(i: number): number {
    const owner = this.lists.owner[i];
    return owner >= 0 ? owner : this.target[i];
  }

  /** Puts an interrupt into its target's list if it must be delivered and is in none, and kicks the target. */
  queue(i: number): void {
    const vcpu = this.deliveryTarget(i);
    if (vcpu < 0) return;
    if (this.lists.owner[i] < 0) this.append(vcpu, i);
    this.kick(vcpu);
  }

  private append(vcpu: number, i: number): void {
    this.lists.append(vcpu, i);
    if (this.events.looking) this.tellQueued(vcpu, i);
  }

  private tellQueued(vcpu: number, i: number): void {
    this.events.queued?.(vcpu, this.intidOf(i));
  }

  /** From a vCPU's list into that of another, or into none. */
  private move(i: number, to: number): void {
    this.lists.remove(i);
    if (to >= 0) this.append(to, i);
    else if (i >= this.lpiBase) this.forgetLpi(i);
  }

  // ---- changes

  /** Interrupts of a word are about to change: none of those in `mask` stays in a list register. */
  beginChange(word: number, mask: number): void {
    if (this.changesWaitForExit) return;
    this.listRegisterOwners.beginChange();
    const { owner } = this.lists;
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const vcpu = owner[(word << 5) + lowestBit(rest)];
      if (vcpu >= 0) this.listRegisterOwners.takeBack(vcpu);
    }
  }

  /** {@link beginChange} of one interrupt. */
  beginChangeOf(i: number): void {
    this.beginChange(i >>> 5, 1 << (i & 31));
  }

  /** They have changed, and may be delivered now. */
  raised(word: number, mask: number): void {
    if (this.changesWaitForExit) {
      this.queueWord(word, mask);
      return;
    }
    for (let rest = mask; rest !== 0; rest &= rest - 1) this.settle((word << 5) + lowestBit(rest));
    this.listRegisterOwners.endChange();
  }

  /** They have changed, and are not delivered now unless they were before. */
  lowered(word: number, mask: number): void {
    if (!this.changesWaitForExit) this.raised(word, mask);
  }

  /** {@link raised} of one interrupt. */
  raisedOne(i: number): void {
    this.raised(i >>> 5, 1 << (i & 31));
  }

  /** {@link lowered} of one interrupt. */
  loweredOne(i: number): void {
    this.lowered(i >>> 5, 1 << (i & 31));
  }

  /** An interrupt goes to the list in which it must be, or out of the one in which it must not be any more. */
  private settle(i: number): void {
    const owner = this.lists.owner[i];
    const to = this.deliveryTarget(i);
    if (owner < 0 && to >= 0) {
      this.append(to, i);
    } else if (owner !== to) {
      this.move(i, to);
      // what was behind it may be signalled now, though it itself was not
      this.kick(owner);
    }
    if (to >= 0) this.kick(to);
  }

  /** All interrupts are looked at anew: an enable of a whole group has changed. No vCPU is in the guest. */
  settleAll(): void {
    const { head, next } = this.lists;
    for (const first of head) {
      for (let i = first, after = -1; i >= 0; i = after) {
        after = next[i];
        this.settle(i);
      }
    }
    for (let word = 0; word < this.latch.length; word++) {
      const listed = this.active[word] | this.pendingWord(word);
      for (let rest = listed; rest !== 0; rest &= rest - 1) this.settle((word << 5) + lowestBit(rest));
    }
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
    if (!level) {
      this.lineFalls(i);
      return;
    }
    const w = i >>> 5;
    const bit = 1 << (i & 31);
    const { line } = this;
    const edge = this.edge[w] & bit;
    if (edge) this.latch[w] |= bit;
    else if (line[w] & bit) return;
    line[w] |= bit & ~(edge & this.linesOfEdgesForgotten);
    if (this.events.looking) this.tellLine(i, true);
    this.queue(i);
  }

  /** What a list register has of a level-sensitive interrupt is pending no more, unless it is latched. */
  private lineFalls(i: number): void {
    const w = i >>> 5;
    const bit = 1 << (i & 31);
    // what is edge-triggered does not follow it, and without the record there is nothing to change
    if (this.edge[w] & bit) {
      this.line[w] &= ~bit | this.linesOfEdgesForgotten;
      return;
    }
    if (!(this.line[w] & bit)) return;
    this.beginChangeOf(i);
    this.line[w] &= ~bit;
    if (this.events.looking) this.tellLine(i, false);
    this.raisedOne(i);
  }

  private tellLine(i: number, level: boolean): void {
    if (testBit(this.edge, i)) this.tellLatch(i);
    this.events.line?.(this.ownerOf(i), this.intidOf(i), level ? 1 : 0);
  }

  private tellLatch(i: number): void {
    this.events.latch?.(this.ownerOf(i), this.intidOf(i), 1);
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
    if (this.events.looking) this.tellLatch(i);
    this.queue(i);
  }

  /** A GICv2's SGI becomes pending from these vCPUs, a bit each. */
  pendFrom(i: number, sources: number): void {
    this.setLatch(i, true);
    this.source[i] |= sources;
    this.queue(i);
  }

  /** CLEAR of an LPI: it is pending no more. */
  clearPending(i: number): void {
    if (testBit(this.onVpe, i)) {
      this.vpes?.setPending(i, false);
      return;
    }
    this.beginChangeOf(i);
    this.setLatch(i, false);
    this.loweredOne(i);
  }

  /** DISCARD or MAPD removes a translation to an LPI. */
  discardLpi(i: number): void {
    if (!this.#discardKeepsPending) this.clearPending(i);
    this.releaseLpi(i);
  }

  /** The pending state of an SGI or LPI, wherever it is. */
  isLatched(i: number): boolean {
    return testBit(this.onVpe, i) ? (this.vpes?.isPending(i) ?? false) : testBit(this.latch, i);
  }

  /** An interrupt goes to another vCPU. */
  retarget(i: number, vcpu: number): void {
    if (testBit(this.onVpe, i)) {
      this.target[i] = vcpu;
      this.vpes?.moved(i);
      return;
    }
    this.beginChangeOf(i);
    this.target[i] = vcpu;
    this.loweredOne(i);
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
    const { latch, line, edge, active, enabled, target } = this;
    const { head, next } = this.lists;
    for (let i = head[vcpu], after = -1; i >= 0; i = after) {
      after = next[i];
      // `deliveryTarget` of what is in this list, without a call for each of a long one
      const w = i >>> 5;
      const b = i & 31;
      if ((active[w] >>> b) & 1) continue;
      const waiting = enabled[w] & pendingBits(latch, line, edge, w) & this.groupsEnabled(w);
      const to = (waiting >>> b) & 1 ? target[i] : NONE;
      if (to === vcpu) continue;
      this.move(i, to);
      if (to >= 0) this.kick(to);
    }
  }

  /** Puts a vCPU's list into the order in which list registers are filled when not all fit. */
  sortList(vcpu: number): void {
    if (!this.isSorted(vcpu)) this.lists.sort(vcpu, this.#deliveryKey);
  }

  /** The usual case, when one list is drained through several entries. */
  private isSorted(vcpu: number): boolean {
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

  /** Whether a vCPU has an interrupt that is pending, enabled, not active, above the priority mask `pmr`. */
  hasDeliverable(vcpu: number, pmr: number): boolean {
    for (let i = this.lists.head[vcpu]; i >= 0; i = this.lists.next[i]) {
      if (this.isDeliverable(i) && this.priority[i] < pmr) return true;
    }
    return false;
  }

  /** Pending, enabled, its group too, and not active. */
  isDeliverable(i: number): boolean {
    const w = i >>> 5;
    const deliverable = this.enabled[w] & ~this.active[w] & this.pendingWord(w) & this.groupsEnabled(w);
    return ((deliverable >>> (i & 31)) & 1) !== 0;
  }
}
