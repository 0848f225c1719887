import { LR_STATE } from '../architecture/virtual-interface.js';
import type { Gic } from '../gic.js';
import { testBit } from '../interrupts/bitmap.js';

/** How many interrupts are in each state, at one moment. */
export interface Census {
  /** Pending and not active. */
  pending: number;
  /** Active and not pending. */
  active: number;
  activePending: number;
  /** Level-sensitive interrupts whose latch is set by software. */
  latched: number;
  /** Level-sensitive interrupts whose line is high. */
  lineHigh: number;
  /** List registers in use. */
  inListRegisters: number;
  /** Waiting for a vCPU that has not enough list registers for all it must see. */
  queued: number;
}

/** No register tells whether a vLPI is pending, nor does memory while its vPE is mapped; but a model can be looked into. */
function isPendingOnVpe({ irqs, forwarding }: Gic, i: number): boolean {
  const vpe = forwarding?.vpes[i < irqs.sharedBase ? i >>> 5 : irqs.target[i]];
  return vpe !== undefined && (forwarding?.driver.gic.vpes.get(vpe.id)?.isPending(irqs.intidOf(i)) ?? false);
}

/**
 * Counts the states of all interrupts, LPIs and what a GICv4 host has of them too. What a vCPU in the guest has in its list registers counts in `inListRegisters`
 * alone, since only the guest knows it until the exit: take the census with the vCPUs out of the guest to see all.
 */
export function census(gic: Gic): Census {
  const { irqs } = gic;
  const count: Census = {
    pending: 0,
    active: 0,
    activePending: 0,
    latched: 0,
    lineHigh: 0,
    inListRegisters: 0,
    queued: 0,
  };
  const add = (i: number): true => {
    const pending = testBit(irqs.onVpe, i) ? isPendingOnVpe(gic, i) : irqs.isPending(i);
    const active = testBit(irqs.active, i);
    const level = !testBit(irqs.edge, i);
    if (pending && active) count.activePending++;
    else if (pending) count.pending++;
    else if (active) count.active++;
    if (level && testBit(irqs.latch, i)) count.latched++;
    if (level && testBit(irqs.line, i)) count.lineHigh++;
    return true;
  };
  for (let i = 0; i < irqs.fixedEnd; i++) add(i);
  irqs.eachLpi(add);
  for (let vcpu = 0; vcpu < irqs.vcpus; vcpu++) {
    const cpu = gic.cpuInterface(vcpu);
    for (let n = 0; n < cpu.listRegisters; n++) if ((cpu.lrHigh[n] & LR_STATE) !== 0) count.inListRegisters++;
    let needed = 0;
    for (let i = irqs.lists.head[vcpu]; i >= 0; i = irqs.lists.next[i]) needed += irqs.listRegistersNeeded(i);
    count.queued += Math.max(0, needed - cpu.listRegisters);
  }
  return count;
}
