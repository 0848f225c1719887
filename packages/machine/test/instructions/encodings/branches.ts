import type { Encoding } from '../encoding.js';

/** C4.1.87 Branches. Each is taken or not as the random registers and flags have it. */
export const branches: readonly Encoding[] = [
  { name: 'B', bits: '000101 imm26:26', branch: { field: 'imm26', width: 26 } },
  { name: 'BL', bits: '100101 imm26:26', branch: { field: 'imm26', width: 26 } },
  { name: 'B.cond', bits: '01010100 imm19:19 0 cond:4', branch: { field: 'imm19', width: 19 }, weight: 3 },
  { name: 'CBZ', bits: 'sf 0110100 imm19:19 Rt', branch: { field: 'imm19', width: 19 } },
  { name: 'CBNZ', bits: 'sf 0110101 imm19:19 Rt', branch: { field: 'imm19', width: 19 } },
  { name: 'TBZ', bits: 'b5 0110110 b40:5 imm14:14 Rt', branch: { field: 'imm14', width: 14 } },
  { name: 'TBNZ', bits: 'b5 0110111 b40:5 imm14:14 Rt', branch: { field: 'imm14', width: 14 } },
  // XZR as the target would be a fetch from address 0, which the virt board has something at.
  { name: 'BR', bits: '1101011000011111000000 Rn 00000', branch: { register: 'Rn' }, legal: (f) => f.Rn !== 31 },
  { name: 'BLR', bits: '1101011000111111000000 Rn 00000', branch: { register: 'Rn' }, legal: (f) => f.Rn !== 31 },
  { name: 'RET', bits: '1101011001011111000000 Rn 00000', branch: { register: 'Rn' }, legal: (f) => f.Rn !== 31 },
];
