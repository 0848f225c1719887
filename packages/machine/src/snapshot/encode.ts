import type { RamPages } from 'vgic';
import { crc32 } from '../crc32.js';
import type { MachineState } from '../machine-state.js';
import {
  CHUNK_HEADER_SIZE,
  type Compression,
  type DeviceTag,
  FORMAT_VERSION,
  HEADER_SIZE,
  MAGIC,
  PAGES_PER_CHUNK,
  SECTION_HEADER_SIZE,
  SECTIONS,
  type SectionTag,
} from './format.js';
import { PAGE_SIZE } from './ram-state.js';

/** The snapshot file of a state, in pieces to be written one after the other. */
export function encodeSnapshot(state: MachineState, compression: Compression): Uint8Array[] {
  const payloads: Record<SectionTag, Uint8Array[]> = {
    ...encodeDevices(state),
    TABL: encodePages(state.tables, compression),
    RAM0: encodePages(state.ram, compression),
  };
  const pieces = SECTIONS.flatMap(({ tag }) => [sectionHeader(tag, payloads[tag]), ...payloads[tag]]);
  return [fileHeader(HEADER_SIZE + lengthOf(pieces)), ...pieces];
}

/** The sections of a state that are not RAM. */
export function encodeDevices(state: MachineState): Record<DeviceTag, Uint8Array[]> {
  return {
    CONF: [json({ config: state.config, time: state.time, ended: state.ended, passthrough: state.passthrough })],
    SCHD: [json(state.schedule)],
    CPUS: state.vcpus.flatMap((bytes) => [u32(bytes.length), bytes]),
    GIC3: [json(state.gic)],
    UART: [json(state.uart)],
    MSID: [json(state.msiDevice)],
    PCIE: [json(state.devices)],
  };
}

function fileHeader(length: number): Uint8Array {
  const header = new Uint8Array(HEADER_SIZE);
  const view = new DataView(header.buffer);
  header.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, FORMAT_VERSION, true);
  view.setBigUint64(12, BigInt(length), true);
  view.setUint32(20, crc32(header.subarray(0, 20)), true);
  return header;
}

function sectionHeader(tag: SectionTag, payload: Uint8Array[]): Uint8Array {
  const header = new Uint8Array(SECTION_HEADER_SIZE);
  const view = new DataView(header.buffer);
  header.set(new TextEncoder().encode(tag));
  view.setBigUint64(4, BigInt(lengthOf(payload)), true);
  const crc = payload.reduce((before, piece) => crc32(piece, before), crc32(header.subarray(0, 12)));
  view.setUint32(12, crc, true);
  return header;
}

function encodePages({ pages, contents }: RamPages, compression: Compression): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let first = 0; first < pages.length; ) {
    const chunk = Math.floor(pages[first] / PAGES_PER_CHUNK);
    const header = new Uint8Array(CHUNK_HEADER_SIZE);
    let last = first;
    for (; last < pages.length && Math.floor(pages[last] / PAGES_PER_CHUNK) === chunk; last++) {
      const page = pages[last] % PAGES_PER_CHUNK;
      header[8 + (page >> 3)] |= 1 << (page & 7);
    }
    const data = compression.deflate(contents.subarray(first * PAGE_SIZE, last * PAGE_SIZE));
    const view = new DataView(header.buffer);
    view.setUint32(0, chunk, true);
    view.setUint32(4, data.length, true);
    pieces.push(header, data);
    first = last;
  }
  return pieces;
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function lengthOf(pieces: Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}
