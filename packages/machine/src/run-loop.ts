import type { Board } from './board.js';
import type { CompleteConfig } from './config.js';
import { type Core, Exit } from './core/index.js';
import { affinityOf, RAM_BASE } from './memory-map.js';
import { callPsci, code, type PsciHost } from './psci.js';
import type { Scheduler } from './scheduler.js';
import type { GenericTimers } from './timers.js';

/** Why a run came back. After `off`, `reset` and `lockup` the machine stays as it is, and every run says so again. */
export type Outcome =
  /** The virtual time has come, or so much work is done. */
  | { reason: 'time' }
  | { reason: 'off' }
  | { reason: 'reset' }
  | { reason: 'stopped' }
  /** Every vCPU is in WFI and no timer will ring: only input from outside can wake it. */
  | { reason: 'waiting' }
  | { reason: 'lockup'; message: string };

/** What an entry into the guest, or a skip of idle time, adds to the work of a run, in instructions. */
const WORK_OF_A_SLICE = 100;
/** Entries into the guest without one instruction executed that are one too many: the core would never go on. */
const PATIENCE = 64;
const NOBODY = -1;

/** What runs. */
export interface RunningParts {
  readonly config: CompleteConfig;
  readonly core: Core;
  readonly board: Board;
  readonly scheduler: Scheduler;
  readonly timers: GenericTimers;
}

/**
 * Runs the vCPUs in turn, in slices: until the vCPU's turn is over, something happens by itself, or the guest needs something
 * done. Keeps virtual time, which is the number of instructions executed plus the idle time skipped.
 */
export class RunLoop {
  /** How the machine has ended. */
  ended: Outcome | null = null;
  readonly #parts: RunningParts;
  readonly #psci: PsciHost;
  #time = 0;
  /** A vCPU executes. */
  #executing = false;
  #stopRequested = false;
  /** Virtual time at which the present slice ends at the latest. */
  #sliceEnd = 0;
  /** Virtual time of the next thing that happens by itself; 0 when it has to be found out anew. */
  #nextEvent = 0;
  #fruitless = 0;
  /** What something of the owner's has thrown: it goes on to the caller of `run` when the instruction is over. */
  #thrown: { error: unknown } | undefined;

  constructor(parts: RunningParts) {
    this.#parts = parts;
    this.#psci = this.#psciHost();
  }

  /** Virtual time, also in the middle of a slice. */
  get time(): number {
    return this.#executing ? this.#time + this.#parts.core.executed : this.#time;
  }

  /** Whether this is a callback of a run. */
  get isExecuting(): boolean {
    return this.#executing;
  }

  setTime(time: number): void {
    this.#time = time;
    this.#parts.core.setTime(time);
  }

  /** Runs until that virtual time, or until so much work is done. */
  run(until: number, work: number): Outcome {
    this.#stopRequested = false;
    try {
      return this.#runUntil(until, work);
    } finally {
      this.#parts.board.entry.leave();
    }
  }

  /** From a callback: the run comes back after the present instruction, with `stopped`. */
  stop(): void {
    this.#stopRequested = true;
    if (this.#executing) this.#parts.core.stop();
  }

  /** Something may happen earlier than was known when the slice was measured: at `event`. */
  reschedule(event: number): void {
    this.#nextEvent = 0;
    if (this.#executing && event < this.#sliceEnd) this.#parts.core.stop();
  }

  /** Calls what the machine's owner has given; an error ends the run. */
  callOut(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#thrown = { error };
      this.stop();
    }
  }

  #runUntil(until: number, work: number): Outcome {
    const { board, scheduler } = this.#parts;
    for (let left = work; ; left -= WORK_OF_A_SLICE) {
      // Also before coming back: what is due at this moment belongs to this moment, whoever looks at it.
      if (this.#time >= this.#nextEvent) this.#fireDue();
      if (this.#thrown) {
        const { error } = this.#thrown;
        this.#thrown = undefined;
        throw error;
      }
      if (this.ended) return this.ended;
      if (this.#stopRequested) return { reason: 'stopped' };
      if (this.#time >= until || left <= 0) return { reason: 'time' };
      const event = this.#nextEvent;
      const vcpu = scheduler.next((candidate) => board.gic.hasPending(candidate));
      if (vcpu !== NOBODY) {
        const began = this.#time;
        this.#runSlice(vcpu, Math.min(scheduler.remaining, until - began, event - began, left));
        left -= this.#time - began;
      } else if (scheduler.allOff) {
        this.ended = {
          reason: 'lockup',
          message: 'Every vCPU has switched itself off by PSCI CPU_OFF: none is left to run.',
        };
      } else if (event === Number.POSITIVE_INFINITY) return { reason: 'waiting' };
      else this.setTime(Math.min(event, until));
    }
  }

  /** Does everything that is due by now, and finds out what is next. */
  #fireDue(): void {
    const { board, timers } = this.#parts;
    const ofDevices = board.advance(this.#time);
    const next = Math.min(ofDevices, timers.advance());
    // What was due has been done: an event that still names this moment is not to stop time.
    this.#nextEvent = Math.max(next, this.#time + 1);
  }

  #runSlice(vcpu: number, budget: number): void {
    const { core, board, scheduler, timers } = this.#parts;
    const start = scheduler.takeStart(vcpu);
    if (start) {
      core.reset(vcpu, start.entry, start.context);
      timers.update(vcpu);
      this.#nextEvent = 0;
    }
    this.#sliceEnd = this.#time + budget;
    board.entry.enter(vcpu);
    this.#executing = true;
    const exit = core.run(vcpu, budget);
    const executed = core.executed;
    this.#executing = false;
    if (exit !== Exit.Budget && exit !== Exit.Stopped) board.entry.leave(exit === Exit.WaitForInterrupt);
    scheduler.spend(executed);
    this.setTime(this.#time + executed);
    this.#fruitless = executed === 0 ? this.#fruitless + 1 : 0;
    this.#handleExit(vcpu, exit);
  }

  #handleExit(vcpu: number, exit: Exit): void {
    const { core, scheduler } = this.#parts;
    if (exit === Exit.WaitForInterrupt) scheduler.wait(vcpu);
    else if (exit === Exit.Yield) scheduler.endTurn();
    else if (exit === Exit.Hypercall) {
      const result = callPsci(this.#psci, vcpu, (n) => core.readRegister(vcpu, n));
      if (result !== undefined) core.writeRegister(vcpu, 0, result);
    } else if (exit === Exit.SecureCall) {
      // There is no EL3 behind SMC; like KVM, the board answers it as an unknown function.
      core.writeRegister(vcpu, 0, code('NOT_SUPPORTED'));
    } else if (exit === Exit.Lockup) this.ended = { reason: 'lockup', message: this.#lockupMessage(vcpu) };
    else if (this.#fruitless > PATIENCE) {
      const at = core.pc(vcpu).toString(16);
      this.ended = { reason: 'lockup', message: `vCPU ${vcpu} does not get beyond its instruction at 0x${at}.` };
    }
  }

  #lockupMessage(vcpu: number): string {
    const { core } = this.#parts;
    const report = core.lockup;
    if (!report) return `vCPU ${vcpu} locked up at 0x${core.pc(vcpu).toString(16)}.`;
    const instruction = (report.instruction >>> 0).toString(16).padStart(8, '0');
    return `vCPU ${report.vcpu} locked up at PC 0x${report.pc.toString(16)}, instruction 0x${instruction}: ${report.reason}`;
  }

  #psciHost(): PsciHost {
    const { config, board, scheduler, timers } = this.#parts;
    const end = (reason: 'off' | 'reset') => {
      this.ended = { reason };
    };
    return {
      vcpus: config.vcpus,
      affinity: (vcpu) => BigInt(affinityOf(vcpu)),
      power: (vcpu) => scheduler.power(vcpu),
      isExecutable: (address) =>
        address % 4n === 0n && address >= BigInt(RAM_BASE) && address < BigInt(RAM_BASE + config.memory),
      powerOn: (vcpu, entry, context) => scheduler.powerOn(vcpu, { entry, context }),
      powerOff: (vcpu) => {
        scheduler.powerOff(vcpu);
        timers.update(vcpu);
      },
      wait: (vcpu) => {
        scheduler.wait(vcpu);
        board.passthrough?.askForDoorbell(vcpu);
      },
      systemOff: () => end('off'),
      systemReset: () => end('reset'),
    };
  }
}
