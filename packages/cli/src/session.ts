import { statSync } from 'node:fs';
import { type Machine, type Outcome, Runner, SnapshotError, type Turn } from '@vgic/machine';
import { writeSnapshot } from '@vgic/machine/node';
import type { ControlServer } from './control/server.js';
import { Steering } from './control/steering.js';
import type { Forwarding } from './forwarding.js';
import { Refusal, STATUS } from './refusal.js';
import type { SaveRequest } from './save-request.js';
import { Terminal } from './terminal.js';
import { TextWatch } from './text-watch.js';
import { formatSize, formatTime } from './values.js';

export interface SessionOptions {
  /** Builds the machine anew for PSCI SYSTEM_RESET; false: a reset is the guest's end; undefined: there is nothing to build it from. */
  reboot?: (() => Machine) | false | undefined;
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
  readonly #runner: Runner;
  readonly #save: SaveRequest | undefined;
  /** A reset is an end as good as another. */
  readonly #mayReset: boolean;
  readonly #forwarding: Forwarding;
  readonly #terminal: Terminal;
  readonly #steering: Steering;
  /** Virtual time goes no faster than the clock, whoever is at the console. */
  readonly #pace: boolean;
  /** Typed while the machine is being handed over: whom it is for is not known yet. */
  #typed: Uint8Array[] = [];
  #watch: TextWatch | undefined;
  /** The text to wait for has been printed. */
  #seen = false;
  /** What to say of the snapshot when the terminal is as it was. */
  #saved: string | undefined;
  /** The session has come to its end, whatever becomes of the guest. */
  #over = false;

  constructor(machine: Machine, { reboot, save, control, forwarding, paused = false, pace = false }: SessionOptions) {
    this.#save = save;
    this.#mayReset = reboot === false;
    this.#pace = pace;
    this.#forwarding = forwarding;
    this.#runner = new Runner(machine, { paused, ...(reboot && { reboot }) });
    forwarding.onActivity = () => this.#runner.wake();
    this.#terminal = new Terminal({
      input: (bytes) => this.#input(bytes),
      unread: () => this.#runner.machine.unreadConsoleInput,
      wake: () => this.#runner.wake(),
    });
    this.#steering = new Steering(this.#runner);
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
    const runner = this.#runner;
    try {
      await this.#forwarding.open();
      this.#terminal.open();
      this.#attach(runner.machine);
      runner.on('output', (bytes) => this.#terminal.send(bytes));
      if (this.#save?.on !== undefined) runner.on('byte', (byte) => this.#look(byte));
      runner.on('turn', (turn) => this.#turnOver(turn));
      runner.on('reboot', (machine) => this.#attach(machine));
      if (this.#steering.over) return;
      const outcome = await runner.start(this.#save?.at);
      if (!this.#over && !this.#steering.over) this.#end(outcome);
    } finally {
      this.#forwarding.close();
      await this.#terminal.flush();
      this.#terminal.close();
      this.#steering.close();
    }
    if (this.#saved) process.stderr.write(`${this.#saved}\n`);
  }

  /** Where the guest has gone, when it has moved. */
  get gone(): string | undefined {
    return this.#steering.gone;
  }

  #input(bytes: Uint8Array): void {
    if (this.#steering.handingOver) this.#typed.push(bytes);
    else this.#runner.sendConsoleInput(bytes);
  }

  #attach(machine: Machine): void {
    this.#forwarding.attach(machine);
    if (this.#save?.on !== undefined) this.#watch = new TextWatch(this.#save.on);
  }

  #look(byte: number): void {
    if (!this.#watch?.see(byte)) return;
    this.#seen = true;
    this.#runner.stop();
  }

  #stop(): void {
    this.#over = true;
    this.#runner.stop();
  }

  /** Everybody else's turn: the console's, the migration's. */
  async #turnOver({ outcome, milliseconds, held }: Turn): Promise<void> {
    const runner = this.#runner;
    const { machine } = runner;
    await this.#terminal.flush();
    this.#checkOutput();
    if (this.#terminal.outputError || this.#terminal.quit) return this.#stop();
    if (outcome && this.#save && (this.#seen || machine.time === this.#save.at)) {
      this.#write(this.#save.path);
      return this.#stop();
    }
    if (outcome && outcome.reason in ENDS) {
      this.#steering.machineEnds(`The guest ${ENDS[outcome.reason as keyof typeof ENDS]}.`);
      return;
    }
    await this.#steering.turn(milliseconds, held);
    while (this.#steering.handingOver && !this.#steering.over && !this.#terminal.quit) await this.#steering.turn(0, 0);
    if (this.#terminal.quit) return this.#stop();
    for (const bytes of this.#typed.splice(0)) runner.sendConsoleInput(bytes);
    this.#terminal.takeInput();
    if (outcome?.reason === 'waiting' && !runner.paused) this.#checkInput();
    const runs = outcome !== undefined && outcome.reason !== 'waiting';
    // Without turns of the guest the migration's would not come again.
    if (this.#steering.migrating && !runs) runner.wake();
    runner.pace = this.#pace || this.#terminal.interactive || machine.hostConnections > 0;
  }

  /** A reader that has gone away has had enough; a full disk is a failure. */
  #checkOutput(): void {
    const error = this.#terminal.outputError;
    if (!error || error.code === 'EPIPE') return;
    throw new Refusal(`The console's output cannot be written: ${error.code ?? error.message}.`, STATUS.failed);
  }

  /** Every vCPU waits for input: is there somebody from whom it may come? */
  #checkInput(): void {
    const { machine } = this.#runner;
    const { at } = this.#save ?? {};
    if (at !== undefined) {
      throw new Refusal(
        `Every vCPU waits for console input from ${formatTime(machine.time)} on: ${formatTime(at)} never comes, nothing was saved.`,
        STATUS.failed,
      );
    }
    if (this.#terminal.inputEnded && machine.hostConnections === 0 && !this.#forwarding.listens) {
      throw new Refusal('Every vCPU waits for console input, which has ended: the guest cannot go on.', STATUS.failed);
    }
  }

  /** The guest has come to an end by itself. */
  #end(outcome: Outcome): void {
    if (outcome.reason === 'lockup') throw new Refusal(outcome.message, STATUS.failed);
    const what = outcome.reason === 'reset' ? 'asked for a reset' : 'switched itself off';
    const end = `The guest ${what} at ${formatTime(this.#runner.machine.time)}`;
    if (outcome.reason === 'reset' && !this.#mayReset) {
      throw new Refusal(`${end}; there is no program here to start it again.`, STATUS.failed);
    }
    if (!this.#save) return;
    const missed =
      this.#save.on === undefined ? formatTime(this.#save.at!) : `it printed ${JSON.stringify(this.#save.on)}`;
    throw new Refusal(`${end}, before ${missed}: nothing was saved.`, STATUS.failed);
  }

  #write(path: string): void {
    const { machine } = this.#runner;
    try {
      writeSnapshot(path, machine);
      this.#saved = `Saved to ${path}: ${formatSize(statSync(path).size)}, at ${formatTime(machine.time)} of the guest's time.`;
    } catch (error) {
      if (error instanceof SnapshotError) throw new Refusal(error.message, STATUS.failed);
      throw error;
    }
  }
}

const ENDS = { off: 'has switched itself off', reset: 'has been reset', lockup: 'has locked up' };
