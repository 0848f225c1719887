import { IIDR_IMPLEMENTER_ARM, IIDR_PRODUCT_KVM } from '../architecture/distributor-v3.js';
import {
  BASER_ENTRY_SIZE_SHIFT,
  BASER_HIGH_READ_ONLY,
  BASER_INDIRECT,
  BASER_PAGE_SIZE_64K,
  BASER_PAGE_SIZE_MASK,
  BASER_TYPE_SHIFT,
  BASER_VALID,
  COMMAND_OFFSET_MASK,
  DEVICE_ID_BITS,
  EVENT_ID_BITS,
  GITS_CTLR_ENABLED,
  GITS_CTLR_QUIESCENT,
  GITS_IDENTIFICATION,
  GITS_IIDR_REVISION_SHIFT,
  GITS_REGISTERS,
  GITS_TYPER_DEVICE_BITS_SHIFT,
  GITS_TYPER_ID_BITS_SHIFT,
  GITS_TYPER_ITT_ENTRY_SIZE_SHIFT,
  GITS_TYPER_PHYSICAL,
  ITS_SIZE,
} from '../architecture/its.js';
import { ERRNO } from '../errors.js';
import { Its, type ItsContext } from '../its/its.js';
import type { ItsTable } from '../its/tables.js';
import type { FrameContext } from './context.js';
import { Frame, type ReadColumn, type RegisterHandlers, type UserColumns } from './frame.js';
import { sanitiseItsAttributes, sanitiseShareability } from './table-base.js';

/** The `vcpu` of an ITS frame's handlers is the number of the ITS. */
function itsOf(context: FrameContext, n: number): Its {
  return context.its[n];
}

const CONTROL: RegisterHandlers = {
  read(context, n) {
    const its = itsOf(context, n);
    return (its.queue.creadr === its.queue.cwriter ? GITS_CTLR_QUIESCENT : 0) | (its.enabled ? GITS_CTLR_ENABLED : 0);
  },
  write(context, n, _at, _width, value) {
    const its = itsOf(context, n);
    const enable = (value & GITS_CTLR_ENABLED) !== 0;
    const complete = its.deviceTable.valid && its.collectionTable.valid && (its.queue.cbaserHigh & BASER_VALID) !== 0;
    if (!its.enabled && enable && !complete) return;
    its.enabled = enable;
    if (!enable) its.invalidateCache();
    its.processCommands();
  },
};

/** The revision says which ABI the tables in guest memory have; revision 0 is the one there is. */
const IMPLEMENTER: ReadColumn & UserColumns = {
  read: (context, n) =>
    IIDR_PRODUCT_KVM | (itsOf(context, n).abiRevision << GITS_IIDR_REVISION_SHIFT) | IIDR_IMPLEMENTER_ARM,
  userWrite(context, n, _at, value) {
    const revision = (value >>> GITS_IIDR_REVISION_SHIFT) & 0xf;
    if (revision !== 0) return -ERRNO.EINVAL;
    const its = itsOf(context, n);
    its.abiRevision = revision;
    for (const table of [its.deviceTable, its.collectionTable]) setEntrySize(table);
    return 0;
  },
};

function setEntrySize(table: ItsTable): void {
  table.high =
    ((table.high & ~(0x1f << BASER_ENTRY_SIZE_SHIFT)) | ((table.entrySize - 1) << BASER_ENTRY_SIZE_SHIFT)) >>> 0;
}

const TYPER: ReadColumn = {
  read: (context, n) =>
    GITS_TYPER_PHYSICAL |
    ((itsOf(context, n).deviceTable.entrySize - 1) << GITS_TYPER_ITT_ENTRY_SIZE_SHIFT) |
    ((EVENT_ID_BITS - 1) << GITS_TYPER_ID_BITS_SHIFT) |
    ((DEVICE_ID_BITS - 1) << GITS_TYPER_DEVICE_BITS_SHIFT),
};

/** A write empties the queue: restore it before GITS_CREADR and GITS_CWRITER. */
const CBASER: RegisterHandlers = {
  read: (context, n) => itsOf(context, n).queue.cbaserLow,
  readHigh: (context, n) => itsOf(context, n).queue.cbaserHigh,
  write(context, n, _at, _width, low, high) {
    const { enabled, queue } = itsOf(context, n);
    if (enabled) return;
    queue.cbaserLow = (sanitiseShareability(low) & ~0xf000) >>> 0;
    queue.cbaserHigh = sanitiseItsAttributes(high);
    queue.empty();
  },
};

const CWRITER: RegisterHandlers = {
  read: (context, n) => itsOf(context, n).queue.cwriter,
  write: (context, n, _at, _width, low) => itsOf(context, n).setCwriter(low),
};

/** The read pointer of a queue that is in use can't be moved. */
const CREADR: ReadColumn & UserColumns = {
  read: (context, n) => itsOf(context, n).queue.creadr,
  userWrite(context, n, _at, value) {
    const { enabled, queue } = itsOf(context, n);
    if (enabled) return -ERRNO.EBUSY;
    const offset = value & COMMAND_OFFSET_MASK;
    if (offset >= queue.size) return -ERRNO.EINVAL;
    queue.creadr = offset;
    return 0;
  },
};

function tableAt(its: Its, at: number): ItsTable | undefined {
  const n = at >>> 3;
  return n === 0 ? its.deviceTable : n === 1 ? its.collectionTable : undefined;
}

/** A new value drops what was mapped through the table; the same value again keeps it. */
const BASER: RegisterHandlers = {
  read: (context, n, at) => tableAt(itsOf(context, n), at)?.low ?? 0,
  readHigh: (context, n, at) => tableAt(itsOf(context, n), at)?.high ?? 0,
  write(context, n, at, _width, low, high) {
    const its = itsOf(context, n);
    const table = tableAt(its, at);
    if (its.enabled || table === undefined) return;
    const isDevice = table === its.deviceTable;
    const newLow = (sanitiseShareability(low) & ~BASER_PAGE_SIZE_MASK) | BASER_PAGE_SIZE_64K;
    // the collection table is always flat
    const kept = ~(BASER_HIGH_READ_ONLY | (isDevice ? 0 : BASER_INDIRECT));
    const fixed = ((table.entrySize - 1) << BASER_ENTRY_SIZE_SHIFT) | (table.type << BASER_TYPE_SHIFT);
    const newHigh = sanitiseItsAttributes((high & kept) | fixed);
    const changed = newLow >>> 0 !== table.low || newHigh !== table.high;
    table.low = newLow >>> 0;
    table.high = newHigh;
    if (!changed) return;
    if (isDevice) its.freeAllDevices();
    else its.freeAllCollections();
    its.invalidateCache();
  },
};

const IDENTIFICATION: ReadColumn = { read: (_context, _n, at) => GITS_IDENTIFICATION[at] ?? 0 };

/** The values of GITS_BASER<n> after creation. */
export function resetTables(its: Its): void {
  for (const table of [its.deviceTable, its.collectionTable]) {
    table.low = (1 << 10) | BASER_PAGE_SIZE_64K;
    table.high = sanitiseItsAttributes(table.type << BASER_TYPE_SHIFT);
    setEntrySize(table);
  }
}

/** An ITS's control frame; the translation frame behind it has nothing that a vCPU can read or write in KVM. */
export const ITS_FRAME = new Frame(
  GITS_REGISTERS,
  {
    GITS_CTLR: CONTROL,
    GITS_IIDR: IMPLEMENTER,
    GITS_TYPER: TYPER,
    GITS_CBASER: CBASER,
    GITS_CWRITER: CWRITER,
    GITS_CREADR: CREADR,
    GITS_BASER: BASER,
    GITS_IDREGS: IDENTIFICATION,
  },
  { size: ITS_SIZE },
);

/** What a GIC needs of an ITS's code. */
export interface ItsImplementation {
  readonly frame: Frame;
  create(parts: ItsContext): Its;
}

/** An ITS, and where the guest finds it. */
export interface ItsPlacement extends ItsImplementation {
  /** Guest-physical address of its control frame. */
  readonly base: number;
}

/** The ITS as KVM has it. */
export const ITS: ItsImplementation = {
  frame: ITS_FRAME,
  create(parts) {
    const its = new Its(parts);
    resetTables(its);
    return its;
  },
};

/**
 * An ITS for {@link GicConfig.its}. A GIC is given it, so that one without an ITS is bundled without its code.
 * @param base guest-physical address of its control frame, a multiple of 64 KiB: GITS_TRANSLATER is at 0x10040 from there.
 *
 * @example
 * const gic = new Gic({ version: 3, vcpus: 4, memory, its: [itsAt(0x08080000)] });
 */
export function itsAt(base: number): ItsPlacement {
  return { base, ...ITS };
}
