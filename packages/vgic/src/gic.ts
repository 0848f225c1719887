import { PRIVATE_COUNT, SGI_COUNT } from './architecture/intid.js';
import { checkAccess, checkHalf, checkHalves, checkWhole, isIndex } from './arguments.js';
import { Checkpoint, type StatePart, type StateVisitor, stateHash } from './checkpoint.js';
import {
  checkConfig,
  cpuInterfaceConfig,
  DEFAULT_CPU_INTERFACE_BASE,
  DEFAULT_DISTRIBUTOR_BASE,
  DEFAULT_REDISTRIBUTOR_BASE,
  type GicConfig,
} from './config.js';
import { CpuInterface } from './cpu-interface/cpu-interface.js';
import { ERRNO, GicError } from './errors.js';
import type { Forwarding } from './forwarding/forwarding.js';
import { AddressMap } from './frames/address-map.js';
import { DistributorState, type FrameContext } from './frames/context.js';
import { CPU_INTERFACE_V2 } from './frames/cpu-interface-v2.js';
import { DISTRIBUTOR_V2 } from './frames/distributor-v2.js';
import { DISTRIBUTOR_V3 } from './frames/distributor-v3.js';
import type { Frame } from './frames/frame.js';
import type { ItsImplementation } from './frames/its.js';
import { REDISTRIBUTOR } from './frames/redistributor.js';
import { RedistributorRegions } from './frames/redistributor-regions.js';
import { TABLE_BASE_RESET } from './frames/table-base.js';
import { GicEvents } from './gic-events.js';
import { GuestAccesses } from './guest-accesses.js';
import { Interrupts, NO_VCPU } from './interrupts/interrupts.js';
import { PhysicalInterrupts } from './interrupts/physical-interrupts.js';
import type { Its } from './its/its.js';
import { LPI_BITS_KVM, Lpis } from './its/lpis.js';
import type { SavedInterface } from './vcpus/saved-interface.js';
import { Vcpus } from './vcpus/vcpus.js';

/** The first INTIDs with a line, and that of SPIs; the module's own, which V8 folds. */
const FIRST_LINE = SGI_COUNT;
const FIRST_SPI = PRIVATE_COUNT;

/**
 * A virtual GIC: the distributor, a redistributor and a virtual CPU interface for each vCPU.
 *
 * A vCPU *enters* the guest ({@link enter}: its pending interrupts go into list registers) and *exits* ({@link exit}: they
 * are folded back). In between its CPU interface is served from the list registers, without the rest of the GIC. What
 * happens in between for other reasons, a device's line or another vCPU's access, reaches it at its next entry:
 * the event `kick` says when that is wanted.
 *
 * No guest access throws. Nothing here reads a clock or a random source: the same calls give the same interrupts.
 */
export class Gic implements FrameContext, StatePart {
  readonly irqs: Interrupts;
  readonly distributor: DistributorState;
  readonly lpis: Lpis;
  readonly its: Its[] = [];
  /** The frame of all ITSs, undefined while there is none. */
  #itsFrame: Frame | undefined;
  readonly addresses: AddressMap;
  readonly redistributorRegions: RedistributorRegions;
  readonly physical: PhysicalInterrupts;
  readonly config: GicConfig;
  /** What is injected directly: undefined without a GICv4 host, and while there is nothing for it. */
  forwarding: Forwarding | undefined;

  /** What happens here, told to whoever wants to know: `gic.events.on('kick', (vcpu) => …)`. */
  readonly events = new GicEvents();

  /** Upper half of the last 64-bit {@link read}; 0 after any other. */
  high = 0;

  /** Where each vCPU is, and the state that moves with it. */
  readonly vcpus: Vcpus;
  readonly #accesses: GuestAccesses;

  /**
   * @param parts a caller that places frames and vCPUs on physical CPUs by itself, as KVM's device does, brings them.
   * @throws GicError EINVAL if the configuration is none.
   */
  constructor(
    config: GicConfig,
    parts?: { addresses: AddressMap; redistributorRegions: RedistributorRegions; cpuInterfaces: CpuInterface[] },
  ) {
    checkConfig(config);
    this.config = config;
    const { version, vcpus } = config;
    this.physical = config.physicalInterrupts ?? new PhysicalInterrupts();
    const { interrupts = 256, kvm, features } = config;
    this.irqs = new Interrupts(version, vcpus, interrupts, this.physical, this.events, kvm, features?.rangesFrom);
    this.distributor = new DistributorState(vcpus);
    const pendbaser = version === 3 ? TABLE_BASE_RESET : 0;
    this.lpis = new Lpis(this.irqs, pendbaser, config.memory, config.intidBits ?? LPI_BITS_KVM);
    this.addresses = parts?.addresses ?? new AddressMap();
    this.redistributorRegions = parts?.redistributorRegions ?? new RedistributorRegions();
    const hardware = cpuInterfaceConfig(config);
    const cpuInterfaces =
      parts?.cpuInterfaces ?? Array.from({ length: vcpus }, () => new CpuInterface(hardware, this.events));
    this.vcpus = new Vcpus(this, cpuInterfaces);
    this.#accesses = new GuestAccesses(this);
    if (parts === undefined) {
      this.#placeFrames();
      this.startForwarding();
    }
  }

  /**
   * The vCPUs get their vPEs, if there is a GICv4 for them: when the GIC is complete, and with GICv4.0 has an ITS.
   * @throws GicError ENOSPC where the host has no room for so many.
   */
  startForwarding(): void {
    const driver = this.config.gicv4Driver;
    if (driver === undefined || this.forwarding !== undefined || (driver.version === 40 && this.its.length === 0))
      return;
    this.forwarding = driver.forwardingFor({
      irqs: this.irqs,
      cpuOf: this.config.cpuOf ?? ((vcpu) => vcpu),
      isInGuest: (vcpu) => this.vcpus.isInGuest(vcpu),
      isWaiting: (vcpu) => this.vcpus.isWaiting(vcpu),
      lpisEnabled: this.lpis.enabled,
      vsgisWanted: () => this.distributor.vsgis,
      attach: (vcpu, vpe) => {
        this.cpuInterface(vcpu).vpe = vpe;
      },
    });
  }

  /** The virtual machine goes: what it has of the host's GIC is given back. Only needed with a GICv4 host. */
  close(): void {
    this.forwarding?.close();
    this.forwarding = undefined;
  }

  #placeFrames(): void {
    const { config } = this;
    const distributorBase = config.distributorBase ?? DEFAULT_DISTRIBUTOR_BASE;
    const distributor = config.version === 2 ? DISTRIBUTOR_V2 : (config.features?.distributor ?? DISTRIBUTOR_V3);
    this.addresses.add({ base: distributorBase, frame: distributor, vcpu: NO_VCPU });
    if (config.version === 2) {
      this.mapCpuInterface(config.cpuInterfaceBase ?? DEFAULT_CPU_INTERFACE_BASE);
      return;
    }
    const base = config.redistributorBase ?? DEFAULT_REDISTRIBUTOR_BASE;
    const frame = config.features?.redistributor ?? REDISTRIBUTOR;
    this.redistributorRegions.list.push({ base, count: 0, index: 0, taken: 0 });
    for (let vcpu = 0; vcpu < config.vcpus; vcpu++) {
      const address = this.redistributorRegions.place(vcpu);
      if (address !== undefined) this.addresses.add({ base: address, frame, vcpu });
    }
    for (const placement of config.its ?? []) this.placeIts(this.addIts(placement), placement.base);
  }

  /**
   * One more ITS, whose frame has no place yet. Returns its number.
   * @throws GicError EINVAL without guest memory, in which an ITS keeps its tables.
   */
  addIts(implementation: ItsImplementation): number {
    const { irqs, lpis } = this;
    const { memory } = lpis;
    if (memory === undefined) throw new GicError('EINVAL', 'memory: an ITS keeps its tables in guest memory.');
    const its = implementation.create({ irqs, lpis, memory, number: this.its.length });
    this.#itsFrame = implementation.frame;
    its.onEventGone = (deviceId, eventId, lpi) => this.forwarding?.eventGone(its, deviceId, eventId, lpi);
    // as in KVM every new ITS resets the one register that says where LPIs are configured
    lpis.propbaserLow = TABLE_BASE_RESET;
    lpis.propbaserHigh = 0;
    return this.its.push(its) - 1;
  }

  /** Where the guest finds the frames of an ITS, control and translation. */
  placeIts(n: number, base: number): void {
    if (this.#itsFrame !== undefined) this.addresses.add({ base, frame: this.#itsFrame, vcpu: n });
  }

  // ---- devices

  /**
   * A device drives an interrupt line: an SPI, or a PPI of `vcpu`, extended ones too. For an edge-triggered interrupt `true` is an edge.
   * @throws GicError EINVAL for an INTID that is neither, or a vCPU that there is not.
   */
  setLine(intid: number, level: boolean, vcpu = 0): void {
    const { irqs } = this;
    if (isIndex(intid, irqs.count) && intid >= FIRST_SPI && vcpu === 0) irqs.inject(irqs.indexOfShared(intid), level);
    else this.setAnyLine(intid, level, vcpu);
  }

  /** Any line, and what is none. Apart, so that V8 makes the short way of SPIs part of its caller. */
  private setAnyLine(intid: number, level: boolean, vcpu: number): void {
    const { irqs } = this;
    if (!irqs.extended?.has(intid)) checkWhole('intid', intid, FIRST_LINE, irqs.count - 1);
    checkWhole('vcpu', vcpu, 0, irqs.vcpus - 1);
    irqs.inject(irqs.indexOf(vcpu, intid), level);
  }

  /**
   * A device's MSI: a write of `eventId` to an address in the frames of an ITS, or of a message-based SPI's INTID to
   * GICD_SETSPI_NSR or GICD_CLRSPI_NSR ({@link GicConfig.features}). `deviceId` is the requester's; undefined
   * where the bus can't tell, which only a cached translation of device 0 survives, as in KVM.
   * @returns 1 delivered, 0 not mapped, or a negative errno: EINVAL where no ITS is, EBUSY while it or the LPIs are disabled.
   */
  signalMsi(address: number, eventId: number, deviceId: number | undefined): number {
    checkHalf('eventId', eventId);
    if (deviceId !== undefined) checkHalf('deviceId', deviceId);
    if (this.injectCachedMsi(address, eventId, deviceId ?? 0)) return 1;
    const answer = this.config.features?.signal(this, address, eventId);
    if (answer !== undefined) return answer;
    const its = this.#itsAt(address);
    if (this.its.length === 0) return -ERRNO.ENODEV;
    if (deviceId === undefined || its === undefined) return -ERRNO.EINVAL;
    const result = its.trigger(deviceId, eventId);
    return result === 'delivered' ? 1 : result === 'unmapped' ? 0 : -ERRNO.EBUSY;
  }

  /** An MSI whose translation is cached; false if it is not, and nothing has happened. Allocates nothing. */
  injectCachedMsi(address: number, eventId: number, deviceId: number): boolean {
    return this.#itsAt(address)?.injectCached(deviceId, eventId) ?? false;
  }

  /**
   * An MSI of a passed-through device is forwarded to the guest: the host's ITS makes it the LPI that `eventId` of
   * `deviceId` leads to, at the ITS that has the doorbell `address`. What the guest does with that event later, it does
   * to the forwarded MSI. As kvm_vgic_v4_set_forwarding.
   * @returns 0, also where nothing can be forwarded: no GICv4, no ITS there, an LPI that is forwarded already. Else nothing
   * has changed: 0x10307 for an event that is not mapped; EBUSY, negative, while the ITS or LPIs are disabled.
   */
  setForwarding(msi: number, address: number, eventId: number, deviceId: number): number {
    const its = this.#itsAt(address);
    if (this.forwarding === undefined || its === undefined || msi < 0 || msi >= this.forwarding.driver.msis) return 0;
    return this.forwarding.setForwarding(msi, its, deviceId, eventId);
  }

  /** What KVM answers when it is to end the forwarding of an MSI that is not forwarded to this event. */
  checkForwarding(address: number, eventId: number, deviceId: number): number {
    const its = this.#itsAt(address);
    return this.forwarding === undefined || its === undefined
      ? 0
      : this.forwarding.checkForwarding(its, deviceId, eventId);
  }

  /** The MSI goes to the host again; whatever is pending of its LPI stays pending. */
  unsetForwarding(msi: number): void {
    this.forwarding?.unsetForwarding(msi);
  }

  /**
   * Writes the pending state of all LPIs to guest RAM (KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES); no vCPU may be loaded.
   * @returns 0; EFAULT, negative, where a table is outside RAM; EACCES where GICv4.0 has pending state that can't be read.
   */
  savePendingTables(): number {
    const { forwarding } = this;
    if (forwarding?.readable === false) return -ERRNO.EACCES;
    const save = () => (this.lpis.savePending() ? 0 : -ERRNO.EFAULT);
    return forwarding === undefined ? save() : forwarding.withPendingInMemory(save);
  }

  #itsAt(address: number): Its | undefined {
    const mapped = this.addresses.find(address, 1);
    return mapped !== undefined && mapped.frame === this.#itsFrame ? this.its[mapped.vcpu] : undefined;
  }

  // ---- guest entry and exit

  /**
   * The vCPU enters the guest: what is pending for it goes into its list registers. One that is in the guest leaves it
   * first; one that is not loaded is.
   */
  enter(vcpu: number): void {
    this.vcpus.enter(vcpu);
  }

  /** The vCPU leaves the guest and its physical CPU. The other half of {@link enter} for those who don't schedule. */
  exit(vcpu: number): void {
    this.vcpus.put(vcpu);
  }

  /** The vCPU executes WFI: as {@link exit}, and with a GICv4 its doorbell is asked for. {@link hasPending} ends it. */
  wait(vcpu: number): void {
    this.vcpus.wait(vcpu);
  }

  /** For those who schedule: the vCPU gets its physical CPU, on which it can enter and leave the guest until {@link put}. */
  load(vcpu: number): void {
    this.vcpus.load(vcpu);
  }

  /** The vCPU leaves the guest, but stays on its physical CPU. */
  leave(vcpu: number): void {
    this.vcpus.leave(vcpu);
  }

  /** The vCPU gives its physical CPU back, and leaves the guest if it is in it. */
  put(vcpu: number): void {
    this.vcpus.put(vcpu);
  }

  isInGuest(vcpu: number): boolean {
    return this.vcpus.isInGuest(vcpu);
  }

  /** On its physical CPU, in the guest or not. */
  isLoaded(vcpu: number): boolean {
    return this.vcpus.isLoaded(vcpu);
  }

  /** Kicks since the vCPU's last {@link enter}, those included that an entry has answered by itself. */
  kicks(vcpu: number): number {
    return this.vcpus.kicks(vcpu);
  }

  /** Whether a vCPU outside the guest has an interrupt that ends its WFI. */
  hasPending(vcpu: number): boolean {
    return this.vcpus.hasPending(vcpu);
  }

  /** The virtual IRQ input of the core of a vCPU in the guest. */
  irqAsserted(vcpu: number): boolean {
    return this.vcpus.irqAsserted(vcpu);
  }

  /** The virtual FIQ input of the core: group 0, with GICv2 only if GICV_CTLR.FIQEn says so. */
  fiqAsserted(vcpu: number): boolean {
    return this.vcpus.fiqAsserted(vcpu);
  }

  /** A maintenance interrupt: the vCPU in the guest should leave it and enter again. */
  maintenanceAsserted(vcpu: number): boolean {
    return this.vcpus.maintenanceAsserted(vcpu);
  }

  cpuInterface(vcpu: number): CpuInterface {
    return this.vcpus.interfaceOf(vcpu).cpu;
  }

  savedInterface(vcpu: number): SavedInterface {
    return this.vcpus.interfaceOf(vcpu);
  }

  // ---- the guest's accesses

  /** GICv2: where the guest finds the virtual CPU interface. */
  mapCpuInterface(base: number): void {
    this.addresses.add({ base, frame: CPU_INTERFACE_V2, vcpu: NO_VCPU });
  }

  /** Whether that is a GICv2's CPU interface, which a vCPU reaches without leaving the guest. */
  isCpuInterface(address: number, size: number): boolean {
    return this.addresses.find(address, size)?.frame.traps === false;
  }

  /** Whether a load or store of `size` bytes at a guest-physical address is for the GIC. */
  contains(address: number, size = 1): boolean {
    return this.addresses.find(address, size) !== undefined;
  }

  /**
   * A vCPU's load of 1, 2, 4 or 8 bytes at a guest-physical address. Returns the low half; the upper half of 8 bytes is in
   * {@link high}. Where nothing is, it reads as zero. A vCPU in the guest leaves it for the access and enters again; for its
   * CPU interface it is in the guest, whether it was before or not.
   */
  read(vcpu: number, address: number, size: number): number {
    checkAccess(address, size);
    return this.#accesses.read(vcpu, address, size) >>> 0;
  }

  /** A vCPU's store, likewise; `high` is the upper half of 8 bytes. Where nothing is, it is ignored. */
  write(vcpu: number, address: number, size: number, low: number, high: number): void {
    checkAccess(address, size);
    checkHalves(low, high);
    this.#accesses.write(vcpu, address, size, low, high);
  }

  /** MRS of an ICC_* register: unsigned 32 bits, or UNDEFINED (-1). */
  readSystemRegister(vcpu: number, encoding: number): number {
    return this.#accesses.readSystemRegister(vcpu, encoding);
  }

  /** MSR of an ICC_* register, SGIs included; false where it is UNDEFINED. */
  writeSystemRegister(vcpu: number, encoding: number, low: number, high: number): boolean {
    checkHalves(low, high);
    return this.#accesses.writeSystemRegister(vcpu, encoding, low, high);
  }

  // ---- what the frames need

  isLastRedistributor(vcpu: number): boolean {
    return this.redistributorRegions.isLast(vcpu);
  }

  // ---- checkpoints

  /**
   * Copies all state of the GIC within the process, to {@link rollback} to it: for who goes through many ways that things can
   * go. Nothing is told, and the GIC goes on as if it had not been asked. Not within a call of the GIC's.
   *
   * Guest RAM is the caller's and not in it (a small one can be copied likewise: `new Checkpoint().take(ram)`); nor are the
   * frames' addresses. The physical interrupts are in it, though other virtual machines may share them.
   * @param into a checkpoint whose memory is used again.
   * @throws GicError EINVAL with a GICv4 host, whose state is not in a checkpoint.
   *
   * @example
   * const before = gic.checkpoint();
   * gic.setLine(40, true);
   * gic.rollback(before); // the line is low again
   */
  checkpoint(into: Checkpoint = new Checkpoint()): Checkpoint {
    return into.take(this);
  }

  /**
   * Puts the GIC back to a checkpoint, of itself or of one of the same configuration; a checkpoint can be used many times.
   * @throws GicError EINVAL, and nothing has changed, if the checkpoint is of a GIC of another shape.
   */
  rollback(checkpoint: Checkpoint): void {
    checkpoint.restore(this);
  }

  /**
   * A hash of the state that a guest or userspace can see, an integer of 53 bits: equal states have equal hashes. Caches and
   * counts of kicks are not in it, guest RAM neither ({@link stateHash} takes it too).
   */
  hash(): number {
    return stateHash(this);
  }

  /** Whether another GIC is in the same state, as far as that can be seen. One of another shape never is. */
  equals(other: Gic): boolean {
    return new Checkpoint().takeVisible(this).equals(new Checkpoint().takeVisible(other));
  }

  visitState(state: StateVisitor): void {
    const { irqs, lpis } = this;
    const cpu = this.cpuInterface(0);
    if (this.forwarding !== undefined) {
      throw new GicError('EINVAL', 'checkpoint: there is none of a GIC whose pending state is with a GICv4 host.');
    }
    state.shape('version', irqs.version);
    state.shape('vCPUs', irqs.vcpus);
    state.shape('interrupts', irqs.fixedEnd - irqs.sharedBase + 32);
    irqs.extended?.visitState(state);
    state.shape('list registers', cpu.listRegisters);
    state.shape('priority bits', cpu.preemptionBits);
    state.shape('ITSs', this.its.length);
    state.shape('memory', lpis.memory?.size ?? 0);
    if (!state.visible) this.high = state.number(this.high);
    irqs.visitState(state);
    this.physical.visitState(state);
    this.distributor.visitState(state);
    lpis.visitState(state);
    for (const its of this.its) its.visitState(state);
    this.vcpus.visitState(state);
  }
}
