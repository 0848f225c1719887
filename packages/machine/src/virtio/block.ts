import type { Chain } from './chain.js';
import type { VirtioDevice } from './device.js';
import { DriverFault } from './driver-fault.js';

/** The block device: VIRTIO 1.2, section 5.2. */

export const SECTOR = 512;

/** What a block device keeps its sectors on. Every method throws when the medium fails: the guest is told so. */
export interface Disk {
  /** Bytes: a multiple of 512. */
  readonly size: number;
  /** Fills `into` from `offset` on. */
  read(offset: number, into: Uint8Array): void;
  write(offset: number, bytes: Uint8Array): void;
  /** Comes back when all that was written is safe. */
  flush(): void;
}

/** A disk in memory. */
export class MemoryDisk implements Disk {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.bytes.length;
  }

  read(offset: number, into: Uint8Array): void {
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  write(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
  }

  flush(): void {}
}

const FEATURE = { segmentMax: 2, readOnly: 5, blockSize: 6, flush: 9 } as const;
/** The most segments that a request may have (`seg_max`), beside its header and its status. */
const MOST_SEGMENTS = 254;
/** Offsets of the fields in the configuration (5.2.4). */
const FIELD = { capacity: 0, segmentMax: 12, blockSize: 20 } as const;
const CONFIGURATION_SIZE = 60;

const REQUEST = { in: 0, out: 1, flush: 4, getId: 8 } as const;
const STATUS = { ok: 0, ioError: 1, unsupported: 2 } as const;
/** A request begins with type, a reserved word and the sector, and ends with a byte of status (5.2.6). */
const HEADER_LENGTH = 16;
const ID_LENGTH = 20;

export interface VirtioBlockOptions {
  readonly: boolean;
  /** What `get-id` says, at most 20 bytes. */
  id: string;
}

/** A disk drive. Requests are done at once, in their order. */
export class VirtioBlock implements VirtioDevice {
  readonly type = 2;
  readonly classCode = 0x01_8000;
  readonly features: readonly number[];
  readonly queueSizes = [256];
  readonly configuration = new Uint8Array(CONFIGURATION_SIZE);
  readonly #disk: Disk;
  readonly #options: VirtioBlockOptions;

  constructor(disk: Disk, options: VirtioBlockOptions) {
    this.#disk = disk;
    this.#options = options;
    const { segmentMax, readOnly, blockSize, flush } = FEATURE;
    this.features = options.readonly ? [segmentMax, readOnly, blockSize, flush] : [segmentMax, blockSize, flush];
    const view = new DataView(this.configuration.buffer);
    view.setBigUint64(FIELD.capacity, BigInt(disk.size / SECTOR), true);
    view.setUint32(FIELD.segmentMax, MOST_SEGMENTS, true);
    view.setUint32(FIELD.blockSize, SECTOR, true);
  }

  wants(): boolean {
    return true;
  }

  use(_queue: number, chain: Chain): number {
    const header = chain.read(0, HEADER_LENGTH);
    const room = chain.writableLength - 1;
    if (header.length < HEADER_LENGTH || room < 0) throw new DriverFault('a block request has no header or no status');
    const view = new DataView(header.buffer);
    const type = view.getUint32(0, true);
    const offset = (view.getUint32(12, true) * 2 ** 32 + view.getUint32(8, true)) * SECTOR;
    const { status, written } = this.#execute(type, offset, chain, room);
    chain.write(room, Uint8Array.of(status));
    return written === room ? room + 1 : written;
  }

  reset(): void {}

  /** The medium is the caller's to keep; a machine goes on only with one of the same size. */
  save(): { size: number } {
    return { size: this.#disk.size };
  }

  check(state: unknown): string | undefined {
    const { size } = (state ?? {}) as { size?: unknown };
    if (size === this.#disk.size) return undefined;
    return `its disk had ${String(size)} bytes, and the one given has ${this.#disk.size}`;
  }

  restore(): void {}

  #execute(type: number, offset: number, chain: Chain, room: number): { status: number; written: number } {
    try {
      switch (type) {
        case REQUEST.in:
          return this.#read(offset, chain, room);
        case REQUEST.out:
          return this.#write(offset, chain);
        case REQUEST.flush:
          this.#disk.flush();
          return { status: STATUS.ok, written: 0 };
        case REQUEST.getId: {
          const id = new Uint8Array(ID_LENGTH);
          id.set(new TextEncoder().encode(this.#options.id).subarray(0, ID_LENGTH));
          return { status: STATUS.ok, written: chain.write(0, id.subarray(0, room)) };
        }
        default:
          return { status: STATUS.unsupported, written: 0 };
      }
    } catch {
      return { status: STATUS.ioError, written: 0 };
    }
  }

  #read(offset: number, chain: Chain, length: number): { status: number; written: number } {
    if (!this.#isWithin(offset, length)) return { status: STATUS.ioError, written: 0 };
    const bytes = new Uint8Array(length);
    this.#disk.read(offset, bytes);
    return { status: STATUS.ok, written: chain.write(0, bytes) };
  }

  #write(offset: number, chain: Chain): { status: number; written: number } {
    const length = chain.readableLength - HEADER_LENGTH;
    if (this.#options.readonly || !this.#isWithin(offset, length)) return { status: STATUS.ioError, written: 0 };
    this.#disk.write(offset, chain.read(HEADER_LENGTH, length));
    return { status: STATUS.ok, written: 0 };
  }

  #isWithin(offset: number, length: number): boolean {
    return length % SECTOR === 0 && offset + length <= this.#disk.size;
  }
}
