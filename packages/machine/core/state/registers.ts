/**
 * The system registers that the core holds itself: a table by encoding. Whatever is not in it is asked of the host.
 * An encoding is op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2.
 */

import {
  AFSR0,
  AFSR1,
  AMAIR,
  CNTFRQ,
  CNTKCTL,
  CONTEXTIDR,
  CPACR,
  DBGPRCR,
  DEBUG,
  ELR,
  ESR,
  FAR,
  MAIR,
  MDCCINT,
  MDSCR,
  OSDLR,
  OSDTRRX,
  OSDTRTX,
  PAR,
  REGISTER_INDEX,
  SCTLR,
  SPSR,
  TCR,
  TPIDRRO_EL0,
  TPIDR_EL0,
  TPIDR_EL1,
  TTBR0,
  TTBR1,
} from './layout';

@inline
function e(op0: u32, op1: u32, n: u32, m: u32, op2: u32): u32 {
  return (op0 << 14) | (op1 << 11) | (n << 7) | (m << 3) | op2;
}

/** Access: read and write at EL0, read and write at EL1. */
const EL0_R: u32 = 1;
const EL0_W: u32 = 2;
const EL1_R: u32 = 4;
const EL1_W: u32 = 8;
const RW: u32 = EL1_R | EL1_W;
const RO: u32 = EL1_R;
const WO: u32 = EL1_W;
const USER_RW: u32 = RW | EL0_R | EL0_W;
const USER_RO: u32 = RO | EL0_R;

/** How a register is held. From `Special` on it has behaviour of its own in execute/system-registers.ts. */
export const enum Held {
  /** In the context, at the argument. */
  Context,
  /** The same, 32 bits. */
  Context32,
  /** The argument is its value. */
  Constant,
  /** Reads as zero, ignores writes. */
  Zero,
  Midr,
  Mpidr,
  ProcessorFeatures,
  CacheSize,
  CacheSelect,
  CacheType,
  ZeroSize,
  Sctlr,
  Tcr,
  Ttbr0,
  Ttbr1,
  Vbar,
  SpEl0,
  SpSel,
  CurrentEl,
  Daif,
  Nzcv,
  Fpcr,
  Fpsr,
  InterruptStatus,
  OsLockAccess,
  OsLockStatus,
  ContextId,
  Counter,
  Frequency,
  VirtualControl,
  VirtualCompare,
  VirtualValue,
  PhysicalControl,
  PhysicalCompare,
  PhysicalValue,
}

export const SP_EL0_ENCODING: u32 = 0xc208;

const ROW = 4;
const ROWS: StaticArray<u32> = [
  // encoding, access, held, argument
  e(3, 0, 0, 0, 0), RO, Held.Midr, 0,
  e(3, 0, 0, 0, 5), RO, Held.Mpidr, 0,
  e(3, 0, 0, 0, 6), RO, Held.Zero, 0, // REVIDR_EL1
  e(3, 0, 0, 4, 0), RO, Held.ProcessorFeatures, 0, // ID_AA64PFR0_EL1
  // ID_AA64DFR0_EL1: debug architecture v8, two breakpoints and two watchpoints, no PMU, no trace.
  e(3, 0, 0, 5, 0), RO, Held.Constant, 0x00101006,
  // ID_AA64ISAR0_EL1: CRC32.
  e(3, 0, 0, 6, 0), RO, Held.Constant, 0x00010000,
  // ID_AA64MMFR0_EL1: 40-bit physical addresses, 16-bit ASIDs, granules of 4, 16 and 64 KiB.
  e(3, 0, 0, 7, 0), RO, Held.Constant, 0x00100022,
  e(3, 0, 1, 0, 0), RW, Held.Sctlr, <u32>SCTLR,
  e(3, 0, 1, 0, 1), RW, Held.Zero, 0, // ACTLR_EL1
  e(3, 0, 1, 0, 2), RW, Held.Context32, <u32>CPACR,
  e(3, 0, 2, 0, 0), RW, Held.Ttbr0, <u32>TTBR0,
  e(3, 0, 2, 0, 1), RW, Held.Ttbr1, <u32>TTBR1,
  e(3, 0, 2, 0, 2), RW, Held.Tcr, <u32>TCR,
  e(3, 0, 4, 0, 0), RW, Held.Context32, <u32>SPSR,
  e(3, 0, 4, 0, 1), RW, Held.Context, <u32>ELR,
  e(3, 0, 4, 1, 0), RW, Held.SpEl0, 0,
  e(3, 0, 4, 2, 0), RW, Held.SpSel, 0,
  e(3, 0, 4, 2, 2), RO, Held.CurrentEl, 0,
  e(3, 0, 5, 1, 0), RW, Held.Context32, <u32>AFSR0,
  e(3, 0, 5, 1, 1), RW, Held.Context32, <u32>AFSR1,
  e(3, 0, 5, 2, 0), RW, Held.Context32, <u32>ESR,
  e(3, 0, 6, 0, 0), RW, Held.Context, <u32>FAR,
  e(3, 0, 7, 4, 0), RW, Held.Context, <u32>PAR,
  e(3, 0, 10, 2, 0), RW, Held.Context, <u32>MAIR,
  e(3, 0, 10, 3, 0), RW, Held.Context, <u32>AMAIR,
  e(3, 0, 12, 0, 0), RW, Held.Vbar, 0,
  e(3, 0, 12, 0, 1), RO, Held.Zero, 0, // RVBAR_EL1
  e(3, 0, 12, 1, 0), RO, Held.InterruptStatus, 0,
  e(3, 0, 13, 0, 1), RW, Held.ContextId, <u32>CONTEXTIDR,
  e(3, 0, 13, 0, 4), RW, Held.Context, <u32>TPIDR_EL1,
  e(3, 0, 14, 1, 0), RW, Held.Context32, <u32>CNTKCTL,
  e(3, 1, 0, 0, 0), RO, Held.CacheSize, 0,
  // CLIDR_EL1: one level, separate instruction and data caches, coherent and unified at level 1.
  e(3, 1, 0, 0, 1), RO, Held.Constant, 0x09200003,
  e(3, 1, 0, 0, 7), RO, Held.Zero, 0, // AIDR_EL1
  e(3, 2, 0, 0, 0), RW, Held.CacheSelect, 0,
  e(3, 3, 0, 0, 1), USER_RO, Held.CacheType, 0,
  e(3, 3, 0, 0, 7), USER_RO, Held.ZeroSize, 0,
  e(3, 3, 4, 2, 0), USER_RW, Held.Nzcv, 0,
  e(3, 3, 4, 2, 1), USER_RW, Held.Daif, 0,
  e(3, 3, 4, 4, 0), USER_RW, Held.Fpcr, 0,
  e(3, 3, 4, 4, 1), USER_RW, Held.Fpsr, 0,
  e(3, 3, 13, 0, 2), USER_RW, Held.Context, <u32>TPIDR_EL0,
  e(3, 3, 13, 0, 3), USER_RO | EL1_W, Held.Context, <u32>TPIDRRO_EL0,
  e(3, 3, 14, 0, 0), USER_RO | EL1_W, Held.Frequency, <u32>CNTFRQ,
  e(3, 3, 14, 0, 1), USER_RO, Held.Counter, 0, // CNTPCT_EL0
  e(3, 3, 14, 0, 2), USER_RO, Held.Counter, 1, // CNTVCT_EL0
  e(3, 3, 14, 2, 0), USER_RW, Held.PhysicalValue, 0,
  e(3, 3, 14, 2, 1), USER_RW, Held.PhysicalControl, 0,
  e(3, 3, 14, 2, 2), USER_RW, Held.PhysicalCompare, 0,
  e(3, 3, 14, 3, 0), USER_RW, Held.VirtualValue, 0,
  e(3, 3, 14, 3, 1), USER_RW, Held.VirtualControl, 0,
  e(3, 3, 14, 3, 2), USER_RW, Held.VirtualCompare, 0,
  // Self-hosted debug: the registers keep what is written; no breakpoint, watchpoint or step is ever taken.
  e(2, 0, 0, 0, 2), RW, Held.Context32, <u32>OSDTRRX,
  e(2, 0, 0, 0, 4), RW, Held.Context, <u32>DEBUG, // DBGBVR0_EL1
  e(2, 0, 0, 0, 5), RW, Held.Context32, <u32>DEBUG + 8,
  e(2, 0, 0, 0, 6), RW, Held.Context, <u32>DEBUG + 16, // DBGWVR0_EL1
  e(2, 0, 0, 0, 7), RW, Held.Context32, <u32>DEBUG + 24,
  e(2, 0, 0, 1, 4), RW, Held.Context, <u32>DEBUG + 32,
  e(2, 0, 0, 1, 5), RW, Held.Context32, <u32>DEBUG + 40,
  e(2, 0, 0, 1, 6), RW, Held.Context, <u32>DEBUG + 48,
  e(2, 0, 0, 1, 7), RW, Held.Context32, <u32>DEBUG + 56,
  e(2, 0, 0, 2, 0), RW, Held.Context32, <u32>MDCCINT,
  e(2, 0, 0, 2, 2), RW, Held.Context32, <u32>MDSCR,
  e(2, 0, 0, 3, 2), RW, Held.Context32, <u32>OSDTRTX,
  e(2, 0, 0, 6, 2), RW, Held.Zero, 0, // OSECCR_EL1
  e(2, 0, 1, 0, 0), RO, Held.Zero, 0, // MDRAR_EL1
  e(2, 0, 1, 0, 4), WO, Held.OsLockAccess, 0,
  e(2, 0, 1, 1, 4), RO, Held.OsLockStatus, 0,
  e(2, 0, 1, 3, 4), RW, Held.Context32, <u32>OSDLR,
  e(2, 0, 1, 4, 4), RW, Held.Context32, <u32>DBGPRCR,
  e(2, 0, 7, 8, 6), RW, Held.Zero, 0, // DBGCLAIMSET_EL1
  e(2, 0, 7, 9, 6), RW, Held.Zero, 0, // DBGCLAIMCLR_EL1
  e(2, 0, 7, 14, 6), RO, Held.Zero, 0, // DBGAUTHSTATUS_EL1
  e(2, 3, 0, 1, 0), USER_RO, Held.Zero, 0, // MDCCSR_EL0
  e(2, 3, 0, 4, 0), USER_RW, Held.Zero, 0, // DBGDTR_EL0
  e(2, 3, 0, 5, 0), USER_RW, Held.Zero, 0, // DBGDTRRX_EL0, DBGDTRTX_EL0
];

export function fillRegisterIndex(): void {
  for (let row: u32 = 0; row < <u32>ROWS.length / ROW; row++) {
    store<u8>(REGISTER_INDEX + ROWS[row * ROW], <u8>(row + 1));
  }
}

/** The row of a register, or -1. */
export function registerRow(encoding: u32): i32 {
  return <i32>load<u8>(REGISTER_INDEX + encoding) - 1;
}

export function heldAs(row: i32): Held {
  return ROWS[row * ROW + 2];
}

export function argumentOf(row: i32): u32 {
  return ROWS[row * ROW + 3];
}

/** May the register be accessed at this exception level in this direction? */
export function accessible(row: i32, el: u32, write: bool): bool {
  const needed = el ? (write ? EL1_W : EL1_R) : write ? EL0_W : EL0_R;
  return (ROWS[row * ROW + 1] & needed) != 0;
}

/** Identification registers that are not allocated read as zero: op0 3, op1 0, CRn 0, CRm 1..7. */
export function isIdentification(encoding: u32): bool {
  return encoding >> 7 == e(3, 0, 0, 0, 0) >> 7 && ((encoding >> 3) & 15) >= 1 && ((encoding >> 3) & 15) <= 7;
}

export const ANYONE: u32 = 0;

/** Address of a register that is simply kept in the context and may be read without more ado; 0 for any other. */
export function contextRegister(encoding: u32): u32 {
  const row = registerRow(encoding);
  if (row < 0 || !accessible(row, 1, false)) return 0;
  switch (heldAs(row)) {
    case Held.Context:
    case Held.Context32:
    case Held.Sctlr:
    case Held.Tcr:
    case Held.Ttbr0:
    case Held.Ttbr1:
    case Held.ContextId:
      return argumentOf(row);
    default:
      return 0;
  }
}

/** Lowest exception level that may read a register of the context. */
export function contextRegisterLevel(encoding: u32): u32 {
  return accessible(registerRow(encoding), 0, false) ? ANYONE : 1;
}
