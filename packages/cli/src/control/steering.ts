import { type Progress, type Runner, SnapshotError } from '@vgic/machine';
import { writeSnapshot } from '@vgic/machine/node';
import { type Address, formatAddress } from '../migration/address.js';
import { Outgoing } from '../migration/outgoing.js';
import { BadRequest, type ControlRequest, type MigrateRequest, migrationOf } from './requests.js';
import type { Controlled, Line } from './server.js';

/** Milliseconds between two events of a migration's progress. */
const PROGRESS_INTERVAL = 100;

/** Virtual time of the guest's turns while it is migrated, in turn with them. */
const MIGRATING_SLICE = 1_000_000;

/** What whoever holds the control socket wants of a session, and the migration under way. */
export class Steering implements Controlled {
  /** Where the guest has gone: nothing runs here any more. */
  gone: string | undefined;
  readonly #runner: Runner;
  /** Virtual time of the guest's turns otherwise. */
  readonly #slice: number;
  #quit = false;
  #outgoing: Outgoing | undefined;
  /** Being connected, or written. */
  #starting = false;
  /** The last migration, when it is over. */
  #last: Line | undefined;
  #report: () => void = () => {};
  #reporting: NodeJS.Timeout | undefined;

  constructor(runner: Runner) {
    this.#runner = runner;
    this.#slice = runner.slice;
  }

  /** Nothing is to run here any more. */
  get over(): boolean {
    return this.#quit || this.gone !== undefined;
  }

  /** The machine is here, and what comes for it may be given to it. */
  get #ours(): boolean {
    return this.gone === undefined && (this.#outgoing?.guestMayRun ?? true);
  }

  /** The guest stands because it is being handed over: what is typed now has to wait. */
  get handingOver(): boolean {
    return !this.#ours;
  }

  get migrating(): boolean {
    return this.#outgoing !== undefined;
  }

  /** The migration's turn, after the guest has run for so many milliseconds and while it is held back for so many. */
  async turn(guestMilliseconds: number, held: number): Promise<void> {
    await this.#outgoing?.turn(guestMilliseconds, held);
    this.#lookAtMigration();
    if (this.#outgoing) this.#runner.throttle = this.#outgoing.throttle;
  }

  /** The machine will not be what it was: a migration of it is off. */
  machineEnds(why: string): void {
    this.#outgoing?.cancel(why);
    this.#lookAtMigration();
  }

  close(): void {
    this.#outgoing?.abandon();
    this.#lookAtMigration();
    clearInterval(this.#reporting);
  }

  async control(request: ControlRequest, tell: (event: Line) => void): Promise<Line> {
    switch (request.command) {
      case 'status':
        return this.#status();
      case 'pause':
        this.#runner.pause();
        return {};
      case 'resume':
        this.#resume(request.force ?? false);
        break;
      case 'quit':
        this.#quit = true;
        this.#runner.stop();
        break;
      case 'snapshot':
        this.#snapshot(request.file);
        return { file: request.file, time: this.#runner.machine.time };
      case 'migrate':
        return this.#migrate(request, tell);
      case 'migrate-cancel':
        if (!this.#outgoing) throw new BadRequest('Nothing is being migrated.');
        if (!this.#outgoing.cancel('The migration was cancelled.')) {
          throw new BadRequest('It is too late: the machine has been given up to the destination.');
        }
        this.#lookAtMigration();
    }
    this.#runner.wake();
    return {};
  }

  #status(): Line {
    const { machine } = this.#runner;
    const migration = this.#outgoing
      ? progressLine(this.#outgoing.progress, formatAddress(this.#outgoing.address))
      : this.#last;
    const state =
      this.gone !== undefined ? 'gone' : !this.#ours ? 'handing-over' : this.#runner.paused ? 'paused' : 'running';
    return { state, time: machine.time, config: machine.config, ...(migration && { migration }) };
  }

  #resume(force: boolean): void {
    const phase = this.#outgoing?.progress.phase;
    if (this.#outgoing && (phase === 'unknown' || phase === 'asking')) {
      if (!force) {
        throw new BadRequest(
          'Only the destination knows whether it runs the machine; with "force" you say that it does not and never will.',
        );
      }
      this.#outgoing.reclaim();
      this.#lookAtMigration();
    }
    this.#runner.resume();
  }

  #snapshot(path: string): void {
    if (!this.#ours) throw new BadRequest('The machine is being handed over.');
    try {
      writeSnapshot(path, this.#runner.machine);
    } catch (error) {
      if (error instanceof SnapshotError) throw new BadRequest(error.message);
      throw error;
    }
  }

  async #migrate(request: MigrateRequest, tell: (event: Line) => void): Promise<Line> {
    if (this.#outgoing || this.#starting) throw new BadRequest('A migration is under way already.');
    const { address, limits } = migrationOf(request);
    const destination = formatAddress(address);
    if (address.kind === 'file') return this.#toFile(address, tell);
    this.#starting = true;
    try {
      this.#outgoing = await Outgoing.start(() => this.#runner.machine, address, {
        limits,
        compress: request.compress ?? false,
        paused: () => this.#runner.paused,
        wake: () => this.#runner.wake(),
      });
    } catch (error) {
      throw new BadRequest(`There is no destination at ${destination}: ${(error as Error).message}.`);
    } finally {
      this.#starting = false;
    }
    this.#runner.slice = MIGRATING_SLICE;
    const report = () => {
      if (this.#outgoing) tell({ event: 'migration', ...progressLine(this.#outgoing.progress, destination) });
    };
    this.#reporting = setInterval(report, PROGRESS_INTERVAL);
    this.#report = () => {
      clearInterval(this.#reporting);
      tell({ event: 'migration', ...this.#last });
    };
    this.#runner.wake();
    return { destination };
  }

  /** A file takes the machine as it stands: nobody goes on with it until somebody reads the file. */
  #toFile(address: Address & { kind: 'file' }, tell: (event: Line) => void): Line {
    const began = performance.now();
    this.#snapshot(address.path);
    const destination = formatAddress(address);
    this.#last = { phase: 'moved', destination, milliseconds: performance.now() - began };
    this.#leave(destination);
    tell({ event: 'migration', ...this.#last });
    return { destination };
  }

  #lookAtMigration(): void {
    const outgoing = this.#outgoing;
    if (!outgoing) return;
    const { progress } = outgoing;
    if (progress.phase !== 'moved' && progress.phase !== 'failed') return;
    this.#last = progressLine(progress, formatAddress(outgoing.address));
    this.#outgoing = undefined;
    this.#runner.slice = this.#slice;
    this.#runner.throttle = 0;
    if (progress.phase === 'moved') this.#leave(formatAddress(outgoing.address));
    this.#report();
  }

  /** The machine is somewhere else. */
  #leave(destination: string): void {
    this.gone = destination;
    this.#runner.stop();
  }
}

function progressLine(progress: Progress, destination: string): Line {
  return { destination, ...progress };
}
