import { GATEWAY_MAC, type Mac, NETWORK } from './addresses.js';
import { viewOf } from './packets.js';

/** The Address Resolution Protocol for IPv4 over Ethernet (RFC 826), as far as the gateway answers it. */

const LENGTH = 28;
/** Ethernet, IPv4, six and four bytes of address. */
const KIND = [0x00, 0x01, 0x08, 0x00, 6, 4] as const;
const OPERATION = { request: 1, reply: 2 } as const;

/** The reply to a request for the gateway, and to whom; undefined to all else. */
export function answerArp(request: Uint8Array): { to: Mac; reply: Uint8Array } | undefined {
  if (request.length < LENGTH || KIND.some((byte, at) => request[at] !== byte)) return undefined;
  const view = viewOf(request);
  if (view.getUint16(6) !== OPERATION.request || view.getUint32(24) !== NETWORK.gateway) return undefined;
  const reply = new Uint8Array(LENGTH);
  reply.set(KIND);
  viewOf(reply).setUint16(6, OPERATION.reply);
  reply.set(GATEWAY_MAC, 8);
  viewOf(reply).setUint32(14, NETWORK.gateway);
  // Sender becomes target: hardware and protocol address.
  reply.set(request.subarray(8, 18), 18);
  return { to: [...request.subarray(8, 14)], reply };
}
