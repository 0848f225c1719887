import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runOnOurCore } from './our-core.js';
import { runOnOurMachine } from './our-machine.js';
import { needsQemu, qemuIsHere, runOnQemu } from './qemu.js';

const guest = new URL('../../../../guests/cpu-system/', import.meta.url);
const image = readFileSync(new URL('cpu-system.bin', guest));
const expected = readFileSync(new URL('expected.txt', guest), 'utf8').split('\n');

/** Where QEMU 7.2 is not what the architecture says, which is what `expected.txt` holds. */
const deviationsOfQemu: readonly { readonly line: RegExp; readonly count: number; readonly reason: string }[] = [
  {
    line: /^(EL0 )?(LDR|STR|LDP) (from|to) SP at (8|12) mod 16.*, SA0? 1: /,
    count: 4,
    reason: 'no SP alignment check',
  },
  { line: /^EL0 MSR DAIF(Set|Clr), UMA 0: /, count: 2, reason: 'op1 and op2 change places in the syndrome' },
  { line: /^S1E1R of a device: /, count: 1, reason: 'PAR_EL1.SH is not 0b10 for Device memory' },
];

const lines = (output: string): string[] => output.replaceAll('\r', '').split('\n');

describe('the guest that asks about exceptions, translation, code changes and timers', () => {
  it('gets from our core what the architecture says', async () => {
    expect(lines(await runOnOurCore(image))).toEqual(expected);
  });

  it('gets the same from the whole machine', () => {
    expect(lines(runOnOurMachine(image))).toEqual(expected);
  });

  it.skipIf(!qemuIsHere)(
    `gets the same from QEMU's cortex-a57, but for what is known of QEMU 7.2${needsQemu}`,
    async () => {
      const output = lines(await runOnQemu(image));
      const differing = expected.filter((line, i) => line !== output[i]);
      expect(output.length).toBe(expected.length);
      for (const { line, count, reason } of deviationsOfQemu) {
        expect(differing.filter((text) => line.test(text)).length, reason).toBe(count);
      }
      expect(differing.filter((text) => !deviationsOfQemu.some(({ line }) => line.test(text)))).toEqual([]);
    },
  );
});
