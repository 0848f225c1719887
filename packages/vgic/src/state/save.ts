import { PRIVATE_COUNT } from '../architecture/intid.js';
import { GicError } from '../errors.js';
import type { Gic } from '../gic.js';
import { testBit } from '../interrupts/bitmap.js';
import { NO_PAGES, PageOverlay, type RamPages } from '../memory/page-overlay.js';
import type { Ram } from '../memory/ram.js';
import { describe } from './describe.js';
import { detachedLpis } from './detached-lpis.js';
import {
  type GicDescription,
  type GicState,
  ITS_STEPS,
  type Registers,
  type Room,
  type SavedGic,
  STATE_FORMAT,
  type Step,
  stepsOf,
} from './gic-state.js';
import { mappingsOf } from './its-mappings.js';
import { ITS_TABLE_ABIS } from './its-tables.js';
import { readBack } from './read-back.js';
import { readRegister, registersOf, roomCount } from './registers.js';

/** @throws GicError EBUSY if a vCPU is in the guest or loaded: what is in its list registers nobody else knows. */
export function requireStopped(gic: Gic): void {
  for (let vcpu = 0; vcpu < gic.irqs.vcpus; vcpu++) {
    if (gic.isLoaded(vcpu)) throw new GicError('EBUSY', `vCPU ${vcpu} runs: take every vCPU out of the guest first.`);
  }
}

/**
 * Saves a GIC, no vCPU of which is in the guest, and changes nothing. Guest RAM is to be saved too if there is an ITS, before
 * or after. Whatever the guest has done with its tables, the state brings the GIC back.
 * What is injected directly comes from the host's GIC, which keeps it: the guest may go on here as well.
 * @throws GicError EBUSY if a vCPU is in the guest; EACCES if LPIs are forwarded to a GICv4.0.
 */
export function saveGic(gic: Gic): SavedGic {
  requireStopped(gic);
  const { irqs, forwarding } = gic;
  if (forwarding?.readable === false) {
    throw new GicError(
      'EACCES',
      'Interrupts are forwarded to a GICv4.0, which does not tell whether they are pending: end their forwarding first.',
    );
  }
  const description = describe(gic);
  const steps = stepsOf(irqs.version);
  const inTables = () => saveInTables(gic);
  const { pages, mappings, detached } =
    forwarding === undefined ? inTables() : forwarding.withPendingInMemory(inTables);
  const room = (name: Room) => saveRoom(gic, description, steps, name);
  const state: GicState = {
    format: STATE_FORMAT,
    gic: description,
    distributor: room('distributor')[0],
    banked: room('banked'),
    redistributors: room('redistributors'),
    cpuInterfaces: room('cpuInterfaces'),
    its: saveRoom(gic, description, ITS_STEPS, 'its'),
    pages: pages.pages.length,
    lines: Array.from(irqs.line.subarray(0, irqs.fixedEnd >>> 5)),
    queues: Array.from({ length: irqs.vcpus }, (_, vcpu) => queueOf(gic, vcpu)),
    activeSources: activeSources(gic),
    mappings,
    activeLpis: activeLpis(gic),
    detachedLpis: detached,
  };
  gic.events.saved?.();
  return { state, pages };
}

/** The registers of a room, for each vCPU or ITS that has some. */
function saveRoom(gic: Gic, description: GicDescription, steps: readonly Step[], room: Room): Registers[] {
  const names = steps.flatMap((step) =>
    typeof step !== 'string' && step.room === room ? registersOf(description, step) : [],
  );
  return Array.from({ length: roomCount(description, room) }, (_, n) =>
    Object.fromEntries(names.map((name) => [name, readRegister(gic, description, room, n, name)])),
  );
}

// ---- tables

interface InTables {
  readonly pages: RamPages;
  /** Each ITS's translations, where the tables do not bring them back. */
  readonly mappings: GicState['mappings'];
  readonly detached: GicState['detachedLpis'];
}

/** Writes the tables to pages over guest RAM; with those comes the rest of the ITSs and LPIs, which they do not carry. */
function saveInTables(gic: Gic): InTables {
  const { memory } = gic.lpis;
  const overlay = memory && new PageOverlay(memory);
  const complete = saveTables(gic, overlay);
  const pages = overlay?.pages() ?? NO_PAGES;
  const tablesRead = complete && memory ? readBack(gic, new PageOverlay(memory, pages)) : undefined;
  return {
    pages,
    mappings: gic.its.map((its) => (tablesRead === undefined ? mappingsOf(its) : null)),
    detached: detachedLpis(gic, tablesRead),
  };
}

/** Writes the pending and translation tables; false where the guest leaves no place for one. */
function saveTables(gic: Gic, memory: Ram | undefined): boolean {
  let complete = gic.lpis.savePending(memory);
  for (const its of gic.its) if (ITS_TABLE_ABIS[its.abiRevision].save(its, memory) !== 0) complete = false;
  return complete;
}

// ---- what no register has

function queueOf({ irqs }: Gic, vcpu: number): number[] {
  return irqs.lists.queue(vcpu).map((i) => irqs.intidOf(i));
}

function activeSources({ irqs }: Gic): GicState['activeSources'] {
  const sources: [number, number, number][] = [];
  for (const [i, source] of irqs.activeSource.entries()) {
    if (source !== 0) sources.push([Math.floor(i / PRIVATE_COUNT), i % PRIVATE_COUNT, source]);
  }
  return sources;
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
