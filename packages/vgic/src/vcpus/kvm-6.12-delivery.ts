import { SGI_COUNT } from '../architecture/intid.js';
import { HCR_UIE } from '../architecture/virtual-interface.js';
import type { Interrupts } from '../interrupts/interrupts.js';
import { fillListRegister } from './list-registers.js';
import type { SavedInterface } from './saved-interface.js';

/**
 * Which interrupts go into the list registers at guest entry as KVM of Linux 6.12 has it (kvm_vgic_flush_hwstate): the
 * deviation `activeFirst`.
 *
 * - The vCPU's list in queueing order if all of it fits; else active interrupts first, then by priority, and underflow asks
 *   for a maintenance interrupt. What does not fit is in no list register, active or pending.
 * - While another sender of a GICv2's SGI waits nothing of lower priority goes in.
 */

/** The SGIs in a vCPU's word of private interrupts. */
const SGI_MASK = (1 << SGI_COUNT) - 1;

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
      fillListRegister(irqs, saved, vcpu, i, used++);
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
