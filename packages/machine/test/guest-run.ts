import { existsSync, readFileSync } from 'node:fs';
import type { RamPages } from 'vgic';
import { expect } from 'vitest';
import { crc32 } from '../src/crc32.js';
import { Machine, type MachineConfig, type MachineState } from '../src/index.js';

/** Much more than any run takes, with its waits that time out. */
export const LIMIT = 20_000_000_000;

/** `npm run soak`: as many points and configurations as are worth it, not as many as a submission has time for. */
export const SOAK = process.env.SOAK === 'true';

/** The image of a guest that counts its interrupts; see guests/README.md. */
export function guestImage(name: string): Uint8Array {
  const image = new URL(`../../../guests/${name}/${name}.bin`, import.meta.url);
  if (!existsSync(image)) throw new Error('The guest is missing: run "node guests/build.mjs" first.');
  return readFileSync(image);
}

/** A guest on its machine. */
export interface GuestRun {
  machine: Machine;
  /** What it has printed since it is listened to. */
  text(): string;
}

export function bootGuest(kernel: Uint8Array, append: string, config: Partial<MachineConfig> = {}): GuestRun {
  const machine = new Machine({ vcpus: 4, memory: 128 << 20, gic: 3, ...config });
  machine.load({ kernel, append });
  return listen(machine);
}

export function listen(machine: Machine): GuestRun {
  const printed: number[] = [];
  machine.onConsoleOutput = (byte) => printed.push(byte);
  return { machine, text: () => Buffer.from(printed).toString() };
}

/** A state with its large parts as checksums: equal for equal machines, and quickly compared. */
export function digest(state: MachineState) {
  const brief = ({ pages, contents }: RamPages) => ({
    pages: Array.from(pages).join(),
    contents: crc32(contents),
  });
  return {
    ...state,
    vcpus: state.vcpus.map((bytes) => Buffer.from(bytes).toString('hex')),
    ram: { size: state.ram.size, ...brief(state.ram) },
    tables: brief(state.tables),
  };
}

/** How the guest ends: everything of it. */
export function finish({ machine }: GuestRun) {
  expect(machine.run(LIMIT)).toEqual({ reason: 'off' });
  return digest(machine.save());
}
