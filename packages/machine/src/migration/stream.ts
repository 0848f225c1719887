/**
 * The stream of a migration. All numbers are little-endian. Either side sends
 *
 *   header   magic (8 bytes), version (u32), CRC-32 of these 12 bytes (u32)
 *   frame    tag (4 bytes), length of the payload (u64), CRC-32 (u32), payload
 *
 * A frame is laid out as a snapshot's section, and the machine's state travels in the snapshot's own sections. The CRC-32
 * of a frame goes on from that of the frame before (at first, of the header): one that is lost, repeated or out of its
 * order is noticed as a damaged one is.
 */

import { type Crc32, crc32 as ownCrc32 } from '../crc32.js';
import { CHUNK_HEADER_SIZE, DEVICE_SECTIONS, type DeviceTag, PAGES_PER_CHUNK } from '../snapshot/format.js';
import { PAGE_SIZE } from '../snapshot/ram-state.js';

export const STREAM_MAGIC = 'VGICMIGR';
/** Grows with every change that an older destination would misread. */
export const STREAM_VERSION = 2;
export const STREAM_HEADER_SIZE = 16;
export const FRAME_HEADER_SIZE = 16;

const KIB = 2 ** 10;
const MIB = 2 ** 20;
/** Chunk number, length, bitmap as in a snapshot; a bitmap of zero pages; a chunk that does not get smaller goes as it is. */
const LARGEST_CHUNK = CHUNK_HEADER_SIZE + PAGES_PER_CHUNK / 8 + PAGES_PER_CHUNK * PAGE_SIZE;
/** A GIC's state with a million translations told outright is below this. */
const LARGEST_SECTION = 256 * MIB;

/** What the source says: tag, what it is, the longest payload that is taken. */
const FROM_SOURCE = [
  { tag: 'HELO', limit: 64 * KIB }, // JSON: Greeting. Nothing else goes before the destination has accepted it
  { tag: 'PAGE', limit: LARGEST_CHUNK }, // pages of RAM, see pages.ts
  { tag: 'RNDE', limit: 4 }, // number of a round (u32): it is complete
  { tag: 'TABL', limit: LARGEST_CHUNK }, // as PAGE: pages that come with GIC3, which lie over RAM
  ...DEVICE_SECTIONS.map(({ tag }) => ({ tag, limit: LARGEST_SECTION })),
  { tag: 'DONE', limit: KIB }, // JSON: Ending. The state is complete
  { tag: 'CMIT', limit: 0 }, // the source has given the machine up for good
  { tag: 'CNCL', limit: KIB }, // text: the migration is off, and why
  { tag: 'ASKS', limit: KIB }, // JSON: Inquiry, first on a new connection: did the machine of that migration start?
] as const;
/** What the destination says. */
const FROM_DESTINATION = [
  { tag: 'ACPT', limit: 0 }, // it has such a machine: RAM may come
  { tag: 'ACKR', limit: 4 }, // number of a round (u32): all of it is in RAM
  { tag: 'REDY', limit: 0 }, // the machine stands as the source's does, and waits for CMIT
  { tag: 'RUNS', limit: 0 }, // it runs
  { tag: 'RFSE', limit: KIB }, // text: it has given up, why, and will never run
  { tag: 'DROP', limit: KIB }, // text: it hangs up, and why. That is no word on who has the machine
] as const;

export type SourceTag = Exclude<(typeof FROM_SOURCE)[number]['tag'], undefined> | DeviceTag;
export type DestinationTag = (typeof FROM_DESTINATION)[number]['tag'];

/** The first that the source says. */
export interface Greeting {
  /** Names this migration among all others. */
  id: string;
  /** Version of the snapshot's sections in which the state will come. */
  format: number;
  /** The machine's configuration, to be compared whole. */
  config: object;
}

/** The last that the source says before the destination gets ready. */
export interface Ending {
  /** The person has stopped the guest: it is to go on when told. */
  paused: boolean;
}

export interface Inquiry {
  id: string;
}

/** The other side sent what it may not; the message is one sentence. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
}

/** Bytes in order to one other side. It never calls back from within a call. */
export interface ByteChannel {
  /** There is room: what is written will not pile up. */
  readonly writable: boolean;
  /** Nothing of what was written is held any more: the memory that it was in may be used anew. */
  readonly drained: boolean;
  /** Takes bytes, also when it is not `writable`: a small frame may go over. */
  write(bytes: Uint8Array): void;
  /** Ends the connection when all has been written. */
  close(): void;
}

/** Puts frames on a channel, the header before the first. */
export class FrameWriter<Tag extends string> {
  readonly #channel: ByteChannel;
  readonly #crc32: Crc32;
  #crc: number | undefined;
  /** Bytes written so far. */
  bytes = 0;

  constructor(channel: ByteChannel, crc32: Crc32 = ownCrc32) {
    this.#channel = channel;
    this.#crc32 = crc32;
  }

  /** The payload goes as it is, in pieces that must not change before the channel is drained. */
  send(tag: Tag, ...payload: Uint8Array[]): void {
    if (this.#crc === undefined) {
      const first = header();
      this.#crc = this.#crc32(first);
      this.#write(first);
    }
    const head = new Uint8Array(FRAME_HEADER_SIZE);
    head.set(new TextEncoder().encode(tag));
    const view = new DataView(head.buffer);
    view.setBigUint64(4, BigInt(payload.reduce((sum, piece) => sum + piece.length, 0)), true);
    this.#crc = payload.reduce((crc, piece) => this.#crc32(piece, crc), this.#crc32(head.subarray(0, 12), this.#crc));
    view.setUint32(12, this.#crc, true);
    this.#write(head);
    for (const piece of payload) if (piece.length > 0) this.#write(piece);
  }

  #write(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.#channel.write(bytes);
  }
}

function header(): Uint8Array {
  const bytes = new Uint8Array(STREAM_HEADER_SIZE);
  bytes.set(new TextEncoder().encode(STREAM_MAGIC));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, STREAM_VERSION, true);
  view.setUint32(12, ownCrc32(bytes.subarray(0, 12)), true);
  return bytes;
}

/** Cuts what arrives into frames. Holds one frame at most, and no more of it than has arrived. */
export class FrameReader<Tag extends string> {
  readonly #limits: ReadonlyMap<string, number>;
  readonly #onFrame: (tag: Tag, payload: Uint8Array) => void;
  readonly #crc32: Crc32;
  /** Header of the stream or of a frame, as far as it is there. */
  readonly #head = new Uint8Array(FRAME_HEADER_SIZE);
  #headed = 0;
  #crc: number | undefined;
  /** The frame being read; undefined between two. */
  #frame: { tag: Tag; length: number } | undefined;
  /** Room for any frame of RAM, once there is one, used again and again: fresh memory costs more than what is done with it. */
  #room = new Uint8Array(0);
  /** The payload as far as it has arrived: the first `#filled` bytes. */
  #payload = new Uint8Array(0);
  #filled = 0;
  #stopped = false;

  private constructor(
    frames: readonly { tag: string; limit: number }[],
    onFrame: (tag: Tag, payload: Uint8Array) => void,
    crc32: Crc32 = ownCrc32,
  ) {
    this.#limits = new Map(frames.map(({ tag, limit }) => [tag, limit]));
    this.#onFrame = onFrame;
    this.#crc32 = crc32;
  }

  /** A payload is there until `onFrame` comes back. */
  static ofSource(onFrame: (tag: SourceTag, payload: Uint8Array) => void, crc32?: Crc32): FrameReader<SourceTag> {
    return new FrameReader(FROM_SOURCE, onFrame, crc32);
  }

  static ofDestination(onFrame: (tag: DestinationTag, payload: Uint8Array) => void): FrameReader<DestinationTag> {
    return new FrameReader(FROM_DESTINATION, onFrame);
  }

  /** No more frames are wanted, also of those that have arrived. */
  stop(): void {
    this.#stopped = true;
  }

  /** Takes the next bytes; StreamError when they are of no stream of this version. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#stopped) {
      if (this.#frame) {
        const piece = bytes.subarray(at, at + this.#frame.length - this.#filled);
        this.#fill(piece);
        at += piece.length;
      } else {
        const piece = bytes.subarray(at, at + this.#head.length - this.#headed);
        this.#head.set(piece, this.#headed);
        this.#headed += piece.length;
        at += piece.length;
        if (this.#headed < this.#head.length) return;
        this.#headed = 0;
        if (this.#crc === undefined) {
          this.#readHeader();
          continue;
        }
        this.#beginFrame();
      }
      if (this.#filled === this.#frame!.length) this.#endFrame();
    }
  }

  #readHeader(): void {
    const view = new DataView(this.#head.buffer);
    if (new TextDecoder('latin1').decode(this.#head.subarray(0, 8)) !== STREAM_MAGIC) {
      throw new StreamError('The other side does not speak of a migration of a vgic machine.');
    }
    const crc = this.#crc32(this.#head.subarray(0, 12));
    if (crc !== view.getUint32(12, true)) throw new StreamError('The stream is damaged in its header.');
    const version = view.getUint32(8, true);
    if (version !== STREAM_VERSION) {
      throw new StreamError(`The stream has version ${version}; this vgic speaks version ${STREAM_VERSION}.`);
    }
    this.#crc = this.#crc32(this.#head);
  }

  #beginFrame(): void {
    const view = new DataView(this.#head.buffer);
    const tag = new TextDecoder('latin1').decode(this.#head.subarray(0, 4));
    const limit = this.#limits.get(tag);
    if (limit === undefined) throw new StreamError('The stream is damaged: a frame has an unknown tag.');
    const length = view.getBigUint64(4, true);
    if (length > limit) throw new StreamError(`The stream is damaged: a frame ${tag} is longer than any.`);
    this.#frame = { tag: tag as Tag, length: Number(length) };
    if (this.#room.length === 0 && length > KIB) this.#room = new Uint8Array(LARGEST_CHUNK);
    this.#payload = this.#room.subarray(0, this.#frame.length);
    this.#filled = 0;
  }

  /** A frame that has no room gets it as it comes, since its length may be a lie. */
  #fill(piece: Uint8Array): void {
    const filled = this.#filled + piece.length;
    if (filled > this.#payload.length) {
      const larger = new Uint8Array(Math.min(Math.max(filled, 2 * this.#payload.length), this.#frame!.length));
      larger.set(this.#payload.subarray(0, this.#filled));
      this.#payload = larger;
    }
    this.#payload.set(piece, this.#filled);
    this.#filled = filled;
  }

  #endFrame(): void {
    const { tag } = this.#frame!;
    const payload = this.#payload;
    this.#frame = undefined;
    const crc = this.#crc32(payload, this.#crc32(this.#head.subarray(0, 12), this.#crc));
    if (crc !== new DataView(this.#head.buffer).getUint32(12, true)) {
      throw new StreamError(`The stream is damaged: the checksum of a frame ${tag} is wrong.`);
    }
    this.#crc = crc;
    this.#onFrame(tag, payload);
  }
}

/** A channel, with what is said and what is heard on it. */
export class Connection<Says extends string, Hears extends string> {
  readonly channel: ByteChannel;
  readonly writer: FrameWriter<Says>;
  readonly reader: FrameReader<Hears>;

  constructor(channel: ByteChannel, writer: FrameWriter<Says>, reader: FrameReader<Hears>) {
    this.channel = channel;
    this.writer = writer;
    this.reader = reader;
  }

  /** Hears nothing more, says a last word if there is one, and closes the channel. */
  hangUp(tag?: Says, payload?: Uint8Array): void {
    this.reader.stop();
    if (tag !== undefined) this.writer.send(tag, ...(payload ? [payload] : []));
    this.channel.close();
  }
}

export function jsonPayload(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** An object of a frame; StreamError when it is none. */
export function readJson(payload: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new StreamError('The stream is damaged: what should be an object is none.');
}

/** A sentence for the other side, within the limit of its frame. */
export function textPayload(text: string): Uint8Array {
  return new TextEncoder().encode(text.slice(0, KIB / 4));
}

/** A sentence from the other side, fit for a terminal. */
export function readText(payload: Uint8Array): string {
  const text = new TextDecoder().decode(payload);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  const plain = text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, ' ').trim();
  return plain === '' ? 'The other side gives no reason.' : plain;
}

export function numberPayload(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function readNumber(payload: Uint8Array): number {
  if (payload.length !== 4) throw new StreamError('The stream is damaged: a number is cut short.');
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
}
