import { isWhole } from '../../state-checks.js';
import { isGuestAddress } from '../addresses.js';
import type { Ipv4Packet } from '../packets.js';
import { type ConnectionKey, TcpConnection } from './connection.js';
import type { HostNetwork, HostSocket, HostSocketListener } from './host-socket.js';
import { buildSegment, FLAG, parseSegment, plus, type Segment, sequenceLength } from './segment.js';

/** The TCP of one host on the network: its connections, found by address and ports. */

/** More connections are refused. */
const MOST_CONNECTIONS = 256;
/** Ports for connections from this side (RFC 6335, 6). */
const EPHEMERAL = { first: 49_152, count: 16_384 } as const;
/** Distance between the initial sequence numbers of two connections: more than any window. */
const SEQUENCE_STEP = 0x0010_0301;

/**
 * What remains of a connection in a saved network: enough to reset it. Its host socket belongs to the process that is
 * saved; plain JSON.
 */
export interface LostConnection extends ConnectionKey {
  sequence: number;
  acknowledgement: number;
}

export interface TcpStackState {
  connections: LostConnection[];
  nextSequence: number;
  nextPort: number;
}

export interface TcpStackHost {
  now(): number;
  send(packet: Ipv4Packet): void;
}

export class TcpStack {
  readonly #address: number;
  readonly #network: HostNetwork | undefined;
  readonly #host: TcpStackHost;
  readonly #connections = new Map<string, TcpConnection>();
  #nextSequence = SEQUENCE_STEP;
  #nextPort = 0;

  /** `address`: its own. `network`: what is behind its ports. */
  constructor(address: number, network: HostNetwork | undefined, host: TcpStackHost) {
    this.#address = address;
    this.#network = network;
    this.#host = host;
  }

  /** Virtual time of the next thing that happens here by itself; Infinity when there is none. */
  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY;
    for (const connection of this.#connections.values()) deadline = Math.min(deadline, connection.deadline);
    return deadline;
  }

  /** Connections that have a host socket. */
  get open(): number {
    let count = 0;
    for (const { phase } of this.#connections.values()) if (phase !== 'timeWait') count++;
    return count;
  }

  advance(now: number): void {
    for (const connection of [...this.#connections.values()]) connection.advance(now);
  }

  /** A packet of TCP for this host. */
  receive(packet: Ipv4Packet): void {
    const segment = parseSegment(packet);
    if (segment === undefined) return;
    const { sourcePort, destinationPort, flags } = segment;
    const key = { remoteAddress: packet.source, remotePort: sourcePort, localPort: destinationPort };
    let connection = this.#connections.get(nameOf(key));
    const isNew = (flags & (FLAG.syn | FLAG.ack | FLAG.rst)) === FLAG.syn;
    // A new connection between ports whose old one is over (RFC 9293, 3.6.1).
    if (isNew && connection?.phase === 'timeWait') {
      this.#connections.delete(nameOf(key));
      connection = undefined;
    }
    if (connection) connection.receive(segment);
    else if (isNew) this.#accept(key, segment);
    else this.#refuse(key, segment);
  }

  /** Connects a host socket to a port of another host. The socket is made when there is a listener for it. */
  connect(address: number, port: number, makeSocket: (listener: HostSocketListener) => HostSocket): void {
    const key = { remoteAddress: address, remotePort: port, localPort: this.#freePort(address, port) };
    if (!this.#hasRoom()) {
      makeSocket(NOBODY).destroy();
      return;
    }
    const connection = this.#add(key, 'synSent');
    connection.attach(makeSocket(connection));
    connection.open();
  }

  save(): TcpStackState {
    const lost = [...this.#connections.values()].filter(({ phase }) => phase !== 'timeWait');
    return {
      connections: lost.map(({ key, reset }) => ({ ...key, ...reset })),
      nextSequence: this.#nextSequence,
      nextPort: this.#nextPort,
    };
  }

  /** Takes a state that `checkTcpStackState` accepts: the other ends of its connections learn that they are lost. */
  restore({ connections, nextSequence, nextPort }: TcpStackState): void {
    this.#nextSequence = nextSequence;
    this.#nextPort = nextPort;
    for (const { sequence, acknowledgement, ...key } of connections)
      this.#send(key, { ...RESET, flags: FLAG.rst | FLAG.ack, sequence, acknowledgement });
  }

  /** Whether there is room for one more connection; those that are over make some. */
  #hasRoom(): boolean {
    if (this.#connections.size < MOST_CONNECTIONS) return true;
    for (const [name, { phase }] of this.#connections) {
      if (phase !== 'timeWait') continue;
      this.#connections.delete(name);
      return true;
    }
    return false;
  }

  #accept(key: ConnectionKey, segment: Segment): void {
    if (!this.#hasRoom()) {
      this.#refuse(key, segment);
      return;
    }
    const connection = this.#add(key, 'connecting');
    connection.acceptSyn(segment);
    const socket = this.#network?.connect(key.localPort, connection);
    if (socket) connection.attach(socket);
    else {
      this.#connections.delete(nameOf(key));
      this.#refuse(key, segment);
    }
  }

  #add(key: ConnectionKey, phase: 'connecting' | 'synSent'): TcpConnection {
    const sequence = this.#nextSequence;
    this.#nextSequence = plus(sequence, SEQUENCE_STEP);
    const name = nameOf(key);
    const connection: TcpConnection = new TcpConnection(
      key,
      sequence,
      {
        now: () => this.#host.now(),
        send: (to, segment) => this.#send(to, segment),
        closed: () => {
          if (this.#connections.get(name) === connection) this.#connections.delete(name);
        },
      },
      phase,
    );
    this.#connections.set(name, connection);
    return connection;
  }

  /** Resets what belongs to no connection (RFC 9293, 3.5.2). */
  #refuse(key: ConnectionKey, segment: Segment): void {
    if (segment.flags & FLAG.rst) return;
    if (segment.flags & FLAG.ack) this.#send(key, { ...RESET, sequence: segment.acknowledgement, acknowledgement: 0 });
    else {
      const acknowledgement = plus(segment.sequence, sequenceLength(segment));
      this.#send(key, { ...RESET, flags: FLAG.rst | FLAG.ack, sequence: 0, acknowledgement });
    }
  }

  #send(key: ConnectionKey, segment: Omit<Segment, 'sourcePort' | 'destinationPort'>): void {
    const ports = { sourcePort: key.localPort, destinationPort: key.remotePort };
    const addresses = { source: this.#address, destination: key.remoteAddress };
    this.#host.send(buildSegment({ ...segment, ...ports }, addresses));
  }

  #freePort(remoteAddress: number, remotePort: number): number {
    for (let attempt = 0; ; attempt++) {
      const localPort = EPHEMERAL.first + this.#nextPort;
      this.#nextPort = (this.#nextPort + 1) % EPHEMERAL.count;
      const taken = this.#connections.has(nameOf({ remoteAddress, remotePort, localPort }));
      if (!taken || attempt > MOST_CONNECTIONS) return localPort;
    }
  }
}

const RESET = { flags: FLAG.rst, window: 0, data: new Uint8Array(0) } as const;

/** Whom a socket tells for which there is no connection. */
const NOBODY: HostSocketListener = {
  connected() {},
  data() {},
  ended() {},
  drained() {},
  failed() {},
};

function nameOf({ remoteAddress, remotePort, localPort }: ConnectionKey): string {
  return `${remoteAddress}:${remotePort}-${localPort}`;
}

/** Whether `restore` can take a saved state. */
export function checkTcpStackState(state: unknown): boolean {
  const { connections, nextSequence, nextPort } = (state ?? {}) as Partial<TcpStackState>;
  return (
    Array.isArray(connections) &&
    connections.length <= MOST_CONNECTIONS &&
    connections.every(isLostConnection) &&
    isWhole(nextSequence, 0xffff_ffff) &&
    isWhole(nextPort, EPHEMERAL.count - 1)
  );
}

function isLostConnection(value: unknown): boolean {
  const lost = (value ?? {}) as Partial<LostConnection>;
  return (
    isWhole(lost.remoteAddress, 0xffff_ffff) &&
    isGuestAddress(lost.remoteAddress) &&
    isWhole(lost.remotePort, 0xffff) &&
    isWhole(lost.localPort, 0xffff) &&
    isWhole(lost.sequence, 0xffff_ffff) &&
    isWhole(lost.acknowledgement, 0xffff_ffff)
  );
}
