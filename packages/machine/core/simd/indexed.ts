/** Advanced SIMD vector × indexed element, and scalar × indexed element (Arm ARM C4.1, U:opcode). */

import { fusedMultiplyAdd, multiply, multiplyExtended } from '../floating-point/arithmetic';
import { signBit } from '../floating-point/format';
import { bit, bits } from '../instruction/fields';
import { multiplyDoublingHigh } from './element';
import {
  beginResult,
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
  signedElement,
  vOf,
  vd,
  vn,
  wordOf,
} from './registers';
import { Long, long } from './three-different';

const enum Indexed {
  FMLA = 0x01,
  SMLAL = 0x02,
  SQDMLAL = 0x03,
  FMLS = 0x05,
  SMLSL = 0x06,
  SQDMLSL = 0x07,
  MUL = 0x08,
  FMUL = 0x09,
  SMULL = 0x0a,
  SQDMULL = 0x0b,
  SQDMULH = 0x0c,
  SQRDMULH = 0x0d,
  MLA = 0x10,
  UMLAL = 0x12,
  MLS = 0x14,
  UMLSL = 0x16,
  FMULX = 0x19,
  UMULL = 0x1a,
}

/** Bit n: U:opcode n is allocated in vectors, and as a scalar. */
const VECTOR: u32 = 0x06553fee;
const SCALAR: u32 = 0x02003aaa;
/** The floating-point ones. */
const FLOAT: u32 = 0x02000222;
/** Those whose result has twice the size. */
const LONG: u32 = 0x04440ccc;

export function decodeIndexed(at: usize, word: u32): void {
  const operation = (bit(word, 29) << 4) | bits(word, 12, 4);
  const size = bits(word, 22, 2);
  const scalar = isScalar(word);
  if (!(((scalar ? SCALAR : VECTOR) >> operation) & 1)) return;
  if ((FLOAT >> operation) & 1) {
    if (size < 2 || (size == 3 && bit(word, 21) != 0)) return;
    if (size == 3 && !scalar && !isFull(word)) return;
    emitSimd(at, executeFloatIndexed, operation, indexOf(word, size), word);
    return;
  }
  if (size != 1 && size != 2) return;
  if ((LONG >> operation) & 1) emitSimd(at, executeLongIndexed, operation, indexOf(word, size), word);
  else emitSimd(at, executeIndexed, operation, indexOf(word, size), word);
}

/** The element's number: H:L:M, H:L or H. */
function indexOf(word: u32, size: u32): u32 {
  const h = bit(word, 11);
  const l = bit(word, 21);
  return size == 1 ? (h << 2) | (l << 1) | bit(word, 20) : size == 2 ? (h << 1) | l : h;
}

/** The register of the element: M is a bit of its number where it is none of the index. */
function indexedRegister(word: u32, size: u32): usize {
  return vOf(bits(word, 16, size == 1 ? 4 : 5));
}

function executeIndexed(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const b = signedElement(indexedRegister(word, size), indexOf(word, size), size);
  const operation = operationOf(op);
  beginResult();
  for (let i: u32 = 0, count = elements(word, size); i < count; i++) {
    const a = signedElement(vn(word), i, size);
    setResult(i, size, integer(operation, a, b, element(vd(word), i, size), size));
  }
  commitResult(word);
  return true;
}

function integer(operation: u32, a: u64, b: u64, d: u64, size: u32): u64 {
  switch (operation) {
    case Indexed.MUL:
      return a * b;
    case Indexed.MLA:
      return d + a * b;
    case Indexed.MLS:
      return d - a * b;
    default:
      return multiplyDoublingHigh(a, b, size, operation == Indexed.SQRDMULH);
  }
}

function executeLongIndexed(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const unsigned = isUnsigned(word);
  const b = extendedElement(indexedRegister(word, size), indexOf(word, size), size, unsigned);
  const operation = asLong(operationOf(op));
  const count = halfElements(word, size);
  const first = firstOfHalf(word, size);
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    const a = extendedElement(vn(word), first + i, size, unsigned);
    const d = extendedElement(vd(word), i, size + 1, unsigned);
    setResult(i, size + 1, long(operation, a, b, d, size, unsigned));
  }
  commitResult(word);
  return true;
}

/** The same among the operations on three different registers. */
function asLong(operation: u32): u32 {
  switch (operation) {
    case Indexed.SMLAL:
    case Indexed.UMLAL:
      return Long.MLAL;
    case Indexed.SMLSL:
    case Indexed.UMLSL:
      return Long.MLSL;
    case Indexed.SQDMLAL:
      return Long.SQDMLAL;
    case Indexed.SQDMLSL:
      return Long.SQDMLSL;
    case Indexed.SQDMULL:
      return Long.SQDMULL;
    default:
      return Long.MULL;
  }
}

function executeFloatIndexed(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const b = element(indexedRegister(word, size), indexOf(word, size), size);
  const operation = operationOf(op);
  beginResult();
  for (let i: u32 = 0, count = elements(word, size); i < count; i++) {
    setResult(i, size, float(operation, element(vn(word), i, size), b, element(vd(word), i, size), size));
  }
  commitResult(word);
  return true;
}

function float(operation: u32, a: u64, b: u64, d: u64, size: u32): u64 {
  switch (operation) {
    case Indexed.FMLA:
      return fusedMultiplyAdd(d, a, b, size);
    case Indexed.FMLS:
      return fusedMultiplyAdd(d, a ^ signBit(size), b, size);
    case Indexed.FMUL:
      return multiply(a, b, size);
    default:
      return multiplyExtended(a, b, size);
  }
}
