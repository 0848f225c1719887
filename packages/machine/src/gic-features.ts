import { type Gicv3Features, gicv3Features } from 'vgic';
import { MESSAGE_INTIDS } from './memory-map.js';

/** INTIDs one behind the other. */
export interface IntidRange {
  first: number;
  count: number;
}

/** What a machine's GICv3 may have and that of QEMU's `virt` has not. */
export interface GicFeatureConfig {
  /**
   * SPIs that are sent by a write of their INTID to GICD_SETSPI_NSR, of those that no device of the board has: 80 to 255. The
   * device tree has them as `mbi-ranges`. Null, when left out: none.
   */
  messageBasedSpis?: IntidRange | null;
  /** SPIs of the extended range of GICv3.1: a multiple of 32, 0 to 1024; 0 when left out. No device of the board has one. */
  extendedSpis?: number;
  /** PPIs of the extended range of GICv3.1, of each vCPU; 0 when left out. */
  extendedPpis?: 0 | 32 | 64;
}

/** Fills in what was left out; RangeError with one sentence for what a GIC of this version cannot have. */
export function completeGicFeatures(gic: unknown, given: GicFeatureConfig): Required<GicFeatureConfig> {
  const { messageBasedSpis = null, extendedSpis = 0, extendedPpis = 0 } = given;
  const complete = { messageBasedSpis: rangeOf(messageBasedSpis), extendedSpis, extendedPpis };
  try {
    gicv3Features({ extendedSpis, extendedPpis });
  } catch (error) {
    throw new RangeError(`A machine cannot have these interrupts; ${(error as Error).message}`);
  }
  if (gic !== 3 && featuresOf(complete) !== undefined) {
    throw new RangeError('A machine with a GICv2 has neither message-based SPIs nor extended ranges; take a GICv3.');
  }
  return complete;
}

function rangeOf(given: unknown): IntidRange | null {
  if (given === null) return null;
  const { first, count } = (typeof given === 'object' ? given : {}) as { first?: unknown; count?: unknown };
  const { first: least, count: most } = MESSAGE_INTIDS;
  const isRange =
    Number.isInteger(first) &&
    Number.isInteger(count) &&
    (first as number) >= least &&
    (count as number) >= 1 &&
    (first as number) + (count as number) <= least + most;
  if (isRange) return { first: first as number, count: count as number };
  throw new RangeError(
    `A machine cannot have these message-based SPIs; possible is a first one from ${least} on and a count up to ${least + most - 1}.`,
  );
}

/** For the machine's GIC: undefined if it has nothing of this. */
export function featuresOf(config: Required<GicFeatureConfig>): Gicv3Features | undefined {
  const { messageBasedSpis, extendedSpis, extendedPpis } = config;
  if (messageBasedSpis === null && extendedSpis === 0 && extendedPpis === 0) return undefined;
  return gicv3Features({ messageBasedSpis: messageBasedSpis !== null, extendedSpis, extendedPpis });
}
