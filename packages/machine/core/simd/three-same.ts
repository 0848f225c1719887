/** Advanced SIMD three same, vector and scalar: two registers, element by element (Arm ARM C4.1, U:opcode). */

import {
  add,
  divide,
  fusedMultiplyAdd,
  multiply,
  multiplyExtended,
  reciprocalSquareRootStep,
  reciprocalStep,
  subtract,
} from '../floating-point/arithmetic';
import { extreme, extremeNumber, isEqual, isGreater, isGreaterOrEqual } from '../floating-point/compare';
import { signBit } from '../floating-point/format';
import { bit, bits } from '../instruction/fields';
import {
  absoluteDifference,
  addSaturating,
  isLess,
  mask,
  multiplyDoublingHigh,
  multiplyPolynomial,
  shiftByRegister,
  subtractSaturating,
} from './element';
import {
  beginResult,
  commitResult,
  element,
  elements,
  emitSimd,
  extendedElement,
  isFull,
  isScalar,
  isUnsigned,
  operationOf,
  setResult,
  setVector,
  vd,
  vm,
  vn,
  wordOf,
} from './registers';

/** Sizes that an integer operation has: 1 for bytes, 2, 4, 8 for doublewords; vector in the low digit, scalar in the high. */
const SIZES: StaticArray<u8> = [
  // opcode 0x00: SHADD, SQADD, SRHADD, (logical), SHSUB, SQSUB, CMGT, CMGE
  0x07, 0xff, 0x07, 0x00, 0x07, 0xff, 0x8f, 0x8f,
  // 0x08: SSHL, SQSHL, SRSHL, SQRSHL, SMAX, SMIN, SABD, SABA
  0x8f, 0xff, 0x8f, 0xff, 0x07, 0x07, 0x07, 0x07,
  // 0x10: ADD or SUB, CMTST or CMEQ, MLA or MLS, MUL or PMUL, SMAXP, SMINP, SQDMULH or SQRDMULH, ADDP
  0x8f, 0x8f, 0x07, 0x07, 0x07, 0x07, 0x66, 0x0f,
];

const LOGICAL: u32 = 3;
const FIRST_FLOAT: u32 = 0x18;
const PMUL: u32 = 0x33;
const SQRDMULH: u32 = 0x36;
const ADDP: u32 = 0x17;
const SMAXP: u32 = 0x14;
const SMINP: u32 = 0x15;

/** Floating-point operations by size<1>, U and opcode from 0x18. */
const enum Float {
  FMAXNM = 0x00,
  FMLA = 0x01,
  FADD = 0x02,
  FMULX = 0x03,
  FCMEQ = 0x04,
  FMAX = 0x06,
  FRECPS = 0x07,
  FMAXNMP = 0x08,
  FADDP = 0x0a,
  FMUL = 0x0b,
  FCMGE = 0x0c,
  FACGE = 0x0d,
  FMAXP = 0x0e,
  FDIV = 0x0f,
  FMINNM = 0x10,
  FMLS = 0x11,
  FSUB = 0x12,
  FMIN = 0x16,
  FRSQRTS = 0x17,
  FMINNMP = 0x18,
  FABD = 0x1a,
  FCMGT = 0x1c,
  FACGT = 0x1d,
  FMINP = 0x1e,
}
/** Bit n: the operation n is allocated, in vectors and as a scalar. */
const FLOAT_VECTOR: u32 = 0x75c7fddf;
const FLOAT_SCALAR: u32 = 0x34803098;
/** FMAXNMP, FADDP, FMAXP, FMINNMP, FMINP take their elements in pairs. */
const FLOAT_PAIRWISE: u32 = 0x41004500;

export function decodeThreeSame(at: usize, word: u32): void {
  const opcode = bits(word, 11, 5);
  const size = bits(word, 22, 2);
  const scalar = isScalar(word);
  const operation = (bit(word, 29) << 5) | opcode;
  if (opcode == LOGICAL) {
    if (!scalar) emitSimd(at, executeLogical, (bit(word, 29) << 2) | size, 0, word);
    return;
  }
  if (opcode >= FIRST_FLOAT) {
    const which = ((size >> 1) << 4) | (bit(word, 29) << 3) | (opcode & 7);
    if (!(((scalar ? FLOAT_SCALAR : FLOAT_VECTOR) >> which) & 1)) return;
    if (!scalar && (size & 1) != 0 && !isFull(word)) return;
    if ((FLOAT_PAIRWISE >> which) & 1) emitSimd(at, executeFloatPairwise, which, 2 + (size & 1), word);
    else emitSimd(at, executeFloat, which, 2 + (size & 1), word);
    return;
  }
  const sizes = <u32>unchecked(SIZES[opcode]) >> (scalar ? 4 : 0);
  if (!((sizes >> size) & 1)) return;
  if (!scalar && size == 3 && !isFull(word)) return;
  if (operation == PMUL && size != 0) return;
  if (operation == (ADDP | 0x20)) return;
  if (opcode == ADDP || opcode == SMAXP || opcode == SMINP) emitSimd(at, executePairwise, operation, size, word);
  else emitSimd(at, executeInteger, operation, size, word);
}

/** AND, BIC, ORR, ORN, EOR, BSL, BIT, BIF by U:size. */
function executeLogical(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const n = vn(word);
  const m = vm(word);
  const d = vd(word);
  const operation = operationOf(op);
  const low = logical(operation, load<u64>(n), load<u64>(m), load<u64>(d));
  setVector(word, low, logical(operation, load<u64>(n, 8), load<u64>(m, 8), load<u64>(d, 8)));
  return true;
}

function logical(operation: u32, a: u64, b: u64, d: u64): u64 {
  switch (operation) {
    case 0:
      return a & b;
    case 1:
      return a & ~b;
    case 2:
      return a | b;
    case 3:
      return a | ~b;
    case 4:
      return a ^ b;
    case 5:
      return b ^ ((b ^ a) & d);
    case 6:
      return d ^ ((d ^ a) & b);
    default:
      return d ^ ((d ^ a) & ~b);
  }
}

function executeInteger(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const operation = operationOf(op);
  // SQRDMULH is signed all the same.
  const unsigned = isUnsigned(word) && operation != SQRDMULH;
  const n = vn(word);
  const m = vm(word);
  const d = vd(word);
  beginResult();
  for (let i: u32 = 0, count = elements(word, size); i < count; i++) {
    const a = extendedElement(n, i, size, unsigned);
    const b = extendedElement(m, i, size, unsigned);
    setResult(i, size, integer(operation, a, b, element(d, i, size), size, unsigned));
  }
  commitResult(word);
  return true;
}

/** By U:opcode; where U makes no other operation it makes the elements unsigned. */
function integer(operation: u32, a: u64, b: u64, d: u64, size: u32, unsigned: bool): u64 {
  switch (operation) {
    case 0x00: // SHADD
    case 0x20:
      return <u64>(<i64>(a + b) >> 1);
    case 0x02: // SRHADD
    case 0x22:
      return <u64>(<i64>(a + b + 1) >> 1);
    case 0x04: // SHSUB
    case 0x24:
      return <u64>(<i64>(a - b) >> 1);
    case 0x01: // SQADD
    case 0x21:
      return addSaturating(a, b, size, unsigned);
    case 0x05: // SQSUB
    case 0x25:
      return subtractSaturating(a, b, size, unsigned);
    case 0x06: // CMGT, CMHI
    case 0x26:
      return mask(isLess(b, a, unsigned));
    case 0x07: // CMGE, CMHS
    case 0x27:
      return mask(!isLess(a, b, unsigned));
    case 0x08: // SSHL
    case 0x28:
      return shiftByRegister(a, b, size, unsigned, false, false);
    case 0x09: // SQSHL
    case 0x29:
      return shiftByRegister(a, b, size, unsigned, false, true);
    case 0x0a: // SRSHL
    case 0x2a:
      return shiftByRegister(a, b, size, unsigned, true, false);
    case 0x0b: // SQRSHL
    case 0x2b:
      return shiftByRegister(a, b, size, unsigned, true, true);
    case 0x0c: // SMAX
    case 0x2c:
      return isLess(a, b, unsigned) ? b : a;
    case 0x0d: // SMIN
    case 0x2d:
      return isLess(a, b, unsigned) ? a : b;
    case 0x0e: // SABD
    case 0x2e:
      return absoluteDifference(a, b, unsigned);
    case 0x0f: // SABA
    case 0x2f:
      return d + absoluteDifference(a, b, unsigned);
    case 0x10: // ADD
      return a + b;
    case 0x30: // SUB
      return a - b;
    case 0x11: // CMTST
      return mask((a & b) != 0);
    case 0x31: // CMEQ
      return mask(a == b);
    case 0x12: // MLA
      return d + a * b;
    case 0x32: // MLS
      return d - a * b;
    case 0x13: // MUL
      return a * b;
    case 0x33: // PMUL
      return multiplyPolynomial(a, b);
    case 0x16: // SQDMULH
      return multiplyDoublingHigh(a, b, size, false);
    default:
      return multiplyDoublingHigh(a, b, size, true);
  }
}

/** Pairs of elements of Vm:Vn. */
function executePairwise(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const unsigned = isUnsigned(word);
  const opcode = operationOf(op) & 0x1f;
  const count = elements(word, size);
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    const half = count >> 1;
    const from = i < half ? vn(word) : vm(word);
    const first = (i < half ? i : i - half) << 1;
    const a = extendedElement(from, first, size, unsigned);
    const b = extendedElement(from, first + 1, size, unsigned);
    if (opcode == ADDP) setResult(i, size, a + b);
    else setResult(i, size, isLess(a, b, unsigned) == (opcode == SMAXP) ? b : a);
  }
  commitResult(word);
  return true;
}

function executeFloat(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  const operation = operationOf(op);
  const n = vn(word);
  const m = vm(word);
  const d = vd(word);
  beginResult();
  for (let i: u32 = 0, count = elements(word, size); i < count; i++) {
    setResult(i, size, float(operation, element(n, i, size), element(m, i, size), element(d, i, size), size));
  }
  commitResult(word);
  return true;
}

function executeFloatPairwise(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  const operation = operationOf(op);
  const count = elements(word, size);
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    const half = count >> 1;
    const from = i < half ? vn(word) : vm(word);
    const first = (i < half ? i : i - half) << 1;
    setResult(i, size, float(operation, element(from, first, size), element(from, first + 1, size), 0, size));
  }
  commitResult(word);
  return true;
}

/** An operation of `Float` on one pair of elements. */
function float(operation: u32, a: u64, b: u64, d: u64, size: u32): u64 {
  switch (operation) {
    case Float.FMAXNM:
    case Float.FMAXNMP:
      return extremeNumber(a, b, false, size);
    case Float.FMINNM:
    case Float.FMINNMP:
      return extremeNumber(a, b, true, size);
    case Float.FMLA:
      return fusedMultiplyAdd(d, a, b, size);
    case Float.FMLS:
      return fusedMultiplyAdd(d, a ^ signBit(size), b, size);
    case Float.FADD:
    case Float.FADDP:
      return add(a, b, size);
    case Float.FSUB:
      return subtract(a, b, size);
    case Float.FABD:
      return subtract(a, b, size) & ~signBit(size);
    case Float.FMULX:
      return multiplyExtended(a, b, size);
    case Float.FMUL:
      return multiply(a, b, size);
    case Float.FDIV:
      return divide(a, b, size);
    case Float.FMAX:
    case Float.FMAXP:
      return extreme(a, b, false, size);
    case Float.FMIN:
    case Float.FMINP:
      return extreme(a, b, true, size);
    case Float.FRECPS:
      return reciprocalStep(a, b, size);
    case Float.FRSQRTS:
      return reciprocalSquareRootStep(a, b, size);
    case Float.FCMEQ:
      return mask(isEqual(a, b, size));
    case Float.FCMGE:
      return mask(isGreaterOrEqual(a, b, size));
    case Float.FCMGT:
      return mask(isGreater(a, b, size));
    case Float.FACGE:
      return mask(isGreaterOrEqual(a & ~signBit(size), b & ~signBit(size), size));
    default: // FACGT
      return mask(isGreater(a & ~signBit(size), b & ~signBit(size), size));
  }
}
