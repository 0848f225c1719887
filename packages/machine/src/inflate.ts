/**
 * Decompression of DEFLATE (RFC 1951) and gzip (RFC 1952), wherever the machine runs, by pako's port of zlib. The data may
 * come from anybody: the result is bounded, and so is the work, by the data and the limit.
 */
import {
  Z_BUF_ERROR,
  Z_NO_FLUSH,
  Z_OK,
  Z_STREAM_END,
  ZStream,
  zlibInflate,
  zlibInflateEnd,
  zlibInflateInit2,
} from 'pako';

/** Compressed data that cannot be decompressed; the message says why, without the file's name. */
export class InflateError extends Error {
  override readonly name = 'InflateError';
}

/** zlib's windowBits: a window of 32 KiB, negative for DEFLATE without a container, 16 more for gzip's. */
const RAW = -15;
const GZIP = 15 + 16;
/** What the result is given room for at first; it doubles. */
const FIRST_ROOM = 1 << 16;

/** Whether the bytes begin as gzip does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The contents of a gzip file's first member, at most `limit` bytes; InflateError otherwise. */
export function gunzip(bytes: Uint8Array, limit: number): Uint8Array {
  return decompress(bytes, limit, GZIP);
}

/** The contents of a raw DEFLATE stream, at most `limit` bytes; InflateError otherwise. What follows its end is ignored. */
export function inflate(bytes: Uint8Array, limit: number): Uint8Array {
  return decompress(bytes, limit, RAW);
}

function decompress(bytes: Uint8Array, limit: number, windowBits: number): Uint8Array {
  // zlib's own interface, not pako's simpler one: that one decompresses all before it can be asked for its size.
  const stream = new ZStream();
  zlibInflateInit2(stream, windowBits);
  stream.input = bytes;
  stream.avail_in = bytes.length;
  // One byte more than may come, to tell too much from just enough.
  let output = new Uint8Array(Math.min(limit + 1, FIRST_ROOM));
  for (;;) {
    stream.output = output;
    stream.avail_out = output.length - stream.next_out;
    const status = zlibInflate(stream, Z_NO_FLUSH);
    if (stream.next_out > limit) throw new InflateError(`it is larger than ${limit} bytes when decompressed`);
    if (status === Z_STREAM_END) break;
    if (status !== Z_OK && status !== Z_BUF_ERROR) throw new InflateError(`it is damaged (${stream.msg})`);
    if (stream.avail_out > 0) throw new InflateError('it ends in the middle of its data');
    const grown = new Uint8Array(Math.min(limit + 1, output.length * 2));
    grown.set(output);
    output = grown;
  }
  zlibInflateEnd(stream);
  return output.subarray(0, stream.next_out);
}
