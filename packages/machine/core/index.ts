/** What the WebAssembly module exports. The TypeScript wrapper in src/core is its only user. */

import { pstate as pstateOf, resetState, takeIllegalState, takeInterrupt } from './execute/exceptions';
import { execute } from './execute/execute';
import { fetch } from './execute/fetch';
import { setGicSystemRegisters, valueOf } from './execute/system-registers';
import {
  beginRun,
  endRun,
  executed as executedInstructions,
  nextRise,
  output,
  setTime as setTimeTo,
} from './execute/timer';
import { FPCR_BITS, FPSR_BITS } from './floating-point/status';
import { fillCrcTables } from './integer/crc';
import { fillConditions, nzcv, setNzcv } from './integer/flags';
import { dropAllCode, dropCode } from './memory/code';
import { clearDirtyLog, markDirty, setLogging } from './memory/dirty';
import { instructionWord } from './memory/mmu';
import { clearEmptyBank, codeBank, dataBank, emptyBank, flushAll, flushVcpu, spMisaligned } from './memory/tlb';
import { EXIT_BUDGET, EXIT_LOCKUP, EXIT_STOPPED, NO_EXIT, exitReason, exitWith } from './state/exit';
import {
  CNTFRQ,
  CONTEXT_USED,
  CURRENT,
  DAIF,
  EL,
  FAULT_PC,
  FLAG_C,
  FPCR,
  FPSR,
  HIGH,
  ILLEGAL,
  LEFT,
  LINES,
  LOCKED,
  MAX_VCPUS,
  MONITOR_SIZE,
  PC,
  REFUSED,
  SCTLR,
  SINK,
  SP,
  SPSEL,
  SP_EL0,
  ZERO_SLOT,
  contextOf,
  current,
  dirtyLog,
  fieldOf,
  layOut,
  ram,
  ramSize,
  select,
} from './state/layout';
import { SP_EL0_ENCODING, fillRegisterIndex, registerRow } from './state/registers';

/** SCTLR_EL1 at reset: MMU and caches off, SP alignment checks on, WFI and WFE of EL0 not trapped; RES1 bits. */
const SCTLR_RESET: u64 = 0x30d50838;
const COUNTER_HZ: u64 = 62500000;

/** Sizes are in bytes. False when the memory cannot be had. */
export function init(vcpuCount: u32, ramBase: f64, ramSize: f64, gicSystemRegisters: bool): bool {
  if (vcpuCount < 1 || vcpuCount > MAX_VCPUS) return false;
  if (!layOut(vcpuCount, <u64>ramBase, <u64>ramSize)) return false;
  setGicSystemRegisters(gicSystemRegisters);
  fillConditions();
  fillCrcTables();
  fillRegisterIndex();
  clearEmptyBank();
  flushAll();
  for (let vcpu: u32 = 0; vcpu < vcpuCount; vcpu++) reset(vcpu, 0, 0, 0, 0);
  return true;
}

export function ramAddress(): usize {
  return ram;
}
export function dirtyLogAddress(): usize {
  return dirtyLog;
}
export function highAddress(): usize {
  return HIGH;
}
export function contextAddress(vcpu: u32): usize {
  return contextOf(vcpu);
}
export function contextBytes(): u32 {
  return <u32>CONTEXT_USED;
}

/** Runs a vCPU for at most `budget` instructions; returns the exit reason. */
export function run(vcpu: u32, budget: u32): u32 {
  select(vcpu);
  exitWith(NO_EXIT);
  beginRun(budget);
  while (true) {
    if (load<u32>(LOCKED)) exitWith(EXIT_LOCKUP);
    if (exitReason != NO_EXIT) break;
    if (load<u32>(LEFT) == 0) {
      exitWith(EXIT_BUDGET);
      break;
    }
    if (takeInterrupt()) continue;
    if (load<u32>(ILLEGAL)) {
      takeIllegalState(load<u64>(PC));
      continue;
    }
    const first = fetch();
    if (!first) continue;
    const el = load<u32>(EL);
    execute(first, spMisaligned() ? emptyBank() : dataBank(current, el), codeBank(current, el));
  }
  endRun();
  return exitReason;
}

export function executed(): u32 {
  return executedInstructions();
}
export function stop(): void {
  exitWith(EXIT_STOPPED);
}
export function refuse(): void {
  store<u32>(REFUSED, 1);
}
export function setLines(vcpu: u32, lines: u32): void {
  store<u32>(fieldOf(vcpu, LINES), lines);
}
export function setTime(time: f64): void {
  setTimeTo(<u64>time);
}
export function timerOutput(vcpu: u32, timer: u32): bool {
  return output(vcpu, timer);
}
export function nextTimer(vcpu: u32): f64 {
  return Math.min(nextRise(vcpu, 0), nextRise(vcpu, 1));
}

export function reset(vcpu: u32, entryLow: u32, entryHigh: u32, contextLow: u32, contextHigh: u32): void {
  borrow(vcpu);
  const lines = load<u32>(LINES);
  memory.fill(CURRENT, 0, CONTEXT_USED);
  store<u32>(LINES, lines);
  store<u64>(SCTLR, SCTLR_RESET);
  store<u64>(CNTFRQ, COUNTER_HZ);
  resetState(<u64>entryLow | (<u64>entryHigh << 32), <u64>contextLow | (<u64>contextHigh << 32));
  flushVcpu(vcpu);
  giveBack();
}

/** The vCPU to go back to after a look at another: the host may ask in the middle of a run. */
let selected: u32 = 0;

function borrow(vcpu: u32): void {
  selected = current;
  select(vcpu);
}

function giveBack(): void {
  select(selected);
}

/** Makes the bytes of a context independent of how they came about, so that equal states are equal bytes. */
export function normalise(vcpu: u32): void {
  borrow(vcpu);
  setNzcv(nzcv());
  store<u64>(SINK, 0);
  giveBack();
}

/** After the bytes of a context were written: false, and the vCPU reset, when they are no possible state. */
export function adopt(vcpu: u32): bool {
  borrow(vcpu);
  flushVcpu(vcpu);
  const monitor = load<u32>(MONITOR_SIZE);
  const possible =
    load<u32>(EL) <= 1 &&
    load<u32>(SPSEL) <= load<u32>(EL) &&
    (load<u32>(DAIF) & ~0x3c0) == 0 &&
    load<u32>(ILLEGAL) <= 1 &&
    (load<u32>(LINES) & ~0xc0) == 0 &&
    load<u32>(LOCKED) <= 1 &&
    load<u32>(FLAG_C) <= 1 &&
    load<u64>(CURRENT + ZERO_SLOT) == 0 &&
    (load<u32>(FPCR) & ~FPCR_BITS) == 0 &&
    (load<u32>(FPSR) & ~FPSR_BITS) == 0 &&
    monitor <= 16 &&
    (monitor & (monitor - 1)) == 0;
  // A reset keeps the lines: these are not to be kept.
  if (!possible) store<u32>(LINES, 0);
  giveBack();
  if (!possible) reset(vcpu, 0, 0, 0, 0);
  return possible;
}

export function instructionAt(vcpu: u32, low: u32, high: u32): u32 {
  borrow(vcpu);
  const word = instructionWord(<u64>low | (<u64>high << 32));
  giveBack();
  return word;
}

export function pstate(vcpu: u32): u32 {
  borrow(vcpu);
  const value = pstateOf();
  giveBack();
  return value;
}

/** Low half of a system register of the table, high half in HIGH; `known` says whether there is one. */
export function systemRegister(vcpu: u32, encoding: u32): u32 {
  borrow(vcpu);
  // The MRS of SP_EL0 is undefined while SP_EL0 is selected; here it is simply SP then.
  const value =
    encoding == SP_EL0_ENCODING ? load<u64>(load<u32>(SPSEL) ? SP_EL0 : SP) : valueOf(registerRow(encoding));
  giveBack();
  store<u32>(HIGH, <u32>(value >> 32));
  return <u32>value;
}
export function knowsSystemRegister(encoding: u32): bool {
  return encoding < 0x10000 && registerRow(encoding) >= 0;
}

/** The host wrote RAM, or a device did: no code decoded before counts there, and the dirty log has the pages. */
export function ramChanged(offset: u32, length: u32): void {
  const end = min<u64>(<u64>offset + length, ramSize);
  const isMost = end - offset >= ramSize >> 1;
  if (isMost) dropAllCode();
  let at = <u64>offset;
  while (at < end) {
    const count = min<u64>(0x1000 - (at & 0xfff), end - at);
    if (!isMost) dropCode(<u32>at, <u32>count);
    markDirty(<u32>at);
    at += count;
  }
}

export function enableDirtyLog(on: bool): void {
  setLogging(on);
}
export function clearDirty(): void {
  clearDirtyLog();
}

/** Where in a context the record of the first fault is: PC, address, syndrome, instruction word. */
export function faultOffset(): u32 {
  return <u32>(FAULT_PC - CURRENT);
}
export function pcOffset(): u32 {
  return <u32>(PC - CURRENT);
}
