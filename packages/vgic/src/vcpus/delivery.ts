import { SGI_COUNT } from '../architecture/intid.js';
import * as architecture from '../architecture/virtual-interface.js';
import type { CpuInterface } from '../cpu-interface/cpu-interface.js';
import { lowestBit } from '../interrupts/bitmap.js';
import type { Interrupts } from '../interrupts/interrupts.js';
import { pendingBits } from '../interrupts/pending.js';
import type { SavedInterface } from './saved-interface.js';

// V8 folds a module's own constants, not imported ones; the guest's hot path is here
const {
  HCR_EN,
  HCR_UIE,
  LR_ACTIVE,
  LR_EOI,
  LR_GROUP,
  LR_HW,
  LR_PENDING,
  LR_PRIORITY_SHIFT,
  LR_STATE,
  LR_V2_INTID_MASK,
  LR_V2_SOURCE_SHIFT,
} = architecture;

/**
 * How pending interrupts get into a vCPU's list registers at guest entry, and how what the guest did with them gets back at
 * exit. This is KVM's policy (Linux 6.12, kvm_vgic_flush_hwstate and kvm_vgic_sync_hwstate), and all of it is here and in
 * what the list of a vCPU holds (`Interrupts.deliveryTarget`, `pruneList`):
 *
 * - Entry: the vCPU's list in queueing order if all of it fits; else active interrupts first, then by priority, and
 *   underflow asks for a maintenance interrupt. What is active beyond the last list register is in none.
 * - An edge that goes in leaves the latch: the list register has it, until exit puts back what is still pending.
 * - A level goes in with a maintenance interrupt at its end, after which the line is looked at again; pending and active
 *   at once it is put in as active alone.
 * - A GICv2's SGI takes a list register for one sender at a time; while another waits nothing of lower priority goes in.
 * - Exit: everything comes back and no list register stays filled. Then the list is pruned: what has nothing to deliver
 *   leaves it, what has another target by now moves there, with a kick. Until then either stays where it is.
 *
 * Another policy is another module with these two functions.
 */

/** The SGIs in a vCPU's word of private interrupts. */
const SGI_MASK = (1 << SGI_COUNT) - 1;

/** One interrupt into one list register. What goes in as pending leaves the latch: it is the list register's now. */
function fillListRegister(irqs: Interrupts, cpu: CpuInterface, i: number, n: number): void {
  const w = i >>> 5;
  const b = i & 31;
  const bit = 1 << b;
  const active = (irqs.active[w] & bit) !== 0;
  const edge = (irqs.edge[w] & bit) !== 0;
  const mapped = (irqs.hardware[w] & bit) !== 0;
  let high = (irqs.priority[i] << LR_PRIORITY_SHIFT) | ((irqs.group[w] >>> b) & 1 ? LR_GROUP : 0);
  if (active) high |= LR_ACTIVE;
  // a level is looked at again after the end of interrupt
  if (mapped) high |= LR_HW | irqs.physicalIntid[i];
  else if (!edge) high |= LR_EOI;
  // with HW = 1 a list register may not be pending and active; with a level it would be taken twice
  const pending = pendingBits(irqs.latch, irqs.line, irqs.edge, w);
  if (pending & bit && (!active || (edge && !mapped))) {
    high |= LR_PENDING;
    if (edge) irqs.latch[w] &= ~bit;
    else if (mapped) irqs.line[w] &= ~bit;
  }
  cpu.setListRegister(n, irqs.intidOf(i), high);
}

/** The same for a GICv2's SGI: one of its senders goes in, the next one when this one has ended. */
function fillSgiListRegister(irqs: Interrupts, cpu: CpuInterface, i: number, n: number): void {
  const w = i >>> 5;
  const bit = 1 << (i & 31);
  const sources = irqs.source[i];
  let low = i & 31;
  let high = (irqs.priority[i] << LR_PRIORITY_SHIFT) | (irqs.group[w] & bit ? LR_GROUP : 0);
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

/** Guest entry: the vCPU's list goes into its list registers, which are empty. Allocates nothing. */
export function fillListRegisters(irqs: Interrupts, saved: SavedInterface, vcpu: number): void {
  const { lists, priority, source } = irqs;
  const { next } = lists;
  const { cpu } = saved;
  let i = lists.head[vcpu];
  if (i < 0) return;

  let manySources = false;
  // GICv2's SGIs alone need a list register for each sender, and then their latch is set; without them a short list fits
  const sgisPending = irqs.version === 2 && (irqs.latch[vcpu] & SGI_MASK) !== 0;
  if (sgisPending || lists.length[vcpu] > cpu.listRegisters) {
    let needed = 0;
    for (let j = i; j >= 0; j = next[j]) {
      const registers = irqs.listRegistersNeeded(j);
      needed += registers;
      if (registers > 1) manySources = true;
      else if (needed > cpu.listRegisters && !sgisPending) break;
    }
    if (needed > cpu.listRegisters || manySources) {
      irqs.sortList(vcpu);
      i = lists.head[vcpu];
    }
  }

  let used = 0;
  let lowestPriority = 0xff;
  for (; i >= 0; i = next[i]) {
    // an SGI with sources left must not be overtaken by what has a lower priority
    if (manySources && priority[i] > lowestPriority) break;
    if (irqs.deliveryTarget(i) === vcpu) {
      if (irqs.version === 2 && irqs.isSgi(i)) fillSgiListRegister(irqs, cpu, i, used++);
      else fillListRegister(irqs, cpu, i, used++);
      if (manySources && source[i] !== 0) lowestPriority = priority[i];
    }
    if (used === cpu.listRegisters) {
      if (next[i] >= 0) saved.hcr |= HCR_UIE;
      break;
    }
  }
  cpu.used = used;
  if (used > 0) cpu.setHcr(saved.hcr);
}

/** One list register back into the interrupt it holds. */
function foldListRegister(irqs: Interrupts, vcpu: number, low: number, high: number): void {
  const intid = irqs.version === 3 ? low : low & LR_V2_INTID_MASK;
  const i = irqs.indexOf(vcpu, intid);
  if (i < 0) return;
  if ((high & (LR_STATE | LR_EOI | LR_HW)) === LR_EOI && irqs.ownerOf(i) < 0) irqs.events.resample?.(intid);

  const w = i >>> 5;
  const bit = 1 << (i & 31);
  const active = (high & LR_ACTIVE) !== 0;
  const pending = (high & LR_PENDING) !== 0;
  const wasActive = irqs.active[w];
  irqs.active[w] = active ? wasActive | bit : wasActive & ~bit;
  if (irqs.version === 2 && intid < SGI_COUNT) {
    const source = (low >>> LR_V2_SOURCE_SHIFT) & 7;
    if (active) irqs.activeSource[i] = source;
    if (pending) irqs.source[i] |= 1 << source;
  }
  if (irqs.edge[w] & bit) {
    if (!pending) return;
    // an LPI that was forwarded to the host while a list register had it is to be in one place only
    if (irqs.onVpe[w] & bit) irqs.vpes?.setPending(i, true);
    else irqs.latch[w] |= bit;
    return;
  }
  // a level set by ISPENDR is spent when the guest has ended it
  if (!active && !pending) irqs.latch[w] &= ~bit;
  const deactivated = !active && (wasActive & bit) !== 0;
  if (irqs.hardware[w] & bit) resampleMappedLine(irqs, i, deactivated, pending);
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

/** Guest exit: the list registers are folded back and emptied, the list is pruned. Allocates nothing. */
export function foldListRegisters(irqs: Interrupts, saved: SavedInterface, vcpu: number): void {
  if (irqs.lists.head[vcpu] < 0) return;
  const { cpu } = saved;
  if (cpu.used > 0) {
    // KVM turns a GICv3 interface off by its enable bit, a GICv2 one whole
    cpu.setHcr(cpu.config.version === 3 ? saved.hcr & ~HCR_EN : 0);
    saved.hcr &= ~HCR_UIE;
    for (let n = 0; n < cpu.used; n++) {
      const low = cpu.lrLow[n];
      // signed: V8 would make a double of one with bit 31 set
      const high = cpu.lrHigh[n] | 0;
      cpu.lrLow[n] = 0;
      cpu.lrHigh[n] = 0;
      irqs.events.folded?.(vcpu, n, low, high);
      foldListRegister(irqs, vcpu, low, high);
    }
    cpu.used = 0;
  }
  irqs.pruneList(vcpu);
}
