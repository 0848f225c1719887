import { fields } from './register-map.js';
import { encoding, systemRegister } from './system-registers.js';
import { ICH_HCR, ICH_LR, ICH_MISR, ICH_VMCR } from './virtual-interface.js';

/**
 * The registers of the virtualisation interface. Apart from their fields, which the model works with: whoever bundles a GIC
 * alone does without this table. Source: IHI 0069H, 12.4 "AArch64 virtualization control system registers".
 */

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
const STATUS = fields({ Status: [15, 0] });

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
