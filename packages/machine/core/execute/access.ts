/**
 * Loads and stores the slow way: TLB misses, devices, accesses across pages, unaligned accesses with SCTLR_EL1.A, pages
 * with code, unprivileged accesses. Everything here is of the current vCPU.
 */

import { dropCode, hasCode } from '../memory/code';
import { markDirty, mustLogStore } from '../memory/dirty';
import {
  FAULT_ALIGNMENT,
  FAULT_EXTERNAL,
  READ,
  TRANSLATED,
  WRITE,
  isBlock,
  notGlobal,
  permissionFault,
  permissions,
  physical,
  walk,
} from '../memory/mmu';
import {
  INVALID,
  Stores,
  TLB_ADDEND,
  TLB_READ,
  TLB_WRITE,
  TLB_WRITE_SLOW,
  checkUserBank,
  dataEntry,
  fillData,
} from '../memory/tlb';
import { EL, HIGH, PAGE_MASK, PC, REFUSED, SCTLR, current, hostOf, inRam, ram, ramBase } from '../state/layout';
import { takeDataAbort } from './exceptions';
import { mmioRead, mmioWrite } from './host';

/** Set when an access took an exception: the instruction must end without any result. */
export let aborted: bool = false;

export function beginAccess(): void {
  aborted = false;
}

/** Where the last translation led, when not to RAM. */
let device: u64 = 0;

export function abort(va: u64, status: u32, write: bool): void {
  aborted = true;
  takeDataAbort(load<u64>(PC), va, status, write, false);
}

/** SCTLR_EL1.A: every access must be aligned to its size. */
function misaligned(va: u64, size: u32): bool {
  return (<u32>va & (size - 1)) != 0 && (load<u32>(SCTLR) & 2) != 0;
}

/**
 * Translates an access that stays within a page. Returns the address in this memory; 0 when it leads to a device (then
 * `device` says where) or faulted (then `aborted`).
 */
function resolve(va: u64, write: bool, el: u32): usize {
  if (!el) checkUserBank();
  const entry = dataEntry(el, va);
  const page = va & ~PAGE_MASK;
  if (write) {
    if (load<u64>(entry, TLB_WRITE) == page) return <usize>(<u32>va + load<u32>(entry, TLB_ADDEND));
    if (load<u64>(entry, TLB_WRITE_SLOW) == page) {
      const host = <usize>(<u32>va + load<u32>(entry, TLB_ADDEND));
      refreshStores(entry, page, <u32>(host - ram));
      return host;
    }
  } else if (load<u64>(entry, TLB_READ) == page) return <usize>(<u32>va + load<u32>(entry, TLB_ADDEND));

  let fault = walk(va, el == 0);
  if (fault == TRANSLATED && !(permissions & (write ? WRITE : READ))) fault = permissionFault();
  if (fault != TRANSLATED) {
    abort(va, fault, write);
    return 0;
  }
  if (!inRam(physical, 1)) {
    device = physical;
    return 0;
  }
  const host = hostOf(physical);
  // With SCTLR_EL1.A every access goes this way, so that its alignment is checked.
  if (!(load<u32>(SCTLR) & 2)) {
    const stores = !(permissions & WRITE)
      ? Stores.None
      : mustGoSlow(<u32>(physical - ramBase), write)
        ? Stores.Slow
        : Stores.Fast;
    if (write) markDirty(<u32>(physical - ramBase));
    fillData(el, va, host, (permissions & READ) != 0, stores, isBlock, notGlobal);
  }
  return host;
}

/** A page with code, or a page that is clean in the dirty log and is not being written (and marked) right now. */
function mustGoSlow(ramOffset: u32, writing: bool): bool {
  return hasCode(ramOffset) || (!writing && mustLogStore(ramOffset));
}

/** A store is about to happen through an entry that is not fast: from the next one on it may be. */
function refreshStores(entry: usize, page: u64, ramOffset: u32): void {
  markDirty(ramOffset);
  if (hasCode(ramOffset)) return;
  store<u64>(entry, page, TLB_WRITE);
  store<u64>(entry, INVALID, TLB_WRITE_SLOW);
}

/** What every store to RAM owes to predecoded code and the dirty log. */
function noteStore(host: usize, bytes: u32): void {
  const offset = <u32>(host - ram);
  dropCode(offset, bytes);
  markDirty(offset);
}

function loadHost(host: usize, size: u32): u64 {
  switch (size) {
    case 1:
      return <u64>load<u8>(host);
    case 2:
      return <u64>load<u16>(host);
    case 4:
      return <u64>load<u32>(host);
    default:
      return load<u64>(host);
  }
}

function storeHost(host: usize, size: u32, value: u64): void {
  switch (size) {
    case 1:
      store<u8>(host, <u8>value);
      break;
    case 2:
      store<u16>(host, <u16>value);
      break;
    case 4:
      store<u32>(host, <u32>value);
      break;
    default:
      store<u64>(host, value);
  }
  noteStore(host, size);
}

function loadDevice(va: u64, size: u32): u64 {
  if (<u32>va & (size - 1)) {
    abort(va, FAULT_ALIGNMENT, false);
    return 0;
  }
  store<u32>(HIGH, 0);
  store<u32>(REFUSED, 0);
  const low = mmioRead(current, <f64>device, size);
  if (load<u32>(REFUSED)) {
    abort(va, FAULT_EXTERNAL, false);
    return 0;
  }
  const value = size == 8 ? <u64>low | (<u64>load<u32>(HIGH) << 32) : <u64>low;
  return size < 4 ? value & ((<u64>1 << (size << 3)) - 1) : value;
}

function storeDevice(va: u64, size: u32, value: u64): void {
  if (<u32>va & (size - 1)) {
    abort(va, FAULT_ALIGNMENT, true);
    return;
  }
  store<u32>(REFUSED, 0);
  const kept = size < 8 ? value & ((<u64>1 << (size << 3)) - 1) : value;
  mmioWrite(current, <f64>device, size, <u32>kept, <u32>(kept >> 32));
  if (load<u32>(REFUSED)) abort(va, FAULT_EXTERNAL, true);
}

function crossesPage(va: u64, bytes: u32): bool {
  return (<u32>va & 0xfff) + bytes > 0x1000;
}

/** Loads 1, 2, 4 or 8 bytes with the permissions of exception level `el`. The value counts only if not `aborted`. */
export function loadMemory(va: u64, size: u32, el: u32): u64 {
  if (misaligned(va, size)) {
    abort(va, FAULT_ALIGNMENT, false);
    return 0;
  }
  if (crossesPage(va, size)) return loadAcross(va, size, el);
  const host = resolve(va, false, el);
  if (host) return loadHost(host, size);
  return aborted ? 0 : loadDevice(va, size);
}

function loadAcross(va: u64, size: u32, el: u32): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const host = resolve(va + i, false, el);
    if (aborted) return 0;
    const byte = host ? <u64>load<u8>(host) : loadDevice(va + i, 1);
    if (aborted) return 0;
    value |= byte << (i << 3);
  }
  return value;
}

/** Faults now if a store of `bytes` (at most 64) at `va` would: nothing of it is done then. */
export function probeStore(va: u64, bytes: u32, el: u32): void {
  resolve(va, true, el);
  if (!aborted && crossesPage(va, bytes)) resolve((va + bytes - 1) & ~PAGE_MASK, true, el);
}

export function storeMemory(va: u64, size: u32, value: u64, el: u32): void {
  if (misaligned(va, size)) {
    abort(va, FAULT_ALIGNMENT, true);
    return;
  }
  if (crossesPage(va, size)) {
    storeAcross(va, size, value, el);
    return;
  }
  const host = resolve(va, true, el);
  if (host) storeHost(host, size, value);
  else if (!aborted) storeDevice(va, size, value);
}

function storeAcross(va: u64, size: u32, value: u64, el: u32): void {
  probeStore(va, size, el);
  for (let i: u32 = 0; i < size && !aborted; i++) {
    const host = resolve(va + i, true, el);
    if (host) storeHost(host, 1, value >> (i << 3));
    else if (!aborted) storeDevice(va + i, 1, value >> (i << 3));
  }
}

/** An exclusive or zeroing access: the address in this memory of bytes that do not cross a page; 0 for a device. */
export function resolveRam(va: u64, write: bool, el: u32): usize {
  return resolve(va, write, el);
}

/** A store that was done directly at an address from `resolveRam`. */
export function stored(host: usize, bytes: u32): void {
  noteStore(host, bytes);
}

/** Exception level whose permissions an access has: EL0 for LDTR and STTR, else the current one. */
export function accessLevel(unprivileged: bool): u32 {
  return unprivileged ? 0 : load<u32>(EL);
}
