/** What a single-register load or store transfers, by its size and opc fields. */

import { bits } from './fields';
import { Transfer } from './ops';

/** PRFM and PRFUM: a load with no effect. */
export const PREFETCH: u32 = Transfer.Count;
export const NO_TRANSFER: u32 = Transfer.Count + 1;

/** By opc, then size. */
const TRANSFERS: StaticArray<u32> = [
  Transfer.StoreB, Transfer.StoreH, Transfer.StoreW, Transfer.StoreX,
  Transfer.LoadB, Transfer.LoadH, Transfer.LoadW, Transfer.LoadX,
  Transfer.LoadSignedBX, Transfer.LoadSignedHX, Transfer.LoadSignedW, PREFETCH,
  Transfer.LoadSignedBW, Transfer.LoadSignedHW, NO_TRANSFER, NO_TRANSFER,
];

export function transferOf(word: u32): u32 {
  return unchecked(TRANSFERS[(bits(word, 22, 2) << 2) | (word >> 30)]);
}

export function isStore(transfer: u32): bool {
  return transfer >= <u32>Transfer.StoreX;
}

/** The value that a load of this kind puts into the register. */
export function extendLoaded(transfer: u32, value: u64): u64 {
  switch (transfer) {
    case Transfer.LoadSignedW:
      return <u64>(<i64>(<i32>value));
    case Transfer.LoadSignedHX:
      return <u64>(<i64>(<i16>value));
    case Transfer.LoadSignedHW:
      return <u64>(<u32>(<i32>(<i16>value)));
    case Transfer.LoadSignedBX:
      return <u64>(<i64>(<i8>value));
    case Transfer.LoadSignedBW:
      return <u64>(<u32>(<i32>(<i8>value)));
    default:
      return value;
  }
}
