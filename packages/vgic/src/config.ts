import { GICV2_MAX_VCPUS, GICV3_MAX_VCPUS, PRIVATE_COUNT, SPI_LIMIT } from './architecture/intid.js';
import type { CpuInterfaceConfig } from './cpu-interface/cpu-interface.js';
import { GicError } from './errors.js';
import type { PhysicalInterrupts } from './interrupts/physical-interrupts.js';
import { LPI_BITS_KVM } from './its/lpis.js';
import type { Ram } from './memory/ram.js';
import type { Gicv4Driver } from './physical-gic/gicv4-driver.js';

/** What a GIC is like. Addresses are guest-physical; the defaults are those of QEMU's `virt` board. */
export interface GicConfig {
  /** The guest's GIC. */
  readonly version: 2 | 3;
  /** 1 to 8 for GICv2, 1 to 512 for GICv3. */
  readonly vcpus: number;
  /** INTIDs of the distributor, SGIs and PPIs included: a multiple of 32, 64 to 1024. Default 256. */
  readonly interrupts?: number;
  /** Version of the host's virtual CPU interface. Default: the guest's. A GICv2 guest can run on a GICv3 one. */
  readonly hostVersion?: 2 | 3;
  /** List registers of each physical CPU, 1 to 16. Default 4. */
  readonly listRegisters?: number;
  /** Bits of priority of the CPU interface, 5 to 8. Default 5. */
  readonly priorityBits?: number;
  /** ICC_CTLR_EL1.IDbits: 0 (16 bits) or 1 (24 bits). Default 0. */
  readonly idBits?: number;
  /** ICC_CTLR_EL1.A3V. Default true. */
  readonly affinity3?: boolean;
  /** ICC_CTLR_EL1.SEIS. Default false. */
  readonly seis?: boolean;
  readonly distributorBase?: number;
  readonly redistributorBase?: number;
  readonly cpuInterfaceBase?: number;
  /** GICv3: guest RAM, where an ITS has its tables and LPIs their configuration. Needed for `Gic.addIts`. */
  readonly memory?: Ram;
  /** Bits of an LPI's INTID, 16 (as KVM has it) to 24; more than 16 need `idBits: 1`. Default 16. */
  readonly intidBits?: number;
  /** ITSs, by their guest-physical addresses. Default none. */
  readonly itsBases?: readonly number[];
  /** Physical interrupts that virtual ones can be tied to, shared by the virtual machines of one host. Default: its own. */
  readonly physicalInterrupts?: PhysicalInterrupts;
  /**
   * The host's GICv4, shared by the virtual machines of one host: LPIs can be forwarded (`Gic.setForwarding`), and
   * with GICv4.1 SGIs be vSGIs. GICv4.0 is of use with an ITS only. Default none.
   */
  readonly gicv4Driver?: Gicv4Driver;
  /** With `gicv4Driver`: the physical CPU that a vCPU is on, or will be loaded on. Default: of the same number. */
  readonly cpuOf?: (vcpu: number) => number;
}

export const DEFAULT_DISTRIBUTOR_BASE = 0x08000000;
export const DEFAULT_REDISTRIBUTOR_BASE = 0x080a0000;
export const DEFAULT_CPU_INTERFACE_BASE = 0x08010000;

function require(condition: boolean, sentence: string): void {
  if (!condition) throw new GicError('EINVAL', sentence);
}

function whole(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}

/** @throws GicError EINVAL, with a sentence that names the field, if the configuration is none. */
export function checkConfig(config: GicConfig): void {
  const { version, vcpus, interrupts = 256, listRegisters = 4, priorityBits = 5, hostVersion = version } = config;
  require(version === 2 || version === 3, `version: a GIC is version 2 or 3, not ${version}.`);
  require(hostVersion === 2 || hostVersion === 3, `hostVersion: a host's GIC is version 2 or 3, not ${hostVersion}.`);
  require(hostVersion >= version, 'hostVersion: a GICv3 guest needs a GICv3 host.');
  const most = version === 2 ? GICV2_MAX_VCPUS : GICV3_MAX_VCPUS;
  require(whole(vcpus, 1, most), `vcpus: a GICv${version} has 1 to ${most} vCPUs, not ${vcpus}.`);
  require(whole(interrupts, 2 * PRIVATE_COUNT, SPI_LIMIT) &&
    interrupts % 32 === 0, `interrupts: a multiple of 32 from 64 to ${SPI_LIMIT}, not ${interrupts}.`);
  require(whole(listRegisters, 1, 16), `listRegisters: 1 to 16, not ${listRegisters}.`);
  require(hostVersion === 3 || config.gicv4Driver === undefined, 'gicv4Driver: it needs a GICv3 host.');
  const { intidBits = LPI_BITS_KVM } = config;
  require(whole(intidBits, 16, 24), `intidBits: 16 to 24, not ${intidBits}.`);
  require(intidBits === 16 || config.idBits === 1, 'intidBits: more than 16 need a CPU interface with idBits 1.');
  require(version === 3 || !config.itsBases?.length, 'itsBases: a GICv2 has no ITS.');
  require(whole(priorityBits, 5, 8), `priorityBits: 5 to 8, not ${priorityBits}.`);
}

/** The hardware parameters of a configuration's virtual CPU interface. */
export function cpuInterfaceConfig(config: GicConfig): CpuInterfaceConfig {
  return {
    version: config.hostVersion ?? config.version,
    listRegisters: config.listRegisters ?? 4,
    priorityBits: config.priorityBits ?? 5,
    idBits: config.idBits ?? 0,
    affinity3: config.affinity3 ?? true,
    seis: config.seis ?? false,
    systemRegisters: config.version === 3,
  };
}
