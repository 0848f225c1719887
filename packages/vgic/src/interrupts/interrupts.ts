import { affinityOf, LPI_MIN, PRIVATE_COUNT, SGI_COUNT, SPI_LIMIT } from '../architecture/intid.js';
import { ActivePendingLists, KEY_ACTIVE, KEY_PRIORITY, KEY_REST } from './active-pending-lists.js';
import { clearBit, countBits, grown, lowestBit, setBit, testBit } from './bitmap.js';
import { PhysicalInterrupts } from './physical-interrupts.js';
import type { VpeInterrupts } from './vpe-interrupts.js';

/** No vCPU: where an SPI goes that is routed to an affinity that no vCPU has. */
export const NO_VCPU = -1;

/**
 * The state of every interrupt, and to whom each must be delivered.
 *
 * An interrupt's *index* is `vcpu * 32 + INTID` for SGIs and PPIs; the SPIs follow. All one-bit state is in bitmaps over
 * the index, so that a 32-interrupt register of any frame is one word: word `vcpu` for the private ones, word
 * `vcpus + INTID / 32 - 1` for the shared ones.
 */
export class Interrupts {
  /** Where SPI 32 is. */
  readonly sharedBase: number;
  /** Where the LPIs begin: LPI n is at lpiBase + n - 8192, as far as there is room. */
  readonly lpiBase: number;

  /** The pending latch: set by an edge, by ISPENDR, by an SGI; apart from the line. */
  latch: Uint32Array;
  /** The level of the input line. Kept for edge-triggered interrupts too, where it does not count. */
  line: Uint32Array;
  active: Uint32Array;
  enabled: Uint32Array;
  /** Group 1 if set. */
  group: Uint32Array;
  /** Edge-triggered if set, else level-sensitive. */
  edge: Uint32Array;
  /** Tied to an interrupt of the host. */
  hardware: Uint32Array;
  /** Injected directly by the host's GIC, which has the pending state. */
  onVpe: Uint32Array;
  priority: Uint8Array;
  /** GICv2 SGIs: the vCPUs that have sent it and were not served yet, a bit each. */
  readonly source: Uint8Array;
  /** GICv2 SGIs: the sender of the one that is active. */
  readonly activeSource: Uint8Array;
  /** GICv2: what GICD_ITARGETSR reads. */
  readonly targets: Uint8Array;
  /** GICv3: what GICD_IROUTER reads; the vCPU's own affinity for private interrupts. */
  readonly affinity: Uint32Array;
  /** The vCPU that gets it, or NO_VCPU. */
  target: Int16Array;
  physicalIntid: Uint16Array;

  /** LPIs: how many ITS translations lead to each, by index from lpiBase. */
  #references = new Uint32Array(0);
  /** LPIs that exist: mapped, or unmapped while they were in a vCPU's list. */
  #existing = new Uint32Array(0);

  readonly lists: ActivePendingLists;
  /** A number, since V8 tests it faster than a boolean field. */
  #distributorEnabled: 0 | 1 = 0;

  /** Who injects directly, where a bit of `onVpe` is set. */
  vpes: VpeInterrupts | undefined;

  /** Called whenever a vCPU must look at its interrupts again: out of the guest and back, or awake from WFI. */
  kick: (vcpu: number) => void = () => {};

  constructor(
    readonly version: 2 | 3,
    readonly vcpus: number,
    /** INTIDs of the distributor (KVM's nr_irqs): SPIs are 32 to count - 1. It may change until one of them is used. */
    public count: number,
    readonly physical: PhysicalInterrupts = new PhysicalInterrupts(),
  ) {
    this.sharedBase = vcpus * PRIVATE_COUNT;
    // room for all SPIs that there can be: KVM's userspace says how many there are after vCPUs and ITSs exist
    const total = this.sharedBase + SPI_LIMIT - PRIVATE_COUNT;
    this.lpiBase = total;
    const words = total >>> 5;
    this.latch = new Uint32Array(words);
    this.line = new Uint32Array(words);
    this.active = new Uint32Array(words);
    this.enabled = new Uint32Array(words);
    this.group = new Uint32Array(words);
    this.edge = new Uint32Array(words);
    this.hardware = new Uint32Array(words);
    this.onVpe = new Uint32Array(words);
    this.priority = new Uint8Array(total);
    this.source = new Uint8Array(total);
    this.activeSource = new Uint8Array(total);
    this.targets = new Uint8Array(total);
    this.affinity = new Uint32Array(total);
    this.target = new Int16Array(total);
    this.physicalIntid = new Uint16Array(total);
    this.lists = new ActivePendingLists(vcpus, total);
    this.#reset();
  }

  /** KVM's reset state: SGIs enabled and edge-triggered, PPIs level-sensitive, SPIs edge-triggered, all to vCPU 0. */
  #reset(): void {
    this.edge.fill(0xffffffff, this.vcpus);
    if (this.version === 3) this.group.fill(0xffffffff);
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      this.enabled[vcpu] = (1 << SGI_COUNT) - 1;
      this.edge[vcpu] = (1 << SGI_COUNT) - 1;
      for (let intid = 0; intid < PRIVATE_COUNT; intid++) {
        const i = vcpu * PRIVATE_COUNT + intid;
        this.target[i] = vcpu;
        if (this.version === 2) this.targets[i] = 1 << vcpu;
        else this.affinity[i] = affinityOf(vcpu);
      }
    }
  }

  /** One more than the last SPI's index. */
  get sharedEnd(): number {
    return this.sharedBase + this.count - PRIVATE_COUNT;
  }

  /** GICD_CTLR: nothing pending is delivered while this is off. */
  get distributorEnabled(): boolean {
    return this.#distributorEnabled === 1;
  }
  set distributorEnabled(enabled: boolean) {
    this.#distributorEnabled = enabled ? 1 : 0;
  }

  /** Index of an INTID as `vcpu` sees it, or -1 when there is no such interrupt. */
  indexOf(vcpu: number, intid: number): number {
    if (intid < PRIVATE_COUNT) return vcpu * PRIVATE_COUNT + intid;
    if (intid < this.count) return this.sharedBase + intid - PRIVATE_COUNT;
    return intid >= LPI_MIN ? this.lpiIndex(intid) : -1;
  }

  /** The INTID at an index. */
  intidOf(i: number): number {
    if (i < this.sharedBase) return i & 31;
    return i < this.lpiBase ? i - this.sharedBase + PRIVATE_COUNT : i - this.lpiBase + LPI_MIN;
  }

  /** The word of the bitmaps that holds INTIDs `intid` to `intid + 31`, `intid` being a multiple of 32. */
  wordOf(vcpu: number, intid: number): number {
    return intid < PRIVATE_COUNT ? vcpu : this.vcpus + (intid >>> 5) - 1;
  }

  isSgi(i: number): boolean {
    return i < this.sharedBase && (i & 31) < SGI_COUNT;
  }

  /** Pending for delivery: the latch, or for a level-sensitive interrupt the line too (IHI 0069, 4.1.2). */
  isPending(i: number): boolean {
    const w = i >>> 5;
    return (((this.latch[w] | (this.line[w] & ~this.edge[w])) >>> (i & 31)) & 1) !== 0;
  }

  /** {@link isPending} for the 32 interrupts of a word. */
  pendingWord(word: number): number {
    return (this.latch[word] | (this.line[word] & ~this.edge[word])) >>> 0;
  }

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
    const pending = this.latch[w] | (this.line[w] & ~this.edge[w]);
    if (!(((this.enabled[w] & pending) >>> b) & this.#distributorEnabled)) return NO_VCPU;
    return this.target[i];
  }

  /** Puts an interrupt into its target's list if it must be delivered and is in none, and kicks the target. */
  queue(i: number): void {
    const vcpu = this.deliveryTarget(i);
    if (vcpu < 0) return;
    if (this.lists.owner[i] < 0) this.lists.append(vcpu, i);
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
    this.queue(i);
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
    this.queue(i);
  }

  /** CLEAR of an LPI: it is pending no more, unless a list register has it. */
  clearPending(i: number): void {
    if (testBit(this.onVpe, i)) this.vpes?.setPending(i, false);
    else clearBit(this.latch, i);
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

  /**
   * How many list registers this interrupt could fill: one for each source of a GICv2 SGI and one for the active one,
   * else one.
   */
  listRegistersNeeded(i: number): number {
    const w = i >>> 5;
    const b = i & 31;
    const active = (this.active[w] >>> b) & 1;
    if (this.isSgi(i) && this.source[i] !== 0) return countBits(this.source[i]) + active;
    return active | (((this.latch[w] | (this.line[w] & ~this.edge[w])) >>> b) & 1);
  }

  /** An arrow, so that it can be handed to the sort. */
  readonly #deliveryKey = (i: number): number => {
    const w = i >>> 5;
    const b = i & 31;
    if ((this.active[w] >>> b) & 1) return KEY_ACTIVE;
    const pending = this.latch[w] | (this.line[w] & ~this.edge[w]);
    return ((this.enabled[w] & pending) >>> b) & 1 ? KEY_PRIORITY + this.priority[i] : KEY_REST;
  };

  /**
   * After an exit: what needs no delivery any more leaves the vCPU's list, what has another target by now moves there.
   */
  pruneList(vcpu: number): void {
    const { lists, latch, line, edge, active, enabled, target } = this;
    const { next } = lists;
    for (let i = lists.head[vcpu], after = -1; i >= 0; i = after) {
      after = next[i];
      // most of a long list waits on, which is seen here without a call
      const w = i >>> 5;
      const waiting = enabled[w] & ~active[w] & (latch[w] | (line[w] & ~edge[w]));
      if ((waiting >>> (i & 31)) & 1 && target[i] === vcpu && this.#distributorEnabled === 1) continue;
      const to = this.deliveryTarget(i);
      if (to === vcpu) continue;
      lists.remove(i);
      if (to >= 0) {
        lists.append(to, i);
        this.kick(to);
      } else if (i >= this.lpiBase) {
        this.#forgetLpi(i);
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
    let lastKey = KEY_ACTIVE;
    for (let i = lists.head[vcpu]; i >= 0; i = next[i]) {
      const w = i >>> 5;
      const b = i & 31;
      const deliverable = enabled[w] & (latch[w] | (line[w] & ~edge[w]));
      let key = KEY_REST;
      if ((active[w] >>> b) & 1) key = KEY_ACTIVE;
      else if ((deliverable >>> b) & 1) key = KEY_PRIORITY + priority[i];
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

  // ---- LPIs: they come and go with the translations that lead to them

  /** Index that an LPI has while it exists, as those do that a translation leads to. */
  lpiAt(intid: number): number {
    return this.lpiBase + intid - LPI_MIN;
  }

  /** Index of an LPI that exists, or -1. */
  lpiIndex(intid: number): number {
    const n = intid - LPI_MIN;
    return n >= 0 && n < this.#references.length && testBit(this.#existing, n) ? this.lpiBase + n : -1;
  }

  /** One more translation leads to an LPI that exists. */
  referLpi(i: number): void {
    this.#references[i - this.lpiBase]++;
  }

  /** A new LPI: edge-triggered, group 1, disabled, not pending; one translation leads to it. Returns its index. */
  createLpi(intid: number, target: number): number {
    const n = intid - LPI_MIN;
    if (n >= this.#references.length) this.#growLpis(n + 1);
    const i = this.lpiBase + n;
    const w = i >>> 5;
    const bit = 1 << (i & 31);
    this.latch[w] &= ~bit;
    this.active[w] &= ~bit;
    this.enabled[w] &= ~bit;
    this.edge[w] |= bit;
    this.group[w] |= bit;
    this.priority[i] = 0;
    this.target[i] = target;
    this.#references[n] = 1;
    setBit(this.#existing, n);
    return i;
  }

  /** A translation that led to an LPI is gone. With the last one the LPI goes, once no vCPU's list has it. */
  releaseLpi(i: number): void {
    this.#references[i - this.lpiBase]--;
    this.#forgetLpi(i);
  }

  #forgetLpi(i: number): void {
    const n = i - this.lpiBase;
    if (this.#references[n] === 0 && this.lists.owner[i] < 0) clearBit(this.#existing, n);
  }

  /** GICR_CTLR.EnableLPIs goes off: what waits in a vCPU's list is pending no more. */
  dropLpis(vcpu: number): void {
    const { lists } = this;
    for (let i = lists.head[vcpu]; i >= 0; ) {
      const next = lists.next[i];
      if (i >= this.lpiBase) {
        clearBit(this.latch, i);
        lists.remove(i);
        this.#forgetLpi(i);
      }
      i = next;
    }
  }

  /** Visits the indices of all LPIs by ascending INTID, until `visit` answers false. Says whether it came to the end. */
  eachLpi(visit: (i: number) => boolean): boolean {
    for (let word = 0; word < this.#existing.length; word++) {
      for (let rest = this.#existing[word]; rest !== 0; rest &= rest - 1) {
        if (!visit(this.lpiBase + (word << 5) + lowestBit(rest))) return false;
      }
    }
    return true;
  }

  /** The LPIs that exist, as a bitmap from INTID 8192 on. */
  get existingLpis(): Uint32Array {
    return this.#existing;
  }

  #growLpis(needed: number): void {
    const room = Math.max(1024, 2 ** Math.ceil(Math.log2(needed)));
    const indices = this.lpiBase + room;
    const words = indices >>> 5;
    this.latch = grown(this.latch, words);
    this.line = grown(this.line, words);
    this.active = grown(this.active, words);
    this.enabled = grown(this.enabled, words);
    this.group = grown(this.group, words);
    this.edge = grown(this.edge, words);
    this.hardware = grown(this.hardware, words);
    this.onVpe = grown(this.onVpe, words);
    this.priority = grown(this.priority, indices);
    this.target = grown(this.target, indices);
    this.physicalIntid = grown(this.physicalIntid, indices);
    this.#references = grown(this.#references, room);
    this.#existing = grown(this.#existing, room >>> 5);
    this.lists.grow(indices);
  }
}
