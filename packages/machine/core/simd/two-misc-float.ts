/** Advanced SIMD two-register miscellaneous, vector and scalar: the floating-point half (Arm ARM C4.1). */

import { squareRoot } from '../floating-point/arithmetic';
import { isEqual, isGreater, isGreaterOrEqual } from '../floating-point/compare';
import { convert, fromFixed, reciprocalExponent, roundToIntegral, toFixed } from '../floating-point/convert';
import {
  reciprocalEstimate,
  reciprocalSquareRootEstimate,
  unsignedReciprocalEstimate,
  unsignedReciprocalSquareRootEstimate,
} from '../floating-point/estimate';
import { signBit } from '../floating-point/format';
import { Rounding, roundingMode } from '../floating-point/status';
import { bit, bits } from '../instruction/fields';
import { mask } from './element';
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
  operationOf,
  setResult,
  vn,
  wordOf,
} from './registers';

/** By U:size<1>:opcode. */
const enum Float {
  FCVTN = 0x16,
  FCVTL = 0x17,
  FRINTN = 0x18,
  FRINTM = 0x19,
  FCVTNS = 0x1a,
  FCVTMS = 0x1b,
  FCVTAS = 0x1c,
  SCVTF = 0x1d,
  FCMGT = 0x2c,
  FCMEQ = 0x2d,
  FCMLT = 0x2e,
  FABS = 0x2f,
  FRINTP = 0x38,
  FRINTZ = 0x39,
  FCVTPS = 0x3a,
  FCVTZS = 0x3b,
  URECPE = 0x3c,
  FRECPE = 0x3d,
  FRECPX = 0x3f,
  FCVTXN = 0x56,
  FRINTA = 0x58,
  FRINTX = 0x59,
  FCVTNU = 0x5a,
  FCVTMU = 0x5b,
  FCVTAU = 0x5c,
  UCVTF = 0x5d,
  FCMGE = 0x6c,
  FCMLE = 0x6d,
  FNEG = 0x6f,
  FRINTI = 0x79,
  FCVTPU = 0x7a,
  FCVTZU = 0x7b,
  URSQRTE = 0x7c,
  FRSQRTE = 0x7d,
  FSQRT = 0x7f,
}

const VECTOR: u8 = 1;
const SCALAR: u8 = 2;
const BOTH: u8 = 3;
/** In which forms an operation is allocated: opcodes 0x0c to 0x0f, then 0x16 to 0x1f, for each U:size<1>. */
const FORMS: StaticArray<u8> = [
  // U 0, size 0x: FCVTN, FCVTL, FRINTN, FRINTM, FCVTNS, FCVTMS, FCVTAS, SCVTF
  0, 0, 0, 0, VECTOR, VECTOR, VECTOR, VECTOR, BOTH, BOTH, BOTH, BOTH, 0, 0,
  // U 0, size 1x: FCMGT, FCMEQ, FCMLT, FABS; FRINTP, FRINTZ, FCVTPS, FCVTZS, URECPE, FRECPE, -, FRECPX
  BOTH, BOTH, BOTH, VECTOR, 0, 0, VECTOR, VECTOR, BOTH, BOTH, VECTOR, BOTH, 0, SCALAR,
  // U 1, size 0x: FCVTXN; FRINTA, FRINTX, FCVTNU, FCVTMU, FCVTAU, UCVTF
  0, 0, 0, 0, BOTH, 0, VECTOR, VECTOR, BOTH, BOTH, BOTH, BOTH, 0, 0,
  // U 1, size 1x: FCMGE, FCMLE, -, FNEG; -, FRINTI, FCVTPU, FCVTZU, URSQRTE, FRSQRTE, -, FSQRT
  BOTH, BOTH, 0, VECTOR, 0, 0, 0, VECTOR, BOTH, BOTH, VECTOR, BOTH, 0, VECTOR,
];

export function decodeFloatMisc(at: usize, word: u32): void {
  const opcode = bits(word, 12, 5);
  const place = opcode >= 0x16 ? opcode - 0x12 : opcode - 0x0c;
  if (opcode < 0x0c || (opcode > 0x0f && opcode < 0x16)) return;
  const group = (bit(word, 29) << 1) | bit(word, 23);
  const scalar = isScalar(word);
  if (!(unchecked(FORMS[group * 14 + place]) & (scalar ? SCALAR : VECTOR))) return;
  const operation = (group << 5) | opcode;
  const double = bit(word, 22) != 0;
  switch (operation) {
    case Float.FCVTXN:
      if (!double) return;
      return emitSimd(at, executeNarrow, Rounding.Odd, 0, word);
    case Float.FCVTN:
      return emitSimd(at, executeNarrow, NARROW_BY_MODE, 0, word);
    case Float.FCVTL:
      return emitSimd(at, executeLong, 0, 0, word);
    case Float.URECPE:
    case Float.URSQRTE:
      if (double) return;
      break;
    default:
      if (double && !scalar && !isFull(word)) return;
  }
  emitSimd(at, executeFloatMisc, operation, 0, word);
}

function executeFloatMisc(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  const operation = operationOf(op);
  const n = vn(word);
  beginResult();
  for (let i: u32 = 0, count = elements(word, size); i < count; i++) {
    setResult(i, size, operation == Float.SCVTF ? fromSigned(n, i, size) : float(operation, element(n, i, size), size));
  }
  commitResult(word);
  return true;
}

function fromSigned(n: usize, i: u32, size: u32): u64 {
  return fromFixed(extendedElement(n, i, size, false), size, 0, false, roundingMode());
}

function float(operation: u32, a: u64, size: u32): u64 {
  const width: u32 = 8 << size;
  switch (operation) {
    case Float.FABS:
      return a & ~signBit(size);
    case Float.FNEG:
      return a ^ signBit(size);
    case Float.FSQRT:
      return squareRoot(a, size);
    case Float.FRINTN:
      return roundToIntegral(a, size, false, Rounding.NearestEven);
    case Float.FRINTM:
      return roundToIntegral(a, size, false, Rounding.Down);
    case Float.FRINTP:
      return roundToIntegral(a, size, false, Rounding.Up);
    case Float.FRINTZ:
      return roundToIntegral(a, size, false, Rounding.Zero);
    case Float.FRINTA:
      return roundToIntegral(a, size, false, Rounding.NearestAway);
    case Float.FRINTX:
      return roundToIntegral(a, size, true, roundingMode());
    case Float.FRINTI:
      return roundToIntegral(a, size, false, roundingMode());
    case Float.FCVTNS:
      return toFixed(a, size, 0, false, width, Rounding.NearestEven);
    case Float.FCVTNU:
      return toFixed(a, size, 0, true, width, Rounding.NearestEven);
    case Float.FCVTMS:
      return toFixed(a, size, 0, false, width, Rounding.Down);
    case Float.FCVTMU:
      return toFixed(a, size, 0, true, width, Rounding.Down);
    case Float.FCVTPS:
      return toFixed(a, size, 0, false, width, Rounding.Up);
    case Float.FCVTPU:
      return toFixed(a, size, 0, true, width, Rounding.Up);
    case Float.FCVTZS:
      return toFixed(a, size, 0, false, width, Rounding.Zero);
    case Float.FCVTZU:
      return toFixed(a, size, 0, true, width, Rounding.Zero);
    case Float.FCVTAS:
      return toFixed(a, size, 0, false, width, Rounding.NearestAway);
    case Float.FCVTAU:
      return toFixed(a, size, 0, true, width, Rounding.NearestAway);
    case Float.UCVTF:
      return fromFixed(a, size, 0, true, roundingMode());
    case Float.FCMGT:
      return mask(isGreater(a, 0, size));
    case Float.FCMGE:
      return mask(isGreaterOrEqual(a, 0, size));
    case Float.FCMEQ:
      return mask(isEqual(a, 0, size));
    case Float.FCMLT:
      return mask(isGreater(0, a, size));
    case Float.FCMLE:
      return mask(isGreaterOrEqual(0, a, size));
    case Float.FRECPE:
      return reciprocalEstimate(a, size);
    case Float.FRSQRTE:
      return reciprocalSquareRootEstimate(a, size);
    case Float.FRECPX:
      return reciprocalExponent(a, size);
    case Float.URECPE:
      return <u64>unsignedReciprocalEstimate(<u32>a);
    default:
      return <u64>unsignedReciprocalSquareRootEstimate(<u32>a);
  }
}

/** Stands for the rounding mode of FPCR at run time. */
const NARROW_BY_MODE: u32 = 255;

/** FCVTN, FCVTXN: doubles to singles, or singles to halves. */
function executeNarrow(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 1 + bit(word, 22);
  const mode = operationOf(op) == NARROW_BY_MODE ? roundingMode() : operationOf(op);
  beginResult();
  for (let i: u32 = 0, count = halfElements(word, size); i < count; i++) {
    setResult(i, size, convert(element(vn(word), i, size + 1), size + 1, size, mode));
  }
  commitNarrow(word);
  return true;
}

/** FCVTL: halves to singles, or singles to doubles. */
function executeLong(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 1 + bit(word, 22);
  const count = halfElements(word, size);
  const first = firstOfHalf(word, size);
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    setResult(i, size + 1, convert(element(vn(word), first + i, size), size, size + 1, roundingMode()));
  }
  commitResult(word);
  return true;
}
