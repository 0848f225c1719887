/** Fields of an A64 instruction word, and the registers that it names, by their offsets into the context. */

import { CURRENT, SINK_SLOT, ZERO_SLOT } from '../state/layout';

@inline
export function bits(word: u32, low: u32, count: u32): u32 {
  return (word >> low) & ((1 << count) - 1);
}

@inline
export function bit(word: u32, at: u32): u32 {
  return (word >> at) & 1;
}

/** A field as a signed number. */
@inline
export function signedBits(word: u32, low: u32, count: u32): i64 {
  return <i64>((<i32>(word << (32 - low - count))) >> (32 - count));
}

export function rdOf(word: u32): u32 {
  return word & 31;
}
export function rnOf(word: u32): u32 {
  return (word >> 5) & 31;
}
export function rmOf(word: u32): u32 {
  return (word >> 16) & 31;
}
/** Ra, and Rt2 of a pair. */
export function raOf(word: u32): u32 {
  return (word >> 10) & 31;
}
/** sf: the 64-bit variant. */
export function is64(word: u32): bool {
  return word >> 31 != 0;
}

/** Register 31 reads as zero. */
export function source(register: u32): u32 {
  return register == 31 ? ZERO_SLOT : register << 3;
}
/** A write to register 31 is lost. */
export function destination(register: u32): u32 {
  return register == 31 ? SINK_SLOT : register << 3;
}
/** Register 31 is the stack pointer. */
export function orSp(register: u32): u32 {
  return register << 3;
}

/** The register at such an offset. */
export function readSlot(slot: u32): u64 {
  return load<u64>(<usize>slot, CURRENT);
}
export function writeSlot(slot: u32, value: u64): void {
  store<u64>(<usize>slot, value, CURRENT);
}

/** The result of `bitMask` when the encoding is reserved; no valid mask is zero. */
export const NO_MASK: u64 = 0;

/** DecodeBitMasks(): the immediate of a logical instruction from N, imms and immr. */
export function bitMask(n: u32, imms: u32, immr: u32, wide: bool): u64 {
  const combined = (n << 6) | (~imms & 0x3f);
  if (combined == 0) return NO_MASK;
  const length = 31 - clz<u32>(combined);
  if (length < 1 || (!wide && n)) return NO_MASK;
  const size: u32 = 1 << length;
  const levels = size - 1;
  const s = imms & levels;
  const r = immr & levels;
  if (s == levels) return NO_MASK;
  const ones = (<u64>1 << (s + 1)) - 1;
  const elementMask = size == 64 ? <u64>-1 : (<u64>1 << size) - 1;
  let element = r == 0 ? ones : ((ones >> r) | (ones << (size - r))) & elementMask;
  for (let filled = size; filled < 64; filled <<= 1) element |= element << filled;
  return wide ? element : element & 0xffffffff;
}
