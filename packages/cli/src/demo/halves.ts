import { Machine, type Outcome, type Program } from '@vgic/machine';
import { readSnapshot, writeSnapshot } from '@vgic/machine/node';
import { type Census, census } from 'vgic';
import { Refusal, STATUS } from '../refusal.js';
import { TextWatch } from '../text-watch.js';

/** The line that the guest prints when it has arranged every state. */
const EVERY_STATE = 'every state at once';
/** The states that the census must show at one and the same moment. */
export const STATES = [
  'pending',
  'active',
  'activePending',
  'latched',
  'lineHigh',
  'queued',
] as const satisfies readonly (keyof Census)[];

/** The guest gets this much virtual time to come to its end. A run takes a fraction of it. */
const LIMIT = 60_000_000_000;
/** How long after its line the guest keeps every state up, and the steps in which to look for the moment. */
const PLATEAU = 1_500_000;
const STEP = 1_000;

/** What each of the two processes tells. */
export interface Half {
  pid: number;
  /** What the guest printed in it. */
  console: string;
  /** Virtual time at its end. */
  time: number;
  /** The GIC at the moment of the save, as this process has it. */
  atSave: Census;
  /** Wall clock, in milliseconds. */
  milliseconds: number;
}

/** Boots the guest, runs to the moment when every state is there at once, saves the machine to `path`. */
export function firstHalf(program: Program, path: string): Half {
  const started = performance.now();
  const machine = new Machine({ vcpus: 4, memory: 128 * 2 ** 20, gic: 3 });
  machine.load(program);
  const console: number[] = [];
  const watch = new TextWatch(EVERY_STATE);
  machine.onConsoleOutput = (byte) => {
    console.push(byte);
    if (watch.see(byte)) machine.stop();
  };
  runTo(machine, LIMIT, 'stopped', console);
  const end = machine.time + PLATEAU;
  let atSave = census(machine.gic);
  while (!STATES.every((state) => atSave[state] > 0)) {
    if (machine.time >= end)
      throw new Refusal(`The guest never had every state at once: ${JSON.stringify(atSave)}.`, STATUS.failed);
    runTo(machine, machine.time + STEP, 'time', console);
    atSave = census(machine.gic);
  }
  writeSnapshot(path, machine);
  return half(machine, console, atSave, started);
}

/** Restores the machine and lets the guest come to its end. */
export function secondHalf(path: string): Half {
  const started = performance.now();
  const machine = readSnapshot(path);
  const console: number[] = [];
  machine.onConsoleOutput = (byte) => console.push(byte);
  const atSave = census(machine.gic);
  runTo(machine, machine.time + LIMIT, 'off', console);
  return half(machine, console, atSave, started);
}

function half(machine: Machine, console: number[], atSave: Census, started: number): Half {
  const { time } = machine;
  return { pid: process.pid, console: textOf(console), time, atSave, milliseconds: performance.now() - started };
}

function runTo(machine: Machine, until: number, wanted: Outcome['reason'], console: number[]): void {
  const outcome = machine.run(until);
  if (outcome.reason === wanted) return;
  const how = outcome.reason === 'lockup' ? outcome.message : `It came to "${outcome.reason}" instead of "${wanted}".`;
  throw new Refusal(
    `The guest did not come to its end. ${how} Its last words: ${textOf(console.slice(-300))}`,
    STATUS.failed,
  );
}

function textOf(bytes: number[]): string {
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
