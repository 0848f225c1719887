import { SGI_COUNT } from '../architecture/intid.js';
import * as architecture from '../architecture/virtual-interface.js';
import type { CpuInterface } from '../cpu-interface/cpu-interface.js';
import { clearBit, lowestBit, setBit, testBit } from '../interrupts/bitmap.js';
import type { Interrupts } from '../interrupts/interrupts.js';
import { pendingBits } from '../interrupts/pending.js';
import type { SavedInterface } from './saved-interface.js';

// V8 folds a module's own constants, not imported ones; the guest's hot path is here
const HCR_EN = architecture.HCR_EN;
const HCR_LRENPIE = architecture.HCR_LRENPIE;
const HCR_NPIE = architecture.HCR_NPIE;
const HCR_UIE = architecture.HCR_UIE;
const HCR_VGRP0DIE = architecture.HCR_VGRP0DIE;
const HCR_VGRP0EIE = architecture.HCR_VGRP0EIE;
const HCR_VGRP1DIE = architecture.HCR_VGRP1DIE;
const HCR_VGRP1EIE = architecture.HCR_VGRP1EIE;
const LR_ACTIVE = architecture.LR_ACTIVE;
const LR_EOI = architecture.LR_EOI;
const LR_GROUP = architecture.LR_GROUP;
const LR_HW = architecture.LR_HW;
const LR_PENDING = architecture.LR_PENDING;
const LR_PRIORITY_SHIFT = architecture.LR_PRIORITY_SHIFT;
const LR_STATE = architecture.LR_STATE;
const LR_V2_INTID_MASK = architecture.LR_V2_INTID_MASK;
const LR_V2_SOURCE_SHIFT = architecture.LR_V2_SOURCE_SHIFT;

/**
 * One interrupt in one list register, and back. Which of them go in is the policy's (`delivery.ts`).
 *
 * - An edge that goes in leaves the latch: the list register has it, until exit puts back what is still pending.
 * - A level goes in with a maintenance interrupt at its end, after which the line is looked at again.
 * - A GICv2's SGI takes a list register for one sender at a time.
 * - Exit: everything comes back and no list register stays filled. What has nothing to deliver leaves the vCPU's list then.
 */

/** One interrupt into one list register. What goes in as pending leaves the latch: it is the list register's now. */
export function fillListRegister(irqs: Interrupts, saved: SavedInterface, vcpu: number, i: number, n: number): void {
  const w = i >>> 5;
  const bit = 1 << (i & 31);
  if (irqs.version === 2 && irqs.isSgi(i)) {
    fillSgiListRegister(irqs, saved.cpu, i, n);
    return;
  }
  if ((irqs.active[w] | irqs.hardware[w]) & bit) {
    fillActiveOrMapped(irqs, saved, vcpu, i, n);
    return;
  }
  let high = LR_PENDING | priorityAndGroup(irqs, i);
  if (irqs.edge[w] & bit) irqs.latch[w] &= ~bit;
  // a level is looked at again after the end of interrupt
  else high |= LR_EOI;
  saved.pendingAtEntry |= 1 << n;
  saved.cpu.setListRegister(n, irqs.intidOf(i), high);
}

function priorityAndGroup(irqs: Interrupts, i: number): number {
  const group1 = (irqs.group[i >>> 5] >>> (i & 31)) & 1;
  return (irqs.priority[i] << LR_PRIORITY_SHIFT) | (group1 === 0 ? 0 : LR_GROUP);
}

/** The same for an interrupt that is active, or that is tied to one of the host. */
function fillActiveOrMapped(irqs: Interrupts, saved: SavedInterface, vcpu: number, i: number, n: number): void {
  const w = i >>> 5;
  const bit = 1 << (i & 31);
  const active = (irqs.active[w] & bit) !== 0;
  const edge = (irqs.edge[w] & bit) !== 0;
  const mapped = (irqs.hardware[w] & bit) !== 0;
  let high = priorityAndGroup(irqs, i);
  if (active) high |= LR_ACTIVE;
  // a level is looked at again after the end of interrupt
  if (mapped) high |= LR_HW | irqs.physicalIntid[i];
  else if (!edge) high |= LR_EOI;
  const pending = pendingBits(irqs.latch, irqs.line, irqs.edge, w);
  if (pending & bit) {
    if (!active || isPendingBehindActive(irqs, vcpu, i)) {
      high |= LR_PENDING;
      saved.pendingAtEntry |= 1 << n;
      if (edge) irqs.latch[w] &= ~bit;
      else if (mapped) irqs.line[w] &= ~bit;
    } else if (irqs.target[i] !== vcpu && !mapped) {
      // once it is ended another vCPU gets it
      high |= LR_EOI;
    }
  }
  saved.cpu.setListRegister(n, irqs.intidOf(i), high);
}

/** Whether an active interrupt that is pending too can be taken again by the same vCPU as soon as it is ended. */
function isPendingBehindActive(irqs: Interrupts, vcpu: number, i: number): boolean {
  const w = i >>> 5;
  const bit = 1 << (i & 31);
  // with HW = 1 a list register may not be pending and active
  if (irqs.hardware[w] & bit) return false;
  // what only the line holds pending is looked at again after the end, which its resampler is told of
  if (!(irqs.edge[w] & bit) && (irqs.levelLatchUntilEnd || !(irqs.latch[w] & bit))) return false;
  return irqs.changesWaitForExit || ((irqs.enabled[w] & irqs.groupsEnabled(w) & bit) !== 0 && irqs.target[i] === vcpu);
}

/** The same for a GICv2's SGI: one of its senders goes in, the next one when this one has ended. */
function fillSgiListRegister(irqs: Interrupts, cpu: CpuInterface, i: number, n: number): void {
  const w = i >>> 5;
  const bit = 1 << (i & 31);
  const sources = irqs.source[i];
  let low = i & 31;
  let high = priorityAndGroup(irqs, i);
  if (irqs.active[w] & bit) {
    high |= LR_ACTIVE;
    low |= irqs.activeSource[i] << LR_V2_SOURCE_SHIFT;
    if (sources !== 0) high |= LR_EOI;
  }
  if (irqs.latch[w] & bit && !(high & LR_EOI)) {
    high |= LR_PENDING;
    low |= lowestBit(sources) << LR_V2_SOURCE_SHIFT;
    const rest = sources & (sources - 1);
    irqs.source[i] = rest;
    if (rest === 0) irqs.latch[w] &= ~bit;
    else high |= LR_EOI;
  }
  cpu.setListRegister(n, low, high);
}

/** The maintenance interrupts that an entry asks for: they are asked for anew by each. */
const MAINTENANCE = HCR_UIE | HCR_LRENPIE | HCR_NPIE | HCR_VGRP0EIE | HCR_VGRP0DIE | HCR_VGRP1EIE | HCR_VGRP1DIE;

/** One list register back into the interrupt it holds. */
function foldListRegister(irqs: Interrupts, vcpu: number, low: number, high: number, wasPending: boolean): void {
  const intid = irqs.version === 3 ? low : low & LR_V2_INTID_MASK;
  const i = irqs.indexOf(vcpu, intid);
  if (i < 0) return;
  const w = i >>> 5;
  const bit = 1 << (i & 31);
  if ((high & (LR_STATE | LR_EOI | LR_HW)) === LR_EOI) tellEnd(irqs, i, intid);

  const active = (high & LR_ACTIVE) !== 0 && (i < irqs.lpiBase || irqs.activeLpis);
  const wasActive = irqs.active[w];
  irqs.active[w] = active ? wasActive | bit : wasActive & ~bit;
  if (irqs.version === 2 && intid < SGI_COUNT) foldSource(irqs, i, low, high);
  if (irqs.edge[w] & bit) {
    if (high & LR_PENDING) foldPendingEdge(irqs, i);
  } else if (irqs.hardware[w] & bit) {
    foldMapped(irqs, i, high, (wasActive & bit) !== 0);
  } else if (!(high & LR_PENDING) && (irqs.levelLatchUntilEnd ? !active : wasPending)) {
    // a level set by ISPENDR is spent when the guest has acknowledged it
    irqs.latch[w] &= ~bit;
  }
}

/** The end of a level-sensitive interrupt, whose line may still be high. KVM tells that of an edge-triggered one too. */
function tellEnd(irqs: Interrupts, i: number, intid: number): void {
  if (irqs.ownerOf(i) < 0 && (irqs.changesWaitForExit || !testBit(irqs.edge, i))) irqs.events.resample?.(intid);
}

/** The sender of a GICv2's SGI. */
function foldSource(irqs: Interrupts, i: number, low: number, high: number): void {
  const source = (low >>> LR_V2_SOURCE_SHIFT) & 7;
  if (high & LR_ACTIVE) irqs.activeSource[i] = source;
  if (high & LR_PENDING) irqs.source[i] |= 1 << source;
}

/** It is pending still. An LPI that was forwarded to the host while a list register had it is to be in one place only. */
function foldPendingEdge(irqs: Interrupts, i: number): void {
  if (testBit(irqs.onVpe, i)) irqs.vpes?.setPending(i, true);
  else setBit(irqs.latch, i);
}

/** A level-sensitive interrupt that is tied to one of the host. */
function foldMapped(irqs: Interrupts, i: number, high: number, wasActive: boolean): void {
  const active = (high & LR_ACTIVE) !== 0;
  const pending = (high & LR_PENDING) !== 0;
  if (!pending && !active) clearBit(irqs.latch, i);
  resampleMappedLine(irqs, i, !active && wasActive, pending);
}

/** The end of an active interrupt that is in no list register. */
export function endActive(irqs: Interrupts, i: number): void {
  const w = i >>> 5;
  const bit = 1 << (i & 31);
  if (!(irqs.active[w] & bit)) return;
  irqs.active[w] &= ~bit;
  if (irqs.hardware[w] & bit) {
    irqs.physical.deactivate(irqs.physicalIntid[i]);
    resampleMappedLine(irqs, i, true, false);
  } else if (!(irqs.edge[w] & bit) && irqs.ownerOf(i) < 0) {
    irqs.events.resample?.(irqs.intidOf(i));
  }
}

/** The line of a physical interrupt is read again when the guest may have changed it; low, it can be taken anew. */
function resampleMappedLine(irqs: Interrupts, i: number, deactivated: boolean, pending: boolean): void {
  const w = i >>> 5;
  const bit = 1 << (i & 31);
  if (!pending && !(deactivated && irqs.line[w] & bit)) return;
  const { physical } = irqs;
  const irq = irqs.physicalIntid[i];
  if (physical.isPending(irq)) {
    irqs.line[w] |= bit;
  } else {
    irqs.line[w] &= ~bit;
    physical.setActive(irq, false);
  }
}

function tellFolded(irqs: Interrupts, vcpu: number, n: number, low: number, high: number): void {
  irqs.events.folded?.(vcpu, n, low, high);
}

/** Guest exit: the list registers are folded back and emptied, the list is pruned. Allocates nothing. */
export function foldListRegisters(irqs: Interrupts, saved: SavedInterface, vcpu: number): void {
  if (irqs.lists.head[vcpu] < 0) return;
  const { cpu } = saved;
  if (cpu.used > 0) {
    // KVM turns a GICv3 interface off by its enable bit, a GICv2 one whole
    cpu.setHcr(cpu.config.version === 3 ? saved.hcr & ~HCR_EN : 0);
    saved.hcr &= ~MAINTENANCE;
    for (let n = 0; n < cpu.used; n++) {
      const low = cpu.lrLow[n];
      // signed: V8 would make a double of one with bit 31 set
      const high = cpu.lrHigh[n] | 0;
      cpu.lrLow[n] = 0;
      cpu.lrHigh[n] = 0;
      if (irqs.events.looking) tellFolded(irqs, vcpu, n, low, high);
      foldListRegister(irqs, vcpu, low, high, (saved.pendingAtEntry & (1 << n)) !== 0);
    }
    cpu.used = 0;
    saved.pendingAtEntry = 0;
  }
  irqs.pruneList(vcpu);
}
