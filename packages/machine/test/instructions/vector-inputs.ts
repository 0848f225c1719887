import type { Random } from './random.js';

/** What a case starts from beside the integer registers. */
export interface VectorInputs {
  /** CPACR_EL1: FPEN alone. */
  readonly cpacr: bigint;
  readonly fpcr: bigint;
  readonly fpsr: bigint;
  /** V0–V31, the lower half of each first. */
  readonly registers: readonly bigint[];
}

/** A floating-point format: bits of its exponent and of its fraction. */
interface Format {
  readonly exponent: number;
  readonly fraction: number;
}
const HALF: Format = { exponent: 5, fraction: 10 };
const SINGLE: Format = { exponent: 8, fraction: 23 };
const DOUBLE: Format = { exponent: 11, fraction: 52 };

const fromBytes = (random: Random): bigint => {
  let value = 0n;
  for (let i = 0; i < 8; i++) value = (value << 8n) | BigInt(random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]));
  return value;
};

/** A number of the format, most of the time one of those where arithmetic has edges. */
function float({ exponent, fraction }: Format, random: Random): bigint {
  const ones = (1n << BigInt(fraction)) - 1n;
  const most = 2 ** exponent - 1;
  const bias = most >> 1;
  const make = (field: number, part: bigint): bigint =>
    (BigInt(random.below(2)) << BigInt(exponent + fraction)) | (BigInt(field) << BigInt(fraction)) | (part & ones);
  const long = random.long();
  /** Few bits set, at either end: ties and carries when rounded. */
  const sparse = random.pick([
    0n,
    1n,
    ones,
    ones - 1n,
    1n << BigInt(fraction - 1),
    1n << BigInt(random.below(fraction)),
    ones ^ (1n << BigInt(random.below(fraction))),
  ]);
  const part = random.chance(2) ? long : sparse;
  switch (random.below(16)) {
    case 0:
      return make(0, 0n); // zero
    case 1:
      return make(most, 0n); // infinity
    case 2:
      return make(most, part | (1n << BigInt(fraction - 1))); // quiet NaN
    case 3:
      return make(most, (part & (ones >> 1n)) | 1n); // signalling NaN
    case 4:
      return make(0, part); // subnormal
    case 5:
      return make(random.below(3), part); // at the lower end
    case 6:
      return make(most - 1 - random.below(2), part); // at the upper end
    case 7:
    case 8:
      return make(bias - 1 + random.below(3), part); // about one
    case 9:
    case 10:
    case 11:
      return make(Math.min(bias - 4 + random.below(fraction + 8), most - 1), part); // integers with and without a fraction
    case 12:
      return make(Math.min(bias + 6 + random.below(60), most - 1), part); // at the limits of integers
    case 13:
      return make(Math.max(bias - random.below(60), 0), part); // small beside one
    case 14:
      return make(random.pick([bias >> 1, bias + (bias >> 1)]) + random.below(3), part); // whose square is at an end
    default:
      return make(random.below(most), part);
  }
}

function lanes(format: Format, random: Random): bigint {
  const width = 1 + format.exponent + format.fraction;
  let value = 0n;
  for (let at = 0; at < 64; at += width) value = (value << BigInt(width)) | float(format, random);
  return value;
}

/** All registers of a case hold numbers of the same kind, and some of them nearly the same numbers. */
export function makeVectorInputs(random: Random): VectorInputs {
  const style = random.below(8);
  const one = (): bigint => {
    if (style < 2) return random.operand();
    if (style < 3) return fromBytes(random);
    if (style < 5) return lanes(DOUBLE, random);
    return lanes(style < 7 ? SINGLE : HALF, random);
  };
  const registers: bigint[] = [];
  while (registers.length < 64) {
    if (registers.length > 0 && random.chance(4)) {
      const known = random.pick(registers);
      const change = random.pick([0n, 1n, 0x8000_0000_0000_0000n, 0x8000_0000n, 0x8000_0000_8000_0001n]);
      registers.push(known ^ change);
    } else registers.push(one());
  }
  // AHP, DN, FZ, RMode; QC, IDC, IXC, UFC, OFC, DZC, IOC.
  const fpcr = random.chance(2) ? 0n : BigInt(random.below(32)) << 22n;
  const flags = random.pick([0, 0x10, random.word()]) & 0x0800_009f;
  const fpen = random.chance(16) ? random.below(4) : 3;
  return { cpacr: BigInt(fpen) << 20n, fpcr, fpsr: BigInt(flags), registers };
}
