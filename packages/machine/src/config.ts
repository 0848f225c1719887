import { type CompleteDevice, completeDevices, type DeviceConfig } from './device-config.js';
import { RAM_GRANULE, RAM_MAXIMUM } from './memory-map.js';

/** The machine to build. */
export interface MachineConfig {
  /** Virtual CPUs, 1 to 8. */
  vcpus: number;
  /** RAM in bytes: a multiple of 2 MiB, at most 3 GiB. */
  memory: number;
  /** The version of the interrupt controller. */
  gic: 2 | 3;
  /** List registers of each vCPU's interface, 1 to 16; 4 when left out. */
  listRegisters?: number;
  /** Instructions in a vCPU's turn, 1 to 2^30; 20000 when left out. */
  quantum?: number;
  /** What is on the PCIe bus; nothing when left out. */
  devices?: DeviceConfig[];
}

/** A configuration with every value said. */
export type CompleteConfig = Required<Omit<MachineConfig, 'devices'>> & { devices: CompleteDevice[] };

const DEFAULTS = { listRegisters: 4, quantum: 20_000 } as const;

const RANGES = {
  vcpus: { least: 1, most: 8, what: 'vCPUs' },
  memory: { least: RAM_GRANULE, most: RAM_MAXIMUM, what: 'bytes of memory' },
  gic: { least: 2, most: 3, what: 'as GIC version' },
  listRegisters: { least: 1, most: 16, what: 'list registers' },
  quantum: { least: 1, most: 2 ** 30, what: 'instructions in a turn' },
} as const satisfies Record<Exclude<keyof CompleteConfig, 'devices'>, { least: number; most: number; what: string }>;

/** Fills in what was left out; RangeError with one sentence when the machine cannot be built. */
export function completeConfig(given: MachineConfig): CompleteConfig {
  // From a snapshot anything may come.
  const config: Partial<MachineConfig> = given ?? {};
  const complete = {
    vcpus: config.vcpus,
    memory: config.memory,
    gic: config.gic,
    listRegisters: config.listRegisters ?? DEFAULTS.listRegisters,
    quantum: config.quantum ?? DEFAULTS.quantum,
    devices: completeDevices(config.devices ?? []),
  } as CompleteConfig;
  for (const [name, { least, most, what }] of Object.entries(RANGES)) {
    const value: unknown = complete[name as keyof CompleteConfig];
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
      throw new RangeError(`A machine cannot have ${String(value)} ${what}; possible is ${least} to ${most}.`);
    }
  }
  if (complete.memory % RAM_GRANULE !== 0) {
    throw new RangeError(`A machine cannot have ${complete.memory} bytes of memory; it comes in units of 2 MiB.`);
  }
  return complete;
}
