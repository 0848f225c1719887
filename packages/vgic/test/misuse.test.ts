import { describe, expect, it } from 'vitest';
import { Gicv4Driver } from '../src/gicv4.js';
import { GicError, Ram } from '../src/index.js';

/** Somebody who writes JavaScript hands over what TypeScript would not let through. */
// biome-ignore lint/suspicious/noExplicitAny: that is what is tested
type Anything = any;

/** What the library answers to a misuse: a sentence, or nothing where it took it. */
function refusal(misuse: () => unknown): string {
  try {
    misuse();
  } catch (error) {
    if (!(error instanceof GicError)) throw error;
    expect(error.code).toBe('EINVAL');
    return error.message;
  }
  return 'taken';
}

describe('a misuse of the GICv4 driver is a GicError that names the argument:', () => {
  it.each<[string, Anything, string]>([
    ['a version that is none', { gicv4: 42 }, 'gicv4: 40 or 41, not 42.'],
    ['vSGIs that are no boolean', { vsgis: 1 }, 'vsgis: true or false, not 1.'],
    ['no CPU', { cpus: 0 }, 'cpus: a whole number from 1 to 65536, not 0.'],
    ['a bigint of CPUs', { cpus: 4n }, 'cpus: a whole number from 1 to 65536, not the bigint 4n.'],
    ['NaN MSIs', { msis: Number.NaN }, 'msis: a whole number from 1 to 53249, not NaN.'],
    ['half a priority bit', { priorityBits: 4.5 }, 'priorityBits: a whole number from 4 to 8, not 4.5.'],
    ['memory that is none', { memory: {} }, 'memory: the Ram in which the host has its tables, not an object.'],
  ])('%s', (_, config, sentence) => {
    expect(refusal(() => new Gicv4Driver(config))).toBe(sentence);
  });

  it.each<[string, Anything]>([
    ['one too many', 32],
    ['a negative one', -1],
    ['a bigint', 1n],
  ])('an MSI that does not exist: %s', (_, msi) => {
    const driver = new Gicv4Driver({ msis: 32 });
    expect(refusal(() => driver.send(msi))).toMatch(/^msi: a whole number from 0 to 31, not /);
  });
});

describe('a misuse of RAM is a GicError that names the argument:', () => {
  it.each<[string, Anything, Anything, RegExp]>([
    ['a negative base', -4096, new Uint8Array(4096), /^base: an address, a multiple of 0x1000 .*, not -4096\.$/],
    ['an unaligned base', 0x4000_0100, new Uint8Array(4096), /^base: .*, not 1073742080\.$/],
    ['a base beyond what can be addressed', 2 ** 52, new Uint8Array(4096), /^base: /],
    ['a bigint', 0x4000_0000n, new Uint8Array(4096), /^base: .*, not the bigint 1073741824n\.$/],
    ['an array of numbers', 0x4000_0000, [1, 2, 3], /^bytes: a Uint8Array, not an object\.$/],
  ])('%s', (_, base, bytes, sentence) => {
    expect(refusal(() => new Ram(base, bytes))).toMatch(sentence);
  });
});
