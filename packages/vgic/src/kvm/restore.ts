import { ERRNO, GicError, throwErrno } from '../errors.js';
import { ITS_FRAME } from '../frames/its.js';
import type { Gic, GicConfig } from '../gic.js';
import { setBit } from '../interrupts/bitmap.js';
import { ITS_TABLE_ABIS } from '../state/its-tables.js';
import { type GicState, ITS_REGISTER_ORDER, type RegisterRecord } from './gic-state.js';
import { accessItsRegister } from './its-register-access.js';
import { accessRegister, describeAttribute, isRegisterGroup, vcpuOfAttribute } from './register-access.js';
import { requireStopped } from './save.js';

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
