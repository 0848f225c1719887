import { type Machine, type Outcome, SnapshotError } from '@vgic/machine';
import { writeSnapshot } from '@vgic/machine/node';
import type { ControlServer } from './control/server.js';
import { Steering } from './control/steering.js';
import type { Forwarding } from './forwarding.js';
import { Refusal, STATUS } from './refusal.js';
import type { SaveRequest } from './save-request.js';
import { Terminal } from './terminal.js';
import { TextWatch } from './text-watch.js';
import { formatTime } from './values.js';

/** Virtual time of a slice, after which output goes out and input comes in. */
const SLICE = 5_000_000;
/** The same while the guest is migrated, in turn with its slices. */
const MIGRATING_SLICE = 1_000_000;
/** A guest that is this much (ms) behind the clock is not hurried to catch up. */
const LARGEST_LAG = 100;
/** Milliseconds to look again for input while the guest can do nothing without. */
const IDLE = 1000;

export interface SessionOptions {
  /** Builds the machine anew for PSCI SYSTEM_RESET; without it a reset ends the session. */
  restart?: (() => Machine) | undefined;
  save?: SaveRequest | undefined;
  /** Ports of this computer that lead to the guest. */
  forwarding: Forwarding;
  /** Who may say what is to be done with the guest. */
  control?: ControlServer | undefined;
  /** The guest is not to run until it is told to. */
  paused?: boolean | undefined;
  /** Virtual time is to go no faster than the clock, whoever is at the console. */
  pace?: boolean | undefined;
}

/** Runs a guest with its console on the terminal, until it ends, is saved, has moved, or the person at the terminal quits. */
export class Session {
  #machine: Machine;
  readonly #restart: (() => Machine) | undefined;
  readonly #save: SaveRequest | undefined;
  readonly #forwarding: Forwarding;
  readonly #terminal: Terminal;
  readonly #steering: Steering;
  /** Typed while the machine is being handed over: whom it is for is not known yet. */
  #typed: Uint8Array[] = [];
  #watch: TextWatch | undefined;
  /** The text to wait for has been printed. */
  #seen = false;
  /** Virtual time goes no faster than the clock: always, */
  readonly #pace: boolean;
  /** and now. */
  #paced = false;
  /** Wall clock minus virtual time, in milliseconds. */
  #offset = 0;

  constructor(machine: Machine, { restart, save, control, forwarding, paused = false, pace = false }: SessionOptions) {
    this.#machine = machine;
    this.#restart = restart;
    this.#save = save;
    this.#pace = pace;
    this.#forwarding = forwarding;
    forwarding.onActivity = () => this.#terminal.wake();
    this.#terminal = new Terminal({
      input: (bytes) => this.#input(bytes),
      unread: () => this.#machine.unreadConsoleInput,
    });
    const session = this;
    this.#steering = new Steering(
      {
        get machine() {
          return session.#machine;
        },
        wake: () => this.#terminal.wake(),
      },
      paused,
    );
    control?.putInCharge(this.#steering);
    if (paused) process.stderr.write('The guest stands until "resume" comes over the control socket.\n');
    if (save?.at !== undefined && save.at < machine.time) {
      throw new Refusal(
        `The machine is at ${formatTime(machine.time)} already; it cannot be saved at ${formatTime(save.at)}.`,
      );
    }
  }

  /** Comes back when the guest has ended well or has been saved; throws Refusal otherwise. */
  async run(): Promise<void> {
    try {
      await this.#forwarding.open();
      this.#terminal.open();
      this.#attach();
      while (!(await this.#step()));
    } finally {
      this.#forwarding.close();
      await this.#terminal.flush();
      this.#terminal.close();
      this.#steering.close();
    }
  }

  /** Where the guest has gone, when it has moved. */
  get gone(): string | undefined {
    return this.#steering.gone;
  }

  #input(bytes: Uint8Array): void {
    if (this.#steering.handingOver) this.#typed.push(bytes);
    else this.#machine.sendConsoleInput(bytes);
  }

  #attach(): void {
    this.#watch = this.#save?.on === undefined ? undefined : new TextWatch(this.#save.on);
    this.#offset = performance.now() - this.#machine.time / 1e6;
    this.#forwarding.attach(this.#machine);
    this.#machine.onConsoleOutput = (byte) => {
      this.#terminal.send(byte);
      if (this.#watch?.see(byte)) {
        this.#seen = true;
        this.#machine.stop();
      }
    };
  }

  /** One slice; true when the session is over. */
  async #step(): Promise<boolean> {
    const steering = this.#steering;
    if (steering.quit || steering.gone !== undefined) return true;
    if (!steering.handingOver) for (const bytes of this.#typed.splice(0)) this.#machine.sendConsoleInput(bytes);
    if (!steering.guestMayRun) return this.#stand();
    const machine = this.#machine;
    const began = performance.now();
    const slice = steering.migrating ? MIGRATING_SLICE : SLICE;
    const outcome = machine.run(Math.min(machine.time + slice, this.#save?.at ?? Number.POSITIVE_INFINITY));
    const ran = performance.now() - began;
    await this.#terminal.flush();
    this.#checkOutput();
    if (this.#terminal.outputError || this.#terminal.quit) return true;
    if (this.#save && (this.#seen || machine.time === this.#save.at)) {
      this.#write(this.#save.path);
      return true;
    }
    const cut = outcome.reason === 'time' || outcome.reason === 'stopped';
    if (cut || outcome.reason === 'waiting') await steering.turn(ran);
    if (!steering.guestMayRun) return this.#terminal.quit;
    if (cut) {
      await this.#terminal.listen(this.#ahead());
    } else if (outcome.reason === 'waiting') {
      await this.#awaitInput();
    } else return this.#end(outcome);
    return this.#terminal.quit;
  }

  /** The guest stands: it is paused, or handed over. */
  async #stand(): Promise<boolean> {
    if (this.#steering.migrating) await this.#steering.turn(0);
    await this.#terminal.listen(this.#steering.migrating ? 0 : IDLE);
    // No virtual time has passed meanwhile.
    this.#offset = performance.now() - this.#machine.time / 1e6;
    return this.#terminal.quit;
  }

  /** A reader that has gone away has had enough; a full disk is a failure. */
  #checkOutput(): void {
    const error = this.#terminal.outputError;
    if (!error || error.code === 'EPIPE') return;
    throw new Refusal(`The console's output cannot be written: ${error.code ?? error.message}.`, STATUS.failed);
  }

  /** The guest has come to an end by itself. */
  #end(outcome: Outcome): boolean {
    const time = formatTime(this.#machine.time);
    const ends = { off: 'has switched itself off', reset: 'has been reset', lockup: 'has locked up' };
    if (outcome.reason in ends) this.#steering.machineEnds(`The guest ${ends[outcome.reason as keyof typeof ends]}.`);
    if (outcome.reason === 'lockup') throw new Refusal(outcome.message, STATUS.failed);
    if (outcome.reason === 'off') {
      if (!this.#save) return true;
      const missed =
        this.#save.on === undefined ? formatTime(this.#save.at!) : `it printed ${JSON.stringify(this.#save.on)}`;
      throw new Refusal(
        `The guest switched itself off at ${time}, before ${missed}: nothing was saved.`,
        STATUS.failed,
      );
    }
    if (!this.#restart) {
      throw new Refusal(
        `The guest asked for a reset at ${time}; a snapshot has no images to restart from.`,
        STATUS.failed,
      );
    }
    this.#machine = this.#restart();
    this.#attach();
    return false;
  }

  async #awaitInput(): Promise<void> {
    const { at } = this.#save ?? {};
    if (at !== undefined) {
      throw new Refusal(
        `Every vCPU waits for console input from ${formatTime(this.#machine.time)} on: ${formatTime(at)} never comes, nothing was saved.`,
        STATUS.failed,
      );
    }
    if (this.#terminal.inputEnded && this.#machine.hostConnections === 0 && !this.#forwarding.listens) {
      throw new Refusal('Every vCPU waits for console input, which has ended: the guest cannot go on.', STATUS.failed);
    }
    await this.#terminal.listen(this.#steering.migrating ? 0 : IDLE);
    // No virtual time has passed, however long the person took.
    this.#offset = performance.now() - this.#machine.time / 1e6;
  }

  /** Milliseconds by which virtual time is ahead of the clock; without `pace` only people and other computers are waited for. */
  #ahead(): number {
    const paced = this.#pace || this.#terminal.interactive || this.#machine.hostConnections > 0;
    if (paced && !this.#paced) this.#offset = performance.now() - this.#machine.time / 1e6;
    this.#paced = paced;
    if (!paced) return 0;
    const ahead = this.#machine.time / 1e6 + this.#offset - performance.now();
    if (ahead < -LARGEST_LAG) this.#offset -= ahead;
    return ahead;
  }

  #write(path: string): void {
    try {
      writeSnapshot(path, this.#machine);
    } catch (error) {
      if (error instanceof SnapshotError) throw new Refusal(error.message, STATUS.failed);
      throw error;
    }
  }
}
