import fc from 'fast-check';
import type { Gicv4Version } from '../../src/gicv4.js';
import { type GicState, type KvmCompatibility, restoreGic, saveGic } from '../../src/index.js';
import { testBit } from '../../src/interrupts/bitmap.js';
import { ARCHITECTURE, SPURIOUS } from '../guest.js';
import { DEVICE, FIRST_LPI, PassedThrough } from './passed-through.js';

/**
 * Random traffic of a passed-through device on a guest with direct injection, and beside it what must come of it: each MSI
 * that is sent while its event is mapped and its LPI enabled is taken at least once from then on, and nothing is taken that
 * was not sent. The guest's vCPUs wait with WFI, and run again only if a kick comes and `hasPending` then says so.
 */

export const VCPUS = 3;
const CPUS = 2;
const EVENTS = 12;
/** Two pairs of events lead to one LPI each. */
const LPIS = 10;
const PRIORITIES = [0x20, 0x60, 0xa0];

const intidOf = (event: number) => FIRST_LPI + (event % LPIS) * 11;
const priorityOf = (intid: number) => PRIORITIES[((intid - FIRST_LPI) / 11) % PRIORITIES.length];

export type HostKind = Gicv4Version | 3;

export type Operation =
  | {
      readonly op: 'msi' | 'int' | 'clear' | 'discard' | 'invalidate' | 'forward' | 'unforward';
      readonly event: number;
    }
  | { readonly op: 'map' | 'moveEvent'; readonly event: number; readonly collection: number }
  | { readonly op: 'configure'; readonly event: number; readonly enable: boolean }
  | { readonly op: 'moveCollection'; readonly collection: number; readonly vcpu: number }
  | { readonly op: 'moveAll'; readonly from: number; readonly to: number }
  | { readonly op: 'invalidateAll'; readonly collection: number }
  | { readonly op: 'enter'; readonly vcpu: number; readonly cpu: number }
  | { readonly op: 'preempt' | 'wait' | 'acknowledge' | 'end' | 'reenter' | 'lpisOffAndOn'; readonly vcpu: number }
  | { readonly op: 'mapDevice' | 'rest' | 'save' }
  | { readonly op: 'distributor'; readonly on: boolean }
  | { readonly op: 'migrate'; readonly to: HostKind };

/** Operations that {@link ForwardedTraffic.run} does on a machine whose host may be any of these. */
export function operations(hosts: readonly HostKind[]): fc.Arbitrary<Operation> {
  const event = fc.nat(EVENTS - 1);
  const vcpu = fc.nat(VCPUS - 1);
  const collection = vcpu;
  const op = <const Name extends string>(...names: Name[]) => fc.constantFrom(...names);
  return fc.oneof(
    { weight: 120, arbitrary: fc.record({ op: op('msi'), event }) },
    { weight: 40, arbitrary: fc.record({ op: op('int', 'clear', 'discard', 'invalidate'), event }) },
    { weight: 110, arbitrary: fc.record({ op: op('forward', 'forward', 'forward', 'unforward'), event }) },
    { weight: 50, arbitrary: fc.record({ op: op('map', 'map', 'moveEvent'), event, collection }) },
    { weight: 20, arbitrary: fc.record({ op: op('configure'), event, enable: fc.boolean() }) },
    { weight: 10, arbitrary: fc.record({ op: op('moveCollection'), collection, vcpu }) },
    { weight: 10, arbitrary: fc.record({ op: op('moveAll'), from: vcpu, to: vcpu }) },
    { weight: 10, arbitrary: fc.record({ op: op('invalidateAll'), collection }) },
    { weight: 90, arbitrary: fc.record({ op: op('enter'), vcpu, cpu: fc.nat(CPUS - 1) }) },
    {
      weight: 200,
      arbitrary: fc.record({ op: op('preempt', 'wait', 'wait', 'acknowledge', 'acknowledge', 'end', 'reenter'), vcpu }),
    },
    { weight: 3, arbitrary: fc.record({ op: op('lpisOffAndOn'), vcpu }) },
    { weight: 3, arbitrary: fc.record({ op: op('mapDevice') }) },
    { weight: 20, arbitrary: fc.record({ op: op('rest', 'save') }) },
    { weight: 6, arbitrary: fc.record({ op: op('distributor'), on: fc.boolean() }) },
    { weight: 10, arbitrary: fc.record({ op: op('migrate'), to: fc.constantFrom(...hosts) }) },
  ) as fc.Arbitrary<Operation>;
}

/** Where a vCPU is: in the guest, taken off its CPU, or in WFI. */
type Place = 'guest' | 'preempted' | 'waiting';

export class ForwardedTraffic {
  machine: PassedThrough;
  /** LPIs that must be taken. */
  readonly owed = new Set<number>();
  /** How often each LPI may still be taken: an MSI that comes while a list register has the last one is a second one. */
  readonly allowed = new Map<number, number>();
  /** LPIs that were pending in software while the distributor was off: in KVM 6.12 they wait for the next event. */
  readonly dormant = new Set<number>();
  readonly mapped = new Set<number>();
  readonly places: Place[] = new Array(VCPUS).fill('preempted');
  readonly kicked: boolean[] = new Array(VCPUS).fill(false);
  /** What each guest has acknowledged and not ended. */
  readonly stacks: number[][] = Array.from({ length: VCPUS }, () => []);
  distributorOn = true;

  constructor(
    readonly host: HostKind,
    /** Told of each machine before anything happens to it: a test may break something there. */
    readonly onMachine: (machine: PassedThrough) => void = () => {},
    readonly kvm: KvmCompatibility = ARCHITECTURE,
  ) {
    this.machine = new PassedThrough({ gicv4: host, vcpus: VCPUS, cpus: CPUS, listRegisters: 4, kvm });
    this.#adopt();
    const { its } = this.machine;
    for (let event = 0; event < EVENTS; event++) its.configure(intidOf(event), priorityOf(intidOf(event)) | 1);
    its.mapDevice(DEVICE);
    for (let event = 0; event < EVENTS; event++) this.#map(event, event % VCPUS);
  }

  #adopt(): void {
    this.machine.gic.events.on('kick', (vcpu) => {
      this.kicked[vcpu] = true;
    });
    this.onMachine(this.machine);
  }

  get #asKvm(): boolean {
    return this.kvm === '6.12';
  }

  // ---- what must come of it

  #sent(event: number): void {
    if (!this.mapped.has(event)) return;
    const intid = intidOf(event);
    this.allowed.set(intid, Math.min(2, (this.allowed.get(intid) ?? 0) + 1));
    if (this.distributorOn || !this.#asKvm) this.owed.add(intid);
    else this.dormant.add(intid);
  }

  #taken(intid: number): void {
    const count = this.allowed.get(intid) ?? 0;
    if (count === 0) throw new Error(`LPI ${intid} was taken, but not sent.`);
    this.allowed.set(intid, count - 1);
    this.owed.delete(intid);
    this.dormant.delete(intid);
  }

  #isEnabled(intid: number): boolean {
    return (this.machine.its.memory.load8(this.machine.its.properties + intid - FIRST_LPI) & 1) !== 0;
  }

  /** DISCARD and MAPD take what is pending along; in KVM 6.12 the last translation of a disabled LPI alone does. */
  #unmapped(event: number): void {
    if (!this.mapped.delete(event)) return;
    const intid = intidOf(event);
    const isLast = ![...this.mapped].some((each) => intidOf(each) === intid);
    if (!this.#asKvm) this.#cleared(intid, isLast);
    else if (isLast && !this.#isEnabled(intid)) this.owed.delete(intid);
  }

  /** An LPI is pending no more, wherever it was; unless the host has it for another event. */
  #cleared(intid: number, everywhere: boolean): void {
    this.owed.delete(intid);
    if (everywhere && !this.#asKvm) this.allowed.delete(intid);
  }

  #map(event: number, collection: number): void {
    if (this.mapped.has(event)) return;
    const { its } = this.machine;
    const intid = intidOf(event);
    // a save has left the bit there
    for (let vcpu = 0; vcpu < VCPUS; vcpu++) {
      if (its.pendingBit(intid, vcpu)) this.allowed.set(intid, 2);
    }
    its.mapEvent(DEVICE, event, intid, collection);
    this.mapped.add(event);
    this.machine.event('INV', event);
  }

  // ---- vCPUs

  /** Whether a vCPU may run now: one that waits only if it was kicked and has something to take. */
  #runnable(vcpu: number): boolean {
    if (this.places[vcpu] !== 'waiting') return true;
    if (!this.kicked[vcpu]) return false;
    this.kicked[vcpu] = false;
    if (!this.machine.gic.hasPending(vcpu)) return false;
    this.places[vcpu] = 'preempted';
    return true;
  }

  /**
   * In KVM 6.12 an LPI that is pending no more stays in the list of a vCPU that sleeps. Moved to another one and sent again it
   * would wait until the sleeper runs: so that one wakes up for no reason, as WFI allows.
   */
  #letGo(intid: number): void {
    if (!this.#asKvm) return;
    const { irqs } = this.machine.gic;
    const i = irqs.lpiIndex(intid);
    const owner = i < 0 ? -1 : irqs.lists.owner[i];
    if (owner >= 0 && this.places[owner] === 'waiting') this.places[owner] = 'preempted';
  }

  #enter(vcpu: number, cpu: number): void {
    if (this.places[vcpu] === 'guest' || !this.#runnable(vcpu)) return;
    const { cpuOf } = this.machine;
    for (let other = 0; other < VCPUS; other++) if (cpuOf[other] === cpu) this.#preempt(other);
    cpuOf[vcpu] = cpu;
    this.places[vcpu] = 'guest';
    this.machine.gic.enter(vcpu);
  }

  #preempt(vcpu: number): void {
    if (this.places[vcpu] !== 'guest') return;
    this.machine.gic.exit(vcpu);
    this.places[vcpu] = 'preempted';
  }

  #wait(vcpu: number): void {
    if (this.places[vcpu] !== 'guest') return;
    const { gic } = this.machine;
    while (this.stacks[vcpu].length > 0) this.#end(vcpu);
    gic.enter(vcpu);
    // WFI ends at once
    if (gic.irqAsserted(vcpu)) return;
    gic.wait(vcpu);
    this.places[vcpu] = 'waiting';
    // KVM looks before it sleeps
    this.kicked[vcpu] = true;
    this.#runnable(vcpu);
  }

  #acknowledge(vcpu: number): boolean {
    if (this.places[vcpu] !== 'guest') return false;
    const intid = this.machine.guest.acknowledge(vcpu);
    if (intid === SPURIOUS) return false;
    this.#taken(intid);
    this.stacks[vcpu].push(intid);
    return true;
  }

  #end(vcpu: number): void {
    if (this.places[vcpu] !== 'guest') return;
    const intid = this.stacks[vcpu].pop();
    if (intid !== undefined) this.machine.guest.end(intid, vcpu);
  }

  /** Every vCPU that may run does, until nothing is left: then everything that was sent has been taken. */
  rest(): void {
    if (!this.distributorOn) this.run({ op: 'distributor', on: true });
    for (let quiet = false, rounds = 0; !quiet; rounds++) {
      if (rounds > 100) throw new Error('The vCPUs never come to rest.');
      quiet = true;
      for (let vcpu = 0; vcpu < VCPUS; vcpu++) {
        if (this.places[vcpu] !== 'guest') this.#enter(vcpu, vcpu % CPUS);
        if (this.places[vcpu] !== 'guest') continue;
        quiet = false;
        while (this.stacks[vcpu].length > 0) this.#end(vcpu);
        for (;;) {
          this.machine.gic.enter(vcpu);
          if (!this.#acknowledge(vcpu)) break;
          this.#end(vcpu);
        }
        this.#wait(vcpu);
      }
    }
    for (const intid of this.owed) {
      if (this.#isEnabled(intid)) throw new Error(`LPI ${intid} was sent, but never taken.`);
    }
    // nothing of what is enabled can be anywhere any more
    for (const intid of [...this.allowed.keys()]) {
      if (this.#isEnabled(intid) && !this.dormant.has(intid)) this.allowed.delete(intid);
    }
  }

  // ---- saving and moving

  #stop(): void {
    for (let vcpu = 0; vcpu < VCPUS; vcpu++) this.#preempt(vcpu);
  }

  #migrate(to: HostKind): void {
    this.#stop();
    const { machine } = this;
    if (machine.gic.forwarding?.readable === false) {
      for (let event = 0; event < EVENTS; event++) machine.unforward(event);
    }
    const { state, pages } = saveGic(machine.gic);
    const sent = JSON.parse(JSON.stringify(state)) as GicState;
    const ram = { guest: machine.its, bytes: machine.its.memory.bytes.slice() };
    this.machine = new PassedThrough({ ...machine.config, gicv4: to }, ram);
    this.machine.cpuOf.splice(0, VCPUS, ...machine.cpuOf);
    restoreGic(this.machine.gic, { state: sent, pages });
    this.#adopt();
    for (let vcpu = 0; vcpu < VCPUS; vcpu++) {
      if (this.places[vcpu] !== 'waiting') continue;
      this.machine.gic.wait(vcpu);
      this.kicked[vcpu] = true;
    }
  }

  run(operation: Operation): void {
    const { machine } = this;
    const { its } = machine;
    switch (operation.op) {
      case 'msi':
        this.#sent(operation.event);
        machine.msi(operation.event);
        break;
      case 'int':
        this.#sent(operation.event);
        machine.event('INT', operation.event);
        break;
      case 'clear':
        if (this.mapped.has(operation.event)) this.#cleared(intidOf(operation.event), true);
        machine.event('CLEAR', operation.event);
        this.#letGo(intidOf(operation.event));
        break;
      case 'discard':
        machine.event('DISCARD', operation.event);
        this.#unmapped(operation.event);
        break;
      case 'invalidate':
        machine.event('INV', operation.event);
        break;
      case 'map':
        this.#map(operation.event, operation.collection);
        break;
      case 'moveEvent':
        machine.event('MOVI', operation.event, { collection: operation.collection });
        break;
      case 'forward':
        machine.forward(operation.event);
        break;
      case 'unforward':
        machine.unforward(operation.event);
        break;
      case 'configure': {
        if (!this.mapped.has(operation.event)) break;
        const intid = intidOf(operation.event);
        its.configure(intid, priorityOf(intid) | (operation.enable ? 1 : 0));
        machine.event('INV', operation.event);
        this.#letGo(intid);
        break;
      }
      case 'moveCollection':
        its.mapCollection(operation.collection, operation.vcpu);
        break;
      case 'moveAll':
        machine.issue('MOVALL', { target: operation.from, target2: operation.to });
        break;
      case 'invalidateAll':
        machine.issue('INVALL', { collection: operation.collection });
        break;
      case 'enter':
        this.#enter(operation.vcpu, operation.cpu);
        break;
      case 'preempt':
        this.#preempt(operation.vcpu);
        break;
      case 'reenter':
        if (this.places[operation.vcpu] === 'guest') machine.gic.enter(operation.vcpu);
        break;
      case 'wait':
        this.#wait(operation.vcpu);
        break;
      case 'acknowledge':
        this.#acknowledge(operation.vcpu);
        break;
      case 'end':
        this.#end(operation.vcpu);
        break;
      case 'lpisOffAndOn':
        if (!this.#asKvm) {
          // the pending table has between the two what is pending in software
          its.disableLpis(operation.vcpu);
          its.enableLpis(operation.vcpu, false);
          break;
        }
        // one that it serves would stay active for ever
        if (this.stacks[operation.vcpu].length > 0) break;
        // what waits in software is dropped, and the pending table is said to be empty; nothing stops what is forwarded
        for (const intid of this.owed) {
          const i = machine.gic.irqs.lpiIndex(intid);
          if (i < 0 || !testBit(machine.gic.irqs.onVpe, i)) this.owed.delete(intid);
        }
        its.disableLpis(operation.vcpu);
        its.enableLpis(operation.vcpu);
        break;
      case 'mapDevice':
        its.mapDevice(DEVICE, 5, its.itt(DEVICE));
        for (const event of [...this.mapped]) this.#unmapped(event);
        for (let event = 0; event < EVENTS; event += 2) this.#map(event, event % VCPUS);
        break;
      case 'distributor':
        if (!operation.on && this.#asKvm) {
          for (const [intid, count] of this.allowed) if (count > 0) this.dormant.add(intid);
          this.owed.clear();
        }
        this.distributorOn = operation.on;
        machine.guest.store('GICD_CTLR', operation.on ? 3 : 0);
        break;
      case 'rest':
        this.rest();
        break;
      case 'save':
        this.#stop();
        if (machine.gic.forwarding?.readable !== false) saveGic(machine.gic);
        break;
      case 'migrate':
        this.#migrate(operation.to);
        break;
    }
  }
}
