import { GITS_REGISTERS } from './its.js';
import { GICR_REGISTERS } from './redistributor.js';
import { DOUBLEWORD, register, WORD } from './register-map.js';

/** GICv4 and GICv4.1: what they add to the ITS and the redistributors. Source: IHI 0069, 12.10 to 12.12, 12.18, 12.19. */

/** Which GICv4 a host has: 40 is GICv4.0, 41 is GICv4.1. */
export type Gicv4Version = 40 | 41;

/** Size in bytes of a redistributor with GICv4: RD, SGI, VLPI and a reserved frame, 64 KiB each. */
export const GICR_V4_SIZE = 0x40000;
/** Where the VLPI frame begins. */
export const VLPI_FRAME = 0x20000;

/** A redistributor's registers with GICv4, all frames. GICR_VSGIR and GICR_VSGIPENDR are GICv4.1's. */
export const GICR_V4_REGISTERS = [
  ...GICR_REGISTERS,
  register('GICR_SETLPIR', 0x0040, 8, DOUBLEWORD, 'write-only'),
  register('GICR_CLRLPIR', 0x0048, 8, DOUBLEWORD, 'write-only'),
  register('GICR_VPROPBASER', VLPI_FRAME + 0x0070, 8, DOUBLEWORD | WORD),
  register('GICR_VPENDBASER', VLPI_FRAME + 0x0078, 8, DOUBLEWORD | WORD),
  register('GICR_VSGIR', VLPI_FRAME + 0x0080, 4, WORD, 'write-only'),
  register('GICR_VSGIPENDR', VLPI_FRAME + 0x0088, 4, WORD, 'read-only'),
] as const;

/** GICR_TYPER.VLPIS, DirectLPI, RVPEID; CommonLPIAff 1: redistributors of the same Aff3 share their tables. */
export const GICR_TYPER_VLPIS = 1 << 1;
export const GICR_TYPER_DIRECT_LPI = 1 << 3;
export const GICR_TYPER_RVPEID = 1 << 7;
export const GICR_TYPER_COMMON_LPI_AFF3 = 1 << 24;

/** GICR_INVLPIR and GICR_INVALLR, upper half: V, and vPEID in bits 15:0. */
export const INVALIDATE_VIRTUAL = (1 << 31) >>> 0;

/** GICR_VPROPBASER and GICR_VPENDBASER, upper half. */
export const VPROPBASER_VALID = (1 << 31) >>> 0;
export const VPENDBASER_VALID = (1 << 31) >>> 0;
/** GICv4.1; in GICv4.0 this is IDAI. */
export const VPENDBASER_DOORBELL = 1 << 30;
export const VPENDBASER_PENDING_LAST = 1 << 29;
export const VPENDBASER_DIRTY = 1 << 28;
export const VPENDBASER_GROUP_0_ENABLE = 1 << 27;
export const VPENDBASER_GROUP_1_ENABLE = 1 << 26;

/** Size in bytes of an ITS with GICv4.1: control, translation and vSGI frame. */
export const GITS_V4_SIZE = 0x30000;

/** GITS_MPIDR and GITS_SGIR are GICv4.1's. */
export const GITS_V4_REGISTERS = [
  ...GITS_REGISTERS,
  register('GITS_MPIDR', 0x0018, 4, WORD, 'read-only'),
  register('GITS_SGIR', 0x20020, 8, DOUBLEWORD, 'write-only'),
] as const;

/** GITS_TYPER (IHI 0069, 12.19.11), lower half. */
export const GITS_TYPER_VIRTUAL = 1 << 1;
/** Upper half: VMOVP goes to one ITS only, VSGI, VMAPP as in GICv4.1, SVPET (vPE table shared by Aff3), no doorbell per event. */
export const GITS_TYPER_VMOVP = 1 << 5;
export const GITS_TYPER_VSGI = 1 << 7;
export const GITS_TYPER_VMAPP = 1 << 8;
export const GITS_TYPER_SVPET_SHIFT = 9;
export const SVPET_AFF3 = 1;
export const GITS_TYPER_NO_INDIVIDUAL_DOORBELL = 1 << 11;

/** GITS_BASER<n>.Type of the vPE table. */
export const TABLE_TYPE_VPE = 2;

/** The doorbell that is none. */
export const NO_DOORBELL = 1023;
