/** The flags, which are kept lazily; the arithmetic that sets them; the conditions that they meet. */

import { CONDITIONS, FLAG_C, FLAG_N, FLAG_V, FLAG_Z } from '../state/layout';

/** NZCV as a number 0..15. */
export function nzcv(): u32 {
  return (
    (<u32>(load<i64>(FLAG_N) < 0) << 3) |
    (<u32>(load<i64>(FLAG_Z) == 0) << 2) |
    (load<u32>(FLAG_C) << 1) |
    <u32>(load<i64>(FLAG_V) < 0)
  );
}

@inline
export function flagN(): i64 {
  return load<i64>(FLAG_N);
}

@inline
export function flagZ(): bool {
  return load<u64>(FLAG_Z) == 0;
}

@inline
export function flagC(): bool {
  return load<u32>(FLAG_C) != 0;
}

/** Negative when N differs from V. */
@inline
export function flagsNxorV(): i64 {
  return load<i64>(FLAG_N) ^ load<i64>(FLAG_V);
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
export function andFlagsX(a: u64, b: u64): u64 {
  const result = a & b;
  flagsLogicalX(result);
  return result;
}

@inline
export function andFlagsW(a: u32, b: u32): u32 {
  const result = a & b;
  flagsLogicalW(result);
  return result;
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

export function fillConditions(): void {
  for (let condition: u32 = 0; condition < 16; condition++) {
    let set: u32 = 0;
    for (let flags: u32 = 0; flags < 16; flags++) set |= (<u32>conditionHolds(condition, flags)) << flags;
    store<u16>(CONDITIONS + ((<usize>condition) << 1), <u16>set);
  }
}
