import { PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import type { Interrupts } from '../interrupts/interrupts.js';

/**
 * KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO: the levels of the input lines of 32 interrupts, which no register shows.
 * Source: Linux, arm-vgic-v3.rst.
 */

/** SGIs have no line. */
const SGIS = (1 << SGI_COUNT) - 1;

/** The lines of INTIDs `intid` to `intid + 31`; an edge-triggered interrupt reads 0. */
export function readLineLevels(irqs: Interrupts, vcpu: number, intid: number): number {
  if (intid >= irqs.count) return 0;
  const word = irqs.wordOf(vcpu, intid);
  const value = irqs.line[word] & ~irqs.edge[word];
  return (intid < PRIVATE_COUNT ? value & ~SGIS : value) >>> 0;
}

/** Sets the lines; one that is edge-triggered keeps its level for when it becomes level-sensitive. */
export function writeLineLevels(irqs: Interrupts, vcpu: number, intid: number, value: number): void {
  if (intid >= irqs.count) return;
  const word = irqs.wordOf(vcpu, intid);
  const kept = intid < PRIVATE_COUNT ? SGIS : 0;
  irqs.beginChange(word, ~kept);
  irqs.line[word] = (irqs.line[word] & kept) | (value & ~kept);
  irqs.raised(word, irqs.line[word] & ~kept);
}
