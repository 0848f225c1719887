/** Advanced SIMD three different: results or operands of twice the size (Arm ARM C4.1). "2" forms take the upper halves. */

import { bits } from '../instruction/fields';
import {
  absoluteDifference,
  addSaturating,
  multiplyDoublingLong,
  multiplyPolynomial,
  subtractSaturating,
} from './element';
import {
  beginResult,
  commitNarrow,
  commitResult,
  element,
  emitSimd,
  extendedElement,
  firstOfHalf,
  halfElements,
  isScalar,
  isUnsigned,
  operationOf,
  setResult,
  vd,
  vm,
  vn,
  wordOf,
} from './registers';

export const enum Long {
  ADDL = 0x0,
  ADDW = 0x1,
  SUBL = 0x2,
  SUBW = 0x3,
  ADDHN = 0x4,
  ABAL = 0x5,
  SUBHN = 0x6,
  ABDL = 0x7,
  MLAL = 0x8,
  SQDMLAL = 0x9,
  MLSL = 0xa,
  SQDMLSL = 0xb,
  MULL = 0xc,
  SQDMULL = 0xd,
  PMULL = 0xe,
}

function isDoubling(operation: u32): bool {
  return operation == Long.SQDMLAL || operation == Long.SQDMLSL || operation == Long.SQDMULL;
}

export function decodeThreeDifferent(at: usize, word: u32): void {
  const operation = bits(word, 12, 4);
  const size = bits(word, 22, 2);
  const doubling = isDoubling(operation);
  if (operation > <u32>Long.PMULL || size == 3) return;
  if ((doubling || operation == Long.PMULL) && isUnsigned(word)) return;
  if (doubling && size == 0) return;
  // PMULL of doublewords is of the cryptographic extension.
  if (operation == Long.PMULL && size != 0) return;
  if (isScalar(word) && !doubling) return;
  if (operation == Long.ADDHN || operation == Long.SUBHN) emitSimd(at, executeNarrow, operation, size, word);
  else if (operation == Long.ADDW || operation == Long.SUBW) emitSimd(at, executeWide, operation, size, word);
  else emitSimd(at, executeLong, operation, size, word);
}

function executeLong(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const unsigned = isUnsigned(word);
  const operation = operationOf(op);
  const count = halfElements(word, size);
  const first = firstOfHalf(word, size);
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    const a = extendedElement(vn(word), first + i, size, unsigned);
    const b = extendedElement(vm(word), first + i, size, unsigned);
    const d = extendedElement(vd(word), i, size + 1, unsigned);
    setResult(i, size + 1, long(operation, a, b, d, size, unsigned));
  }
  commitResult(word);
  return true;
}

/** One element of a long operation; `d` is the one that is accumulated to. */
export function long(operation: u32, a: u64, b: u64, d: u64, size: u32, unsigned: bool): u64 {
  switch (operation) {
    case Long.ADDL:
      return a + b;
    case Long.SUBL:
      return a - b;
    case Long.ABAL:
      return d + absoluteDifference(a, b, unsigned);
    case Long.ABDL:
      return absoluteDifference(a, b, unsigned);
    case Long.MLAL:
      return d + a * b;
    case Long.MLSL:
      return d - a * b;
    case Long.MULL:
      return a * b;
    case Long.SQDMLAL:
      return addSaturating(d, multiplyDoublingLong(a, b, size), size + 1, false);
    case Long.SQDMLSL:
      return subtractSaturating(d, multiplyDoublingLong(a, b, size), size + 1, false);
    case Long.SQDMULL:
      return multiplyDoublingLong(a, b, size);
    default:
      return multiplyPolynomial(a, b);
  }
}

function executeWide(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const unsigned = isUnsigned(word);
  const subtracting = operationOf(op) == Long.SUBW;
  const count = halfElements(word, size);
  const first = firstOfHalf(word, size);
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    const a = element(vn(word), i, size + 1);
    const b = extendedElement(vm(word), first + i, size, unsigned);
    setResult(i, size + 1, subtracting ? a - b : a + b);
  }
  commitResult(word);
  return true;
}

/** ADDHN, SUBHN and, with U, their rounding forms: the upper half of each sum. */
function executeNarrow(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const subtracting = operationOf(op) == Long.SUBHN;
  const narrow: u32 = 8 << size;
  const rounding: u64 = isUnsigned(word) ? <u64>1 << (narrow - 1) : 0;
  beginResult();
  for (let i: u32 = 0, count = halfElements(word, size); i < count; i++) {
    const a = element(vn(word), i, size + 1);
    const b = element(vm(word), i, size + 1);
    setResult(i, size, ((subtracting ? a - b : a + b) + rounding) >> narrow);
  }
  commitNarrow(word);
  return true;
}
