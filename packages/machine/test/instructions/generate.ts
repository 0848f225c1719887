import { type Encoding, encode, type Fields, layout } from './encoding.js';
import { RECORD_WORDS, RecordWord, SCRATCH, SCRATCH_SIZE, SLOT_WORDS, SLOTS } from './layout.js';
import { Random } from './random.js';
import { makeVectorInputs, type VectorInputs } from './vector-inputs.js';

/** One instance: what is run, and everything it starts from. */
export interface Case {
  readonly index: number;
  /** The encoding's name, or the kind of sequence. */
  readonly name: string;
  /** The instructions and their fields. */
  readonly detail: string;
  readonly words: readonly number[];
  /** Place of the first of them in the slot. */
  readonly entry: number;
  /** X0–X30, SP, SPSR. */
  readonly inputs: readonly bigint[];
  readonly vectors: VectorInputs;
}

const EL0t = 0n;
const EL1t = 4n;
const EL1h = 5n;
const svc = { bits: '11010100000 imm16:16 00001' };

/** A program that is not one instruction but several: see {@link makeSequence}. */
export const SEQUENCE = 'sequence';

const describe = (encoding: Encoding, fields: Fields): string =>
  `${encoding.name} ${layout(encoding.bits)
    .fields.map(({ name }) => `${name}=${fields[name]}`)
    .join(' ')}`;

/** Random legal fields. Throws when the table's rule lets next to nothing through. */
function chooseFields(encoding: Encoding, random: Random): Record<string, number> {
  const { fields } = layout(encoding.bits);
  for (let attempt = 0; attempt < 10_000; attempt++) {
    const values: Record<string, number> = {};
    for (const { name, width } of fields) values[name] = random.below(2 ** width);
    // Registers often coincide, and SP or ZR turns up more often than once in 32.
    for (const { name, width } of fields) {
      if (width === 5 && name.startsWith('R')) {
        const kind = random.below(8);
        if (kind === 0) values[name] = 31;
        if (kind === 1) values[name] = values[random.pick(fields.filter((f) => f.name.startsWith('R'))).name] as number;
      }
    }
    // The address is made by the base register, so an index has another one; XZR and SP are two.
    if (encoding.memory?.index && values.Rm === values.Rn && values.Rm !== 31) continue;
    if (!encoding.legal || encoding.legal(values)) return values;
  }
  throw new Error(`${encoding.name}: hardly any combination of fields is legal`);
}

function chooseAddress(encoding: Encoding, fields: Fields, random: Random): bigint {
  const memory = encoding.memory as NonNullable<Encoding['memory']>;
  const size = memory.size(fields);
  let offset = random.below(SCRATCH_SIZE - size + 1);
  // The middle of the scratch area is a page boundary: often across or beside it.
  if (random.chance(4)) offset = SCRATCH_SIZE / 2 - random.below(size + 1);
  const alignment = memory.aligned?.(fields) ?? 1;
  offset -= offset % alignment;
  if (memory.misalignedToo && random.chance(6))
    offset = Math.min(offset + random.below(alignment), SCRATCH_SIZE - size);
  return BigInt(SCRATCH + offset);
}

/** A word of the slots that holds an SVC, in reach: two times in three in the own slot. */
function chooseTarget(
  at: number,
  own: Case['words'],
  index: number,
  entry: number,
  count: number,
  width: number,
  random: Random,
): number {
  const reach = 2 ** (width - 1);
  if (!random.chance(3)) {
    let word = random.below(SLOT_WORDS);
    while (word >= entry && word < entry + own.length) word = random.below(SLOT_WORDS);
    return SLOTS + 4 * (index * SLOT_WORDS + word);
  }
  // First and last words of a slot are never anything but SVC.
  const distance = Math.floor(Math.min(reach / SLOT_WORDS, count) * (random.word() / 2 ** 32));
  const slot = Math.min(Math.max(index + (random.chance(2) ? distance : -distance), 0), count - 1);
  const target = SLOTS + 4 * (slot * SLOT_WORDS + (random.chance(2) ? 0 : SLOT_WORDS - 1));
  const words = (target - at) / 4;
  return words >= -reach && words < reach ? target : SLOTS + 4 * index * SLOT_WORDS;
}

/** Where a case runs: EL1 with either stack pointer, or EL0; any flags; D, A, I and F as they come, as nothing interrupts. */
function chooseSpsr(random: Random, onlyEl1 = false): bigint {
  const level = (onlyEl1 ? 2 : 0) + random.below(6);
  const mode = level < 2 ? EL0t : level < 4 ? EL1t : EL1h;
  return (BigInt(random.below(16)) << 28n) | (mode === EL0t ? 0n : BigInt(random.below(16)) << 6n) | mode;
}

/** One random instance of an encoding, for slot `index` of `count`. */
export function makeCase(encoding: Encoding, index: number, count: number, random: Random): Case {
  const fields = chooseFields(encoding, random);
  const inputs: bigint[] = Array.from({ length: 31 }, () => random.operand());
  const before = encoding.before?.(fields) ?? [];
  const entry = 1 + random.below(SLOT_WORDS - 2 - before.length);
  const at = SLOTS + 4 * (index * SLOT_WORDS + entry + before.length);
  const own = [...before, 0];
  inputs.push(random.operand());

  const { memory, branch, literal } = encoding;
  if (memory) {
    let base = chooseAddress(encoding, fields, random) - BigInt(memory.offset(fields));
    if (memory.index) {
      const index = fields.Rm as number;
      base -= memory.index(fields, index === 31 ? 0n : (inputs[index] as bigint));
    }
    inputs[fields[memory.base ?? 'Rn'] as number] = BigInt.asUintN(64, base);
  }
  const relative = branch && 'field' in branch ? branch : literal;
  if (relative) {
    const target = chooseTarget(at, own, index, entry, count, relative.width, random);
    fields[relative.field] = ((target - at) / 4) & (2 ** relative.width - 1);
  } else if (branch && 'register' in branch) {
    const target = chooseTarget(at, own, index, entry, count, 26, random);
    // Now and then not a multiple of 4: a PC alignment fault at the target.
    inputs[fields[branch.register] as number] = BigInt(target + (random.chance(12) ? 1 + random.below(3) : 0));
  }

  inputs.push(chooseSpsr(random, encoding.onlyEl1));
  return {
    index,
    name: encoding.name,
    detail: describe(encoding, fields),
    words: [...before, encode(encoding, fields)],
    entry,
    inputs,
    vectors: makeVectorInputs(random),
  };
}

/** `count` cases from all encodings by their weights, in random order; the same for the same seed. */
export function generate(encodings: readonly Encoding[], count: number, seed: number): Case[] {
  const random = new Random(seed);
  const total = encodings.reduce((sum, e) => sum + (e.weight ?? 1), 0);
  const order: Encoding[] = [];
  let share = 0;
  for (const encoding of encodings) {
    share += ((encoding.weight ?? 1) / total) * count;
    while (order.length < Math.round(share)) order.push(encoding);
  }
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j] as Encoding, order[i] as Encoding];
  }
  return order.map((encoding, index) => makeCase(encoding, index, count, random));
}

/** Registers that only addresses are in; sequences never write them but by writeback. */
const BASES = [16, 17, 18, 19, 20];
/** Where Rd = 31 is SP and not XZR. */
const writesSp = /^(ADD|SUB|AND|ORR|EOR) \((immediate|extended register)\)$/;
const setsOrUsesFlags = /^(ADDS|SUBS|ADC|SBC|ANDS|BICS|CCM|CS|B\.cond|M.. NZCV)/;

/** Whether a sequence can hold it: all data processing, forward branches, loads and stores by base and immediate. */
function fitsSequence({ name, bits, branch, literal, memory, before, reserved }: Encoding): boolean {
  if (reserved || before || literal || /^(SVC|BRK|HLT|MSR|MRS|HINT)/.test(name)) return /^M.. NZCV/.test(name);
  if (branch) return 'field' in branch;
  return !memory || (/imm\d+/.test(bits) && !memory.index && !memory.aligned && !memory.base);
}

/**
 * A random straight run of instructions with branches forward, to the end of the slot: what one leaves the next takes up,
 * the flags above all. Bases stay near the middle of the scratch memory.
 */
function makeSequence(from: readonly Encoding[], flags: readonly Encoding[], index: number, random: Random): Case {
  const inputs: bigint[] = Array.from({ length: 32 }, () => random.operand());
  for (const base of BASES) inputs[base] = BigInt(SCRATCH + SCRATCH_SIZE / 2 - 64 + random.below(128));
  const length = 2 + random.below(SLOT_WORDS - 3);
  const words: number[] = [];
  const details: string[] = [];
  while (words.length < length) {
    const encoding = random.chance(2) ? random.pick(flags) : random.pick(from);
    const fields = chooseFields(encoding, random);
    for (const name of ['Rd', 'Rt', 'Rt2']) {
      const register = fields[name];
      if (register !== undefined && register !== 31) fields[name] = register % 16;
    }
    if (encoding.memory) {
      fields.Rn = random.pick(BASES);
      if (fields.imm12 !== undefined) fields.imm12 = random.below(8);
      if (fields.imm9 !== undefined) fields.imm9 = (random.below(32) - 16) & 0x1ff;
      if (fields.imm7 !== undefined) fields.imm7 = (random.below(8) - 4) & 0x7f;
    } else if (fields.Rd === 31 && writesSp.test(encoding.name)) fields.Rd = random.below(16);
    if (encoding.legal && !encoding.legal(fields)) continue;
    if (encoding.branch && 'field' in encoding.branch) {
      fields[encoding.branch.field] = 1 + random.below(SLOT_WORDS - 2 - words.length);
    }
    // BL would write X30, which is harmless here; SP stays as it is, as nothing has it for Rd.
    words.push(encode(encoding, fields));
    details.push(describe(encoding, fields));
  }
  inputs.push(chooseSpsr(random));
  return {
    index,
    name: SEQUENCE,
    detail: details.join('; '),
    words,
    entry: 1,
    inputs,
    vectors: makeVectorInputs(random),
  };
}

/** `count` random sequences of the encodings that can stand in one; the same for the same seed. */
export function generateSequences(encodings: readonly Encoding[], count: number, seed: number): Case[] {
  const random = new Random(seed);
  const from = encodings.filter(fitsSequence);
  const flags = from.filter((e) => setsOrUsesFlags.test(e.name));
  return Array.from({ length: count }, (_, index) => makeSequence(from, flags, index, random));
}

/** The slots of these cases as memory. */
export function slotWords(cases: readonly Case[]): Uint32Array {
  const words = new Uint32Array(cases.length * SLOT_WORDS);
  for (const { index, entry, words: own } of cases) {
    for (let i = 0; i < SLOT_WORDS; i++) words[index * SLOT_WORDS + i] = encode(svc, { imm16: i });
    own.forEach((word, i) => {
      words[index * SLOT_WORDS + entry + i] = word;
    });
  }
  return words;
}

/** The records of these cases as memory. */
export function records(cases: readonly Case[]): BigUint64Array {
  const words = new BigUint64Array(cases.length * RECORD_WORDS);
  for (const { index, entry, inputs, vectors } of cases) {
    const record = words.subarray(index * RECORD_WORDS, (index + 1) * RECORD_WORDS);
    record.set(inputs);
    record[RecordWord.Entry] = BigInt(SLOTS + 4 * (index * SLOT_WORDS + entry));
    record[RecordWord.Cpacr] = vectors.cpacr;
    record[RecordWord.Fpcr] = vectors.fpcr;
    record[RecordWord.Fpsr] = vectors.fpsr;
    record.set(vectors.registers, RecordWord.Vectors);
  }
  return words;
}
