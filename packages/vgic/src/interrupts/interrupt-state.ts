import {
  affinityOf,
  LPI_MIN as FIRST_LPI,
  PRIVATE_COUNT as PRIVATE,
  SGI_COUNT,
  SPI_LIMIT,
} from '../architecture/intid.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';
import { GicEvents } from '../gic-events.js';
import { ActivePendingLists } from './active-pending-lists.js';
import { clearBit, countBits, lowestBit, setBit, testBit, writeBit } from './bitmap.js';
import type { ExtendedRanges } from './extended-ranges.js';
import { pendingBits } from './pending.js';
import { PhysicalInterrupts } from './physical-interrupts.js';
import { BIT, INT16, type PlaneTable, planesOf, UINT8, UINT16, UINT32 } from './planes.js';

// V8 folds a module's own constants, not imported ones; the ways of an interrupt lead through here
const LPI_MIN = FIRST_LPI;
const PRIVATE_COUNT = PRIVATE;

/**
 * The state of an interrupt: all of it, and nothing else has any. After reset, as KVM has it, SGIs are enabled and
 * edge-triggered, PPIs level-sensitive, SPIs edge-triggered, all to vCPU 0.
 */
const PLANES = {
  /** The pending latch: set by an edge, by ISPENDR, by an SGI; apart from the line. */
  latch: { kind: BIT, lpi: 0 },
  /** The level of the input line. Kept for edge-triggered interrupts too, where it does not count. */
  line: { kind: BIT, lpi: 0 },
  active: { kind: BIT, lpi: 0 },
  enabled: { kind: BIT, lpi: 0, reset: (_version, _vcpu, intid) => (intid < SGI_COUNT ? 1 : 0) },
  /** Group 1 if set. */
  group: { kind: BIT, lpi: 1, reset: (version) => (version === 3 ? 1 : 0) },
  /** Edge-triggered if set, else level-sensitive. */
  edge: { kind: BIT, lpi: 1, reset: (_version, _vcpu, intid) => (intid < SGI_COUNT || intid >= PRIVATE_COUNT ? 1 : 0) },
  /** Tied to an interrupt of the host. */
  hardware: { kind: BIT, lpi: 0 },
  /** Injected directly by the host's GIC, which has the pending state. */
  onVpe: { kind: BIT, lpi: 0 },
  priority: { kind: UINT8, lpi: 0 },
  /** The vCPU that gets it, or NO_VCPU. */
  target: { kind: INT16, lpi: 0, reset: (_version, vcpu) => vcpu },
  physicalIntid: { kind: UINT16, lpi: 0 },
  /** GICv2 SGIs: the vCPUs that have sent it and were not served yet, a bit each. */
  source: { kind: UINT8 },
  /** GICv2 SGIs: the sender of the one that is active. */
  activeSource: { kind: UINT8 },
  /** GICv2: what GICD_ITARGETSR reads. */
  targets: {
    kind: UINT8,
    reset: (version, vcpu, intid) => (version === 2 && intid < PRIVATE_COUNT ? 1 << vcpu : 0),
  },
  /** GICv3: what GICD_IROUTER reads; the vCPU's own affinity for private interrupts. */
  affinity: {
    kind: UINT32,
    reset: (version, vcpu, intid) => (version === 3 && intid < PRIVATE_COUNT ? affinityOf(vcpu) : 0),
  },
  /** LPIs: how many ITS translations lead to each. */
  references: { kind: UINT32, lpi: 0 },
  /** LPIs that exist: mapped, or unmapped while they were in a vCPU's list. */
  existing: { kind: BIT, lpi: 0 },
} as const satisfies PlaneTable;

/** LPIs get room for so many at least. */
const LEAST_LPI_ROOM = 1024;

/**
 * The state of every interrupt, and which interrupts there are.
 *
 * An interrupt's *index* is `vcpu * 32 + INTID` for SGIs and PPIs; the SPIs follow, then the extended ranges, if there are
 * any, then the LPIs as they come. All one-bit state is in bitmaps over the index, so that a 32-interrupt register of any
 * frame is one word: word `vcpu` for the private ones, word `vcpus + INTID / 32 - 1` for the shared ones.
 */
export class InterruptState extends planesOf(PLANES) implements StatePart {
  /** Where SPI 32 is. */
  readonly sharedBase: number;
  /** Where the SPIs' room ends. */
  readonly #sharedLimit: number;
  /** GICv3.1's extended ranges. */
  readonly extended: ExtendedRanges | undefined;
  /** Where the LPIs begin: LPI n is at lpiBase + n - 8192, as far as there is room. */
  readonly lpiBase: number;
  /** Behind the last LPI that there ever was, rounded up to a word. */
  #lpiEnd: number;

  readonly lists: ActivePendingLists;
  /** GICD_CTLR.EnableGrp0, and whether EnableGrp1 is another: all bits set, or none. */
  private group0 = 0;
  private groupsDiffer = 0;

  constructor(
    readonly version: 2 | 3,
    readonly vcpus: number,
    /** INTIDs of the distributor (KVM's nr_irqs): SPIs are 32 to count - 1. It may change until one of them is used. */
    public count: number,
    readonly physical: PhysicalInterrupts = new PhysicalInterrupts(),
    readonly events: GicEvents = new GicEvents(),
    /** The extended ranges that begin at an index. With them `count` does not change any more. */
    rangesFrom?: (base: number, vcpus: number) => ExtendedRanges,
  ) {
    const sharedBase = vcpus * PRIVATE_COUNT;
    // room for all SPIs that there can be: KVM's userspace says how many there are after vCPUs and ITSs exist
    const sharedLimit = sharedBase + (rangesFrom === undefined ? SPI_LIMIT : count) - PRIVATE_COUNT;
    const extended = rangesFrom?.(sharedLimit, vcpus);
    const fixed = extended?.end ?? sharedLimit;
    const shape = { version, vcpus, fixed };
    super(shape);
    this.sharedBase = sharedBase;
    this.#sharedLimit = sharedLimit;
    this.extended = extended;
    this.lpiBase = fixed;
    this.#lpiEnd = fixed;
    this.lists = new ActivePendingLists(shape);
    extended?.reset(this);
  }

  /** One more than the last index before the LPIs. */
  get fixedEnd(): number {
    return this.extended?.end ?? this.sharedBase + this.count - PRIVATE_COUNT;
  }

  /** GICD_CTLR.EnableGrp0 and EnableGrp1, bits 0 and 1: nothing pending of a group is delivered while its bit is clear. */
  get groupEnables(): number {
    return (this.group0 & 1) | ((this.group0 ^ this.groupsDiffer) & 2);
  }
  set groupEnables(groups: number) {
    this.group0 = groups & 1 ? -1 : 0;
    this.groupsDiffer = this.group0 ^ (groups & 2 ? -1 : 0);
  }

  /** Whether the distributor delivers any group. */
  get distributorEnabled(): boolean {
    return (this.group0 | this.groupsDiffer) !== 0;
  }

  /** Those of the 32 interrupts of a word whose group the distributor delivers. */
  groupsEnabled(word: number): number {
    return (this.group[word] & this.groupsDiffer) ^ this.group0;
  }

  /** Index of an INTID as `vcpu` sees it, or -1 when there is no such interrupt. */
  indexOf(vcpu: number, intid: number): number {
    if (intid < PRIVATE_COUNT) return vcpu * PRIVATE_COUNT + intid;
    return intid < this.count ? this.indexOfShared(intid) : this.indexBeyond(vcpu, intid);
  }

  /** Apart, as all that is less frequent than an SPI: V8 makes what is short part of its caller. */
  private indexBeyond(vcpu: number, intid: number): number {
    return intid >= LPI_MIN ? this.lpiIndex(intid) : (this.extended?.indexOf(vcpu, intid) ?? -1);
  }

  /** {@link indexOf} of an SPI that there is. */
  indexOfShared(intid: number): number {
    return this.sharedBase + intid - PRIVATE_COUNT;
  }

  /** The INTID at an index. */
  intidOf(i: number): number {
    if (i < this.sharedBase) return i & 31;
    return i < this.#sharedLimit ? i - this.sharedBase + PRIVATE_COUNT : this.intidBeyond(i);
  }

  private intidBeyond(i: number): number {
    return i < this.lpiBase ? (this.extended as ExtendedRanges).intidOf(i) : i - this.lpiBase + LPI_MIN;
  }

  /** The vCPU whose private interrupt it is, or -1. */
  ownerOf(i: number): number {
    if (i < this.sharedBase) return i >>> 5;
    return this.extended?.ownerOf(i) ?? -1;
  }

  /** The word of the bitmaps that holds INTIDs `intid` to `intid + 31`, `intid` being a multiple of 32. */
  wordOf(vcpu: number, intid: number): number {
    return this.indexOf(vcpu, intid) >>> 5;
  }

  isSgi(i: number): boolean {
    return i < this.sharedBase && (i & 31) < SGI_COUNT;
  }

  /** Sets or clears the pending latch. */
  setLatch(i: number, set: boolean): void {
    if (testBit(this.latch, i) === set) return;
    writeBit(this.latch, i, set);
    this.events.latch?.(this.ownerOf(i), this.intidOf(i), set ? 1 : 0);
  }

  isPending(i: number): boolean {
    return ((pendingBits(this.latch, this.line, this.edge, i >>> 5) >>> (i & 31)) & 1) !== 0;
  }

  /** {@link isPending} for the 32 interrupts of a word. */
  pendingWord(word: number): number {
    return pendingBits(this.latch, this.line, this.edge, word) >>> 0;
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
    return active | ((pendingBits(this.latch, this.line, this.edge, w) >>> b) & 1);
  }

  // ---- LPIs: they come and go with the translations that lead to them

  /** Index that an LPI has while it exists, as those do that a translation leads to. */
  lpiAt(intid: number): number {
    return this.lpiBase + intid - LPI_MIN;
  }

  /** Index of an LPI that exists, or -1. */
  lpiIndex(intid: number): number {
    const i = this.lpiBase + intid - LPI_MIN;
    return i >= this.lpiBase && i < this.#lpiEnd && testBit(this.existing, i) ? i : -1;
  }

  /** One more translation leads to an LPI that exists. */
  referLpi(i: number): void {
    this.references[i]++;
  }

  /** A new LPI: edge-triggered, group 1, disabled, not pending; one translation leads to it. Returns its index. */
  createLpi(intid: number, target: number): number {
    const i = this.lpiAt(intid);
    if (i >= this.#lpiEnd) this.makeRoom(i + 1);
    const w = i >>> 5;
    const bit = 1 << (i & 31);
    this.latch[w] &= ~bit;
    this.active[w] &= ~bit;
    this.enabled[w] &= ~bit;
    this.priority[i] = 0;
    this.target[i] = target;
    this.references[i] = 1;
    setBit(this.existing, i);
    return i;
  }

  private makeRoom(end: number): void {
    if (end > this.target.length) {
      const room = Math.max(LEAST_LPI_ROOM, 2 ** Math.ceil(Math.log2(end - this.lpiBase)));
      this.growPlanes(this.lpiBase + room);
      this.lists.growPlanes(this.lpiBase + room);
    }
    this.#lpiEnd = Math.ceil(end / 32) * 32;
  }

  /** A translation that led to an LPI is gone. With the last one the LPI goes, once no vCPU's list has it. */
  releaseLpi(i: number): void {
    this.references[i]--;
    this.forgetLpi(i);
  }

  /** An LPI goes, if no translation leads to it and no vCPU's list has it. */
  protected forgetLpi(i: number): void {
    if (this.references[i] === 0 && this.lists.owner[i] < 0) clearBit(this.existing, i);
  }

  /** GICR_CTLR.EnableLPIs goes off: what waits in a vCPU's list is pending no more. */
  dropLpis(vcpu: number): void {
    const { lists } = this;
    for (let i = lists.head[vcpu]; i >= 0; ) {
      const next = lists.next[i];
      if (i >= this.lpiBase) {
        this.setLatch(i, false);
        lists.remove(i);
        this.forgetLpi(i);
      }
      i = next;
    }
  }

  /** Visits the indices of all LPIs by ascending INTID, until `visit` answers false. Says whether it came to the end. */
  eachLpi(visit: (i: number) => boolean): boolean {
    for (let word = this.lpiBase >>> 5; word < this.#lpiEnd >>> 5; word++) {
      for (let rest = this.existing[word]; rest !== 0; rest &= rest - 1) {
        if (!visit((word << 5) + lowestBit(rest))) return false;
      }
    }
    return true;
  }

  // ---- checkpoints

  visitState(state: StateVisitor): void {
    this.groupEnables = state.number(this.groupEnables);
    this.visitFixed(state, this.fixedEnd);
    if (state.visible) {
      this.eachLpi((i) => {
        state.number(i);
        this.visitLpi(state, i);
        return true;
      });
      this.lists.visitQueues(state);
      return;
    }
    const before = this.#lpiEnd;
    const end = state.number(before);
    if (end > before) this.makeRoom(end);
    this.#lpiEnd = end;
    this.visitLpis(state, this.lpiBase, end);
    this.lists.visitLinks(state, this.fixedEnd, this.lpiBase, end);
    if (before <= end) return;
    this.resetLpis(end, before);
    this.lists.resetLpis(end, before);
  }
}
