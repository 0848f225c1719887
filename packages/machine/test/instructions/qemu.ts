import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const QEMU = 'qemu-system-aarch64';

/** Whether the reference emulator is on this machine. */
export const qemuIsHere = spawnSync(QEMU, ['--version']).status === 0;

/** For the name of a suite that is skipped without QEMU: what enables it. */
export const needsQemu = qemuIsHere
  ? ''
  : ' (skipped: qemu-system-aarch64 is missing; enable with: apt-get install qemu-system-arm)';

export interface QemuOptions {
  readonly gic?: 2 | 3;
  readonly vcpus?: number;
  /** The command line of an image that looks for one in the device tree. */
  readonly append?: string;
  readonly timeoutMs?: number;
}

/** Runs an image on QEMU's virt board and returns what it printed. Rejects when it does not turn itself off in time. */
export async function runOnQemu(image: Uint8Array, options: QemuOptions = {}): Promise<string> {
  const { gic = 2, vcpus = 1, append, timeoutMs = 60_000 } = options;
  const directory = mkdtempSync(join(tmpdir(), 'vgic-qemu-'));
  const file = join(directory, 'image.bin');
  writeFileSync(file, image);
  try {
    return await new Promise((resolve, reject) => {
      const args = [
        `-M virt,gic-version=${gic} -cpu cortex-a57 -smp ${vcpus} -m 128`,
        // One thread for all vCPUs: whoever yields lets another run at once.
        '-accel tcg,thread=single -nographic -monitor none -nic none',
      ]
        .join(' ')
        .split(' ');
      args.push('-kernel', file, ...(append === undefined ? [] : ['-append', append]));
      const child = spawn(QEMU, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      const output: Buffer[] = [];
      let errors = '';
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(
          new Error(
            `QEMU still ran after ${timeoutMs} ms; it had printed ${Buffer.concat(output).toString().slice(-200)}`,
          ),
        );
      }, timeoutMs);
      child.stdout.on('data', (data: Buffer) => output.push(data));
      child.stderr.on('data', (data: Buffer) => {
        errors += data;
      });
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        if (code === 0) resolve(Buffer.concat(output).toString('latin1'));
        else reject(new Error(`QEMU ended with ${code}: ${errors}`));
      });
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
