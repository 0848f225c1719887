import type { Encoding, Fields } from '../encoding.js';

const bin = (value: number, width: number): string => value.toString(2).padStart(width, '0');

/** Doubles as a vector need Q. */
const fullDoubles = (f: Fields): boolean => f.sz === 0 || f.Q === 1;

/** name, U, size<1>, opcode, as a scalar too. */
const threeSame: Encoding[] = (
  [
    ['FMAXNM', 0, 0, 0x18],
    ['FMLA', 0, 0, 0x19],
    ['FADD', 0, 0, 0x1a],
    ['FMULX', 0, 0, 0x1b, 'scalar'],
    ['FCMEQ (register)', 0, 0, 0x1c, 'scalar'],
    ['FMAX', 0, 0, 0x1e],
    ['FRECPS', 0, 0, 0x1f, 'scalar'],
    ['FMINNM', 0, 1, 0x18],
    ['FMLS', 0, 1, 0x19],
    ['FSUB', 0, 1, 0x1a],
    ['FMIN', 0, 1, 0x1e],
    ['FRSQRTS', 0, 1, 0x1f, 'scalar'],
    ['FMAXNMP', 1, 0, 0x18],
    ['FADDP', 1, 0, 0x1a],
    ['FMUL', 1, 0, 0x1b],
    ['FCMGE (register)', 1, 0, 0x1c, 'scalar'],
    ['FACGE', 1, 0, 0x1d, 'scalar'],
    ['FMAXP', 1, 0, 0x1e],
    ['FDIV', 1, 0, 0x1f],
    ['FMINNMP', 1, 1, 0x18],
    ['FABD', 1, 1, 0x1a, 'scalar'],
    ['FCMGT (register)', 1, 1, 0x1c, 'scalar'],
    ['FACGT', 1, 1, 0x1d, 'scalar'],
    ['FMINP', 1, 1, 0x1e],
  ] as const
).flatMap(([name, u, a, opcode, scalar]): Encoding[] => [
  {
    name: `${name} (vector)`,
    bits: `0 Q ${u} 01110 ${a} sz 1 Rm ${bin(opcode, 5)} 1 Rn Rd`,
    legal: fullDoubles,
    weight: 2,
  },
  ...(scalar
    ? [{ name: `${name} (scalar)`, bits: `01 ${u} 11110 ${a} sz 1 Rm ${bin(opcode, 5)} 1 Rn Rd`, weight: 2 }]
    : []),
]);

const singles = (f: Fields): boolean => f.sz === 0;
const both = (f: Fields): boolean => fullDoubles(f);
const any = (): boolean => true;
/** name, U, size<1>, opcode, which vectors there are, whether there is a scalar form. */
const twoMisc: Encoding[] = (
  [
    ['FCVTN', 0, 0, 0x16, any],
    ['FCVTL', 0, 0, 0x17, any],
    ['FRINTN', 0, 0, 0x18, both],
    ['FRINTM', 0, 0, 0x19, both],
    ['FCVTNS', 0, 0, 0x1a, both, 'scalar'],
    ['FCVTMS', 0, 0, 0x1b, both, 'scalar'],
    ['FCVTAS', 0, 0, 0x1c, both, 'scalar'],
    ['SCVTF', 0, 0, 0x1d, both, 'scalar'],
    ['FCMGT (zero)', 0, 1, 0x0c, both, 'scalar'],
    ['FCMEQ (zero)', 0, 1, 0x0d, both, 'scalar'],
    ['FCMLT (zero)', 0, 1, 0x0e, both, 'scalar'],
    ['FABS', 0, 1, 0x0f, both],
    ['FRINTP', 0, 1, 0x18, both],
    ['FRINTZ', 0, 1, 0x19, both],
    ['FCVTPS', 0, 1, 0x1a, both, 'scalar'],
    ['FCVTZS', 0, 1, 0x1b, both, 'scalar'],
    ['URECPE', 0, 1, 0x1c, singles],
    ['FRECPE', 0, 1, 0x1d, both, 'scalar'],
    ['FCVTXN', 1, 0, 0x16, (f: Fields) => f.sz === 1, 'scalar'],
    ['FRINTA', 1, 0, 0x18, both],
    ['FRINTX', 1, 0, 0x19, both],
    ['FCVTNU', 1, 0, 0x1a, both, 'scalar'],
    ['FCVTMU', 1, 0, 0x1b, both, 'scalar'],
    ['FCVTAU', 1, 0, 0x1c, both, 'scalar'],
    ['UCVTF', 1, 0, 0x1d, both, 'scalar'],
    ['FCMGE (zero)', 1, 1, 0x0c, both, 'scalar'],
    ['FCMLE (zero)', 1, 1, 0x0d, both, 'scalar'],
    ['FNEG', 1, 1, 0x0f, both],
    ['FRINTI', 1, 1, 0x19, both],
    ['FCVTPU', 1, 1, 0x1a, both, 'scalar'],
    ['FCVTZU', 1, 1, 0x1b, both, 'scalar'],
    ['URSQRTE', 1, 1, 0x1c, singles],
    ['FRSQRTE', 1, 1, 0x1d, both, 'scalar'],
    ['FSQRT', 1, 1, 0x1f, both],
  ] as const
).flatMap(([name, u, a, opcode, legal, scalar]): Encoding[] => [
  { name: `${name} (vector)`, bits: `0 Q ${u} 01110 ${a} sz 10000 ${bin(opcode, 5)} 10 Rn Rd`, legal, weight: 2 },
  ...(scalar
    ? [
        {
          name: `${name} (scalar)`,
          bits: `01 ${u} 11110 ${a} sz 10000 ${bin(opcode, 5)} 10 Rn Rd`,
          ...(name === 'FCVTXN' ? { legal } : {}),
          weight: 2,
        },
      ]
    : []),
]);

const reductions: Encoding[] = [
  ...['FMAXNMV', 'FMINNMV'].map((name, a) => ({ name, bits: `0 1 1 01110 ${a} 0 11000 01100 10 Rn Rd` })),
  ...['FMAXV', 'FMINV'].map((name, a) => ({ name, bits: `0 1 1 01110 ${a} 0 11000 01111 10 Rn Rd` })),
  ...['FMAXNMP', 'FMINNMP'].map((name, a) => ({
    name: `${name} (scalar)`,
    bits: `01 1 11110 ${a} sz 11000 01100 10 Rn Rd`,
  })),
  { name: 'FADDP (scalar)', bits: '01 1 11110 0 sz 11000 01101 10 Rn Rd' },
  ...['FMAXP', 'FMINP'].map((name, a) => ({
    name: `${name} (scalar)`,
    bits: `01 1 11110 ${a} sz 11000 01111 10 Rn Rd`,
  })),
];

/** By element: L is a bit of the index for singles and zero for doubles. */
const indexed: Encoding[] = (
  [
    ['FMLA', 0, 0x1],
    ['FMLS', 0, 0x5],
    ['FMUL', 0, 0x9],
    ['FMULX', 1, 0x9],
  ] as const
).flatMap(([name, u, opcode]): Encoding[] => [
  {
    name: `${name} (by element)`,
    bits: `0 Q ${u} 01111 1 sz L Rm ${bin(opcode, 4)} H 0 Rn Rd`,
    legal: (f) => fullDoubles(f) && (f.sz === 0 || f.L === 0),
    weight: 2,
  },
  {
    name: `${name} (by element, scalar)`,
    bits: `01 ${u} 11111 1 sz L Rm ${bin(opcode, 4)} H 0 Rn Rd`,
    legal: (f) => f.sz === 0 || f.L === 0,
  },
]);

const oneSource: Encoding[] = [
  ...[
    ['FMOV', 0],
    ['FABS', 1],
    ['FNEG', 2],
    ['FSQRT', 3],
    ['FRINTN', 8],
    ['FRINTP', 9],
    ['FRINTM', 10],
    ['FRINTZ', 11],
    ['FRINTA', 12],
    ['FRINTX', 14],
    ['FRINTI', 15],
  ].map(([name, opcode]) => ({
    name: `${name} (scalar, one source)`,
    bits: `000 11110 0 type 1 ${bin(opcode as number, 6)} 10000 Rn Rd`,
    weight: name === 'FSQRT' ? 4 : 2,
  })),
  ...[
    ['single to double', '00', '01'],
    ['single to half', '00', '11'],
    ['double to single', '01', '00'],
    ['double to half', '01', '11'],
    ['half to single', '11', '00'],
    ['half to double', '11', '01'],
  ].map(([name, from, to]) => ({ name: `FCVT ${name}`, bits: `000 11110 ${from} 1 0001${to} 10000 Rn Rd`, weight: 3 })),
];

const twoSource: Encoding[] = ['FMUL', 'FDIV', 'FADD', 'FSUB', 'FMAX', 'FMIN', 'FMAXNM', 'FMINNM', 'FNMUL'].map(
  (name, i) => ({
    name: `${name} (scalar, two sources)`,
    bits: `000 11110 0 type 1 Rm ${bin(i, 4)} 10 Rn Rd`,
    weight: i < 4 ? 6 : 3,
  }),
);

const threeSource: Encoding[] = ['FMADD', 'FMSUB', 'FNMADD', 'FNMSUB'].map((name, i) => ({
  name,
  bits: `000 11111 0 type ${i >> 1} Rm ${i & 1} Ra Rn Rd`,
  weight: 6,
}));

const compares: Encoding[] = [
  { name: 'FCMP', bits: '000 11110 0 type 1 Rm 00 1000 Rn 00000', weight: 3 },
  { name: 'FCMP (zero)', bits: '000 11110 0 type 1 Rm 00 1000 Rn 01000' },
  { name: 'FCMPE', bits: '000 11110 0 type 1 Rm 00 1000 Rn 10000', weight: 3 },
  { name: 'FCMPE (zero)', bits: '000 11110 0 type 1 Rm 00 1000 Rn 11000' },
  { name: 'FCCMP', bits: '000 11110 0 type 1 Rm cond:4 01 Rn 0 nzcv:4', weight: 2 },
  { name: 'FCCMPE', bits: '000 11110 0 type 1 Rm cond:4 01 Rn 1 nzcv:4', weight: 2 },
  { name: 'FCSEL', bits: '000 11110 0 type 1 Rm cond:4 11 Rn Rd', weight: 2 },
  { name: 'FMOV (scalar, immediate)', bits: '000 11110 0 type 1 imm8:8 100 00000 Rd', weight: 2 },
];

const withGeneral: Encoding[] = [
  ...['N', 'P', 'M', 'Z'].flatMap((letter, rmode) =>
    ['S', 'U'].map((sign, u) => ({
      name: `FCVT${letter}${sign} (general)`,
      bits: `sf 00 11110 0 type 1 ${bin(rmode, 2)} 00${u} 000000 Rn Rd`,
      weight: 2,
    })),
  ),
  ...['S', 'U'].map((sign, u) => ({
    name: `FCVTA${sign} (general)`,
    bits: `sf 00 11110 0 type 1 00 10${u} 000000 Rn Rd`,
    weight: 2,
  })),
  ...['S', 'U'].map((sign, u) => ({
    name: `${sign}CVTF (general)`,
    bits: `sf 00 11110 0 type 1 00 01${u} 000000 Rn Rd`,
    weight: 3,
  })),
  { name: 'FMOV W to S, S to W', bits: '0 00 11110 00 1 00 11 o 000000 Rn Rd' },
  { name: 'FMOV X to D, D to X', bits: '1 00 11110 01 1 00 11 o 000000 Rn Rd' },
  { name: 'FMOV X to and from the upper half', bits: '1 00 11110 10 1 01 11 o 000000 Rn Rd' },
  ...['S', 'U'].flatMap((sign, u): Encoding[] => {
    const legal = (f: Fields): boolean => f.sf === 1 || (f.scale as number) >= 32;
    return [
      {
        name: `${sign}CVTF (general, fixed-point)`,
        bits: `sf 00 11110 0 type 0 00 01${u} scale:6 Rn Rd`,
        legal,
        weight: 3,
      },
      {
        name: `FCVTZ${sign} (general, fixed-point)`,
        bits: `sf 00 11110 0 type 0 11 00${u} scale:6 Rn Rd`,
        legal,
        weight: 3,
      },
    ];
  }),
];

/** FPCR and FPSR: what is written is read back in the results. */
const status: Encoding[] = ['FPCR', 'FPSR'].map((name, i) => ({
  name: `MRS ${name}`,
  bits: `1101010100 1 1 1 011 0100 0100 00${i} Rt`,
}));

/** Floating point, scalar and vector (C4.1.90). */
export const floatingPoint: readonly Encoding[] = [
  ...threeSame,
  ...twoMisc,
  ...reductions,
  ...indexed,
  ...oneSource,
  ...twoSource,
  ...threeSource,
  ...compares,
  ...withGeneral,
  ...status,
];
