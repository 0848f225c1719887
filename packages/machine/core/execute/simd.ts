/** FP and Advanced SIMD instructions the slow way: traps, and loads and stores by their word that the TLB did not let through. */

import { bit, bits, orSp, raOf, rdOf, readSlot, rnOf, signedBits, writeSlot } from '../instruction/fields';
import { Op } from '../instruction/ops';
import { FAULT_ALIGNMENT } from '../memory/mmu';
import { simdEnabled } from '../simd/access';
import { pairSize, registerAddress, transferSize } from '../simd/memory';
import { element, setElement, vOf } from '../simd/registers';
import { collect, spread, structureBytes, structureChange, structureElement } from '../simd/structures';
import { PC, SCTLR, SIMD_RESULT } from '../state/layout';
import { abort, aborted, accessLevel, loadMemory, probeStore, storeMemory } from './access';
import { takeSimdAccessTrap } from './exceptions';
import { faultsOnSp, leaveLoop, undefinedInstruction } from './leave';

/** The decoder leaves what is not allocated to the slow way of the other instructions, so it has another micro-op. */
export function executeSimdSlow(op: usize, word: u32): void {
  if (load<u16>(op) != <u16>Op.Simd) return undefinedInstruction();
  if (!simdEnabled()) {
    leaveLoop();
    takeSimdAccessTrap(load<u64>(PC));
    return;
  }
  if ((word & 0x3e000000) == 0x0c000000) executeStructure(word);
  else if ((word & 0x3f000000) == 0x1c000000) {
    loadWhole(load<u64>(PC) + <u64>(signedBits(word, 5, 19) << 2), pairSize(word), 0);
    if (!aborted) writeRegister(rdOf(word), 0);
  } else if ((word & 0x3e000000) == 0x2c000000) executePair(word);
  else executeSingle(word);
}

/** SCTLR_EL1.A wants every access aligned to its size; 16 bytes are then moved as two halves. */
function faultsOnAlignment(va: u64, size: u32, write: bool): bool {
  if ((<u32>va & ((1 << size) - 1)) == 0 || (load<u32>(SCTLR) & 2) == 0) return false;
  abort(va, FAULT_ALIGNMENT, write);
  return true;
}

/** Loads 1 << size bytes to SIMD_RESULT, at a place counted in units of 16 bytes. */
function loadWhole(va: u64, size: u32, place: u32): void {
  const at = SIMD_RESULT + (<usize>place << 4);
  const el = accessLevel(false);
  if (size < 4) {
    store<u64>(at, loadMemory(va, 1 << size, el));
    store<u64>(at, 0, 8);
    return;
  }
  if (faultsOnAlignment(va, size, false)) return;
  store<u64>(at, loadMemory(va, 8, el));
  if (!aborted) store<u64>(at, loadMemory(va + 8, 8, el), 8);
}

/** A V register from what `loadWhole` has put there. */
function writeRegister(register: u32, place: u32): void {
  memory.copy(vOf(register), SIMD_RESULT + (<usize>place << 4), 16);
}

function storeWhole(va: u64, size: u32, register: u32): void {
  const el = accessLevel(false);
  if (size < 4) return storeMemory(va, 1 << size, element(vOf(register), 0, size), el);
  storeMemory(va, 8, element(vOf(register), 0, 3), el);
  if (!aborted) storeMemory(va + 8, 8, element(vOf(register), 1, 3), el);
}

/** Unsigned offset, register offset, unscaled, post- and pre-index. */
function executeSingle(word: u32): void {
  if (faultsOnSp(rnOf(word))) return;
  const size = transferSize(word);
  const base = orSp(rnOf(word));
  let va = readSlot(base);
  let change: u64 = 0;
  if (bit(word, 24)) va += <u64>bits(word, 10, 12) << size;
  else if (bit(word, 21)) va = registerAddress(word);
  else {
    const offset = <u64>signedBits(word, 12, 9);
    const mode = bits(word, 10, 2);
    if (mode != 1) va += offset;
    if (mode & 1) change = offset;
  }
  if (bit(word, 22)) {
    loadWhole(va, size, 0);
    if (aborted) return;
    writeRegister(rdOf(word), 0);
  } else {
    if (faultsOnAlignment(va, size, true)) return;
    probeStore(va, 1 << size, accessLevel(false));
    if (!aborted) storeWhole(va, size, rdOf(word));
    if (aborted) return;
  }
  writeSlot(base, readSlot(base) + change);
}

function executePair(word: u32): void {
  if (faultsOnSp(rnOf(word))) return;
  const size = pairSize(word);
  const base = orSp(rnOf(word));
  const offset = <u64>(signedBits(word, 15, 7) << size);
  const mode = bits(word, 23, 2);
  const va = readSlot(base) + (mode == 1 ? 0 : offset);
  const second = va + (1 << size);
  if (bit(word, 22)) {
    loadWhole(va, size, 0);
    if (!aborted) loadWhole(second, size, 1);
    if (aborted) return;
    writeRegister(rdOf(word), 0);
    writeRegister(raOf(word), 1);
  } else {
    if (faultsOnAlignment(va, size, true)) return;
    probeStore(va, 2 << size, accessLevel(false));
    if (!aborted) storeWhole(va, size, rdOf(word));
    if (!aborted) storeWhole(second, size, raOf(word));
    if (aborted) return;
  }
  if (mode & 1) writeSlot(base, readSlot(base) + offset);
}

function executeStructure(word: u32): void {
  if (faultsOnSp(rnOf(word))) return;
  const base = orSp(rnOf(word));
  const va = readSlot(base);
  const size = structureElement(word);
  const bytes = structureBytes(word);
  const change = structureChange(word);
  const el = accessLevel(false);
  if (bit(word, 22)) {
    for (let i: u32 = 0; i << size < bytes; i++) {
      setElement(SIMD_RESULT, i, size, loadMemory(va + (i << size), 1 << size, el));
      if (aborted) return;
    }
    spread(word);
  } else {
    if (faultsOnAlignment(va, size, true)) return;
    probeStore(va, bytes, el);
    if (aborted) return;
    collect(word);
    for (let i: u32 = 0; i << size < bytes; i++) {
      storeMemory(va + (i << size), 1 << size, element(SIMD_RESULT, i, size), el);
      if (aborted) return;
    }
  }
  writeSlot(base, readSlot(base) + change);
}
