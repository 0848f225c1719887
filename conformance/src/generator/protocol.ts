/** The JSON-lines protocol that both programs speak; see conformance/kvm/README.md. */

/** One command: a flat object. `op` names it. */
export interface Operation {
  op: string;
  [argument: string]: string | number | boolean;
}

/** A raw line instead of an operation: what a careless client may send. */
export const RAW = 'raw';

/** The line that is sent. An operation `raw` sends its `line` as it is. */
export function lineOf(operation: Operation): string {
  return operation.op === RAW ? String(operation.line) : JSON.stringify(operation);
}

/**
 * Operations from a script's text: one JSON object a line. Blank lines, `#` comments and the `=` lines of a smoke script
 * (answers that are expected) do not count.
 */
export function parseScript(text: string): Operation[] {
  const operations: Operation[] = [];
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('=')) continue;
    operations.push(operationOf(trimmed));
  }
  return operations;
}

function operationOf(line: string): Operation {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && 'op' in value)
      return value as Operation;
  } catch {
    // not JSON: sent as it is, below
  }
  return { op: RAW, line };
}

/** `0x...` of a value below 2^53; of a negative one, as bit operations make it, the 32 bits. */
export const hex = (value: number): string => `0x${(value < 0 ? value >>> 0 : value).toString(16)}`;

/** `0x...` of a 64-bit value in two halves. */
export const hex64 = (high: number, low: number): string =>
  high >>> 0 === 0 ? hex(low) : `0x${(high >>> 0).toString(16)}${(low >>> 0).toString(16).padStart(8, '0')}`;

/** Linux's names of the error numbers that can come back, and of the oracle's own. */
export const ERRNO: Readonly<Record<number, string>> = {
  1: 'EPERM', 2: 'ENOENT', 5: 'EIO', 6: 'ENXIO', 7: 'E2BIG', 11: 'EAGAIN', 12: 'ENOMEM', 13: 'EACCES', 14: 'EFAULT',
  16: 'EBUSY', 17: 'EEXIST', 19: 'ENODEV', 22: 'EINVAL', 28: 'ENOSPC', 34: 'ERANGE', 38: 'ENOSYS', 40: 'ELOOP',
  74: 'EBADMSG', 95: 'EOPNOTSUPP',
}; // biome-ignore format: a table

/** The groups of KVM's VGIC device attributes (Documentation/virt/kvm/devices/arm-vgic*.rst). */
export const GROUP = {
  ADDR: 0,
  DIST_REGS: 1,
  CPU_REGS: 2,
  NR_IRQS: 3,
  CTRL: 4,
  REDIST_REGS: 5,
  CPU_SYSREGS: 6,
  LEVEL_INFO: 7,
  ITS_REGS: 8,
} as const;

/** The attributes of group ADDR. */
export const ADDRESS = {
  V2_DIST: 0,
  V2_CPU: 1,
  V3_DIST: 2,
  V3_REDIST: 3,
  ITS: 4,
  V3_REDIST_REGION: 5,
} as const;

/** The attributes of group CTRL. */
export const CONTROL = {
  INIT: 0,
  ITS_SAVE_TABLES: 1,
  ITS_RESTORE_TABLES: 2,
  SAVE_PENDING_TABLES: 3,
  ITS_RESET: 4,
} as const;

/** A vCPU's affinity in KVM's layout: 16 vCPUs share Aff1. As the upper half of an attribute. */
export const affinityOf = (vcpu: number): number => (vcpu & 0xf) | (((vcpu >> 4) & 0xff) << 8);
