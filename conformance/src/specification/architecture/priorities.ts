/**
 * The priorities of one vCPU's CPU interface: mask, binary points, active priorities.
 * IHI 0069, 4.8 "Interrupt prioritization"; IHI 0048, 3.3.
 */

/** The running priority while no interrupt is active (IHI 0069, 12.2 ICC_RPR_EL1). */
export const IDLE = 0xff;
const NO_LEVEL = -1;
const LEVELS = 128;

export class Priorities {
  mask = 0;
  /** ICC_BPR0_EL1 and ICC_BPR1_EL1, GICC_BPR and GICC_ABPR. */
  binaryPoint0: number;
  binaryPoint1: number;
  /** CBPR: group 1 uses the binary point of group 0. */
  common = false;
  /** The active priorities of each group, a bit for each level of preemption (ICC_AP<n>R<m>_EL1, GICC_APR<n>). */
  readonly active: readonly [Uint32Array, Uint32Array] = [new Uint32Array(4), new Uint32Array(4)];

  /** Bits of the group priority: 7 at most, since ICC_BPR0_EL1 = 0 leaves one bit of subpriority (IHI 0069, 4.8.2). */
  readonly preemptionBits: number;
  /** Bits of a priority that are implemented. */
  readonly implemented: number;

  constructor(priorityBits: number) {
    this.preemptionBits = Math.min(priorityBits, 7);
    this.implemented = (0xff << (8 - priorityBits)) & 0xff;
    this.binaryPoint0 = this.smallest(0);
    this.binaryPoint1 = this.smallest(1);
  }

  /** The smallest value of a binary point; group 1's is one more (IHI 0069, 12.2 ICC_BPR1_EL1; IHI 0048, 4.4.3). */
  smallest(group: number): number {
    return 7 - this.preemptionBits + group;
  }

  /** A write of less than the smallest value sets the smallest (IHI 0069, 12.2 ICC_BPR0_EL1). */
  setBinaryPoint(group: number, value: number): void {
    const point = Math.max(value & 7, this.smallest(group));
    if (group === 0) this.binaryPoint0 = point;
    else this.binaryPoint1 = point;
  }

  /** Table 4-7 of IHI 0069, 4.8.2: group 0's field is bits 7 to n + 1; group 1's own binary point has it one lower. */
  groupPriority(priority: number, group: number): number {
    const subpriority = group === 0 || this.common ? this.binaryPoint0 + 1 : this.binaryPoint1;
    return priority & (0xff << subpriority) & 0xff;
  }

  /** The level of the highest active priority of both groups, or `NO_LEVEL`. */
  #highestLevel(): number {
    const [first, second] = this.active;
    for (let word = 0; word < LEVELS / 32; word++) {
      const levels = first[word] | second[word];
      if (levels !== 0) return 32 * word + (31 - Math.clz32(levels & -levels));
    }
    return NO_LEVEL;
  }

  /** IHI 0069, 4.8.3 "Preemption", and 12.2 ICC_RPR_EL1. */
  get running(): number {
    const level = this.#highestLevel();
    return level === NO_LEVEL ? IDLE : level << (8 - this.preemptionBits);
  }

  /** The group of the highest active priority, or -1. */
  get runningGroup(): number {
    const level = this.#highestLevel();
    if (level === NO_LEVEL) return -1;
    return (this.active[0][level >>> 5] & (1 << (level & 31))) !== 0 ? 0 : 1;
  }

  /**
   * The mask lets it through, and its group priority is higher than that of the running priority (IHI 0069, 4.8.3 and 4.8.6). What is
   * the group priority the binary point says, as it is now: it may have changed since the acknowledge.
   */
  admits(priority: number, group: number): boolean {
    const { running } = this;
    if (priority >= this.mask) return false;
    return running === IDLE || this.groupPriority(priority, group) < this.groupPriority(running, group);
  }

  /** An acknowledge makes the group priority active (IHI 0069, 4.8.3). */
  activate(priority: number, group: number): void {
    const level = this.groupPriority(priority, group) >>> (8 - this.preemptionBits);
    this.active[group as 0 | 1][level >>> 5] |= 1 << (level & 31);
  }

  /** Priority drop: the highest active priority is not active any more (IHI 0069, 4.1.1 and 4.8.3). */
  drop(): void {
    const level = this.#highestLevel();
    if (level !== NO_LEVEL) this.active[this.runningGroup as 0 | 1][level >>> 5] &= ~(1 << (level & 31));
  }
}
