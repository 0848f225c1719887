import { describe, expect, it } from 'vitest';
import { differences, summary } from './compare.js';
import { encode, layout } from './encoding.js';
import { encodings, integer, simd } from './encodings/index.js';
import { type Case, generate, generateSequences } from './generate.js';
import { buildImage } from './image.js';
import { runOnOurCore } from './our-core.js';
import { runOnOurMachine } from './our-machine.js';
import { needsQemu, qemuIsHere, runOnQemu } from './qemu.js';

const CASES = 20_000;
const SETS = { integer, simd };
const FIXED_SEED = 20261121;
const given = process.env.INSTRUCTIONS_SEED;
/** Another seed each time; a failure is repeated with INSTRUCTIONS_SEED=… */
const freshSeed = given === undefined ? Date.now() % 2 ** 31 : Number(given);

describe.skipIf(!qemuIsHere)(`the A64 instructions of our core, beside QEMU's cortex-a57${needsQemu}`, () => {
  it.each([
    { set: 'integer', seed: FIXED_SEED, mmu: false },
    { set: 'integer', seed: FIXED_SEED, mmu: true },
    { set: 'integer', seed: freshSeed, mmu: false },
    { set: 'integer', seed: freshSeed + 1, mmu: true },
    { set: 'simd', seed: FIXED_SEED, mmu: false },
    { set: 'simd', seed: FIXED_SEED, mmu: true },
    { set: 'simd', seed: freshSeed, mmu: false },
    { set: 'simd', seed: freshSeed + 1, mmu: true },
  ] as const)(
    'leave the same registers, flags, exceptions and memory ($set, seed $seed, MMU $mmu)',
    async ({ set, seed, mmu }) => {
      const found = await differences(generate(SETS[set], CASES, seed), runOnQemu, runOnOurCore, { mmu });
      expect(found, summary(found)).toEqual([]);
    },
  );

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

  it.each([
    { state: 'a V register', index: 77, change: (one: Case) => ({ registers: one.vectors.registers.with(63, 1n) }) },
    { state: 'FPSR', index: 177, change: (one: Case) => ({ fpsr: one.vectors.fpsr ^ 0x8000000n }) },
    { state: 'FPCR', index: 277, change: (one: Case) => ({ fpcr: one.vectors.fpcr ^ 0x4000000n }) },
  ])('are told apart when they start with another bit of $state', async ({ index, change }) => {
    const cases = generate(integer, 300, FIXED_SEED);
    const other = cases.map((one) =>
      one.index === index ? { ...one, vectors: { ...one.vectors, ...change(one) } } : one,
    );
    const found = await differences(cases, runOnQemu, () => runOnOurCore(buildImage(other)), { limit: 0 });
    expect(found.map((d) => d.index)).toEqual([index]);
  });

  it.each([
    { word: 0x3c3ceb92, text: 'STR B18, [X28, X28, SXTX]' },
    { word: 0x3cb16a2f, text: 'STR Q15, [X17, X17]' },
  ])('have no reserved encoding that is allocated: $text', ({ word }) => {
    const row = simd.find(({ name }) => name === 'reserved: SIMD, single register');
    const { fixed, fields } = layout(row?.bits ?? '');
    const values = Object.fromEntries(
      fields.map(({ name, shift, width }) => [name, (word >>> shift) & (2 ** width - 1)]),
    );
    expect(encode({ bits: row?.bits ?? '' }, values)).toBe(word);
    expect((word & fixed) >>> 0).toBe(fixed);
    expect(row?.legal?.(values)).toBe(false);
  });

  it.each(Object.entries(SETS))('include every encoding of the tables (%s)', (_name, set) => {
    const names = new Set(generate(set, CASES, FIXED_SEED).map((c) => c.name));
    expect(set.filter((e) => !names.has(e.name)).map((e) => e.name)).toEqual([]);
  });
});
