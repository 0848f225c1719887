import { PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import { LPI_ENABLE, LPI_PRIORITY_MASK } from '../architecture/lpi.js';
import { ERRNO } from '../errors.js';
import { clearBit, setBit, testBit } from '../interrupts/bitmap.js';
import type { Interrupts } from '../interrupts/interrupts.js';
import type { VpeInterrupts } from '../interrupts/vpe-interrupts.js';
import { DISABLED, type Its } from '../its/its.js';
import { LPI_LIMIT } from '../physical-gic/configuration-table.js';
import type { DriverVpe, Gicv4Driver, VpeSet } from '../physical-gic/gicv4-driver.js';
import type { Vpe } from '../physical-gic/vpe.js';

/** KVM's answer where an event is not mapped: the ITS's own error number (IHI 0069, table 5-36), which is positive. */
export const UNMAPPED_INTERRUPT = 0x1_0307;

/** KVM's answer where the forwarding of an MSI is to end that is not forwarded, of an event that is forwarded nevertheless. */
const FORWARDED = -ERRNO.EINVAL;

/** What a virtual machine's direct injection works with. */
export interface ForwardingContext {
  readonly irqs: Interrupts;
  /** The physical CPU that a vCPU is on, or will be loaded on. */
  readonly cpuOf: (vcpu: number) => number;
  readonly isInGuest: (vcpu: number) => boolean;
  /** Whether a vCPU waits for an interrupt. */
  readonly isWaiting: (vcpu: number) => boolean;
  /** GICR_CTLR.EnableLPIs of each vCPU. */
  readonly lpisEnabled: Uint8Array;
  /** Whether SGIs are to be vSGIs: GICD_CTLR.nASSGIreq. */
  readonly vsgisWanted: () => boolean;
  /** The vCPU's virtual CPU interface sees this vPE from now on, or none. */
  readonly attach: (vcpu: number, vpe: Vpe | undefined) => void;
}

/** A host's MSI that is forwarded to an event of the guest's. */
interface ForwardedMsi {
  readonly msi: number;
  readonly its: Its;
  readonly deviceId: number;
  readonly eventId: number;
  /** Index of the LPI that the event led to. */
  readonly lpi: number;
}

/**
 * The hypervisor's side of GICv4 for one virtual machine: a vPE for each vCPU, resident while the vCPU is loaded; MSIs of
 * passed-through devices that the host's ITS turns into the guest's LPIs; SGIs that are vSGIs. Follows KVM's vgic-v4.c,
 * but for what that loses: what is pending on the host's side comes back to the guest's whenever a forwarding ends.
 */
export class Forwarding implements VpeInterrupts {
  readonly vpes: readonly DriverVpe[];
  /** Something was pending when the vCPU's vPE was last made non-resident, or its doorbell rang since: it is to run. */
  readonly pendingLast: Uint8Array;
  /** The virtual pending table was parsed since the vPE became resident (GICR_VPENDBASER.Dirty is 0). */
  readonly ready: Uint8Array;
  /** Groups enabled when the vPE was last made resident: bit 0 and bit 1. */
  readonly groups: Uint8Array;
  /** Where the vPE is. Only its vCPU's residency moves it, but a GICv4 may come while that one is loaded already. */
  readonly #resident: Uint8Array;
  /** The vPE is to be made resident anew at the vCPU's next entry. */
  readonly #reload: Uint8Array;
  readonly #set: VpeSet;
  readonly #byMsi = new Map<number, ForwardedMsi>();
  readonly #byLpi = new Map<number, ForwardedMsi>();
  /** The vCPUs whose LPIs were enabled when {@link endUndeliverable} last looked. */
  readonly #lpisWereEnabled: Uint8Array;
  #vsgis = false;
  #hasRun = false;

  /** @throws GicError ENOSPC where the host has no room for so many vPEs. */
  constructor(
    readonly driver: Gicv4Driver,
    readonly context: ForwardingContext,
  ) {
    const { irqs } = context;
    this.#set = driver.allocate(irqs.vcpus);
    this.vpes = this.#set.vpes;
    this.pendingLast = new Uint8Array(irqs.vcpus);
    this.ready = new Uint8Array(irqs.vcpus);
    this.groups = new Uint8Array(irqs.vcpus);
    this.#resident = new Uint8Array(irqs.vcpus);
    this.#reload = new Uint8Array(irqs.vcpus);
    this.#lpisWereEnabled = context.lpisEnabled.slice();
    for (const [vcpu, vpe] of this.vpes.entries()) {
      vpe.onDoorbell = () => this.#ring(vcpu);
      driver.mapVpe(vpe);
    }
    irqs.vpes = this;
  }

  /** Gives everything back to the host; what is pending there is the GIC's again. */
  close(): void {
    for (const { msi } of [...this.#byMsi.values()]) this.unsetForwarding(msi);
    this.switchVsgis(false);
    for (let vcpu = 0; vcpu < this.vpes.length; vcpu++) this.put(vcpu, false);
    this.driver.free(this.#set);
    this.context.irqs.vpes = undefined;
  }

  // ---- residency: it follows that of the vCPU, which `Vcpus` has

  isResident(vcpu: number): boolean {
    return this.#resident[vcpu] !== 0;
  }

  /** Before a vCPU is loaded: what userspace has set and only a run makes so, that SGIs are vSGIs. */
  prepareFirstRun(): void {
    if (this.#hasRun) return;
    this.#hasRun = true;
    this.switchVsgis(this.context.vsgisWanted());
  }

  /** The vCPU is loaded on its physical CPU: its vPE becomes resident there. */
  load(vcpu: number): void {
    if (this.#resident[vcpu]) return;
    const { driver, context } = this;
    const vpe = this.vpes[vcpu];
    driver.moveVpe(vpe, context.cpuOf(vcpu));
    if (driver.version === 40) driver.maskDoorbell(vpe, true);
    const enabled = context.irqs.distributorEnabled;
    const group0 = this.#signalsGroup0;
    driver.makeResident(vpe, group0, enabled);
    this.groups[vcpu] = driver.version === 40 ? 3 : (group0 ? 1 : 0) | (enabled ? 2 : 0);
    if (driver.version === 40) driver.clearDoorbell(vpe);
    this.#resident[vcpu] = 1;
    context.irqs.events.resident?.(vcpu, 1);
    context.attach(vcpu, driver.residentOn(vpe.cpu));
  }

  /** The vCPU gives its physical CPU back. One that `waits` for an interrupt is to be rung for. */
  put(vcpu: number, waits: boolean): void {
    if (!this.#resident[vcpu]) {
      if (waits) this.askForDoorbell(vcpu);
      return;
    }
    const { driver } = this;
    const vpe = this.vpes[vcpu];
    if (waits && driver.version === 40) driver.maskDoorbell(vpe, false);
    this.pendingLast[vcpu] = driver.makeNonResident(vpe, waits) ? 1 : 0;
    this.#resident[vcpu] = 0;
    this.context.irqs.events.resident?.(vcpu, 0);
    this.ready[vcpu] = 0;
    this.context.attach(vcpu, undefined);
  }

  /** Without vSGIs no vPE has anything of group 0. */
  get #signalsGroup0(): boolean {
    return this.context.irqs.distributorEnabled && this.#vsgis;
  }

  /** Of a vCPU that waits, whose vPE was never resident or has been mapped anew: no doorbell would ring for it yet. */
  askForDoorbell(vcpu: number): void {
    const { driver, context } = this;
    const vpe = this.vpes[vcpu];
    if (driver.version === 40) driver.maskDoorbell(vpe, false);
    const pending = driver.visit(vpe, this.#signalsGroup0, context.irqs.distributorEnabled);
    if (!pending || this.pendingLast[vcpu]) return;
    this.pendingLast[vcpu] = 1;
    context.irqs.kick(vcpu);
  }

  /** The vCPU is about to enter the guest. */
  prepareEntry(vcpu: number): void {
    if (!this.#reload[vcpu]) return;
    this.#reload[vcpu] = 0;
    this.put(vcpu, false);
    this.load(vcpu);
  }

  /** It enters: whatever the virtual pending table has is seen from here on. */
  commit(vcpu: number): void {
    this.ready[vcpu] = this.#resident[vcpu];
  }

  #ring(vcpu: number): void {
    const { driver } = this;
    if (driver.version === 40) driver.maskDoorbell(this.vpes[vcpu], true);
    this.pendingLast[vcpu] = 1;
    this.context.irqs.events.doorbell?.(vcpu);
    this.context.irqs.kick(vcpu);
  }

  /** Whether something is pending for a vCPU that waits, by its doorbell or by what its vPE was left with. */
  hasRung(vcpu: number): boolean {
    return this.pendingLast[vcpu] !== 0;
  }

  /** After a restore: so it was when the vCPU that waits was saved. */
  setRung(vcpu: number): void {
    this.pendingLast[vcpu] = 1;
  }

  /**
   * GICD_CTLR has switched the distributor: GICv4.1 learns by residency which groups are enabled. No doorbell has rung for
   * a vCPU that began to wait while they were disabled, so it is to look by itself.
   */
  distributorSwitched(): void {
    const { irqs, isWaiting } = this.context;
    for (let vcpu = 0; vcpu < this.vpes.length; vcpu++) {
      this.#reload[vcpu] = 1;
      if (irqs.distributorEnabled && isWaiting(vcpu)) this.pendingLast[vcpu] = 1;
      irqs.kick(vcpu);
    }
  }

  // ---- forwarding

  /**
   * An MSI of the host is forwarded to an event of the guest's; what is pending in software goes with it. As
   * kvm_vgic_v4_set_forwarding: 0, also for an LPI that is forwarded already; UNMAPPED_INTERRUPT for an event that leads
   * nowhere; EBUSY while the ITS or the LPIs of the target are disabled; EINVAL for an MSI that the
   * host's GICv4 does not get, or that another virtual machine has. After an answer that is not 0 nothing has changed.
   */
  setForwarding(msi: number, its: Its, deviceId: number, eventId: number): number {
    const { irqs } = this.context;
    const lpi = its.resolve(deviceId, eventId);
    if (lpi < 0) return unresolved(lpi);
    if (testBit(irqs.onVpe, lpi)) return 0;
    const intid = irqs.intidOf(lpi);
    const vcpu = irqs.target[lpi];
    // two events, the other of which leads nowhere, can leave an LPI without a target
    if (vcpu < 0) return UNMAPPED_INTERRUPT;
    if (!this.driver.canForward(msi)) return -ERRNO.EINVAL;
    // it stays in software
    if (intid >= LPI_LIMIT) return 0;
    this.unsetForwarding(msi);
    // another virtual machine's
    if (this.driver.mappingOf(msi) !== undefined) return -ERRNO.EINVAL;
    const configuration = (irqs.priority[lpi] & LPI_PRIORITY_MASK) | (testBit(irqs.enabled, lpi) ? LPI_ENABLE : 0);
    this.driver.mapVlpi(msi, this.vpes[vcpu], intid, configuration);
    const forwarding = { msi, its, deviceId, eventId, lpi };
    this.#byMsi.set(msi, forwarding);
    this.#byLpi.set(lpi, forwarding);
    irqs.beginChangeOf(lpi);
    setBit(irqs.onVpe, lpi);
    if (testBit(irqs.latch, lpi)) {
      irqs.setLatch(lpi, false);
      this.setPending(lpi, true);
    }
    irqs.loweredOne(lpi);
    return 0;
  }

  /** What KVM answers when it is to end the forwarding of an MSI that is not forwarded to this event. */
  checkForwarding(its: Its, deviceId: number, eventId: number): number {
    const lpi = its.resolve(deviceId, eventId);
    if (lpi < 0) return unresolved(lpi);
    return testBit(this.context.irqs.onVpe, lpi) ? FORWARDED : 0;
  }

  /** An MSI is forwarded no more: it is the host's again, and what is pending of its LPI is the GIC's again. */
  unsetForwarding(msi: number): void {
    const forwarding = this.#byMsi.get(msi);
    if (forwarding === undefined) return;
    const { irqs } = this.context;
    const { lpi } = forwarding;
    const pending = this.driver.unmapVlpi(msi);
    this.#byMsi.delete(msi);
    this.#byLpi.delete(lpi);
    clearBit(irqs.onVpe, lpi);
    if (!pending) return;
    this.#leaveList(lpi);
    irqs.pend(lpi);
  }

  /**
   * What went to the host while it was in a vCPU's list leaves it with that one's next exit. A vCPU which sleeps has none
   * coming, and would keep the LPI from the one that gets it now.
   */
  #leaveList(lpi: number): void {
    const { irqs, isInGuest } = this.context;
    const owner = irqs.lists.owner[lpi];
    if (owner >= 0 && !isInGuest(owner) && !testBit(irqs.active, lpi)) irqs.lists.remove(lpi);
  }

  /**
   * Ends what software would not deliver any more, since the guest has turned its ITS or its LPIs off: for a VMM whose guest
   * shall not notice that MSIs are forwarded, after each of its writes to the GIC. KVM has no such thing and goes on
   * forwarding. What was pending is the GIC's again; but where EnableLPIs has gone off it is lost, as it would have been in
   * software.
   */
  endUndeliverable(): void {
    const { irqs, lpisEnabled } = this.context;
    for (const { msi, its, deviceId, eventId } of [...this.#byMsi.values()]) {
      if (this.checkForwarding(its, deviceId, eventId) !== FORWARDED) this.unsetForwarding(msi);
    }
    for (let vcpu = 0; vcpu < this.vpes.length; vcpu++) {
      if (this.#lpisWereEnabled[vcpu] && !lpisEnabled[vcpu]) irqs.dropLpis(vcpu);
      this.#lpisWereEnabled[vcpu] = lpisEnabled[vcpu];
    }
  }

  /** The vCPU to which the LPI of a forwarded MSI goes, or -1. */
  vcpuOf(msi: number): number {
    const forwarding = this.#byMsi.get(msi);
    return forwarding === undefined ? -1 : this.context.irqs.target[forwarding.lpi];
  }

  /** Where an MSI is forwarded to. */
  forwardingOf(
    msi: number,
  ): { readonly deviceId: number; readonly eventId: number; readonly intid: number } | undefined {
    const forwarding = this.#byMsi.get(msi);
    if (forwarding === undefined) return undefined;
    const { deviceId, eventId, lpi } = forwarding;
    return { deviceId, eventId, intid: this.context.irqs.intidOf(lpi) };
  }

  /** The MSIs that are forwarded. */
  forwardings(): Iterable<number> {
    return this.#byMsi.keys();
  }

  /** The MSI whose LPI is at an index, or -1. */
  msiOf(lpi: number): number {
    return this.#byLpi.get(lpi)?.msi ?? -1;
  }

  /** A translation of the guest's goes that led to an LPI: an MSI that is forwarded by it is so no more. */
  eventGone(its: Its, deviceId: number, eventId: number, lpi: number): void {
    const forwarding = this.#byLpi.get(lpi);
    // two events may lead to one LPI
    if (forwarding?.its === its && forwarding.deviceId === deviceId && forwarding.eventId === eventId) {
      this.unsetForwarding(forwarding.msi);
    }
  }

  // ---- pending state

  setPending(i: number, pending: boolean): void {
    if (i < this.context.irqs.sharedBase) {
      this.driver.setVsgiPending(this.vpes[i >>> 5], i & 31, pending);
      return;
    }
    const forwarding = this.#byLpi.get(i);
    if (forwarding !== undefined) this.driver.setPending(forwarding.msi, pending);
  }

  /** Of a forwarded LPI it can be told only while its vPE is not mapped: see {@link withPendingInMemory}. */
  isPending(i: number): boolean {
    const { irqs } = this.context;
    if (i < irqs.sharedBase) return ((this.pendingSgis(i >>> 5) >>> (i & 31)) & 1) !== 0;
    return this.driver.isPendingInMemory(this.vpes[irqs.target[i]], irqs.intidOf(i));
  }

  pendingSgis(vcpu: number): number {
    return this.driver.pendingVsgis(this.vpes[vcpu]);
  }

  /** GICv4.0 has no way to read a virtual pending table: a machine with forwarded LPIs can't be saved. */
  get readable(): boolean {
    return this.driver.version === 41 || this.#byMsi.size === 0;
  }

  /**
   * Does something while all vPEs are unmapped, so that what is pending is in memory. No vCPU may be loaded. With GICv4.0
   * nothing is there to be read: only where nothing is forwarded it is `readable`.
   */
  withPendingInMemory<Value>(action: () => Value): Value {
    const { driver, vpes } = this;
    if (driver.version === 40) return action();
    for (const vpe of vpes) driver.unmapVpe(vpe);
    try {
      return action();
    } finally {
      for (const [vcpu, vpe] of vpes.entries()) {
        driver.mapVpe(vpe);
        if (this.context.isWaiting(vcpu)) this.askForDoorbell(vcpu);
      }
    }
  }

  // ---- what the guest changes

  moved(i: number): void {
    const forwarding = this.#byLpi.get(i);
    const vcpu = this.context.irqs.target[i];
    if (forwarding !== undefined && vcpu >= 0) this.driver.moveVlpi(forwarding.msi, this.vpes[vcpu]);
  }

  configured(i: number, configuration: number, invalidate: boolean): void {
    const forwarding = this.#byLpi.get(i);
    if (forwarding === undefined) return;
    this.driver.configureVlpi(forwarding.msi, configuration, invalidate);
    if (invalidate && configuration & LPI_ENABLE) this.#look(this.context.irqs.target[i]);
  }

  invalidateAll(vcpu: number): void {
    this.driver.invalidateAll(this.vpes[vcpu]);
    this.#look(vcpu);
  }

  /** GICv4.0: no doorbell rings for a vLPI that was pending before it was enabled. */
  #look(vcpu: number): void {
    if (this.driver.version === 40 && this.context.isWaiting(vcpu) && !this.pendingLast[vcpu])
      this.askForDoorbell(vcpu);
  }

  // ---- vSGIs

  get hasVsgis(): boolean {
    return this.driver.hasVsgis;
  }

  /** Whether residency tells the groups that are enabled: GICv4.1. */
  get learnsGroups(): boolean {
    return this.driver.version === 41;
  }

  /** GICD_CTLR.nASSGIreq: SGIs become vSGIs, or are the GIC's again, with all their state. No vCPU is in the guest. */
  switchVsgis(on: boolean): void {
    // a guest that comes from a host with vSGIs goes on asking for them; here software delivers its SGIs
    if (on === this.#vsgis || (on && !this.hasVsgis)) return;
    this.#vsgis = on;
    for (let vcpu = 0; vcpu < this.vpes.length; vcpu++) {
      const pending = on ? 0 : this.pendingSgis(vcpu);
      for (let sgi = 0; sgi < SGI_COUNT; sgi++) {
        const i = vcpu * PRIVATE_COUNT + sgi;
        if (on) this.#toVsgi(vcpu, i, sgi);
        else this.#toSgi(vcpu, i, sgi, ((pending >>> sgi) & 1) !== 0);
      }
    }
  }

  #toVsgi(vcpu: number, i: number, sgi: number): void {
    const { irqs } = this.context;
    const pending = testBit(irqs.latch, i);
    irqs.beginChangeOf(i);
    irqs.setLatch(i, false);
    setBit(irqs.onVpe, i);
    irqs.loweredOne(i);
    this.configureSgi(vcpu, sgi);
    this.driver.setVsgiPending(this.vpes[vcpu], sgi, pending);
  }

  #toSgi(vcpu: number, i: number, sgi: number, pending: boolean): void {
    const { irqs } = this.context;
    clearBit(irqs.onVpe, i);
    this.driver.configureVsgi(this.vpes[vcpu], sgi, false, testBit(irqs.group, i), irqs.priority[i]);
    this.driver.setVsgiPending(this.vpes[vcpu], sgi, false);
    if (pending) irqs.pend(i);
  }

  configureSgi(vcpu: number, sgi: number): void {
    const { irqs } = this.context;
    const i = vcpu * PRIVATE_COUNT + sgi;
    this.driver.configureVsgi(this.vpes[vcpu], sgi, testBit(irqs.enabled, i), testBit(irqs.group, i), irqs.priority[i]);
  }
}

/** What KVM answers for an event that {@link Its.resolve} has no LPI for. */
function unresolved(result: number): number {
  return result === DISABLED ? -ERRNO.EBUSY : UNMAPPED_INTERRUPT;
}
