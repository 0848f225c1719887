/**
 * Floating-point numbers taken apart and put together (Arm ARM J1, FPUnpack and FPRound). A format is named by log2 of
 * its bytes: 1 half, 2 single, 3 double. A number is `sign`, `exponent` and `mantissa` whose top bit, bit 63, is the
 * leading one: ± mantissa × 2^(exponent − 63).
 */

import {
  INEXACT,
  INPUT_DENORMAL,
  INVALID_OPERATION,
  OVERFLOW,
  Rounding,
  UNDERFLOW,
  alternativeHalf,
  defaultNaNs,
  flushesToZero,
  raise,
} from './status';

export const HALF: u32 = 1;
export const SINGLE: u32 = 2;
export const DOUBLE: u32 = 3;

export const enum Kind {
  Zero,
  Finite,
  Infinity,
  QuietNaN,
  SignallingNaN,
}

/** By format: bits of the fraction, bias, width of the whole. */
const FRACTION_BITS: StaticArray<u32> = [0, 10, 23, 52];
const BIAS: StaticArray<i32> = [0, 15, 127, 1023];

@inline
export function fractionBits(format: u32): u32 {
  return unchecked(FRACTION_BITS[format]);
}
@inline
export function bias(format: u32): i32 {
  return unchecked(BIAS[format]);
}
@inline
export function width(format: u32): u32 {
  return 8 << format;
}
export function signBit(format: u32): u64 {
  return <u64>1 << (width(format) - 1);
}
/** The bits of infinity without its sign: the exponent field, all ones. */
export function infinityBits(format: u32): u64 {
  return signBit(format) - (<u64>1 << fractionBits(format));
}
export function signed(sign: u32, bits: u64, format: u32): u64 {
  return sign ? bits | signBit(format) : bits;
}
export function infinity(sign: u32, format: u32): u64 {
  return signed(sign, infinityBits(format), format);
}
export function zero(sign: u32, format: u32): u64 {
  return signed(sign, 0, format);
}
function quietBit(format: u32): u64 {
  return <u64>1 << (fractionBits(format) - 1);
}
export function defaultNaN(format: u32): u64 {
  return infinityBits(format) | quietBit(format);
}
/** The invalid operation exception, with the default NaN as result. */
export function invalid(format: u32): u64 {
  raise(INVALID_OPERATION);
  return defaultNaN(format);
}
/** The greatest finite number. */
export function greatest(sign: u32, format: u32): u64 {
  return signed(sign, infinityBits(format) - 1, format);
}
export function isNaN(kind: Kind): bool {
  return kind >= Kind.QuietNaN;
}

/** What `unpack` found. */
export let kind: Kind = Kind.Zero;
export let sign: u32 = 0;
export let exponent: i32 = 0;
export let mantissa: u64 = 0;

/** FPUnpack, with FPUnpackCV's rules for half precision: no flushing, and the alternative format by FPCR.AHP. */
export function unpack(bits: u64, format: u32): void {
  const fraction = bits & ((<u64>1 << fractionBits(format)) - 1);
  const field = <i32>((bits & infinityBits(format)) >> fractionBits(format));
  const most = (bias(format) << 1) + 1;
  const toTop = 63 - fractionBits(format);
  sign = <u32>((bits >> (width(format) - 1)) & 1);
  if (field == most && !(format == HALF && alternativeHalf())) {
    kind = fraction == 0 ? Kind.Infinity : fraction & quietBit(format) ? Kind.QuietNaN : Kind.SignallingNaN;
    return;
  }
  if (field != 0) {
    kind = Kind.Finite;
    exponent = field - bias(format);
    mantissa = (<u64>1 << 63) | (fraction << toTop);
    return;
  }
  if (fraction == 0) {
    kind = Kind.Zero;
    return;
  }
  if (format != HALF && flushesToZero()) {
    kind = Kind.Zero;
    raise(INPUT_DENORMAL);
    return;
  }
  const shift = clz<u64>(fraction);
  kind = Kind.Finite;
  exponent = 1 - bias(format) + <i32>toTop - <i32>shift;
  mantissa = fraction << shift;
}

/** Does rounding go away from zero? `round` is the first bit that is lost, `rest` whether any after it is set. */
export function roundsUp(mode: u32, negative: u32, odd: bool, round: bool, rest: bool): bool {
  switch (mode) {
    case Rounding.NearestEven:
      return round && (rest || odd);
    case Rounding.Up:
      return (round || rest) && !negative;
    case Rounding.Down:
      return (round || rest) && negative != 0;
    case Rounding.NearestAway:
      return round;
    case Rounding.Odd:
      return (round || rest) && !odd;
    default:
      return false;
  }
}

/** FPRound: `rest` says that the exact number is a little further from zero than `value`. `value` has its top bit set. */
export function round(negative: u32, power: i32, value: u64, rest: bool, format: u32, mode: u32): u64 {
  const least = 1 - bias(format);
  if (power < least && format != HALF && flushesToZero()) {
    raise(UNDERFLOW);
    return zero(negative, format);
  }
  const subnormal = power < least;
  const shift = 63 - fractionBits(format) + (subnormal ? <u32>(least - power) : 0);
  let kept: u64 = 0;
  let first = false;
  if (shift < 64) {
    kept = value >> shift;
    first = ((value >> (shift - 1)) & 1) != 0;
    rest = rest || value << (65 - shift) != 0;
  } else if (shift == 64) {
    first = true;
    rest = rest || value << 1 != 0;
  } else rest = true;
  const inexact = first || rest;
  if (subnormal && inexact) raise(UNDERFLOW);
  if (roundsUp(mode, negative, (kept & 1) != 0, first, rest)) kept++;
  // The leading one of a normal number adds one to the exponent field, and so does a carry out of the fraction.
  const field: u64 = subnormal ? 0 : <u64>(power + bias(format) - 1);
  const magnitude = (field << fractionBits(format)) + kept;
  if (format == HALF && alternativeHalf()) {
    if (magnitude > 0x7fff) {
      raise(INVALID_OPERATION);
      return signed(negative, 0x7fff, format);
    }
  } else if (magnitude >= infinityBits(format) || field >= infinityBits(format) >> fractionBits(format)) {
    return overflow(negative, format, mode);
  }
  if (inexact) raise(INEXACT);
  return signed(negative, magnitude, format);
}

/** The result of an overflow by the rounding mode. */
export function overflow(negative: u32, format: u32, mode: u32): u64 {
  raise(OVERFLOW | INEXACT);
  const toInfinity =
    mode == Rounding.NearestEven || mode == Rounding.NearestAway || mode == (negative ? Rounding.Down : Rounding.Up);
  return toInfinity ? infinity(negative, format) : greatest(negative, format);
}

/** FPProcessNaN: the operand made quiet, or the default NaN. */
export function processNaN(bits: u64, found: Kind, format: u32): u64 {
  if (found == Kind.SignallingNaN) raise(INVALID_OPERATION);
  return defaultNaNs() ? defaultNaN(format) : bits | quietBit(format);
}

/** FPProcessNaNs: one of the two is a NaN; a signalling one goes first, then the first. */
export function processNaNs(a: u64, kindA: Kind, b: u64, kindB: Kind, format: u32): u64 {
  if (kindA == Kind.SignallingNaN) return processNaN(a, kindA, format);
  if (kindB == Kind.SignallingNaN) return processNaN(b, kindB, format);
  return isNaN(kindA) ? processNaN(a, kindA, format) : processNaN(b, kindB, format);
}
