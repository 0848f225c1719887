import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  GICD_V3_REGISTERS,
  GICR_CTLR_ENABLE_LPIS,
  GICR_REGISTERS,
  GITS_REGISTERS,
  ITS_SIZE,
  LPI_MIN,
  offsetsOf,
  PENDBASER_PTZ,
  type RegisterDescription,
} from '../src/architecture/index.js';
import { ITS_FRAME } from '../src/frames/its.js';
import type { Gic } from '../src/index.js';
import { GICD_BASE, GICR_BASE } from './guest.js';
import { ITS_BASE, ItsGuest } from './its-guest.js';

/** Registers of 64 bits, which a frame lets be accessed by halves. Source: IHI 0069, 12.1.3 "Register access widths". */

const FRAMES: readonly (readonly [number, readonly RegisterDescription[]])[] = [
  [GICD_BASE, GICD_V3_REGISTERS],
  [GICR_BASE, GICR_REGISTERS],
  [ITS_BASE, GITS_REGISTERS],
];

interface WideRegister {
  readonly row: RegisterDescription;
  /** Guest-physical address of the register, of an array's first few. */
  readonly address: number;
}

const WIDE: readonly WideRegister[] = FRAMES.flatMap(([base, map]) =>
  map
    .filter(({ width }) => width === 64)
    .flatMap((row) =>
      Array.from({ length: Math.min(row.count, 40) }, (_, n) => ({ row, address: base + row.offset + 8 * n })),
    ),
);
const WRITABLE = WIDE.filter(({ row }) => row.access === 'read-write');

function load(gic: Gic, address: number): bigint {
  const low = gic.read(0, address, 8);
  return BigInt(low) | (BigInt(gic.high) << 32n);
}

function all(gic: Gic): bigint[] {
  return WIDE.map(({ address }) => load(gic, address));
}

/** A GIC whose LPIs and ITS are off, so that every register takes a value. */
const fresh = (): Gic => new ItsGuest({ ram: 2 << 20 }).gic;

const word = fc.oneof(fc.constantFrom(0, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff }));
const writes = fc.array(fc.tuple(fc.constantFrom(...WRITABLE), word, word, fc.boolean()), { minLength: 1 });

function storeWhole(gic: Gic, address: number, low: number, high: number): void {
  gic.write(0, address, 8, low, high);
}

function storeHalves(gic: Gic, address: number, low: number, high: number, highFirst: boolean): void {
  if (highFirst) gic.write(0, address + 4, 4, high, 0);
  gic.write(0, address, 4, low, 0);
  if (!highFirst) gic.write(0, address + 4, 4, high, 0);
}

const alike = (byHalves: typeof storeHalves) =>
  fc.property(writes, (list) => {
    const whole = fresh();
    const halves = fresh();
    for (const [{ address }, low, high, highFirst] of list) {
      storeWhole(whole, address, low, high);
      byHalves(halves, address, low, high, highFirst);
    }
    expect(all(halves)).toEqual(all(whole));
  });

describe('a register of 64 bits', () => {
  it('that is written by halves, in either order, is as if it was written whole', () => {
    fc.assert(alike(storeHalves), { numRuns: 60 });
  });

  it.each([
    [
      'the other half is lost',
      (gic: Gic, address: number, low: number, high: number) => {
        gic.write(0, address, 4, low, 0);
        gic.write(0, address, 8, 0, high);
      },
    ],
    ['the upper half is ignored', (gic: Gic, address: number, low: number) => gic.write(0, address, 4, low, 0)],
  ])('would be seen not to be if %s (negative control)', (_what, byHalves) => {
    expect(fc.check(alike(byHalves), { numRuns: 60, seed: 1, endOnFailure: true }).failed).toBe(true);
  });

  it('that is read by halves is as it is whole', () => {
    fc.assert(
      fc.property(writes, (list) => {
        const gic = fresh();
        for (const [{ address }, low, high] of list) storeWhole(gic, address, low, high);
        for (const { address } of WIDE) {
          const whole = load(gic, address);
          const low = gic.read(0, address, 4);
          expect(gic.high).toBe(0);
          const high = gic.read(0, address + 4, 4);
          expect(gic.high).toBe(0);
          expect(BigInt(low) | (BigInt(high) << 32n)).toBe(whole);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('of an ITS is read whole by userspace too', () => {
    const { gic } = new ItsGuest();
    for (const { row } of WIDE.filter(({ address }) => address >= ITS_BASE && address < ITS_BASE + ITS_SIZE)) {
      const low = ITS_FRAME.userRead(gic, 0, row.offset, 8);
      const high = gic.high;
      expect(BigInt(low) | (BigInt(high) << 32n), row.name).toBe(load(gic, ITS_BASE + row.offset));
    }
  });
});

describe('what differs by register', () => {
  function guestWithOneLpi(): ItsGuest {
    const its = ItsGuest.ready();
    its.mapDevice(0);
    its.mapEvent(0, 0, LPI_MIN);
    return its;
  }

  const { GICR_PENDBASER, GICR_CTLR, GICR_INVALLR, GICR_INVLPIR } = offsetsOf(GICR_REGISTERS);

  it.each([
    ['that is set stays', PENDBASER_PTZ, []],
    ['that is not set is not made up', 0, [LPI_MIN]],
  ])('GICR_PENDBASER.PTZ %s when the lower half is written after it', (_what, high, taken) => {
    const its = guestWithOneLpi();
    const { gic } = its;
    its.disableLpis();
    its.setPendingBit(LPI_MIN);
    gic.write(0, GICR_BASE + GICR_PENDBASER + 4, 4, high, 0);
    gic.write(0, GICR_BASE + GICR_PENDBASER, 4, its.pending[0], 0);
    gic.write(0, GICR_BASE + GICR_CTLR, 4, GICR_CTLR_ENABLE_LPIS, 0);
    expect(its.taken()).toEqual(taken);
  });

  it.each([
    ['GICR_INVALLR', GICR_INVALLR, 0],
    ['GICR_INVLPIR', GICR_INVLPIR, LPI_MIN],
  ])('%s acts when its lower half is written, not when its upper one is', (_name, offset, value) => {
    const its = guestWithOneLpi();
    const { gic } = its;
    const invalidate = (at: number, size: number) => gic.write(0, GICR_BASE + offset + at, size, value, 0);
    its.configure(LPI_MIN, 0xa0);
    invalidate(0, 8);
    its.msi(0, 0);
    its.configure(LPI_MIN, 0xa1);
    invalidate(4, 4);
    expect(gic.hasPending(0)).toBe(false);
    invalidate(0, 4);
    expect(gic.hasPending(0)).toBe(true);
  });
});
