import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Server, Socket } from 'node:net';
import type { ByteChannel } from '@vgic/machine';
import type { Address } from './address.js';

export type SocketAddress = Exclude<Address, { kind: 'file' }>;

/** Milliseconds to wait for a connection to be made. */
const CONNECT_PATIENCE = 10_000;
/** Sockets and what comes over them are for their owner alone: a machine has everything that its guest knows. */
const OWNER_ONLY = 0o600;

/** A socket as the migration's channel. */
export class SocketChannel implements ByteChannel {
  readonly #socket: Socket;
  /** The system has refused the last write: the other side cannot have got all of it. */
  unsent = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  get writable(): boolean {
    return this.#socket.writable && !this.#socket.writableNeedDrain;
  }

  get drained(): boolean {
    return this.#socket.writableLength === 0;
  }

  /** What is written in one turn goes in one system call, if it can. */
  write(bytes: Uint8Array): void {
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(() => this.#socket.uncork());
    }
    this.#socket.write(bytes, (error) => {
      this.unsent = (error as NodeJS.ErrnoException | null | undefined)?.syscall === 'write';
    });
  }

  close(): void {
    if (!this.#socket.destroyed) this.#socket.end();
    // An other side that takes nothing more does not keep the process.
    this.#socket.unref();
  }
}

/** Bytes that are read at once, where the system has them: more than a socket of Linux holds. */
const READ_SIZE = 1 << 18;

/**
 * Gives `take` what comes over a socket that `listen` with `paused` has accepted, always in the same memory: Node's own
 * buffers, a fresh one for each 64 KiB, have V8 collect garbage in the middle of a migration, for many milliseconds. Only
 * a socket that is being made can be told where to read to (`onread`), so a second one is made of the first one's handle.
 */
export function readInPlace(accepted: Socket, take: (bytes: Uint8Array) => void): Socket {
  const held = accepted as unknown as { _handle: unknown };
  if (!held._handle) {
    accepted.on('data', take).resume();
    return accepted;
  }
  const onread = {
    buffer: new Uint8Array(READ_SIZE),
    callback: (length: number, buffer: Uint8Array) => {
      take(buffer.subarray(0, length));
      return true;
    },
  };
  const socket = new Socket({ handle: held._handle, onread } as object);
  held._handle = null;
  return socket;
}

/** A connection to a socket; Error with a reason in words when there is none. */
export function connect(address: SocketAddress): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(address.kind === 'unix' ? { path: address.path } : address);
    const timer = setTimeout(() => socket.destroy(new Error('nobody answers')), CONNECT_PATIENCE);
    const failed = (error: Error) => {
      clearTimeout(timer);
      reject(new Error(reason(error)));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

/**
 * Listens; Error with a reason in words when that cannot be. A socket that nobody listens to any more is replaced. Nothing
 * is read from a `paused` connection at first.
 */
export async function listen(
  address: SocketAddress,
  onConnection: (socket: Socket) => void,
  { paused = false } = {},
): Promise<Server> {
  if (address.kind === 'unix') await removeStale(address.path);
  return new Promise((resolve, reject) => {
    const server = createServer({ pauseOnConnect: paused }, onConnection);
    server.once('error', (error) => reject(new Error(reason(error))));
    server.once('listening', () => resolve(server));
    if (address.kind === 'tcp') server.listen(address.port, address.host);
    else {
      // The socket is there when `listen` comes back, and shall not be open to others even for a moment.
      const before = process.umask(0o177);
      try {
        server.listen(address.path, () => chmodSync(address.path, OWNER_ONLY));
      } finally {
        process.umask(before);
      }
    }
  });
}

async function removeStale(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket()) throw new Error('something else is in its place');
  try {
    (await connect({ kind: 'unix', path })).destroy();
  } catch {
    unlinkSync(path);
    return;
  }
  throw new Error('somebody listens there already');
}

/** What keeps a socket from being used, in words. */
export function reason(error: Error): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Record<string, string> = {
    ENOENT: 'there is no such socket',
    ECONNREFUSED: 'nobody listens there',
    ECONNRESET: 'the other side broke the connection off',
    EPIPE: 'the other side has closed the connection',
    EACCES: 'permission is denied',
    EADDRINUSE: 'somebody listens there already',
    EADDRNOTAVAIL: 'this computer has no such address',
    ENOTFOUND: 'there is no such host',
    EAI_AGAIN: 'there is no such host',
    ENOTSOCK: 'it is no socket',
    ETIMEDOUT: 'nobody answers',
    EHOSTUNREACH: 'there is no way to it',
    ENETUNREACH: 'there is no way to it',
  };
  return (code !== undefined && known[code]) || message;
}
