import type { GicState, RamPages } from 'vgic';
import { type CompleteConfig, completeConfig } from '../config.js';
import { crc32 } from '../crc32.js';
import { checkMachineState, type MachineState } from '../machine-state.js';
import type { MsiDeviceState } from '../msi-device.js';
import type { Pl011State } from '../pl011.js';
import type { ScheduleState } from '../scheduler.js';
import type { VirtioPciState } from '../virtio/virtio-pci.js';
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
import { SnapshotError } from './snapshot-error.js';

/**
 * Reads a snapshot file. Every byte is covered by a checksum and checked before its contents are looked at; what is then
 * allocated is bounded by the machine's own size. Throws SnapshotError, nothing else.
 */
export function decodeSnapshot(file: Uint8Array, compression: Compression): MachineState {
  checkHeader(file);
  const sections = readSections(file);
  const devices = decodeDevices(sections);
  const { memory } = devices.config;
  const state: MachineState = {
    ...devices,
    tables: readPages(sections, 'TABL', memory, compression),
    ram: { size: memory, ...readPages(sections, 'RAM0', memory, compression) },
  };
  checkMachineState(state);
  return state;
}

/** What the sections that are not RAM say, with a configuration that can be; the rest is for `checkMachineState` to judge. */
export function decodeDevices(sections: Record<DeviceTag, Uint8Array>): Omit<MachineState, 'ram' | 'tables'> {
  const conf = parse<Pick<MachineState, 'config' | 'time' | 'ended'> & Partial<MachineState>>(sections.CONF, 'CONF');
  let config: CompleteConfig;
  try {
    config = completeConfig(conf.config);
  } catch (error) {
    throw new SnapshotError(`The snapshot is of a machine that this version cannot be: ${(error as Error).message}`);
  }
  return {
    config,
    time: conf.time,
    ended: conf.ended,
    schedule: parse<ScheduleState>(sections.SCHD, 'SCHD'),
    vcpus: readVcpus(sections.CPUS, config.vcpus),
    gic: parse<GicState>(sections.GIC3, 'GIC3'),
    uart: parse<Pl011State>(sections.UART, 'UART'),
    msiDevice: parse<MsiDeviceState>(sections.MSID, 'MSID'),
    devices: parse<VirtioPciState[]>(sections.PCIE, 'PCIE'),
    passthrough: conf.passthrough ?? null,
  };
}

function checkHeader(file: Uint8Array): void {
  const magic = new TextDecoder('latin1').decode(file.subarray(0, MAGIC.length));
  if (file.length === 0) throw new SnapshotError('The snapshot is empty.');
  if (magic !== MAGIC.slice(0, file.length)) throw new SnapshotError('This is not a snapshot of a vgic machine.');
  if (file.length < HEADER_SIZE) {
    throw new SnapshotError(`The snapshot is truncated: it ends after ${file.length} bytes, within its header.`);
  }
  const view = viewOf(file);
  const version = view.getUint32(8, true);
  if (version > FORMAT_VERSION) {
    throw new SnapshotError(
      `The snapshot has format version ${version}; this vgic reads version ${FORMAT_VERSION}: use a newer one.`,
    );
  }
  if (version === 0 || view.getUint32(20, true) !== crc32(file.subarray(0, 20))) {
    throw new SnapshotError('The snapshot is corrupted: the checksum of its header is wrong.');
  }
  if (version < FORMAT_VERSION) {
    throw new SnapshotError(
      `The snapshot has format version ${version}, of an older vgic; this one reads version ${FORMAT_VERSION}.`,
    );
  }
  const length = Number(view.getBigUint64(12, true));
  if (file.length > length) {
    throw new SnapshotError(`The snapshot is corrupted: ${file.length - length} bytes follow its end.`);
  }
  if (file.length < length) {
    throw new SnapshotError(
      `The snapshot is truncated: it ends after ${file.length} of ${length} bytes, in the part ${placeOf(file)}.`,
    );
  }
}

/** The name of the section in which a truncated file ends. */
function placeOf(file: Uint8Array): string {
  let at = HEADER_SIZE;
  for (const { name } of SECTIONS) {
    if (at + SECTION_HEADER_SIZE > file.length) return name;
    at += SECTION_HEADER_SIZE + Number(viewOf(file).getBigUint64(at + 4, true));
    if (at > file.length) return name;
  }
  return SECTIONS.at(-1)!.name;
}

function readSections(file: Uint8Array): Record<SectionTag, Uint8Array> {
  const view = viewOf(file);
  const sections: Partial<Record<SectionTag, Uint8Array>> = {};
  let at = HEADER_SIZE;
  for (const { tag, name } of SECTIONS) {
    const header = file.subarray(at, at + SECTION_HEADER_SIZE);
    if (header.length < SECTION_HEADER_SIZE) throw corrupted(tag, 'it is missing');
    const found = new TextDecoder('latin1').decode(header.subarray(0, 4));
    if (found !== tag) throw corrupted(tag, `another part is in its place`);
    const length = Number(view.getBigUint64(at + 4, true));
    const start = at + SECTION_HEADER_SIZE;
    if (length > file.length - start) throw corrupted(tag, 'it is longer than the file');
    const payload = file.subarray(start, start + length);
    if (crc32(payload, crc32(header.subarray(0, 12))) !== view.getUint32(at + 12, true)) {
      throw new SnapshotError(`The snapshot is corrupted: the checksum of the part ${name} is wrong.`);
    }
    sections[tag] = payload;
    at = start + length;
  }
  if (at !== file.length) throw new SnapshotError('The snapshot is corrupted: something follows its last part.');
  return sections as Record<SectionTag, Uint8Array>;
}

function parse<T extends object>(payload: Uint8Array, tag: SectionTag): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    throw corrupted(tag, 'it cannot be read');
  }
  if (typeof value !== 'object' || value === null) throw corrupted(tag, 'it cannot be read');
  return value as T;
}

function readVcpus(payload: Uint8Array, count: number): Uint8Array[] {
  const vcpus: Uint8Array[] = [];
  let at = 0;
  for (let vcpu = 0; vcpu < count; vcpu++) {
    if (at + 4 > payload.length) throw corrupted('CPUS', `vCPU ${vcpu} is missing`);
    const length = viewOf(payload).getUint32(at, true);
    if (length > payload.length - at - 4) throw corrupted('CPUS', `vCPU ${vcpu} is cut short`);
    vcpus.push(payload.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (at !== payload.length) throw corrupted('CPUS', 'it holds more vCPUs than the machine has');
  return vcpus;
}

interface Chunk {
  pages: number[];
  data: Uint8Array;
}

function readPages(
  sections: Record<SectionTag, Uint8Array>,
  tag: 'RAM0' | 'TABL',
  size: number,
  compression: Compression,
): RamPages {
  const chunks = readChunks(sections[tag], tag, size);
  const pages = Uint32Array.from(chunks.flatMap((chunk) => chunk.pages));
  const contents = new Uint8Array(pages.length * PAGE_SIZE);
  let at = 0;
  for (const chunk of chunks) {
    const expected = chunk.pages.length * PAGE_SIZE;
    let bytes: Uint8Array;
    try {
      bytes = compression.inflate(chunk.data, expected);
    } catch {
      throw corrupted(tag, `page ${chunk.pages[0]} and those after it cannot be decompressed`);
    }
    if (bytes.length !== expected) throw corrupted(tag, `page ${chunk.pages[0]} and those after it are cut short`);
    contents.set(bytes, at);
    at += expected;
  }
  return { pages, contents };
}

/** The chunks of a section of pages, in order and within the RAM, not decompressed yet. */
function readChunks(payload: Uint8Array, tag: SectionTag, size: number): Chunk[] {
  const view = viewOf(payload);
  const chunks: Chunk[] = [];
  let before = -1;
  for (let at = 0; at < payload.length; ) {
    if (at + CHUNK_HEADER_SIZE > payload.length) throw corrupted(tag, 'a chunk is cut short');
    const number = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const start = at + CHUNK_HEADER_SIZE;
    if (number <= before) throw corrupted(tag, 'its chunks are out of order');
    if (length > payload.length - start) throw corrupted(tag, 'a chunk is cut short');
    const pages: number[] = [];
    for (let page = 0; page < PAGES_PER_CHUNK; page++) {
      if (payload[at + 8 + (page >> 3)] & (1 << (page & 7))) pages.push(number * PAGES_PER_CHUNK + page);
    }
    if (pages.length === 0) throw corrupted(tag, 'a chunk has no pages');
    if (pages.at(-1)! >= size / PAGE_SIZE) throw corrupted(tag, 'it has pages beyond the memory of the machine');
    chunks.push({ pages, data: payload.subarray(start, start + length) });
    before = number;
    at = start + length;
  }
  return chunks;
}

function corrupted(tag: SectionTag, why: string): SnapshotError {
  const { name } = SECTIONS.find((section) => section.tag === tag)!;
  return new SnapshotError(`The snapshot is corrupted in the part ${name}: ${why}.`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
