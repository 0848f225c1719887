import { type Encoding, type Fields, signed } from '../encoding.js';

const two = (value: number): string => value.toString(2).padStart(2, '0');
const nothing = (): number => 0;
const imm9 = (f: Fields): number => signed(f.imm9 as number, 9);
const bytes = (log2: number) => (): number => 1 << log2;

function extendIndex(option: number, value: bigint): bigint {
  if (option === 2) return BigInt.asUintN(32, value);
  return option === 6 ? BigInt.asIntN(32, value) : value;
}

/** LDR and STR of B, H, S, D and Q: size and opc<1>. */
const single: Encoding[] = [0, 1, 2, 3, 4].flatMap((log2) =>
  ['STR', 'LDR'].flatMap((mnemonic, L): Encoding[] => {
    const head = `${two(log2 & 3)} 111 1`;
    const opc = `${log2 >> 2}${L}`;
    const name = `${mnemonic} (SIMD, ${8 << log2}-bit)`;
    return [
      {
        name: `${name} unsigned offset`,
        bits: `${head} 01 ${opc} imm12:12 Rn Rt`,
        memory: { size: bytes(log2), offset: (f) => (f.imm12 as number) << log2 },
      },
      {
        name: `${name} unscaled`,
        bits: `${head} 00 ${opc} 0 imm9:9 00 Rn Rt`,
        memory: { size: bytes(log2), offset: imm9 },
      },
      {
        name: `${name} register offset`,
        bits: `${head} 00 ${opc} 1 Rm option:3 S 10 Rn Rt`,
        legal: (f) => ((f.option as number) & 2) !== 0,
        memory: {
          size: bytes(log2),
          offset: nothing,
          index: (f, value) => extendIndex(f.option as number, value) << BigInt(f.S === 1 ? log2 : 0),
        },
      },
      {
        name: `${name} post-indexed`,
        bits: `${head} 00 ${opc} 0 imm9:9 01 Rn Rt`,
        memory: { size: bytes(log2), offset: nothing },
      },
      {
        name: `${name} pre-indexed`,
        bits: `${head} 00 ${opc} 0 imm9:9 11 Rn Rt`,
        memory: { size: bytes(log2), offset: imm9 },
      },
    ];
  }),
);

const pairForms = [
  { name: 'no-allocate', mode: '00', offset: true },
  { name: 'post-indexed', mode: '01', offset: false },
  { name: 'signed offset', mode: '10', offset: true },
  { name: 'pre-indexed', mode: '11', offset: true },
];
const pairs: Encoding[] = [2, 3, 4].flatMap((log2) =>
  ['STP', 'LDP'].flatMap((mnemonic, L) =>
    pairForms.map(
      (form): Encoding => ({
        name: `${mnemonic} (${8 << log2}-bit) ${form.name}`.replace('(', log2 === 4 ? '(' : '(SIMD, '),
        bits: `${two(log2 - 2)} 101 1 0${form.mode} ${L} imm7:7 Rt2 Rn Rt`,
        legal: (f) => L === 0 || f.Rt !== f.Rt2,
        memory: {
          size: () => 2 << log2,
          offset: form.offset ? (f) => signed(f.imm7 as number, 7) * (1 << log2) : nothing,
        },
      }),
    ),
  ),
);

const literals: Encoding[] = [2, 3, 4].map((log2) => ({
  name: `LDR (literal, SIMD, ${8 << log2}-bit)`,
  bits: `${two(log2 - 2)} 011 1 00 imm19:19 Rt`,
  literal: { field: 'imm19', width: 19 },
}));

/** Registers by the opcode of a multiple-structure transfer. */
const multiples = [
  { name: '4 (multiple)', opcode: '0000', registers: 4 },
  { name: '1 (four registers)', opcode: '0010', registers: 4 },
  { name: '3 (multiple)', opcode: '0100', registers: 3 },
  { name: '1 (three registers)', opcode: '0110', registers: 3 },
  { name: '1 (one register)', opcode: '0111', registers: 1 },
  { name: '2 (multiple)', opcode: '1000', registers: 2 },
  { name: '1 (two registers)', opcode: '1010', registers: 2 },
];
/** The index register of a post-indexed form is added afterwards: any but the base. */
const multiple: Encoding[] = multiples.flatMap(({ name, opcode, registers }) =>
  ['ST', 'LD'].flatMap((mnemonic, L): Encoding[] => {
    const memory = { size: (f: Fields) => registers * (f.Q === 1 ? 16 : 8), offset: nothing };
    const legal = (f: Fields): boolean => name.startsWith('1') || f.size !== 3 || f.Q === 1;
    return [
      { name: `${mnemonic}${name}`, bits: `0 Q 0011000 ${L} 000000 ${opcode} size:2 Rn Rt`, legal, memory },
      { name: `${mnemonic}${name} post-indexed`, bits: `0 Q 0011001 ${L} 0 Rm ${opcode} size:2 Rn Rt`, legal, memory },
    ];
  }),
);

/** Single structures: the element by opcode<2:1> and size, 3 for all lanes. */
const lanes = [
  { name: '8-bit', scale: '00', tail: 'S size:2', log2: 0 },
  { name: '16-bit', scale: '01', tail: 'S size1 0', log2: 1 },
  { name: '32-bit', scale: '10', tail: 'S 00', log2: 2 },
  { name: '64-bit', scale: '10', tail: '0 01', log2: 3 },
];
const singleStructures: Encoding[] = [1, 2, 3, 4].flatMap((registers) => {
  const R = (registers - 1) & 1;
  const low = (registers - 1) >> 1;
  const forms = ['ST', 'LD'].flatMap((mnemonic, L) =>
    lanes.flatMap(({ name, scale, tail, log2 }): Encoding[] => {
      const memory = { size: () => registers << log2, offset: nothing };
      return [
        {
          name: `${mnemonic}${registers} (single, ${name})`,
          bits: `0 Q 0011010 ${L} ${R} 00000 ${scale}${low} ${tail} Rn Rt`,
          memory,
        },
        {
          name: `${mnemonic}${registers} (single, ${name}) post-indexed`,
          bits: `0 Q 0011011 ${L} ${R} Rm ${scale}${low} ${tail} Rn Rt`,
          memory,
        },
      ];
    }),
  );
  const memory = { size: (f: Fields) => registers << (f.size as number), offset: nothing };
  return [
    ...forms,
    { name: `LD${registers}R`, bits: `0 Q 0011010 1 ${R} 00000 11${low} 0 size:2 Rn Rt`, memory },
    { name: `LD${registers}R post-indexed`, bits: `0 Q 0011011 1 ${R} Rm 11${low} 0 size:2 Rn Rt`, memory },
  ];
});

/** C4.1.88 Loads and stores with V set. */
export const simdMemory: readonly Encoding[] = [...single, ...pairs, ...literals, ...multiple, ...singleStructures];
