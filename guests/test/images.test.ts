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
  for (const { name, image, form } of guests) {
    const committed = readFileSync(new URL(`../${image}`, import.meta.url));

    it(`${image} is what its sources give, byte for byte`, () => {
      expect(build(name).equals(committed)).toBe(true);
    });

    it(`${image} has the header of an arm64 ${form === 'program' ? 'program' : 'Image'} and no path in it`, () => {
      if (form === 'program') {
        expect(committed.toString('latin1', 0, 4)).toBe('\x7fELF');
        expect(committed.readUInt16LE(18)).toBe(0xb7); // e_machine: EM_AARCH64
      } else {
        expect(committed.toString('latin1', 56, 60)).toBe('ARM\x64');
        expect(Number(committed.readBigUInt64LE(16))).toBeGreaterThanOrEqual(committed.length);
      }
      expect(committed.toString('latin1')).not.toMatch(/\/(tmp|home|usr|root)\b|GCC:/);
    });
  }
});
