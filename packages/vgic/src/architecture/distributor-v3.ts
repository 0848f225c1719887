import { BYTE, fields, maskOf, perInterrupt, register, shiftOf, WORD } from './register-map.js';

/** Size in bytes of a GICv3 distributor frame. Source: IHI 0069H, 12.8 "The GIC Distributor register map". */
export const GICD_V3_SIZE = 0x10000;

/** With one security state (GICD_CTLR.DS = 1). */
const GICD_CTLR = fields({ RWP: 31, nASSGIreq: 8, E1NWF: 7, DS: 6, ARE: 4, EnableGrp1: 1, EnableGrp0: 0 });
const GICD_TYPER = fields({
  ESPI_range: [31, 27],
  RSS: 26,
  No1N: 25,
  A3V: 24,
  IDbits: [23, 19],
  DVIS: 18,
  LPIS: 17,
  MBIS: 16,
  num_LPIs: [15, 11],
  SecurityExtn: 10,
  NMI: 9,
  ESPI: 8,
  CPUNumber: [7, 5],
  ITLinesNumber: [4, 0],
});
const GICD_TYPER2 = fields({ nASSGIcap: 8, VIL: 7, VID: [4, 0] });
const GICD_IROUTER = fields({
  Aff3: [39, 32],
  Interrupt_Routing_Mode: 31,
  Aff2: [23, 16],
  Aff1: [15, 8],
  Aff0: [7, 0],
});
/** GICD_IIDR, GICR_IIDR and GITS_IIDR: who made it. */
export const IIDR_FIELDS = fields({
  ProductID: [31, 24],
  Variant: [19, 16],
  Revision: [15, 12],
  Implementer: [11, 0],
});
/** GICD_STATUSR and GICR_STATUSR: errors of access. Source: IHI 0069H, 12.9 and 12.11. */
export const STATUSR_FIELDS = fields({ WROD: 3, RWOD: 2, WRD: 1, RRD: 0 });

/** The GICv3 distributor's registers. Source: IHI 0069H, 12.8 "The GIC Distributor register map" and 12.9. */
export const GICD_V3_REGISTERS = [
  register('GICD_CTLR', 0x0000, { fields: GICD_CTLR }),
  register('GICD_TYPER', 0x0004, { access: 'read-only', fields: GICD_TYPER }),
  register('GICD_IIDR', 0x0008, { access: 'read-only', fields: IIDR_FIELDS }),
  register('GICD_TYPER2', 0x000c, { access: 'read-only', fields: GICD_TYPER2 }),
  register('GICD_STATUSR', 0x0010, { fields: STATUSR_FIELDS }),
  perInterrupt('GICD_IGROUPR', 0x0080, 1),
  perInterrupt('GICD_ISENABLER', 0x0100, 1),
  perInterrupt('GICD_ICENABLER', 0x0180, 1),
  perInterrupt('GICD_ISPENDR', 0x0200, 1),
  perInterrupt('GICD_ICPENDR', 0x0280, 1),
  perInterrupt('GICD_ISACTIVER', 0x0300, 1),
  perInterrupt('GICD_ICACTIVER', 0x0380, 1),
  perInterrupt('GICD_IPRIORITYR', 0x0400, 8, { widths: WORD | BYTE }),
  perInterrupt('GICD_ITARGETSR', 0x0800, 8, { widths: WORD | BYTE }),
  perInterrupt('GICD_ICFGR', 0x0c00, 2),
  perInterrupt('GICD_IGRPMODR', 0x0d00, 1),
  perInterrupt('GICD_IROUTER', 0x6000, 64, { fields: GICD_IROUTER }),
  register('GICD_IDREGS', 0xffd0, { count: 12, access: 'read-only' }),
] as const;

/** GICD_CTLR with affinity routing and one security state. Source: IHI 0069H, 12.9.4. */
export const GICD_CTLR_ENABLE_GRP1 = maskOf(GICD_CTLR, 'EnableGrp1');
export const GICD_CTLR_ENABLES = GICD_CTLR_ENABLE_GRP1 | maskOf(GICD_CTLR, 'EnableGrp0');
export const GICD_CTLR_ARE_NS = maskOf(GICD_CTLR, 'ARE');
export const GICD_CTLR_DS = maskOf(GICD_CTLR, 'DS');
/** GICv4.1: SGIs have no active state (GICD_CTLR.nASSGIreq), where GICD_TYPER2.nASSGIcap says that it can be. */
export const GICD_CTLR_NASSGIREQ = maskOf(GICD_CTLR, 'nASSGIreq');
export const GICD_TYPER2_NASSGICAP = maskOf(GICD_TYPER2, 'nASSGIcap');

/** GICD_TYPER: IDbits and LPIS. Source: IHI 0069H, 12.9.38. */
export const GICD_TYPER_LPIS = maskOf(GICD_TYPER, 'LPIS');
export const GICD_TYPER_NO1N = maskOf(GICD_TYPER, 'No1N');
export const GICD_TYPER_ID_BITS_SHIFT = shiftOf(GICD_TYPER, 'IDbits');

/** GICx_IIDR: KVM answers with product 'K', implementer Arm. */
export const IIDR_PRODUCT_KVM = 0x4b << shiftOf(IIDR_FIELDS, 'ProductID');
export const IIDR_REVISION_SHIFT = shiftOf(IIDR_FIELDS, 'Revision');
export const IIDR_REVISION_MASK = maskOf(IIDR_FIELDS, 'Revision');
export const IIDR_IMPLEMENTER_ARM = 0x43b;

/** GICx_PIDR2 of the identification registers: ArchRev 3 (GICv3) and JEDEC. Source: IHI 0069H, 12.1.7. */
export const PIDR2_OFFSET = 0xffe8;
export const PIDR2_GICV3 = 0x3b;

/** GICx_STATUSR: a read of what is reserved, a write to it, a read of a write-only register, a write to a read-only one. */
export const STATUSR_RRD = maskOf(STATUSR_FIELDS, 'RRD');
export const STATUSR_WRD = maskOf(STATUSR_FIELDS, 'WRD');
export const STATUSR_RWOD = maskOf(STATUSR_FIELDS, 'RWOD');
export const STATUSR_WROD = maskOf(STATUSR_FIELDS, 'WROD');
export const STATUSR_MASK = STATUSR_RRD | STATUSR_WRD | STATUSR_RWOD | STATUSR_WROD;

/** Bits of priority that KVM keeps for SGIs, PPIs and SPIs (VGIC_PRI_BITS 5). */
export const PRIORITY_MASK = 0xf8;
