import fc from 'fast-check';
import { ARCHITECTURE } from './guest.js';
import { ItsGuest, type ItsGuestConfig } from './its-guest.js';

/** Random traffic on a GIC with two ITSs: MSIs, commands and vCPUs, one operation after the other, as data. */

export const CONFIG: ItsGuestConfig = { vcpus: 3, interrupts: 64, ram: 1 << 20, itsCount: 2, listRegisters: 2 };
const DEVICES = 3;
export const EVENTS = 4;
export const FIRST = 8192;

export type Operation =
  | { op: 'msi'; its: number; device: number; event: number }
  | { op: 'map'; its: number; device: number; event: number; collection: number }
  | { op: 'discard' | 'clear' | 'int'; its: number; device: number; event: number }
  | { op: 'move'; its: number; device: number; event: number; collection: number }
  | { op: 'mapCollection'; its: number; collection: number; vcpu: number }
  | { op: 'moveAll'; its: number; from: number; to: number }
  | { op: 'unmapDevice'; its: number; device: number }
  | { op: 'unmapCollection'; its: number; collection: number }
  | { op: 'configure'; its: number; device: number; event: number; value: number }
  | { op: 'enableIts'; its: number; on: boolean }
  | { op: 'enableLpis'; vcpu: number; on: boolean }
  | { op: 'enter' | 'exit' | 'acknowledge' | 'end'; vcpu: number };

/** What runs on a guest: its vCPUs remember what they have acknowledged. */
export class Run {
  readonly stacks: number[][] = [];

  constructor(readonly guest: ItsGuest) {
    for (let vcpu = 0; vcpu < (guest.config.vcpus ?? 1); vcpu++) this.stacks.push([]);
  }

  static intid = ({ its, device, event }: { its: number; device: number; event: number }) =>
    FIRST + (its * DEVICES + device) * EVENTS + event;

  run(operation: Operation): unknown {
    const { guest } = this;
    switch (operation.op) {
      case 'msi':
        return guest.msi(operation.device, operation.event, operation.its);
      case 'map':
        return guest.mapEvent(
          operation.device,
          operation.event,
          Run.intid(operation),
          operation.collection,
          operation.its,
        );
      case 'discard':
      case 'clear':
      case 'int': {
        const name = ({ discard: 'DISCARD', clear: 'CLEAR', int: 'INT' } as const)[operation.op];
        return guest.issue(name, { deviceId: operation.device, eventId: operation.event }, operation.its);
      }
      case 'move': {
        const { device: deviceId, event: eventId, collection } = operation;
        return guest.issue('MOVI', { deviceId, eventId, collection }, operation.its);
      }
      case 'mapCollection':
        return guest.mapCollection(operation.collection, operation.vcpu, operation.its);
      case 'moveAll':
        return guest.issue('MOVALL', { target: operation.from, target2: operation.to }, operation.its);
      case 'unmapDevice':
        guest.unmapDevice(operation.device, operation.its);
        return guest.mapDevice(operation.device, 2, guest.itt(operation.device, operation.its), operation.its);
      case 'unmapCollection':
        return guest.unmapCollection(operation.collection, operation.its);
      case 'configure': {
        // a change of which the GIC is not told may take effect at any time; a move is such a time
        const its = guest.gic.its[operation.its];
        if (!its.enabled || its.devices.get(operation.device)?.intid(operation.event) === 0) return undefined;
        guest.configure(Run.intid(operation), operation.value);
        return guest.issue('INV', { deviceId: operation.device, eventId: operation.event }, operation.its);
      }
      case 'enableIts':
        return guest.store('GITS_CTLR', operation.on ? 1n : 0n, 0, 4, operation.its);
      case 'enableLpis':
        if (operation.on) guest.enableLpis(operation.vcpu);
        else {
          // KVM leaves an LPI that is active then in no list, until something else happens to it
          while (this.stacks[operation.vcpu].length > 0) this.run({ op: 'end', vcpu: operation.vcpu });
          guest.disableLpis(operation.vcpu);
        }
        return undefined;
      case 'enter':
        guest.gic.enter(operation.vcpu);
        return undefined;
      case 'exit':
        guest.gic.exit(operation.vcpu);
        return undefined;
      case 'acknowledge': {
        const { vcpu } = operation;
        guest.gic.enter(vcpu);
        if (!guest.gic.irqAsserted(vcpu)) return undefined;
        const intid = guest.guest.acknowledge(vcpu);
        this.stacks[vcpu].push(intid);
        return intid;
      }
      case 'end': {
        const intid = this.stacks[operation.vcpu].pop();
        if (intid === undefined) return undefined;
        guest.gic.enter(operation.vcpu);
        guest.guest.end(intid, operation.vcpu);
        return intid;
      }
    }
  }
}

/** Two ITSs of three devices, all events mapped, collection n on vCPU n. */
export function start(kvm = ARCHITECTURE): Run {
  const guest = ItsGuest.ready({ ...CONFIG, kvm });
  for (const its of [0, 1]) {
    for (let device = 0; device < DEVICES; device++) {
      guest.mapDevice(device, 2, undefined, its);
      for (let event = 0; event < EVENTS; event++) {
        guest.mapEvent(device, event, Run.intid({ its, device, event }), event % 3, its);
      }
    }
  }
  return new Run(guest);
}

const its = fc.nat(1);
const device = fc.nat(DEVICES - 1);
const event = fc.nat(EVENTS - 1);
const vcpu = fc.nat(2);
const collection = fc.nat(2);
const op = <const Name extends string>(...names: Name[]) => fc.constantFrom(...names);

export const traffic: fc.WeightedArbitrary<Operation>[] = [
  { weight: 8, arbitrary: fc.record({ op: op('msi'), its, device, event }) },
  { weight: 4, arbitrary: fc.record({ op: op('enter', 'acknowledge', 'end', 'exit'), vcpu }) },
  { weight: 3, arbitrary: fc.record({ op: op('acknowledge', 'end'), vcpu }) },
];

/** What a well-behaved guest does to its translations while MSIs come. */
export const commands: fc.WeightedArbitrary<Operation>[] = [
  { weight: 1, arbitrary: fc.record({ op: op('int'), its, device, event }) },
  { weight: 2, arbitrary: fc.record({ op: op('move'), its, device, event, collection }) },
  { weight: 1, arbitrary: fc.record({ op: op('mapCollection'), its, collection, vcpu }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: op('configure'), its, device, event, value: fc.constantFrom(0xa0, 0xa1, 0xa1, 0x41) }),
  },
];

/** What it does when it does not care about what is pending, or is odd. */
export const upheavals: fc.WeightedArbitrary<Operation>[] = [
  { weight: 1, arbitrary: fc.record({ op: op('map'), its, device, event, collection }) },
  { weight: 2, arbitrary: fc.record({ op: op('discard', 'clear'), its, device, event }) },
  { weight: 1, arbitrary: fc.record({ op: op('moveAll'), its, from: vcpu, to: vcpu }) },
  { weight: 1, arbitrary: fc.record({ op: op('unmapDevice'), its, device }) },
  { weight: 1, arbitrary: fc.record({ op: op('unmapCollection'), its, collection }) },
  { weight: 1, arbitrary: fc.record({ op: op('enableIts'), its, on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: op('enableLpis'), vcpu, on: fc.boolean() }),
  },
];

export const sequence = (...kinds: fc.WeightedArbitrary<Operation>[][]) =>
  fc.array(fc.oneof(...kinds.flat()), { maxLength: 40, size: 'max' });
