import type { Server, Socket } from 'node:net';
import { type Backends, type CompleteConfig, MigrationDestination } from '@vgic/machine';
import { zlibCompression, zlibCrc32 } from '@vgic/machine/node';
import { Refusal, STATUS } from '../refusal.js';
import { formatAddress } from './address.js';
import type { Arrival } from './arrival.js';
import { listen, readInPlace, reason, type SocketAddress, SocketChannel } from './socket.js';

/** Milliseconds that a machine which is ready waits for a source whose connection broke. */
const READY_PATIENCE = 60_000;
/** Milliseconds that a source may ask whether the machine runs, when it may not have heard it. */
const ANSWER_PATIENCE = 60_000;

/** Waits for a machine on a socket. */
export class Incoming {
  readonly #destination: MigrationDestination;
  readonly #address: SocketAddress;
  #server: Server | undefined;
  #socket: Socket | undefined;
  #patience: NodeJS.Timeout | undefined;
  #settle: (arrival: Arrival | Refusal) => void = () => {};

  /** RangeError when there is no such machine. */
  constructor(config: CompleteConfig, backends: Backends, address: SocketAddress) {
    this.#destination = new MigrationDestination(config, {
      compression: zlibCompression,
      crc32: zlibCrc32,
      backends,
    });
    this.#destination.rehearse();
    this.#address = address;
  }

  get phase(): string {
    return this.#destination.phase;
  }

  get pages(): number {
    return this.#destination.pages;
  }

  /** Comes back with the machine when it may run here; Refusal when none came. */
  async arrival(): Promise<Arrival> {
    const settled = new Promise<Arrival | Refusal>((resolve) => {
      this.#settle = resolve;
    });
    try {
      this.#server = await listen(this.#address, (socket) => this.#connected(socket), { paused: true });
    } catch (error) {
      throw new Refusal(`No machine can come in at ${formatAddress(this.#address)}: ${(error as Error).message}.`);
    }
    process.stderr.write(`Waiting for a machine at ${formatAddress(this.#bound())}\n`);
    const result = await settled;
    if (result instanceof Refusal) {
      this.close();
      throw result;
    }
    return result;
  }

  /** No machine is wanted any more. */
  giveUp(why: string): void {
    if (this.#destination.giveUp(why)) this.#look();
  }

  close(): void {
    clearTimeout(this.#patience);
    this.#server?.close();
    this.#socket?.unref();
  }

  /** With port 0 the system has chosen one. */
  #bound(): SocketAddress {
    const bound = this.#server!.address();
    return this.#address.kind === 'tcp' && typeof bound === 'object' && bound
      ? { ...this.#address, port: bound.port }
      : this.#address;
  }

  #connected(accepted: Socket): void {
    if (this.#socket) {
      // One source at a time.
      accepted.destroy();
      return;
    }
    const socket = readInPlace(accepted, (bytes) => {
      this.#destination.receive(bytes);
      this.#look();
    });
    this.#socket = socket;
    let failure = 'The source has closed the connection.';
    socket.on('error', (error) => {
      failure = `The connection to the source is broken: ${reason(error)}.`;
    });
    socket.on('close', () => {
      this.#socket = undefined;
      this.#destination.disconnected(failure);
      this.#look();
    });
    this.#destination.connected(new SocketChannel(socket));
  }

  /** What has become of it? */
  #look(): void {
    const { phase, reason: why, arrival } = this.#destination;
    clearTimeout(this.#patience);
    if (phase === 'failed') this.#settle(new Refusal(`No machine has arrived: ${why}`, STATUS.failed));
    else if (arrival) {
      this.#settle(arrival);
      // The source hangs up when it has heard that the machine runs. Until then, and for a while after, it may ask.
      if (!this.#socket) this.#patience = setTimeout(() => this.close(), ANSWER_PATIENCE).unref();
      this.#server?.unref();
      this.#socket?.unref();
    } else if (phase === 'ready' && !this.#socket) {
      this.#patience = setTimeout(
        () => this.giveUp('The source did not come back to give the machine up; it has it still.'),
        READY_PATIENCE,
      );
    }
  }
}
