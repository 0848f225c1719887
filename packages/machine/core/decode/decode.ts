/**
 * From an instruction word to a micro-op. The table gives the encoding classes of the A64 base instruction set by mask
 * and match (Arm ARM C4.1); the decoder of a class picks the micro-op. What no row matches is UNDEFINED, and goes the
 * slow way like everything that may fault.
 */

import { Op, emit } from '../instruction/ops';
import { wordAddress } from '../memory/code';
import { decodeSimd } from '../simd/decode';
import {
  decodeBranchCondition,
  decodeBranchImmediate,
  decodeBranchRegister,
  decodeCompareBranch,
  decodeTestBranch,
} from './branch';
import {
  decodeAddSubCarry,
  decodeAddSubExtended,
  decodeAddSubImmediate,
  decodeAddSubShifted,
  decodeAddress,
  decodeBitfield,
  decodeConditionalCompare,
  decodeExtract,
  decodeLogicalImmediate,
  decodeLogicalShifted,
  decodeMoveWide,
  decodeOneSource,
  decodeSelect,
  decodeThreeSource,
  decodeTwoSource,
} from './data';
import { decodeLiteral, decodePair, decodeRegisterOffset, decodeUnscaled, decodeUnsignedOffset } from './memory';
import { decodeSystem } from './system';

const enum Class {
  Address,
  AddSubImmediate,
  LogicalImmediate,
  MoveWide,
  Bitfield,
  Extract,
  BranchImmediate,
  CompareBranch,
  TestBranch,
  BranchCondition,
  BranchRegister,
  System,
  Literal,
  Pair,
  UnsignedOffset,
  Unscaled,
  RegisterOffset,
  LogicalShifted,
  AddSubShifted,
  AddSubExtended,
  AddSubCarry,
  ConditionalCompare,
  Select,
  TwoSource,
  OneSource,
  ThreeSource,
  Simd,
}

const CLASSES: StaticArray<u32> = [
  // mask, match, class
  // FP and Advanced SIMD: op0 x110 (loads and stores with V set) and x111.
  0x0c000000, 0x0c000000, Class.Simd,
  0x1f000000, 0x10000000, Class.Address,
  0x1f800000, 0x11000000, Class.AddSubImmediate,
  0x1f800000, 0x12000000, Class.LogicalImmediate,
  0x1f800000, 0x12800000, Class.MoveWide,
  0x1f800000, 0x13000000, Class.Bitfield,
  0x1f800000, 0x13800000, Class.Extract,
  0x7c000000, 0x14000000, Class.BranchImmediate,
  0x7e000000, 0x34000000, Class.CompareBranch,
  0x7e000000, 0x36000000, Class.TestBranch,
  0xff000010, 0x54000000, Class.BranchCondition,
  0xff9ffc1f, 0xd61f0000, Class.BranchRegister,
  0xffc00000, 0xd5000000, Class.System,
  0x3f000000, 0x18000000, Class.Literal,
  0x3e000000, 0x28000000, Class.Pair,
  0x3f000000, 0x39000000, Class.UnsignedOffset,
  0x3f200000, 0x38000000, Class.Unscaled,
  0x3f200c00, 0x38200800, Class.RegisterOffset,
  0x1f000000, 0x0a000000, Class.LogicalShifted,
  0x1f200000, 0x0b000000, Class.AddSubShifted,
  0x1fe00000, 0x0b200000, Class.AddSubExtended,
  0x1fe0fc00, 0x1a000000, Class.AddSubCarry,
  0x3fe00410, 0x3a400000, Class.ConditionalCompare,
  0x3fe00800, 0x1a800000, Class.Select,
  0x7fe00000, 0x1ac00000, Class.TwoSource,
  0x7fff0000, 0x5ac00000, Class.OneSource,
  0x7f000000, 0x1b000000, Class.ThreeSource,
];

/** What every decoder starts from: the slow way. A decoder that knows better overwrites it. */
export function emitSlow(at: usize): void {
  emit(at, Op.Slow, 0, 0, 0, 0);
}

/** Decodes the instruction that the micro-op at `at` stands for; its page is the one executing. */
export function decodeAt(at: usize): void {
  const word = load<u32>(wordAddress(at));
  emitSlow(at);
  for (let row = 0; row < CLASSES.length; row += 3) {
    if ((word & unchecked(CLASSES[row])) == unchecked(CLASSES[row + 1])) {
      decodeClass(unchecked(CLASSES[row + 2]), at, word);
      return;
    }
  }
}

function decodeClass(kind: u32, at: usize, word: u32): void {
  switch (kind) {
    case Class.Address:
      return decodeAddress(at, word);
    case Class.AddSubImmediate:
      return decodeAddSubImmediate(at, word);
    case Class.LogicalImmediate:
      return decodeLogicalImmediate(at, word);
    case Class.MoveWide:
      return decodeMoveWide(at, word);
    case Class.Bitfield:
      return decodeBitfield(at, word);
    case Class.Extract:
      return decodeExtract(at, word);
    case Class.BranchImmediate:
      return decodeBranchImmediate(at, word);
    case Class.CompareBranch:
      return decodeCompareBranch(at, word);
    case Class.TestBranch:
      return decodeTestBranch(at, word);
    case Class.BranchCondition:
      return decodeBranchCondition(at, word);
    case Class.BranchRegister:
      return decodeBranchRegister(at, word);
    case Class.System:
      return decodeSystem(at, word);
    case Class.Literal:
      return decodeLiteral(at, word);
    case Class.Pair:
      return decodePair(at, word);
    case Class.UnsignedOffset:
      return decodeUnsignedOffset(at, word);
    case Class.Unscaled:
      return decodeUnscaled(at, word);
    case Class.RegisterOffset:
      return decodeRegisterOffset(at, word);
    case Class.LogicalShifted:
      return decodeLogicalShifted(at, word);
    case Class.AddSubShifted:
      return decodeAddSubShifted(at, word);
    case Class.AddSubExtended:
      return decodeAddSubExtended(at, word);
    case Class.AddSubCarry:
      return decodeAddSubCarry(at, word);
    case Class.ConditionalCompare:
      return decodeConditionalCompare(at, word);
    case Class.Select:
      return decodeSelect(at, word);
    case Class.TwoSource:
      return decodeTwoSource(at, word);
    case Class.OneSource:
      return decodeOneSource(at, word);
    case Class.ThreeSource:
      return decodeThreeSource(at, word);
    case Class.Simd:
      return decodeSimd(at, word);
    default:
      return;
  }
}
