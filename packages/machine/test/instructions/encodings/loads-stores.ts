import { type Encoding, encode, type Fields, signed } from '../encoding.js';

interface Transfer {
  readonly name: string;
  readonly size: number;
  readonly opc: number;
}

/** size and opc of the single-register transfers (C4.1.88): what is stored, loaded, and how it is extended. */
const transfers: readonly Transfer[] = [
  { name: 'STRB', size: 0, opc: 0 },
  { name: 'LDRB', size: 0, opc: 1 },
  { name: 'LDRSB (64-bit)', size: 0, opc: 2 },
  { name: 'LDRSB (32-bit)', size: 0, opc: 3 },
  { name: 'STRH', size: 1, opc: 0 },
  { name: 'LDRH', size: 1, opc: 1 },
  { name: 'LDRSH (64-bit)', size: 1, opc: 2 },
  { name: 'LDRSH (32-bit)', size: 1, opc: 3 },
  { name: 'STR (32-bit)', size: 2, opc: 0 },
  { name: 'LDR (32-bit)', size: 2, opc: 1 },
  { name: 'LDRSW', size: 2, opc: 2 },
  { name: 'STR (64-bit)', size: 3, opc: 0 },
  { name: 'LDR (64-bit)', size: 3, opc: 1 },
];
const prefetch: Transfer = { name: 'PRFM', size: 3, opc: 2 };

const two = (value: number): string => value.toString(2).padStart(2, '0');
const bytes = (size: number) => (): number => 1 << size;
const nothing = (): number => 0;
const imm9 = (f: Fields): number => signed(f.imm9 as number, 9);

/** With writeback, a base that is also transferred is CONSTRAINED UNPREDICTABLE; SP as the base is not. */
const baseNotTransferred = (f: Fields): boolean => f.Rn === 31 || (f.Rn !== f.Rt && f.Rn !== f.Rt2);
const different = (f: Fields): boolean => f.Rt !== f.Rt2;

function extendIndex(option: number, value: bigint): bigint {
  if (option === 2) return BigInt.asUintN(32, value);
  return option === 6 ? BigInt.asIntN(32, value) : value;
}

const single: Encoding[] = [...transfers, prefetch].flatMap((t): Encoding[] => {
  const { name, size, opc } = t;
  const head = `${two(size)} 1110`;
  const common: Encoding[] = [
    {
      name: `${name} unsigned offset`,
      bits: `${head} 01 ${two(opc)} imm12:12 Rn Rt`,
      memory: { size: bytes(size), offset: (f) => (f.imm12 as number) << size },
    },
    {
      name: `${name} unscaled`,
      bits: `${head} 00 ${two(opc)} 0 imm9:9 00 Rn Rt`,
      memory: { size: bytes(size), offset: imm9 },
    },
    {
      name: `${name} register offset`,
      bits: `${head} 00 ${two(opc)} 1 Rm option:3 S 10 Rn Rt`,
      legal: (f) => ((f.option as number) & 2) !== 0,
      memory: {
        size: bytes(size),
        offset: nothing,
        index: (f, value) => extendIndex(f.option as number, value) << BigInt(f.S === 1 ? size : 0),
      },
      weight: 2,
    },
  ];
  if (t === prefetch) return common;
  return [
    ...common,
    {
      name: `${name} post-indexed`,
      bits: `${head} 00 ${two(opc)} 0 imm9:9 01 Rn Rt`,
      legal: baseNotTransferred,
      memory: { size: bytes(size), offset: nothing },
    },
    {
      name: `${name} unprivileged`,
      bits: `${head} 00 ${two(opc)} 0 imm9:9 10 Rn Rt`,
      memory: { size: bytes(size), offset: imm9 },
    },
    {
      name: `${name} pre-indexed`,
      bits: `${head} 00 ${two(opc)} 0 imm9:9 11 Rn Rt`,
      legal: baseNotTransferred,
      memory: { size: bytes(size), offset: imm9 },
    },
  ];
});

const pairKinds = [
  { name: 'STP (32-bit)', opc: '00', L: 0, size: 2 },
  { name: 'LDP (32-bit)', opc: '00', L: 1, size: 2 },
  { name: 'LDPSW', opc: '01', L: 1, size: 2 },
  { name: 'STP (64-bit)', opc: '10', L: 0, size: 3 },
  { name: 'LDP (64-bit)', opc: '10', L: 1, size: 3 },
];
const pairForms = [
  { name: 'no-allocate', mode: '000', offset: true, writeback: false },
  { name: 'post-indexed', mode: '001', offset: false, writeback: true },
  { name: 'signed offset', mode: '010', offset: true, writeback: false },
  { name: 'pre-indexed', mode: '011', offset: true, writeback: true },
];

const pairs: Encoding[] = pairKinds.flatMap(({ name, opc, L, size }) =>
  pairForms
    .filter((form) => name !== 'LDPSW' || form.mode !== '000')
    .map(
      (form): Encoding => ({
        name: `${name} ${form.name}`,
        bits: `${opc} 101 0 ${form.mode} ${L} imm7:7 Rt2 Rn Rt`,
        legal: (f) => (L === 0 || different(f)) && (!form.writeback || baseNotTransferred(f)),
        memory: {
          size: () => 2 << size,
          offset: form.offset ? (f) => signed(f.imm7 as number, 7) * (1 << size) : nothing,
        },
      }),
    ),
);

const literals: readonly Encoding[] = [
  { name: 'LDR (literal, 32-bit)', bits: '00011000 imm19:19 Rt', literal: { field: 'imm19', width: 19 } },
  { name: 'LDR (literal, 64-bit)', bits: '01011000 imm19:19 Rt', literal: { field: 'imm19', width: 19 } },
  { name: 'LDRSW (literal)', bits: '10011000 imm19:19 Rt', literal: { field: 'imm19', width: 19 } },
  { name: 'PRFM (literal)', bits: '11011000 imm19:19 Rt', literal: { field: 'imm19', width: 19 } },
];

/** Load-acquire and store-release, and the exclusives. Rs and Rt2 that are not used read as ones. */
const ordered: Encoding[] = [0, 1, 2, 3].flatMap((size): Encoding[] => {
  const suffix = ['B', 'H', ' (32-bit)', ' (64-bit)'][size] as string;
  const memory = { size: bytes(size), offset: nothing };
  const aligned = { ...memory, aligned: bytes(size) };
  const checked = { ...aligned, misalignedToo: true };
  const load = { bits: `${two(size)} 001000 010 11111 o0 11111 Rn Rt` };
  const separate = (f: Fields): boolean => f.Rs !== f.Rt && (f.Rs !== f.Rn || f.Rn === 31);
  return [
    { name: `LDAR${suffix}`, bits: `${two(size)} 001000 110 11111 1 11111 Rn Rt`, memory: checked },
    { name: `STLR${suffix}`, bits: `${two(size)} 001000 100 11111 1 11111 Rn Rt`, memory: checked },
    { name: `LDXR${suffix} and LDAXR${suffix}`, ...load, memory: checked },
    {
      name: `STXR${suffix} and STLXR${suffix} with nothing reserved`,
      bits: `${two(size)} 001000 000 Rs o0 11111 Rn Rt`,
      legal: separate,
      memory: aligned,
    },
    {
      name: `STXR${suffix} and STLXR${suffix} after the exclusive load`,
      bits: `${two(size)} 001000 000 Rs o0 11111 Rn Rt`,
      legal: separate,
      // The loaded value goes to XZR, so that what is stored is the random Rt.
      before: (f) => [encode(load, { o0: f.o0 as number, Rn: f.Rn as number, Rt: 31 })],
      memory: aligned,
      weight: 2,
    },
    {
      name: `STXR${suffix} and STLXR${suffix} after CLREX`,
      bits: `${two(size)} 001000 000 Rs o0 11111 Rn Rt`,
      legal: separate,
      before: (f) => [encode(load, { o0: 0, Rn: f.Rn as number, Rt: 31 }), 0xd5033f5f],
      memory: aligned,
    },
    {
      name: `STXR${suffix} and STLXR${suffix} after a store of another value`,
      bits: `${two(size)} 001000 000 Rs o0 11111 Rn Rt`,
      legal: separate,
      // Load, store Rt over it, try: fails unless Rt happened to be there already.
      before: (f) => [
        encode(load, { o0: 0, Rn: f.Rn as number, Rt: 31 }),
        encode({ bits: `${two(size)} 1110 00 00 0 imm9:9 00 Rn Rt` }, { Rn: f.Rn as number, Rt: f.Rt as number }),
      ],
      memory: aligned,
    },
  ];
});

const exclusivePairs: Encoding[] = [2, 3].flatMap((size): Encoding[] => {
  const suffix = size === 2 ? '(32-bit)' : '(64-bit)';
  const sz = size - 2;
  const memory = { size: () => 2 << size, offset: nothing };
  const aligned = { ...memory, aligned: () => 2 << size };
  const checked = { ...aligned, misalignedToo: true };
  const load = { bits: `1 ${sz} 001000 011 11111 o0 Rt2 Rn Rt` };
  const store = `1 ${sz} 001000 001 Rs o0 Rt2 Rn Rt`;
  const separate = (f: Fields): boolean => f.Rs !== f.Rt && f.Rs !== f.Rt2 && (f.Rs !== f.Rn || f.Rn === 31);
  // LDXP with Rt = Rt2 is CONSTRAINED UNPREDICTABLE: two registers that the store does not use, neither the base.
  const spare = (f: Fields): number[] =>
    [...Array(31).keys()].filter((r) => r !== f.Rs && r !== f.Rt && r !== f.Rt2 && r !== f.Rn).slice(0, 2);
  const loadFirst = (f: Fields): number => {
    const [Rt, Rt2] = spare(f) as [number, number];
    return encode(load, { o0: f.o0 as number, Rt, Rt2, Rn: f.Rn as number });
  };
  return [
    { name: `LDXP and LDAXP ${suffix}`, ...load, legal: different, memory: checked, weight: 2 },
    { name: `STXP and STLXP ${suffix} with nothing reserved`, bits: store, legal: separate, memory: aligned },
    {
      name: `STXP and STLXP ${suffix} after the exclusive load`,
      bits: store,
      legal: separate,
      before: (f) => [loadFirst(f)],
      memory: aligned,
      weight: 2,
    },
    {
      name: `STXP and STLXP ${suffix} after CLREX`,
      bits: store,
      legal: separate,
      before: (f) => [loadFirst(f), 0xd5033f5f],
      memory: aligned,
    },
  ];
});

/** C4.1.88 Loads and stores. */
export const loadsAndStores: readonly Encoding[] = [...single, ...pairs, ...literals, ...ordered, ...exclusivePairs];
