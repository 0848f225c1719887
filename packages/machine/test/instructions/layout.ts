/**
 * Where the parts of a test image lie. Each has its own 2 MiB block, because with the MMU on each needs other permissions:
 * code that EL0 may write is not executable at EL1 (DDI 0487 D5.4.5).
 */
export const IMAGE_BASE = 0x4008_0000;
export const HEADER = IMAGE_BASE + 0x40;
export const VECTORS = IMAGE_BASE + 0x800;
export const HARNESS = IMAGE_BASE + 0x1000;
export const RESULTS = IMAGE_BASE + 0x3000;
export const TRANSLATION_TABLES = IMAGE_BASE + 0x4000;
export const PATTERN = IMAGE_BASE + 0x6000;
export const SLOTS = 0x4020_0000;
/** Just over 4 MiB are left for the slots: SLOT_SIZE × cases must fit before. */
export const RECORDS = 0x4060_0000;
/** Not in the image: RAM that the instructions under test load from and store to, across a page boundary. */
export const SCRATCH_SIZE = 512;
export const SCRATCH = 0x4700_1000 - SCRATCH_SIZE / 2;

/** A slot is filled with SVC, so that wherever a branch lands is reported; its instructions stand somewhere in the middle. */
export const SLOT_WORDS = 16;
/** X0–X30, SP, SPSR, the address to enter at, then what {@link RecordWord} says. */
export const RECORD_WORDS = 102;
/** Doublewords of a record behind the integer ones. */
export enum RecordWord {
  Spsr = 32,
  Entry,
  Cpacr,
  Fpcr,
  Fpsr,
  /** V0–V31, the lower half first. */
  Vectors = 38,
}
/** X0–X30, SP_EL1, SP_EL0, SPSR, ELR, ESR, FAR, FPCR, FPSR, V0–V31, vector. */
export const RESULT_NAMES: readonly string[] = [
  ...Array.from({ length: 31 }, (_, n) => `X${n}`),
  'SP_EL1',
  'SP_EL0',
  'SPSR_EL1',
  'ELR_EL1',
  'ESR_EL1',
  'FAR_EL1',
  'FPCR',
  'FPSR',
  'spare',
  ...Array.from({ length: 32 }, (_, n) => [`V${n} low`, `V${n} high`]).flat(),
  'vector',
];
export const RESULT_WORDS = RESULT_NAMES.length;
export const RESULT_FPCR = RESULT_NAMES.indexOf('FPCR');
export const RESULT_VECTORS = RESULT_NAMES.indexOf('V0 low');

/** Header: how the image runs, written by the host before it starts. Doublewords. */
export enum Header {
  Count,
  /** Index of the first case printed; those before it run silently, so that a case is seen in its own history. */
  PrintFrom,
  /** Not 0: the registers and memory of each printed case in full. */
  Full,
  /** Not 0: the MMU is on, with an identity mapping. */
  Mmu,
  /** Index of a case whose X0 is falsified before it is reported: the negative control. */
  Falsify,
  /** The harness's own: the case that runs. */
  Index,
}
