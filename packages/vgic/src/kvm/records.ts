import { affinityOf, PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import { ICC_CTLR_PRIBITS_SHIFT, SYSTEM_REGISTERS, type SystemRegisterName } from '../architecture/system-registers.js';
import { show } from '../arguments.js';
import { GicError } from '../errors.js';
import { pathOf } from '../state/check.js';
import {
  type GicDescription,
  type GicState,
  ITS_STEPS,
  type Registers,
  type RegisterValue,
  type Room,
  STATE_FORMAT,
  type Step,
  stepsOf,
  ZERO_UNTIL_WRITTEN,
} from '../state/gic-state.js';
import { halvesOf, hexadecimal, layoutOf, registersOf, roomCount } from '../state/registers.js';
import * as uapi from './uapi.js';

/**
 * KVM's encoding of a state: what KVM_SET_DEVICE_ATTR takes, in an order in which it takes it, and what KVM_GET_DEVICE_ATTR
 * gives. What KVM's API can't carry is left out: the order of queues, the lines of edge-triggered interrupts and of a GICv2,
 * active LPIs, and what an ITS's tables do not bring back.
 */

/** One KVM_SET_DEVICE_ATTR: its attribute and value in hexadecimal (`0x…`). */
export interface RegisterRecord {
  readonly group: number;
  readonly attr: string;
  readonly value: string;
}

/** The records of each device: the GIC's, and then each ITS's, whose tables are in guest RAM. */
export interface KvmRecords {
  readonly device: readonly RegisterRecord[];
  readonly its: readonly (readonly RegisterRecord[])[];
}

const SGIS = (1 << SGI_COUNT) - 1;
const ALL_BITS = 0xffffffff;
const LINES = uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO;
const HEXADECIMAL = /^0x[0-9a-f]{1,16}$/i;

function groupOf(version: 2 | 3, room: Room): number {
  switch (room) {
    case 'distributor':
    case 'banked':
      return uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS;
    case 'redistributors':
      return uapi.KVM_DEV_ARM_VGIC_GRP_REDIST_REGS;
    case 'cpuInterfaces':
      return version === 3 ? uapi.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS : uapi.KVM_DEV_ARM_VGIC_GRP_CPU_REGS;
    case 'its':
      return uapi.KVM_DEV_ARM_VGIC_GRP_ITS_REGS;
  }
}

/** @throws GicError EINVAL for a GIC that has what KVM's API can't carry. */
function refuseFeatures({ features }: GicDescription): void {
  if (features !== null) {
    throw new GicError(
      'EINVAL',
      'KVM records: a KVM has neither message-based SPIs nor extended ranges; features is to be null.',
    );
  }
}

/** A vCPU's affinity (GICv3) or id (GICv2) above, a register below. */
function attributeOf(version: 2 | 3, vcpu: number, low: number): string {
  return hexadecimal(low, version === 3 ? affinityOf(vcpu) : vcpu);
}

/** One value of a register: where the state has it, and KVM's attributes for it. */
interface Place {
  readonly room: Room;
  readonly n: number;
  readonly name: string;
  /** Its index in the list of an array; undefined for a single register. */
  readonly at: number | undefined;
  readonly group: number;
  /** One, or those of the halves of 64 bits; none for a register that KVM does not show. */
  readonly attrs: readonly string[];
  readonly width: 32 | 64;
}

/** With 8 bits of priority KVM shows one active priority register of four. */
function isShown(name: string, control: number): boolean {
  const bits = ((control >>> ICC_CTLR_PRIBITS_SHIFT) & 7) + 1;
  const last = bits === 7 ? 3 : bits === 6 ? 1 : 0;
  return Number(/^ICC_AP.R(.)_EL1$/.exec(name)?.[1] ?? 0) <= last;
}

/** The values that a step reads or writes, in its order. `controlOf`: the ICC_CTLR_EL1 of a vCPU. */
function* placesOf(gic: GicDescription, step: Step, n: number, controlOf: (vcpu: number) => number): Generator<Place> {
  if (typeof step === 'string') return;
  const { version } = gic;
  const { room } = step;
  const group = groupOf(version, room);
  for (const name of 'clear' in step ? [step.clear] : registersOf(gic, step)) {
    const { frame, width, offsets, isArray } = layoutOf(gic, room, name);
    for (const [index, offset] of offsets.entries()) {
      const place = { room, n, name, at: isArray ? index : undefined, group, width };
      if (room === 'its') yield { ...place, attrs: [hexadecimal(offset, 0)] };
      else if (frame === undefined) {
        const encoding = SYSTEM_REGISTERS[name as SystemRegisterName];
        yield { ...place, attrs: isShown(name, controlOf(n)) ? [attributeOf(version, n, encoding)] : [] };
      } else {
        // the device takes 32 bits at a time
        const halves = width === 64 ? [offset, offset + 4] : [offset];
        yield { ...place, attrs: halves.map((low) => attributeOf(version, n, low)) };
      }
    }
  }
}

/** The same for each that has such registers. */
function* allPlacesOf(gic: GicDescription, step: Step, controlOf: (vcpu: number) => number): Generator<Place> {
  if (typeof step === 'string') return;
  for (let n = 0; n < roomCount(gic, step.room); n++) yield* placesOf(gic, step, n, controlOf);
}

// ---- lines

/** The attribute of each word of the state's lines. */
function lineAttributes({ version, vcpus, interrupts }: GicDescription): string[] {
  const banked = Array.from({ length: vcpus }, (_, vcpu) => attributeOf(version, vcpu, 0));
  const shared = Array.from({ length: interrupts / 32 - 1 }, (_, n) => attributeOf(version, 0, PRIVATE_COUNT + 32 * n));
  return [...banked, ...shared];
}

/** The edge-triggered ones of 32 SPIs, of which GICD_ICFGR has two registers. */
function edgesOf(configuration: readonly number[], word: number): number {
  let edges = 0;
  for (let n = 0; n < 32; n++) {
    const value = configuration[2 * word + (n >>> 4)];
    if ((value >>> (2 * (n & 15) + 1)) & 1) edges |= 1 << n;
  }
  return edges;
}

/** KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO: the lines of level-sensitive interrupts. SGIs have none. */
function lineRecords({ gic, lines, distributor }: GicState): RegisterRecord[] {
  // KVM has no such group for a GICv2
  if (gic.version === 2) return [];
  const configuration = distributor.GICD_ICFGR as readonly number[];
  return lineAttributes(gic).map((attr, word) => {
    const edges = word < gic.vcpus ? SGIS : edgesOf(configuration, word - gic.vcpus);
    return { group: LINES, attr, value: hexadecimal(lines[word] & ~edges, 0) };
  });
}

// ---- to KVM

function valueAt(state: GicState, { room, n, name, at }: Place): RegisterValue {
  const registers = room === 'distributor' ? state.distributor : state[room][n];
  const value = registers[name];
  return at === undefined ? (value as RegisterValue) : (value as readonly RegisterValue[])[at];
}

function* recordsOf(state: GicState, step: Step, places: Iterable<Place>): Generator<RegisterRecord> {
  if (step === 'lines') yield* lineRecords(state);
  else if (step === 'tables') {
    const { KVM_DEV_ARM_VGIC_GRP_CTRL: group, KVM_DEV_ARM_ITS_RESTORE_TABLES: attr } = uapi;
    yield { group, attr: hexadecimal(attr, 0), value: '0x0' };
  } else {
    for (const place of places) {
      const { group, attrs } = place;
      const [low, high] = 'clear' in step ? [ALL_BITS, 0] : halvesOf(valueAt(state, place));
      if (low === 0 && high === 0 && ZERO_UNTIL_WRITTEN.has(place.name)) continue;
      if (attrs.length === 1) yield { group, attr: attrs[0], value: hexadecimal(low, high) };
      else
        for (const [half, attr] of attrs.entries())
          yield { group, attr, value: hexadecimal(half === 0 ? low : high, 0) };
    }
  }
}

/**
 * The writes that bring a state to KVM, each device's in their order. Before those of an ITS its tables have to be in guest
 * RAM: the pages that come with the state, put there.
 * @throws GicError EINVAL for the state of a GIC with message-based SPIs or extended ranges, which KVM has not.
 */
export function toRecords(state: GicState): KvmRecords {
  const { gic } = state;
  refuseFeatures(gic);
  const controlOf = (vcpu: number) => state.cpuInterfaces[vcpu].ICC_CTLR_EL1 as number;
  return {
    device: stepsOf(gic.version).flatMap((step) => [...recordsOf(state, step, allPlacesOf(gic, step, controlOf))]),
    its: state.its.map((_, n) =>
      ITS_STEPS.flatMap((step) => [...recordsOf(state, step, placesOf(gic, step, n, controlOf))]),
    ),
  };
}

// ---- from KVM

/** The last value of each attribute. */
class Values {
  readonly #values = new Map<string, bigint>();

  constructor(records: readonly RegisterRecord[]) {
    for (const { group, attr, value } of records) {
      for (const digits of [attr, value]) {
        if (typeof digits !== 'string' || !HEXADECIMAL.test(digits)) {
          throw new GicError('EINVAL', `KVM record: hexadecimal digits of 64 bits, "0x…", not ${show(digits)}.`);
        }
      }
      this.#values.set(`${group} ${BigInt(attr)}`, BigInt(value));
    }
  }

  get(group: number, attr: string): bigint | undefined {
    return this.#values.get(`${group} ${BigInt(attr)}`);
  }
}

/** A register's value as the state has it; undefined where there is no record of it. */
function registerOf(values: Values, { room, name, group, attrs, width }: Place): RegisterValue | undefined {
  let bits = 0n;
  for (const [half, attr] of attrs.entries()) {
    const value = values.get(group, attr);
    if (value === undefined) return ZERO_UNTIL_WRITTEN.has(name) ? '0x0' : undefined;
    bits |= attrs.length === 2 ? (value & 0xffffffffn) << BigInt(32 * half) : value;
  }
  if (width === 64) return hexadecimal(Number(bits & 0xffffffffn), Number(bits >> 32n));
  const value = Number(bits & 0xffffffffn);
  // the pending state of SGIs is GICD_SPENDSGIR's
  return room === 'banked' && name === 'GICD_ISPENDR' ? (value & ~SGIS) >>> 0 : value;
}

/** The registers of a room; what KVM does not show is zero. */
function roomOf(gic: GicDescription, steps: readonly Step[], room: Room, n: number, values: Values): Registers {
  const registers: Record<string, RegisterValue | RegisterValue[]> = {};
  const controlOf = () => registers.ICC_CTLR_EL1 as number;
  for (const step of steps) {
    if (typeof step === 'string' || step.room !== room || 'clear' in step) continue;
    for (const place of placesOf(gic, step, n, controlOf)) {
      const value = place.attrs.length === 0 ? 0 : registerOf(values, place);
      if (value === undefined) {
        throw new GicError('EINVAL', `KVM records: ${pathOf(room, n, place.name, place.at)} is missing.`);
      }
      if (place.at === undefined) registers[place.name] = value;
      else if (place.at === 0) registers[place.name] = [value];
      else (registers[place.name] as RegisterValue[]).push(value);
    }
  }
  return registers;
}

/**
 * The state that a KVM has, of whose devices each register was read, and with an ITS its tables were saved to guest RAM. What
 * KVM's API does not carry is as after KVM's own restore.
 * @param gic what that GIC is like.
 * @throws GicError EINVAL for a record that is none, and for a register of which there is none.
 */
export function fromRecords(gic: GicDescription, records: KvmRecords): GicState {
  refuseFeatures(gic);
  const device = new Values(records.device);
  const steps = stepsOf(gic.version);
  const room = (name: Room, from: (n: number) => Values = () => device, by = steps) =>
    Array.from({ length: roomCount(gic, name) }, (_, n) => roomOf(gic, by, name, n, from(n)));
  const lists = Array.from({ length: gic.vcpus }, () => []);
  return {
    format: STATE_FORMAT,
    gic,
    distributor: room('distributor')[0],
    banked: room('banked'),
    redistributors: room('redistributors'),
    cpuInterfaces: room('cpuInterfaces'),
    its: room('its', (n) => new Values(records.its[n] ?? []), ITS_STEPS),
    pages: 0,
    lines: lineAttributes(gic).map((attr) => Number((device.get(LINES, attr) ?? 0n) & 0xffffffffn)),
    queues: lists,
    activeSources: [],
    mappings: gic.frames.its.map(() => null),
    activeLpis: [],
    detachedLpis: [],
  };
}
