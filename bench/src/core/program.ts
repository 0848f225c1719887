/** The A64 instructions that the benchmark programs are made of (DDI 0487 C6), 64-bit forms; registers by number, 31 is XZR or SP. */
export const a64 = {
  movz: (d: number, imm16: number, hw = 0) => 0xd2800000 | (hw << 21) | (imm16 << 5) | d,
  movk: (d: number, imm16: number, hw: number) => 0xf2800000 | (hw << 21) | (imm16 << 5) | d,
  addImmediate: (d: number, n: number, imm12: number) => 0x91000000 | (imm12 << 10) | (n << 5) | d,
  subsImmediate: (d: number, n: number, imm12: number) => 0xf1000000 | (imm12 << 10) | (n << 5) | d,
  add: (d: number, n: number, m: number, lsl = 0) => 0x8b000000 | (m << 16) | (lsl << 10) | (n << 5) | d,
  sub: (d: number, n: number, m: number) => 0xcb000000 | (m << 16) | (n << 5) | d,
  subs: (d: number, n: number, m: number) => 0xeb000000 | (m << 16) | (n << 5) | d,
  orr: (d: number, n: number, m: number) => 0xaa000000 | (m << 16) | (n << 5) | d,
  and: (d: number, n: number, m: number) => 0x8a000000 | (m << 16) | (n << 5) | d,
  eorShifted: (d: number, n: number, m: number, shift: 0 | 1 | 2 | 3, amount: number) =>
    0xca000000 | (shift << 22) | (m << 16) | (amount << 10) | (n << 5) | d,
  /** AND with 0xFFF8: an offset to a doubleword in 64 KiB. */
  andOffset: (d: number, n: number) => 0x927d3000 | (n << 5) | d,
  lsr: (d: number, n: number, amount: number) => 0xd340fc00 | (amount << 16) | (n << 5) | d,
  lsl: (d: number, n: number, amount: number) =>
    0xd3400000 | ((64 - amount) << 16) | ((63 - amount) << 10) | (n << 5) | d,
  ubfx: (d: number, n: number, lsb: number, width: number) =>
    0xd3400000 | (lsb << 16) | ((lsb + width - 1) << 10) | (n << 5) | d,
  madd: (d: number, n: number, m: number, a: number) => 0x9b000000 | (m << 16) | (a << 10) | (n << 5) | d,
  umulh: (d: number, n: number, m: number) => 0x9bc07c00 | (m << 16) | (n << 5) | d,
  csel: (d: number, n: number, m: number, condition: number) =>
    0x9a800000 | (m << 16) | (condition << 12) | (n << 5) | d,
  clz: (d: number, n: number) => 0xdac01000 | (n << 5) | d,
  rev: (d: number, n: number) => 0xdac00c00 | (n << 5) | d,
  addW: (d: number, n: number, m: number) => 0x0b000000 | (m << 16) | (n << 5) | d,
  ldr: (t: number, n: number, offset: number) => 0xf9400000 | ((offset / 8) << 10) | (n << 5) | t,
  str: (t: number, n: number, offset: number) => 0xf9000000 | ((offset / 8) << 10) | (n << 5) | t,
  ldrIndexed: (t: number, n: number, m: number) => 0xf8606800 | (m << 16) | (n << 5) | t,
  ldrScaled: (t: number, n: number, m: number) => 0xf8607800 | (m << 16) | (n << 5) | t,
  strIndexed: (t: number, n: number, m: number) => 0xf8206800 | (m << 16) | (n << 5) | t,
  ldrW: (t: number, n: number, offset: number) => 0xb9400000 | ((offset / 4) << 10) | (n << 5) | t,
  strW: (t: number, n: number, offset: number) => 0xb9000000 | ((offset / 4) << 10) | (n << 5) | t,
  ldrbPost: (t: number, n: number, step: number) => 0x38400400 | (step << 12) | (n << 5) | t,
  strPre: (t: number, n: number, step: number) => 0xf8000c00 | ((step & 0x1ff) << 12) | (n << 5) | t,
  ldrPost: (t: number, n: number, step: number) => 0xf8400400 | ((step & 0x1ff) << 12) | (n << 5) | t,
  ldpPost: (t: number, t2: number, n: number, step: number) =>
    0xa8c00000 | ((step / 8) << 15) | (t2 << 10) | (n << 5) | t,
  stpPost: (t: number, t2: number, n: number, step: number) =>
    0xa8800000 | ((step / 8) << 15) | (t2 << 10) | (n << 5) | t,
  blr: (n: number) => 0xd63f0000 | (n << 5),
  ret: () => 0xd65f03c0,
  movSp: (n: number) => 0x9100001f | (n << 5),
  hvc: () => 0xd4000002,
  isb: () => 0xd5033fdf,
  /** @param register op0:op1:CRn:CRm:op2 in 16 bits */
  msr: (register: number, t: number) => 0xd5000000 | (register << 5) | t,
} as const;

export enum Condition {
  EQ,
  NE,
  HS,
  LO,
  MI,
  PL,
}

/** A branch whose target is a label: its word without the offset, where the offset goes, and how wide it is. */
interface Branch {
  readonly at: number;
  readonly label: string;
  readonly shift: number;
  readonly width: number;
}

/** A raw program that loads at `base`: words, data and labels. */
export class Program {
  private readonly words: number[] = [];
  private readonly labels = new Map<string, number>();
  private readonly branches: Branch[] = [];
  private readonly addresses: { at: number; label: string }[] = [];

  constructor(readonly base: number) {}

  get here(): number {
    return this.base + 4 * this.words.length;
  }

  emit(...words: number[]): void {
    for (const word of words) this.words.push(word >>> 0);
  }

  label(name: string): void {
    this.labels.set(name, this.here);
  }

  private branch(word: number, label: string, shift: number, width: number): void {
    this.branches.push({ at: this.words.length, label, shift, width });
    this.emit(word);
  }

  b(label: string): void {
    this.branch(0x14000000, label, 0, 26);
  }

  bl(label: string): void {
    this.branch(0x94000000, label, 0, 26);
  }

  bIf(condition: Condition, label: string): void {
    this.branch(0x54000000 | condition, label, 5, 19);
  }

  cbnz(t: number, label: string): void {
    this.branch(0xb5000000 | t, label, 5, 19);
  }

  /** TBZ or TBNZ. */
  testBit(t: number, bit: number, nonZero: boolean, label: string): void {
    this.branch(0x36000000 | (nonZero ? 1 << 24 : 0) | ((bit >> 5) << 31) | ((bit & 31) << 19) | t, label, 5, 14);
  }

  /** Any constant, in one to four instructions. */
  constant(d: number, value: number | bigint): void {
    const wide = BigInt.asUintN(64, BigInt(value));
    this.emit(a64.movz(d, Number(wide & 0xffffn)));
    for (let hw = 1; hw < 4; hw++) {
      const part = Number((wide >> BigInt(16 * hw)) & 0xffffn);
      if (part !== 0) this.emit(a64.movk(d, part, hw));
    }
  }

  /** A doubleword of data: the address of a label. */
  address(label: string): void {
    this.addresses.push({ at: this.words.length, label });
    this.emit(0, 0);
  }

  doubleword(value: bigint): void {
    this.emit(Number(value & 0xffff_ffffn), Number(value >> 32n));
  }

  /** Zero words up to a multiple of `bytes`. */
  align(bytes: number): void {
    while (this.here % bytes !== 0) this.words.push(0);
  }

  addressOf(label: string): number {
    const address = this.labels.get(label);
    if (address === undefined) throw new Error(`label ${label} is nowhere`);
    return address;
  }

  finish(): Uint8Array {
    for (const { at, label, shift, width } of this.branches) {
      const offset = (this.addressOf(label) - (this.base + 4 * at)) / 4;
      if (Math.abs(offset) >= 2 ** (width - 1)) throw new Error(`${label} is out of reach`);
      this.words[at] = ((this.words[at] as number) | ((offset & (2 ** width - 1)) << shift)) >>> 0;
    }
    for (const { at, label } of this.addresses) this.words[at] = this.addressOf(label);
    return new Uint8Array(Uint32Array.from(this.words).buffer);
  }
}
