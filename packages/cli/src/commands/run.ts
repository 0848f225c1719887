import { basename } from 'node:path';
import {
  type Backends,
  type CompleteConfig,
  completeConfig,
  type IntidRange,
  Machine,
  type Program,
} from '@vgic/machine';
import { Command } from 'commander';
import type { ControlServer } from '../control/server.js';
import { addDeviceOptions, type DeviceRequest, openBackends } from '../device-options.js';
import { addForwardOptions, Forwarding, type ForwardRequest } from '../forwarding.js';
import { readInputFile } from '../input-file.js';
import { type Address, parseAddress } from '../migration/address.js';
import { type Arrival, arrive } from '../migration/arrival.js';
import { machineFromFile } from '../migration/saved-machine.js';
import { Refusal, refusing } from '../refusal.js';
import { addSaveOptions, type SaveOptions, saveRequest } from '../save-request.js';
import { Session } from '../session.js';
import { gicv4Version, intidRange, KVM_OPTION, kvmVersion, parseMemory, wholeNumber } from '../values.js';
import { addControlOptions, type ControlOptions, controlled } from './controlled.js';
import { CONSOLE_HELP } from './help.js';

interface RunOptions extends SaveOptions, ControlOptions {
  kernel?: string;
  incoming?: Address;
  initrd?: string;
  append?: string;
  smp: number;
  memory: number;
  gic: 2 | 3;
  listRegisters: number;
  device: DeviceRequest[];
  forward: ForwardRequest[];
  gicv4: CompleteConfig['gicv4'];
  kvm?: string;
  messageSpis?: IntidRange;
  extendedSpis: number;
  extendedPpis: number;
  reboot: boolean;
}

const MIB = 2 ** 20;

const HELP = `
The kernel is an ELF-64 file, an arm64 Image (also gzip'd, also EFI zboot) or a
bare binary for 0x40080000. The board has the memory map of QEMU's virt; X0 is
the address of its device tree.
${CONSOLE_HELP}
PSCI SYSTEM_OFF ends with exit status 0. SYSTEM_RESET starts the program again
from its images, in a fresh machine with the same devices; with --no-reboot it
ends with exit status 0 too.
With --incoming the guest comes from another vgic, by "vgic migrate", to a
machine with the same options; no kernel is needed then, unless for a reset.

Examples:
  vgic run --kernel Image --initrd initrd.img --append "console=ttyAMA0" \\
    --smp 4 --memory 1G
  vgic run --kernel Image --initrd initrd.img --device virtio-net-pci \\
    --device virtio-blk-pci,file=disk.img,readonly
  vgic run --kernel guest.elf --save guest.snapshot --on "login:"
  vgic restore guest.snapshot
  vgic run --kernel guest.elf --control guest.control
  vgic run --incoming unix:guest.incoming`;

/** `vgic run` */
export function runCommand(): Command {
  const command = new Command('run')
    .description("Run an Arm guest, its console on this terminal's stdin and stdout")
    .option('--kernel <file>', 'the program to run')
    .option('--initrd <file>', 'an initial RAM disk for a Linux kernel')
    .option('--append <text>', "the kernel's command line")
    .option('--smp <n>', 'vCPUs, 1 to 8', wholeNumber(1, 8), 1)
    .option('--memory <size>', 'RAM: 512 or 512M for MiB, 2G for GiB; an even number of MiB up to 3G', parseMemory, 128)
    .option('--gic <version>', 'the interrupt controller, GICv2 or GICv3', wholeNumber(2, 3), 3)
    .option('--list-registers <n>', "list registers of each vCPU's interface, 1 to 16", wholeNumber(1, 16), 4)
    .option('--kvm <version>', KVM_OPTION, kvmVersion)
    .option('--gicv4 <version>', "the host's GICv4, 4.0 or 4.1, to which the test device's MSIs go", gicv4Version, 0)
    .option('--message-spis <first:count>', 'INTIDs of SPIs that GICD_SETSPI_NSR sends, from 80 to 255', intidRange)
    .option('--extended-spis <n>', 'SPIs from INTID 4096 on, a multiple of 32', wholeNumber(0, 1024), 0)
    .option('--extended-ppis <n>', 'PPIs from INTID 1056 on: 0, 32 or 64', wholeNumber(0, 64), 0)
    .option('--no-reboot', 'end when the guest asks for a reset, instead of starting its program again')
    .option(
      '--incoming <address>',
      'wait for a running machine at unix:PATH or tcp:HOST:PORT, or take the one in file:PATH',
      parseAddress,
    );
  return addControlOptions(addSaveOptions(addForwardOptions(addDeviceOptions(command))))
    .addHelpText('after', HELP)
    .action(async (options: RunOptions) => {
      const save = saveRequest(options);
      const program = programOf(options);
      const { incoming } = options;
      if (!program && !incoming) throw new Refusal("required option '--kernel <file>' not specified");
      const { config, backends, forwarding } = machineOf(options);
      const start = program && (() => startMachine(program, config, backends));
      await controlled(options, async (control) => {
        const { machine, paused } = incoming
          ? await arriveAt(incoming, config, backends, control)
          : { machine: start!(), paused: false };
        await new Session(machine, {
          reboot: options.reboot ? start : false,
          save,
          control,
          forwarding,
          paused: paused || options.paused,
          pace: options.pace,
        }).run();
      });
    });
}

function programOf({ kernel, initrd, append }: RunOptions): Program | undefined {
  if (kernel === undefined) {
    if (initrd === undefined && append === undefined) return undefined;
    throw new Refusal('--initrd and --append belong to a kernel; --kernel FILE is missing.');
  }
  const program: Program = { kernel: readInputFile(kernel), name: basename(kernel) };
  if (initrd !== undefined) program.initrd = readInputFile(initrd);
  if (append !== undefined) program.append = append;
  return program;
}

async function arriveAt(
  address: Address,
  config: CompleteConfig,
  backends: Backends,
  control: ControlServer | undefined,
): Promise<Arrival> {
  if (address.kind === 'file') return { machine: machineFromFile(address.path, config, backends), paused: false };
  return arrive(config, backends, address, control);
}

function machineOf(options: RunOptions): { config: CompleteConfig; backends: Backends; forwarding: Forwarding } {
  const { smp: vcpus, gic, listRegisters, gicv4, kvm, messageSpis: messageBasedSpis, extendedSpis } = options;
  const devices = options.device.map((request) => request.config);
  return refusing(() => {
    const config = completeConfig({
      vcpus,
      memory: options.memory * MIB,
      gic,
      listRegisters,
      devices,
      gicv4,
      ...(kvm && { kvm }),
      ...(messageBasedSpis && { messageBasedSpis }),
      extendedSpis,
      extendedPpis: options.extendedPpis as CompleteConfig['extendedPpis'],
    });
    const forwarding = new Forwarding(options.forward, config.devices);
    const backends = { ...openBackends(config.devices, options.device), networks: forwarding.networks };
    return { config, backends, forwarding };
  });
}

function startMachine(program: Program, config: CompleteConfig, backends: Backends): Machine {
  return refusing(() => {
    const machine = new Machine(config, backends);
    machine.load(program);
    return machine;
  });
}
