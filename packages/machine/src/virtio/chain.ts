import type { Dma } from '../dma.js';
import { DriverFault } from './driver-fault.js';

/** Descriptor chains of a split virtqueue: VIRTIO 1.2, 2.7.5. */

const DESCRIPTOR = 16;
const FLAG = { next: 1, write: 2, indirect: 4 } as const;
/** The longest chain, tables of indirect descriptors included, and the most bytes in one. */
const LONGEST = 1024;
const LARGEST = 64 << 20;

interface Piece {
  address: number;
  length: number;
}

/** The buffers of one chain: first those that the device reads, then those that it writes. All are RAM. */
export class Chain {
  readonly head: number;
  readonly #dma: Dma;
  readonly #readable: readonly Piece[];
  readonly #writable: readonly Piece[];
  readonly readableLength: number;
  readonly writableLength: number;

  constructor(head: number, dma: Dma, readable: readonly Piece[], writable: readonly Piece[]) {
    this.head = head;
    this.#dma = dma;
    this.#readable = readable;
    this.#writable = writable;
    this.readableLength = sum(readable);
    this.writableLength = sum(writable);
  }

  /** A copy of what the driver gives, from `offset` on, at most `length` bytes. */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.readableLength - offset)));
    let done = 0;
    each(this.#readable, offset, bytes.length, (address, count) => {
      bytes.set(this.#dma.bytes(address, count), done);
      done += count;
    });
    return bytes;
  }

  /** Writes to what the driver offers, from `offset` on, as far as there is room; says how much that was. */
  write(offset: number, bytes: Uint8Array): number {
    let done = 0;
    each(this.#writable, offset, bytes.length, (address, count) => {
      this.#dma.write(address, bytes.subarray(done, done + count));
      done += count;
    });
    return done;
  }
}

/** Goes through the pieces of a range. */
function each(
  pieces: readonly Piece[],
  offset: number,
  length: number,
  visit: (address: number, count: number) => void,
): void {
  let skip = offset;
  let left = length;
  for (const piece of pieces) {
    if (left === 0) return;
    if (skip >= piece.length) {
      skip -= piece.length;
      continue;
    }
    const count = Math.min(piece.length - skip, left);
    visit(piece.address + skip, count);
    left -= count;
    skip = 0;
  }
}

function sum(pieces: readonly Piece[]): number {
  return pieces.reduce((total, { length }) => total + length, 0);
}

/** Reads the chain that begins at a descriptor of a table of `size` in RAM. */
export function readChain(dma: Dma, table: number, size: number, head: number, indirectAllowed: boolean): Chain {
  const readable: Piece[] = [];
  const writable: Piece[] = [];
  let total = 0;
  let [base, count, index] = [table, size, head];
  let inIndirect = false;
  for (let steps = 0; ; steps++) {
    if (steps === LONGEST) throw new DriverFault('a chain of descriptors is too long or has no end');
    if (index >= count) throw new DriverFault('a descriptor is beyond its table');
    const at = base + index * DESCRIPTOR;
    const address = dma.load64(at);
    const length = dma.load32(at + 8);
    const flags = dma.load16(at + 12);
    if (!dma.has(address, length)) throw new DriverFault('a buffer is not in RAM');
    if (flags & FLAG.indirect) {
      const allowed = indirectAllowed && !inIndirect && !(flags & FLAG.next);
      if (!allowed || length === 0 || length % DESCRIPTOR !== 0)
        throw new DriverFault('an indirect table is out of place');
      [base, count, index] = [address, length / DESCRIPTOR, 0];
      inIndirect = true;
      continue;
    }
    total += length;
    if (total > LARGEST) throw new DriverFault('a chain has more bytes than any request');
    if (flags & FLAG.write) writable.push({ address, length });
    else if (writable.length > 0) throw new DriverFault('a buffer to read follows one to write');
    else readable.push({ address, length });
    if (!(flags & FLAG.next)) return new Chain(head, dma, readable, writable);
    index = dma.load16(at + 14);
  }
}
