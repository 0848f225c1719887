import { GICC_REGISTERS } from './architecture/gicv2.js';
import { GICV2_MAX_VCPUS, GICV3_MAX_VCPUS, PRIVATE_COUNT, SPI_LIMIT } from './architecture/intid.js';
import { offsetsOf, WORD } from './architecture/register-map.js';
import { HCR_EN, LR_GROUP, VMCR_FIQEN, VMCR_PMR_SHIFT } from './architecture/virtual-interface.js';
import { signalledGroup } from './cpu-interface/acknowledge.js';
import { CpuInterface, type CpuInterfaceConfig } from './cpu-interface/cpu-interface.js';
import { acknowledge, endOfInterrupt, signalledListRegister } from './cpu-interface/gicv.js';
import {
  alwaysTraps,
  readSystemRegister,
  systemRegisterAt,
  TRAPS,
  UNDEFINED,
  WRITTEN,
  writeSystemRegister,
} from './cpu-interface/system-registers.js';
import { ERRNO, GicError } from './errors.js';
import { Forwarding } from './forwarding/forwarding.js';
import { AddressMap, type MappedFrame } from './frames/address-map.js';
import { DistributorState, type FrameContext } from './frames/context.js';
import { CPU_INTERFACE_V2 } from './frames/cpu-interface-v2.js';
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
import type { Ram } from './memory/ram.js';
import type { Gicv4Driver } from './physical-gic/gicv4-driver.js';

/** What a GIC is like. Addresses are guest-physical; the defaults are those of QEMU's `virt` board. */
export interface GicConfig {
  /** The guest's GIC. */
  readonly version: 2 | 3;
  /** 1 to 8 for GICv2, 1 to 512 for GICv3. */
  readonly vcpus: number;
  /** INTIDs of the distributor, SGIs and PPIs included: a multiple of 32, 64 to 1024. Default 256. */
  readonly interrupts?: number;
  /** Version of the host's virtual CPU interface. Default: the guest's. A GICv2 guest can run on a GICv3 one. */
  readonly hostVersion?: 2 | 3;
  /** List registers of each physical CPU, 1 to 16. Default 4. */
  readonly listRegisters?: number;
  /** Bits of priority of the CPU interface, 5 to 8. Default 5. */
  readonly priorityBits?: number;
  /** ICC_CTLR_EL1.IDbits: 0 (16 bits) or 1 (24 bits). Default 0. */
  readonly idBits?: number;
  /** ICC_CTLR_EL1.A3V. Default true. */
  readonly affinity3?: boolean;
  /** ICC_CTLR_EL1.SEIS. Default false. */
  readonly seis?: boolean;
  readonly distributorBase?: number;
  readonly redistributorBase?: number;
  readonly cpuInterfaceBase?: number;
  /** GICv3: guest RAM, where an ITS has its tables and LPIs their configuration. Needed for {@link Gic.addIts}. */
  readonly memory?: Ram;
  /** Bits of an LPI's INTID, 16 (as KVM has it) to 24; more than 16 need `idBits: 1`. Default 16. */
  readonly intidBits?: number;
  /** ITSs, by their guest-physical addresses. Default none. */
  readonly itsBases?: readonly number[];
  /** Physical interrupts that virtual ones can be tied to, shared by the virtual machines of one host. Default: its own. */
  readonly physicalInterrupts?: PhysicalInterrupts;
  /**
   * The host's GICv4, shared by the virtual machines of one host: LPIs can be forwarded ({@link Gic.setForwarding}), and
   * with GICv4.1 SGIs be vSGIs. GICv4.0 is of use with an ITS only. Default none.
   */
  readonly gicv4Driver?: Gicv4Driver;
  /** With `gicv4Driver`: the physical CPU that a vCPU is on, or will be loaded on. Default: of the same number. */
  readonly cpuOf?: (vcpu: number) => number;
}

const DEFAULT_DISTRIBUTOR_BASE = 0x08000000;
const DEFAULT_REDISTRIBUTOR_BASE = 0x080a0000;
const DEFAULT_CPU_INTERFACE_BASE = 0x08010000;

const { GICC_IAR, GICC_EOIR } = offsetsOf(GICC_REGISTERS);

function require(condition: boolean, sentence: string): void {
  if (!condition) throw new GicError('EINVAL', sentence);
}

function whole(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}

function checkConfig(config: GicConfig): void {
  const { version, vcpus, interrupts = 256, listRegisters = 4, priorityBits = 5, hostVersion = version } = config;
  require(version === 2 || version === 3, `version: a GIC is version 2 or 3, not ${version}.`);
  require(hostVersion === 2 || hostVersion === 3, `hostVersion: a host's GIC is version 2 or 3, not ${hostVersion}.`);
  require(hostVersion >= version, 'hostVersion: a GICv3 guest needs a GICv3 host.');
  const most = version === 2 ? GICV2_MAX_VCPUS : GICV3_MAX_VCPUS;
  require(whole(vcpus, 1, most), `vcpus: a GICv${version} has 1 to ${most} vCPUs, not ${vcpus}.`);
  require(whole(interrupts, 2 * PRIVATE_COUNT, SPI_LIMIT) &&
    interrupts % 32 === 0, `interrupts: a multiple of 32 from 64 to ${SPI_LIMIT}, not ${interrupts}.`);
  require(whole(listRegisters, 1, 16), `listRegisters: 1 to 16, not ${listRegisters}.`);
  require(hostVersion === 3 || config.gicv4Driver === undefined, 'gicv4Driver: it needs a GICv3 host.');
  const { intidBits = LPI_BITS_KVM } = config;
  require(whole(intidBits, 16, 24), `intidBits: 16 to 24, not ${intidBits}.`);
  require(intidBits === 16 || config.idBits === 1, 'intidBits: more than 16 need a CPU interface with idBits 1.');
  require(version === 3 || !config.itsBases?.length, 'itsBases: a GICv2 has no ITS.');
  require(whole(priorityBits, 5, 8), `priorityBits: 5 to 8, not ${priorityBits}.`);
}

/** The hardware parameters of a configuration's virtual CPU interface. */
export function cpuInterfaceConfig(config: GicConfig): CpuInterfaceConfig {
  return {
    version: config.hostVersion ?? config.version,
    listRegisters: config.listRegisters ?? 4,
    priorityBits: config.priorityBits ?? 5,
    idBits: config.idBits ?? 0,
    affinity3: config.affinity3 ?? true,
    seis: config.seis ?? false,
    systemRegisters: config.version === 3,
  };
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
export class Gic implements FrameContext {
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

  /** Upper half of the last 64-bit {@link read}; 0 after any other. */
  high = 0;

  readonly #saved: SavedInterface[] = [];
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
    const mapped = this.addresses.find(address, size);
    if (mapped !== undefined && !mapped.frame.traps) return this.#readInGuest(vcpu, mapped, address, size);
    const entered = this.isInGuest(vcpu);
    if (entered) this.leave(vcpu);
    let value = 0;
    if (mapped === undefined) {
      this.high = 0;
    } else {
      value = mapped.frame.read(this, mapped.vcpu < 0 ? vcpu : mapped.vcpu, address - mapped.base, size, vcpu);
    }
    if (entered) this.resume(vcpu);
    return value >>> 0;
  }

  /** A vCPU's store, likewise; `high` is the upper half of 8 bytes. Where nothing is, it is ignored. */
  write(vcpu: number, address: number, size: number, low: number, high: number): void {
    const mapped = this.addresses.find(address, size);
    if (mapped !== undefined && !mapped.frame.traps) {
      this.#writeInGuest(vcpu, mapped, address, size, low);
      return;
    }
    const entered = this.isInGuest(vcpu);
    if (entered) this.leave(vcpu);
    mapped?.frame.write(this, mapped.vcpu < 0 ? vcpu : mapped.vcpu, address - mapped.base, size, low, high, vcpu);
    if (entered) this.resume(vcpu);
  }

  #readInGuest(vcpu: number, { base, frame }: MappedFrame, address: number, size: number): number {
    const { cpu, residence } = this.#saved[vcpu];
    const entered = residence === IN_GUEST;
    if (!entered) this.enter(vcpu);
    this.high = 0;
    // an interrupt takes one of these and one GICC_EOIR: V8 inlines what is compared for, and not what a frame looks up
    const isAcknowledge = address - base === GICC_IAR && size === WORD;
    const value = isAcknowledge ? acknowledge(cpu, false) : frame.read(this, vcpu, address - base, size, vcpu);
    if (!entered) this.exit(vcpu);
    return value >>> 0;
  }

  #writeInGuest(vcpu: number, { base, frame }: MappedFrame, address: number, size: number, value: number): void {
    const { cpu, residence } = this.#saved[vcpu];
    const entered = residence === IN_GUEST;
    if (!entered) this.enter(vcpu);
    if (address - base === GICC_EOIR && size === WORD) endOfInterrupt(cpu, value, this.physical);
    else frame.write(this, vcpu, address - base, size, value, 0, vcpu);
    if (!entered) this.exit(vcpu);
  }

  /** MRS of an ICC_* register: unsigned 32 bits, or UNDEFINED (-1). */
  readSystemRegister(vcpu: number, encoding: number): number {
    this.high = 0;
    if (this.irqs.version !== 3) return UNDEFINED;
    const { cpu, residence } = this.#saved[vcpu];
    if (residence === IN_GUEST || alwaysTraps(encoding)) return readSystemRegister(cpu, encoding);
    this.enter(vcpu);
    const value = readSystemRegister(cpu, encoding);
    this.exit(vcpu);
    return value;
  }

  /** MSR of an ICC_* register, SGIs included; false where it is UNDEFINED. */
  writeSystemRegister(vcpu: number, encoding: number, low: number, high: number): boolean {
    if (this.irqs.version !== 3) return false;
    const { cpu, residence } = this.#saved[vcpu];
    if (residence === IN_GUEST) {
      const answer = writeSystemRegister(cpu, encoding, low, this.physical);
      if (answer !== TRAPS) return answer === WRITTEN;
    }
    const register = systemRegisterAt(encoding);
    if (register?.emulate !== undefined) {
      const entered = residence === IN_GUEST;
      if (entered) this.leave(vcpu);
      register.emulate(this.irqs, vcpu, low, high);
      if (entered) this.resume(vcpu);
      return true;
    }
    // with nothing to emulate nobody would see the vCPU come and go
    if (register?.trappedBy === 'always') return true;
    this.enter(vcpu);
    const answer = writeSystemRegister(cpu, encoding, low, this.physical);
    this.exit(vcpu);
    return answer === WRITTEN;
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
}
