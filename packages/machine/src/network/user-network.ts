import { isWhole, isWholeList } from '../state-checks.js';
import { BROADCAST_IP, BROADCAST_MAC, GATEWAY_MAC, isGuestAddress, type Mac, NETWORK, sameMac } from './addresses.js';
import { answerArp } from './arp.js';
import { answerDhcp, DHCP_PORT } from './dhcp.js';
import { checkFrameQueue, FrameQueue, LONGEST_FRAME, type QueuedFrame } from './frame-queue.js';
import { answerEcho, isSilent, UNREACHABLE, unreachable } from './icmp.js';
import {
  buildFrame,
  buildIpv4,
  buildUdp,
  ETHERTYPE,
  type Ipv4Packet,
  PROTOCOL,
  parseFrame,
  parseIpv4,
  parseUdp,
} from './packets.js';
import type { HostNetwork, HostSocket, HostSocketListener } from './tcp/host-socket.js';
import { checkTcpStackState, TcpStack, type TcpStackState } from './tcp/stack.js';

/** Virtual time that a frame is under way, in nanoseconds. */
export const LATENCY = 50_000;

/** All that the network remembers; plain JSON. */
export interface UserNetworkState {
  queue: { frames: QueuedFrame[]; arrived: number };
  /** The guest's MAC address, as last seen. */
  guestMac: number[];
  /** Of the next packet. */
  identification: number;
  tcp: TcpStackState;
}

/**
 * A network inside the process, of the guest and a gateway, which is the host: ARP, ICMP echo, DHCP, and TCP to and from
 * sockets of the host. What it sends arrives a fixed virtual time later.
 */
export class UserNetwork {
  readonly #now: () => number;
  readonly #queue = new FrameQueue();
  readonly #tcp: TcpStack;
  #guestMac: Mac;
  #identification = 0;

  /** `host`: what the guest can reach of this computer; nothing without it. */
  constructor(guestMac: Mac, now: () => number, host?: HostNetwork) {
    this.#guestMac = guestMac;
    this.#now = now;
    this.#tcp = new TcpStack(NETWORK.gateway, host, { now, send: (packet) => this.#sendPacket(packet) });
  }

  /** Virtual time of the next thing that happens here by itself; Infinity when there is none. */
  get deadline(): number {
    return Math.min(this.#queue.deadline, this.#tcp.deadline);
  }

  /** Connections between the guest and sockets of the host. */
  get connections(): number {
    return this.#tcp.open;
  }

  /** Connects a host socket to a port of the guest. */
  connectToGuest(port: number, makeSocket: (listener: HostSocketListener) => HostSocket): void {
    this.#tcp.connect(NETWORK.guest, port, makeSocket);
  }

  advance(now: number): void {
    this.#tcp.advance(now);
    this.#queue.advance(now);
  }

  /** Whether a frame has arrived for the guest. */
  get hasFrame(): boolean {
    return this.#queue.hasArrived;
  }

  takeFrame(): Uint8Array | undefined {
    return this.#queue.shift();
  }

  /** The guest's interface was reset: what has arrived is lost. */
  dropArrived(): void {
    this.#queue.drop();
  }

  /** A frame that the guest sends. What makes no sense is ignored. */
  receive(bytes: Uint8Array): void {
    const frame = bytes.length <= LONGEST_FRAME ? parseFrame(bytes) : undefined;
    if (!frame || frame.source[0] & 1) return;
    const { destination, payload, type } = frame;
    if (!sameMac(destination, GATEWAY_MAC) && !sameMac(destination, BROADCAST_MAC)) return;
    this.#guestMac = frame.source;
    if (type === ETHERTYPE.arp) {
      const answer = answerArp(payload);
      if (answer) this.#send(answer.to, ETHERTYPE.arp, answer.reply);
    } else if (type === ETHERTYPE.ipv4) {
      const packet = parseIpv4(payload);
      if (packet) this.#receivePacket(packet);
    }
  }

  save(): UserNetworkState {
    return {
      queue: this.#queue.save(),
      guestMac: [...this.#guestMac],
      identification: this.#identification,
      tcp: this.#tcp.save(),
    };
  }

  /** Takes a state that `checkUserNetworkState` accepts. Connections to sockets of another process are reset. */
  restore(state: UserNetworkState): void {
    this.#queue.restore(state.queue);
    this.#guestMac = state.guestMac;
    this.#identification = state.identification;
    this.#tcp.restore(state.tcp);
  }

  #receivePacket(packet: Ipv4Packet): void {
    const { protocol, source, destination } = packet;
    if (protocol === PROTOCOL.udp && this.#receiveUdp(packet)) return;
    // Without an address the guest can ask for one, and nothing else.
    if (!isGuestAddress(source)) return;
    if (protocol === PROTOCOL.tcp && destination === NETWORK.gateway) this.#tcp.receive(packet);
    else if (protocol === PROTOCOL.icmp && destination === NETWORK.gateway) {
      const reply = answerEcho(packet);
      if (reply) this.#sendPacket(reply);
    } else if (destination !== NETWORK.broadcast && destination !== BROADCAST_IP && !isSilent(packet)) {
      this.#sendPacket(unreachable(packet, unreachableCode(packet)));
    }
  }

  /** DHCP; says whether that was it. */
  #receiveUdp(packet: Ipv4Packet): boolean {
    const { destination } = packet;
    if (destination !== BROADCAST_IP && destination !== NETWORK.gateway) return false;
    const datagram = parseUdp(packet);
    if (!datagram) return true;
    if (datagram.destination !== DHCP_PORT.server) return false;
    const answer = answerDhcp(datagram.payload);
    if (!answer) return true;
    const addresses = { source: NETWORK.gateway, destination: answer.destination };
    const reply = { source: DHCP_PORT.server, destination: DHCP_PORT.client, payload: answer.message };
    this.#sendPacket(buildUdp(reply, addresses));
    return true;
  }

  #sendPacket(packet: Ipv4Packet): void {
    const to = packet.destination === BROADCAST_IP ? BROADCAST_MAC : this.#guestMac;
    this.#send(to, ETHERTYPE.ipv4, buildIpv4(packet, this.#identification));
    this.#identification = (this.#identification + 1) & 0xffff;
  }

  #send(destination: Mac, type: number, payload: Uint8Array): void {
    const frame = buildFrame({ destination, source: GATEWAY_MAC, type, payload });
    this.#queue.push(frame, this.#now() + LATENCY);
  }
}

/** Which kind of unreachable a packet without an answer has met. */
function unreachableCode({ destination, protocol }: Ipv4Packet): number {
  if (destination !== NETWORK.gateway) return UNREACHABLE.host;
  return protocol === PROTOCOL.udp ? UNREACHABLE.port : UNREACHABLE.protocol;
}

/** Says what is impossible in a saved network, or undefined when it can be restored. */
export function checkUserNetworkState(state: unknown): string | undefined {
  const { queue, guestMac, identification, tcp } = (state ?? {}) as Partial<UserNetworkState>;
  if (!checkFrameQueue(queue)) return 'the frames under way are impossible';
  if (!isWholeList(guestMac, 6, 0xff)) return 'the MAC address of the guest is impossible';
  if (!isWhole(identification, 0xffff)) return 'the identification of packets is impossible';
  return checkTcpStackState(tcp) ? undefined : 'its TCP connections are impossible';
}
