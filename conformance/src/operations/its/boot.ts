/** What a guest does with its ITS besides commands: setting it up, taking it down, moving its tables. */

import {
  baser,
  collectionBaser,
  deviceBaser,
  ENTRY,
  firstLevelEntry,
  type ItsPlan,
  PAGE,
} from '../../generator/guest-tables.js';
import { hex } from '../../generator/protocol.js';
import { GITS_BASER, GITS_CTLR } from '../../generator/registers.js';
import type { Sequence } from '../../generator/sequence.js';
import { commandNamed, queueCommand, resetQueue, ringDoorbell } from './commands.js';
import { bootLpis } from './lpis.js';
import { collectionOf } from './values.js';

const register = (s: Sequence, its: ItsPlan, offset: number, value: string, label: string) =>
  s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(its.base + offset), len: 8, value }, `${label} write`);

const control = (s: Sequence, its: ItsPlan, on: boolean) =>
  s.emit(
    { op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(its.base + GITS_CTLR), value: on ? '0x1' : '0x0' },
    'GITS_CTLR write',
  );

/** The first level of a device table points to pages, and now and then to where there are none. */
function writeFirstLevel(s: Sequence, its: ItsPlan): void {
  const { random } = s;
  for (const [index, page] of its.secondLevel ?? []) {
    const odd = random.chance(0.03);
    const address = odd ? random.pick([0, s.tables!.ramBase + s.tables!.ramBytes, page + 0x8000]) : page;
    s.emit(
      { op: 'mem_write', addr: hex(its.deviceTable + index * ENTRY), hex: firstLevelEntry(address, true) },
      'first-level entry',
    );
  }
}

/** Commands that map everything that the plan has, in the order in which they need each other. */
function mapAll(s: Sequence, its: ItsPlan): void {
  const { random } = s;
  const { collections, events, lpis } = s.tables!;
  const part = random.chance(0.8) ? 0.95 : 0.5;
  for (const collection of collections) {
    if (random.chance(part)) queueCommand(s, its, commandNamed('MAPC'), { collection, target: s.realVcpu(), valid: 1 });
  }
  for (const { id, eventBits, itt } of its.devices) {
    if (!random.chance(part)) continue;
    queueCommand(s, its, commandNamed('MAPD'), { deviceId: id, size: eventBits - 1, ittAddress: itt, valid: 1 });
    for (const eventId of events) {
      if (!random.chance(part)) continue;
      const fields = { deviceId: id, eventId, intid: random.pick(lpis), collection: collectionOf(s) };
      queueCommand(s, its, commandNamed('MAPTI'), fields);
    }
    if (eventBits >= 14 && random.chance(0.7)) {
      const eventId = random.pick(lpis);
      queueCommand(s, its, commandNamed('MAPI'), { deviceId: id, eventId, collection: collectionOf(s) });
    }
  }
  ringDoorbell(s, its);
}

/** An ITS is set up from scratch. */
export function bootIts(s: Sequence, its: ItsPlan, map: (s: Sequence, its: ItsPlan) => void = mapAll): void {
  writeFirstLevel(s, its);
  control(s, its, false);
  register(s, its, GITS_BASER, deviceBaser(its), 'GITS_BASER');
  register(s, its, GITS_BASER + 8, collectionBaser(its), 'GITS_BASER');
  resetQueue(s, its);
  map(s, its);
}

/** What a guest's kernel does first with its ITSs and LPIs. */
export function itsBoot(s: Sequence): void {
  if (!s.tables || s.vm.dead) return;
  bootLpis(s);
  for (const its of s.tables.its) bootIts(s, its);
}

/** An ITS starts over: what the random part took down is there again. */
export function itsBootAgain(s: Sequence): void {
  if (s.vm.dead) return;
  const its = s.random.pick(s.tables!.its);
  if (s.random.chance(0.4)) bootLpis(s);
  if (s.random.chance(0.5)) bootIts(s, its);
  else {
    resetQueue(s, its);
    mapAll(s, its);
  }
}

/** GITS_CTLR goes off, and mostly on again. */
export function toggleIts(s: Sequence): void {
  const { random } = s;
  const its = random.pick(s.tables!.its);
  control(s, its, false);
  if (random.chance(0.3)) return;
  if (random.chance(0.3)) {
    s.emit({ op: 'mmio_read', vcpu: s.realVcpu(), addr: hex(its.base + GITS_CTLR) }, 'GITS_CTLR read');
  }
  control(s, its, true);
}

/** GITS_BASER<n> as planned, elsewhere, of another size or kind, or where no RAM is. */
export function oddTable(s: Sequence, its: ItsPlan, device: boolean): string {
  const { random } = s;
  const [address, pages] = device ? [its.deviceTable, its.devicePages] : [its.collectionTable, 1];
  const indirect = device && its.secondLevel !== undefined;
  const end = s.tables!.ramBase + s.tables!.ramBytes;
  const planned = BigInt(baser(address, pages, indirect));
  return random.weighted([
    [4, () => baser(address, pages, indirect)],
    [2, () => baser(s.tables!.spare, 1, indirect)],
    [1, () => baser(address, 1 + random.below(4), indirect)],
    [1, () => baser(address, 256, indirect)],
    [1, () => baser(address, pages, !indirect)],
    [1, () => baser(random.pick([end - PAGE, end, 0]), 2, indirect)],
    [1, () => baser(s.tables!.ramBase - PAGE, 2, indirect)],
    [1, () => `0x${(planned & ~(1n << 63n)).toString(16)}`],
    // another page size or shareability; bits 15:12, which are bits 51:48 of the address
    [1, () => `0x${(planned ^ BigInt(random.pick([0x100, 0x200, 0x1000, 0xc00]))).toString(16)}`],
  ])();
}

/** A table moves, grows, is taken away, or gets the same place once more, while translations are there. */
export function moveTables(s: Sequence): void {
  const { random } = s;
  const its = random.pick(s.tables!.its);
  const device = random.chance(0.5);
  const offset = GITS_BASER + (device ? 0 : 8);
  if (random.chance(0.9)) control(s, its, false);
  register(s, its, offset, oddTable(s, its, device), 'GITS_BASER');
  if (random.chance(0.3)) {
    s.emit({ op: 'mmio_read', vcpu: s.realVcpu(), addr: hex(its.base + offset), len: 8 }, 'GITS_BASER read');
  }
  if (random.chance(0.2)) register(s, its, offset, device ? deviceBaser(its) : collectionBaser(its), 'GITS_BASER');
  control(s, its, true);
  if (random.chance(0.4)) mapAll(s, its);
}
