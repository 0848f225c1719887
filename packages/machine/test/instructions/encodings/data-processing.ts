import type { Encoding, Fields } from '../encoding.js';

/** Shift amounts and bit numbers of a 32-bit form stay below 32. */
const inWidth =
  (...fields: string[]) =>
  (f: Fields): boolean =>
    f.sf === 1 || fields.every((name) => (f[name] as number) < 32);

/** DecodeBitMasks (DDI 0487, J1.1.3): the element must not be all ones, and a 32-bit form has no 64-bit element. */
export function bitmask(f: Fields): boolean {
  const { sf, N, imms } = f as { sf: number; N: number; imms: number };
  if (sf === 0 && N === 1) return false;
  const length = 31 - Math.clz32((N << 6) | (~imms & 0x3f));
  if (length < 1) return false;
  const levels = (1 << length) - 1;
  return (imms & levels) !== levels;
}

const bitfield = (f: Fields): boolean => f.N === f.sf && inWidth('immr', 'imms')(f);

const each = (names: readonly string[], row: (name: string, index: number) => Encoding): Encoding[] => names.map(row);
const binary = (value: number, width: number): string => value.toString(2).padStart(width, '0');

/** C4.1.86 Data processing, immediate. */
export const dataProcessingImmediate: readonly Encoding[] = [
  { name: 'ADR', bits: '0 immlo:2 10000 immhi:19 Rd' },
  { name: 'ADRP', bits: '1 immlo:2 10000 immhi:19 Rd' },
  ...each(['ADD', 'ADDS', 'SUB', 'SUBS'], (name, i) => ({
    name: `${name} (immediate)`,
    bits: `sf ${binary(i, 2)} 100010 sh imm12:12 Rn Rd`,
  })),
  ...each(['AND', 'ORR', 'EOR', 'ANDS'], (name, i) => ({
    name: `${name} (immediate)`,
    bits: `sf ${binary(i, 2)} 100100 N immr:6 imms:6 Rn Rd`,
    legal: bitmask,
  })),
  ...each(['MOVN', 'MOVZ', 'MOVK'], (name, i) => ({
    name,
    bits: `sf ${['00', '10', '11'][i]} 100101 hw:2 imm16:16 Rd`,
    legal: (f) => f.sf === 1 || (f.hw as number) < 2,
  })),
  ...each(['SBFM', 'BFM', 'UBFM'], (name, i) => ({
    name,
    bits: `sf ${binary(i, 2)} 100110 N immr:6 imms:6 Rn Rd`,
    legal: bitfield,
    weight: 2,
  })),
  { name: 'EXTR', bits: 'sf 00 100111 N 0 Rm imms:6 Rn Rd', legal: (f) => f.N === f.sf && inWidth('imms')(f) },
];

const logical = ['AND', 'BIC', 'ORR', 'ORN', 'EOR', 'EON', 'ANDS', 'BICS'];
const arithmetic = ['ADD', 'ADDS', 'SUB', 'SUBS'];

/** C4.1.89 Data processing, register. */
export const dataProcessingRegister: readonly Encoding[] = [
  ...each(logical, (name, i) => ({
    name: `${name} (shifted register)`,
    bits: `sf ${binary(i >> 1, 2)} 01010 shift:2 ${i & 1} Rm imm6:6 Rn Rd`,
    legal: inWidth('imm6'),
  })),
  ...each(arithmetic, (name, i) => ({
    name: `${name} (shifted register)`,
    bits: `sf ${binary(i, 2)} 01011 shift:2 0 Rm imm6:6 Rn Rd`,
    legal: (f) => f.shift !== 3 && inWidth('imm6')(f),
  })),
  ...each(arithmetic, (name, i) => ({
    name: `${name} (extended register)`,
    bits: `sf ${binary(i, 2)} 01011 001 Rm option:3 imm3:3 Rn Rd`,
    legal: (f) => (f.imm3 as number) <= 4,
    weight: 2,
  })),
  ...each(['ADC', 'ADCS', 'SBC', 'SBCS'], (name, i) => ({
    name,
    bits: `sf ${binary(i, 2)} 11010000 Rm 000000 Rn Rd`,
  })),
  ...each(['CCMN', 'CCMP'], (name, i) => ({
    name: `${name} (register)`,
    bits: `sf ${i} 1 11010010 Rm cond:4 00 Rn 0 nzcv:4`,
  })),
  ...each(['CCMN', 'CCMP'], (name, i) => ({
    name: `${name} (immediate)`,
    bits: `sf ${i} 1 11010010 imm5:5 cond:4 10 Rn 0 nzcv:4`,
  })),
  ...each(['CSEL', 'CSINC', 'CSINV', 'CSNEG'], (name, i) => ({
    name,
    bits: `sf ${i >> 1} 0 11010100 Rm cond:4 0 ${i & 1} Rn Rd`,
  })),
  ...each(['UDIV', 'SDIV'], (name, i) => ({ name, bits: `sf 0011010110 Rm 00001${i} Rn Rd`, weight: 2 })),
  ...each(['LSLV', 'LSRV', 'ASRV', 'RORV'], (name, i) => ({
    name,
    bits: `sf 0011010110 Rm 0010${binary(i, 2)} Rn Rd`,
  })),
  ...each(['CRC32B', 'CRC32H', 'CRC32W', 'CRC32X', 'CRC32CB', 'CRC32CH', 'CRC32CW', 'CRC32CX'], (name, i) => ({
    name,
    bits: `${(i & 3) === 3 ? 1 : 0} 0011010110 Rm 010${binary(i, 3)} Rn Rd`,
  })),
  ...each(['RBIT', 'REV16'], (name, i) => ({ name, bits: `sf 101101011000000 00000${i} Rn Rd` })),
  { name: 'REV (32-bit)', bits: '0 101101011000000 000010 Rn Rd' },
  { name: 'REV32', bits: '1 101101011000000 000010 Rn Rd' },
  { name: 'REV (64-bit)', bits: '1 101101011000000 000011 Rn Rd' },
  ...each(['CLZ', 'CLS'], (name, i) => ({ name, bits: `sf 101101011000000 00010${i} Rn Rd` })),
  ...each(['MADD', 'MSUB'], (name, i) => ({ name, bits: `sf 0011011000 Rm ${i} Ra Rn Rd` })),
  ...each(['SMADDL', 'SMSUBL'], (name, i) => ({ name, bits: `10011011001 Rm ${i} Ra Rn Rd` })),
  ...each(['UMADDL', 'UMSUBL'], (name, i) => ({ name, bits: `10011011101 Rm ${i} Ra Rn Rd` })),
  // Ra is (1)(1)(1)(1)(1) in the high multiplies and is ignored; the architecture asks software for ones.
  { name: 'SMULH', bits: '10011011010 Rm 0 11111 Rn Rd' },
  { name: 'UMULH', bits: '10011011110 Rm 0 11111 Rn Rd' },
];
