import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Machine } from '@vgic/machine';
import { describe, expect, it } from 'vitest';
import { emulator, runInQemu } from '../qemu.mjs';

const missing = spawnSync(emulator, ['--version']).error !== undefined;
const skipped = missing ? ` (skipped: ${emulator} is missing; enable with: apt-get install qemu-system-arm)` : '';
const kernel = readFileSync(new URL('../its/its.bin', import.meta.url));

/** QEMU's board has an ITS but not the device: there the guest sends by INT commands. */
const append = 'msi=int rounds=4';

function printedByVgic(vcpus: number): string {
  const machine = new Machine({ vcpus, memory: 16 << 20, gic: 3 });
  machine.load({ kernel, append });
  let text = '';
  machine.onConsoleOutput = (byte) => {
    if (byte !== 13) text += String.fromCharCode(byte);
  };
  expect(machine.run(20_000_000_000)).toEqual({ reason: 'off' });
  return text;
}

describe.skipIf(missing)(`the guest "its" in QEMU${skipped}`, () => {
  it.each([1, 2, 3, 4, 8])('passes on %i vCPUs and prints what it prints on vgic', async (vcpus) => {
    const output = await runInQemu('its', { vcpus, append });
    expect(output).toMatch(/\nPASS\n$/);
    expect(output).toBe(printedByVgic(vcpus));
  });

  it('prints the same when QEMU runs the vCPUs in turn instead of at once', async () => {
    const output = await runInQemu('its', { vcpus: 4, append, accelerator: 'tcg,thread=single' });
    expect(output).toBe(printedByVgic(4));
  });

  // Negative controls: each makes one deliberate mistake, and the guest must find it.
  it.each([
    ['lost', 4, /^LPI sent \d+ taken \d+ lost 1 spurious 0$/m],
    ['spurious', 4, /^LPI sent \d+ taken \d+ lost 0 spurious 1$/m],
    ['target', 4, /^FAIL vCPU 1: an LPI came to a vCPU that it is not for/m],
    ['priority', 1, /^FAIL vCPU 0: order of LPIs by priority/m],
    ['hang', 4, /^FAIL vCPU \d: (a deliberate hang|the boot vCPU does not open a barrier|a vCPU does not come)/m],
  ] as [string, number, RegExp][])('finds the deliberate mistake "%s" on %i vCPUs', async (mistake, vcpus, line) => {
    const output = await runInQemu('its', { vcpus, append: `msi=int rounds=1 timeout=1000 fault=${mistake}` });
    expect(output).toMatch(line);
    expect(output).toMatch(/\nFAIL .+\n$/);
    expect(output).not.toMatch(/^PASS/m);
  });
});
