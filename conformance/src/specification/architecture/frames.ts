import { GROUP_1_PENDING, SPURIOUS } from './configuration.js';
import type { ArchitecturalGic, Vcpu } from './gic.js';
import type { Interrupt } from './interrupt.js';

/** The registers of the frames that are not by interrupt: GICD_CTLR, GICD_SGIR, GICR_CTLR, GICR_WAKER, and GICv2's GICC. */
export interface FrameRegister {
  read?(gic: ArchitecturalGic, vcpu: Vcpu): number;
  write?(gic: ArchitecturalGic, vcpu: Vcpu, value: number): void;
  /** Bits that the architecture defines; default all. The others are not compared. */
  readonly defined?: number;
}

// ---- distributor and redistributor

const GICD_CTLR_ARE_AND_DS = 0x50;

/** IHI 0069, 12.9 GICD_CTLR with GICD_CTLR.DS = 1: ARE and DS read as one; IHI 0048, 4.3.1. */
const distributorControl: FrameRegister = {
  read: ({ groupEnabled, config }) =>
    Number(groupEnabled[0]) | (Number(groupEnabled[1]) << 1) | (config.version === 3 ? GICD_CTLR_ARE_AND_DS : 0),
  write: ({ groupEnabled }, _, value) => {
    groupEnabled[0] = (value & 1) !== 0;
    groupEnabled[1] = (value & 2) !== 0;
  },
};

/** ITLinesNumber, and GICv2's CPUNumber (IHI 0048, 4.3.2), GICv3's No1N (IHI 0069, 12.9 GICD_TYPER). */
const distributorType: FrameRegister = {
  read: ({ config: { version, vcpus, interrupts } }) =>
    (interrupts / 32 - 1) | (version === 2 ? (vcpus - 1) << 5 : 1 << 25),
  defined: 0x020000ff,
};

/** Bits of an INTID in GICD_SETSPI_NSR and GICD_CLRSPI_NSR. */
const MESSAGE_INTID = 0x1fff;

/** GICv2's GICD_SGIR (IHI 0048, 4.3.15). */
const softwareInterrupt: FrameRegister = {
  read: () => 0,
  write: (gic, vcpu, value) => {
    const filter = (value >>> 24) & 3;
    const self = 1 << vcpu.number;
    const targets = filter === 0 ? (value >>> 16) & 0xff : filter === 1 ? ~self : filter === 2 ? self : 0;
    for (const target of gic.vcpus) {
      if (((targets >>> target.number) & 1) !== 0) target.privates[value & 0xf].sources |= self;
    }
  },
};

/** IHI 0069, 12.11 GICR_CTLR.EnableLPIs. What is pending stays so in the vCPU's pending table (5.1.2) while it is 0. */
const redistributorControl: FrameRegister = {
  read: (_, { lpisEnabled }) => Number(lpisEnabled),
  write: ({ config }, vcpu, value) => {
    if (config.its) vcpu.lpisEnabled = (value & 1) !== 0;
  },
  defined: 1,
};

/** IHI 0069, 12.11 GICR_WAKER. It holds nothing back: guests that never wake their redistributor are to run. */
const waker: FrameRegister = {
  read: (_, { asleep }) => (asleep ? 6 : 0),
  write: (_, vcpu, value) => {
    vcpu.asleep = (value & 2) !== 0;
  },
};

// ---- GICv2's CPU interface

const GICC_CTLR = { ENABLE_GRP0: 1, ENABLE_GRP1: 2, ACK_CTL: 4, FIQ_EN: 8, CBPR: 16, EOI_MODE: 1 << 9 } as const;

/** IHI 0048, 4.4.1 (GICC_CTLR, with both groups) and 5.5 (GICV_CTLR). */
const interfaceControl: FrameRegister = {
  read: (_, { groupEnabled, ackCtl, fiqEn, priorities, split }) =>
    Number(groupEnabled[0]) * GICC_CTLR.ENABLE_GRP0 +
    Number(groupEnabled[1]) * GICC_CTLR.ENABLE_GRP1 +
    Number(ackCtl) * GICC_CTLR.ACK_CTL +
    Number(fiqEn) * GICC_CTLR.FIQ_EN +
    Number(priorities.common) * GICC_CTLR.CBPR +
    Number(split) * GICC_CTLR.EOI_MODE,
  write: (_, vcpu, value) => {
    vcpu.groupEnabled[0] = (value & GICC_CTLR.ENABLE_GRP0) !== 0;
    vcpu.groupEnabled[1] = (value & GICC_CTLR.ENABLE_GRP1) !== 0;
    vcpu.ackCtl = (value & GICC_CTLR.ACK_CTL) !== 0;
    vcpu.fiqEn = (value & GICC_CTLR.FIQ_EN) !== 0;
    vcpu.priorities.common = (value & GICC_CTLR.CBPR) !== 0;
    vcpu.split = (value & GICC_CTLR.EOI_MODE) !== 0;
  },
};

const INTID = 0x3ff;

/** An interrupt as GICC_IAR and GICC_HPPIR have it: of an SGI with its source, the lowest one first (IHI 0048, 4.4.4). */
const withSource = ({ intid, sources }: Interrupt): number =>
  sources === 0 ? intid : intid | ((31 - Math.clz32(sources & -sources)) << 10);

/** GICC_IAR: group 0, and group 1 if AckCtl says so, or else 1022 (IHI 0048, 4.4.4 and 3.4.2). GICC_AIAR: group 1. */
const acknowledge = (alias: boolean): FrameRegister => ({
  read: (gic, vcpu) => {
    const interrupt = gic.signalled(vcpu);
    if (interrupt === undefined || (alias && interrupt.group === 0)) return SPURIOUS;
    if (interrupt.group === 1 && !alias && !vcpu.ackCtl) return GROUP_1_PENDING;
    const value = withSource(interrupt);
    gic.acknowledge(vcpu, interrupt);
    return value;
  },
});

/** GICC_HPPIR and GICC_AHPPIR likewise, without regard to the mask or the running priority (IHI 0048, 4.4.7). */
const highestPending = (alias: boolean): FrameRegister => ({
  read: (gic, vcpu) => {
    const interrupt = gic.highestPending(vcpu);
    if (interrupt === undefined || (alias && interrupt.group === 0)) return SPURIOUS;
    return interrupt.group === 1 && !alias && !vcpu.ackCtl ? GROUP_1_PENDING : withSource(interrupt);
  },
});

/** GICC_EOIR ends group 0, and group 1 if AckCtl says so; GICC_AEOIR group 1 (IHI 0048, 4.4.5 and 4.4.13). */
const end = (alias: boolean): FrameRegister => ({
  write: (gic, vcpu, value) =>
    gic.end(vcpu, value & INTID, (group) => group === (alias ? 1 : 0) || (group === 1 && vcpu.ackCtl)),
});

const binaryPoint = (group: 0 | 1): FrameRegister => ({
  read: (_, { priorities }) => (group === 0 ? priorities.binaryPoint0 : priorities.binaryPoint1),
  write: (_, { priorities }, value) => priorities.setBinaryPoint(group, value),
});

/** With affinity routing the distributor's part for SGIs and PPIs is RES0 (IHI 0069, 12.9 GICD_ISENABLER<n>). */
const reserved: FrameRegister = { read: () => 0 };

export const FRAME_REGISTERS = {
  GICD_IGROUPR: reserved,
  GICD_ISENABLER: reserved,
  GICD_ICENABLER: reserved,
  GICD_ISPENDR: reserved,
  GICD_ICPENDR: reserved,
  GICD_ISACTIVER: reserved,
  GICD_ICACTIVER: reserved,
  GICD_IPRIORITYR: reserved,
  GICD_ICFGR: reserved,
  GICD_CTLR: distributorControl,
  GICD_TYPER: distributorType,
  GICD_SGIR: softwareInterrupt,
  GICD_SETSPI_NSR: { read: () => 0, write: (gic, _, value) => gic.message(value & MESSAGE_INTID, true) },
  GICD_CLRSPI_NSR: { read: () => 0, write: (gic, _, value) => gic.message(value & MESSAGE_INTID, false) },
  GICR_CTLR: redistributorControl,
  GICR_WAKER: waker,
  GICC_CTLR: interfaceControl,
  GICC_PMR: {
    read: (_, { priorities }) => priorities.mask,
    write: (_, { priorities }, value) => {
      priorities.mask = value & priorities.implemented;
    },
  },
  GICC_BPR: binaryPoint(0),
  GICC_ABPR: binaryPoint(1),
  GICC_IAR: acknowledge(false),
  GICC_AIAR: acknowledge(true),
  GICC_EOIR: end(false),
  GICC_AEOIR: end(true),
  GICC_HPPIR: highestPending(false),
  GICC_AHPPIR: highestPending(true),
  GICC_RPR: { read: (_, { priorities }) => priorities.running },
  // one register for both groups, as GICV has it (IHI 0048, 5.5.8)
  GICC_APR0: { read: (_, { priorities: { active } }) => (active[0][0] | active[1][0]) >>> 0 },
  GICC_DIR: { write: (gic, vcpu, value) => gic.deactivateAlone(vcpu, value & INTID) },
} as const satisfies Record<string, FrameRegister>;

export type FrameRegisterName = keyof typeof FRAME_REGISTERS;
