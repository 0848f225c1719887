import {
  type Backends,
  type CompleteConfig,
  configDifference,
  type Machine,
  type RestoreOptions,
  SnapshotError,
} from '@vgic/machine';
import { type BackendSource, readSnapshot } from '@vgic/machine/node';
import { Refusal } from '../refusal.js';

/** The machine of a snapshot file; Refusal with one sentence when it cannot be restored. */
export function savedMachine(path: string, backends: BackendSource, options: RestoreOptions = {}): Machine {
  try {
    return readSnapshot(path, backends, options);
  } catch (error) {
    if (error instanceof SnapshotError) throw new Refusal(error.message);
    throw error;
  }
}

function hostOf({ gicv4, listRegisters, kvm }: CompleteConfig): RestoreOptions {
  return { gicv4, listRegisters, kvm };
}

/** The machine that was moved to a file; Refusal when it is another one than `config` says. */
export function machineFromFile(path: string, config: CompleteConfig, backends: Backends): Machine {
  const compare = (saved: CompleteConfig) => {
    const difference = configDifference(saved, config, { ours: 'the saved machine', theirs: 'this one' });
    if (difference) throw new Refusal(`The machines differ in their ${difference}.`);
  };
  // The backends are for these devices and no others.
  const source: BackendSource = (devices) => {
    compare({ ...config, devices: [...devices] });
    return backends;
  };
  const machine = savedMachine(path, source, hostOf(config));
  compare(machine.config);
  return machine;
}
