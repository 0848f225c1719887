export { type BackendSource, readSnapshot, writeSnapshot } from './snapshot-file.js';
export { zlibCompression } from './zlib-compression.js';
export { zlibCrc32 } from './zlib-crc32.js';
