import fc from 'fast-check';
import type { RamPages } from 'vgic';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../src/crc32.js';
import type { MachineState } from '../../src/machine-state.js';
import { MsiDevice } from '../../src/msi-device.js';
import { zlibCompression } from '../../src/node/zlib-compression.js';
import { Pl011 } from '../../src/pl011.js';
import { Scheduler } from '../../src/scheduler.js';
import { decodeSnapshot } from '../../src/snapshot/decode.js';
import { encodeSnapshot } from '../../src/snapshot/encode.js';
import { FORMAT_VERSION } from '../../src/snapshot/format.js';
import { collectRam, fillRam, PAGE_SIZE } from '../../src/snapshot/ram-state.js';
import { SnapshotError } from '../../src/snapshot/snapshot-error.js';

const MEMORY = 4 << 20;

/** A state as machines have it, around a RAM that is mostly zeros. */
const state = fc
  .record({
    vcpus: fc.integer({ min: 1, max: 8 }),
    time: fc.maxSafeNat(),
    cores: fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 8, maxLength: 8 }),
    pages: fc.array(fc.tuple(fc.nat(MEMORY / PAGE_SIZE - 1), fc.uint8Array({ minLength: 1, maxLength: PAGE_SIZE })), {
      maxLength: 12,
    }),
    input: fc.uint8Array({ maxLength: 40 }),
    ended: fc.constantFrom(
      null,
      { reason: 'off' as const },
      { reason: 'lockup' as const, message: 'vCPU 0 locked up.' },
    ),
  })
  .map(({ vcpus, time, cores, pages, input, ended }): MachineState => {
    const ram = new Uint8Array(MEMORY);
    for (const [page, bytes] of pages) ram.set(bytes, page * PAGE_SIZE);
    const uart = new Pl011({ output: () => {}, line: () => {}, now: () => 0 });
    uart.receive(input);
    const scheduler = new Scheduler(vcpus, 100);
    if (vcpus > 1) scheduler.powerOn(1, { entry: 0x4000_0000n, context: 0xffff_ffff_ffff_ffffn });
    return {
      config: {
        vcpus,
        memory: MEMORY,
        gic: 3,
        listRegisters: 4,
        quantum: 100,
        devices: [],
        gicv4: 0,
        kvm: 'none',
        ...NO_FEATURES,
      },
      time,
      ended,
      schedule: scheduler.save(),
      vcpus: cores.slice(0, vcpus),
      gic: { version: 1, records: [{ group: 1, attr: '0', value: 'ff' }] } as never,
      uart: uart.save(),
      msiDevice: new MsiDevice({ signal: () => true, now: () => 0 }).save(),
      devices: [],
      passthrough: null,
      ram: collectRam(ram),
      tables: tablesOf(collectRam(ram.fill(0, MEMORY >> 1))),
    };
  });

const NO_FEATURES = { messageBasedSpis: null, extendedSpis: 0, extendedPpis: 0 } as const;

const tablesOf = ({ pages, contents }: RamPages): RamPages => ({ pages, contents });

function encode(value: MachineState): Uint8Array {
  return Uint8Array.from(Buffer.concat(encodeSnapshot(value, zlibCompression)));
}
const decode = (file: Uint8Array) => decodeSnapshot(file, zlibCompression);

function refusal(file: Uint8Array): string {
  try {
    decode(file);
  } catch (error) {
    expect(error).toBeInstanceOf(SnapshotError);
    const { message } = error as Error;
    expect(message).toMatch(/^[^\n]+\.$/);
    return message;
  }
  throw new Error('nothing was refused');
}

const example = fc.sample(state, { numRuns: 1, seed: 7 })[0];
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The file with one section's payload replaced and every length and checksum made right again. */
function forge(file: Uint8Array, wanted: string, change: (payload: Uint8Array) => Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let at = 24; at < file.length; ) {
    const tag = Buffer.from(file.subarray(at, at + 4)).toString();
    const length = Number(viewOf(file).getBigUint64(at + 4, true));
    let payload: Uint8Array = file.slice(at + 16, at + 16 + length);
    if (tag === wanted) payload = change(payload);
    const header = file.slice(at, at + 16);
    viewOf(header).setBigUint64(4, BigInt(payload.length), true);
    viewOf(header).setUint32(12, crc32(payload, crc32(header.subarray(0, 12))), true);
    pieces.push(header, payload);
    at += 16 + length;
  }
  const header = file.slice(0, 24);
  viewOf(header).setBigUint64(12, BigInt(24 + pieces.reduce((sum, piece) => sum + piece.length, 0)), true);
  viewOf(header).setUint32(20, crc32(header.subarray(0, 20)), true);
  return Uint8Array.from(Buffer.concat([header, ...pieces]));
}

const forgeJson = (tag: string, change: (value: never) => unknown) =>
  forge(encode(example), tag, (payload) =>
    Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(payload).toString()) as never))),
  );

describe('a snapshot file', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(state, (value) => void expect(decode(encode(value))).toEqual(value)),
      { numRuns: 50 },
    );
  });

  it('is the same for the same state', () => {
    expect(encode(example)).toEqual(encode(structuredClone(example)));
  });

  it('does not hold pages of zeros', () => {
    const empty = { ...example, ram: collectRam(new Uint8Array(MEMORY)) };
    expect(empty.ram.pages).toHaveLength(0);
    expect(encode(empty).length).toBeLessThan(8192);
  });

  it('is refused when any one byte is changed', () => {
    const file = encode(example);
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = file.slice();
        changed[at] ^= flip;
        expect(() => decode(changed)).toThrow(SnapshotError);
      }),
      { numRuns: 1500 },
    );
    for (let at = 0; at < 300; at++) {
      const changed = file.slice();
      changed[at] ^= 1;
      expect(() => decode(changed)).toThrow(SnapshotError);
    }
  });

  it('is refused when it is truncated, at any length, and longer ones too', () => {
    const file = encode(example);
    fc.assert(
      fc.property(fc.nat(file.length - 1), (length) => {
        expect(refusal(file.subarray(0, length))).toMatch(length === 0 ? /empty/ : /truncated/);
      }),
      { numRuns: 500 },
    );
    expect(refusal(Uint8Array.from([...file, 0]))).toMatch(/1 bytes follow its end/);
  });

  it('says where it was cut', () => {
    const file = encode(example);
    expect(refusal(file.subarray(0, 10))).toMatch(/after 10 bytes, within its header/);
    expect(refusal(file.subarray(0, 50))).toMatch(/after 50 of \d+ bytes, in the part configuration/);
    expect(refusal(file.subarray(0, file.length - 1))).toMatch(/in the part RAM/);
  });

  it('says which part is corrupted', () => {
    const file = encode(example);
    const changed = file.slice();
    changed[file.length - 1] ^= 1;
    expect(refusal(changed)).toMatch(/corrupted: the checksum of the part RAM is wrong/);
    changed.set(file);
    changed[50] ^= 1;
    expect(refusal(changed)).toMatch(/checksum of the part configuration/);
  });

  it('of a newer version, or no snapshot at all, is refused as that', () => {
    const newer = encode(example);
    viewOf(newer).setUint32(8, FORMAT_VERSION + 1, true);
    viewOf(newer).setUint32(20, crc32(newer.subarray(0, 20)), true);
    expect(refusal(newer)).toMatch(`format version ${FORMAT_VERSION + 1}; this vgic reads version ${FORMAT_VERSION}`);
    viewOf(newer).setUint32(8, 1, true);
    viewOf(newer).setUint32(20, crc32(newer.subarray(0, 20)), true);
    expect(refusal(newer)).toMatch(`format version 1, of an older vgic; this one reads version ${FORMAT_VERSION}.`);
    expect(refusal(Buffer.from('MZ this is something else entirely'))).toBe(
      'This is not a snapshot of a vgic machine.',
    );
    expect(refusal(new Uint8Array())).toBe('The snapshot is empty.');
  });
});

describe('a snapshot with right checksums and hostile contents', () => {
  it('is accepted when the forger changes nothing', () => {
    expect(decode(forgeJson('CONF', (conf) => conf))).toEqual(example);
  });

  it('is refused for a machine that cannot be', () => {
    const config = (change: object) =>
      refusal(forgeJson('CONF', (conf: { config: object }) => ({ ...conf, config: { ...conf.config, ...change } })));
    expect(config({ vcpus: 9 })).toMatch(/this version cannot be: A machine cannot have 9 vCPUs/);
    expect(config({ vcpus: 0 })).toMatch(/cannot have 0 vCPUs/);
    expect(config({ memory: 2 ** 50 })).toMatch(/bytes of memory/);
    expect(config({ memory: 12345678 })).toMatch(/units of 2 MiB/);
    expect(config({ gic: 4 })).toMatch(/GIC version/);
    expect(config({ listRegisters: 1e9 })).toMatch(/list registers/);
    expect(config({ quantum: 0 })).toMatch(/instructions in a turn/);
    expect(config({ gicv4: 42 })).toMatch(/cannot have 42 as its host's GICv4; possible is 40, 41, or 0/);
    expect(config({ gicv4: 41, gic: 2 })).toMatch(/GICv2 has no LPIs/);
    expect(config({ extendedSpis: 31 })).toMatch(/extendedSpis: a multiple of 32 from 0 to 1024, not 31/);
    expect(config({ messageBasedSpis: { first: 80 } })).toMatch(/message-based SPIs; possible is a first one from 80/);
    expect(config({ messageBasedSpis: { first: 250, count: 1e9 } })).toMatch(/message-based SPIs/);
    expect(config({ extendedPpis: 32, gic: 2 })).toMatch(/GICv2 has neither message-based SPIs nor extended ranges/);
    expect(refusal(forgeJson('CONF', () => ({})))).toMatch(/cannot be/);
  });

  it('is refused for MSIs or vCPUs of direct injection that there are not', () => {
    const passthrough = (state: object) =>
      refusal(forgeJson('CONF', (conf: object) => ({ ...conf, passthrough: state })));
    const impossible = /MSIs that are injected directly are impossible/;
    expect(decode(forgeJson('CONF', (conf: object) => ({ ...conf, passthrough: null })))).toEqual(example);
    expect(passthrough({ forwarded: [256], rung: [] })).toMatch(impossible);
    expect(passthrough({ forwarded: [1, 1], rung: [] })).toMatch(impossible);
    expect(passthrough({ forwarded: [-1], rung: [] })).toMatch(impossible);
    expect(passthrough({ forwarded: [], rung: [8] })).toMatch(impossible);
    expect(passthrough({ forwarded: ['0'], rung: [] })).toMatch(impossible);
    expect(passthrough({ forwarded: [] })).toMatch(impossible);
    expect(passthrough([])).toMatch(impossible);
  });

  it('is refused for an impossible time, end, turn or power state', () => {
    const conf = (change: object) => refusal(forgeJson('CONF', (value: object) => ({ ...value, ...change })));
    expect(conf({ time: -1 })).toMatch(/time is impossible/);
    expect(conf({ time: 1e300 })).toMatch(/time is impossible/);
    expect(conf({ ended: { reason: 'lockup' } })).toMatch(/way it ended/);
    expect(conf({ ended: 'off' })).toMatch(/way it ended/);
    const schedule = (change: (value: ReturnType<Scheduler['save']>) => void) =>
      refusal(
        forgeJson('SCHD', (value: ReturnType<Scheduler['save']>) => {
          change(value);
          return value;
        }),
      );
    expect(
      schedule((s) => {
        s.turn = 8;
      }),
    ).toMatch(/turn is of a vCPU that is not there/);
    expect(
      schedule((s) => {
        s.remaining = 101;
      }),
    ).toMatch(/impossible length/);
    expect(
      schedule((s) => {
        s.vcpus.pop();
      }),
    ).toMatch(/another number of vCPUs/);
    expect(
      schedule((s) => {
        s.vcpus[0].power = 'pending';
      }),
    ).toMatch(/power state of vCPU 0/);
    expect(
      schedule((s) => {
        s.vcpus[0].waiting = true;
      }),
    ).toMatch(/turn is of a vCPU that does not run/);
  });

  it('is refused for parts that are missing, cut, or not what they should be', () => {
    const text = (tag: string, bytes: string) => refusal(forge(encode(example), tag, () => Buffer.from(bytes)));
    for (const tag of ['CONF', 'SCHD', 'GIC3', 'UART']) {
      expect(text(tag, '{')).toMatch(/corrupted in the part .* cannot be read/);
      expect(text(tag, 'null')).toMatch(/cannot be read/);
      expect(text(tag, `${'['.repeat(200_000)}`)).toMatch(/cannot be read/);
    }
    expect(text('UART', '{}')).toMatch(/UART register/);
    expect(text('CPUS', '')).toMatch(/vCPU 0 is missing/);
    expect(text('CPUS', '\xff\xff\xff\xff')).toMatch(/vCPU 0 is cut short/);
    expect(refusal(forge(encode(example), 'CPUS', (bytes) => Buffer.concat([bytes, Buffer.alloc(4)])))).toMatch(
      /more vCPUs/,
    );
  });

  it('is refused for RAM that is out of order, beyond the memory, or not as long as it says', () => {
    const ram = (change: (payload: Uint8Array) => Uint8Array) => refusal(forge(encode(example), 'RAM0', change));
    const at = (offset: number, value: number) => (payload: Uint8Array) => {
      viewOf(payload).setUint32(offset, value, true);
      return payload;
    };
    expect(ram(at(0, 4))).toMatch(/corrupted in the part RAM/);
    expect(ram(at(0, 0xffff_ffff))).toMatch(/corrupted in the part RAM/);
    expect(ram(at(4, 0xffff_ffff))).toMatch(/cut short/);
    expect(ram((payload) => Buffer.concat([payload, payload]))).toMatch(/out of order/);
    expect(ram((payload) => payload.subarray(0, 10))).toMatch(/cut short/);
    const chunk = (pages: number, data: Uint8Array) => () => {
      const header = Buffer.alloc(40);
      header.writeUInt32LE(data.length, 4);
      for (let page = 0; page < pages; page++) header[8 + (page >> 3)] |= 1 << (page & 7);
      return Buffer.concat([header, data]);
    };
    const { deflate } = zlibCompression;
    expect(ram(chunk(1, deflate(new Uint8Array(PAGE_SIZE - 1))))).toMatch(/cut short/);
    expect(ram(chunk(1, deflate(new Uint8Array(PAGE_SIZE + 1))))).toMatch(/cannot be decompressed/);
    expect(ram(chunk(1, deflate(new Uint8Array(1 << 28))))).toMatch(/cannot be decompressed/);
    expect(ram(chunk(1, Buffer.from('noise')))).toMatch(/cannot be decompressed/);
    expect(ram(chunk(0, new Uint8Array()))).toMatch(/no pages/);
  });
});

describe('the RAM of a snapshot', () => {
  it('is the pages that are not zero, and fills a fresh RAM to the same', () => {
    fc.assert(
      fc.property(state, ({ ram: saved }) => {
        const ram = new Uint8Array(MEMORY);
        fillRam(ram, saved);
        expect(collectRam(ram)).toEqual(saved);
      }),
      { numRuns: 20 },
    );
  });
});
