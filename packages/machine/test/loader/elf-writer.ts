/** Builds small ELF-64 files for tests; every field of the headers can be made wrong. */

export interface ElfSegment {
  address: number;
  virtual?: number | bigint;
  bytes: Uint8Array;
  memorySize?: number;
  type?: number;
}

export interface ElfFields {
  class?: number;
  data?: number;
  machine?: number;
  type?: number;
  programHeaderSize?: number;
  programHeaderCount?: number;
}

export function writeElf(entry: number | bigint, segments: ElfSegment[], fields: ElfFields = {}): Uint8Array {
  const headers = 64 + segments.length * 56;
  const size = headers + segments.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, fields.class ?? 2, fields.data ?? 1, 1]);
  view.setUint16(16, fields.type ?? 2, true);
  view.setUint16(18, fields.machine ?? 183, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, fields.programHeaderSize ?? 56, true);
  view.setUint16(56, fields.programHeaderCount ?? segments.length, true);
  let offset = headers;
  segments.forEach(({ address, virtual, bytes, memorySize, type }, index) => {
    const at = 64 + index * 56;
    view.setUint32(at, type ?? 1, true);
    view.setUint32(at + 4, 7, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, BigInt(virtual ?? address), true);
    view.setBigUint64(at + 24, BigInt(address), true);
    view.setBigUint64(at + 32, BigInt(bytes.length), true);
    view.setBigUint64(at + 40, BigInt(memorySize ?? bytes.length), true);
    file.set(bytes, offset);
    offset += bytes.length;
  });
  return file;
}

/** An arm64 Image of `length` bytes with that header. */
export function writeImage(length: number, header: { textOffset?: number; imageSize?: number; flags?: number } = {}) {
  const file = new Uint8Array(length).fill(0xd5);
  const view = new DataView(file.buffer);
  view.setBigUint64(8, BigInt(header.textOffset ?? 0), true);
  view.setBigUint64(16, BigInt(header.imageSize ?? length), true);
  view.setBigUint64(24, BigInt(header.flags ?? 2), true);
  view.setUint32(56, 0x644d5241, true);
  return file;
}
