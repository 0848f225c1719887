/** Advanced SIMD two-register miscellaneous, vector and scalar: the integer half (Arm ARM C4.1, U:opcode). */

import { bit, bits } from '../instruction/fields';
import {
  addSignedToUnsigned,
  addUnsignedToSigned,
  mask,
  saturateAbove,
  saturateSigned,
  saturateUnsigned,
  subtractSaturating,
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
  signedElement,
  vd,
  vn,
  wordOf,
} from './registers';
import { decodeFloatMisc } from './two-misc-float';

/** Sizes by U:opcode: vector in the low digit, scalar in the high. */
const SIZES: StaticArray<u8> = [
  // U 0: REV64, REV16, SADDLP, SUQADD, CLS, CNT, SADALP, SQABS
  0x07, 0x01, 0x07, 0xff, 0x07, 0x01, 0x07, 0xff,
  // CMGT, CMEQ, CMLT with zero, ABS
  0x8f, 0x8f, 0x8f, 0x8f, 0, 0, 0, 0,
  // 0x12 XTN, 0x14 SQXTN
  0, 0, 0x07, 0, 0x77, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0,
  // U 1: REV32, -, UADDLP, USQADD, CLZ, NOT or RBIT, UADALP, SQNEG
  0x03, 0, 0x07, 0xff, 0x07, 0x03, 0x07, 0xff,
  // CMGE, CMLE with zero, -, NEG
  0x8f, 0x8f, 0, 0x8f, 0, 0, 0, 0,
  // 0x12 SQXTUN, 0x13 SHLL, 0x14 UQXTN
  0, 0, 0x77, 0x07, 0x77, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0,
];

const enum Misc {
  REV64 = 0x00,
  REV16 = 0x01,
  SADDLP = 0x02,
  SUQADD = 0x03,
  CLS = 0x04,
  CNT = 0x05,
  SADALP = 0x06,
  SQABS = 0x07,
  CMGT = 0x08,
  CMEQ = 0x09,
  CMLT = 0x0a,
  ABS = 0x0b,
  XTN = 0x12,
  SQXTN = 0x14,
  REV32 = 0x20,
  UADDLP = 0x22,
  USQADD = 0x23,
  CLZ = 0x24,
  NOT = 0x25,
  UADALP = 0x26,
  SQNEG = 0x27,
  CMGE = 0x28,
  CMLE = 0x29,
  NEG = 0x2b,
  SQXTUN = 0x32,
  SHLL = 0x33,
  UQXTN = 0x34,
}

export function decodeTwoMisc(at: usize, word: u32): void {
  const operation = (bit(word, 29) << 5) | bits(word, 12, 5);
  const size = bits(word, 22, 2);
  const sizes = <u32>unchecked(SIZES[operation]);
  if (!sizes) return decodeFloatMisc(at, word);
  const scalar = isScalar(word);
  if (!(((scalar ? sizes >> 4 : sizes) >> size) & 1)) return;
  if (!scalar && size == 3 && !isFull(word)) return;
  switch (operation) {
    case Misc.REV64:
    case Misc.REV32:
      // An element must be smaller than what it is turned round in, as the table says.
      return emitSimd(at, executeReverse, operation == Misc.REV64 ? 3 : 2, 0, word);
    case Misc.REV16:
      return emitSimd(at, executeReverse, 1, 0, word);
    case Misc.SADDLP:
    case Misc.UADDLP:
      return emitSimd(at, executePairwiseLong, 0, 0, word);
    case Misc.SADALP:
    case Misc.UADALP:
      return emitSimd(at, executePairwiseLong, 1, 0, word);
    case Misc.XTN:
    case Misc.SQXTN:
    case Misc.SQXTUN:
    case Misc.UQXTN:
      return emitSimd(at, executeExtractNarrow, operation, 0, word);
    case Misc.SHLL:
      return emitSimd(at, executeShiftLeftLong, 0, 0, word);
    default:
      return emitSimd(at, executeElementwise, operation, 0, word);
  }
}

function executeElementwise(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const operation = operationOf(op);
  // USQADD adds a signed number to the unsigned destination, SUQADD the other way round.
  const unsigned = operation == Misc.SUQADD;
  beginResult();
  for (let i: u32 = 0, count = elements(word, size); i < count; i++) {
    const a = extendedElement(vn(word), i, size, unsigned);
    const d = extendedElement(vd(word), i, size, !unsigned);
    setResult(i, size, elementwise(operation, a, d, size));
  }
  commitResult(word);
  return true;
}

function elementwise(operation: u32, a: u64, d: u64, size: u32): u64 {
  switch (operation) {
    case Misc.SUQADD:
      return addUnsignedToSigned(d, a, size);
    case Misc.USQADD:
      return addSignedToUnsigned(d, a, size);
    case Misc.CLS:
      return clz<u64>((a ^ (a << 1)) | 1) - (64 - (8 << size));
    case Misc.CLZ:
      return a == 0 ? 8 << size : clz<u64>(a << (64 - (8 << size)));
    case Misc.CNT:
      return popcnt<u64>(a & 0xff);
    case Misc.NOT:
      return size ? reverseByte(a) : ~a;
    case Misc.SQABS:
      return <i64>a < 0 ? subtractSaturating(0, a, size, false) : a;
    case Misc.SQNEG:
      return subtractSaturating(0, a, size, false);
    case Misc.ABS:
      return <i64>a < 0 ? 0 - a : a;
    case Misc.NEG:
      return 0 - a;
    case Misc.CMGT:
      return mask(<i64>a > 0);
    case Misc.CMGE:
      return mask(<i64>a >= 0);
    case Misc.CMEQ:
      return mask(a == 0);
    case Misc.CMLE:
      return mask(<i64>a <= 0);
    default:
      return mask(<i64>a < 0);
  }
}

/** The bits of each byte of the element, turned round. */
function reverseByte(value: u64): u64 {
  value = ((value & 0x5555555555555555) << 1) | ((value >> 1) & 0x5555555555555555);
  value = ((value & 0x3333333333333333) << 2) | ((value >> 2) & 0x3333333333333333);
  return ((value & 0x0f0f0f0f0f0f0f0f) << 4) | ((value >> 4) & 0x0f0f0f0f0f0f0f0f);
}

/** REV64, REV32, REV16: the order of elements within containers of 1 << operation bytes. */
function executeReverse(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const flip = (1 << (operationOf(op) - size)) - 1;
  beginResult();
  for (let i: u32 = 0, count = elements(word, size); i < count; i++) setResult(i, size, element(vn(word), i ^ flip, size));
  commitResult(word);
  return true;
}

/** SADDLP and UADDLP; with operation 1 accumulating. */
function executePairwiseLong(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const unsigned = isUnsigned(word);
  const accumulating = operationOf(op) != 0;
  beginResult();
  for (let i: u32 = 0, count = elements(word, size) >> 1; i < count; i++) {
    let sum = extendedElement(vn(word), 2 * i, size, unsigned) + extendedElement(vn(word), 2 * i + 1, size, unsigned);
    if (accumulating) sum += element(vd(word), i, size + 1);
    setResult(i, size + 1, sum);
  }
  commitResult(word);
  return true;
}

/** XTN, SQXTN, SQXTUN, UQXTN. */
function executeExtractNarrow(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const operation = operationOf(op);
  beginResult();
  for (let i: u32 = 0, count = halfElements(word, size); i < count; i++) {
    const value = extendedElement(vn(word), i, size + 1, operation == Misc.UQXTN);
    setResult(i, size, narrowed(operation, value, size));
  }
  commitNarrow(word);
  return true;
}

function narrowed(operation: u32, value: u64, size: u32): u64 {
  switch (operation) {
    case Misc.SQXTN:
      return saturateSigned(<i64>value, size);
    case Misc.SQXTUN:
      return saturateUnsigned(<i64>value, size);
    case Misc.UQXTN:
      return saturateAbove(value, size);
    default:
      return value;
  }
}

/** SHLL: by the size of the element. */
function executeShiftLeftLong(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const count = halfElements(word, size);
  const first = firstOfHalf(word, size);
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    setResult(i, size + 1, signedElement(vn(word), first + i, size) << (8 << size));
  }
  commitResult(word);
  return true;
}
