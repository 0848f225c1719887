/** CRC-32 as zlib, gzip and PNG use it (ISO 3309, polynomial 0xEDB88320 reflected), eight bytes at a step. */

const TABLES = Array.from({ length: 8 }, () => new Uint32Array(256));
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  TABLES[0][byte] = crc;
}
for (let byte = 0; byte < 256; byte++) {
  for (let ahead = 1; ahead < 8; ahead++) {
    const before = TABLES[ahead - 1][byte];
    TABLES[ahead][byte] = (before >>> 8) ^ TABLES[0][before & 0xff];
  }
}
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES;

/** Computes CRC-32s: `crc32`, or what the host has for it, which is faster. */
export type Crc32 = (bytes: Uint8Array, previous?: number) => number;

/** The CRC-32 of the bytes, continuing from `previous`, as an unsigned number. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc =
      T7[crc & 0xff] ^
      T6[(crc >>> 8) & 0xff] ^
      T5[(crc >>> 16) & 0xff] ^
      T4[crc >>> 24] ^
      T3[bytes[at + 4]] ^
      T2[bytes[at + 5]] ^
      T1[bytes[at + 6]] ^
      T0[bytes[at + 7]];
  }
  for (; at < bytes.length; at++) crc = T0[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}
