import type { GicState, RamPages } from 'vgic';
import { type CompleteConfig, completeConfig } from './config.js';
import { checkMsiDeviceState, type MsiDeviceState } from './msi-device.js';
import { checkPassthroughState, type PassthroughState } from './passthrough.js';
import { checkPl011State, type Pl011State } from './pl011.js';
import type { Outcome } from './run-loop.js';
import { checkScheduleState, type ScheduleState } from './scheduler.js';
import { checkPages, checkRamState, type RamState } from './snapshot/ram-state.js';
import { SnapshotError } from './snapshot/snapshot-error.js';
import type { VirtioPciState } from './virtio/virtio-pci.js';

/** All of a machine between two instructions. Restored, it goes on bit for bit as the saved one would have. */
export interface MachineState {
  config: CompleteConfig;
  /** Virtual time. */
  time: number;
  /** How the machine has ended, or null while it can run. */
  ended: Outcome | null;
  schedule: ScheduleState;
  /** Each vCPU in the core's own layout. */
  vcpus: Uint8Array[];
  gic: GicState;
  uart: Pl011State;
  /** Empty with a GICv2, beside which there is none. */
  msiDevice: MsiDeviceState;
  /** What is on the PCIe bus, in the order of the configuration. */
  devices: VirtioPciState[];
  /** With direct injection: what of it goes on after a restore. Else null. */
  passthrough: PassthroughState | null;
  /** The pages that come with the GIC's state: the ITS's tables and the LPIs' pending tables, which lie over RAM. */
  tables: RamPages;
  ram: RamState;
}

/** Refuses a state that no machine can have, before anything is built from it. The GIC, the core and the devices judge their parts. */
export function checkMachineState(state: MachineState): void {
  let config: CompleteConfig;
  try {
    config = completeConfig(state.config);
  } catch (error) {
    throw new SnapshotError(`The snapshot is of a machine that this version cannot be: ${(error as Error).message}`);
  }
  const { time, vcpus, schedule, uart, msiDevice, passthrough, tables, ram, ended } = state;
  const problem =
    (Number.isSafeInteger(time) && time >= 0 ? undefined : 'the time is impossible') ??
    (isEnd(ended) ? undefined : 'the way it ended is impossible') ??
    (vcpus.length === config.vcpus ? undefined : 'it holds another number of vCPUs than the machine has') ??
    checkScheduleState(schedule, config.vcpus, config.quantum) ??
    checkPl011State(uart) ??
    checkMsiDeviceState(msiDevice, config.gic === 3) ??
    checkPassthroughState(passthrough, config.vcpus) ??
    checkRamState(ram, config.memory) ??
    checkPages(tables, config.memory);
  if (problem) throw new SnapshotError(`The snapshot has impossible contents: ${problem}.`);
}

function isEnd(ended: unknown): boolean {
  if (ended === null) return true;
  const { reason, message } = (ended ?? {}) as { reason?: unknown; message?: unknown };
  return reason === 'off' || reason === 'reset' || (reason === 'lockup' && typeof message === 'string');
}
