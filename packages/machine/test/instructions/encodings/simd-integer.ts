import type { Encoding, Fields } from '../encoding.js';

const bin = (value: number, width: number): string => value.toString(2).padStart(width, '0');

/** Sizes: one digit for each, 0 for bytes to 3 for doublewords. */
const among =
  (sizes: string) =>
  (f: Fields): boolean =>
    sizes.includes(String(f.size));
/** A vector of one doubleword is written as a scalar. */
const vector =
  (sizes: string) =>
  (f: Fields): boolean =>
    among(sizes)(f) && (f.size !== 3 || f.Q === 1);

/** A row: names for U 0 and 1 ('' where there is none), opcode, sizes as a vector, sizes as a scalar. */
type Row = readonly [zero: string, one: string, opcode: number, vectorSizes: string, scalarSizes?: string];

/** Both forms of a row, for each U that has a name. */
function both(
  rows: readonly Row[],
  vectorBits: (u: number, opcode: number) => string,
  scalarBits: (u: number, opcode: number) => string,
): Encoding[] {
  return rows.flatMap(([zero, one, opcode, vectorSizes, scalarSizes = '']) =>
    [zero, one].flatMap((name, u): Encoding[] => [
      ...(name && vectorSizes
        ? [{ name: `${name} (vector)`, bits: vectorBits(u, opcode), legal: vector(vectorSizes) }]
        : []),
      ...(name && scalarSizes
        ? [{ name: `${name} (scalar)`, bits: scalarBits(u, opcode), legal: among(scalarSizes) }]
        : []),
    ]),
  );
}

const threeSame = both(
  [
    ['SHADD', 'UHADD', 0x00, '012'],
    ['SQADD', 'UQADD', 0x01, '0123', '0123'],
    ['SRHADD', 'URHADD', 0x02, '012'],
    ['SHSUB', 'UHSUB', 0x04, '012'],
    ['SQSUB', 'UQSUB', 0x05, '0123', '0123'],
    ['CMGT (register)', 'CMHI', 0x06, '0123', '3'],
    ['CMGE (register)', 'CMHS', 0x07, '0123', '3'],
    ['SSHL', 'USHL', 0x08, '0123', '3'],
    ['SQSHL (register)', 'UQSHL (register)', 0x09, '0123', '0123'],
    ['SRSHL', 'URSHL', 0x0a, '0123', '3'],
    ['SQRSHL', 'UQRSHL', 0x0b, '0123', '0123'],
    ['SMAX', 'UMAX', 0x0c, '012'],
    ['SMIN', 'UMIN', 0x0d, '012'],
    ['SABD', 'UABD', 0x0e, '012'],
    ['SABA', 'UABA', 0x0f, '012'],
    ['ADD', 'SUB', 0x10, '0123', '3'],
    ['CMTST', 'CMEQ (register)', 0x11, '0123', '3'],
    ['MLA', 'MLS', 0x12, '012'],
    ['MUL', '', 0x13, '012'],
    ['', 'PMUL', 0x13, '0'],
    ['SMAXP', 'UMAXP', 0x14, '012'],
    ['SMINP', 'UMINP', 0x15, '012'],
    ['SQDMULH', 'SQRDMULH', 0x16, '12', '12'],
    ['ADDP', '', 0x17, '0123'],
  ],
  (u, opcode) => `0 Q ${u} 01110 size:2 1 Rm ${bin(opcode, 5)} 1 Rn Rd`,
  (u, opcode) => `01 ${u} 11110 size:2 1 Rm ${bin(opcode, 5)} 1 Rn Rd`,
);

const logical = ['AND', 'BIC', 'ORR', 'ORN', 'EOR', 'BSL', 'BIT', 'BIF'].map(
  (name, i): Encoding => ({ name: `${name} (vector)`, bits: `0 Q ${i >> 2} 01110 ${bin(i & 3, 2)} 1 Rm 000111 Rn Rd` }),
);

const threeDifferent = both(
  [
    ['SADDL', 'UADDL', 0x0, '012'],
    ['SADDW', 'UADDW', 0x1, '012'],
    ['SSUBL', 'USUBL', 0x2, '012'],
    ['SSUBW', 'USUBW', 0x3, '012'],
    ['ADDHN', 'RADDHN', 0x4, '012'],
    ['SABAL', 'UABAL', 0x5, '012'],
    ['SUBHN', 'RSUBHN', 0x6, '012'],
    ['SABDL', 'UABDL', 0x7, '012'],
    ['SMLAL', 'UMLAL', 0x8, '012'],
    ['SQDMLAL', '', 0x9, '12', '12'],
    ['SMLSL', 'UMLSL', 0xa, '012'],
    ['SQDMLSL', '', 0xb, '12', '12'],
    ['SMULL', 'UMULL', 0xc, '012'],
    ['SQDMULL', '', 0xd, '12', '12'],
    ['PMULL', '', 0xe, '0'],
  ],
  (u, opcode) => `0 Q ${u} 01110 size:2 1 Rm ${bin(opcode, 4)} 00 Rn Rd`,
  (u, opcode) => `01 ${u} 11110 size:2 1 Rm ${bin(opcode, 4)} 00 Rn Rd`,
);

const twoMisc = both(
  [
    ['REV64', '', 0x00, '012'],
    ['', 'REV32 (vector)', 0x00, '01'],
    ['REV16 (vector)', '', 0x01, '0'],
    ['SADDLP', 'UADDLP', 0x02, '012'],
    ['SUQADD', 'USQADD', 0x03, '0123', '0123'],
    ['CLS (vector)', 'CLZ (vector)', 0x04, '012'],
    ['CNT', 'NOT', 0x05, '0'],
    ['', 'RBIT (vector)', 0x05, '1'],
    ['SADALP', 'UADALP', 0x06, '012'],
    ['SQABS', 'SQNEG', 0x07, '0123', '0123'],
    ['CMGT (zero)', 'CMGE (zero)', 0x08, '0123', '3'],
    ['CMEQ (zero)', 'CMLE (zero)', 0x09, '0123', '3'],
    ['CMLT (zero)', '', 0x0a, '0123', '3'],
    ['ABS', 'NEG', 0x0b, '0123', '3'],
    ['XTN', '', 0x12, '012'],
    ['', 'SQXTUN', 0x12, '012', '012'],
    ['', 'SHLL', 0x13, '012'],
    ['SQXTN', 'UQXTN', 0x14, '012', '012'],
  ],
  (u, opcode) => `0 Q ${u} 01110 size:2 10000 ${bin(opcode, 5)} 10 Rn Rd`,
  (u, opcode) => `01 ${u} 11110 size:2 10000 ${bin(opcode, 5)} 10 Rn Rd`,
);

const acrossLanes: Encoding[] = [
  ['SADDLV', 'UADDLV', 0x03] as const,
  ['SMAXV', 'UMAXV', 0x0a] as const,
  ['SMINV', 'UMINV', 0x1a] as const,
  ['ADDV', '', 0x1b] as const,
].flatMap(([zero, one, opcode]) =>
  [zero, one].flatMap((name, u): Encoding[] =>
    name === ''
      ? []
      : [
          {
            name,
            bits: `0 Q ${u} 01110 size:2 11000 ${bin(opcode, 5)} 10 Rn Rd`,
            legal: (f) => (f.size as number) < 2 || (f.size === 2 && f.Q === 1),
          },
        ],
  ),
);

/** imm5 names an element size by its lowest bit; for these sizes, and doublewords only with Q. */
const copies =
  (sizes: string, q?: (size: number) => boolean) =>
  (f: Fields): boolean => {
    const size = 31 - Math.clz32((f.imm5 as number) & -(f.imm5 as number));
    return f.imm5 !== 0 && sizes.includes(String(size)) && (q ? q(size) === (f.Q === 1) : size !== 3 || f.Q === 1);
  };
const copy: Encoding[] = [
  { name: 'DUP (element)', bits: '0 Q 0 01110000 imm5:5 0 0000 1 Rn Rd', legal: copies('0123') },
  { name: 'DUP (general)', bits: '0 Q 0 01110000 imm5:5 0 0001 1 Rn Rd', legal: copies('0123') },
  { name: 'INS (general)', bits: '01 0 01110000 imm5:5 0 0011 1 Rn Rd', legal: copies('0123', () => false) },
  { name: 'SMOV (32-bit)', bits: '00 0 01110000 imm5:5 0 0101 1 Rn Rd', legal: copies('01') },
  { name: 'SMOV (64-bit)', bits: '01 0 01110000 imm5:5 0 0101 1 Rn Rd', legal: copies('012') },
  {
    name: 'UMOV',
    bits: '0 Q 0 01110000 imm5:5 0 0111 1 Rn Rd',
    legal: copies('0123', (size) => size === 3),
    weight: 2,
  },
  {
    name: 'INS (element)',
    bits: '01 1 01110000 imm5:5 0 imm4:4 1 Rn Rd',
    legal: copies('0123', () => false),
    weight: 2,
  },
  { name: 'DUP (scalar)', bits: '01 0 11110000 imm5:5 0 0000 1 Rn Rd', legal: copies('0123', () => false) },
];

const permute: Encoding[] = ['UZP1', 'TRN1', 'ZIP1', '', 'UZP2', 'TRN2', 'ZIP2'].flatMap((name, i): Encoding[] =>
  name === '' ? [] : [{ name, bits: `0 Q 001110 size:2 0 Rm 0 ${bin(i + 1, 3)} 10 Rn Rd`, legal: vector('0123') }],
);

const tables: Encoding[] = ['TBL', 'TBX'].map((name, i) => ({
  name,
  bits: `0 Q 001110 00 0 Rm 0 len:2 ${i} 00 Rn Rd`,
  weight: 3,
}));

const extract: Encoding = {
  name: 'EXT',
  bits: '0 Q 101110 00 0 Rm 0 imm4:4 0 Rn Rd',
  legal: (f) => f.Q === 1 || (f.imm4 as number) < 8,
  weight: 2,
};

const modifiedImmediate: Encoding = {
  name: 'MOVI, MVNI, ORR, BIC, FMOV (vector, immediate)',
  bits: '0 Q op 0111100000 abc:3 cmode:4 0 1 defgh:5 Rd',
  legal: (f) => f.cmode !== 15 || f.op === 0 || f.Q === 1,
  weight: 8,
};

/** Shifts by immediate: immh, not zero, says the size. */
const shiftSize = (f: Fields): number => 31 - Math.clz32(f.immh as number);
const shifts: Encoding[] = (
  [
    ['SSHR', 'USHR', 0x00, '0123', '3'],
    ['SSRA', 'USRA', 0x02, '0123', '3'],
    ['SRSHR', 'URSHR', 0x04, '0123', '3'],
    ['SRSRA', 'URSRA', 0x06, '0123', '3'],
    ['', 'SRI', 0x08, '0123', '3'],
    ['SHL', 'SLI', 0x0a, '0123', '3'],
    ['', 'SQSHLU', 0x0c, '0123', '0123'],
    ['SQSHL (immediate)', 'UQSHL (immediate)', 0x0e, '0123', '0123'],
    ['SHRN', '', 0x10, '012'],
    ['', 'SQSHRUN', 0x10, '012', '012'],
    ['RSHRN', '', 0x11, '012'],
    ['', 'SQRSHRUN', 0x11, '012', '012'],
    ['SQSHRN', 'UQSHRN', 0x12, '012', '012'],
    ['SQRSHRN', 'UQRSHRN', 0x13, '012', '012'],
    ['SSHLL', 'USHLL', 0x14, '012'],
    ['SCVTF (fixed-point)', 'UCVTF (fixed-point)', 0x1c, '23', '23'],
    ['FCVTZS (fixed-point)', 'FCVTZU (fixed-point)', 0x1f, '23', '23'],
  ] as const satisfies readonly Row[]
).flatMap(([zero, one, opcode, vectorSizes, scalarSizes = '']) =>
  [zero, one].flatMap((name, u): Encoding[] => {
    if (name === '') return [];
    const legal =
      (sizes: string, isVector: boolean) =>
      (f: Fields): boolean =>
        f.immh !== 0 && sizes.includes(String(shiftSize(f))) && (!isVector || shiftSize(f) !== 3 || f.Q === 1);
    return [
      {
        name: `${name} (vector)`,
        bits: `0 Q ${u} 011110 immh:4 immb:3 ${bin(opcode, 5)} 1 Rn Rd`,
        legal: legal(vectorSizes, true),
        weight: 2,
      },
      ...(scalarSizes === ''
        ? []
        : [
            {
              name: `${name} (scalar)`,
              bits: `01 ${u} 111110 immh:4 immb:3 ${bin(opcode, 5)} 1 Rn Rd`,
              legal: legal(scalarSizes, false),
            },
          ]),
    ];
  }),
);

/** Vector or scalar × element; Rm has four bits where M is part of the index. */
const indexed: Encoding[] = (
  [
    ['', 'MLA', 0x0, false],
    ['SMLAL', 'UMLAL', 0x2, false],
    ['SQDMLAL', '', 0x3, true],
    ['', 'MLS', 0x4, false],
    ['SMLSL', 'UMLSL', 0x6, false],
    ['SQDMLSL', '', 0x7, true],
    ['MUL', '', 0x8, false],
    ['SMULL', 'UMULL', 0xa, false],
    ['SQDMULL', '', 0xb, true],
    ['SQDMULH', '', 0xc, true],
    ['SQRDMULH', '', 0xd, true],
  ] as const
).flatMap(([zero, one, opcode, scalar]) =>
  [zero, one].flatMap((name, u): Encoding[] => {
    if (name === '') return [];
    const bits = `size:2 L M Rm:4 ${bin(opcode, 4)} H 0 Rn Rd`;
    return [
      { name: `${name} (by element)`, bits: `0 Q ${u} 01111 ${bits}`, legal: among('12') },
      ...(scalar ? [{ name: `${name} (by element, scalar)`, bits: `01 ${u} 11111 ${bits}`, legal: among('12') }] : []),
    ];
  }),
);

/** Advanced SIMD on integers, and what moves elements about (C4.1.90). */
export const simdInteger: readonly Encoding[] = [
  ...threeSame,
  ...logical,
  ...threeDifferent,
  ...twoMisc,
  ...acrossLanes,
  { name: 'ADDP (scalar)', bits: '01 0 11110 11 11000 11011 10 Rn Rd' },
  ...copy,
  ...permute,
  ...tables,
  extract,
  modifiedImmediate,
  ...shifts,
  ...indexed,
];
