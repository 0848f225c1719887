import { Gic } from 'vgic';
import {
  GICC_REGISTERS,
  GICD_CTLR_ARE_NS,
  GICD_CTLR_ENABLE_GRP1,
  GICD_V2_CTLR_ENABLE_GRP0,
  GICD_V2_REGISTERS,
  INTID_SPECIAL_MIN,
  INTID_SPURIOUS,
  offsetsOf,
  SYSTEM_REGISTERS,
} from 'vgic/architecture';

/**
 * The work that is timed: the same guest and device operations, in the same order and on the same state, as the kinds of
 * `bench` in conformance/kvm/glue.c do on KVM's VGIC. All of it goes through the public methods of Gic.
 */

/** INTIDs of every GIC that is measured; and how many SPIs a burst has, or wait while a vCPU enters and leaves. */
const INTERRUPTS = 992;
export const BURST = 64;
export const LIST_REGISTERS = 4;

const GICD = 0x0800_0000;
const GICC = 0x0801_0000;
const { ICC_IAR1_EL1, ICC_EOIR1_EL1, ICC_SGI1R_EL1, ICC_PMR_EL1, ICC_IGRPEN1_EL1 } = SYSTEM_REGISTERS;

/** What both versions' distributors have, they have at the same place. */
const { GICD_CTLR, GICD_ISENABLER, GICD_IPRIORITYR, GICD_ITARGETSR, GICD_ICFGR, GICD_SGIR } =
  offsetsOf(GICD_V2_REGISTERS);
const { GICC_CTLR, GICC_PMR, GICC_IAR, GICC_EOIR } = offsetsOf(GICC_REGISTERS);

const SGI = 5;

/** A GIC with every SPI edge-triggered, enabled and routed to vCPU 0, and every vCPU loaded with its interface open. */
export function prepareGic(version: 2 | 3, vcpus: number): Gic {
  const gic = new Gic({ version, vcpus, interrupts: INTERRUPTS, listRegisters: LIST_REGISTERS });
  const store = (offset: number, value: number) => gic.write(0, GICD + offset, 4, value, 0);
  for (let vcpu = 0; vcpu < vcpus; vcpu++) gic.load(vcpu);
  store(GICD_CTLR, version === 2 ? GICD_V2_CTLR_ENABLE_GRP0 : GICD_CTLR_ARE_NS | GICD_CTLR_ENABLE_GRP1);
  for (let intid = 32; intid < INTERRUPTS; intid += 32) {
    for (let at = 0; at < 8; at += 4) store(GICD_ICFGR + intid / 4 + at, 0xaaaa_aaaa);
    for (let at = 0; at < 32; at += 4) {
      store(GICD_IPRIORITYR + intid + at, 0xa0a0_a0a0);
      if (version === 2) store(GICD_ITARGETSR + intid + at, 0x0101_0101);
    }
    store(GICD_ISENABLER + intid / 8, 0xffff_ffff);
  }
  for (let vcpu = 0; vcpu < vcpus; vcpu++) {
    gic.enter(vcpu);
    if (version === 2) {
      gic.write(vcpu, GICC + GICC_CTLR, 4, 1, 0);
      gic.write(vcpu, GICC + GICC_PMR, 4, 0xf8, 0);
    } else {
      gic.writeSystemRegister(vcpu, ICC_PMR_EL1, 0xf8, 0);
      gic.writeSystemRegister(vcpu, ICC_IGRPEN1_EL1, 1, 0);
    }
    gic.leave(vcpu);
  }
  return gic;
}

/** The guest of vCPU 0 acknowledges an interrupt and ends it. Returns the INTID. */
function serve(gic: Gic): number {
  if (gic.config.version === 2) {
    const intid = gic.read(0, GICC + GICC_IAR, 4);
    if (intid !== INTID_SPURIOUS) gic.write(0, GICC + GICC_EOIR, 4, intid, 0);
    return intid;
  }
  const intid = gic.readSystemRegister(0, ICC_IAR1_EL1);
  if (intid !== INTID_SPURIOUS) gic.writeSystemRegister(0, ICC_EOIR1_EL1, intid, 0);
  return intid;
}

function enterServeLeave(gic: Gic): number {
  gic.enter(0);
  const intid = serve(gic);
  gic.leave(0);
  return intid;
}

function sendToSelf(gic: Gic): void {
  if (gic.config.version === 2) gic.write(0, GICD + GICD_SGIR, 4, (2 << 24) | SGI, 0);
  else gic.writeSystemRegister(0, ICC_SGI1R_EL1, (SGI << 24) | 1, 0);
}

export interface Workload {
  /** The name of the kind, KVM's and ours. */
  readonly kind: string;
  /** What one operation is. */
  readonly operation: string;
  /** Operations of one sample: a millisecond or two, less than a scheduler's slice on a busy machine. */
  readonly operations: number;
  /** The figure of the other side's answer that goes with ours. */
  readonly figure: 'ns_per_op' | 'ns_per_burst';
  /** Once, before the samples. */
  prepare?(gic: Gic): void;
  /** Does `operations` of them. Returns how many went wrong: 0 unless the model is broken. */
  run(gic: Gic, operations: number): number;
}

export const WORKLOADS: readonly Workload[] = [
  {
    kind: 'spi_cycle',
    operation: 'edge of an SPI, entry, acknowledge, end of interrupt, exit',
    operations: 20_000,
    figure: 'ns_per_op',
    run(gic, operations) {
      let wrong = 0;
      for (let n = 0; n < operations; n++) {
        gic.setLine(40, true);
        if (enterServeLeave(gic) !== 40) wrong++;
      }
      return wrong;
    },
  },
  {
    kind: 'sgi_cycle',
    operation: 'the same with an SGI that the vCPU sends to itself',
    operations: 20_000,
    figure: 'ns_per_op',
    run(gic, operations) {
      let wrong = 0;
      for (let n = 0; n < operations; n++) {
        sendToSelf(gic);
        if (enterServeLeave(gic) !== SGI) wrong++;
      }
      return wrong;
    },
  },
  {
    kind: 'irq_line',
    operation: `edge of one of ${BURST} SPIs that are pending already`,
    operations: 200_000,
    figure: 'ns_per_op',
    prepare(gic) {
      this.run(gic, BURST);
    },
    run(gic, operations) {
      for (let n = 0; n < operations; n++) gic.setLine(40 + (n & 63), true);
      return 0;
    },
  },
  {
    kind: 'mmio_read',
    operation: 'load of GICD_ISENABLER, 32 interrupts',
    operations: 20_000,
    figure: 'ns_per_op',
    run(gic, operations) {
      let wrong = 0;
      for (let n = 0; n < operations; n++) {
        if (gic.read(0, GICD + GICD_ISENABLER + 4 + 4 * (n & 7), 4) !== 0xffff_ffff) wrong++;
      }
      return wrong;
    },
  },
  {
    kind: 'mmio_write',
    operation: 'store of GICD_ISENABLER, 32 interrupts',
    operations: 20_000,
    figure: 'ns_per_op',
    run(gic, operations) {
      for (let n = 0; n < operations; n++) {
        gic.write(0, GICD + GICD_ISENABLER + 4 + 4 * (n & 7), 4, 0xffff_ffff, 0);
      }
      return 0;
    },
  },
  {
    kind: 'burst',
    operation: `edges of ${BURST} SPIs, served in as many entries as it takes`,
    operations: 200,
    figure: 'ns_per_burst',
    run(gic, operations) {
      let wrong = 0;
      for (let n = 0; n < operations; n++) {
        for (let k = 0; k < BURST; k++) gic.setLine(32 + k, true);
        for (let served = 0, before = -1; served < BURST && served !== before; ) {
          before = served;
          gic.enter(0);
          while (serve(gic) < INTID_SPECIAL_MIN) served++;
          gic.leave(0);
          if (served === before) wrong++;
        }
      }
      return wrong;
    },
  },
  {
    kind: 'entry_idle',
    operation: 'entry and exit with nothing pending',
    operations: 400_000,
    figure: 'ns_per_op',
    run(gic, operations) {
      for (let n = 0; n < operations; n++) {
        gic.enter(0);
        gic.leave(0);
      }
      return 0;
    },
  },
  {
    kind: 'entry_pending',
    operation: `entry and exit with ${BURST} SPIs pending`,
    operations: 3_000,
    figure: 'ns_per_op',
    prepare(gic) {
      for (let k = 0; k < BURST; k++) gic.setLine(32 + k, true);
    },
    run(gic, operations) {
      let wrong = 0;
      for (let n = 0; n < operations; n++) {
        gic.enter(0);
        if (gic.cpuInterface(0).used !== LIST_REGISTERS) wrong++;
        gic.leave(0);
      }
      return wrong;
    },
  },
];
