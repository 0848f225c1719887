/**
 * The generic timer of EL1 and EL0 (Arm ARM D11). Time is virtual: one executed instruction is one nanosecond, and the
 * counter runs at 62.5 MHz, so it is the instruction count divided by 16. CNTVOFF is zero.
 */

import { LEFT, TIMER, TIMER_COMPARE, TIMER_CONTROL, TIMER_STRIDE, current, fieldOf } from '../state/layout';
import { timerChanged } from './host';

export const VIRTUAL: u32 = 0;
export const PHYSICAL: u32 = 1;

const COUNTER_SHIFT: u64 = 4;
const ENABLE: u32 = 1;
const IMASK: u32 = 2;
const ISTATUS: u32 = 4;

/** Virtual time at the start of the run; outside a run, now. */
let time: u64 = 0;
let budget: u32 = 0;
let running: bool = false;
/** An instruction is at hand that LEFT has already paid for. */
let insideInstruction: u32 = 0;

export function setTime(now: u64): void {
  time = now;
}

export function beginRun(instructions: u32): void {
  budget = instructions;
  store<u32>(LEFT, instructions);
  running = true;
  // A host call that threw has left its instruction unfinished.
  insideInstruction = 0;
}

export function endRun(): void {
  running = false;
  time += executed();
}

/** Brackets an instruction that may look at the time: it happens before the instruction is counted. */
export function beginInstruction(): void {
  insideInstruction = 1;
}
export function endInstruction(): void {
  insideInstruction = 0;
}

/** Instructions executed by the present or else the last run. */
export function executed(): u32 {
  return budget - load<u32>(LEFT) - insideInstruction;
}

export function counter(): u64 {
  return (running ? time + executed() : time) >> COUNTER_SHIFT;
}

function registersOf(vcpu: u32, timer: u32): usize {
  return fieldOf(vcpu, TIMER + <usize>timer * TIMER_STRIDE);
}

function conditionMet(timer: usize): bool {
  return counter() >= load<u64>(timer, TIMER_COMPARE);
}

/** The output line: enabled, not masked, condition met. */
export function output(vcpu: u32, timer: u32): bool {
  const registers = registersOf(vcpu, timer);
  return (load<u32>(registers, TIMER_CONTROL) & (ENABLE | IMASK)) == ENABLE && conditionMet(registers);
}

/** Virtual time at which the output of an enabled timer next rises; infinity if it is up already or never will be. */
export function nextRise(vcpu: u32, timer: u32): f64 {
  const registers = registersOf(vcpu, timer);
  if ((load<u32>(registers, TIMER_CONTROL) & (ENABLE | IMASK)) != ENABLE || conditionMet(registers)) return Infinity;
  return <f64>load<u64>(registers, TIMER_COMPARE) * 16.0;
}

export function readControl(timer: u32): u64 {
  const registers = registersOf(current, timer);
  const control = load<u32>(registers, TIMER_CONTROL);
  return <u64>(control & ENABLE && conditionMet(registers) ? control | ISTATUS : control);
}

export function writeControl(timer: u32, value: u64): void {
  store<u64>(registersOf(current, timer), value & (ENABLE | IMASK), TIMER_CONTROL);
  timerChanged(current);
}

export function readCompare(timer: u32): u64 {
  return load<u64>(registersOf(current, timer), TIMER_COMPARE);
}

export function writeCompare(timer: u32, value: u64): void {
  store<u64>(registersOf(current, timer), value, TIMER_COMPARE);
  timerChanged(current);
}

/** TVAL is the signed 32-bit distance from the counter to the compare value. */
export function readTimerValue(timer: u32): u64 {
  return (readCompare(timer) - counter()) & 0xffffffff;
}

export function writeTimerValue(timer: u32, value: u64): void {
  writeCompare(timer, counter() + <u64>(<i64>(<i32>value)));
}
