import type { CompleteConfig } from '../config.js';
import { configDifference } from '../config-difference.js';
import type { Crc32 } from '../crc32.js';
import { Machine } from '../machine.js';
import { RAM_GRANULE } from '../memory-map.js';
import type { Backends } from '../pcie-devices.js';
import { decodeDevices } from '../snapshot/decode.js';
import { type Compression, DEVICE_SECTIONS, type DeviceTag } from '../snapshot/format.js';
import { noPages, PAGE_SIZE } from '../snapshot/ram-state.js';
import { SnapshotError } from '../snapshot/snapshot-error.js';
import { type DestinationPhase, DestinationProtocol } from './destination-protocol.js';
import { decodePages, isZero } from './pages.js';
import { MigrationSource } from './source.js';
import { type ByteChannel, type SourceTag, StreamError } from './stream.js';

export interface DestinationOptions {
  /** Reads compressed RAM. */
  compression?: Compression;
  /** Computes checksums faster than ours does. */
  crc32?: Crc32;
  /** What the devices have behind them here. */
  backends?: Backends;
}

const REHEARSALS = 3;

/** A channel to somebody in the same process. */
class Pipe implements ByteChannel {
  readonly writable = true;
  #written: Uint8Array[] = [];

  get drained(): boolean {
    return this.#written.length === 0;
  }

  write(bytes: Uint8Array): void {
    this.#written.push(bytes);
  }

  take(): Uint8Array[] {
    return this.#written.splice(0);
  }

  close(): void {}
}

const DEVICE_TAGS: ReadonlySet<string> = new Set(DEVICE_SECTIONS.map(({ tag }) => tag));

/**
 * Takes a machine in. It may run from the moment in which the source has committed itself, and not before: until then
 * the source may go on with it.
 */
export class MigrationDestination {
  readonly #machine: Machine;
  readonly #compression: Compression | undefined;
  readonly #crc32: Crc32 | undefined;
  readonly #protocol: DestinationProtocol;
  #paused = false;
  #sections: Partial<Record<DeviceTag, Uint8Array>> = {};
  /** Pages with the GIC's tables, in the order in which they came. */
  readonly #tables = new Map<number, Uint8Array>();
  #pages = 0;

  /** RangeError when there is no such machine, or no room for it. */
  constructor(config: CompleteConfig, { compression, crc32, backends = {} }: DestinationOptions = {}) {
    this.#machine = new Machine(config, backends);
    this.#compression = compression;
    this.#crc32 = crc32;
    const owner = {
      objection: (theirs: object) => this.#objection(theirs),
      take: (tag: SourceTag, payload: Uint8Array) => this.#take(tag, payload),
      complete: (ending: Record<string, unknown>) => this.#complete(ending),
    };
    this.#protocol = new DestinationProtocol(owner, crc32);
  }

  /** Does once, with nothing, what will be waited for at the end: code that has run is faster. */
  rehearse(): void {
    const small = { ...this.#machine.config, memory: RAM_GRANULE, devices: [] };
    const crc32 = this.#crc32 && { crc32: this.#crc32 };
    for (let n = 0; n < REHEARSALS; n++) {
      const there = new Pipe();
      const back = new Pipe();
      const destination = new MigrationDestination(small, crc32);
      destination.connected(back);
      const source = new MigrationSource(new Machine(small), there, { id: 'rehearsal', now: () => 0, ...crc32 });
      while (!source.over) {
        source.advance();
        for (const bytes of there.take()) destination.receive(bytes);
        for (const bytes of back.take()) source.receive(bytes);
      }
    }
  }

  get phase(): DestinationPhase {
    return this.#protocol.phase;
  }

  /** Why it failed, or why the connection broke while it was ready. */
  get reason(): string | undefined {
    return this.#protocol.reason;
  }

  /** Pages that have come. */
  get pages(): number {
    return this.#pages;
  }

  /** Only with `running`: the machine, and whether it is to wait for a person's word. */
  get arrival(): { machine: Machine; paused: boolean } | undefined {
    return this.phase === 'running' ? { machine: this.#machine, paused: this.#paused } : undefined;
  }

  /** There is a connection: the first of a source, or a new one of the same. */
  connected(channel: ByteChannel): void {
    this.#protocol.connected(channel);
  }

  /** What the source sent. */
  receive(bytes: Uint8Array): void {
    this.#protocol.receive(bytes);
  }

  /** The connection is gone. A machine that is ready waits on: only the source knows whether it has given it up. */
  disconnected(reason: string): void {
    this.#protocol.disconnected(reason);
  }

  /** Will not take the machine any more; false when it runs already. */
  giveUp(reason: string): boolean {
    return this.#protocol.giveUp(reason);
  }

  #objection(config: object): string | undefined {
    const sides = { ours: 'the source', theirs: 'the destination' };
    const difference = configDifference(config, this.#machine.config, sides);
    return difference && `The machines differ in their ${difference}.`;
  }

  #take(tag: SourceTag, payload: Uint8Array): void {
    const { ram } = this.#machine.core;
    if (tag === 'PAGE') {
      const words = new Int32Array(ram.buffer, ram.byteOffset, ram.length / 4);
      decodePages(payload, ram.length, this.#compression, (page, contents) => {
        this.#pages++;
        const offset = page * PAGE_SIZE;
        if (contents) ram.set(contents, offset);
        // Zeros that are there already are not written: the system gives memory to what is written only.
        else if (!isZero(words, offset)) ram.fill(0, offset, offset + PAGE_SIZE);
      });
    } else if (tag === 'TABL') {
      decodePages(payload, ram.length, this.#compression, (page, contents) => {
        this.#tables.set(page, contents?.slice() ?? new Uint8Array(PAGE_SIZE));
      });
    } else if (DEVICE_TAGS.has(tag)) {
      if (this.#sections[tag as DeviceTag]) throw new StreamError(`The stream is damaged: ${tag} comes twice.`);
      this.#sections[tag as DeviceTag] = payload.slice();
    } else throw new StreamError(`The source says ${tag} out of turn.`);
  }

  /** Everything is here: makes it the machine. */
  #complete(ending: Record<string, unknown>): void {
    this.#paused = ending.paused === true;
    const missing = DEVICE_SECTIONS.find(({ tag }) => !this.#sections[tag]);
    if (missing) throw new StreamError(`The stream is damaged: the part ${missing.name} is missing.`);
    const size = this.#machine.core.ram.length;
    const pages = Uint32Array.from(this.#tables.keys()).sort();
    const contents = new Uint8Array(pages.length * PAGE_SIZE);
    pages.forEach((page, index) => {
      contents.set(this.#tables.get(page)!, index * PAGE_SIZE);
    });
    try {
      const devices = decodeDevices(this.#sections as Record<DeviceTag, Uint8Array>);
      this.#machine.adopt({ ...devices, tables: { pages, contents }, ram: noPages(size) });
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error;
      throw new StreamError(error.message.replace(/^The snapshot/, 'The state of the machine'));
    }
    this.#sections = {};
    this.#tables.clear();
  }
}
