import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { build, compilerVersion, guests, installedCompiler } from '../build.mjs';

const installed = installedCompiler();
const skipped =
  installed === undefined
    ? ' (skipped: no cross compiler; enable with: apt-get install gcc-aarch64-linux-gnu)'
    : installed !== compilerVersion
      ? ` (skipped: the images are of ${compilerVersion}, here is ${installed}; enable on Debian 12 with: apt-get install gcc-aarch64-linux-gnu)`
      : '';

describe.skipIf(skipped !== '')(`the committed images of the guests${skipped}`, () => {
  for (const { name, image } of guests) {
    const committed = readFileSync(new URL(`../${image}`, import.meta.url));

    it(`${image} is what its sources give, byte for byte`, () => {
      expect(build(name).equals(committed)).toBe(true);
    });

    it(`${image} has the header of an arm64 Image and no path in it`, () => {
      expect(committed.toString('latin1', 56, 60)).toBe('ARM\x64');
      expect(Number(committed.readBigUInt64LE(16))).toBeGreaterThanOrEqual(committed.length);
      expect(committed.toString('latin1')).not.toMatch(/\/(tmp|home|usr|root)\b|GCC:/);
    });
  }
});
