import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Its } from '../../src/its/its.js';
import { ITS_TABLE_ABIS } from '../../src/state/its-tables.js';
import { ARCHITECTURE } from '../guest.js';
import { INDIRECT, ItsGuest, type ItsGuestConfig, RAM_BASE, VALID } from '../its-guest.js';

/** The tables by which an ITS migrates: arm-vgic-its.rst, "ITS Table ABI REV0". */

const [ABI] = ITS_TABLE_ABIS;
const EFAULT = -14;
const EEXIST = -17;
const EINVAL = -22;

/** The same guest at the other end: a copy of its RAM, the registers of its ITS and redistributors, nothing restored yet. */
function arrived(guest: ItsGuest): ItsGuest {
  const twin = new ItsGuest(guest.config, guest.memory.bytes.slice());
  twin.guest.prepare();
  for (let vcpu = 0; vcpu < twin.gic.irqs.vcpus; vcpu++) twin.enableLpis(vcpu);
  for (const [n, its] of guest.gic.its.entries()) {
    const { deviceTable, collectionTable } = twin.gic.its[n];
    twin.placeTables(n);
    Object.assign(deviceTable, { low: its.deviceTable.low, high: its.deviceTable.high });
    Object.assign(collectionTable, { low: its.collectionTable.low, high: its.collectionTable.high });
  }
  return twin;
}

function restored(guest: ItsGuest): ItsGuest {
  const twin = arrived(guest);
  expect(ABI.restore(twin.gic.its[0])).toBe(0);
  twin.store('GITS_CTLR', 1n, 0, 4);
  return twin;
}

/** Every translation: device, event, INTID, collection. */
function translations(its: Its): [device: number, event: number, intid: number, collection: number][] {
  const all: [number, number, number, number][] = [];
  for (const device of [...its.devices.values()].sort((a, b) => a.id - b.id)) {
    device.each((event, intid, collection) => {
      all.push([device.id, event, intid, collection]);
      return true;
    });
  }
  return all;
}

const save = (guest: ItsGuest) => ABI.save(guest.gic.its[0]);

describe('entries of the tables', () => {
  it('CTE: valid, vCPU in 51:16, collection in 15:0, in the order of mapping, ended by one that is not valid', () => {
    const guest = ItsGuest.ready({ vcpus: 3 });
    guest.unmapCollection(1);
    guest.mapCollection(0x123, 1);
    guest.mapCollection(1, 2);
    const { collections } = guest.tables[0];
    guest.store64(collections + 32, 0xffffn);
    expect(save(guest)).toBe(0);
    expect([0, 8, 16, 24, 32].map((at) => guest.load64(collections + at))).toEqual([
      0x8000_0000_0000_0000n,
      0x8000_0000_0002_0002n,
      0x8000_0000_0001_0123n,
      0x8000_0000_0002_0001n,
      0n,
    ]);
  });

  it('CTE of a collection without vCPU: valid, all ones', () => {
    const guest = ItsGuest.ready();
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192, 5);
    save(guest);
    expect(guest.load64(guest.tables[0].collections + 8)).toBe(0x8000_ffff_ffff_0005n);
  });

  it('DTE: valid, distance to the next device in 62:49, address 51:8 of the ITT in 48:5, bits of EventID less one in 4:0', () => {
    const guest = ItsGuest.ready();
    const itt = RAM_BASE + 0x123400;
    guest.mapDevice(2, 16, itt);
    guest.mapDevice(5, 1, itt + 0x100000);
    guest.mapDevice(0x1fff, 8, itt + 0x200000);
    save(guest);
    const entry = (id: number) => guest.load64(guest.tables[0].devices + 8 * id);
    expect(entry(2)).toBe(VALID | (3n << 49n) | (BigInt(itt >> 8) << 5n) | 15n);
    expect(entry(5)).toBe(VALID | (0x1ffan << 49n) | (BigInt((itt + 0x100000) >> 8) << 5n) | 0n);
    expect(entry(0x1fff)).toBe(VALID | (BigInt((itt + 0x200000) >> 8) << 5n) | 7n);
  });

  it('DTE: a distance of more than 14 bits is cut, and the restore finds the device all the same', () => {
    const guest = ItsGuest.ready({ deviceTablePages: 8 });
    guest.mapDevice(1);
    guest.mapDevice(60000);
    guest.mapEvent(60000, 0, 8192);
    save(guest);
    expect((guest.load64(guest.tables[0].devices + 8) >> 49n) & 0x3fffn).toBe(0x3fffn);
    expect(restored(guest).msi(60000, 0)).toBe(1);
  });

  it('DTE: an ITT beyond 4 GiB, which no RAM is: saved as it is, and refused by the restore', () => {
    const guest = ItsGuest.ready();
    guest.mapDevice(1, 5, 0xf_1234_5678_9a00);
    save(guest);
    expect(guest.load64(guest.tables[0].devices + 8)).toBe(VALID | (0xf_1234_5678_9an << 5n) | 4n);
    expect(ABI.restore(arrived(guest).gic.its[0])).toBe(EFAULT);
  });

  it('ITE: distance to the next event in 63:48, INTID in 47:16, collection in 15:0', () => {
    const guest = ItsGuest.ready({ vcpus: 2 });
    const itt = guest.mapDevice(1, 10);
    guest.mapEvent(1, 3, 0x2345, 0);
    guest.mapEvent(1, 4, 0xffff, 1);
    guest.mapEvent(1, 0x3ff, 8192, 0x111);
    save(guest);
    const entry = (event: number) => guest.load64(itt + 8 * event);
    expect([0, 1, 2, 5].map(entry)).toEqual([0n, 0n, 0n, 0n]);
    expect(entry(3)).toBe(0x0001_0000_2345_0000n);
    expect(entry(4)).toBe(0x03fb_0000_ffff_0001n);
    expect(entry(0x3ff)).toBe(0x0000_0000_2000_0111n);
  });

  it('ITE with an INTID of 24 bits', () => {
    const guest = ItsGuest.ready({ intidBits: 24, idBits: 1, ram: 64 << 20 });
    const itt = guest.mapDevice(1, 1);
    guest.mapEvent(1, 1, 0xabcdef, 0);
    save(guest);
    expect(guest.load64(itt + 8)).toBe(0x0000_00ab_cdef_0000n);
    expect(translations(restored(guest).gic.its[0])).toEqual([[1, 1, 0xabcdef, 0]]);
  });

  it('ITE of an event whose collection MAPC has unmapped: zero; the chain leads over it', () => {
    const guest = ItsGuest.ready({ vcpus: 2 });
    const itt = guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192, 0);
    guest.mapEvent(1, 2, 8194, 1);
    guest.mapEvent(1, 5, 8197, 0);
    guest.unmapCollection(1);
    save(guest);
    expect([0, 2, 5].map((event) => guest.load64(itt + 8 * event))).toEqual([
      0x0002_0000_2000_0000n,
      0n,
      0x0000_0000_2005_0000n,
    ]);
    expect(translations(restored(guest).gic.its[0])).toEqual([
      [1, 0, 8192, 0],
      [1, 5, 8197, 0],
    ]);
  });

  it('with two levels a device’s entry is in its level 2 page, and the distance goes across pages', () => {
    const guest = ItsGuest.ready();
    const level1 = guest.take(0x10000, 0x10000);
    const pages = [0, 3].map((index) => {
      const page = guest.take(0x10000, 0x10000);
      guest.store64(level1 + 8 * index, VALID | BigInt(page));
      return page;
    });
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_BASER', VALID | INDIRECT | BigInt(level1));
    guest.store('GITS_CTLR', 1n, 0, 4);
    for (const id of [7, 3 * 8192 + 1]) {
      guest.mapDevice(id);
      guest.mapEvent(id, 1, 8192 + id, 0);
    }
    expect(save(guest)).toBe(0);
    expect((guest.load64(pages[0] + 56) >> 49n) & 0x3fffn).toBe(0x3fffn);
    expect((guest.load64(pages[1] + 8) >> 49n) & 0x3fffn).toBe(0n);
    expect(translations(restored(guest).gic.its[0])).toEqual(translations(guest.gic.its[0]));
  });
});

/** A device of 2^16 events each, as many as needed; collections by turns. */
function withEvents(count: number, config: ItsGuestConfig = {}): ItsGuest {
  const bits = Math.min(16, Math.max(1, Math.ceil(Math.log2(count))));
  const guest = ItsGuest.ready({ vcpus: 4, ...config });
  const its = guest.gic.its[0];
  for (let n = 0; n < count; n++) {
    const device = n >>> 16;
    if ((n & 0xffff) === 0) guest.mapDevice(device, bits);
    const present = its.devices.get(device);
    if (present !== undefined) its.mapTranslation(present, n & 0xffff, 8192 + n, n & 3);
  }
  return guest;
}

const LARGE: ItsGuestConfig = { intidBits: 24, idBits: 1, ram: 64 << 20 };

describe('save, restore, save', () => {
  it.each<[string, number, ItsGuestConfig]>([
    ['no event', 0, {}],
    ['1 event', 1, {}],
    ['1 Ki events', 1024, {}],
    ['57344 events, all that 16 bits of INTID have', 57344, {}],
    ['2 million events in 31 devices', 2_000_000, LARGE],
  ])('%s: the second save writes the same bytes', (_what, count, config) => {
    const guest = withEvents(count, config);
    expect(save(guest)).toBe(0);
    const twin = restored(guest);
    const tables = new Uint8Array(twin.memory.bytes);
    expect(Buffer.compare(tables, guest.memory.bytes)).toBe(0);
    let events = 0;
    for (const device of twin.gic.its[0].devices.values()) events += device.events;
    expect(events).toBe(count);
    // nothing but the save itself can write them
    const { devices, collections } = twin.tables[0];
    twin.memory.bytes.fill(0, devices - RAM_BASE, collections + 0x10000 - RAM_BASE);
    for (const device of twin.gic.its[0].devices.values()) {
      const at = device.ittAddress - RAM_BASE;
      twin.memory.bytes.fill(0, at, at + 8 * 2 ** device.eventBits);
    }
    expect(save(twin)).toBe(0);
    expect(Buffer.compare(twin.memory.bytes, tables)).toBe(0);
  });

  const maps = fc.record({
    indirect: fc.boolean(),
    collections: fc.uniqueArray(fc.nat(8191), { minLength: 1, maxLength: 6 }),
    devices: fc.uniqueArray(
      fc.record({
        id: fc.oneof(fc.nat(40), fc.nat(8191)),
        bits: fc.integer({ min: 1, max: 9 }),
        events: fc.array(
          fc.record({ event: fc.nat(511), intid: fc.integer({ min: 8192, max: 8800 }), collection: fc.nat(6) }),
          { maxLength: 12 },
        ),
      }),
      { maxLength: 6, selector: ({ id }) => id },
    ),
    unmapped: fc.array(fc.nat(6), { maxLength: 2 }),
  });

  it('any map of devices, events and collections: the same translations, and the same bytes again', () => {
    fc.assert(
      fc.property(maps, ({ indirect, collections, devices, unmapped }) => {
        const guest = ItsGuest.ready({ vcpus: 3, ram: 4 << 20 });
        if (indirect) {
          const level1 = guest.take(0x10000, 0x10000);
          guest.store64(level1, VALID | BigInt(guest.tables[0].devices));
          guest.store('GITS_CTLR', 0n, 0, 4);
          guest.store('GITS_BASER', VALID | INDIRECT | BigInt(level1));
          guest.store('GITS_CTLR', 1n, 0, 4);
        }
        for (const [n, id] of collections.entries()) guest.mapCollection(id, n % 3);
        for (const { id, bits, events } of devices) {
          guest.mapDevice(id, bits);
          for (const { event, intid, collection } of events) {
            guest.mapEvent(id, event, intid, collections[collection] ?? collection);
          }
        }
        for (const n of unmapped) guest.unmapCollection(collections[n] ?? n);
        expect(save(guest)).toBe(0);
        const twin = restored(guest);
        const kept = translations(guest.gic.its[0]).filter(([, , , collection]) => collection >= 0);
        expect(translations(twin.gic.its[0])).toEqual(kept);
        expect([...twin.gic.its[0].collections]).toEqual([...guest.gic.its[0].collections]);
        expect([...twin.gic.its[0].devices.keys()]).toEqual([...guest.gic.its[0].devices.keys()].sort((a, b) => a - b));
        const before = twin.memory.bytes.slice();
        expect(save(twin)).toBe(0);
        // a translation without collection is gone with the restore, and the distances go over it
        if (kept.length === translations(guest.gic.its[0]).length) {
          expect(Buffer.compare(twin.memory.bytes, before)).toBe(0);
        }
        expect(translations(restored(twin).gic.its[0])).toEqual(kept);
      }),
      { numRuns: 200 },
    );
  });
});

describe('what a save writes', () => {
  it('every page it writes is reported to Ram.onDirty, and no other', () => {
    const guest = withEvents(3000);
    guest.mapDevice(7);
    guest.mapEvent(7, 0, 8192);
    const before = guest.memory.bytes.slice();
    const reported = new Set<number>();
    guest.memory.onDirty = (page) => reported.add(page);
    expect(save(guest)).toBe(0);
    const changed = new Set<number>();
    for (let at = 0; at < before.length; at += 4096) {
      const page = (bytes: Uint8Array) => bytes.subarray(at, at + 4096);
      if (Buffer.compare(page(before), page(guest.memory.bytes)) !== 0) changed.add(RAM_BASE + at);
    }
    expect(changed.size).toBe(9);
    expect(reported).toEqual(changed);
  });

  it('a second save after the tracker was read reports them again', () => {
    const guest = withEvents(10);
    const pages: number[] = [];
    guest.memory.onDirty = (page) => pages.push(page);
    save(guest);
    const first = [...pages];
    guest.memory.forgetDirty();
    save(guest);
    expect(pages).toEqual([...first, ...first]);
  });

  it('leaves entries alone that it does not own', () => {
    const guest = ItsGuest.ready();
    const itt = guest.mapDevice(1);
    guest.mapEvent(1, 3, 8192);
    guest.store64(itt + 8 * 4, 0x1122n);
    guest.store64(guest.tables[0].devices + 8 * 2, 0x3344n);
    save(guest);
    expect([guest.load64(itt + 8 * 4), guest.load64(guest.tables[0].devices + 8 * 2)]).toEqual([0x1122n, 0x3344n]);
  });
});

describe('what a guest can break does not break the save', () => {
  const rebase = (guest: ItsGuest, at: number, value: bigint) => {
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_BASER', value, at);
    guest.store('GITS_CTLR', 1n, 0, 4);
  };

  it('another device table: the devices are gone, with their translations', () => {
    const guest = withEvents(4);
    rebase(guest, 0, VALID | BigInt(guest.take(0x10000, 0x10000)));
    expect(save(guest)).toBe(0);
    expect(translations(restored(guest).gic.its[0])).toEqual([]);
  });

  it('another collection table after collections were mapped: the events are saved as not mapped', () => {
    const guest = withEvents(4);
    rebase(guest, 8, VALID | BigInt(guest.take(0x10000, 0x10000)));
    guest.mapCollection(1, 1);
    guest.mapEvent(0, 1, 8200, 1);
    expect(save(guest)).toBe(0);
    const twin = restored(guest);
    expect([translations(twin.gic.its[0]), twin.gic.its[0].devices.size]).toEqual([[], 1]);
  });

  it('a table that is not valid any more: nothing is saved in it', () => {
    const guest = withEvents(4);
    rebase(guest, 8, 0n);
    expect(save(guest)).toBe(0);
    rebase(guest, 0, 0n);
    expect(save(guest)).toBe(0);
    expect(ABI.restore(arrived(guest).gic.its[0])).toBe(0);
  });

  it('a level 2 page that was dropped: its devices can’t be saved, and the chain leads around them', () => {
    const guest = ItsGuest.ready();
    const level1 = guest.take(0x10000, 0x10000);
    for (const index of [0, 1, 2]) {
      guest.store64(level1 + 8 * index, VALID | BigInt(guest.take(0x10000, 0x10000)));
    }
    rebase(guest, 0, VALID | INDIRECT | BigInt(level1));
    for (const index of [0, 1, 2]) {
      const id = 8192 * index + 1;
      guest.mapDevice(id);
      guest.mapEvent(id, 0, 8192 + index);
    }
    guest.store64(level1 + 8, 0n);
    expect(save(guest)).toBe(0);
    const page = Number(guest.load64(level1) & 0xffffffff0000n);
    expect((guest.load64(page + 8) >> 49n) & 0x3fffn).toBe(0x3fffn);
    const twin = restored(guest);
    expect([twin.msi(1, 0), twin.msi(8193, 0), twin.msi(16385, 0)]).toEqual([1, 0, 1]);
  });

  it('an ITT outside RAM has no events, and no entry is written', () => {
    const guest = ItsGuest.ready();
    guest.mapDevice(1, 5, 0x10000000);
    guest.mapEvent(1, 0, 8192);
    guest.mapDevice(2, 16, RAM_BASE + guest.memory.size - 0x1000);
    for (const event of [0, 511, 512, 65535]) guest.mapEvent(2, event, 8200 + event);
    expect(translations(guest.gic.its[0])).toEqual([
      [2, 0, 8200, 0],
      [2, 511, 8711, 0],
    ]);
    expect(save(guest)).toBe(0);
  });

  it('ITTs that overlap: the last device’s entries are there', () => {
    const guest = ItsGuest.ready();
    const itt = guest.mapDevice(1, 5);
    guest.mapDevice(2, 5, itt);
    guest.mapEvent(1, 0, 8192);
    guest.mapEvent(2, 0, 8193);
    guest.mapEvent(1, 7, 8199);
    expect(save(guest)).toBe(0);
    expect(guest.load64(itt)).toBe(0x0000_0000_2001_0000n);
    expect(translations(restored(guest).gic.its[0])).toEqual([
      [1, 0, 8193, 0],
      [2, 0, 8193, 0],
    ]);
  });

  it('tables on top of each other: saved, and a restore refuses or not, without harm', () => {
    const guest = ItsGuest.ready();
    guest.mapDevice(0, 5, guest.tables[0].devices);
    guest.mapDevice(1, 5, guest.tables[0].collections);
    guest.mapEvent(0, 0, 8192);
    guest.mapEvent(1, 0, 8193);
    expect(save(guest)).toBe(0);
    const twin = arrived(guest);
    const result = ABI.restore(twin.gic.its[0]);
    if (result !== 0) expect(translations(twin.gic.its[0])).toEqual([]);
  });

  it.each([
    ['which takes them with it', ARCHITECTURE, []],
    ['which leaves them in KVM 6.12', '6.12', [8192, 8193, 8194, 8195]],
  ] as const)('a device unmapped while its events are pending, %s', (_what, kvm, pending) => {
    const guest = withEvents(4, { kvm });
    for (const event of [0, 1, 2, 3]) guest.msi(0, event);
    guest.unmapDevice(0);
    expect([guest.gic.lpis.savePending(), save(guest)]).toEqual([true, 0]);
    expect(translations(restored(guest).gic.its[0])).toEqual([]);
    expect([0, 1, 2, 3].flatMap((vcpu) => guest.taken(vcpu))).toEqual(pending);
  });

  it('a collection table that does not begin in RAM: EFAULT, as in KVM', () => {
    const guest = ItsGuest.ready();
    rebase(guest, 8, VALID | BigInt(RAM_BASE - 0x10000) | 1n);
    guest.mapCollection(8192, 0);
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192, 8192);
    expect([guest.msi(1, 0), save(guest)]).toEqual([1, EFAULT]);
  });
});

describe('what a restore refuses', () => {
  /** One device with event 0 and 3, and what makes its tables wrong. */
  function wrong(spoil: (guest: ItsGuest) => void): ItsGuest {
    const guest = ItsGuest.ready({ vcpus: 2 });
    guest.mapDevice(1, 5);
    guest.mapEvent(1, 0, 8192, 0);
    guest.mapEvent(1, 3, 8195, 1);
    save(guest);
    spoil(guest);
    return arrived(guest);
  }
  const dte = (guest: ItsGuest, value: bigint) => guest.store64(guest.tables[0].devices + 8, value);
  const ite = (guest: ItsGuest, value: bigint) => guest.store64(guest.itt(1) + 24, value);
  const cte = (guest: ItsGuest, value: bigint) => guest.store64(guest.tables[0].collections + 8, value);

  it.each<[string, number, (guest: ItsGuest) => void]>([
    ['a CTE of a vCPU that is none', EINVAL, (guest) => cte(guest, VALID | (2n << 16n) | 1n)],
    ['two CTEs of one collection', EEXIST, (guest) => cte(guest, VALID)],
    ['a CTE of a collection for which there is no room', EINVAL, (guest) => cte(guest, VALID | 0x2000n)],
    ['a DTE of 17 bits of EventID', EINVAL, (guest) => dte(guest, VALID | (BigInt(guest.itt(1) >> 8) << 5n) | 16n)],
    ['an ITT outside RAM', EFAULT, (guest) => dte(guest, VALID | (0x100000n << 5n) | 4n)],
    ['an ITE of an INTID that is no LPI', EINVAL, (guest) => ite(guest, 8191n << 16n)],
    ['an ITE of an INTID with more bits than there are', EINVAL, (guest) => ite(guest, 65536n << 16n)],
    ['an ITE of a collection that is not there', EINVAL, (guest) => ite(guest, (8195n << 16n) | 9n)],
    ['a distance out of the ITT', EINVAL, (guest) => ite(guest, (29n << 48n) | (8195n << 16n))],
  ])('%s: error %i, and nothing is mapped', (_what, error, spoil) => {
    const twin = wrong(spoil);
    const its = twin.gic.its[0];
    expect(ABI.restore(its)).toBe(error);
    expect([its.devices.size, its.collections.size]).toEqual([0, 0]);
    expect(twin.gic.irqs.eachLpi(() => false)).toBe(true);
    twin.store('GITS_CTLR', 1n, 0, 4);
    expect([twin.msi(1, 0), twin.msi(1, 3)]).toEqual([0, 0]);
  });

  it.each<[string, (guest: ItsGuest) => void]>([
    ['the LPI configuration table', (twin) => Object.assign(twin.gic.lpis, { propbaserLow: 0x10000000 | 15 })],
    ['a pending table', (twin) => twin.gic.lpis.pendbaserLow.fill(0x10000000)],
  ])('%s outside RAM: EFAULT, and nothing is mapped', (_what, spoil) => {
    const twin = wrong(() => {});
    spoil(twin);
    expect(ABI.restore(twin.gic.its[0])).toBe(EFAULT);
    expect([twin.gic.its[0].devices.size, twin.gic.its[0].collections.size]).toEqual([0, 0]);
  });

  it('a second restore without a reset: EEXIST, and no MSI arrives any more once the cache is invalidated', () => {
    const guest = withEvents(2);
    save(guest);
    const twin = restored(guest);
    expect(twin.msi(0, 0)).toBe(1);
    expect(ABI.restore(twin.gic.its[0])).toBe(EEXIST);
    expect([twin.msi(0, 0), twin.msi(0, 1)]).toEqual([1, 0]);
    twin.gic.its[0].invalidateCache();
    expect(twin.msi(0, 0)).toBe(0);
  });

  it('a restore after a reset works', () => {
    const guest = withEvents(2);
    save(guest);
    const twin = restored(guest);
    twin.gic.its[0].reset();
    twin.placeTables();
    expect(ABI.restore(twin.gic.its[0])).toBe(0);
    expect(translations(twin.gic.its[0])).toEqual(translations(guest.gic.its[0]));
  });
});

describe('hostile tables', () => {
  const size = 1 << 20;
  const TABLES = { queue: 0, devices: 0x20000, collections: 0x30000, itt: 0x40000 };

  /** An ITS whose RAM is someone else's; a restore of it, whatever it answers, ends, and leaves it whole. */
  function restoreFrom(bytes: Uint8Array, indirect: boolean, its?: Its): void {
    const guest = new ItsGuest({ vcpus: 2, ram: size });
    guest.memory.bytes.set(bytes);
    for (const vcpu of [0, 1]) guest.enableLpis(vcpu);
    guest.store('GITS_BASER', VALID | (indirect ? INDIRECT : 0n) | BigInt(RAM_BASE + TABLES.devices));
    guest.store('GITS_BASER', VALID | BigInt(RAM_BASE + TABLES.collections), 8);
    guest.store('GITS_CBASER', VALID | BigInt(RAM_BASE));
    its ??= guest.gic.its[0];
    const result = ABI.restore(its);
    if (result !== 0) {
      expect([its.devices.size, its.collections.size]).toEqual([0, 0]);
      expect(guest.gic.irqs.eachLpi(() => false)).toBe(true);
    }
    guest.store('GITS_CTLR', 1n, 0, 4);
    for (const [device, event] of translations(its).slice(0, 20)) guest.msi(device, event);
    expect([0, EFAULT]).toContain(ABI.save(its));
    guest.unmapDevice(0);
    guest.taken(0);
    guest.taken(1);
  }

  it('random bytes', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.integer()), fc.boolean(), (stream, indirect) => {
        const words = new Int32Array(size / 4);
        for (let at = 0; at < words.length; at += 64) words[at] = stream.next().value ?? 0;
        let seed = words[0] | 1;
        for (let at = 0; at < words.length; at++) {
          seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + at;
          words[at] ^= seed;
        }
        restoreFrom(new Uint8Array(words.buffer), indirect);
      }),
      { numRuns: 30 },
    );
  });

  /** Entries that are nearly right, close together, so that the walk goes far before it finds fault, if it does. */
  const plausible = fc.record({
    indirect: fc.boolean(),
    collections: fc.array(fc.record({ id: fc.nat(9), vcpu: fc.constantFrom(0, 1, 1, 2, 0xffffffff) }), {
      maxLength: 5,
    }),
    devices: fc.array(
      fc.record({
        at: fc.nat(40),
        valid: fc.constantFrom(true, true, true, false),
        next: fc.constantFrom(0, 1, 1, 2, 3, 0x3fff),
        itt: fc.nat(20),
        bits: fc.constantFrom(0, 1, 2, 4, 8, 15, 16, 31),
      }),
      { maxLength: 20 },
    ),
    events: fc.array(
      fc.record({
        at: fc.nat(300),
        next: fc.constantFrom(0, 1, 1, 2, 5, 0xffff),
        intid: fc.constantFrom(0, 8192, 8193, 8200, 9000, 65535, 65536, 8191, 0xffffffff),
        collection: fc.nat(9),
      }),
      { maxLength: 40 },
    ),
  });

  it('entries that are nearly right', () => {
    fc.assert(
      fc.property(plausible, ({ indirect, collections, devices, events }) => {
        const view = new DataView(new ArrayBuffer(size));
        const put = (at: number, value: bigint) => view.setBigUint64(at, value & 0xffffffffffffffffn, true);
        const level2 = indirect ? 0x80000 : TABLES.devices;
        if (indirect) put(TABLES.devices, VALID | BigInt(RAM_BASE + level2));
        for (const [n, { id, vcpu }] of collections.entries()) {
          put(TABLES.collections + 8 * n, VALID | (BigInt(vcpu) << 16n) | BigInt(id));
        }
        for (const { at, valid, next, itt, bits } of devices) {
          const address = BigInt((RAM_BASE + TABLES.itt + 0x100 * itt) >>> 8);
          put(level2 + 8 * at, (valid ? VALID : 0n) | (BigInt(next) << 49n) | (address << 5n) | BigInt(bits));
        }
        for (const { at, next, intid, collection } of events) {
          put(TABLES.itt + 8 * at, (BigInt(next) << 48n) | (BigInt(intid) << 16n) | BigInt(collection));
        }
        restoreFrom(new Uint8Array(view.buffer), indirect);
      }),
      { numRuns: 300 },
    );
  });

  it('8192 devices with one ITT of 65536 events: a restore ends soon, and takes no more memory than a guest’s RAM explains', () => {
    const view = new DataView(new ArrayBuffer(size));
    view.setBigUint64(TABLES.collections, VALID, true);
    for (let id = 0; id < 8192; id++) {
      view.setBigUint64(
        TABLES.devices + 8 * id,
        VALID | (1n << 49n) | (BigInt((RAM_BASE + TABLES.itt) >>> 8) << 5n) | 15n,
        true,
      );
    }
    for (let event = 0; event < 65536; event++) {
      const next = event < 65535 ? 1n << 48n : 0n;
      view.setBigUint64(TABLES.itt + 8 * event, next | (BigInt(8192 + (event % 57344)) << 16n), true);
    }
    const begin = performance.now();
    restoreFrom(new Uint8Array(view.buffer), false);
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('a device table that is its own level 2 page, and an ITT on top of it', () => {
    const view = new DataView(new ArrayBuffer(size));
    for (let at = 0; at < 0x10000; at += 8) {
      view.setBigUint64(TABLES.devices + at, VALID | (1n << 49n) | BigInt(RAM_BASE + TABLES.devices), true);
    }
    restoreFrom(new Uint8Array(view.buffer), true);
  });
});
