import { GICC_IIDR_KVM, GICC_REGISTERS, GICV_IIDR, GICV_SIZE } from '../architecture/gicv2.js';
import { VMCR_BPR0_SHIFT, VMCR_BPR1_SHIFT, VMCR_CTLR_MASK, VMCR_PMR_SHIFT } from '../architecture/virtual-interface.js';
import {
  acknowledge,
  deactivateInterrupt,
  endOfInterrupt,
  highestPending,
  idleOrRunningPriority,
} from '../cpu-interface/gicv.js';
import type { SavedInterface } from '../vcpus/saved-interface.js';
import type { FrameContext } from './context.js';
import { Frame, type ReadColumn, type RegisterHandlers, type UserColumns, type WriteColumn } from './frame.js';

/**
 * The GICv2 CPU interface. The guest's columns are GICV: hardware serves them from the list registers, without an exit. The
 * userspace columns are GICC, as it is saved and restored, on the copy of a vCPU that is not on a physical CPU; the fields
 * are those of ICH_VMCR_EL2 or GICH_VMCR in both. Source: IHI 0048B, 5.5; KVM, arm-vgic.rst, KVM_DEV_ARM_VGIC_GRP_CPU_REGS.
 */

/** A field of VMCR: `mask` bits at `shift`, which userspace has `abiShift` further down. */
function field(shift: number, mask: number, abiShift = 0): RegisterHandlers {
  const present = (vmcr: number) => (vmcr >>> shift) & mask;
  const changed = (vmcr: number, value: number) => (vmcr & ~(mask << shift)) | ((value & mask) << shift);
  return {
    read: (context, vcpu) => present(context.cpuInterface(vcpu).vmcr),
    write(context, vcpu, _at, _width, value) {
      const cpu = context.cpuInterface(vcpu);
      cpu.setVmcr(changed(cpu.vmcr, value));
    },
    userRead: (context, vcpu) => present(context.savedInterface(vcpu).vmcr) >>> abiShift,
    userWrite(context, vcpu, _at, value) {
      const saved = context.savedInterface(vcpu);
      saved.vmcr = changed(saved.vmcr, value << abiShift) >>> 0;
      return 0;
    },
  };
}

/** The words of GICC_APR<n> that userspace has: KVM's guests of a GICv2 host have one. */
function activePriorityWords(saved: SavedInterface): number {
  return saved.cpu.config.version === 2 ? 1 : saved.lastActivePriorityWord + 1;
}

/** The active priorities of the one group that KVM's GICv2 guests have: 32 levels, which are GICV_APR0's. */
const ACTIVE_PRIORITIES: RegisterHandlers = {
  read: (context, vcpu, at) => (at === 0 ? context.cpuInterface(vcpu).ap1r[0] : 0),
  write(context, vcpu, at, _width, value) {
    if (at === 0) context.cpuInterface(vcpu).ap1r[0] = value;
  },
  userRead(context, vcpu, at) {
    const saved = context.savedInterface(vcpu);
    return at >>> 2 < activePriorityWords(saved) ? saved.ap1r[at >>> 2] : 0;
  },
  userWrite(context, vcpu, at, value) {
    const saved = context.savedInterface(vcpu);
    if (at >>> 2 < activePriorityWords(saved)) saved.ap1r[at >>> 2] = value;
    return 0;
  },
};

/** Registers without state, which userspace does not have. */
function guestRead(read: (cpu: ReturnType<FrameContext['cpuInterface']>) => number): ReadColumn & UserColumns {
  return { read: (context, vcpu) => read(context.cpuInterface(vcpu)), user: false };
}

function guestWrite(write: typeof endOfInterrupt): WriteColumn & UserColumns {
  return {
    write: (context, vcpu, _at, _width, value) => write(context.cpuInterface(vcpu), value, context.irqs.physical),
    user: false,
  };
}

/** A GICv2's CPU interface: each vCPU finds its own there. */
export const CPU_INTERFACE_V2 = new Frame(
  GICC_REGISTERS,
  {
    GICC_CTLR: field(0, VMCR_CTLR_MASK),
    // the ABI has the five bits of a GICv2's priority mask right-aligned
    GICC_PMR: field(VMCR_PMR_SHIFT, 0xf8, 3),
    GICC_BPR: field(VMCR_BPR0_SHIFT, 7),
    GICC_IAR: guestRead((cpu) => acknowledge(cpu, false)),
    GICC_EOIR: guestWrite(endOfInterrupt),
    GICC_RPR: guestRead(idleOrRunningPriority),
    GICC_HPPIR: guestRead((cpu) => highestPending(cpu, false)),
    GICC_ABPR: field(VMCR_BPR1_SHIFT, 7),
    GICC_AIAR: guestRead((cpu) => acknowledge(cpu, true)),
    GICC_AEOIR: guestWrite(endOfInterrupt),
    GICC_AHPPIR: guestRead((cpu) => highestPending(cpu, true)),
    GICC_APR: ACTIVE_PRIORITIES,
    GICC_IIDR: { read: () => GICV_IIDR, userRead: () => GICC_IIDR_KVM },
    GICC_DIR: guestWrite(deactivateInterrupt),
  },
  { size: GICV_SIZE, traps: false },
);
