import { DOORBELL, RAM_BASE, type TestBoard, WINDOW } from './test-board.js';

/** The guest's side of virtio over PCI, written from the specification alone: VIRTIO 1.2, sections 2.7, 3.1 and 4.1. */

export const STATUS = { acknowledge: 1, driver: 2, driverOk: 4, featuresOk: 8, needsReset: 64 } as const;
export const FEATURE = { indirect: 28, eventIndex: 29, version1: 32 } as const;
export const DESCRIPTOR = { next: 1, write: 2, indirect: 4 } as const;
const STRUCTURE = { common: 1, notify: 2, isr: 3, device: 4, window: 5 } as const;
type StructureName = keyof typeof STRUCTURE;
/** Offsets in the common configuration. */
export const COMMON = {
  deviceFeatureSelect: 0x00,
  deviceFeature: 0x04,
  driverFeatureSelect: 0x08,
  driverFeature: 0x0c,
  configVector: 0x10,
  numQueues: 0x12,
  status: 0x14,
  queueSelect: 0x16,
  queueSize: 0x18,
  queueVector: 0x1a,
  queueEnable: 0x1c,
  queueNotifyOffset: 0x1e,
  queueAreas: 0x20,
} as const;

export interface TestQueue {
  size: number;
  descriptors: number;
  available: number;
  used: number;
  /** Where its buffers are. */
  buffers: number;
  next: number;
  seen: number;
}

export interface Used {
  head: number;
  length: number;
}

export class TestDriver {
  board: TestBoard;
  readonly slot: number;
  readonly capabilities = new Map<number, number[]>();
  readonly structures = new Map<StructureName, { address: number; length: number; capability: number }>();
  readonly queues: TestQueue[] = [];
  notifyMultiplier = 0;
  #allocated = 0x1000;

  /** Puts the BARs into the window and lets the function work. `ramOffset`: where its queues may be. */
  constructor(board: TestBoard, slot: number, ramOffset = 0x1_0000) {
    this.board = board;
    this.slot = slot;
    this.#allocated = ramOffset;
    this.#placeBars(WINDOW + slot * 0x10_0000);
    board.writeConfig(slot, 0x04, 2, 0x06);
    this.#findCapabilities();
  }

  /** Sizes each memory BAR by all ones and gives it a place (PCI 3.0, 6.2.5.1). */
  #placeBars(base: number): void {
    let free = base;
    for (let bar = 0; bar < 6; bar++) {
      const offset = 0x10 + 4 * bar;
      this.board.writeConfig(this.slot, offset, 4, 0xffff_ffff);
      const value = this.board.readConfig(this.slot, offset, 4);
      if (value === 0) continue;
      const size = (~(value & ~0xf) + 1) >>> 0;
      free = Math.ceil(free / size) * size;
      this.board.writeConfig(this.slot, offset, 4, free);
      free += size;
      if ((value & 6) === 4) this.board.writeConfig(this.slot, 0x10 + 4 * ++bar, 4, 0);
    }
  }

  barAddress(bar: number): number {
    const low = this.board.readConfig(this.slot, 0x10 + 4 * bar, 4);
    const high = (low & 6) === 4 ? this.board.readConfig(this.slot, 0x14 + 4 * bar, 4) : 0;
    return high * 2 ** 32 + (low & ~0xf);
  }

  #findCapabilities(): void {
    const { board, slot } = this;
    const config = (offset: number, size: number) => board.readConfig(slot, offset, size);
    for (let at = config(0x34, 1); at !== 0; at = config(at + 1, 1)) {
      const id = config(at, 1);
      this.capabilities.set(id, [...(this.capabilities.get(id) ?? []), at]);
      if (id !== 0x09) continue;
      const [name] = Object.entries(STRUCTURE).find(([, type]) => type === config(at + 3, 1))!;
      const address = name === 'window' ? 0 : this.barAddress(config(at + 4, 1)) + config(at + 8, 4);
      this.structures.set(name as StructureName, { address, length: config(at + 12, 4), capability: at });
      if (name === 'notify') this.notifyMultiplier = config(at + 16, 4);
    }
  }

  at(structure: StructureName, offset = 0): number {
    return this.structures.get(structure)!.address + offset;
  }

  common(field: keyof typeof COMMON, size: number): number {
    return this.board.read(this.at('common', COMMON[field]), size);
  }

  setCommon(field: keyof typeof COMMON, size: number, value: number): void {
    this.board.write(this.at('common', COMMON[field]), size, value);
  }

  get status(): number {
    return this.common('status', 1);
  }

  addStatus(bits: number): void {
    this.setCommon('status', 1, this.status | bits);
  }

  /** Which feature bits the device offers. */
  offered(): number[] {
    const bits: number[] = [];
    for (let word = 0; word < 2; word++) {
      this.setCommon('deviceFeatureSelect', 4, word);
      const value = this.common('deviceFeature', 4);
      for (let bit = 0; bit < 32; bit++) if (value & (1 << bit)) bits.push(32 * word + bit);
    }
    return bits;
  }

  /** Reset, acknowledge, driver, features; says whether the device agrees (3.1.1, steps 1 to 6). */
  negotiate(features: readonly number[] = this.offered()): boolean {
    this.setCommon('status', 1, 0);
    this.addStatus(STATUS.acknowledge);
    this.addStatus(STATUS.driver);
    for (let word = 0; word < 2; word++) {
      this.setCommon('driverFeatureSelect', 4, word);
      const value = features.filter((bit) => bit >> 5 === word).reduce((bits, bit) => bits | (1 << (bit & 31)), 0);
      this.setCommon('driverFeature', 4, value >>> 0);
    }
    this.addStatus(STATUS.featuresOk);
    return (this.status & STATUS.featuresOk) !== 0;
  }

  /** Gives every queue its areas, a vector of its own (`vectors`), and enables it. */
  setUpQueues(vectors: boolean, mostEntries = 256): void {
    const count = this.common('numQueues', 2);
    if (vectors) this.enableMsiX(count + 1);
    for (let n = 0; n < count; n++) {
      this.setCommon('queueSelect', 2, n);
      const size = Math.min(this.common('queueSize', 2), mostEntries);
      this.setCommon('queueSize', 2, size);
      const queue = {
        size,
        descriptors: this.allocate(16 * size, 16),
        available: this.allocate(6 + 2 * size, 2),
        used: this.allocate(6 + 8 * size, 4),
        buffers: this.allocate(size * 0x800, 0x1000),
        next: 0,
        seen: 0,
      };
      if (vectors) this.setCommon('queueVector', 2, n);
      for (const [i, address] of [queue.descriptors, queue.available, queue.used].entries()) {
        this.board.write(this.at('common', COMMON.queueAreas + 8 * i), 4, address);
        this.board.write(this.at('common', COMMON.queueAreas + 8 * i + 4), 4, 0);
      }
      this.setCommon('queueEnable', 2, 1);
      this.queues[n] = queue;
    }
    if (vectors) this.setCommon('configVector', 2, count);
  }

  /** All of it: a device that works. */
  start(vectors = true, features?: readonly number[]): this {
    if (!this.negotiate(features)) throw new Error('the device does not agree');
    this.setUpQueues(vectors);
    this.addStatus(STATUS.driverOk);
    return this;
  }

  get msiX(): number {
    return this.capabilities.get(0x11)![0];
  }

  vectorAddress(vector: number): number {
    const place = this.board.readConfig(this.slot, this.msiX + 4, 4);
    return this.barAddress(place & 7) + (place & ~7) + 16 * vector;
  }

  /** Vector n sends n to the doorbell. */
  enableMsiX(vectors: number): void {
    for (let vector = 0; vector < vectors; vector++) {
      const entry = this.vectorAddress(vector);
      this.board.write(entry, 4, DOORBELL);
      this.board.write(entry + 4, 4, 0);
      this.board.write(entry + 8, 4, vector);
      this.board.write(entry + 12, 4, 0);
    }
    this.board.writeConfig(this.slot, this.msiX + 2, 2, 0x8000);
  }

  allocate(size: number, alignment: number): number {
    const offset = Math.ceil(this.#allocated / alignment) * alignment;
    this.#allocated = offset + size;
    if (this.#allocated > this.board.ram.length) throw new Error('the test has no RAM left');
    return RAM_BASE + offset;
  }

  bytes(address: number, length: number): Uint8Array {
    return this.board.ram.subarray(address - RAM_BASE, address - RAM_BASE + length);
  }

  setDescriptor(table: number, n: number, address: number, length: number, flags: number, next: number): void {
    const at = table - RAM_BASE + 16 * n;
    this.board.view.setBigUint64(at, BigInt(address), true);
    this.board.view.setUint32(at + 8, length, true);
    this.board.view.setUint16(at + 12, flags, true);
    this.board.view.setUint16(at + 14, next, true);
  }

  /** Makes a chain available: its bytes to read, then lengths to write; returns where those are. The slots are used in turn. */
  add(n: number, readable: Uint8Array[], writable: number[] = []): { head: number; buffers: number[] } {
    const queue = this.queues[n];
    const head = queue.next % queue.size;
    const pieces = [...readable.map((bytes) => bytes.length), ...writable];
    const buffers: number[] = [];
    for (const [i, length] of pieces.entries()) {
      const index = queue.next++ % queue.size;
      const address = queue.buffers + index * 0x800;
      if (i < readable.length) this.bytes(address, length).set(readable[i]);
      const flags = (i < readable.length ? 0 : DESCRIPTOR.write) | (i + 1 < pieces.length ? DESCRIPTOR.next : 0);
      this.setDescriptor(queue.descriptors, index, address, length, flags, (index + 1) % queue.size);
      buffers.push(address);
    }
    this.offer(n, head);
    return { head, buffers: buffers.slice(readable.length) };
  }

  /** Puts the head of a chain into the available ring. */
  offer(n: number, head: number): void {
    const { available, size } = this.queues[n];
    const at = available - RAM_BASE;
    const index = this.board.view.getUint16(at + 2, true);
    this.board.view.setUint16(at + 4 + 2 * (index % size), head, true);
    this.board.view.setUint16(at + 2, (index + 1) & 0xffff, true);
  }

  notify(n: number): void {
    this.setCommon('queueSelect', 2, n);
    const offset = this.common('queueNotifyOffset', 2) * this.notifyMultiplier;
    this.board.write(this.at('notify', offset), 2, n);
  }

  /** What the device has given back since last asked. */
  used(n: number): Used[] {
    const queue = this.queues[n];
    const at = queue.used - RAM_BASE;
    const list: Used[] = [];
    for (; queue.seen !== this.board.view.getUint16(at + 2, true); queue.seen = (queue.seen + 1) & 0xffff) {
      const entry = at + 4 + 8 * (queue.seen % queue.size);
      list.push({ head: this.board.view.getUint32(entry, true), length: this.board.view.getUint32(entry + 4, true) });
    }
    return list;
  }
}
