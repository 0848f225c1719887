import type { Crc32 } from '../crc32.js';
import { FORMAT_VERSION } from '../snapshot/format.js';
import {
  type ByteChannel,
  Connection,
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

/** Who builds the machine. */
export interface DestinationOwner {
  /** What keeps that machine from being taken: a sentence, or undefined. */
  objection(config: object): string | undefined;
  /** Takes a frame of RAM or state; StreamError when it cannot be. */
  take(tag: SourceTag, payload: Uint8Array): void;
  /** All of it is here, `ending` is what DONE says: makes it the machine. StreamError when it cannot be. */
  complete(ending: Record<string, unknown>): void;
}

/** The destination's side of the protocol: who has the machine, and what is said and heard about that. */
export class DestinationProtocol {
  readonly #owner: DestinationOwner;
  readonly #crc32: Crc32 | undefined;
  #connection: Connection<DestinationTag, SourceTag> | undefined;
  #phase: DestinationPhase = 'listening';
  #reason: string | undefined;
  #id: string | undefined;
  /** Who speaks on this connection has said which migration it is about. */
  #introduced = false;

  constructor(owner: DestinationOwner, crc32?: Crc32) {
    this.#owner = owner;
    this.#crc32 = crc32;
  }

  get phase(): DestinationPhase {
    return this.#phase;
  }

  /** Why it failed, or why the connection broke while it was ready. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** There is a connection: the first of a source, or a new one of the same. */
  connected(channel: ByteChannel): void {
    this.#connection?.reader.stop();
    this.#introduced = false;
    const reader = FrameReader.ofSource((tag, payload) => this.#take(tag, payload), this.#crc32);
    this.#connection = new Connection(channel, new FrameWriter<DestinationTag>(channel), reader);
  }

  /** What the source sent. */
  receive(bytes: Uint8Array): void {
    try {
      this.#connection?.reader.push(bytes);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#broken(error.message);
    }
  }

  /** The connection is gone. A machine that is ready waits on: only the source knows whether it has given it up. */
  disconnected(reason: string): void {
    this.#connection?.reader.stop();
    if (this.#phase === 'receiving') {
      this.#phase = 'failed';
      this.#reason = reason;
    } else if (this.#phase === 'ready') this.#reason ??= reason;
  }

  /** Will not take the machine any more; false when it runs already. */
  giveUp(reason: string): boolean {
    if (this.#phase === 'running') return false;
    if (this.#phase !== 'failed') this.#refuse(reason);
    return true;
  }

  /**
   * What came is no stream. What is ready stays ready: the source may have committed itself, and will ask. Who has not
   * introduced himself is nobody to wait for, and no reason not to wait for another; nor must he take it as a promise that
   * his machine does not run, since it is not the one that is known here.
   */
  #broken(reason: string): void {
    if (this.#phase === 'receiving') {
      this.#refuse(reason);
      return;
    }
    if (this.#phase === 'ready') this.#reason = reason;
    this.#connection?.hangUp('DROP', textPayload(reason));
  }

  /** Promises never to run the machine. */
  #refuse(reason: string): void {
    this.#phase = 'failed';
    this.#reason = reason;
    this.#connection?.hangUp('RFSE', textPayload(reason));
  }

  #take(tag: SourceTag, payload: Uint8Array): void {
    if (tag === 'HELO' && this.#phase === 'listening') this.#greet(payload);
    else if (tag === 'ASKS') this.#answer(payload);
    else if (!this.#introduced) throw new StreamError(`The source says ${tag} out of turn.`);
    else if (tag === 'CMIT' && this.#phase === 'ready') {
      this.#phase = 'running';
      this.#say('RUNS');
    } else if (tag === 'CNCL' && this.#phase !== 'running') {
      this.#phase = 'failed';
      this.#reason = readText(payload);
      this.#connection?.hangUp();
    } else if (this.#phase !== 'receiving') throw new StreamError(`The source says ${tag} out of turn.`);
    else if (tag === 'RNDE') this.#say('ACKR', numberPayload(readNumber(payload)));
    else if (tag === 'DONE') {
      this.#owner.complete(readJson(payload));
      this.#phase = 'ready';
      this.#say('REDY');
    } else this.#owner.take(tag, payload);
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
    const objection = this.#owner.objection(config);
    if (objection !== undefined) {
      this.#refuse(objection);
      return;
    }
    this.#id = id;
    this.#introduced = true;
    this.#phase = 'receiving';
    this.#say('ACPT');
  }

  /** The source lost the connection after it had committed itself. */
  #answer(payload: Uint8Array): void {
    const { id } = readJson(payload);
    if (this.#id === undefined || id !== this.#id)
      throw new StreamError('The source asks for a migration that is not here.');
    this.#introduced = true;
    if (this.#phase === 'ready') this.#say('REDY');
    else if (this.#phase === 'running') this.#say('RUNS');
    else this.#refuse(this.#reason ?? 'The machine has not arrived whole.');
  }

  #say(tag: DestinationTag, ...payload: Uint8Array[]): void {
    this.#connection!.writer.send(tag, ...payload);
  }
}
