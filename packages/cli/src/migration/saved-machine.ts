import { type CompleteConfig, configDifference, type Machine } from '@vgic/machine';
import { type BackendOptions, restoreMachine } from '../commands/restore.js';
import type { Forwarding } from '../forwarding.js';
import { Refusal } from '../refusal.js';

/** The machine that was moved to a file; Refusal when it is another one than `config` says. */
export function machineFromFile(
  path: string,
  config: CompleteConfig,
  options: BackendOptions,
): { machine: Machine; forwarding: Forwarding } {
  const restored = restoreMachine(path, options);
  const sides = { ours: 'the saved machine', theirs: 'this one' };
  const difference = configDifference(restored.machine.config, config, sides);
  if (difference) throw new Refusal(`The machines differ in their ${difference}.`);
  return restored;
}
