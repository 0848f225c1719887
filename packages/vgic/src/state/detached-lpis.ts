import { LPI_MIN } from '../architecture/intid.js';
import { LPI_ENABLE, LPI_PRIORITY_MASK } from '../architecture/lpi.js';
import type { Gic } from '../gic.js';
import { testBit, writeBit } from '../interrupts/bitmap.js';
import { type Interrupts, NO_VCPU } from '../interrupts/interrupts.js';

/**
 * An LPI that the ITS's tables do not bring back as it is: no translation leads to it any more while a vCPU still has it
 * to take or to end; or MOVALL has put it elsewhere than its collection is, where its pending state would not be looked
 * for; or the guest has written its configuration and not told the GIC by INV yet. KVM loses the pending state of the
 * former when a machine moves, and tells itself the latter.
 */
export interface DetachedLpi {
  readonly intid: number;
  /** The vCPU that gets it, or NO_VCPU (-1). */
  readonly target: number;
  /** The configuration as the GIC has read it. */
  readonly priority: number;
  readonly enabled: boolean;
  readonly pending: boolean;
}

/** The LPIs that differ from what a restore of the tables would make of them (`found`), or all where it makes none. */
export function detachedLpis(gic: Gic, found: Interrupts | undefined): DetachedLpi[] {
  const { irqs } = gic;
  const detached: DetachedLpi[] = [];
  irqs.eachLpi((i) => {
    const intid = irqs.intidOf(i);
    const target = irqs.target[i];
    const priority = irqs.priority[i];
    const enabled = testBit(irqs.enabled, i);
    const pending = irqs.isLatched(i);
    const same = found?.lpiIndex(intid) ?? -1;
    const isFound =
      found !== undefined &&
      same >= 0 &&
      found.target[same] === target &&
      found.priority[same] === priority &&
      testBit(found.enabled, same) === enabled &&
      testBit(found.latch, same) === pending;
    if (!isFound) detached.push({ intid, target, priority, enabled, pending });
    return true;
  });
  return detached;
}

/** Whether a value from outside is an LPI that this GIC can have. */
export function isDetachedLpi(gic: Gic, value: unknown): value is DetachedLpi {
  if (typeof value !== 'object' || value === null) return false;
  const { intid, target, priority, enabled, pending } = value as Partial<DetachedLpi>;
  return (
    Number.isInteger(intid) &&
    (intid as number) >= LPI_MIN &&
    (intid as number) < 2 ** gic.lpis.intidBits &&
    Number.isInteger(target) &&
    (target as number) >= NO_VCPU &&
    (target as number) < gic.irqs.vcpus &&
    Number.isInteger(priority) &&
    ((priority as number) & ~LPI_PRIORITY_MASK) === 0 &&
    typeof enabled === 'boolean' &&
    typeof pending === 'boolean'
  );
}

/**
 * Gives the LPIs their state, the tables being restored. Answers the indices of those that exist for this alone:
 * release them when the vCPUs' lists are restored, which keep what is to be taken or ended.
 */
export function restoreDetachedLpis(gic: Gic, lpis: readonly DetachedLpi[]): number[] {
  const { irqs } = gic;
  const created: number[] = [];
  for (const { intid, target, priority, enabled, pending } of lpis) {
    let i = irqs.lpiIndex(intid);
    if (i < 0) {
      i = irqs.createLpi(intid, target);
      created.push(i);
    }
    irqs.retarget(i, target);
    irqs.priority[i] = priority;
    writeBit(irqs.enabled, i, enabled);
    if (testBit(irqs.onVpe, i)) irqs.vpes?.configured(i, priority | (enabled ? LPI_ENABLE : 0), true);
    // a forwarded one is pending on the host
    if (!testBit(irqs.onVpe, i)) writeBit(irqs.latch, i, pending);
    else if (pending) irqs.pend(i);
    else irqs.clearPending(i);
  }
  return created;
}
