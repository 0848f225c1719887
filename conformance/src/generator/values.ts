/** Register values that make a difference, by the domain that registers.ts names. */
import { baseRegister, baser, cbaser, type GuestTables } from './guest-tables.js';
import { hex, hex64 } from './protocol.js';
import type { Random } from './random.js';
import type { Register, SystemRegister } from './registers.js';

/** What the values are drawn around: a sequence's machine and the interrupts that it is about. */
export interface ValueContext {
  readonly random: Random;
  readonly gic: 2 | 3;
  readonly vcpus: number;
  /** The INTIDs that the sequence works with. */
  readonly intids: readonly number[];
  /** The priorities that the sequence works with. */
  readonly priorities: readonly number[];
  readonly priorityBits: number;
  readonly idBits: number;
  readonly affinity3Valid: boolean;
  readonly systemErrors: boolean;
  readonly ramBytes: number;
  /** The tables of a guest that has an ITS. */
  readonly tables: GuestTables | undefined;
  /** An INTID (on GICv2 with the source of an SGI) that the guest may end or deactivate. */
  acknowledged(): number;
}

const anyWord = (random: Random): number =>
  random.weighted([
    [3, () => random.word()],
    [1, () => 0],
    [1, () => 0xffffffff],
    [2, () => (1 << random.below(32)) >>> 0],
    [2, () => (random.word() & random.word() & random.word()) >>> 0],
  ])();

/** A word of one-bit fields for the 32 INTIDs from `first` on: mostly those that the sequence works with. */
function bits(context: ValueContext, first: number): number {
  const { random } = context;
  if (random.chance(0.15)) return anyWord(random);
  let word = 0;
  const share = random.chance(0.5) ? 1 : 0.4;
  for (const intid of context.intids) {
    if (intid >= first && intid < first + 32 && random.chance(share)) word |= 1 << (intid - first);
  }
  return word >>> 0;
}

const priority = (context: ValueContext): number =>
  context.random.chance(0.8) ? context.random.pick(context.priorities) : context.random.below(256);

const bytes = (length: number, draw: () => number): string => {
  let low = 0;
  let high = 0;
  for (let i = 0; i < Math.min(length, 4); i++) low |= draw() << (8 * i);
  for (let i = 4; i < length; i++) high |= draw() << (8 * (i - 4));
  return hex64(high, low);
};

/** GICD_SGIR (IHI 0048, 4.3.15): TargetListFilter, CPUTargetList, NSATT, SGIINTID. */
function softwareInterrupt(context: ValueContext): number {
  const { random } = context;
  const filter = random.weighted([[6, 0] as const, [1, 1] as const, [1, 2] as const, [0.3, 3] as const]);
  const targets = random.chance(0.8) ? 1 << random.below(context.vcpus) : random.below(256);
  return ((filter << 24) | (targets << 16) | (random.chance(0.1) ? 1 << 15 : 0) | sgi(context)) >>> 0;
}

function sgi(context: ValueContext): number {
  const sgis = context.intids.filter((intid) => intid < 16);
  return sgis.length && context.random.chance(0.85) ? context.random.pick(sgis) : context.random.below(16);
}

/** ICC_SGI1R_EL1 and its like (IHI 0069, 12.2.25): affinity, range selector, IRM, INTID, target list. */
function generateSgi(context: ValueContext): string {
  const { random } = context;
  const list = random.chance(0.8) ? 1 << random.below(context.vcpus) : random.below(0x10000);
  const low = ((sgi(context) << 24) | (random.chance(0.05) ? random.below(256) << 16 : 0) | list) >>> 0;
  let high = 0;
  if (random.chance(0.1)) high |= 1 << 8;
  if (random.chance(0.05)) high |= random.below(16) << 12;
  if (random.chance(0.05)) high |= random.below(4);
  if (random.chance(0.03)) high |= random.below(256) << 16;
  return random.chance(0.03) ? hex64(random.word(), random.word()) : hex64(high, low);
}

/** GICD_IROUTER: affinity of a vCPU that is there, or is not, and the bits that KVM does not keep. */
function affinity(context: ValueContext): string {
  const { random } = context;
  let low = random.chance(0.85) ? random.below(context.vcpus) : random.below(32);
  let high = 0;
  if (random.chance(0.05)) low |= 1 << 31;
  if (random.chance(0.05)) low |= random.below(0x1000000);
  if (random.chance(0.05)) high = random.below(256);
  return hex64(high, low);
}

/** ICC_CTLR_EL1: CBPR, EOImode, and the read-only fields as this machine has them, or not. */
function cpuControl(context: ValueContext, exact: boolean): number {
  const { random } = context;
  let value = (random.chance(0.25) ? 1 : 0) | (random.chance(0.35) ? 2 : 0);
  if (exact || random.chance(0.5)) {
    value |= (context.priorityBits - 1) << 8;
    value |= (context.idBits & 7) << 11;
    if (context.systemErrors) value |= 1 << 14;
    if (context.affinity3Valid) value |= 1 << 15;
  }
  if (random.chance(exact ? 0.15 : 0.05)) value = (value ^ (1 << random.below(20))) >>> 0;
  return value;
}

/** GICR_PROPBASER, GICR_PENDBASER: an address in RAM with plausible attributes. */
function tableBase(context: ValueContext, name: string): string {
  const { random, tables } = context;
  if (tables && random.chance(0.6)) {
    if (name === 'GICR_PROPBASER') return baseRegister(tables.configuration, 0, tables.idBits);
    return baseRegister(random.pick(tables.pending), random.chance(0.5) ? 0x40000000 : 0, 0);
  }
  if (random.chance(0.2)) return hex64(random.word(), random.word());
  const page = random.below(Math.max(1, context.ramBytes >> 16)) << 16;
  return hex64(
    random.chance(0.3) ? 0x40000000 : 0,
    (0x40000000 + page + (random.below(8) << 7) + random.below(32)) >>> 0,
  );
}

/** Where the registers with a table's place have Shareability, OuterCache and InnerCache. */
const ATTRIBUTES = [
  [10n, 3n],
  [53n, 7n],
  [59n, 7n],
] as const;

/** Other memory attributes now and then. */
function attributes(random: Random, value: bigint): bigint {
  let changed = value;
  for (const [shift, mask] of ATTRIBUTES) {
    if (random.chance(0.3)) changed = (changed & ~(mask << shift)) | ((BigInt(random.below(8)) & mask) << shift);
  }
  return changed;
}

/** The ITS's registers, as its guest means them; one time in five with a bit that is different. */
function itsValue(context: ValueContext, domain: Register['values'], at: number): string {
  const { random, tables } = context;
  if (!tables) return hex(anyWord(random));
  const its = random.pick(tables.its);
  let value: bigint;
  switch (domain) {
    case 'itsControl':
      value = random.chance(0.75) ? 1n : 0n;
      break;
    case 'itsIdentification':
      value = BigInt(random.pick([0x4b0043b, 0x0400043b, 0, 0x4b0143b]));
      break;
    case 'itsQueue':
      value = BigInt(cbaser(its.queue, random.chance(0.9) ? its.queuePages : random.pick([2, 16, 256])));
      break;
    case 'itsOffset':
      value = BigInt(random.below(random.chance(0.9) ? 130 : 40_000) * 32);
      break;
    default:
      value = BigInt(
        at >> 3 === 1
          ? baser(its.collectionTable, 1, false)
          : baser(its.deviceTable, its.devicePages, its.secondLevel !== undefined),
      );
  }
  if (random.chance(0.2)) value ^= 1n << BigInt(random.below(64));
  if (domain === 'itsQueue' || domain === 'itsTable') value = attributes(random, value);
  const whole = BigInt.asUintN(64, at & 4 ? value >> 32n : value);
  return `0x${whole.toString(16)}`;
}

/** A value for an access of `width` bytes, `at` bytes into the register (or the array of registers). */
export function registerValue(context: ValueContext, register: Register, at: number, width: number): string {
  const { random } = context;
  if (random.chance(0.03)) return hex64(width === 8 ? random.word() : 0, random.word());
  const wide = (low: number) => (width === 8 && random.chance(0.3) ? hex64(anyWord(random), low) : hex(low));
  switch (register.values) {
    case 'bits':
      return wide(bits(context, at * 8));
    case 'priority':
      return bytes(width, () => priority(context));
    case 'trigger':
      return wide(random.chance(0.5) ? random.pick([0, 0xaaaaaaaa, 0xffffffff]) : random.word());
    case 'targets':
      return bytes(width, () => (random.chance(0.8) ? 1 << random.below(context.vcpus) : random.below(256)));
    case 'affinity':
      return at % 8 === 4 ? hex(random.chance(0.8) ? 0 : random.below(256)) : affinity(context);
    case 'distributorControl':
      if (random.chance(0.75)) return context.gic === 2 ? '0x1' : '0x12';
      return hex(
        random.weighted([
          [3, 1],
          [3, 3],
          [2, 2],
          [2, 0],
          [2, 0x12],
          [1, 0x50],
          [1, random.word()],
        ]),
      );
    case 'softwareInterrupt':
      return hex(softwareInterrupt(context));
    case 'identification':
      return hex(
        0x4b00043b |
          (random.weighted([
            [1, 0],
            [1, 1],
            [2, 2],
            [4, 3],
            [0.5, 4],
          ]) <<
            12),
      );
    case 'redistributorControl':
      return hex(
        random.weighted([
          [3, 0],
          [3, 1],
          [1, 7],
          [1, random.word()],
        ]),
      );
    case 'tableBase':
      return width === 8 ? tableBase(context, register.name) : hex(random.word());
    case 'interfaceControl':
      return hex(
        random.weighted([
          [5, 1],
          [4, 3],
          [2, 0x201],
          [2, 0x203],
          [1, 7],
          [1, 0],
          [1, 0x13],
          [1, random.word()],
        ]),
      );
    case 'mask':
      return hex(
        random.weighted([
          [5, 0xff],
          [3, 0xf0],
          [2, 0x1f],
          [1, 0x14],
          [2, 0],
          [2, priority(context)],
        ]),
      );
    case 'binaryPoint':
      return hex(random.chance(0.95) ? random.below(8) : random.word());
    case 'acknowledged':
      return hex(context.acknowledged());
    case 'activePriorities':
      return hex(random.chance(0.8) ? 0 : anyWord(random));
    case 'itsControl':
    case 'itsIdentification':
    case 'itsQueue':
    case 'itsOffset':
    case 'itsTable':
      return itsValue(context, register.values, at);
    case 'any':
      return wide(anyWord(random));
  }
}

/** A value for a system register, written by the guest or (`user`) through the device API. */
export function systemRegisterValue(context: ValueContext, register: SystemRegister, user = false): string {
  const { random } = context;
  if (random.chance(0.03)) return hex64(random.chance(0.3) ? random.word() : 0, random.word());
  switch (register.values) {
    case 'priorityMask':
      return hex(
        random.weighted([
          [6, 0xff],
          [3, 0xf0],
          [2, 0xf8],
          [1, 0],
          [2, priority(context)],
        ]),
      );
    case 'groupEnable':
      return hex(
        random.weighted([
          [6, 1],
          [2, 0],
          [0.5, random.word()],
        ]),
      );
    case 'cpuControl':
      return hex(cpuControl(context, user));
    case 'generateSgi':
      return generateSgi(context);
    case 'enable':
      return hex(
        random.weighted([
          [5, 7],
          [1, 0],
          [1, 1],
          [0.5, random.word()],
        ]),
      );
    case 'binaryPoint':
      return hex(random.chance(0.95) ? random.below(8) : random.word());
    case 'acknowledged':
      return hex(context.acknowledged());
    case 'activePriorities':
      return hex(random.chance(0.8) ? 0 : anyWord(random));
    default:
      return hex(anyWord(random));
  }
}
