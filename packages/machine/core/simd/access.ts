/** Whether FP and Advanced SIMD instructions may execute (Arm ARM D13, CPACR_EL1.FPEN). */

import { CPACR, EL } from '../state/layout';

/** FPEN<0> lets EL1, FPEN<1:0> = 0b11 lets EL0 as well. */
export function simdEnabled(): bool {
  const fpen = (load<u32>(CPACR) >> 20) & 3;
  return load<u32>(EL) ? (fpen & 1) != 0 : fpen == 3;
}
