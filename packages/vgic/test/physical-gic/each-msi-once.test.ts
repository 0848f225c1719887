import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Gicv4Version } from '../../src/architecture/gicv4.js';
import { NO_INTID } from '../../src/gicv4.js';
import { CONFIGURATION, doorbellOf, Host, VPEND } from './host.js';

/**
 * The property that direct injection has to have: each MSI that is sent while its vPE is mapped is pending or acknowledged,
 * once; nothing is taken that was not sent; and a vPE that went with a doorbell requested is told of what it has to take.
 */

const EVENTS = 12;
const VPES = 3;
const CPUS = 2;
const intidOf = (event: number) => 8192 + event * 37;
const OPERATIONS_OF_RUN = 60;
const RUNS = 400;

type Operation =
  | { readonly op: 'msi' | 'discard' | 'invalidate' | 'int'; readonly event: number }
  | { readonly op: 'configure'; readonly event: number; readonly enable: boolean; readonly priority: number }
  | { readonly op: 'map' | 'moveEvent'; readonly event: number; readonly vpe: number }
  | { readonly op: 'enter' | 'movePe'; readonly vpe: number; readonly cpu: number }
  | { readonly op: 'exit'; readonly vpe: number; readonly doorbell: boolean }
  | { readonly op: 'save' | 'invalidateAll' | 'take'; readonly vpe: number };

const event = fc.nat(EVENTS - 1);
const vpe = fc.nat(VPES - 1);
const cpu = fc.nat(CPUS - 1);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constantFrom('msi', 'msi', 'msi', 'int', 'invalidate', 'discard'), event }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('configure'),
      event,
      enable: fc.boolean(),
      priority: fc.constantFrom(0x20, 0x24, 0xa0),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('map', 'moveEvent'), event, vpe }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('enter', 'enter', 'movePe'), vpe, cpu }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('exit'), vpe, doorbell: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('save', 'invalidateAll', 'take', 'take'), vpe }) },
) as fc.Arbitrary<Operation>;

/** What a hypervisor may leave out, to see that the property notices. */
type LeftOut = 'nothing' | 'the pending table at VMAPP' | 'the unmap before the read';

/** What should be, kept beside the model in plain sets. */
class Traffic {
  readonly host: Host;
  readonly pending = Array.from({ length: VPES }, () => new Set<number>());
  /** vPE of each mapped event. */
  readonly target = new Map<number, number>();
  /** The configuration byte of each INTID, as the redistributors hold it. */
  readonly configuration = new Map<number, number>();
  readonly resident = new Map<number, number>();
  /** vPEs that went with a doorbell requested, and whether they have been told. */
  readonly waiting = new Map<number, boolean>();

  constructor(
    readonly version: Gicv4Version,
    readonly leftOut: LeftOut,
  ) {
    this.host = new Host({
      gicv4: version,
      cpus: CPUS,
      onPhysicalLpi: (_cpu, intid) => {
        for (const each of this.waiting.keys()) {
          if (version === 40 ? this.target.get(intid - 9000) === each : intid === doorbellOf(each)) {
            this.waiting.set(each, true);
          }
        }
      },
    });
    this.host.mapDevice(1);
    for (let n = 0; n < VPES; n++) this.host.mapVpe(n, n % CPUS);
    for (let n = 0; n < EVENTS; n++) {
      this.configuration.set(intidOf(n), CONFIGURATION);
      this.map(n, n % VPES);
    }
    // GICv4.0 knows the configuration of a vPE once it has been resident
    for (let n = 0; n < VPES; n++) {
      this.enter(n, 0);
      this.exit(n, false);
    }
  }

  map(n: number, to: number): void {
    if (this.target.has(n)) return;
    this.host.mapEvent(1, n, to, intidOf(n), 9000 + n);
    this.target.set(n, to);
    this.configuration.set(intidOf(n), this.#configured(n));
  }

  /** The configuration byte in memory. */
  #configured(n: number): number {
    return this.host.memory.load8(this.host.virtualProperties + intidOf(n) - 8192);
  }

  enter(n: number, on: number): void {
    if (this.resident.has(n) || [...this.resident.values()].includes(on)) return;
    this.waiting.delete(n);
    this.resident.set(n, on);
    this.host.enter(n, on);
  }

  exit(n: number, doorbell: boolean): void {
    const on = this.resident.get(n);
    if (on === undefined) return;
    const last = this.host.exit(on, doorbell ? VPEND.doorbell : 0);
    this.resident.delete(n);
    expect(last).toBe(this.deliverable(n).length > 0);
    if (doorbell) this.waiting.set(n, last);
  }

  #priority(intid: number): number {
    return this.configuration.get(intid)! & 0xf8;
  }

  /** The best first. */
  deliverable(n: number): number[] {
    return [...this.pending[n]]
      .filter((intid) => this.configuration.get(intid)! & 1)
      .sort((a, b) => this.#priority(a) - this.#priority(b) || a - b);
  }

  take(n: number): void {
    if (!this.resident.has(n)) return;
    const intid = this.host.gic.best(n);
    expect(intid).toBe(this.deliverable(n)[0] ?? NO_INTID);
    if (intid === NO_INTID) return;
    expect(this.host.gic.acknowledge(n, intid)).toBe(true);
    this.pending[n].delete(intid);
  }

  /** As at a migration: what the table in memory says is all that there is at the other end. */
  save(n: number): void {
    this.exit(n, false);
    this.waiting.delete(n);
    const { host } = this;
    if (this.leftOut !== 'the unmap before the read') host.unmapVpe(n);
    const inMemory = [...this.target.keys()].map(intidOf).filter((intid) => host.inMemory(n, intid));
    expect(inMemory.sort()).toEqual([...this.pending[n]].sort());
    host.mapVpe(n, n % CPUS, this.leftOut === 'the pending table at VMAPP' ? { pendingZero: 1 } : {});
    // the configuration of what is mapped to the vPE is read anew: by VMAPP, in GICv4.0 by the first residency
    this.invalidate((each) => this.target.get(each) === n);
    for (const [other, on] of this.resident) if (on === 0) this.exit(other, false);
    this.enter(n, 0);
    this.exit(n, false);
  }

  invalidate(which: (n: number) => boolean): void {
    for (const n of this.target.keys()) if (which(n)) this.configuration.set(intidOf(n), this.#configured(n));
  }

  run(operation: Operation): void {
    const { host } = this;
    switch (operation.op) {
      case 'msi':
      case 'int': {
        const to = this.target.get(operation.event);
        if (to !== undefined) this.pending[to].add(intidOf(operation.event));
        if (operation.op === 'msi') host.gic.msi(1, operation.event);
        else host.issue('INT', { deviceId: 1, eventId: operation.event });
        break;
      }
      case 'discard': {
        const to = this.target.get(operation.event);
        if (to !== undefined) this.pending[to].delete(intidOf(operation.event));
        this.target.delete(operation.event);
        host.issue('DISCARD', { deviceId: 1, eventId: operation.event });
        break;
      }
      case 'invalidate':
        this.invalidate((n) => n === operation.event);
        host.issue('INV', { deviceId: 1, eventId: operation.event });
        break;
      case 'configure':
        host.configureVirtual(intidOf(operation.event), operation.priority | (operation.enable ? 1 : 0));
        break;
      case 'map':
        this.map(operation.event, operation.vpe);
        break;
      case 'moveEvent': {
        const from = this.target.get(operation.event);
        const intid = intidOf(operation.event);
        if (from === undefined) break;
        this.target.set(operation.event, operation.vpe);
        if (this.pending[from].delete(intid)) this.pending[operation.vpe].add(intid);
        host.issue('VMOVI', { deviceId: 1, eventId: operation.event, vpe: operation.vpe });
        break;
      }
      case 'enter':
        this.enter(operation.vpe, operation.cpu);
        break;
      case 'movePe': {
        const moved = { moveDoorbell: 1, movedDoorbell: doorbellOf(operation.vpe) };
        host.issue('VMOVP', { vpe: operation.vpe, target: operation.cpu, ...(this.version === 41 ? moved : {}) });
        break;
      }
      case 'exit':
        this.exit(operation.vpe, operation.doorbell);
        break;
      case 'save':
        this.save(operation.vpe);
        break;
      case 'invalidateAll':
        this.invalidate((n) => this.target.get(n) === operation.vpe);
        host.issue('VINVALL', { vpe: operation.vpe });
        break;
      case 'take':
        this.take(operation.vpe);
        break;
    }
    this.#check();
  }

  #check(): void {
    if (this.version !== 41) return;
    for (const [n, told] of this.waiting) if (!told) expect(this.deliverable(n)).toEqual([]);
  }

  /** All that is pending is taken, each once. */
  finish(): void {
    for (const n of this.resident.keys()) this.exit(n, false);
    for (let n = 0; n < EVENTS; n++) {
      this.host.configureVirtual(intidOf(n), 0xa1);
      this.host.issue('INV', { deviceId: 1, eventId: n });
    }
    for (let n = 0; n < VPES; n++) {
      this.host.enter(n, 0);
      expect(this.host.taken(n).sort()).toEqual([...this.pending[n]].sort());
      this.host.exit(0);
    }
  }
}

const property = (version: Gicv4Version, leftOut: LeftOut) =>
  fc.property(fc.array(operation, { minLength: OPERATIONS_OF_RUN / 2, maxLength: OPERATIONS_OF_RUN }), (operations) => {
    const traffic = new Traffic(version, leftOut);
    for (const each of operations) traffic.run(each);
    traffic.finish();
  });

it.each([41, 40] as const)(
  'with GICv4 version %i each MSI sent is taken once, and nothing else',
  (version) => {
    fc.assert(property(version, 'nothing'), { numRuns: RUNS });
  },
  60_000,
);

it.each(['the pending table at VMAPP', 'the unmap before the read'] as const)(
  'a negative control: without %s interrupts are lost',
  (leftOut) => {
    expect(fc.check(property(41, leftOut), { numRuns: RUNS, endOnFailure: true }).failed).toBe(true);
  },
  60_000,
);
