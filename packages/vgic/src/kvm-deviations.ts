import { GicError } from './errors.js';

/**
 * What a KVM does otherwise than the architecture, as far as its guest or its user sees it: the one table of it. A GIC is true
 * to the architecture unless `GicConfig.kvm` names a kernel, or some of these entries.
 */

/** One entry. */
export interface KvmDeviation {
  /** What Linux 6.12 does. */
  readonly kvm: string;
  /** What is right, and what a GIC does here without `kvm`. */
  readonly architecture: string;
  /** The paragraph that says so. */
  readonly source: string;
  /** The first kernel that does it right, or undefined: none yet. */
  readonly mended?: string;
}

export const KVM_DEVIATIONS = {
  activeFirst: {
    kvm: 'List registers are filled with active interrupts first. While these fill all of them nothing else is delivered, whatever its priority. Pending interrupts of a disabled group fill them too.',
    architecture: 'What can be delivered goes first, by priority; then what is active; what can not be delivered last.',
    source: 'IHI 0069H, 4.1.2, 4.8.1',
    mended: '6.19',
  },
  endsOutsideForgotten: {
    kvm: 'An end of an active interrupt that is in no list register of the vCPU is counted (EOIcount), and forgotten: by ICC_EOIR, ICC_DIR, GICC_EOIR and GICC_DIR, of an interrupt that did not fit, or that another vCPU has acknowledged. It stays active.',
    architecture: 'It is deactivated.',
    source: 'IHI 0069H, 4.1.1 "Deactivation", 12.2.7 ICC_DIR_EL1',
    mended: '6.19, but for ends out of order',
  },
  endOfOtherPriority: {
    kvm: 'An end of interrupt deactivates only what has the priority that is dropped. When priority, group or binary point have changed since the acknowledge, it stays active. An end of INTIDs 1020 to 1023, or by the register of the other group, drops a priority.',
    architecture:
      'The INTID says what ends. An end by the register of the other group, and of a special INTID, is ignored.',
    source: 'IHI 0069H, 4.8.3, 12.2.8 ICC_EOIR0_EL1, 12.2.9 ICC_EOIR1_EL1',
  },
  activeLpis: {
    kvm: 'An LPI is active from its acknowledge to its end, and is not delivered again meanwhile.',
    architecture: 'An LPI has no active state.',
    source: 'IHI 0069H, 4.1.2, 5.1',
    mended: '6.19',
  },
  levelLatchUntilEnd: {
    kvm: 'What ISPENDR has made pending of a level-sensitive interrupt is so until its end, and can not be set again while it is active.',
    architecture:
      'The acknowledge clears the latch. Set again while the interrupt is active, it is active and pending.',
    source: 'IHI 0069H, 4.1.2; 12.9.28 GICD_ISPENDR',
  },
  changesWaitForExit: {
    kvm: 'ICPENDR, ICENABLER, a falling line, IROUTER, ITARGETSR, CLEAR and MOVI do nothing to an interrupt in the list registers of another vCPU, and one that waits for a vCPU moves to another only when that one exits.',
    architecture: 'They have their effect before GICD_CTLR.RWP reads 0, or SYNC is complete.',
    source: 'IHI 0069H, 12.9.4 GICD_CTLR.RWP, 5.3.16 SYNC',
  },
  enablingQueuesNothing: {
    kvm: 'What has become pending while GICD_CTLR was off, or while GICD_IROUTER led to no vCPU, is not delivered when that changes.',
    architecture: 'A pending interrupt is delivered as soon as it can be.',
    source: 'IHI 0069H, 4.1.2, 4.7.2',
  },
  noTargetIsVcpu0: {
    kvm: 'GICD_ITARGETSR of zero delivers to vCPU 0, and with one vCPU the register can be written.',
    architecture: 'Zero delivers to nobody. With one vCPU the register reads as zero, and that vCPU gets all.',
    source: 'IHI 0048B, 4.3.12 GICD_ITARGETSR',
  },
  sgisOfNobody: {
    kvm: 'GICD_SPENDSGIR makes an SGI pending from CPU interfaces that there are not.',
    architecture: 'Their bits read as zero, writes are ignored.',
    source: 'IHI 0048B, 4.3.17 GICD_SPENDSGIR',
  },
  oneDistributorEnable: {
    kvm: 'GICD_CTLR has one enable for both groups: EnableGrp1 of a GICv3, EnableGrp0 of a GICv2. The other bit reads as zero.',
    architecture: 'Each group has its enable.',
    source: 'IHI 0069H, 12.9.4 GICD_CTLR with DS = 1; IHI 0048B, 4.3.1',
  },
  wakesForDisabledGroups: {
    kvm: 'WFI ends for an interrupt of a group that the CPU interface has disabled, or that does not preempt what is active.',
    architecture: 'It ends for what is signalled.',
    source: 'IHI 0069H, 4.8.1; DDI 0487, D1.6.1',
  },
  linesOfEdgesForgotten: {
    kvm: 'The line of an edge-triggered interrupt is not recorded: ICFGR switches to a level that is an old one.',
    architecture: 'A level-sensitive interrupt follows its line, from the switch on.',
    source: 'IHI 0069H, 4.1.2, 12.9.9 GICD_ICFGR',
  },
  spisResetToEdge: {
    kvm: 'SPIs are edge-triggered after reset.',
    architecture:
      "IMPLEMENTATION DEFINED: level-sensitive, as in QEMU and in most silicon. KVM's device (`vgic/kvm`) has it in any case.",
    source: 'IHI 0069H, 12.9.9 GICD_ICFGR',
  },
  discardKeepsPending: {
    kvm: 'An LPI stays pending when DISCARD or MAPD removes the event that has made it so.',
    architecture: 'DISCARD removes the pending state. MAPD leaves it open: it does so too.',
    source: 'IHI 0069H, 5.3.4 DISCARD, 5.3.9 MAPD',
  },
  pendingTableReadAgain: {
    kvm: 'EnableLPIs going off leaves the pending table as it was, and going on reads it: what was taken meanwhile is pending once more.',
    architecture: 'When EnableLPIs goes off the pending table is written.',
    source: 'IHI 0069H, 12.11.2 GICR_CTLR.EnableLPIs, 5.1.2',
  },
  wakerIsZero: {
    kvm: 'GICR_WAKER reads as zero, writes are ignored.',
    architecture:
      'ChildrenAsleep follows ProcessorSleep, both 1 after reset. They hold nothing back here: there are guests that never wake their redistributor.',
    source: 'IHI 0069H, 12.11.42 GICR_WAKER',
  },
  oneOfNClaimed: {
    kvm: 'GICD_TYPER.No1N is 0, though GICD_IROUTER.Interrupt_Routing_Mode is not kept.',
    architecture: 'It is 1: 1 of N distribution is not supported.',
    source: 'IHI 0069H, 12.9.38 GICD_TYPER',
  },
  seisShown: {
    kvm: "ICC_CTLR_EL1.SEIS is the host's.",
    architecture: 'No SError is generated for a virtual CPU interface whose accesses are emulated: it is 0.',
    source: 'IHI 0069H, 12.2.6 ICC_CTLR_EL1',
    mended: '6.19',
  },
  identityAfterInitialisation: {
    kvm: 'GICD_IIDR and GICD_TYPER2 answer EBUSY before the device is initialised, and nASSGIcap can only be compared.',
    architecture: 'KVM: userspace sets both before that, and takes vSGIs from its guest by nASSGIcap.',
    source: 'Linux, arm-vgic-v3.rst',
    mended: '6.17',
  },
  unknownItsControlAccepted: {
    kvm: 'KVM_SET_DEVICE_ATTR of an unknown attribute of KVM_DEV_ARM_VGIC_GRP_CTRL answers 0 for an ITS.',
    architecture: 'KVM: ENXIO.',
    source: 'Linux, arm-vgic-its.rst',
    mended: '6.17',
  },
} as const satisfies Readonly<Record<string, KvmDeviation>>;

export type KvmDeviationName = keyof typeof KVM_DEVIATIONS;

/** Kernels whose KVM can be followed: this one has all the entries. */
export type KvmVersion = '6.12';

/** `GicConfig.kvm`: a kernel, or some of its deviations by name. Undefined: none. */
export type KvmCompatibility = KvmVersion | readonly KvmDeviationName[];

/** Whether a GIC has a deviation. The table itself is not asked: who bundles a GIC alone does without it. */
export function deviates(kvm: KvmCompatibility | undefined, name: KvmDeviationName): boolean {
  return kvm !== undefined && (kvm === '6.12' || kvm.includes(name));
}

/**
 * The compatibility that a text names: `6.12`, or entries of {@link KVM_DEVIATIONS} with commas between, or `none`.
 * @throws GicError EINVAL for another one.
 */
export function kvmNamed(text: string): KvmCompatibility | undefined {
  if (text === 'none') return undefined;
  if (text === '6.12') return text;
  const names = text.split(',');
  const unknown = names.find((name) => !Object.hasOwn(KVM_DEVIATIONS, name));
  if (unknown === undefined) return names as KvmDeviationName[];
  const possible = Object.keys(KVM_DEVIATIONS).join(', ');
  throw new GicError('EINVAL', `No KVM is '${unknown.slice(0, 40)}': possible are none, 6.12, or some of ${possible}.`);
}
