/**
 * The loop that executes micro-ops: one switch over dense numbers, which becomes one jump table. It is long and stays in
 * one piece, because splitting it costs what it is for: a case that calls a function makes the loop lose the values that
 * it keeps in registers, and numbers with gaps have cost a guest up to six times its speed. What can be a function that
 * is inlined (operands, flags, arithmetic) is one, elsewhere.
 *
 * Each case reads its operands, writes its result and continues; what cannot be done here (a TLB miss, a device, a system
 * instruction) breaks to the slow way behind the switch, which does the whole instruction by its word. Nothing has been
 * written by then, so the slow way may fault. FP and Advanced SIMD are behind the switch too: one more call in it costs
 * every instruction registers.
 */

import { decodeAt } from '../decode/decode';
import { MICRO_OP, OP_IMMEDIATE, OP_RM, Op } from '../instruction/ops';
import {
  divideSignedW,
  divideSignedX,
  multiplyHighSigned,
  multiplyHighUnsigned,
  reverseBits,
  reverseBytes,
} from '../integer/arithmetic';
import { crc } from '../integer/crc';
import {
  addCarryFlagsW,
  addCarryFlagsX,
  addFlagsW,
  addFlagsX,
  andFlagsW,
  andFlagsX,
  flagC,
  flagN,
  flagZ,
  flagsNxorV,
  holds,
  setNzcv,
  subtractFlagsW,
  subtractFlagsX,
} from '../integer/flags';
import { ITLB_PAGE, ITLB_TAG, TLB_ADDEND, TLB_READ, TLB_WRITE } from '../memory/tlb';
import {
  CODE_PAGE,
  CODE_VA,
  CURRENT,
  FLAG_C,
  FLAG_V,
  ITLB_ENTRIES,
  ITLB_ENTRY,
  LEFT,
  PAGE_SHIFT,
  PC,
  TLB_ENTRIES,
  TLB_ENTRY,
} from '../state/layout';
import {
  extendedRm,
  immediate,
  immediateHigh,
  immediateLow,
  number,
  offsetRegister,
  offsetRegisterSigned,
  raW,
  raX,
  rdW,
  rdX,
  rmW,
  rmX,
  rnW,
  rnX,
  setRm,
  setRn,
  setW,
  setX,
  shiftedRmW,
  shiftedRmX,
  target,
} from './operands';
import { outOfLine } from './slow';

@inline
function codeVa(): u64 {
  return load<u64>(CODE_VA);
}
/** Address of the instruction behind this one. */
@inline
function nextPc(op: usize): u64 {
  return codeVa() + <u64>((op - load<u32>(CODE_PAGE)) >> 2) + 4;
}
@inline
function entryOf(tlb: usize, va: u64): usize {
  return tlb + ((<usize>(<u32>(va >> PAGE_SHIFT)) & (TLB_ENTRIES - 1)) * TLB_ENTRY);
}
@inline
function pageOf(va: u64): u64 {
  return va & ~0xfff;
}
@inline
function hostAt(entry: usize, va: u64): usize {
  return <usize>(<u32>va) + load<u32>(entry, TLB_ADDEND);
}
/** The micro-op at `destination` if its page is in the instruction TLB, which makes that page the executing one; else 0. */
@inline
function lookUp(itlb: usize, destination: u64): usize {
  const page = destination & ~0xfff;
  const entry = itlb + ((<usize>(<u32>(destination >> PAGE_SHIFT)) & (ITLB_ENTRIES - 1)) * ITLB_ENTRY);
  if (load<u64>(entry, ITLB_TAG) != page || (<u32>destination & 3) != 0) return 0;
  const decoded = <usize>load<u32>(entry, ITLB_PAGE);
  store<u64>(CODE_VA, page);
  store<u32>(CODE_PAGE, <u32>decoded);
  return decoded + ((<usize>(<u32>destination) & 0xffc) << 2);
}
/** Hands over to the outer loop. */
function leave(pc: u64, left: u32): void {
  store<u64>(PC, pc);
  store<u32>(LEFT, left);
}

/**
 * Executes from the micro-op at `start` until the budget in LEFT is used up or something needs the outer loop: an exit,
 * an exception, an interrupt, a page whose code is not at hand. Leaves PC and LEFT as they are then.
 */
export function execute(start: usize, tlb: usize, itlb: usize): void {
  let next = start;
  let left = load<u32>(LEFT);
  while (true) {
    if (left == 0) {
      store<u32>(LEFT, 0);
      // A stop behind the last instruction of a page: PC runs over into the next.
      store<u64>(PC, nextPc(next) - 4);
      return;
    }
    left--;
    const op = next;
    next = op + MICRO_OP;
    switch (<u32>load<u16>(op)) {
      case Op.Decode:
        decodeAt(op);
        next = op;
        left++;
        continue;
      case Op.PageEnd:
        left++;
        next = lookUp(itlb, codeVa() + 0x1000);
        if (!next) return leave(codeVa() + 0x1000, left);
        continue;
      case Op.Slow:
      case Op.Simd:
        store<u32>(LEFT, left);
        if (outOfLine(op, tlb)) return;
        continue;
      case Op.Nop:
        continue;
      case Op.MoveImmediate:
        setX(op, immediate(op));
        continue;
      case Op.MoveX:
        setX(op, rmX(op));
        continue;
      case Op.MoveW:
        setW(op, rmW(op));
        continue;
      case Op.MoveKeepX:
        setX(op, (rdX(op) & ~(<u64>0xffff << <u64>number(op))) | immediate(op));
        continue;
      case Op.MoveKeepW:
        setW(op, (rdW(op) & ~(0xffff << number(op))) | <u32>immediate(op));
        continue;
      case Op.Address:
        setX(op, codeVa() + immediate(op));
        continue;
      case Op.AddImmediateX:
        setX(op, rnX(op) + immediate(op));
        continue;
      case Op.AddImmediateW:
        setW(op, rnW(op) + <u32>immediate(op));
        continue;
      case Op.AddImmediateToSp: {
        // The alignment of SP decides whether accesses may go the fast way: the outer loop looks again.
        const value = rnX(op) + immediate(op);
        if (((value | rdX(op)) & 15) != 0) {
          setX(op, value);
          return leave(nextPc(op), left);
        }
        setX(op, value);
        continue;
      }
      case Op.AddsImmediateX:
        setX(op, addFlagsX(rnX(op), immediate(op)));
        continue;
      case Op.AddsImmediateW:
        setX(op, addFlagsW(rnW(op), <u32>immediate(op)));
        continue;
      case Op.SubsImmediateX:
        setX(op, subtractFlagsX(rnX(op), immediate(op)));
        continue;
      case Op.SubsImmediateW:
        setX(op, subtractFlagsW(rnW(op), <u32>immediate(op)));
        continue;
      case Op.AddX:
        setX(op, rnX(op) + rmX(op));
        continue;
      case Op.AddW:
        setW(op, rnW(op) + rmW(op));
        continue;
      case Op.AddsX:
        setX(op, addFlagsX(rnX(op), rmX(op)));
        continue;
      case Op.AddsW:
        setX(op, addFlagsW(rnW(op), rmW(op)));
        continue;
      case Op.SubX:
        setX(op, rnX(op) - rmX(op));
        continue;
      case Op.SubW:
        setW(op, rnW(op) - rmW(op));
        continue;
      case Op.SubsX:
        setX(op, subtractFlagsX(rnX(op), rmX(op)));
        continue;
      case Op.SubsW:
        setX(op, subtractFlagsW(rnW(op), rmW(op)));
        continue;
      case Op.AndX:
        setX(op, rnX(op) & rmX(op));
        continue;
      case Op.AndW:
        setW(op, rnW(op) & rmW(op));
        continue;
      case Op.BicX:
        setX(op, rnX(op) & ~rmX(op));
        continue;
      case Op.BicW:
        setW(op, rnW(op) & ~rmW(op));
        continue;
      case Op.OrrX:
        setX(op, rnX(op) | rmX(op));
        continue;
      case Op.OrrW:
        setW(op, rnW(op) | rmW(op));
        continue;
      case Op.OrnX:
        setX(op, rnX(op) | ~rmX(op));
        continue;
      case Op.OrnW:
        setW(op, rnW(op) | ~rmW(op));
        continue;
      case Op.EorX:
        setX(op, rnX(op) ^ rmX(op));
        continue;
      case Op.EorW:
        setW(op, rnW(op) ^ rmW(op));
        continue;
      case Op.EonX:
        setX(op, rnX(op) ^ ~rmX(op));
        continue;
      case Op.EonW:
        setW(op, rnW(op) ^ ~rmW(op));
        continue;
      case Op.AndsX:
        setX(op, andFlagsX(rnX(op), rmX(op)));
        continue;
      case Op.AndsW:
        setW(op, andFlagsW(rnW(op), rmW(op)));
        continue;
      case Op.BicsX:
        setX(op, andFlagsX(rnX(op), ~rmX(op)));
        continue;
      case Op.BicsW:
        setW(op, andFlagsW(rnW(op), ~rmW(op)));
        continue;
      case Op.AddShiftedX:
        setX(op, rnX(op) + shiftedRmX(op));
        continue;
      case Op.AddShiftedW:
        setW(op, rnW(op) + shiftedRmW(op));
        continue;
      case Op.AddsShiftedX:
        setX(op, addFlagsX(rnX(op), shiftedRmX(op)));
        continue;
      case Op.AddsShiftedW:
        setX(op, addFlagsW(rnW(op), shiftedRmW(op)));
        continue;
      case Op.SubShiftedX:
        setX(op, rnX(op) - shiftedRmX(op));
        continue;
      case Op.SubShiftedW:
        setW(op, rnW(op) - shiftedRmW(op));
        continue;
      case Op.SubsShiftedX:
        setX(op, subtractFlagsX(rnX(op), shiftedRmX(op)));
        continue;
      case Op.SubsShiftedW:
        setX(op, subtractFlagsW(rnW(op), shiftedRmW(op)));
        continue;
      case Op.AndShiftedX:
        setX(op, rnX(op) & shiftedRmX(op));
        continue;
      case Op.AndShiftedW:
        setW(op, rnW(op) & shiftedRmW(op));
        continue;
      case Op.BicShiftedX:
        setX(op, rnX(op) & ~shiftedRmX(op));
        continue;
      case Op.BicShiftedW:
        setW(op, rnW(op) & ~shiftedRmW(op));
        continue;
      case Op.OrrShiftedX:
        setX(op, rnX(op) | shiftedRmX(op));
        continue;
      case Op.OrrShiftedW:
        setW(op, rnW(op) | shiftedRmW(op));
        continue;
      case Op.OrnShiftedX:
        setX(op, rnX(op) | ~shiftedRmX(op));
        continue;
      case Op.OrnShiftedW:
        setW(op, rnW(op) | ~shiftedRmW(op));
        continue;
      case Op.EorShiftedX:
        setX(op, rnX(op) ^ shiftedRmX(op));
        continue;
      case Op.EorShiftedW:
        setW(op, rnW(op) ^ shiftedRmW(op));
        continue;
      case Op.EonShiftedX:
        setX(op, rnX(op) ^ ~shiftedRmX(op));
        continue;
      case Op.EonShiftedW:
        setW(op, rnW(op) ^ ~shiftedRmW(op));
        continue;
      case Op.AndsShiftedX:
        setX(op, andFlagsX(rnX(op), shiftedRmX(op)));
        continue;
      case Op.AndsShiftedW:
        setW(op, andFlagsW(rnW(op), shiftedRmW(op)));
        continue;
      case Op.BicsShiftedX:
        setX(op, andFlagsX(rnX(op), ~shiftedRmX(op)));
        continue;
      case Op.BicsShiftedW:
        setW(op, andFlagsW(rnW(op), ~shiftedRmW(op)));
        continue;
      case Op.AddExtendedX:
        setX(op, rnX(op) + extendedRm(op));
        continue;
      case Op.AddExtendedW:
        setW(op, rnW(op) + <u32>extendedRm(op));
        continue;
      case Op.AddsExtendedX:
        setX(op, addFlagsX(rnX(op), extendedRm(op)));
        continue;
      case Op.AddsExtendedW:
        setX(op, addFlagsW(rnW(op), <u32>extendedRm(op)));
        continue;
      case Op.SubExtendedX:
        setX(op, rnX(op) - extendedRm(op));
        continue;
      case Op.SubExtendedW:
        setW(op, rnW(op) - <u32>extendedRm(op));
        continue;
      case Op.SubsExtendedX:
        setX(op, subtractFlagsX(rnX(op), extendedRm(op)));
        continue;
      case Op.SubsExtendedW:
        setX(op, subtractFlagsW(rnW(op), <u32>extendedRm(op)));
        continue;
      case Op.AndImmediate:
        setX(op, rnX(op) & immediate(op));
        continue;
      case Op.OrrImmediateX:
        setX(op, rnX(op) | immediate(op));
        continue;
      case Op.OrrImmediateW:
        setW(op, rnW(op) | <u32>immediate(op));
        continue;
      case Op.EorImmediateX:
        setX(op, rnX(op) ^ immediate(op));
        continue;
      case Op.EorImmediateW:
        setW(op, rnW(op) ^ <u32>immediate(op));
        continue;
      case Op.AndsImmediateX:
        setX(op, andFlagsX(rnX(op), immediate(op)));
        continue;
      case Op.AndsImmediateW:
        setW(op, andFlagsW(rnW(op), <u32>immediate(op)));
        continue;
      case Op.ShiftLeftImmediateX:
        setX(op, rnX(op) << <u64>number(op));
        continue;
      case Op.ShiftLeftImmediateW:
        setW(op, rnW(op) << number(op));
        continue;
      case Op.ShiftRightImmediateX:
        setX(op, rnX(op) >> <u64>number(op));
        continue;
      case Op.ShiftRightImmediateW:
        setW(op, rnW(op) >> number(op));
        continue;
      case Op.ShiftArithmeticImmediateX:
        setX(op, <u64>(<i64>rnX(op) >> <i64>number(op)));
        continue;
      case Op.BitfieldUnsigned:
        setX(op, (rnX(op) << <u64>number(op)) >> immediate(op));
        continue;
      case Op.BitfieldSignedX:
        setX(op, <u64>(<i64>(rnX(op) << <u64>number(op)) >> <i64>immediate(op)));
        continue;
      case Op.BitfieldSignedW:
        setW(op, <u32>(<i32>(rnW(op) << number(op)) >> <i32>immediate(op)));
        continue;
      case Op.BitfieldInsertX:
        setX(op, (rdX(op) & ~immediate(op)) | (rotr<u64>(rnX(op), <u64>number(op)) & immediate(op)));
        continue;
      case Op.BitfieldInsertW:
        setW(op, (rdW(op) & ~(<u32>immediate(op))) | (rotr<u32>(rnW(op), number(op)) & <u32>immediate(op)));
        continue;
      case Op.ExtractX: {
        const shift = immediate(op);
        const low = rmX(op);
        setX(op, shift == 0 ? low : (low >> shift) | (rnX(op) << (64 - shift)));
        continue;
      }
      case Op.ExtractW: {
        const shift = <u32>immediate(op);
        const low = rmW(op);
        setW(op, shift == 0 ? low : (low >> shift) | (rnW(op) << (32 - shift)));
        continue;
      }
      case Op.AdcX:
        setX(op, rnX(op) + rmX(op) + <u64>load<u32>(FLAG_C));
        continue;
      case Op.AdcW:
        setW(op, rnW(op) + rmW(op) + load<u32>(FLAG_C));
        continue;
      case Op.AdcsX:
        setX(op, addCarryFlagsX(rnX(op), rmX(op)));
        continue;
      case Op.AdcsW:
        setX(op, addCarryFlagsW(rnW(op), rmW(op)));
        continue;
      case Op.SbcX:
        setX(op, rnX(op) + ~rmX(op) + <u64>load<u32>(FLAG_C));
        continue;
      case Op.SbcW:
        setW(op, rnW(op) + ~rmW(op) + load<u32>(FLAG_C));
        continue;
      case Op.SbcsX:
        setX(op, addCarryFlagsX(rnX(op), ~rmX(op)));
        continue;
      case Op.SbcsW:
        setX(op, addCarryFlagsW(rnW(op), ~rmW(op)));
        continue;
      // Conditional compares: condition in the immediate's low byte, flags for the other case in the next, then the
      // operand where it is an immediate.
      case Op.CompareNegativeRegisterX:
        if (holds(<u32>load<u8>(op, OP_IMMEDIATE))) addFlagsX(rnX(op), rmX(op));
        else setNzcv(<u32>load<u8>(op, OP_IMMEDIATE + 1));
        continue;
      case Op.CompareNegativeRegisterW:
        if (holds(<u32>load<u8>(op, OP_IMMEDIATE))) addFlagsW(rnW(op), rmW(op));
        else setNzcv(<u32>load<u8>(op, OP_IMMEDIATE + 1));
        continue;
      case Op.CompareRegisterX:
        if (holds(<u32>load<u8>(op, OP_IMMEDIATE))) subtractFlagsX(rnX(op), rmX(op));
        else setNzcv(<u32>load<u8>(op, OP_IMMEDIATE + 1));
        continue;
      case Op.CompareRegisterW:
        if (holds(<u32>load<u8>(op, OP_IMMEDIATE))) subtractFlagsW(rnW(op), rmW(op));
        else setNzcv(<u32>load<u8>(op, OP_IMMEDIATE + 1));
        continue;
      case Op.CompareNegativeImmediateX:
        if (holds(<u32>load<u8>(op, OP_IMMEDIATE))) addFlagsX(rnX(op), <u64>load<u8>(op, OP_IMMEDIATE + 2));
        else setNzcv(<u32>load<u8>(op, OP_IMMEDIATE + 1));
        continue;
      case Op.CompareNegativeImmediateW:
        if (holds(<u32>load<u8>(op, OP_IMMEDIATE))) addFlagsW(rnW(op), <u32>load<u8>(op, OP_IMMEDIATE + 2));
        else setNzcv(<u32>load<u8>(op, OP_IMMEDIATE + 1));
        continue;
      case Op.CompareImmediateX:
        if (holds(<u32>load<u8>(op, OP_IMMEDIATE))) subtractFlagsX(rnX(op), <u64>load<u8>(op, OP_IMMEDIATE + 2));
        else setNzcv(<u32>load<u8>(op, OP_IMMEDIATE + 1));
        continue;
      case Op.CompareImmediateW:
        if (holds(<u32>load<u8>(op, OP_IMMEDIATE))) subtractFlagsW(rnW(op), <u32>load<u8>(op, OP_IMMEDIATE + 2));
        else setNzcv(<u32>load<u8>(op, OP_IMMEDIATE + 1));
        continue;
      case Op.SelectX:
        setX(op, holds(<u32>immediate(op)) ? rnX(op) : rmX(op));
        continue;
      case Op.SelectW:
        setW(op, holds(<u32>immediate(op)) ? rnW(op) : rmW(op));
        continue;
      case Op.SelectIncrementX:
        setX(op, holds(<u32>immediate(op)) ? rnX(op) : rmX(op) + 1);
        continue;
      case Op.SelectIncrementW:
        setW(op, holds(<u32>immediate(op)) ? rnW(op) : rmW(op) + 1);
        continue;
      case Op.SelectInvertX:
        setX(op, holds(<u32>immediate(op)) ? rnX(op) : ~rmX(op));
        continue;
      case Op.SelectInvertW:
        setW(op, holds(<u32>immediate(op)) ? rnW(op) : ~rmW(op));
        continue;
      case Op.SelectNegateX:
        setX(op, holds(<u32>immediate(op)) ? rnX(op) : 0 - rmX(op));
        continue;
      case Op.SelectNegateW:
        setW(op, holds(<u32>immediate(op)) ? rnW(op) : 0 - rmW(op));
        continue;
      case Op.ReverseBitsX:
        setX(op, reverseBits(rnX(op)));
        continue;
      case Op.ReverseBitsW:
        setX(op, reverseBits(rnX(op)) >> 32);
        continue;
      case Op.ReverseBytes16X: {
        const value = rnX(op);
        setX(op, ((value & 0x00ff00ff00ff00ff) << 8) | ((value >> 8) & 0x00ff00ff00ff00ff));
        continue;
      }
      case Op.ReverseBytes16W: {
        const value = rnW(op);
        setW(op, ((value & 0x00ff00ff) << 8) | ((value >> 8) & 0x00ff00ff));
        continue;
      }
      case Op.ReverseBytes32X:
        setX(op, rotr<u64>(reverseBytes(rnX(op)), 32));
        continue;
      case Op.ReverseBytesX:
        setX(op, reverseBytes(rnX(op)));
        continue;
      case Op.ReverseBytesW:
        setX(op, reverseBytes(rnX(op)) >> 32);
        continue;
      case Op.CountLeadingZerosX:
        setX(op, clz<u64>(rnX(op)));
        continue;
      case Op.CountLeadingZerosW:
        setW(op, clz<u32>(rnW(op)));
        continue;
      case Op.CountLeadingSignX: {
        const value = rnX(op);
        setX(op, clz<u64>((value ^ (value << 1)) | 1));
        continue;
      }
      case Op.CountLeadingSignW: {
        const value = rnW(op);
        setW(op, clz<u32>((value ^ (value << 1)) | 1));
        continue;
      }
      case Op.DivideUnsignedX: {
        const divisor = rmX(op);
        setX(op, divisor == 0 ? 0 : rnX(op) / divisor);
        continue;
      }
      case Op.DivideUnsignedW: {
        const divisor = rmW(op);
        setW(op, divisor == 0 ? 0 : rnW(op) / divisor);
        continue;
      }
      case Op.DivideSignedX:
        setX(op, divideSignedX(<i64>rnX(op), <i64>rmX(op)));
        continue;
      case Op.DivideSignedW:
        setW(op, divideSignedW(<i32>rnW(op), <i32>rmW(op)));
        continue;
      case Op.ShiftLeftX:
        setX(op, rnX(op) << (rmX(op) & 63));
        continue;
      case Op.ShiftLeftW:
        setW(op, rnW(op) << (rmW(op) & 31));
        continue;
      case Op.ShiftRightX:
        setX(op, rnX(op) >> (rmX(op) & 63));
        continue;
      case Op.ShiftRightW:
        setW(op, rnW(op) >> (rmW(op) & 31));
        continue;
      case Op.ShiftArithmeticX:
        setX(op, <u64>(<i64>rnX(op) >> (<i64>rmX(op) & 63)));
        continue;
      case Op.ShiftArithmeticW:
        setW(op, <u32>(<i32>rnW(op) >> (<i32>rmW(op) & 31)));
        continue;
      case Op.RotateRightX:
        setX(op, rotr<u64>(rnX(op), rmX(op) & 63));
        continue;
      case Op.RotateRightW:
        setW(op, rotr<u32>(rnW(op), rmW(op) & 31));
        continue;
      case Op.Crc:
        setW(op, crc(rnW(op), rmX(op), <u32>load<u8>(op, OP_IMMEDIATE), <u32>load<u8>(op, OP_IMMEDIATE + 1)));
        continue;
      case Op.MultiplyAddX:
        setX(op, raX(op) + rnX(op) * rmX(op));
        continue;
      case Op.MultiplyAddW:
        setW(op, raW(op) + rnW(op) * rmW(op));
        continue;
      case Op.MultiplySubtractX:
        setX(op, raX(op) - rnX(op) * rmX(op));
        continue;
      case Op.MultiplySubtractW:
        setW(op, raW(op) - rnW(op) * rmW(op));
        continue;
      case Op.MultiplyAddSignedLong:
        setX(op, raX(op) + <u64>(<i64>(<i32>rnW(op)) * <i64>(<i32>rmW(op))));
        continue;
      case Op.MultiplySubtractSignedLong:
        setX(op, raX(op) - <u64>(<i64>(<i32>rnW(op)) * <i64>(<i32>rmW(op))));
        continue;
      case Op.MultiplyAddUnsignedLong:
        setX(op, raX(op) + <u64>rnW(op) * <u64>rmW(op));
        continue;
      case Op.MultiplySubtractUnsignedLong:
        setX(op, raX(op) - <u64>rnW(op) * <u64>rmW(op));
        continue;
      case Op.MultiplyHighSigned:
        setX(op, multiplyHighSigned(rnX(op), rmX(op)));
        continue;
      case Op.MultiplyHighUnsigned:
        setX(op, multiplyHighUnsigned(rnX(op), rmX(op)));
        continue;
      case Op.Branch:
        next = target(op);
        continue;
      case Op.BranchFar:
        next = lookUp(itlb, codeVa() + immediate(op));
        if (!next) return leave(codeVa() + immediate(op), left);
        continue;
      case Op.BranchLink:
        setX(op, nextPc(op));
        next = target(op);
        continue;
      case Op.BranchLinkFar:
        setX(op, nextPc(op));
        next = lookUp(itlb, codeVa() + immediate(op));
        if (!next) return leave(codeVa() + immediate(op), left);
        continue;
      case Op.BranchRegister:
        next = lookUp(itlb, rnX(op));
        if (!next) return leave(rnX(op), left);
        continue;
      case Op.BranchLinkRegister: {
        const destination = rnX(op);
        setX(op, nextPc(op));
        next = lookUp(itlb, destination);
        if (!next) return leave(destination, left);
        continue;
      }
      case Op.BranchEq:
        if (flagZ()) next = target(op);
        continue;
      case Op.BranchNe:
        if (!flagZ()) next = target(op);
        continue;
      case Op.BranchCs:
        if (flagC()) next = target(op);
        continue;
      case Op.BranchCc:
        if (!flagC()) next = target(op);
        continue;
      case Op.BranchMi:
        if (flagN() < 0) next = target(op);
        continue;
      case Op.BranchPl:
        if (flagN() >= 0) next = target(op);
        continue;
      case Op.BranchVs:
        if (load<i64>(FLAG_V) < 0) next = target(op);
        continue;
      case Op.BranchVc:
        if (load<i64>(FLAG_V) >= 0) next = target(op);
        continue;
      case Op.BranchHi:
        if (flagC() && !flagZ()) next = target(op);
        continue;
      case Op.BranchLs:
        if (!flagC() || flagZ()) next = target(op);
        continue;
      case Op.BranchGe:
        if (flagsNxorV() >= 0) next = target(op);
        continue;
      case Op.BranchLt:
        if (flagsNxorV() < 0) next = target(op);
        continue;
      case Op.BranchGt:
        if (flagsNxorV() >= 0 && !flagZ()) next = target(op);
        continue;
      case Op.BranchLe:
        if (flagsNxorV() < 0 || flagZ()) next = target(op);
        continue;
      case Op.BranchConditionFar:
        if (!holds(number(op))) continue;
        next = lookUp(itlb, codeVa() + immediate(op));
        if (!next) return leave(codeVa() + immediate(op), left);
        continue;
      case Op.BranchZeroX:
        if (rnX(op) == 0) next = target(op);
        continue;
      case Op.BranchZeroW:
        if (rnW(op) == 0) next = target(op);
        continue;
      case Op.BranchNotZeroX:
        if (rnX(op) != 0) next = target(op);
        continue;
      case Op.BranchNotZeroW:
        if (rnW(op) != 0) next = target(op);
        continue;
      case Op.BranchZeroFarX:
        if (rnX(op) != 0) continue;
        next = lookUp(itlb, codeVa() + immediate(op));
        if (!next) return leave(codeVa() + immediate(op), left);
        continue;
      case Op.BranchZeroFarW:
        if (rnW(op) != 0) continue;
        next = lookUp(itlb, codeVa() + immediate(op));
        if (!next) return leave(codeVa() + immediate(op), left);
        continue;
      case Op.BranchNotZeroFarX:
        if (rnX(op) == 0) continue;
        next = lookUp(itlb, codeVa() + immediate(op));
        if (!next) return leave(codeVa() + immediate(op), left);
        continue;
      case Op.BranchNotZeroFarW:
        if (rnW(op) == 0) continue;
        next = lookUp(itlb, codeVa() + immediate(op));
        if (!next) return leave(codeVa() + immediate(op), left);
        continue;
      case Op.BranchBitZero:
        if (((rnX(op) >> <u64>number(op)) & 1) == 0) next = target(op);
        continue;
      case Op.BranchBitOne:
        if (((rnX(op) >> <u64>number(op)) & 1) != 0) next = target(op);
        continue;
      case Op.BranchBitZeroFar:
        if (((rnX(op) >> <u64>number(op)) & 1) != 0) continue;
        next = lookUp(itlb, codeVa() + immediate(op));
        if (!next) return leave(codeVa() + immediate(op), left);
        continue;
      case Op.BranchBitOneFar:
        if (((rnX(op) >> <u64>number(op)) & 1) == 0) continue;
        next = lookUp(itlb, codeVa() + immediate(op));
        if (!next) return leave(codeVa() + immediate(op), left);
        continue;
      case Op.LoadX: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 7)) break;
        setX(op, load<u64>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadW: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        setX(op, <u64>load<u32>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadH: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        setX(op, <u64>load<u16>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadB: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        setX(op, <u64>load<u8>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadSignedW: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        setX(op, <u64>(<i64>load<i32>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedHX: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        setX(op, <u64>(<i64>load<i16>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedHW: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        setW(op, <u32>(<i32>load<i16>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedBX: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        setX(op, <u64>(<i64>load<i8>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedBW: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        setW(op, <u32>(<i32>load<i8>(hostAt(entry, va))));
        continue;
      }
      case Op.StoreX: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 7)) break;
        store<u64>(hostAt(entry, va), <u64>rdX(op));
        continue;
      }
      case Op.StoreW: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 3)) break;
        store<u32>(hostAt(entry, va), <u32>rdX(op));
        continue;
      }
      case Op.StoreH: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 1)) break;
        store<u16>(hostAt(entry, va), <u16>rdX(op));
        continue;
      }
      case Op.StoreB: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va)) break;
        store<u8>(hostAt(entry, va), <u8>rdX(op));
        continue;
      }
      case Op.LoadXWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 7)) break;
        const base = rnX(op) + immediateHigh(op);
        setRn(op, base);
        setX(op, load<u64>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadWWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        const base = rnX(op) + immediateHigh(op);
        setRn(op, base);
        setX(op, <u64>load<u32>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadHWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        const base = rnX(op) + immediateHigh(op);
        setRn(op, base);
        setX(op, <u64>load<u16>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadBWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        const base = rnX(op) + immediateHigh(op);
        setRn(op, base);
        setX(op, <u64>load<u8>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadSignedWWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        const base = rnX(op) + immediateHigh(op);
        setRn(op, base);
        setX(op, <u64>(<i64>load<i32>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedHXWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        const base = rnX(op) + immediateHigh(op);
        setRn(op, base);
        setX(op, <u64>(<i64>load<i16>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedHWWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        const base = rnX(op) + immediateHigh(op);
        setRn(op, base);
        setW(op, <u32>(<i32>load<i16>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedBXWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        const base = rnX(op) + immediateHigh(op);
        setRn(op, base);
        setX(op, <u64>(<i64>load<i8>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedBWWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        const base = rnX(op) + immediateHigh(op);
        setRn(op, base);
        setW(op, <u32>(<i32>load<i8>(hostAt(entry, va))));
        continue;
      }
      case Op.StoreXWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 7)) break;
        store<u64>(hostAt(entry, va), <u64>rdX(op));
        setRn(op, rnX(op) + immediateHigh(op));
        continue;
      }
      case Op.StoreWWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 3)) break;
        store<u32>(hostAt(entry, va), <u32>rdX(op));
        setRn(op, rnX(op) + immediateHigh(op));
        continue;
      }
      case Op.StoreHWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 1)) break;
        store<u16>(hostAt(entry, va), <u16>rdX(op));
        setRn(op, rnX(op) + immediateHigh(op));
        continue;
      }
      case Op.StoreBWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va)) break;
        store<u8>(hostAt(entry, va), <u8>rdX(op));
        setRn(op, rnX(op) + immediateHigh(op));
        continue;
      }
      case Op.LoadXRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 7)) break;
        setX(op, load<u64>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadWRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        setX(op, <u64>load<u32>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadHRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        setX(op, <u64>load<u16>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadBRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        setX(op, <u64>load<u8>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadSignedWRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        setX(op, <u64>(<i64>load<i32>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedHXRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        setX(op, <u64>(<i64>load<i16>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedHWRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        setW(op, <u32>(<i32>load<i16>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedBXRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        setX(op, <u64>(<i64>load<i8>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedBWRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        setW(op, <u32>(<i32>load<i8>(hostAt(entry, va))));
        continue;
      }
      case Op.StoreXRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 7)) break;
        store<u64>(hostAt(entry, va), <u64>rdX(op));
        continue;
      }
      case Op.StoreWRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 3)) break;
        store<u32>(hostAt(entry, va), <u32>rdX(op));
        continue;
      }
      case Op.StoreHRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 1)) break;
        store<u16>(hostAt(entry, va), <u16>rdX(op));
        continue;
      }
      case Op.StoreBRegister: {
        const va = rnX(op) + offsetRegister(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va)) break;
        store<u8>(hostAt(entry, va), <u8>rdX(op));
        continue;
      }
      case Op.LoadXRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 7)) break;
        setX(op, load<u64>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadWRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        setX(op, <u64>load<u32>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadHRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        setX(op, <u64>load<u16>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadBRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        setX(op, <u64>load<u8>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadSignedWRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        setX(op, <u64>(<i64>load<i32>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedHXRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        setX(op, <u64>(<i64>load<i16>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedHWRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 1)) break;
        setW(op, <u32>(<i32>load<i16>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedBXRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        setX(op, <u64>(<i64>load<i8>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadSignedBWRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va)) break;
        setW(op, <u32>(<i32>load<i8>(hostAt(entry, va))));
        continue;
      }
      case Op.StoreXRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 7)) break;
        store<u64>(hostAt(entry, va), <u64>rdX(op));
        continue;
      }
      case Op.StoreWRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 3)) break;
        store<u32>(hostAt(entry, va), <u32>rdX(op));
        continue;
      }
      case Op.StoreHRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 1)) break;
        store<u16>(hostAt(entry, va), <u16>rdX(op));
        continue;
      }
      case Op.StoreBRegisterSigned: {
        const va = rnX(op) + offsetRegisterSigned(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va)) break;
        store<u8>(hostAt(entry, va), <u8>rdX(op));
        continue;
      }
      case Op.LoadLiteralX: {
        const va = codeVa() + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 7)) break;
        setX(op, load<u64>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadLiteralW: {
        const va = codeVa() + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        setX(op, <u64>load<u32>(hostAt(entry, va)));
        continue;
      }
      case Op.LoadLiteralSignedW: {
        const va = codeVa() + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 3)) break;
        setX(op, <u64>(<i64>load<i32>(hostAt(entry, va))));
        continue;
      }
      case Op.LoadPairX: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 15)) break;
        const host = hostAt(entry, va);
        const second = load<u64>(host, 8);
        setX(op, load<u64>(host));
        setRm(op, second);
        continue;
      }
      case Op.LoadPairW: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 7)) break;
        const host = hostAt(entry, va);
        const second = <u64>load<u32>(host, 4);
        setX(op, <u64>load<u32>(host));
        setRm(op, second);
        continue;
      }
      case Op.LoadPairSignedW: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 7)) break;
        const host = hostAt(entry, va);
        const second = <u64>(<i64>load<i32>(host, 4));
        setX(op, <u64>(<i64>load<i32>(host)));
        setRm(op, second);
        continue;
      }
      case Op.StorePairX: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 15)) break;
        const host = hostAt(entry, va);
        store<u64>(host, <u64>rdX(op));
        store<u64>(host, <u64>rmX(op), 8);
        continue;
      }
      case Op.StorePairW: {
        const va = rnX(op) + immediate(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 7)) break;
        const host = hostAt(entry, va);
        store<u32>(host, <u32>rdX(op));
        store<u32>(host, <u32>rmX(op), 4);
        continue;
      }
      case Op.LoadPairXWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 15)) break;
        const host = hostAt(entry, va);
        setRn(op, rnX(op) + immediateHigh(op));
        const second = load<u64>(host, 8);
        setX(op, load<u64>(host));
        setRm(op, second);
        continue;
      }
      case Op.LoadPairWWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 7)) break;
        const host = hostAt(entry, va);
        setRn(op, rnX(op) + immediateHigh(op));
        const second = <u64>load<u32>(host, 4);
        setX(op, <u64>load<u32>(host));
        setRm(op, second);
        continue;
      }
      case Op.LoadPairSignedWWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_READ) != pageOf(va + 7)) break;
        const host = hostAt(entry, va);
        setRn(op, rnX(op) + immediateHigh(op));
        const second = <u64>(<i64>load<i32>(host, 4));
        setX(op, <u64>(<i64>load<i32>(host)));
        setRm(op, second);
        continue;
      }
      case Op.StorePairXWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 15)) break;
        const host = hostAt(entry, va);
        store<u64>(host, <u64>rdX(op));
        store<u64>(host, <u64>rmX(op), 8);
        setRn(op, rnX(op) + immediateHigh(op));
        continue;
      }
      case Op.StorePairWWriteback: {
        const va = rnX(op) + immediateLow(op);
        const entry = entryOf(tlb, va);
        if (load<u64>(entry, TLB_WRITE) != pageOf(va + 7)) break;
        const host = hostAt(entry, va);
        store<u32>(host, <u32>rdX(op));
        store<u32>(host, <u32>rmX(op), 4);
        setRn(op, rnX(op) + immediateHigh(op));
        continue;
      }
      case Op.ReadContext:
        setX(op, load<u64>(<usize>load<u32>(op, OP_IMMEDIATE)));
        continue;
      case Op.ReadContextPrivileged:
        if (load<u32>(<usize>load<u16>(op, OP_RM), CURRENT) == 0) break;
        setX(op, load<u64>(<usize>load<u32>(op, OP_IMMEDIATE)));
        continue;
      default:
        unreachable();
  }
    // The slow way. Called from two places, or the optimiser would inline it into this function.
    store<u32>(LEFT, left);
    if (outOfLine(op, tlb)) return;
  }
}
