import { GICV2_MAX_VCPUS, GICV3_MAX_VCPUS, PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import { cpuInterfaceConfig } from '../config.js';
import { CpuInterface } from '../cpu-interface/cpu-interface.js';
import { ERRNO, GicError } from '../errors.js';
import type { Gic } from '../gic.js';
import { clearBit, setBit } from '../interrupts/bitmap.js';
import { PHYSICAL_INTERRUPT_COUNT } from '../interrupts/physical-interrupts.js';
import type { Ram } from '../memory/ram.js';
import { CPUS_PER_MACHINE, type Host } from './host.js';
import { PassedThroughMsis } from './passed-through-msis.js';
import { InterruptRouting } from './routing.js';
import { KVM_ARM_IRQ_TYPE_PPI, KVM_ARM_IRQ_TYPE_SPI } from './uapi.js';
import { VgicDevice } from './vgic-device.js';

const { EAGAIN, EBUSY, EEXIST, E2BIG, EINVAL, EIO, ENODEV, ENXIO } = ERRNO;

export interface VirtualMachineConfig {
  /** Number of vCPUs, with ids from 0 and KVM's default MPIDRs. */
  readonly vcpus: number;
  /** Bits of a guest-physical address. Default 40. */
  readonly ipaBits?: number;
  /** Guest RAM, needed for an ITS. */
  readonly memory?: Ram;
  /** Which block of the host's physical CPUs it gets by default. */
  readonly slot?: number;
}

/**
 * A virtual machine as KVM's file descriptor has it, as far as the VGIC is concerned: the device is created, configured
 * and initialised step by step, vCPUs run, lines and routes are driven. Methods answer as the ioctl does: 0 or more, or a
 * negative errno.
 */
export class VirtualMachine {
  readonly vcpus: number;
  readonly ipaBits: number;
  readonly memory: Ram | undefined;
  device: VgicDevice | undefined;
  readonly routing = new InterruptRouting();
  readonly passedThrough = new PassedThroughMsis(this);
  /**
   * The GSIs whose interrupt the guest has ended since somebody last emptied this: their irqfd resamplers are to be told.
   */
  readonly acknowledged: number[] = [];
  readonly cpuInterfaces: CpuInterface[] = [];
  readonly #cpus: Int32Array;
  /** A thread is in KVM_RUN: not where the vCPU is, but that userspace may not change it. */
  readonly #inRunIoctl: Uint8Array;
  #dead = false;

  constructor(
    readonly host: Host,
    config: VirtualMachineConfig,
  ) {
    const { vcpus, ipaBits = 40, slot = 0 } = config;
    if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > GICV3_MAX_VCPUS) {
      throw new GicError('EINVAL', `A virtual machine has 1 to ${GICV3_MAX_VCPUS} vCPUs, not ${vcpus}.`);
    }
    this.vcpus = vcpus;
    this.ipaBits = ipaBits;
    this.memory = config.memory;
    this.#cpus = new Int32Array(vcpus).map((_, vcpu) => slot * CPUS_PER_MACHINE + vcpu);
    this.#inRunIoctl = new Uint8Array(vcpus);
    host.machines.add(this);
  }

  /** KVM_CREATE_DEVICE. ENODEV: this host can't; EEXIST: there is one; E2BIG: more vCPUs than this GIC can have. */
  createDevice(version: 2 | 3): number {
    if (version === 3 && this.host.config.version === 2) return -ENODEV;
    if (this.anyVcpuRuns()) return -EBUSY;
    if (this.device !== undefined) return -EEXIST;
    if (version === 2 && this.vcpus > GICV2_MAX_VCPUS) return -E2BIG;
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      const { listRegisters, priorityBits, idBits, affinity3, seis } = this.host.config;
      const hardware = { version, vcpus: this.vcpus, listRegisters, priorityBits, idBits, affinity3, seis };
      this.cpuInterfaces.push(
        new CpuInterface(cpuInterfaceConfig({ ...hardware, hostVersion: this.host.config.version })),
      );
    }
    this.device = new VgicDevice(this, version);
    return 0;
  }

  /** KVM_CREATE_DEVICE of an ITS: its number, or ENODEV where the host or the machine can have none. */
  createIts(): number {
    if (this.host.config.version === 2 || this.memory === undefined) return -ENODEV;
    return this.device?.createIts() ?? -ENODEV;
  }

  /** KVM_SIGNAL_MSI: 1 delivered, 0 blocked by the guest, or a negative errno. `deviceId` undefined: KVM_MSI_VALID_DEVID clear. */
  signalMsi(address: number, eventId: number, deviceId: number | undefined): number {
    const { device } = this;
    if (device === undefined || device.version !== 3 || device.its.length === 0) return -ENODEV;
    return device.model.signalMsi(address, eventId, deviceId);
  }

  /** The GIC, once the device is initialised. */
  get gic(): Gic | undefined {
    return this.device?.gic;
  }

  /** The file descriptors are closed: every vCPU leaves its physical CPU. */
  destroy(): void {
    this.device?.model.close();
    this.host.machines.delete(this);
  }

  hasVcpu(vcpu: number): boolean {
    return Number.isInteger(vcpu) && vcpu >= 0 && vcpu < this.vcpus;
  }

  // ---- vCPUs

  /** A thread in KVM_RUN holds the vCPU, in the guest or not. */
  setRunning(vcpu: number, running: boolean): number {
    if (!this.hasVcpu(vcpu)) return -EINVAL;
    this.#inRunIoctl[vcpu] = running ? 1 : 0;
    return 0;
  }

  /** Whether any vCPU is in KVM_RUN or loaded: the device API answers EBUSY then. */
  anyVcpuRuns(): boolean {
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      if (this.#inRunIoctl[vcpu] || this.isLoaded(vcpu)) return true;
    }
    return false;
  }

  /** What the first KVM_RUN of a vCPU does: the frames get their places. A machine whose frames can't is dead. */
  prepareRun(vcpu: number): number {
    if (!this.hasVcpu(vcpu)) return -EINVAL;
    if (this.#dead) return -EIO;
    if (this.device === undefined) return -ENXIO;
    const result = this.device.mapResources();
    if (result !== 0) this.#dead = true;
    return result;
  }

  /** The vCPU is scheduled in. EBUSY: another vCPU is on its physical CPU. */
  load(vcpu: number): number {
    const result = this.prepareRun(vcpu);
    if (result !== 0) return result;
    const gic = this.gic as Gic;
    if (gic.isLoaded(vcpu)) return 0;
    if (this.host.isTaken(this.#cpus[vcpu], this, vcpu)) return -EBUSY;
    gic.load(vcpu);
    return 0;
  }

  /** The vCPU is scheduled out; one that waits for an interrupt returns to userspace. */
  put(vcpu: number): number {
    if (!this.hasVcpu(vcpu)) return -EINVAL;
    // a signal ends the wait: the vCPU is scheduled in once more, on whatever CPU is its own by now
    if (this.isWaiting(vcpu)) this.gic?.load(vcpu);
    this.gic?.put(vcpu);
    return 0;
  }

  /** The vCPU enters the guest; one that is in it leaves and enters again. */
  enter(vcpu: number): number {
    const result = this.load(vcpu);
    if (result === 0) this.gic?.enter(vcpu);
    return result;
  }

  /** The vCPU leaves the guest, and with `put` its physical CPU. */
  exit(vcpu: number, put: boolean): number {
    if (!this.hasVcpu(vcpu)) return -EINVAL;
    this.gic?.leave(vcpu);
    return put ? this.put(vcpu) : 0;
  }

  /**
   * WFI: the vCPU leaves the guest and its physical CPU until something wakes it; any of its own accesses does. One that waits
   * already is scheduled in and out.
   */
  waitForInterrupt(vcpu: number): number {
    if (this.hasVcpu(vcpu) && this.isWaiting(vcpu)) {
      this.gic?.vcpus.loadAndPutBack(vcpu);
      return 0;
    }
    const result = this.load(vcpu);
    if (result !== 0) return result;
    this.gic?.wait(vcpu);
    return 0;
  }

  /** Whether a vCPU waits for an interrupt, and so has no vPE that is resident. */
  isWaiting(vcpu: number): boolean {
    return this.gic?.vcpus.isWaiting(vcpu) ?? false;
  }

  /** A vCPU that makes an access runs, so something woke it. */
  wake(vcpu: number): number {
    return this.isWaiting(vcpu) ? this.load(vcpu) : 0;
  }

  /** Whether a vCPU is between KVM's load and put; one that waits for an interrupt counts. */
  isLoaded(vcpu: number): boolean {
    return this.isWaiting(vcpu) || (this.gic?.isLoaded(vcpu) ?? false);
  }

  occupies(vcpu: number, cpu: number): boolean {
    return this.#cpus[vcpu] === cpu && (this.gic?.isLoaded(vcpu) ?? false);
  }

  /** The physical CPU that a vCPU is on, or will be loaded on. */
  cpuOf(vcpu: number): number {
    return this.#cpus[vcpu];
  }

  /** Moves a vCPU to a physical CPU, whose registers are at reset. EBUSY: another loaded vCPU is there. */
  moveTo(vcpu: number, cpu: number): number {
    if (cpu === this.#cpus[vcpu]) return 0;
    const { gic } = this;
    const loaded = gic?.isLoaded(vcpu) ?? false;
    if (loaded && this.host.isTaken(cpu, this, vcpu)) return -EBUSY;
    const inGuest = gic?.isInGuest(vcpu) ?? false;
    gic?.put(vcpu);
    this.#cpus[vcpu] = cpu;
    this.cpuInterfaces[vcpu]?.reset();
    if (loaded) gic?.load(vcpu);
    if (inGuest) gic?.vcpus.resume(vcpu);
    return 0;
  }

  // ---- interrupts

  /**
   * KVM_IRQ_LINE: `irq` has the type in 27:24, the vCPU in 31:28 (upper) and 23:16, the INTID in 15:0. Only the in-kernel
   * types, SPI and PPI, exist here. ENXIO: the type is another, or there is no device.
   */
  irqLine(irq: number, level: boolean): number {
    const type = (irq >>> 24) & 0xf;
    const vcpu = ((irq >>> 16) & 0xff) + ((irq >>> 28) & 0xf) * 256;
    if (type === KVM_ARM_IRQ_TYPE_SPI) return this.spiLine(irq & 0xffff, level);
    return type === KVM_ARM_IRQ_TYPE_PPI ? this.ppiLine(vcpu, irq & 0xffff, level) : -ENXIO;
  }

  ppiLine(vcpu: number, intid: number, level: boolean): number {
    if (this.device === undefined) return -ENXIO;
    if (!this.hasVcpu(vcpu) || intid < SGI_COUNT || intid >= PRIVATE_COUNT) return -EINVAL;
    return this.#inject(vcpu, intid, level);
  }

  spiLine(intid: number, level: boolean): number {
    if (this.device === undefined) return -ENXIO;
    return intid < PRIVATE_COUNT ? -EINVAL : this.#inject(0, intid, level);
  }

  #inject(vcpu: number, intid: number, level: boolean): number {
    const result = this.device?.initialiseLazily() ?? -ENXIO;
    if (result !== 0) return result;
    const { irqs } = this.gic as Gic;
    const i = irqs.indexOf(vcpu, intid);
    if (i < 0) return -EINVAL;
    irqs.inject(i, level);
    return 0;
  }

  /** An eventfd of KVM_IRQFD signals: what its GSI is routed to happens. ENOENT: no route. */
  irqfd(gsi: number, level: boolean): number {
    return this.routing.signal(this, gsi, level);
  }

  /** Ties a PPI or SPI to an interrupt of the host, as KVM's timer does with its own. */
  mapPhysical(vcpu: number, intid: number, irq: number): number {
    const i = this.#mappable(vcpu, intid);
    if (i < 0) return i;
    if (irq < 0 || irq >= PHYSICAL_INTERRUPT_COUNT) return -EINVAL;
    const { irqs } = this.gic as Gic;
    setBit(irqs.hardware, i);
    irqs.physicalIntid[i] = irq;
    return 0;
  }

  unmapPhysical(vcpu: number, intid: number): number {
    const i = this.#mappable(vcpu, intid);
    if (i < 0) return i;
    const { irqs } = this.gic as Gic;
    clearBit(irqs.hardware, i);
    irqs.physicalIntid[i] = 0;
    return 0;
  }

  #mappable(vcpu: number, intid: number): number {
    if (!this.hasVcpu(vcpu)) return -EINVAL;
    if (this.gic === undefined) return -EAGAIN;
    const i = intid < SGI_COUNT ? -1 : this.gic.irqs.indexOf(vcpu, intid);
    return i < 0 ? -EINVAL : i;
  }
}
