import { NETWORK } from './addresses.js';
import { buildIpv4, checksum, type Ipv4Packet, PROTOCOL, viewOf } from './packets.js';

/** The Internet Control Message Protocol (RFC 792): echo, and destinations that can't be reached. */

const HEADER = 8;
const TYPE = { echoReply: 0, unreachable: 3, echo: 8 } as const;
/** Codes of "destination unreachable". */
export const UNREACHABLE = { host: 1, protocol: 2, port: 3 } as const;
/** How much of a packet that is answered by an error comes back: its header and 8 bytes. */
const QUOTED = 28;

/** The reply to an echo request; undefined to all else. */
export function answerEcho({ source, destination, payload }: Ipv4Packet): Ipv4Packet | undefined {
  if (payload.length < HEADER || payload[0] !== TYPE.echo) return undefined;
  if (checksum(payload) !== 0) return undefined;
  const reply = payload.slice();
  return packetOf(TYPE.echoReply, payload[1], reply, destination, source);
}

/** Says that a packet did not arrive. */
export function unreachable(packet: Ipv4Packet, code: number): Ipv4Packet {
  const quoted = buildIpv4({ ...packet, payload: packet.payload.subarray(0, 8) }, 0).subarray(0, QUOTED);
  const message = new Uint8Array(HEADER + quoted.length);
  message.set(quoted, HEADER);
  return packetOf(TYPE.unreachable, code, message, NETWORK.gateway, packet.source);
}

/** Whether a packet is one of which no error may be said: an error itself, or to no single host (RFC 1122, 3.2.2). */
export function isSilent({ protocol, payload }: Ipv4Packet): boolean {
  return protocol === PROTOCOL.icmp && payload[0] !== TYPE.echo;
}

function packetOf(type: number, code: number, payload: Uint8Array, source: number, destination: number): Ipv4Packet {
  payload[0] = type;
  payload[1] = code;
  viewOf(payload).setUint16(2, 0);
  viewOf(payload).setUint16(2, checksum(payload));
  return { source, destination, protocol: PROTOCOL.icmp, payload };
}
