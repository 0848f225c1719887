/** Integer arithmetic on one element: its value comes sign- or zero-extended to 64 bits, the result is cut by the store. */

import { noteSaturation } from '../floating-point/status';

/** Greatest and least numbers of 8 << size bits. */
@inline
export function unsignedLimit(size: u32): u64 {
  return <u64>-1 >> (64 - (8 << size));
}
@inline
export function signedLimit(size: u32): i64 {
  return <i64>(<u64>-1 >> (65 - (8 << size)));
}

/** A number that 64 bits hold exactly, into a signed element. */
export function saturateSigned(value: i64, size: u32): u64 {
  const limit = signedLimit(size);
  if (value > limit) {
    noteSaturation();
    return <u64>limit;
  }
  if (value < -limit - 1) {
    noteSaturation();
    return <u64>(-limit - 1);
  }
  return <u64>value;
}

/** A signed number that 64 bits hold exactly, into an unsigned element. */
export function saturateUnsigned(value: i64, size: u32): u64 {
  if (value < 0) {
    noteSaturation();
    return 0;
  }
  return saturateAbove(<u64>value, size);
}

export function saturateAbove(value: u64, size: u32): u64 {
  const limit = unsignedLimit(size);
  if (value <= limit) return value;
  noteSaturation();
  return limit;
}

export function addSaturating(a: u64, b: u64, size: u32, unsigned: bool): u64 {
  const sum = a + b;
  if (unsigned) {
    if (size < 3) return saturateAbove(sum, size);
    if (sum >= a) return sum;
    noteSaturation();
    return <u64>-1;
  }
  if (size < 3) return saturateSigned(<i64>sum, size);
  if (<i64>((a ^ sum) & (b ^ sum)) >= 0) return sum;
  noteSaturation();
  return overflowOf(a, 3);
}

export function subtractSaturating(a: u64, b: u64, size: u32, unsigned: bool): u64 {
  const difference = a - b;
  if (unsigned) {
    if (a >= b) return difference;
    noteSaturation();
    return 0;
  }
  if (size < 3) return saturateSigned(<i64>difference, size);
  if (<i64>((a ^ b) & (a ^ difference)) >= 0) return difference;
  noteSaturation();
  return overflowOf(a, 3);
}

/** The limit on the side of `value`. */
function overflowOf(value: u64, size: u32): u64 {
  return <i64>value < 0 ? <u64>(-signedLimit(size) - 1) : <u64>signedLimit(size);
}

/** USQADD: an unsigned and a signed number to an unsigned one. SUQADD: the same to a signed one. */
export function addSignedToUnsigned(unsigned: u64, signed: u64, size: u32): u64 {
  const sum = unsigned + signed;
  if (size < 3) return saturateUnsigned(<i64>sum, size);
  if (<i64>signed < 0 ? sum <= unsigned : sum >= unsigned) return sum;
  noteSaturation();
  return <i64>signed < 0 ? 0 : <u64>-1;
}
export function addUnsignedToSigned(signed: u64, unsigned: u64, size: u32): u64 {
  const sum = signed + unsigned;
  if (size < 3) return saturateSigned(<i64>sum, size);
  // Adding an unsigned number can only overflow upwards.
  if (<i64>sum >= <i64>signed && (<i64>unsigned >= 0 || <i64>signed < 0)) return sum;
  noteSaturation();
  return 0x7fffffffffffffff;
}

/** A right shift by 1 to 64. */
export function shiftRight(value: u64, by: u32, unsigned: bool): u64 {
  if (unsigned) return by > 63 ? 0 : value >> by;
  return <u64>(<i64>value >> min<u32>(by, 63));
}
/** The same, rounded: half an unit of the result is added first. */
export function shiftRightRounding(value: u64, by: u32, unsigned: bool): u64 {
  const lastLost = by > 64 ? 0 : (value >> (by - 1)) & 1;
  if (by > 64 && !unsigned) return 0;
  return shiftRight(value, by, unsigned) + lastLost;
}

/** A left shift by 0 and more that saturates to the signedness of the value. */
export function shiftLeftSaturating(value: u64, by: u32, size: u32, unsigned: bool): u64 {
  if (value == 0) return 0;
  if (unsigned) {
    if (by < 8 << size && value <= unsignedLimit(size) >> by) return value << by;
    noteSaturation();
    return unsignedLimit(size);
  }
  if (by < 8 << size) {
    const shifted = value << by;
    if (<u64>(<i64>shifted >> by) == value && (size == 3 || inSignedRange(<i64>shifted, size))) return shifted;
  }
  noteSaturation();
  return overflowOf(value, size);
}

function inSignedRange(value: i64, size: u32): bool {
  return value <= signedLimit(size) && value >= -signedLimit(size) - 1;
}

/** SQSHLU: a signed number shifted left into an unsigned element. */
export function shiftLeftToUnsigned(value: u64, by: u32, size: u32): u64 {
  if (<i64>value >= 0) return shiftLeftSaturating(value, by, size, true);
  noteSaturation();
  return 0;
}

/** SSHL and its kind: the amount is the low byte of `amount`, to the right if negative. */
export function shiftByRegister(value: u64, amount: u64, size: u32, unsigned: bool, rounding: bool, saturating: bool): u64 {
  const by = <i32>(<i8>amount);
  if (by >= 0) {
    if (saturating) return shiftLeftSaturating(value, <u32>by, size, unsigned);
    return by > 63 ? 0 : value << by;
  }
  return rounding ? shiftRightRounding(value, <u32>-by, unsigned) : shiftRight(value, <u32>-by, unsigned);
}

/** SQDMULH and SQRDMULH: the upper half of the doubled product. */
export function multiplyDoublingHigh(a: u64, b: u64, size: u32, rounding: bool): u64 {
  const bits = 8 << size;
  // Only the least number times itself overflows; half the product never does.
  const product = <i64>a * <i64>b;
  const half = rounding ? <i64>1 << (bits - 2) : 0;
  return saturateSigned((product + half) >> (bits - 1), size);
}

/** SQDMULL: the doubled product, into an element of twice the size. */
export function multiplyDoublingLong(a: u64, b: u64, size: u32): u64 {
  const product = <i64>a * <i64>b;
  return addSaturating(<u64>product, <u64>product, size + 1, false);
}

/** Polynomial product over {0, 1} of two bytes: 15 bits. */
export function multiplyPolynomial(a: u64, b: u64): u64 {
  let result: u64 = 0;
  for (let i: u64 = 0; i < 8; i++) if ((b >> i) & 1) result ^= (a & 0xff) << i;
  return result;
}

export function absoluteDifference(a: u64, b: u64, unsigned: bool): u64 {
  if (unsigned) return a > b ? a - b : b - a;
  return <i64>a > <i64>b ? a - b : b - a;
}

export function isLess(a: u64, b: u64, unsigned: bool): bool {
  return unsigned ? a < b : <i64>a < <i64>b;
}

/** All ones or zero. */
@inline
export function mask(condition: bool): u64 {
  return condition ? <u64>-1 : 0;
}
