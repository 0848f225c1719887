import { describe, expect, it } from 'vitest';
import {
  affinityOf,
  ERRNO,
  Gic,
  type GicConfig,
  GicError,
  type Gicv3FeatureConfig,
  gicv3Features,
  interruptKind,
  itsAt,
  Ram,
} from '../src/index.js';
import { GICD_BASE, GICR_BASE, Guest } from './guest.js';

describe('GicConfig', () => {
  it.each([
    [{ version: 1 }, /version/],
    [{ version: 4 }, /version/],
    [{ version: '3' }, /version/],
    [{ version: 3, hostVersion: 2 }, /hostVersion/],
    [{ version: 2, hostVersion: 1 }, /hostVersion/],
    [{ version: 2, hostVersion: 4 }, /hostVersion/],
    [{ vcpus: 0 }, /vcpus/],
    [{ vcpus: -1 }, /vcpus/],
    [{ vcpus: 1.5 }, /vcpus/],
    [{ vcpus: Number.NaN }, /vcpus/],
    [{ vcpus: 513 }, /vcpus/],
    [{ version: 2, vcpus: 9 }, /vcpus/],
    [{ interrupts: 32 }, /interrupts/],
    [{ interrupts: 65 }, /interrupts/],
    [{ interrupts: 1056 }, /interrupts/],
    [{ interrupts: Number.POSITIVE_INFINITY }, /interrupts/],
    [{ listRegisters: 0 }, /listRegisters/],
    [{ listRegisters: 17 }, /listRegisters/],
    [{ listRegisters: 2.5 }, /listRegisters/],
    [{ priorityBits: 4 }, /priorityBits/],
    [{ priorityBits: 9 }, /priorityBits/],
    [{ vcpus: 4n }, /^vcpus: a whole number from 1 to 512, not the bigint 4n\.$/],
    [{ idBits: 8 }, /^idBits: a whole number from 0 to 7, not 8\.$/],
    [{ affinity3: 1 }, /^affinity3/],
    [{ seis: 'no' }, /^seis/],
    [{ intidBits: 25, idBits: 1 }, /^intidBits/],
    [{ intidBits: 20 }, /^intidBits: 16 where idBits is 0, not 20\.$/],
    [{ intidBits: 20, idBits: 2 }, /^intidBits: 16 where idBits is 2, not 20\.$/],
    [{ memory: new Uint8Array(4096) }, /^memory/],
    [{ physicalInterrupts: {} }, /^physicalInterrupts/],
    [{ its: [itsAt(0x08080000)] }, /^memory: .* its is not empty/],
    [{ its: 0x08080000 }, /^its: an array of what itsAt answers/],
    [{ its: [0x08080000] }, /^its\[0\]: what itsAt answers, not 134742016/],
    [{ version: 2, its: [itsAt(0x08080000)] }, /^its: empty where version is 2/],
    [{ features: { extendedSpis: 32 } }, /^features: of version 3, what gicv3Features answers, not an object\.$/],
    [{ features: null }, /^features: .*, not null\.$/],
    [{ version: 2, features: gicv3Features({}) }, /^features: of version 3/],
    [{ distributorBase: -0x10000 }, /^distributorBase: an address, .*, not -65536\.$/],
    [{ distributorBase: 0x08001000 }, /^distributorBase: an address, a multiple of 0x10000 /],
    [{ distributorBase: Number.NaN }, /^distributorBase/],
    [{ distributorBase: 0x08000000n }, /^distributorBase: .*, not the bigint 134217728n\.$/],
    [{ redistributorBase: 2 ** 52 }, /^redistributorBase/],
    [
      { redistributorBase: 0x08000000 },
      /^redistributorBase: .* do not overlap those of distributorBase, not 134217728\.$/,
    ],
    [{ vcpus: 4, distributorBase: 0x080d0000 }, /^redistributorBase: .* do not overlap those of distributorBase/],
    [
      { memory: new Ram(0, new Uint8Array(4096)), its: [itsAt(0x07000000), itsAt(0x07010000)] },
      /^its\[1\]\.base: .* those of its\[0\]\.base/,
    ],
    [{ version: 2, cpuInterfaceBase: 0x08000800 }, /^cpuInterfaceBase: an address, a multiple of 0x1000 /],
    [{ version: 2, cpuInterfaceBase: 0x07fff000 }, /^cpuInterfaceBase: .* do not overlap those of distributorBase/],
  ])('a configuration that is none is refused: EINVAL, with a sentence that names the field (%#)', (wrong, name) => {
    let error: unknown;
    try {
      new Gic({ version: 3, vcpus: 1, ...wrong } as GicConfig);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(GicError);
    expect(error).toMatchObject({ code: 'EINVAL', errno: 22 });
    expect((error as Error).message).toMatch(name);
  });

  it.each([
    [{ version: 2, vcpus: 8 }],
    [{ version: 2, vcpus: 1, hostVersion: 3 }],
    [{ vcpus: 512, interrupts: 1024 }],
    [{ interrupts: 64, listRegisters: 1, priorityBits: 8 }],
    [{ listRegisters: 16 }],
  ])('%j is a GIC', (config) => {
    expect(new Gic({ version: 3, vcpus: 1, ...config } as GicConfig)).toBeInstanceOf(Gic);
  });

  it('places the frames where it says, by default where QEMU’s virt board has them', () => {
    const { gic } = new Guest();
    expect([GICD_BASE, GICR_BASE].map((base) => gic.contains(base, 4))).toEqual([true, true]);
    const moved = new Gic({ version: 3, vcpus: 1, distributorBase: 0x30000000, redistributorBase: 0x40000000 });
    expect([GICD_BASE, GICR_BASE, 0x30000000, 0x40000000].map((base) => moved.contains(base, 4))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    const v2 = new Gic({ version: 2, vcpus: 1, distributorBase: 0x30000000, cpuInterfaceBase: 0x40000000 });
    expect([v2.contains(0x30000000, 4), v2.contains(0x40000000, 4), v2.contains(GICR_BASE, 4)]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('gicv3Features', () => {
  it.each([
    [undefined, /^features: an object, not undefined\.$/],
    [null, /^features: an object, not null\.$/],
    [{ messageBasedSpis: 1 }, /^messageBasedSpis: true or false, not 1\.$/],
    [{ extendedSpis: 33 }, /^extendedSpis: a multiple of 32 from 0 to 1024, not 33\.$/],
    [{ extendedSpis: 1056 }, /^extendedSpis/],
    [{ extendedSpis: -32 }, /^extendedSpis/],
    [{ extendedSpis: 32n }, /^extendedSpis: .*, not the bigint 32n\.$/],
    [{ extendedPpis: 16 }, /^extendedPpis: 0 or 32 or 64, not 16\.$/],
    [{ extendedPpis: '32' }, /^extendedPpis/],
  ])('of what is no configuration are refused: EINVAL, with a sentence that names the field (%#)', (wrong, name) => {
    const refused = () => gicv3Features(wrong as Gicv3FeatureConfig);
    expect(refused).toThrow(GicError);
    expect(refused).toThrow(name);
  });

  it('may be none, and are one GIC’s as well as many GICs’', () => {
    const features = gicv3Features({});
    for (const vcpus of [1, 2]) expect(new Gic({ version: 3, vcpus, features })).toBeInstanceOf(Gic);
  });
});

describe('INTIDs and affinities', () => {
  it.each([
    [0, 'SGI'],
    [15, 'SGI'],
    [16, 'PPI'],
    [31, 'PPI'],
    [32, 'SPI'],
    [1019, 'SPI'],
    [1056, 'EPPI'],
    [1119, 'EPPI'],
    [4096, 'ESPI'],
    [5119, 'ESPI'],
    [8192, 'LPI'],
  ])('INTID %i is an %s', (intid, kind) => {
    expect(interruptKind(intid)).toBe(kind);
  });

  it.each([
    [0, 0],
    [15, 15],
    [16, 0x100],
    [255, 0xf0f],
    [511, 0x1f0f],
  ])('vCPU %i has affinity %i: 16 to a cluster', (vcpu, affinity) => {
    expect(affinityOf(vcpu)).toBe(affinity);
  });

  it('errors have Linux’s numbers', () => {
    expect(ERRNO).toMatchObject({
      ENOENT: 2,
      ENXIO: 6,
      E2BIG: 7,
      EFAULT: 14,
      EBUSY: 16,
      EEXIST: 17,
      ENODEV: 19,
      EINVAL: 22,
    });
  });
});
