import { PRIORITY_MASK } from '../architecture/distributor-v3.js';
import { PRIVATE_COUNT, SGI_COUNT } from '../architecture/intid.js';
import { lowestBit, testBit } from '../interrupts/bitmap.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import type { FrameContext } from './context.js';
import type { RegisterHandlers } from './frame.js';

/**
 * The registers that have a field for each interrupt, alike in GICv2's distributor, GICv3's distributor and the
 * redistributors. Source: IHI 0048, 4.3; IHI 0069, 12.9 and 12.11. The userspace columns: KVM, arm-vgic.rst and
 * arm-vgic-v3.rst.
 */

const SGI_MASK = (1 << SGI_COUNT) - 1;
const ALL = 0xffffffff;

/** The bitmap word behind byte `at` of an array with one bit an interrupt. */
function wordAt(context: FrameContext, vcpu: number, at: number): number {
  return context.irqs.wordOf(vcpu, at << 3);
}

/** GICv2 SGIs: their pending state is GICD_SPENDSGIR's and GICD_CPENDSGIR's, not ISPENDR's. */
function v2SgisOf(context: FrameContext, word: number): number {
  return context.irqs.version === 2 && word < context.irqs.vcpus ? SGI_MASK : 0;
}

/** Tells the host of vSGIs (GICv4.1) among the interrupts of a word whose configuration has changed. */
function configureVsgis({ irqs }: FrameContext, word: number, changed: number): void {
  for (let rest = changed & irqs.onVpe[word]; rest !== 0; rest &= rest - 1) {
    irqs.vpes?.configureSgi(word, lowestBit(rest));
  }
}

export const GROUP: RegisterHandlers = {
  read: (context, vcpu, at) => context.irqs.group[wordAt(context, vcpu, at)],
  write(context, vcpu, at, _width, value) {
    const { irqs } = context;
    const word = wordAt(context, vcpu, at);
    irqs.beginChange(word, ALL);
    irqs.group[word] = value;
    configureVsgis(context, word, ALL);
    irqs.raised(word, ~irqs.onVpe[word]);
  },
};

/** Enabling a level-sensitive interrupt of the host looks at its line, which may have changed unseen. */
function sampleMappedLines(context: FrameContext, word: number, mask: number): void {
  const { irqs } = context;
  for (let rest = mask & irqs.hardware[word] & ~irqs.edge[word]; rest !== 0; rest &= rest - 1) {
    const bit = rest & -rest;
    const irq = irqs.physicalIntid[(word << 5) + lowestBit(rest)];
    const wasHigh = (irqs.line[word] & bit) !== 0;
    if (irqs.physical.isPending(irq)) {
      irqs.line[word] |= bit;
    } else {
      irqs.line[word] &= ~bit;
      if (wasHigh && !(irqs.active[word] & bit)) irqs.physical.setActive(irq, false);
    }
  }
}

function readEnabled(context: FrameContext, vcpu: number, at: number): number {
  // with sign, here and below: V8 would allocate to return a number above 2^31, and who asks makes it unsigned
  return context.irqs.enabled[wordAt(context, vcpu, at)] | 0;
}

function enable(context: FrameContext, word: number, value: number, user: boolean): void {
  const { irqs } = context;
  const changed = value & ~irqs.enabled[word];
  // KVM queues what is enabled already, too
  const looked = irqs.changesWaitForExit ? value : changed | (value & irqs.hardware[word]);
  // guests enable what is enabled
  if (looked === 0) return;
  irqs.beginChange(word, looked);
  if (!user) sampleMappedLines(context, word, value);
  irqs.enabled[word] |= value;
  configureVsgis(context, word, changed);
  irqs.raised(word, looked & ~irqs.onVpe[word]);
}

export const SET_ENABLE: RegisterHandlers = {
  read: readEnabled,
  write(context, vcpu, at, _width, value) {
    enable(context, wordAt(context, vcpu, at), value, false);
  },
  userWrite(context, vcpu, at, value) {
    enable(context, wordAt(context, vcpu, at), value, true);
    return 0;
  },
};

export const CLEAR_ENABLE: RegisterHandlers = {
  read: readEnabled,
  write(context, vcpu, at, _width, value) {
    const { irqs } = context;
    const word = wordAt(context, vcpu, at);
    const changed = value & irqs.enabled[word];
    irqs.beginChange(word, changed);
    irqs.enabled[word] &= ~value;
    configureVsgis(context, word, changed);
    irqs.lowered(word, changed);
  },
};

/** `value` with the pending state of vSGIs, which the host has. */
function withVsgis({ irqs }: FrameContext, word: number, value: number): number {
  const onVpe = irqs.onVpe[word];
  return onVpe === 0 || irqs.vpes === undefined ? value : (value & ~onVpe) | (irqs.vpes.pendingSgis(word) & onVpe);
}

/** What is pending in a list register of a vCPU in the guest is pending here. */
function readPending(context: FrameContext, vcpu: number, at: number): number {
  const { irqs } = context;
  const word = wordAt(context, vcpu, at);
  irqs.beginChange(word, ALL);
  const value = pendingOf(context, word);
  irqs.lowered(word, 0);
  return value;
}

function pendingOf(context: FrameContext, word: number): number {
  const { irqs } = context;
  let value = withVsgis(context, word, irqs.pendingWord(word));
  for (let rest = irqs.hardware[word] & ~irqs.edge[word]; rest !== 0; rest &= rest - 1) {
    const bit = rest & -rest;
    if (irqs.physical.isPending(irqs.physicalIntid[(word << 5) + lowestBit(rest)])) value |= bit;
    else value &= ~bit;
  }
  return value | 0;
}

/** GICv3: the latch alone, so that a restore sets no latch for what only the line holds pending. GICv2: with the line. */
function userReadPending(context: FrameContext, vcpu: number, at: number): number {
  const { irqs } = context;
  const word = wordAt(context, vcpu, at);
  return irqs.version === 3 ? withVsgis(context, word, irqs.latch[word]) >>> 0 : irqs.pendingWord(word);
}

/** Tells of the latches of a word that change. */
function tellLatches({ irqs }: FrameContext, word: number, changed: number, set: number): void {
  const tell = irqs.events.latch;
  if (tell === undefined) return;
  for (let rest = changed; rest !== 0; rest &= rest - 1) {
    const i = (word << 5) + lowestBit(rest);
    tell(irqs.ownerOf(i), irqs.intidOf(i), set);
  }
}

function setPending(context: FrameContext, word: number, value: number, user: boolean): void {
  const { irqs } = context;
  const sgis = v2SgisOf(context, word);
  const mask = user ? value : value & ~sgis;
  irqs.beginChange(word, mask);
  for (let rest = mask & sgis; rest !== 0; rest &= rest - 1) irqs.source[(word << 5) + lowestBit(rest)] |= 1 << word;
  if (!user) {
    for (let rest = mask & irqs.hardware[word]; rest !== 0; rest &= rest - 1) {
      irqs.physical.setActive(irqs.physicalIntid[(word << 5) + lowestBit(rest)], true);
    }
  }
  const latched = mask & ~setVsgis(context, word, mask, true);
  tellLatches(context, word, latched & ~irqs.latch[word], 1);
  irqs.latch[word] |= latched;
  irqs.raised(word, latched);
}

/** Those of a word's vSGIs that are in `mask` become pending on the host, or are so no more. Returns their bits. */
function setVsgis({ irqs }: FrameContext, word: number, mask: number, pending: boolean): number {
  const vsgis = mask & irqs.onVpe[word];
  for (let rest = vsgis; rest !== 0; rest &= rest - 1) {
    irqs.vpes?.setPending((word << 5) + lowestBit(rest), pending);
  }
  return vsgis;
}

function clearPending(context: FrameContext, word: number, value: number, user: boolean): void {
  const { irqs } = context;
  const sgis = v2SgisOf(context, word);
  const mask = user ? value : value & ~sgis;
  irqs.beginChange(word, mask);
  for (let rest = mask & sgis; rest !== 0; rest &= rest - 1) irqs.source[(word << 5) + lowestBit(rest)] = 0;
  if (!user) {
    for (let rest = mask & irqs.hardware[word]; rest !== 0; rest &= rest - 1) {
      const irq = irqs.physicalIntid[(word << 5) + lowestBit(rest)];
      irqs.physical.setPending(irq, false);
      if (!(irqs.active[word] & rest & -rest)) irqs.physical.setActive(irq, false);
    }
  }
  tellLatches(context, word, mask & irqs.latch[word], 0);
  irqs.latch[word] &= ~mask;
  setVsgis(context, word, mask, false);
  irqs.lowered(word, mask);
}

export const SET_PENDING: RegisterHandlers = {
  read: readPending,
  write(context, vcpu, at, _width, value) {
    setPending(context, wordAt(context, vcpu, at), value, false);
  },
  userRead: userReadPending,
  userWrite(context, vcpu, at, value) {
    const word = wordAt(context, vcpu, at);
    setPending(context, word, value, true);
    // GICv3's contract: the written value is the latch, clear bits included
    if (context.irqs.version === 3) clearPending(context, word, ~value, true);
    return 0;
  },
};

export const CLEAR_PENDING_V3: RegisterHandlers = {
  read: readPending,
  write(context, vcpu, at, _width, value) {
    clearPending(context, wordAt(context, vcpu, at), value, false);
  },
  userRead: () => 0,
  userWrite: () => 0,
};

export const CLEAR_PENDING_V2: RegisterHandlers = {
  read: readPending,
  write: CLEAR_PENDING_V3.write,
  userRead: userReadPending,
  userWrite(context, vcpu, at, value) {
    clearPending(context, wordAt(context, vcpu, at), value, true);
    return 0;
  },
};

/**
 * Active state may be in a list register of any vCPU in the guest, so they are stopped first; not for a vCPU's own
 * private interrupts, since a vCPU that makes an access has left the guest for it. A GICv2 has no one else's private ones.
 */
function withGuestsStopped(
  context: FrameContext,
  vcpu: number,
  at: number,
  requester: number,
  access: () => number,
): number {
  const { irqs } = context;
  const others = (irqs.version === 3 && vcpu !== requester) || irqs.ownerOf(irqs.indexOf(vcpu, at << 3)) < 0;
  if (!others) return access();
  context.vcpus.stopGuests();
  const value = access();
  context.vcpus.resumeGuests();
  return value;
}

function readActive(context: FrameContext, vcpu: number, at: number): number {
  return context.irqs.active[wordAt(context, vcpu, at)];
}

function changeActive(
  context: FrameContext,
  vcpu: number,
  at: number,
  value: number,
  active: boolean,
  requester: number,
): void {
  const { irqs } = context;
  const word = wordAt(context, vcpu, at);
  const user = requester === NO_VCPU;
  const sgis = active ? v2SgisOf(context, word) : 0;
  // a vSGI has no active state
  for (let rest = value & ~irqs.onVpe[word]; rest !== 0; rest &= rest - 1) {
    const bit = rest & -rest;
    const i = (word << 5) + lowestBit(rest);
    const mapped = testBit(irqs.hardware, i);
    irqs.beginChangeOf(i);
    if (!mapped || !user) {
      if (active) irqs.active[word] |= bit;
      else irqs.active[word] &= ~bit;
      if (mapped) irqs.physical.setActive(irqs.physicalIntid[i], active);
      else if (sgis & bit) irqs.activeSource[i] = user ? 0 : requester;
    }
    if (irqs.active[word] & bit) irqs.raisedOne(i);
    else irqs.loweredOne(i);
  }
}

function activeHandlers(active: boolean): RegisterHandlers {
  return {
    read: (context, vcpu, at, _width, requester) =>
      withGuestsStopped(context, vcpu, at, requester, () => readActive(context, vcpu, at)),
    write(context, vcpu, at, _width, value, _high, requester) {
      withGuestsStopped(context, vcpu, at, requester, () => {
        changeActive(context, vcpu, at, value, active, requester);
        return 0;
      });
    },
    userRead: readActive,
    userWrite(context, vcpu, at, value) {
      changeActive(context, vcpu, at, value, active, NO_VCPU);
      return 0;
    },
  };
}

export const SET_ACTIVE = activeHandlers(true);
export const CLEAR_ACTIVE = activeHandlers(false);

export const PRIORITY: RegisterHandlers = {
  read(context, vcpu, at, width) {
    const { irqs } = context;
    const i = irqs.indexOf(vcpu, at);
    let value = 0;
    for (let byte = width - 1; byte >= 0; byte--) value = (value << 8) | irqs.priority[i + byte];
    return value | 0;
  },
  write(context, vcpu, at, width, value) {
    const { irqs } = context;
    const i = irqs.indexOf(vcpu, at);
    const mask = ((1 << width) - 1) << (i & 31);
    irqs.beginChange(i >>> 5, mask);
    for (let byte = 0; byte < width; byte++) irqs.priority[i + byte] = (value >>> (byte * 8)) & PRIORITY_MASK;
    configureVsgis(context, i >>> 5, mask);
    irqs.lowered(i >>> 5, mask);
  },
};

/** Two bits for each interrupt, the upper one says edge-triggered; only SPIs can be changed. */
export const CONFIGURATION: RegisterHandlers = {
  read(context, vcpu, at) {
    const { irqs } = context;
    const i = irqs.indexOf(vcpu, at * 4);
    const edges = (irqs.edge[i >>> 5] >>> (i & 31)) & 0xffff;
    let value = 0;
    for (let rest = edges; rest !== 0; rest &= rest - 1) value |= 2 << (2 * lowestBit(rest));
    return value | 0;
  },
  write(context, vcpu, at, _width, value) {
    const { irqs } = context;
    const intid = at * 4;
    if (intid < PRIVATE_COUNT) return;
    const i = irqs.indexOf(vcpu, intid);
    const word = i >>> 5;
    const shift = i & 31;
    let edges = 0;
    for (let n = 0; n < 16; n++) edges |= ((value >>> (2 * n + 1)) & 1) << n;
    const before = irqs.edge[word];
    const after = (before & ~(0xffff << shift)) | (edges << shift);
    // an interrupt that becomes level-sensitive follows its line from here on
    irqs.beginChange(word, before ^ after);
    irqs.edge[word] = after;
    irqs.lowered(word, before ^ after);
  },
};
