/** Advanced SIMD across lanes, and scalar pairwise: all elements of one register to one (Arm ARM C4.1). */

import { add } from '../floating-point/arithmetic';
import { extreme, extremeNumber } from '../floating-point/compare';
import { bit, bits } from '../instruction/fields';
import { isLess } from './element';
import {
  element,
  elements,
  emitSimd,
  extendedElement,
  isFull,
  isUnsigned,
  operationOf,
  setScalar,
  vn,
  wordOf,
} from './registers';

/** opcode fields. */
const ADDLV: u32 = 0x03;
const MAXV: u32 = 0x0a;
const MINV: u32 = 0x1a;
const ADDV: u32 = 0x1b;
const FMAXNM: u32 = 0x0c;
const FADDP: u32 = 0x0d;
const FMAX: u32 = 0x0f;

export function decodeAcrossLanes(at: usize, word: u32): void {
  const opcode = bits(word, 12, 5);
  const size = bits(word, 22, 2);
  if (opcode == FMAXNM || opcode == FMAX) {
    // Four singles, the only vector of more than two.
    if (isUnsigned(word) && isFull(word) && !(size & 1)) emitSimd(at, executeFloatAcross, opcode, 0, word);
    return;
  }
  const known = opcode == ADDLV || opcode == MAXV || opcode == MINV || (opcode == ADDV && !isUnsigned(word));
  if (!known || size == 3 || (size == 2 && !isFull(word))) return;
  emitSimd(at, executeAcross, opcode, 0, word);
}

export function decodeScalarPairwise(at: usize, word: u32): void {
  const opcode = bits(word, 12, 5);
  if (!isUnsigned(word)) {
    if (opcode == ADDV && bits(word, 22, 2) == 3) emitSimd(at, executeAddPair, 0, 0, word);
    return;
  }
  if (opcode == FMAXNM || opcode == FMAX || (opcode == FADDP && !bit(word, 23))) {
    emitSimd(at, executeFloatPair, opcode, 0, word);
  }
}

function executeAcross(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const unsigned = isUnsigned(word);
  const opcode = operationOf(op);
  const n = vn(word);
  let value = extendedElement(n, 0, size, unsigned);
  for (let i: u32 = 1, count = elements(word, size); i < count; i++) {
    const next = extendedElement(n, i, size, unsigned);
    if (opcode == ADDLV || opcode == ADDV) value += next;
    else if (isLess(value, next, unsigned) == (opcode == MAXV)) value = next;
  }
  setScalar(word, opcode == ADDLV ? size + 1 : size, value);
  return true;
}

/** FMAXNM, FMAX, FADDP; with bit 23 the minimum. */
function float(opcode: u32, least: bool, a: u64, b: u64, size: u32): u64 {
  if (opcode == FADDP) return add(a, b, size);
  return opcode == FMAX ? extreme(a, b, least, size) : extremeNumber(a, b, least, size);
}

/** Reduce(): the halves first, then their results. */
function executeFloatAcross(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const n = vn(word);
  const least = bit(word, 23) != 0;
  const opcode = operationOf(op);
  const low = float(opcode, least, element(n, 0, 2), element(n, 1, 2), 2);
  const high = float(opcode, least, element(n, 2, 2), element(n, 3, 2), 2);
  setScalar(word, 2, float(opcode, least, low, high, 2));
  return true;
}

function executeAddPair(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  setScalar(word, 3, element(vn(word), 0, 3) + element(vn(word), 1, 3));
  return true;
}

function executeFloatPair(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  const n = vn(word);
  setScalar(word, size, float(operationOf(op), bit(word, 23) != 0, element(n, 0, size), element(n, 1, size), size));
  return true;
}
