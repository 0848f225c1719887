/**
 * The notation of the encoding tables: an A64 instruction is written as the Arm ARM draws it (DDI 0487 chapter C4),
 * most significant bit first, fixed bits as digits and fields by name:
 *
 *     'sf 0 0 100010 sh imm12:12 Rn Rd'
 *
 * A field is one bit wide, a register field (R…) five, any other width is written after a colon.
 */
export type Fields = Readonly<Record<string, number>>;

/** What a load, store or cache operation touches: the generator chooses the address and works back to the base register. */
export interface MemoryOperand {
  /** Bytes touched. */
  readonly size: (f: Fields) => number;
  /** What the instruction adds to the base register (0 for post-indexed forms). */
  readonly offset: (f: Fields) => number;
  /** An index register, with the extension and shift applied to it before it is added. */
  readonly index?: (f: Fields, value: bigint) => bigint;
  /** Alignment that the address gets, in bytes. Absent: any address. */
  readonly aligned?: (f: Fields) => number;
  /** Now and then a misaligned address all the same, which the instruction must refuse with an alignment fault. */
  readonly misalignedToo?: boolean;
  /** The field that names the base register, Rn unless said. */
  readonly base?: string;
}

/** Where a branch can go: the generator chooses a target and sets the field or the register to it. */
export type BranchOperand = { readonly field: string; readonly width: number } | { readonly register: string };

export interface Encoding {
  /** The mnemonic, with the form in brackets where the Arm ARM names one. Unique. */
  readonly name: string;
  readonly bits: string;
  /** False for reserved and CONSTRAINED UNPREDICTABLE combinations of fields. */
  readonly legal?: (f: Fields) => boolean;
  readonly memory?: MemoryOperand;
  readonly branch?: BranchOperand;
  /** A PC-relative load: the field is pointed at some word of the program. */
  readonly literal?: { readonly field: string; readonly width: number };
  /** Instructions that go before this one in the same case, made from its fields (an LDXR before its STXR). */
  readonly before?: (f: Fields) => readonly number[];
  /** Never run at EL0, for a reason given with the row. */
  readonly onlyEl1?: true;
  /** The fixed bits are all there is: UNDEFINED at every exception level. */
  readonly reserved?: true;
  /** Share of the random instances, 1 unless said. */
  readonly weight?: number;
}

interface Field {
  readonly name: string;
  readonly shift: number;
  readonly width: number;
}

export interface Layout {
  readonly fixed: number;
  readonly fields: readonly Field[];
}

const layouts = new Map<string, Layout>();

/** Parses the notation above. Throws on a pattern that is not 32 bits: a mistake in a table. */
export function layout(bits: string): Layout {
  const known = layouts.get(bits);
  if (known) return known;
  let fixed = 0;
  let position = 32;
  const fields: Field[] = [];
  for (const token of bits.trim().split(/\s+/)) {
    if (/^[01]+$/.test(token)) {
      position -= token.length;
      fixed = (fixed | (Number.parseInt(token, 2) << position)) >>> 0;
    } else {
      const [name, width] = token.split(':') as [string, string | undefined];
      const size = width ? Number(width) : /^R[a-z]2?$/.test(name) ? 5 : 1;
      position -= size;
      fields.push({ name, shift: position, width: size });
    }
  }
  if (position !== 0) throw new Error(`encoding '${bits}' is ${32 - position} bits long`);
  const result = { fixed, fields };
  layouts.set(bits, result);
  return result;
}

/** The instruction word of an encoding with these fields; a field left out is 0. Throws on a field that does not fit. */
export function encode(encoding: Pick<Encoding, 'bits'>, values: Fields): number {
  const { fixed, fields } = layout(encoding.bits);
  let word = fixed;
  for (const { name, shift, width } of fields) {
    const value = values[name] ?? 0;
    if (value < 0 || value >= 2 ** width) throw new Error(`${name} = ${value} does not fit in ${width} bits`);
    word |= value << shift;
  }
  return word >>> 0;
}

/** A two's complement field value of the given width. */
export const signed = (value: number, width: number): number =>
  value >= 2 ** (width - 1) ? value - 2 ** width : value;
