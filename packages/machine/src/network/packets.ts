import type { Mac } from './addresses.js';

/** The layers of packets: Ethernet II, IPv4 (RFC 791), UDP (RFC 768). Parsers answer undefined to what is malformed. */

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806 } as const;
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;
const ETHERNET_HEADER = 14;
const IPV4_HEADER = 20;
const UDP_HEADER = 8;
const TIME_TO_LIVE = 64;
/** More fragments, and the fragment's offset. */
const FRAGMENT = 0x3fff;

export interface Frame {
  destination: Mac;
  source: Mac;
  type: number;
  payload: Uint8Array;
}

export interface Ipv4Packet {
  source: number;
  destination: number;
  protocol: number;
  payload: Uint8Array;
}

export interface UdpDatagram {
  source: number;
  destination: number;
  payload: Uint8Array;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function parseFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < ETHERNET_HEADER) return undefined;
  return {
    destination: [...bytes.subarray(0, 6)],
    source: [...bytes.subarray(6, 12)],
    type: viewOf(bytes).getUint16(12),
    payload: bytes.subarray(ETHERNET_HEADER),
  };
}

export function buildFrame({ destination, source, type, payload }: Frame): Uint8Array {
  const bytes = new Uint8Array(ETHERNET_HEADER + payload.length);
  bytes.set(destination);
  bytes.set(source, 6);
  viewOf(bytes).setUint16(12, type);
  bytes.set(payload, ETHERNET_HEADER);
  return bytes;
}

/** A whole packet; fragments are none. What the link has added behind its end is cut off. */
export function parseIpv4(bytes: Uint8Array): Ipv4Packet | undefined {
  if (bytes.length < IPV4_HEADER || bytes[0] >> 4 !== 4) return undefined;
  const view = viewOf(bytes);
  const header = (bytes[0] & 0xf) * 4;
  const length = view.getUint16(2);
  if (header < IPV4_HEADER || length < header || length > bytes.length) return undefined;
  if (checksum(bytes.subarray(0, header)) !== 0 || view.getUint16(6) & FRAGMENT) return undefined;
  return {
    source: view.getUint32(12),
    destination: view.getUint32(16),
    protocol: bytes[9],
    payload: bytes.subarray(header, length),
  };
}

/** `identification` tells packets apart (RFC 6864); none is ever fragmented. */
export function buildIpv4({ source, destination, protocol, payload }: Ipv4Packet, identification: number): Uint8Array {
  const bytes = new Uint8Array(IPV4_HEADER + payload.length);
  const view = viewOf(bytes);
  view.setUint8(0, 0x45);
  view.setUint16(2, bytes.length);
  view.setUint16(4, identification);
  view.setUint8(8, TIME_TO_LIVE);
  view.setUint8(9, protocol);
  view.setUint32(12, source);
  view.setUint32(16, destination);
  view.setUint16(10, checksum(bytes.subarray(0, IPV4_HEADER)));
  bytes.set(payload, IPV4_HEADER);
  return bytes;
}

export function parseUdp(packet: Ipv4Packet): UdpDatagram | undefined {
  const { payload } = packet;
  if (payload.length < UDP_HEADER) return undefined;
  const view = viewOf(payload);
  const length = view.getUint16(4);
  if (length < UDP_HEADER || length > payload.length) return undefined;
  // A checksum of zero is none.
  if (view.getUint16(6) !== 0 && transportChecksum(packet, payload.subarray(0, length)) !== 0) return undefined;
  return {
    source: view.getUint16(0),
    destination: view.getUint16(2),
    payload: payload.subarray(UDP_HEADER, length),
  };
}

export function buildUdp(datagram: UdpDatagram, addresses: { source: number; destination: number }): Ipv4Packet {
  const payload = new Uint8Array(UDP_HEADER + datagram.payload.length);
  const view = viewOf(payload);
  view.setUint16(0, datagram.source);
  view.setUint16(2, datagram.destination);
  view.setUint16(4, payload.length);
  payload.set(datagram.payload, UDP_HEADER);
  const packet = { ...addresses, protocol: PROTOCOL.udp, payload };
  view.setUint16(6, transportChecksum(packet, payload) || 0xffff);
  return packet;
}

/** The Internet checksum (RFC 1071): over bytes that contain theirs, 0 when it is right. */
export function checksum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
  if (bytes.length % 2 === 1) sum += bytes[bytes.length - 1] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return ~sum & 0xffff;
}

/** The checksum of UDP and TCP, which covers a pseudo header of the packet. */
export function transportChecksum(
  { source, destination, protocol }: Omit<Ipv4Packet, 'payload'>,
  segment: Uint8Array,
): number {
  const pseudo = [source >>> 16, source & 0xffff, destination >>> 16, destination & 0xffff, protocol, segment.length];
  return checksum(
    segment,
    pseudo.reduce((sum, word) => sum + word, 0),
  );
}
