import { RAM_BASE } from './memory-map.js';

/** What DMA needs of the core: the RAM, and to be told what changes there. */
export interface DmaMemory {
  readonly ram: Uint8Array;
  ramChanged(offset: number, length: number): void;
}

/**
 * Guest RAM as a device on the bus reaches it, by physical address. What is not wholly RAM is refused. What is written
 * is no stale code for a vCPU, and dirty for a migration.
 */
export class Dma {
  readonly #memory: DmaMemory;
  readonly #view: DataView;

  constructor(memory: DmaMemory) {
    this.#memory = memory;
    this.#view = new DataView(memory.ram.buffer, memory.ram.byteOffset, memory.ram.byteLength);
  }

  has(address: number, length: number): boolean {
    return address >= RAM_BASE && length >= 0 && address - RAM_BASE + length <= this.#view.byteLength;
  }

  /** The bytes there, to read at once: they are RAM itself. The caller has asked `has`. */
  bytes(address: number, length: number): Uint8Array {
    const offset = address - RAM_BASE;
    return this.#memory.ram.subarray(offset, offset + length);
  }

  /** Copies bytes to RAM. The caller has asked `has`. */
  write(address: number, bytes: Uint8Array): void {
    this.#memory.ram.set(bytes, address - RAM_BASE);
    this.#memory.ramChanged(address - RAM_BASE, bytes.length);
  }

  /** 16 bits; the caller has asked `has`. */
  load16(address: number): number {
    return this.#view.getUint16(address - RAM_BASE, true);
  }

  load32(address: number): number {
    return this.#view.getUint32(address - RAM_BASE, true);
  }

  /** A 64-bit address or length; beyond 2^53 not exact, and then far beyond RAM. */
  load64(address: number): number {
    return this.load32(address + 4) * 2 ** 32 + this.load32(address);
  }

  store16(address: number, value: number): void {
    this.#view.setUint16(address - RAM_BASE, value, true);
    this.#memory.ramChanged(address - RAM_BASE, 2);
  }

  store32(address: number, value: number): void {
    this.#view.setUint32(address - RAM_BASE, value, true);
    this.#memory.ramChanged(address - RAM_BASE, 4);
  }
}
