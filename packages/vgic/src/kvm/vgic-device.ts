import { GICD_TYPER2_NASSGICAP, GICD_V3_REGISTERS } from '../architecture/distributor-v3.js';
import { PRIVATE_COUNT } from '../architecture/intid.js';
import { offsetsOf } from '../architecture/register-map.js';
import { systemRegisterAt } from '../cpu-interface/system-registers.js';
import { ERRNO, throwErrno } from '../errors.js';
import { AddressMap } from '../frames/address-map.js';
import { DISTRIBUTOR_V2 } from '../frames/distributor-v2.js';
import { DISTRIBUTOR_V3 } from '../frames/distributor-v3.js';
import { ITS } from '../frames/its.js';
import { Gic } from '../gic.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import { deviates } from '../kvm-deviations.js';
import { FrameAddresses } from './frame-addresses.js';
import { ItsDevice } from './its-device.js';
import {
  accessRegister,
  describeAttribute,
  frameOfGroup,
  isLineLevelAttribute,
  isRegisterGroup,
  offsetOfAttribute,
  put32,
  type UserBuffer,
  vcpuOfAttribute,
} from './register-access.js';
import * as uapi from './uapi.js';
import type { VirtualMachine } from './virtual-machine.js';

const { EBUSY, EFAULT, EINVAL, ENXIO } = ERRNO;
const { GICD_IIDR, GICD_TYPER2 } = offsetsOf(GICD_V3_REGISTERS);

/**
 * The VGIC as KVM's device: KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR and KVM_HAS_DEVICE_ATTR with its groups, numbers and
 * errors. {@link set}, {@link get} and {@link has} answer 0 or a negative errno as the ioctl does; {@link write} and
 * {@link read} throw a GicError with a sentence instead.
 */
export class VgicDevice {
  /** The GIC, which is of use to a guest once the device is initialised: see {@link gic}. */
  readonly model: Gic;
  readonly its: ItsDevice[] = [];
  /** Number of SPIs; 0 until it is set or the device is initialised. */
  spis = 0;
  readonly addresses: FrameAddresses;
  #initialised = false;
  #ready = false;

  constructor(
    readonly machine: VirtualMachine,
    readonly version: 2 | 3,
  ) {
    this.addresses = new FrameAddresses(machine, version, new AddressMap());
    const { config, interrupts } = machine.host;
    const { version: hostVersion, listRegisters, priorityBits, idBits, affinity3, seis, kvm } = config;
    const hardware = {
      hostVersion,
      listRegisters,
      priorityBits,
      idBits,
      affinity3,
      seis,
      physicalInterrupts: interrupts,
      // the architecture leaves it to the implementation how SPIs are triggered after reset: KVM's device decides it
      kvm: kvm === '6.12' ? kvm : [...(kvm ?? []), 'spisResetToEdge' as const],
    };
    const memory = machine.memory === undefined ? {} : { memory: machine.memory };
    const { gicv4Driver } = machine.host;
    const gicv4 = gicv4Driver && { gicv4Driver, cpuOf: (vcpu: number) => machine.cpuOf(vcpu) };
    this.model = new Gic(
      { version, vcpus: machine.vcpus, ...hardware, ...memory, ...gicv4 },
      {
        addresses: this.addresses.map,
        redistributorRegions: this.addresses.regions,
        cpuInterfaces: machine.cpuInterfaces,
      },
    );
    this.model.events.on('resample', (intid) => {
      for (const gsi of machine.routing.gsisOf(intid - PRIVATE_COUNT)) {
        if (!machine.acknowledged.includes(gsi)) machine.acknowledged.push(gsi);
      }
    });
  }

  /** The GIC once the device is initialised. */
  get gic(): Gic | undefined {
    return this.#initialised ? this.model : undefined;
  }

  /** KVM_CREATE_DEVICE of an ITS. Answers its number. */
  createIts(): number {
    const its = new ItsDevice(this, this.model.addIts(ITS));
    if (this.#initialised) this.model.startForwarding();
    return this.its.push(its) - 1;
  }

  /** INTIDs that the device has, SPIs as far as they are known. */
  get intids(): number {
    return this.spis + PRIVATE_COUNT;
  }

  // ---- life

  /** KVM_DEV_ARM_VGIC_CTRL_INIT. */
  initialise(): number {
    if (this.#initialised) return 0;
    if (this.spis === 0) this.spis = uapi.VGIC_NR_IRQS_LEGACY - PRIVATE_COUNT;
    this.model.irqs.count = this.intids;
    this.model.startForwarding();
    this.#initialised = true;
    const { machine } = this;
    machine.routing.setDefault(this.spis);
    return 0;
  }

  /** A GICv2 initialises itself when it is first needed; a GICv3 must have been told to. */
  initialiseLazily(): number {
    if (this.gic !== undefined) return 0;
    return this.version === 2 ? this.initialise() : -EBUSY;
  }

  /** Before the first vCPU runs: are all frames placed, without overlap? The distributor appears on the bus. */
  mapResources(): number {
    if (this.#ready) return 0;
    const problem = this.addresses.checkComplete();
    if (problem !== 0) return problem;
    if (this.version === 3 && this.gic === undefined) return -EBUSY;
    this.initialise();
    const base = Number(this.addresses.distributor);
    const frame = this.version === 2 ? DISTRIBUTOR_V2 : DISTRIBUTOR_V3;
    this.addresses.map.add({ base, frame, vcpu: NO_VCPU });
    if (this.version === 2) this.gic?.mapCpuInterface(Number(this.addresses.cpuInterface));
    this.model.forwarding?.prepareFirstRun();
    this.#ready = true;
    return 0;
  }

  // ---- KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_HAS_DEVICE_ATTR

  set(group: number, attr: bigint, buffer: UserBuffer): number {
    if (isRegisterGroup(this.version, group)) return this.#accessRegister(group, attr, buffer, true);
    switch (group) {
      case uapi.KVM_DEV_ARM_VGIC_GRP_ADDR:
        return this.addresses.access(attr, buffer, true);
      case uapi.KVM_DEV_ARM_VGIC_GRP_NR_IRQS: {
        if (buffer === undefined) return -EFAULT;
        const count = Number(buffer.value & 0xffffffffn);
        if (count < 2 * PRIVATE_COUNT || count > uapi.VGIC_MAX_RESERVED || count & 31) return -EINVAL;
        if (this.spis !== 0) return -EBUSY;
        this.spis = count - PRIVATE_COUNT;
        return 0;
      }
      case uapi.KVM_DEV_ARM_VGIC_GRP_CTRL:
        return this.#control(attr);
      default:
        return -ENXIO;
    }
  }

  get(group: number, attr: bigint, buffer: { value: bigint }): number {
    if (isRegisterGroup(this.version, group)) return this.#accessRegister(group, attr, buffer, false);
    switch (group) {
      case uapi.KVM_DEV_ARM_VGIC_GRP_ADDR:
        return this.addresses.access(attr, buffer, false);
      case uapi.KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
        put32(buffer, this.intids);
        return 0;
      default:
        return -ENXIO;
    }
  }

  has(group: number, attr: bigint): number {
    switch (group) {
      case uapi.KVM_DEV_ARM_VGIC_GRP_ADDR:
        return this.addresses.hasType(attr) ? 0 : -ENXIO;
      case uapi.KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
        return 0;
      case uapi.KVM_DEV_ARM_VGIC_GRP_CTRL:
        if (attr === BigInt(uapi.KVM_DEV_ARM_VGIC_CTRL_INIT)) return 0;
        return this.version === 3 && attr === BigInt(uapi.KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES) ? 0 : -ENXIO;
      case uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO:
        return this.version === 3 && isLineLevelAttribute(attr) ? 0 : -ENXIO;
    }
    if (!isRegisterGroup(this.version, group)) return -ENXIO;
    if (this.#vcpuOf(group, attr) < 0) return -EINVAL;
    if (group === uapi.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS) {
      return systemRegisterAt(Number(attr & uapi.KVM_DEV_ARM_VGIC_SYSREG_MASK))?.userRead ? 0 : -ENXIO;
    }
    const offset = offsetOfAttribute(attr);
    const frame = frameOfGroup(this.version, group);
    return (offset & 3) === 0 && frame?.userHas(offset, { count: this.intids }) ? 0 : -ENXIO;
  }

  /** {@link set} for people: throws what it answers. */
  write(group: number, attr: bigint, value: bigint): void {
    this.#check(this.set(group, attr, { value }), group, attr);
  }

  /** {@link get} for people: the value, or it throws. */
  read(group: number, attr: bigint): bigint {
    const buffer = { value: 0n };
    this.#check(this.get(group, attr, buffer), group, attr);
    return buffer.value;
  }

  #check(result: number, group: number, attr: bigint): void {
    if (result < 0) throwErrno(result, describeAttribute(this.version, this.machine.vcpus, group, attr));
  }

  #accessRegister(group: number, attr: bigint, buffer: UserBuffer, write: boolean): number {
    const vcpu = this.#vcpuOf(group, attr);
    if (vcpu < 0) return -EINVAL;
    // a system register's value is fetched last, all others' first
    if (write && buffer === undefined && group !== uapi.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS) return -EFAULT;
    if (this.machine.anyVcpuRuns()) return -EBUSY;
    if (this.gic === undefined && buffer !== undefined && this.#isIdentity(group, attr)) {
      return this.#accessIdentity(attr, buffer, write);
    }
    const uninitialised = this.initialiseLazily();
    if (uninitialised !== 0) return uninitialised;
    return accessRegister(this.gic as Gic, vcpu, group, attr, buffer, write);
  }

  /** GICD_IIDR and GICD_TYPER2, which userspace reaches before the device is initialised. */
  #isIdentity(group: number, attr: bigint): boolean {
    if (this.version !== 3 || group !== uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS) return false;
    if (deviates(this.model.config.kvm, 'identityAfterInitialisation')) return false;
    const offset = offsetOfAttribute(attr);
    return offset === GICD_IIDR || offset === GICD_TYPER2;
  }

  #accessIdentity(attr: bigint, buffer: { value: bigint }, write: boolean): number {
    const { model, machine } = this;
    if (offsetOfAttribute(attr) === GICD_IIDR) {
      return accessRegister(model, 0, uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS, attr, buffer, write);
    }
    const { distributor } = model;
    const possible = machine.host.gicv4Driver?.hasVsgis ? GICD_TYPER2_NASSGICAP : 0;
    if (!write) {
      put32(buffer, distributor.vsgisAllowed ? possible : 0);
      return 0;
    }
    const value = Number(buffer.value & 0xffffffffn);
    if ((value & ~possible) !== 0) return -EINVAL;
    distributor.vsgisAllowed = value !== 0;
    return 0;
  }

  #vcpuOf(group: number, attr: bigint): number {
    return vcpuOfAttribute(this.version, this.machine.vcpus, group, attr);
  }

  #control(attr: bigint): number {
    if (attr === BigInt(uapi.KVM_DEV_ARM_VGIC_CTRL_INIT)) return this.initialise();
    if (attr === BigInt(uapi.KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES) && this.version === 3) {
      if (this.machine.anyVcpuRuns()) return -EBUSY;
      if (this.gic === undefined) return -ENXIO;
      return this.gic.savePendingTables();
    }
    return -ENXIO;
  }
}
