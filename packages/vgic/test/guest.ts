import { GICD_V3_REGISTERS } from '../src/architecture/distributor-v3.js';
import { GICC_REGISTERS, GICD_V2_REGISTERS } from '../src/architecture/gicv2.js';
import { GICD_FEATURE_REGISTERS, GICR_FEATURE_REGISTERS } from '../src/architecture/gicv3-features.js';
import { EPPI_MIN, ESPI_MIN } from '../src/architecture/intid.js';
import { GICR_REGISTERS, GICR_SIZE } from '../src/architecture/redistributor.js';
import { type NamesOf, offsetsOf, type RegisterDescription } from '../src/architecture/register-map.js';
import { LR_STATE } from '../src/architecture/virtual-interface.js';
import { Gic, type GicConfig, type KvmCompatibility, SYSTEM_REGISTERS, type SystemRegisterName } from '../src/index.js';

/** The addresses of QEMU's `virt` board, which are the model's defaults. */
export const GICD_BASE = 0x08000000;
export const GICR_BASE = 0x080a0000;
export const GICV_BASE = 0x08010000;

/** Nothing pending: IHI 0069, 2.2.1. */
export const SPURIOUS = 1023;
export const ALL_ONES = 0xffffffff;
/** `GicConfig.kvm` as it is by default: no deviation from the architecture. */
export const ARCHITECTURE: KvmCompatibility = [];
/** What holds by the architecture and in KVM too, as a table of tests. */
export const BOTH_WAYS: readonly (readonly [string, KvmCompatibility])[] = [
  ['by the architecture', ARCHITECTURE],
  ['in KVM 6.12', '6.12'],
];

/** The registers of GICV, which a guest knows as GICC, without that. */
export type GicvName = NamesOf<typeof GICC_REGISTERS> extends `GICC_${infer Name}` ? Name : never;
const GICC = offsetsOf(GICC_REGISTERS);

/**
 * A small guest: it drives a GIC as software on its vCPUs does, by the architecture's register names. Where a register is
 * comes from the register maps alone.
 */
export class Guest {
  readonly gic: Gic;
  readonly version: 2 | 3;

  constructor(config: Partial<GicConfig> = {}, gic?: Gic) {
    this.gic = gic ?? new Gic({ version: 3, vcpus: 1, ...config });
    this.version = this.gic.config.version;
  }

  /** A guest that has enabled the distributor and the CPU interfaces; every interrupt has priority 0xa0, SPIs go to vCPU 0. */
  static ready(config: Partial<GicConfig> = {}): Guest {
    return new Guest(config).prepare();
  }

  prepare(): this {
    const { vcpus, count } = this.gic.irqs;
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      for (let at = 0; at < 32; at += 4) {
        this.store(this.version === 3 ? 'GICR_IPRIORITYR' : 'GICD_IPRIORITYR', 0xa0a0a0a0, at, vcpu);
      }
      this.enableCpuInterface(vcpu);
    }
    for (let at = 32; at < count; at += 4) {
      this.store('GICD_IPRIORITYR', 0xa0a0a0a0, at);
      // a GICv3's lead there from reset on
      if (this.version === 2) this.store('GICD_ITARGETSR', 0x01010101, at);
    }
    const { extendedSpis = 0, extendedPpis = 0 } = this.gic.config.features ?? {};
    for (let at = 0; at < extendedSpis; at += 4) this.store('GICD_IPRIORITYRnE', 0xa0a0a0a0, at);
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      for (let at = 0; at < extendedPpis; at += 4) this.store('GICR_IPRIORITYRnE', 0xa0a0a0a0, at, vcpu);
    }
    this.store('GICD_CTLR', 3);
    return this;
  }

  /** Priority mask open; group 1 (GICv3) or group 0 (GICv2) on. */
  enableCpuInterface(vcpu = 0): void {
    if (this.version === 3) {
      this.msr('ICC_PMR_EL1', 0xff, vcpu);
      this.msr('ICC_IGRPEN1_EL1', 1, vcpu);
    } else {
      this.gicvStore('PMR', 0xf8, vcpu);
      this.gicvStore('CTLR', 1, vcpu);
    }
  }

  // ---- frames

  description(name: string): RegisterDescription {
    const maps =
      this.version === 3
        ? [GICD_V3_REGISTERS, GICR_REGISTERS, GICD_FEATURE_REGISTERS, GICR_FEATURE_REGISTERS]
        : [GICD_V2_REGISTERS];
    for (const map of maps) {
      const found = map.find((row) => row.name === name);
      if (found !== undefined) return found;
    }
    throw new Error(`No register map has ${name}.`);
  }

  /** The guest-physical address of a register, `at` bytes into its array. */
  address(name: string, at = 0, vcpu = 0): number {
    const base = name.startsWith('GICR') ? GICR_BASE + vcpu * GICR_SIZE : GICD_BASE;
    return base + this.description(name).offset + at;
  }

  load(name: string, at = 0, vcpu = 0, size = 4): number {
    return this.gic.read(vcpu, this.address(name, at, vcpu), size);
  }

  store(name: string, value: number, at = 0, vcpu = 0, size = 4, high = 0): void {
    this.gic.write(vcpu, this.address(name, at, vcpu), size, value, high);
  }

  /**
   * Where the array `kind` has an interrupt: `ISENABLER` is GICR_ISENABLER0 for a GICv3's PPIs, GICD_ISENABLERnE for its
   * extended SPIs.
   */
  place(kind: string, intid: number): { name: string; at: number } {
    const isPrivate = this.version === 3 && (intid < 32 || (intid >= EPPI_MIN && intid < ESPI_MIN));
    const single = isPrivate && kind !== 'IPRIORITYR' && kind !== 'ICFGR' ? '0' : '';
    const name = `${isPrivate ? 'GICR' : 'GICD'}_${kind}${intid >= EPPI_MIN ? 'nE' : single}`;
    const { bitsPerInterrupt, firstIntid } = this.description(name);
    return { name, at: ((bitsPerInterrupt * (intid - firstIntid)) >> 5) << 2 };
  }

  /** Writes one interrupt's bit to a set or clear register. */
  mark(kind: string, intid: number, vcpu = 0): void {
    const { name, at } = this.place(kind, intid);
    this.store(name, (1 << (intid & 31)) >>> 0, at, vcpu);
  }

  /** One interrupt's bit. */
  bit(kind: string, intid: number, vcpu = 0): number {
    const { name, at } = this.place(kind, intid);
    return (this.load(name, at, vcpu) >>> (intid & 31)) & 1;
  }

  enable(intid: number, vcpu = 0): void {
    this.mark('ISENABLER', intid, vcpu);
  }
  disable(intid: number, vcpu = 0): void {
    this.mark('ICENABLER', intid, vcpu);
  }

  /** Reads, changes and writes back one interrupt's bits of a group, priority or configuration register. */
  #change(kind: string, intid: number, bits: number, value: number, vcpu: number): void {
    const { name, at } = this.place(kind, intid);
    const shift = (bits * intid) & 31;
    const mask = (2 ** bits - 1) << shift;
    this.store(name, ((this.load(name, at, vcpu) & ~mask) | (value << shift)) >>> 0, at, vcpu);
  }

  setPriority(intid: number, priority: number, vcpu = 0): void {
    this.#change('IPRIORITYR', intid, 8, priority, vcpu);
  }
  setGroup(intid: number, group: 0 | 1, vcpu = 0): void {
    this.#change('IGROUPR', intid, 1, group, vcpu);
  }
  setEdge(intid: number, edge: boolean, vcpu = 0): void {
    this.#change('ICFGR', intid, 2, edge ? 2 : 0, vcpu);
  }

  /** Routes an SPI to a vCPU (below 16). */
  route(intid: number, vcpu: number, by = 0): void {
    const { name, at } = this.version === 3 ? this.place('IROUTER', intid) : { name: 'GICD_ITARGETSR', at: intid };
    if (this.version === 3) this.store(name, vcpu, at, by, 8);
    else this.store(name, 1 << vcpu, at, by, 1);
  }

  /** A level-sensitive (or edge-triggered) SPI, enabled. */
  spi(intid: number, options: { edge?: boolean; priority?: number; vcpu?: number } = {}): number {
    this.setEdge(intid, options.edge ?? false);
    if (options.priority !== undefined) this.setPriority(intid, options.priority);
    if (options.vcpu !== undefined) this.route(intid, options.vcpu);
    this.enable(intid);
    return intid;
  }

  // ---- CPU interface

  mrs(name: SystemRegisterName, vcpu = 0): number {
    return this.gic.readSystemRegister(vcpu, SYSTEM_REGISTERS[name]);
  }
  msr(name: SystemRegisterName, value: number, vcpu = 0, high = 0): void {
    this.gic.writeSystemRegister(vcpu, SYSTEM_REGISTERS[name], value, high);
  }
  gicvLoad(name: GicvName, vcpu = 0): number {
    return this.gic.read(vcpu, GICV_BASE + GICC[`GICC_${name}`], 4);
  }
  gicvStore(name: GicvName, value: number, vcpu = 0): void {
    this.gic.write(vcpu, GICV_BASE + GICC[`GICC_${name}`], 4, value, 0);
  }

  acknowledge(vcpu = 0): number {
    return this.version === 3 ? this.mrs('ICC_IAR1_EL1', vcpu) : this.gicvLoad('IAR', vcpu);
  }
  end(intid: number, vcpu = 0): void {
    if (this.version === 3) this.msr('ICC_EOIR1_EL1', intid, vcpu);
    else this.gicvStore('EOIR', intid, vcpu);
  }
  deactivate(intid: number, vcpu = 0): void {
    if (this.version === 3) this.msr('ICC_DIR_EL1', intid, vcpu);
    else this.gicvStore('DIR', intid, vcpu);
  }
  setEoiMode(on: boolean, vcpu = 0): void {
    if (this.version === 3) this.msr('ICC_CTLR_EL1', on ? 2 : 0, vcpu);
    else this.gicvStore('CTLR', 1 | (on ? 1 << 9 : 0), vcpu);
  }

  // ---- SGIs

  /** A group 1 SGI (GICv3), or one (GICv2), to the vCPUs (below 16) of a list. */
  sendSgi(sgi: number, targets: readonly number[], sender = 0): void {
    const list = targets.reduce((bits, vcpu) => bits | (1 << vcpu), 0);
    if (this.version === 3) this.msr('ICC_SGI1R_EL1', ((sgi << 24) | list) >>> 0, sender);
    else this.store('GICD_SGIR', (list << 16) | sgi, 0, sender);
  }

  // ---- running

  enter(vcpu = 0): this {
    this.gic.enter(vcpu);
    return this;
  }
  exit(vcpu = 0): this {
    this.gic.exit(vcpu);
    return this;
  }

  /**
   * What an idle vCPU does: enters, takes what is signalled, enters again at each maintenance interrupt, until nothing is
   * left or it has taken `most`. Returns what it acknowledged, in order.
   */
  serve(vcpu = 0, onTaken: (iar: number) => void = () => {}, most = 1000): number[] {
    const taken: number[] = [];
    this.gic.enter(vcpu);
    for (let quiet = false; !quiet && taken.length < most; ) {
      quiet = true;
      while (this.gic.irqAsserted(vcpu) && taken.length < most) {
        const iar = this.acknowledge(vcpu);
        taken.push(iar);
        onTaken(iar);
        this.end(iar, vcpu);
        quiet = false;
      }
      if (this.gic.maintenanceAsserted(vcpu) || !quiet) this.gic.enter(vcpu);
    }
    this.gic.exit(vcpu);
    return taken;
  }

  /** List registers in use: their low and high halves. */
  listRegisters(vcpu = 0): { low: number; high: number }[] {
    const cpu = this.gic.cpuInterface(vcpu);
    const held: { low: number; high: number }[] = [];
    for (let n = 0; n < cpu.listRegisters; n++) {
      if ((cpu.lrHigh[n] & LR_STATE) !== 0) held.push({ low: cpu.lrLow[n], high: cpu.lrHigh[n] });
    }
    return held;
  }
}

/** A register value for the name of a test. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** Rows of a table of tests, with the value in hexadecimal in front, for the name. */
export function withHex<Row extends readonly (string | number)[]>(
  rows: readonly Row[],
  column: number,
): (readonly [string, ...Row])[] {
  return rows.map((row) => [hex(row[column] as number), ...row] as const);
}
