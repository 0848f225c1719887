import { GICD_CTLR_NASSGIREQ } from '../architecture/distributor-v3.js';
import { LPI_MIN } from '../architecture/intid.js';
import { GicError, throwErrno } from '../errors.js';
import type { Gic } from '../gic.js';
import { setBit } from '../interrupts/bitmap.js';
import { deviates } from '../kvm-deviations.js';
import { NO_PAGES, PageOverlay } from '../memory/page-overlay.js';
import type { Ram } from '../memory/ram.js';
import { checkSaved, pathOf } from './check.js';
import { restoreDetachedLpis } from './detached-lpis.js';
import { type GicState, ITS_STEPS, type Registers, type SavedGic, type Step, stepsOf } from './gic-state.js';
import { applyMappings } from './its-mappings.js';
import { ITS_TABLE_ABIS } from './its-tables.js';
import { layoutOf, registersOf, writeRegister } from './registers.js';
import { requireStopped } from './save.js';

const ALL_BITS = 0xffffffff;

/**
 * Restores a saved state into a fresh GIC that is the same for its guest. With an ITS guest RAM has to be there; it is read,
 * under the state's pages, and not written. What can't be is refused with a sentence; the GIC is then of no use any more.
 * @param saved without pages where the state has none. A KVM's state has its tables in RAM itself, and what is pending is taken
 * out of them as KVM does.
 * @throws GicError EINVAL for a state that is not complete or of another GIC, EBUSY if a vCPU runs.
 */
export function restoreGic(gic: Gic, saved: Pick<SavedGic, 'state'> & Partial<SavedGic>): void {
  requireStopped(gic);
  const whole = { pages: NO_PAGES, ...saved };
  checkSaved(gic, whole);
  const { state, pages } = whole;
  const { irqs } = gic;
  for (const step of stepsOf(irqs.version)) restoreStep(gic, state, step);
  // where the host has no vSGIs software delivers the guest's SGIs, and the register keeps what the guest wrote
  if (irqs.version === 3) gic.distributor.vsgis = ((state.distributor.GICD_CTLR as number) & GICD_CTLR_NASSGIREQ) !== 0;
  for (const [vcpu, sgi, source] of state.activeSources) irqs.activeSource[irqs.indexOf(vcpu, sgi)] = source;
  const { memory } = gic.lpis;
  if (memory !== undefined) {
    // a KVM has put its tables into RAM, and its restore takes what is pending out of them
    const tables = state.pages === 0 ? memory : new PageOverlay(memory, pages);
    for (let n = 0; n < state.its.length; n++) restoreIts(gic, state, n, tables);
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

/** One step, for each vCPU that has such registers. */
function restoreStep(gic: Gic, state: GicState, step: Step): void {
  if (step === 'lines') gic.irqs.line.set(state.lines);
  if (typeof step === 'string') return;
  const room = state[step.room];
  const each = (Array.isArray(room) ? room : [room]) as readonly Registers[];
  for (const [n, registers] of each.entries()) restoreRegisters(gic, state, step, n, registers);
}

function restoreRegisters(
  gic: Gic,
  state: GicState,
  step: Exclude<Step, string>,
  n: number,
  registers: Registers,
): void {
  if ('clear' in step) {
    const layout = layoutOf(state.gic, step.room, step.clear);
    for (const offset of layout.offsets) writeRegister(gic, layout, n, step.clear, offset, ALL_BITS);
    return;
  }
  for (const name of registersOf(state.gic, step)) {
    const layout = layoutOf(state.gic, step.room, name);
    for (const [at, value] of [registers[name]].flat().entries()) {
      const result = writeRegister(gic, layout, n, name, layout.offsets[at], value);
      if (result === 0) continue;
      const path = pathOf(step.room, n, name, layout.isArray ? at : undefined);
      throwErrno(result, `GIC state, ${path}: this GIC does not take ${JSON.stringify(value)}`);
    }
  }
}

/** An ITS, whose tables are in `memory`. */
function restoreIts(gic: Gic, state: GicState, n: number, memory: Ram): void {
  for (const step of ITS_STEPS) {
    if (step === 'tables') restoreTables(gic, n, state.mappings[n], memory);
    else if (typeof step !== 'string') restoreRegisters(gic, state, step, n, state.its[n]);
  }
}

function restoreTables(gic: Gic, n: number, mappings: GicState['mappings'][number], memory: Ram): void {
  const its = gic.its[n];
  if (mappings !== null) {
    applyMappings(its, mappings);
    return;
  }
  const result = ITS_TABLE_ABIS[its.abiRevision].restore(its, memory);
  if (result !== 0) throwErrno(result, `GIC state, its[${n}]: the tables of this ITS can't be restored`);
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
          `GIC state, queues[${vcpu}]: an interrupt is queued that can't be there, ${intid}.`,
        );
      }
      lists.append(vcpu, i);
    }
  }
  if (deviates(irqs.kvm, 'enablingQueuesNothing')) {
    for (let word = 0; word < irqs.line.length; word++) irqs.queueWord(word, ALL_BITS);
  } else {
    irqs.settleAll();
  }
}
