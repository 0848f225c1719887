/**
 * Translation caches, direct-mapped, per vCPU, one bank for EL0 and one for EL1. They are not state: an empty one only
 * costs time.
 *
 * A data entry has three tags, each the virtual page or INVALID: for loads, for stores, and for stores to a page that
 * has predecoded code or is clean in the dirty log (those go the slow way). The addend leads from the low half of a
 * virtual address to this memory. Only RAM has entries.
 *
 * What a guest may notice of them is what the architecture lets it notice: a translation that it changed without TLBI
 * may still hold for a while. Such a guest, and only such a one, may run differently after a restore.
 *
 * Address-space identifiers: the EL0 bank remembers the ASID and TTBR0 it was filled under and is emptied when EL0 is
 * next used under others; the EL1 bank drops its non-global entries when they change.
 */

import {
  EL,
  ITLB_BANK,
  ITLB_ENTRIES,
  ITLB_ENTRY,
  PAGE_MASK,
  PAGE_SHIFT,
  SCTLR,
  SP,
  TCR,
  TLB_BANK,
  TLB_ENTRIES,
  TLB_ENTRY,
  TLB_SIZE,
  TTBR0,
  TTBR1,
  current,
  tlbs,
  vcpus,
} from '../state/layout';

export const TLB_READ: usize = 0;
export const TLB_WRITE: usize = 8;
export const TLB_WRITE_SLOW: usize = 16;
export const TLB_ADDEND: usize = 24;
const TLB_INFO: usize = 28;
/** The entry is a part of a mapping larger than 4 KiB. */
const INFO_BLOCK: u32 = 1;
const INFO_NOT_GLOBAL: u32 = 2;

export const ITLB_TAG: usize = 0;
export const ITLB_PAGE: usize = 8;
const ITLB_INFO: usize = 12;

/** Never equal to a page address. */
export const INVALID: u64 = 1;

/** Per vCPU: what its EL0 bank was filled under. A TLB is not state, so these are not in the context. */
const userTtbr = new StaticArray<u64>(16);
const userAsid = new StaticArray<u64>(16);
/** Per vCPU: the EL1 bank has non-global entries. Most writes of TTBR0 find none. */
const kernelNotGlobal = new StaticArray<bool>(16);
const kernelNotGlobalCode = new StaticArray<bool>(16);

export function dataBank(vcpu: u32, el: u32): usize {
  return tlbs + <usize>vcpu * TLB_SIZE + <usize>el * TLB_BANK;
}

export function codeBank(vcpu: u32, el: u32): usize {
  return tlbs + <usize>vcpu * TLB_SIZE + 2 * TLB_BANK + <usize>el * ITLB_BANK;
}

/** A bank that nobody fills: with it every access goes the slow way. */
export function emptyBank(): usize {
  return tlbs + <usize>vcpus * TLB_SIZE;
}

/** SP alignment checking is on for this exception level and SP is misaligned (SCTLR_EL1.SA, SA0). */
export function spMisaligned(): bool {
  return (load<u32>(SP) & 15) != 0 && (load<u32>(SCTLR) & (load<u32>(EL) ? 8 : 16)) != 0;
}

function clearData(bank: usize): void {
  for (let i: u32 = 0; i < TLB_ENTRIES; i++) clearEntry(bank + <usize>(i * TLB_ENTRY));
}

function clearEntry(entry: usize): void {
  store<u64>(entry, INVALID, TLB_READ);
  store<u64>(entry, INVALID, TLB_WRITE);
  store<u64>(entry, INVALID, TLB_WRITE_SLOW);
}

function clearCode(bank: usize): void {
  for (let i: u32 = 0; i < ITLB_ENTRIES; i++) store<u64>(bank + <usize>(i * ITLB_ENTRY), INVALID, ITLB_TAG);
}

export function clearEmptyBank(): void {
  clearData(emptyBank());
}

export function flushVcpu(vcpu: u32): void {
  for (let el: u32 = 0; el < 2; el++) {
    clearData(dataBank(vcpu, el));
    clearCode(codeBank(vcpu, el));
  }
  kernelNotGlobal[vcpu] = false;
  kernelNotGlobalCode[vcpu] = false;
}

export function flushAll(): void {
  for (let vcpu: u32 = 0; vcpu < vcpus; vcpu++) flushVcpu(vcpu);
}

export function flushCodeOfAll(): void {
  for (let vcpu: u32 = 0; vcpu < vcpus; vcpu++) {
    clearCode(codeBank(vcpu, 0));
    clearCode(codeBank(vcpu, 1));
    kernelNotGlobalCode[vcpu] = false;
  }
}

function tagOf(entry: usize): u64 {
  const read = load<u64>(entry, TLB_READ);
  if (read != INVALID) return read;
  const write = load<u64>(entry, TLB_WRITE);
  return write != INVALID ? write : load<u64>(entry, TLB_WRITE_SLOW);
}

/** TLBI by address: `page` is VA[55:12]. An entry that is part of a block goes when any entry of a block could. */
export function flushPage(vcpu: u32, page: u64): void {
  const index = <u32>page & (TLB_ENTRIES - 1);
  const codeIndex = <u32>page & (ITLB_ENTRIES - 1);
  const high = ((page >> 43) & 1) != 0;
  for (let el: u32 = 0; el < 2; el++) {
    clearEntry(dataBank(vcpu, el) + <usize>(index * TLB_ENTRY));
    store<u64>(codeBank(vcpu, el) + <usize>(codeIndex * ITLB_ENTRY), INVALID, ITLB_TAG);
    // The size of the block is not kept: all parts of blocks in this half of the address space go.
    for (let i: u32 = 0; i < TLB_ENTRIES; i++) {
      const entry = dataBank(vcpu, el) + <usize>(i * TLB_ENTRY);
      if (load<u32>(entry, TLB_INFO) & INFO_BLOCK && ((tagOf(entry) >> 55) & 1) == <u64>high) clearEntry(entry);
    }
    for (let i: u32 = 0; i < ITLB_ENTRIES; i++) {
      const entry = codeBank(vcpu, el) + <usize>(i * ITLB_ENTRY);
      if (load<u32>(entry, ITLB_INFO) & INFO_BLOCK && ((load<u64>(entry) >> 55) & 1) == <u64>high) {
        store<u64>(entry, INVALID, ITLB_TAG);
      }
    }
  }
}

/** The ASID that is current: in TTBR0 or TTBR1 by TCR.A1, 8 or 16 bits by TCR.AS. */
export function currentAsid(): u64 {
  const tcr = load<u64>(TCR);
  const ttbr = load<u64>((tcr >> 22) & 1 ? TTBR1 : TTBR0);
  const asid = ttbr >> 48;
  return (tcr >> 36) & 1 ? asid : asid & 0xff;
}

/** The current vCPU is about to translate for EL0: its EL0 bank must be of the current address space. */
export function checkUserBank(): void {
  const asid = currentAsid();
  const ttbr = load<u64>(TTBR0);
  if (userAsid[current] == asid && userTtbr[current] == ttbr) return;
  userAsid[current] = asid;
  userTtbr[current] = ttbr;
  clearData(dataBank(current, 0));
  clearCode(codeBank(current, 0));
}

/** TTBR0, TTBR1 or the ASID of the current vCPU changed: non-global entries of EL1 do not hold any more. */
export function addressSpaceChanged(): void {
  if (kernelNotGlobal[current]) {
    kernelNotGlobal[current] = false;
    const bank = dataBank(current, 1);
    for (let i: u32 = 0; i < TLB_ENTRIES; i++) {
      const entry = bank + <usize>(i * TLB_ENTRY);
      if (load<u32>(entry, TLB_INFO) & INFO_NOT_GLOBAL) clearEntry(entry);
    }
  }
  if (kernelNotGlobalCode[current]) {
    kernelNotGlobalCode[current] = false;
    clearCode(codeBank(current, 1));
  }
}

export function dataEntry(el: u32, va: u64): usize {
  return dataBank(current, el) + <usize>((<u32>(va >> PAGE_SHIFT) & (TLB_ENTRIES - 1)) * TLB_ENTRY);
}

/**
 * A mapping that goes with its address space. The lower half counts as such even where it is global: a change of TTBR0
 * is then seen at once, whether or not a translation happened to be cached.
 */
function isLocal(va: u64, notGlobal: bool): bool {
  return notGlobal || !((va >> 55) & 1);
}

/** Which stores an entry lets through. */
export const enum Stores {
  None,
  Slow,
  Fast,
}

/** Notes a translation of the current vCPU: `host` is the address in this memory of the byte at `va`. */
export function fillData(el: u32, va: u64, host: usize, readable: bool, stores: Stores, block: bool, notGlobal: bool): void {
  const entry = dataEntry(el, va);
  const page = va & ~PAGE_MASK;
  store<u64>(entry, readable ? page : INVALID, TLB_READ);
  store<u64>(entry, stores == Stores.Fast ? page : INVALID, TLB_WRITE);
  store<u64>(entry, stores == Stores.Slow ? page : INVALID, TLB_WRITE_SLOW);
  store<u32>(entry, <u32>host - <u32>va, TLB_ADDEND);
  store<u32>(entry, (block ? INFO_BLOCK : 0) | (isLocal(va, notGlobal) ? INFO_NOT_GLOBAL : 0), TLB_INFO);
  if (el == 1 && isLocal(va, notGlobal)) kernelNotGlobal[current] = true;
}

export function fillCode(el: u32, va: u64, decoded: usize, block: bool, notGlobal: bool): void {
  const entry = codeBank(current, el) + <usize>((<u32>(va >> PAGE_SHIFT) & (ITLB_ENTRIES - 1)) * ITLB_ENTRY);
  store<u64>(entry, va & ~PAGE_MASK, ITLB_TAG);
  store<u32>(entry, <u32>decoded, ITLB_PAGE);
  store<u32>(entry, block ? INFO_BLOCK : 0, ITLB_INFO);
  if (el == 1 && isLocal(va, notGlobal)) kernelNotGlobalCode[current] = true;
}

/** Stores to the RAM page at `page` (an address in this memory) shall go the slow way on every vCPU. */
export function slowStoresTo(page: usize): void {
  for (let vcpu: u32 = 0; vcpu < vcpus; vcpu++) {
    const bank = dataBank(vcpu, 0);
    for (let i: u32 = 0; i < 2 * TLB_ENTRIES; i++) {
      const entry = bank + <usize>(i * TLB_ENTRY);
      const tag = load<u64>(entry, TLB_WRITE);
      if (tag != INVALID && <u32>tag + load<u32>(entry, TLB_ADDEND) == <u32>page) {
        store<u64>(entry, tag, TLB_WRITE_SLOW);
        store<u64>(entry, INVALID, TLB_WRITE);
      }
    }
  }
}

/** Every store goes the slow way once more: the dirty log was taken. */
export function slowStoresToAll(): void {
  for (let vcpu: u32 = 0; vcpu < vcpus; vcpu++) {
    const bank = dataBank(vcpu, 0);
    for (let i: u32 = 0; i < 2 * TLB_ENTRIES; i++) {
      const entry = bank + <usize>(i * TLB_ENTRY);
      const tag = load<u64>(entry, TLB_WRITE);
      if (tag == INVALID) continue;
      store<u64>(entry, tag, TLB_WRITE_SLOW);
      store<u64>(entry, INVALID, TLB_WRITE);
    }
  }
}
