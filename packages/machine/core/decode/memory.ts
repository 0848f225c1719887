/**
 * Decoders of the loads and stores that have micro-ops. Exclusives, acquire and release, unprivileged accesses and the
 * bases whose alignment a writeback could break stay with the slow way.
 */

import { bit, bits, destination, orSp, raOf, rdOf, rmOf, rnOf, signedBits, source } from '../instruction/fields';
import { Op, emit } from '../instruction/ops';
import { NO_TRANSFER, PREFETCH, isStore, transferOf } from '../instruction/transfer';
import { pageOffset } from '../memory/code';

/** The offset of the access below, the one of the base afterwards above. */
function writeback(access: i64, base: i64): u64 {
  return (<u64>access & 0xffffffff) | (<u64>base << 32);
}

/** The register that is loaded, where 31 is lost, or stored, where 31 is zero. */
function transferRegister(register: u32, storing: bool): u32 {
  return storing ? source(register) : destination(register);
}

/** A writeback to SP that could misalign it. */
function misalignsSp(base: u32, offset: i64): bool {
  return base == 31 && (offset & 15) != 0;
}

function emitTransfer(at: usize, first: u32, word: u32, rm: u32, immediate: u64): void {
  const transfer = transferOf(word);
  if (transfer == NO_TRANSFER) return;
  if (transfer == PREFETCH) {
    emit(at, Op.Nop, 0, 0, 0, 0);
    return;
  }
  emit(at, first + transfer, transferRegister(rdOf(word), isStore(transfer)), orSp(rnOf(word)), rm, immediate);
}

export function decodeUnsignedOffset(at: usize, word: u32): void {
  emitTransfer(at, Op.LoadX, word, 0, <u64>bits(word, 10, 12) << (word >> 30));
}

/** Unscaled, post-index and pre-index by bits 11..10; 2 is unprivileged. */
export function decodeUnscaled(at: usize, word: u32): void {
  const mode = bits(word, 10, 2);
  const offset = signedBits(word, 12, 9);
  if (mode == 0) {
    emitTransfer(at, Op.LoadX, word, 0, <u64>offset);
    return;
  }
  // There is no prefetch with writeback.
  if (mode == 2 || transferOf(word) == PREFETCH || misalignsSp(rnOf(word), offset)) return;
  emitTransfer(at, Op.LoadXWriteback, word, 0, writeback(mode == 3 ? offset : 0, offset));
}

/** UXTW, LSL, SXTW and SXTX by option; the shift is 0 or log2 of the size. */
export function decodeRegisterOffset(at: usize, word: u32): void {
  const option = bits(word, 13, 3);
  if (!(option & 2)) return;
  const shift = bit(word, 12) ? word >> 30 : 0;
  const rm = source(rmOf(word));
  if (option & 1) emitTransfer(at, Op.LoadXRegister, word, rm, <u64>shift);
  else {
    const shifts = 32 | (<u64>(32 - shift) << 32);
    emitTransfer(at, option & 4 ? Op.LoadXRegisterSigned : Op.LoadXRegister, word, rm, shifts);
  }
}

export function decodeLiteral(at: usize, word: u32): void {
  const address = <u64>(<i64>pageOffset(at) + (signedBits(word, 5, 19) << 2));
  const rd = destination(rdOf(word));
  switch (word >> 30) {
    case 0:
      emit(at, Op.LoadLiteralW, rd, 0, 0, address);
      break;
    case 1:
      emit(at, Op.LoadLiteralX, rd, 0, 0, address);
      break;
    case 2:
      emit(at, Op.LoadLiteralSignedW, rd, 0, 0, address);
      break;
    default:
      emit(at, Op.Nop, 0, 0, 0, 0);
  }
}

/** No-allocate, post-index, offset and pre-index by bits 24..23. */
export function decodePair(at: usize, word: u32): void {
  const kind = word >> 30;
  const loading = bit(word, 22) != 0;
  const mode = bits(word, 23, 2);
  if (kind == 3 || (kind == 1 && (!loading || mode == 0))) return;
  const offset = signedBits(word, 15, 7) << (kind == 2 ? 3 : 2);
  let op: u32;
  if (loading) op = kind == 2 ? Op.LoadPairX : kind == 0 ? Op.LoadPairW : Op.LoadPairSignedW;
  else op = kind == 2 ? Op.StorePairX : Op.StorePairW;
  const rt = transferRegister(rdOf(word), !loading);
  const rt2 = transferRegister(raOf(word), !loading);
  const rn = orSp(rnOf(word));
  if (mode & 1) {
    if (misalignsSp(rnOf(word), offset)) return;
    const immediate = writeback(mode == 3 ? offset : 0, offset);
    emit(at, op + (Op.LoadPairXWriteback - Op.LoadPairX), rt, rn, rt2, immediate);
  } else emit(at, op, rt, rn, rt2, <u64>offset);
}
