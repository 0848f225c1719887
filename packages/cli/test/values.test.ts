import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAccount } from '../src/demo/guest-account.js';
import { didYouMean } from '../src/suggestion.js';
import { TextWatch } from '../src/text-watch.js';
import { formatSize, formatTime, intidRange, parseMemory, parseTime } from '../src/values.js';

describe('times', () => {
  it.each([
    ['500ms', 500e6],
    ['2s', 2e9],
    ['1500us', 1_500_000],
    ['1.5s', 1.5e9],
    ['17ns', 17],
    ['0s', 0],
  ])('%s is %d ns', (text, time) => {
    expect(parseTime(text)).toBe(time);
  });

  it.each(['', '5', 'ms', '-1s', '1 s', '1e3s', '1h', '99999999999999s', '0x10s'])('"%s" is none', (text) => {
    expect(() => parseTime(text)).toThrow(InvalidArgumentError);
  });

  it.each([
    [0, '0 ns'],
    [999, '999 ns'],
    [1500, '1.5 us'],
    [2_500_000, '2.5 ms'],
    [3e9, '3 s'],
  ])('%d is told as %s', (time, text) => {
    expect(formatTime(time)).toBe(text);
  });
});

describe('ranges of INTIDs', () => {
  it('are the first and how many', () => {
    expect(intidRange('128:64')).toEqual({ first: 128, count: 64 });
  });

  it.each(['', '128', '128:', ':64', '128-191', '-1:2', '1:2:3', '0x80:1'])('"%s" is none', (text) => {
    expect(() => intidRange(text)).toThrow(InvalidArgumentError);
  });
});

describe('sizes', () => {
  it.each([
    ['512', 512],
    ['512M', 512],
    ['1G', 1024],
    ['1.5g', 1536],
    ['3G', 3072],
  ])('%s of memory are %d MiB', (text, size) => {
    expect(parseMemory(text)).toBe(size);
  });

  it.each(['', 'G', '1', '0', '4G', '1.3G', '1K', '0x10', '1 G', '-2', '1GB'])(
    '"%s" of memory there cannot be',
    (text) => {
      expect(() => parseMemory(text)).toThrow(InvalidArgumentError);
    },
  );

  it.each([
    [1, '1 KiB'],
    [57_000, '56 KiB'],
    [2 ** 20, '1.0 MiB'],
  ])('%d bytes are told as %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});

describe('what somebody may have meant', () => {
  const words = ['create', 'mmio_read', 'mmio_write', 'sync'];

  it.each([
    ['craete', 'create'],
    ['mmio_wirte', 'mmio_write'],
    ['MMIO_READ', 'mmio_read'],
    ['synk', 'sync'],
    ['sycn', 'sync'],
  ])('by %s is %s', (typed, meant) => {
    expect(didYouMean(typed, words)).toBe(` Did you mean ${meant}?`);
  });

  it.each(['', 'x', 'destroy', 'abcd', 'y'.repeat(1_000_000)])('by "%.10s" is nothing', (typed) => {
    expect(didYouMean(typed, words)).toBe('');
  });

  it('by a word with one letter gone wrong is that word', () => {
    fc.assert(
      fc.property(fc.constantFrom(...words), fc.nat(8), fc.constantFrom('', 'q', 'qq'), (word, at, wrong) => {
        const typed = word.slice(0, at) + wrong + word.slice(at + 1);
        expect(didYouMean(typed, [word])).toBe(` Did you mean ${word}?`);
      }),
    );
  });
});

describe('TextWatch', () => {
  it('sees a text exactly when its last byte goes by, also after false beginnings', () => {
    const letters = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 6 }).map((list) => list.join(''));
    const streams = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60 }).map((list) => list.join(''));
    fc.assert(
      fc.property(letters, streams, (text, stream) => {
        const watch = new TextWatch(text);
        const seen = [...stream].map((letter) => watch.see(letter.charCodeAt(0)));
        const expected = [...stream].map((_, at) => stream.slice(0, at + 1).endsWith(text));
        expect(seen).toEqual(expected);
      }),
    );
  });
});

describe("the guest's account", () => {
  it('is read by kind and added up; acknowledges of nothing count as spurious', () => {
    const account = readAccount(
      'SGI sent 10 taken 9 lost 1 spurious 0\r\nSPI UART sent 3 taken 4 lost 0 spurious 1\r\n' +
        'INTID 1023 taken 2, unexpected 3, wrong state 0, timed out 1\r\nFAIL vCPU 0: a reason, INTID 5\r\n',
    );
    expect(account.kinds.SGI).toEqual({ sent: 10, taken: 9, lost: 1, spurious: 0 });
    expect(account.total).toEqual({ sent: 13, taken: 13, lost: 1, spurious: 6 });
    expect(account.verdict).toBe('FAIL vCPU 0: a reason, INTID 5');
  });

  it('of a guest that said nothing has nothing sent and no verdict', () => {
    expect(readAccount('')).toEqual({
      kinds: {},
      total: { sent: 0, taken: 0, lost: 0, spurious: 0 },
      verdict: undefined,
    });
  });
});
