import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { emulator, outputPath, recordedRuns, runInQemu } from '../qemu.mjs';

const missing = spawnSync(emulator, ['--version']).error !== undefined;
const skipped = missing ? ` (skipped: ${emulator} is missing; enable with: apt-get install qemu-system-arm)` : '';

describe.skipIf(missing)(`the guest "interrupts" in QEMU${skipped}`, () => {
  for (const run of recordedRuns) {
    it(`passes on ${run.vcpus} vCPUs with ${run.rounds} rounds and prints what is recorded`, async () => {
      const output = await runInQemu('interrupts', { vcpus: run.vcpus, append: `rounds=${run.rounds}` });
      expect(output).toBe(readFileSync(outputPath(run), 'utf8'));
      expect(output).toMatch(/\nPASS\n$/);
    });
  }

  it('prints the same when QEMU runs the vCPUs in turn instead of at once', async () => {
    const output = await runInQemu('interrupts', { vcpus: 4, append: 'rounds=2', accelerator: 'tcg,thread=single' });
    expect(output).toBe(readFileSync(outputPath({ vcpus: 4, rounds: 2 }), 'utf8'));
  });

  // Negative controls: each makes one deliberate mistake, and the guest must find it.
  const mistakes: [string, number, RegExp][] = [
    ['lost-sgi', 4, /^SGI sent \d+ taken \d+ lost [1-9]\d* spurious \d+$/m],
    ['lost-spi', 4, /^error SPI 206: sent 5, taken 4$/m],
    ['spurious-sgi', 2, /^error vCPU 0: a reply would merge with the one before, INTID 8/m],
    ['order', 1, /^FAIL vCPU 0: order of many SPIs by priority/m],
    ['state', 8, /^FAIL vCPU 0: state in the plateau/m],
    [
      'hang',
      4,
      /^FAIL vCPU \d: (a deliberate hang|a vCPU did not come to a barrier|the broadcast that ends a barrier)/m,
    ],
  ];
  it.each(mistakes)('finds the deliberate mistake "%s" on %i vCPUs', async (mistake, vcpus, line) => {
    const output = await runInQemu('interrupts', { vcpus, append: `rounds=2 timeout=1000 fault=${mistake}` });
    expect(output).toMatch(line);
    expect(output).toMatch(/\nFAIL .+\n$/);
    expect(output).not.toMatch(/^PASS/m);
  });
});
