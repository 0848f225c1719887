import { IIDR_FIELDS, STATUSR_FIELDS } from './distributor-v3.js';
import { BYTE, fields, maskOf, perInterrupt, register, shiftOf, WORD } from './register-map.js';

/** Size in bytes of one vCPU's redistributor: the RD frame and the SGI frame, 64 KiB each. */
export const GICR_SIZE = 0x20000;
/** Where the SGI frame begins. */
export const SGI_FRAME = 0x10000;

const GICR_CTLR = fields({ UWP: 31, DPG1S: 26, DPG1NS: 25, DPG0: 24, RWP: 3, IR: 2, CES: 1, EnableLPIs: 0 });
const GICR_TYPER = fields({
  Affinity_Value: [63, 32],
  PPInum: [31, 27],
  VSGI: 26,
  CommonLPIAff: [25, 24],
  Processor_Number: [23, 8],
  RVPEID: 7,
  MPAM: 6,
  DPGS: 5,
  Last: 4,
  DirectLPI: 3,
  Dirty: 2,
  VLPIS: 1,
  PLPIS: 0,
});
const GICR_WAKER = fields({ ChildrenAsleep: 2, ProcessorSleep: 1 });
/** GICR_PROPBASER, and GICR_VPROPBASER of GICv4.0. */
export const PROPBASER_FIELDS = fields({
  OuterCache: [58, 56],
  Physical_Address: [51, 12],
  Shareability: [11, 10],
  InnerCache: [9, 7],
  IDbits: [4, 0],
});
const GICR_PENDBASER = fields({
  PTZ: 62,
  OuterCache: [58, 56],
  Physical_Address: [51, 16],
  Shareability: [11, 10],
  InnerCache: [9, 7],
});
/** V and vPEID with GICv4.1. */
const GICR_INVLPIR = fields({ V: 63, vPEID: [47, 32], INTID: [31, 0] });
const GICR_INVALLR = fields({ V: 63, vPEID: [47, 32] });
const PRIVATE = { intids: 32 };

/** A redistributor's registers, both frames. Source: IHI 0069H, 12.10 "The GIC Redistributor register map" and 12.11. */
export const GICR_REGISTERS = [
  register('GICR_CTLR', 0x0000, { fields: GICR_CTLR }),
  register('GICR_IIDR', 0x0004, { access: 'read-only', fields: IIDR_FIELDS }),
  register('GICR_TYPER', 0x0008, { width: 64, access: 'read-only', fields: GICR_TYPER }),
  register('GICR_STATUSR', 0x0010, { fields: STATUSR_FIELDS }),
  register('GICR_WAKER', 0x0014, { fields: GICR_WAKER }),
  register('GICR_PROPBASER', 0x0070, { width: 64, fields: PROPBASER_FIELDS }),
  register('GICR_PENDBASER', 0x0078, { width: 64, fields: GICR_PENDBASER, writeOnlyFields: ['PTZ'] }),
  register('GICR_INVLPIR', 0x00a0, { width: 64, access: 'write-only', fields: GICR_INVLPIR }),
  register('GICR_INVALLR', 0x00b0, { width: 64, access: 'write-only', fields: GICR_INVALLR }),
  register('GICR_SYNCR', 0x00c0, { access: 'read-only', fields: fields({ Busy: 0 }) }),
  register('GICR_IDREGS', 0xffd0, { count: 12, access: 'read-only' }),
  perInterrupt('GICR_IGROUPR0', SGI_FRAME + 0x0080, 1, PRIVATE),
  perInterrupt('GICR_ISENABLER0', SGI_FRAME + 0x0100, 1, PRIVATE),
  perInterrupt('GICR_ICENABLER0', SGI_FRAME + 0x0180, 1, PRIVATE),
  perInterrupt('GICR_ISPENDR0', SGI_FRAME + 0x0200, 1, PRIVATE),
  perInterrupt('GICR_ICPENDR0', SGI_FRAME + 0x0280, 1, PRIVATE),
  perInterrupt('GICR_ISACTIVER0', SGI_FRAME + 0x0300, 1, PRIVATE),
  perInterrupt('GICR_ICACTIVER0', SGI_FRAME + 0x0380, 1, PRIVATE),
  perInterrupt('GICR_IPRIORITYR', SGI_FRAME + 0x0400, 8, { widths: WORD | BYTE, ...PRIVATE }),
  perInterrupt('GICR_ICFGR', SGI_FRAME + 0x0c00, 2, PRIVATE),
  perInterrupt('GICR_IGRPMODR0', SGI_FRAME + 0x0d00, 1, PRIVATE),
  register('GICR_NSACR', SGI_FRAME + 0x0e00),
] as const;

/** GICR_CTLR: CES and IR say how EnableLPIs may change. Source: IHI 0069H, 12.11.2. */
export const GICR_WAKER_PROCESSOR_SLEEP = maskOf(GICR_WAKER, 'ProcessorSleep');
export const GICR_WAKER_ASLEEP = GICR_WAKER_PROCESSOR_SLEEP | maskOf(GICR_WAKER, 'ChildrenAsleep');
export const GICR_CTLR_ENABLE_LPIS = maskOf(GICR_CTLR, 'EnableLPIs');
export const GICR_CTLR_CES = maskOf(GICR_CTLR, 'CES');
export const GICR_CTLR_IR = maskOf(GICR_CTLR, 'IR');

/** GICR_TYPER.PLPIS, Last and Processor_Number; GICv4's VLPIS, DirectLPI, RVPEID. Source: IHI 0069H, 12.11.42. */
export const GICR_TYPER_PLPIS = maskOf(GICR_TYPER, 'PLPIS');
export const GICR_TYPER_LAST = maskOf(GICR_TYPER, 'Last');
export const GICR_TYPER_PROCESSOR_NUMBER_SHIFT = shiftOf(GICR_TYPER, 'Processor_Number');
export const GICR_TYPER_VLPIS = maskOf(GICR_TYPER, 'VLPIS');
export const GICR_TYPER_DIRECT_LPI = maskOf(GICR_TYPER, 'DirectLPI');
export const GICR_TYPER_RVPEID = maskOf(GICR_TYPER, 'RVPEID');
/** GICR_TYPER.CommonLPIAff 1: redistributors of the same Aff3 share their tables. */
export const GICR_TYPER_COMMON_LPI_AFF3 = 1 << shiftOf(GICR_TYPER, 'CommonLPIAff');

/** GICR_PENDBASER.PTZ, upper half: the table holds zeros when EnableLPIs becomes 1. It reads as zero. */
export const PENDBASER_PTZ = maskOf(GICR_PENDBASER, 'PTZ');

/** GICR_INVLPIR and GICR_INVALLR, upper half (GICv4.1): V, and vPEID in bits 15:0. */
export const INVALIDATE_VIRTUAL = maskOf(GICR_INVLPIR, 'V');
