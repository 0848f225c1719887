import { affinityOf, PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import { SYSTEM_REGISTERS, type SystemRegisterName } from '../architecture/system-registers.js';
import { VMCR_BPR1_SHIFT } from '../architecture/virtual-interface.js';
import { ERRNO, type ErrorCode, GicError } from '../errors.js';
import type { Gic, GicConfig } from '../gic.js';
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
  /** Each vCPU's interrupts in the order in which they were queued: it decides between equal priorities. */
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
  { group: REDIST, registers: ['GICR_STATUSR', 'GICR_PROPBASER', 'GICR_PENDBASER'] },
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
    queues: Array.from({ length: irqs.vcpus }, (_, vcpu) => queueOf(gic, vcpu)),
    lines: Array.from(irqs.line),
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

function queueOf(gic: Gic, vcpu: number): number[] {
  const { lists } = gic.irqs;
  const queue: number[] = [];
  for (let i = lists.head[vcpu]; i >= 0; i = lists.next[i]) queue.push(i);
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
  const { records, queues, lines, activeSources } = state;
  const sound =
    Array.isArray(records) &&
    Array.isArray(queues) &&
    queues.length === irqs.vcpus &&
    queues.every((queue) => Array.isArray(queue) && queue.length <= irqs.total) &&
    Array.isArray(lines) &&
    lines.length === irqs.line.length &&
    lines.every(isWord) &&
    Array.isArray(activeSources) &&
    activeSources.length <= irqs.total;
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
      const code = (Object.keys(ERRNO) as ErrorCode[]).find((name) => ERRNO[name] === -result) ?? 'EINVAL';
      throw new GicError(
        code,
        `The GIC state can't be restored: ${describeAttribute(irqs.version, irqs.vcpus, group, attribute)} does not take ${value}.`,
      );
    }
  }
  irqs.line.set(state.lines);
  for (const [i, source] of state.activeSources) {
    if (!(isWord(i) && i < irqs.total && isWord(source) && source < 8))
      refuse('The GIC state has an SGI without sender.');
    irqs.activeSource[i] = source;
  }
  restoreQueues(gic, state.queues);
}

/** The lists in their saved order; what must be in one and was not saved there goes behind. */
function restoreQueues(gic: Gic, queues: GicState['queues']): void {
  const { irqs } = gic;
  const { lists } = irqs;
  for (let i = 0; i < irqs.total; i++) if (lists.owner[i] >= 0) lists.remove(i);
  for (const [vcpu, queue] of queues.entries()) {
    for (const i of queue) {
      const exists = isWord(i) && i < irqs.total && lists.owner[i] < 0;
      if (!exists || (i < irqs.sharedBase && i >>> 5 !== vcpu)) {
        refuse(`The GIC state queues an interrupt on vCPU ${vcpu} that can't be there: ${i}.`);
      }
      lists.append(vcpu, i);
    }
  }
  for (let word = 0; word < irqs.line.length; word++) irqs.queueWord(word, 0xffffffff);
}
