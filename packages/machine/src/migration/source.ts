import type { RamPages } from 'vgic';
import type { Crc32 } from '../crc32.js';
import type { Machine } from '../machine.js';
import type { MachineState } from '../machine-state.js';
import { encodeDevices } from '../snapshot/encode.js';
import { type Compression, DEVICE_SECTIONS, FORMAT_VERSION, PAGES_PER_CHUNK } from '../snapshot/format.js';
import { noPages, PAGE_SIZE } from '../snapshot/ram-state.js';
import { DEFAULT_LIMITS, Pace, type PaceLimits, type StateCost } from './pace.js';
import { type Chunk, PageSet } from './page-set.js';
import { encodePages } from './pages.js';
import {
  type ByteChannel,
  type DestinationTag,
  FrameReader,
  FrameWriter,
  jsonPayload,
  numberPayload,
  readNumber,
  readText,
  type SourceTag,
  StreamError,
  textPayload,
} from './stream.js';

/** What the source is at. */
export type SourcePhase =
  /** Waits for the destination to accept the configuration. The guest runs. */
  | 'greeting'
  /** Sends RAM in rounds. The guest runs. */
  | 'copying'
  /** Sends the last pages and the state, and waits until the destination is ready. The guest stands. */
  | 'handover'
  /** Has given the machine up (CMIT) and waits to hear that the destination runs. The guest stands. */
  | 'committed'
  /** The connection broke after that: only the destination knows. The guest stands. */
  | 'unknown'
  /** Asks the destination over a new connection, and goes back to `unknown` when that breaks. The guest stands. */
  | 'asking'
  /** The destination runs: the machine here is of no more use. */
  | 'moved'
  /** The migration is off, and the guest goes on here. */
  | 'failed';

export interface SourceOptions {
  /** Names this migration among all others: a random text. */
  id: string;
  /** Milliseconds of some clock that goes on. */
  now: () => number;
  limits?: Partial<PaceLimits>;
  /** Compresses RAM while the guest runs. */
  compression?: Compression;
  /** Computes checksums faster than ours does. */
  crc32?: Crc32;
  /** The person has stopped the guest; asked when its state is sent. */
  paused?: () => boolean;
  /** Milliseconds that the guest stands at most for a destination that does not answer. */
  patience?: number;
}

/** Milliseconds of a downtime, from the guest's last instruction here: when each of its steps was over. */
export interface Handover {
  /** The state was saved. */
  saved: number;
  /** The last of it was given to the channel. */
  sent: number;
  /** The destination said that it is ready. */
  ready: number;
}

export interface Progress {
  phase: SourcePhase;
  /** Why the migration failed or is unknown. */
  reason?: string;
  /** Rounds that are complete. */
  rounds: number;
  /** Pages sent with contents, and those that were all zeros. */
  pages: number;
  zeroPages: number;
  /** Pages of this round, and those of them not sent yet. */
  roundPages: number;
  leftPages: number;
  bytes: number;
  /** Bytes in a second that arrive. */
  bandwidth: number;
  /** Pages in a second that the guest makes dirty. */
  dirtyRate: number;
  /** Milliseconds. */
  expectedDowntime?: number;
  /** Milliseconds from the guest's last instruction here until the destination said that it runs. */
  downtime?: number;
  handover?: Handover;
  milliseconds: number;
  throttle: number;
}

const PATIENCE = 30_000;
/** Saves on trial before the one that counts. */
const TRIALS = 4;
const inRam = (page: number) => page * PAGE_SIZE;
const RUNNING: ReadonlySet<SourcePhase> = new Set(['greeting', 'copying', 'failed']);

/**
 * Moves a machine away while its guest runs. Does nothing by itself: whoever runs the guest calls `advance` between two
 * runs, hands over what arrives, and runs the guest only while `guestMayRun`.
 */
export class MigrationSource {
  readonly #machine: Machine;
  readonly #options: SourceOptions;
  readonly #pace: Pace;
  /** Pages that the destination does not have as they are. */
  readonly #left: PageSet;
  readonly #dirty: Uint32Array;
  /** Where the pages of a chunk are until they are sent, when the channel is drained before the next. */
  readonly #room = new Uint8Array(PAGES_PER_CHUNK * PAGE_SIZE);
  readonly #started: number;
  #channel: ByteChannel;
  #writer: FrameWriter<SourceTag>;
  #reader: FrameReader<DestinationTag>;
  /** The frames to come, made when there is room for them. */
  #outgoing: Iterator<void> | undefined;
  #phase: SourcePhase = 'greeting';
  #reason: string | undefined;
  #pages = 0;
  #zeroPages = 0;
  #roundPages = 0;
  #sentPages = 0;
  #bytesBefore = 0;
  #roundBegan = { at: 0, bytes: 0 };
  /** What it takes to save the state without RAM, measured once. */
  #cost: StateCost | undefined;
  /** When the guest was stopped, and since when an answer is due. */
  #stopped = 0;
  #waiting = 0;
  #ended: number | undefined;
  #downtime: number | undefined;
  #handover: Handover = { saved: 0, sent: 0, ready: 0 };

  /** Greets the destination at the other end of the channel. */
  constructor(machine: Machine, channel: ByteChannel, options: SourceOptions) {
    this.#machine = machine;
    this.#options = options;
    this.#pace = new Pace({ ...DEFAULT_LIMITS, ...options.limits });
    this.#left = new PageSet(machine.config.memory);
    this.#dirty = new Uint32Array(Math.ceil(machine.config.memory / PAGE_SIZE / 32));
    this.#started = options.now();
    this.#channel = channel;
    this.#writer = new FrameWriter(channel, options.crc32);
    this.#reader = FrameReader.ofDestination((tag, payload) => this.#take(tag, payload));
    this.#writer.send('HELO', jsonPayload({ id: options.id, format: FORMAT_VERSION, config: machine.config }));
  }

  get phase(): SourcePhase {
    return this.#phase;
  }

  /** Only then: otherwise the guest would run twice. */
  get guestMayRun(): boolean {
    return RUNNING.has(this.#phase);
  }

  /** Nothing more will come of this migration. */
  get over(): boolean {
    return this.#phase === 'moved' || this.#phase === 'failed';
  }

  /** Part of the time that the guest is to be held back. */
  get throttle(): number {
    return this.#phase === 'copying' ? this.#pace.throttle : 0;
  }

  get progress(): Progress {
    const { rounds, bandwidth, dirtyRate, expectedDowntime, throttle } = this.#pace;
    return {
      phase: this.#phase,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      rounds,
      pages: this.#pages,
      zeroPages: this.#zeroPages,
      roundPages: this.#roundPages,
      leftPages: this.#roundPages - this.#sentPages,
      bytes: this.#bytesBefore + this.#writer.bytes,
      bandwidth: Math.round(bandwidth * 1000),
      dirtyRate: Math.round(dirtyRate * 1000),
      ...(expectedDowntime !== undefined && { expectedDowntime }),
      ...(this.#downtime !== undefined && { downtime: this.#downtime, handover: this.#handover }),
      milliseconds: (this.#ended ?? this.#options.now()) - this.#started,
      throttle,
    };
  }

  /** Sends one frame if there is room for it. True when there may be more to do at once. */
  advance(): boolean {
    const isDue = this.#phase === 'handover' || this.#phase === 'committed' || this.#phase === 'asking';
    if (isDue && this.#options.now() - this.#waiting > (this.#options.patience ?? PATIENCE)) {
      this.disconnected('The destination does not answer any more.');
      return false;
    }
    if (!this.#outgoing || !this.#channel.writable) return false;
    if (this.#outgoing.next().done) this.#outgoing = undefined;
    this.#waiting = this.#options.now();
    return this.#outgoing !== undefined && this.#channel.writable;
  }

  /** The guest has run for so many milliseconds, in which the migration could not do anything. */
  guestRan(milliseconds: number): void {
    this.#roundBegan.at += milliseconds;
  }

  /** What the destination sent. */
  receive(bytes: Uint8Array): void {
    if (this.over) return;
    try {
      this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.disconnected(error.message);
    }
  }

  /**
   * The connection is gone. `unsent`: what was written last on it has certainly not left this side whole. Only while
   * `committed` is that the one CMIT that there is, so that the destination cannot have it. A question that was not sent
   * says nothing of the commitment before it.
   */
  disconnected(reason: string, unsent = false): void {
    if (this.over || this.#phase === 'unknown') return;
    if (this.#phase === 'asking' || (this.#phase === 'committed' && !unsent)) {
      this.#phase = 'unknown';
      this.#reason = reason;
      this.#reader.stop();
      this.#channel.close();
    } else this.#fail(reason);
  }

  /** Calls the migration off; false when it is too late for that. */
  cancel(reason: string): boolean {
    if (!RUNNING.has(this.#phase) && this.#phase !== 'handover') return false;
    if (this.over) return false;
    this.#fail(reason);
    return true;
  }

  /** With `unknown`: there is a new connection to the destination, which is asked. */
  reconnected(channel: ByteChannel): void {
    if (this.#phase !== 'unknown') throw new Error('There is nothing to ask the destination.');
    this.#bytesBefore += this.#writer.bytes;
    this.#channel = channel;
    this.#writer = new FrameWriter(channel, this.#options.crc32);
    this.#reader = FrameReader.ofDestination((tag, payload) => this.#take(tag, payload));
    this.#phase = 'asking';
    this.#waiting = this.#options.now();
    this.#writer.send('ASKS', jsonPayload({ id: this.#options.id }));
  }

  /** With `unknown` or `asking`: a person knows that the destination does not run and never will. */
  reclaim(): boolean {
    if (this.#phase !== 'unknown' && this.#phase !== 'asking') return false;
    this.#fail('The machine was taken back.');
    return true;
  }

  #take(tag: DestinationTag, payload: Uint8Array): void {
    const phase = this.#phase;
    if (tag === 'RFSE') {
      // It has promised never to run, so that the guest may go on here even after the commitment.
      this.#fail(readText(payload));
    } else if (tag === 'ACPT' && phase === 'greeting') {
      this.#phase = 'copying';
      this.#machine.core.enableDirtyLog(true);
      this.#left.addAll();
      this.#beginRound();
    } else if (tag === 'ACKR' && phase === 'copying' && readNumber(payload) === this.#pace.rounds && !this.#outgoing) {
      this.#endRound();
    } else if (tag === 'REDY' && phase === 'handover' && !this.#outgoing) {
      // From here on there is no way back: the destination may run from the moment in which this arrives.
      this.#phase = 'committed';
      this.#waiting = this.#options.now();
      this.#handover.ready = this.#waiting - this.#stopped;
      this.#writer.send('CMIT');
    } else if (tag === 'REDY' && phase === 'asking') {
      // It has not had the CMIT of before.
      this.#writer.send('CMIT');
    } else if (tag === 'RUNS' && (phase === 'committed' || phase === 'asking')) {
      this.#phase = 'moved';
      this.#ended = this.#options.now();
      this.#downtime = this.#ended - this.#stopped;
      this.#reader.stop();
      this.#channel.close();
    } else throw new StreamError(`The destination says ${tag} out of turn.`);
  }

  #beginRound(): void {
    this.#roundPages = this.#left.count;
    this.#sentPages = 0;
    this.#roundBegan = { at: this.#options.now(), bytes: this.#writer.bytes };
    this.#outgoing = this.#round();
  }

  *#round(): Generator<void> {
    const isFirst = this.#pace.rounds === 0;
    const { ram } = this.#machine.core;
    // The destination's RAM is zeros at first.
    yield* this.#sendLeft(ram, !isFirst, this.#options.compression);
    this.#writer.send('RNDE', numberPayload(this.#pace.rounds));
  }

  #endRound(): void {
    const milliseconds = this.#options.now() - this.#roundBegan.at;
    this.#cost ??= this.#measureState();
    this.#addDirty();
    const round = { bytes: this.#writer.bytes - this.#roundBegan.bytes, milliseconds, pages: this.#roundPages };
    const verdict = this.#pace.roundOver({ ...round, dirty: this.#left.count }, PAGE_SIZE, this.#cost);
    if (verdict === 'again') this.#beginRound();
    else if (verdict === 'stop') this.#handOver();
    else {
      this.#fail(
        `The guest dirties its memory faster than it can be sent: after ${this.#pace.rounds} rounds the downtime would be ` +
          `${Math.ceil(this.#pace.expectedDowntime!)} ms, and ${this.#pace.limits.downtime} ms are allowed.`,
      );
    }
  }

  /** Saves the machine on trial, which the guest does not notice: the last time is what it takes, once the code is warm. */
  #measureState(): StateCost {
    const cost = { bytes: 0, milliseconds: 0 };
    for (let trial = 0; trial < TRIALS; trial++) {
      const before = this.#options.now();
      const state = this.#machine.save((ram) => noPages(ram.length));
      const sections = Object.values(encodeDevices(state)).flat();
      cost.bytes = sections.reduce((sum, piece) => sum + piece.length, state.tables.contents.length);
      cost.milliseconds = this.#options.now() - before;
    }
    return cost;
  }

  #handOver(): void {
    this.#phase = 'handover';
    this.#stopped = this.#options.now();
    this.#waiting = this.#stopped;
    this.#outgoing = this.#state();
  }

  /**
   * Pages go as they are in RAM now, each frame for itself. While they do, something from outside may be written to RAM
   * (a packet for the guest): then the state is that of another moment than they are, and is saved anew.
   */
  *#state(): Generator<void> {
    const { core } = this.#machine;
    let state: MachineState;
    do {
      this.#addDirty();
      state = this.#machine.save((ram) => noPages(ram.length));
      this.#handover.saved = this.#options.now() - this.#stopped;
      this.#roundPages = this.#left.count;
      this.#sentPages = 0;
      yield* this.#sendLeft(core.ram, true);
      this.#addDirty();
    } while (this.#left.count > 0);
    yield* this.#tables(state.tables);
    yield* this.#devices(state);
    this.#writer.send('DONE', jsonPayload({ paused: this.#options.paused?.() ?? false }));
    this.#handover.sent = this.#options.now() - this.#stopped;
  }

  *#tables({ pages, contents }: RamPages): Generator<void> {
    const index = new Map(Array.from(pages, (page, at) => [page, at * PAGE_SIZE]));
    const tables = new PageSet(this.#machine.config.memory);
    tables.addPages(pages);
    for (let next = tables.takeChunk(); next; next = tables.takeChunk()) {
      this.#sendPages('TABL', next, contents, (page) => index.get(page)!, true);
      yield;
    }
  }

  *#devices(state: MachineState): Generator<void> {
    const sections = encodeDevices(state);
    for (const { tag } of DEVICE_SECTIONS) {
      this.#writer.send(tag, ...sections[tag]);
      yield;
    }
  }

  /** What has been written since is to be sent. */
  #addDirty(): void {
    this.#machine.core.takeDirty(this.#dirty);
    this.#left.add(this.#dirty);
  }

  /** Sends the pages that the destination does not have as they are. */
  *#sendLeft(ram: Uint8Array, keepZeros: boolean, compression?: Compression): Generator<void> {
    for (let next = this.#left.takeChunk(); next; next = this.#left.takeChunk()) {
      const room = this.#channel.drained ? this.#room : undefined;
      this.#sendPages('PAGE', next, ram, inRam, keepZeros, { compression, room });
      this.#sentPages += next.pages.length;
      yield;
    }
  }

  /** Sends pages of a chunk, if there is anything to say of them. */
  #sendPages(
    tag: 'PAGE' | 'TABL',
    { chunk, pages }: Chunk,
    bytes: Uint8Array,
    offsetOf: (page: number) => number,
    keepZeros: boolean,
    how: { compression?: Compression | undefined; room?: Uint8Array | undefined } = {},
  ): void {
    const { head, data, present, zeros } = encodePages(chunk, pages, bytes, offsetOf, keepZeros, how);
    this.#pages += present;
    this.#zeroPages += zeros;
    if (present > 0 || (zeros > 0 && keepZeros)) this.#writer.send(tag, head, data);
  }

  /** The guest goes on here; the destination hears why, if it still can. */
  #fail(reason: string): void {
    const told = this.#phase !== 'unknown';
    this.#phase = 'failed';
    this.#reason = reason;
    this.#ended = this.#options.now();
    this.#outgoing = undefined;
    this.#machine.core.enableDirtyLog(false);
    this.#reader.stop();
    if (!told) return;
    this.#writer.send('CNCL', textPayload(reason));
    this.#channel.close();
  }
}
