/** Floating-point data processing, compare, select and immediate (Arm ARM C4.1). The type is 0 for singles, 1 for doubles. */

import { add, divide, fusedMultiplyAdd, multiply, squareRoot, subtract } from '../floating-point/arithmetic';
import { compare, extreme, extremeNumber } from '../floating-point/compare';
import { convert, roundToIntegral } from '../floating-point/convert';
import { DOUBLE, HALF, SINGLE, signBit } from '../floating-point/format';
import { Rounding, roundingMode } from '../floating-point/status';
import { bit, bits } from '../instruction/fields';
import { holds, setNzcv } from '../integer/flags';
import { expandedFloat } from './copy';
import { element, emitSimd, operationOf, setScalar, vOf, vm, vn, wordOf } from './registers';

/** The formats that ptype names; half precision is only converted to and from. */
function formatOf(word: u32): u32 {
  const type = bits(word, 22, 2);
  return type == 0 ? SINGLE : type == 1 ? DOUBLE : type == 3 ? HALF : 0;
}

const enum OneSource {
  FMOV,
  FABS,
  FNEG,
  FSQRT,
  ToSingle,
  ToDouble,
  ToHalf = 7,
  FRINTN,
  FRINTP,
  FRINTM,
  FRINTZ,
  FRINTA,
  FRINTX = 14,
  FRINTI,
}

export function decodeOneSourceFloat(at: usize, word: u32): void {
  const opcode = bits(word, 15, 6);
  const format = formatOf(word);
  if (!format || opcode > <u32>OneSource.FRINTI || opcode == 6 || opcode == 13) return;
  if (opcode == OneSource.ToSingle || opcode == OneSource.ToDouble || opcode == OneSource.ToHalf) {
    const to = opcode == OneSource.ToSingle ? SINGLE : opcode == OneSource.ToDouble ? DOUBLE : HALF;
    if (to != format) emitSimd(at, executeConvert, to, format, word);
    return;
  }
  if (format != HALF) emitSimd(at, executeOneSource, opcode, 0, word);
}

function executeConvert(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const to = operationOf(op);
  const from = formatOf(word);
  setScalar(word, to, convert(element(vn(word), 0, from), from, to, roundingMode()));
  return true;
}

function executeOneSource(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  setScalar(word, size, oneSource(operationOf(op), element(vn(word), 0, size), size));
  return true;
}

function oneSource(operation: u32, a: u64, size: u32): u64 {
  switch (operation) {
    case OneSource.FMOV:
      return a;
    case OneSource.FABS:
      return a & ~signBit(size);
    case OneSource.FNEG:
      return a ^ signBit(size);
    case OneSource.FSQRT:
      return squareRoot(a, size);
    case OneSource.FRINTN:
      return roundToIntegral(a, size, false, Rounding.NearestEven);
    case OneSource.FRINTP:
      return roundToIntegral(a, size, false, Rounding.Up);
    case OneSource.FRINTM:
      return roundToIntegral(a, size, false, Rounding.Down);
    case OneSource.FRINTZ:
      return roundToIntegral(a, size, false, Rounding.Zero);
    case OneSource.FRINTA:
      return roundToIntegral(a, size, false, Rounding.NearestAway);
    default:
      return roundToIntegral(a, size, operation == OneSource.FRINTX, roundingMode());
  }
}

/** FMUL, FDIV, FADD, FSUB, FMAX, FMIN, FMAXNM, FMINNM, FNMUL by opcode. */
export function decodeTwoSourceFloat(at: usize, word: u32): void {
  if (bits(word, 12, 4) <= 8 && bits(word, 22, 2) < 2) emitSimd(at, executeTwoSource, bits(word, 12, 4), 0, word);
}

function executeTwoSource(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  setScalar(word, size, twoSource(operationOf(op), element(vn(word), 0, size), element(vm(word), 0, size), size));
  return true;
}

function twoSource(operation: u32, a: u64, b: u64, size: u32): u64 {
  switch (operation) {
    case 0:
      return multiply(a, b, size);
    case 1:
      return divide(a, b, size);
    case 2:
      return add(a, b, size);
    case 3:
      return subtract(a, b, size);
    case 4:
      return extreme(a, b, false, size);
    case 5:
      return extreme(a, b, true, size);
    case 6:
      return extremeNumber(a, b, false, size);
    case 7:
      return extremeNumber(a, b, true, size);
    default:
      return multiply(a, b, size) ^ signBit(size);
  }
}

export function decodeThreeSourceFloat(at: usize, word: u32): void {
  if (bits(word, 22, 2) < 2) emitSimd(at, executeThreeSource, 0, 0, word);
}

/** FMADD, FMSUB, FNMADD, FNMSUB by o1:o0. */
function executeThreeSource(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  const top = signBit(size);
  let addend = element(vOf(bits(word, 10, 5)), 0, size);
  let a = element(vn(word), 0, size);
  if (bit(word, 21)) addend ^= top;
  if (bit(word, 21) != bit(word, 15)) a ^= top;
  setScalar(word, size, fusedMultiplyAdd(addend, a, element(vm(word), 0, size), size));
  return true;
}

export function decodeCompareFloat(at: usize, word: u32): void {
  if (bits(word, 14, 2) || (word & 7) != 0 || bits(word, 22, 2) > 1) return;
  emitSimd(at, executeCompare, bits(word, 3, 2), 0, word);
}

/** FCMP, with bit 0 against zero, with bit 1 FCMPE. */
function executeCompare(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  const kind = operationOf(op);
  const b = kind & 1 ? 0 : element(vm(word), 0, size);
  setNzcv(compare(element(vn(word), 0, size), b, (kind & 2) != 0, size));
  return true;
}

export function decodeConditionalCompareFloat(at: usize, word: u32): void {
  if (bits(word, 22, 2) < 2) emitSimd(at, executeConditionalCompare, 0, 0, word);
}

/** FCCMP, FCCMPE. */
function executeConditionalCompare(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  if (holds(bits(word, 12, 4))) {
    setNzcv(compare(element(vn(word), 0, size), element(vm(word), 0, size), bit(word, 4) != 0, size));
  } else setNzcv(word & 15);
  return true;
}

export function decodeSelectFloat(at: usize, word: u32): void {
  if (bits(word, 22, 2) < 2) emitSimd(at, executeSelect, 0, 0, word);
}

function executeSelect(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  setScalar(word, size, element(holds(bits(word, 12, 4)) ? vn(word) : vm(word), 0, size));
  return true;
}

export function decodeImmediateFloat(at: usize, word: u32): void {
  if (bits(word, 22, 2) < 2) emitSimd(at, executeImmediate, 0, 0, word);
}

function executeImmediate(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  setScalar(word, size, expandedFloat(<u64>bits(word, 13, 8), size));
  return true;
}
