import { SPURIOUS } from './configuration.js';
import type { ArchitecturalGic, Vcpu } from './gic.js';

/** The CPU interface of a GICv3: ICC_*_EL1 as a guest at EL1 has them. IHI 0069, 12.2. */
export interface SystemRegister {
  read?(gic: ArchitecturalGic, vcpu: Vcpu): number;
  write?(gic: ArchitecturalGic, vcpu: Vcpu, low: number, high: number): void;
  /** Bits that are compared; default all. */
  readonly defined?: number;
  /** Whether there is such a register; default yes. */
  isImplemented?(vcpu: Vcpu): boolean;
  /** Whether the architecture says what a write does; default yes. */
  isPredictable?(vcpu: Vcpu, low: number): boolean;
}

const INTID = 0xffffff;
const ICC_CTLR = { CBPR: 1, EOI_MODE: 2, PRI_BITS_SHIFT: 8 } as const;
/** CBPR, EOImode, PMHE, PRIbits, SEIS: where accesses are emulated there are no SErrors for them. */
const ICC_CTLR_DEFINED = 0x4743;

/** ICC_IAR<n>_EL1: another group's interrupt is not to be acknowledged here, and hides those of a lower priority. */
const acknowledge = (group: 0 | 1): SystemRegister => ({
  read: (gic, vcpu) => {
    const interrupt = gic.signalled(vcpu);
    if (interrupt === undefined || interrupt.group !== group) return SPURIOUS;
    gic.acknowledge(vcpu, interrupt);
    return interrupt.intid;
  },
});

/** ICC_HPPIR<n>_EL1: without regard to the mask and the running priority. */
const highestPending = (group: 0 | 1): SystemRegister => ({
  read: (gic, vcpu) => {
    const interrupt = gic.highestPending(vcpu);
    return interrupt === undefined || interrupt.group !== group ? SPURIOUS : interrupt.intid;
  },
});

const end = (group: 0 | 1): SystemRegister => ({
  write: (gic, vcpu, low) => gic.end(vcpu, low & INTID, (running) => running === group),
});

const groupEnable = (group: 0 | 1): SystemRegister => ({
  read: (_, { groupEnabled }) => Number(groupEnabled[group]),
  write: (_, { groupEnabled }, low) => {
    groupEnabled[group] = (low & 1) !== 0;
  },
});

/**
 * ICC_AP<n>R<m>_EL1: 32 levels each; those that are not needed are UNDEFINED. Other values than were read are for who
 * restores a state, and UNPREDICTABLE if a level is active in both groups.
 */
const activePriorities = (group: 0 | 1, n: number): SystemRegister => ({
  read: (_, { priorities }) => priorities.active[group][n],
  write: (_, { priorities }, low) => {
    priorities.active[group][n] = low;
  },
  isImplemented: ({ priorities }) => 32 * n < 2 ** priorities.preemptionBits,
  isPredictable: ({ priorities }, low) => (priorities.active[group === 0 ? 1 : 0][n] & low) === 0,
});

/**
 * ICC_SGI<n>R_EL1: TargetList of the vCPUs with affinity 0.0.0.n, or with IRM all but the sender. It reaches those where the
 * SGI is of a group that the register generates (IHI 0069, "Forwarding an SGI to a target PE").
 */
const sendSgi = (...groups: number[]): SystemRegister => ({
  write: (gic, vcpu, low, high) => {
    const everybody = (high & 0x100) !== 0;
    const ourCluster = (low & 0x00ff0000) === 0 && (high & 0x00ff00ff) === 0;
    const intid = (low >>> 24) & 0xf;
    for (const target of gic.vcpus) {
      const listed = everybody ? target !== vcpu : ourCluster && ((low >>> target.number) & 1) !== 0;
      const sgi = target.privates[intid];
      if (listed && groups.includes(sgi.group)) sgi.latch = true;
    }
  },
});

export const SYSTEM_REGISTERS = {
  ICC_PMR_EL1: {
    read: (_, { priorities }) => priorities.mask,
    write: (_, { priorities }, low) => {
      priorities.mask = low & priorities.implemented;
    },
  },
  ICC_IAR0_EL1: acknowledge(0),
  ICC_IAR1_EL1: acknowledge(1),
  ICC_EOIR0_EL1: end(0),
  ICC_EOIR1_EL1: end(1),
  ICC_HPPIR0_EL1: highestPending(0),
  ICC_HPPIR1_EL1: highestPending(1),
  ICC_DIR_EL1: { write: (gic, vcpu, low) => gic.deactivateAlone(vcpu, low & INTID) },
  ICC_RPR_EL1: { read: (_, { priorities }) => priorities.running },
  ICC_BPR0_EL1: {
    read: (_, { priorities }) => priorities.binaryPoint0,
    write: (_, { priorities }, low) => priorities.setBinaryPoint(0, low),
  },
  // while CBPR is 1 it reads as ICC_BPR0_EL1 plus one, at most 7, and ignores writes
  ICC_BPR1_EL1: {
    read: (_, { priorities: { common, binaryPoint0, binaryPoint1 } }) =>
      common ? Math.min(binaryPoint0 + 1, 7) : binaryPoint1,
    write: (_, { priorities }, low) => {
      if (!priorities.common) priorities.setBinaryPoint(1, low);
    },
  },
  ICC_CTLR_EL1: {
    read: ({ config }, { priorities, split }) =>
      Number(priorities.common) * ICC_CTLR.CBPR +
      Number(split) * ICC_CTLR.EOI_MODE +
      ((config.priorityBits - 1) << ICC_CTLR.PRI_BITS_SHIFT),
    write: (_, vcpu, low) => {
      vcpu.priorities.common = (low & ICC_CTLR.CBPR) !== 0;
      vcpu.split = (low & ICC_CTLR.EOI_MODE) !== 0;
    },
    defined: ICC_CTLR_DEFINED,
  },
  // SRE, DFB and DIB, fixed
  ICC_SRE_EL1: { read: () => 7 },
  ICC_IGRPEN0_EL1: groupEnable(0),
  ICC_IGRPEN1_EL1: groupEnable(1),
  ICC_AP0R0_EL1: activePriorities(0, 0),
  ICC_AP0R1_EL1: activePriorities(0, 1),
  ICC_AP0R2_EL1: activePriorities(0, 2),
  ICC_AP0R3_EL1: activePriorities(0, 3),
  ICC_AP1R0_EL1: activePriorities(1, 0),
  ICC_AP1R1_EL1: activePriorities(1, 1),
  ICC_AP1R2_EL1: activePriorities(1, 2),
  ICC_AP1R3_EL1: activePriorities(1, 3),
  // of both groups from Secure state, of group 1 alone from Non-secure; one security state does not say which: KVM's choice
  ICC_SGI1R_EL1: sendSgi(0, 1),
  ICC_SGI0R_EL1: sendSgi(0),
  ICC_ASGI1R_EL1: sendSgi(0),
} as const satisfies Record<string, SystemRegister>;

export type SystemRegisterName = keyof typeof SYSTEM_REGISTERS;
