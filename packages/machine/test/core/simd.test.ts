import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Exit } from '../../src/core/index.js';
import { cryptographic } from '../instructions/encodings/simd.js';
import { Random } from '../instructions/random.js';
import { BareBoard, RAM_BASE } from './bare-board.js';

const VECTORS = 0x800;
const CODE = 0x100;
const HVC = 0xd4000002;
const SVC = 0xd4000001;
/** ESR_EL1, ID_AA64PFR0_EL1, ID_AA64ISAR0_EL1, FPCR, FPSR: op0:op1:CRn:CRm:op2. */
const ESR_EL1 = 0xc290;
const ID_AA64PFR0_EL1 = 0xc020;
const ID_AA64ISAR0_EL1 = 0xc030;
const FPCR = 0xda20;
const FPSR = 0xda21;

const SUPERVISOR_CALL = 0x56000000;
const UNDEFINED = 0x02000000;
/** Exception class 7, instruction length 32 bits, condition "always". */
const TRAPPED = 0x1fe00000;

/** Enters exception level X3 selects at CODE, with vectors that only make a hypercall. X0 to X3: VBAR, CPACR, ELR, SPSR. */
const frame: readonly (readonly [offset: number, word: number])[] = [
  [0x00, 0xd518c000],
  [0x04, 0xd5181041],
  [0x08, 0xd5184022],
  [0x0c, 0xd5184003],
  [0x10, 0xd5033fdf], // ISB
  [0x14, 0xd69f03e0], // ERET
  ...Array.from({ length: 16 }, (_, n): [number, number] => [VECTORS + 0x80 * n, HVC]),
];

/** ESR_EL1 after these instructions and an SVC have run. */
function syndromeOf(words: readonly number[], fpen = 3, el = 1, board = new BareBoard()): number {
  for (const [offset, word] of frame) board.poke(offset, word);
  [...words, SVC].forEach((word, i) => {
    board.poke(CODE + 4 * i, word);
  });
  board.core.reset(0, BigInt(RAM_BASE), 0n);
  const inputs = [RAM_BASE + VECTORS, fpen << 20, RAM_BASE + CODE, el === 1 ? 0x3c5 : 0];
  inputs.forEach((value, n) => {
    board.core.writeRegister(0, n, BigInt(value));
  });
  expect(board.core.run(0, 1000)).toBe(Exit.Hypercall);
  expect(board.core.pc(0)).toBe(BigInt(RAM_BASE + VECTORS + (el === 1 ? 0x200 : 0x400) + 4));
  return Number(board.core.systemRegister(0, ESR_EL1));
}

const samples: readonly (readonly [name: string, word: number])[] = [
  ['FADD D0, D1, D2', 0x1e622820],
  ['ADD V0.16B, V1.16B, V2.16B', 0x4e228420],
  ['FMOV X4, D0', 0x9e660004],
  ['LDR Q0, [X0]', 0x3dc00000],
  ['STP D0, D1, [X0]', 0x6d000400],
  ['LD1 {V0.16B}, [X0]', 0x4c407000],
  ['MRS X4, FPCR', 0xd53b4404],
  ['MSR FPSR, X4', 0xd51b4424],
];

describe('floating point and Advanced SIMD', () => {
  it.each(samples)('are trapped by CPACR_EL1.FPEN as it says for each exception level: %s', (_name, word) => {
    for (const fpen of [0, 1, 2, 3]) {
      expect(syndromeOf([word], fpen, 1)).toBe(fpen & 1 ? SUPERVISOR_CALL : TRAPPED);
      expect(syndromeOf([word], fpen, 0)).toBe(fpen === 3 ? SUPERVISOR_CALL : TRAPPED);
    }
  });

  it('are undefined, not trapped, where nothing is allocated', () => {
    for (const fpen of [0, 3]) {
      expect(syndromeOf([0x1ee22820], fpen)).toBe(UNDEFINED); // FADD H0, H1, H2: FEAT_FP16
      expect(syndromeOf([0x4f80f020], fpen)).toBe(UNDEFINED);
      expect(syndromeOf([0x2e228420 | (3 << 22)], fpen)).toBe(UNDEFINED); // SUB V0.1D, V1.1D, V2.1D
    }
  });

  it('check the alignment of a register, or of an element, with SCTLR_EL1.A', () => {
    // MRS X9, SCTLR_EL1; ORR X9, X9, #2; MSR SCTLR_EL1, X9; ADD X5, X0, #8: 8 bytes behind a multiple of 16.
    const aligned = [0xd5381009, 0xb27f0129, 0xd5181009, 0x91002005];
    const load = 0x96000021;
    const store = 0x96000061;
    expect(syndromeOf([...aligned, 0x3dc000a0])).toBe(load); // LDR Q0, [X5]
    expect(syndromeOf([...aligned, 0x3d8000a0])).toBe(store); // STR Q0, [X5]
    expect(syndromeOf([...aligned, 0xad4004a0])).toBe(load); // LDP Q0, Q1, [X5]
    expect(syndromeOf([...aligned, 0xad0004a0])).toBe(store); // STP Q0, Q1, [X5]
    expect(syndromeOf([...aligned, 0xfd4000a0])).toBe(SUPERVISOR_CALL); // LDR D0, [X5]
    expect(syndromeOf([...aligned, 0x6d0004a0])).toBe(SUPERVISOR_CALL); // STP D0, D1, [X5]
    expect(syndromeOf([...aligned, 0x4c407ca0])).toBe(SUPERVISOR_CALL); // LD1 {V0.2D}, [X5]
    expect(syndromeOf([...aligned, 0x910010a5, 0x4c407ca0])).toBe(load); // ADD X5, X5, #4; LD1 {V0.2D}, [X5]
    expect(syndromeOf([...aligned, 0x910010a5, 0x4c0078a0])).toBe(SUPERVISOR_CALL); // ST1 {V0.4S}, [X5]
  });

  it('are offered by the ID registers without half-precision arithmetic, and without cryptography', () => {
    const { core } = new BareBoard();
    expect(core.systemRegister(0, ID_AA64PFR0_EL1)! & 0x00ff0000n).toBe(0n);
    expect(core.systemRegister(0, ID_AA64ISAR0_EL1)! & 0xffffn).toBe(0n);
  });

  it('have no cryptographic instruction: each is undefined', () => {
    const random = new Random(8);
    const board = new BareBoard();
    for (let i = 0; i < 400; i++) {
      const [value, mask] = random.pick(cryptographic);
      const word = ((random.word() & ~mask) | value) >>> 0;
      expect(syndromeOf([word], 3, 1, board), word.toString(16)).toBe(UNDEFINED);
    }
  });
});

describe('the saved state of a vCPU', () => {
  const board = new BareBoard();
  // DUP V5.2D, X0; INS V31.D[1], X2; FMOV D7, #-1.0; FSQRT D7, D7; MOV X4, #0x1000000; MSR FPCR, X4.
  const program = [0x4e080c05, 0x4e181c5f, 0x1e7e1007, 0x1e61c0e7, 0xd2a02004, 0xd51b4404];
  syndromeOf(program, 3, 1, board);
  const saved = board.core.saveVcpu(0);

  it('has V0 to V31, FPCR and FPSR', () => {
    const other = new BareBoard();
    other.core.restoreVcpu(0, saved);
    expect(other.core.saveVcpu(0)).toEqual(saved);
    expect(other.core.systemRegister(0, FPCR)).toBe(0x01000000n);
    expect(other.core.systemRegister(0, FPSR)).toBe(1n);
    // UMOV X9, V5.D[1]; UMOV X10, V31.D[1]: in another core, after a restore.
    other.poke(0, 0x4e183ca9);
    other.poke(4, 0x4e183fea);
    other.core.setPc(0, BigInt(RAM_BASE));
    other.core.run(0, 2);
    expect([other.x(9), other.x(10)]).toEqual([BigInt(RAM_BASE + VECTORS), BigInt(RAM_BASE + CODE)]);
  });

  it('differs when any bit of a V register does', () => {
    const fresh = new BareBoard();
    const at = saved.length - 16 - 512; // V0 begins the last part, before FPCR and FPSR
    fc.assert(
      fc.property(fc.nat(511), fc.nat(7), (byte, bit) => {
        const changed = saved.slice();
        changed[at + byte] ^= 1 << bit;
        fresh.core.restoreVcpu(0, changed);
        expect(fresh.core.saveVcpu(0)).toEqual(changed);
        expect(changed).not.toEqual(saved);
      }),
    );
  });

  it.each([
    ['FPCR', 16, 0x00000100],
    ['FPSR', 8, 0x80000000],
  ])('is refused with a bit of %s that no vCPU can have', (_name, fromEnd, bits) => {
    const changed = saved.slice();
    new DataView(changed.buffer).setUint32(changed.length - fromEnd, bits, true);
    expect(() => new BareBoard().core.restoreVcpu(0, changed)).toThrow(RangeError);
  });
});
