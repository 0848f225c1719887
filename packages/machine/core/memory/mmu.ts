/**
 * Stage 1 translation of the EL1&0 regime (Arm ARM D8): 4, 16 and 64 KiB granules, 48-bit virtual and 40-bit physical
 * addresses, no hardware update of the access flag.
 */

import { EL, SCTLR, TCR, TTBR0, TTBR1, hostOf, inRam } from '../state/layout';

export const PHYSICAL_BITS: u64 = 40;

/** What a translation allows. */
export const READ: u32 = 1;
export const WRITE: u32 = 2;
export const EXECUTE: u32 = 4;

/** Fault status codes without their level (ESR_ELx.DFSC, IFSC). */
export const FAULT_ADDRESS_SIZE: u32 = 0x00;
export const FAULT_TRANSLATION: u32 = 0x04;
export const FAULT_ACCESS_FLAG: u32 = 0x08;
export const FAULT_PERMISSION: u32 = 0x0c;
export const FAULT_EXTERNAL: u32 = 0x10;
export const FAULT_EXTERNAL_WALK: u32 = 0x14;
export const FAULT_ALIGNMENT: u32 = 0x21;
/** No fault: not a fault status code. */
export const TRANSLATED: u32 = 0xffffffff;

/** The result of the last successful walk. */
export let physical: u64 = 0;
export let permissions: u32 = 0;
export let isBlock: bool = false;
export let notGlobal: bool = false;
/** MAIR attribute of the mapping; for PAR_EL1. */
export let attributeIndex: u32 = 0;
export let shareability: u32 = 0;

/** Granule sizes as log2 by TCR.TG0 and TCR.TG1 (the encodings differ); a reserved value acts as 4 KiB. */
const granule0: StaticArray<u32> = [12, 16, 14, 12];
const granule1: StaticArray<u32> = [12, 14, 12, 16];
/** TCR.IPS, limited to what the core has. */
const outputBits: StaticArray<u64> = [32, 36, 40, 40, 40, 40, 40, 40];

export function mmuEnabled(): bool {
  return (load<u32>(SCTLR) & 1) != 0;
}

/** Top byte ignore for the half of the address space that `va` is in. */
export function topByteIgnored(va: u64): bool {
  return ((load<u64>(TCR) >> ((va >> 55) & 1 ? 38 : 37)) & 1) != 0;
}

/** The address with its ignored top byte made a sign extension: what a branch writes to PC. */
export function canonicalPc(va: u64): u64 {
  return topByteIgnored(va) ? <u64>((<i64>(va << 8)) >> 8) : va;
}

/**
 * Translates for EL0 or EL1 and finds what the mapping allows. Returns TRANSLATED, or a fault status code. The access
 * itself is checked with `permissionFault`.
 */
export function walk(va: u64, user: bool): u32 {
  if (!mmuEnabled()) return walkFlat(va);

  const tcr = load<u64>(TCR);
  const high = ((va >> 55) & 1) != 0;
  const size = clampSize(<u32>(high ? tcr >> 16 : tcr) & 63);
  const inputBits = <u64>(64 - size);
  const top = topByteIgnored(va) ? (va << 8) >> (8 + inputBits) : va >> inputBits;
  const ones = topByteIgnored(va) ? (<u64>-1 << 8) >> (8 + inputBits) : <u64>-1 >> inputBits;
  if (top != (high ? ones : 0)) return FAULT_TRANSLATION;
  if ((tcr >> (high ? 23 : 7)) & 1) return FAULT_TRANSLATION;

  const shift = <u64>(high ? granule1[<u32>(tcr >> 30) & 3] : granule0[<u32>(tcr >> 14) & 3]);
  const stride = shift - 3;
  let level = <u32>(4 - (inputBits - shift + stride - 1) / stride);
  const physicalLimit = outputBits[<u32>(tcr >> 32) & 7];

  // The first table may be smaller than a granule; its base is aligned to its size.
  const firstIndexBits = inputBits - (shift + stride * <u64>(3 - level));
  let table = load<u64>(high ? TTBR1 : TTBR0) & 0x0000fffffffffffe & ~((<u64>8 << firstIndexBits) - 1);
  if (table >> physicalLimit) return FAULT_ADDRESS_SIZE;
  let indexMask = ((<u64>1 << firstIndexBits) - 1);

  let noUser = false;
  let readOnly = false;
  let neverUser = false;
  let neverPrivileged = false;

  while (true) {
    const lowest = shift + stride * <u64>(3 - level);
    const at = table + (((va >> lowest) & indexMask) << 3);
    if (!inRam(at, 8)) return FAULT_EXTERNAL_WALK | level;
    const descriptor = load<u64>(hostOf(at));
    if (!(descriptor & 1)) return FAULT_TRANSLATION | level;
    const leaf = level == 3 || !(descriptor & 2);
    if (!leaf) {
      table = descriptor & 0x0000ffffffffffff & ~((<u64>1 << shift) - 1);
      if (table >> physicalLimit) return FAULT_ADDRESS_SIZE | level;
      noUser = noUser || ((descriptor >> 61) & 1) != 0;
      readOnly = readOnly || ((descriptor >> 62) & 1) != 0;
      neverUser = neverUser || ((descriptor >> 60) & 1) != 0;
      neverPrivileged = neverPrivileged || ((descriptor >> 59) & 1) != 0;
      indexMask = (<u64>1 << stride) - 1;
      level++;
      continue;
    }
    if (level == 3 && !(descriptor & 2)) return FAULT_TRANSLATION | level;
    // Blocks: 1 GiB and 2 MiB with 4 KiB pages, at level 2 alone with the others.
    if (level < 3 && !(level == 2 || (level == 1 && shift == 12))) return FAULT_TRANSLATION | level;
    const offsetMask = (<u64>1 << lowest) - 1;
    const output = descriptor & 0x0000ffffffffffff & ~offsetMask;
    if (output >> physicalLimit) return FAULT_ADDRESS_SIZE | level;
    if (!((descriptor >> 10) & 1)) return FAULT_ACCESS_FLAG | level;

    noUser = noUser || ((descriptor >> 6) & 1) == 0;
    readOnly = readOnly || ((descriptor >> 7) & 1) != 0;
    neverUser = neverUser || ((descriptor >> 54) & 1) != 0;
    // What EL0 may write, EL1 may not execute.
    neverPrivileged = neverPrivileged || ((descriptor >> 53) & 1) != 0 || (!noUser && !readOnly);
    let allowed: u32 = user && noUser ? 0 : readOnly ? READ : READ | WRITE;
    const writeNeverExecute = (load<u32>(SCTLR) & (1 << 19)) != 0 && (allowed & WRITE) != 0;
    if (!(user ? neverUser : neverPrivileged) && !writeNeverExecute) allowed |= EXECUTE;
    permissions = allowed;
    physical = output | (va & offsetMask);
    isBlock = lowest > 12;
    notGlobal = ((descriptor >> 11) & 1) != 0;
    attributeIndex = <u32>(descriptor >> 2) & 7;
    shareability = <u32>(descriptor >> 8) & 3;
    leafLevel = level;
    return TRANSLATED;
  }
}

let leafLevel: u32 = 0;

/** The status code of a permission fault in the mapping that was found last. */
export function permissionFault(): u32 {
  return FAULT_PERMISSION | leafLevel;
}

/** TxSZ beyond 16..39 acts as the nearest value in it. */
function clampSize(size: u32): u32 {
  return size < 16 ? 16 : size > 39 ? 39 : size;
}

/** With the MMU off an address is its own translation. */
function walkFlat(va: u64): u32 {
  const address = topByteIgnored(va) ? (va << 8) >> 8 : va;
  if (address >> PHYSICAL_BITS) return FAULT_ADDRESS_SIZE;
  physical = address;
  permissions = READ | WRITE | EXECUTE;
  isBlock = false;
  notGlobal = false;
  attributeIndex = 0;
  shareability = 2;
  leafLevel = 0;
  return TRANSLATED;
}

/** The instruction word at a virtual address as the current vCPU would fetch it; 0 when it cannot. */
export function instructionWord(pc: u64): u32 {
  if (pc & 3) return 0;
  if (walk(canonicalPc(pc), load<u32>(EL) == 0) != TRANSLATED || !inRam(physical, 4)) return 0;
  return load<u32>(hostOf(physical));
}
