import { BROADCAST_MAC, GATEWAY_MAC, type Mac, NETWORK } from '../../src/network/addresses.js';
import { buildFrame, buildIpv4, type Ipv4Packet, parseFrame, parseIpv4 } from '../../src/network/packets.js';
import { UserNetwork } from '../../src/network/user-network.js';

export const GUEST_MAC: Mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
export const { gateway: GATEWAY, guest: GUEST } = NETWORK;

/** A guest on a user network, in virtual time. */
export class TestGuest {
  time = 0;
  network: UserNetwork;

  constructor() {
    this.network = this.fresh();
  }

  fresh(): UserNetwork {
    return new UserNetwork(GUEST_MAC, () => this.time);
  }

  sendFrame(type: number, payload: Uint8Array, destination: Mac = GATEWAY_MAC, source: Mac = GUEST_MAC): void {
    this.network.receive(buildFrame({ destination, source, type, payload }));
  }

  send(packet: Ipv4Packet, destination: Mac = GATEWAY_MAC): void {
    this.sendFrame(0x0800, buildIpv4(packet, 7), destination);
  }

  broadcast(packet: Ipv4Packet): void {
    this.send(packet, BROADCAST_MAC);
  }

  /** Lets time pass, and takes what has arrived. */
  frames(nanoseconds = 100_000): Uint8Array[] {
    this.time += nanoseconds;
    this.network.advance(this.time);
    const list: Uint8Array[] = [];
    for (let frame = this.network.takeFrame(); frame; frame = this.network.takeFrame()) list.push(frame);
    return list;
  }

  packets(nanoseconds?: number): Ipv4Packet[] {
    return this.frames(nanoseconds).map((bytes) => parseIpv4(parseFrame(bytes)!.payload)!);
  }
}
