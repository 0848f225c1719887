import type { BusDevice } from '../bus.js';
import { regionOf } from '../memory-map.js';
import type { Bar, PciFunction } from './function.js';

/**
 * The generic PCIe host of the board: bus 0 with up to 32 devices of one function. Its configuration space is ECAM (PCI Express
 * Base Specification 5.0, 7.2.2); memory BARs are decoded in its window of physical addresses, one to one. As on
 * hardware nobody's addresses read as all ones, and ignore writes.
 */

const DEVICES = 32;
/** INTx lines of the host, and so its SPIs. */
export const INTX_LINES = 4;
/** Configuration space of one function in ECAM. */
const FUNCTION_SIZE = 0x1000;
const FUNCTIONS = 8;

/** The RequesterID of a device on bus 0: it is what an ITS takes as DeviceID. */
export function requesterId(slot: number): number {
  return slot << 3;
}

/** The line to which INTA# of a device leads: each device's one further on (PCI-to-PCI Bridge specification, table 9-1). */
export function intxLine(slot: number): number {
  return slot % INTX_LINES;
}

type Read = (address: number, size: number) => number;
type Write = (address: number, size: number, value: number) => void;

interface Place {
  base: number;
  end: number;
  bar: Bar;
  pciFunction: PciFunction;
}

/** The host bridge. */
export class PcieHost {
  /** The regions pcie-ecam, pcie-mmio and pcie-pio of the board. */
  readonly ecam: BusDevice;
  readonly memoryWindow: BusDevice;
  readonly ioWindow: BusDevice;
  readonly #functions: (PciFunction | undefined)[] = new Array(DEVICES).fill(undefined);
  /** BARs as they are decoded now; undefined when that has to be found out. */
  #places: Place[] | undefined;

  /** `deadline`: virtual time of the next thing that one of the devices does by itself. */
  constructor(deadline: () => number) {
    const splitting = (read: Read, write: Write) => splitAccesses(read, write, deadline);
    const ecamBase = regionOf('pcie-ecam').base;
    this.ecam = splitting(
      (address, size) => this.#readConfig(address - ecamBase, size),
      (address, size, value) => this.#writeConfig(address - ecamBase, size, value),
    );
    this.memoryWindow = splitting(
      (address, size) => {
        const place = this.#placeAt(address, size);
        return place ? place.pciFunction.readBar(place.bar, address - place.base, size) : allOnes(size);
      },
      (address, size, value) => {
        const place = this.#placeAt(address, size);
        if (place) place.pciFunction.writeBar(place.bar, address - place.base, size, value);
      },
    );
    this.ioWindow = splitting(
      (_address, size) => allOnes(size),
      () => {},
    );
  }

  attach(slot: number, pciFunction: PciFunction): void {
    this.#functions[slot] = pciFunction;
  }

  /** Configuration spaces were changed otherwise than by the guest. */
  changed(): void {
    this.#places = undefined;
  }

  /** The level of an INTx line: of all that lead to it. */
  level(line: number): boolean {
    return this.#functions.some((each, slot) => each !== undefined && intxLine(slot) === line && each.line);
  }

  #functionAt(offset: number): PciFunction | undefined {
    const number = Math.floor(offset / FUNCTION_SIZE);
    return number % FUNCTIONS === 0 ? this.#functions[number / FUNCTIONS] : undefined;
  }

  #readConfig(offset: number, size: number): number {
    return this.#functionAt(offset)?.readConfig(offset % FUNCTION_SIZE, size) ?? allOnes(size);
  }

  #writeConfig(offset: number, size: number, value: number): void {
    this.#functionAt(offset)?.writeConfig(offset % FUNCTION_SIZE, size, value);
    this.#places = undefined;
  }

  /** Whose BAR has all of an access; of BARs over each other, the first device's. */
  #placeAt(address: number, size: number): Place | undefined {
    this.#places ??= this.#decode();
    return this.#places.find(({ base, end }) => address >= base && address + size <= end);
  }

  #decode(): Place[] {
    const places: Place[] = [];
    for (const pciFunction of this.#functions) {
      for (const bar of pciFunction?.bars ?? []) {
        const base = pciFunction!.placeOf(bar);
        if (base !== undefined) places.push({ base, end: base + bar.size, bar, pciFunction: pciFunction! });
      }
    }
    return places;
  }
}

function allOnes(size: number): number {
  return 2 ** (8 * size) - 1;
}

/** A region that takes accesses of up to four bytes; one of eight is two of them. */
function splitAccesses(read: Read, write: Write, deadline: () => number): BusDevice {
  return {
    high: 0,
    get deadline() {
      return deadline();
    },
    read(_vcpu, address, size) {
      const low = read(address, Math.min(size, 4)) >>> 0;
      (this as { high: number }).high = size === 8 ? read(address + 4, 4) >>> 0 : 0;
      return low;
    },
    write(_vcpu, address, size, low, high) {
      write(address, Math.min(size, 4), low);
      if (size === 8) write(address + 4, 4, high);
    },
  };
}
