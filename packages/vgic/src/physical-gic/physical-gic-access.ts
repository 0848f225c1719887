import {
  GICR_V4_REGISTERS,
  GITS_V4_REGISTERS,
  type Gicv4Version,
  VPENDBASER_DOORBELL,
  VPENDBASER_PENDING_LAST,
  VPENDBASER_VALID,
  VPROPBASER_VALID,
} from '../architecture/gicv4.js';
import { BASER_VALID, COMMAND_QUEUE_PAGE, COMMAND_SIZE, GITS_CTLR_ENABLED } from '../architecture/its.js';
import { LPI_ENABLE } from '../architecture/lpi.js';
import { GICR_CTLR_ENABLE_LPIS, PENDBASER_PTZ } from '../architecture/redistributor.js';
import { type NamesOf, offsetsOf } from '../architecture/register-map.js';
import { GicError } from '../errors.js';
import { Command, type CommandName, type VirtualCommandName } from '../its/commands.js';
import { Ram } from '../memory/ram.js';
import { LPI_BITS } from './configuration-table.js';
import { DriverEvents, type Fields } from './driver-events.js';
import { PhysicalGic } from './physical-gic.js';
import { TABLE_PAGE, TablePages } from './table-pages.js';

const HOST_RAM_BASE = 0x1_0000_0000;
/** Pages of the host's RAM beside two for each CPU, one of which is its own and one a vPE's. */
const SPARE_PAGES = 256;
const VPE_ENTRY_SIZE = 32;
/** GICR_PROPBASER, GICR_VPROPBASER of GICv4.0: bits of INTIDs, less one. */
export const ID_BITS_FIELD = LPI_BITS - 1;
export const VPE_ID_BITS = 12;
/** Priority of the host's own LPIs. */
export const PHYSICAL_LPI_PRIORITY = 0xa0;

type GitsName = NamesOf<typeof GITS_V4_REGISTERS>;
type GicrName = NamesOf<typeof GICR_V4_REGISTERS>;
const GITS = offsetsOf(GITS_V4_REGISTERS);
const GICR = offsetsOf(GICR_V4_REGISTERS);

export interface PhysicalGicAccessConfig {
  readonly gicv4: Gicv4Version;
  readonly cpus: number;
  readonly priorityBits: number;
  readonly memory: Ram | undefined;
  /** LPIs of the host's own that are enabled from the start, 8192 and following. */
  readonly lpis: number;
  readonly onPhysicalLpi: (cpu: number, intid: number) => void;
}

/**
 * The host's GIC as its software has it: registers by name, a command queue, tables in the host's RAM. All RAM that CPUs
 * need is taken at the start, so that nothing a guest does can find it used up.
 */
export class PhysicalGicAccess {
  readonly hardware: PhysicalGic;
  readonly memory: Ram;
  /** The host's LPI configuration table. */
  readonly properties: number;
  readonly events = new DriverEvents();
  readonly #pages: TablePages;
  readonly #queue: number;
  /** Where the next command goes, as in GITS_CWRITER. */
  #cwriter = 0;
  /** The table of vPEs, which redistributors share with the ITS. */
  #vpeTable = 0;
  /** The pending table of CPU 0; those of the others follow. */
  readonly #pendingTables: number;
  readonly #readyCpus: Uint8Array;

  /** @throws GicError ENOSPC where the host's RAM is too small. */
  constructor({ memory, lpis, ...config }: PhysicalGicAccessConfig) {
    const { cpus } = config;
    this.memory = memory ?? new Ram(HOST_RAM_BASE, new Uint8Array((SPARE_PAGES + 2 * cpus) * TABLE_PAGE));
    this.hardware = new PhysicalGic({ ...config, memory: this.memory, vpeIdBits: VPE_ID_BITS });
    this.#pages = new TablePages(this.memory);
    this.#readyCpus = new Uint8Array(cpus);
    this.#queue = this.take();
    this.properties = this.take();
    this.#pendingTables = this.take(cpus);
    this.fill(this.properties, PHYSICAL_LPI_PRIORITY | LPI_ENABLE, lpis);
    this.#setUpIts();
  }

  fill(address: number, byte: number, length: number): void {
    const { bytes, base } = this.memory;
    bytes.fill(byte, address - base, address - base + length);
  }

  /** Address of that many pages of zeros, which are not given back. */
  take(pages = 1): number {
    const address = this.#pages.take(pages);
    if (address < 0) throw new GicError('ENOSPC', "The host's RAM has no room for another table of its GIC.");
    return address;
  }

  /** Addresses of that many single pages, to be released; undefined, and none is taken, where there is no room. */
  takeAll(count: number): number[] | undefined {
    const pages: number[] = [];
    while (pages.length < count) {
      const page = this.#pages.take();
      if (page < 0) {
        for (const taken of pages) this.#pages.release(taken);
        return undefined;
      }
      pages.push(page);
    }
    return pages;
  }

  release(page: number): void {
    this.#pages.release(page);
  }

  /** Tables of the ITS: of devices, of collections, at last of vPEs. */
  #setUpIts(): void {
    const tables = [1, 1, Math.ceil((2 ** VPE_ID_BITS * VPE_ENTRY_SIZE) / TABLE_PAGE)];
    for (const [n, pages] of tables.entries()) {
      this.#vpeTable = this.take(pages);
      this.writeIts('GITS_BASER', this.#vpeTable + pages - 1, BASER_VALID, 8 * n);
    }
    this.writeIts('GITS_CBASER', this.#queue + TABLE_PAGE / COMMAND_QUEUE_PAGE - 1, BASER_VALID);
    this.writeIts('GITS_CTLR', GITS_CTLR_ENABLED);
    this.prepareCpu(0);
    this.issue('MAPC', { collection: 0, target: 0, valid: 1 });
  }

  /** The CPU takes LPIs, and vPEs can be resident on it. */
  prepareCpu(cpu: number): void {
    if (this.#readyCpus[cpu]) return;
    this.#readyCpus[cpu] = 1;
    const pending = this.#pendingTables + cpu * TABLE_PAGE;
    this.writeRedistributor(cpu, 'GICR_PROPBASER', this.properties | ID_BITS_FIELD, upperHalf(this.properties));
    this.writeRedistributor(cpu, 'GICR_PENDBASER', pending | 0, upperHalf(pending) | PENDBASER_PTZ);
    this.writeRedistributor(cpu, 'GICR_CTLR', GICR_CTLR_ENABLE_LPIS);
    if (this.hardware.version === 40) return;
    const address = this.#vpeTable;
    this.writeRedistributor(cpu, 'GICR_VPROPBASER', address | 0, upperHalf(address) | VPROPBASER_VALID);
  }

  /** `low`: an address, of which the part above 32 bits goes into the upper half, and the fields beside it. */
  writeIts(register: GitsName, low: number, high = 0, at = 0): void {
    const width = register === 'GITS_CTLR' ? 4 : 8;
    this.hardware.writeIts(GITS[register] + at, width, low, high | upperHalf(low));
  }

  /** In signed halves of 32 bits: V8 would allocate for what an entry and an exit write. */
  writeRedistributor(cpu: number, register: GicrName, low: number, high = 0): void {
    const width = register === 'GICR_CTLR' || register === 'GICR_VSGIR' ? 4 : 8;
    this.hardware.writeRedistributor(cpu, GICR[register], width, low, high);
  }

  /** The lower half of a register of 8 bytes, the upper one is in the hardware's `high`; or one of 4. */
  readRedistributor(cpu: number, register: GicrName): number {
    return this.hardware.readRedistributor(cpu, GICR[register], register === 'GICR_VSGIPENDR' ? 4 : 8);
  }

  /** The upper half of a register of 8 bytes. */
  readUpperHalf(cpu: number, register: GicrName): number {
    return this.hardware.readRedistributor(cpu, GICR[register] + 4, 4);
  }

  /** Has the ITS carry a command out. */
  issue(name: CommandName | VirtualCommandName, fields: Fields): void {
    this.events.command?.(name, fields);
    const { words } = Command.of(name, fields);
    const at = this.#cwriter;
    this.#cwriter = (at + COMMAND_SIZE) % TABLE_PAGE;
    for (let n = 0; n < 8; n += 2) this.memory.store64(this.#queue + at + 4 * n, words[n], words[n + 1]);
    this.writeIts('GITS_CWRITER', this.#cwriter);
  }

  /** Does something while no vPE is resident on a CPU; whoever is there steps aside and comes back. */
  withNobodyResident<Value>(cpu: number, action: () => Value): Value {
    const low = this.readRedistributor(cpu, 'GICR_VPENDBASER');
    const { high } = this.hardware;
    const table = this.readRedistributor(cpu, 'GICR_VPROPBASER');
    const tableHigh = this.hardware.high;
    const present = high & VPENDBASER_VALID;
    const unasked = this.hardware.version === 41 ? VPENDBASER_PENDING_LAST : 0;
    if (present) {
      const gone = (high & ~(VPENDBASER_VALID | VPENDBASER_DOORBELL)) | unasked;
      this.writeRedistributor(cpu, 'GICR_VPENDBASER', low, gone);
    }
    const value = action();
    if (this.hardware.version === 40) this.writeRedistributor(cpu, 'GICR_VPROPBASER', table, tableHigh);
    if (present) this.writeRedistributor(cpu, 'GICR_VPENDBASER', low, high);
    return value;
  }
}

/** The part of an address above 32 bits. */
export function upperHalf(address: number): number {
  return Math.floor(address / 2 ** 32);
}
