import { BYTE, DOUBLEWORD, perInterrupt, register, WORD } from './register-map.js';

/** Size in bytes of a GICv3 distributor frame. */
export const GICD_V3_SIZE = 0x10000;

/** The GICv3 distributor's registers. Source: IHI 0069, 12.9 "The GIC Distributor register map". */
export const GICD_V3_REGISTERS = [
  register('GICD_CTLR', 0x0000),
  register('GICD_TYPER', 0x0004, 4, WORD, 'read-only'),
  register('GICD_IIDR', 0x0008, 4, WORD, 'read-only'),
  register('GICD_TYPER2', 0x000c, 4, WORD, 'read-only'),
  register('GICD_STATUSR', 0x0010),
  perInterrupt('GICD_IGROUPR', 0x0080, 1),
  perInterrupt('GICD_ISENABLER', 0x0100, 1),
  perInterrupt('GICD_ICENABLER', 0x0180, 1),
  perInterrupt('GICD_ISPENDR', 0x0200, 1),
  perInterrupt('GICD_ICPENDR', 0x0280, 1),
  perInterrupt('GICD_ISACTIVER', 0x0300, 1),
  perInterrupt('GICD_ICACTIVER', 0x0380, 1),
  perInterrupt('GICD_IPRIORITYR', 0x0400, 8, WORD | BYTE),
  perInterrupt('GICD_ITARGETSR', 0x0800, 8, WORD | BYTE),
  perInterrupt('GICD_ICFGR', 0x0c00, 2),
  perInterrupt('GICD_IGRPMODR', 0x0d00, 1),
  perInterrupt('GICD_IROUTER', 0x6000, 64, DOUBLEWORD | WORD),
  register('GICD_IDREGS', 0xffd0, 48, WORD, 'read-only'),
] as const;

/** GICD_CTLR with affinity routing and one security state. Source: IHI 0069, 12.9.4. */
export const GICD_CTLR_ENABLE_GRP1 = 1 << 1;
export const GICD_CTLR_ARE_NS = 1 << 4;
export const GICD_CTLR_DS = 1 << 6;
/** GICv4.1: SGIs have no active state (GICD_CTLR.nASSGIreq), where GICD_TYPER2.nASSGIcap says that it can be. */
export const GICD_CTLR_NASSGIREQ = 1 << 8;
export const GICD_TYPER2_NASSGICAP = 1 << 8;

/** GICD_TYPER: IDbits (23:19) and LPIS. Source: IHI 0069, 12.9.38. */
export const GICD_TYPER_LPIS = 1 << 17;
export const GICD_TYPER_ID_BITS_SHIFT = 19;

/** GICD_IIDR and GICR_IIDR: who made it. KVM answers with product 'K', implementer Arm. */
export const IIDR_PRODUCT_KVM = 0x4b << 24;
export const IIDR_REVISION_SHIFT = 12;
export const IIDR_REVISION_MASK = 0xf << IIDR_REVISION_SHIFT;
export const IIDR_IMPLEMENTER_ARM = 0x43b;

/** GICx_PIDR2 of the identification registers: ArchRev 3 (GICv3) and JEDEC. Source: IHI 0069, 12.1.7. */
export const PIDR2_OFFSET = 0xffe8;
export const PIDR2_GICV3 = 0x3b;

/** GICD_STATUSR and GICR_STATUSR: errors of access. Source: IHI 0069, 12.9.37 and 12.11.41. */
export const STATUSR_RRD = 1 << 0;
export const STATUSR_WRD = 1 << 1;
export const STATUSR_RWOD = 1 << 2;
export const STATUSR_WROD = 1 << 3;
export const STATUSR_MASK = 0xf;

/** Bits of priority that KVM keeps for SGIs, PPIs and SPIs (VGIC_PRI_BITS 5). */
export const PRIORITY_MASK = 0xf8;
