import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BROADCAST_MAC, GATEWAY_MAC } from '../../src/network/addresses.js';
import { QUEUE_LIMIT } from '../../src/network/frame-queue.js';
import { buildIpv4, buildUdp, checksum, parseFrame, parseUdp } from '../../src/network/packets.js';
import { checkUserNetworkState, LATENCY, UserNetwork } from '../../src/network/user-network.js';
import { GATEWAY, GUEST, GUEST_MAC, TestGuest } from './test-guest.js';

const ICMP = 1;
const UDP = 17;
const EVERYBODY = 0xffff_ffff;

function echo(text: string, type = 8): Uint8Array {
  const message = Uint8Array.from([type, 0, 0, 0, 0x12, 0x34, 0, 1, ...new TextEncoder().encode(text)]);
  const sum = checksum(message);
  message.set([sum >> 8, sum & 0xff], 2);
  return message;
}
const ping = (text: string, destination: number = GATEWAY, source: number = GUEST) => ({
  source,
  destination,
  protocol: ICMP,
  payload: echo(text),
});

describe('ARP (RFC 826)', () => {
  const request = (target: number, operation = 1) =>
    Uint8Array.from([
      ...[0, 1, 8, 0, 6, 4, 0, operation],
      ...[...GUEST_MAC, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0],
      ...[target >>> 24, (target >> 16) & 0xff, (target >> 8) & 0xff, target & 0xff],
    ]);

  it('is answered for the gateway, to the one who asks', () => {
    const guest = new TestGuest();
    guest.sendFrame(0x0806, request(GATEWAY), BROADCAST_MAC);
    const frames = guest.frames();
    expect(frames).toHaveLength(1);
    const { destination, source, type, payload } = parseFrame(frames[0])!;
    expect({ destination, source, type }).toEqual({
      destination: [...GUEST_MAC],
      source: [...GATEWAY_MAC],
      type: 0x0806,
    });
    expect([...payload]).toEqual([
      ...[0, 1, 8, 0, 6, 4, 0, 2, ...GATEWAY_MAC, 10, 0, 2, 2],
      ...[...GUEST_MAC, 10, 0, 2, 15],
    ]);
  });

  it('is not answered for others, not when it is an answer itself, not when it is cut', () => {
    const guest = new TestGuest();
    guest.sendFrame(0x0806, request(GUEST), BROADCAST_MAC);
    guest.sendFrame(0x0806, request(0x0a00_0203), BROADCAST_MAC);
    guest.sendFrame(0x0806, request(GATEWAY, 2), BROADCAST_MAC);
    guest.sendFrame(0x0806, request(GATEWAY).subarray(0, 27), BROADCAST_MAC);
    expect(guest.frames()).toEqual([]);
  });
});

describe('ICMP (RFC 792)', () => {
  it('echo comes back from the gateway with the same data, a fixed time later', () => {
    const guest = new TestGuest();
    guest.send(ping('hello'));
    expect(guest.network.deadline).toBe(LATENCY);
    expect(guest.packets(LATENCY - 1)).toEqual([]);
    const [reply] = guest.packets(1);
    expect(reply).toMatchObject({ source: GATEWAY, destination: GUEST, protocol: ICMP });
    expect([...reply.payload]).toEqual([...echo('hello', 0)]);
  });

  it('with a wrong checksum, or in fragments, is not answered', () => {
    const guest = new TestGuest();
    const wrong = ping('hello');
    wrong.payload[9] ^= 1;
    guest.send(wrong);
    const fragment = buildIpv4(ping('hello'), 1);
    fragment[6] |= 0x20;
    guest.sendFrame(0x0800, fragment);
    expect(guest.packets()).toEqual([]);
  });

  it('says that other hosts, ports and protocols cannot be reached, quoting what was sent', () => {
    const guest = new TestGuest();
    const datagram = (destination: number) =>
      buildUdp({ source: 5, destination: 53, payload: new Uint8Array(30) }, { source: GUEST, destination });
    guest.send(ping('x', 0x0808_0808));
    guest.send(datagram(GATEWAY));
    guest.send({ source: GUEST, destination: GATEWAY, protocol: 47, payload: new Uint8Array(4) });
    const replies = guest.packets();
    expect(replies.map(({ payload }) => [payload[0], payload[1]])).toEqual([
      [3, 1],
      [3, 3],
      [3, 2],
    ]);
    for (const { source, payload } of replies) {
      expect(source).toBe(GATEWAY);
      expect(checksum(payload)).toBe(0);
    }
    expect([...replies[1].payload.subarray(28, 36)]).toEqual([...datagram(GATEWAY).payload.subarray(0, 8)]);
  });

  it('says nothing about its own errors and about what was for everybody', () => {
    const guest = new TestGuest();
    guest.send({ ...ping('x', 0x0808_0808), payload: echo('x', 3) });
    guest.broadcast({ ...ping('x', EVERYBODY), protocol: UDP });
    guest.broadcast(ping('x', 0x0a00_02ff));
    guest.send(ping('x', GATEWAY, 0x0808_0808));
    guest.send(ping('x', GATEWAY, GATEWAY));
    expect(guest.packets()).toEqual([]);
  });
});

describe('DHCP (RFC 2131)', () => {
  const message = (options: number[], clientAddress = 0, cookie = [0x63, 0x82, 0x53, 0x63]) => {
    const bytes = new Uint8Array(300);
    bytes.set([1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
    new DataView(bytes.buffer).setUint32(12, clientAddress);
    bytes.set(GUEST_MAC, 28);
    bytes.set([...cookie, ...options, 255], 236);
    return bytes;
  };
  const ask = (guest: TestGuest, bytes: Uint8Array, source = 0, destination = EVERYBODY) => {
    guest.broadcast(buildUdp({ source: 68, destination: 67, payload: bytes }, { source, destination }));
    return guest.packets().map((packet) => ({ packet, bytes: parseUdp(packet)!.payload }));
  };
  const optionsOf = (bytes: Uint8Array) => {
    const found: Record<number, number[]> = {};
    for (let at = 240; bytes[at] !== 255; at += 2 + bytes[at + 1])
      found[bytes[at]] = [...bytes.subarray(at + 2, at + 2 + bytes[at + 1])];
    return found;
  };
  const wanting = (type: number, ...more: number[]) => message([53, 1, type, ...more]);
  const OFFER = 2;
  const ACK = 5;
  const NAK = 6;

  it('offers 10.0.2.15 to who looks for servers, with mask, router and lease, and confirms it', () => {
    const guest = new TestGuest();
    for (const [type, answer] of [
      [1, OFFER],
      [3, ACK],
    ]) {
      const [{ packet, bytes }] = ask(guest, wanting(type, 50, 4, 10, 0, 2, 15));
      expect(packet).toMatchObject({ source: GATEWAY, destination: EVERYBODY });
      expect([...bytes.subarray(0, 8)]).toEqual([2, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
      expect([...bytes.subarray(16, 20)]).toEqual([10, 0, 2, 15]);
      expect([...bytes.subarray(28, 34)]).toEqual([...GUEST_MAC]);
      expect(optionsOf(bytes)).toEqual({
        1: [255, 255, 255, 0],
        3: [10, 0, 2, 2],
        26: [1500 >> 8, 1500 & 0xff],
        51: [0, 1, 0x51, 0x80],
        53: [answer],
        54: [10, 0, 2, 2],
      });
    }
  });

  it('refuses another address, renews this one, and leaves alone who has chosen another server', () => {
    const guest = new TestGuest();
    const [refused] = ask(guest, wanting(3, 50, 4, 10, 0, 2, 16));
    expect(optionsOf(refused.bytes)).toEqual({ 53: [NAK], 54: [10, 0, 2, 2] });
    const renewal = message([53, 1, 3], GUEST);
    const [renewed] = ask(guest, renewal, GUEST, GATEWAY);
    expect(renewed.packet.destination).toBe(GUEST);
    expect(optionsOf(renewed.bytes)[53]).toEqual([ACK]);
    expect(ask(guest, wanting(3, 50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 3))).toEqual([]);
  });

  it('tells who has an address the rest, without a lease', () => {
    const [{ bytes }] = ask(new TestGuest(), message([53, 1, 8], GUEST), GUEST, GATEWAY);
    expect(optionsOf(bytes)[51]).toBeUndefined();
    expect(optionsOf(bytes)[53]).toEqual([ACK]);
  });

  it('ignores what is no message of a client', () => {
    const guest = new TestGuest();
    for (const bytes of [
      wanting(7),
      wanting(9),
      message([]),
      message([53, 1, 1], 0, [1, 2, 3, 4]),
      message([53, 4]).subarray(0, 240),
      new Uint8Array(3),
    ])
      expect(ask(guest, bytes)).toEqual([]);
  });
});

describe('the link to the guest', () => {
  it('carries a bounded number of frames; more are lost', () => {
    const guest = new TestGuest();
    for (let n = 0; n < QUEUE_LIMIT + 50; n++) guest.send(ping(String(n)));
    expect(guest.packets()).toHaveLength(QUEUE_LIMIT);
  });

  it('ignores frames for others, of others and of no length that a frame has', () => {
    const guest = new TestGuest();
    const packet = buildIpv4(ping('x'), 1);
    guest.sendFrame(0x0800, packet, [2, 2, 2, 2, 2, 2]);
    guest.sendFrame(0x0800, packet, GATEWAY_MAC, [3, 0, 0, 0, 0, 0]);
    guest.sendFrame(0x86dd, packet);
    guest.network.receive(new Uint8Array(13));
    guest.network.receive(new Uint8Array(0));
    guest.network.receive(new Uint8Array(2000));
    expect(guest.frames()).toEqual([]);
  });

  it('takes any bytes for a frame without harm, and moves to another process with what is under way', () => {
    const bytes = fc.uint8Array({ maxLength: 120 });
    const seed = fc.oneof(
      bytes,
      fc.tuple(bytes, fc.nat(60), fc.nat(255)).map(([tail, at, value]) => {
        const frame = [...GATEWAY_MAC, ...GUEST_MAC, 8, 0, ...buildIpv4({ ...ping(''), payload: tail }, 3)];
        if (at < frame.length) frame[at] = value;
        return Uint8Array.from(frame);
      }),
    );
    fc.assert(
      fc.property(fc.array(seed, { maxLength: 20 }), (frames) => {
        const guest = new TestGuest();
        for (const frame of frames) {
          guest.network.receive(frame);
          guest.time += 10_000;
          guest.network.advance(guest.time);
        }
        const state = JSON.parse(JSON.stringify(guest.network.save()));
        expect(checkUserNetworkState(state)).toBeUndefined();
        const copy = guest.fresh();
        copy.restore(state);
        expect(copy.save()).toEqual(guest.network.save());
        const before = guest.time;
        const expected = guest.frames();
        guest.network = copy;
        guest.time = before;
        expect(guest.frames()).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('has no state that could not be', () => {
    const guest = new TestGuest();
    guest.send(ping('x'));
    const good = guest.network.save();
    const queue = (change: object) => ({ ...good, queue: { ...good.queue, ...change } });
    const frame = good.queue.frames[0];
    const lost = { remoteAddress: GUEST, remotePort: 1, localPort: 2, sequence: 3, acknowledgement: 4 };
    expect(checkUserNetworkState({ ...good, tcp: { ...good.tcp, connections: [lost] } })).toBeUndefined();
    const wrong: unknown[] = [
      null,
      {},
      queue({ arrived: 2 }),
      queue({ frames: [{ ...frame, due: -1 }] }),
      queue({ frames: [{ ...frame, frame: 'zz' }] }),
      queue({ frames: [{ ...frame, frame: '00'.repeat(1515) }] }),
      queue({ frames: [frame, { ...frame, due: 0 }] }),
      queue({ frames: new Array(QUEUE_LIMIT + 1).fill(frame) }),
      { ...good, guestMac: [1] },
      { ...good, identification: 70_000 },
      { ...good, tcp: undefined },
      { ...good, tcp: { ...good.tcp, nextSequence: -1 } },
      { ...good, tcp: { ...good.tcp, nextPort: 20_000 } },
      { ...good, tcp: { ...good.tcp, connections: [{ ...lost, remoteAddress: GATEWAY }] } },
      { ...good, tcp: { ...good.tcp, connections: [{ ...lost, sequence: 2 ** 32 }] } },
      { ...good, tcp: { ...good.tcp, connections: new Array(257).fill(lost) } },
    ];
    for (const state of wrong) expect(checkUserNetworkState(state)).toBeDefined();
    expect(checkUserNetworkState(good)).toBeUndefined();
    expect(new UserNetwork(GUEST_MAC, () => 0).save()).toEqual({
      queue: { frames: [], arrived: 0 },
      guestMac: [...GUEST_MAC],
      identification: 0,
      tcp: { connections: [], nextSequence: expect.any(Number), nextPort: 0 },
    });
  });
});
