import { MEMORY_MAP, type RegionName } from './memory-map.js';

/** A device with registers on the bus. It answers every access; what it does not know reads as zero and ignores writes. */
export interface BusDevice {
  /** Upper half of the last 64-bit load. */
  readonly high: number;
  /** Virtual time of the next thing that it does by itself, Infinity when there is none; without it, never. */
  readonly deadline?: number;
  /** Whether something answers at that address of the device's region; without it, everywhere. */
  contains?(address: number): boolean;
  /** A load; returns the low 32 bits. `address` is physical. */
  read(vcpu: number, address: number, size: number): number;
  write(vcpu: number, address: number, size: number, low: number, high: number): void;
}

interface Place {
  readonly base: number;
  readonly end: number;
  readonly device: BusDevice;
}

/** Finds the device at a physical address, by the memory map. RAM is not here: the core reads and writes it itself. */
export class Bus {
  #places: Place[] = [];
  #last: Place | undefined;

  /** Puts a device at a region of the map. */
  attach(name: RegionName, device: BusDevice): void {
    const { base, size } = MEMORY_MAP.find((region) => region.name === name)!;
    this.#places.push({ base, end: base + size, device });
  }

  /** The device there, or undefined when nothing would answer: the guest then takes an external abort. */
  at(address: number): BusDevice | undefined {
    let place = this.#last;
    if (!place || address < place.base || address >= place.end) {
      place = this.#places.find((candidate) => address >= candidate.base && address < candidate.end);
      if (!place) return undefined;
      this.#last = place;
    }
    const { device } = place;
    return device.contains === undefined || device.contains(address) ? device : undefined;
  }
}
