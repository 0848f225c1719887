import { IIDR_IMPLEMENTER_ARM, IIDR_PRODUCT_KVM } from '../architecture/distributor-v3.js';
import { affinityOf } from '../architecture/intid.js';
import {
  GICR_CTLR_CES,
  GICR_CTLR_IR,
  GICR_REGISTERS,
  GICR_SIZE,
  GICR_TYPER_LAST,
  GICR_TYPER_PROCESSOR_NUMBER_SHIFT,
} from '../architecture/redistributor.js';
import { DOUBLEWORD } from '../architecture/register-map.js';
import type { FrameContext } from './context.js';
import { IDENTIFICATION, statusHandlers } from './distributor-v3.js';
import { Frame, RAZ_WI, type RegisterHandlers, readOnly } from './frame.js';
import * as perInterrupt from './interrupt-registers.js';
import { sanitisePendbaser, sanitisePropbaser, WITHOUT_PTZ } from './table-base.js';

/** Half of a 64-bit register, or all of it with the upper half in `context.high`. */
function wide(context: FrameContext, at: number, width: number, low: number, high: number): number {
  if (width === DOUBLEWORD) {
    context.high = high;
    return low;
  }
  return at & 4 ? high : low;
}

const TYPER: RegisterHandlers = readOnly((context, vcpu, at, width) => {
  const last = context.isLastRedistributor(vcpu) ? GICR_TYPER_LAST : 0;
  const low = ((vcpu & 0xffff) << GICR_TYPER_PROCESSOR_NUMBER_SHIFT) | last;
  return wide(context, at, width, low, affinityOf(vcpu));
});

/** One for the whole VM in KVM: the LPI configuration is common to all redistributors. */
const PROPBASER: RegisterHandlers = {
  read: (context, _vcpu, at, width) =>
    wide(context, at, width, context.distributor.propbaserLow, context.distributor.propbaserHigh),
  write({ distributor }, _vcpu, at, width, low, high) {
    const written = sanitisePropbaser(
      width === DOUBLEWORD || !(at & 4) ? low : distributor.propbaserLow,
      width === DOUBLEWORD ? high : at & 4 ? low : distributor.propbaserHigh,
    );
    distributor.propbaserLow = written.low;
    distributor.propbaserHigh = written.high;
  },
};

const PENDBASER: RegisterHandlers = {
  read: (context, vcpu, at, width) =>
    wide(
      context,
      at,
      width,
      context.distributor.pendbaserLow[vcpu],
      (context.distributor.pendbaserHigh[vcpu] & WITHOUT_PTZ) >>> 0,
    ),
  write({ distributor }, vcpu, at, width, low, high) {
    const written = sanitisePendbaser(
      width === DOUBLEWORD || !(at & 4) ? low : distributor.pendbaserLow[vcpu],
      width === DOUBLEWORD ? high : at & 4 ? low : distributor.pendbaserHigh[vcpu],
    );
    distributor.pendbaserLow[vcpu] = written.low;
    distributor.pendbaserHigh[vcpu] = written.high;
  },
};

/** A vCPU's redistributor, the RD and the SGI frame. There are no LPIs without an ITS. */
export const REDISTRIBUTOR = new Frame(
  GICR_REGISTERS,
  {
    GICR_CTLR: readOnly(({ distributor }) => (distributor.revision >= 3 ? GICR_CTLR_IR | GICR_CTLR_CES : 0)),
    GICR_IIDR: readOnly(() => IIDR_PRODUCT_KVM | IIDR_IMPLEMENTER_ARM),
    GICR_TYPER: TYPER,
    GICR_STATUSR: statusHandlers(
      ({ distributor }, vcpu) => distributor.redistributorStatus[vcpu],
      ({ distributor }, vcpu, value) => {
        distributor.redistributorStatus[vcpu] = value;
      },
    ),
    GICR_WAKER: RAZ_WI,
    GICR_PROPBASER: PROPBASER,
    GICR_PENDBASER: PENDBASER,
    GICR_INVLPIR: RAZ_WI,
    GICR_INVALLR: RAZ_WI,
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
