import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const VGIC = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));
const QEMU = 'qemu-system-aarch64';
const MEMORY = 192;
/** What guests/linux-init prints first. */
const FIRST_LINE = 'vgic-init: boot ';
const PATIENCE_MS = 300_000;

export interface Boot {
  readonly kernel: string;
  readonly initrd: string;
  readonly append: string;
  readonly vcpus: number;
}

/** Seconds from the start of `vgic run` to the first line of the init program. */
export function bootOnOurs({ kernel, initrd, append, vcpus }: Boot): Promise<number> {
  const board = ['--smp', String(vcpus), '--memory', String(MEMORY), '--gic', '3'];
  return timeToUserSpace(process.execPath, [
    VGIC,
    'run',
    ...board,
    ...['--kernel', kernel, '--initrd', initrd, '--append', append],
  ]);
}

/** The same of QEMU's virt board under TCG, with nothing on it that ours does not have. */
export function bootOnQemu({ kernel, initrd, append, vcpus }: Boot): Promise<number> {
  const board = `-M virt,gic-version=3,its=on -cpu cortex-a57 -accel tcg -m ${MEMORY} -smp ${vcpus} -nic none`;
  return timeToUserSpace(QEMU, [
    ...board.split(' '),
    ...['-nographic', '-monitor', 'none', '-serial', 'stdio'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', append],
  ]);
}

function timeToUserSpace(command: string, words: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'ignore'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    let seconds: number | undefined;
    let printed = '';
    child.stdout.on('data', (data: Buffer) => {
      printed += data.toString('latin1');
      if (seconds === undefined && printed.includes(FIRST_LINE)) seconds = (performance.now() - begin) / 1000;
    });
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      if (seconds !== undefined && printed.includes('vgic-init: PASS')) resolve(seconds);
      else reject(new Error(`${command} did not boot Linux to its end:\n${printed}`));
    });
  });
}
