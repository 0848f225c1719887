/** The arithmetic of A64 that WebAssembly lacks. */

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

/** Signed division as the A64 instruction defines it: by zero gives zero, and the one overflow wraps. */
@inline
export function divideSignedX(a: i64, b: i64): u64 {
  if (b == 0) return 0;
  if (b == -1) return 0 - <u64>a;
  return <u64>(a / b);
}

@inline
export function divideSignedW(a: i32, b: i32): u32 {
  if (b == 0) return 0;
  if (b == -1) return 0 - <u32>a;
  return <u32>(a / b);
}
