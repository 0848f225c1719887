/** Reciprocal and reciprocal square root estimates, by the architecture's own table functions (Arm ARM J1). */

import {
  Kind,
  bias,
  exponent,
  fractionBits,
  infinity,
  invalid,
  isNaN,
  kind,
  mantissa,
  overflow,
  processNaN,
  sign,
  signed,
  unpack,
  zero,
} from './format';
import { DIVIDE_BY_ZERO, UNDERFLOW, flushesToZero, raise, roundingMode } from './status';

/** RecipEstimate: 256..511, in units of 1/512, to 256..511 in units of 1/256. */
function reciprocal(a: u32): u32 {
  const b = (1 << 19) / (a * 2 + 1);
  return (b + 1) >> 1;
}

/** RecipSqrtEstimate: 128..511. */
function reciprocalSquareRoot(a: u32): u32 {
  if (a < 256) a = a * 2 + 1;
  else a = ((a >> 1 << 1) + 1) * 2;
  let b: u32 = 512;
  while (a * (b + 1) * (b + 1) < 1 << 28) b++;
  return (b + 1) >> 1;
}

/** FRECPE. */
export function reciprocalEstimate(bits: u64, format: u32): u64 {
  unpack(bits, format);
  if (isNaN(kind)) return processNaN(bits, kind, format);
  if (kind == Kind.Infinity) return zero(sign, format);
  if (kind == Kind.Zero) {
    raise(DIVIDE_BY_ZERO);
    return infinity(sign, format);
  }
  if (exponent < -bias(format) - 1) return overflow(sign, format, roundingMode());
  if (flushesToZero() && exponent >= bias(format) - 1) {
    raise(UNDERFLOW);
    return zero(sign, format);
  }
  const estimate = <u64>reciprocal(<u32>(mantissa >> 55)) & 0xff;
  const field = bias(format) - 1 - exponent;
  const place = fractionBits(format);
  let fraction = estimate << (place - 8);
  if (field <= 0) {
    // A subnormal: the leading one moves into the fraction.
    fraction = (fraction | (<u64>1 << place)) >> (1 - field);
    return signed(sign, fraction, format);
  }
  return signed(sign, (<u64>field << place) | fraction, format);
}

/** FRSQRTE. */
export function reciprocalSquareRootEstimate(bits: u64, format: u32): u64 {
  unpack(bits, format);
  if (isNaN(kind)) return processNaN(bits, kind, format);
  if (kind == Kind.Zero) {
    raise(DIVIDE_BY_ZERO);
    return infinity(sign, format);
  }
  if (sign) return invalid(format);
  if (kind == Kind.Infinity) return 0;
  // The exponent field as if it were unbounded; bias is odd, so an even field is an odd exponent.
  const field = exponent + bias(format);
  const scaled = <u32>(mantissa >> (field & 1 ? 56 : 55));
  const estimate = <u64>reciprocalSquareRoot(scaled) & 0xff;
  const place = fractionBits(format);
  const result = (3 * bias(format) - 1 - field) >> 1;
  return (<u64>result << place) | (estimate << (place - 8));
}

/** URECPE. */
export function unsignedReciprocalEstimate(value: u32): u32 {
  return value >> 31 ? reciprocal(value >> 23) << 23 : 0xffffffff;
}

/** URSQRTE. */
export function unsignedReciprocalSquareRootEstimate(value: u32): u32 {
  return value >> 30 ? reciprocalSquareRoot(value >> 23) << 23 : 0xffffffff;
}
