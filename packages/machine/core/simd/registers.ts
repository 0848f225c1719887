/** The V registers and their elements; what all executors of FP and Advanced SIMD instructions share. */

import { OP_IMMEDIATE, OP_RM, Op, emit } from '../instruction/ops';
import { CURRENT, SIMD_RESULT, V } from '../state/layout';

/**
 * Executes a micro-op of Op.Simd. False when it must go the slow way: nothing is written then. Only loads and stores
 * may say so.
 */
export type Executor = (op: usize, tlb: usize) => bool;

/** The micro-op of an instruction whose executor takes the fields from the word; `operation` and `detail` are its own. */
export function emitSimd(at: usize, executor: Executor, operation: u32, detail: u32, word: u32): void {
  emit(at, Op.Simd, executor.index, detail, operation, <u64>word);
}

@inline
export function wordOf(op: usize): u32 {
  return load<u32>(op, OP_IMMEDIATE);
}
@inline
export function operationOf(op: usize): u32 {
  return <u32>load<u16>(op, OP_RM);
}

/** Address of the register in a field of the word. */
@inline
export function vd(word: u32): usize {
  return V + (<usize>(word & 31) << 4);
}
@inline
export function vn(word: u32): usize {
  return V + (<usize>((word >> 5) & 31) << 4);
}
@inline
export function vm(word: u32): usize {
  return V + (<usize>((word >> 16) & 31) << 4);
}
@inline
export function vOf(register: u32): usize {
  return V + (<usize>register << 4);
}
/** Q: all 128 bits. */
@inline
export function isFull(word: u32): bool {
  return ((word >> 30) & 1) != 0;
}
/** U: unsigned, most of the time. */
@inline
export function isUnsigned(word: u32): bool {
  return ((word >> 29) & 1) != 0;
}
/** Bit 28: the scalar form of a class that has both. */
@inline
export function isScalar(word: u32): bool {
  return ((word >> 28) & 1) != 0;
}
/** How many elements of 1 << size bytes the instruction works on. */
@inline
export function elements(word: u32, size: u32): u32 {
  return isScalar(word) ? 1 : (isFull(word) ? 16 : 8) >> size;
}

/** How many elements of 1 << size bytes a long instruction reads, or a narrow one writes: those of half a vector. */
@inline
export function halfElements(word: u32, size: u32): u32 {
  return isScalar(word) ? 1 : 8 >> size;
}
/** The first of them that a long instruction reads: "2" forms take the upper half. */
@inline
export function firstOfHalf(word: u32, size: u32): u32 {
  return isFull(word) && !isScalar(word) ? 8 >> size : 0;
}

/** Element `index` of 1 << size bytes, zero-extended. */
export function element(register: usize, index: u32, size: u32): u64 {
  const at = register + (<usize>index << size);
  switch (size) {
    case 0:
      return <u64>load<u8>(at);
    case 1:
      return <u64>load<u16>(at);
    case 2:
      return <u64>load<u32>(at);
    default:
      return load<u64>(at);
  }
}
export function signedElement(register: usize, index: u32, size: u32): u64 {
  const at = register + (<usize>index << size);
  switch (size) {
    case 0:
      return <u64>(<i64>load<i8>(at));
    case 1:
      return <u64>(<i64>load<i16>(at));
    case 2:
      return <u64>(<i64>load<i32>(at));
    default:
      return load<u64>(at);
  }
}
@inline
export function extendedElement(register: usize, index: u32, size: u32, unsigned: bool): u64 {
  return unsigned ? element(register, index, size) : signedElement(register, index, size);
}
export function setElement(register: usize, index: u32, size: u32, value: u64): void {
  const at = register + (<usize>index << size);
  switch (size) {
    case 0:
      store<u8>(at, <u8>value);
      break;
    case 1:
      store<u16>(at, <u16>value);
      break;
    case 2:
      store<u32>(at, <u32>value);
      break;
    default:
      store<u64>(at, value);
  }
}

/** A result grows here, so that sources that are the destination too are not overwritten before their time. */
@inline
export function beginResult(): void {
  store<u64>(SIMD_RESULT, 0);
  store<u64>(SIMD_RESULT, 0, 8);
}
@inline
export function setResult(index: u32, size: u32, value: u64): void {
  setElement(SIMD_RESULT, index, size, value);
}
@inline
export function commitResult(word: u32): void {
  const register = vd(word);
  store<u64>(register, load<u64>(SIMD_RESULT));
  store<u64>(register, load<u64>(SIMD_RESULT, 8), 8);
}
/** Of a narrow instruction: half of the result goes to the lower half of Vd; with Q to the upper one, which leaves the lower. */
export function commitNarrow(word: u32): void {
  if (isScalar(word) || !isFull(word)) commitResult(word);
  else store<u64>(vd(word), load<u64>(SIMD_RESULT), 8);
}
/** Writes a register whole, the upper half only where Q says so. */
@inline
export function setVector(word: u32, low: u64, high: u64): void {
  const register = vd(word);
  store<u64>(register, low);
  store<u64>(register, isFull(word) ? high : 0, 8);
}
/** A scalar result: the rest of the register becomes zero. */
@inline
export function setScalar(word: u32, size: u32, value: u64): void {
  const register = vd(word);
  store<u64>(register, size == 3 ? value : value & ((<u64>1 << (8 << size)) - 1));
  store<u64>(register, 0, 8);
}

/** Offset in the context, as micro-ops keep registers. */
export function vSlot(register: u32): u32 {
  return <u32>(V - CURRENT) + (register << 4);
}
