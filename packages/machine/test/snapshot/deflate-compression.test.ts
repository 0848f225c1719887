import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zlibCompression } from '../../src/node/zlib-compression.js';
import { deflateCompression } from '../../src/snapshot/deflate-compression.js';
import { PAGE_SIZE } from '../../src/snapshot/ram-state.js';

const CHUNK = 256 * PAGE_SIZE;
/** RAM as guests leave it: pages of one byte, of repetitions, of noise. */
const ram = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 600 }), fc.integer({ min: 1, max: 40 })), { maxLength: 12 })
  .map((parts) =>
    Uint8Array.from(parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => [...bytes]).flat())),
  );

describe('deflateCompression and zlibCompression', () => {
  it('read what the other has written', () => {
    fc.assert(
      fc.property(ram, (bytes) => {
        expect(Buffer.compare(zlibCompression.inflate(deflateCompression.deflate(bytes), CHUNK), bytes)).toBe(0);
        expect(Buffer.compare(deflateCompression.inflate(zlibCompression.deflate(bytes), CHUNK), bytes)).toBe(0);
      }),
    );
  });

  it('refuse what would be longer than the limit', () => {
    const bytes = new Uint8Array(2 * PAGE_SIZE);
    for (const compression of [deflateCompression, zlibCompression]) {
      const packed = compression.deflate(bytes);
      expect(compression.inflate(packed, bytes.length)).toHaveLength(bytes.length);
      expect(() => compression.inflate(packed, bytes.length - 1)).toThrow();
    }
  });
});
