import type { Machine, RestoreOptions } from '@vgic/machine';
import type { BackendSource } from '@vgic/machine/node';
import { Command } from 'commander';
import { addDeviceOptions, type DeviceRequest, openBackends } from '../device-options.js';
import { addForwardOptions, Forwarding, type ForwardRequest } from '../forwarding.js';
import { savedMachine } from '../migration/saved-machine.js';
import { addSaveOptions, type SaveOptions, saveRequest } from '../save-request.js';
import { Session } from '../session.js';
import { gicv4Version, KVM_OPTION, kvmVersion, wholeNumber } from '../values.js';
import { addControlOptions, type ControlOptions, controlled } from './controlled.js';
import { CONSOLE_HELP } from './help.js';

interface BackendOptions {
  device: DeviceRequest[];
  forward: ForwardRequest[];
}

type OwnOptions = SaveOptions & ControlOptions & RestoreOptions & BackendOptions & { reboot: boolean };

const HELP = `
The guest goes on at the instruction before which it was saved, and does exactly
what it would have done there. The devices are the snapshot's; --device says
what those of a type have of this computer, in their order: a virtio-blk-pci
needs the file with the contents that it had when the guest was saved. TCP
connections to this computer are reset.
${CONSOLE_HELP}
PSCI SYSTEM_RESET ends with exit status 1, since a snapshot has no program to
start again from; with --no-reboot that is no failure.

Examples:
  vgic restore guest.snapshot
  vgic restore guest.snapshot --device virtio-blk-pci,file=disk.img
  vgic restore guest.snapshot --save later.snapshot --at 2s`;

/** `vgic restore` */
export function restoreCommand(): Command {
  const command = new Command('restore')
    .description('Go on with a guest that was saved')
    .argument('<file>', 'the snapshot')
    .option('--gicv4 <version>', "this host's GICv4, 4.0, 4.1 or none; unless told, as it was", gicv4Version)
    .option('--list-registers <n>', 'those of this host; unless told, as they were', wholeNumber(1, 16))
    .option('--kvm <version>', `${KVM_OPTION}; unless told, as it was`, kvmVersion)
    .option('--no-reboot', 'a reset of the guest is its end, and no failure');
  return addControlOptions(addSaveOptions(addForwardOptions(addDeviceOptions(command))))
    .addHelpText('after', HELP)
    .action(async (file: string, options: OwnOptions) => {
      const save = saveRequest(options);
      const { machine, forwarding } = restoreMachine(file, options);
      const { paused, pace, reboot } = options;
      const session = { save, forwarding, paused, pace, reboot: reboot ? undefined : false } as const;
      await controlled(options, (control) => new Session(machine, { ...session, control }).run());
    });
}

/** The machine of a snapshot file; Refusal with one sentence when it cannot be restored. */
function restoreMachine(
  file: string,
  { device, forward, gicv4, listRegisters, kvm }: BackendOptions & RestoreOptions,
): { machine: Machine; forwarding: Forwarding } {
  let forwarding!: Forwarding;
  const backends: BackendSource = (devices) => {
    forwarding = new Forwarding(forward, devices);
    return { ...openBackends(devices, device), networks: forwarding.networks };
  };
  const machine = savedMachine(file, backends, {
    ...(gicv4 !== undefined && { gicv4 }),
    ...(listRegisters !== undefined && { listRegisters }),
    ...(kvm !== undefined && { kvm }),
  });
  return { machine, forwarding };
}
