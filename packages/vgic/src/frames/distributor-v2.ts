import { GICD_V2_CTLR_ENABLE_GRP0, GICD_V2_REGISTERS, GICD_V2_SIZE } from '../architecture/gicv2.js';
import { PRIVATE_COUNT } from '../architecture/intid.js';
import { WORD } from '../architecture/register-map.js';
import { lowestBit } from '../interrupts/bitmap.js';
import { type Interrupts, NO_VCPU } from '../interrupts/interrupts.js';
import { deviates } from '../kvm-deviations.js';
import type { FrameContext } from './context.js';
import { enableGroups, groupsOf, IMPLEMENTER, linesNumber, shownGroups } from './distributor-v3.js';
import { Frame, type ReadColumn, type RegisterHandlers, type WriteColumn } from './frame.js';
import * as perInterrupt from './interrupt-registers.js';

const CONTROL: RegisterHandlers = {
  read: (context) => shownGroups(context, GICD_V2_CTLR_ENABLE_GRP0),
  write(context, _vcpu, _at, _width, value) {
    enableGroups(context, groupsOf(context, value, GICD_V2_CTLR_ENABLE_GRP0));
  },
};

const TYPER: ReadColumn = { read: (context) => linesNumber(context) | ((context.irqs.vcpus - 1) << 5) };

/** Old userspace restored zeros into these registers without knowing them: it must show first that it knows. */
const GROUP: RegisterHandlers = {
  ...perInterrupt.GROUP,
  userWrite(context, vcpu, at, value) {
    if (context.distributor.groupsUserWritable) perInterrupt.GROUP.write(context, vcpu, at, WORD, value, 0, NO_VCPU);
    return 0;
  },
};

/** With one vCPU the register reads as zero, and that vCPU gets all (IHI 0048B, 4.3.12). */
function hasTargets({ irqs }: FrameContext): boolean {
  return irqs.vcpus > 1 || deviates(irqs.kvm, 'noTargetIsVcpu0');
}

/** Of several targets the lowest gets it. */
const TARGETS: RegisterHandlers = {
  read(context, vcpu, at, width) {
    if (!hasTargets(context)) return 0;
    const { irqs } = context;
    const i = irqs.indexOf(vcpu, at);
    let value = 0;
    for (let byte = width - 1; byte >= 0; byte--) value = (value << 8) | irqs.targets[i + byte];
    return value >>> 0;
  },
  write(context, vcpu, at, width, value) {
    if (at < PRIVATE_COUNT || !hasTargets(context)) return;
    const { irqs } = context;
    const everyone = (1 << irqs.vcpus) - 1;
    const i = irqs.indexOf(vcpu, at);
    for (let byte = 0; byte < width; byte++) {
      const targets = (value >>> (byte * 8)) & everyone & 0xff;
      irqs.targets[i + byte] = targets;
      irqs.retarget(i + byte, targets === 0 ? irqs.untargeted : lowestBit(targets));
    }
  },
};

const LISTED = 0;
const ALL_BUT_SELF = 1;
const SELF = 2;

/** GICD_SGIR: SGIs from different senders are different interrupts, each is delivered (IHI 0048, 4.3.15). */
const SOFTWARE_GENERATED: WriteColumn = {
  write({ irqs }, sender, _at, _width, value) {
    const filter = (value >>> 24) & 3;
    const self = 1 << sender;
    let targets: number;
    if (filter === LISTED) targets = (value >>> 16) & 0xff;
    else if (filter === ALL_BUT_SELF) targets = ((1 << irqs.vcpus) - 1) & ~self;
    else if (filter === SELF) targets = self;
    else return;
    const sgi = value & 0xf;
    for (let vcpu = 0; vcpu < irqs.vcpus; vcpu++) {
      if (!((targets >>> vcpu) & 1)) continue;
      irqs.pendFrom(irqs.indexOf(vcpu, sgi), self);
    }
  },
};

/** The vCPUs that an SGI can come from, a bit each. */
function sendersOf(irqs: Interrupts): number {
  return deviates(irqs.kvm, 'sgisOfNobody') ? 0xff : (1 << irqs.vcpus) - 1;
}

function sgiPendingHandlers(set: boolean): RegisterHandlers {
  return {
    read({ irqs }, vcpu, at, width) {
      const i = irqs.indexOf(vcpu, at);
      let value = 0;
      for (let byte = width - 1; byte >= 0; byte--) value = (value << 8) | irqs.source[i + byte];
      return value >>> 0;
    },
    write({ irqs }, vcpu, at, width, value) {
      for (let byte = 0; byte < width; byte++) {
        const i = irqs.indexOf(vcpu, at + byte);
        const sources = (value >>> (byte * 8)) & sendersOf(irqs);
        if (set) {
          if ((irqs.source[i] | sources) !== 0) irqs.pendFrom(i, sources);
        } else {
          irqs.beginChangeOf(i);
          irqs.source[i] &= ~sources;
          if (irqs.source[i] === 0) irqs.setLatch(i, false);
          irqs.loweredOne(i);
        }
      }
    },
  };
}

/** The GICv2 distributor: private interrupts are banked by the vCPU that makes the access. */
export const DISTRIBUTOR_V2 = new Frame(
  GICD_V2_REGISTERS,
  {
    GICD_CTLR: CONTROL,
    GICD_TYPER: TYPER,
    GICD_IIDR: IMPLEMENTER,
    GICD_IGROUPR: GROUP,
    GICD_ISENABLER: perInterrupt.SET_ENABLE,
    GICD_ICENABLER: perInterrupt.CLEAR_ENABLE,
    GICD_ISPENDR: perInterrupt.SET_PENDING,
    GICD_ICPENDR: perInterrupt.CLEAR_PENDING_V2,
    GICD_ISACTIVER: perInterrupt.SET_ACTIVE,
    GICD_ICACTIVER: perInterrupt.CLEAR_ACTIVE,
    GICD_IPRIORITYR: perInterrupt.PRIORITY,
    GICD_ITARGETSR: TARGETS,
    GICD_ICFGR: perInterrupt.CONFIGURATION,
    GICD_SGIR: SOFTWARE_GENERATED,
    GICD_CPENDSGIR: sgiPendingHandlers(false),
    GICD_SPENDSGIR: sgiPendingHandlers(true),
  },
  { size: GICD_V2_SIZE },
);
