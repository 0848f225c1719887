import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { TcpConnection } from '../../../src/network/tcp/connection.js';
import type { HostSocket } from '../../../src/network/tcp/host-socket.js';
import { buildSegment, FLAG, parseSegment, type Segment } from '../../../src/network/tcp/segment.js';
import { UserNetwork } from '../../../src/network/user-network.js';
import { GATEWAY, GUEST, GUEST_MAC, TestGuest } from '../test-guest.js';
import { type LinkFaults, RIGHT, TestLink, TestSocket } from './link.js';

const { fin: FIN, syn: SYN, rst: RST, ack: ACK } = FLAG;
const PORT = 8080;

/** Bytes that differ from place to place. */
function content(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => ((at >>> 8) * 31 + at * 7 + seed) & 0xff);
}

interface Transfer {
  sizes: [number, number];
  chunk: number;
  appetite: number;
  faults: LinkFaults;
  seed: number;
}

/** A connection over the link, each end sending its content and then ending; what came of it. */
function transfer({ sizes, chunk, appetite, faults, seed }: Transfer) {
  const sockets: TestSocket[] = [];
  const make = (listener: ConstructorParameters<typeof TestSocket>[0]): TestSocket => {
    const socket = new TestSocket(listener, appetite);
    sockets.push(socket);
    return socket;
  };
  const connecting: TestSocket[] = [];
  const link = new TestLink(
    {
      connect(port, listener) {
        if (port !== PORT) return undefined;
        const socket = make(listener);
        connecting.push(socket);
        return socket;
      },
    },
    faults,
    seed,
  );
  link.left.connect(RIGHT, PORT, make);
  const contents = sizes.map((size, n) => content(size, n));
  const sent = [0, 0];
  let steps = 0;
  do {
    if (++steps > 300_000) throw new Error(`no end after ${link.packets} packets`);
    for (const socket of connecting.splice(0)) socket.listener.connected();
    for (const [n, socket] of sockets.entries()) {
      socket.take();
      if (socket.paused || sent[n] > sizes[n] || socket.destroyed) continue;
      if (sent[n] < sizes[n]) {
        socket.listener.data(contents[n].subarray(sent[n], sent[n] + chunk));
        sent[n] = Math.min(sizes[n], sent[n] + chunk);
      } else {
        socket.listener.ended();
        sent[n]++;
      }
    }
  } while (link.step());
  return { link, sockets, contents };
}

const faults = fc.record({ loss: fc.nat(150), duplication: fc.nat(150), delay: fc.nat(300) });
const transfers = fc.record({
  sizes: fc.tuple(fc.nat(80_000), fc.nat(300_000)),
  chunk: fc.integer({ min: 1000, max: 70_000 }),
  appetite: fc.constantFrom(Number.POSITIVE_INFINITY, 100_000, 5000),
  faults,
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
});

/** Whether every byte came, once and in its place, and both ends were told of the end. */
function isIntact({ sockets, contents }: ReturnType<typeof transfer>): boolean {
  return (
    sockets.length === 2 &&
    sockets.every(
      (socket, n) => socket.ended && !socket.destroyed && Buffer.compare(socket.bytes, contents[1 - n]) === 0,
    )
  );
}

describe('a TCP connection (RFC 9293)', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('carries what each end sends to the other intact, over a link that loses, doubles and reorders packets', () => {
    fc.assert(
      fc.property(transfers, (given) => {
        const done = transfer(given);
        expect(isIntact(done)).toBe(true);
        expect([done.link.left.open, done.link.right.open]).toEqual([0, 0]);
        expect(done.link.left.deadline).toBe(Number.POSITIVE_INFINITY);
      }),
      { numRuns: 40 },
    );
  });

  it('does not when nothing is sent again: the check above sees what is missing', () => {
    // A timer that only comes to its end.
    vi.spyOn(TcpConnection.prototype, 'advance').mockImplementation(function (this: TcpConnection, now) {
      if (now >= this.deadline) this.deadline = Number.POSITIVE_INFINITY;
    });
    const losing = { loss: 150, duplication: 0, delay: 0 };
    const sizes: [number, number] = [0, 50_000];
    const intact = [1, 2, 3, 4, 5].filter((seed) =>
      isIntact(transfer({ sizes, chunk: 10_000, appetite: Number.POSITIVE_INFINITY, faults: losing, seed })),
    );
    expect(intact).toEqual([]);
  });

  it('needs little more than one packet for each segment and acknowledgement when nothing is lost', () => {
    const none = { loss: 0, duplication: 0, delay: 0 };
    const done = transfer({
      ...{ sizes: [0, 1_460_000] as [number, number], chunk: 65_536, appetite: Number.POSITIVE_INFINITY },
      ...{ faults: none, seed: 1 },
    });
    expect(isIntact(done)).toBe(true);
    expect(done.link.packets).toBeLessThan(2200);
    // At 64 KiB a round trip of 100 µs.
    expect(done.link.time).toBeLessThan(10_000_000 + 60_000_000_000);
  });

  it('gives up a peer that never answers, and tells the host socket', () => {
    const done = transfer({
      ...{ sizes: [10, 10] as [number, number], chunk: 10, appetite: 100 },
      ...{ faults: { loss: 1000, duplication: 0, delay: 0 }, seed: 1 },
    });
    expect(done.sockets).toHaveLength(1);
    expect(done.sockets[0].destroyed).toBe(true);
    expect(done.link.left.open).toBe(0);
  });

  it('holds the host socket while the peer takes nothing, with a bounded number of bytes', () => {
    const sockets: TestSocket[] = [];
    const link = new TestLink(
      {
        connect: (_port, listener) => {
          const socket = new TestSocket(listener, 0);
          sockets.push(socket);
          return socket;
        },
      },
      { loss: 0, duplication: 0, delay: 0 },
      1,
    );
    let left!: TestSocket;
    link.left.connect(RIGHT, PORT, (listener) => {
      left = new TestSocket(listener);
      return left;
    });
    let sent = 0;
    for (let n = 0; n < 3000; n++) {
      if (sockets.length === 1 && n === 2) sockets[0].listener.connected();
      if (!left.paused) {
        left.listener.data(content(10_000, 0));
        sent += 10_000;
      }
      link.step();
    }
    expect(left.paused).toBe(true);
    expect(sent).toBeLessThan(400_000);
    expect(sockets[0].bytes.length).toBeLessThan(0x1_0000);
    // It is asked again and again, and not given up.
    expect(link.time).toBeGreaterThan(60_000_000_000);
    expect(left.destroyed).toBe(false);
  });
});

/** A guest that speaks TCP segment by segment, to a network whose sockets the test holds. */
function scripted(allowed = [PORT]) {
  const guest = new TestGuest();
  const sockets: TestSocket[] = [];
  const host = {
    connect(port: number, listener: ConstructorParameters<typeof TestSocket>[0]): HostSocket | undefined {
      if (!allowed.includes(port)) return undefined;
      const socket = new TestSocket(listener, 1000);
      sockets.push(socket);
      return socket;
    },
  };
  guest.network = new UserNetwork(GUEST_MAC, () => guest.time, host);
  let port = 1000;
  const send = (segment: Partial<Segment>) =>
    guest.send(
      buildSegment(
        {
          ...{ sourcePort: port, destinationPort: PORT, sequence: 0, acknowledgement: 0 },
          ...{ flags: ACK, window: 10_000, data: new Uint8Array(0), ...segment },
        },
        { source: GUEST, destination: GATEWAY },
      ),
    );
  const heard = (nanoseconds?: number) =>
    guest.packets(nanoseconds).map((packet) => {
      const { sequence, acknowledgement, flags, window, data, maximumSegmentSize } = parseSegment(packet)!;
      return { sequence, acknowledgement, flags, window, data: Buffer.from(data).toString(), maximumSegmentSize };
    });
  /** A connection, of which 501 is the next sequence number of the guest. */
  const connect = (window = 10_000) => {
    send({ flags: SYN, sequence: 500, window });
    expect(heard()).toEqual([]);
    sockets.at(-1)!.listener.connected();
    const [answer] = heard();
    const next = (answer.sequence + 1) >>> 0;
    send({ sequence: 501, acknowledgement: next, window });
    return { next, socket: sockets.at(-1)! };
  };
  return {
    ...{ guest, sockets, send, heard, connect },
    usePort(other: number) {
      port = other;
    },
  };
}
const bytes = (text: string) => new TextEncoder().encode(text);

describe('the gateway, to segments of the guest', () => {
  it('answers a SYN when the host socket is there, with the largest segment that it takes', () => {
    const { send, heard, sockets, guest } = scripted();
    send({ flags: SYN, sequence: 500 });
    expect(heard()).toEqual([]);
    expect(guest.network.connections).toBe(1);
    sockets[0].listener.connected();
    expect(heard()).toMatchObject([
      { flags: SYN | ACK, acknowledgement: 501, window: 65_535, maximumSegmentSize: 1460 },
    ]);
  });

  it('refuses a port that may not be reached, and a host that refuses', () => {
    const { send, heard, sockets, guest } = scripted();
    send({ flags: SYN, sequence: 500, destinationPort: 22 });
    expect(heard()).toMatchObject([{ flags: RST | ACK, sequence: 0, acknowledgement: 501 }]);
    send({ flags: SYN, sequence: 500 });
    sockets[0].listener.failed();
    expect(heard()).toMatchObject([{ flags: RST | ACK, acknowledgement: 501 }]);
    expect(guest.network.connections).toBe(0);
  });

  it('resets what belongs to no connection, as RFC 9293, 3.5.2 says, and is silent about resets', () => {
    const { send, heard } = scripted();
    send({ flags: ACK, sequence: 7, acknowledgement: 99 });
    expect(heard()).toMatchObject([{ flags: RST, sequence: 99 }]);
    send({ flags: FIN, sequence: 7, data: bytes('abc') });
    expect(heard()).toMatchObject([{ flags: RST | ACK, sequence: 0, acknowledgement: 11 }]);
    send({ flags: RST, sequence: 7 });
    expect(heard()).toEqual([]);
  });

  it('takes a reset only at the very next sequence number; within the window it asks (RFC 9293, 3.10.7.4)', () => {
    const { send, heard, connect } = scripted();
    const { next, socket } = connect();
    send({ flags: RST, sequence: 600 });
    expect(heard()).toMatchObject([{ flags: ACK, acknowledgement: 501, sequence: next }]);
    send({ flags: RST, sequence: 400 });
    expect(heard()).toEqual([]);
    expect(socket.destroyed).toBe(false);
    send({ flags: RST, sequence: 501 });
    expect(socket.destroyed).toBe(true);
  });

  it('answers a SYN in the middle of a connection by an acknowledgement, and drops what acknowledges the unsent', () => {
    const { send, heard, connect } = scripted();
    const { next, socket } = connect();
    send({ flags: SYN, sequence: 501 });
    expect(heard()).toMatchObject([{ flags: ACK, acknowledgement: 501 }]);
    send({ sequence: 501, acknowledgement: next + 5, data: bytes('x') });
    expect(heard()).toMatchObject([{ flags: ACK, acknowledgement: 501 }]);
    expect(socket.bytes).toHaveLength(0);
  });

  it('takes the new part of a segment that it has in part, and asks again for what is missing', () => {
    const { send, heard, connect } = scripted();
    const { next, socket } = connect();
    const ack = { acknowledgement: next };
    send({ sequence: 501, ...ack, data: bytes('abc') });
    send({ sequence: 502, ...ack, data: bytes('bcde') });
    send({ sequence: 510, ...ack, data: bytes('late') });
    send({ sequence: 501, ...ack, data: bytes('abc') });
    expect(heard().map(({ acknowledgement }) => acknowledgement)).toEqual([504, 506, 506, 506]);
    expect(Buffer.from(socket.bytes).toString()).toBe('abcde');
  });

  it('has a window of what the host socket takes, never takes back what it said, and tells when it opens', () => {
    const { send, heard, connect } = scripted();
    const { next, socket } = connect();
    let sequence = 501;
    for (let n = 0; n < 60; n++) {
      send({ sequence, acknowledgement: next, data: content(1460, n) });
      sequence = Math.min(sequence + 1460, 501 + 65_535);
      const [{ acknowledgement, window }] = heard();
      expect(acknowledgement).toBe(sequence);
      expect(acknowledgement + window).toBe(501 + 65_535);
    }
    expect(socket.bytes).toHaveLength(65_535);
    for (let n = 0; n < 40; n++) socket.take();
    const updates = heard();
    expect(updates.length).toBeGreaterThan(0);
    expect(updates.length).toBeLessThan(4);
    expect(updates.at(-1)!.window).toBeGreaterThan(30_000);
  });

  it('sends within the window of the guest, in segments that it takes, and asks when the window is closed', () => {
    const { send, heard, connect } = scripted();
    const { next, socket } = connect(1200);
    socket.listener.data(content(3000, 1));
    const first = heard();
    expect(first.map(({ data }) => data.length)).toEqual([536, 536]);
    send({ sequence: 501, acknowledgement: next + 1072, window: 0 });
    expect(heard()).toEqual([]);
    expect([...heard(250_000_000), ...heard()].map(({ data }) => data.length)).toEqual([1]);
    send({ sequence: 501, acknowledgement: next + 1072, window: 5000 });
    expect(heard().reduce((sum, { data }) => sum + data.length, 0)).toBeGreaterThan(1900);
  });

  it('sends again what is not acknowledged, later and later, and at once after three acknowledgements of the same', () => {
    const { send, heard, connect, guest } = scripted();
    const { next, socket } = connect();
    socket.listener.data(bytes('hello'));
    expect(heard()).toHaveLength(1);
    const times: number[] = [];
    for (let n = 0; n < 4; n++) {
      const until = guest.network.deadline;
      times.push(until - guest.time);
      heard(until - guest.time);
      expect(heard().map(({ data }) => data)).toEqual(['hello']);
    }
    expect(times.map((time) => Math.round(time / 1e8))).toEqual([2, 4, 8, 16]);
    for (let n = 0; n < 3; n++) send({ sequence: 501, acknowledgement: next });
    expect(heard().map(({ data }) => data)).toEqual(['hello']);
  });

  it('ends in both orders, half-closed for as long as one side still sends', () => {
    const { send, heard, connect, guest } = scripted();
    const one = connect();
    send({ flags: FIN | ACK, sequence: 501, acknowledgement: one.next });
    expect(heard()).toMatchObject([{ flags: ACK, acknowledgement: 502 }]);
    expect(one.socket.ended).toBe(true);
    one.socket.listener.data(bytes('more'));
    one.socket.listener.ended();
    const [data, end] = heard();
    expect(data).toMatchObject({ data: 'more' });
    expect(end ?? data).toMatchObject({ flags: expect.any(Number) });
    expect((end ?? data).flags & FIN).toBe(FIN);
    send({ sequence: 502, acknowledgement: one.next + 5 });
    expect(guest.network.connections).toBe(0);
    // The FIN again: what closed last answers for a while.
    send({ flags: FIN | ACK, sequence: 501, acknowledgement: one.next + 5 });
    expect(heard()).toMatchObject([{ flags: ACK, acknowledgement: 502 }]);
    heard(61_000_000_000);
    send({ flags: FIN | ACK, sequence: 501, acknowledgement: one.next + 5 });
    expect(heard()).toMatchObject([{ flags: RST }]);
  });

  it('lets a new connection begin between the ports of one that is over', () => {
    const { send, heard, connect, sockets } = scripted();
    const { next, socket } = connect();
    socket.listener.ended();
    heard();
    send({ flags: FIN | ACK, sequence: 501, acknowledgement: next + 1 });
    expect(heard()).toMatchObject([{ flags: ACK, acknowledgement: 502 }]);
    send({ flags: SYN, sequence: 90_000 });
    sockets[1].listener.connected();
    expect(heard()).toMatchObject([{ flags: SYN | ACK, acknowledgement: 90_001 }]);
  });

  it('refuses more connections than 256', () => {
    const { send, heard, usePort, sockets } = scripted();
    for (let port = 1; port <= 300; port++) {
      usePort(port);
      send({ flags: SYN, sequence: 1 });
    }
    expect(sockets).toHaveLength(256);
    expect(heard().filter(({ flags }) => flags === (RST | ACK))).toHaveLength(44);
  });

  it('takes any segments in any order without harm', () => {
    const segment = fc.record({
      sequence: fc.oneof(fc.integer({ min: 495, max: 520 }), fc.integer({ min: 0, max: 0xffff_ffff })),
      offset: fc.integer({ min: -3, max: 30 }),
      flags: fc.oneof(fc.constantFrom(ACK, ACK, FIN | ACK, SYN, RST, SYN | ACK), fc.nat(255)),
      window: fc.constantFrom(0, 1, 100, 65_535),
      data: fc.nat(30).map((length) => content(length, 3)),
      wait: fc.constantFrom(0, 100_000, 300_000_000),
      event: fc.constantFrom('none', 'none', 'data', 'ended', 'failed', 'connected', 'drained'),
    });
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 40 }), fc.boolean(), (list, opened) => {
        const { send, heard, connect, sockets, guest } = scripted();
        const next = opened ? connect().next : 0;
        for (const { offset, wait, event, ...rest } of list) {
          send({ ...rest, acknowledgement: (next + offset) >>> 0 });
          const socket = sockets.at(-1);
          if (socket && !socket.destroyed) {
            if (event === 'data') socket.listener.data(bytes('0123456789'));
            else if (event !== 'none') socket.listener[event]();
          }
          expect(heard(wait).length).toBeLessThan(100);
        }
        // Left alone it comes to rest: every timer has an end, but for the one that asks for a closed window.
        for (let n = 0; n < 40 && Number.isFinite(guest.network.deadline); n++)
          heard(Math.max(0, guest.network.deadline - guest.time));
      }),
      { numRuns: 400 },
    );
  });
});

describe('a connection from the host to the guest', () => {
  it('is made by a SYN to 10.0.2.15, told to the host socket by its data, and broken by a reset', () => {
    const { guest, send, heard } = scripted();
    let socket!: TestSocket;
    guest.network.connectToGuest(22, (listener) => {
      socket = new TestSocket(listener);
      return socket;
    });
    const [packet] = guest.packets();
    const syn = parseSegment(packet)!;
    expect(packet.destination).toBe(GUEST);
    expect(syn).toMatchObject({ flags: SYN, destinationPort: 22, maximumSegmentSize: 1460 });
    const ports = { sourcePort: 22, destinationPort: syn.sourcePort };
    const acknowledgement = syn.sequence + 1;
    socket.listener.data(bytes('early'));
    send({ ...ports, flags: SYN | ACK, sequence: 9000, acknowledgement });
    expect(heard()).toMatchObject([
      { flags: ACK, sequence: acknowledgement, acknowledgement: 9001 },
      { data: 'early', acknowledgement: 9001 },
    ]);
    send({ ...ports, sequence: 9001, acknowledgement: acknowledgement + 5, data: bytes('answer') });
    expect(Buffer.from(socket.bytes).toString()).toBe('answer');
    send({ ...ports, flags: RST, sequence: 9007 });
    expect(socket.destroyed).toBe(true);
  });

  it('is refused by a guest that resets it', () => {
    const { guest, send } = scripted();
    let socket!: TestSocket;
    guest.network.connectToGuest(22, (listener) => {
      socket = new TestSocket(listener);
      return socket;
    });
    const { sourcePort, sequence } = parseSegment(guest.packets()[0])!;
    const ports = { sourcePort: 22, destinationPort: sourcePort };
    send({ ...ports, flags: RST | ACK, acknowledgement: sequence });
    expect(socket.destroyed).toBe(false);
    send({ ...ports, flags: RST | ACK, acknowledgement: sequence + 1 });
    expect(socket.destroyed).toBe(true);
    expect(guest.network.connections).toBe(0);
  });
});

describe('a network restored in another process', () => {
  it('resets the connections whose sockets it does not have, and those alone', () => {
    const { guest, send, heard, connect, usePort } = scripted();
    const one = connect();
    one.socket.listener.data(bytes('hello'));
    usePort(1001);
    send({ flags: SYN, sequence: 700 });
    const state = JSON.parse(JSON.stringify(guest.network.save()));
    expect(state.tcp.connections).toHaveLength(2);
    guest.network = guest.fresh();
    guest.network.restore(state);
    expect(heard()).toMatchObject([
      { data: 'hello' },
      { flags: RST | ACK, sequence: one.next + 5, acknowledgement: 501 },
      { flags: RST | ACK, acknowledgement: 701 },
    ]);
    expect(guest.network.connections).toBe(0);
    expect(guest.network.save().tcp.connections).toEqual([]);
  });
});
