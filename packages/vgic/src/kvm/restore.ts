import { LPI_MIN } from '../architecture/intid.js';
import { ERRNO, GicError, throwErrno } from '../errors.js';
import { ITS_FRAME } from '../frames/its.js';
import type { Gic } from '../gic.js';
import { setBit } from '../interrupts/bitmap.js';
import { NO_PAGES, PageOverlay } from '../memory/page-overlay.js';
import type { Ram } from '../memory/ram.js';
import { ITS_TABLE_ABIS } from '../state/its-tables.js';
import { checkState } from './check-state.js';
import { restoreDetachedLpis } from './detached-lpis.js';
import type { GicState, SavedGic } from './gic-state.js';
import { applyMappings } from './its-mappings.js';
import { accessItsRegister } from './its-register-access.js';
import { accessRegister, describeAttribute, vcpuOfAttribute } from './register-access.js';
import { requireStopped } from './save.js';

/**
 * Restores a saved state into a fresh GIC of the same configuration. With an ITS guest RAM has to be there; it is read, under
 * the state's pages, and not written. What can't be is refused with a sentence; the GIC is then of no use any more.
 * @param saved without pages where the state has none.
 * @throws GicError EINVAL for a state that is none of this GIC, EBUSY if a vCPU runs.
 */
export function restoreGic(gic: Gic, saved: Pick<SavedGic, 'state'> & Partial<SavedGic>): void {
  requireStopped(gic);
  const whole = { pages: NO_PAGES, ...saved };
  checkState(gic, whole);
  const { state, pages } = whole;
  const { irqs } = gic;
  for (const { group, attr, value } of state.records) {
    const attribute = BigInt(attr);
    const vcpu = vcpuOfAttribute(irqs.version, irqs.vcpus, group, attribute);
    const buffer = { value: BigInt(value) };
    const result = vcpu < 0 ? -ERRNO.EINVAL : accessRegister(gic, vcpu, group, attribute, buffer, true);
    if (result !== 0) {
      const register = describeAttribute(irqs.version, irqs.vcpus, group, attribute);
      throwErrno(result, `The GIC state can't be restored: ${register} does not take ${value}`);
    }
  }
  gic.distributor.vsgis = state.vsgis ?? false;
  irqs.line.set(state.lines);
  for (const [i, source] of state.activeSources) irqs.activeSource[i] = source;
  for (const [vcpu, words] of state.activePriorities.entries()) {
    const saved = gic.savedInterface(vcpu);
    saved.ap0r.set(words.slice(0, 4));
    saved.ap1r.set(words.slice(4));
  }
  const { memory } = gic.lpis;
  if (memory !== undefined) {
    const tables = new PageOverlay(memory, pages);
    for (const [n, its] of state.its.entries()) restoreIts(gic, n, its, tables);
  }
  const detached = restoreDetachedLpis(gic, state.detachedLpis);
  for (const intid of state.activeLpis) {
    const i = irqs.lpiIndex(intid);
    if (i >= 0) setBit(irqs.active, i);
  }
  restoreQueues(gic, state.queues);
  for (const i of detached) irqs.releaseLpi(i);
  gic.events.restored?.();
}

/** An ITS, whose tables are in `memory`: registers, then the tables, then GITS_CTLR, with which MSIs may come. */
function restoreIts(gic: Gic, n: number, { registers, mappings }: GicState['its'][number], memory: Ram): void {
  let restored = false;
  for (const { attr, value } of registers) {
    const offset = Number(attr);
    if (offset === ITS_FRAME.named('GITS_CTLR')?.offset && !restored) {
      const its = gic.its[n];
      const result = mappings === null ? ITS_TABLE_ABIS[its.abiRevision].restore(its, memory) : 0;
      if (mappings !== null) applyMappings(its, mappings);
      if (result !== 0) throwErrno(result, `The tables of ITS ${n} can't be restored`);
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
      const i = irqs.indexOf(vcpu, intid);
      // an LPI whose translation another one's has overwritten in RAM
      if (i < 0 && intid >= LPI_MIN && gic.its.length > 0) continue;
      if (i < 0 || lists.owner[i] >= 0) {
        throw new GicError(
          'EINVAL',
          `The GIC state queues an interrupt on vCPU ${vcpu} that can't be there: ${intid}.`,
        );
      }
      lists.append(vcpu, i);
    }
  }
  for (let word = 0; word < irqs.line.length; word++) irqs.queueWord(word, 0xffffffff);
}
