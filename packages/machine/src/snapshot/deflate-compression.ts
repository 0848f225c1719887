import { deflateRaw } from 'pako';
import { inflate } from '../inflate.js';
import type { Compression } from './format.js';

/** The fastest level: RAM is large, and most of it compresses well at any level. */
const COMPRESSION_LEVEL = 1;

/** Raw DEFLATE wherever the machine runs. In Node, `zlibCompression` of `@vgic/machine/node` does the same faster. */
export const deflateCompression: Compression = {
  deflate: (bytes) => deflateRaw(bytes, { level: COMPRESSION_LEVEL }),
  inflate,
};
