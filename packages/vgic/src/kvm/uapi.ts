/**
 * Names and numbers of KVM's userspace interface. Source: Linux, Documentation/virt/kvm/devices/arm-vgic.rst and
 * arm-vgic-v3.rst.
 */

export const KVM_DEV_TYPE_ARM_VGIC_V2 = 5;
export const KVM_DEV_TYPE_ARM_VGIC_V3 = 7;
export const KVM_DEV_TYPE_ARM_VGIC_ITS = 8;

export const KVM_DEV_ARM_VGIC_GRP_ADDR = 0;
export const KVM_DEV_ARM_VGIC_GRP_DIST_REGS = 1;
export const KVM_DEV_ARM_VGIC_GRP_CPU_REGS = 2;
export const KVM_DEV_ARM_VGIC_GRP_NR_IRQS = 3;
export const KVM_DEV_ARM_VGIC_GRP_CTRL = 4;
export const KVM_DEV_ARM_VGIC_GRP_REDIST_REGS = 5;
export const KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS = 6;
export const KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO = 7;
export const KVM_DEV_ARM_VGIC_GRP_ITS_REGS = 8;

export const GROUP_NAMES: readonly string[] = [
  'KVM_DEV_ARM_VGIC_GRP_ADDR',
  'KVM_DEV_ARM_VGIC_GRP_DIST_REGS',
  'KVM_DEV_ARM_VGIC_GRP_CPU_REGS',
  'KVM_DEV_ARM_VGIC_GRP_NR_IRQS',
  'KVM_DEV_ARM_VGIC_GRP_CTRL',
  'KVM_DEV_ARM_VGIC_GRP_REDIST_REGS',
  'KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS',
  'KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO',
  'KVM_DEV_ARM_VGIC_GRP_ITS_REGS',
];

export const KVM_VGIC_V2_ADDR_TYPE_DIST = 0;
export const KVM_VGIC_V2_ADDR_TYPE_CPU = 1;
export const KVM_VGIC_V3_ADDR_TYPE_DIST = 2;
export const KVM_VGIC_V3_ADDR_TYPE_REDIST = 3;
export const KVM_VGIC_ITS_ADDR_TYPE = 4;
export const KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION = 5;

export const KVM_DEV_ARM_VGIC_CTRL_INIT = 0;
export const KVM_DEV_ARM_ITS_SAVE_TABLES = 1;
export const KVM_DEV_ARM_ITS_RESTORE_TABLES = 2;
export const KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES = 3;
export const KVM_DEV_ARM_ITS_CTRL_RESET = 4;

/** Attributes of the register groups: MPIDR affinities or vCPU id above, register offset below. */
export const KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT = 32n;
export const KVM_DEV_ARM_VGIC_CPUID_SHIFT = 32n;
export const KVM_DEV_ARM_VGIC_OFFSET_MASK = 0xffffffffn;
export const KVM_DEV_ARM_VGIC_SYSREG_MASK = 0xffffn;
export const KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT = 10n;
export const KVM_DEV_ARM_VGIC_LINE_LEVEL_INTID_MASK = 0x3ffn;
export const VGIC_LEVEL_INFO_LINE_LEVEL = 0n;

/** The largest value of KVM_DEV_ARM_VGIC_GRP_NR_IRQS is the largest multiple of 32 up to this. */
export const VGIC_MAX_RESERVED = 1023;
/** KVM_DEV_ARM_VGIC_GRP_NR_IRQS when nobody has set it. */
export const VGIC_NR_IRQS_LEGACY = 256;

/** KVM_IRQ_LINE: type in 27:24, vCPU in 23:16 with its upper bits in 31:28, number in 15:0. */
export const KVM_ARM_IRQ_TYPE_CPU = 0;
export const KVM_ARM_IRQ_TYPE_SPI = 1;
export const KVM_ARM_IRQ_TYPE_PPI = 2;

/** Pins of the one irqchip in KVM's interrupt routing: an SPI each. */
export const KVM_IRQCHIP_NUM_PINS = 988;

/** The address that stands for "not set". */
export const VGIC_ADDR_UNDEF = 0xffffffffffffffffn;
