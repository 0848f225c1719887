import type { MachineConfig } from '../../src/index.js';
import { bootGuest, guestImage, LIMIT } from '../guest-run.js';
import { runOnQemu } from '../instructions/qemu.js';

/** guests/random-gic. */
const image = guestImage('random-gic');

/** What the guest runs on, and which operations it makes. */
export interface Setting {
  readonly gic: 2 | 3;
  readonly vcpus: number;
  readonly seed: number;
  readonly operations: number;
}

/** Command line of the guest beside seed and operations. */
export type Words = Readonly<Record<string, string | number>>;

function commandLine({ seed, operations }: Setting, words: Words): string {
  return Object.entries({ seed, operations, ...words })
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** The same output on both, with lines ended by a line feed alone. */
const lines = (output: string): string[] => output.replaceAll('\r\n', '\n').trimEnd().split('\n');

/** Lines of output on QEMU. */
export async function onQemu(setting: Setting, words: Words): Promise<string[]> {
  const { gic, vcpus } = setting;
  return lines(await runOnQemu(image, { gic, vcpus, append: commandLine(setting, words) }));
}

/** Lines of output on our machine. */
export function onVgic(setting: Setting, words: Words, config: Partial<MachineConfig> = {}): string[] {
  const { gic, vcpus } = setting;
  const machine = bootGuest(image, commandLine(setting, words), { gic, vcpus, ...config });
  const { reason } = machine.machine.run(LIMIT);
  return lines(reason === 'off' ? machine.text() : `${machine.text()}\nended with ${reason}`);
}
