/**
 * The shape of a register map: what Arm says of registers, as data. A frame of `frames/` binds handlers to these names, and
 * so does the CPU interface to those of system registers; nobody writes a second list of registers anywhere.
 */

/** Access widths in bytes, as a mask. */
export const BYTE = 1;
export const HALFWORD = 2;
export const WORD = 4;
export const DOUBLEWORD = 8;

/** What the guest may do with a register; an access against it is recorded in GICx_STATUSR. */
export type AccessKind = 'read-write' | 'read-only' | 'write-only';

/** A named range of a register's bits. */
export interface Field<Name extends string = string> {
  /** As the architecture calls it. */
  readonly name: Name;
  /** Its lowest bit, 0 to 63. */
  readonly lsb: number;
  /** Its number of bits, 1 to 52. */
  readonly width: number;
}

/** What {@link decode} needs of a register. */
export interface HasFields {
  /** The fields that have a meaning here, from the highest; empty where the register is one number, or a bit an interrupt. */
  readonly fields: readonly Field[];
}

/** One row of the map of a memory-mapped frame. */
export interface RegisterDescription<Name extends string = string, Access extends AccessKind = AccessKind>
  extends HasFields {
  /** As the architecture calls it, without the number of an array: GICD_ISENABLER, GITS_BASER. */
  readonly name: Name;
  /** Byte offset from the start of the frame. */
  readonly offset: number;
  /** Bits of the register, or of each of an array. */
  readonly width: 32 | 64;
  /** How many registers: 1, or those of the array, one behind the other. */
  readonly count: number;
  /** Length in bytes of the register, or of the whole array. */
  readonly length: number;
  /** Bits for each interrupt, for an array indexed by INTID; 0 for other registers. */
  readonly bitsPerInterrupt: number;
  /** The INTID that an array indexed by INTID begins with. */
  readonly firstIntid: number;
  /** Widths of access a guest may use, a sum of BYTE, HALFWORD, WORD and DOUBLEWORD. */
  readonly widths: number;
  readonly access: Access;
  /** Names of fields that can be written and read as zero. */
  readonly writeOnlyFields: readonly string[];
}

const INTIDS_IN_ARRAY = 1024;

/** The bits of a field as the architecture writes them: `5`, or `[23, 19]`. */
type Bits = number | readonly [msb: number, lsb: number];

/** Fields by their names. */
export function fields<const Names extends string>(bits: Readonly<Record<Names, Bits>>): readonly Field<Names>[] {
  const entries = Object.entries(bits) as [Names, Bits][];
  return entries.map(([name, at]) =>
    typeof at === 'number' ? { name, lsb: at, width: 1 } : { name, lsb: at[1], width: at[0] - at[1] + 1 },
  );
}

function fieldNamed<Name extends string>(among: readonly Field<Name>[], name: Name): Field<Name> {
  const found = among.find((field) => field.name === name);
  if (found === undefined) throw new RangeError(`There is no field ${name}.`);
  return found;
}

/** The lowest bit of a field within the half of 32 bits that it lies in. */
export function shiftOf<Name extends string>(among: readonly Field<Name>[], name: NoInfer<Name>): number {
  return fieldNamed(among, name).lsb & 31;
}

/** A field's bits within the half of 32 bits that it lies in: unsigned. */
export function maskOf<Name extends string>(among: readonly Field<Name>[], name: NoInfer<Name>): number {
  const { lsb, width } = fieldNamed(among, name);
  return ((2 ** width - 1) << (lsb & 31)) >>> 0;
}

interface Options<Access extends AccessKind> {
  /** Default: 32. */
  readonly width?: 32 | 64;
  /** Default: 1. */
  readonly count?: number;
  /** Default: WORD, and for 64 bits DOUBLEWORD too. */
  readonly widths?: number;
  /** Default: read-write. */
  readonly access?: Access;
  readonly fields?: readonly Field[];
  readonly writeOnlyFields?: readonly string[];
}

/** A single register, or an array not indexed by INTID. */
export function register<const Name extends string, const Access extends AccessKind = 'read-write'>(
  name: Name,
  offset: number,
  options: Options<Access> = {},
): RegisterDescription<Name, Access> {
  const { width = 32, count = 1, access = 'read-write' as Access } = options;
  return {
    name,
    offset,
    width,
    count,
    length: (count * width) / 8,
    bitsPerInterrupt: 0,
    firstIntid: 0,
    widths: options.widths ?? (width === 64 ? DOUBLEWORD | WORD : WORD),
    access,
    fields: options.fields ?? [],
    writeOnlyFields: options.writeOnlyFields ?? [],
  };
}

/** An array with `bits` for each of the INTIDs 0-1023, or for `intids` of them from `firstIntid` on. */
export function perInterrupt<const Name extends string>(
  name: Name,
  offset: number,
  bits: number,
  options: Pick<Options<'read-write'>, 'widths' | 'fields'> & {
    readonly intids?: number;
    readonly firstIntid?: number;
  } = {},
): RegisterDescription<Name, 'read-write'> {
  const { intids = INTIDS_IN_ARRAY, firstIntid = 0, ...others } = options;
  const width = bits === 64 ? 64 : 32;
  const array = register(name, offset, { ...others, width, count: (bits * intids) / width });
  return { ...array, bitsPerInterrupt: bits, firstIntid };
}

/** The names of a map's registers, as a type. */
export type NamesOf<Map extends readonly { readonly name: string }[]> = Map[number]['name'];

/** The offsets of a map's registers by their names. */
export function offsetsOf<const Map extends readonly RegisterDescription[]>(
  map: Map,
): Readonly<Record<NamesOf<Map>, number>> {
  return Object.fromEntries(map.map(({ name, offset }) => [name, offset])) as Record<NamesOf<Map>, number>;
}

/**
 * A register's value by its fields, for people.
 * @param value all of it, or the lower 32 bits as a number, and then
 * @param high the upper 32 bits. Default 0.
 * @returns the fields' values by their names, from the highest field; empty for a register without any.
 */
export function decode(register: HasFields, value: bigint | number, high = 0): Readonly<Record<string, number>> {
  const bits = typeof value === 'bigint' ? value : (BigInt(high >>> 0) << 32n) | BigInt(value >>> 0);
  return Object.fromEntries(
    register.fields.map(({ name, lsb, width }) => [name, Number((bits >> BigInt(lsb)) & ((1n << BigInt(width)) - 1n))]),
  );
}
