import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { type Machine, MigrationSource, type PaceLimits, type Progress } from '@vgic/machine';
import { zlibCompression, zlibCrc32 } from '@vgic/machine/node';
import { formatAddress } from './address.js';
import { connect, reason, type SocketAddress, SocketChannel } from './socket.js';

/** Milliseconds between two tries to ask the destination what became of the machine. */
const ASK_AGAIN = 1000;
/**
 * Milliseconds that the migration has for itself at the least between two slices of the guest, when it has work. What it
 * takes of the guest's time in all is the same, however long a turn is; longer turns only make an end of it sooner.
 */
const LEAST_TURN = 10;
/** Milliseconds to wait for the connection to take more. */
const ROOM_PATIENCE = 2;
/** The longest wait for something to happen, in milliseconds. */
const LONGEST_WAIT = 1000;

export interface OutgoingOptions {
  limits: Partial<PaceLimits>;
  compress: boolean;
  paused: () => boolean;
  /** Something happened that a waiting session should look at. */
  wake: () => void;
}

/** A machine on its way out over a socket. */
export class Outgoing {
  readonly address: SocketAddress;
  readonly #source: MigrationSource;
  /** The connection of now: what is heard of an older one does not count any more. */
  #channel: SocketChannel | undefined;
  #abandoned = false;
  readonly #wakeSession: () => void;
  #wake: () => void = () => {};
  #asking: NodeJS.Timeout | undefined;
  /** The connection is slower than the guest's slices: the guest does not wait for it. */
  #slow = false;

  private constructor(machine: Machine, address: SocketAddress, socket: Socket, options: OutgoingOptions) {
    this.address = address;
    this.#wakeSession = options.wake;
    this.#source = new MigrationSource(machine, this.#attach(socket), {
      id: randomUUID(),
      now: () => performance.now(),
      limits: options.limits,
      crc32: zlibCrc32,
      paused: options.paused,
      ...(options.compress && { compression: zlibCompression }),
    });
  }

  /** Connects to the destination; Error with a reason in words when that cannot be. */
  static async start(machine: () => Machine, address: SocketAddress, options: OutgoingOptions): Promise<Outgoing> {
    const socket = await connect(address);
    return new Outgoing(machine(), address, socket, options);
  }

  get guestMayRun(): boolean {
    return this.#source.guestMayRun;
  }

  get progress(): Progress {
    return this.#source.progress;
  }

  /** The part of the time in which the guest is to be held back. */
  get throttle(): number {
    return this.#source.throttle;
  }

  /** False when it is too late. */
  cancel(why: string): boolean {
    return this.#source.cancel(why);
  }

  /** Takes back a machine of which nobody knows; false when that is not how things are. */
  reclaim(): boolean {
    return this.#source.reclaim();
  }

  /** The session ends: nobody waits here for an answer any more. */
  abandon(): void {
    this.#abandoned = true;
    clearTimeout(this.#asking);
    if (!this.#source.cancel('The source has ended.')) this.#channel?.close();
  }

  /** The migration's turn, after the guest has run for so long: as long a one, and longer when the guest is held back longer. */
  async turn(guestMilliseconds: number, held: number): Promise<void> {
    const source = this.#source;
    const began = performance.now();
    source.guestRan(guestMilliseconds);
    const longest = Math.max(guestMilliseconds, held, LEAST_TURN);
    for (;;) {
      const more = source.advance();
      if (source.over) return;
      const passed = performance.now() - began;
      if (more) {
        if (source.guestMayRun && passed >= longest) return;
        continue;
      }
      const patience = this.#slow || passed >= longest ? 0 : ROOM_PATIENCE;
      const wait = source.guestMayRun ? Math.max(held - passed, patience) : LONGEST_WAIT;
      if (wait <= 0) return;
      const waited = await this.#happening(wait);
      if (patience > 0 && !waited) this.#slow = true;
      if (!source.guestMayRun && performance.now() - began >= LONGEST_WAIT) return;
    }
  }

  /** True when something happened before the time was over. */
  #happening(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  #attach(socket: Socket): SocketChannel {
    const channel = new SocketChannel(socket);
    this.#channel = channel;
    let failure = 'The destination has closed the connection.';
    const happened = () => {
      this.#slow = false;
      this.#wake();
      this.#wakeSession();
    };
    socket.on('data', (bytes) => {
      if (channel !== this.#channel) return;
      this.#source.receive(bytes);
      this.#askLater();
      happened();
    });
    socket.on('drain', happened);
    socket.on('error', (error) => {
      failure = `The connection to ${formatAddress(this.address)} is broken: ${reason(error)}.`;
    });
    socket.on('close', () => {
      if (channel !== this.#channel) return;
      this.#source.disconnected(failure, channel.unsent);
      this.#askLater();
      happened();
    });
    return channel;
  }

  /** Where only the destination knows who has the machine, it is asked until it answers. */
  #askLater(): void {
    if (this.#source.phase !== 'unknown' || this.#asking || this.#abandoned) return;
    this.#asking = setTimeout(async () => {
      try {
        const socket = await connect(this.address);
        if (this.#source.phase === 'unknown' && !this.#abandoned) this.#source.reconnected(this.#attach(socket));
        else socket.destroy();
      } catch {
        // Once more, then.
      }
      this.#asking = undefined;
      this.#askLater();
    }, ASK_AGAIN);
  }
}
