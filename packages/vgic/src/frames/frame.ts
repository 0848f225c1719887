import { STATUSR_RRD, STATUSR_RWOD, STATUSR_WRD, STATUSR_WROD } from '../architecture/distributor-v3.js';
import { PRIVATE_COUNT } from '../architecture/intid.js';
import { type AccessKind, DOUBLEWORD, maskOf, type RegisterDescription, WORD } from '../architecture/register-map.js';
import type { GicEvents } from '../gic-events.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import type { FrameContext } from './context.js';

/** Which INTIDs there are: those below `count`, and those of the extended ranges. */
export interface Intids {
  readonly count: number;
  readonly extended?: { has(intid: number): boolean } | undefined;
}

/** The least that a frame needs of what its handlers work on. */
export interface FrameBase {
  /** Upper half of the value that the last read of 64 bits has returned; the frame that was read sets it. */
  high: number;
  readonly irqs: Intids;
  /** Who is told of accesses. */
  readonly events?: Pick<GicEvents, 'registerRead' | 'registerWritten'>;
}

/**
 * What a register does: one row of the map with its four columns. `at` is the byte offset within the register or array, of an
 * array by INTID that begins with another one than 0 as if it began with 0. `width` is the access's width in bytes. `vcpu` is the vCPU whose frame is accessed, `requester` the one that makes the access,
 * NO_VCPU for userspace.
 *
 * A register of 64 bits is read and written whole, as two halves of 32 bits: the frame makes that of an access to a half.
 * `width` is 8 then, and `at` a multiple of 8.
 */
export interface ReadColumn<Context = FrameContext> {
  read(context: Context, vcpu: number, at: number, width: number, requester: number): number;
  /** The upper half of 64 bits. Default: 0. */
  readHigh?(context: Context, vcpu: number, at: number): number;
}

export interface WriteColumn<Context = FrameContext> {
  write(context: Context, vcpu: number, at: number, width: number, low: number, high: number, requester: number): void;
}

/** The userspace columns default to the guest's, and are given exactly where the contract of save and restore differs. */
export interface UserColumns<Context = FrameContext> {
  /** False: KVM's userspace has no such register. */
  readonly user?: false;
  /** 32 bits, as KVM's device API reads. */
  userRead?(context: Context, vcpu: number, at: number): number;
  /** 0, or the negative errno that KVM answers. */
  userWrite?(context: Context, vcpu: number, at: number, low: number, high: number): number;
}

export interface RegisterHandlers<Context = FrameContext>
  extends ReadColumn<Context>,
    WriteColumn<Context>,
    UserColumns<Context> {}

/** What a row of this access needs: the map alone says which registers are read-only or write-only. */
export type HandlersOf<Access extends AccessKind, Context> = Access extends 'read-only'
  ? ReadColumn<Context> & UserColumns<Context>
  : Access extends 'write-only'
    ? WriteColumn<Context> & UserColumns<Context>
    : RegisterHandlers<Context>;

/** The handlers of a whole map. */
export type HandlersFor<Map extends readonly RegisterDescription[], Context> = {
  readonly [Row in Map[number] as Row['name']]: HandlersOf<Row['access'], Context>;
};

/** Reads as zero, ignores writes. */
export const RAZ_WI: RegisterHandlers<unknown> = { read: () => 0, write: () => {} };

export interface FrameOptions<Context = FrameContext> {
  /** Size of the frame in bytes. */
  readonly size: number;
  /** The private INTIDs are in the redistributors: their part of every array reads as zero here. */
  readonly sharedInterruptsOnly?: boolean;
  /** Whether a guest's access leaves the guest. Default: true. */
  readonly traps?: boolean;
  /** Where errors of access are recorded, for frames that have a STATUSR. */
  readonly recordError?: (context: Context, vcpu: number, bit: number) => void;
}

const zero = () => 0;
const ignore = () => {};

/** One register as the frame keeps it: its columns take any access that the row allows, and userspace's may be missing. */
interface Row<Context> extends RegisterDescription {
  /** The offset from which `at` counts. */
  readonly origin: number;
  readonly read: ReadColumn<Context>['read'];
  readonly write: WriteColumn<Context>['write'];
  readonly user: boolean;
  readonly userRead: UserColumns<Context>['userRead'];
  readonly userWrite: UserColumns<Context>['userWrite'];
}

/** The bits of a half that can be read: without the write-only fields. */
function readableBits({ fields, writeOnlyFields }: RegisterDescription, half: number): number {
  return fields
    .filter(({ name, lsb }) => writeOnlyFields.includes(name) && lsb >>> 5 === half)
    .reduce((bits, { name }) => bits & ~maskOf(fields, name), -1);
}

/** A read of 64 bits or of a half of them. The upper half of 64 bits goes to `context.high`. */
function readByHalves<Context extends FrameBase>(
  description: RegisterDescription,
  { read, readHigh = zero }: ReadColumn<Context>,
): ReadColumn<Context>['read'] {
  const low = readableBits(description, 0);
  const high = readableBits(description, 1);
  return (context, vcpu, at, width, requester) => {
    const start = at & ~7;
    if (width !== DOUBLEWORD && at & 4) return readHigh(context, vcpu, start) & high;
    const value = read(context, vcpu, start, DOUBLEWORD, requester) & low;
    if (width === DOUBLEWORD) context.high = (readHigh(context, vcpu, start) & high) >>> 0;
    return value;
  };
}

/**
 * A write of 64 bits or of a half of them; the other half stays as it is. A write-only register acts when its lower half is
 * written, with zeros above.
 */
function writeByHalves<Context>(
  { access }: RegisterDescription,
  { read, readHigh = zero, write }: RegisterHandlers<Context>,
): WriteColumn<Context>['write'] {
  return (context, vcpu, at, width, low, high, requester) => {
    const start = at & ~7;
    if (width === DOUBLEWORD) {
      write(context, vcpu, start, DOUBLEWORD, low, high, requester);
    } else if ((at & 4) === 0) {
      write(context, vcpu, start, DOUBLEWORD, low, readHigh(context, vcpu, start), requester);
    } else if (access !== 'write-only') {
      const present = read(context, vcpu, start, DOUBLEWORD, requester);
      write(context, vcpu, start, DOUBLEWORD, present, low, requester);
    }
  };
}

/** All rows are one kind of object to V8, and have no column that is not called: hot accesses are one call. */
function rowOf<Context extends FrameBase>(
  description: RegisterDescription,
  handlers: Partial<RegisterHandlers<Context>>,
): Row<Context> {
  const whole = { read: zero, ...handlers, write: ignore as WriteColumn<Context>['write'] };
  if (description.access !== 'read-only' && handlers.write !== undefined) whole.write = handlers.write;
  const wide = description.width === 64;
  return {
    origin: description.offset - (description.firstIntid * description.bitsPerInterrupt) / 8,
    name: description.name,
    offset: description.offset,
    width: description.width,
    count: description.count,
    length: description.length,
    bitsPerInterrupt: description.bitsPerInterrupt,
    firstIntid: description.firstIntid,
    widths: description.widths,
    access: description.access,
    fields: description.fields,
    writeOnlyFields: description.writeOnlyFields,
    read: wide ? readByHalves(description, whole) : whole.read,
    write: wide ? writeByHalves(description, whole) : whole.write,
    user: handlers.user ?? true,
    userRead: handlers.userRead,
    userWrite: handlers.userWrite,
  };
}

/**
 * A register frame: a map of descriptions bound to handlers. Frames hold no state of a GIC, one of each kind serves all.
 * Any access is safe: what the map does not allow reads as zero and ignores writes.
 */
export class Frame<
  Map extends readonly RegisterDescription[] = readonly RegisterDescription[],
  Context extends FrameBase = FrameContext,
> {
  readonly size: number;
  /** False: hardware serves the guest's accesses without an exit. */
  readonly traps: boolean;
  readonly rows: readonly Row<Context>[];
  readonly #rowOfWord: Uint8Array;

  constructor(
    map: Map,
    readonly handlers: HandlersFor<Map, Context>,
    readonly options: FrameOptions<Context>,
  ) {
    this.size = options.size;
    this.traps = options.traps ?? true;
    const columns = handlers as Readonly<Record<string, Partial<RegisterHandlers<Context>>>>;
    this.rows = map.map((description) => rowOf(description, columns[description.name]));
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

  /** Whether an access of `width` bytes at `offset` reaches a register, given the INTIDs there are. */
  allows(row: Row<Context> | undefined, offset: number, width: number, intids: Intids): row is Row<Context> {
    if (row === undefined || (row.widths & width) === 0 || (offset & (width - 1)) !== 0) return false;
    const { bitsPerInterrupt } = row;
    if (bitsPerInterrupt === 0) return true;
    const intid = ((offset - row.origin) * 8) / bitsPerInterrupt;
    return intid < intids.count || intids.extended?.has(intid) === true;
  }

  #reserved(row: Row<Context>, at: number): boolean {
    return (
      this.options.sharedInterruptsOnly === true &&
      row.bitsPerInterrupt !== 0 &&
      at < (row.bitsPerInterrupt * PRIVATE_COUNT) / 8
    );
  }

  /**
   * A guest's load of 1, 2, 4 or 8 bytes. Returns the low half; the upper half of 8 bytes is in `context.high`, which is 0
   * after any other. `requester` is the vCPU that makes the access, `vcpu` the one whose frame it is.
   */
  read(context: Context, vcpu: number, offset: number, width: number, requester: number): number {
    const row = this.at(offset);
    if (row === undefined || row.access === 'write-only') {
      this.options.recordError?.(context, vcpu, row === undefined ? STATUSR_RRD : STATUSR_RWOD);
    }
    context.high = 0;
    let value = 0;
    if (this.allows(row, offset, width, context.irqs) && !this.#reserved(row, offset - row.origin)) {
      value = row.read(context, vcpu, offset - row.origin, width, requester);
      // a handler may have kicked a vCPU, and that have read something else
      if (width !== DOUBLEWORD) context.high = 0;
    }
    if (context.events?.registerRead !== undefined) this.#tellRead(context, requester, vcpu, offset, width, value);
    return value;
  }

  /** Apart, so that V8 makes what everybody needs part of its caller. */
  #tellRead(context: Context, requester: number, vcpu: number, offset: number, width: number, value: number): void {
    const frame = this as unknown as Frame;
    context.events?.registerRead?.(requester, vcpu, frame, offset, width, value | 0, context.high | 0);
  }

  /** A guest's store of 1, 2, 4 or 8 bytes, likewise. */
  write(
    context: Context,
    vcpu: number,
    offset: number,
    width: number,
    low: number,
    high: number,
    requester: number,
  ): void {
    const row = this.at(offset);
    context.events?.registerWritten?.(requester, vcpu, this as unknown as Frame, offset, width, low | 0, high | 0);
    if (row === undefined || row.access === 'read-only') {
      this.options.recordError?.(context, vcpu, row === undefined ? STATUSR_WRD : STATUSR_WROD);
    }
    if (!this.allows(row, offset, width, context.irqs)) return;
    const at = offset - row.origin;
    if (!this.#reserved(row, at)) row.write(context, vcpu, at, width, low, high, requester);
  }

  /** The register that an access by userspace reaches, or undefined. */
  #userRow(context: Context, offset: number, width: number): Row<Context> | undefined {
    const row = this.at(offset);
    if (!this.allows(row, offset, width, context.irqs) || !row.user) return undefined;
    return this.#reserved(row, offset - row.origin) ? undefined : row;
  }

  /**
   * Userspace reads 32 bits, or 64 as a guest does; what is no register reads as zero, as KVM's device API has it.
   */
  userRead(context: Context, vcpu: number, offset: number, width = WORD): number {
    context.high = 0;
    const row = this.#userRow(context, offset, width);
    let value = 0;
    if (row !== undefined) {
      const at = offset - row.origin;
      value = row.userRead ? row.userRead(context, vcpu, at) : row.read(context, vcpu, at, width, NO_VCPU);
    }
    this.#tellRead(context, NO_VCPU, vcpu, offset, width, value);
    return value >>> 0;
  }

  /** Userspace writes 32 bits, or 64. 0, or the negative errno that KVM answers. */
  userWrite(context: Context, vcpu: number, offset: number, width: number, low: number, high = 0): number {
    const row = this.#userRow(context, offset, width);
    context.events?.registerWritten?.(NO_VCPU, vcpu, this as unknown as Frame, offset, width, low | 0, high | 0);
    if (row === undefined) return 0;
    const at = offset - row.origin;
    if (row.userWrite) return row.userWrite(context, vcpu, at, low, high);
    row.write(context, vcpu, at, width, low, high, NO_VCPU);
    return 0;
  }

  /** Whether userspace has a register at `offset` (KVM_HAS_DEVICE_ATTR). */
  userHas(offset: number, intids: Intids): boolean {
    const row = this.at(offset);
    return this.allows(row, offset, WORD, intids) && row.user;
  }
}
