import { ImageError } from './image-error.js';

/** ELF-64 object files (System V ABI, chapters 4 and 5; Arm IHI 0056 for AArch64). */

/** A part of memory that a program asks for: file bytes, then zeros up to `size`. */
export interface Segment {
  /** Physical address. */
  address: number;
  bytes: Uint8Array;
  /** Bytes in memory, at least those of the file. */
  size: number;
}

/** Where a program goes and where it starts. */
export interface LoadedImage {
  segments: Segment[];
  /** Physical address of the first instruction. */
  entry: number;
}

const MAGIC = 0x7f45_4c46;
const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const CLASS_64 = 2;
const DATA_LITTLE_ENDIAN = 1;
const TYPE = { executable: 2, shared: 3 } as const;
const MACHINE_AARCH64 = 183;
const PT_LOAD = 1;

export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && viewOf(bytes).getUint32(0) === MAGIC;
}

/** Reads the loadable segments; `what` names the file in messages. */
export function readElf(bytes: Uint8Array, what: string): LoadedImage {
  const view = viewOf(bytes);
  if (bytes.length < HEADER_SIZE) throw new ImageError(`${what} is truncated: it ends within its ELF header.`);
  if (bytes[4] !== CLASS_64) throw new ImageError(`${what} is an ELF file but not a 64-bit one.`);
  if (bytes[5] !== DATA_LITTLE_ENDIAN)
    throw new ImageError(`${what} is a big-endian ELF file; only little-endian runs.`);
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_AARCH64) {
    throw new ImageError(`${what} is an ELF file for machine ${machine}, not for AArch64 (${MACHINE_AARCH64}).`);
  }
  const type = view.getUint16(16, true);
  if (type !== TYPE.executable && type !== TYPE.shared) {
    throw new ImageError(`${what} is an ELF file of type ${type}, not an executable.`);
  }
  const tableOffset = number64(view, 32);
  const entrySize = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  if (count > 0 && entrySize < PROGRAM_HEADER_SIZE) {
    throw new ImageError(`${what} has program headers of ${entrySize} bytes; they have ${PROGRAM_HEADER_SIZE}.`);
  }
  if (tableOffset + count * entrySize > bytes.length) {
    throw new ImageError(`${what} is truncated: its program headers lie beyond its end.`);
  }

  const segments: Segment[] = [];
  const entry = view.getBigUint64(24, true);
  let start: number | undefined;
  for (let index = 0; index < count; index++) {
    const header = tableOffset + index * entrySize;
    const size = number64(view, header + 40);
    if (view.getUint32(header, true) !== PT_LOAD || size === 0) continue;
    const offset = number64(view, header + 8);
    const virtual = view.getBigUint64(header + 16, true);
    const address = number64(view, header + 24);
    const fileSize = number64(view, header + 32);
    if (fileSize > size) throw new ImageError(`${what} has a segment with more bytes in the file than in memory.`);
    if (offset + fileSize > bytes.length) {
      throw new ImageError(`${what} is truncated: segment ${index} lies beyond its end.`);
    }
    // The entry point is a virtual address: with the MMU off the core starts at the physical one of the same byte.
    if (start === undefined && entry >= virtual && entry - virtual < BigInt(size)) {
      start = address + Number(entry - virtual);
    }
    segments.push({ address, bytes: bytes.subarray(offset, offset + fileSize), size });
  }
  if (segments.length === 0) throw new ImageError(`${what} has nothing to load: no loadable segment.`);
  return { segments, entry: start ?? Number(entry) };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 64-bit field as a number; beyond 2^53 it loses low bits, and is out of every RAM and file anyway. */
function number64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}
