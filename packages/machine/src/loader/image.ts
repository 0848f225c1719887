import type { LoadedImage } from './elf.js';
import { ImageError } from './image-error.js';

/** The arm64 Linux `Image` (Linux: Documentation/arch/arm64/booting.rst, section 4) and the EFI zboot file around one. */

const HEADER_SIZE = 64;
const MAGIC_OFFSET = 56;
/** "ARM\x64", little-endian. */
const MAGIC = 0x644d_5241;
/** Header flags: bit 0 endianness of the kernel, bits 2:1 its page size (0 unspecified, 1 is 4 KiB). */
const FLAG_BIG_ENDIAN = 1;
const PAGE_SIZE_NAMES = ['unspecified', '4 KiB', '16 KiB', '64 KiB'] as const;
/** Where a kernel goes that does not say: one from before Linux 3.17, or a bare binary. */
export const DEFAULT_TEXT_OFFSET = 0x8_0000;
/** QEMU keeps the start of RAM for its boot code, and moves an image that would be there up by one 2 MiB block. */
const LOWEST_TEXT_OFFSET = 0x1000;
const TEXT_ALIGNMENT = 0x20_0000;

/** The zboot header: "MZ", then at 4 "zimg", the payload's offset and size, and at 24 the name of its compression. */
const ZBOOT_MAGIC = 0x676d_697a;
const ZBOOT_HEADER_SIZE = 56;

export function isArm64Image(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_SIZE && viewOf(bytes).getUint32(MAGIC_OFFSET, true) === MAGIC;
}

/** Where the Image asks to be, in a RAM that begins at `ramBase`. */
export function readArm64Image(bytes: Uint8Array, what: string, ramBase: number): LoadedImage {
  const view = viewOf(bytes);
  const imageSize = number64(view, 16);
  const flags = view.getUint32(24, true);
  if (flags & FLAG_BIG_ENDIAN) throw new ImageError(`${what} is a big-endian kernel; only little-endian runs.`);
  const pageSize = (flags >> 1) & 3;
  if (pageSize > 1)
    throw new ImageError(`${what} is built for ${PAGE_SIZE_NAMES[pageSize]} pages; the core has 4 KiB.`);
  // An image_size of 0 means that text_offset is not to be trusted either.
  let offset = imageSize === 0 ? DEFAULT_TEXT_OFFSET : number64(view, 8);
  if (offset < LOWEST_TEXT_OFFSET) offset += TEXT_ALIGNMENT;
  const address = ramBase + offset;
  return { segments: [{ address, bytes, size: Math.max(imageSize, bytes.length) }], entry: address };
}

/** A file that is neither ELF nor Image is put where a kernel without a header goes, and entered at its first byte. */
export function readRaw(bytes: Uint8Array, ramBase: number): LoadedImage {
  const address = ramBase + DEFAULT_TEXT_OFFSET;
  return { segments: [{ address, bytes, size: bytes.length }], entry: address };
}

/** The compressed kernel inside an EFI zboot file and how it is compressed; undefined for every other file. */
export function zbootPayload(
  bytes: Uint8Array,
  what: string,
): { payload: Uint8Array; compression: string } | undefined {
  if (bytes.length < ZBOOT_HEADER_SIZE || viewOf(bytes).getUint32(4, true) !== ZBOOT_MAGIC) return undefined;
  const view = viewOf(bytes);
  const offset = view.getUint32(8, true);
  const size = view.getUint32(12, true);
  if (offset + size > bytes.length) throw new ImageError(`${what} is truncated: its compressed kernel ends beyond it.`);
  const name = bytes.subarray(24, 24 + 32);
  const end = name.indexOf(0);
  const compression = new TextDecoder('latin1').decode(name.subarray(0, end < 0 ? name.length : end));
  return { payload: bytes.subarray(offset, offset + size), compression };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function number64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}
