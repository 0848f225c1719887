/** The sums of the CRC32 instructions, by table. */

import { CRC_TABLES } from '../state/layout';

/** CRC32 (table 0) or CRC32C (table 1) of `bytes` bytes of the value, low byte first, without the usual inversions. */
export function crc(accumulator: u32, value: u64, bytes: u32, table: u32): u32 {
  const base = CRC_TABLES + ((<usize>table) << 10);
  for (let i: u32 = 0; i < bytes; i++) {
    accumulator = (accumulator >> 8) ^ load<u32>(base + ((<usize>((accumulator ^ <u32>value) & 0xff)) << 2));
    value >>= 8;
  }
  return accumulator;
}

function fillCrcTable(base: usize, polynomial: u32): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? polynomial : 0);
    store<u32>(base + ((<usize>i) << 2), value);
  }
}

export function fillCrcTables(): void {
  // The reflected polynomials 0x04C11DB7 and 0x1EDC6F41.
  fillCrcTable(CRC_TABLES, 0xedb88320);
  fillCrcTable(CRC_TABLES + 1024, 0x82f63b78);
}
