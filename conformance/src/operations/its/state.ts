/**
 * The state of an ITS on its way: tables saved into guest memory, looked at, damaged, and restored, in the order that
 * Documentation/virt/kvm/devices/arm-vgic-its.rst asks for and in others.
 */

import {
  bytesOf,
  cbaser,
  collectionBaser,
  deviceBaser,
  deviceEntry,
  ENTRY,
  type ItsPlan,
  PAGE,
} from '../../generator/guest-tables.js';
import { ADDRESS, CONTROL, GROUP, hex, hex64 } from '../../generator/protocol.js';
import {
  GITS_BASER,
  GITS_CBASER,
  GITS_CREADR,
  GITS_CTLR,
  GITS_CWRITER,
  GITS_IIDR,
  GITS_TRANSLATER,
  ITS,
} from '../../generator/registers.js';
import type { Answer, Sequence } from '../../generator/sequence.js';
import { registerValue } from '../../generator/values.js';
import { stopVcpus } from '../gic/attributes.js';
import { enterOn } from '../gic/delivery.js';
import { oddTable } from './boot.js';
import { damageTables, growDeviceTable, ite } from './damage.js';

const control = (s: Sequence, attr: number, dev: string | undefined, label: string) =>
  s.emit({ op: 'set_attr', ...(dev ? { dev } : {}), group: GROUP.CTRL, attr }, label);

function setRegister(s: Sequence, dev: string, offset: number, value: string): void {
  const operation = { op: 'set_attr', dev, group: GROUP.ITS_REGS, attr: hex(offset), value };
  s.emit(operation, `${registerName(offset)} user set`);
}

const registerName = (offset: number): string =>
  ITS.registers.find((register) => offset >= register.offset && offset < register.offset + register.bytes)?.name ??
  'ITS';

// ---- save

/** The tables of the ITSs and the pending tables, as a VMM has them written when its vCPUs have stopped. */
export function writeTables(s: Sequence): void {
  const { random } = s;
  const steps = [
    () => {
      for (const { dev } of s.tables!.its) {
        if (random.chance(0.97)) control(s, CONTROL.ITS_SAVE_TABLES, dev, 'save tables');
      }
    },
    () => {
      if (random.chance(0.95)) control(s, CONTROL.SAVE_PENDING_TABLES, undefined, 'save pending tables');
    },
  ];
  if (random.chance(0.3)) steps.reverse();
  for (const step of steps) step();
}

/** Reads one entry and keeps what was there. */
function readEntry(s: Sequence, addr: number, label: string): void {
  s.emit({ op: 'mem_read', addr: hex(addr), len: ENTRY }, label, ({ hex: text }: Answer) => {
    if (typeof text === 'string') s.entries.set(addr, text);
  });
}

/** Reads what a save has written: both sides must have the same bytes. */
export function readTables(s: Sequence): void {
  const { random } = s;
  const { its: all, events, lpis, pending, ramBase, ramBytes } = s.tables!;
  for (const its of all) {
    for (const { id, itt } of its.devices) {
      const entry = deviceEntry(its, id);
      if (entry) readEntry(s, entry, 'device table entry');
      for (const event of events) readEntry(s, itt + event * ENTRY, 'translation table entry');
    }
    for (let at = 0; at < 4; at++) readEntry(s, its.collectionTable + at * ENTRY, 'collection table entry');
    s.emit({ op: 'mem_read', addr: hex(its.deviceTable), len: 128 }, 'device table');
    s.emit({ op: 'mem_read', addr: hex(its.devices[0]!.itt), len: 256 }, 'translation table');
    s.emit({ op: 'mem_read', addr: hex(its.collectionTable), len: 128 }, 'collection table');
  }
  for (const table of pending) {
    const at = table + ((lpis[0]! >> 3) & ~0xf);
    s.emit({ op: 'mem_read', addr: hex(at), len: 32 }, 'pending table');
  }
  // a stray write anywhere shows here
  if (random.chance(0.004)) s.emit({ op: 'mem_read', addr: hex(ramBase), len: ramBytes }, 'all of RAM');
}

export function saveTables(s: Sequence): void {
  stopVcpus(s);
  writeTables(s);
  readTables(s);
}

// ---- restore

/** An INTID that no guest can have mapped, in an ITE that is otherwise right: the one declared difference of restores. */
function restoreForged(s: Sequence, its: ItsPlan): void {
  const { random } = s;
  const address = random.pick(its.devices).itt + random.pick(s.tables!.events) * ENTRY;
  const write = (bytes: string) =>
    s.emit({ op: 'mem_write', addr: hex(address), hex: bytes }, 'ITE with an INTID beyond 16 bits');
  write(ite(0, 65536 + random.below(64), random.pick(s.tables!.collections)));
  restoreTables(s, its, false);
  // nobody reads it later, among other damage
  write(ite(0, 0, 0));
}

/** As many collections as a page of the table can hold: no entry ends it. */
function fillCollectionTable(s: Sequence, its: ItsPlan): void {
  const entries = Array.from({ length: PAGE / ENTRY }, (_, id) => bytesOf((s.realVcpu() << 16) | id, 0x80000000));
  s.emit({ op: 'mem_write', addr: hex(its.collectionTable), hex: entries.join('') }, 'full collection table');
  setRegister(s, its.dev, GITS_BASER + 8, collectionBaser(its));
  restoreTables(s, its, false);
  control(s, CONTROL.ITS_SAVE_TABLES, its.dev, 'save tables');
  s.emit({ op: 'mem_read', addr: hex(its.collectionTable + PAGE - ENTRY), len: 2 * ENTRY }, 'collection table');
}

/** Has an ITS read its tables; the state that follows tells what it has mapped. */
export function restoreTables(s: Sequence, its: ItsPlan, fresh: boolean): void {
  control(s, CONTROL.ITS_RESTORE_TABLES, its.dev, 'restore tables');
  s.emit({ op: 'vgic_state' }, fresh ? 'state after restore' : 'state after restore in place');
}

/** In the same machine: with a reset before, or without, from tables that may be damaged; sometimes twice. */
export function restoreInPlace(s: Sequence): void {
  const { random } = s;
  stopVcpus(s);
  const its = random.pick(s.tables!.its);
  if (random.chance(0.8)) writeTables(s);
  const forged = random.chance(0.02);
  if (!forged && random.chance(0.35)) damageTables(s);
  if (random.chance(0.75)) {
    control(s, CONTROL.ITS_RESET, its.dev, 'reset ITS');
    if (random.chance(0.2)) readRegisters(s, its);
    s.vm.queues[its.number]!.unsure = true;
    for (const [register, value] of [
      [GITS_CBASER, cbaser(its.queue, its.queuePages)],
      [GITS_BASER, random.chance(0.93) ? deviceBaser(its) : oddTable(s, its, true)],
      [GITS_BASER + 8, random.chance(0.93) ? collectionBaser(its) : oddTable(s, its, false)],
    ] as const) {
      if (random.chance(0.95)) setRegister(s, its.dev, register, value);
    }
  }
  if (!forged && random.chance(0.02)) growDeviceTable(s, its);
  if (random.chance(0.005)) fillCollectionTable(s, its);
  if (forged) restoreForged(s, its);
  else for (let times = random.chance(0.15) ? 2 : 1; times > 0; times--) restoreTables(s, its, false);
  if (random.chance(0.5)) readTables(s);
  if (random.chance(0.9)) {
    setRegister(s, its.dev, GITS_CTLR, '0x1');
  }
  probe(s, its);
}

/** MSIs of what was mapped, and what the vCPUs then have. */
function probe(s: Sequence, its: ItsPlan): void {
  const { random } = s;
  for (const { id } of its.devices) {
    for (const event of s.tables!.events) {
      if (!random.chance(0.5)) continue;
      s.emit({ op: 'msi', doorbell: hex(its.base + GITS_TRANSLATER), devid: id, data: event }, 'MSI');
    }
  }
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) enterOn(s, vcpu);
}

// ---- migration

/** What a VMM saves of an ITS, in the order in which it is to be written again: GITS_CTLR is the last. */
const SAVED: readonly number[] = [
  GITS_IIDR,
  GITS_CBASER,
  GITS_CREADR,
  GITS_CWRITER,
  ...Array.from({ length: 8 }, (_, n) => GITS_BASER + n * 8),
  GITS_CTLR,
];

export type SavedIts = Map<number, string>;

function readRegisters(s: Sequence, { dev }: ItsPlan): SavedIts {
  const values: SavedIts = new Map();
  for (const offset of SAVED) {
    s.emit(
      { op: 'get_attr', dev, group: GROUP.ITS_REGS, attr: hex(offset) },
      `save ${registerName(offset)}`,
      ({ value }: Answer) => {
        if (value !== undefined) values.set(offset, value);
      },
    );
  }
  return values;
}

/** Tables into memory, registers out: `saved` gets those of each ITS. */
export function saveIts(s: Sequence, saved: SavedIts[]): void {
  writeTables(s);
  readTables(s);
  for (const its of s.tables!.its) saved[its.number] = readRegisters(s, its);
}

/** Registers in, then the tables from memory (which came before), then GITS_CTLR; in one case of ten in another order. */
export function restoreIts(s: Sequence, saved: readonly SavedIts[]): void {
  const { random } = s;
  for (const its of s.tables!.its) {
    const steps = [...(saved[its.number] ?? [])].map(
      ([offset, value]) =>
        () =>
          setRegister(s, its.dev, offset, value),
    );
    steps.splice(Math.max(0, steps.length - 1), 0, () => restoreTables(s, its, true));
    if (random.chance(0.1)) {
      for (let i = 0; i < 4; i++)
        steps.splice(random.below(steps.length), 0, ...steps.splice(random.below(steps.length), 1));
    }
    for (const step of steps) step();
    s.vm.queues[its.number]!.unsure = random.chance(0.3);
  }
  readTables(s);
  for (const its of s.tables!.its) probe(s, its);
}

// ---- attributes

/** An attribute of an ITS's device: registers by their width and otherwise, address, control, and what is none. */
export function itsAttribute(s: Sequence): void {
  const { random } = s;
  stopVcpus(s);
  const number = random.chance(0.95) ? random.below(s.vm.configuration.its) : random.below(10);
  const dev = `its${number}`;
  const op = random.weighted([[5, 'get_attr'] as const, [5, 'set_attr'] as const, [1, 'has_attr'] as const]);
  const group = random.weighted([
    [8, GROUP.ITS_REGS] as const,
    [1, GROUP.ADDR] as const,
    [1, GROUP.CTRL] as const,
    [0.5, random.below(10)] as const,
  ]);
  const queue = s.vm.queues[number];
  if (op === 'set_attr' && queue) queue.unsure = true;
  if (group === GROUP.ITS_REGS) {
    const register = random.weighted(ITS.registers.map((entry) => [entry.weight, entry] as const));
    let at = register.bytes > 8 ? random.below(register.bytes >> 3) * 8 : 0;
    if (random.chance(0.06)) at += random.below(8);
    const attr = random.chance(0.98)
      ? hex(register.offset + at)
      : random.pick([
          hex(0x1fff8),
          hex(0x20000),
          hex64(1, register.offset),
          hex(0x10000),
          hex(random.below(0x20000) & -8),
        ]);
    const value = op === 'set_attr' && random.chance(0.99) ? { value: registerValue(s, register, at & ~4, 8) } : {};
    s.emit({ op, dev, group, attr, ...value }, `${register.name} user ${op.slice(0, 3)}`);
    return;
  }
  let attr: number = random.below(7);
  // saves and restores have kinds of their own, which look at what they did
  if (group === GROUP.CTRL && op === 'set_attr' && attr === CONTROL.ITS_RESTORE_TABLES) attr = CONTROL.INIT;
  const value = op === 'set_attr' && random.chance(0.9) ? { value: itsAddress(s, number) } : {};
  s.emit({ op, dev, group, attr, ...value }, `ITS group ${group} user ${op.slice(0, 3)}`);
}

function itsAddress(s: Sequence, number: number): string {
  const { random } = s;
  const { itsBases, distributor, redistributors } = s.vm.configuration;
  return random.weighted([
    [6, () => hex(itsBases[number] ?? 0x0d000000)],
    [1, () => hex(0x0d000000 + random.below(4) * 0x20000)],
    [1, () => hex(random.pick([distributor, redistributors, itsBases[0]!]))],
    [1, () => hex((itsBases[number] ?? 0) + random.pick([0x8000, 0x10000, 0x1000]))],
    [0.5, () => hex64(0xff, random.pick([0xffff0000, 0xfffe0000]))],
    [0.5, () => hex64(0x100, 0)],
    [0.5, () => hex64(random.word(), random.word())],
  ])();
}

/** Where an ITS is: before that it has no frame. */
export function placeIts(s: Sequence): void {
  const number = s.random.below(s.vm.configuration.its + 1);
  const dev = `its${number}`;
  const attr = s.random.chance(0.95) ? ADDRESS.ITS : s.random.below(8);
  const op = s.random.chance(0.8) ? 'set_attr' : 'get_attr';
  s.emit({ op, dev, group: GROUP.ADDR, attr, value: itsAddress(s, number) }, `ITS address user ${op.slice(0, 3)}`);
  if (s.random.chance(0.5)) control(s, CONTROL.INIT, dev, 'initialise ITS');
}

/** One more ITS, at whatever time. */
export const createIts = (s: Sequence): void => s.emit({ op: 'create_its' }, 'create ITS');
