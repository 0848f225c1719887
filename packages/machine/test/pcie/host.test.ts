import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intxLine, requesterId } from '../../src/pcie/host.js';
import { DOORBELL, ECAM, RAM_BASE, TestBoard, WINDOW } from '../virtio/test-board.js';
import { STATUS, TestDriver } from '../virtio/test-driver.js';

const rng = (slot = 1) => ({ type: 'virtio-rng-pci', slot }) as const;
const COMMAND = { memory: 2, master: 4, noInterrupt: 0x400 };

describe('ECAM (PCI Express Base Specification 7.2.2)', () => {
  it('reads as all ones where no function is: other slots, functions and buses', () => {
    const board = new TestBoard([rng(3)]);
    expect(board.readConfig(3, 0, 4)).toBe(0x1044_1af4);
    for (const offset of [0, 1 << 15, (3 << 15) | (1 << 12), 1 << 20, (1 << 24) - 4]) {
      expect(board.devices.host.ecam.read(0, ECAM + offset, 4)).toBe(0xffff_ffff);
      board.devices.host.ecam.write(0, ECAM + offset, 4, 0, 0);
    }
    expect(board.devices.host.ecam.read(0, ECAM, 2)).toBe(0xffff);
  });

  it('takes accesses of 1, 2, 4 and 8 bytes, and has nothing behind the first 256', () => {
    const board = new TestBoard([rng()]);
    expect(board.readConfig(1, 0, 1)).toBe(0xf4);
    expect(board.readConfig(1, 2, 2)).toBe(0x1044);
    expect(board.readConfig(1, 0, 8)).toBe(0x1044_1af4);
    expect(board.devices.host.ecam.high).toBe(board.readConfig(1, 4, 4));
    for (const offset of [0x100, 0xffc]) expect(board.readConfig(1, offset, 4)).toBe(0);
    board.writeConfig(1, 0x100, 4, 1);
    expect(board.readConfig(1, 0x100, 4)).toBe(0);
  });
});

describe('the type 0 header (PCI 3.0, 6.1 and 6.2)', () => {
  it('identifies a modern virtio device, and can be written only where it may', () => {
    const board = new TestBoard([rng()]);
    const before = Array.from({ length: 16 }, (_, word) => board.readConfig(1, 4 * word, 4));
    expect(before[0]).toBe(0x1044_1af4);
    expect(before[2]).toBe(0x00ff_0001);
    expect(before[11]).toBe(0x1100_1af4);
    expect(board.readConfig(1, 0x3d, 1)).toBe(1);
    expect(board.readConfig(1, 6, 2)).toBe(0x10);
    for (let word = 0; word < 16; word++) board.writeConfig(1, 4 * word, 4, 0xffff_ffff);
    const after = before.map((value, word) => board.readConfig(1, 4 * word, 4) ^ value);
    expect(after.map((bits) => bits >>> 0)).toEqual([
      ...[0, 0x0546, 0, 0xff, 0, 0xffff_f000, 0, 0, 0xffff_c000, 0xffff_ffff, 0, 0, 0, 0, 0, 0xff],
    ]);
  });

  it('sizes its BARs: 4 KiB of 32 bits for MSI-X, 16 KiB of 64 bits, prefetchable, for the structures', () => {
    const board = new TestBoard([rng()]);
    for (const bar of [1, 4, 5]) board.writeConfig(1, 0x10 + 4 * bar, 4, 0xffff_ffff);
    const bars = [0, 1, 2, 3, 4, 5].map((bar) => board.readConfig(1, 0x10 + 4 * bar, 4));
    expect(bars).toEqual([0, 0xffff_f000, 0, 0, 0xffff_c00c, 0xffff_ffff]);
  });

  it('has its capabilities in a list with an end: Express, MSI-X, and five of virtio', () => {
    const driver = new TestDriver(new TestBoard([rng()]), 1);
    expect([...driver.capabilities].map(([id, places]) => [id, places.length])).toEqual([
      [0x10, 1],
      [0x11, 1],
      [0x09, 5],
    ]);
    for (const places of driver.capabilities.values()) for (const place of places) expect(place % 4).toBe(0);
  });
});

describe('a BAR', () => {
  it('answers where it is while memory space is enabled; elsewhere the window reads as all ones', () => {
    const board = new TestBoard([rng()]);
    const driver = new TestDriver(board, 1);
    const place = driver.at('common', 0x12);
    expect(board.read(place, 2)).toBe(1);
    board.writeConfig(1, 4, 2, COMMAND.master);
    expect(board.read(place, 2)).toBe(0xffff);
    board.writeConfig(1, 4, 2, COMMAND.memory);
    expect(board.read(place, 2)).toBe(1);
    board.writeConfig(1, 0x20, 4, WINDOW + 0x200_0000);
    expect(board.read(place, 2)).toBe(0xffff);
    expect(board.read(WINDOW + 0x200_0012, 2)).toBe(1);
    board.writeConfig(1, 0x24, 4, 1);
    expect(board.read(WINDOW + 0x200_0012, 2)).toBe(0xffff);
    expect(board.devices.host.ioWindow.read(0, 0x3eff_0000, 4)).toBe(0xffff_ffff);
  });

  it('over another is the one of the first device, and nobody is hurt', () => {
    const board = new TestBoard([rng(1), { type: 'virtio-net-pci', slot: 2 }]);
    const first = new TestDriver(board, 1);
    new TestDriver(board, 2);
    board.writeConfig(2, 0x20, 4, board.readConfig(1, 0x20, 4));
    expect(board.read(first.at('common', 0x12), 2)).toBe(1);
    board.writeConfig(1, 4, 2, 0);
    expect(board.read(first.at('common', 0x12), 2)).toBe(2);
  });
});

/** A driver that has asked for random bytes. */
function asking(vectors: boolean) {
  const board = new TestBoard([rng(5)]);
  const driver = new TestDriver(board, 5).start(vectors);
  const ask = () => {
    driver.add(0, [], [16]);
    driver.notify(0);
  };
  return { board, driver, ask };
}

describe('MSI-X (PCI 3.0, 6.8.2)', () => {
  const control = (driver: TestDriver, value: number) => driver.board.writeConfig(5, driver.msiX + 2, 2, value);
  const pending = (driver: TestDriver) => {
    const place = driver.board.readConfig(5, driver.msiX + 8, 4);
    return driver.board.read(driver.barAddress(place & 7) + (place & ~7), 4);
  };

  it('sends the data of the vector to its address as the RequesterID of the function', () => {
    const { board, ask } = asking(true);
    ask();
    expect(board.messages).toEqual([{ requester: requesterId(5), address: DOORBELL, data: 0 }]);
    expect(requesterId(5)).toBe(40);
  });

  it('has a vector for each queue and one for the configuration, all masked at reset', () => {
    const { board } = asking(false);
    const driver = new TestDriver(board, 5);
    expect((board.readConfig(5, driver.msiX + 2, 2) & 0x7ff) + 1).toBe(2);
    for (const vector of [0, 1]) expect(board.read(driver.vectorAddress(vector) + 12, 4)).toBe(1);
  });

  it('keeps what a masked vector or function is to send as pending, and sends it once at the unmasking', () => {
    for (const mask of ['vector', 'function', 'bus master'] as const) {
      const { board, driver, ask } = asking(true);
      const entry = driver.vectorAddress(0);
      // The device must have done its work, so that the bus master bit is taken off only at the message: by another mask.
      const set = (masked: boolean) => {
        if (mask === 'vector') board.write(entry + 12, 4, masked ? 1 : 0);
        else if (mask === 'function') control(driver, masked ? 0xc000 : 0x8000);
      };
      if (mask === 'bus master') {
        board.write(entry + 12, 4, 1);
        ask();
        board.writeConfig(5, 4, 2, COMMAND.memory);
        board.write(entry + 12, 4, 0);
      } else {
        set(true);
        ask();
        ask();
      }
      expect(board.messages).toEqual([]);
      expect(pending(driver)).toBe(1);
      if (mask === 'bus master') board.writeConfig(5, 4, 2, COMMAND.memory | COMMAND.master);
      else set(false);
      expect(board.messages).toHaveLength(1);
      expect(pending(driver)).toBe(0);
    }
  });

  it('forgets what is pending when it is disabled, and when the device is reset', () => {
    for (const forget of ['disable', 'reset'] as const) {
      const { board, driver, ask } = asking(true);
      board.write(driver.vectorAddress(0) + 12, 4, 1);
      ask();
      expect(pending(driver)).toBe(1);
      if (forget === 'disable') control(driver, 0);
      else driver.setCommon('status', 1, 0);
      expect(pending(driver)).toBe(0);
      control(driver, 0x8000);
      board.write(driver.vectorAddress(0) + 12, 4, 0);
      expect(board.messages).toEqual([]);
    }
  });

  it('writes to RAM when its address is there', () => {
    const { board, driver, ask } = asking(true);
    board.write(driver.vectorAddress(0), 4, RAM_BASE + 0x100);
    board.write(driver.vectorAddress(0) + 8, 4, 0xcafe_f00d);
    ask();
    expect(board.view.getUint32(0x100, true)).toBe(0xcafe_f00d);
    expect(board.messages).toEqual([]);
  });

  it('lets its table be written by words alone, addresses of words, and its pending bits not at all', () => {
    const { board, driver } = asking(true);
    const entry = driver.vectorAddress(1);
    board.write(entry, 4, 0x1234_5677);
    board.write(entry + 4, 2, 0x1111);
    board.write(entry + 12, 4, 0xffff_fffe);
    expect([0, 4, 8, 12].map((offset) => board.read(entry + offset, 4))).toEqual([0x1234_5674, 0, 1, 0]);
    expect(board.read(entry + 2, 2)).toBe(0x1234);
    board.write(entry + 0x800 - 16, 4, 1);
    expect(pending(driver)).toBe(0);
    expect(board.read(entry + 0x700, 4)).toBe(0);
  });
});

describe('INTA# (PCI 3.0, 2.2.6 and 6.2)', () => {
  it('rises on the line of the slot when MSI-X is off, shows in the status, and falls when the ISR is read', () => {
    const { board, driver, ask } = asking(false);
    ask();
    expect(board.intx).toEqual([false, true, false, false]);
    expect(intxLine(5)).toBe(1);
    expect(board.readConfig(5, 6, 2) & 8).toBe(8);
    expect(board.readConfig(5, 4, 4) & 0x8_0000).toBe(0x8_0000);
    expect(board.readConfig(5, 7, 1)).toBe(0);
    expect(board.read(driver.at('isr'), 1)).toBe(1);
    expect(board.read(driver.at('isr'), 1)).toBe(0);
    expect(board.intx).toEqual([false, false, false, false]);
    expect(board.readConfig(5, 6, 2) & 8).toBe(0);
    expect(board.messages).toEqual([]);
  });

  it('is held back by the disable bit, and by MSI-X, while the status still tells', () => {
    const { board, driver, ask } = asking(false);
    ask();
    board.writeConfig(5, 4, 2, COMMAND.memory | COMMAND.master | COMMAND.noInterrupt);
    expect(board.intx[1]).toBe(false);
    expect(board.readConfig(5, 6, 2) & 8).toBe(8);
    board.writeConfig(5, 4, 2, COMMAND.memory | COMMAND.master);
    expect(board.intx[1]).toBe(true);
    board.writeConfig(5, driver.msiX + 2, 2, 0x8000);
    expect(board.intx[1]).toBe(false);
  });

  it('is one line for all devices of a slot modulo 4: it falls when the last lets go', () => {
    const board = new TestBoard([rng(2), rng(6)]);
    const drivers = [2, 6].map((slot) => new TestDriver(board, slot, 0x2_0000 * slot).start(false));
    for (const driver of drivers) {
      driver.add(0, [], [4]);
      driver.notify(0);
    }
    board.read(drivers[0].at('isr'), 1);
    expect(board.intx[2]).toBe(true);
    board.read(drivers[1].at('isr'), 1);
    expect(board.intx[2]).toBe(false);
  });
});

describe('a function that is no bus master', () => {
  it('touches no memory; what was asked meanwhile is done when it is one again', () => {
    const { board, driver, ask } = asking(true);
    board.writeConfig(5, 4, 2, COMMAND.memory);
    ask();
    expect(driver.used(0)).toEqual([]);
    board.writeConfig(5, 4, 2, COMMAND.memory | COMMAND.master);
    expect(driver.used(0)).toHaveLength(1);
    expect(board.messages).toHaveLength(1);
  });
});

describe('a guest that writes anything anywhere on the bus', () => {
  const access = fc.record({
    where: fc.oneof(
      fc.record({ space: fc.constant('config' as const), slot: fc.nat(4), offset: fc.nat(0x110) }),
      fc.record({ space: fc.constant('bar' as const), slot: fc.nat(4), offset: fc.nat(0x5000) }),
      fc.record({ space: fc.constant('common' as const), slot: fc.nat(4), offset: fc.nat(0x3f) }),
    ),
    size: fc.constantFrom(1, 2, 4, 8),
    value: fc.oneof(
      fc.nat(0xff),
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.constantFrom(RAM_BASE, RAM_BASE + 0x3f_fff0, 0xffff_ffff, WINDOW, WINDOW + 0x10_0000),
    ),
    write: fc.boolean(),
  });

  it('gets an answer of the right width, and leaves a state that can be saved and restored', () => {
    fc.assert(
      fc.property(fc.array(access, { maxLength: 150 }), fc.boolean(), (accesses, started) => {
        const make = () =>
          new TestBoard([rng(1), { type: 'virtio-net-pci', slot: 2 }, { type: 'virtio-console-pci', slot: 3 }]);
        const board = make();
        const drivers = [1, 2, 3].map((slot) => new TestDriver(board, slot, slot * 0x10_0000));
        if (started) for (const driver of drivers) driver.start();
        for (const { where, size, value, write } of accesses) {
          const { space, slot, offset } = where;
          const base = space === 'config' ? ECAM + (slot << 15) : WINDOW + slot * 0x10_0000;
          const device = space === 'config' ? board.devices.host.ecam : board.devices.host.memoryWindow;
          if (write) device.write(0, base + offset, size, value, value);
          else {
            const low = device.read(0, base + offset, size);
            expect(low).toBeGreaterThanOrEqual(0);
            expect(low).toBeLessThan(2 ** (8 * Math.min(size, 4)));
          }
          board.runTo(board.time + 1000);
        }
        const copy = board.moveTo(make());
        expect(copy.devices.save()).toEqual(board.devices.save());
      }),
      { numRuns: 300 },
    );
  });
});

describe('NEEDS_RESET', () => {
  it('is never taken off by the driver but by a reset', () => {
    const { driver } = asking(true);
    driver.offer(0, 9999);
    driver.notify(0);
    expect(driver.status & STATUS.needsReset).toBe(STATUS.needsReset);
    driver.setCommon('status', 1, 0xf);
    expect(driver.status & STATUS.needsReset).toBe(STATUS.needsReset);
    driver.setCommon('status', 1, 0);
    expect(driver.status).toBe(0);
  });
});
