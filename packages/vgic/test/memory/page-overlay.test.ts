import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_PAGES, PageOverlay, Ram } from '../../src/index.js';

const BASE = 0x40000000;
const PAGE = 4096;
const SIZE = 4 * PAGE;

type Operation =
  | { op: 'store8' | 'load8'; at: number; value: number }
  | { op: 'store64' | 'load32'; at: number; value: number }
  | { op: 'countEmpty'; at: number; most: number };

const byte = fc.nat(255);
/** Also before and behind RAM. */
const at = fc.oneof(
  fc.integer({ min: -16, max: SIZE + 16 }),
  fc.constantFrom(0, PAGE - 8, PAGE, 3 * PAGE - 1, 2 ** 40),
);
const entry = fc.nat(SIZE / 8 - 1).map((n) => 8 * n);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ op: fc.constantFrom('store8' as const, 'load8' as const), at, value: byte }),
  fc.record({ op: fc.constantFrom('store64' as const, 'load32' as const), at: entry, value: fc.nat(3) }),
  fc.record({ op: fc.constant('countEmpty' as const), at: entry, most: fc.integer({ min: 1, max: SIZE / 8 }) }),
);
/** Mostly empty, as tables are. */
const contents = fc.uint8Array({ maxLength: 40 }).map((bytes) => {
  const ram = new Uint8Array(SIZE);
  for (const [n, value] of bytes.entries()) ram[(n * 397) % SIZE] = value;
  return ram;
});

const same = (one: Uint8Array, other: Uint8Array) => Buffer.from(one).equals(other);

function perform(ram: Ram, { op, at, ...rest }: Operation): unknown {
  const { value, most } = { value: 0, most: 1, ...rest };
  switch (op) {
    case 'store8':
      return ram.store8(BASE + at, value);
    case 'load8':
      return ram.load8(BASE + at);
    case 'store64':
      return ram.store64(BASE + at, value, value >>> 1);
    case 'load32':
      return ram.load32(BASE + at);
    case 'countEmpty':
      return Math.min(ram.countEmpty(BASE + at, most), most);
  }
}

describe('pages over a RAM', () => {
  it('read and take what a RAM would, which never changes and whose dirty tracker hears nothing', () => {
    fc.assert(
      fc.property(contents, fc.array(operation), fc.array(operation), (bytes, before, after) => {
        const under = new Ram(BASE, bytes.slice());
        under.onDirty = () => {
          throw new Error('RAM was written');
        };
        const model = new Ram(BASE, bytes.slice());
        const first = new PageOverlay(under);
        for (const each of before) expect(perform(first, each)).toBe(perform(model, each));
        // what lies over RAM goes somewhere else, and is written there too
        const pages = first.pages();
        const copied = pages.contents.slice();
        const second = new PageOverlay(under, pages);
        for (const each of after) expect(perform(second, each)).toBe(perform(model, each));
        expect(same(pages.contents, copied)).toBe(true);
        expect(same(under.bytes, bytes)).toBe(true);
        const whole = bytes.slice();
        const last = second.pages();
        for (const [n, page] of last.pages.entries()) {
          whole.set(last.contents.subarray(n * PAGE, (n + 1) * PAGE), page * PAGE);
        }
        expect(same(whole, model.bytes)).toBe(true);
      }),
    );
  });

  it('are those that were stored to, ascending, and no other', () => {
    const overlay = new PageOverlay(new Ram(BASE, new Uint8Array(SIZE)));
    expect(overlay.pages()).toEqual(NO_PAGES);
    overlay.store8(BASE + 3 * PAGE, 7);
    overlay.load8(BASE + 2 * PAGE);
    overlay.store64(BASE + PAGE - 8, 1, 2);
    const { pages, contents } = overlay.pages();
    expect([...pages]).toEqual([0, 3]);
    expect([contents.length, contents[PAGE - 8], contents[PAGE - 4], contents[PAGE]]).toEqual([2 * PAGE, 1, 2, 7]);
  });

  it('of a RAM that ends within a page end with it', () => {
    const overlay = new PageOverlay(new Ram(BASE, new Uint8Array(PAGE + 16).fill(5)));
    expect(overlay.store8(BASE + PAGE, 1)).toBe(true);
    expect([overlay.load8(BASE + PAGE), overlay.load8(BASE + PAGE + 15), overlay.load8(BASE + PAGE + 16)]).toEqual([
      1, 5, -1,
    ]);
    expect([overlay.store8(BASE + PAGE + 16, 1), overlay.store64(BASE + PAGE + 16, 1, 1)]).toEqual([false, false]);
  });
});
