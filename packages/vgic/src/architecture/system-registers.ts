/**
 * The CPU interface's system registers. The encoding is that of the MRS and MSR instructions, and of the attribute of
 * KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS: op0 << 14 | op1 << 11 | CRn << 7 | CRm << 3 | op2.
 * Source: IHI 0069, 12.2 "AArch64 system registers".
 */
export type SystemRegisterName =
  | 'ICC_PMR_EL1'
  | 'ICC_IAR0_EL1'
  | 'ICC_EOIR0_EL1'
  | 'ICC_HPPIR0_EL1'
  | 'ICC_BPR0_EL1'
  | 'ICC_AP0R0_EL1'
  | 'ICC_AP0R1_EL1'
  | 'ICC_AP0R2_EL1'
  | 'ICC_AP0R3_EL1'
  | 'ICC_AP1R0_EL1'
  | 'ICC_AP1R1_EL1'
  | 'ICC_AP1R2_EL1'
  | 'ICC_AP1R3_EL1'
  | 'ICC_DIR_EL1'
  | 'ICC_RPR_EL1'
  | 'ICC_SGI1R_EL1'
  | 'ICC_ASGI1R_EL1'
  | 'ICC_SGI0R_EL1'
  | 'ICC_IAR1_EL1'
  | 'ICC_EOIR1_EL1'
  | 'ICC_HPPIR1_EL1'
  | 'ICC_BPR1_EL1'
  | 'ICC_CTLR_EL1'
  | 'ICC_SRE_EL1'
  | 'ICC_IGRPEN0_EL1'
  | 'ICC_IGRPEN1_EL1';

/** op0 << 14 | op1 << 11 | CRn << 7 | CRm << 3 | op2 */
export function encoding(op0: number, op1: number, crn: number, crm: number, op2: number): number {
  return (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}

/** Encoding of each register: all have op0 3, op1 0; ICC_PMR_EL1 is in CRn 4, the others in CRn 12. */
export const SYSTEM_REGISTERS: Readonly<Record<SystemRegisterName, number>> = {
  ICC_PMR_EL1: encoding(3, 0, 4, 6, 0),
  ICC_IAR0_EL1: encoding(3, 0, 12, 8, 0),
  ICC_EOIR0_EL1: encoding(3, 0, 12, 8, 1),
  ICC_HPPIR0_EL1: encoding(3, 0, 12, 8, 2),
  ICC_BPR0_EL1: encoding(3, 0, 12, 8, 3),
  ICC_AP0R0_EL1: encoding(3, 0, 12, 8, 4),
  ICC_AP0R1_EL1: encoding(3, 0, 12, 8, 5),
  ICC_AP0R2_EL1: encoding(3, 0, 12, 8, 6),
  ICC_AP0R3_EL1: encoding(3, 0, 12, 8, 7),
  ICC_AP1R0_EL1: encoding(3, 0, 12, 9, 0),
  ICC_AP1R1_EL1: encoding(3, 0, 12, 9, 1),
  ICC_AP1R2_EL1: encoding(3, 0, 12, 9, 2),
  ICC_AP1R3_EL1: encoding(3, 0, 12, 9, 3),
  ICC_DIR_EL1: encoding(3, 0, 12, 11, 1),
  ICC_RPR_EL1: encoding(3, 0, 12, 11, 3),
  ICC_SGI1R_EL1: encoding(3, 0, 12, 11, 5),
  ICC_ASGI1R_EL1: encoding(3, 0, 12, 11, 6),
  ICC_SGI0R_EL1: encoding(3, 0, 12, 11, 7),
  ICC_IAR1_EL1: encoding(3, 0, 12, 12, 0),
  ICC_EOIR1_EL1: encoding(3, 0, 12, 12, 1),
  ICC_HPPIR1_EL1: encoding(3, 0, 12, 12, 2),
  ICC_BPR1_EL1: encoding(3, 0, 12, 12, 3),
  ICC_CTLR_EL1: encoding(3, 0, 12, 12, 4),
  ICC_SRE_EL1: encoding(3, 0, 12, 12, 5),
  ICC_IGRPEN0_EL1: encoding(3, 0, 12, 12, 6),
  ICC_IGRPEN1_EL1: encoding(3, 0, 12, 12, 7),
};
