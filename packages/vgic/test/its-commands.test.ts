import { describe, expect, it } from 'vitest';
import { Command, type CommandName } from '../src/index.js';
import { ARCHITECTURE } from './guest.js';
import { COMMAND_NAMES, ItsGuest, type ItsGuestConfig, itsBase, RAM_BASE } from './its-guest.js';

/** IHI 0069, 5.3 "The ITS commands" and 5.2 "The ITS tables". What is in error is skipped, as in KVM. */

const EBUSY = -16;

/** A guest of two vCPUs with device 1 (32 events), whose event 0 is LPI 8192 to vCPU 0. */
function ready(config: ItsGuestConfig = {}): ItsGuest {
  const guest = ItsGuest.ready({ vcpus: 2, ...config });
  guest.mapDevice(1, 5);
  guest.mapEvent(1, 0, 8192, 0);
  return guest;
}

/** What both vCPUs take. */
const taken = (guest: ItsGuest) => [guest.taken(0), guest.taken(1)];

describe('MAPD', () => {
  it('with V=1 makes the DeviceID known, with V=0 forgets it and its translations', () => {
    const guest = ItsGuest.ready();
    guest.mapEvent(1, 0, 8192);
    expect(guest.msi(1, 0)).toBe(0);
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192);
    expect(guest.msi(1, 0)).toBe(1);
    guest.unmapDevice(1);
    expect(guest.msi(1, 0)).toBe(0);
    guest.mapDevice(1);
    expect(guest.msi(1, 0)).toBe(0);
  });

  it('of a mapped device forgets its translations and takes the new ITT and its size', () => {
    const guest = ready();
    const itt = guest.mapDevice(1, 1);
    expect([guest.msi(1, 0), guest.itt(1)]).toEqual([0, itt]);
    guest.mapEvent(1, 1, 8193);
    guest.mapEvent(1, 2, 8194);
    expect([guest.msi(1, 1), guest.msi(1, 2)]).toEqual([1, 0]);
  });

  it.each([1, 4, 16])('with Size %i - 1 has room for that many bits of EventID', (bits) => {
    const guest = ItsGuest.ready();
    guest.mapDevice(1, bits);
    const last = 2 ** bits - 1;
    guest.mapEvent(1, last, 8192);
    guest.mapEvent(1, last + 1, 8193);
    expect([guest.msi(1, last), guest.msi(1, last + 1)]).toEqual([1, 0]);
  });

  it.each([17, 32])('with Size for %i bits, more than GITS_TYPER.ID_bits says, is skipped', (bits) => {
    const guest = ready();
    guest.issue('MAPD', { deviceId: 1, size: bits - 1, ittAddress: guest.itt(1) / 256, valid: 1 });
    expect(guest.msi(1, 0)).toBe(1);
  });

  it.each([8192, 0x10001, 0xffffffff])('of DeviceID %i, for which the device table has no room, is skipped', (id) => {
    const guest = ItsGuest.ready();
    guest.mapDevice(id);
    guest.mapEvent(id, 0, 8192);
    expect(guest.msi(id, 0)).toBe(0);
    expect(guest.gic.its[0].devices.size).toBe(0);
  });

  it('with V=0 zeroes the device’s entry in the table', () => {
    const guest = ready();
    const entry = guest.tables[0].devices + 8;
    guest.store64(entry, 0x123456789abcdef0n);
    guest.unmapDevice(1);
    expect(guest.load64(entry)).toBe(0n);
  });

  it.each([
    ['takes the pending state of a device’s LPIs with it', ARCHITECTURE, []],
    ['leaves to be taken what waits in KVM 6.12', '6.12', [8192]],
  ] as const)('%s', (_what, kvm, waiting) => {
    const guest = ready({ kvm });
    guest.msi(1, 0);
    guest.unmapDevice(1);
    expect(taken(guest)).toEqual([waiting, []]);
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192);
    expect(taken(guest)).toEqual([[], []]);
  });
});

describe('MAPC', () => {
  it('gives a collection its vCPU; again, it moves the LPIs of the collection', () => {
    const guest = ready();
    guest.msi(1, 0);
    expect(taken(guest)).toEqual([[8192], []]);
    guest.mapCollection(0, 1);
    guest.msi(1, 0);
    expect(taken(guest)).toEqual([[], [8192]]);
  });

  it('with V=0 leaves the collection’s translations leading nowhere, for good', () => {
    const guest = ready();
    guest.unmapCollection(0);
    expect(guest.msi(1, 0)).toBe(0);
    guest.mapCollection(0, 0);
    expect(guest.msi(1, 0)).toBe(0);
  });

  it('of a vCPU that is none is skipped', () => {
    const guest = ready();
    guest.mapCollection(0, 2);
    guest.mapCollection(7, 2);
    guest.mapEvent(1, 1, 8193, 7);
    expect([guest.msi(1, 0), guest.msi(1, 1)]).toEqual([1, 0]);
  });

  it('of a collection for which the table has no room is skipped', () => {
    const guest = ready();
    guest.mapCollection(8191, 1);
    guest.mapCollection(8192, 1);
    guest.mapEvent(1, 1, 8193, 8191);
    guest.mapEvent(1, 2, 8194, 8192);
    expect([guest.msi(1, 1), guest.msi(1, 2)]).toEqual([1, 0]);
  });
});

describe('MAPTI and MAPI', () => {
  it('an event leads to its LPI on its collection’s vCPU', () => {
    const guest = ready();
    guest.mapEvent(1, 31, 65535, 1);
    expect([guest.msi(1, 31), guest.msi(1, 0)]).toEqual([1, 1]);
    expect(taken(guest)).toEqual([[8192], [65535]]);
  });

  it('MAPI’s LPI has the number of the event', () => {
    const guest = ItsGuest.ready();
    guest.mapDevice(1, 14);
    guest.issue('MAPI', { deviceId: 1, eventId: 9000, collection: 0 });
    expect(guest.msi(1, 9000)).toBe(1);
    expect(guest.taken()).toEqual([9000]);
  });

  it('MAPI of an event below 8192, which can’t be an LPI’s number, is skipped', () => {
    const guest = ready();
    guest.issue('MAPI', { deviceId: 1, eventId: 5, collection: 0 });
    expect(guest.msi(1, 5)).toBe(0);
  });

  it.each([
    ['a device that is not mapped', { deviceId: 2 }],
    ['an event beyond the ITT', { eventId: 32 }],
    ['an INTID that is no LPI', { intid: 8191 }],
    ['INTID 0', { intid: 0 }],
    ['an INTID beyond the 16 bits of LPIs', { intid: 65536 }],
    ['the spurious INTID', { intid: 1023 }],
    ['a collection for which the table has no room', { collection: 8192 }],
  ])('MAPTI to %s is skipped', (_what, field) => {
    const guest = ready();
    const fields = { deviceId: 1, eventId: 7, intid: 9000, collection: 0, ...field };
    guest.issue('MAPTI', fields);
    expect(guest.msi(fields.deviceId, fields.eventId)).toBe(0);
    expect(guest.gic.irqs.lpiIndex(fields.intid)).toBe(-1);
  });

  it('an INTID beyond GICR_PROPBASER.IDbits is skipped', () => {
    const guest = ready();
    guest.disableLpis(1);
    guest.guest.store('GICR_PROPBASER', guest.properties + 13, 0, 1, 8);
    guest.mapEvent(1, 1, 2 ** 14 - 1);
    guest.mapEvent(1, 2, 2 ** 14);
    expect([guest.msi(1, 1), guest.msi(1, 2)]).toEqual([1, 0]);
  });

  it('of a mapped event changes nothing', () => {
    const guest = ready();
    guest.mapEvent(1, 0, 9000, 1);
    guest.msi(1, 0);
    expect(taken(guest)).toEqual([[8192], []]);
  });

  it('to a collection without vCPU waits for its MAPC', () => {
    const guest = ready();
    guest.mapEvent(1, 1, 8193, 9);
    expect(guest.msi(1, 1)).toBe(0);
    guest.mapCollection(9, 1);
    expect(guest.msi(1, 1)).toBe(1);
    expect(taken(guest)).toEqual([[], [8193]]);
  });

  it('two events can lead to one LPI: it stays until both are gone', () => {
    const guest = ready();
    guest.mapEvent(1, 1, 8192, 0);
    guest.issue('DISCARD', { deviceId: 1, eventId: 0 });
    expect([guest.msi(1, 0), guest.msi(1, 1)]).toEqual([0, 1]);
    expect(guest.taken()).toEqual([8192]);
    guest.issue('DISCARD', { deviceId: 1, eventId: 1 });
    expect(guest.gic.irqs.lpiIndex(8192)).toBe(-1);
  });
});

describe('MOVI', () => {
  it('moves an event to another collection: what comes from then on goes to its vCPU', () => {
    const guest = ready();
    guest.issue('MOVI', { deviceId: 1, eventId: 0, collection: 1 });
    guest.msi(1, 0);
    expect(taken(guest)).toEqual([[], [8192]]);
  });

  const move = (guest: ItsGuest) => guest.issue('MOVI', { deviceId: 1, eventId: 0, collection: 1 });

  it('takes what is pending with it at once, and kicks both vCPUs', () => {
    const guest = ready();
    guest.msi(1, 0);
    const kicked: number[] = [];
    guest.gic.events.on('kick', (vcpu) => kicked.push(vcpu));
    move(guest);
    // the old one too: what was behind it may be signalled now
    expect(kicked).toEqual([0, 1]);
    expect([guest.taken(0), guest.taken(1), guest.taken(0)]).toEqual([[], [8192], []]);
  });

  it('takes what is pending with it out of a list register', () => {
    const guest = ready();
    guest.msi(1, 0);
    guest.guest.enter(0);
    move(guest);
    expect(guest.guest.acknowledge(0)).toBe(1023);
    expect([guest.taken(0), guest.taken(1), guest.taken(0)]).toEqual([[], [8192], []]);
  });

  it('moves what is pending when the old vCPU looks at it next in KVM 6.12, and it is taken once', () => {
    const guest = ready({ kvm: '6.12' });
    guest.msi(1, 0);
    move(guest);
    expect(guest.taken(1)).toEqual([]);
    guest.guest.enter(0).exit(0);
    expect([...guest.taken(1), ...guest.taken(0), ...guest.taken(1)]).toEqual([8192]);
  });

  it.each([
    ['an event that is not mapped', { eventId: 3 }],
    ['a device that is not mapped', { deviceId: 3 }],
    ['a collection that is not mapped', { collection: 5 }],
  ])('with %s is skipped', (_what, field) => {
    const guest = ready();
    guest.issue('MOVI', { deviceId: 1, eventId: 0, collection: 1, ...field });
    guest.msi(1, 0);
    expect(taken(guest)).toEqual([[8192], []]);
  });

  it('of an event whose collection is gone is skipped', () => {
    const guest = ready();
    guest.unmapCollection(0);
    guest.issue('MOVI', { deviceId: 1, eventId: 0, collection: 1 });
    expect(guest.msi(1, 0)).toBe(0);
  });
});

describe('MOVALL', () => {
  it('moves the LPIs of one vCPU to another', () => {
    const guest = ready();
    guest.mapEvent(1, 1, 8193, 1);
    guest.issue('MOVALL', { target: 0, target2: 1 });
    guest.msi(1, 0);
    guest.msi(1, 1);
    expect(taken(guest)).toEqual([[], [8192, 8193]]);
  });

  it('leaves the collections: an event mapped later goes where its collection says', () => {
    const guest = ready();
    guest.issue('MOVALL', { target: 0, target2: 1 });
    guest.mapEvent(1, 1, 8193, 0);
    guest.msi(1, 1);
    expect(taken(guest)).toEqual([[8193], []]);
  });

  it.each([
    ['from a vCPU that is none', { target: 2, target2: 1 }],
    ['to a vCPU that is none', { target: 0, target2: 2 }],
    ['to itself', { target: 0, target2: 0 }],
  ])('%s changes nothing', (_what, fields) => {
    const guest = ready();
    guest.issue('MOVALL', fields);
    guest.msi(1, 0);
    expect(taken(guest)).toEqual([[8192], []]);
  });
});

describe('DISCARD', () => {
  it('takes the translation away and zeroes its entry; the event can be mapped again', () => {
    const guest = ready();
    guest.store64(guest.itt(1), 0x5555n);
    guest.issue('DISCARD', { deviceId: 1, eventId: 0 });
    expect([guest.msi(1, 0), guest.load64(guest.itt(1))]).toEqual([0, 0n]);
    guest.mapEvent(1, 0, 8200, 1);
    expect(guest.msi(1, 0)).toBe(1);
    expect(taken(guest)).toEqual([[], [8200]]);
  });

  it.each([
    ['an event that is not mapped', (_guest: ItsGuest) => {}, { eventId: 1 }],
    ['an event whose collection is gone', (guest: ItsGuest) => guest.unmapCollection(0), {}],
  ])('of %s is skipped: its entry stays', (_what, prepare, fields) => {
    const guest = ready();
    prepare(guest);
    const entry = guest.itt(1) + 8 * ((fields as { eventId?: number }).eventId ?? 0);
    guest.store64(entry, 0x5555n);
    guest.issue('DISCARD', { deviceId: 1, eventId: 0, ...fields });
    expect(guest.load64(entry)).toBe(0x5555n);
  });

  it.each([
    ['removes the pending state: neither this guest nor the next one that gets the LPI takes it', ARCHITECTURE, []],
    ['leaves the pending state in KVM 6.12', '6.12', [8192]],
  ] as const)('%s', (_what, kvm, waiting) => {
    const guest = ready({ kvm });
    guest.msi(1, 0);
    guest.issue('DISCARD', { deviceId: 1, eventId: 0 });
    guest.mapEvent(1, 1, 8192, 0);
    expect(taken(guest)).toEqual([waiting, []]);
  });

  it.each(['DISCARD', 'CLEAR'] as const)('and CLEAR: %s removes the pending state from a list register too', (name) => {
    const guest = ready();
    guest.msi(1, 0);
    guest.guest.enter(0);
    expect(guest.gic.irqAsserted(0)).toBe(true);
    guest.issue(name, { deviceId: 1, eventId: 0 });
    expect([guest.gic.irqAsserted(0), guest.guest.acknowledge(0)]).toEqual([false, 1023]);
    expect(taken(guest)).toEqual([[], []]);
  });

  it('of an LPI that is active lets the guest end it', () => {
    const guest = ready();
    guest.msi(1, 0);
    guest.guest.enter();
    expect(guest.guest.acknowledge()).toBe(8192);
    guest.issue('DISCARD', { deviceId: 1, eventId: 0 });
    guest.guest.end(8192);
    guest.guest.exit();
    expect(guest.gic.irqs.lpiIndex(8192)).toBe(-1);
  });
});

describe('INV and INVALL', () => {
  it('INV reads the configuration of one event’s LPI anew', () => {
    const guest = ready();
    guest.mapEvent(1, 1, 8193);
    guest.configure(8192, 0xa0);
    guest.configure(8193, 0xa0);
    guest.issue('INV', { deviceId: 1, eventId: 0 });
    guest.msi(1, 0);
    guest.msi(1, 1);
    expect(guest.taken()).toEqual([8193]);
    guest.configure(8192, 0xa1);
    guest.issue('INV', { deviceId: 1, eventId: 0 });
    expect(guest.taken()).toEqual([8192]);
  });

  it('INVALL reads the configuration of all LPIs of the collection’s vCPU, and of no other', () => {
    const guest = ready();
    guest.mapEvent(1, 1, 8193, 1);
    guest.configureAll(0xa0);
    guest.issue('INVALL', { collection: 0 });
    guest.msi(1, 0);
    guest.msi(1, 1);
    expect(taken(guest)).toEqual([[], [8193]]);
    guest.issue('INVALL', { collection: 1 });
    guest.msi(1, 1);
    expect(taken(guest)).toEqual([[], []]);
    guest.configureAll(0xa1);
    guest.issue('INVALL', { collection: 0 });
    guest.issue('INVALL', { collection: 1 });
    expect(taken(guest)).toEqual([[8192], [8193]]);
  });

  it('INV of an event, and INVALL of a collection, that are not mapped are skipped', () => {
    const guest = ready();
    guest.configureAll(0xa0);
    guest.issue('INV', { deviceId: 1, eventId: 1 });
    guest.issue('INV', { deviceId: 2, eventId: 0 });
    guest.issue('INVALL', { collection: 5 });
    guest.msi(1, 0);
    expect(guest.taken()).toEqual([8192]);
  });
});

describe('INT and CLEAR', () => {
  it('INT makes an event pending as its MSI does', () => {
    const guest = ready();
    guest.issue('INT', { deviceId: 1, eventId: 0 });
    expect(guest.taken()).toEqual([8192]);
  });

  it('CLEAR takes the pending state away', () => {
    const guest = ready();
    guest.msi(1, 0);
    guest.issue('CLEAR', { deviceId: 1, eventId: 0 });
    expect(guest.taken()).toEqual([]);
  });

  it('INT and CLEAR of what is not mapped are skipped', () => {
    const guest = ready();
    guest.msi(1, 0);
    for (const name of ['INT', 'CLEAR'] as const) {
      guest.issue(name, { deviceId: 1, eventId: 1 });
      guest.issue(name, { deviceId: 2, eventId: 0 });
    }
    expect(guest.taken()).toEqual([8192]);
  });
});

describe('the command queue', () => {
  it('GITS_CREADR follows GITS_CWRITER: every command, SYNC too, is complete when it is there', () => {
    const guest = ItsGuest.ready();
    const before = guest.load('GITS_CREADR');
    guest.issue('SYNC', { target: 0 });
    expect([guest.load('GITS_CREADR'), guest.load('GITS_CWRITER')]).toEqual([before + 32n, before + 32n]);
  });

  it('wraps at its end: more commands than it has room for, in several goes', () => {
    const guest = ItsGuest.ready();
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_CBASER', (1n << 63n) | BigInt(guest.tables[0].queue));
    guest.store('GITS_CTLR', 1n, 0, 4);
    guest.mapDevice(1, 12);
    for (let event = 0; event < 4000; event += 100) {
      guest.submit(
        Array.from({ length: 100 }, (_, n) =>
          Command.of('MAPTI', { deviceId: 1, eventId: event + n, intid: 8192 + event + n, collection: 0 }),
        ),
      );
    }
    expect(guest.gic.its[0].devices.get(1)?.events).toBe(4000);
    expect(guest.load('GITS_CREADR')).toBe(BigInt((4001 * 32) % 4096));
  });

  it('an error stalls nothing: the commands behind it are carried out', () => {
    const guest = ready();
    guest.submit([
      Command.of('MAPTI', { deviceId: 9, eventId: 0, intid: 8192, collection: 0 }),
      Command.of('MAPTI', { deviceId: 1, eventId: 1, intid: 1, collection: 0 }),
      Command.of('MAPTI', { deviceId: 1, eventId: 2, intid: 8194, collection: 0 }),
    ]);
    expect(guest.load('GITS_CREADR')).toBe(guest.load('GITS_CWRITER'));
    expect(guest.msi(1, 2)).toBe(1);
  });

  it('opcodes that are no GICv3 command are skipped', () => {
    const known = new Set<number>(COMMAND_NAMES.map((name: CommandName) => Command.of(name).words[0]));
    const guest = ready();
    const commands: Command[] = [];
    for (let opcode = 0; opcode < 256; opcode++) {
      if (known.has(opcode)) continue;
      const command = Command.of('MAPTI', { deviceId: 1, eventId: 0, intid: 8192, collection: 0 });
      command.words[0] = opcode;
      commands.push(command);
    }
    guest.submit(commands);
    expect(commands.length).toBe(256 - known.size);
    expect(guest.load('GITS_CREADR')).toBe(guest.load('GITS_CWRITER'));
    expect(guest.msi(1, 0)).toBe(1);
    expect(guest.taken()).toEqual([8192]);
  });

  it('a disabled ITS carries out nothing; enabled again, it takes up what waits', () => {
    const guest = ready();
    guest.store('GITS_CTLR', 0n, 0, 4);
    const reader = guest.load('GITS_CREADR');
    guest.mapEvent(1, 1, 8193);
    expect([guest.load('GITS_CREADR'), guest.msi(1, 1)]).toEqual([reader, EBUSY]);
    guest.store('GITS_CTLR', 1n, 0, 4);
    expect(guest.load('GITS_CREADR')).toBe(reader + 32n);
    expect(guest.msi(1, 1)).toBe(1);
  });

  it('commands that are not in RAM are passed over', () => {
    const guest = ready();
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_CBASER', (1n << 63n) | BigInt(RAM_BASE - 0x10000));
    guest.store('GITS_CTLR', 1n, 0, 4);
    guest.store('GITS_CWRITER', 0xfe0n);
    expect(guest.load('GITS_CREADR')).toBe(0xfe0n);
    expect(guest.msi(1, 0)).toBe(1);
  });

  it('a queue that ends with RAM is used to its end', () => {
    const guest = ItsGuest.ready();
    const queue = RAM_BASE + guest.memory.size - 0x10000;
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_CBASER', (1n << 63n) | BigInt(queue) | 15n);
    guest.store('GITS_CTLR', 1n, 0, 4);
    const itt = guest.take(256);
    const map = Command.of('MAPD', { deviceId: 1, size: 0, ittAddress: itt / 256, valid: 1 });
    for (let word = 0; word < 8; word++) {
      guest.view.setUint32(queue + 0xffe0 + 4 * word - RAM_BASE, map.words[word], true);
    }
    guest.store('GITS_CWRITER', 0xffe0n);
    guest.store('GITS_CWRITER', 0n);
    expect([guest.load('GITS_CREADR'), guest.gic.its[0].devices.has(1)]).toEqual([0n, true]);
  });
});

describe('several ITSs', () => {
  it('each has its devices, collections and queue; the LPIs are common', () => {
    const guest = ItsGuest.ready({ vcpus: 2, itsCount: 3 });
    guest.mapDevice(1, 5, undefined, 0);
    guest.mapDevice(1, 5, undefined, 2);
    guest.mapEvent(1, 0, 8192, 0, 0);
    guest.mapEvent(1, 0, 8193, 1, 2);
    expect([guest.msi(1, 0, 0), guest.msi(1, 0, 1), guest.msi(1, 0, 2)]).toEqual([1, 0, 1]);
    expect(taken(guest)).toEqual([[8192], [8193]]);
    guest.unmapDevice(1, 0);
    expect([guest.msi(1, 0, 0), guest.msi(1, 0, 2)]).toEqual([0, 1]);
  });

  it('an LPI that two ITSs lead to stays until both translations are gone', () => {
    const guest = ItsGuest.ready({ itsCount: 2 });
    for (const n of [0, 1]) {
      guest.mapDevice(1, 5, undefined, n);
      guest.mapEvent(1, 0, 8192, 0, n);
    }
    guest.unmapDevice(1, 0);
    expect([guest.msi(1, 0, 1), guest.taken()]).toEqual([1, [8192]]);
    guest.unmapDevice(1, 1);
    expect(guest.gic.irqs.lpiIndex(8192)).toBe(-1);
  });

  it('they are found by their doorbells, wherever in their frames', () => {
    const guest = ItsGuest.ready({ itsCount: 2 });
    guest.mapDevice(1, 5, undefined, 1);
    guest.mapEvent(1, 0, 8192, 0, 1);
    const { gic } = guest;
    expect([0, 0x40, 0x10040, 0x1fffc].map((at) => gic.signalMsi(itsBase(1) + at, 0, 1))).toEqual([1, 1, 1, 1]);
    expect(gic.signalMsi(itsBase(0) + 0x10040, 0, 1)).toBe(0);
  });
});
