import { createInterface } from 'node:readline';
import { connect } from '../migration/socket.js';
import { Refusal } from '../refusal.js';
import type { ControlRequest } from './requests.js';
import type { Line } from './server.js';

/** A connection to a control socket. */
export interface ControlClient {
  send(request: ControlRequest): void;
  /** What comes back, answers and events, until the other side hangs up. */
  lines: AsyncIterable<Line>;
  close(): void;
}

/** Refusal when nobody listens there. */
export async function controlClient(path: string): Promise<ControlClient> {
  try {
    const socket = await connect({ kind: 'unix', path });
    socket.on('error', () => {});
    // The iterator is made now: it has the lines from here on.
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    return {
      send: (request) => socket.write(`${JSON.stringify(request)}\n`),
      lines: parsed(lines),
      close: () => socket.destroy(),
    };
  } catch (error) {
    throw new Refusal(`There is no machine to talk to at ${path}: ${(error as Error).message}.`);
  }
}

async function* parsed(lines: AsyncIterableIterator<string>): AsyncGenerator<Line> {
  for await (const line of lines) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === 'object' && value !== null) {
        yield value as Line;
        continue;
      }
    } catch {
      // Said below.
    }
    throw new Refusal('That is no control socket of vgic: it sends something else.');
  }
}
