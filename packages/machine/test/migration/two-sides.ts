/**
 * Both sides of the migration's protocol, over connections that do what connections may do. Each thing that can happen next is
 * a move with a name, so that a test can try them all.
 */

import { DestinationProtocol } from '../../src/migration/destination-protocol.js';
import { type SourceOwner, SourceProtocol } from '../../src/migration/source-protocol.js';
import { type ByteChannel, numberPayload } from '../../src/migration/stream.js';
import { FORMAT_VERSION } from '../../src/snapshot/format.js';

const HEADER = 16;

interface Frame {
  tag: string;
  bytes: Uint8Array;
}

/** One direction of a connection: frames on their way, in order. */
class Direction implements ByteChannel {
  readonly link: Link;
  readonly writable = true;
  readonly drained = true;
  /** On their way. */
  frames: Frame[] = [];
  /** A frame has arrived, by which who speaks here has introduced himself. */
  hasArrived = false;
  /** The frame that was written last, until it has arrived whole. */
  last: Frame | undefined;
  /** Who speaks here has hung up, and hears nothing more. */
  closed = false;
  #written: number[] = [];
  #isFirst = true;

  constructor(link: Link) {
    this.link = link;
  }

  write(bytes: Uint8Array): void {
    this.#written.push(...bytes);
    const start = this.#isFirst ? HEADER : 0;
    if (this.#written.length < start + HEADER) return;
    const written = Uint8Array.from(this.#written);
    const length = Number(new DataView(written.buffer).getBigUint64(start + 4, true));
    if (written.length < start + HEADER + length) return;
    this.#written = [];
    this.#isFirst = false;
    this.last = { tag: new TextDecoder().decode(written.subarray(start, start + 4)), bytes: written };
    // A connection that is broken takes it and loses it, or refuses it: both leave it nowhere.
    if (!this.link.broken) this.frames.push(this.last);
  }

  close(): void {
    this.closed = true;
    this.link.broken = true;
  }

  /** The next frame. */
  take(): Uint8Array {
    const frame = this.frames.shift()!;
    this.hasArrived = true;
    if (frame === this.last) this.last = undefined;
    return frame.bytes;
  }

  /** A part of the next frame, and then nothing more. */
  tear(): Uint8Array {
    const { bytes } = this.frames[0];
    this.lose();
    return bytes.subarray(0, bytes.length >> 1);
  }

  /** The next frame with a bit turned. */
  damage(): Uint8Array {
    const bytes = this.take();
    bytes[bytes.length - 1] ^= 1;
    return bytes;
  }

  /** The frame that was written last turns out never to have left. */
  refuse(): void {
    this.frames = this.frames.filter((frame) => frame !== this.last);
  }

  lose(): void {
    this.frames = [];
    this.link.broken = true;
  }

  get tags(): string[] {
    return this.frames.map(({ tag }) => tag);
  }
}

/** A connection. Broken, it takes nothing more; what is on its way may still arrive until its reader notices. */
class Link {
  broken = false;
  readonly there = new Direction(this);
  readonly back = new Direction(this);
}

/** What can happen, by name. */
type Moves = Map<string, () => void>;

interface Side {
  protocol: DestinationProtocol;
  /** The connection that it has, and has not noticed to be gone. */
  link?: Link | undefined;
  alive: boolean;
}

export interface Variation {
  /** A source that is not as it should be. */
  source?: typeof SourceProtocol;
  /** A destination that runs when it should not. */
  destinationRuns?: (protocol: DestinationProtocol) => boolean;
  /** Persons take machines back that may run elsewhere. */
  rashPersons?: boolean;
}

const ACCEPTING = { objection: () => undefined, take: () => {}, complete: () => {} };

export class TwoSides {
  readonly source: SourceProtocol;
  readonly #variation: Variation;
  readonly #destination: Side = { protocol: new DestinationProtocol(ACCEPTING), alive: true };
  /** Somebody who has come to listen at the destination's address, and knows of nothing. */
  #stranger: Side | undefined;
  /** The source's connection. */
  #link = new Link();
  /** The source has not noticed that it is gone. */
  #isOpen = true;
  #isComplete = false;

  constructor(variation: Variation = {}) {
    this.#variation = variation;
    this.#accept(this.#destination);
    const owner: SourceOwner = {
      entered: (phase) => {
        if (phase === 'copying') this.source.send('RNDE', numberPayload(1));
      },
      roundArrived: () => {
        this.source.handOver();
        return true;
      },
    };
    const greeting = { id: 'this', format: FORMAT_VERSION, config: {} };
    this.source = new (variation.source ?? SourceProtocol)(this.#link.there, greeting, owner);
  }

  get sourceRuns(): boolean {
    return this.source.guestMayRun;
  }

  get destinationRuns(): boolean {
    const runs = this.#variation.destinationRuns ?? (({ phase }) => phase === 'running');
    return this.#sides.some(({ alive, protocol }) => alive && runs(protocol));
  }

  /** The destination is there, at its address. */
  get destinationIsThere(): boolean {
    return this.#destination.alive && !this.#stranger;
  }

  get phases(): string {
    return `${this.source.phase}, ${this.#destination.alive ? this.#destination.protocol.phase : 'dead'}`;
  }

  /** Equal when all that can follow is equal. How often the source has connected is not in it, so that there is no limit to that. */
  get key(): string {
    const { there, back, broken } = this.#link;
    const heard = this.#isOpen && !this.source.over && [broken, there.closed, back.tags, there.last !== undefined];
    const sides = this.#sides.map(({ protocol, alive, link }) => {
      const connection = link && [
        link === this.#link,
        link.broken,
        link.back.closed,
        link.there.tags,
        link.there.hasArrived,
      ];
      return [protocol.phase, alive, connection];
    });
    return JSON.stringify([this.source.phase, this.#isComplete, heard, sides]);
  }

  /** All that can happen next, by name. */
  get moves(): Moves {
    const moves = new Map<string, () => void>();
    const { source } = this;
    const link = this.#link;
    if (source.phase === 'handover' && !this.#isComplete) moves.set('the state is sent', () => this.#complete());
    if (!link.broken) {
      moves.set('the connection breaks', () => {
        link.broken = true;
      });
    }
    const isOpen = this.#isOpen && !source.over;
    if (isOpen) this.#arrivals(link.back, 'the source', (bytes) => source.receive(bytes), moves);
    if (isOpen && link.broken) {
      moves.set('the source notices', () => this.#sourceNotices(false));
      if (link.there.last) moves.set('the source notices, its last frame unsent', () => this.#sourceNotices(true));
    }
    if (source.isWaiting) moves.set('the source has waited long enough', () => source.disconnected('No answer.'));
    if (source.phase === 'asking') moves.set('an older connection ends late', () => source.disconnected('Late.', true));
    if (source.phase === 'unknown') {
      moves.set('the source connects again', () => this.#reconnect(this.#listener));
      moves.set('the source connects again in vain', () => this.#reconnect(undefined));
    }
    if (!source.over) moves.set('it is called off', () => source.cancel('Called off.'));
    const mayReclaim = !this.#destination.alive || this.#destination.protocol.phase === 'failed';
    if (source.phase !== 'failed' && (mayReclaim || this.#variation.rashPersons)) {
      moves.set('a person takes the machine back', () => source.reclaim());
    }
    for (const side of this.#sides) this.#movesOf(side, moves);
    if (!this.#stranger) {
      moves.set('a stranger listens there', () => {
        this.#stranger = { protocol: new DestinationProtocol(ACCEPTING), alive: true };
      });
    }
    return moves;
  }

  #movesOf(side: Side, moves: Moves): void {
    const { protocol, link } = side;
    const who = side === this.#stranger ? 'the stranger' : 'the destination';
    if (!side.alive) return;
    if (link) this.#arrivals(link.there, who, (bytes) => protocol.receive(bytes), moves);
    if (link?.broken) moves.set(`${who} notices`, () => this.#notices(side));
    if (side === this.#stranger) return;
    if (protocol.phase === 'ready' || protocol.phase === 'receiving') {
      moves.set(`${who} gives up`, () => protocol.giveUp('It has waited for long.'));
    }
    moves.set(`${who} dies`, () => {
      side.alive = false;
      link?.there.lose();
      side.link = undefined;
    });
  }

  #arrivals(direction: Direction, who: string, receive: (bytes: Uint8Array) => void, moves: Moves): void {
    if (direction.frames.length === 0) return;
    const { tag } = direction.frames[0];
    moves.set(`${tag} arrives at ${who}`, () => receive(direction.take()));
    moves.set(`half of ${tag} arrives at ${who}`, () => receive(direction.tear()));
    moves.set(`${tag} arrives damaged at ${who}`, () => receive(direction.damage()));
  }

  get #sides(): Side[] {
    return this.#stranger ? [this.#destination, this.#stranger] : [this.#destination];
  }

  get #listener(): Side | undefined {
    return [this.#stranger ?? this.#destination].find(({ alive }) => alive);
  }

  #complete(): void {
    this.#isComplete = true;
    this.source.complete({ paused: false });
  }

  /** `unsent`: the system has refused to take its last frame. */
  #sourceNotices(unsent: boolean): void {
    if (unsent) this.#link.there.refuse();
    this.#isOpen = false;
    this.source.disconnected('It is broken.', unsent);
  }

  #notices(side: Side): void {
    side.link = undefined;
    side.protocol.disconnected('It is broken.');
  }

  #accept(side: Side): void {
    side.link = this.#link;
    side.protocol.connected(this.#link.back);
  }

  #reconnect(listener: Side | undefined): void {
    this.#link = new Link();
    this.#isOpen = true;
    if (listener) this.#accept(listener);
    else this.#link.broken = true;
    this.source.reconnected(this.#link.there);
  }

  /** The network holds from now on, and everybody goes on as long as there is something to do. */
  settle(): void {
    for (let attempts = 0; ; ) {
      const { moves } = this;
      const next = [...moves.keys()].find((name) => /^the state is sent$|^[A-Z]{4} arrives at|notices$/.test(name));
      if (next !== undefined) moves.get(next)!();
      else if (this.source.phase === 'unknown' && attempts++ < 3) this.#reconnect(this.#listener);
      else if (this.source.isWaiting) this.source.disconnected('No answer.');
      else return;
    }
  }
}
