import { PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import { SYSTEM_REGISTERS, type SystemRegisterName } from '../architecture/system-registers.js';
import { VMCR_BPR1_SHIFT } from '../architecture/virtual-interface.js';
import { systemRegisterAt } from '../cpu-interface/system-registers.js';
import { ERRNO } from '../errors.js';
import { CPU_INTERFACE_V2 } from '../frames/cpu-interface-v2.js';
import { DISTRIBUTOR_V2 } from '../frames/distributor-v2.js';
import { DISTRIBUTOR_V3 } from '../frames/distributor-v3.js';
import type { Frame } from '../frames/frame.js';
import { FEATURED_DISTRIBUTOR, FEATURED_REDISTRIBUTOR } from '../frames/gicv3-features.js';
import { ITS_FRAME } from '../frames/its.js';
import { REDISTRIBUTOR } from '../frames/redistributor.js';
import type { Gic } from '../gic.js';
import type { SavedInterface } from '../vcpus/saved-interface.js';
import { type GicDescription, type RegisterValue, type Room, type Step, ZERO_UNTIL_WRITTEN } from './gic-state.js';

/** How a state's registers are read and written: each through the userspace columns of its row, in its own width. */

/** Where a register of a state has its values. */
export interface Layout {
  /** Undefined for a system register, which has no place in memory. */
  readonly frame: Frame | undefined;
  /** Bits of each. */
  readonly width: 32 | 64;
  /** The offset of each in the frame, ascending. */
  readonly offsets: readonly number[];
  /** An array, of which the state has a list. */
  readonly isArray: boolean;
}

const SYSTEM_REGISTER: Layout = { frame: undefined, width: 32, offsets: [0], isArray: false };

/** The frame of a room; undefined for system registers. */
function frameOf({ version, features }: Pick<GicDescription, 'version' | 'features'>, room: Room): Frame | undefined {
  switch (room) {
    case 'distributor':
      if (version === 2) return DISTRIBUTOR_V2;
      return features === null ? DISTRIBUTOR_V3 : FEATURED_DISTRIBUTOR;
    case 'banked':
      return DISTRIBUTOR_V2;
    case 'redistributors':
      return features === null ? REDISTRIBUTOR : FEATURED_REDISTRIBUTOR;
    case 'cpuInterfaces':
      return version === 3 ? undefined : CPU_INTERFACE_V2;
    case 'its':
      return ITS_FRAME;
  }
}

/** Where a room's register has its values, for a GIC with so many INTIDs. The private part of a distributor's arrays is elsewhere. */
export function layoutOf(
  gic: Pick<GicDescription, 'version' | 'interrupts' | 'features'>,
  room: Room,
  name: string,
): Layout {
  const frame = frameOf(gic, room);
  const row = frame?.named(name);
  if (row === undefined) return SYSTEM_REGISTER;
  const { bitsPerInterrupt: bits, firstIntid, offset, length, width, count } = row;
  const byIntid = bits !== 0 && (room !== 'redistributors' || firstIntid !== 0);
  const begin = byIntid && room === 'distributor' && firstIntid === 0 ? (PRIVATE_COUNT * bits) / 8 : 0;
  const intids = firstIntid !== 0 ? extendedCount(gic, room) : room === 'banked' ? PRIVATE_COUNT : gic.interrupts;
  const end = byIntid ? (intids * bits) / 8 : length;
  const offsets: number[] = [];
  for (let at = begin; at < end; at += width / 8) offsets.push(offset + at);
  return { frame, width, offsets, isArray: count > 1 };
}

/** Interrupts of an extended range that have registers in a room. */
function extendedCount({ features }: Pick<GicDescription, 'features'>, room: Room): number {
  return (room === 'distributor' ? features?.extendedSpis : features?.extendedPpis) ?? 0;
}

const EXTENDED_RANGE = /nE$/;
const ACTIVE_PRIORITIES = /^ICC_AP([01])R([0-3])_EL1$/;

/**
 * Those of a step's registers that a GIC like this has: active priority registers as many as its bits of priority need, those
 * of an extended range if there are interrupts in it.
 */
export function registersOf(gic: Pick<GicDescription, 'cpuInterface' | 'features'>, step: Step): readonly string[] {
  if (typeof step === 'string' || 'clear' in step) return [];
  const words = 1 << (Math.min(gic.cpuInterface?.priorityBits ?? 5, 7) - 5);
  const extended = extendedCount(gic, step.room) > 0;
  return step.registers.filter((name) =>
    EXTENDED_RANGE.test(name) ? extended : Number(ACTIVE_PRIORITIES.exec(name)?.[2] ?? 0) < words,
  );
}

/** How many of a room a GIC has. */
export function roomCount(gic: Pick<GicDescription, 'version' | 'vcpus' | 'frames'>, room: Room): number {
  switch (room) {
    case 'distributor':
      return 1;
    case 'banked':
      return gic.version === 2 ? gic.vcpus : 0;
    case 'redistributors':
      return gic.version === 3 ? gic.vcpus : 0;
    case 'cpuInterfaces':
      return gic.vcpus;
    case 'its':
      return gic.frames.its.length;
  }
}

// ---- 64 bits

/** Two halves as hexadecimal digits. */
export function hexadecimal(low: number, high: number): string {
  const upper = high >>> 0;
  const lower = (low >>> 0).toString(16);
  return upper === 0 ? `0x${lower}` : `0x${upper.toString(16)}${lower.padStart(8, '0')}`;
}

/** The halves of a register's value. */
export function halvesOf(value: RegisterValue): [low: number, high: number] {
  if (typeof value === 'number') return [value, 0];
  const digits = value.slice(2).padStart(16, '0');
  return [Number.parseInt(digits.slice(8), 16), Number.parseInt(digits.slice(0, 8), 16)];
}

// ---- what a state has otherwise than userspace reads it

const SGIS = (1 << SGI_COUNT) - 1;

/**
 * GICv2's GICD_ISPENDR shows the line too, which would become a latch: the state has the latch alone. The pending state of
 * SGIs is GICD_SPENDSGIR's.
 */
function latchOf({ irqs }: Gic, vcpu: number, intid: number): number {
  const word = irqs.wordOf(vcpu, intid);
  return (intid === 0 ? irqs.latch[word] & ~SGIS : irqs.latch[word]) >>> 0;
}

/** With 8 bits of priority KVM's userspace has one active priority register of four. */
function activePriorities(saved: SavedInterface, name: string): { words: Uint32Array; word: number } | undefined {
  const [, group, word] = ACTIVE_PRIORITIES.exec(name) ?? [];
  return word === undefined ? undefined : { words: group === '0' ? saved.ap0r : saved.ap1r, word: Number(word) };
}

function systemRegister(name: string) {
  return systemRegisterAt(SYSTEM_REGISTERS[name as SystemRegisterName]);
}

function readSystemRegister(saved: SavedInterface, name: string): number {
  const priorities = activePriorities(saved, name);
  if (priorities !== undefined) return priorities.words[priorities.word];
  // with CBPR the register shows group 0's binary point; the field is kept for when CBPR goes
  if (name === 'ICC_BPR1_EL1') return (saved.vmcr >>> VMCR_BPR1_SHIFT) & 7;
  return systemRegister(name)?.userRead?.(saved) ?? 0;
}

function writeSystemRegister(saved: SavedInterface, name: string, value: number): number {
  const priorities = activePriorities(saved, name);
  if (priorities === undefined) return systemRegister(name)?.userWrite?.(saved, value) ? 0 : -ERRNO.EINVAL;
  priorities.words[priorities.word] = value;
  return 0;
}

// ---- registers

/** The value, or the values of an array, that a room's register has. */
export function readRegister(
  gic: Gic,
  description: GicDescription,
  room: Room,
  n: number,
  name: string,
): RegisterValue | RegisterValue[] {
  const { frame, width, offsets, isArray } = layoutOf(description, room, name);
  if (frame === undefined) return readSystemRegister(gic.savedInterface(n), name);
  const latchOnly = description.version === 2 && name === 'GICD_ISPENDR';
  const values = offsets.map((offset): RegisterValue => {
    if (latchOnly) return latchOf(gic, n, (offset - offsets[0]) * 8 + (room === 'banked' ? 0 : PRIVATE_COUNT));
    const low = frame.userRead(gic, n, offset, width / 8);
    return width === 32 ? low : hexadecimal(low, gic.high);
  });
  return isArray ? values : values[0];
}

/** Writes one value of a register, at its offset. 0, or the negative errno of a value that it does not take. */
export function writeRegister(
  gic: Gic,
  { frame, width }: Layout,
  n: number,
  name: string,
  offset: number,
  value: RegisterValue,
): number {
  const [low, high] = halvesOf(value);
  if (frame === undefined) return writeSystemRegister(gic.savedInterface(n), name, low);
  if (low === 0 && high === 0 && ZERO_UNTIL_WRITTEN.has(name)) return 0;
  return frame.userWrite(gic, n, offset, width / 8, low, high);
}
