import { describe, expect, it } from 'vitest';
import { differences, summary } from './compare.js';
import { encodings } from './encodings/index.js';
import { generate, generateSequences } from './generate.js';
import { runOnOurCore } from './our-core.js';
import { runOnOurMachine } from './our-machine.js';
import { needsQemu, qemuIsHere, runOnQemu } from './qemu.js';

const CASES = 20_000;
const FIXED_SEED = 20261121;
const given = process.env.INSTRUCTIONS_SEED;
/** Another seed each time; a failure is repeated with INSTRUCTIONS_SEED=… */
const freshSeed = given === undefined ? Date.now() % 2 ** 31 : Number(given);

describe.skipIf(!qemuIsHere)(`the A64 instructions of our core, beside QEMU's cortex-a57${needsQemu}`, () => {
  it.each([
    { seed: FIXED_SEED, mmu: false },
    { seed: FIXED_SEED, mmu: true },
    { seed: freshSeed, mmu: false },
    { seed: freshSeed + 1, mmu: true },
  ])('leave the same registers, flags, exceptions and memory (seed $seed, MMU $mmu)', async ({ seed, mmu }) => {
    const found = await differences(generate(encodings, CASES, seed), runOnQemu, runOnOurCore, { mmu });
    expect(found, summary(found)).toEqual([]);
  });

  it.each([
    { seed: FIXED_SEED, mmu: true },
    { seed: freshSeed + 2, mmu: true },
  ])('leave the same in random sequences (seed $seed)', async ({ seed, mmu }) => {
    const found = await differences(generateSequences(encodings, CASES, seed), runOnQemu, runOnOurCore, { mmu });
    expect(found, summary(found)).toEqual([]);
  });

  it.each([1, 7, 1000])('do not depend on how the run is cut: slices of %i instructions', async (slice) => {
    const cases = generate(encodings, 1000, FIXED_SEED + slice);
    const found = await differences(cases, runOnQemu, (image) => runOnOurCore(image, slice), { mmu: true });
    expect(found, summary(found)).toEqual([]);
  });

  it('leave the same on the whole machine', async () => {
    const found = await differences(generate(encodings, 4000, FIXED_SEED), runOnQemu, runOnOurMachine, { mmu: true });
    expect(found, summary(found)).toEqual([]);
  });

  it('are told apart when one bit of one result is wrong', async () => {
    const cases = generate(encodings, 600, FIXED_SEED);
    const found = await differences(cases, runOnQemu, runOnOurCore, { falsify: 333 });
    expect(found.map((d) => d.index)).toEqual([333]);
    expect(found[0]?.report).toMatch(/X0: expected [0-9a-f]{16}, got [0-9a-f]{16}$/m);
  });

  it('include every encoding of the tables', () => {
    const names = new Set(generate(encodings, CASES, FIXED_SEED).map((c) => c.name));
    expect(encodings.filter((e) => !names.has(e.name)).map((e) => e.name)).toEqual([]);
  });
});
