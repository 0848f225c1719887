import {
  type Backends,
  type ByteChannel,
  type CompleteConfig,
  type Machine,
  MigrationDestination,
  MigrationSource,
  type SourceOptions,
} from '../../src/index.js';

/** What becomes of the bytes on their way; undefined: the connection breaks with them. */
export type Wire = (bytes: Uint8Array, from: 'source' | 'destination') => Uint8Array | undefined;

/** Bytes that a channel holds before it says that it is full. */
const ROOM = 4096;

/** One end of a connection within the process. What is written arrives when the link is pumped. */
class End implements ByteChannel {
  readonly queue: Uint8Array[] = [];
  closed = false;
  /** Bytes written in all. */
  written = 0;

  get writable(): boolean {
    return !this.closed && this.queue.reduce((sum, each) => sum + each.length, 0) < ROOM;
  }

  get drained(): boolean {
    return this.queue.length === 0;
  }

  write(bytes: Uint8Array): void {
    if (this.closed) return;
    this.queue.push(bytes);
    this.written += bytes.length;
  }

  close(): void {
    this.closed = true;
  }
}

/** A source and a destination with a connection between them; checks at every step that one side at most may run. */
export class Link {
  readonly source: MigrationSource;
  readonly destination: MigrationDestination;
  readonly machine: Machine;
  /** Who may run the guest, as whoever runs the destination sees it. */
  readonly destinationMayRun: (destination: MigrationDestination) => boolean;
  readonly #wire: Wire;
  #clock = 0;
  #toDestination = new End();
  #toSource = new End();
  broken = false;

  constructor(
    machine: Machine,
    options: Partial<SourceOptions> & {
      config?: CompleteConfig;
      /** The destination's. */
      backends?: Backends;
      wire?: Wire;
      destinationMayRun?: (destination: MigrationDestination) => boolean;
    } = {},
  ) {
    const { config, backends, wire, destinationMayRun, ...rest } = options;
    this.machine = machine;
    this.#wire = wire ?? ((bytes) => bytes);
    this.destinationMayRun = destinationMayRun ?? (({ arrival }) => arrival !== undefined);
    this.destination = new MigrationDestination(config ?? machine.config, {
      ...(rest.compression && { compression: rest.compression }),
      ...(backends && { backends }),
    });
    this.destination.connected(this.#toSource);
    this.source = new MigrationSource(machine, this.#toDestination, { id: 'test', now: () => this.#clock++, ...rest });
  }

  /** A new connection, over which the source asks what became of the machine. */
  reconnect(): void {
    this.broken = false;
    this.#toDestination = new End();
    this.#toSource = new End();
    this.destination.connected(this.#toSource);
    this.source.reconnected(this.#toDestination);
  }

  /** The connection breaks: what is on its way is lost. */
  break(): void {
    this.broken = true;
    this.#toDestination.close();
    this.#toSource.close();
    this.source.disconnected('The connection broke.');
    this.destination.disconnected('The connection broke.');
    this.check();
  }

  check(): void {
    if (this.source.guestMayRun && this.destinationMayRun(this.destination)) throw new Error('Both sides may run.');
  }

  /** Sends what there is room for, and lets what is on its way arrive, once each. True when anything happened. */
  pump(): boolean {
    const busy = this.source.advance();
    const there = this.#deliver(this.#toDestination, 'source', (bytes) => this.destination.receive(bytes));
    const back = !this.broken && this.#deliver(this.#toSource, 'destination', (bytes) => this.source.receive(bytes));
    return busy || there || back;
  }

  #deliver(end: End, from: 'source' | 'destination', receive: (bytes: Uint8Array) => void): boolean {
    if (this.broken) return false;
    const pieces = end.queue.splice(0);
    for (const piece of pieces) {
      const arrived = this.#wire(piece, from);
      if (arrived) receive(arrived);
      this.check();
      if (!arrived || arrived.length < piece.length) {
        this.break();
        return true;
      }
    }
    if (end.closed && end.queue.length === 0 && !this.broken) this.break();
    return pieces.length > 0;
  }
}

/** Instructions that the guest executes between two frames of its migration. */
const SLICE = 4_000;

/** Runs guest and migration in turn until one side has the guest for good: the machine that goes on, or undefined when neither may. */
export function migrate(link: Link, slice = SLICE): Machine | undefined {
  const { source, machine } = link;
  for (;;) {
    if (source.phase === 'failed') return machine;
    const { arrival } = link.destination;
    if (arrival) return arrival.machine;
    if (source.phase === 'unknown') return undefined;
    if (source.guestMayRun && machine.run(machine.time + slice).reason === 'off') source.cancel('The guest is off.');
    link.pump();
  }
}

/** Lets the source hear what became of its machine, over a new connection if need be. */
export function settle(link: Link): void {
  for (let n = 0; n < 4; n++) {
    while (link.pump());
    if (link.source.phase !== 'unknown') break;
    link.reconnect();
  }
  link.check();
}
