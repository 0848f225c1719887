/** Conversions between floating-point and integer or fixed-point numbers in general registers (Arm ARM C4.1). */

import { fromFixed, toFixed } from '../floating-point/convert';
import { Rounding, roundingMode } from '../floating-point/status';
import { bit, bits, destination, is64, rdOf, rnOf, source } from '../instruction/fields';
import { OP_RN } from '../instruction/ops';
import { CURRENT } from '../state/layout';
import { element, emitSimd, operationOf, setElement, setScalar, vd, vn, wordOf } from './registers';

/** opcode fields; bit 0 is unsigned, or for FMOV to the V register. */
const TO_NEAREST: u32 = 0;
const FROM_INTEGER: u32 = 2;
const TO_NEAREST_AWAY: u32 = 4;
const FMOV: u32 = 6;

export function decodeConvertInteger(at: usize, word: u32): void {
  const type = bits(word, 22, 2);
  const rmode = bits(word, 19, 2);
  const opcode = bits(word, 16, 3);
  const kind = opcode & 6;
  const toGeneral = kind == FMOV ? opcode == FMOV : kind != FROM_INTEGER;
  const slot = toGeneral ? destination(rdOf(word)) : source(rnOf(word));
  if (kind == FMOV) {
    // W and S, X and D, X and the upper half of V.
    const whole = rmode == 0 && type == <u32>is64(word);
    const upper = rmode == 1 && type == 2 && is64(word);
    if (whole || upper) emitSimd(at, executeMove, opcode, slot, word);
    return;
  }
  if (type > 1 || (kind != TO_NEAREST && rmode != 0)) return;
  if (toGeneral) emitSimd(at, executeToInteger, opcode, slot, word);
  else emitSimd(at, executeFromInteger, opcode, slot, word);
}

export function decodeConvertFixed(at: usize, word: u32): void {
  const which = bits(word, 16, 5);
  if (bits(word, 22, 2) > 1 || (!is64(word) && bits(word, 10, 6) < 32)) return;
  // SCVTF and UCVTF: rmode 00, opcode 01x; FCVTZS and FCVTZU: rmode 11, opcode 00x.
  if (which >> 1 == 1) emitSimd(at, executeFromInteger, which & 7, source(rnOf(word)), word);
  else if (which >> 1 == 12) emitSimd(at, executeToInteger, which & 7, destination(rdOf(word)), word);
}

@inline
function general(op: usize): usize {
  return CURRENT + <usize>load<u16>(op, OP_RN);
}

function executeMove(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const upper = bit(word, 19);
  const size = 2 + <u32>is64(word);
  if (operationOf(op) == FMOV) store<u64>(general(op), element(vn(word), upper, size));
  else if (upper) setElement(vd(word), 1, 3, load<u64>(general(op)));
  else setScalar(word, size, load<u64>(general(op)));
  return true;
}

/** Bits behind the point: none without bit 21 clear. */
function fraction(word: u32): u32 {
  return bit(word, 21) ? 0 : 64 - bits(word, 10, 6);
}

/** rmode: nearest, up, down, zero, as FPCR.RMode has them. */
function executeToInteger(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  const operation = operationOf(op);
  const mode = (operation & 6) == TO_NEAREST_AWAY ? <u32>Rounding.NearestAway : bits(word, 19, 2);
  const value = element(vn(word), 0, size);
  const width: u32 = is64(word) ? 64 : 32;
  store<u64>(general(op), toFixed(value, size, fraction(word), (operation & 1) != 0, width, mode));
  return true;
}

function executeFromInteger(op: usize, tlb: usize): bool {
  const word = wordOf(op);
  const size = 2 + bit(word, 22);
  const unsigned = (operationOf(op) & 1) != 0;
  let value = load<u64>(general(op));
  if (!is64(word)) value = unsigned ? value & 0xffffffff : <u64>(<i64>(<i32>value));
  setScalar(word, size, fromFixed(value, size, fraction(word), unsigned, roundingMode()));
  return true;
}
