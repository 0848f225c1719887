import type { Machine } from '../machine.js';
import type { Outcome } from '../run-loop.js';
import { type Clock, systemClock } from './clock.js';
import { Listeners } from './listeners.js';

/** Milliseconds that the guest has for a turn, unless told: a page draws its next picture after 16. */
const BUDGET = 10;
/** Virtual time of a turn, unless told: after it output goes out and input comes in. */
const SLICE = 5_000_000;
/** Work of the machine between two looks at the clock, in instructions: a millisecond or two when each of them is slow. */
const WORK = 10_000;
/** How far, in virtual time, a guest whose time goes as the clock does may be ahead of it at any moment. */
const LEAD = 5_000_000;
/** A guest that is this much (ms) behind the clock is not hurried to catch up. */
const LARGEST_LAG = 100;

/** The time between two turns of the guest has come. */
export interface Turn {
  /** How the guest's run came back; undefined when it stands. */
  readonly outcome: Outcome | undefined;
  /** Milliseconds that it ran for. */
  readonly milliseconds: number;
  /** Milliseconds from now on for which it is held back, see `Runner.throttle`. */
  readonly held: number;
}

/** What can be listened to, with what a listener is told. */
export type RunnerEvents = {
  /** A byte on the guest's console, at the instruction that sent it: to `stop` or `pause` here leaves the guest right behind it. */
  byte: [byte: number];
  /** What the guest has printed in a turn. */
  output: [bytes: Uint8Array];
  /** The guest's turn is over. While the guest stands, or waits for input, this comes when somebody wakes the runner. */
  turn: [turn: Turn];
  /** The guest was reset, and goes on in this machine. */
  reboot: [machine: Machine];
  /** The machine has come to an end: `off`, `lockup`, or `reset` when nobody can build it anew. */
  ended: [outcome: Outcome];
};

/** `stopped` is also before the first start. A guest that waits for input is `running`. */
export type RunnerState = 'stopped' | 'running' | 'paused' | 'ended';

export interface RunnerOptions {
  /** The clock of the page, the worker or the process, unless told. */
  clock?: Clock;
  /** Milliseconds after which a turn is over, 10 unless told. A turn takes longer by one look at the clock at the most. */
  budget?: number;
  /** Virtual time after which a turn is over, in nanoseconds; 5 ms unless told. */
  slice?: number;
  /** Virtual time is to go no faster than the clock. */
  pace?: boolean;
  /** The guest is to stand until `resume`. */
  paused?: boolean;
  /** Builds the machine that goes on when the guest asks for a reset; without it a reset is an end. */
  reboot?: (() => Machine) | undefined;
}

/**
 * Runs a machine in turns, between which other events have theirs: in a page, a worker or Node. How the run is cut
 * changes nothing of what the guest does. The runner has the machine's console output: listen to the runner instead.
 */
export class Runner {
  budget: number;
  slice: number;
  readonly #clock: Clock;
  readonly #reboot: (() => Machine) | undefined;
  readonly #listeners = new Listeners<RunnerEvents>();
  #machine!: Machine;
  #started = false;
  #paused: boolean;
  #stopping = false;
  #ended = false;
  #pace: boolean;
  #throttle = 0;
  /** Clock minus virtual time, in milliseconds, while the guest is neither ahead nor behind. */
  #offset = 0;
  /** By the clock: the guest is held back until then. */
  #heldUntil = 0;
  #printed: number[] = [];
  /** What listeners still do. */
  #pending: Promise<unknown>[] = [];
  /** The first error of a listener. */
  #failure: { error: unknown } | undefined;
  /** Something has happened since the last turn began. */
  #woken = false;
  #endSleep: () => void = () => {};

  constructor(machine: Machine, options: RunnerOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.budget = options.budget ?? BUDGET;
    this.slice = options.slice ?? SLICE;
    this.#pace = options.pace ?? false;
    this.#paused = options.paused ?? false;
    this.#reboot = options.reboot;
    this.#take(machine);
  }

  /** The machine that runs; another one after a reboot. */
  get machine(): Machine {
    return this.#machine;
  }

  get state(): RunnerState {
    if (this.#started) return this.#paused ? 'paused' : 'running';
    return this.#ended ? 'ended' : 'stopped';
  }

  /** The guest stands until `resume`, or will from the start on. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Listens to an event; the answer ends that. The guest goes on when the promises of all listeners are fulfilled. When
   * one throws or rejects, the others are still told, the machine stops, and `start` rejects with the error.
   */
  on<Name extends keyof RunnerEvents>(name: Name, listener: (...args: RunnerEvents[Name]) => unknown): () => void {
    return this.#listeners.on(name, listener);
  }

  /**
   * Runs the machine from here on; the first turn comes after the events that wait. Comes back with the machine's end,
   * with `stopped` after `stop`, or with `time` when the virtual time `until` has come. Rejects with what a listener or
   * something else of the owner's has thrown; the machine then stands between two instructions and can be started again.
   */
  async start(until: number = Number.POSITIVE_INFINITY): Promise<Outcome> {
    if (this.#started) throw new Error('This machine is running already.');
    this.#started = true;
    this.#stopping = false;
    this.#failure = undefined;
    this.#heldUntil = 0;
    try {
      await this.#sleep(0);
      return await this.#run(until);
    } finally {
      this.#started = false;
    }
  }

  /** The run is over after the present instruction; without a run nothing happens. */
  stop(): void {
    if (!this.#started) return;
    this.#stopping = true;
    this.#machine.stop();
    this.wake();
  }

  /** The guest stands after the present instruction, until `resume`. No virtual time passes. */
  pause(): void {
    this.#paused = true;
    this.#machine.stop();
  }

  resume(): void {
    this.#paused = false;
    this.wake();
  }

  /** Something has come for the guest, or for a listener: a wait for it is over. */
  wake(): void {
    this.#woken = true;
    this.#endSleep();
  }

  /** Types bytes at the guest's console. */
  sendConsoleInput(bytes: Uint8Array): void {
    this.#machine.sendConsoleInput(bytes);
    this.wake();
  }

  /** Virtual time goes no faster than the clock. It may be behind: a guest that is slow is not hurried afterwards. */
  get pace(): boolean {
    return this.#pace;
  }

  set pace(pace: boolean) {
    if (pace && !this.#pace) this.#synchronise();
    this.#pace = pace;
  }

  /** The part of the clock's time, from 0 to below 1, in which the guest is held back. It can't notice. */
  get throttle(): number {
    return this.#throttle;
  }

  set throttle(part: number) {
    if (!(part >= 0 && part < 1)) throw new RangeError(`A guest cannot be held back for ${part} of the time.`);
    this.#throttle = part;
  }

  #take(machine: Machine): void {
    this.#machine = machine;
    this.#synchronise();
    machine.onConsoleOutput = (byte) => {
      this.#printed.push(byte);
      this.#tell('byte', byte);
    };
  }

  /** The guest is neither ahead of the clock nor behind it. */
  #synchronise(): void {
    this.#offset = this.#clock.now() - this.#machine.time / 1e6;
  }

  async #run(until: number): Promise<Outcome> {
    this.#synchronise();
    while (!this.#stopping) {
      const turn = this.#turn(until);
      this.#tell('turn', turn);
      await this.#listenersDone();
      const { outcome } = turn;
      const resets = outcome?.reason === 'reset' && this.#reboot !== undefined;
      if (outcome && !resets && isEnd(outcome)) {
        this.#started = false;
        this.#ended = true;
        this.#tell('ended', outcome);
        await this.#listenersDone();
        return outcome;
      }
      if (this.#stopping) break;
      if (outcome && this.#machine.time >= until) return { reason: 'time' };
      if (resets) {
        this.#take(this.#reboot!());
        this.#tell('reboot', this.#machine);
        await this.#listenersDone();
      }
      await this.#rest(outcome);
    }
    return { reason: 'stopped' };
  }

  /** The guest's turn, if it may run: many small runs, with a look at the clock after each. */
  #turn(until: number): Turn {
    this.#woken = false;
    if (this.#paused) return { outcome: undefined, milliseconds: 0, held: 0 };
    const machine = this.#machine;
    const began = this.#clock.now();
    const latest = this.#pace ? (began - this.#offset) * 1e6 + LEAD : Number.POSITIVE_INFINITY;
    const limit = Math.floor(Math.min(until, machine.time + this.slice, Math.max(latest, machine.time)));
    let outcome: Outcome;
    let milliseconds = 0;
    try {
      do {
        outcome = machine.run(limit, WORK);
        milliseconds = this.#clock.now() - began;
      } while (outcome.reason === 'time' && machine.time < limit && milliseconds < this.budget);
    } finally {
      if (this.#printed.length > 0) this.#tell('output', Uint8Array.from(this.#printed.splice(0)));
    }
    const held = (milliseconds * this.#throttle) / (1 - this.#throttle);
    this.#heldUntil = began + milliseconds + held;
    return { outcome, milliseconds, held };
  }

  /** The other events' turn; as long as it takes until the guest may go on. */
  async #rest(outcome: Outcome | undefined): Promise<void> {
    const stands = this.#paused || outcome === undefined || outcome.reason === 'waiting';
    while (!this.#stopping && this.#clock.now() < this.#heldUntil) {
      await this.#sleep(this.#heldUntil - this.#clock.now());
    }
    const wait = stands ? Number.POSITIVE_INFINITY : this.#ahead();
    await this.#sleep(this.#woken ? 0 : wait);
    // However long that took, no virtual time has passed meanwhile.
    if (stands) this.#synchronise();
  }

  /** Milliseconds by which virtual time is ahead of a clock that it must not outrun. */
  #ahead(): number {
    if (!this.#pace) return 0;
    const ahead = this.#machine.time / 1e6 + this.#offset - this.#clock.now();
    if (ahead < -LARGEST_LAG) this.#offset -= ahead;
    return ahead;
  }

  /** Lets other events have their turn, until the time has passed or something happens. */
  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#endSleep = () => {};
        callOff();
        resolve();
      };
      this.#endSleep = end;
      const callOff = this.#clock.after(milliseconds, end);
    });
  }

  #tell<Name extends keyof RunnerEvents>(name: Name, ...args: RunnerEvents[Name]): void {
    const failed = (error: unknown) => {
      this.#failure ??= { error };
      this.stop();
    };
    this.#pending.push(...this.#listeners.tell(name, failed, ...args));
  }

  /** Waits for what listeners do; throws the first of their errors. */
  async #listenersDone(): Promise<void> {
    while (this.#pending.length > 0) await Promise.all(this.#pending.splice(0));
    if (this.#failure) throw this.#failure.error;
  }
}

function isEnd({ reason }: Outcome): boolean {
  return reason === 'off' || reason === 'reset' || reason === 'lockup';
}
