import { FIRST_LPI, LPI_ENABLE, LPI_PRIORITY_MASK, LPIS } from './configuration.js';
import type { ArchitecturalGic, Vcpu } from './gic.js';
import { type Interrupt, NOWHERE } from './interrupt.js';

/** What an EventID of a device leads to. */
interface Translation {
  readonly lpi: Interrupt;
  collection: number;
}

/** Bits of EventID that device n has: MAPD's Size. Device 3 has LPIs of its own EventIDs, for MAPI. */
export const eventBits = (device: number): number => (device === 3 ? 14 : 5);

/**
 * An ITS as what it does: which events lead to which LPI and collection, and which collection to which vCPU (IHI 0069, 5.2 and
 * 5.3). A command whose parameters are wrong does nothing. `allows...` say where a command is UNPREDICTABLE, or
 * where what it does depends on how the ITS is built, and nothing can be compared.
 */
export class ArchitecturalIts {
  readonly #devices = new Map<number, Map<number, Translation>>();
  readonly #collections = new Map<number, Vcpu>();
  /** The LPI configuration table in memory, as far as it is used. */
  readonly #configuration = new Uint8Array(LPIS);
  /** GITS_CTLR.Enabled. */
  enabled = false;

  constructor(readonly gic: ArchitecturalGic) {}

  lpi(intid: number): Interrupt | undefined {
    return this.gic.lpis[intid - FIRST_LPI];
  }

  translation(device: number, event: number): Translation | undefined {
    return this.#devices.get(device)?.get(event);
  }

  #isMapped(lpi: Interrupt): boolean {
    for (const events of this.#devices.values()) {
      for (const translation of events.values()) if (translation.lpi === lpi) return true;
    }
    return false;
  }

  #isUsed(collection: number): boolean {
    for (const events of this.#devices.values()) {
      for (const translation of events.values()) if (translation.collection === collection) return true;
    }
    return false;
  }

  /** Pending where LPIs are disabled: its state is in a table in memory, and no command finds it there (IHI 0069, 5.1.2). */
  #isAway({ latch, target }: Interrupt): boolean {
    return latch && target !== NOWHERE && !this.gic.vcpus[target].lpisEnabled;
  }

  // ---- commands, IHI 0069, 5.3

  mapDevice(device: number, valid: boolean): void {
    const events = this.#devices.get(device);
    // unmapped: what happens to interrupts that are pending is not said; here they go, as by DISCARD
    for (const { lpi } of events?.values() ?? []) lpi.latch = false;
    if (valid) this.#devices.set(device, new Map());
    else this.#devices.delete(device);
  }
  /** To map a device anew while it has translations is UNPREDICTABLE. */
  allowsMapDevice(device: number, valid: boolean): boolean {
    const events = this.#devices.get(device);
    if (events === undefined) return true;
    if (valid) return events.size === 0;
    for (const { lpi } of events.values()) if (this.#isAway(lpi)) return false;
    return true;
  }

  mapCollection(collection: number, target: number, valid: boolean): void {
    const vcpu = this.gic.vcpus[target];
    if (!valid) this.#collections.delete(collection);
    else if (vcpu !== undefined) this.#collections.set(collection, vcpu);
  }
  /** One that translations lead to is moved by `moveAll`, and not unmapped. */
  allowsMapCollection(collection: number): boolean {
    return !this.#isUsed(collection);
  }

  /** MAPC of all collections of a vCPU to another one, then MOVALL: the way to leave a vCPU (IHI 0069, 5.3 MOVALL). */
  moveAll(from: number, to: number): void {
    const source = this.gic.vcpus[from];
    const target = this.gic.vcpus[to];
    if (source === undefined || target === undefined) return;
    for (const [collection, vcpu] of this.#collections) {
      if (vcpu === source) this.#collections.set(collection, target);
    }
    for (const lpi of this.gic.lpis) if (lpi.target === from) lpi.target = to;
  }
  /** @param collections those of the vCPU that is left, a bit each */
  allowsMoveAll(from: number, to: number, collections: number): boolean {
    const { vcpus } = this.gic;
    return (
      vcpus[from]?.lpisEnabled === true && vcpus[to]?.lpisEnabled === true && this.collectionsOf(from) === collections
    );
  }
  collectionsOf(vcpu: number): number {
    let collections = 0;
    for (const [collection, { number }] of this.#collections) if (number === vcpu) collections |= 1 << collection;
    return collections;
  }

  /** MAPTI, and MAPI with the EventID for the INTID. */
  mapEvent(device: number, event: number, intid: number, collection: number): void {
    const events = this.#devices.get(device);
    const lpi = this.lpi(intid);
    const vcpu = this.#collections.get(collection);
    if (events === undefined || lpi === undefined || vcpu === undefined || event >= 2 ** eventBits(device)) return;
    events.set(event, { lpi, collection });
    lpi.target = vcpu.number;
    this.#readConfiguration(lpi);
  }
  /** Two events for an LPI, a second LPI for an event, and a collection that is not mapped yet are left out. */
  allowsMapEvent(device: number, event: number, intid: number, collection: number): boolean {
    const lpi = this.lpi(intid);
    if (this.translation(device, event) !== undefined) return false;
    if (lpi === undefined) return intid < FIRST_LPI;
    return !this.#isMapped(lpi) && !lpi.latch && this.#collections.has(collection);
  }

  moveEvent(device: number, event: number, collection: number): void {
    const translation = this.translation(device, event);
    const vcpu = this.#collections.get(collection);
    if (translation === undefined || vcpu === undefined) return;
    translation.collection = collection;
    translation.lpi.target = vcpu.number;
  }
  allowsMoveEvent(device: number, event: number, collection: number): boolean {
    const translation = this.translation(device, event);
    const vcpu = this.#collections.get(collection);
    if (translation === undefined || vcpu === undefined) return true;
    return !translation.lpi.latch || (vcpu.lpisEnabled && this.gic.vcpus[translation.lpi.target].lpisEnabled);
  }

  discard(device: number, event: number): void {
    const translation = this.translation(device, event);
    if (translation === undefined) return;
    translation.lpi.latch = false;
    this.#devices.get(device)?.delete(event);
  }

  clear(device: number, event: number): void {
    const translation = this.translation(device, event);
    if (translation !== undefined) translation.lpi.latch = false;
  }
  /** DISCARD and CLEAR. */
  allowsClear(device: number, event: number): boolean {
    const translation = this.translation(device, event);
    return translation === undefined || !this.#isAway(translation.lpi);
  }

  /** An MSI, and INT: the LPI becomes pending. While its vCPU's LPIs are disabled, or the ITS, it is lost (5.2, 12.11 GICR_CTLR). */
  trigger(device: number, event: number): void {
    const translation = this.translation(device, event);
    if (!this.enabled || translation === undefined) return;
    const { lpi } = translation;
    if (this.gic.vcpus[lpi.target].lpisEnabled) lpi.latch = true;
  }

  /** INV: the configuration is read anew. */
  invalidate(device: number, event: number): void {
    const translation = this.translation(device, event);
    if (translation !== undefined) this.#readConfiguration(translation.lpi);
  }
  invalidateAll(collection: number): void {
    for (const events of this.#devices.values()) {
      for (const translation of events.values()) {
        if (translation.collection === collection) this.#readConfiguration(translation.lpi);
      }
    }
  }

  // ---- memory

  configure(intid: number, value: number): void {
    if (this.lpi(intid) !== undefined) this.#configuration[intid - FIRST_LPI] = value;
  }
  /** Without INV, nobody knows when a change is seen (IHI 0069, 5.1.1): with the INV of the event that leads to it, or of an LPI
   * that nothing leads to. */
  allowsConfigure(intid: number, device: number, event: number): boolean {
    const lpi = this.lpi(intid);
    if (lpi === undefined) return false;
    return this.translation(device, event)?.lpi === lpi || (!this.#isMapped(lpi) && !lpi.latch);
  }

  #readConfiguration(lpi: Interrupt): void {
    const value = this.#configuration[lpi.intid - FIRST_LPI];
    lpi.enabled = (value & LPI_ENABLE) !== 0;
    lpi.priority = value & LPI_PRIORITY_MASK;
  }
}
