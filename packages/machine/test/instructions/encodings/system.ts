import { type Encoding, encode } from '../encoding.js';

const zva = { size: () => 1, offset: () => 0, base: 'Rt' };
const cacheOperation = (name: string, op1: string, crm: string, op2: string): Encoding => ({
  name,
  bits: `1101010100001 ${op1} 0111 ${crm} ${op2} Rt`,
  legal: (f) => f.Rt !== 31,
  memory: zva,
});
const TPIDR_EL0 = '1 011 1101 0000 010 Rt';

/** C4.1.87 System instructions whose whole effect is in the registers, PSTATE and memory of the case. */
export const system: readonly Encoding[] = [
  // WFI (CRm 0, op2 3) may sleep for ever; hints not allocated, and those of later architectures, are NOPs.
  { name: 'HINT', bits: '11010101000000110010 CRm:4 op2:3 11111', legal: (f) => f.CRm !== 0 || f.op2 !== 3 },
  { name: 'CLREX', bits: '11010101000000110011 CRm:4 010 11111' },
  { name: 'DSB', bits: '11010101000000110011 CRm:4 100 11111' },
  { name: 'DMB', bits: '11010101000000110011 CRm:4 101 11111' },
  { name: 'ISB', bits: '11010101000000110011 CRm:4 110 11111' },
  { name: 'MRS NZCV', bits: '1101010100 1 1 1 011 0100 0010 000 Rt', weight: 2 },
  { name: 'MSR NZCV', bits: '1101010100 0 1 1 011 0100 0010 000 Rt', weight: 2 },
  { name: 'MRS DAIF', bits: '1101010100 1 1 1 011 0100 0010 001 Rt' },
  { name: 'MSR DAIF', bits: '1101010100 0 1 1 011 0100 0010 001 Rt' },
  { name: 'MRS CurrentEL', bits: '1101010100 1 1 1 000 0100 0010 010 Rt' },
  { name: 'MRS SPSel', bits: '1101010100 1 1 1 000 0100 0010 000 Rt' },
  { name: 'MSR SPSel', bits: '1101010100 0 1 1 000 0100 0010 000 Rt' },
  // Their trap from EL0 is in the system-level test: QEMU 7.2 swaps op1 and op2 in its syndrome.
  { name: 'MSR DAIFSet', bits: '1101010100000 011 0100 CRm:4 110 11111', onlyEl1: true },
  { name: 'MSR DAIFClr', bits: '1101010100000 011 0100 CRm:4 111 11111', onlyEl1: true },
  { name: 'MSR SPSel (immediate)', bits: '1101010100000 000 0100 000 CRm 101 11111' },
  {
    name: 'MSR and MRS TPIDR_EL0',
    bits: `1101010100 1 1 ${TPIDR_EL0}`,
    before: () => [encode({ bits: `1101010100 0 1 ${TPIDR_EL0}` }, { Rt: 17 })],
  },
  cacheOperation('DC ZVA', '011', '0100', '001'),
  cacheOperation('DC CVAC', '011', '1010', '001'),
  cacheOperation('DC CVAU', '011', '1011', '001'),
  cacheOperation('DC CIVAC', '011', '1110', '001'),
  cacheOperation('IC IVAU', '011', '0101', '001'),
  { name: 'SVC', bits: '11010100000 imm16:16 00001' },
  { name: 'BRK', bits: '11010100001 imm16:16 00000' },
  { name: 'HLT', bits: '11010100010 imm16:16 00000' },
];
