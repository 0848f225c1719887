/** The commands of an ITS (IHI 0069, 5.3), as guests write them into its queue: right, odd and absurd. */

import { bytesOf, cbaser, deviceEntry, ENTRY, type ItsPlan } from '../../generator/guest-tables.js';
import { CONTROL, GROUP, hex, hex64 } from '../../generator/protocol.js';
import { GITS_CBASER, GITS_CTLR, GITS_CWRITER } from '../../generator/registers.js';
import type { Sequence } from '../../generator/sequence.js';
import { enterOn, exitOn } from '../gic/delivery.js';
import { writeConfiguration } from './lpis.js';
import { collectionOf, deviceOf, eventOf, ittOf, lpiOf, targetOf } from './values.js';

export const COMMAND_BYTES = 32;

/** What a command can carry. */
type Field = 'deviceId' | 'eventId' | 'size' | 'intid' | 'collection' | 'ittAddress' | 'target' | 'valid' | 'target2';

interface Place {
  /** Of the eight 32-bit words, the one with the lowest bit. */
  readonly word: number;
  readonly shift: number;
}

const PLACES: Readonly<Record<Field, Place>> = {
  deviceId: { word: 1, shift: 0 },
  eventId: { word: 2, shift: 0 },
  size: { word: 2, shift: 0 },
  intid: { word: 3, shift: 0 },
  collection: { word: 4, shift: 0 },
  ittAddress: { word: 4, shift: 0 },
  target: { word: 4, shift: 16 },
  valid: { word: 5, shift: 31 },
  target2: { word: 6, shift: 16 },
};

interface CommandFormat {
  readonly name: string;
  readonly opcode: number;
  readonly fields: readonly Field[];
  readonly weight: number;
}

const format = (name: string, opcode: number, weight: number, ...fields: Field[]): CommandFormat => ({
  name, opcode, weight, fields,
}); // biome-ignore format: one name after the other

export const COMMANDS: readonly CommandFormat[] = [
  format('MAPD', 0x08, 4, 'deviceId', 'size', 'ittAddress', 'valid'),
  format('MAPC', 0x09, 4, 'collection', 'target', 'valid'),
  format('MAPTI', 0x0a, 10, 'deviceId', 'eventId', 'intid', 'collection'),
  format('MAPI', 0x0b, 1, 'deviceId', 'eventId', 'collection'),
  format('MOVI', 0x01, 4, 'deviceId', 'eventId', 'collection'),
  format('MOVALL', 0x0e, 1, 'target', 'target2'),
  format('INT', 0x03, 6, 'deviceId', 'eventId'),
  format('CLEAR', 0x04, 3, 'deviceId', 'eventId'),
  format('INV', 0x0c, 4, 'deviceId', 'eventId'),
  format('INVALL', 0x0d, 2, 'collection'),
  format('DISCARD', 0x0f, 3, 'deviceId', 'eventId'),
  format('SYNC', 0x05, 1, 'target'),
];
const WEIGHED = COMMANDS.map((command) => [command.weight, command] as const);
export const commandNamed = (name: string) => COMMANDS.find((command) => command.name === name)!;

export type Fields = Partial<Record<Field, number>>;

/** The 32 bytes of a command as hexadecimal digits. */
export function commandBytes({ opcode }: CommandFormat, fields: Fields, disturb?: (words: number[]) => void): string {
  const words = [opcode, 0, 0, 0, 0, 0, 0, 0];
  for (const [name, value] of Object.entries(fields)) {
    const { word, shift } = PLACES[name as Field];
    words[word]! |= value << shift;
    // a target or an address goes on in the next word
    const beyond = Math.floor((value * 2 ** shift) / 2 ** 32);
    if (beyond) words[word + 1]! |= beyond;
  }
  disturb?.(words);
  return bytesOf(...words);
}

/** MAPI makes LPIs of EventIDs: only a device that has as many can do it. */
function widestDevice(s: Sequence, its: ItsPlan): number {
  if (s.random.chance(0.1)) return deviceOf(s, its);
  return its.devices.reduce((widest, device) => (device.eventBits > widest.eventBits ? device : widest)).id;
}

/** Draws a command's fields around the plan. */
function drawFields(s: Sequence, its: ItsPlan, { name, fields }: CommandFormat): Fields {
  const { random } = s;
  const drawn: Fields = {};
  for (const field of fields) {
    switch (field) {
      case 'deviceId':
        drawn.deviceId = name === 'MAPI' ? widestDevice(s, its) : deviceOf(s, its);
        break;
      case 'eventId':
        drawn.eventId = name === 'MAPI' && random.chance(0.8) ? random.pick(s.tables!.lpis) : eventOf(s);
        break;
      case 'intid':
        drawn.intid = lpiOf(s);
        break;
      case 'collection':
        drawn.collection = collectionOf(s);
        break;
      case 'target':
      case 'target2':
        drawn[field] = targetOf(s);
        break;
      case 'valid':
        drawn.valid = random.chance(name === 'MAPD' ? 0.75 : 0.8) ? 1 : 0;
        break;
      case 'size': {
        const planned = its.devices.find(({ id }) => id === drawn.deviceId)?.eventBits ?? 5;
        drawn.size = (random.chance(0.93) ? planned : random.below(33)) - 1;
        if (drawn.size < 0) drawn.size = 31;
        break;
      }
      case 'ittAddress':
        drawn.ittAddress = ittOf(s, its, its.devices.find(({ id }) => id === drawn.deviceId)?.itt ?? s.tables!.spare);
        break;
    }
  }
  return drawn;
}

/** Bits that the format leaves reserved, another opcode, or any bits at all. */
function disturbance(s: Sequence): ((words: number[]) => void) | undefined {
  const { random } = s;
  if (random.chance(0.95)) return undefined;
  return random.pick([
    (words) => {
      words[random.below(8)]! ^= 1 << random.below(32);
    },
    (words) => {
      words[0] = (words[0]! & ~0xff) | random.below(256);
    },
    (words) => {
      words[7] = random.word();
      words[6] = random.word();
      words[0]! |= random.word() & ~0xff;
    },
    (words) => {
      for (let i = 1; i < 8; i++) words[i] = random.word();
    },
  ] satisfies ((words: number[]) => void)[]);
}

/** Writes a command into the queue where the guest believes that it goes on. CWRITER is not touched. */
export function queueCommand(
  s: Sequence,
  its: ItsPlan,
  command: CommandFormat,
  fields: Fields,
  disturbed = false,
): void {
  const queue = s.vm.queues[its.number]!;
  const bytes = commandBytes(command, fields, disturbed ? disturbance(s) : undefined);
  s.emit({ op: 'mem_write', addr: hex(queue.address + queue.writer), hex: bytes }, command.name);
  queue.writer = (queue.writer + COMMAND_BYTES) % queue.bytes;
}

/** Gives the ITS its queue anew, which empties it: the guest knows again where its commands go. */
export function resetQueue(s: Sequence, its: ItsPlan): void {
  const write = (register: number, value: string, label: string) =>
    s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(its.base + register), len: 8, value }, label);
  s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(its.base + GITS_CTLR), value: '0x0' }, 'GITS_CTLR write');
  write(GITS_CBASER, cbaser(its.queue, its.queuePages), 'GITS_CBASER write');
  s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(its.base + GITS_CTLR), value: '0x1' }, 'GITS_CTLR write');
  s.vm.queues[its.number] = { address: its.queue, bytes: its.queuePages * 4096, writer: 0, unsure: false };
}

/** GITS_CWRITER: the commands up to there are to be carried out. */
export function ringDoorbell(s: Sequence, its: ItsPlan): void {
  const { random } = s;
  const queue = s.vm.queues[its.number]!;
  const vcpu = s.vcpu();
  const write = (value: string, at = 0, len = 8) =>
    s.emit({ op: 'mmio_write', vcpu, addr: hex(its.base + GITS_CWRITER + at), len, value }, 'GITS_CWRITER write');
  switch (random.chance(0.97) ? -1 : random.below(5)) {
    case -1:
      write(hex(queue.writer), 0, random.chance(0.6) ? 8 : 4);
      break;
    case 0: // beyond the queue: ignored; the Retry bit too
      write(hex(queue.bytes + COMMAND_BYTES * random.below(4)));
      write(hex(queue.writer | 1));
      break;
    case 1: // the upper half alone, then the lower one
      write(hex(random.word()), 4, 4);
      write(hex(queue.writer), 0, 4);
      break;
    case 2: // widths that the register does not have
      write(hex(queue.writer & 0xff), 0, 1);
      write(hex(queue.writer & 0xffff), 0, 2);
      write(hex(queue.writer));
      break;
    case 3: // further on or back again: commands of the last round once more
      queue.writer = random.below(queue.bytes / COMMAND_BYTES) * COMMAND_BYTES;
      write(hex(queue.writer));
      break;
    default: // bits that are reserved
      write(hex64(random.word(), queue.writer | (random.word() & 0xfff0001f)));
      break;
  }
}

/** A few commands and a doorbell. */
export function commands(s: Sequence): void {
  const { random } = s;
  const its = random.pick(s.tables!.its);
  if (s.vm.queues[its.number]!.unsure) resetQueue(s, its);
  for (let i = random.weighted([[5, 1] as const, [3, 2] as const, [1, random.between(3, 12)]]); i > 0; i--) {
    const command = random.weighted(WEIGHED);
    queueCommand(s, its, command, drawFields(s, its, command), true);
  }
  ringDoorbell(s, its);
  if (random.chance(0.1)) {
    s.emit({ op: 'mmio_read', vcpu: s.vcpu(), addr: hex(its.base + GITS_CWRITER + 8), len: 8 }, 'GITS_CREADR read');
  }
}

/** A command with what can be seen of it before and after: the summary says how often it made a difference. */
export function observedCommand(s: Sequence): void {
  const { random } = s;
  const its = random.pick(s.tables!.its);
  if (s.vm.queues[its.number]!.unsure) resetQueue(s, its);
  const command = random.weighted(WEIGHED);
  const fields = drawFields(s, its, command);
  if (command.name === 'INV' || command.name === 'INVALL') writeConfiguration(s, random.pick(s.tables!.lpis));
  look(s, its, command, fields, 'before');
  queueCommand(s, its, command, fields);
  s.emit(
    { op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(its.base + GITS_CWRITER), len: 8, value: hex(s.vm.queues[its.number]!.writer) },
    'GITS_CWRITER write',
  ); // biome-ignore format: one operation
  look(s, its, command, fields, 'after');
}

/** LPIs show in KVM's state dump; devices and collections only in the tables. */
function look(s: Sequence, its: ItsPlan, { name }: CommandFormat, fields: Fields, when: 'before' | 'after'): void {
  const label = `${when} ${name}`;
  if (name !== 'MAPD' && name !== 'MAPC') {
    s.emit({ op: 'vgic_state' }, label);
    return;
  }
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) if (s.vm.held[vcpu]) exitOn(s, vcpu, true);
  s.emit({ op: 'set_attr', dev: its.dev, group: GROUP.CTRL, attr: CONTROL.ITS_SAVE_TABLES }, 'save tables');
  const entry = name === 'MAPD' ? deviceEntry(its, fields.deviceId!) : its.collectionTable;
  s.emit({ op: 'mem_read', addr: hex(entry ?? its.deviceTable), len: name === 'MAPD' ? ENTRY : 8 * ENTRY }, label);
  if (when === 'after' && s.random.chance(0.5)) enterOn(s, s.realVcpu());
}
