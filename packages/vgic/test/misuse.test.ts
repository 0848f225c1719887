import { describe, expect, it } from 'vitest';
import { Gicv4Driver } from '../src/gicv4.js';
import { Gic, GicError, Ram, SYSTEM_REGISTERS } from '../src/index.js';

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

describe('a misuse of a GIC is a GicError that names the argument:', () => {
  const { ICC_PMR_EL1 } = SYSTEM_REGISTERS;
  const VCPU = /^vcpu: a whole number from 0 to 1, not /;

  it.each<[string, (gic: Gic, wrong: Anything) => unknown, RegExp]>([
    ['enter', (gic, vcpu) => gic.enter(vcpu), VCPU],
    ['exit', (gic, vcpu) => gic.exit(vcpu), VCPU],
    ['wait', (gic, vcpu) => gic.wait(vcpu), VCPU],
    ['load', (gic, vcpu) => gic.load(vcpu), VCPU],
    ['hasPending', (gic, vcpu) => gic.hasPending(vcpu), VCPU],
    ['irqAsserted', (gic, vcpu) => gic.irqAsserted(vcpu), VCPU],
    ['cpuInterface', (gic, vcpu) => gic.cpuInterface(vcpu), VCPU],
    ['read', (gic, vcpu) => gic.read(vcpu, 0x08000000, 4), VCPU],
    ['write', (gic, vcpu) => gic.write(vcpu, 0x08000000, 4, 0, 0), VCPU],
    ['readSystemRegister', (gic, vcpu) => gic.readSystemRegister(vcpu, ICC_PMR_EL1), VCPU],
    ['writeSystemRegister', (gic, vcpu) => gic.writeSystemRegister(vcpu, ICC_PMR_EL1, 0, 0), VCPU],
    ['setLine of a PPI', (gic, vcpu) => gic.setLine(27, true, vcpu), VCPU],
  ])('%s of a vCPU that there is not', (_, misuse, sentence) => {
    const gic = new Gic({ version: 3, vcpus: 2 });
    for (const wrong of [2, -1, 0.5, Number.NaN, 1n, '0', null]) {
      expect(
        refusal(() => misuse(gic, wrong)),
        String(wrong),
      ).toMatch(sentence);
    }
    for (const vcpu of [0, 1]) expect(refusal(() => misuse(gic, vcpu))).toBe('taken');
  });

  it.each<[string, (gic: Gic) => unknown, RegExp]>([
    ['a line of an SGI', (gic) => gic.setLine(15, true), /^intid: a whole number from 16 to 255, not 15\.$/],
    ['a line of an INTID beyond', (gic) => gic.setLine(256, true), /^intid: .*, not 256\.$/],
    ['a line of an LPI', (gic) => gic.setLine(8192, true), /^intid: .*, not 8192\.$/],
    ['a line of NaN', (gic) => gic.setLine(Number.NaN, true), /^intid: .*, not NaN\.$/],
    ['a line of a bigint', (gic) => gic.setLine(33n as Anything, true), /^intid: .*, not the bigint 33n\.$/],
    ['an access of 3 bytes', (gic) => gic.read(0, 0x08000000, 3), /^size: 1, 2, 4 or 8, not 3\.$/],
    [
      'an access without size',
      (gic) => gic.write(0, 0x08000000, undefined as Anything, 0, 0),
      /^size: .*, not undefined\.$/,
    ],
    ['an address that is NaN', (gic) => gic.read(0, Number.NaN, 4), /^address: a number of at least 0, not NaN\.$/],
    [
      'an address that is a bigint',
      (gic) => gic.read(0, 0x08000000n as Anything, 4),
      /^address: .*, not the bigint 134217728n\.$/,
    ],
    [
      'a bigint to write',
      (gic) => gic.write(0, 0x08000000, 4, 2n as Anything, 0),
      /^low: a whole number of 32 bits, not the bigint 2n\.$/,
    ],
    ['a number of 33 bits to write', (gic) => gic.write(0, 0x08000000, 8, 2 ** 32, 0), /^low: .*, not 4294967296\.$/],
    [
      'an upper half left out',
      (gic) => gic.write(0, 0x08000000, 8, 0, undefined as Anything),
      /^high: .*, not undefined\.$/,
    ],
    ['an EventID that is NaN', (gic) => gic.signalMsi(0x08090040, Number.NaN, 0), /^eventId: .*, not NaN\.$/],
    [
      'a DeviceID that is a bigint',
      (gic) => gic.signalMsi(0x08090040, 0, 1n as Anything),
      /^deviceId: .*, not the bigint 1n\.$/,
    ],
  ])('%s', (_, misuse, sentence) => {
    expect(refusal(() => misuse(new Gic({ version: 3, vcpus: 2 })))).toMatch(sentence);
  });

  it('halves of 32 bits are taken with and without sign', () => {
    const gic = new Gic({ version: 3, vcpus: 1 });
    for (const low of [-1, 0xffffffff, 0x80000000, -0x80000000]) {
      expect(refusal(() => gic.write(0, 0x08000084, 4, low, 0))).toBe('taken');
    }
  });
});
