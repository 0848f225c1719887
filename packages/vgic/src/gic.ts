import { GICV_SIZE } from './architecture/gicv2.js';
import { vcpuOfAffinity } from './architecture/intid.js';
import { SYSTEM_REGISTERS } from './architecture/system-registers.js';
import { HCR_EN, ICC_SRE_ALL, LR_GROUP, VMCR_FIQEN, VMCR_PMR_SHIFT } from './architecture/virtual-interface.js';
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
import { readGicv, signalledListRegister, writeGicv } from './cpu-interface/gicv.js';
import {
  readSystemRegister,
  signalledGroup,
  UNDEFINED,
  writeSystemRegister,
} from './cpu-interface/system-registers.js';
import { ERRNO, GicError } from './errors.js';
import { Forwarding } from './forwarding/forwarding.js';
import { AddressMap } from './frames/address-map.js';
import { DistributorState, type FrameContext } from './frames/context.js';
import { DISTRIBUTOR_V2 } from './frames/distributor-v2.js';
import { DISTRIBUTOR_V3 } from './frames/distributor-v3.js';
import { ITS_FRAME, resetTables } from './frames/its.js';
import { REDISTRIBUTOR } from './frames/redistributor.js';
import { RedistributorRegions } from './frames/redistributor-regions.js';
import { TABLE_BASE_RESET } from './frames/table-base.js';
import { Interrupts, NO_VCPU } from './interrupts/interrupts.js';
import { PhysicalInterrupts } from './interrupts/physical-interrupts.js';
import { Its } from './its/its.js';
import { LPI_BITS_KVM, Lpis } from './its/lpis.js';
import { fillListRegisters, foldListRegisters, type ResampleListener } from './list-registers/entry.js';
import { IN_GUEST, LOADED, OUT, SavedInterface } from './list-registers/saved-interface.js';

/** ICC_SGI1R_EL1 and its siblings, in halves (IHI 0069, 12.2.19). */
const SGI_IRM = 1 << 8;

const { ICC_SRE_EL1, ICC_SGI0R_EL1, ICC_SGI1R_EL1, ICC_ASGI1R_EL1 } = SYSTEM_REGISTERS;

/** Write-only registers that trap. */
function sendsSgi(encoding: number): boolean {
  return encoding === ICC_SGI1R_EL1 || encoding === ICC_ASGI1R_EL1 || encoding === ICC_SGI0R_EL1;
}

/**
 * A virtual GIC: the distributor, a redistributor and a virtual CPU interface for each vCPU.
 *
 * A vCPU *enters* the guest ({@link enter}: its pending interrupts go into list registers) and *exits* ({@link exit}: they
 * are folded back). In between its CPU interface is served from the list registers, without the rest of the GIC. What
 * happens in between for other reasons, a device's line or another vCPU's access, reaches it at its next entry:
 * {@link onKick} says when that is wanted.
 *
 * No guest access throws. Nothing here reads a clock or a random source: the same calls give the same interrupts.
 */
export class Gic implements FrameContext, StatePart {
  readonly irqs: Interrupts;
  readonly distributor: DistributorState;
  readonly lpis: Lpis;
  readonly its: Its[] = [];
  readonly addresses: AddressMap;
  readonly redistributorRegions: RedistributorRegions;
  readonly physical: PhysicalInterrupts;
  readonly config: GicConfig;
  /** What is injected directly: undefined without a GICv4 host, and while there is nothing for it. */
  forwarding: Forwarding | undefined;

  /** Something became deliverable for this vCPU: take it out of the guest and in again, or wake it from WFI. */
  onKick: (vcpu: number) => void = () => {};
  /** The guest has ended a level-sensitive SPI: its source may have to raise the line again (irqfd's resampler). */
  onResample: ResampleListener = () => {};

  /** Upper half of the last 64-bit read. */
  high = 0;
  requester = NO_VCPU;

  readonly #saved: SavedInterface[] = [];
  /** GICv2: where the guest finds its CPU interface, or -1. */
  #cpuInterfaceBase = -1;
  #guestsStopped = 0;
  #hasRun = false;
  /** The vCPUs that were in the guest then. */
  readonly #stopped: Uint8Array;

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
    this.irqs = new Interrupts(version, vcpus, config.interrupts ?? 256, this.physical);
    this.irqs.kick = (vcpu) => {
      this.#saved[vcpu].kicks++;
      this.onKick(vcpu);
    };
    this.distributor = new DistributorState(vcpus);
    this.#stopped = new Uint8Array(vcpus);
    const pendbaser = version === 3 ? TABLE_BASE_RESET : 0;
    this.lpis = new Lpis(this.irqs, pendbaser, config.memory, config.intidBits ?? LPI_BITS_KVM);
    this.addresses = parts?.addresses ?? new AddressMap();
    this.redistributorRegions = parts?.redistributorRegions ?? new RedistributorRegions();
    const hardware = cpuInterfaceConfig(config);
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      const saved = new SavedInterface(parts?.cpuInterfaces[vcpu] ?? new CpuInterface(hardware), version);
      saved.trapSystemRegisters();
      this.#saved.push(saved);
    }
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
    this.forwarding = new Forwarding(driver, {
      irqs: this.irqs,
      cpuOf: this.config.cpuOf ?? ((vcpu) => vcpu),
      isInGuest: (vcpu) => this.isInGuest(vcpu),
      attach: (vcpu, vpe) => {
        this.#saved[vcpu].cpu.vpe = vpe;
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
    const distributor = config.version === 2 ? DISTRIBUTOR_V2 : DISTRIBUTOR_V3;
    this.addresses.add({ base: distributorBase, frame: distributor, vcpu: NO_VCPU });
    if (config.version === 2) {
      this.mapCpuInterface(config.cpuInterfaceBase ?? DEFAULT_CPU_INTERFACE_BASE);
      return;
    }
    const base = config.redistributorBase ?? DEFAULT_REDISTRIBUTOR_BASE;
    this.redistributorRegions.list.push({ base, count: 0, index: 0, taken: 0 });
    for (let vcpu = 0; vcpu < config.vcpus; vcpu++) {
      const address = this.redistributorRegions.place(vcpu);
      if (address !== undefined) this.addresses.add({ base: address, frame: REDISTRIBUTOR, vcpu });
    }
    for (const itsBase of config.itsBases ?? []) this.placeIts(this.addIts(), itsBase);
  }

  /**
   * One more ITS, whose frame has no place yet. Returns its number.
   * @throws GicError EINVAL without guest memory, in which an ITS keeps its tables.
   */
  addIts(): number {
    const { irqs, lpis } = this;
    const { memory } = lpis;
    if (memory === undefined) throw new GicError('EINVAL', 'memory: an ITS keeps its tables in guest memory.');
    const its = new Its({ irqs, lpis, memory });
    resetTables(its);
    its.onEventGone = (deviceId, eventId, lpi) => this.forwarding?.eventGone(its, deviceId, eventId, lpi);
    // as in KVM every new ITS resets the one register that says where LPIs are configured
    lpis.propbaserLow = TABLE_BASE_RESET;
    lpis.propbaserHigh = 0;
    return this.its.push(its) - 1;
  }

  /** Where the guest finds the frames of an ITS, control and translation. */
  placeIts(n: number, base: number): void {
    this.addresses.add({ base, frame: ITS_FRAME, vcpu: n });
  }

  // ---- devices

  /**
   * A device drives an interrupt line: an SPI, or a PPI of `vcpu`. For an edge-triggered interrupt `true` is an edge.
   * INTIDs that are neither are ignored.
   */
  setLine(intid: number, level: boolean, vcpu = 0): void {
    if (intid < 16 || vcpu >= this.irqs.vcpus) return;
    const i = this.irqs.indexOf(vcpu, intid);
    if (i >= 0) this.irqs.inject(i, level);
  }

  /**
   * A device's MSI: a write of `eventId` to an address in the frames of an ITS. `deviceId` is the requester's; undefined
   * where the bus can't tell, which only a cached translation of device 0 survives, as in KVM.
   * @returns 1 delivered, 0 not mapped, or a negative errno: EINVAL where no ITS is, EBUSY while it or the LPIs are disabled.
   */
  signalMsi(address: number, eventId: number, deviceId: number | undefined): number {
    if (this.injectCachedMsi(address, eventId, deviceId ?? 0)) return 1;
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
    return mapped !== undefined && mapped.frame === ITS_FRAME ? this.its[mapped.vcpu] : undefined;
  }

  // ---- guest entry and exit

  /** The vCPU enters the guest; one that is in it already leaves and enters again. */
  enter(vcpu: number): void {
    const saved = this.#saved[vcpu];
    if (saved.residence === OUT) this.load(vcpu);
    else if (saved.residence === IN_GUEST) this.leave(vcpu);
    saved.kicks = 0;
    // with nothing to deliver an entry is done here: idle vCPUs enter often
    if (this.irqs.lists.isEmpty(vcpu) && this.forwarding === undefined) saved.residence = IN_GUEST;
    else this.resume(vcpu);
  }

  /** The vCPU leaves the guest and its physical CPU. */
  exit(vcpu: number): void {
    this.put(vcpu);
  }

  /**
   * A loaded vCPU enters the guest again after it was stopped there: no kick is forgotten. One that `onKick` has made enter
   * meanwhile leaves first, since list registers may not be filled twice; one that it has taken off its CPU stays off.
   */
  resume(vcpu: number): void {
    const saved = this.#saved[vcpu];
    if (saved.residence === OUT) return;
    if (saved.residence === IN_GUEST) this.leave(vcpu);
    saved.residence = IN_GUEST;
    const { forwarding } = this;
    forwarding?.prepareEntry(vcpu);
    fillListRegisters(this.irqs, saved, vcpu);
    if (forwarding === undefined) return;
    // a vPE may have something to signal when the list registers have nothing
    saved.cpu.setHcr(saved.hcr);
    forwarding.commit(vcpu);
  }

  /** The vCPU leaves the guest, but stays on its physical CPU. */
  leave(vcpu: number): void {
    const saved = this.#saved[vcpu];
    if (saved.residence !== IN_GUEST) return;
    const { irqs } = this;
    saved.residence = LOADED;
    if (irqs.lists.isEmpty(vcpu)) return;
    if (this.forwarding !== undefined && saved.cpu.used === 0) saved.cpu.setHcr(saved.hcr & ~HCR_EN);
    foldListRegisters(irqs, saved, vcpu, this.onResample);
  }

  /** The vCPU gets its physical CPU: its saved interface is put there. */
  load(vcpu: number): void {
    const saved = this.#saved[vcpu];
    if (saved.residence !== OUT) return;
    saved.load();
    saved.residence = LOADED;
    const { forwarding } = this;
    if (forwarding === undefined) return;
    this.prepareFirstRun();
    // its vPE may have something to signal from now on
    saved.cpu.setHcr(saved.hcr);
    forwarding.waiting[vcpu] = 0;
    forwarding.load(vcpu);
  }

  /** What userspace has set and only a run makes so: SGIs that are vSGIs. */
  prepareFirstRun(): void {
    if (this.#hasRun) return;
    this.#hasRun = true;
    this.forwarding?.switchVsgis(this.distributor.vsgis);
  }

  /**
   * The vCPU executes WFI: it leaves the guest and its physical CPU, and {@link hasPending} says when it is to go on. After a
   * restore, of a vCPU that was saved so.
   */
  wait(vcpu: number): void {
    this.forwarding?.wait(vcpu);
    this.put(vcpu);
  }

  /** A vCPU that waits is scheduled in and out again, without going on: its interface is on its CPU meanwhile. */
  lookAround(vcpu: number): void {
    const saved = this.#saved[vcpu];
    if (saved.residence !== OUT) return;
    saved.load();
    if (this.forwarding !== undefined) saved.cpu.setHcr(0);
    saved.put();
  }

  /** The vCPU gives its physical CPU back. */
  put(vcpu: number): void {
    const saved = this.#saved[vcpu];
    this.leave(vcpu);
    if (saved.residence === OUT) return;
    this.forwarding?.put(vcpu);
    if (this.forwarding !== undefined) saved.cpu.setHcr(0);
    saved.put();
    saved.residence = OUT;
  }

  isInGuest(vcpu: number): boolean {
    return this.#saved[vcpu].residence === IN_GUEST;
  }

  isLoaded(vcpu: number): boolean {
    return this.#saved[vcpu].residence !== OUT;
  }

  /** Kicks since the vCPU's last entry. */
  kicks(vcpu: number): number {
    return this.#saved[vcpu].kicks;
  }

  /** Whether a vCPU outside the guest has an interrupt that ends its WFI. */
  hasPending(vcpu: number): boolean {
    if (this.forwarding?.pendingLast[vcpu] && this.irqs.distributorEnabled) return true;
    return this.irqs.hasDeliverable(vcpu, this.#saved[vcpu].vmcr >>> VMCR_PMR_SHIFT);
  }

  // ---- the signals of a vCPU in the guest

  cpuInterface(vcpu: number): CpuInterface {
    return this.#saved[vcpu].cpu;
  }

  savedInterface(vcpu: number): SavedInterface {
    return this.#saved[vcpu];
  }

  /** The group of the interrupt signalled to a vCPU in the guest: 0, 1, or -1 for none. */
  #signalledGroup(vcpu: number): number {
    const { cpu, residence } = this.#saved[vcpu];
    if (residence !== IN_GUEST || (cpu.used === 0 && cpu.vpe === undefined) || !(cpu.hcr & HCR_EN)) return -1;
    if (this.irqs.version === 3) return signalledGroup(cpu);
    const n = signalledListRegister(cpu);
    return n < 0 ? -1 : cpu.lrHigh[n] & LR_GROUP ? 1 : 0;
  }

  /** The virtual IRQ input of the core. */
  irqAsserted(vcpu: number): boolean {
    const group = this.#signalledGroup(vcpu);
    return group === 1 || (group === 0 && !(this.#saved[vcpu].cpu.vmcr & VMCR_FIQEN));
  }

  /** The virtual FIQ input of the core: group 0, with GICv2 only if GICV_CTLR.FIQEn says so. */
  fiqAsserted(vcpu: number): boolean {
    return this.#signalledGroup(vcpu) === 0 && (this.#saved[vcpu].cpu.vmcr & VMCR_FIQEN) !== 0;
  }

  /** A maintenance interrupt: the vCPU should leave the guest and enter again. */
  maintenanceAsserted(vcpu: number): boolean {
    const { cpu, residence } = this.#saved[vcpu];
    return residence === IN_GUEST && (cpu.hcr & HCR_EN) !== 0 && cpu.maintenanceStatus() !== 0;
  }

  // ---- the guest's accesses

  /** GICv2: where the guest finds the virtual CPU interface. */
  mapCpuInterface(base: number): void {
    this.#cpuInterfaceBase = base;
  }

  /** Whether that is a GICv2's CPU interface. */
  isCpuInterface(address: number, size: number): boolean {
    const base = this.#cpuInterfaceBase;
    return base >= 0 && address >= base && address + size <= base + GICV_SIZE;
  }

  /** Whether a load or store of `size` bytes at a guest-physical address is for the GIC. */
  contains(address: number, size = 1): boolean {
    return this.isCpuInterface(address, size) || this.addresses.find(address, size) !== undefined;
  }

  /**
   * A vCPU's load of 1, 2, 4 or 8 bytes at a guest-physical address. Returns the low half; the upper half of 8 bytes is in
   * {@link high}. Where nothing is, it reads as zero. A vCPU in the guest leaves it for the access and enters again.
   */
  read(vcpu: number, address: number, size: number): number {
    this.high = 0;
    if (this.isCpuInterface(address, size)) return this.#accessCpuInterface(vcpu, address, size, false, 0);
    const entered = this.#trap(vcpu);
    const mapped = this.addresses.find(address, size);
    let value = 0;
    if (mapped !== undefined) {
      value = mapped.frame.read(this, mapped.vcpu < 0 ? vcpu : mapped.vcpu, address - mapped.base, size);
    }
    if (entered) this.resume(vcpu);
    return value >>> 0;
  }

  /** A vCPU's store, likewise; `high` is the upper half of 8 bytes. Where nothing is, it is ignored. */
  write(vcpu: number, address: number, size: number, low: number, high: number): void {
    if (this.isCpuInterface(address, size)) {
      this.#accessCpuInterface(vcpu, address, size, true, low);
      return;
    }
    const entered = this.#trap(vcpu);
    const mapped = this.addresses.find(address, size);
    mapped?.frame.write(this, mapped.vcpu < 0 ? vcpu : mapped.vcpu, address - mapped.base, size, low, high);
    if (entered) this.resume(vcpu);
  }

  /** The guest's access traps: its vCPU leaves the guest. Says whether it has to enter again. */
  #trap(vcpu: number): boolean {
    this.requester = vcpu;
    if (this.#saved[vcpu].residence !== IN_GUEST) return false;
    this.leave(vcpu);
    return true;
  }

  #accessCpuInterface(vcpu: number, address: number, size: number, write: boolean, value: number): number {
    if (size !== 4 || (address & 3) !== 0) return 0;
    const offset = address - this.#cpuInterfaceBase;
    const { cpu, residence } = this.#saved[vcpu];
    const entered = residence === IN_GUEST;
    if (!entered) this.enter(vcpu);
    let result = 0;
    if (write) writeGicv(cpu, offset, value, this.physical);
    else result = readGicv(cpu, offset) >>> 0;
    if (!entered) this.exit(vcpu);
    return result;
  }

  /** MRS of an ICC_* register: unsigned 32 bits, or UNDEFINED (-1). */
  readSystemRegister(vcpu: number, encoding: number): number {
    this.high = 0;
    if (this.irqs.version !== 3) return UNDEFINED;
    if (encoding === ICC_SRE_EL1) return ICC_SRE_ALL;
    const { cpu, residence } = this.#saved[vcpu];
    if (residence === IN_GUEST) return readSystemRegister(cpu, encoding);
    if (sendsSgi(encoding)) return UNDEFINED;
    this.enter(vcpu);
    const value = readSystemRegister(cpu, encoding);
    this.exit(vcpu);
    return value;
  }

  /** MSR of an ICC_* register, SGIs included; false where it is UNDEFINED. */
  writeSystemRegister(vcpu: number, encoding: number, low: number, high: number): boolean {
    if (this.irqs.version !== 3) return false;
    if (encoding === ICC_SRE_EL1) return true;
    if (sendsSgi(encoding)) {
      const entered = this.#trap(vcpu);
      this.#sendSgi(vcpu, low, high, encoding === ICC_SGI1R_EL1);
      if (entered) this.resume(vcpu);
      return true;
    }
    const { cpu, residence } = this.#saved[vcpu];
    if (residence === IN_GUEST) return writeSystemRegister(cpu, encoding, low, this.physical);
    this.enter(vcpu);
    const defined = writeSystemRegister(cpu, encoding, low, this.physical);
    this.exit(vcpu);
    return defined;
  }

  /**
   * Sends an SGI to the vCPUs that a value of ICC_SGI<n>R_EL1 names. Group 1 SGIs only through ICC_SGI1R_EL1; the others
   * reach a group 0 SGI alone, and the range selector is ignored, as KVM has it.
   */
  #sendSgi(sender: number, low: number, high: number, group1: boolean): void {
    const sgi = (low >>> 24) & 0xf;
    if (high & SGI_IRM) {
      for (let vcpu = 0; vcpu < this.irqs.vcpus; vcpu++) {
        if (vcpu !== sender) this.#pendSgi(vcpu, sgi, group1);
      }
      return;
    }
    if (high & 0xff0000) return;
    const cluster = ((high & 0xff) << 16) | (((low >>> 16) & 0xff) << 8);
    for (let list = low & 0xffff; list !== 0; list &= list - 1) {
      const vcpu = vcpuOfAffinity(cluster | (31 - Math.clz32(list & -list)), this.irqs.vcpus);
      if (vcpu >= 0) this.#pendSgi(vcpu, sgi, group1);
    }
  }

  #pendSgi(vcpu: number, sgi: number, group1: boolean): void {
    const { irqs } = this;
    if (irqs.group[vcpu] & (1 << sgi) && !group1) return;
    irqs.pend(irqs.indexOf(vcpu, sgi));
  }

  // ---- what the frames need

  isLastRedistributor(vcpu: number): boolean {
    return this.redistributorRegions.isLast(vcpu);
  }

  stopGuests(): void {
    if (this.#guestsStopped++ > 0) return;
    for (let vcpu = 0; vcpu < this.irqs.vcpus; vcpu++) {
      this.#stopped[vcpu] = this.isInGuest(vcpu) ? 1 : 0;
      this.leave(vcpu);
    }
  }

  resumeGuests(): void {
    if (--this.#guestsStopped > 0) return;
    for (let vcpu = 0; vcpu < this.irqs.vcpus; vcpu++) {
      if (this.#stopped[vcpu]) this.resume(vcpu);
    }
  }

  kickDeliverable(): void {
    for (let vcpu = 0; vcpu < this.irqs.vcpus; vcpu++) {
      if (this.hasPending(vcpu)) this.irqs.kick(vcpu);
    }
  }

  // ---- checkpoints

  /**
   * Copies all state of the GIC within the process, to {@link rollback} to it: for who goes through many ways that things can
   * go. Nothing is told, and the GIC goes on as if it had not been asked. Not within a call of the GIC's.
   *
   * Guest RAM is the caller's and not in it (a small one can be copied likewise: `new Checkpoint().take(ram)`); nor are the
   * frames' addresses. The physical interrupts are in it, though other virtual machines may share them.
   * @param into a checkpoint whose memory is used again.
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
    const { cpu } = this.#saved[0];
    state.shape('version', irqs.version);
    state.shape('vCPUs', irqs.vcpus);
    state.shape('interrupts', irqs.count);
    state.shape('list registers', cpu.listRegisters);
    state.shape('priority bits', cpu.preemptionBits);
    state.shape('ITSs', this.its.length);
    state.shape('memory', lpis.memory?.size ?? 0);
    this.#hasRun = state.flag(this.#hasRun);
    if (!state.visible) this.high = state.number(this.high);
    irqs.visitState(state);
    this.physical.visitState(state);
    this.distributor.visitState(state);
    lpis.visitState(state);
    for (const its of this.its) its.visitState(state);
    for (const saved of this.#saved) saved.visitState(state);
  }
}
