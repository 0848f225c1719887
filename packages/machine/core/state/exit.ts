/** Why a run ends. The numbers are those of `Exit` in the TypeScript wrapper. */

export const EXIT_BUDGET: u32 = 0;
export const EXIT_WAIT: u32 = 1;
export const EXIT_YIELD: u32 = 2;
export const EXIT_HYPERCALL: u32 = 3;
export const EXIT_SECURE_CALL: u32 = 4;
export const EXIT_LOCKUP: u32 = 5;
export const EXIT_STOPPED: u32 = 6;
export const NO_EXIT: u32 = 255;

export let exitReason: u32 = NO_EXIT;

export function exitWith(reason: u32): void {
  exitReason = reason;
}
