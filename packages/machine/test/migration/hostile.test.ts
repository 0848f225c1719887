import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteChannel, Machine, MigrationDestination, MigrationSource } from '../../src/index.js';
import { FrameWriter } from '../../src/migration/stream.js';
import { FORMAT_VERSION } from '../../src/snapshot/format.js';
import { testProgram } from '../programs/index.js';
import { Link, migrate, type Wire } from './link.js';

const SMALL = { vcpus: 1, memory: 2 << 20, gic: 3 } as const;

function machine(): Machine {
  const made = new Machine({ ...SMALL, memory: 4 << 20 });
  made.load({ kernel: testProgram('spin') });
  return made;
}
const { config } = machine();

/** A channel that keeps what is written. */
function kept(): ByteChannel & { bytes: number[] } {
  const bytes: number[] = [];
  return { bytes, writable: true, drained: true, write: (piece) => void bytes.push(...piece), close: () => {} };
}

const FROM_SOURCE = 'HELO PAGE RNDE TABL CONF SCHD CPUS GIC3 UART MSID PCIE DONE CMIT CNCL ASKS'.split(' ');
const FROM_DESTINATION = 'ACPT ACKR REDY RUNS RFSE DROP'.split(' ');
const payload = fc.oneof(
  fc.constant(new Uint8Array(0)),
  fc.uint8Array({ maxLength: 200 }),
  fc.json({ maxDepth: 3 }).map((text) => new TextEncoder().encode(text)),
  fc.nat(5).map((value) => Uint8Array.of(value, 0, 0, 0)),
  // A frame of RAM with its bitmaps drawn by lot.
  fc.tuple(fc.nat(5), fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.nat(3)).map(([chunk, bits, pages]) => {
    const bytes = new Uint8Array(72 + pages * 4096);
    bytes[0] = chunk;
    bytes.set(
      bits.map((byte) => (byte < 200 ? 0 : byte)),
      8,
    );
    return bytes;
  }),
);
const framesOf = (tags: string[]) =>
  fc.array(fc.tuple(fc.constantFrom(...tags), payload), { minLength: 1, maxLength: 12 });
const greeting = () => new TextEncoder().encode(JSON.stringify({ id: 'x', format: FORMAT_VERSION, config }));

function streamOf(frames: [string, Uint8Array][]): Uint8Array {
  const channel = kept();
  const writer = new FrameWriter(channel);
  for (const [tag, bytes] of frames) writer.send(tag, bytes);
  return Uint8Array.from(channel.bytes);
}

describe('a destination', () => {
  const fresh = () => {
    const destination = new MigrationDestination(config);
    const channel = kept();
    destination.connected(channel);
    return { destination, channel };
  };

  it('takes any bytes without throwing, and runs nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, begun) => {
        const { destination } = fresh();
        if (begun) destination.receive(streamOf([['HELO', greeting()]]));
        destination.receive(bytes);
        destination.disconnected('It is over.');
        expect(destination.arrival).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  it('takes any frames in any order without throwing, and runs nothing', () => {
    fc.assert(
      fc.property(framesOf(FROM_SOURCE), fc.boolean(), (frames, begun) => {
        const { destination } = fresh();
        destination.receive(streamOf([...(begun ? [['HELO', greeting()] as [string, Uint8Array]] : []), ...frames]));
        expect(destination.arrival).toBeUndefined();
        if (destination.phase === 'failed') expect(destination.reason).toMatch(/\S/);
      }),
      { numRuns: 100 },
    );
  });

  it('takes a state with anything changed in it: refuses it with a sentence, or is ready', () => {
    const frames: [string, Uint8Array][] = [];
    // The state as the source sends it, a frame in two pieces.
    let tag = '';
    const wire: Wire = (bytes, from) => {
      if (from === 'destination') return bytes;
      if (bytes.length === 16 && tag === '') tag = Buffer.from(bytes.subarray(0, 4)).toString();
      else {
        frames.push([tag, bytes]);
        tag = '';
      }
      if (tag === 'CMIT' || tag === 'VGIC') tag = '';
      return bytes;
    };
    migrate(new Link(machine(), { wire }));
    const sections = frames.filter(([name]) =>
      ['CONF', 'SCHD', 'CPUS', 'GIC3', 'UART', 'MSID', 'PCIE', 'DONE'].includes(name),
    );
    expect(sections.length).toBe(8);
    const phases = new Set<string>();
    fc.assert(
      fc.property(fc.nat(6), fc.nat(), fc.nat(255), (index, at, value) => {
        const { destination } = fresh();
        const changed = sections.map(([name, bytes], n): [string, Uint8Array] => {
          const copy = bytes.slice();
          if (n === index) copy[at % copy.length] = value;
          return [name, copy];
        });
        destination.receive(streamOf([['HELO', greeting()], ...changed]));
        phases.add(destination.phase);
        expect(['ready', 'failed']).toContain(destination.phase);
        if (destination.phase === 'failed') expect(destination.reason).toMatch(/^[^\n]+\.$/);
      }),
      { numRuns: 60 },
    );
    expect(phases).toContain('failed');
  });

  it('has no more memory for a frame than has come of it, and none for one that is too long', () => {
    const { destination } = fresh();
    destination.receive(streamOf([['HELO', greeting()]]));
    const head = new Uint8Array(16);
    head.set(new TextEncoder().encode('GIC3'));
    new DataView(head.buffer).setBigUint64(4, 200n << 20n, true);
    const before = process.memoryUsage().arrayBuffers;
    destination.receive(head);
    destination.receive(new Uint8Array(1000));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
    expect(destination.phase).toBe('receiving');
    const other = fresh().destination;
    other.receive(streamOf([['HELO', greeting()]]));
    new DataView(head.buffer).setBigUint64(4, 1n << 60n, true);
    other.receive(head);
    expect(other).toMatchObject({ phase: 'failed', reason: 'The stream is damaged: a frame GIC3 is longer than any.' });
  });

  it('does not start for whoever connects while it waits for its source', () => {
    const link = new Link(machine(), { wire: (bytes) => (link.destination.phase === 'ready' ? undefined : bytes) });
    migrate(link);
    expect(link.destination.phase).toBe('ready');
    for (const frames of [
      [['CMIT', new Uint8Array(0)]],
      [
        ['ASKS', new TextEncoder().encode('{"id":"another"}')],
        ['CMIT', new Uint8Array(0)],
      ],
      [['CNCL', new Uint8Array(0)]],
      [
        ['HELO', greeting()],
        ['CMIT', new Uint8Array(0)],
      ],
    ] as [string, Uint8Array][][]) {
      link.destination.connected(kept());
      link.destination.receive(streamOf(frames));
      link.destination.disconnected('It is over.');
      expect(link.destination.phase).toBe('ready');
    }
  });

  it('is not confused by a greeting of great depth', () => {
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    const { destination } = fresh();
    const text = `{"id":"x","format":${FORMAT_VERSION},"config":{"vcpus":${deep}}}`;
    destination.receive(streamOf([['HELO', new TextEncoder().encode(text)]]));
    expect(destination.phase).toBe('failed');
  });
});

describe('a source', () => {
  it('takes any frames in any order without throwing, and has its guest as long as it has not given it up', () => {
    fc.assert(
      fc.property(framesOf(FROM_DESTINATION), fc.uint8Array({ maxLength: 40 }), (frames, rest) => {
        const channel = kept();
        const source = new MigrationSource(machine(), channel, { id: 'x', now: () => 0 });
        for (const bytes of [streamOf(frames), rest]) {
          source.receive(bytes);
          while (source.advance());
        }
        source.disconnected('It is over.');
        const gaveUp = Buffer.from(channel.bytes).includes('CMIT');
        expect(gaveUp || source.guestMayRun).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('shows what a destination says without its control characters', () => {
    const source = new MigrationSource(machine(), kept(), { id: 'x', now: () => 0 });
    source.receive(streamOf([['RFSE', new TextEncoder().encode('\u001b[2Jgone\n\u202eaway.')]]));
    expect(source.progress).toMatchObject({ phase: 'failed', reason: '[2Jgone  away.' });
  });
});
