/**
 * The differences from KVM that are meant: nothing but what stands here is excused, and each entry says exactly which
 * answers, why, and which paragraph of conformance/kvm/differences.md tells it to people.
 */
import { CONTROL, GROUP, type Operation } from './protocol.js';

const ENXIO = 6;
const EINVAL = 22;
const ELOOP = 40;

/** The operation after the one in question, with the left program's answer: what it can prove. */
export interface Following {
  readonly operation: Operation;
  readonly left: Readonly<Record<string, unknown>>;
}

export interface DeclaredDifference {
  /** The paragraph of conformance/kvm/differences.md. */
  readonly paragraph: string;
  readonly reason: string;
  /** Whether this difference is it: operation, both answers, and the names of the fields that differ. */
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
];

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
