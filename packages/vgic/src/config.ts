import { GICD_V3_SIZE } from './architecture/distributor-v3.js';
import { GICD_V2_SIZE, GICV_SIZE } from './architecture/gicv2.js';
import { GICV2_MAX_VCPUS, GICV3_MAX_VCPUS, PRIVATE_COUNT, SPI_LIMIT } from './architecture/intid.js';
import { GICR_SIZE } from './architecture/redistributor.js';
import { checkBase, checkBoolean, checkOneOf, checkWhole, isWhole, refuse } from './arguments.js';
import type { CpuInterfaceConfig } from './cpu-interface/cpu-interface.js';
import type { Gicv3Features } from './frames/gicv3-features.js';
import type { ItsPlacement } from './frames/its.js';
import { PhysicalInterrupts } from './interrupts/physical-interrupts.js';
import { LPI_BITS_KVM } from './its/lpis.js';
import type { KvmCompatibility } from './kvm-deviations.js';
import { Ram } from './memory/ram.js';
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
  /** ICC_CTLR_EL1.IDbits, 3 bits: 0 (INTIDs of 16 bits), 1 (of 24); the others are reserved and taken as they are. Default 0. */
  readonly idBits?: number;
  /** ICC_CTLR_EL1.A3V. Default true. */
  readonly affinity3?: boolean;
  /** ICC_CTLR_EL1.SEIS. Default false. */
  readonly seis?: boolean;
  /** GICD. A multiple of 64 KiB, for a GICv2 of 4 KiB. Default 0x08000000. */
  readonly distributorBase?: number;
  /** GICv3: the redistributor of vCPU 0, a multiple of 64 KiB; those of the others follow, 128 KiB each. Default 0x080a0000. */
  readonly redistributorBase?: number;
  /** GICv2: GICC as the guest sees it (the host's GICV), a multiple of 4 KiB. Default 0x08010000. */
  readonly cpuInterfaceBase?: number;
  /** GICv3: guest RAM, where an ITS has its tables and LPIs their configuration. Needed for `Gic.addIts`. */
  readonly memory?: Ram;
  /** Bits of an LPI's INTID, 16 (as KVM has it) to 24; more than 16 need `idBits: 1`. Default 16. */
  readonly intidBits?: number;
  /** GICv3: message-based SPIs and the extended ranges of GICv3.1, by {@link gicv3Features}. Default none, as KVM. */
  readonly features?: Gicv3Features;
  /** ITSs, each by {@link itsAt}. Default none. */
  readonly its?: readonly ItsPlacement[];
  /** Physical interrupts that virtual ones can be tied to, shared by the virtual machines of one host. Default: its own. */
  readonly physicalInterrupts?: PhysicalInterrupts;
  /**
   * The host's GICv4, shared by the virtual machines of one host: LPIs can be forwarded (`Gic.setForwarding`), and
   * with GICv4.1 SGIs be vSGIs. GICv4.0 is of use with an ITS only. Default none.
   */
  readonly gicv4Driver?: Gicv4Driver;
  /**
   * Follows the KVM of a Linux kernel where that is not what the architecture says, or just some of its deviations by name:
   * {@link KVM_DEVIATIONS} has them all. Default: none.
   */
  readonly kvm?: KvmCompatibility;
  /** With `gicv4Driver`: the physical CPU that a vCPU is on, or will be loaded on. Default: of the same number. */
  readonly cpuOf?: (vcpu: number) => number;
}

export const DEFAULT_DISTRIBUTOR_BASE = 0x08000000;
export const DEFAULT_REDISTRIBUTOR_BASE = 0x080a0000;
export const DEFAULT_CPU_INTERFACE_BASE = 0x08010000;

const PAGE_4K = 0x1000;
const PAGE_64K = 0x10000;

/** A frame of a configuration: the field that places it, and the range of guest-physical addresses that it takes. */
interface PlacedFrame {
  readonly field: string;
  readonly base: unknown;
  readonly size: number;
}

function framesOf(config: GicConfig): PlacedFrame[] {
  const { version, vcpus, distributorBase = DEFAULT_DISTRIBUTOR_BASE, its = [] } = config;
  if (version === 2) {
    const { cpuInterfaceBase = DEFAULT_CPU_INTERFACE_BASE } = config;
    return [
      { field: 'distributorBase', base: distributorBase, size: GICD_V2_SIZE },
      { field: 'cpuInterfaceBase', base: cpuInterfaceBase, size: GICV_SIZE },
    ];
  }
  const { redistributorBase = DEFAULT_REDISTRIBUTOR_BASE } = config;
  return [
    { field: 'distributorBase', base: distributorBase, size: GICD_V3_SIZE },
    { field: 'redistributorBase', base: redistributorBase, size: vcpus * GICR_SIZE },
    ...its.map(({ base, frame }, n) => ({ field: `its[${n}].base`, base, size: frame.size })),
  ];
}

/** Each frame at an address of its own. */
function checkFrames(config: GicConfig): void {
  const alignment = config.version === 2 ? PAGE_4K : PAGE_64K;
  const checked: { field: string; base: number; end: number }[] = [];
  for (const { field, base, size } of framesOf(config)) {
    checkBase(field, base, alignment, size);
    const begin = base as number;
    const over = checked.find((other) => begin < other.end && other.base < begin + size);
    if (over !== undefined) {
      refuse(field, `an address where its 0x${size.toString(16)} bytes do not overlap those of ${over.field}`, base);
    }
    checked.push({ field, base: begin, end: begin + size });
  }
}

/** @throws GicError EINVAL, with a sentence that names the field, if the configuration is none. */
export function checkConfig(config: GicConfig): void {
  if (typeof config !== 'object' || config === null) refuse('config', 'an object', config);
  const { version, vcpus, interrupts = 256, hostVersion = version, its = [], idBits = 0 } = config;
  checkOneOf('version', version, [2, 3]);
  checkWhole('vcpus', vcpus, 1, version === 2 ? GICV2_MAX_VCPUS : GICV3_MAX_VCPUS);
  if (!isWhole(interrupts, 2 * PRIVATE_COUNT, SPI_LIMIT) || interrupts % 32 !== 0) {
    refuse('interrupts', `a multiple of 32 from ${2 * PRIVATE_COUNT} to ${SPI_LIMIT}`, interrupts);
  }
  checkOneOf('hostVersion', hostVersion, version === 3 ? [3] : [2, 3]);
  checkWhole('listRegisters', config.listRegisters ?? 4, 1, 16);
  checkWhole('priorityBits', config.priorityBits ?? 5, 5, 8);
  checkWhole('idBits', idBits, 0, 7);
  checkBoolean('affinity3', config.affinity3 ?? true);
  checkBoolean('seis', config.seis ?? false);
  const { intidBits = LPI_BITS_KVM, memory, features, gicv4Driver, physicalInterrupts, kvm } = config;
  checkWhole('intidBits', intidBits, 16, 24);
  if (intidBits > 16 && idBits !== 1) refuse('intidBits', `16 where idBits is ${idBits}`, intidBits);
  if (memory !== undefined && !(memory instanceof Ram)) refuse('memory', "the guest's Ram", memory);
  if (physicalInterrupts !== undefined && !(physicalInterrupts instanceof PhysicalInterrupts)) {
    refuse('physicalInterrupts', 'PhysicalInterrupts', physicalInterrupts);
  }
  if (gicv4Driver !== undefined && hostVersion !== 3)
    refuse('gicv4Driver', 'undefined where hostVersion is 2', gicv4Driver);
  if (features !== undefined && (version === 2 || typeof features?.rangesFrom !== 'function')) {
    refuse('features', 'of version 3, what gicv3Features answers', features);
  }
  if (!Array.isArray(its)) refuse('its', 'an array of what itsAt answers', its);
  for (const [n, each] of its.entries()) {
    if (typeof each?.create !== 'function' || each.frame === undefined) refuse(`its[${n}]`, 'what itsAt answers', each);
  }
  if (its.length > 0 && version === 2) refuse('its', 'empty where version is 2: a GICv2 has no ITS', its);
  if (its.length > 0 && memory === undefined) {
    refuse('memory', "the guest's Ram where its is not empty: an ITS keeps its tables there", memory);
  }
  if (kvm !== undefined && kvm !== '6.12' && !Array.isArray(kvm)) {
    refuse('kvm', "'6.12', or an array of names of KVM_DEVIATIONS", kvm);
  }
  checkFrames(config);
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
    extendedRange: config.features?.extendedRange,
    systemRegisters: config.version === 3,
  };
}
