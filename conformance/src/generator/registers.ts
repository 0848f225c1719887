/**
 * The registers of the GIC's frames as the generator sees them: where they are and which values make a difference
 * there. Offsets from IHI 0048 (GICv2) and IHI 0069 (GICv3). This is the tester's own list: it must not be derived from
 * the implementation under test.
 */

/** Which values matter in a register; see values.ts. */
export type ValueDomain =
  | 'bits'
  | 'priority'
  | 'trigger'
  | 'targets'
  | 'affinity'
  | 'distributorControl'
  | 'softwareInterrupt'
  | 'identification'
  | 'redistributorControl'
  | 'tableBase'
  | 'interfaceControl'
  | 'mask'
  | 'binaryPoint'
  | 'acknowledged'
  | 'activePriorities'
  | 'itsControl'
  | 'itsIdentification'
  | 'itsQueue'
  | 'itsOffset'
  | 'itsTable'
  | 'any';

export interface Register {
  readonly name: string;
  readonly offset: number;
  /** Bytes that it (or the array) occupies. */
  readonly bytes: number;
  /** Bits per INTID in an array of registers; 0: not by interrupt. */
  readonly bits: number;
  /** Bytes of an ordinary access. */
  readonly width: 1 | 4 | 8;
  readonly values: ValueDomain;
  /** How often it is chosen, relative to the others of its frame. */
  readonly weight: number;
}

export interface Frame {
  readonly name: string;
  readonly bytes: number;
  readonly registers: readonly Register[];
}

const single = (
  name: string,
  offset: number,
  values: ValueDomain,
  weight: number,
  width: 1 | 4 | 8 = 4,
  bytes: number = width,
): Register => ({ name, offset, bytes, bits: 0, width, values, weight });

/** An array of registers by INTID: `interrupts` of them from `offset` on. */
const byInterrupt = (
  name: string,
  offset: number,
  bits: number,
  values: ValueDomain,
  weight: number,
  interrupts = 1024,
): Register => ({
  name,
  offset,
  bytes: (interrupts * bits) / 8,
  bits,
  width: bits === 64 ? 8 : bits === 8 ? 1 : 4,
  values,
  weight,
});

/** The arrays that the distributors of both versions and, for its 32 interrupts, a redistributor have. */
const commonArrays = (prefix: string, base: number, suffix: string, interrupts: number): Register[] => [
  byInterrupt(`${prefix}IGROUPR${suffix}`, base + 0x080, 1, 'bits', 4, interrupts),
  byInterrupt(`${prefix}ISENABLER${suffix}`, base + 0x100, 1, 'bits', 10, interrupts),
  byInterrupt(`${prefix}ICENABLER${suffix}`, base + 0x180, 1, 'bits', 4, interrupts),
  byInterrupt(`${prefix}ISPENDR${suffix}`, base + 0x200, 1, 'bits', 10, interrupts),
  byInterrupt(`${prefix}ICPENDR${suffix}`, base + 0x280, 1, 'bits', 8, interrupts),
  byInterrupt(`${prefix}ISACTIVER${suffix}`, base + 0x300, 1, 'bits', 4, interrupts),
  byInterrupt(`${prefix}ICACTIVER${suffix}`, base + 0x380, 1, 'bits', 6, interrupts),
  byInterrupt(`${prefix}IPRIORITYR${suffix}`, base + 0x400, 8, 'priority', 8, interrupts),
  byInterrupt(`${prefix}ICFGR${suffix}`, base + 0xc00, 2, 'trigger', 5, interrupts),
];

export const DISTRIBUTOR_2: Frame = {
  name: 'GICv2 distributor',
  bytes: 0x1000,
  registers: [
    single('GICD_CTLR', 0x000, 'distributorControl', 3),
    single('GICD_TYPER', 0x004, 'any', 1),
    single('GICD_IIDR', 0x008, 'identification', 1),
    ...commonArrays('GICD_', 0, '', 1024),
    byInterrupt('GICD_ITARGETSR', 0x800, 8, 'targets', 8),
    single('GICD_SGIR', 0xf00, 'softwareInterrupt', 10),
    byInterrupt('GICD_CPENDSGIR', 0xf10, 8, 'targets', 4, 16),
    byInterrupt('GICD_SPENDSGIR', 0xf20, 8, 'targets', 5, 16),
    single('GICD_ICPIDR2', 0xfe8, 'any', 0.3),
  ],
};

export const DISTRIBUTOR_3: Frame = {
  name: 'GICv3 distributor',
  bytes: 0x10000,
  registers: [
    single('GICD_CTLR', 0x000, 'distributorControl', 3),
    single('GICD_TYPER', 0x004, 'any', 1),
    single('GICD_IIDR', 0x008, 'identification', 1),
    single('GICD_TYPER2', 0x00c, 'any', 0.5),
    single('GICD_STATUSR', 0x010, 'any', 0.5),
    single('GICD_SETSPI_NSR', 0x040, 'any', 0.3),
    ...commonArrays('GICD_', 0, '', 1024),
    byInterrupt('GICD_ITARGETSR', 0x800, 8, 'targets', 0.5),
    byInterrupt('GICD_IGRPMODR', 0xd00, 1, 'bits', 0.5),
    single('GICD_SGIR', 0xf00, 'softwareInterrupt', 0.5),
    byInterrupt('GICD_IROUTER', 0x6000, 64, 'affinity', 10),
    single('GICD_IDREGS', 0xffd0, 'any', 0.5, 4, 48),
  ],
};

const SGI_FRAME = 0x10000;

/** From one vCPU's redistributor to the next one's. */
export const REDISTRIBUTOR_STRIDE = 0x20000;

export const REDISTRIBUTOR: Frame = {
  name: 'redistributor',
  bytes: 0x20000,
  registers: [
    single('GICR_CTLR', 0x000, 'redistributorControl', 1),
    single('GICR_IIDR', 0x004, 'any', 0.5),
    single('GICR_TYPER', 0x008, 'any', 1, 8),
    single('GICR_STATUSR', 0x010, 'any', 0.5),
    single('GICR_WAKER', 0x014, 'any', 0.5),
    single('GICR_PROPBASER', 0x070, 'tableBase', 0.7, 8),
    single('GICR_PENDBASER', 0x078, 'tableBase', 0.7, 8),
    single('GICR_INVLPIR', 0x0a0, 'any', 0.3, 8),
    single('GICR_INVALLR', 0x0b0, 'any', 0.3, 8),
    single('GICR_SYNCR', 0x0c0, 'any', 0.3),
    single('GICR_IDREGS', 0xffd0, 'any', 0.5, 4, 48),
    ...commonArrays('GICR_', SGI_FRAME, '0', 32),
    byInterrupt('GICR_IGRPMODR0', SGI_FRAME + 0xd00, 1, 'bits', 0.3, 32),
    single('GICR_NSACR', SGI_FRAME + 0xe00, 'any', 0.3),
  ],
};

/** Offsets in an ITS's control frame (IHI 0069, 12.18), and of its one register in the translation frame behind it. */
export const GITS_CTLR = 0x0000;
export const GITS_IIDR = 0x0004;
export const GITS_TYPER = 0x0008;
export const GITS_CBASER = 0x0080;
export const GITS_CWRITER = 0x0088;
export const GITS_CREADR = 0x0090;
export const GITS_BASER = 0x0100;
export const GITS_TRANSLATER = 0x10040;

export const ITS: Frame = {
  name: 'ITS',
  bytes: 0x20000,
  registers: [
    single('GITS_CTLR', GITS_CTLR, 'itsControl', 3),
    single('GITS_IIDR', GITS_IIDR, 'itsIdentification', 1),
    single('GITS_TYPER', GITS_TYPER, 'any', 1, 8),
    single('GITS_CBASER', GITS_CBASER, 'itsQueue', 2, 8),
    single('GITS_CWRITER', GITS_CWRITER, 'itsOffset', 3, 8),
    single('GITS_CREADR', GITS_CREADR, 'itsOffset', 3, 8),
    single('GITS_BASER', GITS_BASER, 'itsTable', 4, 8, 64),
    single('GITS_IDREGS', 0xffd0, 'any', 0.5, 4, 48),
    single('GITS_TRANSLATER', GITS_TRANSLATER, 'any', 1),
  ],
};

/** GICv2's CPU interface as the guest sees it (GICV). */
export const CPU_INTERFACE_2: Frame = {
  name: 'GICv2 CPU interface',
  bytes: 0x2000,
  registers: [
    single('GICC_CTLR', 0x00, 'interfaceControl', 3),
    single('GICC_PMR', 0x04, 'mask', 3),
    single('GICC_BPR', 0x08, 'binaryPoint', 2),
    single('GICC_IAR', 0x0c, 'any', 10),
    single('GICC_EOIR', 0x10, 'acknowledged', 10),
    single('GICC_RPR', 0x14, 'any', 2),
    single('GICC_HPPIR', 0x18, 'any', 3),
    single('GICC_ABPR', 0x1c, 'binaryPoint', 2),
    single('GICC_AIAR', 0x20, 'any', 3),
    single('GICC_AEOIR', 0x24, 'acknowledged', 2),
    single('GICC_AHPPIR', 0x28, 'any', 2),
    single('GICC_APR0', 0xd0, 'activePriorities', 1),
    single('GICC_IIDR', 0xfc, 'any', 0.5),
    single('GICC_DIR', 0x1000, 'acknowledged', 3),
  ],
};

/** GICv2's CPU interface as user space sees it (group CPU_REGS). */
export const CPU_REGS_2: Frame = {
  name: 'GICv2 CPU interface state',
  bytes: 0x1000,
  registers: [
    single('GICC_CTLR', 0x00, 'interfaceControl', 3),
    single('GICC_PMR', 0x04, 'mask', 3),
    single('GICC_BPR', 0x08, 'binaryPoint', 2),
    single('GICC_ABPR', 0x1c, 'binaryPoint', 2),
    single('GICC_APR0', 0xd0, 'activePriorities', 2, 4, 16),
    single('GICC_IIDR', 0xfc, 'any', 1),
  ],
};

/** A GICv3 system register: name, its encoding op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2, values, and use. */
export interface SystemRegister {
  readonly name: string;
  readonly encoding: number;
  readonly values: ValueDomain | 'priorityMask' | 'groupEnable' | 'cpuControl' | 'generateSgi' | 'enable';
  readonly weight: number;
  /** Part of a vCPU's saved state (group CPU_SYSREGS). */
  readonly saved: boolean;
}

const icc = (
  name: string,
  crm: number,
  op2: number,
  values: SystemRegister['values'],
  weight: number,
  saved = false,
  crn = 12,
): SystemRegister => ({
  name: `ICC_${name}_EL1`,
  encoding: (3 << 14) | (crn << 7) | (crm << 3) | op2,
  values,
  weight,
  saved,
});

export const SYSTEM_REGISTERS: readonly SystemRegister[] = [
  icc('PMR', 6, 0, 'priorityMask', 3, true, 4),
  icc('IAR0', 8, 0, 'any', 3),
  icc('EOIR0', 8, 1, 'acknowledged', 2),
  icc('HPPIR0', 8, 2, 'any', 2),
  icc('BPR0', 8, 3, 'binaryPoint', 2, true),
  icc('AP0R0', 8, 4, 'activePriorities', 0.7, true),
  icc('AP0R1', 8, 5, 'activePriorities', 0.5, true),
  icc('AP0R2', 8, 6, 'activePriorities', 0.5, true),
  icc('AP0R3', 8, 7, 'activePriorities', 0.5, true),
  icc('AP1R0', 9, 0, 'activePriorities', 0.7, true),
  icc('AP1R1', 9, 1, 'activePriorities', 0.5, true),
  icc('AP1R2', 9, 2, 'activePriorities', 0.5, true),
  icc('AP1R3', 9, 3, 'activePriorities', 0.5, true),
  icc('DIR', 11, 1, 'acknowledged', 3),
  icc('RPR', 11, 3, 'any', 2),
  icc('SGI1R', 11, 5, 'generateSgi', 6),
  icc('ASGI1R', 11, 6, 'generateSgi', 1),
  icc('SGI0R', 11, 7, 'generateSgi', 1.5),
  icc('IAR1', 12, 0, 'any', 8),
  icc('EOIR1', 12, 1, 'acknowledged', 6),
  icc('HPPIR1', 12, 2, 'any', 3),
  icc('BPR1', 12, 3, 'binaryPoint', 2, true),
  icc('CTLR', 12, 4, 'cpuControl', 3, true),
  icc('SRE', 12, 5, 'enable', 0.7, true),
  icc('IGRPEN0', 12, 6, 'groupEnable', 2, true),
  icc('IGRPEN1', 12, 7, 'groupEnable', 2, true),
];
