import type { Ipv4Packet } from '../../../src/network/packets.js';
import type { HostNetwork, HostSocket, HostSocketListener } from '../../../src/network/tcp/host-socket.js';
import { TcpStack } from '../../../src/network/tcp/stack.js';

/** What an application does with a socket: it keeps what it gets, and takes only so much at a time. */
export class TestSocket implements HostSocket {
  readonly received: Uint8Array[] = [];
  ended = false;
  destroyed = false;
  paused = false;
  backlog = 0;
  readonly listener: HostSocketListener;
  /** What it takes at once of what is written; the rest waits for `take`. */
  readonly #appetite: number;

  constructor(listener: HostSocketListener, appetite = Number.POSITIVE_INFINITY) {
    this.listener = listener;
    this.#appetite = appetite;
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.received);
  }

  write(bytes: Uint8Array): void {
    this.received.push(bytes.slice());
    if (Number.isFinite(this.#appetite)) this.backlog += bytes.length;
  }

  /** The application takes some of the backlog. */
  take(): void {
    if (this.backlog === 0) return;
    this.backlog = Math.max(0, this.backlog - this.#appetite);
    this.listener.drained();
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

export interface LinkFaults {
  /** Of a thousand packets: lost, sent twice, late enough to come after others. */
  loss: number;
  duplication: number;
  delay: number;
}

const LATENCY = 50_000;
export const LEFT = 0x0a00_020f;
export const RIGHT = 0x0a00_0202;

/** Two hosts on a link that loses, doubles and reorders packets, in virtual time. */
export class TestLink {
  time = 0;
  packets = 0;
  readonly left: TcpStack;
  readonly right: TcpStack;
  readonly #flying: { at: number; packet: Ipv4Packet }[] = [];
  readonly #faults: LinkFaults;
  #random: number;

  constructor(network: HostNetwork, faults: LinkFaults, seed: number) {
    this.#faults = faults;
    this.#random = seed >>> 0 || 1;
    const host = { now: () => this.time, send: (packet: Ipv4Packet) => this.#send(packet) };
    this.left = new TcpStack(LEFT, undefined, host);
    this.right = new TcpStack(RIGHT, network, host);
  }

  /** One event; false when nothing is to come. */
  step(): boolean {
    const next = this.#flying.reduce((best, { at }) => Math.min(best, at), Number.POSITIVE_INFINITY);
    const time = Math.min(next, this.left.deadline, this.right.deadline);
    if (time === Number.POSITIVE_INFINITY) return false;
    this.time = Math.max(this.time, time);
    this.left.advance(this.time);
    this.right.advance(this.time);
    const index = this.#flying.findIndex(({ at }) => at <= this.time);
    if (index >= 0) {
      const [{ packet }] = this.#flying.splice(index, 1);
      (packet.destination === LEFT ? this.left : this.right).receive(packet);
    }
    return true;
  }

  #send(packet: Ipv4Packet): void {
    this.packets++;
    if (this.#chance(this.#faults.loss)) return;
    for (let copies = this.#chance(this.#faults.duplication) ? 2 : 1; copies > 0; copies--) {
      const late = this.#chance(this.#faults.delay) ? LATENCY * (1 + (this.#next() % 5)) : 0;
      this.#flying.push({ at: this.time + LATENCY + late, packet: { ...packet, payload: packet.payload.slice() } });
    }
  }

  #chance(ofThousand: number): boolean {
    return this.#next() % 1000 < ofThousand;
  }

  /** xorshift32 */
  #next(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x >>> 0;
    return this.#random;
  }
}
