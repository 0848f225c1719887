import {
  GICD_CTLR_ARE_NS,
  GICD_CTLR_DS,
  GICD_CTLR_ENABLE_GRP1,
  GICD_CTLR_ENABLES,
  GICD_CTLR_NASSGIREQ,
  GICD_TYPER_ID_BITS_SHIFT,
  GICD_TYPER_LPIS,
  GICD_TYPER_NO1N,
  GICD_TYPER2_NASSGICAP,
  GICD_V3_REGISTERS,
  GICD_V3_SIZE,
  IIDR_IMPLEMENTER_ARM,
  IIDR_PRODUCT_KVM,
  IIDR_REVISION_MASK,
  IIDR_REVISION_SHIFT,
  PIDR2_GICV3,
  PIDR2_OFFSET,
  STATUSR_MASK,
} from '../architecture/distributor-v3.js';
import { vcpuOfAffinity } from '../architecture/intid.js';
import { WORD } from '../architecture/register-map.js';
import { ERRNO } from '../errors.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import { deviates } from '../kvm-deviations.js';
import type { FrameContext } from './context.js';
import { Frame, RAZ_WI, type ReadColumn, type RegisterHandlers, type UserColumns } from './frame.js';
import * as perInterrupt from './interrupt-registers.js';

/** Without LPIs INTIDs have 10 bits (IHI 0069, GICD_TYPER.IDbits counts one less). */
const SPI_ID_BITS = 10;
/** Affinity levels 2, 1 and 0: KVM keeps neither Aff3 nor the routing mode of GICD_IROUTER. */
const ROUTE_MASK = 0xffffff;
const PIDR2_AT = PIDR2_OFFSET - 0xffd0;

/**
 * The groups that a value of GICD_CTLR enables: EnableGrp0 and EnableGrp1, at bits 0 and 1, with GICv2 too. `one` is the bit that
 * a KVM has for both.
 */
export function groupsOf({ irqs }: FrameContext, control: number, one: number): number {
  if (!deviates(irqs.kvm, 'oneDistributorEnable')) return control & GICD_CTLR_ENABLES;
  return control & one ? GICD_CTLR_ENABLES : 0;
}

/** What GICD_CTLR shows of them. */
export function shownGroups({ irqs }: FrameContext, one: number): number {
  return deviates(irqs.kvm, 'oneDistributorEnable') ? irqs.groupEnables & one : irqs.groupEnables;
}

/** GICD_CTLR.EnableGrp0 and EnableGrp1 change: all that is pending of a group is delivered from now on, or is not any more. */
export function enableGroups(context: FrameContext, groups: number): void {
  const { irqs, vcpus } = context;
  const before = irqs.groupEnables;
  if (groups === before) return;
  if (deviates(irqs.kvm, 'enablingQueuesNothing')) {
    irqs.groupEnables = groups;
    if (irqs.vpes?.learnsGroups) irqs.vpes.distributorSwitched();
    else if (before === 0) vcpus.kickDeliverable();
    return;
  }
  vcpus.stopGuests();
  irqs.groupEnables = groups;
  irqs.settleAll();
  vcpus.resumeGuests();
  if (irqs.vpes?.learnsGroups) irqs.vpes.distributorSwitched();
  else if (irqs.vpes !== undefined && before === 0) vcpus.kickDeliverable();
}

const CONTROL: RegisterHandlers = {
  read: (context) =>
    shownGroups(context, GICD_CTLR_ENABLE_GRP1) |
    GICD_CTLR_ARE_NS |
    GICD_CTLR_DS |
    (context.distributor.vsgis ? GICD_CTLR_NASSGIREQ : 0),
  write(context, _vcpu, _at, _width, value) {
    const groups = groupsOf(context, value, GICD_CTLR_ENABLE_GRP1);
    const staysEnabled = context.irqs.distributorEnabled && groups !== 0;
    // read-only while the distributor stays enabled
    if (!staysEnabled) switchVsgis(context, wantsVsgis(context, value));
    enableGroups(context, groups);
  },
  // SGIs become vSGIs with a vCPU's first entry
  userWrite(context, _vcpu, _at, value) {
    const { irqs } = context;
    irqs.groupEnables = groupsOf(context, value, GICD_CTLR_ENABLE_GRP1);
    context.distributor.vsgis = wantsVsgis(context, value);
    if (!deviates(irqs.kvm, 'enablingQueuesNothing')) irqs.settleAll();
    return 0;
  },
};

function wantsVsgis(context: FrameContext, control: number): boolean {
  return (control & GICD_CTLR_NASSGIREQ) !== 0 && typer2(context) !== 0;
}

/** SGIs go to the host or come back with all their state: none of it may be in a list register. */
function switchVsgis(context: FrameContext, on: boolean): void {
  if (context.distributor.vsgis === on) return;
  context.distributor.vsgis = on;
  context.vcpus.stopGuests();
  context.irqs.vpes?.switchVsgis(on);
  context.vcpus.resumeGuests();
}

/** GICD_TYPER2.nASSGIcap. */
function typer2({ irqs, distributor }: FrameContext): number {
  return irqs.vpes?.hasVsgis && distributor.vsgisAllowed ? GICD_TYPER2_NASSGICAP : 0;
}

/** A state with vSGIs can't be restored where there are none. */
const TYPER2: ReadColumn & UserColumns = {
  read: typer2,
  userWrite(context, _vcpu, _at, value) {
    if (value === typer2(context)) return 0;
    // what it could have taken before the device was initialised
    const was = value === (context.irqs.vpes?.hasVsgis ? GICD_TYPER2_NASSGICAP : 0) || value === 0;
    return was && !deviates(context.irqs.kvm, 'identityAfterInitialisation') ? -ERRNO.EBUSY : -ERRNO.EINVAL;
  },
};

/** GICD_IIDR of both versions: by its revision userspace says which behaviour the guest was promised. */
export const IMPLEMENTER: ReadColumn & UserColumns = {
  read: ({ distributor }) => IIDR_PRODUCT_KVM | (distributor.revision << IIDR_REVISION_SHIFT) | IIDR_IMPLEMENTER_ARM,
  userWrite(context, vcpu, at, value) {
    const { distributor } = context;
    if ((IMPLEMENTER.read(context, vcpu, at, WORD, NO_VCPU) ^ value) & ~IIDR_REVISION_MASK) return -ERRNO.EINVAL;
    const revision = (value & IIDR_REVISION_MASK) >>> IIDR_REVISION_SHIFT;
    if (revision !== 2 && revision !== 3) return -ERRNO.EINVAL;
    distributor.revision = revision;
    distributor.groupsUserWritable = true;
    return 0;
  },
};

/** Registers for 32 INTIDs each: how many of them GICD_TYPER.ITLinesNumber claims. */
export function linesNumber({ irqs }: FrameContext): number {
  return (irqs.count >>> 5) - 1;
}

/** Write-one-to-clear for the guest; userspace sets it freely (KVM, arm-vgic-v3.rst). */
export function statusHandlers(
  get: (context: FrameContext, vcpu: number) => number,
  set: (context: FrameContext, vcpu: number, value: number) => void,
): RegisterHandlers {
  return {
    read: get,
    write: (context, vcpu, _at, _width, value) => set(context, vcpu, get(context, vcpu) & ~value),
    userWrite(context, vcpu, _at, value) {
      set(context, vcpu, value & STATUSR_MASK);
      return 0;
    },
  };
}

const TYPER: ReadColumn = {
  read(context) {
    const hasLpis = context.its.length > 0;
    const idBits = hasLpis ? context.lpis.intidBits : SPI_ID_BITS;
    return (
      linesNumber(context) |
      ((idBits - 1) << GICD_TYPER_ID_BITS_SHIFT) |
      (hasLpis ? GICD_TYPER_LPIS : 0) |
      (deviates(context.irqs.kvm, 'oneOfNClaimed') ? 0 : GICD_TYPER_NO1N)
    );
  },
};

const ROUTER: RegisterHandlers = {
  read: ({ irqs }, vcpu, at) => irqs.affinity[irqs.indexOf(vcpu, at >>> 3)],
  write({ irqs }, vcpu, at, _width, value) {
    const i = irqs.indexOf(vcpu, at >>> 3);
    irqs.affinity[i] = value & ROUTE_MASK;
    irqs.retarget(i, vcpuOfAffinity(value & ROUTE_MASK, irqs.vcpus));
  },
};

/** The identification registers, alike in distributor and redistributor: all zero but the architecture revision. */
export const IDENTIFICATION: ReadColumn<unknown> = {
  read: (_context, _vcpu, at) => (at === PIDR2_AT ? PIDR2_GICV3 : 0),
};

/** The GICv3 distributor. */
export const DISTRIBUTOR_V3 = new Frame(
  GICD_V3_REGISTERS,
  {
    GICD_CTLR: CONTROL,
    GICD_TYPER: TYPER,
    GICD_IIDR: IMPLEMENTER,
    GICD_TYPER2: TYPER2,
    GICD_STATUSR: statusHandlers(
      ({ distributor }) => distributor.status,
      ({ distributor }, _vcpu, value) => {
        distributor.status = value;
      },
    ),
    GICD_IGROUPR: perInterrupt.GROUP,
    GICD_ISENABLER: perInterrupt.SET_ENABLE,
    GICD_ICENABLER: perInterrupt.CLEAR_ENABLE,
    GICD_ISPENDR: perInterrupt.SET_PENDING,
    GICD_ICPENDR: perInterrupt.CLEAR_PENDING_V3,
    GICD_ISACTIVER: perInterrupt.SET_ACTIVE,
    GICD_ICACTIVER: perInterrupt.CLEAR_ACTIVE,
    GICD_IPRIORITYR: perInterrupt.PRIORITY,
    GICD_ITARGETSR: RAZ_WI,
    GICD_ICFGR: perInterrupt.CONFIGURATION,
    GICD_IGRPMODR: RAZ_WI,
    GICD_IROUTER: ROUTER,
    GICD_IDREGS: IDENTIFICATION,
  },
  {
    size: GICD_V3_SIZE,
    sharedInterruptsOnly: true,
    recordError({ distributor }, _vcpu, bit) {
      distributor.status |= bit;
    },
  },
);
