import { type Ipv4Packet, PROTOCOL, transportChecksum, viewOf } from '../packets.js';

/** TCP segments: RFC 9293, section 3.1. Sequence numbers are of 32 bits, and go round. */

export const FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;
const HEADER = 20;
const OPTION = { end: 0, none: 1, maximumSegmentSize: 2 } as const;
const MSS_OPTION_LENGTH = 4;

export interface Segment {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgement: number;
  flags: number;
  window: number;
  /** The option of a SYN: the largest segment that its sender takes. */
  maximumSegmentSize?: number;
  data: Uint8Array;
}

/** `a - b` of sequence numbers: negative when a comes before b. */
export function difference(a: number, b: number): number {
  return (a - b) | 0;
}

export function plus(sequence: number, length: number): number {
  return (sequence + length) >>> 0;
}

/** Sequence numbers that a segment takes: of its data, of SYN and of FIN. */
export function sequenceLength({ data, flags }: Segment): number {
  return data.length + (flags & FLAG.syn ? 1 : 0) + (flags & FLAG.fin ? 1 : 0);
}

export function parseSegment(packet: Ipv4Packet): Segment | undefined {
  const { payload } = packet;
  if (payload.length < HEADER || transportChecksum(packet, payload) !== 0) return undefined;
  const view = viewOf(payload);
  const header = (payload[12] >> 4) * 4;
  if (header < HEADER || header > payload.length) return undefined;
  const maximumSegmentSize = parseMaximumSegmentSize(payload.subarray(HEADER, header));
  return {
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    sequence: view.getUint32(4),
    acknowledgement: view.getUint32(8),
    flags: payload[13],
    window: view.getUint16(14),
    ...(maximumSegmentSize !== undefined && { maximumSegmentSize }),
    data: payload.subarray(header),
  };
}

export function buildSegment(segment: Segment, addresses: { source: number; destination: number }): Ipv4Packet {
  const { maximumSegmentSize, data } = segment;
  const header = HEADER + (maximumSegmentSize === undefined ? 0 : MSS_OPTION_LENGTH);
  const payload = new Uint8Array(header + data.length);
  const view = viewOf(payload);
  view.setUint16(0, segment.sourcePort);
  view.setUint16(2, segment.destinationPort);
  view.setUint32(4, segment.sequence);
  view.setUint32(8, segment.acknowledgement);
  view.setUint8(12, (header / 4) << 4);
  view.setUint8(13, segment.flags);
  view.setUint16(14, segment.window);
  if (maximumSegmentSize !== undefined) {
    payload.set([OPTION.maximumSegmentSize, MSS_OPTION_LENGTH], HEADER);
    view.setUint16(HEADER + 2, maximumSegmentSize);
  }
  payload.set(data, header);
  const packet = { ...addresses, protocol: PROTOCOL.tcp, payload };
  view.setUint16(16, transportChecksum(packet, payload));
  return packet;
}

function parseMaximumSegmentSize(options: Uint8Array): number | undefined {
  for (let at = 0; at < options.length && options[at] !== OPTION.end; ) {
    if (options[at] === OPTION.none) {
      at++;
      continue;
    }
    const length = options[at + 1] ?? 0;
    if (length < 2 || at + length > options.length) return undefined;
    if (options[at] === OPTION.maximumSegmentSize && length === MSS_OPTION_LENGTH)
      return viewOf(options).getUint16(at + 2);
    at += length;
  }
  return undefined;
}
