import { fields, maskOf, shiftOf } from './register-map.js';
import { encoding, systemRegister } from './system-registers.js';

/**
 * The virtualisation interface: list registers and their control. Source: IHI 0069H, 12.4 "AArch64 virtualization control
 * system registers". GICv2's GICH registers hold the same fields (IHI 0048B, 5.3); the model keeps everything in the ICH
 * layout and shows the GICH one at the edge.
 */

const ICH_HCR = fields({
  EOIcount: [31, 27],
  DVIM: 15,
  TDIR: 14,
  TSEI: 13,
  TALL1: 12,
  TALL0: 11,
  TC: 10,
  vSGIEOICount: 8,
  VGrp1DIE: 7,
  VGrp1EIE: 6,
  VGrp0DIE: 5,
  VGrp0EIE: 4,
  NPIE: 3,
  LRENPIE: 2,
  UIE: 1,
  En: 0,
});
const ICH_VTR = fields({
  PRIbits: [31, 29],
  PREbits: [28, 26],
  IDbits: [25, 23],
  SEIS: 22,
  A3V: 21,
  nV4: 20,
  TDS: 19,
  DVIM: 18,
  ListRegs: [4, 0],
});
const ICH_MISR = fields({ VGrp1D: 7, VGrp1E: 6, VGrp0D: 5, VGrp0E: 4, NP: 3, LRENP: 2, U: 1, EOI: 0 });
const ICH_VMCR = fields({
  VPMR: [31, 24],
  VBPR0: [23, 21],
  VBPR1: [20, 18],
  VEOIM: 9,
  VCBPR: 4,
  VFIQEn: 3,
  VAckCtl: 2,
  VENG1: 1,
  VENG0: 0,
});
/** Without HW, bit 9 of pINTID asks for a maintenance interrupt at the end of interrupt. */
const ICH_LR = fields({
  State: [63, 62],
  HW: 61,
  Group: 60,
  NMI: 59,
  Priority: [55, 48],
  pINTID: [44, 32],
  vINTID: [31, 0],
});
const STATUS = fields({ Status: [15, 0] });

/**
 * A list register of GICv2 (IHI 0048B, 5.3.8). Without HW, bit 9 of PhysicalID asks for a maintenance interrupt at the end
 * of interrupt, and its lowest three are the CPUID of an SGI's sender.
 */
const GICH_LR = fields({
  HW: 31,
  Grp1: 30,
  State: [29, 28],
  Priority: [27, 23],
  PhysicalID: [19, 10],
  VirtualID: [9, 0],
});

const READ = { access: 'read-only' } as const;
/** All have op0 3, op1 4, CRn 12. */
const ich = (crm: number, op2: number) => encoding(3, 4, 12, crm, op2);
const listRegister = <const Name extends string>(name: Name, n: number) =>
  systemRegister(name, ich(12 + (n >>> 3), n & 7), 'always', { width: 64, fields: ICH_LR });

/** The virtualisation interface, which the hypervisor has: list registers and their control. */
export const ICH_REGISTERS = [
  systemRegister('ICH_AP0R0_EL2', ich(8, 0), 'always'),
  systemRegister('ICH_AP0R1_EL2', ich(8, 1), 'always'),
  systemRegister('ICH_AP0R2_EL2', ich(8, 2), 'always'),
  systemRegister('ICH_AP0R3_EL2', ich(8, 3), 'always'),
  systemRegister('ICH_AP1R0_EL2', ich(9, 0), 'always'),
  systemRegister('ICH_AP1R1_EL2', ich(9, 1), 'always'),
  systemRegister('ICH_AP1R2_EL2', ich(9, 2), 'always'),
  systemRegister('ICH_AP1R3_EL2', ich(9, 3), 'always'),
  systemRegister('ICH_HCR_EL2', ich(11, 0), 'always', { fields: ICH_HCR }),
  systemRegister('ICH_VTR_EL2', ich(11, 1), 'always', { ...READ, fields: ICH_VTR }),
  systemRegister('ICH_MISR_EL2', ich(11, 2), 'always', { ...READ, fields: ICH_MISR }),
  systemRegister('ICH_EISR_EL2', ich(11, 3), 'always', { ...READ, fields: STATUS }),
  systemRegister('ICH_ELRSR_EL2', ich(11, 5), 'always', { ...READ, fields: STATUS }),
  systemRegister('ICH_VMCR_EL2', ich(11, 7), 'always', { fields: ICH_VMCR }),
  listRegister('ICH_LR0_EL2', 0),
  listRegister('ICH_LR1_EL2', 1),
  listRegister('ICH_LR2_EL2', 2),
  listRegister('ICH_LR3_EL2', 3),
  listRegister('ICH_LR4_EL2', 4),
  listRegister('ICH_LR5_EL2', 5),
  listRegister('ICH_LR6_EL2', 6),
  listRegister('ICH_LR7_EL2', 7),
  listRegister('ICH_LR8_EL2', 8),
  listRegister('ICH_LR9_EL2', 9),
  listRegister('ICH_LR10_EL2', 10),
  listRegister('ICH_LR11_EL2', 11),
  listRegister('ICH_LR12_EL2', 12),
  listRegister('ICH_LR13_EL2', 13),
  listRegister('ICH_LR14_EL2', 14),
  listRegister('ICH_LR15_EL2', 15),
] as const;

/**
 * ICH_LR<n>_EL2 is kept as two 32-bit halves: the low one is vINTID, the high one holds the rest. Bits here are those of
 * the high half.
 */
export const LR_STATE = maskOf(ICH_LR, 'State');
export const LR_PENDING = 1 << shiftOf(ICH_LR, 'State');
export const LR_ACTIVE = (2 << shiftOf(ICH_LR, 'State')) >>> 0;
export const LR_STATE_SHIFT = shiftOf(ICH_LR, 'State');
export const LR_HW = maskOf(ICH_LR, 'HW');
export const LR_GROUP = maskOf(ICH_LR, 'Group');
export const LR_PRIORITY_SHIFT = shiftOf(ICH_LR, 'Priority');
/** pINTID, 13 bits; with HW = 0, bit 9 asks for a maintenance interrupt at the end of interrupt. */
export const LR_PINTID_MASK = maskOf(ICH_LR, 'pINTID');
export const LR_EOI = 1 << 9;
/** Where a GICv2 SGI's source CPU lies in the low half: bits 12:10, above a 10-bit vINTID. */
export const LR_V2_SOURCE_SHIFT = 10;
export const LR_V2_INTID_MASK = 0x3ff;

/** A list register in GICH's 32-bit layout, from the halves of the ICH one. */
export function gichListRegister(low: number, high: number): number {
  const hardware = (high & LR_HW) !== 0;
  const physical = hardware ? high & LR_V2_INTID_MASK : high & LR_EOI;
  // GICH has the upper five bits of a priority; the sender of an SGI lies where the model keeps it in the low half
  const priority = (high >>> (LR_PRIORITY_SHIFT + 3)) & 0x1f;
  return (
    ((low & 0x1fff) |
      (physical << shiftOf(GICH_LR, 'PhysicalID')) |
      (priority << shiftOf(GICH_LR, 'Priority')) |
      ((high >>> LR_STATE_SHIFT) << shiftOf(GICH_LR, 'State')) |
      (high & LR_GROUP ? maskOf(GICH_LR, 'Grp1') : 0) |
      (hardware ? maskOf(GICH_LR, 'HW') : 0)) >>>
    0
  );
}

/** ICH_HCR_EL2 / GICH_HCR. */
export const HCR_EN = maskOf(ICH_HCR, 'En');
export const HCR_UIE = maskOf(ICH_HCR, 'UIE');
export const HCR_LRENPIE = maskOf(ICH_HCR, 'LRENPIE');
export const HCR_NPIE = maskOf(ICH_HCR, 'NPIE');
export const HCR_VGRP0EIE = maskOf(ICH_HCR, 'VGrp0EIE');
export const HCR_VGRP0DIE = maskOf(ICH_HCR, 'VGrp0DIE');
export const HCR_VGRP1EIE = maskOf(ICH_HCR, 'VGrp1EIE');
export const HCR_VGRP1DIE = maskOf(ICH_HCR, 'VGrp1DIE');
export const HCR_TC = maskOf(ICH_HCR, 'TC');
export const HCR_TALL0 = maskOf(ICH_HCR, 'TALL0');
export const HCR_TALL1 = maskOf(ICH_HCR, 'TALL1');
export const HCR_EOICOUNT_SHIFT = shiftOf(ICH_HCR, 'EOIcount');
/** Implemented bits: all but the reserved ones; GICH_HCR has no traps. */
export const ICH_HCR_MASK = 0xf800fdff;
export const GICH_HCR_MASK = 0xf80000ff;

/** ICH_MISR_EL2 / GICH_MISR. */
export const MISR_EOI = maskOf(ICH_MISR, 'EOI');
export const MISR_U = maskOf(ICH_MISR, 'U');
export const MISR_LRENP = maskOf(ICH_MISR, 'LRENP');
export const MISR_NP = maskOf(ICH_MISR, 'NP');
export const MISR_VGRP0E = maskOf(ICH_MISR, 'VGrp0E');
export const MISR_VGRP0D = maskOf(ICH_MISR, 'VGrp0D');
export const MISR_VGRP1E = maskOf(ICH_MISR, 'VGrp1E');
export const MISR_VGRP1D = maskOf(ICH_MISR, 'VGrp1D');

/** ICH_VMCR_EL2 / GICH_VMCR. */
export const VMCR_ENG0 = maskOf(ICH_VMCR, 'VENG0');
export const VMCR_ENG1 = maskOf(ICH_VMCR, 'VENG1');
export const VMCR_ACKCTL = maskOf(ICH_VMCR, 'VAckCtl');
export const VMCR_FIQEN = maskOf(ICH_VMCR, 'VFIQEn');
export const VMCR_CBPR = maskOf(ICH_VMCR, 'VCBPR');
export const VMCR_EOIM = maskOf(ICH_VMCR, 'VEOIM');
export const VMCR_BPR1_SHIFT = shiftOf(ICH_VMCR, 'VBPR1');
export const VMCR_BPR0_SHIFT = shiftOf(ICH_VMCR, 'VBPR0');
export const VMCR_PMR_SHIFT = shiftOf(ICH_VMCR, 'VPMR');
/** The bits that GICC_CTLR and GICV_CTLR show, at the same places. */
export const VMCR_CTLR_MASK = VMCR_ENG0 | VMCR_ENG1 | VMCR_ACKCTL | VMCR_FIQEN | VMCR_CBPR | VMCR_EOIM;

/** What a running priority register reads when nothing is active. */
export const IDLE_PRIORITY = 0xff;
