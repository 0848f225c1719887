import * as architecture from '../architecture/virtual-interface.js';
import { mayPreempt } from '../cpu-interface/acknowledge.js';
import type { CpuInterface } from '../cpu-interface/cpu-interface.js';
import { mayPreempt as mayPreemptV2 } from '../cpu-interface/gicv.js';
import { testBit } from '../interrupts/bitmap.js';
import type { Interrupts } from '../interrupts/interrupts.js';
import { fillListRegister } from './list-registers.js';
import type { SavedInterface } from './saved-interface.js';

// V8 folds a module's own constants, not imported ones; the guest's hot path is here
const HCR_NPIE = architecture.HCR_NPIE;
const HCR_VGRP0DIE = architecture.HCR_VGRP0DIE;
const HCR_VGRP0EIE = architecture.HCR_VGRP0EIE;
const HCR_VGRP1DIE = architecture.HCR_VGRP1DIE;
const HCR_VGRP1EIE = architecture.HCR_VGRP1EIE;
const VMCR_ENG0 = architecture.VMCR_ENG0;
const VMCR_ENG1 = architecture.VMCR_ENG1;

/**
 * The hypervisor's policy: what it does with the list registers so that the guest can not tell how many there are.
 *
 * - **What goes in.** Everything, if it fits. Else what the guest can take, by priority and then by INTID; then what is
 *   active; last what it can not take, since its CPU interface has disabled the group.
 * - **Which maintenance interrupts it asks for.** The end of a level-sensitive interrupt, whose line may still be high, and of
 *   a GICv2's SGI that another vCPU has sent too: always. No pending interrupt (NPIE): while one waits outside that the
 *   guest could take; those inside come before it. Group enabled or disabled (VGrp*): while any pending one waits outside.
 * - **Ends of what is in no list register** go to the hypervisor with their INTID (`CpuInterface.unlistedEnd`): ICC_DIR and
 *   GICC_DIR always, since an SPI may be active on any vCPU (ICH_HCR_EL2.TDIR; GICV_DIR has a page of its own, that is
 *   not mapped); ICC_EOIR and GICC_EOIR while something is active outside (TALL0, TALL1; GICV not mapped). The model
 *   looks whether something is when the end comes. KVM of 6.19 does without the trap and replays the ends that EOIcount
 *   has counted, by priority: it guesses, and is wrong where a guest ends out of order or has changed a priority.
 * - **What changes** while it is in a list register is pulled out first, whoever changes it (`Interrupts.beginChange`).
 *
 * KVM of Linux 6.12 does otherwise: `kvm-6.12-delivery.ts`.
 */

/** What comes first: each class by priority, and equal priorities by INTID. */
const TAKEABLE = 0;
const ACTIVE = 1 << 8;
const NOT_TAKEABLE = 2 << 8;
const LAST = 3 << 8;

const MOST_LIST_REGISTERS = 16;
/** The interrupts chosen so far, the first ones first. */
const chosen = new Int32Array(MOST_LIST_REGISTERS);
const chosenKeys = new Int32Array(MOST_LIST_REGISTERS);

function keyOf(irqs: Interrupts, cpu: CpuInterface, i: number): number {
  // as the CPU interface sees it: an LPI's has 6 bits
  const priority = irqs.priority[i] & cpu.priorityMask;
  if (testBit(irqs.active, i)) return ACTIVE + priority;
  const enabled = cpu.control & (testBit(irqs.group, i) ? VMCR_ENG1 : VMCR_ENG0);
  return (enabled !== 0 ? TAKEABLE : NOT_TAKEABLE) + priority;
}

/** Guest entry: the vCPU's list goes into its list registers, which are empty. Allocates nothing. */
export function fillListRegisters(irqs: Interrupts, saved: SavedInterface, vcpu: number): void {
  const { lists } = irqs;
  const { cpu } = saved;
  if (lists.length[vcpu] > cpu.listRegisters) {
    fillWithChosen(irqs, saved, vcpu);
    return;
  }
  let used = 0;
  for (let i = lists.head[vcpu]; i >= 0; i = lists.next[i]) {
    if (irqs.deliveryTarget(i) === vcpu) fillListRegister(irqs, saved, vcpu, i, used++);
  }
  cpu.used = used;
  if (used > 0) cpu.setHcr(saved.hcr);
}

function fillWithChosen(irqs: Interrupts, saved: SavedInterface, vcpu: number): void {
  const { cpu } = saved;
  const used = choose(irqs, saved, vcpu);
  for (let n = 0; n < used; n++) fillListRegister(irqs, saved, vcpu, chosen[n], n);
  cpu.used = used;
  if (used > 0) cpu.setHcr(saved.hcr);
}

/** Not all fit: chooses those that go in, and asks for the maintenance interrupts that let the others follow. */
function choose(irqs: Interrupts, saved: SavedInterface, vcpu: number): number {
  const { lists } = irqs;
  const { next } = lists;
  const { cpu } = saved;
  const room = cpu.listRegisters;
  let count = 0;
  let firstOutside = LAST;
  let pendingOutside = false;
  const { priority } = irqs;
  for (let i = lists.head[vcpu]; i >= 0; i = next[i]) {
    // most of a long list waits on, which is seen here without a call: nothing is in a class before the first one
    if (firstOutside < ACTIVE && i > chosen[room - 1] && (priority[i] & cpu.priorityMask) >= chosenKeys[room - 1])
      continue;
    if (irqs.deliveryTarget(i) !== vcpu) continue;
    const key = keyOf(irqs, cpu, i);
    let outside = i;
    if (count < room || key < chosenKeys[count - 1] || (key === chosenKeys[count - 1] && i < chosen[count - 1])) {
      outside = count < room ? -1 : chosen[count - 1];
      let n = count < room ? count++ : count - 1;
      for (; n > 0 && (key < chosenKeys[n - 1] || (key === chosenKeys[n - 1] && i < chosen[n - 1])); n--) {
        chosen[n] = chosen[n - 1];
        chosenKeys[n] = chosenKeys[n - 1];
      }
      chosen[n] = i;
      chosenKeys[n] = key;
    }
    if (outside < 0) continue;
    const outsideKey = outside === i ? key : keyOf(irqs, cpu, outside);
    if (outsideKey < firstOutside) firstOutside = outsideKey;
    if (outsideKey < ACTIVE || outsideKey >= NOT_TAKEABLE) pendingOutside = true;
  }
  if (firstOutside < ACTIVE) saved.hcr |= HCR_NPIE;
  if (pendingOutside) {
    saved.hcr |= cpu.control & VMCR_ENG0 ? HCR_VGRP0DIE : HCR_VGRP0EIE;
    saved.hcr |= cpu.control & VMCR_ENG1 ? HCR_VGRP1DIE : HCR_VGRP1EIE;
  }
  return count;
}

/**
 * Whether the interrupt that comes first of those in a vCPU's list would be signalled to it: it ends the vCPU's WFI. `saved`
 * has its registers.
 */
export function hasSignalled(irqs: Interrupts, saved: SavedInterface, vcpu: number): boolean {
  const { cpu } = saved;
  const { next } = irqs.lists;
  let first = -1;
  let firstKey = ACTIVE;
  for (let i = irqs.lists.head[vcpu]; i >= 0; i = next[i]) {
    if (irqs.deliveryTarget(i) !== vcpu) continue;
    const key = keyOf(irqs, cpu, i);
    if (key < firstKey || (key === firstKey && i < first)) {
      first = i;
      firstKey = key;
    }
  }
  if (first < 0) return false;
  const group = testBit(irqs.group, first) ? 1 : 0;
  return irqs.version === 3 ? mayPreempt(cpu, firstKey, group) : mayPreemptV2(cpu, firstKey, group);
}
