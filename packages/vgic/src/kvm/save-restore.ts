import { affinityOf, PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import { SYSTEM_REGISTERS, type SystemRegisterName } from '../architecture/system-registers.js';
import { VMCR_BPR1_SHIFT } from '../architecture/virtual-interface.js';
import { ERRNO, type ErrorCode, GicError } from '../errors.js';
import { ITS_FRAME } from '../frames/its.js';
import type { Gic, GicConfig } from '../gic.js';
import { setBit, testBit } from '../interrupts/bitmap.js';
import { ITS_TABLE_ABIS } from '../state/its-tables.js';
import { accessItsRegister } from './its-register-access.js';
import {
  accessRegister,
  describeAttribute,
  frameOfGroup,
  isRegisterGroup,
  vcpuOfAttribute,
} from './register-access.js';
import { userSystemRegister } from './system-register-access.js';
import * as uapi from './uapi.js';

/** One KVM_SET_DEVICE_ATTR: its attribute and value in hexadecimal (`0x…`). */
export interface RegisterRecord {
  readonly group: number;
  readonly attr: string;
  readonly value: string;
}

/**
 * A GIC's state as plain JSON. `records` are what KVM's device API takes, in an order in which they can be written. The
 * rest is what that API can't carry and a guest could notice; a KVM would do without.
 */
export interface GicState {
  readonly version: 1;
  readonly config: {
    readonly version: 2 | 3;
    readonly vcpus: number;
    readonly interrupts: number;
  };
  readonly records: readonly RegisterRecord[];
  /**
   * Each ITS's registers, as KVM_DEV_ARM_VGIC_GRP_ITS_REGS takes them. Its tables and the pending tables are in guest RAM:
   * restore that first.
   */
  readonly its: readonly { readonly registers: readonly Omit<RegisterRecord, 'group'>[] }[];
  /** LPIs that a guest has acknowledged and not ended. */
  readonly activeLpis: readonly number[];
  /** The INTIDs of each vCPU's interrupts in the order in which they were queued: it decides between equal priorities. */
  readonly queues: readonly (readonly number[])[];
  /** The input lines of all interrupts, 32 to a word, edge-triggered ones included. */
  readonly lines: readonly number[];
  /** GICv2: [index of the interrupt, the sender of the active SGI]. */
  readonly activeSources: readonly (readonly [number, number])[];
}

const DIST = uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS;
const REDIST = uapi.KVM_DEV_ARM_VGIC_GRP_REDIST_REGS;
const CPU = uapi.KVM_DEV_ARM_VGIC_GRP_CPU_REGS;

/**
 * What a save reads and a restore writes, in this order: first what decides how and where an interrupt is delivered, then
 * what makes it deliverable, since KVM queues an interrupt at the write that completes it and looks no further.
 */
type Step =
  | { readonly group: number; readonly registers: readonly string[] }
  | { readonly group: number; readonly reset: string }
  | 'lines'
  | 'system registers';

const STEPS_V3: readonly Step[] = [
  { group: DIST, registers: ['GICD_IIDR', 'GICD_CTLR', 'GICD_STATUSR'] },
  { group: DIST, registers: ['GICD_IGROUPR', 'GICD_ICFGR', 'GICD_IPRIORITYR', 'GICD_IROUTER'] },
  { group: REDIST, registers: ['GICR_STATUSR', 'GICR_PROPBASER', 'GICR_PENDBASER', 'GICR_CTLR'] },
  { group: REDIST, registers: ['GICR_IGROUPR0', 'GICR_IPRIORITYR'] },
  { group: REDIST, reset: 'GICR_ICENABLER0' },
  { group: REDIST, registers: ['GICR_ISENABLER0'] },
  { group: DIST, registers: ['GICD_ISENABLER'] },
  'lines',
  { group: REDIST, registers: ['GICR_ISPENDR0', 'GICR_ISACTIVER0'] },
  { group: DIST, registers: ['GICD_ISPENDR', 'GICD_ISACTIVER'] },
  'system registers',
];

const STEPS_V2: readonly Step[] = [
  { group: DIST, registers: ['GICD_IIDR', 'GICD_CTLR'] },
  { group: DIST, registers: ['GICD_IGROUPR', 'GICD_ICFGR', 'GICD_IPRIORITYR', 'GICD_ITARGETSR'] },
  { group: DIST, reset: 'GICD_ICENABLER' },
  { group: DIST, registers: ['GICD_ISENABLER', 'GICD_ISPENDR', 'GICD_SPENDSGIR', 'GICD_ISACTIVER'] },
  { group: CPU, registers: ['GICC_CTLR', 'GICC_PMR', 'GICC_BPR', 'GICC_ABPR', 'GICC_APR'] },
];

/** BPR1 before CTLR: with CTLR.CBPR set it can't be written any more. */
const SYSTEM_REGISTER_ORDER: readonly SystemRegisterName[] = [
  'ICC_SRE_EL1',
  'ICC_PMR_EL1',
  'ICC_BPR0_EL1',
  'ICC_BPR1_EL1',
  'ICC_CTLR_EL1',
  'ICC_AP0R0_EL1',
  'ICC_AP0R1_EL1',
  'ICC_AP0R2_EL1',
  'ICC_AP0R3_EL1',
  'ICC_AP1R0_EL1',
  'ICC_AP1R1_EL1',
  'ICC_AP1R2_EL1',
  'ICC_AP1R3_EL1',
  'ICC_IGRPEN0_EL1',
  'ICC_IGRPEN1_EL1',
];

function hex(value: bigint | number): string {
  return `0x${(typeof value === 'number' ? BigInt(value >>> 0) : value).toString(16)}`;
}

function requireStopped(gic: Gic): void {
  for (let vcpu = 0; vcpu < gic.irqs.vcpus; vcpu++) {
    if (gic.isLoaded(vcpu)) throw new GicError('EBUSY', `vCPU ${vcpu} runs: take every vCPU out of the guest first.`);
  }
}

/** The attribute of a vCPU's register: its affinity (GICv3) or id (GICv2) above, the offset below. */
function attribute(gic: Gic, vcpu: number, group: number, low: number): bigint {
  if (gic.irqs.version === 3 && group === DIST) return BigInt(low);
  return (BigInt(gic.irqs.version === 3 ? affinityOf(vcpu) : vcpu) << 32n) | BigInt(low);
}

/**
 * Saves a GIC, no vCPU of which is in the guest.
 * @throws GicError EBUSY if one is.
 */
export function saveGic(gic: Gic): GicState {
  requireStopped(gic);
  const { irqs } = gic;
  const records: RegisterRecord[] = [];
  const record = (group: number, attr: bigint, value: bigint | number) =>
    records.push({ group, attr: hex(attr), value: hex(value) });
  const read = (vcpu: number, group: number, attr: bigint): bigint => {
    const buffer = { value: 0n };
    accessRegister(gic, vcpu, group, attr, buffer, false);
    return buffer.value;
  };

  for (const step of irqs.version === 3 ? STEPS_V3 : STEPS_V2) {
    for (let vcpu = 0; vcpu < irqs.vcpus; vcpu++) {
      if (step === 'system registers') saveSystemRegisters(gic, vcpu, record);
      else if (step === 'lines') {
        for (let intid = vcpu === 0 ? 0 : irqs.count; intid < irqs.count; intid += 32) {
          if (intid === 0) continue;
          const attr = attribute(gic, 0, uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, intid);
          record(uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, attr, read(0, uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, attr));
        }
        const attr = attribute(gic, vcpu, uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 0);
        record(uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, attr, read(vcpu, uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, attr));
      } else {
        for (const { offset, isSgiPending } of registerWords(
          gic,
          step.group,
          'reset' in step ? [step.reset] : step.registers,
          vcpu,
        )) {
          const attr = attribute(gic, vcpu, step.group, offset);
          if ('reset' in step) record(step.group, attr, 0xffffffff);
          else if (isSgiPending)
            record(step.group, attr, Number(read(vcpu, step.group, attr)) & ~((1 << SGI_COUNT) - 1));
          else record(step.group, attr, read(vcpu, step.group, attr));
        }
      }
    }
  }
  return {
    version: 1,
    config: { version: irqs.version, vcpus: irqs.vcpus, interrupts: irqs.count },
    records,
    its: saveAllIts(gic),
    activeLpis: activeLpis(gic),
    queues: Array.from({ length: irqs.vcpus }, (_, vcpu) => queueOf(gic, vcpu)),
    lines: Array.from(irqs.line.subarray(0, irqs.sharedEnd >>> 5)),
    activeSources: Array.from(irqs.activeSource.entries()).filter(([, source]) => source !== 0),
  };
}

/** The words of registers of a vCPU that hold state: shared arrays once, banked ones for each vCPU, as far as INTIDs go. */
function* registerWords(
  gic: Gic,
  group: number,
  names: readonly string[],
  vcpu: number,
): Generator<{ offset: number; isSgiPending: boolean }> {
  const { irqs } = gic;
  const frame = frameOfGroup(irqs.version, group);
  if (frame === undefined) return;
  for (const name of names) {
    const row = frame.named(name);
    if (row === undefined) continue;
    const bits = row.bitsPerInterrupt;
    const intids = group === REDIST ? PRIVATE_COUNT : irqs.count;
    const length = bits === 0 ? row.length : (bits * intids) / 8;
    const privateLength = (bits * PRIVATE_COUNT) / 8;
    // a GICv3 distributor has no private part; a GICv2 one banks it, and its registers without INTIDs are one for all
    const banked = group !== DIST || (irqs.version === 2 && (bits !== 0 || row.length === 16));
    for (let at = 0; at < length; at += 4) {
      const isPrivate = bits !== 0 && group === DIST && at < privateLength;
      if (isPrivate && irqs.version === 3) continue;
      const bankedHere = group !== DIST || isPrivate || (banked && bits === 0);
      if (vcpu > 0 && !bankedHere) continue;
      // GICv2: the pending state of SGIs is GICD_SPENDSGIR's
      yield { offset: row.offset + at, isSgiPending: irqs.version === 2 && name === 'GICD_ISPENDR' && at === 0 };
    }
  }
}

function saveSystemRegisters(
  gic: Gic,
  vcpu: number,
  record: (group: number, attr: bigint, value: number) => void,
): void {
  const saved = gic.savedInterface(vcpu);
  for (const name of SYSTEM_REGISTER_ORDER) {
    // with CBPR the register shows group 0's binary point; the field is kept for when CBPR goes
    const value =
      name === 'ICC_BPR1_EL1'
        ? (saved.vmcr >>> VMCR_BPR1_SHIFT) & 7
        : userSystemRegister(SYSTEM_REGISTERS[name])?.read(saved);
    const group = uapi.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS;
    if (value !== undefined) record(group, attribute(gic, vcpu, group, SYSTEM_REGISTERS[name]), value);
  }
}

function activeLpis(gic: Gic): number[] {
  const { irqs } = gic;
  const intids: number[] = [];
  irqs.eachLpi((i) => {
    if (testBit(irqs.active, i)) intids.push(irqs.intidOf(i));
    return true;
  });
  return intids;
}

function queueOf(gic: Gic, vcpu: number): number[] {
  const { lists } = gic.irqs;
  const queue: number[] = [];
  for (let i = lists.head[vcpu]; i >= 0; i = lists.next[i]) queue.push(gic.irqs.intidOf(i));
  return queue;
}

function refuse(sentence: string): never {
  throw new GicError('EINVAL', sentence);
}

const HEXADECIMAL = /^0x[0-9a-f]{1,16}$/;

function isWord(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff;
}

/** Shape and size of a state from outside, before anything of it is used. */
function checkShape(gic: Gic, state: GicState): void {
  const { irqs } = gic;
  if (typeof state !== 'object' || state === null) refuse('The GIC state is no object.');
  if (state.version !== 1) refuse(`The GIC state has version ${state.version}; this can restore version 1.`);
  const config = state.config as Partial<GicConfig> | undefined;
  if (config?.version !== irqs.version || config.vcpus !== irqs.vcpus || config.interrupts !== irqs.count) {
    refuse(
      `The GIC state is of a GICv${config?.version} with ${config?.vcpus} vCPUs and ${config?.interrupts} interrupts; ` +
        `this one is a GICv${irqs.version} with ${irqs.vcpus} vCPUs and ${irqs.count} interrupts.`,
    );
  }
  const { records, queues, lines, activeSources, activeLpis, its } = state;
  const sound =
    Array.isArray(records) &&
    Array.isArray(queues) &&
    queues.length === irqs.vcpus &&
    queues.every((queue) => Array.isArray(queue) && queue.length <= irqs.line.length * 32) &&
    Array.isArray(lines) &&
    lines.length === irqs.sharedEnd >>> 5 &&
    lines.every(isWord) &&
    Array.isArray(activeSources) &&
    activeSources.length <= irqs.sharedBase &&
    Array.isArray(activeLpis) &&
    Array.isArray(its) &&
    its.length === gic.its.length;
  if (!sound) refuse('The GIC state lacks a part, or a part has not the size that its configuration gives it.');
}

/**
 * Restores a saved state into a fresh GIC of the same configuration. What can't be is refused with a sentence; the GIC is
 * then of no use any more.
 * @throws GicError EINVAL for a state that is none of this GIC, EBUSY if a vCPU runs.
 */
export function restoreGic(gic: Gic, state: GicState): void {
  requireStopped(gic);
  checkShape(gic, state);
  const { irqs } = gic;
  for (const record of state.records) {
    const { group, attr, value } = record ?? {};
    if (!isRegisterGroup(irqs.version, group) || !HEXADECIMAL.test(attr) || !HEXADECIMAL.test(value)) {
      refuse(`The GIC state has a record that is none: ${JSON.stringify(record)?.slice(0, 100)}.`);
    }
    const attribute = BigInt(attr);
    const vcpu = vcpuOfAttribute(irqs.version, irqs.vcpus, group, attribute);
    const buffer = { value: BigInt(value) };
    const result = vcpu < 0 ? -ERRNO.EINVAL : accessRegister(gic, vcpu, group, attribute, buffer, true);
    if (result !== 0) {
      const register = describeAttribute(irqs.version, irqs.vcpus, group, attribute);
      throwErrno(result, `The GIC state can't be restored: ${register} does not take ${value}`);
    }
  }
  irqs.line.set(state.lines);
  for (const [i, source] of state.activeSources) {
    if (!(isWord(i) && i < irqs.sharedBase && isWord(source) && source < 8))
      refuse('The GIC state has an SGI without sender.');
    irqs.activeSource[i] = source;
  }
  for (const [n, { registers }] of state.its.entries()) restoreIts(gic, n, registers);
  for (const intid of state.activeLpis) {
    const i = isWord(intid) ? irqs.lpiIndex(intid) : -1;
    if (i < 0) refuse(`The GIC state has an active LPI that nothing leads to: ${intid}.`);
    setBit(irqs.active, i);
  }
  restoreQueues(gic, state.queues);
}

/** An ITS after its tables are back in RAM: registers, then the tables, then GITS_CTLR, with which MSIs may come. */
function restoreIts(gic: Gic, n: number, registers: readonly Omit<RegisterRecord, 'group'>[]): void {
  let restored = false;
  if (!Array.isArray(registers) || registers.length > ITS_REGISTER_ORDER.length)
    refuse(`The state of ITS ${n} is none.`);
  for (const { attr, value } of registers) {
    if (!HEXADECIMAL.test(attr) || !HEXADECIMAL.test(value))
      refuse(`The state of ITS ${n} has a register that is none.`);
    const offset = Number(attr);
    if (offset === ITS_FRAME.named('GITS_CTLR')?.offset && !restored) {
      const result = ITS_TABLE_ABIS[gic.its[n].abiRevision].restore(gic.its[n]);
      if (result !== 0) throwErrno(result, `The tables of ITS ${n} in guest memory can't be restored`);
      restored = true;
    }
    const result = accessItsRegister(gic, n, offset, { value: BigInt(value) }, true);
    if (result !== 0) throwErrno(result, `Register ${attr} of ITS ${n} does not take ${value}`);
  }
}

/** The order that KVM's document asks for: GITS_CBASER empties the queue; GITS_CTLR last, after the tables. */
const ITS_REGISTER_ORDER: readonly (readonly [name: string, at: number])[] = [
  ['GITS_IIDR', 0],
  ['GITS_CBASER', 0],
  ['GITS_CREADR', 0],
  ['GITS_CWRITER', 0],
  ['GITS_BASER', 0],
  ['GITS_BASER', 8],
  ['GITS_CTLR', 0],
];

/** Writes the pending and translation tables to guest RAM and reads the registers of each ITS. */
function saveAllIts(gic: Gic): GicState['its'] {
  if (gic.its.length > 0 && !gic.lpis.savePending())
    throwErrno(-ERRNO.EFAULT, 'A pending table is not in guest memory');
  return gic.its.map((its, n) => {
    const result = ITS_TABLE_ABIS[its.abiRevision].save(its);
    if (result !== 0) throwErrno(result, `The tables of ITS ${n} can't be written to guest memory`);
    const registers = ITS_REGISTER_ORDER.map(([name, at]) => {
      const offset = (ITS_FRAME.named(name)?.offset ?? 0) + at;
      const buffer = { value: 0n };
      accessItsRegister(gic, n, offset, buffer, false);
      return { attr: hex(offset), value: hex(buffer.value) };
    });
    return { registers };
  });
}

function throwErrno(result: number, sentence: string): never {
  const code = (Object.keys(ERRNO) as ErrorCode[]).find((name) => ERRNO[name] === -result) ?? 'EINVAL';
  throw new GicError(code, `${sentence}: ${code}.`);
}

/** The lists in their saved order; what must be in one and was not saved there goes behind. */
function restoreQueues(gic: Gic, queues: GicState['queues']): void {
  const { irqs } = gic;
  const { lists } = irqs;
  for (let vcpu = 0; vcpu < irqs.vcpus; vcpu++) while (lists.head[vcpu] >= 0) lists.remove(lists.head[vcpu]);
  for (const [vcpu, queue] of queues.entries()) {
    for (const intid of queue) {
      const i = isWord(intid) ? irqs.indexOf(vcpu, intid) : -1;
      if (i < 0 || lists.owner[i] >= 0) {
        refuse(`The GIC state queues an interrupt on vCPU ${vcpu} that can't be there: ${intid}.`);
      }
      lists.append(vcpu, i);
    }
  }
  for (let word = 0; word < irqs.line.length; word++) irqs.queueWord(word, 0xffffffff);
}
