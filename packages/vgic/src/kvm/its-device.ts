import { ITS_SIZE } from '../architecture/its.js';
import { ERRNO } from '../errors.js';
import { ITS_FRAME } from '../frames/its.js';
import type { Its } from '../its/its.js';
import { deviates } from '../kvm-deviations.js';
import { ITS_TABLE_ABIS } from '../state/its-tables.js';
import { accessItsRegister } from './its-register-access.js';
import type { UserBuffer } from './register-access.js';
import * as uapi from './uapi.js';
import type { VgicDevice } from './vgic-device.js';

const { EBUSY, EFAULT, EINVAL, ENODEV, ENXIO } = ERRNO;

/** From here to the identification registers a register is addressed by multiples of 8. */
const FIRST_WIDE_REGISTER = 0x0008n;
const IDENTIFICATION_REGISTERS = 0xffd0n;

/**
 * An ITS as KVM's device: KVM_DEV_TYPE_ARM_VGIC_ITS. Methods answer as the ioctls do, 0 or a negative errno.
 * Source: Linux, Documentation/virt/kvm/devices/arm-vgic-its.rst.
 */
export class ItsDevice {
  base = uapi.VGIC_ADDR_UNDEF;

  constructor(
    readonly vgic: VgicDevice,
    /** Which ITS of its machine it is. */
    readonly number: number,
  ) {}

  get its(): Its {
    return this.vgic.model.its[this.number];
  }

  set(group: number, attr: bigint, buffer: UserBuffer): number {
    switch (group) {
      case uapi.KVM_DEV_ARM_VGIC_GRP_ADDR: {
        if (attr !== BigInt(uapi.KVM_VGIC_ITS_ADDR_TYPE)) return -ENODEV;
        if (buffer === undefined) return -EFAULT;
        const result = this.vgic.addresses.checkItsRange(this.base, buffer.value, BigInt(ITS_SIZE));
        if (result !== 0) return result;
        this.base = buffer.value;
        this.vgic.model.placeIts(this.number, Number(buffer.value));
        return 0;
      }
      case uapi.KVM_DEV_ARM_VGIC_GRP_CTRL:
        return this.#control(attr);
      case uapi.KVM_DEV_ARM_VGIC_GRP_ITS_REGS:
        return buffer === undefined ? -EFAULT : this.#accessRegister(attr, buffer, true);
      default:
        return -ENXIO;
    }
  }

  get(group: number, attr: bigint, buffer: { value: bigint }): number {
    if (group === uapi.KVM_DEV_ARM_VGIC_GRP_ADDR) {
      if (attr !== BigInt(uapi.KVM_VGIC_ITS_ADDR_TYPE)) return -ENODEV;
      buffer.value = this.base;
      return 0;
    }
    return group === uapi.KVM_DEV_ARM_VGIC_GRP_ITS_REGS ? this.#accessRegister(attr, buffer, false) : -ENXIO;
  }

  has(group: number, attr: bigint): number {
    switch (group) {
      case uapi.KVM_DEV_ARM_VGIC_GRP_ADDR:
        return attr === BigInt(uapi.KVM_VGIC_ITS_ADDR_TYPE) ? 0 : -ENXIO;
      case uapi.KVM_DEV_ARM_VGIC_GRP_CTRL:
        return CONTROLS.includes(attr) ? 0 : -ENXIO;
      case uapi.KVM_DEV_ARM_VGIC_GRP_ITS_REGS:
        if (isMisaligned(attr)) return -EINVAL;
        return ITS_FRAME.at(offsetOf(attr)) !== undefined ? 0 : -ENXIO;
      default:
        return -ENXIO;
    }
  }

  /** Registers are accessed in their own width only, 64-bit ones never by halves. */
  #accessRegister(attr: bigint, buffer: { value: bigint }, write: boolean): number {
    const { model, machine } = this.vgic;
    if (isMisaligned(attr)) return -EINVAL;
    if (machine.anyVcpuRuns()) return -EBUSY;
    if (this.base === uapi.VGIC_ADDR_UNDEF) return -ENXIO;
    return accessItsRegister(model, this.number, offsetOf(attr), buffer, write);
  }

  #control(attr: bigint): number {
    if (attr === BigInt(uapi.KVM_DEV_ARM_VGIC_CTRL_INIT)) return 0;
    if (this.vgic.machine.anyVcpuRuns()) return -EBUSY;
    const abi = ITS_TABLE_ABIS[this.its.abiRevision];
    switch (attr) {
      case BigInt(uapi.KVM_DEV_ARM_ITS_CTRL_RESET):
        this.its.reset();
        return 0;
      case BigInt(uapi.KVM_DEV_ARM_ITS_SAVE_TABLES):
        return abi.save(this.its);
      case BigInt(uapi.KVM_DEV_ARM_ITS_RESTORE_TABLES):
        return abi.restore(this.its);
      default:
        return deviates(this.vgic.model.config.kvm, 'unknownItsControlAccepted') ? 0 : -ENXIO;
    }
  }
}

const CONTROLS: readonly bigint[] = [
  BigInt(uapi.KVM_DEV_ARM_VGIC_CTRL_INIT),
  BigInt(uapi.KVM_DEV_ARM_ITS_CTRL_RESET),
  BigInt(uapi.KVM_DEV_ARM_ITS_SAVE_TABLES),
  BigInt(uapi.KVM_DEV_ARM_ITS_RESTORE_TABLES),
];

/** Bits 63:32 name no register, and KVM does not look at them. */
function offsetOf(attr: bigint): number {
  return Number(BigInt.asUintN(32, attr));
}

function isMisaligned(attr: bigint): boolean {
  const alignment = attr < FIRST_WIDE_REGISTER || attr >= IDENTIFICATION_REGISTERS ? 4n : 8n;
  return attr % alignment !== 0n;
}
