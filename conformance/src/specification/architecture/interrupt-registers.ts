import { FIRST_EXTENDED_PPI, FIRST_EXTENDED_SPI, PRIVATE, SGIS } from './configuration.js';
import { type ArchitecturalGic, distributorPriority, type Vcpu } from './gic.js';
import { type Interrupt, NOWHERE } from './interrupt.js';

/**
 * The registers that have a field for each interrupt: the distributor's, whose part for INTIDs 0 to 31 is each vCPU's own
 * (GICD_* banked by GICv2, GICR_* of GICv3). IHI 0069, 12.9 and 12.11; IHI 0048, 4.3.
 */
interface BitRegister {
  read(gic: ArchitecturalGic, interrupt: Interrupt): boolean;
  write?(gic: ArchitecturalGic, interrupt: Interrupt, bit: boolean): void;
}

/** With GICv2 SGIs become pending by GICD_SPENDSGIR, GICD_CPENDSGIR and GICD_SGIR only (IHI 0048, 4.3.7 and 4.3.8). */
const isSgiV2 = ({ config }: ArchitecturalGic, { intid }: Interrupt): boolean => config.version === 2 && intid < SGIS;

const enabled = (_: ArchitecturalGic, interrupt: Interrupt): boolean => interrupt.enabled;
const pending = (_: ArchitecturalGic, interrupt: Interrupt): boolean => interrupt.pending;
const active = (_: ArchitecturalGic, interrupt: Interrupt): boolean => interrupt.active;

export const BIT_REGISTERS = {
  IGROUPR: {
    read: (_, interrupt) => interrupt.group === 1,
    write: (_, interrupt, bit) => {
      interrupt.group = bit ? 1 : 0;
    },
  },
  ISENABLER: {
    read: enabled,
    write: (_, interrupt, bit) => {
      if (bit) interrupt.enabled = true;
    },
  },
  ICENABLER: {
    read: enabled,
    write: (_, interrupt, bit) => {
      if (bit) interrupt.enabled = false;
    },
  },
  ISPENDR: {
    read: pending,
    write: (gic, interrupt, bit) => {
      if (bit && !isSgiV2(gic, interrupt)) interrupt.latch = true;
    },
  },
  // the latch: a level-sensitive interrupt whose line is asserted stays pending (IHI 0069, 12.9 GICD_ICPENDR<n>)
  ICPENDR: {
    read: pending,
    write: (gic, interrupt, bit) => {
      if (bit && !isSgiV2(gic, interrupt)) interrupt.latch = false;
    },
  },
  ISACTIVER: {
    read: active,
    write: (_, interrupt, bit) => {
      if (bit) interrupt.active = true;
    },
  },
  ICACTIVER: {
    read: active,
    write: (_, interrupt, bit) => {
      if (bit) interrupt.active = false;
    },
  },
  // RES0 where GICD_CTLR.DS is 1
  IGRPMODR: { read: () => false },
} as const satisfies Record<string, BitRegister>;

export type BitRegisterName = keyof typeof BIT_REGISTERS;

export function readBits(gic: ArchitecturalGic, vcpu: Vcpu, name: BitRegisterName, n: number): number {
  const { read } = BIT_REGISTERS[name];
  let value = 0;
  for (let bit = 0; bit < 32; bit++) {
    const interrupt = gic.interrupt(vcpu, 32 * n + bit);
    if (interrupt !== undefined && read(gic, interrupt)) value |= 1 << bit;
  }
  return value >>> 0;
}

export function writeBits(gic: ArchitecturalGic, vcpu: Vcpu, name: BitRegisterName, n: number, value: number): void {
  const { write }: BitRegister = BIT_REGISTERS[name];
  if (write === undefined) return;
  for (let bit = 0; bit < 32; bit++) {
    const interrupt = gic.interrupt(vcpu, 32 * n + bit);
    if (interrupt !== undefined) write(gic, interrupt, (value & (1 << bit)) !== 0);
  }
}

/** GICD_ICFGR<n>: bit 1 of each field says edge-triggered; SGIs' and PPIs' are read-only here, extended PPIs' not. */
export function readTriggers(gic: ArchitecturalGic, vcpu: Vcpu, n: number): number {
  let value = 0;
  for (let field = 0; field < 16; field++) {
    if (gic.interrupt(vcpu, 16 * n + field)?.edge) value |= 2 << (2 * field);
  }
  return value >>> 0;
}

/**
 * What a change does to an interrupt that is pending is UNKNOWN (IHI 0069, 12.9 GICD_ICFGR<n>): here the latch stays, and the
 * line is as it is.
 */
export function writeTriggers(gic: ArchitecturalGic, vcpu: Vcpu, n: number, value: number): void {
  if (n < PRIVATE / 16) return;
  for (let field = 0; field < 16; field++) {
    const interrupt = gic.interrupt(vcpu, 16 * n + field);
    if (interrupt !== undefined) interrupt.edge = ((value >>> (2 * field)) & 2) !== 0;
  }
}

/** RAZ/WI in a uniprocessor (IHI 0048, 4.3.12), and RES0 with affinity routing (IHI 0069, 12.9 GICD_ITARGETSR<n>). */
const hasTargetLists = ({ config: { version, vcpus } }: ArchitecturalGic): boolean => version === 2 && vcpus > 1;

const isPrivate = (intid: number): boolean =>
  intid < PRIVATE || (intid >= FIRST_EXTENDED_PPI && intid < FIRST_EXTENDED_SPI);

/** One byte of an array that has a byte for each interrupt. */
export interface ByteRegister {
  read(gic: ArchitecturalGic, vcpu: Vcpu, intid: number): number;
  write(gic: ArchitecturalGic, vcpu: Vcpu, intid: number, value: number): void;
}

export const BYTE_REGISTERS = {
  IPRIORITYR: {
    read: (gic, vcpu, intid) => gic.interrupt(vcpu, intid)?.priority ?? 0,
    write: (gic, vcpu, intid, value) => {
      const interrupt = gic.interrupt(vcpu, intid);
      if (interrupt !== undefined) interrupt.priority = distributorPriority(value);
    },
  },
  // IHI 0048, 4.3.12: SGIs' and PPIs' are read-only and name the reader
  ITARGETSR: {
    read: (gic, vcpu, intid) => {
      if (!hasTargetLists(gic)) return 0;
      return intid < PRIVATE ? 1 << vcpu.number : (gic.interrupt(vcpu, intid)?.route ?? 0);
    },
    write: (gic, vcpu, intid, value) => {
      const interrupt = gic.interrupt(vcpu, intid);
      if (!hasTargetLists(gic) || intid < PRIVATE || interrupt === undefined) return;
      interrupt.route = value & ((1 << gic.config.vcpus) - 1);
      interrupt.target = lowest(interrupt.route);
    },
  },
  // GICv2: a byte for each SGI of this vCPU, a bit for each vCPU that may have sent it (IHI 0048, 4.3.16 and 4.3.17)
  SPENDSGIR: {
    read: (gic, vcpu, sgi) => (gic.config.version === 2 ? vcpu.privates[sgi].sources : 0),
    write: (gic, vcpu, sgi, value) => {
      if (gic.config.version === 2) vcpu.privates[sgi].sources |= value & ((1 << gic.config.vcpus) - 1);
    },
  },
  CPENDSGIR: {
    read: (gic, vcpu, sgi) => (gic.config.version === 2 ? vcpu.privates[sgi].sources : 0),
    write: (gic, vcpu, sgi, value) => {
      if (gic.config.version === 2) vcpu.privates[sgi].sources &= ~value;
    },
  },
} as const satisfies Record<string, ByteRegister>;

export type ByteRegisterName = keyof typeof BYTE_REGISTERS;

/** An access of 1 or 4 bytes. */
export function readBytes(gic: ArchitecturalGic, vcpu: Vcpu, name: ByteRegisterName, at: number, size: number): number {
  let value = 0;
  for (let byte = 0; byte < size; byte++) value |= BYTE_REGISTERS[name].read(gic, vcpu, at + byte) << (8 * byte);
  return value >>> 0;
}

export function writeBytes(
  gic: ArchitecturalGic,
  vcpu: Vcpu,
  name: ByteRegisterName,
  at: number,
  size: number,
  value: number,
): void {
  for (let byte = 0; byte < size; byte++)
    BYTE_REGISTERS[name].write(gic, vcpu, at + byte, (value >>> (8 * byte)) & 0xff);
}

/**
 * The vCPU that takes an SPI of several targets. The mechanism that decides is for the system to choose (IHI 0048, 1.4.3, the
 * 1-N model): the first.
 */
const lowest = (targets: number): number => (targets === 0 ? NOWHERE : 31 - Math.clz32(targets & -targets));

/** Of GICD_IROUTER<n>. Aff3 is RES0 without GICD_TYPER.A3V, bit 31 without 1 of N (GICD_TYPER.No1N). */
const AFF2_TO_AFF0 = 0x00ffffff;

/** GICD_IROUTER<n> (IHI 0069, 12.9). vCPU n has affinity 0.0.0.n; an affinity that nobody has reaches nobody. */
export function writeRoute(gic: ArchitecturalGic, vcpu: Vcpu, intid: number, value: number): void {
  const interrupt = gic.interrupt(vcpu, intid);
  if (interrupt === undefined || isPrivate(intid)) return;
  interrupt.route = value & AFF2_TO_AFF0;
  interrupt.target = interrupt.route < gic.config.vcpus ? interrupt.route : NOWHERE;
}

export function readRoute(gic: ArchitecturalGic, vcpu: Vcpu, intid: number): number {
  const interrupt = isPrivate(intid) ? undefined : gic.interrupt(vcpu, intid);
  return interrupt?.route ?? 0;
}
