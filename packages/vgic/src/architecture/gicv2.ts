import { BYTE, fields, maskOf, perInterrupt, register, WORD } from './register-map.js';

/** Sizes in bytes of a GICv2's frames: distributor, and CPU interface (GICC, and GICV that a guest sees as it). */
export const GICD_V2_SIZE = 0x1000;
export const GICV_SIZE = 0x2000;

/** Without the Security Extensions. */
const GICD_CTLR = fields({ EnableGrp1: 1, EnableGrp0: 0 });
const GICD_TYPER = fields({ LSPI: [15, 11], SecurityExtn: 10, CPUNumber: [7, 5], ITLinesNumber: [4, 0] });
const GICD_IIDR = fields({ ProductID: [31, 24], Variant: [19, 16], Revision: [15, 12], Implementer: [11, 0] });
const GICD_SGIR = fields({ TargetListFilter: [25, 24], CPUTargetList: [23, 16], NSATT: 15, SGIINTID: [3, 0] });

/** The GICv2 distributor's registers. Source: IHI 0048B, 4.1.2 "Distributor register map" and 4.3. */
export const GICD_V2_REGISTERS = [
  register('GICD_CTLR', 0x000, { fields: GICD_CTLR }),
  register('GICD_TYPER', 0x004, { access: 'read-only', fields: GICD_TYPER }),
  register('GICD_IIDR', 0x008, { access: 'read-only', fields: GICD_IIDR }),
  perInterrupt('GICD_IGROUPR', 0x080, 1),
  perInterrupt('GICD_ISENABLER', 0x100, 1),
  perInterrupt('GICD_ICENABLER', 0x180, 1),
  perInterrupt('GICD_ISPENDR', 0x200, 1),
  perInterrupt('GICD_ICPENDR', 0x280, 1),
  perInterrupt('GICD_ISACTIVER', 0x300, 1),
  perInterrupt('GICD_ICACTIVER', 0x380, 1),
  perInterrupt('GICD_IPRIORITYR', 0x400, 8, { widths: WORD | BYTE }),
  perInterrupt('GICD_ITARGETSR', 0x800, 8, { widths: WORD | BYTE }),
  perInterrupt('GICD_ICFGR', 0xc00, 2),
  register('GICD_SGIR', 0xf00, { access: 'write-only', fields: GICD_SGIR }),
  register('GICD_CPENDSGIR', 0xf10, { count: 4, widths: WORD | BYTE }),
  register('GICD_SPENDSGIR', 0xf20, { count: 4, widths: WORD | BYTE }),
] as const;

/** GICD_CTLR.EnableGrp0. Source: IHI 0048B, 4.3.1. */
export const GICD_V2_CTLR_ENABLE_GRP0 = maskOf(GICD_CTLR, 'EnableGrp0');

const GICC_CTLR = fields({ EOImode: 9, CBPR: 4, FIQEn: 3, AckCtl: 2, EnableGrp1: 1, EnableGrp0: 0 });
const PRIORITY = fields({ Priority: [7, 0] });
const BINARY_POINT = fields({ Binary_point: [2, 0] });
const INTERRUPT = fields({ CPUID: [12, 10], Interrupt_ID: [9, 0] });
const GICC_IIDR = fields({
  ProductID: [31, 20],
  Architecture_version: [19, 16],
  Revision: [15, 12],
  Implementer: [11, 0],
});

/**
 * The GICv2 CPU interface. By its own accesses a guest reaches the virtual CPU interface, GICV, whose registers are the
 * same. Source: IHI 0048B, 4.1.3 "CPU interface register map", 4.4 and 5.5 "The GIC virtual CPU interface register map".
 */
export const GICC_REGISTERS = [
  register('GICC_CTLR', 0x00, { fields: GICC_CTLR }),
  register('GICC_PMR', 0x04, { fields: PRIORITY }),
  register('GICC_BPR', 0x08, { fields: BINARY_POINT }),
  register('GICC_IAR', 0x0c, { access: 'read-only', fields: INTERRUPT }),
  register('GICC_EOIR', 0x10, { access: 'write-only', fields: INTERRUPT }),
  register('GICC_RPR', 0x14, { access: 'read-only', fields: PRIORITY }),
  register('GICC_HPPIR', 0x18, { access: 'read-only', fields: INTERRUPT }),
  register('GICC_ABPR', 0x1c, { fields: BINARY_POINT }),
  register('GICC_AIAR', 0x20, { access: 'read-only', fields: INTERRUPT }),
  register('GICC_AEOIR', 0x24, { access: 'write-only', fields: INTERRUPT }),
  register('GICC_AHPPIR', 0x28, { access: 'read-only', fields: INTERRUPT }),
  register('GICC_APR', 0xd0, { count: 4 }),
  register('GICC_IIDR', 0xfc, { access: 'read-only', fields: GICC_IIDR }),
  register('GICC_DIR', 0x1000, { access: 'write-only', fields: INTERRUPT }),
] as const;

/** GICC_IIDR as KVM answers userspace: product 'K', architecture version 2, implementer Arm. */
export const GICC_IIDR_KVM = (0x4b << 20) | (0x2 << 16) | 0x43b;

/** GICV_IIDR of the modelled interface, which the guest reads: the GIC-400's (its TRM, r0p1, section 3.3). */
export const GICV_IIDR = 0x0202143b;
