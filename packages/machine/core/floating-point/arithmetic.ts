/**
 * Addition, multiplication, division and square root as the Arm ARM defines them (J1, FPAdd to FPSqrt): every rounding
 * mode, NaN and flag in software. The engine's own arithmetic is used where it gives the same.
 */

import { multiplyHighUnsigned } from '../integer/arithmetic';
import {
  DOUBLE,
  Kind,
  SINGLE,
  exponent,
  infinity,
  invalid,
  isNaN,
  kind,
  mantissa,
  processNaN,
  processNaNs,
  round,
  sign,
  signBit,
  unpack,
  zero,
} from './format';
import { DIVIDE_BY_ZERO, Rounding, nativeArithmetic, raise, roundingMode } from './status';

/** Normal and finite, and not the least normal number, to which a subnormal result may have been rounded. */
@inline
function plainDouble(value: f64): bool {
  const magnitude = reinterpret<u64>(value) & 0x7fffffffffffffff;
  return magnitude - 0x0010000000000001 < 0x7fe0000000000000 - 1;
}
@inline
function plainSingle(value: f32): bool {
  const magnitude = reinterpret<u32>(value) & 0x7fffffff;
  return magnitude - 0x00800001 < 0x7f000000 - 1;
}

/** The sign of an exact zero that a sum gives. */
function zeroSign(): u32 {
  return roundingMode() == Rounding.Down ? 1 : 0;
}

export function add(a: u64, b: u64, format: u32): u64 {
  if (nativeArithmetic()) {
    if (format == DOUBLE) {
      const sum = reinterpret<f64>(a) + reinterpret<f64>(b);
      if (plainDouble(sum)) return reinterpret<u64>(sum);
    } else if (format == SINGLE) {
      const sum = reinterpret<f32>(<u32>a) + reinterpret<f32>(<u32>b);
      if (plainSingle(sum)) return <u64>reinterpret<u32>(sum);
    }
  }
  return addExactly(a, b, 0, format);
}

export function subtract(a: u64, b: u64, format: u32): u64 {
  if (nativeArithmetic()) {
    if (format == DOUBLE) {
      const difference = reinterpret<f64>(a) - reinterpret<f64>(b);
      if (plainDouble(difference)) return reinterpret<u64>(difference);
    } else if (format == SINGLE) {
      const difference = reinterpret<f32>(<u32>a) - reinterpret<f32>(<u32>b);
      if (plainSingle(difference)) return <u64>reinterpret<u32>(difference);
    }
  }
  return addExactly(a, b, 1, format);
}

/** a + b, or a − b with `negate`; a NaN keeps its sign all the same. */
function addExactly(a: u64, b: u64, negate: u32, format: u32): u64 {
  unpack(a, format);
  const kindA = kind;
  let signA = sign;
  let exponentA = exponent;
  let highA = mantissa >> 1;
  unpack(b, format);
  if (isNaN(kindA) || isNaN(kind)) return processNaNs(a, kindA, b, kind, format);
  let signB = sign ^ negate;
  let exponentB = exponent;
  let highB = mantissa >> 1;
  if (kindA == Kind.Infinity) {
    return kind == Kind.Infinity && signA != signB ? invalid(format) : infinity(signA, format);
  }
  if (kind == Kind.Infinity) return infinity(signB, format);
  if (kindA == Kind.Zero && kind == Kind.Zero) return zero(signA == signB ? signA : zeroSign(), format);
  if (kindA == Kind.Zero) return round(signB, exponentB, highB << 1, false, format, roundingMode());
  if (kind == Kind.Zero) return round(signA, exponentA, highA << 1, false, format, roundingMode());
  // The greater goes first.
  if (exponentA < exponentB || (exponentA == exponentB && highA < highB)) {
    const signOther = signA;
    const exponentOther = exponentA;
    const highOther = highA;
    signA = signB;
    exponentA = exponentB;
    highA = highB;
    signB = signOther;
    exponentB = exponentOther;
    highB = highOther;
  }
  highB = shiftRightSticky(highB, <u32>(exponentA - exponentB));
  const value = signA == signB ? highA + highB : highA - highB;
  if (value == 0) return zero(zeroSign(), format);
  const shift = clz<u64>(value);
  return round(signA, exponentA + 1 - <i32>shift, value << shift, false, format, roundingMode());
}

/** What is shifted out sets the last bit. */
function shiftRightSticky(value: u64, by: u32): u64 {
  if (by == 0) return value;
  if (by > 63) return 1;
  return (value >> by) | (value << (64 - by) != 0 ? 1 : 0);
}

export function multiply(a: u64, b: u64, format: u32): u64 {
  if (nativeArithmetic()) {
    if (format == DOUBLE) {
      const product = reinterpret<f64>(a) * reinterpret<f64>(b);
      if (plainDouble(product)) return reinterpret<u64>(product);
    } else if (format == SINGLE) {
      const product = reinterpret<f32>(<u32>a) * reinterpret<f32>(<u32>b);
      if (plainSingle(product)) return <u64>reinterpret<u32>(product);
    }
  }
  return multiplyExactly(a, b, false, format);
}

/** FMULX: infinity times zero is 2. */
export function multiplyExtended(a: u64, b: u64, format: u32): u64 {
  return multiplyExactly(a, b, true, format);
}

function multiplyExactly(a: u64, b: u64, extended: bool, format: u32): u64 {
  unpack(a, format);
  const kindA = kind;
  const signA = sign;
  const exponentA = exponent;
  const mantissaA = mantissa;
  unpack(b, format);
  if (isNaN(kindA) || isNaN(kind)) return processNaNs(a, kindA, b, kind, format);
  const negative = signA ^ sign;
  if (kindA == Kind.Infinity || kind == Kind.Infinity) {
    if (kindA != Kind.Zero && kind != Kind.Zero) return infinity(negative, format);
    return extended ? round(negative, 1, <u64>1 << 63, false, format, roundingMode()) : invalid(format);
  }
  if (kindA == Kind.Zero || kind == Kind.Zero) return zero(negative, format);
  let high = multiplyHighUnsigned(mantissaA, mantissa);
  let low = mantissaA * mantissa;
  let power = exponentA + exponent + 1;
  if (<i64>high >= 0) {
    high = (high << 1) | (low >> 63);
    low <<= 1;
    power--;
  }
  return round(negative, power, high, low != 0, format, roundingMode());
}

export function divide(a: u64, b: u64, format: u32): u64 {
  if (nativeArithmetic()) {
    if (format == DOUBLE) {
      const quotient = reinterpret<f64>(a) / reinterpret<f64>(b);
      if (plainDouble(quotient)) return reinterpret<u64>(quotient);
    } else if (format == SINGLE) {
      const quotient = reinterpret<f32>(<u32>a) / reinterpret<f32>(<u32>b);
      if (plainSingle(quotient)) return <u64>reinterpret<u32>(quotient);
    }
  }
  unpack(a, format);
  const kindA = kind;
  const signA = sign;
  const exponentA = exponent;
  let rest = mantissa >> 1;
  unpack(b, format);
  if (isNaN(kindA) || isNaN(kind)) return processNaNs(a, kindA, b, kind, format);
  const negative = signA ^ sign;
  if (kindA == kind && kind != Kind.Finite) return invalid(format);
  if (kindA == Kind.Infinity) return infinity(negative, format);
  if (kind == Kind.Zero) {
    raise(DIVIDE_BY_ZERO);
    return infinity(negative, format);
  }
  if (kindA == Kind.Zero || kind == Kind.Infinity) return zero(negative, format);
  const divisor = mantissa >> 1;
  let power = exponentA - exponent;
  if (rest < divisor) {
    rest <<= 1;
    power--;
  }
  let quotient: u64 = 0;
  for (let i = 0; i < 64; i++) {
    quotient <<= 1;
    if (rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
    rest <<= 1;
  }
  return round(negative, power, quotient, rest != 0, format, roundingMode());
}

export function squareRoot(a: u64, format: u32): u64 {
  if (nativeArithmetic()) {
    if (format == DOUBLE) {
      const root = sqrt<f64>(reinterpret<f64>(a));
      if (plainDouble(root)) return reinterpret<u64>(root);
    } else if (format == SINGLE) {
      const root = sqrt<f32>(reinterpret<f32>(<u32>a));
      if (plainSingle(root)) return <u64>reinterpret<u32>(root);
    }
  }
  unpack(a, format);
  if (isNaN(kind)) return processNaN(a, kind, format);
  if (kind == Kind.Zero) return zero(sign, format);
  if (sign) return invalid(format);
  if (kind == Kind.Infinity) return infinity(0, format);
  // Digit by digit, two bits of the radicand for one of the root: 57 bits, the first of them one.
  let radicand = exponent & 1 ? mantissa : mantissa >> 1;
  let rest: u64 = 0;
  let root: u64 = 0;
  for (let i = 0; i < 57; i++) {
    rest = (rest << 2) | (radicand >> 62);
    radicand <<= 2;
    const trial = (root << 2) | 1;
    root <<= 1;
    if (rest >= trial) {
      rest -= trial;
      root |= 1;
    }
  }
  return round(0, exponent >> 1, root << 7, rest != 0, format, roundingMode());
}

/** What the product of a fused operation is when infinity meets zero. */
const enum Undefined {
  /** Invalid. */
  Product,
  /** FRECPS: 2, FRSQRTS: 1.5. */
  Step,
}

/** addend + a × b, rounded once. */
export function fusedMultiplyAdd(addend: u64, a: u64, b: u64, format: u32): u64 {
  return fused(addend, a, b, format, Undefined.Product, 0);
}
/** FRECPS: 2 − a × b. */
export function reciprocalStep(a: u64, b: u64, format: u32): u64 {
  return fused(format == DOUBLE ? 0x4000000000000000 : 0x40000000, a ^ signBit(format), b, format, Undefined.Step, 0);
}
/** FRSQRTS: (3 − a × b) / 2. */
export function reciprocalSquareRootStep(a: u64, b: u64, format: u32): u64 {
  return fused(format == DOUBLE ? 0x4008000000000000 : 0x40400000, a ^ signBit(format), b, format, Undefined.Step, 1);
}

function fused(addend: u64, a: u64, b: u64, format: u32, whenUndefined: Undefined, halvings: i32): u64 {
  unpack(addend, format);
  const kindC = kind;
  const signC = sign;
  const exponentC = exponent;
  const mantissaC = mantissa;
  unpack(a, format);
  const kindA = kind;
  const signA = sign;
  const exponentA = exponent;
  const mantissaA = mantissa;
  unpack(b, format);
  const kindB = kind;
  const undefined =
    (kindA == Kind.Infinity && kindB == Kind.Zero) || (kindA == Kind.Zero && kindB == Kind.Infinity);
  if (isNaN(kindA) || isNaN(kindB) || isNaN(kindC)) {
    if (kindC == Kind.QuietNaN && undefined) return invalid(format);
    if (kindC == Kind.SignallingNaN) return processNaN(addend, kindC, format);
    if (kindA == Kind.SignallingNaN || kindB == Kind.SignallingNaN || kindC != Kind.QuietNaN) {
      return processNaNs(a, kindA, b, kindB, format);
    }
    return processNaN(addend, kindC, format);
  }
  const negative = signA ^ sign;
  if (undefined) return whenUndefined == Undefined.Step ? halved(addend, halvings, format) : invalid(format);
  const infiniteProduct = kindA == Kind.Infinity || kindB == Kind.Infinity;
  if (kindC == Kind.Infinity) {
    return infiniteProduct && negative != signC ? invalid(format) : infinity(signC, format);
  }
  if (infiniteProduct) return infinity(negative, format);
  const mode = roundingMode();
  if (kindA == Kind.Zero || kindB == Kind.Zero) {
    if (kindC == Kind.Zero) return zero(negative == signC ? signC : zeroSign(), format);
    return round(signC, exponentC - halvings, mantissaC, false, format, mode);
  }
  // The product with a bit of room above.
  const high = multiplyHighUnsigned(mantissaA, mantissa);
  const low = mantissaA * mantissa;
  const exponentP = exponentA + exponent + 1;
  setFirst(high >> 1, (high << 63) | (low >> 1));
  if (kindC == Kind.Zero) return roundWide(negative, exponentP - halvings, firstHigh, firstLow, format, mode);
  setSecond(mantissaC >> 1, 0);
  let power = exponentP;
  if (exponentP >= exponentC) shiftSecond(<u32>(exponentP - exponentC));
  else {
    power = exponentC;
    const productHigh = firstHigh;
    const productLow = firstLow;
    setFirst(secondHigh, secondLow);
    setSecond(productHigh, productLow);
    shiftSecond(<u32>(exponentC - exponentP));
  }
  const signFirst = exponentP >= exponentC ? negative : signC;
  const signSecond = exponentP >= exponentC ? signC : negative;
  if (signFirst == signSecond) {
    const sum = firstLow + secondLow;
    setFirst(firstHigh + secondHigh + (sum < firstLow ? 1 : 0), sum);
    return roundWide(signFirst, power - halvings, firstHigh, firstLow, format, mode);
  }
  const firstIsLess = firstHigh < secondHigh || (firstHigh == secondHigh && firstLow < secondLow);
  if (firstIsLess) {
    const borrow: u64 = secondLow < firstLow ? 1 : 0;
    setFirst(secondHigh - firstHigh - borrow, secondLow - firstLow);
  } else {
    const borrow: u64 = firstLow < secondLow ? 1 : 0;
    setFirst(firstHigh - secondHigh - borrow, firstLow - secondLow);
  }
  if ((firstHigh | firstLow) == 0) return zero(zeroSign(), format);
  return roundWide(firstIsLess ? signSecond : signFirst, power - halvings, firstHigh, firstLow, format, mode);
}

/** 2, or 3 / 2. */
function halved(value: u64, halvings: i32, format: u32): u64 {
  unpack(value, format);
  return round(0, exponent - halvings, mantissa, false, format, roundingMode());
}

/** Two 128-bit numbers: WebAssembly functions return one value only. */
let firstHigh: u64 = 0;
let firstLow: u64 = 0;
let secondHigh: u64 = 0;
let secondLow: u64 = 0;

@inline
function setFirst(high: u64, low: u64): void {
  firstHigh = high;
  firstLow = low;
}
@inline
function setSecond(high: u64, low: u64): void {
  secondHigh = high;
  secondLow = low;
}

/** What is shifted out sets the last bit. */
function shiftSecond(by: u32): void {
  if (by == 0) return;
  if (by > 127) setSecond(0, 1);
  else if (by > 63) {
    const lost = (by == 64 ? 0 : secondHigh << (128 - by)) | secondLow;
    setSecond(0, (by == 64 ? secondHigh : secondHigh >> (by - 64)) | (lost != 0 ? 1 : 0));
  } else {
    const lost = secondLow << (64 - by);
    setSecond(secondHigh >> by, (secondHigh << (64 - by)) | (secondLow >> by) | (lost != 0 ? 1 : 0));
  }
}

/** Bit 126 of the number has the weight 2^power. */
function roundWide(negative: u32, power: i32, high: u64, low: u64, format: u32, mode: u32): u64 {
  if (high == 0) {
    high = low;
    low = 0;
    power -= 64;
  }
  const shift = <i32>clz<u64>(high);
  if (shift) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
  }
  return round(negative, power + 1 - shift, high, low != 0, format, mode);
}
