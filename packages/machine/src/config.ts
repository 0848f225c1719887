import { kvmNamed } from 'vgic';
import { type CompleteDevice, completeDevices, type DeviceConfig } from './device-config.js';
import { completeGicFeatures, type GicFeatureConfig } from './gic-features.js';
import { RAM_GRANULE, RAM_MAXIMUM } from './memory-map.js';

/** The machine to build. */
export interface MachineConfig extends GicFeatureConfig {
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
  /**
   * The host's GIC has GICv4.1 (41) or GICv4.0 (40), and the MSI device is passed through: its MSIs are the guest's LPIs
   * without the hypervisor. 0, when left out: none. Only with GICv3. The guest can't tell.
   */
  gicv4?: 0 | 40 | 41;
  /**
   * The KVM that the GIC follows where that is not what the architecture says, as `kvmNamed` of vgic has it: `6.12`, names of
   * entries with commas between, or `none`, when left out.
   */
  kvm?: string;
}

/** A configuration with every value said. */
export type CompleteConfig = Required<Omit<MachineConfig, 'devices'>> & { devices: CompleteDevice[] };

const DEFAULTS = { listRegisters: 4, quantum: 20_000, kvm: 'none' } as const;

const RANGES = {
  vcpus: { least: 1, most: 8, what: 'vCPUs' },
  memory: { least: RAM_GRANULE, most: RAM_MAXIMUM, what: 'bytes of memory' },
  gic: { least: 2, most: 3, what: 'as GIC version' },
  listRegisters: { least: 1, most: 16, what: 'list registers' },
  quantum: { least: 1, most: 2 ** 30, what: 'instructions in a turn' },
} as const satisfies Record<
  Exclude<keyof CompleteConfig, 'devices' | 'gicv4' | 'kvm' | keyof GicFeatureConfig>,
  { least: number; most: number; what: string }
>;

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
    gicv4: config.gicv4 ?? 0,
    kvm: config.kvm ?? DEFAULTS.kvm,
    ...completeGicFeatures(config.gic, config),
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
  const { gicv4, kvm } = complete;
  if (typeof kvm !== 'string') throw new RangeError(`A machine cannot have ${String(kvm)} as its KVM; it is a text.`);
  try {
    kvmNamed(kvm);
  } catch (error) {
    throw new RangeError((error as Error).message);
  }
  if (gicv4 !== 0 && gicv4 !== 40 && gicv4 !== 41) {
    throw new RangeError(
      `A machine cannot have ${String(gicv4)} as its host's GICv4; possible is 40, 41, or 0 for none.`,
    );
  }
  if (gicv4 !== 0 && complete.gic !== 3) {
    throw new RangeError('A machine with a GICv2 has no LPIs that its host could inject directly; take a GICv3.');
  }
  return complete;
}
