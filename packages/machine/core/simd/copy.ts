/** Advanced SIMD copy, permute, extract, table lookup and modified immediate: what moves elements about (Arm ARM C4.1). */

import { destination, bit, bits, rdOf, rnOf, source } from '../instruction/fields';
import { OP_RN } from '../instruction/ops';
import { CURRENT, SIMD_TABLE } from '../state/layout';
import {
  beginResult,
  commitResult,
  element,
  elements,
  emitSimd,
  isFull,
  isScalar,
  operationOf,
  setElement,
  setResult,
  setScalar,
  setVector,
  signedElement,
  vOf,
  vd,
  vm,
  vn,
  wordOf,
} from './registers';

/** imm4 of the copies with op 0. */
const DUP_ELEMENT: u32 = 0;
const DUP_GENERAL: u32 = 1;
const INS_GENERAL: u32 = 3;
const SMOV: u32 = 5;
const UMOV: u32 = 7;

/** The lowest bit of imm5 is the size, what is above it the index. */
function sizeOf(word: u32): u32 {
  return ctz<u32>(bits(word, 16, 5) | 0x20);
}
function indexOf(word: u32): u32 {
  return bits(word, 16, 5) >> (sizeOf(word) + 1);
}

export function decodeCopy(at: usize, word: u32): void {
  const size = sizeOf(word);
  const full = isFull(word);
  const kind = bits(word, 11, 4);
  if (size > 3) return;
  if (isScalar(word)) {
    if (!bit(word, 29) && kind == DUP_ELEMENT) emitSimd(at, executeCopyScalar, 0, 0, word);
    return;
  }
  if (bit(word, 29)) {
    if (full) emitSimd(at, executeInsertElement, 0, 0, word);
    return;
  }
  switch (kind) {
    case DUP_ELEMENT:
      if (size < 3 || full) emitSimd(at, executeDuplicateElement, 0, 0, word);
      break;
    case DUP_GENERAL:
      if (size < 3 || full) emitSimd(at, executeDuplicateGeneral, 0, source(rnOf(word)), word);
      break;
    case INS_GENERAL:
      if (full) emitSimd(at, executeInsertGeneral, 0, source(rnOf(word)), word);
      break;
    case SMOV:
      // To a wider register only.
      if (size < 2 || (size == 2 && full)) emitSimd(at, executeToGeneral, SMOV, destination(rdOf(word)), word);
      break;
    case UMOV:
      if ((size == 3) == full) emitSimd(at, executeToGeneral, UMOV, destination(rdOf(word)), word);
      break;
  }
}

/** The general register whose slot the micro-op keeps. */
@inline
function general(op: usize): usize {
  return CURRENT + <usize>load<u16>(op, OP_RN);
}

function executeCopyScalar(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = sizeOf(word);
  setScalar(word, size, element(vn(word), indexOf(word), size));
  return true;
}

function duplicate(word: u32, size: u32, value: u64): void {
  if (size == 0) value = (value & 0xff) * 0x0101010101010101;
  else if (size == 1) value = (value & 0xffff) * 0x0001000100010001;
  else if (size == 2) value = (value & 0xffffffff) * 0x0000000100000001;
  setVector(word, value, value);
}

function executeDuplicateElement(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = sizeOf(word);
  duplicate(word, size, element(vn(word), indexOf(word), size));
  return true;
}

function executeDuplicateGeneral(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  duplicate(word, sizeOf(word), load<u64>(general(op)));
  return true;
}

function executeInsertGeneral(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  setElement(vd(word), indexOf(word), sizeOf(word), load<u64>(general(op)));
  return true;
}

function executeInsertElement(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = sizeOf(word);
  setElement(vd(word), indexOf(word), size, element(vn(word), bits(word, 11, 4) >> size, size));
  return true;
}

function executeToGeneral(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = sizeOf(word);
  if (operationOf(op) == UMOV) store<u64>(general(op), element(vn(word), indexOf(word), size));
  else {
    const value = signedElement(vn(word), indexOf(word), size);
    store<u64>(general(op), isFull(word) ? value : value & 0xffffffff);
  }
  return true;
}

/** UZP1 1, TRN1 2, ZIP1 3, and with bit 2 the second of each. */
export function decodePermute(at: usize, word: u32): void {
  const size = bits(word, 22, 2);
  const opcode = bits(word, 12, 3);
  if ((opcode & 3) == 0 || (size == 3 && !isFull(word))) return;
  emitSimd(at, executePermute, opcode, 0, word);
}

function executePermute(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = bits(word, 22, 2);
  const kind = operationOf(op) & 3;
  const second = operationOf(op) >> 2;
  const n = vn(word);
  const m = vm(word);
  const count = elements(word, size);
  const half = count >> 1;
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    if (kind == 1) {
      const at = i < half ? i : i - half;
      setResult(i, size, element(i < half ? n : m, 2 * at + second, size));
    } else {
      const at = kind == 2 ? (i & ~1) + second : (i >> 1) + (second ? half : 0);
      setResult(i, size, element(i & 1 ? m : n, at, size));
    }
  }
  commitResult(word);
  return true;
}

export function decodeExtract(at: usize, word: u32): void {
  if (isFull(word) || bits(word, 11, 4) < 8) emitSimd(at, executeExtract, 0, 0, word);
}

/** EXT: bytes from `imm4` on of Vm:Vn. */
function executeExtract(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const first = bits(word, 11, 4);
  const count = elements(word, 0);
  beginResult();
  for (let i: u32 = 0; i < count; i++) {
    const at = first + i;
    setResult(i, 0, at < count ? element(vn(word), at, 0) : element(vm(word), at - count, 0));
  }
  commitResult(word);
  return true;
}

export function decodeTable(at: usize, word: u32): void {
  emitSimd(at, executeTable, bit(word, 12), 0, word);
}

/** TBL, and with operation 1 TBX, which leaves bytes whose index is out of the table. */
function executeTable(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const registers = bits(word, 13, 2) + 1;
  for (let i: u32 = 0; i < registers; i++) {
    memory.copy(SIMD_TABLE + (<usize>i << 4), vOf((rnOf(word) + i) & 31), 16);
  }
  const keeping = operationOf(op) != 0;
  beginResult();
  for (let i: u32 = 0, count = elements(word, 0); i < count; i++) {
    const index = <u32>element(vm(word), i, 0);
    if (index < registers << 4) setResult(i, 0, <u64>load<u8>(SIMD_TABLE + <usize>index));
    else setResult(i, 0, keeping ? element(vd(word), i, 0) : 0);
  }
  commitResult(word);
  return true;
}

/** What a modified immediate is for. */
const enum Immediate {
  Move,
  Or,
  BitClear,
}

export function decodeModifiedImmediate(at: usize, word: u32): void {
  const cmode = bits(word, 12, 4);
  const inverted = bit(word, 29) != 0;
  if (bit(word, 11)) return; // FMOV of halves
  // FMOV of doubles needs Q.
  if (cmode == 15 && inverted && !isFull(word)) return;
  const modifies = cmode < 12 && (cmode & 1) != 0;
  const kind = !modifies ? Immediate.Move : inverted ? Immediate.BitClear : Immediate.Or;
  emitSimd(at, executeModifiedImmediate, kind, 0, word);
}

function executeModifiedImmediate(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const value = expanded(word);
  const d = vd(word);
  switch (operationOf(op)) {
    case Immediate.Or:
      setVector(word, load<u64>(d) | value, load<u64>(d, 8) | value);
      break;
    case Immediate.BitClear:
      setVector(word, load<u64>(d) & ~value, load<u64>(d, 8) & ~value);
      break;
    default: {
      // MVNI; with cmode 111x `op` is a part of the immediate's own form.
      const moved = bit(word, 29) && bits(word, 13, 3) != 7 ? ~value : value;
      setVector(word, moved, moved);
    }
  }
  return true;
}

/** AdvSIMDExpandImm() (Arm ARM J1). */
function expanded(word: u32): u64 {
  const cmode = bits(word, 12, 4);
  const imm8 = <u64>((bits(word, 16, 3) << 5) | bits(word, 5, 5));
  switch (cmode >> 1) {
    case 0:
    case 1:
    case 2:
    case 3:
      return (imm8 << (<u64>(cmode >> 1) << 3)) * 0x0000000100000001;
    case 4:
      return imm8 * 0x0001000100010001;
    case 5:
      return (imm8 << 8) * 0x0001000100010001;
    case 6:
      return (cmode & 1 ? (imm8 << 16) | 0xffff : (imm8 << 8) | 0xff) * 0x0000000100000001;
    default:
  }
  if (!(cmode & 1)) {
    if (!bit(word, 29)) return imm8 * 0x0101010101010101;
    // Each bit becomes a byte.
    let bytes: u64 = 0;
    for (let i: u64 = 0; i < 8; i++) if ((imm8 >> i) & 1) bytes |= <u64>0xff << (i << 3);
    return bytes;
  }
  return bit(word, 29) ? expandedFloat(imm8, 3) : expandedFloat(imm8, 2) * 0x0000000100000001;
}

/** VFPExpandImm() (Arm ARM J1). */
export function expandedFloat(imm8: u64, size: u32): u64 {
  const sign = imm8 >> 7;
  const narrow = ((imm8 >> 6) & 1) != 0;
  const fraction = imm8 & 0x3f;
  if (size == 3) return (sign << 63) | (narrow ? <u64>0x3fc0 << 48 : <u64>1 << 62) | (fraction << 48);
  return (sign << 31) | (narrow ? <u64>0x3e000000 : <u64>1 << 30) | (fraction << 19);
}
