/** A seeded generator (xoshiro128**, Blackman and Vigna), so that a failing run is repeated by its seed alone. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    // splitmix32 spreads a small seed over the state.
    let z = seed >>> 0;
    const next = (): number => {
      z = (z + 0x9e3779b9) | 0;
      let t = z ^ (z >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      return t ^ (t >>> 15);
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next();
  }

  /** 32 random bits, unsigned. */
  word(): number {
    const product = Math.imul(this.b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result >>> 0;
  }

  /** A number from 0 to `limit` − 1. */
  below(limit: number): number {
    return this.word() % limit;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  long(): bigint {
    return (BigInt(this.word()) << 32n) | BigInt(this.word());
  }

  /** A 64-bit operand: half the time one at the edge of a width, where carries, overflows and sign extensions show. */
  operand(): bigint {
    switch (this.below(12)) {
      case 0:
        return 0n;
      case 1:
        return MASK;
      case 2:
        return this.pick(EDGES);
      case 3:
        return 1n << BigInt(this.below(64));
      case 4:
        return MASK ^ (1n << BigInt(this.below(64)));
      case 5:
        return BigInt(this.below(256));
      case 6:
        return BigInt.asUintN(64, -BigInt(this.below(256)));
      case 7:
        return BigInt(this.word());
      default:
        return this.long();
    }
  }
}

const MASK = (1n << 64n) - 1n;
const EDGES: readonly bigint[] = [
  0x8000_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x0000_0000_8000_0000n,
  0x0000_0000_7fff_ffffn,
  0x0000_0000_ffff_ffffn,
  0xffff_ffff_8000_0000n,
  0xffff_ffff_0000_0000n,
  0x0000_0001_0000_0000n,
  0x0000_0000_0000_8000n,
  0x0000_0000_0000_7fffn,
  0xffff_ffff_ffff_8000n,
  0x8000_0000_8000_0000n,
  0x7fff_ffff_7fff_ffffn,
  0x8080_8080_8080_8080n,
  0x5555_5555_5555_5555n,
  0xaaaa_aaaa_aaaa_aaaan,
];
