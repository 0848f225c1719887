/** How an instruction that is executed by its word leaves the fast loop: by itself, or by a fault that needs no access. */

import { spMisaligned } from '../memory/tlb';
import { PC } from '../state/layout';
import { takeSpAlignmentFault, takeUndefined } from './exceptions';

/** Set when the instruction changed what the fast loop holds in hand: PC, exception level, translation. */
export let leaves: bool = false;

export function leaveLoop(): void {
  leaves = true;
}

/** Before an instruction: it stays in the loop unless it says otherwise. */
export function stayInLoop(): void {
  leaves = false;
}

/** Takes the exception for an instruction that does not exist here. */
export function undefinedInstruction(): void {
  leaves = true;
  takeUndefined(load<u64>(PC));
}

/** SP as the base of an access: SCTLR_EL1.SA and SA0 want it aligned. True when the fault was taken. */
export function faultsOnSp(base: u32): bool {
  if (base != 31 || !spMisaligned()) return false;
  leaves = true;
  takeSpAlignmentFault(load<u64>(PC));
  return true;
}
