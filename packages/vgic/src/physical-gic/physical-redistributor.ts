import { PENDBASER_PTZ } from '../architecture/redistributor.js';
import { addressOf } from '../its/lpis.js';
import type { ConfigurationTables } from './configuration-table.js';
import { LPI_BITS } from './configuration-table.js';
import { PendingTable } from './pending-table.js';

const PROPBASER_ADDRESS = 0xfffff000;
const PENDBASER_ADDRESS = 0xffff0000;
const ID_BITS = 0x1f;

/** A physical redistributor, as far as LPIs go. Registers of 64 bits in halves. Source: IHI 0069, 12.11. */
export class PhysicalRedistributor {
  /** GICR_CTLR.EnableLPIs. */
  enabled = false;
  #lpis: PendingTable | undefined;
  propbaserLow = 0;
  propbaserHigh = 0;
  pendbaserLow = 0;
  pendbaserHigh = 0;
  vpropbaserLow = 0;
  vpropbaserHigh = 0;
  vpendbaserLow = 0;
  vpendbaserHigh = 0;
  /** What the last write of GICR_VSGIR asked for. */
  vsgiPending = 0;

  constructor(
    readonly number: number,
    readonly configurations: ConfigurationTables,
    readonly priorityMask: number,
  ) {}

  /** Comes to be with its first use: a host may have thousands of CPUs of which few ever take an LPI. */
  get lpis(): PendingTable {
    this.#lpis ??= new PendingTable(this.priorityMask);
    return this.#lpis;
  }

  get #pendingAddress(): number {
    return addressOf(this.pendbaserLow & PENDBASER_ADDRESS, this.pendbaserHigh);
  }

  /** EnableLPIs becomes 1: the tables in memory are taken over. */
  enable(): void {
    const bits = Math.min((this.propbaserLow & ID_BITS) + 1, LPI_BITS);
    this.lpis.limit = 2 ** bits;
    this.lpis.configuration = this.configurations.acquire(
      addressOf(this.propbaserLow & PROPBASER_ADDRESS, this.propbaserHigh),
    );
    if (this.pendbaserHigh & PENDBASER_PTZ) this.lpis.clearAll();
    else this.lpis.load(this.configurations.memory, this.#pendingAddress);
    this.enabled = true;
  }

  /** EnableLPIs becomes 0: the pending table is complete in memory. */
  disable(): void {
    this.enabled = false;
    this.lpis.store(this.configurations.memory, this.#pendingAddress);
    this.lpis.clearAll();
    this.configurations.release(this.lpis.configuration);
    this.lpis.configuration = undefined;
  }
}
