import { GITS_REGISTERS } from './its.js';
import { GICR_REGISTERS } from './redistributor.js';
import { DOUBLEWORD, fields, maskOf, register } from './register-map.js';

/** GICv4 and GICv4.1: what they add to the ITS and the redistributors. Source: IHI 0069H, 12.10 to 12.12, 12.18, 12.19. */

/** Which GICv4 a host has: 40 is GICv4.0, 41 is GICv4.1. */
export type Gicv4Version = 40 | 41;

/** Size in bytes of a redistributor with GICv4: RD, SGI, VLPI and a reserved frame, 64 KiB each. */
export const GICR_V4_SIZE = 0x40000;
/** Where the VLPI frame begins. */
export const VLPI_FRAME = 0x20000;

/** As in GICv4.1; in GICv4.0 it has the fields of GICR_PROPBASER ({@link PROPBASER_FIELDS}). */
const GICR_VPROPBASER = fields({
  Valid: 63,
  Entry_Size: [61, 59],
  OuterCache: [58, 56],
  Indirect: 55,
  Page_Size: [54, 53],
  Z: 52,
  Physical_Address: [51, 12],
  Shareability: [11, 10],
  InnerCache: [9, 7],
  Size: [6, 0],
});
/** As in GICv4.1. */
const GICR_VPENDBASER = fields({
  Valid: 63,
  Doorbell: 62,
  PendingLast: 61,
  Dirty: 60,
  VGrp0En: 59,
  VGrp1En: 58,
  vPEID: [15, 0],
});
/** GICR_VPENDBASER in GICv4.0. */
export const VPENDBASER_V40_FIELDS = fields({
  Valid: 63,
  IDAI: 62,
  PendingLast: 61,
  Dirty: 60,
  OuterCache: [58, 56],
  Physical_Address: [51, 16],
  Shareability: [11, 10],
  InnerCache: [9, 7],
});
const LPI = fields({ pINTID: [31, 0] });
const write = { width: 64, widths: DOUBLEWORD, access: 'write-only' } as const;

/** A redistributor's registers with GICv4, all frames. GICR_VSGIR and GICR_VSGIPENDR are GICv4.1's. */
export const GICR_V4_REGISTERS = [
  ...GICR_REGISTERS,
  register('GICR_SETLPIR', 0x0040, { ...write, fields: LPI }),
  register('GICR_CLRLPIR', 0x0048, { ...write, fields: LPI }),
  register('GICR_VPROPBASER', VLPI_FRAME + 0x0070, { width: 64, fields: GICR_VPROPBASER }),
  register('GICR_VPENDBASER', VLPI_FRAME + 0x0078, { width: 64, fields: GICR_VPENDBASER }),
  register('GICR_VSGIR', VLPI_FRAME + 0x0080, { access: 'write-only', fields: fields({ vPEID: [15, 0] }) }),
  register('GICR_VSGIPENDR', VLPI_FRAME + 0x0088, {
    access: 'read-only',
    fields: fields({ Busy: 31, Pending: [15, 0] }),
  }),
] as const;

/** GICR_VPROPBASER and GICR_VPENDBASER, upper half. */
export const VPROPBASER_VALID = maskOf(GICR_VPROPBASER, 'Valid');
export const VPENDBASER_VALID = maskOf(GICR_VPENDBASER, 'Valid');
/** GICv4.1; in GICv4.0 this is IDAI. */
export const VPENDBASER_DOORBELL = maskOf(GICR_VPENDBASER, 'Doorbell');
export const VPENDBASER_PENDING_LAST = maskOf(GICR_VPENDBASER, 'PendingLast');
export const VPENDBASER_DIRTY = maskOf(GICR_VPENDBASER, 'Dirty');
export const VPENDBASER_GROUP_0_ENABLE = maskOf(GICR_VPENDBASER, 'VGrp0En');
export const VPENDBASER_GROUP_1_ENABLE = maskOf(GICR_VPENDBASER, 'VGrp1En');

/** Size in bytes of an ITS with GICv4.1: control, translation and vSGI frame. */
export const GITS_V4_SIZE = 0x30000;

/** GITS_MPIDR and GITS_SGIR are GICv4.1's. */
export const GITS_V4_REGISTERS = [
  ...GITS_REGISTERS,
  register('GITS_MPIDR', 0x0018, {
    access: 'read-only',
    fields: fields({ Aff3: [31, 24], Aff2: [23, 16], Aff1: [15, 8] }),
  }),
  register('GITS_SGIR', 0x20020, { ...write, fields: fields({ vPEID: [47, 32], vINTID: [3, 0] }) }),
] as const;

/** GITS_TYPER.SVPET: the vPE table is shared by what has the same Aff3. */
export const SVPET_AFF3 = 1;

/** GITS_BASER<n>.Type of the vPE table. */
export const TABLE_TYPE_VPE = 2;

/** The doorbell that is none. */
export const NO_DOORBELL = 1023;
