import type { Words } from './run.js';

/**
 * Where QEMU 7.2 does otherwise than vgic: facts measured with guests/random-gic, each with the paragraph that decides.
 * Either bits of a register that the guest takes for 0, or something that it does not do.
 */
export type Deviation = {
  readonly gic: 2 | 3;
  /** What QEMU does, what is right or as good, and the source. */
  readonly reason: string;
} & (
  | {
      readonly register: string;
      /** Of each register of an array; hexadecimal, for the guest's `hide=`. */
      readonly bits: string;
    }
  | {
      /** A word of the guest's `avoid=`. */
      readonly avoid: string;
    }
);

const IDENTIFICATION = 'Who made it: Arm or KVM.';
const TABLES = 'The attributes of the memory of LPI tables at reset are UNKNOWN: IHI 0069H, GICR_PROPBASER.';

export const DEVIATIONS: readonly Deviation[] = [
  { gic: 2, register: 'GICD_TYPER', bits: '1f', reason: 'As many SPIs as the board has: IHI 0048B, ITLinesNumber.' },
  { gic: 2, register: 'GICD_IIDR', bits: 'ffffffff', reason: IDENTIFICATION },
  { gic: 2, register: 'GICC_IIDR', bits: 'ffffffff', reason: IDENTIFICATION },
  { gic: 3, register: 'GICD_IIDR', bits: 'ffffffff', reason: IDENTIFICATION },
  { gic: 3, register: 'GICR_IIDR', bits: 'ffffffff', reason: IDENTIFICATION },
  { gic: 3, register: 'GICD_TYPER', bits: '1000000', reason: 'Affinity 3 may be other than 0: IHI 0069H, A3V.' },
  { gic: 3, register: 'GICR_TYPER', bits: '3000000', reason: 'Who shares LPI tables: IHI 0069H, CommonLPIAff.' },
  { gic: 3, register: 'GICR_CTLR', bits: '4', reason: 'GICR_INVLPIR and GICR_INVALLR: IHI 0069H, GICR_CTLR.IR.' },
  { gic: 3, register: 'ICC_CTLR_EL1', bits: '3800', reason: 'Bits of an INTID: IHI 0069H, ICC_CTLR_EL1.IDbits.' },
  { gic: 3, register: 'GICR_PROPBASER', bits: 'ffffffffffffffff', reason: TABLES },
  { gic: 3, register: 'GICR_PENDBASER', bits: 'ffffffffffffffff', reason: TABLES },
  {
    gic: 3,
    register: 'GICD_STATUSR',
    bits: 'f',
    reason: 'Not implemented, which is allowed: IHI 0069H, GICD_STATUSR.',
  },
  {
    gic: 2,
    register: 'GICC_APR0',
    bits: 'ffffffff',
    reason: 'Eight bits of group priority, and four registers for them: IHI 0048B, GICC_APRn, IMPLEMENTATION DEFINED.',
  },
  { gic: 2, register: 'GICC_NSAPR0', bits: 'ffffffff', reason: 'As GICC_APR0.' },
  {
    gic: 3,
    avoid: 'one-group-enabled',
    reason:
      'The highest priority pending interrupt is chosen before ICC_IGRPENn_EL1 is looked at: one of a disabled group holds back those of the other. IHI 0069H, ICC_IGRPEN0_EL1 and ICC_IGRPEN1_EL1.',
  },
  {
    gic: 2,
    avoid: 'one-group-enabled',
    reason:
      'GICC_IAR acknowledges an interrupt whose group GICD_CTLR or GICC_CTLR has disabled, and such a one holds back those of the other group. IHI 0048B, 3.2 and GICD_CTLR.',
  },
  {
    gic: 3,
    avoid: 'group0-sgi-by-sgi1r',
    reason:
      'ICC_SGI1R_EL1 sends no SGI that is in group 0 at its target. With GICD_CTLR.DS = 1 it may: IHI 0069H, forwarding an SGI to a target PE.',
  },
  {
    gic: 2,
    avoid: 'ppi-pending-bits',
    reason:
      'With several CPUs GICD_ISPENDR0 sets no PPI pending, and GICD_ICPENDR0 clears those of all CPUs. The register is banked: IHI 0048B, GICD_ISPENDRn.',
  },
  {
    gic: 2,
    avoid: 'binary-points-apart',
    reason:
      'A pending priority under its binary point is compared with the running priority as it was acknowledged, so that with GICC_BPR 7 everything preempts. There is no preemption then: IHI 0048B, 3.3.3.',
  },
  {
    gic: 2,
    avoid: 'group-in-flight',
    reason:
      'The end of an interrupt drops a priority of the group that the interrupt has then, not of that in which it was acknowledged. IHI 0048B, 3.2.1: GICC_EOIR drops the running priority.',
  },
  {
    gic: 2,
    avoid: 'sgi-disabled',
    reason: 'SGIs are always enabled, which is allowed: IHI 0048B, GICD_ICENABLERn.',
  },
  {
    gic: 2,
    avoid: 'target-in-use',
    reason:
      'What is pending stays with the CPUs that GICD_ITARGETSR named when it became so, with no target it does not become so, and what is active on one CPU is taken on another. IHI 0048B, GICD_ITARGETSRn: a change has an effect on what is pending, not on what is active.',
  },
  {
    gic: 2,
    avoid: 'active-elsewhere',
    reason:
      'Each CPU has an active state of its own of an SPI: GICC_DIR ends it on that CPU alone, GICD_ISACTIVERn sets it on all. There is one state: IHI 0048B, GICC_DIR and GICD_ISACTIVERn.',
  },
  {
    gic: 2,
    avoid: 'several-targets',
    reason:
      'Each target is signalled until one acknowledges; one is enough: IHI 0048B, 1.4.3 and 3.2.3, the 1-N model.',
  },
  {
    gic: 2,
    register: 'GICC_HPPIR',
    bits: 'ffffffff',
    reason:
      'GICC_HPPIR gives 1023 for an interrupt that GICC_PMR masks. IHI 0048B, GICC_HPPIR: the highest priority pending interrupt.',
  },
];

/** The guest's words for those of a version. */
export function without(gic: 2 | 3, deviations: readonly Deviation[] = DEVIATIONS): Words {
  const own = deviations.filter((deviation) => deviation.gic === gic);
  const hide = own.flatMap((one) => ('register' in one ? [`${one.register}:${one.bits}`] : []));
  const avoid = own.flatMap((one) => ('avoid' in one ? [one.avoid] : []));
  return { ...(hide.length > 0 && { hide: hide.join() }), ...(avoid.length > 0 && { avoid: avoid.join() }) };
}
