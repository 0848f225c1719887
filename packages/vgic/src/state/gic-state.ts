import { SYSTEM_REGISTER_ORDER } from '../architecture/system-registers.js';
import type { Gicv3FeatureConfig } from '../frames/gicv3-features.js';
import type { RamPages } from '../memory/page-overlay.js';
import type { DetachedLpi } from './detached-lpis.js';
import type { ItsMappings } from './its-mappings.js';

/** The one format that a restore reads. It grows with every change of what a state says. */
export const STATE_FORMAT = 3;

/** The value of a register of 32 bits is a number, that of one of 64 bits hexadecimal digits: `0x…`. */
export type RegisterValue = number | string;

/** Registers by the architecture's names; an array of registers is a list. */
export type Registers = Readonly<Record<string, RegisterValue | readonly RegisterValue[]>>;

/** What of a GICv3's CPU interface a guest can tell, as ICC_CTLR_EL1 shows it. */
export interface CpuInterfaceParameters {
  /** 5 to 8. */
  readonly priorityBits: number;
  /** 0: INTIDs of 16 bits, 1: of 24. */
  readonly idBits: number;
  readonly affinity3: boolean;
  readonly seis: boolean;
}

/** What a GIC is like, as far as its guest can tell: a state goes to one that is the same. */
export interface GicDescription {
  readonly version: 2 | 3;
  readonly vcpus: number;
  /** INTIDs of the distributor, SGIs and PPIs included. */
  readonly interrupts: number;
  /** Bits of an LPI's INTID. */
  readonly intidBits: number;
  /** Of a GICv3 that has some of {@link Gicv3FeatureConfig}; else null. */
  readonly features: Required<Gicv3FeatureConfig> | null;
  /** Null with a GICv2, whose interface is always the same. */
  readonly cpuInterface: CpuInterfaceParameters | null;
  /** Where the guest finds the frames, guest-physical addresses in hexadecimal; null for one that has no place yet. */
  readonly frames: {
    readonly distributor: string | null;
    /** GICv3: each vCPU's. */
    readonly redistributors: readonly (string | null)[];
    /** GICv2. */
    readonly cpuInterface: string | null;
    readonly its: readonly (string | null)[];
  };
}

/** A GIC's state as plain JSON: registers by the architecture's names, and the little that no register has. */
export interface GicState {
  readonly format: typeof STATE_FORMAT;
  readonly gic: GicDescription;
  /** GICD_*; of an array by INTID the part of the SPIs, from INTID 32 on. */
  readonly distributor: Registers;
  /** GICv2: the part of SGIs and PPIs, which each vCPU has for itself. */
  readonly banked: readonly Registers[];
  /** GICv3: GICR_* of each vCPU. */
  readonly redistributors: readonly Registers[];
  /** ICC_* of each vCPU; GICC_* with a GICv2. */
  readonly cpuInterfaces: readonly Registers[];
  /** GITS_* of each ITS. */
  readonly its: readonly Registers[];

  // ---- what no register has

  /** How many pages of tables, over guest RAM, belong to the state. */
  readonly pages: number;
  /**
   * The input lines, 32 to a word: SGIs and PPIs of each vCPU, then SPIs, extended PPIs of each vCPU, extended SPIs. Those of
   * edge-triggered interrupts too.
   */
  readonly lines: readonly number[];
  /**
   * The INTIDs of the interrupts that each vCPU has to take or to end. Ascending; with KVM's way to fill list registers in the
   * order in which they were queued, which decides between equal priorities then.
   */
  readonly queues: readonly (readonly number[])[];
  /** GICv2: vCPU, SGI, and the vCPU that has sent the active one. */
  readonly activeSources: readonly (readonly [vcpu: number, sgi: number, source: number])[];
  /** What each ITS translates, where its tables would not bring it back; else null. */
  readonly mappings: readonly (ItsMappings | null)[];
  /** LPIs that a guest has acknowledged and not ended. */
  readonly activeLpis: readonly number[];
  /** LPIs that the tables do not bring back as they are. */
  readonly detachedLpis: readonly DetachedLpi[];
}

/** A saved GIC: its state, and the pages of guest RAM that have its tables. */
export interface SavedGic {
  readonly state: GicState;
  /**
   * The ITSs' tables and the LPIs' pending tables as the save has written them, over the guest's RAM, which has none of them.
   * No page without an ITS.
   */
  readonly pages: RamPages;
}

/** The parts of a state that hold registers; all but the distributor's have some for each vCPU or ITS. */
export type Room = 'distributor' | 'banked' | 'redistributors' | 'cpuInterfaces' | 'its';

/**
 * What a save reads and a restore writes, room by room: registers; a register of clear-bits that is written with ones, before
 * what is set is set; the input lines; the ITS's tables.
 */
export type Step =
  | { readonly room: Room; readonly registers: readonly string[] }
  | { readonly room: Room; readonly clear: string }
  | 'lines'
  | 'tables';

/**
 * First what decides how and where an interrupt is delivered, then what makes it deliverable, since KVM queues an interrupt
 * at the write that completes it and looks no further. GICD_IIDR says which behaviour the guest was promised, so it is the
 * first. SGIs are enabled at reset.
 */
export const STEPS_V3: readonly Step[] = [
  { room: 'distributor', registers: ['GICD_IIDR', 'GICD_CTLR', 'GICD_STATUSR'] },
  { room: 'distributor', registers: ['GICD_IGROUPR', 'GICD_ICFGR', 'GICD_IPRIORITYR', 'GICD_IROUTER'] },
  { room: 'distributor', registers: ['GICD_IGROUPRnE', 'GICD_ICFGRnE', 'GICD_IPRIORITYRnE', 'GICD_IROUTERnE'] },
  {
    room: 'redistributors',
    registers: ['GICR_WAKER', 'GICR_STATUSR', 'GICR_PROPBASER', 'GICR_PENDBASER', 'GICR_CTLR'],
  },
  { room: 'redistributors', registers: ['GICR_IGROUPR0', 'GICR_IPRIORITYR'] },
  { room: 'redistributors', registers: ['GICR_IGROUPRnE', 'GICR_ICFGRnE', 'GICR_IPRIORITYRnE'] },
  { room: 'redistributors', clear: 'GICR_ICENABLER0' },
  { room: 'redistributors', registers: ['GICR_ISENABLER0', 'GICR_ISENABLERnE'] },
  { room: 'distributor', registers: ['GICD_ISENABLER', 'GICD_ISENABLERnE'] },
  'lines',
  { room: 'redistributors', registers: ['GICR_ISPENDR0', 'GICR_ISACTIVER0', 'GICR_ISPENDRnE', 'GICR_ISACTIVERnE'] },
  { room: 'distributor', registers: ['GICD_ISPENDR', 'GICD_ISACTIVER', 'GICD_ISPENDRnE', 'GICD_ISACTIVERnE'] },
  { room: 'cpuInterfaces', registers: SYSTEM_REGISTER_ORDER },
];

/** The private part of GICD_ICFGR and GICD_ITARGETSR is read-only. */
export const STEPS_V2: readonly Step[] = [
  { room: 'distributor', registers: ['GICD_IIDR', 'GICD_CTLR'] },
  { room: 'banked', registers: ['GICD_IGROUPR', 'GICD_IPRIORITYR'] },
  { room: 'distributor', registers: ['GICD_IGROUPR', 'GICD_ICFGR', 'GICD_IPRIORITYR', 'GICD_ITARGETSR'] },
  { room: 'banked', clear: 'GICD_ICENABLER' },
  { room: 'banked', registers: ['GICD_ISENABLER'] },
  { room: 'distributor', registers: ['GICD_ISENABLER'] },
  'lines',
  { room: 'banked', registers: ['GICD_ISPENDR', 'GICD_SPENDSGIR', 'GICD_ISACTIVER'] },
  { room: 'distributor', registers: ['GICD_ISPENDR', 'GICD_ISACTIVER'] },
  { room: 'cpuInterfaces', registers: ['GICC_CTLR', 'GICC_PMR', 'GICC_BPR', 'GICC_ABPR', 'GICC_APR'] },
];

/**
 * An ITS, after the redistributors, which say where LPIs have their tables: the order that KVM's document asks for.
 * GITS_CBASER empties the queue; GITS_CTLR is the last, with which MSIs may come. Source: Linux, arm-vgic-its.rst.
 */
export const ITS_STEPS: readonly Step[] = [
  { room: 'its', registers: ['GITS_IIDR', 'GITS_CBASER', 'GITS_CREADR', 'GITS_CWRITER', 'GITS_BASER'] },
  'tables',
  { room: 'its', registers: ['GITS_CTLR'] },
];

/** The steps of a GIC's state but for its ITSs. */
export function stepsOf(version: 2 | 3): readonly Step[] {
  return version === 3 ? STEPS_V3 : STEPS_V2;
}

/** Registers of 64 bits that read as zero until they are written; no write makes them so again. */
export const ZERO_UNTIL_WRITTEN: ReadonlySet<string> = new Set(['GICR_PROPBASER', 'GITS_CBASER']);
