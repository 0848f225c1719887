/**
 * DEFLATE decompression (RFC 1951) and the gzip container (RFC 1952), for kernels that come compressed.
 * Written here because the loader also runs where Node's zlib is not.
 */

/** Compressed data that cannot be decompressed; the message says why, without the file's name. */
export class InflateError extends Error {
  override readonly name = 'InflateError';
}

/** Extra bits and base of the length codes 257 to 285 (RFC 1951, 3.2.5). */
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const LENGTH_BASE = accumulate(LENGTH_EXTRA, 3);
LENGTH_BASE[28] = 258;
/** Extra bits and base of the distance codes 0 to 29. */
const DISTANCE_EXTRA = Array.from({ length: 30 }, (_, code) => (code < 4 ? 0 : (code >> 1) - 1));
const DISTANCE_BASE = accumulate(DISTANCE_EXTRA, 1);
/** The order in which the lengths of the code length code come (3.2.7). */
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const LONGEST_CODE = 15;

const GZIP_METHOD_DEFLATE = 8;
/** Bits of the gzip header's FLG. */
const GZIP_FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16 } as const;
const GZIP_HEADER_SIZE = 10;

/** Whether the bytes begin as gzip does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The contents of a gzip file's first member, at most `limit` bytes; InflateError otherwise. */
export function gunzip(bytes: Uint8Array, limit: number): Uint8Array {
  if (!isGzip(bytes) || bytes[2] !== GZIP_METHOD_DEFLATE) throw new InflateError('it is not gzip');
  const flags = bytes[3];
  let at = GZIP_HEADER_SIZE;
  const skipText = () => {
    const end = bytes.indexOf(0, at);
    at = end < 0 ? bytes.length : end + 1;
  };
  if (flags & GZIP_FLAG.extra) at += 2 + (bytes[at] | (bytes[at + 1] << 8));
  if (flags & GZIP_FLAG.name) skipText();
  if (flags & GZIP_FLAG.comment) skipText();
  if (flags & GZIP_FLAG.headerCrc) at += 2;
  return inflate(bytes.subarray(at), limit);
}

/** The contents of a raw DEFLATE stream, at most `limit` bytes; InflateError otherwise. */
export function inflate(bytes: Uint8Array, limit: number): Uint8Array {
  const input = new BitReader(bytes);
  const output = new Output(limit);
  let last = false;
  while (!last) {
    last = input.bits(1) === 1;
    const type = input.bits(2);
    if (type === 0) stored(input, output);
    else if (type === 1) compressed(input, output, FIXED_LITERALS, FIXED_DISTANCES);
    else if (type === 2) {
      const { literals, distances } = dynamicCodes(input);
      compressed(input, output, literals, distances);
    } else throw new InflateError('it has a block of an unknown type');
  }
  return output.finish();
}

function accumulate(extra: readonly number[], first: number): number[] {
  const bases: number[] = [];
  let base = first;
  for (const bits of extra) {
    bases.push(base);
    base += 1 << bits;
  }
  return bases;
}

class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #held = 0;
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next `count` bits, 0 to 16 of them, lowest first. */
  bits(count: number): number {
    while (this.#count < count) {
      if (this.#at >= this.#bytes.length) throw new InflateError('it ends in the middle of its data');
      this.#held |= this.#bytes[this.#at++] << this.#count;
      this.#count += 8;
    }
    const value = this.#held & ((1 << count) - 1);
    this.#held >>>= count;
    this.#count -= count;
    return value;
  }

  /** A symbol of a Huffman code, whose bits come highest first. */
  symbol(code: HuffmanCode): number {
    let value = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      value |= this.bits(1);
      const count = code.counts[length];
      if (value - first < count) return code.symbols[index + value - first];
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    throw new InflateError('it has a code that stands for nothing');
  }

  /** Whole bytes from the next byte boundary on. */
  bytes(count: number): Uint8Array {
    this.#at -= this.#count >> 3;
    this.#held = 0;
    this.#count = 0;
    if (this.#at + count > this.#bytes.length) throw new InflateError('it ends in the middle of its data');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

class Output {
  readonly #limit: number;
  #bytes: Uint8Array;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#bytes = new Uint8Array(Math.min(limit, 1 << 16));
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Repeats what was written `distance` bytes ago; the copy may overlap itself. */
  copy(distance: number, length: number): void {
    if (distance > this.#length) throw new InflateError('it refers to data before its beginning');
    this.#reserve(length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (const end = at + length; at < end; at++) bytes[at] = bytes[at - distance];
    this.#length = at;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#limit) throw new InflateError(`it is larger than ${this.#limit} bytes when decompressed`);
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.#bytes.length * 2)));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** A canonical Huffman code: how many codes have each length, and the symbols in the order of their codes. */
interface HuffmanCode {
  counts: Uint16Array;
  symbols: Uint16Array;
}

function huffman(lengths: ArrayLike<number>): HuffmanCode {
  const counts = new Uint16Array(LONGEST_CODE + 1);
  for (let symbol = 0; symbol < lengths.length; symbol++) counts[lengths[symbol]]++;
  counts[0] = 0;
  const next = new Uint16Array(LONGEST_CODE + 2);
  let left = 1;
  for (let length = 1; length <= LONGEST_CODE; length++) {
    next[length + 1] = next[length] + counts[length];
    left = left * 2 - counts[length];
    if (left < 0) throw new InflateError('it has more codes than fit');
  }
  const symbols = new Uint16Array(lengths.length);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    if (lengths[symbol] > 0) symbols[next[lengths[symbol]]++] = symbol;
  }
  return { counts, symbols };
}

/** The fixed codes (3.2.6). */
const FIXED_LITERALS = huffman(
  Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)),
);
const FIXED_DISTANCES = huffman(new Uint8Array(30).fill(5));

function dynamicCodes(input: BitReader): { literals: HuffmanCode; distances: HuffmanCode } {
  const literalCount = input.bits(5) + 257;
  const distanceCount = input.bits(5) + 1;
  const codeLengthCount = input.bits(4) + 4;
  const codeLengths = new Uint8Array(19);
  for (let index = 0; index < codeLengthCount; index++) codeLengths[CODE_LENGTH_ORDER[index]] = input.bits(3);
  const codeLengthCode = huffman(codeLengths);
  const lengths = new Uint8Array(literalCount + distanceCount);
  for (let index = 0; index < lengths.length; ) {
    const symbol = input.symbol(codeLengthCode);
    if (symbol < 16) {
      lengths[index++] = symbol;
      continue;
    }
    if (symbol === 16 && index === 0) throw new InflateError('it repeats a code length before the first');
    const repeated = symbol === 16 ? lengths[index - 1] : 0;
    const times = symbol === 16 ? 3 + input.bits(2) : symbol === 17 ? 3 + input.bits(3) : 11 + input.bits(7);
    if (index + times > lengths.length) throw new InflateError('it has more code lengths than codes');
    lengths.fill(repeated, index, index + times);
    index += times;
  }
  return { literals: huffman(lengths.subarray(0, literalCount)), distances: huffman(lengths.subarray(literalCount)) };
}

function stored(input: BitReader, output: Output): void {
  const header = input.bytes(4);
  const length = header[0] | (header[1] << 8);
  if (length !== (~(header[2] | (header[3] << 8)) & 0xffff)) throw new InflateError('it has a block of a wrong length');
  output.append(input.bytes(length));
}

function compressed(input: BitReader, output: Output, literals: HuffmanCode, distances: HuffmanCode): void {
  for (;;) {
    const symbol = input.symbol(literals);
    if (symbol < 256) output.byte(symbol);
    else if (symbol === 256) return;
    else {
      const lengthCode = symbol - 257;
      if (lengthCode >= LENGTH_BASE.length) throw new InflateError('it has a code that stands for nothing');
      const length = LENGTH_BASE[lengthCode] + input.bits(LENGTH_EXTRA[lengthCode]);
      const distanceCode = input.symbol(distances);
      if (distanceCode >= DISTANCE_BASE.length) throw new InflateError('it has a code that stands for nothing');
      output.copy(DISTANCE_BASE[distanceCode] + input.bits(DISTANCE_EXTRA[distanceCode]), length);
    }
  }
}
