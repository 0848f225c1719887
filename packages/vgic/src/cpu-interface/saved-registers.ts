import {
  ICC_CTLR_A3V,
  ICC_CTLR_CBPR,
  ICC_CTLR_EOIMODE,
  ICC_CTLR_EXT_RANGE,
  ICC_CTLR_IDBITS_SHIFT,
  ICC_CTLR_PRIBITS_SHIFT,
  ICC_CTLR_SEIS,
} from '../architecture/system-registers.js';
import {
  VMCR_ACKCTL,
  VMCR_BPR0_SHIFT,
  VMCR_BPR1_SHIFT,
  VMCR_CBPR,
  VMCR_EOIM,
  VMCR_FIQEN,
} from '../architecture/virtual-interface.js';
import type { CpuInterface } from './cpu-interface.js';

/**
 * The userspace columns of the ICC registers: how they are saved and restored (KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS), on the
 * copy of a vCPU that is not on a physical CPU. Source: Linux, arm-vgic-v3.rst.
 */

/** The copy, as far as these registers go. */
export interface SavedRegisters {
  readonly cpu: CpuInterface;
  vmcr: number;
  readonly ap0r: Uint32Array;
  readonly ap1r: Uint32Array;
  /** ICC_CTLR_EL1.PRIbits + 1 and IDbits as userspace has lowered them, never above the host's. */
  priorityBits: number;
  idBits: number;
  /** The highest of the active priority registers that userspace can reach. */
  readonly lastActivePriorityWord: number;
}

export interface UserColumns {
  /** The value, unsigned 32 bits; undefined where KVM answers EINVAL. */
  userRead(saved: SavedRegisters): number | undefined;
  /** False where KVM answers EINVAL. */
  userWrite(saved: SavedRegisters, value: number): boolean;
}

/** What KVM writes back of ICH_VMCR_EL2 for a guest with system registers: FIQEn is 1, AckCtl 0. */
function setVmcr(saved: SavedRegisters, value: number): void {
  saved.vmcr = ((value & ~VMCR_ACKCTL) | VMCR_FIQEN) >>> 0;
}

/** A field of ICH_VMCR_EL2: `mask` bits at `shift`. */
export function vmcrField(shift: number, mask: number): UserColumns {
  return {
    userRead: (saved) => (saved.vmcr >>> shift) & mask,
    userWrite(saved, value) {
      setVmcr(saved, (saved.vmcr & ~(mask << shift)) | ((value & mask) << shift));
      return true;
    },
  };
}

const BPR1_FIELD = vmcrField(VMCR_BPR1_SHIFT, 7);

/** With CBPR the group 1 binary point is group 0's plus one, and writes are ignored. */
export const BINARY_POINT_1: UserColumns = {
  userRead(saved) {
    if (saved.vmcr & VMCR_CBPR) return Math.min(((saved.vmcr >>> VMCR_BPR0_SHIFT) & 7) + 1, 7);
    return BPR1_FIELD.userRead(saved);
  },
  userWrite: (saved, value) => (saved.vmcr & VMCR_CBPR) !== 0 || BPR1_FIELD.userWrite(saved, value),
};

export function activePriorities(group: 0 | 1, word: number): UserColumns {
  return {
    userRead: (saved) => (word > saved.lastActivePriorityWord ? undefined : (group ? saved.ap1r : saved.ap0r)[word]),
    userWrite(saved, value) {
      if (word > saved.lastActivePriorityWord) return false;
      (group ? saved.ap1r : saved.ap0r)[word] = value;
      return true;
    },
  };
}

const PRIORITY_BITS_MASK = 7;
const ID_BITS_MASK = 7;

/** ICC_CTLR_EL1 of an interface with these priority and INTID bits, whose ICH_VMCR_EL2 is `vmcr`. */
export function controlOf(cpu: CpuInterface, priorityBits: number, idBits: number, vmcr: number): number {
  const { affinity3, seis, extendedRange } = cpu.config;
  return (
    ((priorityBits - 1) << ICC_CTLR_PRIBITS_SHIFT) |
    (idBits << ICC_CTLR_IDBITS_SHIFT) |
    (seis ? ICC_CTLR_SEIS : 0) |
    (affinity3 ? ICC_CTLR_A3V : 0) |
    (extendedRange ? ICC_CTLR_EXT_RANGE : 0) |
    (vmcr & VMCR_EOIM ? ICC_CTLR_EOIMODE : 0) |
    (vmcr & VMCR_CBPR ? ICC_CTLR_CBPR : 0)
  );
}

/** ICH_VMCR_EL2 after a write of ICC_CTLR_EL1. */
export function withControl(vmcr: number, value: number): number {
  return (
    (vmcr & ~(VMCR_CBPR | VMCR_EOIM)) |
    (value & ICC_CTLR_CBPR ? VMCR_CBPR : 0) |
    (value & ICC_CTLR_EOIMODE ? VMCR_EOIM : 0)
  );
}

/**
 * ICC_CTLR_EL1 carries what the source host had, so that a guest is refused that would find less. As in KVM a refused
 * write may have lowered the number of priority bits already.
 */
export const CONTROL: UserColumns = {
  userRead: (saved) => controlOf(saved.cpu, saved.priorityBits, saved.idBits, saved.vmcr),
  userWrite(saved, value) {
    const { affinity3, seis } = saved.cpu.config;
    const priorityBits = ((value >>> ICC_CTLR_PRIBITS_SHIFT) & PRIORITY_BITS_MASK) + 1;
    if (priorityBits > saved.priorityBits) return false;
    saved.priorityBits = priorityBits;
    const idBits = (value >>> ICC_CTLR_IDBITS_SHIFT) & ID_BITS_MASK;
    if (idBits > saved.idBits) return false;
    saved.idBits = idBits;
    if (((value & ICC_CTLR_SEIS) !== 0) !== seis || ((value & ICC_CTLR_A3V) !== 0) !== affinity3) return false;
    setVmcr(saved, withControl(saved.vmcr, value));
    return true;
  },
};
