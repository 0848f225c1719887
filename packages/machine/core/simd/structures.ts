/**
 * LD1 to LD4, ST1 to ST4 and LD1R to LD4R (Arm ARM C4.1, Advanced SIMD load/store multiple and single structures).
 * All that is transferred, at most 64 bytes in the order of memory, passes through SIMD_RESULT.
 */

import { bit, bits, orSp, rdOf, rmOf, rnOf } from '../instruction/fields';
import { TLB_READ, TLB_WRITE } from '../memory/tlb';
import { CURRENT, SIMD_RESULT } from '../state/layout';
import { executeSlowly, hostFor } from './memory';
import { element, emitSimd, isFull, setElement, vOf, wordOf } from './registers';

/** Registers of a multiple-structure transfer by opcode, 0 for what is not allocated. */
const REGISTERS: StaticArray<u8> = [4, 0, 4, 0, 3, 0, 3, 1, 2, 0, 2, 0, 0, 0, 0, 0];

/** Multiple structures: bit 24 is clear. */
function isMultiple(word: u32): bool {
  return bit(word, 24) == 0;
}
function isPostIndexed(word: u32): bool {
  return bit(word, 23) != 0;
}

/** LD2 to LD4: the elements of the registers alternate. LD1 of several registers has opcode<1>. */
function isInterleaved(word: u32): bool {
  return bit(word, 13) == 0;
}

export function decodeMultiple(at: usize, word: u32): void {
  const opcode = bits(word, 12, 4);
  if (!unchecked(REGISTERS[opcode])) return;
  if (bits(word, 10, 2) == 3 && !isFull(word) && isInterleaved(word)) return;
  emitStructure(at, word);
}

export function decodeSingle(at: usize, word: u32): void {
  const size = bits(word, 10, 2);
  const s = bit(word, 12);
  switch (bits(word, 14, 2)) {
    case 1:
      if (size & 1) return;
      break;
    case 2:
      if (size > 1 || (size == 1 && s)) return;
      break;
    case 3:
      if (!bit(word, 22) || s) return;
      break;
  }
  emitStructure(at, word);
}

function emitStructure(at: usize, word: u32): void {
  // A writeback could misalign SP.
  if (rnOf(word) == 31 && isPostIndexed(word)) emitSimd(at, executeSlowly, 0, 0, word);
  else emitSimd(at, executeStructure, 0, 0, word);
}

/** How many registers take part. */
function registersOf(word: u32): u32 {
  if (isMultiple(word)) return <u32>unchecked(REGISTERS[bits(word, 12, 4)]);
  return ((bit(word, 13) << 1) | bit(word, 21)) + 1;
}

/** log2 of the bytes of an element. */
export function structureElement(word: u32): u32 {
  const size = bits(word, 10, 2);
  if (isMultiple(word)) return size;
  const scale = bits(word, 14, 2);
  return scale == 3 ? size : scale == 2 && size == 1 ? 3 : scale;
}

/** Bytes that are transferred. */
export function structureBytes(word: u32): u32 {
  if (isMultiple(word)) return registersOf(word) * (isFull(word) ? 16 : 8);
  return registersOf(word) << structureElement(word);
}

/** What is added to the base afterwards: Rm, or for 31 the bytes transferred. */
export function structureChange(word: u32): u64 {
  if (!isPostIndexed(word)) return 0;
  const rm = rmOf(word);
  return rm == 31 ? <u64>structureBytes(word) : load<u64>(CURRENT + <usize>(rm << 3));
}

/** The registers' elements, in the order of memory, from or to SIMD_RESULT. */
export function spread(word: u32): void {
  const registers = registersOf(word);
  const size = structureElement(word);
  if (!isMultiple(word)) {
    for (let r: u32 = 0; r < registers; r++) {
      const register = vOf((rdOf(word) + r) & 31);
      const value = element(SIMD_RESULT, r, size);
      if (bits(word, 14, 2) == 3) replicate(word, register, value, size);
      else setElement(register, laneOf(word, size), size, value);
    }
    return;
  }
  const count: u32 = (isFull(word) ? 16 : 8) >> size;
  for (let r: u32 = 0; r < registers; r++) {
    const register = vOf((rdOf(word) + r) & 31);
    if (!isFull(word)) store<u64>(register, 0, 8);
    for (let i: u32 = 0; i < count; i++) {
      const from = isInterleaved(word) ? i * registers + r : r * count + i;
      setElement(register, i, size, element(SIMD_RESULT, from, size));
    }
  }
}

export function collect(word: u32): void {
  const registers = registersOf(word);
  const size = structureElement(word);
  const count: u32 = isMultiple(word) ? (isFull(word) ? 16 : 8) >> size : 1;
  const interleaved = isMultiple(word) && isInterleaved(word);
  const lane = isMultiple(word) ? 0 : laneOf(word, size);
  for (let r: u32 = 0; r < registers; r++) {
    const register = vOf((rdOf(word) + r) & 31);
    for (let i: u32 = 0; i < count; i++) {
      const to = interleaved ? i * registers + r : r * count + i;
      setElement(SIMD_RESULT, to, size, element(register, lane + i, size));
    }
  }
}

/** Q:S:size, as many of the bits as there are elements. */
function laneOf(word: u32, size: u32): u32 {
  return ((bit(word, 30) << 3) | bits(word, 10, 3)) >> size;
}

function replicate(word: u32, register: usize, value: u64, size: u32): void {
  for (let i: u32 = 0, count: u32 = 16 >> size; i < count; i++) setElement(register, i, size, value);
  if (!isFull(word)) store<u64>(register, 0, 8);
}

function executeStructure(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const base = CURRENT + <usize>orSp(rnOf(word));
  const bytes = structureBytes(word);
  const loading = bit(word, 22) != 0;
  const host = hostFor(tlb, load<u64>(base), bytes, loading ? TLB_READ : TLB_WRITE);
  if (!host) return false;
  const change = structureChange(word);
  if (loading) {
    memory.copy(SIMD_RESULT, host, bytes);
    spread(word);
  } else {
    collect(word);
    memory.copy(host, SIMD_RESULT, bytes);
  }
  store<u64>(base, load<u64>(base) + change);
  return true;
}
