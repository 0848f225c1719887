import { type Compression, PAGES_PER_CHUNK } from '../snapshot/format.js';
import { PAGE_SIZE } from '../snapshot/ram-state.js';
import { StreamError } from './stream.js';

/**
 * Pages of one chunk (1 MiB) of RAM, as a frame PAGE or TABL holds them: the chunk's number (u32), the length of the data
 * that follows, or 0 when it is not compressed (u32), a bit for each page that is there (lowest first), a bit for each page
 * that is all zeros, the pages there one after the other.
 */

const BITMAP = PAGES_PER_CHUNK / 8;
const PRESENT = 8;
const ZERO = PRESENT + BITMAP;
const DATA = ZERO + BITMAP;
const WORDS_PER_PAGE = PAGE_SIZE / 4;

export interface EncodedPages {
  head: Uint8Array;
  data: Uint8Array;
  /** Pages that are all zeros. */
  zeros: number;
  /** Pages whose contents are in `data`. */
  present: number;
}

/**
 * Pages of a chunk, ascending, from where they lie in `bytes` (aligned to 4). `keepZeros`: the other side may have
 * something other than zeros there. They are copied into `room` when they fit.
 */
export function encodePages(
  chunk: number,
  pages: readonly number[],
  bytes: Uint8Array,
  offsetOf: (page: number) => number,
  keepZeros: boolean,
  { compression, room }: { compression?: Compression | undefined; room?: Uint8Array | undefined } = {},
): EncodedPages {
  const head = new Uint8Array(DATA);
  const view = new DataView(head.buffer);
  view.setUint32(0, chunk, true);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const offsets: number[] = [];
  let zeros = 0;
  for (const page of pages) {
    const offset = offsetOf(page);
    const zero = isZero(words, offset);
    if (zero) zeros++;
    else offsets.push(offset);
    if (zero && !keepZeros) continue;
    head[(zero ? ZERO : PRESENT) + ((page % PAGES_PER_CHUNK) >> 3)] |= 1 << (page & 7);
  }
  const length = offsets.length * PAGE_SIZE;
  let data = room && length <= room.length ? room.subarray(0, length) : new Uint8Array(length);
  offsets.forEach((offset, index) => {
    data.set(bytes.subarray(offset, offset + PAGE_SIZE), index * PAGE_SIZE);
  });
  if (compression && data.length > 0) {
    const packed = compression.deflate(data);
    if (packed.length < data.length) {
      data = packed;
      view.setUint32(4, packed.length, true);
    }
  }
  return { head, data, zeros, present: offsets.length };
}

/** Puts the pages of a frame in their place; StreamError, with no page written, when they are none of a RAM of `size` bytes. */
export function decodePages(
  payload: Uint8Array,
  size: number,
  compression: Compression | undefined,
  put: (page: number, contents: Uint8Array | undefined) => void,
): void {
  if (payload.length < DATA) throw damaged('it is cut short');
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const first = view.getUint32(0, true) * PAGES_PER_CHUNK;
  const packed = view.getUint32(4, true);
  const present: number[] = [];
  const zeros: number[] = [];
  for (let n = 0; n < PAGES_PER_CHUNK; n++) {
    const bit = 1 << (n & 7);
    const isPresent = (payload[PRESENT + (n >> 3)] & bit) !== 0;
    const isZeros = (payload[ZERO + (n >> 3)] & bit) !== 0;
    if (isPresent && isZeros) throw damaged('a page is said to be two things');
    if (!isPresent && !isZeros) continue;
    if (first + n >= size / PAGE_SIZE) throw damaged('it has pages beyond the memory of the machine');
    (isPresent ? present : zeros).push(first + n);
  }
  const data = unpack(payload.subarray(DATA), packed, present.length * PAGE_SIZE, compression);
  for (const page of zeros) put(page, undefined);
  for (const [index, page] of present.entries()) put(page, data.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE));
}

function unpack(bytes: Uint8Array, packed: number, expected: number, compression?: Compression): Uint8Array {
  let data = bytes;
  if (packed !== 0) {
    if (packed !== bytes.length) throw damaged('its data is cut short');
    if (!compression) throw new StreamError('The stream is compressed, which this side cannot read.');
    try {
      data = compression.inflate(bytes, expected);
    } catch {
      throw damaged('it cannot be decompressed');
    }
  }
  if (data.length !== expected) throw damaged('it has not the bytes of its pages');
  return data;
}

/** Whether the page at an offset in bytes is all zeros. */
export function isZero(words: Int32Array, offset: number): boolean {
  const first = offset >>> 2;
  for (let at = first; at < first + WORDS_PER_PAGE; at += 8) {
    const low = words[at] | words[at + 1] | words[at + 2] | words[at + 3];
    if ((low | words[at + 4] | words[at + 5] | words[at + 6] | words[at + 7]) !== 0) return false;
  }
  return true;
}

function damaged(why: string): StreamError {
  return new StreamError(`The stream is damaged in a frame of RAM: ${why}.`);
}
