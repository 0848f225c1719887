import { describe, expect, it } from 'vitest';
import type { DeviceConfig } from '../../src/device-config.js';
import { type Disk, MemoryDisk } from '../../src/virtio/block.js';
import { TestBoard } from './test-board.js';
import { STATUS, TestDriver } from './test-driver.js';

const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);

describe('the network device (VIRTIO 1.2, 5.1)', () => {
  const make = (mac?: string) => {
    const board = new TestBoard([{ type: 'virtio-net-pci', slot: 1, ...(mac !== undefined && { mac }) }]);
    return { board, driver: new TestDriver(board, 1).start() };
  };
  const RECEIVE = 0;
  const TRANSMIT = 1;
  /** Who has 10.0.2.2? With the header of twelve zeros before it. */
  const request = Uint8Array.from([
    ...new Array(12).fill(0),
    ...[...new Array(6).fill(0xff), 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 6],
    ...[0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2],
  ]);

  it('says its address and that the link is up', () => {
    const { board, driver } = make('52:54:00:aa:bb:cc');
    const configuration = Array.from({ length: 8 }, (_, n) => board.read(driver.at('device', n), 1));
    expect(configuration).toEqual([0x52, 0x54, 0, 0xaa, 0xbb, 0xcc, 1, 0]);
    board.write(driver.at('device'), 1, 0);
    expect(board.read(driver.at('device'), 4)).toBe(0xaa00_5452);
    expect(board.read(driver.at('device', 0x800), 4)).toBe(0);
  });

  it('gives a frame to the buffer that the driver has offered, after a header that counts one buffer', () => {
    const { board, driver } = make();
    const [buffer] = driver.add(RECEIVE, [], [1526]).buffers;
    driver.notify(RECEIVE);
    driver.add(TRANSMIT, [request.subarray(0, 12), request.subarray(12)]);
    driver.notify(TRANSMIT);
    expect(driver.used(RECEIVE)).toEqual([]);
    board.runTo(60_000);
    expect(driver.used(RECEIVE)).toEqual([{ head: 0, length: 12 + 42 }]);
    expect([...driver.bytes(buffer, 12)]).toEqual([...new Array(10).fill(0), 1, 0]);
    expect([...driver.bytes(buffer + 12, 6)]).toEqual([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    expect(board.messages.map(({ data }) => data)).toEqual([TRANSMIT, RECEIVE]);
  });

  it('keeps what arrives until there is a buffer, without asking for time meanwhile', () => {
    const { board, driver } = make();
    driver.add(TRANSMIT, [request]);
    driver.notify(TRANSMIT);
    board.runTo(60_000);
    expect(board.devices.deadline).toBe(Number.POSITIVE_INFINITY);
    driver.add(RECEIVE, [], [1526]);
    driver.notify(RECEIVE);
    expect(driver.used(RECEIVE)).toHaveLength(1);
  });

  it('loses a frame for which the buffer is too small, and what has arrived at a reset', () => {
    const { board, driver } = make();
    driver.add(RECEIVE, [], [20]);
    for (let n = 0; n < 2; n++) driver.add(TRANSMIT, [request]);
    driver.notify(TRANSMIT);
    board.runTo(60_000);
    expect(driver.used(RECEIVE)).toEqual([{ head: 0, length: 0 }]);
    const again = new TestDriver(board, 1, 0x20_0000).start();
    again.add(RECEIVE, [], [1526]);
    again.notify(RECEIVE);
    board.runTo(200_000);
    expect(again.used(RECEIVE)).toEqual([]);
  });

  it('goes on on another board with the frame that was under way', () => {
    const { board, driver } = make();
    driver.add(RECEIVE, [], [1526]);
    driver.add(TRANSMIT, [request]);
    driver.notify(TRANSMIT);
    const other = board.moveTo(new TestBoard([{ type: 'virtio-net-pci', slot: 1 }]));
    driver.board = other;
    other.runTo(60_000);
    expect(driver.used(RECEIVE)).toEqual([{ head: 0, length: 12 + 42 }]);
    expect(other.messages.map(({ data }) => data)).toEqual([RECEIVE]);
  });

  it('marks as changed the pages that it writes, and no others', () => {
    const { board, driver } = make();
    const [buffer] = driver.add(RECEIVE, [], [1526]).buffers;
    driver.add(TRANSMIT, [request]);
    board.changed.clear();
    const before = board.ram.slice();
    driver.notify(TRANSMIT);
    board.runTo(60_000);
    const differs = new Set<number>();
    board.ram.forEach((byte, at) => {
      if (byte !== before[at]) differs.add(at >> 12);
    });
    for (const page of differs) expect(board.changed).toContain(page);
    expect(board.changed).toContain((buffer - 0x4000_0000) >> 12);
    expect(board.changed.size).toBeLessThan(6);
  });
});

describe('the block device (5.2)', () => {
  const OK = 0;
  const IO_ERROR = 1;
  const UNSUPPORTED = 2;
  const IN = 0;
  const OUT = 1;
  const FLUSH = 4;
  const GET_ID = 8;

  function make(disk: Disk = new MemoryDisk(new Uint8Array(16 * 512)), options: Partial<DeviceConfig> = {}) {
    const config = { type: 'virtio-blk-pci', slot: 1, ...options } as DeviceConfig;
    const board = new TestBoard([config], { disks: { 1: disk } });
    const driver = new TestDriver(board, 1).start();
    /** One request; its status, what was read, and how many bytes the device says it has written. */
    const request = (type: number, sector: number, data: Uint8Array | number = 0) => {
      const header = words(type, 0, sector, 0);
      const writable = typeof data === 'number' ? [...(data > 0 ? [data] : []), 1] : [1];
      const { buffers } = driver.add(0, typeof data === 'number' ? [header] : [header, data], writable);
      driver.bytes(buffers.at(-1)!, 1)[0] = 0xee;
      driver.notify(0);
      const [{ length }] = driver.used(0);
      const read = typeof data === 'number' ? driver.bytes(buffers[0], data).slice() : new Uint8Array();
      return { status: driver.bytes(buffers.at(-1)!, 1)[0], read, length };
    };
    return { board, driver, request };
  }

  it('says its capacity, and offers flush, sizes and, if so, that it is read-only', () => {
    const { board, driver } = make();
    expect(board.read(driver.at('device', 0), 4)).toBe(16);
    expect(board.read(driver.at('device', 20), 4)).toBe(512);
    expect(driver.offered()).toEqual([2, 6, 9, 28, 29, 32]);
    expect(make(undefined, { readonly: true }).driver.offered()).toContain(5);
  });

  it('writes sectors, reads them, and knows its name', () => {
    const { request } = make();
    const data = Uint8Array.from({ length: 1024 }, (_, n) => n * 7);
    expect(request(OUT, 3, data)).toMatchObject({ status: OK, length: 1 });
    const { status, read, length } = request(IN, 3, 1024);
    expect({ status, length }).toEqual({ status: OK, length: 1025 });
    expect([...read]).toEqual([...data]);
    expect(new TextDecoder().decode(request(GET_ID, 0, 20).read).replaceAll('\0', '')).toBe('vgic-1');
  });

  it('answers by its status what goes wrong: beyond the end, no whole sectors, read-only, unknown, a medium that fails', () => {
    const { request } = make();
    expect(request(IN, 15, 1024).status).toBe(IO_ERROR);
    expect(request(IN, 0, 100).status).toBe(IO_ERROR);
    expect(request(OUT, 16, new Uint8Array(512)).status).toBe(IO_ERROR);
    expect(request(OUT, 0xffff_ffff, new Uint8Array(512)).status).toBe(IO_ERROR);
    expect(request(77, 0, 512)).toMatchObject({ status: UNSUPPORTED, length: 0 });
    expect(request(FLUSH, 0).status).toBe(OK);
    const readonly = make(undefined, { readonly: true });
    expect(readonly.request(OUT, 0, new Uint8Array(512)).status).toBe(IO_ERROR);
    expect(readonly.request(IN, 0, 512).status).toBe(OK);
    const fail = () => {
      throw new Error('the medium fails');
    };
    const failing = make({ size: 1024, read: fail, write: fail, flush: fail });
    expect(failing.request(IN, 0, 512).status).toBe(IO_ERROR);
    expect(failing.request(OUT, 0, new Uint8Array(512)).status).toBe(IO_ERROR);
    expect(failing.request(FLUSH, 0).status).toBe(IO_ERROR);
  });

  it('needs a reset after a request without a whole header or without a status', () => {
    for (const [readable, writable] of [
      [words(0, 0, 0), [513]],
      [words(0, 0, 0, 0), []],
    ] as const) {
      const { driver } = make();
      driver.add(0, [readable], [...writable]);
      driver.notify(0);
      expect(driver.status & STATUS.needsReset).toBe(STATUS.needsReset);
    }
  });

  it('goes on only with a disk of the same size', () => {
    const { board } = make();
    const other = new TestBoard([{ type: 'virtio-blk-pci', slot: 1 }], {
      disks: { 1: new MemoryDisk(new Uint8Array(512)) },
    });
    expect(other.devices.check(board.devices.save())).toBe(
      'virtio-blk-pci at slot 1: its disk had 8192 bytes, and the one given has 512',
    );
  });

  it('cannot be without a disk, or with one of no whole sectors', () => {
    const config: DeviceConfig = { type: 'virtio-blk-pci', slot: 4 };
    expect(() => new TestBoard([config])).toThrow('The virtio-blk-pci at slot 4 has no disk.');
    const odd = { disks: { 4: new MemoryDisk(new Uint8Array(513)) } };
    expect(() => new TestBoard([config], odd)).toThrow(/not of whole sectors/);
  });
});

describe('the console device (5.3)', () => {
  const make = () => {
    let text = '';
    const board = new TestBoard([{ type: 'virtio-console-pci', slot: 1 }], {
      consoles: {
        1: (bytes) => {
          text += new TextDecoder().decode(bytes);
        },
      },
    });
    return { board, driver: new TestDriver(board, 1), text: () => text };
  };
  const typed = new TextEncoder().encode('abcdef');

  it('sends out what the guest writes', () => {
    const { driver, text } = make();
    driver.start().add(1, [Uint8Array.of(104, 101), Uint8Array.of(121)]);
    driver.notify(1);
    expect(text()).toBe('hey');
  });

  it('gives the guest what is typed, as much as its buffers take, also what was typed before it listened', () => {
    const { board, driver } = make();
    board.devices.sendConsoleInput(1, typed);
    driver.start();
    const first = driver.add(0, [], [4]);
    const second = driver.add(0, [], [4]);
    driver.notify(0);
    expect(driver.used(0)).toEqual([
      { head: first.head, length: 4 },
      { head: second.head, length: 2 },
    ]);
    expect(Buffer.from(driver.bytes(first.buffers[0], 4)).toString()).toBe('abcd');
    const third = driver.add(0, [], [4]);
    board.devices.sendConsoleInput(1, typed.subarray(0, 1));
    expect(driver.used(0)).toEqual([{ head: third.head, length: 1 }]);
  });

  it('keeps what waits over a move, and takes no more than a mebibyte', () => {
    const { board } = make();
    expect(board.devices.sendConsoleInput(1, new Uint8Array(3 << 19))).toBe(1 << 20);
    expect(board.devices.sendConsoleInput(1, typed)).toBe(0);
    const other = board.moveTo(make().board);
    expect(other.devices.sendConsoleInput(1, typed)).toBe(0);
    expect(() => board.devices.sendConsoleInput(2, typed)).toThrow('There is no virtio-console-pci at slot 2.');
  });
});

describe('the entropy device (5.4)', () => {
  const random = (board: TestBoard, driver: TestDriver, length: number) => {
    driver.board = board;
    const { buffers } = driver.add(0, [], [length]);
    driver.notify(0);
    expect(driver.used(0).at(-1)!.length).toBe(length);
    return [...driver.bytes(buffers[0], length)];
  };
  const make = (seed: number) => new TestBoard([{ type: 'virtio-rng-pci', slot: 1, seed }]);

  it('gives the same bytes for the same seed, others for another, and goes on where it was after a move', () => {
    const [one, same, other] = [make(5), make(5), make(6)];
    const drivers = [one, same, other].map((board) => new TestDriver(board, 1).start());
    const bytes = random(one, drivers[0], 1000);
    expect(random(same, drivers[1], 1000)).toEqual(bytes);
    expect(random(other, drivers[2], 1000)).not.toEqual(bytes);
    const moved = same.moveTo(make(5));
    expect(random(moved, drivers[1], 100)).toEqual(random(one, drivers[0], 100));
  });

  it('has every byte about as often as others', () => {
    const board = make(0);
    const driver = new TestDriver(board, 1).start();
    const counts = new Array(256).fill(0);
    for (let n = 0; n < 32; n++) for (const byte of random(board, driver, 2000)) counts[byte]++;
    expect(Math.min(...counts)).toBeGreaterThan(180);
    expect(Math.max(...counts)).toBeLessThan(320);
  });
});
