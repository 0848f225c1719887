import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../src/crc32.js';
import { zlibCrc32 } from '../src/node/zlib-crc32.js';

describe('crc32', () => {
  it('is the CRC of zlib: 0xcbf43926 for the nine digits', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf4_3926);
    expect(crc32(new Uint8Array())).toBe(0);
  });

  it('continues over pieces as over the whole', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
        expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(crc32(bytes));
      }),
    );
  });

  // Node has it since 20.15 and 22.2; older versions and browsers are the reason for ours.
  it("is the same as zlibCrc32, which is Node's own where that has one, also with a beginning", () => {
    const of = fc.uint8Array({ maxLength: 300 });
    fc.assert(fc.property(of, of, (first, bytes) => crc32(bytes, crc32(first)) === zlibCrc32(bytes, zlibCrc32(first))));
  });
});
