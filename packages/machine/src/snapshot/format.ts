/**
 * The snapshot file. All numbers are little-endian.
 *
 *   header   magic (8 bytes), version (u32), length of the whole file (u64), CRC-32 of these 20 bytes (u32)
 *   section  tag (4 bytes), length of the payload (u64), CRC-32 of tag, length and payload (u32), payload
 *
 * The sections are those of `SECTIONS`, each once, in that order, and nothing follows the last.
 */

export const MAGIC = 'VGICSNAP';
/** Grows with every change after which an older reader would misread the file. */
export const FORMAT_VERSION = 4;
export const HEADER_SIZE = 24;
export const SECTION_HEADER_SIZE = 16;

/** All but RAM: tag, what it is called in messages, what it holds. A migration sends the same. */
export const DEVICE_SECTIONS = [
  { tag: 'CONF', name: 'configuration' }, // JSON: the machine's configuration, its time, how it ended, PassthroughState
  { tag: 'SCHD', name: 'scheduler and PSCI' }, // JSON: ScheduleState
  { tag: 'CPUS', name: 'vCPUs' }, // for each: length (u32), the core's bytes
  { tag: 'GIC3', name: 'GIC' }, // JSON: GicState
  { tag: 'UART', name: 'UART' }, // JSON: Pl011State
  { tag: 'MSID', name: 'MSI device' }, // JSON: MsiDeviceState
  { tag: 'PCIE', name: 'PCIe devices' }, // JSON: a VirtioPciState for each, in the order of the configuration
] as const;
export type DeviceTag = (typeof DEVICE_SECTIONS)[number]['tag'];

export const SECTIONS = [
  ...DEVICE_SECTIONS,
  { tag: 'TABL', name: 'GIC tables' }, // as RAM0: the pages that come with GIC3, which lie over RAM
  { tag: 'RAM0', name: 'RAM' }, // chunks, see below
] as const;
export type SectionTag = (typeof SECTIONS)[number]['tag'];

/**
 * RAM is cut into chunks of 1 MiB; those of zeros alone are left out. A chunk is its number (u32), the length of its
 * compressed data (u32), a bit for each of its 256 pages that is present (lowest first), and the DEFLATE-compressed pages.
 */
export const PAGES_PER_CHUNK = 256;
export const CHUNK_HEADER_SIZE = 8 + PAGES_PER_CHUNK / 8;

/** How chunks are compressed. A file's own is raw DEFLATE: `deflateCompression`, or Node's zlib, which is faster. */
export interface Compression {
  deflate(bytes: Uint8Array): Uint8Array;
  /** Throws when the data is bad or would be longer than `limit` bytes. */
  inflate(bytes: Uint8Array, limit: number): Uint8Array;
}
