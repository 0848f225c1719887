/**
 * Loads and stores of V registers, the fast way: what the TLB lets through. Everything else returns false and is done by
 * its word in execute/simd.ts.
 *
 * The micro-op of a transfer: rn is the slot of the base, rm that of the V register; of the immediate bytes 0 to 3 are
 * the offset of the access, 4 and 5 what is added to the base afterwards, 6 is log2 of the bytes, 7 the second register.
 */

import { bit, bits, orSp, raOf, rdOf, rmOf, rnOf, signedBits, source } from '../instruction/fields';
import { OP_IMMEDIATE, OP_RM, OP_RN, Op, emit } from '../instruction/ops';
import { extended } from '../integer/arithmetic';
import { pageOffset } from '../memory/code';
import { TLB_ADDEND, TLB_READ, TLB_WRITE } from '../memory/tlb';
import { CODE_VA, CURRENT, PAGE_SHIFT, TLB_ENTRIES, TLB_ENTRY } from '../state/layout';
import { Executor, emitSimd, vOf, vSlot, wordOf } from './registers';

/** log2 of the bytes of a transfer by size and opc<1>; above 4 there is none. */
export function transferSize(word: u32): u32 {
  return (bit(word, 23) << 2) | (word >> 30);
}
/** log2 of the bytes of each register of a pair by opc, and of a literal. */
export function pairSize(word: u32): u32 {
  return 2 + (word >> 30);
}

/** An access that always goes the slow way. */
export function executeSlowly(op: usize, tlb: usize): bool {
  return false;
}

/** Address in this memory of `bytes` bytes at `va`, if the TLB has them; else 0. */
@inline
export function hostFor(tlb: usize, va: u64, bytes: u32, tag: usize): usize {
  const entry = tlb + ((<usize>(<u32>(va >> PAGE_SHIFT)) & (TLB_ENTRIES - 1)) * TLB_ENTRY);
  if (load<u64>(entry + tag) != ((va + bytes - 1) & ~0xfff)) return 0;
  return <usize>(<u32>va) + load<u32>(entry, TLB_ADDEND);
}

/** A change of SP that could misalign it is left to the slow way, after which the loop looks again. */
function misalignsSp(word: u32, change: i64): bool {
  return rnOf(word) == 31 && (change & 15) != 0;
}

function emitTransfer(at: usize, word: u32, offset: i64, change: i64): void {
  const size = transferSize(word);
  if (size > 4) return;
  const loading = bit(word, 22) != 0;
  if (misalignsSp(word, change)) return emitSimd(at, executeSlowly, 0, 0, word);
  let executor: Executor = loading ? executeLoad : executeStore;
  if (size == 4) executor = loading ? executeLoadFull : executeStoreFull;
  const immediate = (<u64>offset & 0xffffffff) | ((<u64>change & 0xffff) << 32) | (<u64>size << 48);
  emit(at, Op.Simd, executor.index, orSp(rnOf(word)), vSlot(rdOf(word)), immediate);
}

export function decodeUnsignedOffsetSimd(at: usize, word: u32): void {
  emitTransfer(at, word, <i64>bits(word, 10, 12) << transferSize(word), 0);
}

/** Unscaled, post-index and pre-index by bits 11..10; there is no unprivileged form. */
export function decodeUnscaledSimd(at: usize, word: u32): void {
  const offset = signedBits(word, 12, 9);
  switch (bits(word, 10, 2)) {
    case 0:
      return emitTransfer(at, word, offset, 0);
    case 1:
      return emitTransfer(at, word, 0, offset);
    case 3:
      return emitTransfer(at, word, offset, offset);
  }
}

export function decodeRegisterOffsetSimd(at: usize, word: u32): void {
  if (bit(word, 14) && transferSize(word) <= 4) emitSimd(at, executeRegisterOffset, 0, 0, word);
}

export function decodeLiteralSimd(at: usize, word: u32): void {
  const size = pairSize(word);
  if (size > 4) return;
  const offset = <i64>pageOffset(at) + (signedBits(word, 5, 19) << 2);
  emit(at, Op.Simd, (<Executor>executeLiteral).index, size, vSlot(rdOf(word)), <u64>offset);
}

/** No-allocate, post-index, offset and pre-index by bits 24..23. */
export function decodePairSimd(at: usize, word: u32): void {
  const size = pairSize(word);
  if (size > 4) return;
  const offset = signedBits(word, 15, 7) << size;
  const mode = bits(word, 23, 2);
  const access = mode == 1 ? 0 : offset;
  const change = mode & 1 ? offset : 0;
  if (misalignsSp(word, change)) return emitSimd(at, executeSlowly, 0, 0, word);
  const executor: Executor = bit(word, 22) ? executeLoadPair : executeStorePair;
  const registers = (<u64>size << 48) | (<u64>raOf(word) << 56);
  const immediate = (<u64>access & 0xffffffff) | ((<u64>change & 0xffff) << 32) | registers;
  emit(at, Op.Simd, executor.index, orSp(rnOf(word)), vSlot(rdOf(word)), immediate);
}

@inline
function baseOf(op: usize): usize {
  return CURRENT + <usize>load<u16>(op, OP_RN);
}
@inline
function addressOf(op: usize): u64 {
  return load<u64>(baseOf(op)) + <u64>(<i64>load<i32>(op, OP_IMMEDIATE));
}
@inline
function changeBase(op: usize): void {
  const base = baseOf(op);
  store<u64>(base, load<u64>(base) + <u64>(<i64>load<i16>(op, OP_IMMEDIATE + 4)));
}
@inline
function sizeOf(op: usize): u32 {
  return <u32>load<u8>(op, OP_IMMEDIATE + 6);
}
@inline
function registerOf(op: usize): usize {
  return CURRENT + <usize>load<u16>(op, OP_RM);
}
@inline
function secondOf(op: usize): usize {
  return vOf(<u32>load<u8>(op, OP_IMMEDIATE + 7));
}

/** A register from memory in this module: what is not loaded becomes zero. */
function loadRegister(register: usize, host: usize, size: u32): void {
  let low: u64 = 0;
  let high: u64 = 0;
  switch (size) {
    case 0:
      low = <u64>load<u8>(host);
      break;
    case 1:
      low = <u64>load<u16>(host);
      break;
    case 2:
      low = <u64>load<u32>(host);
      break;
    case 3:
      low = load<u64>(host);
      break;
    default:
      low = load<u64>(host);
      high = load<u64>(host, 8);
  }
  store<u64>(register, low);
  store<u64>(register, high, 8);
}

function storeRegister(register: usize, host: usize, size: u32): void {
  switch (size) {
    case 0:
      store<u8>(host, load<u8>(register));
      break;
    case 1:
      store<u16>(host, load<u16>(register));
      break;
    case 2:
      store<u32>(host, load<u32>(register));
      break;
    case 3:
      store<u64>(host, load<u64>(register));
      break;
    default: {
      const high = load<u64>(register, 8);
      store<u64>(host, load<u64>(register));
      store<u64>(host, high, 8);
    }
  }
}

function executeLoadFull(op: usize, tlb: usize): bool {
  const host = hostFor(tlb, addressOf(op), 16, TLB_READ);
  if (!host) return false;
  const register = registerOf(op);
  store<u64>(register, load<u64>(host));
  store<u64>(register, load<u64>(host, 8), 8);
  changeBase(op);
  return true;
}

function executeStoreFull(op: usize, tlb: usize): bool {
  const host = hostFor(tlb, addressOf(op), 16, TLB_WRITE);
  if (!host) return false;
  const register = registerOf(op);
  store<u64>(host, load<u64>(register));
  store<u64>(host, load<u64>(register, 8), 8);
  changeBase(op);
  return true;
}

function executeLoad(op: usize, tlb: usize): bool {
  const size = sizeOf(op);
  const host = hostFor(tlb, addressOf(op), 1 << size, TLB_READ);
  if (!host) return false;
  loadRegister(registerOf(op), host, size);
  changeBase(op);
  return true;
}

function executeStore(op: usize, tlb: usize): bool {
  const size = sizeOf(op);
  const host = hostFor(tlb, addressOf(op), 1 << size, TLB_WRITE);
  if (!host) return false;
  storeRegister(registerOf(op), host, size);
  changeBase(op);
  return true;
}

function executeLoadPair(op: usize, tlb: usize): bool {
  const size = sizeOf(op);
  const host = hostFor(tlb, addressOf(op), 2 << size, TLB_READ);
  if (!host) return false;
  loadRegister(registerOf(op), host, size);
  loadRegister(secondOf(op), host + (1 << size), size);
  changeBase(op);
  return true;
}

function executeStorePair(op: usize, tlb: usize): bool {
  const size = sizeOf(op);
  const host = hostFor(tlb, addressOf(op), 2 << size, TLB_WRITE);
  if (!host) return false;
  storeRegister(registerOf(op), host, size);
  storeRegister(secondOf(op), host + (1 << size), size);
  changeBase(op);
  return true;
}

function executeLiteral(op: usize, tlb: usize): bool {
  const size = <u32>load<u16>(op, OP_RN);
  const host = hostFor(tlb, load<u64>(CODE_VA) + load<u64>(op, OP_IMMEDIATE), 1 << size, TLB_READ);
  if (!host) return false;
  loadRegister(registerOf(op), host, size);
  return true;
}

/** Base and extended register. */
export function registerAddress(word: u32): u64 {
  const shift = bit(word, 12) ? transferSize(word) : 0;
  const base = load<u64>(CURRENT + <usize>orSp(rnOf(word)));
  return base + extended(load<u64>(CURRENT + <usize>source(rmOf(word))), bits(word, 13, 3), shift);
}

function executeRegisterOffset(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = transferSize(word);
  const loading = bit(word, 22) != 0;
  const host = hostFor(tlb, registerAddress(word), 1 << size, loading ? TLB_READ : TLB_WRITE);
  if (!host) return false;
  if (loading) loadRegister(vOf(rdOf(word)), host, size);
  else storeRegister(vOf(rdOf(word)), host, size);
  return true;
}
