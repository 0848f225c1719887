/** Conversions between formats, to and from integers and fixed point, and rounding to integral (Arm ARM J1). */

import {
  HALF,
  Kind,
  defaultNaN,
  exponent,
  fractionBits,
  infinity,
  infinityBits,
  isNaN,
  kind,
  mantissa,
  processNaN,
  round,
  roundsUp,
  sign,
  signed,
  unpack,
  zero,
} from './format';
import { INEXACT, INVALID_OPERATION, alternativeHalf, defaultNaNs, raise } from './status';

/** FPConvert. */
export function convert(bits: u64, from: u32, to: u32, mode: u32): u64 {
  unpack(bits, from);
  const alternative = to == HALF && alternativeHalf();
  if (isNaN(kind)) {
    if (kind == Kind.SignallingNaN || alternative) raise(INVALID_OPERATION);
    if (alternative) return zero(sign, to);
    return defaultNaNs() ? defaultNaN(to) : convertNaN(bits, from, to);
  }
  if (kind == Kind.Infinity) {
    if (!alternative) return infinity(sign, to);
    raise(INVALID_OPERATION);
    return signed(sign, 0x7fff, to);
  }
  if (kind == Kind.Zero) return zero(sign, to);
  return round(sign, exponent, mantissa, false, to, mode);
}

/** The fraction keeps its top bits; the NaN becomes quiet. */
function convertNaN(bits: u64, from: u32, to: u32): u64 {
  const fraction = (bits << (64 - fractionBits(from))) >> (64 - fractionBits(to));
  return signed(sign, defaultNaN(to) | fraction, to);
}

/** What `magnitude` found of the number that was unpacked. */
let lost: bool = false;
let tooGreat: bool = false;

/** The unpacked finite number × 2^scale as an integer without its sign, rounded. */
function magnitude(scale: i32, mode: u32): u64 {
  const power = exponent + scale;
  lost = false;
  tooGreat = power > 63;
  if (tooGreat || power == 63) return mantissa;
  let kept: u64 = 0;
  let first = false;
  let rest = true;
  if (power >= -1) {
    kept = power < 0 ? 0 : mantissa >> (63 - power);
    first = ((mantissa >> (62 - power)) & 1) != 0;
    rest = power < 62 && mantissa << (power + 2) != 0;
  }
  lost = first || rest;
  return roundsUp(mode, sign, (kept & 1) != 0, first, rest) ? kept + 1 : kept;
}

/** FPToFixed: an integer of `size` bits with `fraction` of them behind the point, zero-extended. */
export function toFixed(bits: u64, format: u32, fraction: u32, unsigned: bool, size: u32, mode: u32): u64 {
  unpack(bits, format);
  const ones = size == 64 ? <u64>-1 : (<u64>1 << size) - 1;
  if (isNaN(kind)) {
    raise(INVALID_OPERATION);
    return 0;
  }
  if (kind == Kind.Zero) return 0;
  const limit: u64 = unsigned ? (sign ? 0 : ones) : (ones >> 1) + sign;
  const value = kind == Kind.Infinity ? 0 : magnitude(<i32>fraction, mode);
  if (kind == Kind.Infinity || tooGreat || value > limit) {
    raise(INVALID_OPERATION);
    return sign ? (0 - limit) & ones : limit;
  }
  if (lost) raise(INEXACT);
  return (sign ? 0 - value : value) & ones;
}

/** FixedToFP: `value` is sign- or zero-extended. */
export function fromFixed(value: u64, format: u32, fraction: u32, unsigned: bool, mode: u32): u64 {
  if (value == 0) return 0;
  const negative = !unsigned && <i64>value < 0;
  const absolute = negative ? 0 - value : value;
  const shift = clz<u64>(absolute);
  return round(negative ? 1 : 0, 63 - <i32>shift - <i32>fraction, absolute << shift, false, format, mode);
}

/** FPRoundInt. `exact`: what is lost is inexact. */
export function roundToIntegral(bits: u64, format: u32, exact: bool, mode: u32): u64 {
  unpack(bits, format);
  if (isNaN(kind)) return processNaN(bits, kind, format);
  if (kind == Kind.Infinity) return bits;
  if (kind == Kind.Zero) return zero(sign, format);
  if (exponent >= <i32>fractionBits(format)) return bits;
  const value = magnitude(0, mode);
  if (exact && lost) raise(INEXACT);
  if (value == 0) return zero(sign, format);
  const shift = clz<u64>(value);
  return round(sign, 63 - <i32>shift, value << shift, false, format, mode);
}

/** FRECPX: the exponent inverted, the fraction gone. */
export function reciprocalExponent(bits: u64, format: u32): u64 {
  unpack(bits, format);
  if (isNaN(kind)) return processNaN(bits, kind, format);
  const field = bits & infinityBits(format);
  const fractionUnit = <u64>1 << fractionBits(format);
  if (field == 0) return signed(sign, infinityBits(format) - fractionUnit, format);
  return signed(sign, ~field & infinityBits(format), format);
}
