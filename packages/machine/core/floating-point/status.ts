/** FPCR and FPSR (Arm ARM C5.2): control, and the cumulative exception flags. No exception is ever trapped. */

import { FPCR, FPSR } from '../state/layout';

/** AHP, DN, FZ and RMode. */
export const FPCR_BITS: u32 = 0x07c00000;
/** QC, IDC, IXC, UFC, OFC, DZC, IOC. */
export const FPSR_BITS: u32 = 0x0800009f;

const AHP: u32 = 1 << 26;
const DN: u32 = 1 << 25;
const FZ: u32 = 1 << 24;

export const INVALID_OPERATION: u32 = 1 << 0;
export const DIVIDE_BY_ZERO: u32 = 1 << 1;
export const OVERFLOW: u32 = 1 << 2;
export const UNDERFLOW: u32 = 1 << 3;
export const INEXACT: u32 = 1 << 4;
export const INPUT_DENORMAL: u32 = 1 << 7;
const SATURATED: u32 = 1 << 27;

export const enum Rounding {
  /** The first four as FPCR.RMode has them. */
  NearestEven,
  Up,
  Down,
  Zero,
  NearestAway,
  /** The last bit takes up what is lost: FCVTXN. */
  Odd,
}

export function raise(flags: u32): void {
  store<u32>(FPSR, load<u32>(FPSR) | flags);
}

/** FPSR.QC: an integer result was saturated. */
export function noteSaturation(): void {
  raise(SATURATED);
}

export function roundingMode(): u32 {
  return (load<u32>(FPCR) >> 22) & 3;
}
export function flushesToZero(): bool {
  return (load<u32>(FPCR) & FZ) != 0;
}
export function defaultNaNs(): bool {
  return (load<u32>(FPCR) & DN) != 0;
}
export function alternativeHalf(): bool {
  return (load<u32>(FPCR) & AHP) != 0;
}
/**
 * The WebAssembly engine's own arithmetic (round to nearest, subnormals kept, no flags) will do for a normal finite
 * result: no other flag than inexact is possible then, and that is set already.
 */
@inline
export function nativeArithmetic(): bool {
  return (load<u32>(FPCR) & (FZ | (3 << 22))) == 0 && (load<u32>(FPSR) & INEXACT) != 0;
}
