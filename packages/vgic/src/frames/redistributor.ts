import { IIDR_IMPLEMENTER_ARM, IIDR_PRODUCT_KVM } from '../architecture/distributor-v3.js';
import { affinityOf, LPI_MIN } from '../architecture/intid.js';
import {
  GICR_CTLR_CES,
  GICR_CTLR_ENABLE_LPIS,
  GICR_CTLR_IR,
  GICR_REGISTERS,
  GICR_SIZE,
  GICR_TYPER_LAST,
  GICR_TYPER_PLPIS,
  GICR_TYPER_PROCESSOR_NUMBER_SHIFT,
  GICR_WAKER_ASLEEP,
  GICR_WAKER_PROCESSOR_SLEEP,
} from '../architecture/redistributor.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import { deviates } from '../kvm-deviations.js';
import { IDENTIFICATION, statusHandlers } from './distributor-v3.js';
import { Frame, RAZ_WI, type ReadColumn, type RegisterHandlers, type WriteColumn } from './frame.js';
import * as perInterrupt from './interrupt-registers.js';
import { sanitisePendbaser, sanitisePropbaser } from './table-base.js';

/** EnableLPIs is there only with an ITS. */
const CONTROL: RegisterHandlers = {
  read: ({ distributor, lpis }, vcpu) =>
    (distributor.revision >= 3 ? GICR_CTLR_IR | GICR_CTLR_CES : 0) | (lpis.enabled[vcpu] ? GICR_CTLR_ENABLE_LPIS : 0),
  write({ its, lpis }, vcpu, _at, _width, value) {
    const enable = (value & GICR_CTLR_ENABLE_LPIS) !== 0;
    if (its.length === 0 || enable === (lpis.enabled[vcpu] !== 0)) return;
    if (enable) {
      lpis.enable(vcpu);
    } else {
      lpis.disable(vcpu);
      for (const each of its) each.invalidateCache();
    }
  },
};

const TYPER: ReadColumn = {
  read(context, vcpu) {
    const last = context.isLastRedistributor(vcpu) ? GICR_TYPER_LAST : 0;
    const physicalLpis = context.its.length > 0 ? GICR_TYPER_PLPIS : 0;
    return ((vcpu & 0xffff) << GICR_TYPER_PROCESSOR_NUMBER_SHIFT) | last | physicalLpis;
  },
  readHigh: (_context, vcpu) => affinityOf(vcpu),
};

/** One for the whole VM in KVM: the LPI configuration is common to all redistributors. */
const PROPBASER: RegisterHandlers = {
  read: ({ lpis }) => lpis.propbaserLow,
  readHigh: ({ lpis }) => lpis.propbaserHigh,
  write({ lpis }, vcpu, _at, _width, low, high) {
    if (lpis.enabled[vcpu]) return;
    const written = sanitisePropbaser(low, high);
    lpis.propbaserLow = written.low;
    lpis.propbaserHigh = written.high;
  },
};

const PENDBASER: RegisterHandlers = {
  read: ({ lpis }, vcpu) => lpis.pendbaserLow[vcpu],
  readHigh: ({ lpis }, vcpu) => lpis.pendbaserHigh[vcpu],
  write({ lpis }, vcpu, _at, _width, low, high) {
    if (lpis.enabled[vcpu]) return;
    const written = sanitisePendbaser(low, high);
    lpis.pendbaserLow[vcpu] = written.low;
    lpis.pendbaserHigh[vcpu] = written.high;
  },
};

/** The configuration of one LPI is read anew. */
const INVALIDATE_LPI: WriteColumn = {
  write({ irqs, lpis }, vcpu, _at, _width, intid) {
    if (!lpis.enabled[vcpu] || intid < LPI_MIN) return;
    const i = irqs.lpiIndex(intid);
    if (i >= 0) lpis.readConfiguration(i, NO_VCPU);
  },
};

const INVALIDATE_ALL: WriteColumn = {
  write({ lpis }, vcpu) {
    if (lpis.enabled[vcpu]) lpis.invalidateAll(vcpu);
  },
};

/**
 * ChildrenAsleep follows ProcessorSleep at once. Interrupts are delivered in any case: there are guests that never wake their
 * redistributor, and run on KVM and QEMU.
 */
const WAKER: RegisterHandlers = {
  read: ({ irqs, distributor }, vcpu) =>
    distributor.asleep[vcpu] && !deviates(irqs.kvm, 'wakerIsZero') ? GICR_WAKER_ASLEEP : 0,
  write({ distributor }, vcpu, _at, _width, value) {
    distributor.asleep[vcpu] = value & GICR_WAKER_PROCESSOR_SLEEP ? 1 : 0;
  },
};

/** A vCPU's redistributor, the RD and the SGI frame. */
export const REDISTRIBUTOR = new Frame(
  GICR_REGISTERS,
  {
    GICR_CTLR: CONTROL,
    GICR_IIDR: { read: () => IIDR_PRODUCT_KVM | IIDR_IMPLEMENTER_ARM },
    GICR_TYPER: TYPER,
    GICR_STATUSR: statusHandlers(
      ({ distributor }, vcpu) => distributor.redistributorStatus[vcpu],
      ({ distributor }, vcpu, value) => {
        distributor.redistributorStatus[vcpu] = value;
      },
    ),
    GICR_WAKER: WAKER,
    GICR_PROPBASER: PROPBASER,
    GICR_PENDBASER: PENDBASER,
    GICR_INVLPIR: INVALIDATE_LPI,
    GICR_INVALLR: INVALIDATE_ALL,
    GICR_SYNCR: RAZ_WI,
    GICR_IDREGS: IDENTIFICATION,
    GICR_IGROUPR0: perInterrupt.GROUP,
    GICR_ISENABLER0: perInterrupt.SET_ENABLE,
    GICR_ICENABLER0: perInterrupt.CLEAR_ENABLE,
    GICR_ISPENDR0: perInterrupt.SET_PENDING,
    GICR_ICPENDR0: perInterrupt.CLEAR_PENDING_V3,
    GICR_ISACTIVER0: perInterrupt.SET_ACTIVE,
    GICR_ICACTIVER0: perInterrupt.CLEAR_ACTIVE,
    GICR_IPRIORITYR: perInterrupt.PRIORITY,
    GICR_ICFGR: perInterrupt.CONFIGURATION,
    GICR_IGRPMODR0: RAZ_WI,
    GICR_NSACR: RAZ_WI,
  },
  {
    size: GICR_SIZE,
    recordError({ distributor }, vcpu, bit) {
      distributor.redistributorStatus[vcpu] |= bit;
    },
  },
);
