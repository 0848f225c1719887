import * as zlib from 'node:zlib';
import { type Crc32, crc32 } from '../crc32.js';

/** zlib's own where Node has it (since 20.15 and 22.2): some four times as fast as ours. */
export const zlibCrc32: Crc32 = (zlib as { crc32?: Crc32 }).crc32 ?? crc32;
