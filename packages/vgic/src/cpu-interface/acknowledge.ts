import { INTID_SPECIAL_MIN, INTID_SPURIOUS, LPI_MIN } from '../architecture/intid.js';
import * as architecture from '../architecture/virtual-interface.js';
import { lowestBit } from '../interrupts/bitmap.js';
import type { PhysicalInterrupts } from '../interrupts/physical-interrupts.js';
import type { CpuInterface, ResidentVpe } from './cpu-interface.js';

// V8 folds a module's own constants, not imported ones; the guest's hot path is here
const HCR_EN = architecture.HCR_EN;
const IDLE_PRIORITY = architecture.IDLE_PRIORITY;
const LR_ACTIVE = architecture.LR_ACTIVE;
const LR_GROUP = architecture.LR_GROUP;
const LR_HW = architecture.LR_HW;
const LR_PENDING = architecture.LR_PENDING;
const LR_PINTID_MASK = architecture.LR_PINTID_MASK;
const LR_PRIORITY_SHIFT = architecture.LR_PRIORITY_SHIFT;
const LR_STATE = architecture.LR_STATE;
const VMCR_ENG0 = architecture.VMCR_ENG0;
const VMCR_ENG1 = architecture.VMCR_ENG1;
const VMCR_EOIM = architecture.VMCR_EOIM;

/**
 * A GICv3 guest's acknowledge, end of interrupt and deactivation, served from the list registers. Source: IHI 0069H, 4.2
 * and 12.2.
 */

/** Of equal priorities the lowest INTID comes first, so that it does not matter which list register each is in. */
function comesBefore(cpu: CpuInterface, n: number, other: number): boolean {
  return other >= 0 && cpu.lrLow[n] < cpu.lrLow[other] && !cpu.endsByPriority;
}

/** The pending list register with the highest priority whose group is enabled, or -1. */
function highestPendingListRegister(cpu: CpuInterface): number {
  let best = -1;
  let bestPriority = IDLE_PRIORITY;
  const { control, lrHigh, used } = cpu;
  for (let n = 0; n < used; n++) {
    const high = lrHigh[n];
    if ((high & LR_STATE) !== LR_PENDING) continue;
    if (!(control & (high & LR_GROUP ? VMCR_ENG1 : VMCR_ENG0))) continue;
    const priority = (high >>> LR_PRIORITY_SHIFT) & 0xff;
    if (priority < bestPriority || (priority === bestPriority && comesBefore(cpu, n, best))) {
      bestPriority = priority;
      best = n;
    }
  }
  return best;
}

/** INTID of the resident vPE's interrupt that comes before list register `n` (or -1, none), or -1: it is last of equals. */
function vpeBefore(cpu: CpuInterface, n: number): number {
  const { vpe } = cpu;
  if (vpe === undefined || !(cpu.hcr & HCR_EN)) return -1;
  const intid = vpe.best(cpu.control & (VMCR_ENG0 | VMCR_ENG1));
  if (intid < 0 || (n >= 0 && ((cpu.lrHigh[n] >>> LR_PRIORITY_SHIFT) & 0xff) <= vpe.priority(intid))) return -1;
  return intid;
}

/** Whether an interrupt may be signalled: above the priority mask and preempting what is active. */
export function mayPreempt(cpu: CpuInterface, priority: number, group: number): boolean {
  if (priority >= cpu.pmr) return false;
  const running = cpu.runningPriority();
  return running > IDLE_PRIORITY || preempts(cpu, priority, group, running);
}

function preempts(cpu: CpuInterface, priority: number, group: number, running: number): boolean {
  // the binary point may have changed since the acknowledge: both count as it is now
  const runningGroup = cpu.endsByPriority ? running : cpu.groupPriority(running, group);
  return cpu.groupPriority(priority, group) < runningGroup;
}

/** The same for list register `n`. */
function isSignalled(cpu: CpuInterface, n: number): boolean {
  const high = cpu.lrHigh[n];
  return mayPreempt(cpu, (high >>> LR_PRIORITY_SHIFT) & 0xff, (high >>> 28) & 1);
}

/** The group of the interrupt that the virtual CPU interface signals: 0, 1, or -1 for none. */
export function signalledGroup(cpu: CpuInterface): number {
  const n = highestPendingListRegister(cpu);
  if (cpu.vpe !== undefined) {
    const intid = vpeBefore(cpu, n);
    if (intid >= 0) {
      const group = cpu.vpe.isGroup1(intid) ? 1 : 0;
      return mayPreempt(cpu, cpu.vpe.priority(intid), group) ? group : -1;
    }
  }
  return n < 0 || !isSignalled(cpu, n) ? -1 : (cpu.lrHigh[n] >>> 28) & 1;
}

function activate(cpu: CpuInterface, priority: number, group: number): void {
  const level = cpu.groupPriority(priority, group) >>> cpu.minimumBpr;
  (group === 0 ? cpu.ap0r : cpu.ap1r)[level >>> 5] |= 1 << (level & 31);
}

/** The acknowledge of what a resident vPE signals. */
function acknowledgeVpe(cpu: CpuInterface, vpe: ResidentVpe, intid: number, group: number): number {
  const priority = vpe.priority(intid);
  if (vpe.isGroup1(intid) !== (group === 1) || !mayPreempt(cpu, priority, group)) return INTID_SPURIOUS;
  activate(cpu, priority, group);
  vpe.clearPending(intid);
  tellAcknowledged(cpu, intid, priority, group);
  return intid;
}

/** ICC_IAR<group>_EL1. */
export function acknowledge(cpu: CpuInterface, group: number): number {
  const n = highestPendingListRegister(cpu);
  if (cpu.vpe !== undefined) {
    const intid = vpeBefore(cpu, n);
    if (intid >= 0) return acknowledgeVpe(cpu, cpu.vpe, intid, group);
  }
  if (n < 0 || ((cpu.lrHigh[n] >>> 28) & 1) !== group || !isSignalled(cpu, n)) return INTID_SPURIOUS;
  const high = cpu.lrHigh[n];
  cpu.lrHigh[n] = (high & ~LR_STATE) | LR_ACTIVE;
  const priority = (high >>> LR_PRIORITY_SHIFT) & 0xff;
  activate(cpu, priority, group);
  const intid = cpu.lrLow[n];
  if (cpu.events.looking) tellAcknowledged(cpu, intid, priority, group);
  return intid;
}

function tellAcknowledged(cpu: CpuInterface, intid: number, priority: number, group: number): void {
  cpu.events.acknowledged?.(cpu.vcpu, intid, priority, group);
}

/** ICC_HPPIR<group>_EL1. */
export function highestPending(cpu: CpuInterface, group: number): number {
  const n = highestPendingListRegister(cpu);
  if (cpu.vpe !== undefined) {
    const intid = vpeBefore(cpu, n);
    if (intid >= 0) return cpu.vpe.isGroup1(intid) === (group === 1) ? intid : INTID_SPURIOUS;
  }
  return n < 0 || ((cpu.lrHigh[n] >>> 28) & 1) !== group ? INTID_SPURIOUS : cpu.lrLow[n];
}

/** The list register in which an INTID is active, or -1. */
function activeListRegister(cpu: CpuInterface, intid: number): number {
  for (let n = 0; n < cpu.used; n++) {
    if (cpu.lrLow[n] === intid && cpu.lrHigh[n] & LR_ACTIVE) return n;
  }
  return -1;
}

/**
 * Priority drop: clears the highest active priority and returns it, or IDLE_PRIORITY where there is none, or where `only` is a
 * group (0, 1) and it is of the other one. -1: of either.
 */
function dropPriority(cpu: CpuInterface, only: number): number {
  for (let word = 0; word < cpu.activePriorityWords; word++) {
    const group0 = cpu.ap0r[word];
    const group1 = cpu.ap1r[word];
    if ((group0 | group1) === 0) continue;
    const lowest = lowestBit(group0 | group1);
    const group = (group1 >>> lowest) & 1;
    if (only >= 0 && only !== group) return IDLE_PRIORITY;
    if (group === 1) cpu.ap1r[word] = group1 & (group1 - 1);
    else cpu.ap0r[word] = group0 & (group0 - 1);
    return ((word * 32 + lowest) << cpu.minimumBpr) & 0xff;
  }
  return IDLE_PRIORITY;
}

function deactivateListRegister(cpu: CpuInterface, n: number, physical: PhysicalInterrupts): void {
  const high = cpu.lrHigh[n] & ~LR_ACTIVE;
  cpu.lrHigh[n] = high;
  if (high & LR_HW) physical.deactivate(high & LR_PINTID_MASK);
  if (cpu.events.looking) tellDeactivated(cpu, n);
}

function tellDeactivated(cpu: CpuInterface, n: number): void {
  cpu.events.deactivated?.(cpu.vcpu, cpu.lrLow[n]);
}

/** ICC_EOIR<group>_EL1. */
export function endOfInterrupt(cpu: CpuInterface, group: number, intid: number, physical: PhysicalInterrupts): void {
  if (cpu.endsByPriority) {
    endByPriority(cpu, group, intid, physical);
    return;
  }
  // not the end of what is active: the guest's error
  if (intid >= INTID_SPECIAL_MIN && intid <= INTID_SPURIOUS) return;
  const dropped = dropPriority(cpu, group);
  if (dropped === IDLE_PRIORITY) return;
  if (cpu.events.looking) tellDropped(cpu, intid, dropped);
  if (!(cpu.control & VMCR_EOIM) || intid >= LPI_MIN) deactivateInterrupt(cpu, intid, physical);
}

function tellDropped(cpu: CpuInterface, intid: number, dropped: number): void {
  cpu.events.priorityDropped?.(cpu.vcpu, intid, dropped);
}

/** The same in KVM's trap code: the deviation `endOfOtherPriority`. */
function endByPriority(cpu: CpuInterface, group: number, intid: number, physical: PhysicalInterrupts): void {
  const dropped = dropPriority(cpu, -1);
  tellDropped(cpu, intid, dropped);
  const n = activeListRegister(cpu, intid);
  if (n < 0) {
    if (intid < LPI_MIN && cpu.unlistedEnd === undefined) cpu.countUnlistedEnd();
    else if (intid < LPI_MIN && !(cpu.control & VMCR_EOIM)) cpu.unlistedEnd?.(intid);
    return;
  }
  if (cpu.control & VMCR_EOIM && intid < LPI_MIN) return;
  const high = cpu.lrHigh[n];
  const priority = (high >>> LR_PRIORITY_SHIFT) & 0xff;
  if (((high >>> 28) & 1) !== group || cpu.groupPriority(priority, group) !== dropped) return;
  deactivateListRegister(cpu, n, physical);
}

/** Deactivation by INTID. LPIs are active in a list register alone. */
function deactivateInterrupt(cpu: CpuInterface, intid: number, physical: PhysicalInterrupts): void {
  const n = activeListRegister(cpu, intid);
  if (n >= 0) deactivateListRegister(cpu, n, physical);
  else if (intid < LPI_MIN) cpu.endUnlisted(intid);
}

/** ICC_DIR_EL1. */
export function deactivate(cpu: CpuInterface, intid: number, physical: PhysicalInterrupts): void {
  if (cpu.control & VMCR_EOIM && intid < LPI_MIN) deactivateInterrupt(cpu, intid, physical);
}
