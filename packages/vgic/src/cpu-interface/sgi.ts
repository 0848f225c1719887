import { vcpuOfAffinity } from '../architecture/intid.js';
import { SGIR_IRM } from '../architecture/system-registers.js';
import type { Interrupts } from '../interrupts/interrupts.js';

/**
 * Sends an SGI to the vCPUs that a value of ICC_SGI<n>R_EL1 names, in halves. Group 1 SGIs only through ICC_SGI1R_EL1; the
 * others reach a group 0 SGI alone, and the range selector is ignored, as KVM has it. Source: IHI 0069H, 12.2.19.
 */
export function sendSgi(irqs: Interrupts, sender: number, low: number, high: number, group1: boolean): void {
  const sgi = (low >>> 24) & 0xf;
  if (high & SGIR_IRM) {
    pendOnOthers(irqs, sender, sgi, group1);
    return;
  }
  if (high & 0xff0000) return;
  const cluster = ((high & 0xff) << 16) | (((low >>> 16) & 0xff) << 8);
  for (let list = low & 0xffff; list !== 0; list &= list - 1) {
    const vcpu = vcpuOfAffinity(cluster | (31 - Math.clz32(list & -list)), irqs.vcpus);
    if (vcpu >= 0) pend(irqs, vcpu, sgi, group1);
  }
}

function pendOnOthers(irqs: Interrupts, sender: number, sgi: number, group1: boolean): void {
  for (let vcpu = 0; vcpu < irqs.vcpus; vcpu++) {
    if (vcpu !== sender) pend(irqs, vcpu, sgi, group1);
  }
}

function pend(irqs: Interrupts, vcpu: number, sgi: number, group1: boolean): void {
  if (irqs.group[vcpu] & (1 << sgi) && !group1) return;
  irqs.pend(irqs.indexOf(vcpu, sgi));
}
