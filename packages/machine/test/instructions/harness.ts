import { Assembler, Condition, R31, SystemRegister as S } from './assembler.js';
import {
  HARNESS,
  HEADER,
  Header,
  IMAGE_BASE,
  PATTERN,
  RECORD_WORDS,
  RECORDS,
  RESULT_FPCR,
  RESULT_NAMES,
  RESULT_VECTORS,
  RESULT_WORDS,
  RESULTS,
  RecordWord,
  SCRATCH,
  SCRATCH_SIZE,
  TRANSLATION_TABLES,
  VECTORS,
} from './layout.js';

const UART = 0x0900_0000;
/** CPACR_EL1.FPEN: no trap. */
const FP_ENABLED = 3 << 20;
const PSCI_SYSTEM_OFF = 0x8400_0008;
/**
 * RES1 bits, UCI, UCT, DZE (cache maintenance from EL0), CP15BEN, nTWE (QEMU 7.2 does not know WFE's trap), nTWI;
 * no alignment checks: A, SA, SA0 are 0.
 */
const SCTLR = 0x30d0_0800 | (1 << 26) | (1 << 18) | (1 << 16) | (1 << 15) | (1 << 14) | (1 << 5);
const SCTLR_M_C_I = (1 << 0) | (1 << 2) | (1 << 12);
/** 39-bit addresses for TTBR0 (T0SZ 25), walks cacheable, TTBR1 off (EPD1), 40-bit physical addresses. */
const TCR = (2n << 32n) | (1n << 23n) | (25n << 16n) | (3n << 12n) | (1n << 10n) | (1n << 8n) | 25n;

/** The head of an image: a branch over the header to the harness. */
export function entryCode(): Uint32Array {
  const a = new Assembler(IMAGE_BASE);
  a.constant(0, HARNESS);
  a.emit('BR', { Rn: 0 });
  return a.finish();
}

/**
 * The vectors: X0 and X1 go to thread registers that no case uses, X0 becomes the vector's number, X1 the place for the
 * results. A case ends with an SVC or with an exception of its own, so that every state of the program is seen from outside:
 * nothing of it has to survive to report it.
 */
export function vectorCode(): Uint32Array {
  const a = new Assembler(VECTORS);
  for (let vector = 0; vector < 16; vector++) {
    a.label(`vector ${vector}`);
    a.writeSystem(S.TPIDR_EL1, 0);
    a.writeSystem(S.TPIDRRO_EL0, 1);
    a.constant(0, vector);
    a.constant(1, HARNESS + 4);
    a.emit('BR', { Rn: 1 });
    a.align(128);
  }
  return a.finish();
}

/** Everything that runs between two cases. Position: {@link HARNESS}; its second word is where the vectors go. */
export function harnessCode(): Uint32Array {
  const a = new Assembler(HARNESS);
  a.branch('B', 'start');
  a.branch('B', 'report');
  start(a);
  next(a);
  report(a);
  print(a);
  return a.finish();
}

function start(a: Assembler): void {
  a.label('start');
  a.emit('MSR DAIFSet', { CRm: 15 });
  a.constant(0, VECTORS);
  a.writeSystem(S.VBAR_EL1, 0);
  a.constant(0, SCTLR);
  a.writeSystem(S.SCTLR_EL1, 0);
  a.isb();
  a.constant(1, HEADER);
  a.load(2, 1, 8 * Header.Mmu);
  a.branch('CBZ', 'next', { sf: 1, Rt: 2 });
  a.constant(2, TRANSLATION_TABLES);
  a.writeSystem(S.TTBR0_EL1, 2);
  a.constant(2, TCR);
  a.writeSystem(S.TCR_EL1, 2);
  a.constant(2, 0x00ff); // attribute 0: normal write-back; 1: device
  a.writeSystem(S.MAIR_EL1, 2);
  a.isb();
  a.constant(2, SCTLR_M_C_I);
  a.emit('ORR (shifted register)', { sf: 1, Rm: 2, Rn: 0, Rd: 0 });
  a.writeSystem(S.SCTLR_EL1, 0);
  a.isb();
}

function next(a: Assembler): void {
  a.label('next');
  a.constant(1, HEADER);
  a.load(2, 1, 8 * Header.Index);
  a.load(3, 1, 8 * Header.Count);
  a.compare(2, 3);
  a.branchIf(Condition.HS, 'off');
  a.constant(4, 8 * RECORD_WORDS);
  a.constant(5, RECORDS);
  a.emit('MADD', { sf: 1, Rm: 4, Ra: 5, Rn: 2, Rd: 3 }); // X3: the record

  a.constant(4, PATTERN);
  a.constant(5, SCRATCH);
  a.constant(6, SCRATCH_SIZE / 16);
  a.label('restore scratch');
  a.emit('LDP (64-bit) post-indexed', { imm7: 2, Rt: 7, Rt2: 8, Rn: 4 });
  a.emit('STP (64-bit) post-indexed', { imm7: 2, Rt: 7, Rt2: 8, Rn: 5 });
  a.subtractImmediate(6, 6, 1);
  a.branch('CBNZ', 'restore scratch', { sf: 1, Rt: 6 });

  a.writeSystem(S.ESR_EL1, R31);
  a.writeSystem(S.FAR_EL1, R31);
  a.load(4, 3, 8 * 31);
  a.writeSystem(S.SP_EL0, 4);
  a.addImmediate(R31, 4, 0); // MOV SP, X4
  a.load(4, 3, 8 * RecordWord.Spsr);
  a.writeSystem(S.SPSR_EL1, 4);
  a.load(4, 3, 8 * RecordWord.Entry);
  a.writeSystem(S.ELR_EL1, 4);
  // The floating-point state, then CPACR as the case has it.
  enableFp(a);
  a.load(4, 3, 8 * RecordWord.Fpcr);
  a.writeSystem(S.FPCR, 4);
  a.load(4, 3, 8 * RecordWord.Fpsr);
  a.writeSystem(S.FPSR, 4);
  for (let n = 0; n < 32; n += 2) a.loadVectors(n, n + 1, 3, 8 * RecordWord.Vectors + 16 * n);
  a.load(4, 3, 8 * RecordWord.Cpacr);
  a.writeSystem(S.CPACR_EL1, 4);
  a.isb();
  for (let n = 4; n < 30; n += 2) a.loadPair(n, n + 1, 3, 8 * n);
  a.load(30, 3, 8 * 30);
  a.loadPair(0, 1, 3, 0);
  a.loadPair(2, 3, 3, 16);
  a.word(0xd69f03e0); // ERET: sets PC, the flags, the exception level and the stack pointer without a general register

  a.label('off');
  a.constant(0, PSCI_SYSTEM_OFF);
  a.word(0xd4000002); // HVC #0
  a.label('halt');
  a.branch('B', 'halt');
}

/** Uses X4. */
function enableFp(a: Assembler): void {
  a.constant(4, FP_ENABLED);
  a.writeSystem(S.CPACR_EL1, 4);
  a.isb();
}

function report(a: Assembler): void {
  a.label('report');
  a.constant(1, RESULTS);
  a.store(0, 1, 8 * (RESULT_WORDS - 1));
  a.readSystem(0, S.TPIDR_EL1);
  a.store(0, 1, 0);
  a.readSystem(0, S.TPIDRRO_EL0);
  a.store(0, 1, 8);
  for (let n = 2; n < 30; n += 2) a.storePair(n, n + 1, 1, 8 * n);
  a.store(30, 1, 8 * 30);
  a.addImmediate(0, R31, 0); // MOV X0, SP
  a.store(0, 1, 8 * 31);
  [S.SP_EL0, S.SPSR_EL1, S.ELR_EL1, S.ESR_EL1, S.FAR_EL1].forEach((register, i) => {
    a.readSystem(0, register);
    a.store(0, 1, 8 * (32 + i));
  });
  enableFp(a);
  [S.FPCR, S.FPSR].forEach((register, i) => {
    a.readSystem(0, register);
    a.store(0, 1, 8 * (RESULT_FPCR + i));
  });
  for (let n = 0; n < 32; n += 2) a.storeVectors(n, n + 1, 1, 8 * RESULT_VECTORS + 16 * n);

  // X19: header, X20: this case. The next one is counted at once.
  a.constant(19, HEADER);
  a.load(20, 19, 8 * Header.Index);
  a.addImmediate(2, 20, 1);
  a.store(2, 19, 8 * Header.Index);
  a.load(2, 19, 8 * Header.Falsify);
  a.compare(2, 20);
  a.branchIf(Condition.NE, 'true result');
  a.load(2, 1, 0);
  a.constant(3, 1);
  a.emit('EOR (shifted register)', { sf: 1, Rm: 3, Rn: 2, Rd: 2 });
  a.store(2, 1, 0);
  a.label('true result');
  a.load(2, 19, 8 * Header.PrintFrom);
  a.compare(20, 2);
  a.branchIf(Condition.LO, 'next');
  a.load(2, 19, 8 * Header.Full);
  a.branch('CBNZ', 'full', { sf: 1, Rt: 2 });

  // A hash of all results: h ← (h ⊕ w) × K, h ← h ⊕ h >> 32.
  a.constant(21, 0x9e37_79b9_7f4a_7c15n);
  a.constant(0, 1);
  a.constant(2, RESULTS);
  a.constant(3, RESULT_WORDS);
  a.branch('BL', 'hash');
  a.constant(2, SCRATCH);
  a.constant(3, SCRATCH_SIZE / 8);
  a.branch('BL', 'hash');
  a.emit('UBFM', { sf: 1, N: 1, immr: 32, imms: 63, Rn: 0, Rd: 0 }); // LSR #32
  a.constant(1, 8);
  a.branch('BL', 'print');
  a.branch('BL', 'newline');
  a.branch('B', 'next');

  a.label('hash');
  a.emit('LDR (64-bit) post-indexed', { imm9: 8, Rn: 2, Rt: 4 });
  a.emit('EOR (shifted register)', { sf: 1, Rm: 4, Rn: 0, Rd: 0 });
  a.emit('MADD', { sf: 1, Rm: 21, Ra: R31, Rn: 0, Rd: 0 });
  a.emit('EOR (shifted register)', { sf: 1, shift: 1, imm6: 32, Rm: 0, Rn: 0, Rd: 0 });
  a.subtractImmediate(3, 3, 1);
  a.branch('CBNZ', 'hash', { sf: 1, Rt: 3 });
  a.emit('RET', { Rn: 30 });

  a.label('full');
  a.constant(22, RESULTS);
  a.constant(23, RESULT_WORDS);
  a.branch('BL', 'dump');
  a.constant(22, SCRATCH);
  a.constant(23, SCRATCH_SIZE / 8);
  a.branch('BL', 'dump');
  a.branch('B', 'next');

  a.label('dump');
  a.move(24, 30);
  a.label('dump one');
  a.emit('LDR (64-bit) post-indexed', { imm9: 8, Rn: 22, Rt: 0 });
  a.constant(1, 16);
  a.branch('BL', 'print');
  a.branch('BL', 'newline');
  a.subtractImmediate(23, 23, 1);
  a.branch('CBNZ', 'dump one', { sf: 1, Rt: 23 });
  a.emit('RET', { Rn: 24 });
}

/** Prints the low X1 hexadecimal digits of X0. */
function print(a: Assembler): void {
  a.label('print');
  a.constant(4, UART);
  a.label('digit');
  a.subtractImmediate(1, 1, 1);
  a.emit('SUB (shifted register)', { sf: 1, Rm: 1, Rn: R31, Rd: 2 });
  a.emit('UBFM', { sf: 1, N: 1, immr: 62, imms: 61, Rn: 1, Rd: 2 }); // LSL #2
  a.emit('LSRV', { sf: 1, Rm: 2, Rn: 0, Rd: 3 });
  a.emit('UBFM', { sf: 1, N: 1, immr: 0, imms: 3, Rn: 3, Rd: 3 }); // the lowest digit
  a.subtractImmediate(R31, 3, 10, true);
  a.addImmediate(3, 3, 48); // '0'
  a.branchIf(Condition.LO, 'decimal');
  a.addImmediate(3, 3, 39); // 'a' − 10 − '0'
  a.label('decimal');
  a.emit('STR (32-bit) unsigned offset', { Rn: 4, Rt: 3 });
  a.branch('CBNZ', 'digit', { sf: 1, Rt: 1 });
  a.emit('RET', { Rn: 30 });

  a.label('newline');
  a.constant(4, UART);
  a.constant(3, 10);
  a.emit('STR (32-bit) unsigned offset', { Rn: 4, Rt: 3 });
  a.emit('RET', { Rn: 30 });
}

/**
 * Identity mapping for the MMU variant: level 1 at {@link TRANSLATION_TABLES}, level 2 for the RAM of the image after it.
 * Descriptors as DDI 0487 D5.3: AF, inner shareable, AttrIndx, AP, PXN, UXN.
 */
export function translationTables(): BigUint64Array {
  const block = 1n | (1n << 10n) | (3n << 8n);
  const never = (1n << 53n) | (1n << 54n);
  const device = block | (1n << 2n) | never;
  const readWriteAll = block | (1n << 6n) | never;
  const readOnlyAll = block | (3n << 6n);
  const privileged = block;
  const tables = new BigUint64Array(1024);
  tables[0] = device;
  tables[1] = BigInt(TRANSLATION_TABLES + 0x1000) | 3n;
  for (let n = 0; n < 64; n++) {
    const address = 0x4000_0000 + n * 0x20_0000;
    const permissions =
      n === 0 ? privileged : address >= 0x4600_0000 ? readWriteAll : address < RECORDS ? readOnlyAll : privileged;
    tables[512 + n] = BigInt(address) | permissions;
  }
  return tables;
}

/** Turns the output of a full run into named values. Throws when it is not complete. */
export function parseFull(output: string): { readonly registers: Map<string, string>; readonly scratch: string[] } {
  const lines = output.trim().split(/\s+/);
  if (lines.length < RESULT_WORDS + SCRATCH_SIZE / 8) throw new Error(`full output of a case ends early: ${output}`);
  return {
    registers: new Map(RESULT_NAMES.map((name, i) => [name, lines[i] as string])),
    scratch: lines.slice(RESULT_WORDS, RESULT_WORDS + SCRATCH_SIZE / 8),
  };
}
