import { a64, Condition, Program } from './program.js';

const BASE = 0x4008_0000;
const UART = 0x0900_0000;
const PSCI_SYSTEM_OFF = 0x8400_0008;
/** 64 KiB that the programs load from and store to, and a stack; in RAM above every image. */
const DATA = 0x4100_0000;
const STACK = 0x4102_0000;

/** What a program prints before and after the work that is measured. */
export const BEGIN = '<';
export const END = '>';

/** Registers with a fixed use. */
const STATE = 19;
const DATA_BASE = 20;
const TABLE = 21;
const COUNT = 22;
const MULTIPLIER = 23;
const PASSES = 24;
const UART_BASE = 25;

/**
 * The frame of every program: MMU on, as real guests run, with an identity mapping by 2 MiB blocks; one pass of the work to
 * warm the emulator's translations, then the mark, the measured passes, the mark, the result, SYSTEM_OFF.
 */
function frame(
  passes: number,
  setUp: (p: Program) => void,
  pass: (p: Program) => void,
  rest: (p: Program) => void,
): Uint8Array {
  const p = new Program(BASE);
  mmuOn(p);
  p.constant(DATA_BASE, DATA);
  p.constant(UART_BASE, UART);
  p.constant(0, STACK);
  p.emit(a64.movSp(0));
  p.constant(STATE, 0x9e37_79b9_7f4a_7c15n);
  p.constant(MULTIPLIER, 0x5851_f42d_4c95_7f2dn);
  // Fill the data with what a multiplicative generator gives, so that branches on it are not foreseeable.
  p.constant(0, 0);
  p.label('fill');
  p.emit(
    a64.madd(STATE, STATE, MULTIPLIER, MULTIPLIER),
    a64.eorShifted(1, STATE, STATE, 1, 29),
    a64.strIndexed(1, DATA_BASE, 0),
    a64.addImmediate(0, 0, 8),
    a64.lsr(1, 0, 16),
  );
  p.testBit(1, 0, false, 'fill');
  for (let n = 0; n < 16; n++) p.emit(a64.ldr(n, DATA_BASE, 8 * n));
  setUp(p);
  p.constant(PASSES, 1);
  p.bl('work');
  mark(p, BEGIN);
  p.constant(PASSES, passes);
  p.bl('work');
  mark(p, END);
  result(p);
  p.constant(0, PSCI_SYSTEM_OFF);
  p.emit(a64.hvc());
  p.label('halt');
  p.b('halt');

  p.label('work');
  p.emit(a64.strPre(30, 31, -16));
  p.label('pass');
  pass(p);
  p.emit(a64.subsImmediate(PASSES, PASSES, 1));
  p.bIf(Condition.NE, 'pass');
  p.emit(a64.ldrPost(30, 31, 16), a64.ret());
  rest(p);
  return p.finish();
}

/** Prints what all the work came to, in 16 letters from `a` to `p`: both sides must have done the same. */
function result(p: Program): void {
  for (let n = 0; n < 16; n++) p.emit(a64.eorShifted(STATE, n, STATE, 3, 7));
  for (let n = 0; n < 16; n++) {
    p.emit(a64.ubfx(17, STATE, 4 * n, 4), a64.addImmediate(17, 17, 'a'.charCodeAt(0)), a64.strW(17, UART_BASE, 0));
  }
}

function mark(p: Program, text: string): void {
  p.emit(a64.movz(17, text.charCodeAt(0)), a64.strW(17, UART_BASE, 0));
}

const MAIR_EL1 = 0xc510;
const TCR_EL1 = 0xc102;
const TTBR0_EL1 = 0xc100;
const SCTLR_EL1 = 0xc080;

/** Identity mapping in 39-bit addresses (DDI 0487 D5.3): level 1, then level 2 with 2 MiB blocks for 128 MiB of RAM. */
function mmuOn(p: Program): void {
  p.b('entry');
  p.align(4096);
  const level1 = p.here;
  p.doubleword(0x0060_0000_0000_0405n); // device memory, never executable
  p.doubleword(BigInt(level1 + 4096) | 3n);
  p.align(4096);
  for (let n = 0; n < 64; n++) p.doubleword(BigInt(0x4000_0000 + n * 0x20_0000) | 0x701n);
  p.align(4096);
  p.label('entry');
  p.constant(0, level1);
  p.emit(a64.msr(TTBR0_EL1, 0));
  p.constant(0, 0xff); // attribute 0: normal memory, write-back; 1: device
  p.emit(a64.msr(MAIR_EL1, 0));
  p.constant(0, (2n << 32n) | (1n << 23n) | (25n << 16n) | (3n << 12n) | (1n << 10n) | (1n << 8n) | 25n);
  p.emit(a64.msr(TCR_EL1, 0), a64.isb());
  p.constant(0, 0x30d0_0800 | (1 << 12) | (1 << 2) | 1);
  p.emit(a64.msr(SCTLR_EL1, 0), a64.isb());
}

/** A generator for the shape of the programs; always the same program for the same parameters. */
function shapes(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/**
 * Three small loops, each 4096 rounds a pass: a random generator that updates a table and branches on what it finds there,
 * a copy by pairs, and a checksum byte by byte.
 */
export function hotLoops(passes: number): Uint8Array {
  return frame(
    passes,
    () => {},
    (p) => {
      p.constant(COUNT, 4096);
      p.label('update');
      p.emit(
        a64.eorShifted(1, 1, 1, 0, 13),
        a64.eorShifted(1, 1, 1, 1, 7),
        a64.eorShifted(1, 1, 1, 0, 17),
        a64.andOffset(2, 1),
        a64.ldrIndexed(3, DATA_BASE, 2),
        a64.add(3, 3, 1),
        a64.strIndexed(3, DATA_BASE, 2),
      );
      p.testBit(3, 7, false, 'even');
      p.emit(a64.addImmediate(4, 4, 1), a64.eorShifted(5, 5, 3, 3, 9));
      p.label('even');
      p.emit(a64.subsImmediate(COUNT, COUNT, 1));
      p.bIf(Condition.NE, 'update');

      p.constant(COUNT, 1024);
      p.emit(a64.orr(6, 31, DATA_BASE), a64.addImmediate(7, DATA_BASE, 0));
      p.constant(8, 0x8000);
      p.emit(a64.add(7, 7, 8));
      p.label('copy');
      p.emit(
        a64.ldpPost(8, 9, 6, 16),
        a64.ldpPost(10, 11, 6, 16),
        a64.stpPost(8, 9, 7, 16),
        a64.stpPost(10, 11, 7, 16),
        a64.subsImmediate(COUNT, COUNT, 1),
      );
      p.bIf(Condition.NE, 'copy');

      p.constant(COUNT, 4096);
      p.emit(a64.orr(6, 31, DATA_BASE));
      p.label('checksum');
      p.emit(
        a64.ldrbPost(8, 6, 1),
        a64.madd(12, 12, MULTIPLIER, 8),
        a64.subs(31, 8, 9),
        a64.csel(9, 8, 9, Condition.HS),
        a64.addW(13, 13, 12),
        a64.subsImmediate(COUNT, COUNT, 1),
      );
      p.bIf(Condition.NE, 'checksum');
    },
    () => {},
  );
}

/** One data instruction of a function: registers X0–X15, an offset in X16. */
function dataInstruction(next: (limit: number) => number): number[] {
  const [d, n, m] = [next(16), next(16), next(16)];
  switch (next(14)) {
    case 0:
      return [a64.add(d, n, m)];
    case 1:
      return [a64.sub(d, n, m)];
    case 2:
      return [a64.eorShifted(d, n, m, 3, 1 + next(60))];
    case 3:
      return [a64.madd(d, n, m, next(16))];
    case 4:
      return [a64.addImmediate(d, n, next(4096))];
    case 5:
      return [a64.ubfx(d, n, next(16), 1 + next(47))];
    case 6:
      return [a64.add(d, n, m, 1 + next(5))];
    case 7:
      return [a64.orr(d, n, m)];
    case 8:
      return [a64.subs(31, n, m), a64.csel(d, n, m, next(6))];
    case 9:
      return [a64.ldr(d, DATA_BASE, 8 * next(4096))];
    case 10:
      return [a64.str(d, DATA_BASE, 8 * next(4096))];
    case 11:
      return [a64.andOffset(16, n), a64.ldrIndexed(d, DATA_BASE, 16)];
    case 12:
      return [a64.andOffset(16, n), a64.strIndexed(d, DATA_BASE, 16)];
    default:
      return [a64.ldrW(d, DATA_BASE, 4 * next(4096))];
  }
}

/**
 * `functions` distinct functions of about 115 instructions, called through a table in an order that the data decides; in
 * each some fifteen branches on data, and in every second a direct call to another. 1000 functions are some 460 KB of code.
 */
export function wideCode(functions: number, callsPerPass: number, passes: number): Uint8Array {
  const next = shapes(functions);
  const leaves = functions >> 1;
  return frame(
    passes,
    (p) => {
      p.b('table end');
      p.align(8);
      p.label('table');
      for (let f = 0; f < functions; f++) p.address(`function ${f}`);
      p.label('table end');
      p.constant(TABLE, p.addressOf('table'));
    },
    (p) => {
      p.constant(COUNT, callsPerPass);
      p.label('call');
      p.emit(a64.madd(STATE, STATE, MULTIPLIER, MULTIPLIER), a64.eorShifted(STATE, STATE, 3, 1, 32));
      p.constant(17, functions);
      p.emit(a64.umulh(17, STATE, 17), a64.ldrScaled(17, TABLE, 17), a64.blr(17));
      p.emit(a64.subsImmediate(COUNT, COUNT, 1));
      p.bIf(Condition.NE, 'call');
    },
    (p) => {
      for (let f = 0; f < functions; f++) {
        p.label(`function ${f}`);
        const start = p.here;
        const calls = f >= leaves;
        if (calls) p.emit(a64.strPre(30, 31, -16));
        p.emit(a64.eorShifted(next(16), next(16), STATE, 0, 0));
        for (let block = 0; p.here - start < 4 * 105; block++) {
          const label = `function ${f} block ${block}`;
          for (let i = next(4); i >= 0; i--) p.emit(...dataInstruction(next));
          if (next(2) === 0) p.testBit(next(16), next(64), next(2) === 0, label);
          else {
            p.emit(a64.subs(31, next(16), next(16)));
            p.bIf(next(6), label);
          }
          for (let i = next(3); i >= 0; i--) p.emit(...dataInstruction(next));
          p.label(label);
          if (calls && block === 5) p.bl(`function ${next(leaves)}`);
        }
        p.emit(a64.eorShifted(STATE, STATE, next(16), 3, 1 + next(60)));
        if (calls) p.emit(a64.ldrPost(30, 31, 16));
        p.emit(a64.ret());
      }
    },
  );
}
