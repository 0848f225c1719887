/**
 * The differences from KVM that are meant: nothing but what stands here is excused, and each entry says exactly which
 * answers, why, and which paragraph of conformance/kvm/differences.md tells it to people.
 */
import { CONTROL, GROUP, type Operation } from '../generator/protocol.js';

const ENXIO = 6;
const EACCES = 13;
const EFAULT = 14;
const EBUSY = 16;
const EINVAL = 22;
const ELOOP = 40;
/** The ITS's own error number, which KVM passes on as it is. */
const UNMAPPED_INTERRUPT = 0x1_0307;

/** The operation after the one in question, with the left program's answer: what it can prove. */
export interface Following {
  readonly operation: Operation;
  readonly left: Readonly<Record<string, unknown>>;
}

export interface DeclaredDifference {
  /** The paragraph of conformance/kvm/differences.md. */
  readonly paragraph: string;
  readonly reason: string;
  /**
   * Whether this difference is it: operation, both answers, and the names of the fields that differ; none may, where an
   * answer that counts as the same tells of what will differ.
   */
  applies(
    operation: Operation,
    left: Readonly<Record<string, unknown>>,
    right: Readonly<Record<string, unknown>>,
    fields: readonly string[],
    following: Following | undefined,
  ): boolean;
  /** What follows it: the answers may differ from there on, so the sequence ends; or they may not. */
  readonly afterwards: 'sequence ends' | 'goes on';
}

/** The offset of GICD_STATUSR and of GICR_STATUSR in their 64 KiB frames. */
const STATUSR = 0x10;

const offsetOf = (operation: Operation, mask: number): number =>
  Number(BigInt(operation.attr ?? operation.addr ?? 0) & BigInt(mask));

export const DECLARED: readonly DeclaredDifference[] = [
  {
    paragraph: 'STATUSR keeps what it is for',
    reason: 'GICD_STATUSR and GICR_STATUSR hold bits 3:0, where KVM reads all ones or zero',
    afterwards: 'goes on',
    applies: (operation, left, right, fields) => {
      if (fields.length !== 1 || fields[0] !== 'value') return false;
      const guest =
        operation.op === 'mmio_read' && (operation.len ?? 4) === 4 && offsetOf(operation, 0xffff) === STATUSR;
      const user =
        operation.op === 'get_attr' &&
        (operation.group === GROUP.DIST_REGS || operation.group === GROUP.REDIST_REGS) &&
        offsetOf(operation, 0xffffffff) === STATUSR;
      return (guest || user) && isConstant(left.value) && isStatus(left.value, right.value);
    },
  },
  {
    paragraph: 'STATUSR keeps what it is for',
    reason: "KVM's search for a register misses GICR_STATUSR, so it is not among those that it says to have",
    afterwards: 'goes on',
    applies: (operation, left, right) =>
      operation.op === 'has_attr' &&
      operation.group === GROUP.REDIST_REGS &&
      offsetOf(operation, 0xffffffff) === STATUSR &&
      left.err === -ENXIO &&
      right.ret === 0,
  },
  {
    paragraph: 'An INTID that no LPI can have is refused',
    reason: 'an ITE with an INTID of more than 16 bits is EINVAL at KVM_DEV_ARM_ITS_RESTORE_TABLES, where KVM takes it',
    afterwards: 'sequence ends',
    applies: (operation, left, right, _fields, following) =>
      operation.op === 'set_attr' &&
      /^its[0-9]$/.test(String(operation.dev)) &&
      Number(operation.group) === GROUP.CTRL &&
      Number(operation.attr) === CONTROL.ITS_RESTORE_TABLES &&
      left.ret === 0 &&
      right.err === -EINVAL &&
      following?.operation.op === 'vgic_state' &&
      following.operation.vm === operation.vm &&
      hidesAnLpi(following.left),
  },
  {
    paragraph: 'What is pending comes back when a forwarding ends',
    reason: "KVM's driver tells that it has dropped a pending vLPI by DISCARD, where vgic makes the LPI pending",
    afterwards: 'sequence ends',
    applies: (operation, left) =>
      operation.op === 'phys' &&
      Array.isArray(left.log) &&
      left.log.some((line) => typeof line === 'string' && line.endsWith('pending, dropped by DISCARD')),
  },
  {
    paragraph: 'A forwarding can always be ended',
    reason: 'KVM leaves an MSI forwarded whose event is unmapped, or whose ITS or LPIs are disabled; vgic does not',
    afterwards: 'sequence ends',
    applies: (operation, left, right) =>
      operation.op === 'unset_forwarding' &&
      (left.err === -EBUSY || left.ret === UNMAPPED_INTERRUPT) &&
      right.ret === 0,
  },
  {
    paragraph: 'A forwarding can always be ended',
    reason:
      "KVM forgets the forwarding of an LPI that another MSI's event leads to as well; both refuse to end it by that one",
    afterwards: 'sequence ends',
    applies: (operation, left, right) =>
      operation.op === 'unset_forwarding' && left.err === -EINVAL && right.err === -EINVAL && Number(left.warnings) > 0,
  },
  {
    paragraph: 'A GICv4.0 with forwarded LPIs is not saved',
    reason: 'KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES is EACCES where KVM writes tables that miss what is pending',
    afterwards: 'sequence ends',
    applies: (operation, left, right, _fields, following) =>
      operation.op === 'set_attr' &&
      operation.dev === undefined &&
      Number(operation.group) === GROUP.CTRL &&
      Number(operation.attr) === CONTROL.SAVE_PENDING_TABLES &&
      (left.ret === 0 || left.err === -EFAULT) &&
      right.err === -EACCES &&
      following?.operation.op === 'phys' &&
      hasForwardedOn40(following.left),
  },
  {
    paragraph: 'A forwarded LPI is in one place',
    reason: 'KVM has a forwarded LPI pending in software, where vgic has it in the virtual pending table alone',
    afterwards: 'sequence ends',
    applies: (_operation, left) =>
      (Array.isArray(left.lrs) && left.lrs.some((lr) => isTiedAndPending(BigInt(lr)))) ||
      (typeof left.text === 'string' && /^ +LPI +\d+ +-?\d+ 1\d{3}1\d\d /m.test(left.text)),
  },
  {
    paragraph: 'Group 0 SGIs arrive as vSGIs',
    reason: 'KVM makes every vPE resident with VGrp0En = 0; and its count of forwarded LPIs does not go down',
    afterwards: 'goes on',
    applies: (operation, left, right, fields) =>
      operation.op === 'phys' &&
      fields.length === 1 &&
      fields[0] === 'vpes' &&
      Array.isArray(left.vpes) &&
      Array.isArray(right.vpes) &&
      left.vpes.length === right.vpes.length &&
      left.vpes.every((vpe, n) => isSameVpe(vpe as Vpe, (right.vpes as Vpe[])[n]!)),
  },
  {
    paragraph: 'A direct interrupt in a list register is not tied to the host',
    reason: 'KVM ties a list register of a forwarded LPI or vSGI that is active to the physical INTID 0',
    afterwards: 'goes on',
    applies: (_operation, left, right, fields) =>
      fields.length === 1 &&
      fields[0] === 'lrs' &&
      Array.isArray(left.lrs) &&
      Array.isArray(right.lrs) &&
      left.lrs.length === right.lrs.length &&
      left.lrs.every(
        (lr, n) => lr === (right.lrs as string[])[n] || isTied(BigInt(lr), BigInt((right.lrs as string[])[n]!)),
      ),
  },
];

/** One of the oracle's `vpes`, of which a few fields are looked at here. */
interface Vpe {
  readonly [field: string]: unknown;
}

/** The same but for VGrp0En, which is never set in KVM, and for KVM's count of forwarded LPIs, which may be too high. */
function isSameVpe(left: Vpe, right: Vpe): boolean {
  return Object.keys(left).every((name) => {
    if (name === 'db_irq' || name === 'db_depth') return true;
    if (name === 'g0en') return left.g0en === right.g0en || (left.g0en === 0 && right.g0en === right.g1en);
    if (name === 'vlpi_count') return (left.vlpi_count as number) >= (right.vlpi_count as number);
    return JSON.stringify(left[name]) === JSON.stringify(right[name]);
  });
}

/** Whether a host has forwarded LPIs and is one with GICv4.0, which knows no vSGIs. */
function hasForwardedOn40({ vpes, maps }: Readonly<Record<string, unknown>>): boolean {
  return Array.isArray(maps) && maps.length > 0 && Array.isArray(vpes) && !('sgi_pending' in vpes[0]);
}

const LR_HW = 1n << 61n;
const LR_PENDING = 1n << 62n;

/** A pending LPI that is tied to an interrupt of the host: KVM ties none but those that are forwarded. */
function isTiedAndPending(lr: bigint): boolean {
  return (lr & LR_HW) !== 0n && (lr & LR_PENDING) !== 0n && Number(lr & 0xffffffffn) >= 8192;
}

/** An LPI or SGI in a list register, not pending, that differs by the HW bit alone. */
function isTied(left: bigint, right: bigint): boolean {
  const intid = Number(left & 0xffffffffn);
  return left === (right | LR_HW) && (left & LR_PENDING) === 0n && (intid < 16 || intid >= 8192);
}

/**
 * Whether KVM's state dump proves that it has an LPI beyond 65535: it counts such an LPI but does not find it again, so that
 * it shows another one in its place, or never ends where there is no other.
 */
function hidesAnLpi({ err, text }: Readonly<Record<string, unknown>>): boolean {
  if (err === -ELOOP) return true;
  if (typeof text !== 'string') return false;
  const counted = Number(/^nr_lpis:\t(\d+)$/m.exec(text)?.[1] ?? 0);
  const shown = new Set(Array.from(text.matchAll(/^ +LPI +(\d+) /gm), ([, intid]) => intid));
  return shown.size < counted;
}

/** What KVM answers for a STATUSR; user space's reads leave the upper half of the buffer alone. */
const isConstant = (value: unknown): boolean =>
  typeof value === 'string' && [0n, 0xffffffffn].includes(BigInt(value) & 0xffffffffn);

/** What vgic answers for a STATUSR: bits 3:0, and the upper half as KVM leaves it. */
const isStatus = (left: unknown, right: unknown): boolean =>
  typeof left === 'string' && typeof right === 'string' && BigInt(right) - ((BigInt(left) >> 32n) << 32n) <= 0xfn;
