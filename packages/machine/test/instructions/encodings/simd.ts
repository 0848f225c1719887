import { type Encoding, encode, type Fields, layout } from '../encoding.js';
import { floatingPoint } from './floating-point.js';
import { simdInteger } from './simd-integer.js';
import { simdMemory } from './simd-memory.js';

/** Every FP and Advanced SIMD encoding of Armv8.0-A, without the cryptographic extension. */
const allocated: readonly Encoding[] = [...simdMemory, ...simdInteger, ...floatingPoint];

const matchers = allocated.map((encoding) => {
  const { fixed, fields } = layout(encoding.bits);
  const variable = fields.reduce((bits, { shift, width }) => bits | ((2 ** width - 1) << shift), 0);
  return { fixed, mask: ~variable >>> 0, fields, legal: encoding.legal, name: encoding.name };
});

/** CONSTRAINED UNPREDICTABLE, not unallocated: both registers of a pair load are the same. */
const UNPREDICTABLE = /^LDP/;

function isAllocated(word: number): boolean {
  return matchers.some(({ fixed, mask, fields, legal, name }) => {
    if ((word & mask) >>> 0 !== fixed) return false;
    if (!legal || UNPREDICTABLE.test(name)) return true;
    return legal(
      Object.fromEntries(fields.map(({ name, shift, width }) => [name, (word >>> shift) & (2 ** width - 1)])),
    );
  });
}

/** The cryptographic extension (AES, SHA-1, SHA-256, PMULL of doublewords), as value and mask: QEMU's cortex-a57 has it. */
export const cryptographic: readonly (readonly [value: number, mask: number])[] = [
  [0x4e280800, 0xffff0c00],
  [0x5e000000, 0xff208c00],
  [0x5e280800, 0xff3e0c00],
  [0x0ee0e000, 0xbfe0fc00],
];
const isCryptographic = (word: number): boolean => cryptographic.some(([value, mask]) => (word & mask) >>> 0 === value);

/** The classes of C4.1.88 and C4.1.90; whatever in them is not allocated. The last two rows are all there is. */
const classes: readonly (readonly [name: string, bits: string])[] = [
  ['multiple structures', '0 Q 0011000 L 000000 opcode:4 size:2 Rn Rt'],
  ['multiple structures with bits 21:16', '0 Q 0011000 L b:6 opcode:4 size:2 Rn Rt'],
  ['multiple structures, post-indexed', '0 Q 0011001 L b Rm opcode:4 size:2 Rn Rt'],
  ['single structure', '0 Q 0011010 L R b:5 opcode:3 S size:2 Rn Rt'],
  ['single structure, post-indexed', '0 Q 0011011 L R Rm opcode:3 S size:2 Rn Rt'],
  ['structures with bit 31', '1 Q 00110 b:25'],
  ['literal', 'opc:2 011 1 00 imm19:19 Rt'],
  ['literal with bit 24', 'opc:2 011 1 01 imm19:19 Rt'],
  ['pair', 'opc:2 101 1 0 mode:2 L imm7:7 Rt2 Rn Rt'],
  ['pair with bit 25 and the like', 'opc:2 101 1 1 mode:2 L imm7:7 Rt2 Rn Rt'],
  ['single register', 'size:2 111 1 00 opc:2 b imm9:9 mode:2 Rn Rt'],
  ['single register, unsigned offset', 'size:2 111 1 01 opc:2 imm12:12 Rn Rt'],
  ['three same', '0 Q U 01110 size:2 1 Rm opcode:5 1 Rn Rd'],
  ['three same, scalar', '01 U 11110 size:2 1 Rm opcode:5 1 Rn Rd'],
  ['three same, extra and half', '0 Q U 01110 size:2 0 Rm 1 opcode:4 1 Rn Rd'],
  ['three different', '0 Q U 01110 size:2 1 Rm opcode:4 00 Rn Rd'],
  ['three different, scalar', '01 U 11110 size:2 1 Rm opcode:4 00 Rn Rd'],
  ['two-register miscellaneous', '0 Q U 01110 size:2 10000 opcode:5 10 Rn Rd'],
  ['two-register miscellaneous, half', '0 Q U 01110 size:2 11100 opcode:5 10 Rn Rd'],
  ['two-register miscellaneous, scalar', '01 U 11110 size:2 10000 opcode:5 10 Rn Rd'],
  ['across lanes', '0 Q U 01110 size:2 11000 opcode:5 10 Rn Rd'],
  ['scalar pairwise', '01 U 11110 size:2 11000 opcode:5 10 Rn Rd'],
  ['copy', '0 Q op 01110000 imm5:5 0 imm4:4 1 Rn Rd'],
  ['copy, scalar', '01 op 11110000 imm5:5 0 imm4:4 1 Rn Rd'],
  ['permute', '0 Q 001110 size:2 0 Rm 0 opcode:3 10 Rn Rd'],
  ['table lookup', '0 Q 001110 op2:2 0 Rm 0 len:2 op 00 Rn Rd'],
  ['extract', '0 Q 101110 op2:2 0 Rm 0 imm4:4 0 Rn Rd'],
  ['modified immediate', '0 Q op 0111100000 abc:3 cmode:4 o2 1 defgh:5 Rd'],
  ['shift by immediate', '0 Q U 011110 immh:4 immb:3 opcode:5 1 Rn Rd'],
  ['shift by immediate, scalar', '01 U 111110 immh:4 immb:3 opcode:5 1 Rn Rd'],
  ['indexed element', '0 Q U 01111 size:2 L M Rm:4 opcode:4 H 0 Rn Rd'],
  ['indexed element, scalar', '01 U 11111 size:2 L M Rm:4 opcode:4 H 0 Rn Rd'],
  ['one source', 'M 0 S 11110 type:2 1 opcode:6 10000 Rn Rd'],
  ['compare', 'M 0 S 11110 type:2 1 Rm op:2 1000 Rn opcode2:5'],
  ['immediate', 'M 0 S 11110 type:2 1 imm8:8 100 imm5:5 Rd'],
  ['conditional compare', 'M 0 S 11110 type:2 1 Rm cond:4 01 Rn op nzcv:4'],
  ['two sources', 'M 0 S 11110 type:2 1 Rm opcode:4 10 Rn Rd'],
  ['conditional select', 'M 0 S 11110 type:2 1 Rm cond:4 11 Rn Rd'],
  ['three sources', 'M 0 S 11111 type:2 o1 Rm o0 Ra Rn Rd'],
  ['integer', 'sf 0 S 11110 type:2 1 rmode:2 opcode:3 000000 Rn Rd'],
  ['fixed-point', 'sf 0 S 11110 type:2 0 rmode:2 opcode:3 scale:6 Rn Rd'],
  ['loads and stores', 'a:3 b 110 c:25'],
  ['data processing', 'a:3 b 111 c:25'],
];

/** The word that the fields make. */
const wordOf = (bits: string, f: Fields): number => encode({ bits }, f);

const unallocated: readonly Encoding[] = classes.map(([name, bits]) => ({
  name: `reserved: SIMD, ${name}`,
  bits,
  legal: (f) => !isAllocated(wordOf(bits, f)) && !isCryptographic(wordOf(bits, f)),
  reserved: true as const,
  weight: 2,
}));

export const simd: readonly Encoding[] = [...allocated, ...unallocated];
