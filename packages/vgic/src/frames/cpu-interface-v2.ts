import { GICC_IIDR_KVM, GICC_REGISTERS } from '../architecture/gicv2.js';
import { VMCR_BPR0_SHIFT, VMCR_BPR1_SHIFT, VMCR_CTLR_MASK, VMCR_PMR_SHIFT } from '../architecture/virtual-interface.js';
import { Frame, type RegisterHandlers, readOnly } from './frame.js';

/**
 * GICC as userspace saves and restores it; the guest never comes here. The fields are those of the saved ICH_VMCR_EL2 or
 * GICH_VMCR. Source: KVM, arm-vgic.rst, KVM_DEV_ARM_VGIC_GRP_CPU_REGS.
 */

/** A field of VMCR: `mask` bits at `shift`, shown `abiShift` further down. */
function field(shift: number, mask: number, abiShift = 0): RegisterHandlers {
  return {
    read: (context, vcpu) => ((context.savedInterface(vcpu).vmcr >>> shift) & mask) >>> abiShift,
    write(context, vcpu, _at, _width, value) {
      const saved = context.savedInterface(vcpu);
      saved.vmcr = ((saved.vmcr & ~(mask << shift)) | (((value << abiShift) & mask) << shift)) >>> 0;
    },
  };
}

/** GICC_APR<n>: the active priorities of the one group that KVM's GICv2 guests have. */
const ACTIVE_PRIORITIES: RegisterHandlers = {
  read(context, vcpu, at) {
    const saved = context.savedInterface(vcpu);
    const n = at >>> 2;
    return n <= (saved.cpu.config.version === 2 ? 0 : saved.lastActivePriorityWord) ? saved.ap1r[n] : 0;
  },
  write(context, vcpu, at, _width, value) {
    const saved = context.savedInterface(vcpu);
    const n = at >>> 2;
    if (n <= (saved.cpu.config.version === 2 ? 0 : saved.lastActivePriorityWord)) saved.ap1r[n] = value;
  },
};

export const CPU_INTERFACE_V2 = new Frame(
  GICC_REGISTERS,
  {
    GICC_CTLR: field(0, VMCR_CTLR_MASK),
    // the ABI has the five bits of a GICv2's priority mask right-aligned
    GICC_PMR: field(VMCR_PMR_SHIFT, 0xf8, 3),
    GICC_BPR: field(VMCR_BPR0_SHIFT, 7),
    GICC_ABPR: field(VMCR_BPR1_SHIFT, 7),
    GICC_APR: ACTIVE_PRIORITIES,
    GICC_IIDR: readOnly(() => GICC_IIDR_KVM),
  },
  { size: 0x100 },
);
