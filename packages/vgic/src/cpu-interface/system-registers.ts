import {
  ICC_CTLR_SEIS,
  ICC_REGISTERS,
  ICC_SRE_ALL,
  SYSTEM_REGISTERS,
  type SystemRegisterDescription,
  type SystemRegisterName,
} from '../architecture/system-registers.js';
import {
  IDLE_PRIORITY,
  VMCR_BPR0_SHIFT,
  VMCR_BPR1_SHIFT,
  VMCR_CBPR,
  VMCR_ENG0,
  VMCR_ENG1,
  VMCR_PMR_SHIFT,
} from '../architecture/virtual-interface.js';
import type { Interrupts } from '../interrupts/interrupts.js';
import type { PhysicalInterrupts } from '../interrupts/physical-interrupts.js';
import { acknowledge, deactivate, endOfInterrupt, highestPending } from './acknowledge.js';
import type { CpuInterface } from './cpu-interface.js';
import {
  activePriorities,
  BINARY_POINT_1,
  CONTROL,
  controlOf,
  type UserColumns,
  vmcrField,
  withControl,
} from './saved-registers.js';
import { sendSgi } from './sgi.js';

/** Answer of {@link readSystemRegister} and {@link writeSystemRegister} for an access that is UNDEFINED. */
export const UNDEFINED = -1;
/** Answers of {@link writeSystemRegister}: the register is written; it traps, and the hypervisor has to `emulate` it. */
export const WRITTEN = 0;
export const TRAPS = 1;

/** What an ICC register does, besides its description: a column that is missing makes the access UNDEFINED. */
interface Columns extends Partial<UserColumns> {
  /** Whether an interface has it. Default: each has. */
  exists?(cpu: CpuInterface): boolean;
  /** MRS by a vCPU in the guest: unsigned 32 bits. */
  read?(cpu: CpuInterface): number;
  /** MSR by a vCPU in the guest. */
  write?(cpu: CpuInterface, value: number, physical: PhysicalInterrupts): void;
  /** An MSR that the hypervisor carries out, since it reaches other vCPUs: in halves. */
  emulate?(irqs: Interrupts, vcpu: number, low: number, high: number): void;
}

/** One register: all rows have the same columns, so that V8 reads each in one way. */
export interface SystemRegister extends SystemRegisterDescription {
  readonly exists: Columns['exists'];
  readonly read: Columns['read'];
  readonly write: Columns['write'];
  readonly emulate: Columns['emulate'];
  readonly userRead: UserColumns['userRead'] | undefined;
  readonly userWrite: UserColumns['userWrite'] | undefined;
}

function priorityMask(): Columns {
  return {
    read: (cpu) => cpu.pmr,
    write: (cpu, value) => cpu.setVmcr((cpu.vmcr & 0x00ffffff) | ((value & 0xff) << VMCR_PMR_SHIFT)),
    ...vmcrField(VMCR_PMR_SHIFT, 0xff),
  };
}

function binaryPoint(group: 0 | 1): Columns {
  const shift = group === 0 ? VMCR_BPR0_SHIFT : VMCR_BPR1_SHIFT;
  return {
    read: (cpu) => cpu.binaryPoint(group),
    write(cpu, value) {
      if (group === 1 && cpu.control & VMCR_CBPR) return;
      const bounded = Math.max(value, group === 0 ? cpu.minimumBpr - 1 : cpu.minimumBpr);
      cpu.setVmcr((cpu.vmcr & ~(7 << shift)) | ((bounded & 7) << shift));
    },
    ...(group === 0 ? vmcrField(shift, 7) : BINARY_POINT_1),
  };
}

function groupEnable(bit: number): Columns {
  return {
    read: (cpu) => (cpu.control & bit ? 1 : 0),
    write: (cpu, value) => cpu.setVmcr(value & 1 ? cpu.vmcr | bit : cpu.vmcr & ~bit),
    ...vmcrField(31 - Math.clz32(bit), 1),
  };
}

/** With fewer bits of priority the upper ones are UNDEFINED (IHI 0069H, 12.2.3); KVM's trap code has them. */
function activePriority(group: 0 | 1, word: number): Columns {
  return {
    exists: (cpu) => word < cpu.activePriorityWords || cpu.endsByPriority,
    read: (cpu) => (group === 0 ? cpu.ap0r : cpu.ap1r)[word],
    write(cpu, value) {
      (group === 0 ? cpu.ap0r : cpu.ap1r)[word] = value;
    },
    ...activePriorities(group, word),
  };
}

const COLUMNS: Readonly<Record<SystemRegisterName, Columns>> = {
  ICC_PMR_EL1: priorityMask(),
  ICC_IAR0_EL1: { read: (cpu) => acknowledge(cpu, 0) },
  ICC_EOIR0_EL1: { write: (cpu, intid, physical) => endOfInterrupt(cpu, 0, intid, physical) },
  ICC_HPPIR0_EL1: { read: (cpu) => highestPending(cpu, 0) },
  ICC_BPR0_EL1: binaryPoint(0),
  ICC_AP0R0_EL1: activePriority(0, 0),
  ICC_AP0R1_EL1: activePriority(0, 1),
  ICC_AP0R2_EL1: activePriority(0, 2),
  ICC_AP0R3_EL1: activePriority(0, 3),
  ICC_AP1R0_EL1: activePriority(1, 0),
  ICC_AP1R1_EL1: activePriority(1, 1),
  ICC_AP1R2_EL1: activePriority(1, 2),
  ICC_AP1R3_EL1: activePriority(1, 3),
  ICC_DIR_EL1: { write: deactivate },
  ICC_RPR_EL1: { read: (cpu) => Math.min(cpu.runningPriority(), IDLE_PRIORITY) },
  ICC_SGI1R_EL1: { emulate: (irqs, sender, low, high) => sendSgi(irqs, sender, low, high, true) },
  ICC_ASGI1R_EL1: { emulate: (irqs, sender, low, high) => sendSgi(irqs, sender, low, high, false) },
  ICC_SGI0R_EL1: { emulate: (irqs, sender, low, high) => sendSgi(irqs, sender, low, high, false) },
  ICC_IAR1_EL1: { read: (cpu) => acknowledge(cpu, 1) },
  ICC_EOIR1_EL1: { write: (cpu, intid, physical) => endOfInterrupt(cpu, 1, intid, physical) },
  ICC_HPPIR1_EL1: { read: (cpu) => highestPending(cpu, 1) },
  ICC_BPR1_EL1: binaryPoint(1),
  ICC_CTLR_EL1: {
    read: (cpu) =>
      controlOf(cpu, cpu.config.priorityBits, cpu.config.idBits, cpu.control) & ~(cpu.showsSeis ? 0 : ICC_CTLR_SEIS),
    write: (cpu, value) => cpu.setVmcr(withControl(cpu.vmcr, value)),
    ...CONTROL,
  },
  // all of its bits are fixed: it traps, and nothing has to be done
  ICC_SRE_EL1: {
    read: () => ICC_SRE_ALL,
    write: () => {},
    userRead: () => ICC_SRE_ALL,
    userWrite: (_saved, value) => (value & 1) !== 0,
  },
  ICC_IGRPEN0_EL1: groupEnable(VMCR_ENG0),
  ICC_IGRPEN1_EL1: groupEnable(VMCR_ENG1),
};

/** The table of architecture/system-registers.ts, bound to what its registers do. */
export const SYSTEM_REGISTER_ROWS: readonly SystemRegister[] = ICC_REGISTERS.map((description) => {
  const { exists, read, write, emulate, userRead, userWrite } = COLUMNS[description.name];
  return { ...description, exists, read, write, emulate, userRead, userWrite };
});

/** All have op0 3 (bits 15:14): the rest of an encoding leads to a row, counted from 1. */
const OP0_SHIFT = 14;
const ROW_OF_ENCODING = new Uint8Array(1 << OP0_SHIFT);
for (const [n, { encoding }] of SYSTEM_REGISTER_ROWS.entries()) {
  ROW_OF_ENCODING[encoding & (ROW_OF_ENCODING.length - 1)] = n + 1;
}

/** The row of a register by its encoding, or undefined. */
export function systemRegisterAt(encoding: number): SystemRegister | undefined {
  if (encoding >>> OP0_SHIFT !== 3) return undefined;
  const n = ROW_OF_ENCODING[encoding & ((1 << OP0_SHIFT) - 1)];
  return n === 0 ? undefined : SYSTEM_REGISTER_ROWS[n - 1];
}

// an interrupt takes one of each: V8 inlines what is compared for, and not what is looked up
const { ICC_IAR1_EL1, ICC_EOIR1_EL1 } = SYSTEM_REGISTERS;

/**
 * MRS of an ICC_* register by a vCPU in the guest.
 * @returns the value, unsigned 32 bits, or UNDEFINED.
 */
export function readSystemRegister(cpu: CpuInterface, encoding: number): number {
  if (encoding === ICC_IAR1_EL1) return acknowledge(cpu, 1);
  return readRow(cpu, encoding);
}

function readRow(cpu: CpuInterface, encoding: number): number {
  const row = systemRegisterAt(encoding);
  return row?.read === undefined || row.exists?.(cpu) === false ? UNDEFINED : row.read(cpu);
}

/**
 * MSR of an ICC_* register by a vCPU in the guest.
 * @returns WRITTEN, TRAPS or UNDEFINED.
 */
export function writeSystemRegister(
  cpu: CpuInterface,
  encoding: number,
  value: number,
  physical: PhysicalInterrupts,
): number {
  if (encoding === ICC_EOIR1_EL1) {
    endOfInterrupt(cpu, 1, value, physical);
    return WRITTEN;
  }
  return writeRow(cpu, encoding, value, physical);
}

function writeRow(cpu: CpuInterface, encoding: number, value: number, physical: PhysicalInterrupts): number {
  const row = systemRegisterAt(encoding);
  if (row?.write === undefined) return row?.emulate === undefined ? UNDEFINED : TRAPS;
  if (row.exists?.(cpu) === false) return UNDEFINED;
  row.write(cpu, value, physical);
  return WRITTEN;
}

/** Whether a guest's access always traps, so that the vCPU need not be in the guest for it. */
export function alwaysTraps(encoding: number): boolean {
  return systemRegisterAt(encoding)?.trappedBy === 'always';
}
