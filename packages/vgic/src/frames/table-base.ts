/**
 * The memory attributes of GICR_PROPBASER and GICR_PENDBASER, as KVM takes them: attributes that it does not offer become
 * the ones that it does, reserved bits are dropped. Source: IHI 0069, 12.11.34 and 12.11.36.
 */

const SHAREABILITY_SHIFT = 10;
const OUTER_SHAREABLE = 2;
const INNER_SHAREABLE = 1;
const INNER_CACHE_SHIFT = 7;
const NON_CACHEABLE = 1;
const READ_ALLOCATE_WRITE_BACK = 3;
/** Outer cacheability is at 58:56, i.e. 26:24 of the upper half; 0 says "as inner". */
const OUTER_CACHE_SHIFT = 24;

const PROPBASER_LOW_RES0 = 0x00000060;
const PROPBASER_HIGH_RES0 = 0xf8f00000;
const PENDBASER_LOW_RES0 = 0x0000f07f;
const PENDBASER_HIGH_RES0 = 0xb8f00000;

/** GICR_PENDBASER.PTZ (bit 62) is written only; it reads as zero. */
export const WITHOUT_PTZ = ~(1 << 30);

/** KVM's reset value of GICR_PENDBASER: inner shareable, read-allocate write-back. */
export const PENDBASER_RESET =
  (INNER_SHAREABLE << SHAREABILITY_SHIFT) | (READ_ALLOCATE_WRITE_BACK << INNER_CACHE_SHIFT);

function sanitiseLow(low: number): number {
  const shareability = (low >>> SHAREABILITY_SHIFT) & 3;
  const inner = (low >>> INNER_CACHE_SHIFT) & 7;
  let value = low;
  if (shareability === OUTER_SHAREABLE) {
    value = (value & ~(3 << SHAREABILITY_SHIFT)) | (INNER_SHAREABLE << SHAREABILITY_SHIFT);
  }
  if (inner <= NON_CACHEABLE) {
    value = (value & ~(7 << INNER_CACHE_SHIFT)) | (READ_ALLOCATE_WRITE_BACK << INNER_CACHE_SHIFT);
  }
  return value;
}

function sanitiseHigh(high: number): number {
  const outer = (high >>> OUTER_CACHE_SHIFT) & 7;
  return outer <= NON_CACHEABLE ? high : high & ~(7 << OUTER_CACHE_SHIFT);
}

export interface Halves {
  low: number;
  high: number;
}

export function sanitisePropbaser(low: number, high: number): Halves {
  return {
    low: (sanitiseLow(low) & ~PROPBASER_LOW_RES0) >>> 0,
    high: (sanitiseHigh(high) & ~PROPBASER_HIGH_RES0) >>> 0,
  };
}

export function sanitisePendbaser(low: number, high: number): Halves {
  return {
    low: (sanitiseLow(low) & ~PENDBASER_LOW_RES0) >>> 0,
    high: (sanitiseHigh(high) & ~PENDBASER_HIGH_RES0) >>> 0,
  };
}
