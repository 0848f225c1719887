/**
 * The memory attributes of the registers that hold a table's address, as KVM takes them: attributes that it does not offer
 * become the ones that it does. Source: IHI 0069, 12.11.34 (GICR_PROPBASER), 12.19.1 (GITS_BASER<n>).
 */

const SHAREABILITY_SHIFT = 10;
const OUTER_SHAREABLE = 2;
const INNER_SHAREABLE = 1;
const NON_CACHEABLE = 1;
const READ_ALLOCATE_WRITE_BACK = 3;

/** Where the registers have InnerCache and OuterCache: GICR ones in both halves, GITS ones in the upper. */
const GICR_INNER_CACHE_SHIFT = 7;
const GICR_OUTER_CACHE_SHIFT = 24;
const GITS_INNER_CACHE_SHIFT = 27;
const GITS_OUTER_CACHE_SHIFT = 21;

const PROPBASER_LOW_RES0 = 0x00000060;
const PROPBASER_HIGH_RES0 = 0xf8f00000;
const PENDBASER_LOW_RES0 = 0x0000f07f;
const PENDBASER_HIGH_RES0 = 0xb8f00000;

/** KVM's reset value of GICR_PENDBASER, and of GICR_PROPBASER with an ITS: inner shareable, read-allocate write-back. */
export const TABLE_BASE_RESET =
  (INNER_SHAREABLE << SHAREABILITY_SHIFT) | (READ_ALLOCATE_WRITE_BACK << GICR_INNER_CACHE_SHIFT);

/** Outer shareable becomes inner shareable. */
export function sanitiseShareability(low: number): number {
  if (((low >>> SHAREABILITY_SHIFT) & 3) !== OUTER_SHAREABLE) return low;
  return (low & ~(3 << SHAREABILITY_SHIFT)) | (INNER_SHAREABLE << SHAREABILITY_SHIFT);
}

/** Device and non-cacheable become read-allocate write-back. */
function sanitiseInnerCache(half: number, shift: number): number {
  if (((half >>> shift) & 7) > NON_CACHEABLE) return half;
  return (half & ~(7 << shift)) | (READ_ALLOCATE_WRITE_BACK << shift);
}

/** All but non-cacheable becomes 0, the same as the inner cacheability. */
function sanitiseOuterCache(half: number, shift: number): number {
  return ((half >>> shift) & 7) <= NON_CACHEABLE ? half : half & ~(7 << shift);
}

/** The upper half of GITS_CBASER or GITS_BASER<n>. */
export function sanitiseItsAttributes(high: number): number {
  return sanitiseOuterCache(sanitiseInnerCache(high, GITS_INNER_CACHE_SHIFT), GITS_OUTER_CACHE_SHIFT) >>> 0;
}

export interface Halves {
  low: number;
  high: number;
}

function sanitise(low: number, high: number, lowRes0: number, highRes0: number): Halves {
  const cached = sanitiseInnerCache(sanitiseShareability(low), GICR_INNER_CACHE_SHIFT);
  return {
    low: (cached & ~lowRes0) >>> 0,
    high: (sanitiseOuterCache(high, GICR_OUTER_CACHE_SHIFT) & ~highRes0) >>> 0,
  };
}

export function sanitisePropbaser(low: number, high: number): Halves {
  return sanitise(low, high, PROPBASER_LOW_RES0, PROPBASER_HIGH_RES0);
}

export function sanitisePendbaser(low: number, high: number): Halves {
  return sanitise(low, high, PENDBASER_LOW_RES0, PENDBASER_HIGH_RES0);
}
