import { fromHex, isHexBytes, toHex } from '../state-checks.js';

/** The part of a function's configuration space that every PCI function has; the rest of PCIe's 4 KiB reads as zero here. */
export const CONFIG_SIZE = 0x100;
/** Where the first capability lies: right after the header. */
const FIRST_CAPABILITY = 0x40;

/** The registers of a type 0 header that this board's functions have: PCI Local Bus Specification 3.0, 6.1 and 6.2. */
export const HEADER = {
  vendorId: { offset: 0x00, size: 2 },
  deviceId: { offset: 0x02, size: 2 },
  /** Memory space, bus master, parity error response, SERR# enable, interrupt disable. */
  command: { offset: 0x04, size: 2, writable: 0x0546 },
  status: { offset: 0x06, size: 2 },
  revision: { offset: 0x08, size: 1 },
  /** Programming interface, subclass, base class. */
  classCode: { offset: 0x09, size: 3 },
  cacheLineSize: { offset: 0x0c, size: 1, writable: 0xff },
  bar: { offset: 0x10, size: 4 },
  subsystemVendorId: { offset: 0x2c, size: 2 },
  subsystemId: { offset: 0x2e, size: 2 },
  capabilities: { offset: 0x34, size: 1 },
  interruptLine: { offset: 0x3c, size: 1, writable: 0xff },
  interruptPin: { offset: 0x3d, size: 1 },
} as const;

/** Bits of the command register (6.2.2). */
export const COMMAND = { memorySpace: 1 << 1, busMaster: 1 << 2, interruptDisable: 1 << 10 } as const;
/** Bits of the status register (6.2.3). */
export const STATUS = { interrupt: 1 << 3, capabilityList: 1 << 4 } as const;

/**
 * A configuration space: bytes, and which of their bits the guest may write. Registers of any width lie in it, little-endian,
 * and accesses of any width reach them.
 */
export class ConfigSpace {
  readonly #bytes = new Uint8Array(CONFIG_SIZE);
  readonly #writable = new Uint8Array(CONFIG_SIZE);
  #nextCapability = FIRST_CAPABILITY;
  /** Where the offset of the next capability is to be written. */
  #link: number = HEADER.capabilities.offset;

  /** A register with its reset value and the bits that the guest may write. */
  define(offset: number, size: number, value: number, writable = 0): void {
    for (let byte = 0; byte < size; byte++) {
      this.#bytes[offset + byte] = Math.floor(value / 2 ** (8 * byte));
      this.#writable[offset + byte] = Math.floor(writable / 2 ** (8 * byte));
    }
  }

  /** Puts a capability at the end of the list (6.7); returns its offset. Its first two bytes are taken. */
  addCapability(id: number, length: number): number {
    const offset = this.#nextCapability;
    this.#nextCapability += (length + 3) & ~3;
    this.#bytes[this.#link] = offset;
    this.#link = offset + 1;
    this.#bytes[offset] = id;
    this.define(HEADER.status.offset, 2, STATUS.capabilityList);
    return offset;
  }

  get(offset: number, size: number): number {
    let value = 0;
    for (let byte = 0; byte < size; byte++) value += (this.#bytes[offset + byte] ?? 0) * 2 ** (8 * byte);
    return value;
  }

  /** A write of the guest's: what it may not write stays. */
  write(offset: number, size: number, value: number): void {
    for (let byte = 0; byte < size && offset + byte < CONFIG_SIZE; byte++) {
      const mask = this.#writable[offset + byte];
      this.#bytes[offset + byte] = (this.#bytes[offset + byte] & ~mask) | ((value >>> (8 * byte)) & mask);
    }
  }

  save(): string {
    return toHex(this.#bytes);
  }

  /** Takes a state that `check` accepts. */
  restore(state: string): void {
    this.#bytes.set(fromHex(state));
  }

  /** Whether a saved space is one of this function's: it differs only where the guest may write. */
  check(state: unknown): boolean {
    if (!isHexBytes(state, CONFIG_SIZE) || state.length !== 2 * CONFIG_SIZE) return false;
    return fromHex(state).every((byte, at) => ((byte ^ this.#bytes[at]) & ~this.#writable[at]) === 0);
  }
}
