import { affinityOf, PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import { SYSTEM_REGISTER_ORDER, SYSTEM_REGISTERS } from '../architecture/system-registers.js';
import { VMCR_BPR1_SHIFT } from '../architecture/virtual-interface.js';
import { systemRegisterAt } from '../cpu-interface/system-registers.js';
import { GicError } from '../errors.js';
import { ITS_FRAME } from '../frames/its.js';
import type { Gic } from '../gic.js';
import { testBit } from '../interrupts/bitmap.js';
import { NO_PAGES, PageOverlay, type RamPages } from '../memory/page-overlay.js';
import type { Ram } from '../memory/ram.js';
import { ITS_TABLE_ABIS } from '../state/its-tables.js';
import { detachedLpis } from './detached-lpis.js';
import {
  DIST,
  type GicState,
  ITS_REGISTER_ORDER,
  REDIST,
  type RegisterRecord,
  type SavedGic,
  STEPS_V2,
  STEPS_V3,
  type Step,
} from './gic-state.js';
import { mappingsOf } from './its-mappings.js';
import { accessItsRegister } from './its-register-access.js';
import { readBack } from './read-back.js';
import { accessRegister, frameOfGroup } from './register-access.js';
import * as uapi from './uapi.js';

const LEVEL_INFO = uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO;
const SGIS = (1 << SGI_COUNT) - 1;

function hex(value: bigint | number): string {
  return `0x${(typeof value === 'number' ? BigInt(value >>> 0) : value).toString(16)}`;
}

/** @throws GicError EBUSY if a vCPU is in the guest or loaded: what is in its list registers nobody else knows. */
export function requireStopped(gic: Gic): void {
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
  const saver = new RecordSaver(gic);
  for (const step of irqs.version === 3 ? STEPS_V3 : STEPS_V2) {
    for (let vcpu = 0; vcpu < irqs.vcpus; vcpu++) saver.save(step, vcpu);
  }
  const inTables = () => saveInTables(gic);
  const { pages, ...translations } = forwarding === undefined ? inTables() : forwarding.withPendingInMemory(inTables);
  const state: GicState = {
    version: 1,
    config: { version: irqs.version, vcpus: irqs.vcpus, interrupts: irqs.count },
    records: saver.records,
    ...translations,
    pages: pages.pages.length,
    activeLpis: activeLpis(gic),
    queues: Array.from({ length: irqs.vcpus }, (_, vcpu) => queueOf(gic, vcpu)),
    lines: Array.from(irqs.line.subarray(0, irqs.sharedEnd >>> 5)),
    vsgis: gic.distributor.vsgis,
    activePriorities: Array.from({ length: irqs.vcpus }, (_, vcpu) => activePriorities(gic, vcpu)),
    activeSources: Array.from(irqs.activeSource.entries()).filter(([, source]) => source !== 0),
  };
  gic.events.saved?.();
  return { state, pages };
}

/** Writes the tables to pages over guest RAM; with those comes the rest of the ITSs and LPIs, which they do not carry. */
function saveInTables(gic: Gic): Pick<GicState, 'its' | 'detachedLpis'> & { pages: RamPages } {
  const { memory } = gic.lpis;
  const overlay = memory && new PageOverlay(memory);
  const complete = saveTables(gic, overlay);
  const pages = overlay?.pages() ?? NO_PAGES;
  const tablesRead = complete && memory ? readBack(gic, new PageOverlay(memory, pages)) : undefined;
  return {
    pages,
    its: gic.its.map((its, n) => ({
      registers: itsRegisters(gic, n),
      mappings: tablesRead === undefined ? mappingsOf(its) : null,
    })),
    detachedLpis: detachedLpis(gic, tablesRead),
  };
}

/** Reads registers through the device API's own access, one record each. */
class RecordSaver {
  readonly records: RegisterRecord[] = [];

  constructor(readonly gic: Gic) {}

  /** One step, for one vCPU; what all vCPUs share is saved with the first. */
  save(step: Step, vcpu: number): void {
    if (step === 'system registers') this.#systemRegisters(vcpu);
    else if (step === 'lines') this.#lines(vcpu);
    else if ('reset' in step) this.#reset(step.group, step.reset, vcpu);
    else for (const name of step.registers) this.#register(step.group, name, vcpu);
  }

  #add(group: number, attr: bigint, value: bigint | number): void {
    this.records.push({ group, attr: hex(attr), value: hex(value) });
  }

  #read(vcpu: number, group: number, attr: bigint): number {
    const buffer = { value: 0n };
    accessRegister(this.gic, vcpu, group, attr, buffer, false);
    return Number(buffer.value);
  }

  #register(group: number, name: string, vcpu: number): void {
    const { irqs, its, lpis } = this.gic;
    // without an ITS this one reads zero until it is written, and no write makes it so again
    if (name === 'GICR_PROPBASER' && its.length === 0 && lpis.propbaserLow === 0) return;
    const latchAlone = irqs.version === 2 && name === 'GICD_ISPENDR';
    for (const [n, offset] of [...wordsOf(this.gic, group, name, vcpu)].entries()) {
      const attr = attribute(this.gic, vcpu, group, offset);
      this.#add(group, attr, latchAlone ? this.#v2Latch(vcpu, n) : this.#read(vcpu, group, attr));
    }
  }

  /**
   * GICv2's GICD_ISPENDR shows the line too, which would become a latch: the latch is taken instead, `lines` has the rest.
   * The pending state of SGIs is GICD_SPENDSGIR's. For vCPUs but the first there is the private word alone.
   */
  #v2Latch(vcpu: number, n: number): number {
    const { irqs } = this.gic;
    const word = irqs.wordOf(vcpu, n * 32);
    return n === 0 ? irqs.latch[word] & ~SGIS : irqs.latch[word];
  }

  /** A register of clear-bits: everything is cleared before what is set is set. */
  #reset(group: number, name: string, vcpu: number): void {
    for (const offset of wordsOf(this.gic, group, name, vcpu)) {
      this.#add(group, attribute(this.gic, vcpu, group, offset), 0xffffffff);
    }
  }

  #lines(vcpu: number): void {
    for (let intid = 0; intid < this.gic.irqs.count; intid += PRIVATE_COUNT) {
      if (vcpu > 0 && intid > 0) break;
      const attr = attribute(this.gic, vcpu, LEVEL_INFO, intid);
      this.#add(LEVEL_INFO, attr, this.#read(vcpu, LEVEL_INFO, attr));
    }
  }

  #systemRegisters(vcpu: number): void {
    const group = uapi.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS;
    const saved = this.gic.savedInterface(vcpu);
    for (const name of SYSTEM_REGISTER_ORDER) {
      // with CBPR the register shows group 0's binary point; the field is kept for when CBPR goes
      const value =
        name === 'ICC_BPR1_EL1'
          ? (saved.vmcr >>> VMCR_BPR1_SHIFT) & 7
          : systemRegisterAt(SYSTEM_REGISTERS[name])?.userRead?.(saved);
      if (value !== undefined) this.#add(group, attribute(this.gic, vcpu, group, SYSTEM_REGISTERS[name]), value);
    }
  }
}

/**
 * The offsets of the 32-bit words that a register or array has for a vCPU, as far as there are INTIDs. What is not banked
 * belongs to vCPU 0.
 */
function* wordsOf(gic: Gic, group: number, name: string, vcpu: number): Generator<number> {
  const { irqs } = gic;
  const row = frameOfGroup(irqs.version, group)?.named(name);
  if (row === undefined) return;
  const bits = row.bitsPerInterrupt;
  const intids = group === REDIST ? PRIVATE_COUNT : irqs.count;
  const length = bits === 0 ? row.length : (bits * intids) / 8;
  for (let at = 0; at < length; at += 4) {
    const isPrivate = bits !== 0 ? (at * 8) / bits < PRIVATE_COUNT : SGI_ARRAYS.has(name);
    // the private part of a GICv3 distributor is in the redistributors
    if (group === DIST && isPrivate && irqs.version === 3) continue;
    if (vcpu === 0 || group !== DIST || isPrivate) yield row.offset + at;
  }
}

/** Arrays of GICv2 that have a byte for each SGI, banked by vCPU. */
const SGI_ARRAYS: ReadonlySet<string> = new Set(['GICD_SPENDSGIR', 'GICD_CPENDSGIR']);

function activeLpis(gic: Gic): number[] {
  const { irqs } = gic;
  const intids: number[] = [];
  irqs.eachLpi((i) => {
    if (testBit(irqs.active, i)) intids.push(irqs.intidOf(i));
    return true;
  });
  return intids;
}

function activePriorities(gic: Gic, vcpu: number): number[] {
  const { ap0r, ap1r } = gic.savedInterface(vcpu);
  return [...ap0r, ...ap1r];
}

function queueOf(gic: Gic, vcpu: number): number[] {
  const { lists } = gic.irqs;
  const queue: number[] = [];
  for (let i = lists.head[vcpu]; i >= 0; i = lists.next[i]) queue.push(gic.irqs.intidOf(i));
  return queue;
}

/** Writes the pending and translation tables; false where the guest leaves no place for one. */
function saveTables(gic: Gic, memory: Ram | undefined): boolean {
  let complete = gic.lpis.savePending(memory);
  for (const its of gic.its) if (ITS_TABLE_ABIS[its.abiRevision].save(its, memory) !== 0) complete = false;
  return complete;
}

function itsRegisters(gic: Gic, n: number): GicState['its'][number]['registers'] {
  const its = gic.its[n];
  // this one reads zero until it is written, and no write makes it so again
  const isEmpty = its.queue.cbaserLow === 0 && its.queue.cbaserHigh === 0;
  const names = ITS_REGISTER_ORDER.filter(([name]) => !(isEmpty && name === 'GITS_CBASER'));
  return names.map(([name, at]) => {
    const offset = (ITS_FRAME.named(name)?.offset ?? 0) + at;
    const buffer = { value: 0n };
    accessItsRegister(gic, n, offset, buffer, false);
    return { attr: hex(offset), value: hex(buffer.value) };
  });
}
