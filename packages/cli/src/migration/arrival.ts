import { type CompleteConfig, configDifference, type Machine } from '@vgic/machine';
import { restoreMachine } from '../commands/restore.js';
import { BadRequest } from '../control/requests.js';
import type { ControlServer } from '../control/server.js';
import { Refusal } from '../refusal.js';
import type { Address } from './address.js';
import { Incoming } from './incoming.js';

/** A machine that has come in. */
export interface Arrival {
  machine: Machine;
  /** It was stopped by a person, and is to go on when told. */
  paused: boolean;
}

/** Takes a machine in; Refusal when none comes, or another one than `config` says. */
export async function arrive(config: CompleteConfig, address: Address, control?: ControlServer): Promise<Arrival> {
  if (address.kind === 'file') return { machine: fromFile(config, address.path), paused: false };
  const incoming = new Incoming(config, address);
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

function fromFile(config: CompleteConfig, path: string): Machine {
  const machine = restoreMachine(path);
  const difference = configDifference(machine.config, config, { ours: 'the saved machine', theirs: 'this one' });
  if (difference) throw new Refusal(`The machines differ in their ${difference}.`);
  return machine;
}
