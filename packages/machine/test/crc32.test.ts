import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../src/crc32.js';

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

  // Node has it since 20.15 and 22.2; older versions are the reason for ours.
  const peer = (zlib as { crc32?: (bytes: Uint8Array) => number }).crc32;
  it.skipIf(!peer)("is the same as Node's own (needs a Node that has zlib.crc32)", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => crc32(bytes) === peer!(bytes)));
  });
});
