import { basename } from 'node:path';
import { type Backends, type CompleteConfig, completeConfig, ImageError, Machine, type Program } from '@vgic/machine';
import { Command } from 'commander';
import { addDeviceOptions, type DeviceRequest, openBackends } from '../device-options.js';
import { addForwardOptions, Forwarding, type ForwardRequest } from '../forwarding.js';
import { readInputFile } from '../input-file.js';
import { Refusal } from '../refusal.js';
import { addSaveOptions, type SaveOptions, saveRequest } from '../save-request.js';
import { Session } from '../session.js';
import { gicv4Version, wholeNumber } from '../values.js';
import { CONSOLE_HELP } from './help.js';

interface RunOptions extends SaveOptions {
  kernel: string;
  initrd?: string;
  append?: string;
  smp: number;
  memory: number;
  gic: 2 | 3;
  listRegisters: number;
  device: DeviceRequest[];
  forward: ForwardRequest[];
  gicv4: CompleteConfig['gicv4'];
}

const MIB = 2 ** 20;

const HELP = `
The kernel is an ELF-64 file, an arm64 Image (also gzip'd, also EFI zboot) or a bare binary for 0x40080000.
The board has the memory map of QEMU's virt; X0 is the address of its device tree.
${CONSOLE_HELP}
PSCI SYSTEM_OFF ends with exit status 0, SYSTEM_RESET starts the program again from its images.

Examples:
  vgic run --kernel Image --initrd initrd.img --append "console=ttyAMA0" --smp 4 --memory 512
  vgic run --kernel Image --initrd initrd.img --device virtio-net-pci --device virtio-blk-pci,file=disk.img,readonly
  vgic run --kernel guest.elf --save guest.snapshot --on "login:"
  vgic restore guest.snapshot`;

/** `vgic run` */
export function runCommand(): Command {
  const command = new Command('run')
    .description("Run an Arm guest, its console on this terminal's stdin and stdout")
    .requiredOption('--kernel <file>', 'the program to run')
    .option('--initrd <file>', 'an initial RAM disk for a Linux kernel')
    .option('--append <text>', "the kernel's command line")
    .option('--smp <n>', 'vCPUs, 1 to 8', wholeNumber(1, 8), 1)
    .option('--memory <MB>', 'RAM in MiB, an even number to 3072', wholeNumber(2, 3072), 128)
    .option('--gic <version>', 'the interrupt controller, GICv2 or GICv3', wholeNumber(2, 3), 3)
    .option('--list-registers <n>', "list registers of each vCPU's interface, 1 to 16", wholeNumber(1, 16), 4)
    .option('--gicv4 <version>', "the host's GICv4, 4.0 or 4.1, to which the test device's MSIs go", gicv4Version, 0);
  return addSaveOptions(addForwardOptions(addDeviceOptions(command)))
    .addHelpText('after', HELP)
    .action(async (options: RunOptions) => {
      const save = saveRequest(options);
      const program: Program = { kernel: readInputFile(options.kernel), name: basename(options.kernel) };
      if (options.initrd !== undefined) program.initrd = readInputFile(options.initrd);
      if (options.append !== undefined) program.append = options.append;
      const { config, backends, forwarding } = machineOf(options);
      const start = () => startMachine(program, config, backends);
      await new Session(start(), start, save, forwarding).run();
    });
}

function machineOf(options: RunOptions): { config: CompleteConfig; backends: Backends; forwarding: Forwarding } {
  const { smp: vcpus, gic, listRegisters, gicv4 } = options;
  const devices = options.device.map((request) => request.config);
  return refusing(() => {
    const config = completeConfig({ vcpus, memory: options.memory * MIB, gic, listRegisters, devices, gicv4 });
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

function refusing<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof ImageError || error instanceof RangeError) throw new Refusal(error.message);
    throw error;
  }
}
