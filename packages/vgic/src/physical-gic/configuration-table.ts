import { LPI_MIN } from '../architecture/intid.js';
import type { Ram } from '../memory/ram.js';

/** INTID bits of physical LPIs and of vLPIs here. */
export const LPI_BITS = 16;
export const LPI_LIMIT = 2 ** LPI_BITS;

const CONFIGURATION_PAGE = 4096;

/**
 * What the redistributors hold of an LPI configuration table, physical or virtual: a byte for each INTID, which stays as it
 * was read until an INV or its like. Outside RAM a byte is 0, which disables. Source: IHI 0069, 5.1.1 and 5.6.
 */
export class ConfigurationTable {
  /** The address by 4 KiB, of which tables are multiples: V8 compares that without allocating. */
  readonly page: number;
  /** Where it is in RAM, or outside: small enough, as well. */
  readonly #from: number;
  readonly #bytes = new Uint8Array(LPI_LIMIT - LPI_MIN);
  /** Changes when a byte does. */
  generation = 0;
  /** How many vPEs or redistributors use it. */
  users = 0;

  constructor(
    readonly memory: Ram,
    /** Of the byte of INTID 8192. */
    readonly address: number,
  ) {
    this.page = address / CONFIGURATION_PAGE;
    const from = address - memory.base;
    this.#from = from;
    if (from >= 0 && from < memory.size) {
      this.#bytes.set(memory.bytes.subarray(from, Math.min(from + this.#bytes.length, memory.size)));
    }
  }

  /** The byte of an LPI, as held. */
  get(intid: number): number {
    return this.#bytes[intid - LPI_MIN];
  }

  /** Reads the byte of an LPI anew. */
  invalidate(intid: number): void {
    if (intid < LPI_MIN || intid >= LPI_LIMIT) return;
    const { bytes, size } = this.memory;
    const at = this.#from + intid - LPI_MIN;
    this.#bytes[intid - LPI_MIN] = at >= 0 && at < size ? bytes[at] : 0;
    this.generation++;
  }

  /** Reads all anew. */
  invalidateAll(): void {
    for (let intid = LPI_MIN; intid < LPI_LIMIT; intid++) this.invalidate(intid);
  }
}

/** The configuration tables in use, by address: vPEs of one VM share theirs. */
export class ConfigurationTables {
  readonly #tables = new Map<number, ConfigurationTable>();

  constructor(readonly memory: Ram) {}

  acquire(address: number): ConfigurationTable {
    let table = this.#tables.get(address);
    if (table === undefined) {
      table = new ConfigurationTable(this.memory, address);
      this.#tables.set(address, table);
    }
    table.users++;
    return table;
  }

  release(table: ConfigurationTable | undefined): void {
    if (table === undefined) return;
    table.users--;
    if (table.users === 0) this.#tables.delete(table.address);
  }

  /** How many are held. */
  get size(): number {
    return this.#tables.size;
  }
}
