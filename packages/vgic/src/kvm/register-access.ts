import { vcpuOfAffinity } from '../architecture/intid.js';
import { WORD } from '../architecture/register-map.js';
import { systemRegisterAt } from '../cpu-interface/system-registers.js';
import { ERRNO } from '../errors.js';
import { CPU_INTERFACE_V2 } from '../frames/cpu-interface-v2.js';
import { DISTRIBUTOR_V2 } from '../frames/distributor-v2.js';
import { DISTRIBUTOR_V3 } from '../frames/distributor-v3.js';
import type { Frame } from '../frames/frame.js';
import { REDISTRIBUTOR } from '../frames/redistributor.js';
import type { Gic } from '../gic.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import { readLineLevels, writeLineLevels } from './line-levels.js';
import * as uapi from './uapi.js';

const { EFAULT, EINVAL, ENOENT } = ERRNO;

/** A 64-bit buffer that userspace passes; undefined is a pointer to nowhere. */
export type UserBuffer = { value: bigint } | undefined;

const UPPER_HALF = 0xffffffff00000000n;

/** put_user() of 32 bits leaves the rest of the buffer alone. */
export function put32(buffer: { value: bigint }, value: number): void {
  buffer.value = (buffer.value & UPPER_HALF) | BigInt(value >>> 0);
}

/** Whether a group of attributes is one of registers, for a GIC of this version. */
export function isRegisterGroup(version: 2 | 3, group: number): boolean {
  switch (group) {
    case uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS:
      return true;
    case uapi.KVM_DEV_ARM_VGIC_GRP_CPU_REGS:
      return version === 2;
    case uapi.KVM_DEV_ARM_VGIC_GRP_REDIST_REGS:
    case uapi.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS:
    case uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO:
      return version === 3;
    default:
      return false;
  }
}

/** The frame behind a group, if it is one of memory-mapped registers. */
export function frameOfGroup(version: 2 | 3, group: number): Frame | undefined {
  switch (group) {
    case uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS:
      return version === 2 ? DISTRIBUTOR_V2 : DISTRIBUTOR_V3;
    case uapi.KVM_DEV_ARM_VGIC_GRP_CPU_REGS:
      return CPU_INTERFACE_V2;
    case uapi.KVM_DEV_ARM_VGIC_GRP_REDIST_REGS:
      return REDISTRIBUTOR;
    default:
      return undefined;
  }
}

/** The vCPU that an attribute names: by its id with GICv2, by affinity with GICv3, where the distributor needs none. */
export function vcpuOfAttribute(version: 2 | 3, vcpus: number, group: number, attr: bigint): number {
  if (version === 2) {
    const id = Number((attr >> uapi.KVM_DEV_ARM_VGIC_CPUID_SHIFT) & 0xffn);
    return id < vcpus ? id : NO_VCPU;
  }
  if (group === uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS) return 0;
  const affinity = Number((attr >> uapi.KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT) & 0xffffffffn);
  return affinity > 0xffffff ? NO_VCPU : vcpuOfAffinity(affinity, vcpus);
}

/** The register offset in an attribute. */
export function offsetOfAttribute(attr: bigint): number {
  return Number(attr & uapi.KVM_DEV_ARM_VGIC_OFFSET_MASK);
}

/** Whether a LEVEL_INFO attribute asks for line levels, the one kind of information there is. */
export function isLineLevelAttribute(attr: bigint): boolean {
  const info = (attr & uapi.KVM_DEV_ARM_VGIC_OFFSET_MASK) >> uapi.KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT;
  return info === uapi.VGIC_LEVEL_INFO_LINE_LEVEL;
}

/**
 * Userspace reads or writes a register of an initialised GIC, no vCPU of which runs. Answers 0 or a negative errno.
 * `vcpu` is the one that the attribute names.
 */
export function accessRegister(
  gic: Gic,
  vcpu: number,
  group: number,
  attr: bigint,
  buffer: UserBuffer,
  write: boolean,
): number {
  if (buffer === undefined) return -EFAULT;
  const value = Number(buffer.value & 0xffffffffn);
  switch (group) {
    case uapi.KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS: {
      const encoding = Number(attr & uapi.KVM_DEV_ARM_VGIC_SYSREG_MASK);
      const register = systemRegisterAt(encoding);
      if (register?.userRead === undefined || register.userWrite === undefined) return -ENOENT;
      const saved = gic.savedInterface(vcpu);
      if (write) {
        gic.events.systemRegisterWritten?.(NO_VCPU, vcpu, encoding, value | 0);
        return register.userWrite(saved, value) ? 0 : -EINVAL;
      }
      const read = register.userRead(saved);
      if (read === undefined) return -EINVAL;
      gic.events.systemRegisterRead?.(NO_VCPU, vcpu, encoding, read | 0);
      buffer.value = BigInt(read >>> 0);
      return 0;
    }
    case uapi.KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO: {
      const intid = Number(attr & uapi.KVM_DEV_ARM_VGIC_LINE_LEVEL_INTID_MASK);
      if (!isLineLevelAttribute(attr) || intid % 32 !== 0) return -EINVAL;
      if (write) writeLineLevels(gic.irqs, vcpu, intid, value);
      else put32(buffer, readLineLevels(gic.irqs, vcpu, intid));
      return 0;
    }
    default: {
      const frame = frameOfGroup(gic.irqs.version, group) as Frame;
      const offset = offsetOfAttribute(attr);
      if (write) return frame.userWrite(gic, vcpu, offset, WORD, value);
      put32(buffer, frame.userRead(gic, vcpu, offset));
      return 0;
    }
  }
}

/** What a register attribute is, by the architecture's names, for people. */
export function describeAttribute(version: 2 | 3, vcpus: number, group: number, attr: bigint): string {
  const groupName = uapi.GROUP_NAMES[group] ?? `group ${group}`;
  if (!isRegisterGroup(version, group)) return `${groupName}, attribute 0x${attr.toString(16)}`;
  const offset = offsetOfAttribute(attr);
  const register = frameOfGroup(version, group)?.at(offset)?.name ?? `0x${offset.toString(16)}`;
  const vcpu = vcpuOfAttribute(version, vcpus, group, attr);
  return `${groupName}, ${register} of ${vcpu < 0 ? 'no vCPU' : `vCPU ${vcpu}`}`;
}
