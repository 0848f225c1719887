/**
 * The virtualisation interface: list registers and their control. Source: IHI 0069, 12.4 "AArch64 virtualization
 * control system registers". GICv2's GICH registers hold the same fields (IHI 0048, 5.3); the model keeps everything
 * in the ICH layout and shows the GICH one at the edge.
 */

/**
 * ICH_LR<n>_EL2 is kept as two 32-bit halves: the low one is vINTID, the high one holds the rest. Bits here are those of
 * the high half.
 */
export const LR_PENDING = 1 << 30;
export const LR_ACTIVE = (1 << 31) >>> 0;
export const LR_STATE = (LR_PENDING | LR_ACTIVE) >>> 0;
export const LR_HW = 1 << 29;
export const LR_GROUP = 1 << 28;
export const LR_PRIORITY_SHIFT = 16;
/** pINTID, 13 bits; with HW = 0, bit 9 asks for a maintenance interrupt at the end of interrupt. */
export const LR_PINTID_MASK = 0x1fff;
export const LR_EOI = 1 << 9;
/** Where a GICv2 SGI's source CPU lies in the low half: bits 12:10, above a 10-bit vINTID. */
export const LR_V2_SOURCE_SHIFT = 10;
export const LR_V2_INTID_MASK = 0x3ff;

/** ICH_HCR_EL2 / GICH_HCR. */
export const HCR_EN = 1 << 0;
export const HCR_UIE = 1 << 1;
export const HCR_LRENPIE = 1 << 2;
export const HCR_NPIE = 1 << 3;
export const HCR_VGRP0EIE = 1 << 4;
export const HCR_VGRP0DIE = 1 << 5;
export const HCR_VGRP1EIE = 1 << 6;
export const HCR_VGRP1DIE = 1 << 7;
export const HCR_TC = 1 << 10;
export const HCR_TALL0 = 1 << 11;
export const HCR_TALL1 = 1 << 12;
export const HCR_EOICOUNT_SHIFT = 27;
/** Implemented bits: all but the reserved ones. */
export const ICH_HCR_MASK = 0xf800fdff;
export const GICH_HCR_MASK = 0xf80000ff;

/** ICH_MISR_EL2 / GICH_MISR. */
export const MISR_EOI = 1 << 0;
export const MISR_U = 1 << 1;
export const MISR_LRENP = 1 << 2;
export const MISR_NP = 1 << 3;
export const MISR_VGRP0E = 1 << 4;
export const MISR_VGRP0D = 1 << 5;
export const MISR_VGRP1E = 1 << 6;
export const MISR_VGRP1D = 1 << 7;

/** ICH_VMCR_EL2 / GICH_VMCR. */
export const VMCR_ENG0 = 1 << 0;
export const VMCR_ENG1 = 1 << 1;
export const VMCR_ACKCTL = 1 << 2;
export const VMCR_FIQEN = 1 << 3;
export const VMCR_CBPR = 1 << 4;
export const VMCR_EOIM = 1 << 9;
export const VMCR_BPR1_SHIFT = 18;
export const VMCR_BPR0_SHIFT = 21;
export const VMCR_PMR_SHIFT = 24;
/** The bits that GICC_CTLR and GICV_CTLR show, at the same places. */
export const VMCR_CTLR_MASK = 0x21f;

/** ICC_CTLR_EL1 (IHI 0069, 12.2.6). */
export const ICC_CTLR_CBPR = 1 << 0;
export const ICC_CTLR_EOIMODE = 1 << 1;
export const ICC_CTLR_PRIBITS_SHIFT = 8;
export const ICC_CTLR_IDBITS_SHIFT = 11;
export const ICC_CTLR_SEIS = 1 << 14;
export const ICC_CTLR_A3V = 1 << 15;

/** ICC_SRE_EL1 of a GICv3 guest in KVM: SRE, DFB and DIB, all fixed at 1. */
export const ICC_SRE_ALL = 7;

/** What a running priority register reads when nothing is active. */
export const IDLE_PRIORITY = 0xff;
