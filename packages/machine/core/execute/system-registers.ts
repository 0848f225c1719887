/** MRS and MSR of the registers in the table of state/registers.ts, and of the host's. */

import { FPCR_BITS, FPSR_BITS } from '../floating-point/status';
import { nzcv, setNzcv } from '../integer/flags';
import { addressSpaceChanged, flushVcpu } from '../memory/tlb';
import { simdEnabled } from '../simd/access';
import {
  CNTKCTL,
  CSSELR,
  DAIF,
  EL,
  FPCR,
  FPSR,
  HIGH,
  LINES,
  OSLOCK,
  PC,
  REFUSED,
  SCTLR,
  SPSEL,
  SP_EL0,
  TCR,
  TTBR1,
  VBAR,
  current,
} from '../state/layout';
import { Held, accessible, argumentOf, heldAs, isIdentification, registerRow } from '../state/registers';
import { LINE_FIQ, LINE_IRQ, switchStack, takeSimdAccessTrap, takeSystemTrap } from './exceptions';
import { systemRegisterRead, systemRegisterWrite } from './host';
import { leaveLoop, undefinedInstruction } from './leave';
import {
  PHYSICAL,
  VIRTUAL,
  counter,
  readCompare,
  readControl,
  readTimerValue,
  writeCompare,
  writeControl,
  writeTimerValue,
} from './timer';

/** Implementer 0 (reserved for software), architecture by ID registers, part 0x561. */
const MIDR: u64 = 0x000f5610;
const MPIDR_RES1: u64 = 0x80000000;
/**
 * CTR_EL0: 64-byte lines, PIPT. IDC and DIC: stores are seen by instruction fetches with no maintenance, since every
 * store drops what was predecoded of it.
 */
const CTR: u64 = 0xb444c004;
/** CCSIDR_EL1: 128 sets, 4 ways, 64-byte lines. */
const CCSIDR: u64 = 0x000fe01a;
/** DCZID_EL0: 64-byte blocks. */
const DCZID: u64 = 4;
const DCZID_PROHIBITED: u64 = 16;

/** SCTLR_EL1 bits. */
const SCTLR_UMA: u32 = 1 << 9;
const SCTLR_DZE: u32 = 1 << 14;
const SCTLR_UCT: u32 = 1 << 15;
/** EE and E0E: data accesses are little-endian only (ID_AA64MMFR0_EL1.BigEnd is 0). */
const SCTLR_RES0: u64 = 0x03000000;

/** CNTKCTL_EL1 bits. */
const EL0_PHYSICAL_COUNTER: u32 = 1;
const EL0_VIRTUAL_COUNTER: u32 = 2;
const EL0_VIRTUAL_TIMER: u32 = 1 << 8;
const EL0_PHYSICAL_TIMER: u32 = 1 << 9;

const TABLE_BASE: u64 = 0x0000fffffffffffe;

let gicSystemRegisters: bool = true;

export function setGicSystemRegisters(present: bool): void {
  gicSystemRegisters = present;
}

/** True when EL1 does not let EL0 access this register: a trap, unlike a register that EL0 never has. */
function trapped(held: Held, argument: u32): bool {
  const control = load<u32>(CNTKCTL);
  const system = load<u32>(SCTLR);
  switch (held) {
    case Held.Daif:
      return !(system & SCTLR_UMA);
    case Held.CacheType:
      return !(system & SCTLR_UCT);
    case Held.Frequency:
      return !(control & (EL0_PHYSICAL_COUNTER | EL0_VIRTUAL_COUNTER));
    case Held.Counter:
      return !(control & (argument ? EL0_VIRTUAL_COUNTER : EL0_PHYSICAL_COUNTER));
    case Held.VirtualControl:
    case Held.VirtualCompare:
    case Held.VirtualValue:
      return !(control & EL0_VIRTUAL_TIMER);
    case Held.PhysicalControl:
    case Held.PhysicalCompare:
    case Held.PhysicalValue:
      return !(control & EL0_PHYSICAL_TIMER);
    default:
      return false;
  }
}

/** ISS of a trapped MSR, MRS or SYS. */
export function systemIss(encoding: u32, rt: u32, reading: bool): u32 {
  return (
    ((encoding >> 14) << 20) |
    ((encoding & 7) << 17) |
    (((encoding >> 11) & 7) << 14) |
    (((encoding >> 7) & 15) << 10) |
    (rt << 5) |
    (((encoding >> 3) & 15) << 1) |
    (reading ? 1 : 0)
  );
}

/** Set when `readRegister` or `writeRegister` took an exception instead. */
export let refused: bool = false;

function refuse(): void {
  refused = true;
  undefinedInstruction();
}

/** True when the access may go on; else its exception is taken. */
function permitted(row: i32, encoding: u32, rt: u32, write: bool): bool {
  const el = load<u32>(EL);
  if (!accessible(row, el, write)) {
    refuse();
    return false;
  }
  const held = heldAs(row);
  if ((held == Held.Fpcr || held == Held.Fpsr) && !simdEnabled()) {
    refused = true;
    leaveLoop();
    takeSimdAccessTrap(load<u64>(PC));
    return false;
  }
  if (el == 0 && trapped(held, argumentOf(row))) {
    refused = true;
    leaveLoop();
    takeSystemTrap(load<u64>(PC), systemIss(encoding, rt, !write));
    return false;
  }
  return true;
}

/** Only what EL1 (op1 0..2) or EL0 (op1 3) can have is asked of the host. */
function hostMayHold(encoding: u32): bool {
  const op1 = (encoding >> 11) & 7;
  return op1 == 3 || (op1 < 3 && load<u32>(EL) == 1);
}

export function readRegister(encoding: u32, rt: u32): u64 {
  refused = false;
  const row = registerRow(encoding);
  if (row >= 0) return permitted(row, encoding, rt, false) ? valueOf(row) : 0;
  if (isIdentification(encoding) && load<u32>(EL) == 1) return 0;
  if (!hostMayHold(encoding) || isIdentification(encoding)) {
    refuse();
    return 0;
  }
  store<u32>(HIGH, 0);
  store<u32>(REFUSED, 0);
  const low = systemRegisterRead(current, encoding);
  if (load<u32>(REFUSED)) refuse();
  return <u64>low | (<u64>load<u32>(HIGH) << 32);
}

export function writeRegister(encoding: u32, rt: u32, value: u64): void {
  refused = false;
  const row = registerRow(encoding);
  if (row >= 0) {
    if (permitted(row, encoding, rt, true)) change(row, value);
    return;
  }
  if (!hostMayHold(encoding) || isIdentification(encoding)) return refuse();
  store<u32>(REFUSED, 0);
  systemRegisterWrite(current, encoding, <u32>value, <u32>(value >> 32));
  if (load<u32>(REFUSED)) refuse();
}

/** The value of a register of the table, for the current vCPU. */
export function valueOf(row: i32): u64 {
  const argument = <usize>argumentOf(row);
  switch (heldAs(row)) {
    case Held.Context:
    case Held.Sctlr:
    case Held.Tcr:
    case Held.Ttbr0:
    case Held.Ttbr1:
    case Held.Frequency:
    case Held.ContextId:
      return load<u64>(argument);
    case Held.Context32:
      return <u64>load<u32>(argument);
    case Held.Constant:
      return <u64>argument;
    case Held.Midr:
      return MIDR;
    case Held.Mpidr:
      return MPIDR_RES1 | <u64>((current & 15) | ((current >> 4) << 8));
    case Held.ProcessorFeatures:
      // EL0 and EL1 in AArch64, FP and Advanced SIMD (no FP16), speculation harmless (CSV2, CSV3), GIC system registers.
      return 0x1100000000000011 | (gicSystemRegisters ? 0x01000000 : 0);
    case Held.CacheSize:
      return load<u32>(CSSELR) < 2 ? CCSIDR : 0;
    case Held.CacheSelect:
      return <u64>load<u32>(CSSELR);
    case Held.CacheType:
      return CTR;
    case Held.ZeroSize:
      return load<u32>(EL) == 0 && !(load<u32>(SCTLR) & SCTLR_DZE) ? DCZID | DCZID_PROHIBITED : DCZID;
    case Held.Vbar:
      return load<u64>(VBAR);
    case Held.SpEl0:
      if (!load<u32>(SPSEL)) {
        refuse();
        return 0;
      }
      return load<u64>(SP_EL0);
    case Held.SpSel:
      return <u64>load<u32>(SPSEL);
    case Held.CurrentEl:
      return <u64>(load<u32>(EL) << 2);
    case Held.Daif:
      return <u64>load<u32>(DAIF);
    case Held.Nzcv:
      return <u64>(nzcv() << 28);
    case Held.Fpcr:
      return <u64>load<u32>(FPCR);
    case Held.Fpsr:
      return <u64>load<u32>(FPSR);
    case Held.InterruptStatus:
      return <u64>(load<u32>(LINES) & (LINE_IRQ | LINE_FIQ));
    case Held.OsLockStatus:
      return <u64>(8 | (load<u32>(OSLOCK) << 1));
    case Held.Counter:
      return counter();
    case Held.VirtualControl:
      return readControl(VIRTUAL);
    case Held.VirtualCompare:
      return readCompare(VIRTUAL);
    case Held.VirtualValue:
      return readTimerValue(VIRTUAL);
    case Held.PhysicalControl:
      return readControl(PHYSICAL);
    case Held.PhysicalCompare:
      return readCompare(PHYSICAL);
    case Held.PhysicalValue:
      return readTimerValue(PHYSICAL);
    default:
      return 0;
  }
}

/** Everything translated so far is void, the executing page too. */
function retranslate(): void {
  flushVcpu(current);
  leaveLoopBehind();
}

function leaveLoopBehind(): void {
  store<u64>(PC, load<u64>(PC) + 4);
  leaveLoop();
}

function changeTable(address: usize, value: u64): void {
  const old = load<u64>(address);
  if (old == value) return;
  store<u64>(address, value);
  // The kernel's table: its global entries go too. The user's is dealt with by address space.
  if (address == TTBR1 && ((old ^ value) & TABLE_BASE) != 0) flushVcpu(current);
  else addressSpaceChanged();
  leaveLoopBehind();
}

function change(row: i32, value: u64): void {
  const argument = <usize>argumentOf(row);
  switch (heldAs(row)) {
    case Held.Context:
      store<u64>(argument, value);
      break;
    case Held.Context32:
    case Held.Frequency:
    case Held.ContextId:
      store<u64>(argument, value & 0xffffffff);
      break;
    case Held.Sctlr:
      value &= 0xffffffff & ~SCTLR_RES0;
      if (load<u64>(SCTLR) == value) break;
      store<u64>(SCTLR, value);
      retranslate();
      break;
    case Held.Tcr:
      if (load<u64>(TCR) == value) break;
      store<u64>(TCR, value);
      retranslate();
      break;
    case Held.Ttbr0:
    case Held.Ttbr1:
      changeTable(argument, value);
      break;
    case Held.CacheSelect:
      store<u32>(CSSELR, <u32>value & 15);
      break;
    case Held.Vbar:
      store<u64>(VBAR, value & ~0x7ff);
      break;
    case Held.SpEl0:
      if (!load<u32>(SPSEL)) refuse();
      else store<u64>(SP_EL0, value);
      break;
    case Held.SpSel:
      selectStack(<u32>value & 1);
      break;
    case Held.Daif:
      store<u32>(DAIF, <u32>value & 0x3c0);
      break;
    case Held.Nzcv:
      setNzcv(<u32>(value >> 28) & 15);
      break;
    case Held.Fpcr:
      store<u32>(FPCR, <u32>value & FPCR_BITS);
      break;
    case Held.Fpsr:
      store<u32>(FPSR, <u32>value & FPSR_BITS);
      break;
    case Held.OsLockAccess:
      store<u32>(OSLOCK, <u32>value & 1);
      break;
    case Held.VirtualControl:
      writeControl(VIRTUAL, value);
      break;
    case Held.VirtualCompare:
      writeCompare(VIRTUAL, value);
      break;
    case Held.VirtualValue:
      writeTimerValue(VIRTUAL, value);
      break;
    case Held.PhysicalControl:
      writeControl(PHYSICAL, value);
      break;
    case Held.PhysicalCompare:
      writeCompare(PHYSICAL, value);
      break;
    case Held.PhysicalValue:
      writeTimerValue(PHYSICAL, value);
      break;
    default:
  }
}

/** MSR SPSel. The loop is left, as the other stack pointer may be misaligned. */
export function selectStack(spsel: u32): void {
  switchStack(1, spsel);
  leaveLoopBehind();
}
