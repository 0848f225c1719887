/** Decoders of branches. A target in the same page becomes the address of its micro-op; any other is an offset from the page. */

import { bit, bits, destination, is64, rdOf, rnOf, signedBits, source } from '../instruction/fields';
import { Op, emit } from '../instruction/ops';
import { pageOffset } from '../memory/code';
import { CODE_PAGE } from '../state/layout';

/** `near` for a target in this page, else `far`. */
function emitBranch(at: usize, near: u32, far: u32, rd: u32, rn: u32, number: u32, displacement: i64): void {
  const to = <i64>pageOffset(at) + displacement;
  if (to >= 0 && to < 0x1000) emit(at, near, rd, rn, number, <u64>load<u32>(CODE_PAGE) + (<u64>to << 2));
  else emit(at, far, rd, rn, number, <u64>to);
}

export function decodeBranchImmediate(at: usize, word: u32): void {
  const displacement = signedBits(word, 0, 26) << 2;
  if (bit(word, 31)) emitBranch(at, Op.BranchLink, Op.BranchLinkFar, destination(30), 0, 0, displacement);
  else emitBranch(at, Op.Branch, Op.BranchFar, 0, 0, 0, displacement);
}

export function decodeCompareBranch(at: usize, word: u32): void {
  const variant = (bit(word, 24) << 1) + (is64(word) ? 0 : 1);
  const rn = source(rdOf(word));
  emitBranch(at, Op.BranchZeroX + variant, Op.BranchZeroFarX + variant, 0, rn, 0, signedBits(word, 5, 19) << 2);
}

export function decodeTestBranch(at: usize, word: u32): void {
  const number = (bit(word, 31) << 5) | bits(word, 19, 5);
  const one = bit(word, 24);
  const rn = source(rdOf(word));
  emitBranch(at, Op.BranchBitZero + one, Op.BranchBitZeroFar + one, 0, rn, number, signedBits(word, 5, 14) << 2);
}

export function decodeBranchCondition(at: usize, word: u32): void {
  const condition = word & 15;
  const displacement = signedBits(word, 5, 19) << 2;
  // AL, and NV which is AL too.
  if (condition >= 14) emitBranch(at, Op.Branch, Op.BranchFar, 0, 0, 0, displacement);
  else emitBranch(at, Op.BranchEq + condition, Op.BranchConditionFar, 0, 0, condition, displacement);
}

export function decodeBranchRegister(at: usize, word: u32): void {
  const kind = bits(word, 21, 2);
  const rn = source(rnOf(word));
  if (kind == 1) emit(at, Op.BranchLinkRegister, destination(30), rn, 0, 0);
  else if (kind != 3) emit(at, Op.BranchRegister, 0, rn, 0, 0);
}
