import { describe, expect, it } from 'vitest';
import { affinityOf, ERRNO, Gic, type GicConfig, GicError, interruptKind } from '../src/index.js';
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
  ])('%j is refused: EINVAL, with a sentence that names it', (wrong, name) => {
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

describe('INTIDs and affinities', () => {
  it.each([
    [0, 'SGI'],
    [15, 'SGI'],
    [16, 'PPI'],
    [31, 'PPI'],
    [32, 'SPI'],
    [1019, 'SPI'],
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
