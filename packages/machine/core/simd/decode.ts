/**
 * From the word of an FP or Advanced SIMD instruction to a micro-op. The table gives the classes by mask and match (Arm
 * ARM C4.1, "Loads and Stores" with V set and "Data Processing -- Scalar Floating-Point and Advanced SIMD"); the decoder
 * of a class knows which of its encodings Armv8.0-A allocates. The others are left as they are, and so UNDEFINED.
 */

import { decodeAcrossLanes, decodeScalarPairwise } from './across-lanes';
import { decodeCopy, decodeExtract, decodeModifiedImmediate, decodePermute, decodeTable } from './copy';
import { decodeIndexed } from './indexed';
import {
  decodeLiteralSimd,
  decodePairSimd,
  decodeRegisterOffsetSimd,
  decodeUnscaledSimd,
  decodeUnsignedOffsetSimd,
} from './memory';
import { decodeConvertFixed, decodeConvertInteger } from './scalar-convert';
import {
  decodeCompareFloat,
  decodeConditionalCompareFloat,
  decodeImmediateFloat,
  decodeOneSourceFloat,
  decodeSelectFloat,
  decodeThreeSourceFloat,
  decodeTwoSourceFloat,
} from './scalar-float';
import { decodeShiftImmediate } from './shift-immediate';
import { decodeMultiple, decodeSingle } from './structures';
import { decodeThreeDifferent } from './three-different';
import { decodeThreeSame } from './three-same';
import { decodeTwoMisc } from './two-misc';

type Decoder = (at: usize, word: u32) => void;

const MASKS: StaticArray<u32> = [
  // mask, match; the decoder is at the same place of DECODERS
  0xbfbf0000, 0x0c000000, // multiple structures
  0xbfa00000, 0x0c800000, // the same, post-indexed
  0xbf9f0000, 0x0d000000, // single structure
  0xbf800000, 0x0d800000, // the same, post-indexed
  0x3f000000, 0x1c000000, // literal
  0x3e000000, 0x2c000000, // pair
  0x3f000000, 0x3d000000, // unsigned offset
  0x3f200000, 0x3c000000, // unscaled, post- and pre-indexed
  0x3f200c00, 0x3c200800, // register offset
  0x9f200400, 0x0e200400, // three same
  0xdf200400, 0x5e200400,
  0x9f200c00, 0x0e200000, // three different
  0xdf200c00, 0x5e200000,
  0x9f3e0c00, 0x0e200800, // two-register miscellaneous
  0xdf3e0c00, 0x5e200800,
  0x9f3e0c00, 0x0e300800, // across lanes
  0xdf3e0c00, 0x5e300800, // scalar pairwise
  0x9fe08400, 0x0e000400, // copy
  0xdfe08400, 0x5e000400,
  0xbf208c00, 0x0e000800, // permute
  0xbfe08c00, 0x0e000000, // table lookup
  0xbfe08400, 0x2e000000, // extract
  0x9ff80400, 0x0f000400, // modified immediate; before the shifts, whose immh is not zero
  0x9f800400, 0x0f000400, // shift by immediate
  0xdff80400, 0x5f000400, // nothing: a scalar shift with immh zero
  0xdf800400, 0x5f000400,
  0x9f000400, 0x0f000000, // indexed element
  0xdf000400, 0x5f000000,
  0x7f200000, 0x1e000000, // floating point and fixed point
  0x7f20fc00, 0x1e200000, // floating point and integer
  0xff207c00, 0x1e204000, // one source
  0xff203c00, 0x1e202000, // compare
  0xff201fe0, 0x1e201000, // immediate
  0xff200c00, 0x1e200400, // conditional compare
  0xff200c00, 0x1e200800, // two sources
  0xff200c00, 0x1e200c00, // conditional select
  0xff000000, 0x1f000000, // three sources
];

const DECODERS: StaticArray<Decoder> = [
  decodeMultiple,
  decodeMultiple,
  decodeSingle,
  decodeSingle,
  decodeLiteralSimd,
  decodePairSimd,
  decodeUnsignedOffsetSimd,
  decodeUnscaledSimd,
  decodeRegisterOffsetSimd,
  decodeThreeSame,
  decodeThreeSame,
  decodeThreeDifferent,
  decodeThreeDifferent,
  decodeTwoMisc,
  decodeTwoMisc,
  decodeAcrossLanes,
  decodeScalarPairwise,
  decodeCopy,
  decodeCopy,
  decodePermute,
  decodeTable,
  decodeExtract,
  decodeModifiedImmediate,
  decodeShiftImmediate,
  decodeNothing,
  decodeShiftImmediate,
  decodeIndexed,
  decodeIndexed,
  decodeConvertFixed,
  decodeConvertInteger,
  decodeOneSourceFloat,
  decodeCompareFloat,
  decodeImmediateFloat,
  decodeConditionalCompareFloat,
  decodeTwoSourceFloat,
  decodeSelectFloat,
  decodeThreeSourceFloat,
];

function decodeNothing(at: usize, word: u32): void {}

export function decodeSimd(at: usize, word: u32): void {
  for (let row = 0; row < DECODERS.length; row++) {
    if ((word & unchecked(MASKS[2 * row])) == unchecked(MASKS[2 * row + 1])) return unchecked(DECODERS[row])(at, word);
  }
}
