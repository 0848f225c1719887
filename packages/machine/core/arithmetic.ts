/** Flags, conditions and the arithmetic that WebAssembly lacks. */

import { CONDITIONS, CRC_TABLES, FLAG_C, FLAG_N, FLAG_V, FLAG_Z } from './layout';

/** NZCV as a number 0..15. */
export function nzcv(): u32 {
  return (
    (<u32>(load<i64>(FLAG_N) < 0) << 3) |
    (<u32>(load<i64>(FLAG_Z) == 0) << 2) |
    (load<u32>(FLAG_C) << 1) |
    <u32>(load<i64>(FLAG_V) < 0)
  );
}

export function setNzcv(flags: u32): void {
  store<i64>(FLAG_N, flags & 8 ? -1 : 0);
  store<i64>(FLAG_Z, flags & 4 ? 0 : 1);
  store<u32>(FLAG_C, (flags >> 1) & 1);
  store<i64>(FLAG_V, flags & 1 ? -1 : 0);
}

@inline
export function flagsLogicalX(result: u64): void {
  store<u64>(FLAG_N, result);
  store<u64>(FLAG_Z, result);
  store<u32>(FLAG_C, 0);
  store<u64>(FLAG_V, 0);
}

@inline
export function flagsLogicalW(result: u32): void {
  flagsLogicalX(<u64>(<i64>(<i32>result)));
}

@inline
export function addFlagsX(a: u64, b: u64): u64 {
  const result = a + b;
  store<u64>(FLAG_N, result);
  store<u64>(FLAG_Z, result);
  store<u32>(FLAG_C, <u32>(result < a));
  store<u64>(FLAG_V, (a ^ result) & (b ^ result));
  return result;
}

@inline
export function addFlagsW(a: u32, b: u32): u64 {
  const result = a + b;
  store<i64>(FLAG_N, <i64>(<i32>result));
  store<i64>(FLAG_Z, <i64>(<i32>result));
  store<u32>(FLAG_C, <u32>(result < a));
  store<i64>(FLAG_V, <i64>(<i32>((a ^ result) & (b ^ result))));
  return <u64>result;
}

@inline
export function subtractFlagsX(a: u64, b: u64): u64 {
  const result = a - b;
  store<u64>(FLAG_N, result);
  store<u64>(FLAG_Z, result);
  store<u32>(FLAG_C, <u32>(a >= b));
  store<u64>(FLAG_V, (a ^ b) & (a ^ result));
  return result;
}

@inline
export function subtractFlagsW(a: u32, b: u32): u64 {
  const result = a - b;
  store<i64>(FLAG_N, <i64>(<i32>result));
  store<i64>(FLAG_Z, <i64>(<i32>result));
  store<u32>(FLAG_C, <u32>(a >= b));
  store<i64>(FLAG_V, <i64>(<i32>((a ^ b) & (a ^ result))));
  return <u64>result;
}

/** a + b + C with flags; a subtraction with carry passes the complement of b. */
export function addCarryFlagsX(a: u64, b: u64): u64 {
  const carry = <u64>load<u32>(FLAG_C);
  const result = a + b + carry;
  store<u64>(FLAG_N, result);
  store<u64>(FLAG_Z, result);
  store<u32>(FLAG_C, <u32>(result < a || (carry != 0 && result == a)));
  store<u64>(FLAG_V, (a ^ result) & (b ^ result));
  return result;
}

export function addCarryFlagsW(a: u32, b: u32): u64 {
  const carry = load<u32>(FLAG_C);
  const result = a + b + carry;
  store<i64>(FLAG_N, <i64>(<i32>result));
  store<i64>(FLAG_Z, <i64>(<i32>result));
  store<u32>(FLAG_C, <u32>(result < a || (carry != 0 && result == a)));
  store<i64>(FLAG_V, <i64>(<i32>((a ^ result) & (b ^ result))));
  return <u64>result;
}

@inline
export function holds(condition: u32): bool {
  return <bool>((load<u16>(CONDITIONS + ((<usize>condition) << 1)) >> nzcv()) & 1);
}

/** The operand of a shifted-register instruction: LSL, LSR, ASR, ROR. */
@inline
export function shiftedX(value: u64, kind: u32, amount: u64): u64 {
  if (kind == 0) return value << amount;
  if (kind == 1) return value >> amount;
  if (kind == 2) return <u64>((<i64>value) >> amount);
  return rotr<u64>(value, amount);
}

@inline
export function shiftedW(value: u32, kind: u32, amount: u32): u32 {
  if (kind == 0) return value << amount;
  if (kind == 1) return value >> amount;
  if (kind == 2) return <u32>((<i32>value) >> amount);
  return rotr<u32>(value, amount);
}

/** ExtendReg(): UXTB … SXTX, then a left shift of 0..4. */
export function extended(value: u64, kind: u32, shift: u64): u64 {
  switch (kind) {
    case 0:
      return (value & 0xff) << shift;
    case 1:
      return (value & 0xffff) << shift;
    case 2:
      return (value & 0xffffffff) << shift;
    case 4:
      return <u64>(<i64>(<i8>value)) << shift;
    case 5:
      return <u64>(<i64>(<i16>value)) << shift;
    case 6:
      return <u64>(<i64>(<i32>value)) << shift;
    default:
      return value << shift;
  }
}

export function reverseBytes(value: u64): u64 {
  value = ((value & 0x00ff00ff00ff00ff) << 8) | ((value >> 8) & 0x00ff00ff00ff00ff);
  value = ((value & 0x0000ffff0000ffff) << 16) | ((value >> 16) & 0x0000ffff0000ffff);
  return (value << 32) | (value >> 32);
}

export function reverseBits(value: u64): u64 {
  value = ((value & 0x5555555555555555) << 1) | ((value >> 1) & 0x5555555555555555);
  value = ((value & 0x3333333333333333) << 2) | ((value >> 2) & 0x3333333333333333);
  value = ((value & 0x0f0f0f0f0f0f0f0f) << 4) | ((value >> 4) & 0x0f0f0f0f0f0f0f0f);
  return reverseBytes(value);
}

export function multiplyHighUnsigned(a: u64, b: u64): u64 {
  const al = a & 0xffffffff;
  const ah = a >> 32;
  const bl = b & 0xffffffff;
  const bh = b >> 32;
  const low = al * bl;
  const middle1 = ah * bl + (low >> 32);
  const middle2 = al * bh + (middle1 & 0xffffffff);
  return ah * bh + (middle1 >> 32) + (middle2 >> 32);
}

export function multiplyHighSigned(a: u64, b: u64): u64 {
  let result = multiplyHighUnsigned(a, b);
  if (<i64>a < 0) result -= b;
  if (<i64>b < 0) result -= a;
  return result;
}

/** CRC32 (table 0) or CRC32C (table 1) of `bytes` bytes of the value, low byte first, without the usual inversions. */
export function crc(accumulator: u32, value: u64, bytes: u32, table: u32): u32 {
  const base = CRC_TABLES + ((<usize>table) << 10);
  for (let i: u32 = 0; i < bytes; i++) {
    accumulator = (accumulator >> 8) ^ load<u32>(base + ((<usize>((accumulator ^ <u32>value) & 0xff)) << 2));
    value >>= 8;
  }
  return accumulator;
}

function fillCrcTable(base: usize, polynomial: u32): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? polynomial : 0);
    store<u32>(base + ((<usize>i) << 2), value);
  }
}

/** ConditionHolds() for one NZCV value. */
function conditionHolds(condition: u32, flags: u32): bool {
  const n = (flags >> 3) & 1;
  const z = (flags >> 2) & 1;
  const c = (flags >> 1) & 1;
  const v = flags & 1;
  let result = true;
  switch (condition >> 1) {
    case 0:
      result = z == 1;
      break;
    case 1:
      result = c == 1;
      break;
    case 2:
      result = n == 1;
      break;
    case 3:
      result = v == 1;
      break;
    case 4:
      result = c == 1 && z == 0;
      break;
    case 5:
      result = n == v;
      break;
    case 6:
      result = n == v && z == 0;
      break;
    default:
      return true;
  }
  return condition & 1 ? !result : result;
}

export function fillArithmeticTables(): void {
  // The reflected polynomials 0x04C11DB7 and 0x1EDC6F41.
  fillCrcTable(CRC_TABLES, 0xedb88320);
  fillCrcTable(CRC_TABLES + 1024, 0x82f63b78);
  for (let condition: u32 = 0; condition < 16; condition++) {
    let set: u32 = 0;
    for (let flags: u32 = 0; flags < 16; flags++) set |= (<u32>conditionHolds(condition, flags)) << flags;
    store<u16>(CONDITIONS + ((<usize>condition) << 1), <u16>set);
  }
}
