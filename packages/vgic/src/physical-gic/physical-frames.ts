import { IIDR_IMPLEMENTER_ARM } from '../architecture/distributor-v3.js';
import { GICR_V4_REGISTERS, GICR_V4_SIZE, GITS_V4_REGISTERS, GITS_V4_SIZE, SVPET_AFF3 } from '../architecture/gicv4.js';
import { affinityOf } from '../architecture/intid.js';
import {
  BASER_ENTRY_SIZE_SHIFT,
  BASER_HIGH_READ_ONLY,
  BASER_INDIRECT,
  BASER_PAGE_SIZE_64K,
  BASER_PAGE_SIZE_MASK,
  BASER_TYPE_SHIFT,
  BASER_VALID,
  DEVICE_ID_BITS,
  EVENT_ID_BITS,
  GITS_CTLR_ENABLED,
  GITS_CTLR_QUIESCENT,
  GITS_TYPER_DEVICE_BITS_SHIFT,
  GITS_TYPER_ID_BITS_SHIFT,
  GITS_TYPER_ITT_ENTRY_SIZE_SHIFT,
  GITS_TYPER_NO_INDIVIDUAL_DOORBELL,
  GITS_TYPER_PHYSICAL,
  GITS_TYPER_SVPET_SHIFT,
  GITS_TYPER_VIRTUAL,
  GITS_TYPER_VMAPP,
  GITS_TYPER_VMOVP,
  GITS_TYPER_VSGI,
} from '../architecture/its.js';
import {
  GICR_CTLR_CES,
  GICR_CTLR_ENABLE_LPIS,
  GICR_CTLR_IR,
  GICR_TYPER_COMMON_LPI_AFF3,
  GICR_TYPER_DIRECT_LPI,
  GICR_TYPER_LAST,
  GICR_TYPER_PLPIS,
  GICR_TYPER_PROCESSOR_NUMBER_SHIFT,
  GICR_TYPER_RVPEID,
  GICR_TYPER_VLPIS,
  INVALIDATE_VIRTUAL,
} from '../architecture/redistributor.js';
import { Frame, RAZ_WI, type ReadColumn, type RegisterHandlers, type WriteColumn } from '../frames/frame.js';
import { sanitisePendbaser, sanitisePropbaser } from '../frames/table-base.js';
import type { ItsTable } from '../its/tables.js';
import type { PhysicalGic } from './physical-gic.js';

type Handlers = RegisterHandlers<PhysicalGic>;
type Read = ReadColumn<PhysicalGic>;
type Write = WriteColumn<PhysicalGic>;

/** GICx_PIDR2.ArchRev 4 (bits 7:4), at 0xffe8: 0x18 into the identification registers. */
const PIDR2 = 0x18;
const PIDR2_GICV4 = 0x4b;
const IDENTIFICATION: Read = { read: (_gic, _n, at) => (at === PIDR2 ? PIDR2_GICV4 : 0) };

// ---- ITS

const ITS_CONTROL: Handlers = {
  read: ({ its }) =>
    (its.queue.creadr === its.queue.cwriter ? GITS_CTLR_QUIESCENT : 0) | (its.enabled ? GITS_CTLR_ENABLED : 0),
  write({ its }, _n, _at, _width, value) {
    const complete = its.deviceTable.valid && its.collectionTable.valid && (its.queue.cbaserHigh & BASER_VALID) !== 0;
    its.enabled = (value & GITS_CTLR_ENABLED) !== 0 && (its.enabled || complete);
    if (its.enabled) its.queue.run();
  },
};

/** The upper half of GITS_TYPER beside VMOVP with GICv4.1. */
const GITS_TYPER_V41 =
  GITS_TYPER_VSGI | GITS_TYPER_VMAPP | (SVPET_AFF3 << GITS_TYPER_SVPET_SHIFT) | GITS_TYPER_NO_INDIVIDUAL_DOORBELL;

const ITS_TYPER: Read = {
  read: ({ its }) =>
    GITS_TYPER_PHYSICAL |
    GITS_TYPER_VIRTUAL |
    ((its.deviceTable.entrySize - 1) << GITS_TYPER_ITT_ENTRY_SIZE_SHIFT) |
    ((EVENT_ID_BITS - 1) << GITS_TYPER_ID_BITS_SHIFT) |
    ((DEVICE_ID_BITS - 1) << GITS_TYPER_DEVICE_BITS_SHIFT),
  readHigh: ({ version }) => GITS_TYPER_VMOVP | (version === 41 ? GITS_TYPER_V41 : 0),
};

const CBASER: Handlers = {
  read: ({ its }) => its.queue.cbaserLow,
  readHigh: ({ its }) => its.queue.cbaserHigh,
  write({ its }, _n, _at, _width, low, high) {
    if (its.enabled) return;
    const { queue } = its;
    queue.cbaserLow = (low & ~0x300) >>> 0;
    queue.cbaserHigh = high;
    queue.empty();
  },
};

const CWRITER: Handlers = {
  read: ({ its }) => its.queue.cwriter,
  write({ its }, _n, _at, _width, low) {
    its.queue.setCwriter(low);
    if (its.enabled) its.queue.run();
  },
};

/** GITS_BASER0 is the device table, 1 the collection table, 2 the vPE table. */
function tableAt({ its }: PhysicalGic, at: number): ItsTable | undefined {
  return [its.deviceTable, its.collectionTable, its.vpeTable][at >>> 3];
}

function fixedFields(table: ItsTable): number {
  return (table.type << BASER_TYPE_SHIFT) | ((table.entrySize - 1) << BASER_ENTRY_SIZE_SHIFT);
}

/** Pages are of 64 KiB. A table of another place has none of the old one's entries. */
const BASER: Handlers = {
  read: (gic, _n, at) => tableAt(gic, at)?.low ?? 0,
  readHigh(gic, _n, at) {
    const table = tableAt(gic, at);
    return table === undefined ? 0 : (table.high | fixedFields(table)) >>> 0;
  },
  write(gic, _n, at, _width, low, high) {
    const { its } = gic;
    const table = tableAt(gic, at);
    if (its.enabled || table === undefined) return;
    const flat = table === its.collectionTable ? BASER_INDIRECT : 0;
    table.low = ((low & ~BASER_PAGE_SIZE_MASK) | BASER_PAGE_SIZE_64K) >>> 0;
    table.high = (high & ~BASER_HIGH_READ_ONLY & ~flat) >>> 0;
    if (table === its.deviceTable) its.forgetDevices();
    else if (table === its.collectionTable) its.collections.clear();
    else for (const id of [...gic.vpes.keys()]) gic.unmapVpe(id);
  },
};

/** A vSGI, by vPEID (47:32) and vINTID (3:0). Only 64 bits at once. */
const SGIR: Write = {
  write(gic, _n, _at, _width, low, high) {
    if (gic.its.enabled) gic.raiseVsgi(high & 0xffff, low & 0xf);
  },
};

/** The control, translation and vSGI frames of the host's ITS. */
export const PHYSICAL_ITS_FRAME = new Frame<typeof GITS_V4_REGISTERS, PhysicalGic>(
  GITS_V4_REGISTERS,
  {
    GITS_CTLR: ITS_CONTROL,
    GITS_IIDR: { read: () => IIDR_IMPLEMENTER_ARM },
    GITS_TYPER: ITS_TYPER,
    GITS_CBASER: CBASER,
    GITS_CWRITER: CWRITER,
    GITS_CREADR: { read: ({ its }) => its.queue.creadr },
    GITS_BASER: BASER,
    GITS_IDREGS: IDENTIFICATION,
    // the affinity whose Aff3 the vPE table is shared by (SVPET)
    GITS_MPIDR: RAZ_WI,
    GITS_SGIR: SGIR,
  },
  { size: GITS_V4_SIZE },
);

// ---- redistributors

const CONTROL: Handlers = {
  read: ({ redistributors }, cpu) =>
    GICR_CTLR_IR | GICR_CTLR_CES | (redistributors[cpu].enabled ? GICR_CTLR_ENABLE_LPIS : 0),
  write(gic, cpu, _at, _width, value) {
    gic.enableLpis(cpu, (value & GICR_CTLR_ENABLE_LPIS) !== 0);
  },
};

const TYPER: Read = {
  read: (gic, cpu) =>
    GICR_TYPER_PLPIS |
    GICR_TYPER_VLPIS |
    GICR_TYPER_DIRECT_LPI |
    (cpu === gic.redistributors.length - 1 ? GICR_TYPER_LAST : 0) |
    (gic.version === 41 ? GICR_TYPER_RVPEID : 0) |
    ((cpu & 0xffff) << GICR_TYPER_PROCESSOR_NUMBER_SHIFT) |
    GICR_TYPER_COMMON_LPI_AFF3,
  readHigh: (_gic, cpu) => affinityOf(cpu),
};

const PROPBASER: Handlers = {
  read: ({ redistributors }, cpu) => redistributors[cpu].propbaserLow,
  readHigh: ({ redistributors }, cpu) => redistributors[cpu].propbaserHigh,
  write({ redistributors }, cpu, _at, _width, low, high) {
    const redistributor = redistributors[cpu];
    if (redistributor.enabled) return;
    const written = sanitisePropbaser(low, high);
    redistributor.propbaserLow = written.low;
    redistributor.propbaserHigh = written.high;
  },
};

const PENDBASER: Handlers = {
  read: ({ redistributors }, cpu) => redistributors[cpu].pendbaserLow,
  readHigh: ({ redistributors }, cpu) => redistributors[cpu].pendbaserHigh,
  write({ redistributors }, cpu, _at, _width, low, high) {
    const redistributor = redistributors[cpu];
    if (redistributor.enabled) return;
    const written = sanitisePendbaser(low, high);
    redistributor.pendbaserLow = written.low;
    redistributor.pendbaserHigh = written.high;
  },
};

/** A physical LPI becomes pending, or is so no more, without an ITS (GICR_TYPER.DirectLPI). */
const SET_LPI: Write = {
  write(gic, cpu, _at, _width, intid) {
    gic.raise(cpu, intid);
  },
};
const CLEAR_LPI: Write = {
  write(gic, cpu, _at, _width, intid) {
    gic.acknowledgePhysical(cpu, intid);
  },
};

/** V (GICv4.1): the INTID is a vLPI of the vPE in bits 47:32. With 32 bits V is 0. */
const INVALIDATE_LPI: Write = {
  write(gic, cpu, _at, _width, intid, high) {
    if (high & INVALIDATE_VIRTUAL && gic.version === 41) gic.invalidateVlpi(high & 0xffff, intid);
    else gic.invalidatePhysical(cpu, intid);
  },
};

const INVALIDATE_ALL: Write = {
  write(gic, cpu, _at, _width, _low, high) {
    if (high & INVALIDATE_VIRTUAL && gic.version === 41) gic.its.invalidateVpe(high & 0xffff);
    else gic.invalidateAllPhysical(cpu);
  },
};

const VPROPBASER: Handlers = {
  read: ({ redistributors }, cpu) => redistributors[cpu].vpropbaserLow,
  readHigh: ({ redistributors }, cpu) => redistributors[cpu].vpropbaserHigh,
  write({ redistributors }, cpu, _at, _width, low, high) {
    const redistributor = redistributors[cpu];
    redistributor.vpropbaserLow = low;
    redistributor.vpropbaserHigh = high;
  },
};

/** Dirty reads as 0: what a write asks for has been done. */
const VPENDBASER: Handlers = {
  read: ({ redistributors }, cpu) => redistributors[cpu].vpendbaserLow,
  readHigh: ({ redistributors }, cpu) => redistributors[cpu].vpendbaserHigh,
  write: (gic, cpu, _at, _width, low, high) => gic.writeVpendbaser(cpu, low, high),
};

/** Asks for the pending vSGIs of a vPE, resident or not; GICR_VSGIPENDR has the answer. */
const VSGIR: Write = {
  write({ redistributors, vpes, version }, cpu, _at, _width, value) {
    redistributors[cpu].vsgiPending = version === 41 ? (vpes.get(value & 0xffff)?.sgiPending ?? 0) : 0;
  },
};

/** A physical redistributor: its LPIs, and the VLPI frame. SGIs and PPIs of the host are not modelled and read as zero. */
export const PHYSICAL_REDISTRIBUTOR = new Frame<typeof GICR_V4_REGISTERS, PhysicalGic>(
  GICR_V4_REGISTERS,
  {
    GICR_CTLR: CONTROL,
    GICR_IIDR: { read: () => IIDR_IMPLEMENTER_ARM },
    GICR_TYPER: TYPER,
    GICR_STATUSR: RAZ_WI,
    GICR_WAKER: RAZ_WI,
    GICR_PROPBASER: PROPBASER,
    GICR_PENDBASER: PENDBASER,
    GICR_SETLPIR: SET_LPI,
    GICR_CLRLPIR: CLEAR_LPI,
    GICR_INVLPIR: INVALIDATE_LPI,
    GICR_INVALLR: INVALIDATE_ALL,
    GICR_SYNCR: RAZ_WI,
    GICR_IDREGS: IDENTIFICATION,
    GICR_IGROUPR0: RAZ_WI,
    GICR_ISENABLER0: RAZ_WI,
    GICR_ICENABLER0: RAZ_WI,
    GICR_ISPENDR0: RAZ_WI,
    GICR_ICPENDR0: RAZ_WI,
    GICR_ISACTIVER0: RAZ_WI,
    GICR_ICACTIVER0: RAZ_WI,
    GICR_IPRIORITYR: RAZ_WI,
    GICR_ICFGR: RAZ_WI,
    GICR_IGRPMODR0: RAZ_WI,
    GICR_NSACR: RAZ_WI,
    GICR_VPROPBASER: VPROPBASER,
    GICR_VPENDBASER: VPENDBASER,
    GICR_VSGIR: VSGIR,
    GICR_VSGIPENDR: { read: ({ redistributors }, cpu) => redistributors[cpu].vsgiPending },
  },
  { size: GICR_V4_SIZE },
);
