/** Instructions that are executed by their word: loads and stores that could not go the fast way, exclusives, and system. */

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
  readSlot,
  rmOf,
  rnOf,
  signedBits,
  source,
  writeSlot,
} from '../instruction/fields';
import { OP_RD, Op } from '../instruction/ops';
import { NO_TRANSFER, PREFETCH, extendLoaded, isStore, transferOf } from '../instruction/transfer';
import { extended } from '../integer/arithmetic';
import { codeDropped, wordAddress } from '../memory/code';
import { FAULT_ALIGNMENT } from '../memory/mmu';
import { simdEnabled } from '../simd/access';
import { exitReason, NO_EXIT } from '../state/exit';
import { CODE_PAGE, CODE_VA, DAIF, LINES, PC, SCTLR, SP } from '../state/layout';
import { abort, aborted, accessLevel, beginAccess, loadMemory, probeStore, storeMemory } from './access';
import { executeExclusive } from './exclusive';
import { faultsOnSp, leaves, stayInLoop, undefinedInstruction } from './leave';
import { executeSimdSlow } from './simd';
import { executeSystem } from './system';
import { beginInstruction, endInstruction } from './timer';

/** What the switch of the loop does not do itself. True when the loop must be left. */
export function outOfLine(op: usize, tlb: usize): bool {
  if (load<u16>(op) == <u16>Op.Simd && simdEnabled() && call_indirect<bool>(<u32>load<u16>(op, OP_RD), op, tlb)) return false;
  return slow(op);
}

/**
 * Executes the instruction of a micro-op. True when the loop must be left: PC is set then. Otherwise execution goes on
 * behind it.
 */
function slow(op: usize): bool {
  beginInstruction();
  const leave = executeSlow(op);
  endInstruction();
  return leave;
}

function executeSlow(op: usize): bool {
  const pc = load<u64>(CODE_VA) + <u64>((op - <usize>load<u32>(CODE_PAGE)) >> 2);
  const word = load<u32>(wordAddress(op));
  const sp = <u32>load<u64>(SP);
  store<u64>(PC, pc);
  stayInLoop();
  beginAccess();
  if ((word & 0x0c000000) == 0x0c000000) executeSimdSlow(op, word);
  else if ((word & 0x0a000000) == 0x08000000) executeMemory(word);
  else if (word >> 24 == 0xd4 || word >> 22 == 0x354 || word >> 25 == 0x6b) executeSystem(word, pc);
  else executeStackArithmetic(word);
  if (aborted) return true;
  // Whoever has set PC says so with `leaves`.
  if (leaves) return true;
  const interrupt = (load<u32>(LINES) & ~load<u32>(DAIF)) != 0;
  if (exitReason != NO_EXIT || interrupt || codeDropped || ((sp | <u32>load<u64>(SP)) & 15) != 0) {
    store<u64>(PC, pc + 4);
    return true;
  }
  return false;
}

function executeMemory(word: u32): void {
  if ((word & 0x3f000000) == 0x08000000) executeExclusive(word);
  else if ((word & 0x3f000000) == 0x18000000) executeLiteral(word);
  else if ((word & 0x3e000000) == 0x28000000) executePair(word);
  else if ((word & 0x3f000000) == 0x39000000) {
    executeTransfer(word, <u64>bits(word, 10, 12) << (word >> 30), 0, false, false);
  } else if ((word & 0x3f200000) == 0x38000000) executeUnscaled(word);
  else if ((word & 0x3f200c00) == 0x38200800 && bit(word, 14)) {
    const shift = bit(word, 12) ? word >> 30 : 0;
    executeTransfer(word, extended(readSlot(source(rmOf(word))), bits(word, 13, 3), shift), 0, false, false);
  } else undefinedInstruction();
}

function executeUnscaled(word: u32): void {
  const offset = <u64>signedBits(word, 12, 9);
  switch (bits(word, 10, 2)) {
    case 0:
      return executeTransfer(word, offset, 0, false, false);
    case 1:
      return executeTransfer(word, 0, offset, true, false);
    case 2:
      return executeTransfer(word, offset, 0, false, true);
    default:
      return executeTransfer(word, offset, offset, true, false);
  }
}

function executeTransfer(word: u32, offset: u64, change: u64, writeback: bool, unprivileged: bool): void {
  const transfer = transferOf(word);
  if (transfer == NO_TRANSFER || (transfer == PREFETCH && (writeback || unprivileged))) return undefinedInstruction();
  if (transfer == PREFETCH) return;
  if (faultsOnSp(rnOf(word))) return;
  const base = orSp(rnOf(word));
  const va = readSlot(base) + offset;
  const size: u32 = 1 << (word >> 30);
  const el = accessLevel(unprivileged);
  if (isStore(transfer)) {
    storeMemory(va, size, readSlot(source(rdOf(word))), el);
    if (aborted) return;
    if (writeback) writeSlot(base, readSlot(base) + change);
    return;
  }
  const value = loadMemory(va, size, el);
  if (aborted) return;
  if (writeback) writeSlot(base, readSlot(base) + change);
  writeSlot(destination(rdOf(word)), extendLoaded(transfer, value));
}

function executeLiteral(word: u32): void {
  const va = load<u64>(PC) + <u64>(signedBits(word, 5, 19) << 2);
  const kind = word >> 30;
  if (kind == 3) return;
  let value = loadMemory(va, kind == 1 ? 8 : 4, accessLevel(false));
  if (aborted) return;
  if (kind == 2) value = <u64>(<i64>(<i32>value));
  writeSlot(destination(rdOf(word)), value);
}

function executePair(word: u32): void {
  const kind = word >> 30;
  const loading = bit(word, 22) != 0;
  const mode = bits(word, 23, 2);
  if (kind == 3 || (kind == 1 && (!loading || mode == 0))) return undefinedInstruction();
  if (faultsOnSp(rnOf(word))) return;
  const size: u32 = kind == 2 ? 8 : 4;
  const offset = <u64>(signedBits(word, 15, 7) << (kind == 2 ? 3 : 2));
  const base = orSp(rnOf(word));
  const va = readSlot(base) + (mode == 1 ? 0 : offset);
  const el = accessLevel(false);
  if (loading) {
    let first = loadMemory(va, size, el);
    if (aborted) return;
    let second = loadMemory(va + size, size, el);
    if (aborted) return;
    if (kind == 1) {
      first = <u64>(<i64>(<i32>first));
      second = <u64>(<i64>(<i32>second));
    }
    if (mode & 1) writeSlot(base, readSlot(base) + offset);
    writeSlot(destination(rdOf(word)), first);
    writeSlot(destination(raOf(word)), second);
    return;
  }
  if ((<u32>va & (size - 1)) != 0 && (load<u32>(SCTLR) & 2) != 0) return abort(va, FAULT_ALIGNMENT, true);
  probeStore(va, size << 1, el);
  if (aborted) return;
  const first = readSlot(source(rdOf(word)));
  const second = readSlot(source(raOf(word)));
  storeMemory(va, size, first, el);
  if (aborted) return;
  storeMemory(va + size, size, second, el);
  if (aborted) return;
  if (mode & 1) writeSlot(base, readSlot(base) + offset);
}

/** ADD, SUB, AND, ORR, EOR that write the stack pointer in ways that may misalign it. */
function executeStackArithmetic(word: u32): void {
  if (rdOf(word) != 31) return undefinedInstruction();
  const wide = is64(word);
  let value: u64;
  if ((word & 0x3f800000) == 0x11000000) {
    const operand = <u64>bits(word, 10, 12) << (bit(word, 22) ? 12 : 0);
    const base = readSlot(orSp(rnOf(word)));
    value = bit(word, 30) ? base - operand : base + operand;
  } else if ((word & 0x3fe00000) == 0x0b200000 && bits(word, 10, 3) <= 4) {
    const operand = extended(readSlot(source(rmOf(word))), bits(word, 13, 3), bits(word, 10, 3));
    const base = readSlot(orSp(rnOf(word)));
    value = bit(word, 30) ? base - operand : base + operand;
  } else if ((word & 0x1f800000) == 0x12000000 && bits(word, 29, 2) != 3) {
    const mask = bitMask(bit(word, 22), bits(word, 10, 6), bits(word, 16, 6), wide);
    if (mask == NO_MASK) return undefinedInstruction();
    const operand = readSlot(source(rnOf(word)));
    const kind = bits(word, 29, 2);
    value = kind == 0 ? operand & mask : kind == 1 ? operand | mask : operand ^ mask;
  } else return undefinedInstruction();
  store<u64>(SP, wide ? value : value & 0xffffffff);
}
