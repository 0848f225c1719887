import { type Machine, type Outcome, SnapshotError, writeSnapshot } from '@vgic/machine';
import type { Forwarding } from './forwarding.js';
import { Refusal, STATUS } from './refusal.js';
import type { SaveRequest } from './save-request.js';
import { Terminal } from './terminal.js';
import { TextWatch } from './text-watch.js';
import { formatTime } from './values.js';

/** Virtual time of a slice, after which output goes out and input comes in. */
const SLICE = 5_000_000;
/** A guest that is this much (ms) behind the clock is not hurried to catch up. */
const LARGEST_LAG = 100;
/** Milliseconds to look again for input while the guest can do nothing without. */
const IDLE = 1000;

/** Runs a guest with its console on the terminal, until it ends, is saved, or the person at the terminal quits. */
export class Session {
  #machine: Machine;
  readonly #restart: (() => Machine) | undefined;
  readonly #save: SaveRequest | undefined;
  readonly #forwarding: Forwarding;
  readonly #terminal: Terminal;
  #watch: TextWatch | undefined;
  /** The text to wait for has been printed. */
  #seen = false;
  /** Virtual time goes no faster than the clock. */
  #paced = false;
  /** Wall clock minus virtual time, in milliseconds. */
  #offset = 0;

  /** `restart` builds the machine anew for PSCI SYSTEM_RESET; without it a reset ends the session. */
  constructor(
    machine: Machine,
    restart: (() => Machine) | undefined,
    save: SaveRequest | undefined,
    forwarding: Forwarding,
  ) {
    this.#machine = machine;
    this.#restart = restart;
    this.#save = save;
    this.#forwarding = forwarding;
    forwarding.onActivity = () => this.#terminal.wake();
    this.#terminal = new Terminal({
      input: (bytes) => this.#machine.sendConsoleInput(bytes),
      unread: () => this.#machine.unreadConsoleInput,
    });
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
    }
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
    const machine = this.#machine;
    const outcome = machine.run(Math.min(machine.time + SLICE, this.#save?.at ?? Number.POSITIVE_INFINITY));
    await this.#terminal.flush();
    this.#checkOutput();
    if (this.#terminal.outputError || this.#terminal.quit) return true;
    if (this.#save && (this.#seen || machine.time === this.#save.at)) {
      this.#write(this.#save.path);
      return true;
    }
    if (outcome.reason === 'time' || outcome.reason === 'stopped') {
      await this.#terminal.listen(this.#ahead());
    } else if (outcome.reason === 'waiting') {
      await this.#awaitInput();
    } else return this.#end(outcome);
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
    await this.#terminal.listen(IDLE);
    // No virtual time has passed, however long the person took.
    this.#offset = performance.now() - this.#machine.time / 1e6;
  }

  /** Milliseconds by which virtual time is ahead of the clock; only people and other computers are waited for. */
  #ahead(): number {
    const paced = this.#terminal.interactive || this.#machine.hostConnections > 0;
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
