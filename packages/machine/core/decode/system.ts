/** Decoder of the system instructions: hints and barriers do nothing here, hot register reads have a micro-op. */

import { bit, bits, destination, rdOf } from '../instruction/fields';
import { Op, emit } from '../instruction/ops';
import { CURRENT, EL, SPSEL, SP_EL0 } from '../state/layout';
import { ANYONE, SP_EL0_ENCODING, contextRegister, contextRegisterLevel } from '../state/registers';

/** Bits 19..5 of MSR, MRS and SYS are the register's encoding without the top bit of op0, which is always set. */
export function encodingOf(word: u32): u32 {
  return 0x8000 | bits(word, 5, 15);
}

/** Hints by CRm:op2 that are more than a NOP. */
export const HINT_YIELD: u32 = 1;
export const HINT_WFE: u32 = 2;
export const HINT_WFI: u32 = 3;

export function decodeSystem(at: usize, word: u32): void {
  // HINT and barriers: op0 0, op1 3, CRn 2 and 3.
  if ((word & 0xfffff01f) == 0xd503201f) {
    const hint = bits(word, 5, 7);
    if (hint < HINT_YIELD || hint > HINT_WFI) emit(at, Op.Nop, 0, 0, 0, 0);
    return;
  }
  if ((word & 0xfffff01f) == 0xd503301f) {
    // DSB 4, DMB 5, ISB 6. CLREX goes the slow way.
    const kind = bits(word, 5, 3);
    if (kind >= 4 && kind <= 6) emit(at, Op.Nop, 0, 0, 0, 0);
    return;
  }
  // MRS
  if (bits(word, 20, 2) == 3 && bit(word, 21)) decodeRegisterRead(at, word);
}

function decodeRegisterRead(at: usize, word: u32): void {
  const encoding = encodingOf(word);
  const rd = destination(rdOf(word));
  if (encoding == SP_EL0_ENCODING) {
    emit(at, Op.ReadContextPrivileged, rd, 0, <u32>(SPSEL - CURRENT), <u64>SP_EL0);
    return;
  }
  const address = contextRegister(encoding);
  if (!address) return;
  if (contextRegisterLevel(encoding) == ANYONE) emit(at, Op.ReadContext, rd, 0, 0, <u64>address);
  else emit(at, Op.ReadContextPrivileged, rd, 0, <u32>(EL - CURRENT), <u64>address);
}
