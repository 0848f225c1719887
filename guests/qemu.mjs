// Runs a guest in QEMU, the machine that vgic's own is compared with.
//
//   node guests/qemu.mjs interrupts [--vcpus 4] [--append 'rounds=2']
//   node guests/qemu.mjs --record      writes guests/interrupts/output/ anew
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { guests } from './build.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
export const emulator = 'qemu-system-aarch64';

/** The runs whose output is kept beside the sources: it must be the same on every machine. */
export const recordedRuns = [
  { vcpus: 1, rounds: 2 },
  { vcpus: 2, rounds: 2 },
  { vcpus: 3, rounds: 2 },
  { vcpus: 4, rounds: 2 },
  { vcpus: 8, rounds: 2 },
  { vcpus: 4, rounds: 80 },
];

/** Where the output of such a run is kept. */
export function outputPath({ vcpus, rounds }) {
  return join(here, 'interrupts', 'output', `${vcpus}-vcpus-${rounds}-rounds.txt`);
}

/**
 * What the guest prints until it turns the machine off, with lines ended by a line feed alone.
 * Rejects when that takes more than `seconds` of wall clock, or when QEMU is missing.
 */
export async function runInQemu(name, { vcpus = 4, append = '', accelerator = 'tcg', seconds = 60 } = {}) {
  const guest = guests.find((one) => one.name === name);
  if (!guest) throw new RangeError(`There is no guest ${name}; there are ${guests.map((one) => one.name).join(', ')}.`);
  const machine = `-M virt,gic-version=3 -cpu cortex-a57 -m 128 -accel ${accelerator} -nic none`.split(' ');
  const console = '-nographic -monitor none -serial stdio'.split(' ');
  const image = join(here, guest.image);
  const words = [...machine, '-smp', String(vcpus), ...console, '-kernel', image, '-append', append];
  const running = promisify(execFile)(emulator, words, { timeout: seconds * 1000, killSignal: 'SIGKILL' });
  running.child.stdin.end();
  return (await running).stdout.replaceAll('\r\n', '\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { vcpus: { type: 'string' }, append: { type: 'string' }, record: { type: 'boolean' } },
  });
  if (values.record) {
    for (const run of recordedRuns) {
      const output = await runInQemu('interrupts', { vcpus: run.vcpus, append: `rounds=${run.rounds}` });
      if (!output.endsWith('\nPASS\n')) throw new Error(`The guest did not pass, so nothing is written:\n${output}`);
      mkdirSync(join(here, 'interrupts', 'output'), { recursive: true });
      writeFileSync(outputPath(run), output);
    }
  } else {
    const vcpus = Number(values.vcpus ?? 4);
    process.stdout.write(await runInQemu(positionals[0] ?? 'interrupts', { vcpus, append: values.append ?? '' }));
  }
}
