import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runOnOurCore } from './our-core.js';
import { needsQemu, qemuIsHere, runOnQemu } from './qemu.js';

const guest = readFileSync(new URL('../../../../guests/cpu-system/cpu-system.bin', import.meta.url));
/** `random_translations` in the guest: magic, count, seed, case to show in full. */
const MAGIC = 0x7a7a1e57;
const HASHES_ONLY = 0xffff_ffff;
const CASES = 2000;

const freshSeed = Number(process.env.INSTRUCTIONS_SEED ?? Date.now() % 2 ** 31);

/** The guest, told to ask `count` random translations, or to show one of them. */
function image(count: number, seed: number, full = HASHES_ONLY): Uint8Array {
  const bytes = new Uint8Array(guest);
  const words = new DataView(bytes.buffer);
  let at = 0;
  while (words.getUint32(at, true) !== MAGIC || words.getUint32(at + 4, true) !== 0) at += 4;
  [count, seed, full].forEach((value, i) => {
    words.setUint32(at + 4 + 4 * i, value, true);
  });
  return bytes;
}

const lines = (output: string): string[] => output.trim().split(/\r?\n/);

/** Descriptors and questions of one case, with both answers where they differ. */
async function inFull(index: number, seed: number): Promise<string> {
  const program = image(index + 1, seed, index);
  const [expected, actual] = [lines(await runOnQemu(program)), lines(runOnOurCore(program))];
  const text = expected.map((line, i) => (line === actual[i] ? line : `${line}    got ${actual[i]}`));
  return `case ${index} of seed ${seed}\n${text.join('\n')}`;
}

describe.skipIf(!qemuIsHere)(`random translation tables on our core, beside QEMU's cortex-a57${needsQemu}`, () => {
  it.each([1, freshSeed])(
    'give AT, loads, stores and fetches of both levels the same answers (seed %i)',
    async (seed) => {
      const expected = lines(await runOnQemu(image(CASES, seed)));
      const actual = lines(runOnOurCore(image(CASES, seed)));
      expect(expected.length).toBe(CASES);
      const differing = expected.flatMap((line, i) => (line === actual[i] ? [] : [i]));
      const first = differing[0] === undefined ? '' : await inFull(differing[0], seed);
      expect(differing, first).toEqual([]);
    },
  );

  it('are different tables for each seed', () => {
    expect(lines(runOnOurCore(image(50, 3)))).not.toEqual(lines(runOnOurCore(image(50, 4))));
  });
});
