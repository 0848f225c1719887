/** Decoders of the data-processing classes. Where a 64- and a 32-bit micro-op are neighbours, the 32-bit one is next. */

import {
  NO_MASK,
  bit,
  bitMask,
  bits,
  destination,
  is64,
  orSp,
  raOf,
  rdOf,
  rmOf,
  rnOf,
  signedBits,
  source,
} from '../instruction/fields';
import { Op, emit } from '../instruction/ops';
import { pageOffset } from '../memory/code';

/** 0 for the 64-bit variant, 1 for the 32-bit one. */
function narrow(word: u32): u32 {
  return is64(word) ? 0 : 1;
}

/** ADR, ADRP: relative to the page of the instruction, which the virtual address at run time gives. */
export function decodeAddress(at: usize, word: u32): void {
  const offset = (signedBits(word, 5, 19) << 2) | <i64>bits(word, 29, 2);
  const inPage = <i64>pageOffset(at);
  emit(at, Op.Address, destination(rdOf(word)), 0, 0, <u64>(is64(word) ? offset << 12 : inPage + offset));
}

export function decodeAddSubImmediate(at: usize, word: u32): void {
  let value = <u64>bits(word, 10, 12);
  if (bit(word, 22)) value <<= 12;
  const subtract = bit(word, 30) != 0;
  const base = orSp(rnOf(word));
  if (bit(word, 29)) {
    const op = (subtract ? Op.SubsImmediateX : Op.AddsImmediateX) + narrow(word);
    emit(at, op, destination(rdOf(word)), base, 0, value);
    return;
  }
  if (subtract) value = 0 - value;
  if (rdOf(word) != 31) {
    const op = value == 0 && is64(word) ? Op.MoveX : Op.AddImmediateX + narrow(word);
    emit(at, op, orSp(rdOf(word)), base, base, value);
    return;
  }
  // A write of the stack pointer: one that keeps its alignment is like any other.
  if (!is64(word)) return;
  const keeps = rnOf(word) == 31 && (value & 15) == 0;
  emit(at, keeps ? Op.AddImmediateX : Op.AddImmediateToSp, orSp(31), base, 0, value);
}

export function decodeLogicalImmediate(at: usize, word: u32): void {
  const mask = bitMask(bit(word, 22), bits(word, 10, 6), bits(word, 16, 6), is64(word));
  if (mask == NO_MASK) return;
  const kind = bits(word, 29, 2);
  if (kind == 3) {
    emit(at, Op.AndsImmediateX + narrow(word), destination(rdOf(word)), source(rnOf(word)), 0, mask);
    return;
  }
  if (rdOf(word) == 31) return;
  const rd = orSp(rdOf(word));
  // ORR of the zero register is MOV (bitmask immediate).
  if (kind == 1 && rnOf(word) == 31) emit(at, Op.MoveImmediate, rd, 0, 0, mask);
  else if (kind == 0) emit(at, Op.AndImmediate, rd, source(rnOf(word)), 0, mask);
  else if (kind == 1) emit(at, Op.OrrImmediateX + narrow(word), rd, source(rnOf(word)), 0, mask);
  else emit(at, Op.EorImmediateX + narrow(word), rd, source(rnOf(word)), 0, mask);
}

export function decodeMoveWide(at: usize, word: u32): void {
  const shift = bits(word, 21, 2) << 4;
  if (!is64(word) && shift > 16) return;
  const value = <u64>bits(word, 5, 16) << shift;
  const rd = destination(rdOf(word));
  const kind = bits(word, 29, 2);
  if (kind == 0) emit(at, Op.MoveImmediate, rd, 0, 0, is64(word) ? ~value : ~value & 0xffffffff);
  else if (kind == 2) emit(at, Op.MoveImmediate, rd, 0, 0, value);
  else if (kind == 3) emit(at, Op.MoveKeepX + narrow(word), rd, 0, shift, value);
}

export function decodeBitfield(at: usize, word: u32): void {
  const kind = bits(word, 29, 2);
  const r = bits(word, 16, 6);
  const s = bits(word, 10, 6);
  const wide = is64(word);
  if (kind == 3 || bit(word, 22) != (wide ? 1 : 0) || (!wide && (r > 31 || s > 31))) return;
  const rd = destination(rdOf(word));
  const rn = source(rnOf(word));
  const size: u32 = wide ? 64 : 32;
  // Extract: bits s..r go to 0; insert: bits s..0 go to size - r.
  const width = s >= r ? s - r + 1 : s + 1;
  const lsb = s >= r ? 0 : size - r;

  if (kind == 1) {
    const mask = ((width == 64 ? 0 : <u64>1 << width) - 1) << lsb;
    emit(at, Op.BitfieldInsertX + narrow(word), rd, rn, r, mask);
    return;
  }
  // The field's top bit to the top, then down to its place.
  if (kind == 2) {
    if (s == size - 1) emit(at, Op.ShiftRightImmediateX + narrow(word), rd, rn, r, 0);
    else if (s + 1 == r) emit(at, Op.ShiftLeftImmediateX + narrow(word), rd, rn, size - r, 0);
    else if (s >= r) emit(at, Op.BitfieldUnsigned, rd, rn, 63 - s, 63 - s + r);
    else emit(at, Op.BitfieldUnsigned, rd, rn, 63 - s, 63 - s - lsb);
    return;
  }
  const up = size - 1 - s;
  const down = s >= r ? up + r : up - lsb;
  if (wide && up == 0) emit(at, Op.ShiftArithmeticImmediateX, rd, rn, down, 0);
  else emit(at, Op.BitfieldSignedX + narrow(word), rd, rn, up, down);
}

export function decodeExtract(at: usize, word: u32): void {
  const lsb = bits(word, 10, 6);
  if (bits(word, 29, 2) || bit(word, 21) || bit(word, 22) != (is64(word) ? 1 : 0)) return;
  if (!is64(word) && lsb > 31) return;
  emit(at, Op.ExtractX + narrow(word), destination(rdOf(word)), source(rnOf(word)), source(rmOf(word)), lsb);
}

/** Kind and amount of a shift as the micro-op keeps them. */
function shiftOperand(kind: u32, amount: u32): u64 {
  return <u64>(kind | (amount << 8));
}

/** First of the micro-ops of AND, BIC, ORR, ORN, EOR, EON, ANDS, BICS by opc:N. */
export function decodeLogicalShifted(at: usize, word: u32): void {
  const amount = bits(word, 10, 6);
  if (!is64(word) && amount > 31) return;
  const which = (bits(word, 29, 2) << 1) | bit(word, 21);
  const rd = destination(rdOf(word));
  const rn = source(rnOf(word));
  const rm = source(rmOf(word));
  if (amount == 0) {
    if (which == 2 && rnOf(word) == 31) emit(at, Op.MoveX + narrow(word), rd, rn, rm, 0);
    else emit(at, Op.AndX + (which << 1) + narrow(word), rd, rn, rm, 0);
    return;
  }
  emit(at, Op.AndShiftedX + (which << 1) + narrow(word), rd, rn, rm, shiftOperand(bits(word, 22, 2), amount));
}

export function decodeAddSubShifted(at: usize, word: u32): void {
  const kind = bits(word, 22, 2);
  const amount = bits(word, 10, 6);
  if (kind == 3 || (!is64(word) && amount > 31)) return;
  const which = (bits(word, 29, 2) << 1) + narrow(word);
  const rd = destination(rdOf(word));
  if (amount == 0) emit(at, Op.AddX + which, rd, source(rnOf(word)), source(rmOf(word)), 0);
  else emit(at, Op.AddShiftedX + which, rd, source(rnOf(word)), source(rmOf(word)), shiftOperand(kind, amount));
}

export function decodeAddSubExtended(at: usize, word: u32): void {
  const amount = bits(word, 10, 3);
  if (amount > 4) return;
  const flags = bit(word, 29) != 0;
  // The stack pointer as a destination goes the slow way.
  if (!flags && rdOf(word) == 31) return;
  const rd = flags ? destination(rdOf(word)) : orSp(rdOf(word));
  const op = Op.AddExtendedX + (bits(word, 29, 2) << 1) + narrow(word);
  emit(at, op, rd, orSp(rnOf(word)), source(rmOf(word)), shiftOperand(bits(word, 13, 3), amount));
}

export function decodeAddSubCarry(at: usize, word: u32): void {
  const op = Op.AdcX + (bits(word, 29, 2) << 1) + narrow(word);
  emit(at, op, destination(rdOf(word)), source(rnOf(word)), source(rmOf(word)), 0);
}

export function decodeConditionalCompare(at: usize, word: u32): void {
  const byImmediate = bit(word, 11) != 0;
  const operand = <u64>(bits(word, 12, 4) | ((word & 15) << 8) | (byImmediate ? rmOf(word) << 16 : 0));
  const first = byImmediate ? Op.CompareNegativeImmediateX : Op.CompareNegativeRegisterX;
  emit(at, first + (bit(word, 30) << 1) + narrow(word), 0, source(rnOf(word)), source(rmOf(word)), operand);
}

/** CSEL, CSINC, CSINV, CSNEG by op2:op. */
export function decodeSelect(at: usize, word: u32): void {
  if (bit(word, 29)) return;
  const which = (bit(word, 30) << 1) | bit(word, 10);
  const op = Op.SelectX + (which << 1) + narrow(word);
  emit(at, op, destination(rdOf(word)), source(rnOf(word)), source(rmOf(word)), <u64>bits(word, 12, 4));
}

export function decodeOneSource(at: usize, word: u32): void {
  const rd = destination(rdOf(word));
  const rn = source(rnOf(word));
  const wide = is64(word);
  let op: u32 = Op.Slow;
  switch (bits(word, 10, 6)) {
    case 0:
      op = Op.ReverseBitsX + narrow(word);
      break;
    case 1:
      op = Op.ReverseBytes16X + narrow(word);
      break;
    case 2:
      op = wide ? Op.ReverseBytes32X : Op.ReverseBytesW;
      break;
    case 3:
      if (wide) op = Op.ReverseBytesX;
      break;
    case 4:
      op = Op.CountLeadingZerosX + narrow(word);
      break;
    case 5:
      op = Op.CountLeadingSignX + narrow(word);
      break;
  }
  emit(at, op, rd, rn, 0, 0);
}

export function decodeTwoSource(at: usize, word: u32): void {
  const opcode = bits(word, 10, 6);
  let op: u32 = Op.Slow;
  let immediate: u64 = 0;
  if (opcode == 2 || opcode == 3) op = Op.DivideUnsignedX + ((opcode - 2) << 1) + narrow(word);
  else if (opcode >= 8 && opcode < 12) op = Op.ShiftLeftX + ((opcode - 8) << 1) + narrow(word);
  else if (opcode >> 3 == 2) {
    // CRC32 and CRC32C of 1, 2, 4 or 8 bytes; only the last is a 64-bit instruction.
    const size = opcode & 3;
    if (is64(word) != (size == 3)) return;
    op = Op.Crc;
    immediate = <u64>((1 << size) | (bit(word, 12) << 8));
  }
  emit(at, op, destination(rdOf(word)), source(rnOf(word)), source(rmOf(word)), immediate);
}

export function decodeThreeSource(at: usize, word: u32): void {
  const subtract = bit(word, 15);
  const kind = bits(word, 21, 3);
  let op: u32 = Op.Slow;
  if (kind == 0) op = Op.MultiplyAddX + (subtract << 1) + narrow(word);
  else if (is64(word)) {
    if (kind == 1) op = Op.MultiplyAddSignedLong + subtract;
    else if (kind == 5) op = Op.MultiplyAddUnsignedLong + subtract;
    else if (kind == 2 && !subtract) op = Op.MultiplyHighSigned;
    else if (kind == 6 && !subtract) op = Op.MultiplyHighUnsigned;
  }
  emit(at, op, destination(rdOf(word)), source(rnOf(word)), source(rmOf(word)), <u64>source(raOf(word)));
}

