import type { CompleteConfig } from '../config.js';
import { configDifference } from '../config-difference.js';
import type { Crc32 } from '../crc32.js';
import { Machine } from '../machine.js';
import { RAM_GRANULE } from '../memory-map.js';
import type { Backends } from '../pcie-devices.js';
import { decodeDevices } from '../snapshot/decode.js';
import { type Compression, DEVICE_SECTIONS, type DeviceTag, FORMAT_VERSION } from '../snapshot/format.js';
import { noPages, PAGE_SIZE } from '../snapshot/ram-state.js';
import { SnapshotError } from '../snapshot/snapshot-error.js';
import { decodePages, isZero } from './pages.js';
import { MigrationSource } from './source.js';
import {
  type ByteChannel,
  type DestinationTag,
  FrameReader,
  FrameWriter,
  numberPayload,
  readJson,
  readNumber,
  readText,
  type SourceTag,
  StreamError,
  textPayload,
} from './stream.js';

/** What the destination is at. */
export type DestinationPhase =
  /** Waits for a source. */
  | 'listening'
  /** Takes RAM, and at the end the state. */
  | 'receiving'
  /** Stands as the source does, and waits for it to give the machine up. */
  | 'ready'
  /** The machine is here: it may run. */
  | 'running'
  /** Nothing has run, and never will. */
  | 'failed';

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
  #channel: ByteChannel | undefined;
  #writer: FrameWriter<DestinationTag> | undefined;
  #reader: FrameReader<SourceTag> | undefined;
  #phase: DestinationPhase = 'listening';
  #reason: string | undefined;
  #id: string | undefined;
  /** Who speaks on this connection has said which migration it is about. */
  #introduced = false;
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
    return this.#phase;
  }

  /** Why it failed, or why the connection broke while it was ready. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Pages that have come. */
  get pages(): number {
    return this.#pages;
  }

  /** Only with `running`: the machine, and whether it is to wait for a person's word. */
  get arrival(): { machine: Machine; paused: boolean } | undefined {
    return this.#phase === 'running' ? { machine: this.#machine, paused: this.#paused } : undefined;
  }

  /** There is a connection: the first of a source, or a new one of the same. */
  connected(channel: ByteChannel): void {
    this.#reader?.stop();
    this.#introduced = false;
    this.#channel = channel;
    this.#writer = new FrameWriter(channel);
    this.#reader = FrameReader.ofSource((tag, payload) => this.#take(tag, payload), this.#crc32);
  }

  /** What the source sent. */
  receive(bytes: Uint8Array): void {
    try {
      this.#reader?.push(bytes);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#broken(error.message);
    }
  }

  /** The connection is gone. A machine that is ready waits on: only the source knows whether it has given it up. */
  disconnected(reason: string): void {
    this.#reader?.stop();
    this.#reason ??= reason;
    if (this.#phase === 'receiving') this.#phase = 'failed';
  }

  /** Will not take the machine any more; false when it runs already. */
  giveUp(reason: string): boolean {
    if (this.#phase === 'running') return false;
    if (this.#phase !== 'failed') this.#refuse(reason);
    return true;
  }

  /** What came is no stream. What is ready stays ready: the source may have committed itself, and will ask. */
  #broken(reason: string): void {
    if (this.#phase === 'receiving') {
      this.#refuse(reason);
      return;
    }
    this.#reader?.stop();
    this.#reason = reason;
    // Who has not introduced himself is nobody to wait for, and no reason not to wait for another.
    if (this.#phase === 'listening') this.#writer?.send('RFSE', textPayload(reason));
    this.#channel?.close();
  }

  #refuse(reason: string): void {
    this.#phase = 'failed';
    this.#reason = reason;
    this.#reader?.stop();
    this.#writer?.send('RFSE', textPayload(reason));
    this.#channel?.close();
  }

  #take(tag: SourceTag, payload: Uint8Array): void {
    if (tag === 'HELO' && this.#phase === 'listening') this.#greet(payload);
    else if (tag === 'ASKS') this.#answer(payload);
    else if (!this.#introduced) throw new StreamError(`The source says ${tag} out of turn.`);
    else if (tag === 'CMIT' && this.#phase === 'ready') {
      this.#phase = 'running';
      this.#writer!.send('RUNS');
    } else if (tag === 'CNCL' && this.#phase !== 'running') {
      this.#phase = 'failed';
      this.#reason = readText(payload);
      this.#reader?.stop();
      this.#channel?.close();
    } else if (this.#phase === 'receiving') this.#receive(tag, payload);
    else throw new StreamError(`The source says ${tag} out of turn.`);
  }

  #greet(payload: Uint8Array): void {
    const { id, format, config } = readJson(payload);
    if (format !== FORMAT_VERSION) {
      this.#refuse(
        `The source sends its state in version ${String(format).slice(0, 20)}, the destination reads ${FORMAT_VERSION}.`,
      );
      return;
    }
    if (typeof id !== 'string' || typeof config !== 'object' || config === null) {
      throw new StreamError('The stream is damaged: its greeting is incomplete.');
    }
    const difference = configDifference(config, this.#machine.config, {
      ours: 'the source',
      theirs: 'the destination',
    });
    if (difference) {
      this.#refuse(`The machines differ in their ${difference}.`);
      return;
    }
    this.#id = id;
    this.#introduced = true;
    this.#phase = 'receiving';
    this.#writer!.send('ACPT');
  }

  /** The source lost the connection after it had committed itself. */
  #answer(payload: Uint8Array): void {
    const { id } = readJson(payload);
    if (id !== this.#id) throw new StreamError('The source asks for a migration that is not here.');
    this.#introduced = true;
    if (this.#phase === 'ready') this.#writer!.send('REDY');
    else if (this.#phase === 'running') this.#writer!.send('RUNS');
    else this.#refuse(this.#reason ?? 'The machine has not arrived whole.');
  }

  #receive(tag: SourceTag, payload: Uint8Array): void {
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
    } else if (tag === 'RNDE') this.#writer!.send('ACKR', numberPayload(readNumber(payload)));
    else if (DEVICE_TAGS.has(tag)) {
      if (this.#sections[tag as DeviceTag]) throw new StreamError(`The stream is damaged: ${tag} comes twice.`);
      this.#sections[tag as DeviceTag] = payload.slice();
    } else if (tag === 'DONE') this.#complete(payload);
    else throw new StreamError(`The source says ${tag} out of turn.`);
  }

  /** Everything is here: makes it the machine. */
  #complete(payload: Uint8Array): void {
    this.#paused = readJson(payload).paused === true;
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
    this.#phase = 'ready';
    this.#writer!.send('REDY');
  }
}
