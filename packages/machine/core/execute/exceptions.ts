/** Taking exceptions to EL1 and returning from them (Arm ARM D1). */

import { nzcv, setNzcv } from '../integer/flags';
import { canonicalPc, instructionWord } from '../memory/mmu';
import {
  DAIF,
  EL,
  ELR,
  ESR,
  FAR,
  FAULT_ADDRESS,
  FAULT_PC,
  FAULT_SYNDROME,
  FAULT_WORD,
  ILLEGAL,
  LAST_VECTOR,
  LINES,
  LOCKED,
  MONITOR_SIZE,
  PC,
  SP,
  SPSEL,
  SPSR,
  SP_EL0,
  SP_EL1,
  VBAR,
  X,
} from '../state/layout';

/** ESR_ELx.EC. */
const EC_UNKNOWN: u32 = 0x00;
const EC_WFX: u32 = 0x01;
const EC_SIMD_ACCESS: u32 = 0x07;
const EC_ILLEGAL_STATE: u32 = 0x0e;
const EC_SVC: u32 = 0x15;
const EC_SYSTEM: u32 = 0x18;
const EC_INSTRUCTION_ABORT_LOWER: u32 = 0x20;
const EC_INSTRUCTION_ABORT: u32 = 0x21;
const EC_PC_ALIGNMENT: u32 = 0x22;
const EC_DATA_ABORT_LOWER: u32 = 0x24;
const EC_DATA_ABORT: u32 = 0x25;
const EC_SP_ALIGNMENT: u32 = 0x26;
const EC_BRK: u32 = 0x3c;
const IL: u32 = 1 << 25;

const VECTOR_SYNCHRONOUS: u64 = 0x000;
const VECTOR_IRQ: u64 = 0x080;
const VECTOR_FIQ: u64 = 0x100;

const DAIF_ALL: u32 = 0x3c0;
export const LINE_IRQ: u32 = 1 << 7;
export const LINE_FIQ: u32 = 1 << 6;

/** Puts SP where it belongs and takes the stack pointer that PSTATE now selects. */
export function switchStack(el: u32, spsel: u32): void {
  store<u64>(load<u32>(SPSEL) ? SP_EL1 : SP_EL0, load<u64>(SP));
  store<u32>(EL, el);
  store<u32>(SPSEL, spsel);
  store<u64>(SP, load<u64>(spsel ? SP_EL1 : SP_EL0));
}

/** PSTATE as SPSR_EL1 holds it. */
export function pstate(): u32 {
  return (
    (nzcv() << 28) | (load<u32>(ILLEGAL) << 20) | load<u32>(DAIF) | (load<u32>(EL) << 2) | load<u32>(SPSEL)
  );
}

function vectorFor(kind: u64): u64 {
  const origin: u64 = load<u32>(EL) == 0 ? 0x400 : load<u32>(SPSEL) ? 0x200 : 0x000;
  return canonicalPc(load<u64>(VBAR) + origin + kind);
}

function enter(vector: u64, returnTo: u64): void {
  store<u64>(SPSR, <u64>pstate());
  store<u64>(ELR, returnTo);
  switchStack(1, 1);
  store<u32>(DAIF, DAIF_ALL);
  store<u32>(ILLEGAL, 0);
  store<u64>(PC, vector);
  store<u64>(LAST_VECTOR, vector);
}

/**
 * Takes a synchronous exception. `at` is the instruction that caused it. When that is the very vector that would be
 * entered, the vCPU would take the same exception for ever: it is locked up instead.
 */
function synchronous(at: u64, returnTo: u64, syndrome: u32, address: u64): void {
  const vector = vectorFor(VECTOR_SYNCHRONOUS);
  // A fault of a vector's first instruction continues a chain of faults; the report is about the first of them.
  if (at != load<u64>(LAST_VECTOR)) {
    store<u64>(FAULT_PC, at);
    store<u64>(FAULT_ADDRESS, address);
    store<u64>(FAULT_SYNDROME, <u64>syndrome);
    store<u64>(FAULT_WORD, <u64>instructionWord(at));
  }
  if (at == vector && load<u32>(SPSEL)) {
    store<u32>(LOCKED, 1);
    return;
  }
  store<u64>(ESR, <u64>syndrome);
  enter(vector, returnTo);
}

export function takeUndefined(pc: u64): void {
  synchronous(pc, pc, (EC_UNKNOWN << 26) | IL, 0);
}

export function takeSvc(pc: u64, immediate: u32): void {
  synchronous(pc, pc + 4, (EC_SVC << 26) | IL | immediate, 0);
}

export function takeBrk(pc: u64, immediate: u32): void {
  synchronous(pc, pc, (EC_BRK << 26) | IL | immediate, 0);
}

/** A system instruction that EL1 traps from EL0; `iss` as for EC 0x18. */
export function takeSystemTrap(pc: u64, iss: u32): void {
  synchronous(pc, pc, (EC_SYSTEM << 26) | IL | iss, 0);
}

/** WFI (0) or WFE (1) trapped from EL0; condition code valid and "always". */
export function takeWaitTrap(pc: u64, which: u32): void {
  synchronous(pc, pc, (EC_WFX << 26) | IL | (1 << 24) | (0xe << 20) | which, 0);
}

/** An FP or SIMD instruction, or an access to FPCR or FPSR, that CPACR_EL1.FPEN traps; condition code as for WFI. */
export function takeSimdAccessTrap(pc: u64): void {
  synchronous(pc, pc, (EC_SIMD_ACCESS << 26) | IL | (1 << 24) | (0xe << 20), 0);
}

export function takeIllegalState(pc: u64): void {
  synchronous(pc, pc, (EC_ILLEGAL_STATE << 26) | IL, 0);
}

export function takePcAlignmentFault(pc: u64): void {
  store<u64>(FAR, pc);
  synchronous(pc, pc, (EC_PC_ALIGNMENT << 26) | IL, pc);
}

export function takeSpAlignmentFault(pc: u64): void {
  synchronous(pc, pc, (EC_SP_ALIGNMENT << 26) | IL, load<u64>(SP));
}

export function takeInstructionAbort(pc: u64, status: u32): void {
  store<u64>(FAR, pc);
  const ec = load<u32>(EL) ? EC_INSTRUCTION_ABORT : EC_INSTRUCTION_ABORT_LOWER;
  synchronous(pc, pc, (ec << 26) | IL | status, pc);
}

/** `write`: ISS.WnR; `cache`: the instruction was cache maintenance or an address translation (ISS.CM). */
export function takeDataAbort(pc: u64, address: u64, status: u32, write: bool, cache: bool): void {
  store<u64>(FAR, address);
  const ec = load<u32>(EL) ? EC_DATA_ABORT : EC_DATA_ABORT_LOWER;
  synchronous(pc, pc, (ec << 26) | IL | (cache ? 1 << 8 : 0) | (write ? 1 << 6 : 0) | status, address);
}

/** Takes the interrupt that is asserted and not masked, FIQ before IRQ. True when there was one. */
export function takeInterrupt(): bool {
  const pending = load<u32>(LINES) & ~load<u32>(DAIF);
  if (!pending) return false;
  enter(vectorFor(pending & LINE_FIQ ? VECTOR_FIQ : VECTOR_IRQ), load<u64>(PC));
  return true;
}

/** ERET at EL1. */
export function exceptionReturn(): void {
  const spsr = load<u32>(SPSR);
  const mode = spsr & 0x1f;
  store<u32>(MONITOR_SIZE, 0);
  setNzcv(spsr >> 28);
  store<u32>(DAIF, spsr & DAIF_ALL);
  // EL0t, EL1t and EL1h; everything else, AArch32 among them, is an illegal return.
  if (mode == 0 || mode == 4 || mode == 5) {
    store<u32>(ILLEGAL, (spsr >> 20) & 1);
    switchStack(mode >> 2, mode & 1);
    store<u64>(PC, canonicalPc(load<u64>(ELR)));
    return;
  }
  store<u32>(ILLEGAL, 1);
  store<u64>(PC, load<u64>(ELR));
}

/** Architectural reset with the state that a boot protocol hands over: EL1h, everything masked. */
export function resetState(entry: u64, context: u64): void {
  store<u64>(PC, entry);
  store<u64>(X, context);
  // No instruction is there: the first fault starts a chain.
  store<u64>(LAST_VECTOR, <u64>-1);
  store<u32>(EL, 1);
  store<u32>(SPSEL, 1);
  store<u32>(DAIF, DAIF_ALL);
  setNzcv(0);
}
