import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../src/crc32.js';
import { gunzip, InflateError, inflate } from '../src/inflate.js';

const LIMIT = 1 << 20;
/** Bytes of every compressibility: runs, repeated text, noise. */
const contents = fc.oneof(
  fc.uint8Array({ maxLength: 5000 }),
  fc
    .array(fc.tuple(fc.nat(255), fc.nat(600)), { maxLength: 30 })
    .map((runs) => Uint8Array.from(runs.flatMap(([byte, count]) => new Array<number>(count).fill(byte)))),
  fc
    .array(fc.constantFrom('interrupt', 'pending', 'active', ' '), { maxLength: 500 })
    .map((words) => new TextEncoder().encode(words.join(''))),
);
const options = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  strategy: fc.constantFrom(constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE),
});

describe('inflate', () => {
  it('gives back what zlib has compressed, at every level and strategy', () => {
    fc.assert(
      fc.property(contents, options, (bytes, how) => {
        expect(inflate(deflateRawSync(bytes, how), LIMIT)).toEqual(bytes);
        expect(gunzip(gzipSync(bytes, how), LIMIT)).toEqual(bytes);
      }),
    );
  });

  it('refuses truncated data at every length', () => {
    const compressed = deflateRawSync(new TextEncoder().encode('pending and active and pending again'));
    for (let length = 0; length < compressed.length; length++) {
      expect(() => inflate(compressed.subarray(0, length), LIMIT)).toThrow(InflateError);
    }
  });

  it('answers garbage with data within the limit or an InflateError, and comes to an end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), (bytes) => {
        try {
          expect(inflate(bytes, 10_000).length).toBeLessThanOrEqual(10_000);
        } catch (error) {
          expect(error).toBeInstanceOf(InflateError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('stops at the limit', () => {
    const compressed = deflateRawSync(new Uint8Array(1000));
    expect(inflate(compressed, 1000)).toHaveLength(1000);
    expect(() => inflate(compressed, 999)).toThrow(/larger than 999 bytes/);
  });

  it('takes literals without end in one block', () => {
    // A block of zlib has at most 32 Ki symbols; other compressors make longer ones.
    const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (at * at) % 144);
    const bits = [1, 1, 0];
    for (const byte of bytes) for (let bit = 7; bit >= 0; bit--) bits.push(((0x30 + byte) >> bit) & 1);
    bits.push(0, 0, 0, 0, 0, 0, 0);
    const block = new Uint8Array(Math.ceil(bits.length / 8));
    for (const [at, bit] of bits.entries()) block[at >> 3] |= bit << (at & 7);
    expect(Buffer.compare(inflate(block, LIMIT), bytes)).toBe(0);
  });

  it('is quick to pass over what follows the end of its data', () => {
    const compressed = deflateRawSync(Uint8Array.of(1, 2, 3));
    const followed = new Uint8Array(256 << 20);
    followed.set(compressed);
    const started = performance.now();
    expect([...inflate(followed, LIMIT)]).toEqual([1, 2, 3]);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('skips the name, comment, extra field and checksum of a gzip header, and what follows the first member', () => {
    const whole = gzipSync(Uint8Array.of(1, 2, 3));
    const header = [0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9, 0x61, 0, 0x62, 0x63, 0];
    const checksum = crc32(Uint8Array.from(header)) & 0xffff;
    const file = [...header, checksum & 0xff, checksum >> 8, ...whole.subarray(10)];
    expect([...gunzip(Uint8Array.from([...file, 9, 9, 9]), LIMIT)]).toEqual([1, 2, 3]);
  });

  it('refuses a gzip file whose contents are not those of its checksum', () => {
    const file = gzipSync(Uint8Array.of(1, 2, 3));
    file[file.length - 8] ^= 1;
    expect(() => gunzip(file, LIMIT)).toThrow('it is damaged (incorrect data check)');
  });
});
