import { BROADCAST_IP, isGuestAddress, MTU, NETWORK } from './addresses.js';
import { viewOf } from './packets.js';

/** The Dynamic Host Configuration Protocol (RFC 2131), of a server that knows one client and always gives it the same address. */

export const DHCP_PORT = { server: 67, client: 68 } as const;
const OPERATION = { request: 1, reply: 2 } as const;
/** Offsets of the fields (RFC 2131, 2). */
const FIELD = {
  xid: 4,
  flags: 10,
  clientAddress: 12,
  yourAddress: 16,
  serverAddress: 20,
  hardwareAddress: 28,
  options: 236,
} as const;
const COOKIE = 0x6382_5363;
const FIRST_OPTION = FIELD.options + 4;
/** A BOOTP message is no shorter (RFC 1542, 2.1). */
const SHORTEST = 300;
const LEASE_SECONDS = 86_400;

/** Options (RFC 2132). */
const OPTION = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  interfaceMtu: 26,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  end: 255,
} as const;
const MESSAGE = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const;

export interface DhcpReply {
  /** Where to send it: to the client's address once it has one. */
  destination: number;
  message: Uint8Array;
}

/** The server's answer to a message, if it has one. */
export function answerDhcp(message: Uint8Array): DhcpReply | undefined {
  if (message.length < FIRST_OPTION || message[0] !== OPERATION.request || message[1] !== 1 || message[2] !== 6)
    return undefined;
  const view = viewOf(message);
  if (view.getUint32(FIELD.options) !== COOKIE) return undefined;
  const options = parseOptions(message.subarray(FIRST_OPTION));
  const address = view.getUint32(FIELD.clientAddress);
  switch (options.get(OPTION.messageType)) {
    case MESSAGE.discover:
      return reply(message, MESSAGE.offer, NETWORK.guest);
    case MESSAGE.request: {
      // To another server: the client has chosen (4.3.2).
      if ((options.get(OPTION.serverIdentifier) ?? NETWORK.gateway) !== NETWORK.gateway) return undefined;
      const wanted = options.get(OPTION.requestedAddress) ?? address;
      return wanted === NETWORK.guest ? reply(message, MESSAGE.ack, NETWORK.guest) : reply(message, MESSAGE.nak, 0);
    }
    case MESSAGE.inform:
      return isGuestAddress(address) ? reply(message, MESSAGE.ack, 0) : undefined;
    default:
      return undefined;
  }
}

/** Options of one byte or four, as numbers; others don't matter here. */
function parseOptions(bytes: Uint8Array): Map<number, number> {
  const options = new Map<number, number>();
  for (let at = 0; at < bytes.length && bytes[at] !== OPTION.end; ) {
    if (bytes[at] === OPTION.pad) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    const value = bytes.subarray(at + 2, at + 2 + length);
    if (value.length < length) break;
    if (length === 1) options.set(bytes[at], value[0]);
    else if (length === 4) options.set(bytes[at], viewOf(value).getUint32(0));
    at += 2 + length;
  }
  return options;
}

function reply(request: Uint8Array, type: number, yourAddress: number): DhcpReply {
  const message = new Uint8Array(SHORTEST);
  const view = viewOf(message);
  message.set([OPERATION.reply, 1, 6]);
  message.set(request.subarray(FIELD.xid, FIELD.xid + 4), FIELD.xid);
  message.set(request.subarray(FIELD.flags, FIELD.flags + 2), FIELD.flags);
  const clientAddress = viewOf(request).getUint32(FIELD.clientAddress);
  if (type === MESSAGE.ack) view.setUint32(FIELD.clientAddress, clientAddress);
  view.setUint32(FIELD.yourAddress, yourAddress);
  if (type !== MESSAGE.nak) view.setUint32(FIELD.serverAddress, NETWORK.gateway);
  message.set(request.subarray(FIELD.hardwareAddress, FIELD.hardwareAddress + 16), FIELD.hardwareAddress);
  view.setUint32(FIELD.options, COOKIE);
  const options = [OPTION.messageType, 1, type, OPTION.serverIdentifier, 4, ...bytes32(NETWORK.gateway)];
  if (type !== MESSAGE.nak) {
    options.push(OPTION.subnetMask, 4, ...bytes32(NETWORK.mask));
    options.push(OPTION.router, 4, ...bytes32(NETWORK.gateway));
    options.push(OPTION.interfaceMtu, 2, MTU >> 8, MTU & 0xff);
    // A client that asks for no address gets no lease (4.3.5).
    if (yourAddress !== 0) options.push(OPTION.leaseTime, 4, ...bytes32(LEASE_SECONDS));
  }
  message.set([...options, OPTION.end], FIRST_OPTION);
  // Before it has an address the client can't be sent to by it (4.1).
  return { destination: clientAddress !== 0 && type === MESSAGE.ack ? clientAddress : BROADCAST_IP, message };
}

function bytes32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
