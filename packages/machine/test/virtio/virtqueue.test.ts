import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../src/virtio/block.js';
import { RAM_BASE, TEST_RAM, TestBoard } from './test-board.js';
import { DESCRIPTOR, FEATURE, STATUS, TestDriver } from './test-driver.js';

/** A console echoes nothing and keeps what it was sent: the plainest device to send chains to. */
function console(features?: readonly number[]) {
  const sent: Uint8Array[] = [];
  const board = new TestBoard([{ type: 'virtio-console-pci', slot: 1 }], {
    consoles: { 1: (bytes) => void sent.push(bytes) },
  });
  const driver = new TestDriver(board, 1).start(true, features);
  return { board, driver, text: () => Buffer.concat(sent).toString('latin1') };
}
const bytes = (text: string) => new TextEncoder().encode(text);
const TRANSMIT = 1;
const PLAIN = [FEATURE.version1];
const INDIRECT = [FEATURE.version1, FEATURE.indirect];

describe('negotiation (VIRTIO 1.2, 2.2 and 3.1)', () => {
  const fresh = () => new TestDriver(new TestBoard([{ type: 'virtio-net-pci', slot: 1 }]), 1);

  it('offers version 1, indirect descriptors and event indices beside the features of the device', () => {
    expect(fresh().offered()).toEqual([5, 16, 28, 29, 32]);
  });

  it('agrees to a subset that has version 1, and to nothing else', () => {
    const driver = fresh();
    expect(driver.negotiate(PLAIN)).toBe(true);
    expect(driver.negotiate([5])).toBe(false);
    expect(driver.negotiate([0, FEATURE.version1])).toBe(false);
    expect(driver.negotiate([FEATURE.version1, 40])).toBe(false);
    driver.addStatus(STATUS.driverOk);
    expect(driver.status & STATUS.driverOk).toBe(0);
  });

  it('keeps features from being changed once they are agreed on', () => {
    const driver = fresh();
    driver.negotiate(PLAIN);
    driver.setCommon('driverFeatureSelect', 4, 0);
    driver.setCommon('driverFeature', 4, 0xffff_ffff);
    expect(driver.common('driverFeature', 4)).toBe(0);
  });

  it('is begun anew by a reset: status, features, queues and vectors are as at first', () => {
    const driver = fresh().start();
    driver.setCommon('status', 1, 0);
    expect(driver.status).toBe(0);
    driver.setCommon('queueSelect', 2, 1);
    const names = ['queueSize', 'queueVector', 'queueEnable'] as const;
    expect(names.map((name) => driver.common(name, 2))).toEqual([256, 0xffff, 0]);
    expect(driver.common('configVector', 2)).toBe(0xffff);
  });
});

describe('the common configuration (4.1.4.3)', () => {
  it('has queues that are not there read as of size zero, and vectors that are not there as none', () => {
    const driver = new TestDriver(new TestBoard([{ type: 'virtio-rng-pci', slot: 1 }]), 1);
    driver.setCommon('queueSelect', 2, 1);
    expect(driver.common('queueSize', 2)).toBe(0);
    driver.setCommon('queueSelect', 2, 0);
    driver.setCommon('queueVector', 2, 2);
    expect(driver.common('queueVector', 2)).toBe(0xffff);
    driver.setCommon('queueVector', 2, 1);
    expect(driver.common('queueVector', 2)).toBe(1);
  });

  it('takes sizes that are powers of two up to the greatest, and no change of an enabled queue but its vector', () => {
    const driver = new TestDriver(new TestBoard([{ type: 'virtio-rng-pci', slot: 1 }]), 1);
    for (const size of [0, 3, 128, 0xffff]) driver.setCommon('queueSize', 2, size);
    expect(driver.common('queueSize', 2)).toBe(64);
    driver.setCommon('queueSize', 2, 16);
    driver.setCommon('queueEnable', 2, 1);
    driver.setCommon('queueSize', 2, 8);
    driver.setCommon('queueAreas', 4, 0x4000_0000);
    driver.setCommon('queueEnable', 2, 0);
    expect([driver.common('queueSize', 2), driver.common('queueAreas', 4), driver.common('queueEnable', 2)]).toEqual([
      16, 0, 1,
    ]);
  });

  it('is also reached through the window in the configuration space (4.1.4.9)', () => {
    const { board, driver } = console();
    const { capability } = driver.structures.get('window')!;
    const point = (offset: number, length: number) => {
      board.writeConfig(1, capability + 4, 1, 4);
      board.writeConfig(1, capability + 8, 4, offset);
      board.writeConfig(1, capability + 12, 4, length);
    };
    point(0x12, 2);
    expect(board.readConfig(1, capability + 16, 2)).toBe(2);
    point(0x16, 2);
    board.writeConfig(1, capability + 16, 2, 1);
    expect(driver.common('queueSelect', 2)).toBe(1);
    for (const [offset, length] of [
      [0x13, 2],
      [0x4000, 4],
      [0xffff_fffc, 4],
      [0, 3],
      [0, 8],
    ]) {
      point(offset, length);
      board.writeConfig(1, capability + 16, 4, 0);
      board.readConfig(1, capability + 16, 4);
    }
    expect(driver.status & STATUS.driverOk).toBe(STATUS.driverOk);
  });
});

describe('a split virtqueue (2.7)', () => {
  it('has chains used in their order, each with the bytes written, and one interrupt for what is done at once', () => {
    const { board, driver, text } = console(PLAIN);
    const heads = ['one ', 'two ', 'three'].map((word) => driver.add(TRANSMIT, [bytes(word)]).head);
    driver.notify(TRANSMIT);
    expect(driver.used(TRANSMIT)).toEqual(heads.map((head) => ({ head, length: 0 })));
    expect(text()).toBe('one two three');
    expect(board.messages.map(({ data }) => data)).toEqual([TRANSMIT]);
  });

  it('goes round its rings, whose indices go round at 65536', () => {
    const { driver, text } = console();
    let expected = '';
    for (let n = 0; n < 66_000; n++) {
      const word = n % 1000 === 0 ? `${n} ` : '';
      driver.add(TRANSMIT, [bytes(word)]);
      expected += word;
      driver.notify(TRANSMIT);
      if (n % 50 === 0) driver.used(TRANSMIT);
    }
    driver.used(TRANSMIT);
    expect(text()).toBe(expected);
    expect(driver.status & STATUS.needsReset).toBe(0);
  });

  it('sends no interrupt that the driver does not want: by the flag (2.7.7)', () => {
    const { board, driver } = console(PLAIN);
    board.view.setUint16(driver.queues[TRANSMIT].available - RAM_BASE, 1, true);
    driver.add(TRANSMIT, [bytes('x')]);
    driver.notify(TRANSMIT);
    expect(driver.used(TRANSMIT)).toHaveLength(1);
    expect(board.messages).toEqual([]);
  });

  it('sends an interrupt just when the used index passes the one that the driver names (2.7.7), and names its own (2.7.10)', () => {
    const { board, driver } = console();
    const { available, used, size } = driver.queues[TRANSMIT];
    const wanted: number[] = [];
    for (let n = 0; n < 200; n++) {
      board.view.setUint16(available - RAM_BASE + 4 + 2 * size, n % 7 === 3 ? n : (n + 100) & 0xffff, true);
      const before = board.messages.length;
      driver.add(TRANSMIT, [bytes('x')]);
      driver.notify(TRANSMIT);
      if (board.messages.length > before) wanted.push(n);
      expect(board.view.getUint16(used - RAM_BASE + 4 + 8 * size, true)).toBe(n + 1);
    }
    expect(wanted).toEqual(Array.from({ length: 200 }, (_, n) => n).filter((n) => n % 7 === 3));
  });

  it('goes through a table of indirect descriptors (2.7.5.3)', () => {
    const { driver, text } = console(INDIRECT);
    const table = driver.allocate(64, 16);
    const buffer = driver.allocate(64, 16);
    driver.bytes(buffer, 6).set(bytes('abcdef'));
    driver.setDescriptor(table, 0, buffer, 2, DESCRIPTOR.next, 2);
    driver.setDescriptor(table, 2, buffer + 4, 2, 0, 0);
    driver.setDescriptor(driver.queues[TRANSMIT].descriptors, 7, table, 48, DESCRIPTOR.indirect, 0);
    driver.offer(TRANSMIT, 7);
    driver.notify(TRANSMIT);
    expect(driver.used(TRANSMIT)).toEqual([{ head: 7, length: 0 }]);
    expect(text()).toBe('abef');
  });

  it('does a bounded part of the work at a time, and the rest a little later', () => {
    const { board, driver, text } = console();
    const big = driver.allocate(0x10_0000, 16);
    for (let n = 0; n < 64; n++) driver.setDescriptor(driver.queues[TRANSMIT].descriptors, n, big, 0x10_0000, 0, 0);
    for (let n = 0; n < 20; n++) driver.offer(TRANSMIT, n);
    driver.notify(TRANSMIT);
    const first = driver.used(TRANSMIT).length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(20);
    board.runTo(1_000_000);
    expect(first + driver.used(TRANSMIT).length).toBe(20);
    expect(text()).toHaveLength(20 << 20);
  });
});

describe('a driver that does what it must not', () => {
  const table = (driver: TestDriver) => driver.queues[TRANSMIT].descriptors;
  const { next, write, indirect } = DESCRIPTOR;
  const buffer = RAM_BASE;
  const faults: Record<string, (driver: TestDriver) => void> = {
    'a head beyond the table': (driver) => driver.offer(TRANSMIT, 64),
    'a chain without an end': (driver) => {
      driver.setDescriptor(table(driver), 0, buffer, 1, next, 1);
      driver.setDescriptor(table(driver), 1, buffer, 1, next, 0);
    },
    'a next beyond the table': (driver) => driver.setDescriptor(table(driver), 0, buffer, 1, next, 64),
    'a buffer below RAM': (driver) => driver.setDescriptor(table(driver), 0, RAM_BASE - 1, 2, 0, 0),
    'a buffer over the end of RAM': (driver) =>
      driver.setDescriptor(table(driver), 0, RAM_BASE + TEST_RAM - 1, 2, 0, 0),
    'a buffer at 2^64': (driver) => {
      driver.setDescriptor(table(driver), 0, buffer, 1, 0, 0);
      driver.bytes(table(driver), 8).fill(0xff);
    },
    'a length of 4 GiB': (driver) => driver.setDescriptor(table(driver), 0, buffer, 0xffff_ffff, 0, 0),
    'a chain of 68 MiB': (driver) => {
      for (let n = 0; n < 64; n++)
        driver.setDescriptor(table(driver), n, buffer, TEST_RAM - 0x1000, n < 17 ? next : 0, n + 1);
    },
    'a buffer to read behind one to write': (driver) => {
      driver.setDescriptor(table(driver), 0, buffer, 1, write | next, 1);
      driver.setDescriptor(table(driver), 1, buffer, 1, 0, 0);
    },
    'an indirect table in an indirect table': (driver) => {
      driver.setDescriptor(table(driver), 0, table(driver) + 16, 16, indirect, 0);
      driver.setDescriptor(table(driver), 1, table(driver), 16, indirect, 0);
    },
    'an indirect table with a next': (driver) =>
      driver.setDescriptor(table(driver), 0, table(driver) + 16, 16, indirect | next, 1),
    'an indirect table of no whole descriptors': (driver) =>
      driver.setDescriptor(table(driver), 0, table(driver) + 16, 17, indirect, 0),
    'an empty indirect table': (driver) => driver.setDescriptor(table(driver), 0, table(driver) + 16, 0, indirect, 0),
    'more available than the ring holds': (driver) =>
      driver.board.view.setUint16(driver.queues[TRANSMIT].available - RAM_BASE + 2, 300, true),
  };

  for (const [fault, commit] of Object.entries(faults)) {
    it(`by ${fault}, meets a device that needs a reset, says so by the configuration's vector, and works after it`, () => {
      const { board, driver, text } = console();
      commit(driver);
      driver.offer(TRANSMIT, driver.board.view.getUint16(driver.queues[TRANSMIT].available - RAM_BASE + 4, true));
      driver.notify(TRANSMIT);
      expect(driver.status & STATUS.needsReset).toBe(STATUS.needsReset);
      expect(board.messages.map(({ data }) => data)).toEqual([2]);
      driver.add(TRANSMIT, [bytes('x')]);
      driver.notify(TRANSMIT);
      expect(text()).toBe('');
      const again = new TestDriver(board, 1, 0x20_0000).start();
      again.add(TRANSMIT, [bytes('again')]);
      again.notify(TRANSMIT);
      expect(text()).toBe('again');
    });
  }

  it('by an indirect descriptor that it has not negotiated, meets the same', () => {
    const { driver } = console(PLAIN);
    driver.setDescriptor(table(driver), 0, table(driver) + 16, 16, indirect, 0);
    driver.offer(TRANSMIT, 0);
    driver.notify(TRANSMIT);
    expect(driver.status & STATUS.needsReset).toBe(STATUS.needsReset);
  });

  it('by rings outside of RAM, meets the same', () => {
    for (const area of [0, 1, 2]) {
      const board = new TestBoard([{ type: 'virtio-console-pci', slot: 1 }]);
      const driver = new TestDriver(board, 1);
      driver.negotiate();
      driver.setUpQueues(true);
      driver.setCommon('status', 1, 0);
      driver.negotiate();
      driver.setCommon('queueSelect', 2, TRANSMIT);
      for (const each of [0, 1, 2]) {
        const address = each === area ? RAM_BASE + TEST_RAM - 16 : RAM_BASE + 0x1000 * each;
        board.write(driver.at('common', 0x20 + 8 * each), 4, address);
      }
      driver.setCommon('queueEnable', 2, 1);
      driver.addStatus(STATUS.driverOk);
      expect(driver.status & STATUS.needsReset).toBe(STATUS.needsReset);
    }
  });
});

describe('random descriptor tables and rings', () => {
  const word = fc.oneof(fc.nat(3), fc.nat(70), fc.nat(0xffff));
  const descriptor = fc.record({
    address: fc.oneof(
      { weight: 6, arbitrary: fc.nat(TEST_RAM - 0x1000).map((offset) => RAM_BASE + offset) },
      { weight: 1, arbitrary: fc.constantFrom(0, RAM_BASE - 1, RAM_BASE + TEST_RAM - 8, 2 ** 40) },
    ),
    length: fc.oneof(
      { weight: 6, arbitrary: fc.nat(0x600) },
      { weight: 2, arbitrary: fc.nat(8).map((n) => 16 * n) },
      { weight: 1, arbitrary: fc.constantFrom(0x10_0000, 0xffff_ffff) },
    ),
    flags: fc.oneof(fc.nat(3), fc.nat(7), fc.nat(0xffff)),
    next: fc.oneof(fc.nat(63), word),
  });
  const turn = fc.record({
    slot: fc.nat(3),
    queue: fc.nat(1),
    descriptors: fc.array(fc.tuple(fc.nat(63), descriptor), { maxLength: 12 }),
    heads: fc.array(fc.oneof(fc.nat(15), word), { maxLength: 4 }),
    event: word,
  });
  const make = () =>
    new TestBoard(
      [
        { type: 'virtio-console-pci', slot: 1 },
        { type: 'virtio-net-pci', slot: 2 },
        { type: 'virtio-rng-pci', slot: 3 },
        { type: 'virtio-blk-pci', slot: 4 },
      ],
      { disks: { 4: new MemoryDisk(new Uint8Array(64 << 9)) } },
    );

  it('leave a device that works or needs a reset, never throws, and moves to another board at any moment', () => {
    let broken = 0;
    let worked = 0;
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 12 }), fc.nat(12), fc.nat(1), (turns, cut, features) => {
        let board = make();
        const drivers = [1, 2, 3, 4].map((slot) =>
          new TestDriver(board, slot, slot * 0xc_0000).start(true, features ? undefined : PLAIN),
        );
        for (const [n, { slot, queue, descriptors, heads, event }] of turns.entries()) {
          const driver = drivers[slot];
          const target = driver.queues[queue] ?? driver.queues[0];
          for (const [index, { address, length, flags, next }] of descriptors)
            driver.setDescriptor(target.descriptors, index, address, length, flags, next);
          const which = driver.queues.indexOf(target);
          for (const head of heads) driver.offer(which, head);
          board.view.setUint16(target.available - RAM_BASE + 4 + 2 * target.size, event, true);
          driver.notify(which);
          if (slot === 0) board.devices.sendConsoleInput(1, bytes('input'));
          board.runTo(board.time + 30_000);
          if (n === cut) {
            board = board.moveTo(make());
            for (const each of drivers) each.board = board;
          }
        }
        for (const driver of drivers) {
          if (driver.status & STATUS.needsReset) broken++;
          else worked++;
        }
      }),
      { numRuns: 400 },
    );
    expect(broken).toBeGreaterThan(50);
    expect(worked).toBeGreaterThan(50);
  });
});
