import type { Crc32 } from '../crc32.js';
import {
  type ByteChannel,
  Connection,
  type DestinationTag,
  type Ending,
  FrameReader,
  FrameWriter,
  type Greeting,
  jsonPayload,
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

interface Rules {
  /** Otherwise the guest could run twice. */
  guestMayRun: boolean;
  /** An answer is due. */
  isWaiting?: true;
  /**
   * Where it goes when the connection breaks. While that is `failed` the machine is this side's to keep: the destination
   * cannot have CMIT.
   */
  whenBroken?: 'failed' | 'unknown';
  /** Nobody here knows who has the machine: a person may say it. */
  isUncertain?: true;
}

/**
 * The first time that CMIT is written is the way from `handover` to `committed`, and no way leads back: from there only the
 * destination's word (RUNS, RFSE) or a person's makes an end, and one way more, which `disconnected` tells.
 */
const PHASES: Record<SourcePhase, Rules> = {
  greeting: { guestMayRun: true, whenBroken: 'failed' },
  copying: { guestMayRun: true, whenBroken: 'failed' },
  handover: { guestMayRun: false, whenBroken: 'failed', isWaiting: true },
  committed: { guestMayRun: false, whenBroken: 'unknown', isWaiting: true },
  unknown: { guestMayRun: false, isUncertain: true },
  asking: { guestMayRun: false, whenBroken: 'unknown', isWaiting: true, isUncertain: true },
  moved: { guestMayRun: false },
  failed: { guestMayRun: true },
};

/** Who copies the machine. */
export interface SourceOwner {
  /** The source has come to this phase. What is said in it has not been said yet. */
  entered(phase: SourcePhase): void;
  /** The destination has the pages of that round; false when they have not all been sent. */
  roundArrived(round: number): boolean;
}

/** The source's side of the protocol: who has the machine, and what is said and heard about that. */
export class SourceProtocol {
  readonly #id: string;
  readonly #crc32: Crc32 | undefined;
  readonly #owner: SourceOwner;
  #connection: Connection<SourceTag, DestinationTag>;
  #bytesBefore = 0;
  #phase: SourcePhase = 'greeting';
  #reason: string | undefined;
  /** DONE has been sent: the destination can be ready. */
  #isComplete = false;

  /** Greets the destination at the other end of the channel. */
  constructor(channel: ByteChannel, greeting: Greeting, owner: SourceOwner, crc32?: Crc32) {
    this.#id = greeting.id;
    this.#crc32 = crc32;
    this.#owner = owner;
    this.#connection = this.#connect(channel);
    this.#connection.writer.send('HELO', jsonPayload(greeting));
  }

  get phase(): SourcePhase {
    return this.#phase;
  }

  /** Why the migration failed or is unknown. */
  get reason(): string | undefined {
    return this.#reason;
  }

  get guestMayRun(): boolean {
    return PHASES[this.#phase].guestMayRun;
  }

  /** The guest stands for an answer of the destination. */
  get isWaiting(): boolean {
    return PHASES[this.#phase].isWaiting ?? false;
  }

  get over(): boolean {
    return this.#phase === 'moved' || this.#phase === 'failed';
  }

  get channel(): ByteChannel {
    return this.#connection.channel;
  }

  /** Bytes written so far, on all connections. */
  get bytes(): number {
    return this.#bytesBefore + this.#connection.writer.bytes;
  }

  /** RAM or state, while `copying` or in the `handover`. */
  send(tag: SourceTag, ...payload: Uint8Array[]): void {
    this.#connection.writer.send(tag, ...payload);
  }

  /** With `copying`: the guest stands from here on, and what is sent now is the last of it. */
  handOver(): void {
    this.#enter('handover');
  }

  /** With `handover`: all of it has been sent. */
  complete(ending: Ending): void {
    this.#isComplete = true;
    this.#connection.writer.send('DONE', jsonPayload(ending));
  }

  /** What the destination sent. */
  receive(bytes: Uint8Array): void {
    if (this.over) return;
    try {
      this.#connection.reader.push(bytes);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.disconnected(error.message);
    }
  }

  /**
   * The connection is gone. `unsent`: what was written last on it has certainly not left this side whole. While
   * `committed` that is the one CMIT that has ever been written, so that no destination can have it, and the machine is
   * still this side's. A question that was not sent says nothing of the commitment before it.
   */
  disconnected(reason: string, unsent = false): void {
    const { whenBroken } = PHASES[this.#phase];
    if (whenBroken === 'failed' || (this.#phase === 'committed' && unsent)) this.#fail(reason);
    else if (whenBroken === 'unknown') {
      this.#reason = reason;
      this.#connection.hangUp();
      this.#enter('unknown');
    }
  }

  /** Calls the migration off; false when it is too late for that. */
  cancel(reason: string): boolean {
    if (PHASES[this.#phase].whenBroken !== 'failed') return false;
    this.#fail(reason);
    return true;
  }

  /** With `unknown`: there is a new connection to the destination, which is asked. */
  reconnected(channel: ByteChannel): void {
    if (this.#phase !== 'unknown') throw new Error('There is nothing to ask the destination.');
    this.#bytesBefore = this.bytes;
    this.#connection = this.#connect(channel);
    this.#enter('asking');
    this.#connection.writer.send('ASKS', jsonPayload({ id: this.#id }));
  }

  /** A person knows that the destination does not run and never will; false when that is not the question. */
  reclaim(): boolean {
    if (!PHASES[this.#phase].isUncertain) return false;
    this.#fail('The machine was taken back.');
    return true;
  }

  #connect(channel: ByteChannel): Connection<SourceTag, DestinationTag> {
    const reader = FrameReader.ofDestination((tag, payload) => this.#take(tag, payload));
    return new Connection(channel, new FrameWriter<SourceTag>(channel, this.#crc32), reader);
  }

  #take(tag: DestinationTag, payload: Uint8Array): void {
    const phase = this.#phase;
    // It has promised never to run, so that the guest may go on here even after the commitment.
    if (tag === 'RFSE') this.#fail(readText(payload));
    else if (tag === 'DROP') this.disconnected(readText(payload));
    else if (tag === 'ACPT' && phase === 'greeting') this.#enter('copying');
    else if (tag === 'ACKR' && phase === 'copying' && this.#owner.roundArrived(readNumber(payload))) return;
    else if (tag === 'REDY' && phase === 'handover' && this.#isComplete) {
      // From here on there is no way back: the destination may run from the moment in which this arrives.
      this.#enter('committed');
      this.#connection.writer.send('CMIT');
    } else if (tag === 'REDY' && phase === 'asking') {
      // The commitment of before has not arrived.
      this.#connection.writer.send('CMIT');
    } else if (tag === 'RUNS' && (phase === 'committed' || phase === 'asking')) {
      this.#connection.hangUp();
      this.#enter('moved');
    } else throw new StreamError(`The destination says ${tag} out of turn.`);
  }

  #enter(phase: SourcePhase): void {
    this.#phase = phase;
    this.#owner.entered(phase);
  }

  /** The guest goes on here; the destination hears why, if it still can. */
  #fail(reason: string): void {
    this.#reason = reason;
    if (this.#phase !== 'unknown') this.#connection.hangUp('CNCL', textPayload(reason));
    this.#enter('failed');
  }
}
