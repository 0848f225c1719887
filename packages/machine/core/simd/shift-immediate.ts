/** Advanced SIMD shift by immediate, vector and scalar (Arm ARM C4.1, U:opcode). */

import { fromFixed, toFixed } from '../floating-point/convert';
import { Rounding, roundingMode } from '../floating-point/status';
import { bit, bits } from '../instruction/fields';
import {
  saturateAbove,
  saturateSigned,
  saturateUnsigned,
  shiftLeftSaturating,
  shiftLeftToUnsigned,
  shiftRight,
  shiftRightRounding,
  unsignedLimit,
} from './element';
import {
  beginResult,
  commitNarrow,
  commitResult,
  element,
  elements,
  emitSimd,
  extendedElement,
  firstOfHalf,
  halfElements,
  isFull,
  isScalar,
  isUnsigned,
  operationOf,
  setResult,
  vd,
  vn,
  wordOf,
} from './registers';

const enum Shift {
  SSHR = 0x00,
  SSRA = 0x02,
  SRSHR = 0x04,
  SRSRA = 0x06,
  SHL = 0x0a,
  SQSHL = 0x0e,
  SHRN = 0x10,
  RSHRN = 0x11,
  SQSHRN = 0x12,
  SQRSHRN = 0x13,
  SSHLL = 0x14,
  SCVTF = 0x1c,
  FCVTZS = 0x1f,
  USHR = 0x20,
  USRA = 0x22,
  URSHR = 0x24,
  URSRA = 0x26,
  SRI = 0x28,
  SLI = 0x2a,
  SQSHLU = 0x2c,
  UQSHL = 0x2e,
  SQSHRUN = 0x30,
  SQRSHRUN = 0x31,
  UQSHRN = 0x32,
  UQRSHRN = 0x33,
  USHLL = 0x34,
  UCVTF = 0x3c,
  FCVTZU = 0x3f,
}

/** Bit n: U:opcode n is allocated in vectors, and as a scalar. */
const VECTOR: u64 = 0x901f5555901f4455;
const SCALAR: u64 = 0x900f5555900c4455;

export function decodeShiftImmediate(at: usize, word: u32): void {
  const operation = (bit(word, 29) << 5) | bits(word, 11, 5);
  const scalar = isScalar(word);
  if (!(((scalar ? SCALAR : VECTOR) >> operation) & 1)) return;
  const size = sizeOf(word);
  const opcode = operation & 0x1f;
  if (opcode >= 0x10 && opcode <= 0x14) {
    if (size == 3) return;
    if (opcode == 0x14) emitSimd(at, executeLong, operation, 0, word);
    else emitSimd(at, executeNarrow, operation, 0, word);
    return;
  }
  if (!scalar && size == 3 && !isFull(word)) return;
  if (opcode >= 0x1c) {
    if (size >= 2) emitSimd(at, executeFixedPoint, operation, 0, word);
    return;
  }
  // As scalars only the saturating shifts have sizes below 64 bits.
  if (scalar && size != 3 && opcode != 0x0c && opcode != 0x0e) return;
  emitSimd(at, executeShift, operation, 0, word);
}

/** The highest bit of immh, which is not zero. */
function sizeOf(word: u32): u32 {
  return 31 - clz<u32>(bits(word, 19, 4));
}

/** immh:immb counts right shifts down from twice the size, left shifts up from the size. */
function rightShift(word: u32, size: u32): u32 {
  return (16 << size) - bits(word, 16, 7);
}
function leftShift(word: u32, size: u32): u32 {
  return bits(word, 16, 7) - (8 << size);
}

function executeShift(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = sizeOf(word);
  const operation = operationOf(op);
  // SQSHLU is signed on the way in.
  const unsigned = isUnsigned(word) && operation != Shift.SQSHLU;
  const right = rightShift(word, size);
  const left = leftShift(word, size);
  beginResult();
  for (let i: u32 = 0, count = elements(word, size); i < count; i++) {
    const a = extendedElement(vn(word), i, size, unsigned);
    setResult(i, size, shift(operation, a, element(vd(word), i, size), size, unsigned, right, left));
  }
  commitResult(word);
  return true;
}

function shift(operation: u32, a: u64, d: u64, size: u32, unsigned: bool, right: u32, left: u32): u64 {
  switch (operation) {
    case Shift.SSHR:
    case Shift.USHR:
      return shiftRight(a, right, unsigned);
    case Shift.SSRA:
    case Shift.USRA:
      return d + shiftRight(a, right, unsigned);
    case Shift.SRSHR:
    case Shift.URSHR:
      return shiftRightRounding(a, right, unsigned);
    case Shift.SRSRA:
    case Shift.URSRA:
      return d + shiftRightRounding(a, right, unsigned);
    case Shift.SRI:
      return (d & ~shiftRight(unsignedLimit(size), right, true)) | shiftRight(a, right, true);
    case Shift.SHL:
      return a << left;
    case Shift.SLI:
      return (d & ~(<u64>-1 << left)) | (a << left);
    case Shift.SQSHLU:
      return shiftLeftToUnsigned(a, left, size);
    default:
      return shiftLeftSaturating(a, left, size, unsigned);
  }
}

/** SSHLL, USHLL. */
function executeLong(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = sizeOf(word);
  const unsigned = isUnsigned(word);
  const left = leftShift(word, size);
  const count = halfElements(word, size);
  const first = firstOfHalf(word, size);
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    setResult(i, size + 1, extendedElement(vn(word), first + i, size, unsigned) << left);
  }
  commitResult(word);
  return true;
}

function executeNarrow(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = sizeOf(word);
  const operation = operationOf(op);
  const right = rightShift(word, size);
  const unsigned = operation == Shift.UQSHRN || operation == Shift.UQRSHRN;
  const rounding = (operation & 1) != 0;
  beginResult();
  for (let i: u32 = 0, count = halfElements(word, size); i < count; i++) {
    const a = extendedElement(vn(word), i, size + 1, unsigned);
    const shifted = rounding ? shiftRightRounding(a, right, unsigned) : shiftRight(a, right, unsigned);
    setResult(i, size, narrowed(operation, shifted, size));
  }
  commitNarrow(word);
  return true;
}

function narrowed(operation: u32, value: u64, size: u32): u64 {
  switch (operation) {
    case Shift.SHRN:
    case Shift.RSHRN:
      return value;
    case Shift.SQSHRN:
    case Shift.SQRSHRN:
      return saturateSigned(<i64>value, size);
    case Shift.UQSHRN:
    case Shift.UQRSHRN:
      return saturateAbove(value, size);
    default:
      return saturateUnsigned(<i64>value, size);
  }
}

/** SCVTF, UCVTF, FCVTZS, FCVTZU with fixed point. */
function executeFixedPoint(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = sizeOf(word);
  const unsigned = isUnsigned(word);
  const fraction = rightShift(word, size);
  const toInteger = (operationOf(op) & 0x1f) == Shift.FCVTZS;
  beginResult();
  for (let i: u32 = 0, count = elements(word, size); i < count; i++) {
    if (toInteger) {
      setResult(i, size, toFixed(element(vn(word), i, size), size, fraction, unsigned, 8 << size, Rounding.Zero));
    } else {
      const value = extendedElement(vn(word), i, size, unsigned);
      setResult(i, size, fromFixed(value, size, fraction, unsigned, roundingMode()));
    }
  }
  commitResult(word);
  return true;
}
