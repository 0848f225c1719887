import { type Gic, restoreGic, saveGic } from 'vgic';
import type { CompleteConfig } from './config.js';
import { configDifference } from './config-difference.js';
import type { Core } from './core/index.js';
import { checkMachineState, type MachineState } from './machine-state.js';
import type { MsiDevice } from './msi-device.js';
import type { Passthrough } from './passthrough.js';
import type { PcieDevices } from './pcie-devices.js';
import type { Pl011 } from './pl011.js';
import type { Outcome } from './run-loop.js';
import type { Scheduler } from './scheduler.js';
import { fillRam, type RamState } from './snapshot/ram-state.js';
import { SnapshotError } from './snapshot/snapshot-error.js';

/** What of a machine has state of its own. */
export interface StatefulParts {
  readonly config: CompleteConfig;
  readonly core: Core;
  readonly gic: Gic;
  readonly scheduler: Scheduler;
  readonly uart: Pl011;
  readonly msiDevice: MsiDevice | undefined;
  readonly pcie: PcieDevices;
  readonly passthrough: Passthrough | undefined;
}

/** What of the run goes with it: virtual time, and how it has ended. */
interface RunState {
  readonly time: number;
  readonly ended: Outcome | null;
}

/** The whole of a machine no vCPU of which is in the guest; `collect` takes what it wants of the RAM. */
export function saveParts(parts: StatefulParts, run: RunState, collect: (ram: Uint8Array) => RamState): MachineState {
  const { config, core, passthrough } = parts;
  const forwarded = passthrough?.stop() ?? null;
  const { state: gic, pages: tables } = saveGic(parts.gic);
  passthrough?.start(forwarded);
  return {
    config: structuredClone(config),
    time: run.time,
    ended: run.ended && { ...run.ended },
    schedule: parts.scheduler.save(),
    vcpus: Array.from({ length: config.vcpus }, (_, vcpu) => core.saveVcpu(vcpu)),
    gic,
    uart: parts.uart.save(),
    msiDevice: parts.msiDevice?.save() ?? [],
    devices: parts.pcie.save(),
    passthrough: forwarded,
    tables,
    ram: collect(core.ram),
  };
}

/**
 * The parts of a fresh machine take the state of a saved one; virtual time is the caller's to set, before.
 * @throws SnapshotError when no machine of this configuration can have that state; the parts are of no use then.
 */
export function restoreParts(parts: StatefulParts, state: MachineState): void {
  const { core, gic } = parts;
  fillRam(core.ram, state.ram);
  core.ramChanged(0, core.ram.length);
  state.vcpus.forEach((bytes, vcpu) => {
    refusing(`vCPU ${vcpu}`, () => core.restoreVcpu(vcpu, bytes));
  });
  refusing('the GIC', () => restoreGic(gic, { state: state.gic, pages: state.tables }));
  parts.scheduler.restore(state.schedule);
  // The GIC was saved with its lines: driving them anew would be an edge to an interrupt that is edge-triggered.
  parts.uart.restore(state.uart);
  parts.msiDevice?.restore(state.msiDevice);
  parts.pcie.restore(state.devices);
  parts.passthrough?.start(state.passthrough);
}

/** @throws SnapshotError, and nothing has changed, for a state that is none or of another machine. */
export function checkRestorable({ config, pcie }: StatefulParts, state: MachineState): void {
  checkMachineState(state);
  const difference = configDifference(config, state.config, { ours: 'this machine', theirs: 'the saved one' });
  if (difference) throw new SnapshotError(`The snapshot is of another machine: ${difference}.`);
  const problem = pcie.check(state.devices);
  if (problem) throw new SnapshotError(`The snapshot has impossible contents: ${problem}.`);
}

/** Does a part of a restore; what it throws becomes one sentence. */
function refusing(part: string, restore: () => void): void {
  try {
    restore();
  } catch (error) {
    const reason = (error as Error).message.replace(/\.$/, '');
    throw new SnapshotError(`The snapshot has impossible contents in ${part}: ${reason}.`);
  }
}
