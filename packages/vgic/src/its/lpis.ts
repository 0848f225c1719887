import { LPI_MIN } from '../architecture/intid.js';
import { LPI_ENABLE, LPI_PRIORITY_MASK } from '../architecture/lpi.js';
import { PENDBASER_PTZ } from '../architecture/redistributor.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';
import { testBit, writeBit } from '../interrupts/bitmap.js';
import { type Interrupts, NO_VCPU } from '../interrupts/interrupts.js';
import { deviates } from '../kvm-deviations.js';
import type { Ram } from '../memory/ram.js';

/** INTID bits that KVM's LPIs have; `vgic` can have up to 24. */
export const LPI_BITS_KVM = 16;

const ADDRESS_HIGH_MASK = 0x000fffff;
const PROPBASER_LOW_ADDRESS = 0xfffff000;
const PENDBASER_LOW_ADDRESS = 0xffff0000;
const PROPBASER_ID_BITS = 0x1f;

/** An address in a 64-bit register, from its halves; bits 51:32 are in the upper one. */
export function addressOf(low: number, high: number): number {
  return (high & ADDRESS_HIGH_MASK) * 2 ** 32 + (low >>> 0);
}

/**
 * LPIs: their configuration and pending tables in guest memory, and what is done when they are enabled.
 * Source: IHI 0069, 5.1 "LPIs".
 */
export class Lpis implements StatePart {
  /** GICR_CTLR.EnableLPIs of each vCPU. */
  readonly enabled: Uint8Array;
  /** GICR_PROPBASER: one for all vCPUs, as KVM has it. In halves. */
  propbaserLow = 0;
  propbaserHigh = 0;
  /** GICR_PENDBASER of each vCPU. */
  readonly pendbaserLow: Uint32Array;
  readonly pendbaserHigh: Uint32Array;

  constructor(
    readonly irqs: Interrupts,
    initialPendbaser: number,
    /** Guest RAM; without it there is no ITS. */
    readonly memory: Ram | undefined,
    /** Bits of an INTID, 16 to 24. */
    readonly intidBits: number,
  ) {
    this.enabled = new Uint8Array(irqs.vcpus);
    this.pendbaserLow = new Uint32Array(irqs.vcpus).fill(initialPendbaser);
    this.pendbaserHigh = new Uint32Array(irqs.vcpus);
  }

  visitState(state: StateVisitor): void {
    state.array(this.enabled);
    this.propbaserLow = state.number(this.propbaserLow);
    this.propbaserHigh = state.number(this.propbaserHigh);
    state.array(this.pendbaserLow);
    state.array(this.pendbaserHigh);
  }

  /** One more than the largest INTID that the configuration table has room for. */
  get limit(): number {
    return 1 << Math.min((this.propbaserLow & PROPBASER_ID_BITS) + 1, this.intidBits);
  }

  #configurationAddress(intid: number): number {
    return addressOf(this.propbaserLow & PROPBASER_LOW_ADDRESS, this.propbaserHigh) + intid - LPI_MIN;
  }

  /** Where a vCPU's pending table has an INTID's byte. */
  pendingAddress(vcpu: number, intid: number): number {
    return addressOf(this.pendbaserLow[vcpu] & PENDBASER_LOW_ADDRESS, this.pendbaserHigh[vcpu]) + (intid >>> 3);
  }

  /**
   * A translation to an LPI is made: the LPI comes to be if it was not there, with its configuration and pending state from
   * guest memory. Returns its index, or -1 where a table is outside RAM: then nothing has changed. `memory` is where the
   * tables are, for a restore that has them apart.
   */
  map(intid: number, target: number, memory = this.memory): number {
    const { irqs } = this;
    const present = irqs.lpiIndex(intid);
    if (present >= 0) {
      irqs.referLpi(present);
      return present;
    }
    const i = irqs.createLpi(intid, target);
    if (
      memory !== undefined &&
      this.#loadConfiguration(i, intid, memory) &&
      this.#takePending(i, intid, target, memory)
    )
      return i;
    irqs.releaseLpi(i);
    return -1;
  }

  /** Priority and enable; false where the table is outside RAM. */
  #loadConfiguration(i: number, intid: number, memory: Ram): boolean {
    const configuration = memory.load8(this.#configurationAddress(intid));
    if (configuration < 0) return false;
    this.#configure(i, configuration);
    return true;
  }

  #configure(i: number, configuration: number): void {
    this.irqs.priority[i] = configuration & LPI_PRIORITY_MASK;
    writeBit(this.irqs.enabled, i, (configuration & LPI_ENABLE) !== 0);
  }

  /**
   * An LPI's priority and enable from the configuration table; `only`: just if it goes to that vCPU. One that is injected
   * directly is configured on the host in any case, with `only` when the host invalidates all of that vCPU's, as KVM does.
   */
  readConfiguration(i: number, only: number): void {
    const { irqs } = this;
    const onVpe = testBit(irqs.onVpe, i);
    const counts = only < 0 || irqs.target[i] === only;
    if (!counts && !onVpe) return;
    const configuration = this.memory?.load8(this.#configurationAddress(irqs.intidOf(i))) ?? -1;
    if (configuration < 0) return;
    if (onVpe) {
      if (counts) this.#configure(i, configuration);
      irqs.vpes?.configured(i, configuration, only < 0);
      return;
    }
    irqs.beginChangeOf(i);
    this.#configure(i, configuration);
    irqs.raisedOne(i);
  }

  /** The pending state of an LPI that has just come to be: from its target's table, where it is cleared. */
  #takePending(i: number, intid: number, vcpu: number, memory: Ram): boolean {
    const { irqs } = this;
    if (vcpu < 0) return true;
    const address = this.pendingAddress(vcpu, intid);
    const byte = memory.load8(address);
    if (byte < 0) return false;
    const bit = 1 << (intid & 7);
    if ((byte & bit) === 0) return true;
    irqs.setLatch(i, true);
    irqs.queue(i);
    return memory.store8(address, byte & ~bit);
  }

  /** INVALL: the configuration of a vCPU's LPIs is read anew. */
  invalidateAll(vcpu: number): void {
    this.irqs.eachLpi((i) => {
      this.readConfiguration(i, vcpu);
      return true;
    });
    this.irqs.vpes?.invalidateAll(vcpu);
  }

  /** Whether an LPI of this number, with this target (or -1), would have its place in both tables in RAM. */
  hasTablesFor(intid: number, target: number): boolean {
    const has = (address: number) => (this.memory?.load8(address) ?? -1) >= 0;
    return has(this.#configurationAddress(intid)) && (target < 0 || has(this.pendingAddress(target, intid)));
  }

  /** EnableLPIs goes on; without GICR_PENDBASER.PTZ the pending table says what is pending. */
  enable(vcpu: number): void {
    this.enabled[vcpu] = 1;
    const { irqs, memory } = this;
    if (this.pendbaserHigh[vcpu] & PENDBASER_PTZ || memory === undefined) return;
    const readAgain = deviates(irqs.kvm, 'pendingTableReadAgain');
    let address = -1;
    let byte = 0;
    irqs.eachLpi((i) => {
      const intid = irqs.intidOf(i);
      const at = this.pendingAddress(vcpu, intid);
      if (at !== address) {
        byte = memory.load8(at);
        if (byte < 0) return false;
        address = at;
      }
      const bit = 1 << (intid & 7);
      const pending = (byte & bit) !== 0;
      if (irqs.target[i] === vcpu) {
        if (!testBit(irqs.onVpe, i)) irqs.setLatch(i, pending);
        else if (pending) irqs.pend(i);
        if (pending && !readAgain) {
          byte &= ~bit;
          memory.store8(at, byte);
        }
      }
      irqs.queue(i);
      return true;
    });
  }

  /** EnableLPIs goes off: the pending table takes what is pending. */
  disable(vcpu: number): void {
    const { irqs, memory } = this;
    irqs.listRegisterOwners.beginChange();
    if (!deviates(irqs.kvm, 'pendingTableReadAgain')) {
      irqs.listRegisterOwners.takeBack(vcpu);
      if (memory !== undefined) this.#writePending(memory, vcpu);
      irqs.eachLpi((i) => {
        if (irqs.target[i] === vcpu && !testBit(irqs.onVpe, i)) irqs.setLatch(i, false);
        return true;
      });
    }
    irqs.dropLpis(vcpu);
    irqs.listRegisterOwners.endChange();
    this.enabled[vcpu] = 0;
  }

  /**
   * Writes the pending state of all LPIs to their targets' pending tables (KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES), in guest
   * memory or in one over it. False where a table is outside RAM: what came before is written.
   */
  savePending(memory = this.memory): boolean {
    return memory === undefined || this.#writePending(memory, NO_VCPU);
  }

  /** Of all vCPUs, or of one: what is pending of its LPIs but those that the host has. */
  #writePending(memory: Ram, only: number): boolean {
    const { irqs } = this;
    let address = -1;
    let byte = 0;
    return irqs.eachLpi((i) => {
      const vcpu = irqs.target[i];
      if (vcpu < 0 || (only >= 0 && (vcpu !== only || testBit(irqs.onVpe, i)))) return true;
      const intid = irqs.intidOf(i);
      const at = this.pendingAddress(vcpu, intid);
      if (at !== address) {
        byte = memory.load8(at);
        if (byte < 0) return false;
        address = at;
      }
      const bit = 1 << (intid & 7);
      const pending = irqs.isLatched(i);
      if (((byte & bit) !== 0) === pending) return true;
      byte = pending ? byte | bit : byte & ~bit;
      return memory.store8(at, byte);
    });
  }
}
