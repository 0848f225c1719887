/** What a micro-op names: its registers, its immediate, its second operand. All of it becomes a part of the loop. */

import { extended, shiftedW, shiftedX } from '../integer/arithmetic';
import { OP_IMMEDIATE, OP_RD, OP_RM, OP_RN } from '../instruction/ops';
import { CURRENT } from '../state/layout';

@inline
export function rnX(op: usize): u64 {
  return load<u64>(<usize>load<u16>(op, OP_RN), CURRENT);
}
@inline
export function rnW(op: usize): u32 {
  return load<u32>(<usize>load<u16>(op, OP_RN), CURRENT);
}
@inline
export function rmX(op: usize): u64 {
  return load<u64>(<usize>load<u16>(op, OP_RM), CURRENT);
}
@inline
export function rmW(op: usize): u32 {
  return load<u32>(<usize>load<u16>(op, OP_RM), CURRENT);
}
@inline
export function rdX(op: usize): u64 {
  return load<u64>(<usize>load<u16>(op, OP_RD), CURRENT);
}
@inline
export function rdW(op: usize): u32 {
  return load<u32>(<usize>load<u16>(op, OP_RD), CURRENT);
}
/** The addend of a multiply-add: its slot is in the immediate. */
@inline
export function raX(op: usize): u64 {
  return load<u64>(<usize>load<u32>(op, OP_IMMEDIATE), CURRENT);
}
@inline
export function raW(op: usize): u32 {
  return load<u32>(<usize>load<u32>(op, OP_IMMEDIATE), CURRENT);
}
@inline
export function setX(op: usize, value: u64): void {
  store<u64>(<usize>load<u16>(op, OP_RD), value, CURRENT);
}
@inline
export function setW(op: usize, value: u32): void {
  store<u64>(<usize>load<u16>(op, OP_RD), <u64>value, CURRENT);
}
@inline
export function setRn(op: usize, value: u64): void {
  store<u64>(<usize>load<u16>(op, OP_RN), value, CURRENT);
}
@inline
export function setRm(op: usize, value: u64): void {
  store<u64>(<usize>load<u16>(op, OP_RM), value, CURRENT);
}
@inline
export function immediate(op: usize): u64 {
  return load<u64>(op, OP_IMMEDIATE);
}
@inline
export function immediateLow(op: usize): u64 {
  return <u64>(<i64>load<i32>(op, OP_IMMEDIATE));
}
@inline
export function immediateHigh(op: usize): u64 {
  return <u64>(<i64>load<i32>(op, OP_IMMEDIATE + 4));
}
/** A small number kept in the place of rm. */
@inline
export function number(op: usize): u32 {
  return <u32>load<u16>(op, OP_RM);
}
@inline
export function target(op: usize): usize {
  return <usize>load<u32>(op, OP_IMMEDIATE);
}
/** Kind of the shift in the immediate's low byte, amount in the next. */
@inline
export function shiftedRmX(op: usize): u64 {
  return shiftedX(rmX(op), <u32>load<u8>(op, OP_IMMEDIATE), <u64>load<u8>(op, OP_IMMEDIATE + 1));
}
@inline
export function shiftedRmW(op: usize): u32 {
  return shiftedW(rmW(op), <u32>load<u8>(op, OP_IMMEDIATE), <u32>load<u8>(op, OP_IMMEDIATE + 1));
}
@inline
export function extendedRm(op: usize): u64 {
  return extended(rmX(op), <u32>load<u8>(op, OP_IMMEDIATE), <u64>load<u8>(op, OP_IMMEDIATE + 1));
}
@inline
export function offsetRegister(op: usize): u64 {
  return (rmX(op) << <u64>load<u32>(op, OP_IMMEDIATE)) >> <u64>load<u32>(op, OP_IMMEDIATE + 4);
}
@inline
export function offsetRegisterSigned(op: usize): u64 {
  return <u64>(<i64>(rmX(op) << <u64>load<u32>(op, OP_IMMEDIATE)) >> <i64>load<u32>(op, OP_IMMEDIATE + 4));
}
