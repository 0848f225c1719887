import type { Backends, CompleteConfig, Machine } from '@vgic/machine';
import { BadRequest } from '../control/requests.js';
import type { ControlServer } from '../control/server.js';
import { refusing } from '../refusal.js';
import { Incoming } from './incoming.js';
import type { SocketAddress } from './socket.js';

/** A machine that has come in. */
export interface Arrival {
  machine: Machine;
  /** It was stopped by a person, and is to go on when told. */
  paused: boolean;
}

/** Takes a machine in; Refusal when none comes, or another one than `config` says. */
export async function arrive(
  config: CompleteConfig,
  backends: Backends,
  address: SocketAddress,
  control?: ControlServer,
): Promise<Arrival> {
  const incoming = refusing(() => new Incoming(config, backends, address));
  control?.putInCharge({
    control: ({ command }) => {
      if (command === 'status') return { state: 'incoming', phase: incoming.phase, pages: incoming.pages, config };
      if (command !== 'quit') throw new BadRequest('The machine has not arrived yet.');
      setImmediate(() => incoming.giveUp('The destination was told to quit.'));
      return {};
    },
  });
  const arrival = await incoming.arrival();
  if (arrival.paused && !control) {
    process.stderr.write('The guest was paused; there is no --control to let it go on by, so it goes on now.\n');
    return { ...arrival, paused: false };
  }
  return arrival;
}
