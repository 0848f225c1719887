import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runOnOurCore } from './our-core.js';
import { needsQemu, qemuIsHere, runOnQemu } from './qemu.js';

const guest = new URL('../../../../guests/cpu-system/', import.meta.url);
const image = readFileSync(new URL('cpu-system.bin', guest));
const expected = readFileSync(new URL('expected.txt', guest), 'utf8').split('\n');

/** SP alignment faults, which QEMU 7.2 leaves out ("for the sake of performance"): there the access goes through. */
const leftOutByQemu = /^(EL0 )?(LDR from|STR to|LDP from) SP at (8|12) mod 16.*, SA0? 1: /;

const lines = (output: string): string[] => output.replaceAll('\r', '').split('\n');

describe('the guest that asks about exceptions, translation, code changes and timers', () => {
  it('gets from our core what the architecture says', async () => {
    expect(lines(await runOnOurCore(image))).toEqual(expected);
  });

  it.skipIf(!qemuIsHere)(`gets the same from QEMU's cortex-a57, but for what QEMU leaves out${needsQemu}`, async () => {
    const output = lines(await runOnQemu(image));
    const differing = expected.filter((line, i) => line !== output[i]);
    expect(output.length).toBe(expected.length);
    expect(differing.filter((line) => !leftOutByQemu.test(line))).toEqual([]);
    expect(differing.length).toBe(4);
  });
});
