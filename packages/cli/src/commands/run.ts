import { basename } from 'node:path';
import {
  type CompleteConfig,
  completeConfig,
  ImageError,
  Machine,
  type MachineConfig,
  type Program,
} from '@vgic/machine';
import { Command } from 'commander';
import type { ControlServer } from '../control/server.js';
import { readInputFile } from '../input-file.js';
import { type Address, parseAddress } from '../migration/address.js';
import { type Arrival, arrive } from '../migration/arrival.js';
import { Refusal } from '../refusal.js';
import { addSaveOptions, type SaveOptions, saveRequest } from '../save-request.js';
import { Session } from '../session.js';
import { wholeNumber } from '../values.js';
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
}

const MIB = 2 ** 20;

const HELP = `
The kernel is an ELF-64 file, an arm64 Image (also gzip'd, also EFI zboot) or a bare binary for 0x40080000.
The board has the memory map of QEMU's virt; X0 is the address of its device tree.
${CONSOLE_HELP}
PSCI SYSTEM_OFF ends with exit status 0, SYSTEM_RESET starts the program again from its images.
With --incoming the guest comes from another vgic, by "vgic migrate", to a machine with the same options; no kernel is
needed then, unless for a reset.

Examples:
  vgic run --kernel Image --initrd initrd.img --append "console=ttyAMA0" --smp 4 --memory 512
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
    .option('--memory <MB>', 'RAM in MiB, an even number to 3072', wholeNumber(2, 3072), 128)
    .option('--gic <version>', 'the interrupt controller, GICv2 or GICv3', wholeNumber(2, 3), 3)
    .option('--list-registers <n>', "list registers of each vCPU's interface, 1 to 16", wholeNumber(1, 16), 4)
    .option(
      '--incoming <address>',
      'wait for a running machine at unix:PATH or tcp:HOST:PORT, or take the one in file:PATH',
      parseAddress,
    );
  return addControlOptions(addSaveOptions(command))
    .addHelpText('after', HELP)
    .action(async (options: RunOptions) => {
      const save = saveRequest(options);
      const program = programOf(options);
      const start = program && (() => startMachine(program, options));
      if (!start && !options.incoming) throw new Refusal("required option '--kernel <file>' not specified");
      await controlled(options, async (control) => {
        const { machine, paused } = options.incoming
          ? await arriveAt(options.incoming, options, control)
          : { machine: start!(), paused: false };
        await new Session(machine, { restart: start, save, control, paused: paused || options.paused }).run();
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

function configOf({ smp: vcpus, memory, gic, listRegisters }: RunOptions): MachineConfig {
  return { vcpus, memory: memory * MIB, gic, listRegisters };
}

async function arriveAt(address: Address, options: RunOptions, control?: ControlServer): Promise<Arrival> {
  let config: CompleteConfig;
  try {
    config = completeConfig(configOf(options));
  } catch (error) {
    throw new Refusal((error as Error).message);
  }
  return arrive(config, address, control);
}

function startMachine(program: Program, options: RunOptions): Machine {
  try {
    const machine = new Machine(configOf(options));
    machine.load(program);
    return machine;
  } catch (error) {
    if (error instanceof ImageError || error instanceof RangeError) throw new Refusal(error.message);
    throw error;
  }
}
