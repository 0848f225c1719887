import { type AccessKind, fields, type HasFields, maskOf, type NamesOf, shiftOf } from './register-map.js';

/**
 * The system registers of the CPU interface, one row each; those of the virtualisation interface are in
 * `virtual-interface.ts`. Source: IHI 0069H, 12.2 "AArch64 system register descriptions".
 */

/**
 * Who makes a guest's access trap to the hypervisor: a bit of ICH_HCR_EL2 (IHI 0069H, 12.4.8), or `always`, by
 * ICC_SRE_EL2.Enable and by HCR_EL2.IMO and FMO; no guest at EL1 has the registers of EL2.
 */
export type TrappedBy = 'TC' | 'TALL0' | 'TALL1' | 'always';

/** One row of the table of system registers. */
export interface SystemRegisterDescription<Name extends string = string, Access extends AccessKind = AccessKind>
  extends HasFields {
  /** As the architecture calls it, with the number of an array: ICC_AP0R3_EL1. */
  readonly name: Name;
  /** Of the MRS and MSR instructions, and of KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS: see {@link encoding}. */
  readonly encoding: number;
  /** Bits that have a meaning; the others of the 64 are reserved. */
  readonly width: 32 | 64;
  readonly access: Access;
  readonly trappedBy: TrappedBy;
  /**
   * Where it comes in the order in which userspace saves and restores it; undefined if it has no state of its own, and
   * userspace no such register (KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS).
   */
  readonly saved: number | undefined;
}

/** op0 << 14 | op1 << 11 | CRn << 7 | CRm << 3 | op2: bits 20:5 of an MRS or MSR instruction. */
export function encoding(op0: number, op1: number, crn: number, crm: number, op2: number): number {
  return (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}

interface Options<Access extends AccessKind> {
  /** Default: read-write. */
  readonly access?: Access;
  /** Default: 32. */
  readonly width?: 32 | 64;
  readonly fields?: HasFields['fields'];
  readonly saved?: number;
}

/** A row of the table. */
export function systemRegister<const Name extends string, const Access extends AccessKind = 'read-write'>(
  name: Name,
  place: number,
  trappedBy: TrappedBy,
  options: Options<Access> = {},
): SystemRegisterDescription<Name, Access> {
  const { width = 32, access = 'read-write' as Access, saved } = options;
  return { name, encoding: place, width, access, trappedBy, saved, fields: options.fields ?? [] };
}

const INTID = fields({ INTID: [23, 0] });
const PRIORITY = fields({ Priority: [7, 0] });
const BINARY_POINT = fields({ BinaryPoint: [2, 0] });
const ENABLE = fields({ Enable: 0 });
const ICC_SGIR = fields({
  Aff3: [55, 48],
  RS: [47, 44],
  IRM: 40,
  Aff2: [39, 32],
  INTID: [27, 24],
  Aff1: [23, 16],
  TargetList: [15, 0],
});
const ICC_CTLR = fields({
  ExtRange: 19,
  RSS: 18,
  A3V: 15,
  SEIS: 14,
  IDbits: [13, 11],
  PRIbits: [10, 8],
  PMHE: 6,
  EOImode: 1,
  CBPR: 0,
});
const ICC_SRE = fields({ DIB: 2, DFB: 1, SRE: 0 });

/** All have op0 3, op1 0; ICC_PMR_EL1 is in CRn 4, the others in CRn 12. */
const icc = (crm: number, op2: number) => encoding(3, 0, 12, crm, op2);
const read = { access: 'read-only' } as const;
const write = { access: 'write-only' } as const;
const send = { access: 'write-only', width: 64, fields: ICC_SGIR } as const;

/** The guest's CPU interface. BPR1 is restored before CTLR: with CTLR.CBPR set it can't be written any more. */
export const ICC_REGISTERS = [
  systemRegister('ICC_PMR_EL1', encoding(3, 0, 4, 6, 0), 'TC', { saved: 1, fields: PRIORITY }),
  systemRegister('ICC_IAR0_EL1', icc(8, 0), 'TALL0', { ...read, fields: INTID }),
  systemRegister('ICC_EOIR0_EL1', icc(8, 1), 'TALL0', { ...write, fields: INTID }),
  systemRegister('ICC_HPPIR0_EL1', icc(8, 2), 'TALL0', { ...read, fields: INTID }),
  systemRegister('ICC_BPR0_EL1', icc(8, 3), 'TALL0', { saved: 2, fields: BINARY_POINT }),
  systemRegister('ICC_AP0R0_EL1', icc(8, 4), 'TALL0', { saved: 5 }),
  systemRegister('ICC_AP0R1_EL1', icc(8, 5), 'TALL0', { saved: 6 }),
  systemRegister('ICC_AP0R2_EL1', icc(8, 6), 'TALL0', { saved: 7 }),
  systemRegister('ICC_AP0R3_EL1', icc(8, 7), 'TALL0', { saved: 8 }),
  systemRegister('ICC_AP1R0_EL1', icc(9, 0), 'TALL1', { saved: 9 }),
  systemRegister('ICC_AP1R1_EL1', icc(9, 1), 'TALL1', { saved: 10 }),
  systemRegister('ICC_AP1R2_EL1', icc(9, 2), 'TALL1', { saved: 11 }),
  systemRegister('ICC_AP1R3_EL1', icc(9, 3), 'TALL1', { saved: 12 }),
  systemRegister('ICC_DIR_EL1', icc(11, 1), 'TC', { ...write, fields: INTID }),
  systemRegister('ICC_RPR_EL1', icc(11, 3), 'TC', { ...read, fields: PRIORITY }),
  systemRegister('ICC_SGI1R_EL1', icc(11, 5), 'always', send),
  systemRegister('ICC_ASGI1R_EL1', icc(11, 6), 'always', send),
  systemRegister('ICC_SGI0R_EL1', icc(11, 7), 'always', send),
  systemRegister('ICC_IAR1_EL1', icc(12, 0), 'TALL1', { ...read, fields: INTID }),
  systemRegister('ICC_EOIR1_EL1', icc(12, 1), 'TALL1', { ...write, fields: INTID }),
  systemRegister('ICC_HPPIR1_EL1', icc(12, 2), 'TALL1', { ...read, fields: INTID }),
  systemRegister('ICC_BPR1_EL1', icc(12, 3), 'TALL1', { saved: 3, fields: BINARY_POINT }),
  systemRegister('ICC_CTLR_EL1', icc(12, 4), 'TC', { saved: 4, fields: ICC_CTLR }),
  systemRegister('ICC_SRE_EL1', icc(12, 5), 'always', { saved: 0, fields: ICC_SRE }),
  systemRegister('ICC_IGRPEN0_EL1', icc(12, 6), 'TALL0', { saved: 13, fields: ENABLE }),
  systemRegister('ICC_IGRPEN1_EL1', icc(12, 7), 'TALL1', { saved: 14, fields: ENABLE }),
] as const;

/** The names of the CPU interface's system registers. */
export type SystemRegisterName = NamesOf<typeof ICC_REGISTERS>;

/** The encoding of each of the CPU interface's system registers by its name. */
export const SYSTEM_REGISTERS = Object.fromEntries(
  ICC_REGISTERS.map(({ name, encoding }) => [name, encoding]),
) as Readonly<Record<SystemRegisterName, number>>;

/** The names of those that userspace saves and restores, in that order. */
export const SYSTEM_REGISTER_ORDER: readonly SystemRegisterName[] = ICC_REGISTERS.filter(
  ({ saved }) => saved !== undefined,
)
  .toSorted((a, b) => (a.saved ?? 0) - (b.saved ?? 0))
  .map(({ name }) => name);

/** ICC_CTLR_EL1 (IHI 0069H, 12.2.6); PRIbits is one less. */
export const ICC_CTLR_CBPR = maskOf(ICC_CTLR, 'CBPR');
export const ICC_CTLR_EOIMODE = maskOf(ICC_CTLR, 'EOImode');
export const ICC_CTLR_PRIBITS_SHIFT = shiftOf(ICC_CTLR, 'PRIbits');
export const ICC_CTLR_IDBITS_SHIFT = shiftOf(ICC_CTLR, 'IDbits');
export const ICC_CTLR_SEIS = maskOf(ICC_CTLR, 'SEIS');
export const ICC_CTLR_A3V = maskOf(ICC_CTLR, 'A3V');
export const ICC_CTLR_EXT_RANGE = maskOf(ICC_CTLR, 'ExtRange');

/** ICC_SRE_EL1 of a GICv3 guest in KVM: SRE, DFB and DIB, all fixed at 1. */
export const ICC_SRE_ALL = maskOf(ICC_SRE, 'SRE') | maskOf(ICC_SRE, 'DFB') | maskOf(ICC_SRE, 'DIB');

/** ICC_SGI<n>R_EL1, upper half (IHI 0069H, 12.2.19): the SGI goes to all vCPUs but the sender. */
export const SGIR_IRM = maskOf(ICC_SGIR, 'IRM');
