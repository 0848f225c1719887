import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Compression } from '../snapshot/format.js';

/** zlib's fastest level: RAM is large, and most of it compresses well at any level. */
const COMPRESSION_LEVEL = 1;

/** Raw DEFLATE by Node's zlib: what `deflateCompression` is everywhere, and faster. */
export const zlibCompression: Compression = {
  deflate: (bytes) => deflateRawSync(bytes, { level: COMPRESSION_LEVEL }),
  inflate: (bytes, limit) => inflateRawSync(bytes, { maxOutputLength: Math.max(limit, 1) }),
};
