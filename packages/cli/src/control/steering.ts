import { type Machine, type Progress, SnapshotError, writeSnapshot } from '@vgic/machine';
import { type Address, formatAddress } from '../migration/address.js';
import { Outgoing } from '../migration/outgoing.js';
import { BadRequest, type ControlRequest, type MigrateRequest, migrationOf } from './requests.js';
import type { Controlled, Line } from './server.js';

/** Milliseconds between two events of a migration's progress. */
const PROGRESS_INTERVAL = 100;

/** The session that is steered. */
export interface Steered {
  readonly machine: Machine;
  /** The session is to look at what has changed, if it waits. */
  wake(): void;
}

/** What whoever holds the control socket wants of a session, and the migration under way. */
export class Steering implements Controlled {
  /** The guest stands until it is told to go on. */
  paused: boolean;
  quit = false;
  /** Where the guest has gone: nothing runs here any more. */
  gone: string | undefined;
  readonly #session: Steered;
  #outgoing: Outgoing | undefined;
  /** Being connected, or written. */
  #starting = false;
  /** The last migration, when it is over. */
  #last: Line | undefined;
  #report: () => void = () => {};
  #reporting: NodeJS.Timeout | undefined;

  constructor(session: Steered, paused: boolean) {
    this.#session = session;
    this.paused = paused;
  }

  get guestMayRun(): boolean {
    return !this.paused && !this.quit && this.gone === undefined && this.#ours;
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

  /** The migration's turn, after the guest has run for so many milliseconds. */
  async turn(guestMilliseconds: number): Promise<void> {
    await this.#outgoing?.turn(guestMilliseconds);
    this.#lookAtMigration();
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
        this.paused = true;
        return {};
      case 'resume':
        this.#resume(request.force ?? false);
        break;
      case 'quit':
        this.quit = true;
        break;
      case 'snapshot':
        this.#snapshot(request.file);
        return { file: request.file, time: this.#session.machine.time };
      case 'migrate':
        return this.#migrate(request, tell);
      case 'migrate-cancel':
        if (!this.#outgoing) throw new BadRequest('Nothing is being migrated.');
        if (!this.#outgoing.cancel('The migration was cancelled.')) {
          throw new BadRequest('It is too late: the machine has been given up to the destination.');
        }
        this.#lookAtMigration();
    }
    this.#session.wake();
    return {};
  }

  #status(): Line {
    const { machine } = this.#session;
    const migration = this.#outgoing
      ? progressLine(this.#outgoing.progress, formatAddress(this.#outgoing.address))
      : this.#last;
    const state = this.gone !== undefined ? 'gone' : !this.#ours ? 'handing-over' : this.paused ? 'paused' : 'running';
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
    this.paused = false;
  }

  #snapshot(path: string): void {
    if (!this.#ours) throw new BadRequest('The machine is being handed over.');
    try {
      writeSnapshot(path, this.#session.machine);
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
      this.#outgoing = await Outgoing.start(() => this.#session.machine, address, {
        limits,
        compress: request.compress ?? false,
        paused: () => this.paused,
        wake: () => this.#session.wake(),
      });
    } catch (error) {
      throw new BadRequest(`There is no destination at ${destination}: ${(error as Error).message}.`);
    } finally {
      this.#starting = false;
    }
    const report = () => {
      if (this.#outgoing) tell({ event: 'migration', ...progressLine(this.#outgoing.progress, destination) });
    };
    this.#reporting = setInterval(report, PROGRESS_INTERVAL);
    this.#report = () => {
      clearInterval(this.#reporting);
      tell({ event: 'migration', ...this.#last });
    };
    this.#session.wake();
    return { destination };
  }

  /** A file takes the machine as it stands: nobody goes on with it until somebody reads the file. */
  #toFile(address: Address & { kind: 'file' }, tell: (event: Line) => void): Line {
    const began = performance.now();
    this.#snapshot(address.path);
    const destination = formatAddress(address);
    this.#last = { phase: 'moved', destination, milliseconds: performance.now() - began };
    this.gone = destination;
    this.#session.wake();
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
    if (progress.phase === 'moved') this.gone = formatAddress(outgoing.address);
    this.#report();
  }
}

function progressLine(progress: Progress, destination: string): Line {
  return { destination, ...progress };
}
