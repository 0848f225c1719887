import { ByteQueue } from './byte-queue.js';
import type { HostSocket, HostSocketListener } from './host-socket.js';
import { difference, FLAG, plus, type Segment, sequenceLength } from './segment.js';

/**
 * One TCP connection (RFC 9293): between a peer on the link and a host socket. The link loses next to nothing and has no
 * other traffic, so that there is no congestion control, and what comes out of its order is asked for again. There are
 * no options beside the maximum segment size.
 */

/** The largest segment that a frame carries. */
const LARGEST_SEGMENT = 1460;
/** What a peer takes that does not say (RFC 9293, 3.7.1). */
const DEFAULT_SEGMENT = 536;
/** A peer that says less gets this. */
const SMALLEST_SEGMENT = 64;
/** Bytes received that the host socket has not taken. */
const RECEIVE_BUFFER = 0xffff;
/** Bytes from the host socket that the peer has not acknowledged: then it is paused, and resumed at half. */
const SEND_BUFFER = 1 << 18;
/** The retransmission timeout, in virtual time: it doubles each time in a row, up to the longest, and then gives up. */
const RETRANSMISSION = { first: 200_000_000, longest: 10_000_000_000, most: 12 } as const;
/** How long a closed connection answers a peer that ends again, having lost the answer: longer than any peer asks. */
const TIME_WAIT = 60_000_000_000;
const DUPLICATES = 3;
const NEVER = Number.POSITIVE_INFINITY;
const EMPTY = { data: new Uint8Array(0) };

/** Who the two ends are. */
export interface ConnectionKey {
  remoteAddress: number;
  remotePort: number;
  localPort: number;
}

/** What a connection needs of the stack. */
export interface ConnectionHost {
  now(): number;
  send(key: ConnectionKey, segment: Omit<Segment, 'sourcePort' | 'destinationPort'>): void;
  /** The connection is over. */
  closed(): void;
}

/**
 * connecting: the peer asks for a connection, and the host socket is not there yet. synSent and synReceived: of the
 * handshake. timeWait: both sides have ended.
 */
type Phase = 'connecting' | 'synSent' | 'synReceived' | 'open' | 'timeWait' | 'closed';

export class TcpConnection implements HostSocketListener {
  readonly key: ConnectionKey;
  /** Virtual time of the next thing that it does by itself. */
  deadline = NEVER;
  readonly #host: ConnectionHost;
  #socket: HostSocket | undefined;
  #phase: Phase;
  // Sending: names are those of RFC 9293, 3.3.1. `highest` is the end of what was ever sent.
  #unacknowledged: number;
  #next: number;
  #highest: number;
  #window = 0;
  #windowSequence = 0;
  #windowAcknowledgement = 0;
  #segmentSize = DEFAULT_SEGMENT;
  /** From the first unacknowledged byte on, SYN and FIN apart. */
  readonly #outgoing = new ByteQueue();
  #ending = false;
  #endAcknowledged = false;
  #paused = false;
  #retries = 0;
  #duplicates = 0;
  // Receiving.
  #expected = 0;
  /** The end of the window that the peer knows. */
  #advertised = 0;
  #peerEnded = false;

  constructor(key: ConnectionKey, initialSequence: number, host: ConnectionHost, phase: 'connecting' | 'synSent') {
    this.key = key;
    this.#host = host;
    this.#phase = phase;
    this.#unacknowledged = initialSequence;
    this.#next = initialSequence;
    this.#highest = initialSequence;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** What a reset has to say when this connection cannot go on. */
  get reset(): { sequence: number; acknowledgement: number } {
    return { sequence: this.#highest, acknowledgement: this.#expected };
  }

  attach(socket: HostSocket): void {
    this.#socket = socket;
  }

  /** Begins a connection to the peer. */
  open(): void {
    this.#sendSyn();
  }

  /** The peer's SYN, for which a host socket is being connected. */
  acceptSyn(segment: Segment): void {
    this.#expected = plus(segment.sequence, 1);
    this.#advertised = this.#expected;
    this.#takeSegmentSize(segment);
    this.#takeWindow(segment);
  }

  // ---- from the host socket

  connected(): void {
    if (this.#phase !== 'connecting') return;
    this.#phase = 'synReceived';
    this.#sendSyn();
  }

  data(bytes: Uint8Array): void {
    if (this.#isOver || this.#ending) return;
    this.#outgoing.push(bytes);
    if (this.#outgoing.length >= SEND_BUFFER && !this.#paused) {
      this.#paused = true;
      this.#socket?.pause();
    }
    this.#output();
  }

  ended(): void {
    if (this.#isOver) return;
    this.#ending = true;
    this.#output();
  }

  drained(): void {
    // A window that opens a little is not worth a segment (RFC 9293, 3.8.6.2.2).
    if (!this.#isOver && this.#receiveWindow() - difference(this.#advertised, this.#expected) >= RECEIVE_BUFFER / 2)
      this.#acknowledge();
  }

  failed(): void {
    if (this.#isOver) return;
    this.#sendReset();
    this.#close();
  }

  // ---- from the peer

  receive(segment: Segment): void {
    if (this.#phase === 'connecting') {
      if (segment.flags & FLAG.rst && segment.sequence === this.#expected) this.#abandon();
      return;
    }
    if (this.#phase === 'synSent') this.#receiveSynAnswer(segment);
    else if (this.#isAcceptable(segment)) this.#receiveInOrder(segment);
    else if (!(segment.flags & FLAG.rst)) this.#acknowledge();
  }

  /** A timer has rung: of retransmission, of probing a closed window, or of the end. */
  advance(now: number): void {
    if (now < this.deadline) return;
    this.deadline = NEVER;
    if (this.#phase === 'timeWait') {
      this.#close();
      return;
    }
    // A peer that answers, and only keeps its window closed, is asked for ever.
    if (this.#window > 0 || this.#phase !== 'open') this.#retries++;
    else this.#retries = Math.min(this.#retries + 1, RETRANSMISSION.most);
    if (this.#retries > RETRANSMISSION.most) {
      this.#sendReset();
      this.#abandon();
      return;
    }
    if (this.#phase !== 'open') this.#sendSyn();
    else {
      this.#next = this.#unacknowledged;
      this.#output(true);
    }
  }

  #receiveSynAnswer(segment: Segment): void {
    const { flags, acknowledgement } = segment;
    const rightAck = (flags & FLAG.ack) !== 0 && acknowledgement === plus(this.#unacknowledged, 1);
    if (flags & FLAG.rst) {
      if (rightAck) this.#abandon();
      return;
    }
    // Whoever acknowledges something else has an older connection: it is reset (3.10.7.3).
    if (flags & FLAG.ack && !rightAck)
      this.#host.send(this.key, {
        ...EMPTY,
        sequence: acknowledgement,
        acknowledgement: 0,
        flags: FLAG.rst,
        window: 0,
      });
    if (!(flags & FLAG.syn) || !rightAck) return;
    this.acceptSyn(segment);
    this.#takeSynAcknowledgement(segment);
    this.#acknowledge();
    this.#output();
  }

  #takeSynAcknowledgement(segment: Segment): void {
    this.#unacknowledged = plus(this.#unacknowledged, 1);
    this.#phase = 'open';
    this.#retries = 0;
    this.deadline = NEVER;
    this.#takeWindow(segment);
  }

  /** Whether any of the segment is in the receive window (RFC 9293, 3.10.7.4, first check). */
  #isAcceptable(segment: Segment): boolean {
    const window = Math.max(0, difference(this.#advertised, this.#expected));
    const begin = difference(segment.sequence, this.#expected);
    const end = begin + sequenceLength(segment);
    // What comes for a closed window is not taken, but its acknowledgement counts.
    if (window === 0) return begin <= 0 && end >= 0;
    return (begin >= 0 && begin < window) || (end > 0 && begin < window);
  }

  #receiveInOrder(segment: Segment): void {
    const { flags } = segment;
    if (flags & FLAG.rst) {
      // One that is not just the next may be a guess (RFC 9293, 3.10.7.4, second check).
      if (segment.sequence !== this.#expected) this.#acknowledge();
      else if (this.#isDone) this.#close();
      else this.#abandon();
      return;
    }
    if (flags & FLAG.syn) {
      this.#acknowledge();
      return;
    }
    if (!(flags & FLAG.ack)) return;
    if (this.#phase === 'synReceived') {
      if (segment.acknowledgement !== plus(this.#unacknowledged, 1)) {
        this.#sendReset(segment.acknowledgement);
        return;
      }
      this.#takeSynAcknowledgement(segment);
    } else if (!this.#takeAcknowledgement(segment)) return;
    this.#takeData(segment);
    this.#output();
    this.#finishIfDone();
  }

  /** False when the segment acknowledges what was never sent, and is dropped. */
  #takeAcknowledgement(segment: Segment): boolean {
    const { acknowledgement } = segment;
    const gained = difference(acknowledgement, this.#unacknowledged);
    if (difference(acknowledgement, this.#highest) > 0) {
      this.#acknowledge();
      return false;
    }
    if (gained < 0) return true;
    if (gained > 0) {
      const data = Math.min(gained, this.#outgoing.length);
      this.#outgoing.drop(data);
      if (gained > data) this.#endAcknowledged = true;
      this.#unacknowledged = acknowledgement;
      if (difference(this.#next, acknowledgement) < 0) this.#next = acknowledgement;
      this.#retries = 0;
      this.#duplicates = 0;
      this.deadline = NEVER;
      if (this.#paused && this.#outgoing.length < SEND_BUFFER / 2) {
        this.#paused = false;
        this.#socket?.resume();
      }
    } else this.#countDuplicate(segment);
    this.#takeWindow(segment);
    return true;
  }

  /** The third acknowledgement of the same tells that a segment was lost (RFC 5681, 3.2). */
  #countDuplicate(segment: Segment): void {
    const sameWindow = segment.window === this.#window;
    if (sequenceLength(segment) > 0 || !sameWindow || this.#highest === this.#unacknowledged) return;
    if (++this.#duplicates !== DUPLICATES) return;
    this.#next = this.#unacknowledged;
    this.#output(true);
  }

  /** Takes the window of a segment that is not older than the one it was last taken from (3.10.7.4, fifth check). */
  #takeWindow({ sequence, acknowledgement, window }: Segment): void {
    const newer = difference(sequence, this.#windowSequence);
    const isFirst = this.#phase === 'connecting' || this.#phase === 'synSent';
    if (!isFirst && (newer < 0 || (newer === 0 && difference(acknowledgement, this.#windowAcknowledgement) < 0)))
      return;
    this.#window = window;
    this.#windowSequence = sequence;
    this.#windowAcknowledgement = acknowledgement;
  }

  #takeSegmentSize({ maximumSegmentSize = DEFAULT_SEGMENT }: Segment): void {
    this.#segmentSize = Math.max(SMALLEST_SEGMENT, Math.min(LARGEST_SEGMENT, maximumSegmentSize));
  }

  /** Takes what is next of the data, as far as the window goes; the rest comes again. Acknowledges all that took a number. */
  #takeData(segment: Segment): void {
    const length = sequenceLength(segment);
    if (length === 0) return;
    const skip = difference(this.#expected, segment.sequence);
    if (skip >= 0 && skip <= segment.data.length && !this.#peerEnded && this.#phase === 'open') {
      const room = Math.max(0, difference(this.#advertised, this.#expected));
      const data = segment.data.slice(skip, skip + room);
      if (data.length > 0) this.#socket?.write(data);
      this.#expected = plus(this.#expected, data.length);
      if (segment.flags & FLAG.fin && skip + data.length === segment.data.length) {
        this.#peerEnded = true;
        this.#expected = plus(this.#expected, 1);
        this.#socket?.end();
      }
    }
    this.#acknowledge();
    if (this.#phase === 'timeWait') this.deadline = this.#host.now() + TIME_WAIT;
  }

  /** Both have ended and know it: the connection is over, at once or, if this side ended first, a little later. */
  #finishIfDone(): void {
    if (this.#phase !== 'open' || !this.#peerEnded || !this.#endAcknowledged) return;
    this.#phase = 'timeWait';
    this.#socket = undefined;
    this.deadline = this.#host.now() + TIME_WAIT;
  }

  // ---- to the peer

  /** Sends what the window allows. `urgent`: one segment even if it does not: again, or to ask for the window. */
  #output(urgent = false): void {
    if (this.#phase !== 'open') return;
    let must = urgent;
    for (;;) {
      const offset = difference(this.#next, this.#unacknowledged);
      const waiting = this.#outgoing.length - offset;
      const isEndDue = this.#ending && !this.#endAcknowledged && waiting >= 0;
      if (waiting < 0 || (waiting === 0 && !isEndDue)) break;
      const usable = Math.max(this.#window - offset, must ? 1 : 0);
      if (usable <= 0) break;
      const length = Math.min(waiting, usable, this.#segmentSize);
      // Little segments only when nothing is under way (RFC 9293, 3.8.6.2.1).
      if (!must && length < waiting && length < this.#segmentSize && offset > 0) break;
      const withEnd = isEndDue && length === waiting;
      this.#sendData(offset, length, withEnd);
      must = false;
      if (withEnd) break;
    }
    if (this.deadline === NEVER && this.#hasWork) this.#startTimer();
  }

  /** Whether something is under way or waits for the window. */
  get #hasWork(): boolean {
    return this.#outgoing.length > 0 || (this.#ending && !this.#endAcknowledged);
  }

  #sendData(offset: number, length: number, withEnd: boolean): void {
    const isLast = offset + length === this.#outgoing.length;
    this.#send({
      sequence: this.#next,
      flags: FLAG.ack | (isLast && length > 0 ? FLAG.psh : 0) | (withEnd ? FLAG.fin : 0),
      data: this.#outgoing.copy(offset, length),
    });
    this.#next = plus(this.#next, length + (withEnd ? 1 : 0));
    if (difference(this.#next, this.#highest) > 0) this.#highest = this.#next;
  }

  #sendSyn(): void {
    this.#send({
      sequence: this.#unacknowledged,
      flags: FLAG.syn | (this.#phase === 'synReceived' ? FLAG.ack : 0),
      data: EMPTY.data,
      maximumSegmentSize: LARGEST_SEGMENT,
    });
    this.#next = plus(this.#unacknowledged, 1);
    this.#highest = this.#next;
    this.#startTimer();
  }

  #acknowledge(): void {
    this.#send({ sequence: this.#highest, flags: FLAG.ack, data: EMPTY.data });
  }

  #sendReset(sequence = this.#highest): void {
    const hasHeard = this.#phase !== 'synSent';
    this.#send({ sequence, flags: FLAG.rst | (hasHeard ? FLAG.ack : 0), data: EMPTY.data });
  }

  #send(segment: Pick<Segment, 'sequence' | 'flags' | 'data' | 'maximumSegmentSize'>): void {
    const window = this.#receiveWindow();
    const advertised = plus(this.#expected, window);
    if (difference(advertised, this.#advertised) > 0) this.#advertised = advertised;
    const acknowledgement = segment.flags & FLAG.ack ? this.#expected : 0;
    this.#host.send(this.key, { ...segment, acknowledgement, window });
  }

  /** The window never becomes smaller than it was said to be. */
  #receiveWindow(): number {
    const free = Math.max(0, RECEIVE_BUFFER - (this.#socket?.backlog ?? 0));
    return Math.min(RECEIVE_BUFFER, Math.max(free, difference(this.#advertised, this.#expected)));
  }

  #startTimer(): void {
    const timeout = RETRANSMISSION.first * 2 ** this.#retries;
    this.deadline = this.#host.now() + Math.min(timeout, RETRANSMISSION.longest);
  }

  // ---- the end

  get #isOver(): boolean {
    return this.#phase === 'timeWait' || this.#phase === 'closed';
  }

  /** Whether all of both directions has arrived, and only the peer's word for that may be missing. */
  get #isDone(): boolean {
    return this.#peerEnded && this.#ending && this.#outgoing.length === 0;
  }

  /** The host socket goes with the connection. */
  #abandon(): void {
    this.#socket?.destroy();
    this.#close();
  }

  #close(): void {
    this.#phase = 'closed';
    this.#socket = undefined;
    this.deadline = NEVER;
    this.#host.closed();
  }
}
