import { BYTE, perInterrupt, register, WORD } from './register-map.js';

/** Sizes in bytes of a GICv2's frames. */
export const GICD_V2_SIZE = 0x1000;
export const GICV_SIZE = 0x2000;

/** The GICv2 distributor's registers. Source: IHI 0048, 4.1.2 "Distributor register map". */
export const GICD_V2_REGISTERS = [
  register('GICD_CTLR', 0x000),
  register('GICD_TYPER', 0x004, 4, WORD, 'read-only'),
  register('GICD_IIDR', 0x008, 4, WORD, 'read-only'),
  perInterrupt('GICD_IGROUPR', 0x080, 1),
  perInterrupt('GICD_ISENABLER', 0x100, 1),
  perInterrupt('GICD_ICENABLER', 0x180, 1),
  perInterrupt('GICD_ISPENDR', 0x200, 1),
  perInterrupt('GICD_ICPENDR', 0x280, 1),
  perInterrupt('GICD_ISACTIVER', 0x300, 1),
  perInterrupt('GICD_ICACTIVER', 0x380, 1),
  perInterrupt('GICD_IPRIORITYR', 0x400, 8, WORD | BYTE),
  perInterrupt('GICD_ITARGETSR', 0x800, 8, WORD | BYTE),
  perInterrupt('GICD_ICFGR', 0xc00, 2),
  register('GICD_SGIR', 0xf00, 4, WORD, 'write-only'),
  register('GICD_CPENDSGIR', 0xf10, 16, WORD | BYTE),
  register('GICD_SPENDSGIR', 0xf20, 16, WORD | BYTE),
] as const;

/** GICD_CTLR.Enable (EnableGrp0). Source: IHI 0048, 4.3.1. */
export const GICD_V2_CTLR_ENABLE = 1;

/**
 * The GICv2 CPU interface as userspace sees it in KVM_DEV_ARM_VGIC_GRP_CPU_REGS. The guest's own accesses reach the
 * virtual CPU interface (GICV) of the hardware, see cpu-interface/gicv.ts. Source: IHI 0048, 4.1.3; KVM, arm-vgic.rst.
 */
export const GICC_REGISTERS = [
  register('GICC_CTLR', 0x00),
  register('GICC_PMR', 0x04),
  register('GICC_BPR', 0x08),
  register('GICC_ABPR', 0x1c),
  register('GICC_APR', 0xd0, 16),
  register('GICC_IIDR', 0xfc, 4, WORD, 'read-only'),
] as const;

/** GICC_IIDR: product 'K', architecture version 2, implementer Arm, as KVM answers. */
export const GICC_IIDR_KVM = (0x4b << 20) | (0x2 << 16) | 0x43b;

/** Offsets in the virtual CPU interface frame (GICV). Source: IHI 0048, 5.5 "GICV register map". */
export const GICV = {
  CTLR: 0x00,
  PMR: 0x04,
  BPR: 0x08,
  IAR: 0x0c,
  EOIR: 0x10,
  RPR: 0x14,
  HPPIR: 0x18,
  ABPR: 0x1c,
  AIAR: 0x20,
  AEOIR: 0x24,
  AHPPIR: 0x28,
  APR: 0xd0,
  IIDR: 0xfc,
  DIR: 0x1000,
} as const;

/** GICV_IIDR of the modelled interface: the GIC-400's (its TRM, r0p1, section 3.3). */
export const GICV_IIDR = 0x0202143b;
