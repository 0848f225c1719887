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
import type { Handover, Progress } from './progress.js';
import { type SourcePhase, SourceProtocol } from './source-protocol.js';
import { type ByteChannel, numberPayload } from './stream.js';

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

const PATIENCE = 30_000;
/** Saves on trial before the one that counts. */
const TRIALS = 4;
const inRam = (page: number) => page * PAGE_SIZE;

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
  readonly #protocol: SourceProtocol;
  /** The frames to come, made when there is room for them. */
  #outgoing: Iterator<void> | undefined;
  #pages = 0;
  #zeroPages = 0;
  #roundPages = 0;
  #sentPages = 0;
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
    const greeting = { id: options.id, format: FORMAT_VERSION, config: machine.config };
    const owner = {
      entered: (phase: SourcePhase) => this.#entered(phase),
      roundArrived: (round: number) => this.#roundArrived(round),
    };
    this.#protocol = new SourceProtocol(channel, greeting, owner, options.crc32);
  }

  get phase(): SourcePhase {
    return this.#protocol.phase;
  }

  /** Only then: otherwise the guest would run twice. */
  get guestMayRun(): boolean {
    return this.#protocol.guestMayRun;
  }

  /** Nothing more will come of this migration. */
  get over(): boolean {
    return this.#protocol.over;
  }

  /** Part of the time that the guest is to be held back. */
  get throttle(): number {
    return this.phase === 'copying' ? this.#pace.throttle : 0;
  }

  get progress(): Progress {
    const { rounds, bandwidth, dirtyRate, expectedDowntime, throttle } = this.#pace;
    const { phase, reason, bytes } = this.#protocol;
    return {
      phase,
      ...(reason !== undefined && { reason }),
      rounds,
      pages: this.#pages,
      zeroPages: this.#zeroPages,
      roundPages: this.#roundPages,
      leftPages: this.#roundPages - this.#sentPages,
      bytes,
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
    const protocol = this.#protocol;
    if (protocol.isWaiting && this.#options.now() - this.#waiting > (this.#options.patience ?? PATIENCE)) {
      this.disconnected('The destination does not answer any more.');
      return false;
    }
    if (!this.#outgoing || !protocol.channel.writable) return false;
    if (this.#outgoing.next().done) this.#outgoing = undefined;
    this.#waiting = this.#options.now();
    return this.#outgoing !== undefined && protocol.channel.writable;
  }

  /** The guest has run for so many milliseconds, in which the migration could not do anything. */
  guestRan(milliseconds: number): void {
    this.#roundBegan.at += milliseconds;
  }

  /** What the destination sent. */
  receive(bytes: Uint8Array): void {
    this.#protocol.receive(bytes);
  }

  /**
   * The connection is gone. `unsent`: what was written last on it has certainly not left this side whole, as when the
   * system has refused to take it; in doubt it has left.
   */
  disconnected(reason: string, unsent = false): void {
    this.#protocol.disconnected(reason, unsent);
  }

  /** Calls the migration off; false when it is too late for that. */
  cancel(reason: string): boolean {
    return this.#protocol.cancel(reason);
  }

  /** With `unknown`: there is a new connection to the destination, which is asked. What is heard of older ones is not told any more. */
  reconnected(channel: ByteChannel): void {
    this.#protocol.reconnected(channel);
  }

  /** With `unknown` or `asking`: a person knows that the destination does not run and never will. False otherwise. */
  reclaim(): boolean {
    return this.#protocol.reclaim();
  }

  #entered(phase: SourcePhase): void {
    const now = this.#options.now();
    this.#waiting = now;
    if (phase === 'copying') {
      this.#machine.core.enableDirtyLog(true);
      this.#left.addAll();
      this.#beginRound();
    } else if (phase === 'handover') {
      this.#stopped = now;
      this.#outgoing = this.#state();
    } else if (phase === 'committed') this.#handover.ready = now - this.#stopped;
    else if (phase === 'moved') {
      this.#ended = now;
      this.#downtime = now - this.#stopped;
    } else if (phase === 'failed') {
      this.#ended = now;
      this.#outgoing = undefined;
      this.#machine.core.enableDirtyLog(false);
    }
  }

  #roundArrived(round: number): boolean {
    if (this.#outgoing || round !== this.#pace.rounds) return false;
    this.#endRound();
    return true;
  }

  #beginRound(): void {
    this.#roundPages = this.#left.count;
    this.#sentPages = 0;
    this.#roundBegan = { at: this.#options.now(), bytes: this.#protocol.bytes };
    this.#outgoing = this.#round();
  }

  *#round(): Generator<void> {
    const isFirst = this.#pace.rounds === 0;
    const { ram } = this.#machine.core;
    // The destination's RAM is zeros at first.
    yield* this.#sendLeft(ram, !isFirst, this.#options.compression);
    this.#protocol.send('RNDE', numberPayload(this.#pace.rounds));
  }

  #endRound(): void {
    const milliseconds = this.#options.now() - this.#roundBegan.at;
    this.#cost ??= this.#measureState();
    this.#addDirty();
    const round = { bytes: this.#protocol.bytes - this.#roundBegan.bytes, milliseconds, pages: this.#roundPages };
    const verdict = this.#pace.roundOver({ ...round, dirty: this.#left.count }, PAGE_SIZE, this.#cost);
    if (verdict === 'again') this.#beginRound();
    else if (verdict === 'stop') this.#protocol.handOver();
    else {
      this.#protocol.cancel(
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
    this.#protocol.complete({ paused: this.#options.paused?.() ?? false });
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
      this.#protocol.send(tag, ...sections[tag]);
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
      const room = this.#protocol.channel.drained ? this.#room : undefined;
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
    if (present > 0 || (zeros > 0 && keepZeros)) this.#protocol.send(tag, head, data);
  }
}
