import { encode, type Fields } from './encoding.js';
import { encodingNamed } from './encodings/index.js';

const PC_RELATIVE: Readonly<Record<string, { readonly width: number; readonly field: string }>> = {
  B: { field: 'imm26', width: 26 },
  BL: { field: 'imm26', width: 26 },
  'B.cond': { field: 'imm19', width: 19 },
  CBZ: { field: 'imm19', width: 19 },
  CBNZ: { field: 'imm19', width: 19 },
  TBZ: { field: 'imm14', width: 14 },
  TBNZ: { field: 'imm14', width: 14 },
};

export enum Condition {
  EQ,
  NE,
  HS,
  LO,
  MI,
  PL,
  VS,
  VC,
  HI,
  LS,
  GE,
  LT,
  GT,
  LE,
}

/** XZR or SP, as the instruction has it. */
export const R31 = 31;

/** Puts A64 code together from the encoding tables, with labels. 64-bit forms throughout. */
export class Assembler {
  private readonly words: number[] = [];
  private readonly labels = new Map<string, number>();
  private readonly fixups: { at: number; label: string; name: string; fields: Fields }[] = [];

  /** @param base address of the first word */
  constructor(readonly base: number) {}

  get here(): number {
    return this.base + 4 * this.words.length;
  }

  word(value: number): void {
    this.words.push(value >>> 0);
  }

  label(name: string): void {
    this.labels.set(name, this.here);
  }

  address(label: string): number {
    const address = this.labels.get(label);
    if (address === undefined) throw new Error(`label ${label} is nowhere`);
    return address;
  }

  /** Fills with zero words up to a multiple of `alignment` bytes. */
  align(alignment: number): void {
    while (this.here % alignment !== 0) this.words.push(0);
  }

  emit(name: string, fields: Fields): void {
    this.word(encode(encodingNamed(name), fields));
  }

  /** A branch by its mnemonic to a label that may come later. */
  branch(name: string, label: string, fields: Fields = {}): void {
    this.fixups.push({ at: this.words.length, label, name, fields });
    this.words.push(0);
  }

  branchIf(condition: Condition, label: string): void {
    this.branch('B.cond', label, { cond: condition });
  }

  /** Loads a constant below 2^53 with as many MOVZ and MOVK as it takes. */
  constant(Rd: number, value: number | bigint): void {
    const wide = BigInt.asUintN(64, BigInt(value));
    this.emit('MOVZ', { sf: 1, hw: 0, imm16: Number(wide & 0xffffn), Rd });
    for (let hw = 1; hw < 4; hw++) {
      const imm16 = Number((wide >> BigInt(16 * hw)) & 0xffffn);
      if (imm16 !== 0) this.emit('MOVK', { sf: 1, hw, imm16, Rd });
    }
  }

  addImmediate(Rd: number, Rn: number, imm12: number): void {
    this.emit('ADD (immediate)', { sf: 1, imm12, Rn, Rd });
  }

  subtractImmediate(Rd: number, Rn: number, imm12: number, setFlags = false): void {
    this.emit(setFlags ? 'SUBS (immediate)' : 'SUB (immediate)', { sf: 1, imm12, Rn, Rd });
  }

  compare(Rn: number, Rm: number): void {
    this.emit('SUBS (shifted register)', { sf: 1, Rm, Rn, Rd: R31 });
  }

  move(Rd: number, Rm: number): void {
    this.emit('ORR (shifted register)', { sf: 1, Rm, Rn: R31, Rd });
  }

  load(Rt: number, Rn: number, offset = 0): void {
    this.emit('LDR (64-bit) unsigned offset', { imm12: offset / 8, Rn, Rt });
  }

  store(Rt: number, Rn: number, offset = 0): void {
    this.emit('STR (64-bit) unsigned offset', { imm12: offset / 8, Rn, Rt });
  }

  loadPair(Rt: number, Rt2: number, Rn: number, offset: number): void {
    this.emit('LDP (64-bit) signed offset', { imm7: (offset / 8) & 0x7f, Rt, Rt2, Rn });
  }

  storePair(Rt: number, Rt2: number, Rn: number, offset: number): void {
    this.emit('STP (64-bit) signed offset', { imm7: (offset / 8) & 0x7f, Rt, Rt2, Rn });
  }

  /** Q registers; the offset is a multiple of 16 below 1024. */
  loadVectors(Rt: number, Rt2: number, Rn: number, offset: number): void {
    this.emit('LDP (128-bit) signed offset', { imm7: offset / 16, Rt, Rt2, Rn });
  }

  storeVectors(Rt: number, Rt2: number, Rn: number, offset: number): void {
    this.emit('STP (128-bit) signed offset', { imm7: offset / 16, Rt, Rt2, Rn });
  }

  /** @param register 16-bit encoding op0:op1:CRn:CRm:op2 */
  readSystem(Rt: number, register: number): void {
    this.word(0xd5200000 | (register << 5) | Rt);
  }

  writeSystem(register: number, Rt: number): void {
    this.word(0xd5000000 | (register << 5) | Rt);
  }

  isb(): void {
    this.emit('ISB', { CRm: 15 });
  }

  /** The finished code. Throws on a label that is nowhere. */
  finish(): Uint32Array {
    for (const { at, label, name, fields } of this.fixups) {
      const { field, width } = PC_RELATIVE[name] as { field: string; width: number };
      const offset = (this.address(label) - (this.base + 4 * at)) / 4;
      this.words[at] = encode(encodingNamed(name), { ...fields, [field]: offset & (2 ** width - 1) });
    }
    return Uint32Array.from(this.words);
  }
}

/** Encodings of the system registers that the harness uses (DDI 0487 D13), op0:op1:CRn:CRm:op2. */
export const SystemRegister = {
  SCTLR_EL1: encoding(3, 0, 1, 0, 0),
  CPACR_EL1: encoding(3, 0, 1, 0, 2),
  TTBR0_EL1: encoding(3, 0, 2, 0, 0),
  TCR_EL1: encoding(3, 0, 2, 0, 2),
  SPSR_EL1: encoding(3, 0, 4, 0, 0),
  ELR_EL1: encoding(3, 0, 4, 0, 1),
  SP_EL0: encoding(3, 0, 4, 1, 0),
  ESR_EL1: encoding(3, 0, 5, 2, 0),
  FAR_EL1: encoding(3, 0, 6, 0, 0),
  MAIR_EL1: encoding(3, 0, 10, 2, 0),
  VBAR_EL1: encoding(3, 0, 12, 0, 0),
  TPIDR_EL1: encoding(3, 0, 13, 0, 4),
  FPCR: encoding(3, 3, 4, 4, 0),
  FPSR: encoding(3, 3, 4, 4, 1),
  TPIDRRO_EL0: encoding(3, 3, 13, 0, 3),
} as const;

function encoding(op0: number, op1: number, crn: number, crm: number, op2: number): number {
  return (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}
