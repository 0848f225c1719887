import type { Server, Socket } from 'node:net';
import { listen } from '../migration/socket.js';
import { Refusal } from '../refusal.js';
import { BadRequest, type ControlRequest, parseRequest } from './requests.js';

/** No request is longer. */
const LONGEST_LINE = 1 << 16;
const MOST_CLIENTS = 16;
/** Milliseconds that a client has to take its last answers, and to hang up. */
const GOODBYE = 2000;

/** One object on a line. */
export type Line = Record<string, unknown>;

/** Who does what is asked for. BadRequest: it cannot be, and nothing was done. `tell` sends events to who asks. */
export interface Controlled {
  control(request: ControlRequest, tell: (event: Line) => void): Promise<Line> | Line;
}

/** The control socket: gives each request to who is in charge at the moment. */
export class ControlServer {
  readonly #server: Server;
  /** Each with what is still to be answered. */
  readonly #clients = new Map<Socket, Promise<void>>();
  #charge: Controlled | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Refusal when there can be no such socket. */
  static async open(path: string): Promise<ControlServer> {
    let control: ControlServer | undefined;
    try {
      const server = await listen({ kind: 'unix', path }, (socket) => {
        if (control) control.#serve(socket);
      });
      server.maxConnections = MOST_CLIENTS;
      control = new ControlServer(server);
      return control;
    } catch (error) {
      throw new Refusal(`The control socket ${path} cannot be made: ${(error as Error).message}.`);
    }
  }

  /** From now on this one is asked. */
  putInCharge(controlled: Controlled): void {
    this.#charge = controlled;
  }

  /** Nothing is taken any more; what has been asked is still answered. No client can keep the process from ending. */
  close(): void {
    this.#server.close();
    for (const [client, answered] of this.#clients) {
      const timer = setTimeout(() => client.destroy(), GOODBYE);
      client.once('close', () => clearTimeout(timer));
      // Not `end` alone: a client that is idle may never notice, and never hang up itself.
      answered.then(() => client.destroySoon());
    }
  }

  #serve(socket: Socket): void {
    this.#clients.set(socket, Promise.resolve());
    // An answer that nobody wants is no reason to end.
    socket.on('error', () => {});
    socket.on('close', () => this.#clients.delete(socket));
    socket.setEncoding('utf8');
    let rest = '';
    socket.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      if (rest.length > LONGEST_LINE || lines.some((line) => line.length > LONGEST_LINE)) {
        send(socket, { ok: false, error: 'The line is too long.' });
        socket.end();
        return;
      }
      // What is asked in one breath is answered before more is read.
      socket.pause();
      const before = this.#clients.get(socket)!;
      const answered = lines
        .filter((line) => line.trim() !== '')
        .reduce((previous, line) => previous.then(() => this.#answer(socket, line)), before);
      this.#clients.set(socket, answered);
      answered.then(() => socket.resume());
    });
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const { id, request } = parseRequest(line);
    const answer = await this.#do(request, (event) => {
      // A client that does not listen misses events rather than have them pile up.
      if (!socket.writableNeedDrain) send(socket, event);
    });
    send(socket, id === undefined ? answer : { id, ...answer });
    if (socket.writableNeedDrain) {
      await new Promise<void>((resolve) => {
        socket.once('drain', resolve);
        socket.once('close', resolve);
      });
    }
  }

  async #do(request: ControlRequest | BadRequest, tell: (event: Line) => void): Promise<Line> {
    try {
      if (request instanceof BadRequest) throw request;
      if (!this.#charge) throw new BadRequest('There is no machine yet.');
      return { ok: true, ...(await this.#charge.control(request, tell)) };
    } catch (error) {
      if (error instanceof BadRequest) return { ok: false, error: error.message };
      throw error;
    }
  }
}

function send(socket: Socket, line: Line): void {
  if (socket.writable) socket.write(`${JSON.stringify(line)}\n`);
}
