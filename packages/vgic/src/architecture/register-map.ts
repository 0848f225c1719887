/**
 * The shape of a register map: what Arm says of a frame, as data. A frame of `frames/` binds handlers to these names;
 * nobody writes a second list of registers anywhere.
 */

/** Access widths in bytes, as a mask: 1, 4 and 8 are the widths that GIC registers have. */
export const BYTE = 1;
export const WORD = 4;
export const DOUBLEWORD = 8;

/** What the guest may do with a register; an access against it is recorded in GICx_STATUSR. */
export type AccessKind = 'read-write' | 'read-only' | 'write-only';

export interface RegisterDescription<Name extends string = string> {
  readonly name: Name;
  /** Byte offset from the start of the frame. */
  readonly offset: number;
  /** Length in bytes of the register, or of the whole array. */
  readonly length: number;
  /** Bits for each interrupt, for an array indexed by INTID; 0 for other registers. */
  readonly bitsPerInterrupt: number;
  /** Widths a guest may use, a sum of BYTE, WORD and DOUBLEWORD. */
  readonly widths: number;
  readonly access: AccessKind;
}

const INTIDS_IN_ARRAY = 1024;

/** A single register, or an array not indexed by INTID. */
export function register<const Name extends string>(
  name: Name,
  offset: number,
  length = 4,
  widths = WORD,
  access: AccessKind = 'read-write',
): RegisterDescription<Name> {
  return { name, offset, length, bitsPerInterrupt: 0, widths, access };
}

/** An array with `bits` for each of the INTIDs 0-1023, or for `intids` of them. */
export function perInterrupt<const Name extends string>(
  name: Name,
  offset: number,
  bits: number,
  widths = WORD,
  intids = INTIDS_IN_ARRAY,
): RegisterDescription<Name> {
  return {
    name,
    offset,
    length: (bits * intids) / 8,
    bitsPerInterrupt: bits,
    widths,
    access: 'read-write',
  };
}

/** The names of a map's registers, as a type. */
export type NamesOf<Map extends readonly RegisterDescription[]> = Map[number]['name'];
