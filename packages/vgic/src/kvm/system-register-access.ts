import { SYSTEM_REGISTERS as R, type SystemRegisterName } from '../architecture/system-registers.js';
import {
  ICC_CTLR_A3V,
  ICC_CTLR_CBPR,
  ICC_CTLR_EOIMODE,
  ICC_CTLR_IDBITS_SHIFT,
  ICC_CTLR_PRIBITS_SHIFT,
  ICC_CTLR_SEIS,
  ICC_SRE_ALL,
  VMCR_ACKCTL,
  VMCR_BPR0_SHIFT,
  VMCR_BPR1_SHIFT,
  VMCR_CBPR,
  VMCR_ENG0,
  VMCR_ENG1,
  VMCR_EOIM,
  VMCR_FIQEN,
  VMCR_PMR_SHIFT,
} from '../architecture/virtual-interface.js';
import type { SavedInterface } from '../vcpus/saved-interface.js';

/**
 * KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS: the CPU interface's registers as userspace saves and restores them, on the saved
 * copy. Source: Linux, arm-vgic-v3.rst.
 */

interface UserRegister {
  /** Undefined: EINVAL. */
  read(saved: SavedInterface): number | undefined;
  /** False: EINVAL. */
  write(saved: SavedInterface, value: number): boolean;
}

/** What KVM writes back of ICH_VMCR_EL2 for a guest with system registers: FIQEn is 1, AckCtl 0. */
function setVmcr(saved: SavedInterface, value: number): void {
  saved.vmcr = ((value & ~VMCR_ACKCTL) | VMCR_FIQEN) >>> 0;
}

function vmcrField(shift: number, mask: number): UserRegister {
  return {
    read: (saved) => (saved.vmcr >>> shift) & mask,
    write(saved, value) {
      setVmcr(saved, (saved.vmcr & ~(mask << shift)) | ((value & mask) << shift));
      return true;
    },
  };
}

/** With CBPR the group 1 binary point is group 0's plus one, and writes are ignored. */
const BPR1: UserRegister = {
  read({ vmcr }) {
    if (vmcr & VMCR_CBPR) return Math.min(((vmcr >>> VMCR_BPR0_SHIFT) & 7) + 1, 7);
    return (vmcr >>> VMCR_BPR1_SHIFT) & 7;
  },
  write(saved, value) {
    if (!(saved.vmcr & VMCR_CBPR)) vmcrField(VMCR_BPR1_SHIFT, 7).write(saved, value);
    return true;
  },
};

function activePriorities(group: 0 | 1, word: number): UserRegister {
  return {
    read: (saved) => (word > saved.lastActivePriorityWord ? undefined : (group ? saved.ap1r : saved.ap0r)[word]),
    write(saved, value) {
      if (word > saved.lastActivePriorityWord) return false;
      (group ? saved.ap1r : saved.ap0r)[word] = value;
      return true;
    },
  };
}

const PRIORITY_BITS_MASK = 7;
const ID_BITS_MASK = 7;

/**
 * ICC_CTLR_EL1 carries what the source host had, so that a guest is refused that would find less. As in KVM a refused
 * write may have lowered the number of priority bits already.
 */
const CONTROL: UserRegister = {
  read(saved) {
    const { affinity3, seis } = saved.cpu.config;
    return (
      ((saved.priorityBits - 1) << ICC_CTLR_PRIBITS_SHIFT) |
      (saved.idBits << ICC_CTLR_IDBITS_SHIFT) |
      (seis ? ICC_CTLR_SEIS : 0) |
      (affinity3 ? ICC_CTLR_A3V : 0) |
      (saved.vmcr & VMCR_EOIM ? ICC_CTLR_EOIMODE : 0) |
      (saved.vmcr & VMCR_CBPR ? ICC_CTLR_CBPR : 0)
    );
  },
  write(saved, value) {
    const { affinity3, seis } = saved.cpu.config;
    const priorityBits = ((value >>> ICC_CTLR_PRIBITS_SHIFT) & PRIORITY_BITS_MASK) + 1;
    if (priorityBits > saved.priorityBits) return false;
    saved.priorityBits = priorityBits;
    const idBits = (value >>> ICC_CTLR_IDBITS_SHIFT) & ID_BITS_MASK;
    if (idBits > saved.idBits) return false;
    saved.idBits = idBits;
    if (((value & ICC_CTLR_SEIS) !== 0) !== seis || ((value & ICC_CTLR_A3V) !== 0) !== affinity3) return false;
    setVmcr(
      saved,
      (saved.vmcr & ~(VMCR_CBPR | VMCR_EOIM)) |
        (value & ICC_CTLR_CBPR ? VMCR_CBPR : 0) |
        (value & ICC_CTLR_EOIMODE ? VMCR_EOIM : 0),
    );
    return true;
  },
};

const REGISTERS: { readonly [Name in SystemRegisterName]?: UserRegister } = {
  ICC_PMR_EL1: vmcrField(VMCR_PMR_SHIFT, 0xff),
  ICC_BPR0_EL1: vmcrField(VMCR_BPR0_SHIFT, 7),
  ICC_BPR1_EL1: BPR1,
  ICC_AP0R0_EL1: activePriorities(0, 0),
  ICC_AP0R1_EL1: activePriorities(0, 1),
  ICC_AP0R2_EL1: activePriorities(0, 2),
  ICC_AP0R3_EL1: activePriorities(0, 3),
  ICC_AP1R0_EL1: activePriorities(1, 0),
  ICC_AP1R1_EL1: activePriorities(1, 1),
  ICC_AP1R2_EL1: activePriorities(1, 2),
  ICC_AP1R3_EL1: activePriorities(1, 3),
  ICC_CTLR_EL1: CONTROL,
  ICC_SRE_EL1: { read: () => ICC_SRE_ALL, write: (_saved, value) => (value & 1) !== 0 },
  ICC_IGRPEN0_EL1: vmcrField(Math.log2(VMCR_ENG0), 1),
  ICC_IGRPEN1_EL1: vmcrField(Math.log2(VMCR_ENG1), 1),
};

/** The names of the registers that userspace has, in the order in which a save reads them. */
export const USER_SYSTEM_REGISTERS = Object.keys(REGISTERS) as SystemRegisterName[];

const BY_ENCODING = new Map<number, UserRegister>(USER_SYSTEM_REGISTERS.map((name) => [R[name], REGISTERS[name]!]));

/** The register with this encoding, or undefined: ENOENT, ENXIO for a question. */
export function userSystemRegister(encoding: number): UserRegister | undefined {
  return BY_ENCODING.get(encoding);
}
