import { readFileSync } from 'node:fs';
import { type DeviceConfig, type GicFeatureConfig, Machine, MemoryDisk } from '@vgic/machine';
import { expect } from 'vitest';
import { commandLine, initInitrd, kernelFile } from '../linux.mjs';

/** Debian's kernel with guests/linux-init on our machine. */

/** Much more virtual time than any run takes, with what times out in it. */
const LIMIT = 60_000_000_000;

export interface Board extends GicFeatureConfig {
  vcpus: number;
  gic: 2 | 3;
}

/** A network card, a disk and a random number generator, in the slots from 1 on. */
export const DEVICES: DeviceConfig[] = [
  { type: 'virtio-net-pci' },
  { type: 'virtio-blk-pci' },
  { type: 'virtio-rng-pci' },
];

/** An empty disk of 4 MiB for the slot that it has among DEVICES. */
export function emptyDisk() {
  return { disks: { 2: new MemoryDisk(new Uint8Array(4 << 20)) } };
}

/** A machine that has the kernel, its init program and what that is to do; `more` goes to the command line too. */
export function boot(board: Board, tests: string, devices: DeviceConfig[] = [], more = ''): Machine {
  const config = { ...board, memory: 192 << 20, devices };
  const machine = new Machine(config, devices.length > 0 ? emptyDisk() : {});
  machine.load({ kernel: readFileSync(kernelFile), initrd: initInitrd(), append: commandLine(tests, more) });
  return machine;
}

/** Types a line at the guest's console. */
export function tell(machine: Machine, line: string): Machine {
  machine.sendConsoleInput(new TextEncoder().encode(`${line}\r`));
  return machine;
}

/** Runs to the end, or to the end of a line that begins with `until`; answers what was printed. */
export function print(machine: Machine, until?: string): string {
  let text = '';
  machine.onConsoleOutput = (byte) => {
    if (byte !== 13) text += String.fromCharCode(byte);
    if (
      byte === 10 &&
      until !== undefined &&
      text.slice(text.lastIndexOf('\n', text.length - 2) + 1).startsWith(until)
    ) {
      machine.stop();
    }
  };
  expect(machine.run(LIMIT)).toEqual({ reason: until === undefined ? 'off' : 'stopped' });
  return text;
}
