import { STATUSR_RRD, STATUSR_RWOD, STATUSR_WRD, STATUSR_WROD } from '../architecture/distributor-v3.js';
import { PRIVATE_COUNT } from '../architecture/intid.js';
import type { NamesOf, RegisterDescription } from '../architecture/register-map.js';
import { DOUBLEWORD } from '../architecture/register-map.js';
import type { FrameContext } from './context.js';

/** The least that a frame needs of what its handlers work on. */
export interface FrameBase {
  /** Upper half of the value that a 64-bit read returns. */
  high: number;
  readonly irqs: { readonly count: number };
}

/**
 * What a register does: one row of the map with its four columns. `at` is the byte offset within the register or array,
 * `width` the access's width in bytes; 64-bit values travel as two unsigned halves, the upper one of a read in
 * `context.high`. `vcpu` is the vCPU whose frame is accessed.
 *
 * The userspace columns default to the guest's, and are given exactly where the contract of save and restore differs.
 */
export interface RegisterHandlers<Context = FrameContext> {
  read(context: Context, vcpu: number, at: number, width: number): number;
  write(context: Context, vcpu: number, at: number, width: number, low: number, high: number): void;
  /** 32 bits, as KVM's device API reads. */
  userRead?(context: Context, vcpu: number, at: number): number;
  /** 32 bits; false where KVM answers EINVAL. */
  userWrite?(context: Context, vcpu: number, at: number, value: number): boolean;
}

/** Reads as zero, ignores writes. */
export const RAZ_WI: RegisterHandlers<unknown> = { read: () => 0, write: () => {} };

/** A register that only reads. */
export function readOnly<Context = FrameContext>(read: RegisterHandlers<Context>['read']): RegisterHandlers<Context> {
  return { read, write: () => {} };
}

/** A read of a 64-bit register from its halves: one of them, or all of it with the upper half in `context.high`. */
export function readWide(context: FrameBase, at: number, width: number, low: number, high: number): number {
  if (width === DOUBLEWORD) {
    context.high = high >>> 0;
    return low;
  }
  return at & 4 ? high : low;
}

/** What a write of a 64-bit register, or of half of it, makes of the lower half. */
export function writtenLow(at: number, width: number, low: number, present: number): number {
  return width === DOUBLEWORD || !(at & 4) ? low : present;
}

/** What it makes of the upper half. */
export function writtenHigh(at: number, width: number, low: number, high: number, present: number): number {
  return width === DOUBLEWORD ? high : at & 4 ? low : present;
}

export interface FrameOptions<Context = FrameContext> {
  /** Size of the frame in bytes. */
  readonly size: number;
  /** The private INTIDs are in the redistributors: their part of every array reads as zero here. */
  readonly sharedInterruptsOnly?: boolean;
  /** Where errors of access are recorded, for frames that have a STATUSR. */
  readonly recordError?: (context: Context, vcpu: number, bit: number) => void;
}

/** One register as the frame keeps it. */
interface Row<Context> extends RegisterDescription, RegisterHandlers<Context> {}

/**
 * A register frame: a map of descriptions bound to handlers. Frames hold no state of a GIC, one of each kind serves all.
 * Any access is safe: what the map does not allow reads as zero and ignores writes.
 */
export class Frame<
  Map extends readonly RegisterDescription[] = readonly RegisterDescription[],
  Context extends FrameBase = FrameContext,
> {
  readonly size: number;
  readonly rows: readonly Row<Context>[];
  readonly #rowOfWord: Uint8Array;
  readonly #sharedOnly: boolean;
  readonly #recordError: FrameOptions<Context>['recordError'];

  constructor(
    map: Map,
    handlers: { readonly [Name in NamesOf<Map>]: RegisterHandlers<Context> },
    options: FrameOptions<Context>,
  ) {
    this.size = options.size;
    this.#sharedOnly = options.sharedInterruptsOnly ?? false;
    this.#recordError = options.recordError;
    this.rows = map.map((description) => ({ ...description, ...handlers[description.name as NamesOf<Map>] }));
    this.#rowOfWord = new Uint8Array(options.size >>> 2);
    for (const [n, row] of this.rows.entries()) {
      this.#rowOfWord.fill(n + 1, row.offset >>> 2, (row.offset + row.length) >>> 2);
    }
  }

  /** The register that has `offset`, or undefined. */
  at(offset: number): Row<Context> | undefined {
    const n = offset < this.size ? this.#rowOfWord[offset >>> 2] : 0;
    return n === 0 ? undefined : this.rows[n - 1];
  }

  /** The register by name: every frame is searchable by the architecture's names. */
  named(name: string): Row<Context> | undefined {
    return this.rows.find((row) => row.name === name);
  }

  /** Whether an access of `width` bytes at `offset` reaches a register, given the number of INTIDs there are. */
  allows(row: Row<Context> | undefined, offset: number, width: number, intids: number): row is Row<Context> {
    if (row === undefined || (row.widths & width) === 0 || (offset & (width - 1)) !== 0) return false;
    return row.bitsPerInterrupt === 0 || ((offset - row.offset) * 8) / row.bitsPerInterrupt < intids;
  }

  #reserved(row: Row<Context>, at: number): boolean {
    return this.#sharedOnly && row.bitsPerInterrupt !== 0 && at < (row.bitsPerInterrupt * PRIVATE_COUNT) / 8;
  }

  /** A guest's load of 1, 2, 4 or 8 bytes. Returns the low half; the upper half of 8 bytes is in `context.high`. */
  read(context: Context, vcpu: number, offset: number, width: number): number {
    context.high = 0;
    const row = this.at(offset);
    if (row === undefined) this.#recordError?.(context, vcpu, STATUSR_RRD);
    else if (row.access === 'write-only') this.#recordError?.(context, vcpu, STATUSR_RWOD);
    if (!this.allows(row, offset, width, context.irqs.count)) return 0;
    const at = offset - row.offset;
    if (this.#reserved(row, at)) return 0;
    const value = row.read(context, vcpu, at, width);
    if (width === DOUBLEWORD) return value;
    context.high = 0;
    return value;
  }

  /** A guest's store of 1, 2, 4 or 8 bytes. */
  write(context: Context, vcpu: number, offset: number, width: number, low: number, high: number): void {
    const row = this.at(offset);
    if (row === undefined) this.#recordError?.(context, vcpu, STATUSR_WRD);
    else if (row.access === 'read-only') this.#recordError?.(context, vcpu, STATUSR_WROD);
    if (!this.allows(row, offset, width, context.irqs.count)) return;
    const at = offset - row.offset;
    if (!this.#reserved(row, at)) row.write(context, vcpu, at, width, low, high);
  }

  /** Userspace reads 32 bits; what is no register reads as zero, as KVM's device API has it. */
  userRead(context: Context, vcpu: number, offset: number): number {
    const row = this.at(offset);
    if (!this.allows(row, offset, 4, context.irqs.count)) return 0;
    const at = offset - row.offset;
    if (this.#reserved(row, at)) return 0;
    return (row.userRead ? row.userRead(context, vcpu, at) : row.read(context, vcpu, at, 4)) >>> 0;
  }

  /** Userspace writes 32 bits; false where KVM answers EINVAL. */
  userWrite(context: Context, vcpu: number, offset: number, value: number): boolean {
    const row = this.at(offset);
    if (!this.allows(row, offset, 4, context.irqs.count)) return true;
    const at = offset - row.offset;
    if (this.#reserved(row, at)) return true;
    if (row.userWrite) return row.userWrite(context, vcpu, at, value);
    row.write(context, vcpu, at, 4, value, 0);
    return true;
  }

  /** Whether userspace has a register at `offset` (KVM_HAS_DEVICE_ATTR). */
  userHas(offset: number, intids: number): boolean {
    return this.allows(this.at(offset), offset, 4, intids);
  }
}
