/** Comparison, minimum and maximum (Arm ARM J1, FPCompare, FPMax, FPMaxNum). */

import { Kind, infinity, isNaN, kind, processNaNs, sign, signBit, unpack, zero } from './format';
import { INVALID_OPERATION, raise } from './status';

/** NZCV of a comparison. */
export const LESS: u32 = 8;
export const EQUAL: u32 = 6;
export const GREATER: u32 = 2;
export const UNORDERED: u32 = 3;

/** `signalling`: a quiet NaN is an invalid operation as well. */
export function compare(a: u64, b: u64, signalling: bool, format: u32): u32 {
  unpack(a, format);
  const kindA = kind;
  unpack(b, format);
  if (isNaN(kindA) || isNaN(kind)) {
    if (signalling || kindA == Kind.SignallingNaN || kind == Kind.SignallingNaN) raise(INVALID_OPERATION);
    return UNORDERED;
  }
  const first = ordered(a, kindA, format);
  const second = ordered(b, kind, format);
  return first == second ? EQUAL : first < second ? LESS : GREATER;
}

/** The bits of a number as an integer in the same order; a zero, or a subnormal that is flushed, is 0. */
function ordered(bits: u64, found: Kind, format: u32): i64 {
  if (found == Kind.Zero) return 0;
  const top = signBit(format);
  const magnitude = <i64>(bits & (top - 1));
  return bits & top ? -magnitude : magnitude;
}

export function isEqual(a: u64, b: u64, format: u32): bool {
  return compare(a, b, false, format) == EQUAL;
}
export function isGreater(a: u64, b: u64, format: u32): bool {
  return compare(a, b, true, format) == GREATER;
}
export function isGreaterOrEqual(a: u64, b: u64, format: u32): bool {
  const flags = compare(a, b, true, format);
  return flags == GREATER || flags == EQUAL;
}

/** FMAX and FMIN. */
export function extreme(a: u64, b: u64, least: bool, format: u32): u64 {
  unpack(a, format);
  const kindA = kind;
  const signA = sign;
  unpack(b, format);
  if (isNaN(kindA) || isNaN(kind)) return processNaNs(a, kindA, b, kind, format);
  // The greatest of two zeros is negative if both are, the least if one is.
  if (kindA == Kind.Zero && kind == Kind.Zero) return zero(least ? signA | sign : signA & sign, format);
  const first = ordered(a, kindA, format);
  const second = ordered(b, kind, format);
  const takesFirst = least ? first < second : first > second;
  if ((takesFirst ? kindA : kind) == Kind.Zero) return zero(takesFirst ? signA : sign, format);
  return takesFirst ? a : b;
}

/** FMAXNM and FMINNM: a number beats a quiet NaN. */
export function extremeNumber(a: u64, b: u64, least: bool, format: u32): u64 {
  unpack(a, format);
  const quietA = kind == Kind.QuietNaN;
  unpack(b, format);
  const quietB = kind == Kind.QuietNaN;
  // What loses against every number.
  const worst = infinity(least ? 0 : 1, format);
  if (quietA && !quietB) a = worst;
  else if (quietB && !quietA) b = worst;
  return extreme(a, b, least, format);
}
