import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BEGIN, END } from './programs.js';

const QEMU = 'qemu-system-aarch64';

/** The version line of the QEMU on this machine, or undefined when there is none. */
export function qemuVersion(): string | undefined {
  const { status, stdout } = spawnSync(QEMU, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

export interface QemuTiming {
  /** Between the program's two marks on the console. */
  readonly seconds: number;
  /** What the program printed after them. */
  readonly result: string;
}

/** Runs a program on QEMU's virt board under TCG. Rejects when it does not print both marks. */
export async function timeOnQemu(image: Uint8Array, timeoutMs = 120_000): Promise<QemuTiming> {
  const directory = mkdtempSync(join(tmpdir(), 'vgic-bench-'));
  const file = join(directory, 'image.bin');
  writeFileSync(file, image);
  try {
    return await new Promise((resolve, reject) => {
      const board = ['-M', 'virt', '-cpu', 'cortex-a57', '-accel', 'tcg', '-m', '128', '-nic', 'none'];
      const args = [...board, '-nographic', '-monitor', 'none', '-kernel', file];
      const child = spawn(QEMU, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      let begin: number | undefined;
      let seconds: number | undefined;
      let printed = '';
      child.stdout.on('data', (data: Buffer) => {
        const now = performance.now();
        const text = data.toString('latin1');
        printed += text;
        if (text.includes(BEGIN)) begin = now;
        if (text.includes(END) && begin !== undefined) seconds = (now - begin) / 1000;
      });
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        if (seconds === undefined) reject(new Error(`QEMU ended with ${code} and printed no two marks`));
        else resolve({ seconds, result: printed.slice(printed.indexOf(END) + 1) });
      });
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
