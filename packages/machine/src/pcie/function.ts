import { COMMAND, ConfigSpace, HEADER, STATUS } from './config-space.js';
import { MsiX, type MsiXState } from './msi-x.js';

/** A memory BAR: PCI Local Bus Specification 3.0, 6.2.5.1. */
export interface Bar {
  /** 0 to 5; a 64-bit one also takes the next. */
  index: number;
  /** Bytes: a power of two, at least 4096 here. */
  size: number;
  width: 32 | 64;
  prefetchable: boolean;
}

/** What a function is. */
export interface FunctionIdentity {
  vendorId: number;
  deviceId: number;
  revision: number;
  /** Base class, subclass, programming interface. */
  classCode: number;
  subsystemVendorId: number;
  subsystemId: number;
}

/** What a function needs of the bus. */
export interface FunctionHost {
  /** Writes a word as this requester: an MSI, if a doorbell is there. */
  writeWord(address: number, value: number): void;
  /** The level of INTA# changed. */
  interruptLine(level: boolean): void;
}

/** The device behind the function. */
export interface FunctionDevice {
  /** A load of 1, 2 or 4 bytes from one of its BARs. */
  readBar(bar: number, offset: number, size: number): number;
  writeBar(bar: number, offset: number, size: number, value: number): void;
  /** Its own registers in the configuration space are about to be read, or were written, at those offsets. */
  configRead?(offset: number, size: number): void;
  configWritten?(offset: number, size: number): void;
}

/** All that a function remembers besides its device; plain JSON. */
export interface FunctionState {
  config: string;
  msiX: MsiXState;
  /** The device asks for INTA#. */
  interrupt: boolean;
}

/** Base address registers: memory in 64 bits, prefetchable. */
const BAR_FLAG = { memory64: 1 << 2, prefetchable: 1 << 3 } as const;
const BARS = 6;

/** The PCI Express capability (PCI Express Base Specification 5.0, 7.5.3), version 2, of a root complex integrated endpoint. */
const EXPRESS = { id: 0x10, length: 0x3c, capabilities: 0x0092, roleBasedErrorReporting: 1 << 15 } as const;

/** One function of a device: its configuration space, the places of its BARs, its interrupts. */
export class PciFunction {
  readonly config = new ConfigSpace();
  readonly msiX: MsiX;
  readonly bars: readonly Bar[];
  device!: FunctionDevice;
  readonly #host: FunctionHost;
  #interrupt = false;
  #line = false;

  /** The MSI-X structures have a BAR of their own, of 4 KiB: the table at its start, the PBA in its second half. */
  constructor(identity: FunctionIdentity, bars: readonly Bar[], vectors: number, msiXBar: number, host: FunctionHost) {
    this.#host = host;
    this.bars = [...bars, { index: msiXBar, size: 0x1000, width: 32, prefetchable: false }];
    const { config } = this;
    for (const { offset, size, ...rest } of Object.values(HEADER)) {
      config.define(offset, size, 0, 'writable' in rest ? rest.writable : 0);
    }
    for (const [name, value] of Object.entries({ ...identity, interruptPin: 1 })) {
      const { offset, size } = HEADER[name as keyof typeof HEADER];
      config.define(offset, size, value);
    }
    for (const { index, size, width, prefetchable } of this.bars) {
      const flags = (width === 64 ? BAR_FLAG.memory64 : 0) | (prefetchable ? BAR_FLAG.prefetchable : 0);
      const offset = barOffset(index);
      config.define(offset, 4, flags, 2 ** 32 - size);
      if (width === 64) config.define(offset + 4, 4, 0, 0xffff_ffff);
    }
    const express = config.addCapability(EXPRESS.id, EXPRESS.length);
    config.define(express + 2, 2, EXPRESS.capabilities);
    config.define(express + 4, 4, EXPRESS.roleBasedErrorReporting);
    this.msiX = new MsiX(
      config,
      vectors,
      { bar: msiXBar, table: 0, pendingBits: 0x800 },
      () => this.isBusMaster,
      (address, data) => host.writeWord(address, data),
    );
  }

  /** Whether the function may access memory. */
  get isBusMaster(): boolean {
    return (this.#command & COMMAND.busMaster) !== 0;
  }

  get #command(): number {
    return this.config.get(HEADER.command.offset, HEADER.command.size);
  }

  /** Where a BAR answers now, or undefined. */
  placeOf(bar: Bar): number | undefined {
    if (!(this.#command & COMMAND.memorySpace)) return undefined;
    const low = this.config.get(barOffset(bar.index), 4);
    const high = bar.width === 64 ? this.config.get(barOffset(bar.index) + 4, 4) : 0;
    return high * 2 ** 32 + (low - (low % 16));
  }

  readConfig(offset: number, size: number): number {
    this.device.configRead?.(offset, size);
    const value = this.config.get(offset, size);
    // The status register says what the device asks for, whether or not the line is disabled (6.2.3).
    if (!this.#interrupt) return value;
    const shift = 8 * (HEADER.status.offset - offset);
    if (shift <= -16 || shift >= 8 * size) return value;
    return (value | (shift >= 0 ? STATUS.interrupt << shift : STATUS.interrupt >> -shift)) >>> 0;
  }

  writeConfig(offset: number, size: number, value: number): void {
    this.config.write(offset, size, value);
    this.device.configWritten?.(offset, size);
    this.#updateLine();
    this.msiX.sendPending();
  }

  readBar(bar: Bar, offset: number, size: number): number {
    if (bar !== this.bars.at(-1)) return this.device.readBar(bar.index, offset, size);
    const word = this.msiX.readWord(offset & ~3) >>> (8 * (offset & 3));
    return size === 4 ? word : word & (2 ** (8 * size) - 1);
  }

  /** Accesses to MSI-X structures are of whole words (6.8.2); others do nothing. */
  writeBar(bar: Bar, offset: number, size: number, value: number): void {
    if (bar !== this.bars.at(-1)) this.device.writeBar(bar.index, offset, size, value);
    else if (size === 4) this.msiX.writeWord(offset, value);
  }

  /** What the device puts on INTA#; with MSI-X enabled the function does not use it. */
  setInterrupt(level: boolean): void {
    this.#interrupt = level;
    this.#updateLine();
  }

  /** The level that INTA# has. */
  get line(): boolean {
    return this.#line;
  }

  save(): FunctionState {
    return { config: this.config.save(), msiX: this.msiX.save(), interrupt: this.#interrupt };
  }

  /** Takes a state that `check` accepts. INTA# has the level that it had: whoever it leads to was saved too. */
  restore(state: FunctionState): void {
    this.config.restore(state.config);
    this.msiX.restore(state.msiX);
    this.#interrupt = state.interrupt;
    this.#line = this.#level;
  }

  check(state: unknown): boolean {
    const { config, msiX, interrupt } = (state ?? {}) as Partial<FunctionState>;
    return this.config.check(config) && this.msiX.check(msiX) && typeof interrupt === 'boolean';
  }

  get #level(): boolean {
    return this.#interrupt && !(this.#command & COMMAND.interruptDisable) && !this.msiX.enabled;
  }

  #updateLine(): void {
    const level = this.#level;
    if (level === this.#line) return;
    this.#line = level;
    this.#host.interruptLine(level);
  }
}

function barOffset(index: number): number {
  if (index >= BARS) throw new RangeError(`There is no BAR ${index}.`);
  return HEADER.bar.offset + 4 * index;
}
