import type { RamPages } from '../memory/page-overlay.js';
import type { DetachedLpi } from './detached-lpis.js';
import type { ItsMappings } from './its-mappings.js';
import * as uapi from './uapi.js';

/** One KVM_SET_DEVICE_ATTR: its attribute and value in hexadecimal (`0x…`). */
export interface RegisterRecord {
  readonly group: number;
  readonly attr: string;
  readonly value: string;
}

/**
 * A GIC's state as plain JSON. `records` are what KVM's device API takes, in an order in which they can be written. The
 * rest is what that API can't carry and a guest could notice; a KVM would do without.
 */
export interface GicState {
  readonly version: 1;
  readonly config: {
    readonly version: 2 | 3;
    readonly vcpus: number;
    readonly interrupts: number;
  };
  readonly records: readonly RegisterRecord[];
  /** How many pages of tables, over guest RAM, belong to the state. */
  readonly pages: number;
  /**
   * Each ITS's registers, as KVM_DEV_ARM_VGIC_GRP_ITS_REGS takes them. Its tables and the pending tables are in the pages that
   * come with the state. Where they would not bring back what the ITS translates, that is in `mappings`.
   */
  readonly its: readonly {
    readonly registers: readonly Omit<RegisterRecord, 'group'>[];
    readonly mappings: ItsMappings | null;
  }[];
  /** LPIs that a guest has acknowledged and not ended. */
  readonly activeLpis: readonly number[];
  /** LPIs that the tables do not bring back as they are. */
  readonly detachedLpis: readonly DetachedLpi[];
  /** The INTIDs of each vCPU's interrupts in the order in which they were queued: it decides between equal priorities. */
  readonly queues: readonly (readonly number[])[];
  /** The input lines of all interrupts, 32 to a word, edge-triggered ones included. */
  readonly lines: readonly number[];
  /**
   * The guest has asked for SGIs without active state (GICD_CTLR.nASSGIreq): vSGIs with GICv4.1, which KVM's API restores
   * on such a host only. Elsewhere software delivers them, and the register keeps what the guest wrote.
   */
  readonly vsgis?: boolean;
  /** All active priority registers of each vCPU, group 0's and group 1's: with 8 bits of priority KVM's API shows one of 4. */
  readonly activePriorities: readonly (readonly number[])[];
  /** GICv2: [index of the interrupt, the sender of the active SGI]. */
  readonly activeSources: readonly (readonly [number, number])[];
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

export const DIST = uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS;
export const REDIST = uapi.KVM_DEV_ARM_VGIC_GRP_REDIST_REGS;
const CPU = uapi.KVM_DEV_ARM_VGIC_GRP_CPU_REGS;

/**
 * What a save reads and a restore writes, in this order: first what decides how and where an interrupt is delivered, then
 * what makes it deliverable, since KVM queues an interrupt at the write that completes it and looks no further.
 */
export type Step =
  | { readonly group: number; readonly registers: readonly string[] }
  | { readonly group: number; readonly reset: string }
  | 'lines'
  | 'system registers';

export const STEPS_V3: readonly Step[] = [
  { group: DIST, registers: ['GICD_IIDR', 'GICD_CTLR', 'GICD_STATUSR'] },
  { group: DIST, registers: ['GICD_IGROUPR', 'GICD_ICFGR', 'GICD_IPRIORITYR', 'GICD_IROUTER'] },
  { group: REDIST, registers: ['GICR_STATUSR', 'GICR_PROPBASER', 'GICR_PENDBASER', 'GICR_CTLR'] },
  { group: REDIST, registers: ['GICR_IGROUPR0', 'GICR_IPRIORITYR'] },
  { group: REDIST, reset: 'GICR_ICENABLER0' },
  { group: REDIST, registers: ['GICR_ISENABLER0'] },
  { group: DIST, registers: ['GICD_ISENABLER'] },
  'lines',
  { group: REDIST, registers: ['GICR_ISPENDR0', 'GICR_ISACTIVER0'] },
  { group: DIST, registers: ['GICD_ISPENDR', 'GICD_ISACTIVER'] },
  'system registers',
];

export const STEPS_V2: readonly Step[] = [
  { group: DIST, registers: ['GICD_IIDR', 'GICD_CTLR'] },
  { group: DIST, registers: ['GICD_IGROUPR', 'GICD_ICFGR', 'GICD_IPRIORITYR', 'GICD_ITARGETSR'] },
  { group: DIST, reset: 'GICD_ICENABLER' },
  { group: DIST, registers: ['GICD_ISENABLER', 'GICD_ISPENDR', 'GICD_SPENDSGIR', 'GICD_ISACTIVER'] },
  { group: CPU, registers: ['GICC_CTLR', 'GICC_PMR', 'GICC_BPR', 'GICC_ABPR', 'GICC_APR'] },
];

/** The order that KVM's document asks for: GITS_CBASER empties the queue; GITS_CTLR last, after the tables. */
export const ITS_REGISTER_ORDER: readonly (readonly [name: string, at: number])[] = [
  ['GITS_IIDR', 0],
  ['GITS_CBASER', 0],
  ['GITS_CREADR', 0],
  ['GITS_CWRITER', 0],
  ['GITS_BASER', 0],
  ['GITS_BASER', 8],
  ['GITS_CTLR', 0],
];
