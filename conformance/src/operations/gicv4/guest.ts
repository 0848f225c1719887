/** What a GICv4 guest does that other operations are made of: commands, the configuration of LPIs, taking what there is. */
import { FIRST_LPI, type ItsPlan } from '../../generator/guest-tables.js';
import { hex } from '../../generator/protocol.js';
import { type DISTRIBUTOR_3, GITS_CWRITER, REDISTRIBUTOR, REDISTRIBUTOR_STRIDE } from '../../generator/registers.js';
import type { Answer, Sequence } from '../../generator/sequence.js';
import { enterOn, exitOn } from '../gic/delivery.js';
import { commandNamed, type Fields, queueCommand, resetQueue } from '../its/commands.js';
import { eventsOf, type ForwardableEvent } from './events.js';

export const collectionOf = (s: Sequence): number => s.random.pick(s.tables!.collections);

/** Sends commands to an ITS. */
export function command(
  s: Sequence,
  its: ItsPlan,
  ...list: readonly (readonly [name: string, fields: Fields])[]
): void {
  if (s.vm.queues[its.number]!.unsure) resetQueue(s, its);
  for (const [name, fields] of list) queueCommand(s, its, commandNamed(name), fields);
  const { writer } = s.vm.queues[its.number]!;
  const write = {
    op: 'mmio_write',
    vcpu: s.realVcpu(),
    addr: hex(its.base + GITS_CWRITER),
    len: 8,
    value: hex(writer),
  };
  s.emit(write, 'GITS_CWRITER write');
}

export function mapTo(s: Sequence, { deviceId, eventId, lpi }: ForwardableEvent): [string, Fields] {
  return ['MAPTI', { deviceId, eventId, intid: lpi, collection: collectionOf(s) }];
}

export function mapAll(s: Sequence, its: ItsPlan): void {
  const { random } = s;
  const list: [string, Fields][] = [];
  for (const collection of s.tables!.collections) {
    if (random.chance(0.97)) list.push(['MAPC', { collection, target: s.realVcpu(), valid: 1 }]);
  }
  for (const { id, eventBits, itt } of its.devices) {
    list.push(['MAPD', { deviceId: id, size: eventBits - 1, ittAddress: itt, valid: 1 }]);
    for (const event of eventsOf(s).filter((each) => each.its === its && each.deviceId === id)) {
      if (random.chance(0.97)) list.push(mapTo(s, event));
    }
  }
  command(s, its, ...list);
}

export const register = (frame: typeof DISTRIBUTOR_3, name: string) =>
  frame.registers.find((row) => row.name === name)!.offset;

export function writeGicr(s: Sequence, vcpu: number, name: string, value: string, at = 0, len = 4): void {
  const address = s.vm.configuration.redistributors + vcpu * REDISTRIBUTOR_STRIDE + register(REDISTRIBUTOR, name) + at;
  s.emit(
    { op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(address), value, ...(len === 4 ? {} : { len }) },
    `${name} write`,
  );
}

export function configure(s: Sequence, lpi: number): void {
  const { random } = s;
  const byte = (random.pick(s.priorities) & 0xfc) | (random.chance(0.5) ? 2 : 0) | (random.chance(0.85) ? 1 : 0);
  const hexByte = byte.toString(16).padStart(2, '0');
  s.emit({ op: 'mem_write', addr: hex(s.tables!.configuration + lpi - FIRST_LPI), hex: hexByte }, 'LPI configuration');
}

/** All vCPUs leave the guest and their physical CPUs: nothing is in list registers. */
export function stop(s: Sequence): void {
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) exitOn(s, vcpu, true);
}

/** Every vCPU enters, takes what there is, ends it, and mostly stays. */
export function takeAll(s: Sequence): void {
  const { random } = s;
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) {
    if (random.chance(0.15)) continue;
    enterOn(s, vcpu);
    for (let n = random.between(1, 3); n > 0; n--) take(s, vcpu);
    if (random.chance(0.3)) exitOn(s, vcpu);
  }
}

function take(s: Sequence, vcpu: number): void {
  const { random } = s;
  if (random.chance(0.2)) s.emit({ op: 'icc_read', vcpu, reg: 'ICC_HPPIR1_EL1' }, 'ICC_HPPIR1_EL1 read');
  s.emit({ op: 'icc_read', vcpu, reg: 'ICC_IAR1_EL1' }, 'ICC_IAR1_EL1 read', ({ value }: Answer) => {
    const intid = Number(value ?? 1023);
    if (intid >= 1020 && intid < FIRST_LPI) return;
    const end = (reg: string) => s.emit({ op: 'icc_write', vcpu, reg, value: hex(intid) }, `${reg} write`);
    end('ICC_EOIR1_EL1');
    if (intid < FIRST_LPI && s.vm.twoSteps[vcpu]) end('ICC_DIR_EL1');
  });
}
