import { INTID_SPECIAL_MIN, INTID_SPURIOUS, INTID_SPURIOUS_OTHER_GROUP, SGI_COUNT } from '../architecture/intid.js';
import * as architecture from '../architecture/virtual-interface.js';
import { lowestBit } from '../interrupts/bitmap.js';
import type { PhysicalInterrupts } from '../interrupts/physical-interrupts.js';
import type { CpuInterface } from './cpu-interface.js';

// V8 folds a module's own constants, not imported ones; the guest's hot path is here
const IDLE_PRIORITY = architecture.IDLE_PRIORITY;
const LR_ACTIVE = architecture.LR_ACTIVE;
const LR_HW = architecture.LR_HW;
const LR_PENDING = architecture.LR_PENDING;
const LR_PINTID_MASK = architecture.LR_PINTID_MASK;
const LR_PRIORITY_SHIFT = architecture.LR_PRIORITY_SHIFT;
const LR_STATE = architecture.LR_STATE;
const LR_V2_INTID_MASK = architecture.LR_V2_INTID_MASK;
const LR_V2_SOURCE_SHIFT = architecture.LR_V2_SOURCE_SHIFT;
const VMCR_ACKCTL = architecture.VMCR_ACKCTL;
const VMCR_CBPR = architecture.VMCR_CBPR;
const VMCR_ENG0 = architecture.VMCR_ENG0;
const VMCR_EOIM = architecture.VMCR_EOIM;

/**
 * GICV: what the virtual CPU interface of a GICv2 guest does with list registers, which it reaches by MMIO where it expects
 * GICC (`frames/cpu-interface-v2.ts`). Source: IHI 0048B, 5.5 and 4.4.
 */

const SOURCE_MASK = 7;
/** A GICv2 has 5 bits of priority. */
const PRIORITY_MASK = 0xf8;
/** What the running priority is compared as when nothing is active: above every priority. */
const NOTHING_ACTIVE = 0x100;

function priorityOf(cpu: CpuInterface, n: number): number {
  return (cpu.lrHigh[n] >>> LR_PRIORITY_SHIFT) & 0xff;
}

function groupOf(cpu: CpuInterface, n: number): number {
  return (cpu.lrHigh[n] >>> 28) & 1;
}

/** Of equal priorities the lowest INTID comes first, so that it does not matter which list register each is in. */
function comesBefore(cpu: CpuInterface, n: number, other: number): boolean {
  return (cpu.lrLow[n] & LR_V2_INTID_MASK) < (cpu.lrLow[other] & LR_V2_INTID_MASK) && !cpu.endsByPriority;
}

/** GICV_RPR. */
export function idleOrRunningPriority(cpu: CpuInterface): number {
  return Math.min(runningPriority(cpu), IDLE_PRIORITY);
}

/** One active priorities register for both groups (GICV_APR): a bit for each of 32 preemption levels. */
function runningPriority(cpu: CpuInterface): number {
  return cpu.ap1r[0] !== 0 ? lowestBit(cpu.ap1r[0]) << 3 : NOTHING_ACTIVE;
}

function groupPriority(cpu: CpuInterface, priority: number, group: number): number {
  let binaryPoint = cpu.bpr0;
  // group 1 has its own binary point, which counts from 1 more, unless CBPR makes it group 0's
  if (group === 1 && !(cpu.control & VMCR_CBPR)) binaryPoint = cpu.bpr1 - 1;
  return priority & (-1 << (binaryPoint + 1)) & 0xff;
}

/** Whether an interrupt may be signalled: above the priority mask and preempting what is active. */
export function mayPreempt(cpu: CpuInterface, priority: number, group: number): boolean {
  if (priority >= (cpu.pmr & PRIORITY_MASK)) return false;
  const running = runningPriority(cpu);
  return running === NOTHING_ACTIVE || preempts(cpu, priority, group, running);
}

function preempts(cpu: CpuInterface, priority: number, group: number, running: number): boolean {
  // the binary point may have changed since the acknowledge: both count as it is now
  const runningGroup = cpu.endsByPriority ? running : groupPriority(cpu, running, group);
  return groupPriority(cpu, priority, group) < runningGroup;
}

/** The pending list register with the highest priority whose group is enabled, or -1. */
function highestPendingListRegister(cpu: CpuInterface): number {
  let best = -1;
  let bestPriority = NOTHING_ACTIVE;
  for (let n = 0; n < cpu.listRegisters; n++) {
    if ((cpu.lrHigh[n] & LR_STATE) !== LR_PENDING) continue;
    if (!(cpu.control & (VMCR_ENG0 << groupOf(cpu, n)))) continue;
    const priority = priorityOf(cpu, n);
    if (priority < bestPriority || (priority === bestPriority && comesBefore(cpu, n, best))) {
      bestPriority = priority;
      best = n;
    }
  }
  return best;
}

/** Whether the best pending list register is signalled to the vCPU; -1 when none is. */
export function signalledListRegister(cpu: CpuInterface): number {
  const n = highestPendingListRegister(cpu);
  if (n < 0) return -1;
  return mayPreempt(cpu, priorityOf(cpu, n), groupOf(cpu, n)) ? n : -1;
}

/** What an acknowledge register shows of a list register: INTID, and the sender of an SGI. */
function acknowledgeValue(cpu: CpuInterface, n: number): number {
  const intid = cpu.lrLow[n] & LR_V2_INTID_MASK;
  return intid < SGI_COUNT ? intid | senderBits(cpu, n) : intid;
}

function senderBits(cpu: CpuInterface, n: number): number {
  return cpu.lrHigh[n] & LR_HW ? 0 : cpu.lrLow[n] & (SOURCE_MASK << LR_V2_SOURCE_SHIFT);
}

/** The special INTID that hides a list register of the other group, or -1 when it may be shown. */
function hiddenByGroup(cpu: CpuInterface, n: number, aliased: boolean): number {
  if (aliased) return groupOf(cpu, n) === 0 ? INTID_SPURIOUS : -1;
  return groupOf(cpu, n) === 1 && !(cpu.control & VMCR_ACKCTL) ? INTID_SPURIOUS_OTHER_GROUP : -1;
}

/** GICV_IAR, or GICV_AIAR (`aliased`). */
export function acknowledge(cpu: CpuInterface, aliased: boolean): number {
  const n = signalledListRegister(cpu);
  if (n < 0) return INTID_SPURIOUS;
  const special = hiddenByGroup(cpu, n, aliased);
  if (special >= 0) return special;
  cpu.lrHigh[n] = (cpu.lrHigh[n] & ~LR_STATE) | LR_ACTIVE;
  cpu.ap1r[0] |= 1 << (groupPriority(cpu, priorityOf(cpu, n), groupOf(cpu, n)) >>> 3);
  if (cpu.events.looking) tellAcknowledged(cpu, n);
  return acknowledgeValue(cpu, n);
}

function tellAcknowledged(cpu: CpuInterface, n: number): void {
  cpu.events.acknowledged?.(cpu.vcpu, cpu.lrLow[n] & LR_V2_INTID_MASK, priorityOf(cpu, n), groupOf(cpu, n));
}

/** GICV_HPPIR, or GICV_AHPPIR (`aliased`). */
export function highestPending(cpu: CpuInterface, aliased: boolean): number {
  const n = highestPendingListRegister(cpu);
  if (n < 0) return INTID_SPURIOUS;
  const special = hiddenByGroup(cpu, n, aliased);
  return special >= 0 ? special : acknowledgeValue(cpu, n);
}

function deactivate(cpu: CpuInterface, value: number, physical: PhysicalInterrupts): void {
  const intid = value & LR_V2_INTID_MASK;
  const source = (value >>> LR_V2_SOURCE_SHIFT) & SOURCE_MASK;
  for (let n = 0; n < cpu.listRegisters; n++) {
    const high = cpu.lrHigh[n];
    if (!(high & LR_ACTIVE) || (cpu.lrLow[n] & LR_V2_INTID_MASK) !== intid) continue;
    const sender = high & LR_HW ? 0 : (cpu.lrLow[n] >>> LR_V2_SOURCE_SHIFT) & SOURCE_MASK;
    // one that was sent by another vCPU is not active meanwhile: in software the sender does not matter
    if (intid < SGI_COUNT && sender !== source && cpu.unlistedEnd === undefined) continue;
    cpu.lrHigh[n] = high & ~LR_ACTIVE;
    if (high & LR_HW) physical.deactivate(high & LR_PINTID_MASK);
    if (cpu.events.looking) cpu.events.deactivated?.(cpu.vcpu, intid);
    return;
  }
  cpu.endUnlisted(intid);
}

/** GICV_EOIR and GICV_AEOIR. */
export function endOfInterrupt(cpu: CpuInterface, value: number, physical: PhysicalInterrupts): void {
  if ((value & LR_V2_INTID_MASK) >= INTID_SPECIAL_MIN) return;
  if (cpu.ap1r[0] === 0 && !cpu.endsByPriority) return;
  if (cpu.events.looking) tellDropped(cpu, value);
  cpu.ap1r[0] &= cpu.ap1r[0] - 1;
  if (!(cpu.control & VMCR_EOIM)) deactivate(cpu, value, physical);
}

function tellDropped(cpu: CpuInterface, value: number): void {
  cpu.events.priorityDropped?.(cpu.vcpu, value & LR_V2_INTID_MASK, idleOrRunningPriority(cpu));
}

/** GICV_DIR, of use only while GICV_CTLR.EOImode is 1. */
export function deactivateInterrupt(cpu: CpuInterface, value: number, physical: PhysicalInterrupts): void {
  if ((value & LR_V2_INTID_MASK) < INTID_SPECIAL_MIN && cpu.control & VMCR_EOIM) deactivate(cpu, value, physical);
}
