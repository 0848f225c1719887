import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gicv4Driver } from '../src/gicv4.js';
import {
  Checkpoint,
  type Gic,
  type GicConfig,
  GicError,
  Ram,
  type StatePart,
  type StateVisitor,
  vgicState,
} from '../src/index.js';
import { Guest } from './guest.js';
import * as its from './its-traffic.js';
import { differences, objectGraph } from './object-graph.js';
import { Actors, CAST, controls, deliveries, type Operation, prepare, stores } from './traffic.js';

/** A world that can be put back: a GIC, the RAM that it works on, and what its guests remember. */
interface World<Operation> {
  readonly gic: Gic;
  readonly parts: StatePart;
  readonly stacks: number[][][];
  run(operation: Operation): unknown;
}

/** What software sees after each operation. */
function answers<Operation>(world: World<Operation>, operations: readonly Operation[]): unknown[] {
  const { gic } = world;
  return operations.map((operation) => {
    const seen = [world.run(operation)];
    for (let vcpu = 0; vcpu < gic.irqs.vcpus; vcpu++) {
      seen.push(gic.irqAsserted(vcpu), gic.fiqAsserted(vcpu), gic.maintenanceAsserted(vcpu), gic.hasPending(vcpu));
      seen.push(gic.kicks(vcpu), gic.isInGuest(vcpu), gic.isLoaded(vcpu));
    }
    return seen;
  });
}

/**
 * Some operations, a checkpoint, others, back: now it must be as it was, and what is done next must be answered as on the
 * way that was taken first.
 */
function comesBack<Operation>(
  world: World<Operation>,
  [before, next, other]: readonly (readonly Operation[])[],
  take = (part: StatePart) => new Checkpoint().take(part),
): void {
  const { gic, parts } = world;
  for (const operation of before) world.run(operation);
  const checkpoint = take(parts);
  const stacks = structuredClone(world.stacks);
  const back = () => {
    checkpoint.restore(parts);
    for (const [n, saved] of stacks.entries()) {
      for (const [vcpu, stack] of saved.entries()) world.stacks[n][vcpu].splice(0, Infinity, ...stack);
    }
  };
  const hash = gic.hash();
  const state = vgicState(gic);
  const seen = answers(world, next);
  const after = [gic.hash(), vgicState(gic)];
  back();
  expect([gic.hash(), vgicState(gic)]).toEqual([hash, state]);
  answers(world, other);
  back();
  expect([gic.hash(), vgicState(gic)]).toEqual([hash, state]);
  expect(answers(world, next)).toEqual(seen);
  expect([gic.hash(), vgicState(gic)]).toEqual(after);
}

function traffic(config: GicConfig, eoiMode: boolean): World<Operation> {
  const actors = new Actors(prepare(new Guest(config), CAST), eoiMode);
  const { gic } = actors.guest;
  return {
    gic,
    parts: gic,
    stacks: [actors.stacks, actors.dropped],
    run: (operation) => actors.run(operation),
  };
}

function itsTraffic(): World<its.Operation> {
  const run = its.start();
  const { gic, memory } = run.guest;
  const parts: StatePart = {
    visitState(state) {
      gic.visitState(state);
      memory.visitState(state);
    },
  };
  return { gic, parts, stacks: [run.stacks], run: (operation) => run.run(operation) };
}

const base = { vcpus: CAST.vcpus, interrupts: 64, listRegisters: 2 };

const operations = (version: 2 | 3) =>
  fc.array(
    fc.oneof(
      { weight: 12, arbitrary: deliveries(CAST) },
      { weight: 2, arbitrary: stores(CAST, version) },
      { weight: 1, arbitrary: controls(CAST, version) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('deactivate' as const), vcpu: fc.nat(CAST.vcpus - 1) }) },
    ),
    { maxLength: 40, size: 'max' },
  );
const three = <Value>(each: fc.Arbitrary<Value>) => fc.tuple(each, each, each);
const itsOperations = three(its.sequence(its.traffic, its.commands, its.upheavals));

describe('a checkpoint of a GIC, after whatever happens', () => {
  it.each([
    { version: 2 as const },
    { version: 2 as const, hostVersion: 3 as const },
    { version: 3 as const, priorityBits: 7 },
  ])('brings it back to where it was, from where everything goes as before: %o', (config) => {
    fc.assert(
      fc.property(three(operations(config.version)), fc.boolean(), (sequences, eoiMode) => {
        comesBack(traffic({ ...base, ...config }, eoiMode), sequences);
      }),
      { numRuns: 150 },
    );
  });

  it('brings ITSs back with their translations, caches and LPIs', () => {
    fc.assert(
      fc.property(itsOperations, (sequences) => comesBack(itsTraffic(), sequences)),
      { numRuns: 150 },
    );
  });

  /** A checkpoint without the n-th array or number, as if its owner had forgotten it. */
  const forgetful = (lost: (state: StateVisitor) => Partial<StateVisitor>) => (part: StatePart) => {
    const around = (state: StateVisitor): StateVisitor => {
      const methods: StateVisitor = {
        visible: state.visible,
        shape: (name, value) => state.shape(name, value),
        number: (value) => state.number(value),
        flag: (value) => state.flag(value),
        array: (array, from, to) => state.array(array, from, to),
      };
      return Object.assign(methods, lost(state));
    };
    const without: StatePart = { visitState: (state) => part.visitState(around(state)) };
    const checkpoint = new Checkpoint().take(without);
    return Object.assign(Object.create(checkpoint) as Checkpoint, { restore: () => checkpoint.restore(without) });
  };

  it.each(['latch', 'line', 'active', 'enabled', 'priority', 'target'] as const)(
    'a negative control: %s left out is noticed',
    (plane) => {
      const property = fc.property(three(operations(3)), (sequences) => {
        const world = traffic({ ...base, version: 3 }, false);
        const take = forgetful((state) => ({
          array: (array, from, to) => {
            if (array !== world.gic.irqs[plane]) state.array(array, from, to);
          },
        }));
        comesBack(world, sequences, take);
      });
      expect(fc.check(property, { numRuns: 300 }).failed).toBe(true);
    },
  );
});

/** Where the GIC's fields may differ after a rollback: what is only of use within a call, and where things were found last. */
const SCRATCH = [
  /\.#(keys|gathered|sorted|starts)$/, // a list being sorted
  /\.#(lastHit|hitBefore|lastDevice)(\.|$)/,
  /\.#command\.words$/,
  /^\.vcpus\.#stopped$/,
];

function fieldsThatChanged<Operation>(
  world: World<Operation>,
  before: readonly Operation[],
  next: readonly Operation[],
  visitor = world.parts,
): string[] {
  for (const operation of before) world.run(operation);
  const graph = objectGraph(world.gic);
  const checkpoint = new Checkpoint().take(visitor);
  for (const operation of next) world.run(operation);
  checkpoint.restore(visitor);
  return differences(graph, objectGraph(world.gic)).filter((path) => !SCRATCH.some((scratch) => scratch.test(path)));
}

describe('after a rollback every field that the GIC leads to is as it was, private ones too', () => {
  const sample = { numRuns: 10 };

  it.each([2, 3] as const)('of a GICv%i', (version) => {
    fc.assert(
      fc.property(operations(version), operations(version), (before, next) => {
        expect(fieldsThatChanged(traffic({ ...base, version }, false), before, next)).toEqual([]);
      }),
      sample,
    );
  });

  it('of a GIC with ITSs', () => {
    const each = its.sequence(its.traffic, its.commands, its.upheavals);
    fc.assert(
      fc.property(each, each, (before, next) => {
        expect(fieldsThatChanged(itsTraffic(), before, next)).toEqual([]);
      }),
      { numRuns: 3 },
    );
  });

  it('a negative control: an owner of state that nobody visits is noticed', () => {
    const world = traffic({ ...base, version: 3 }, false);
    const owner = new (class {
      #count = 0;
      add = () => ++this.#count;
    })();
    Object.assign(world.gic, { owner });
    const run = (operation: Operation) => [owner.add(), world.run(operation)];
    const next: Operation[] = [{ op: 'line', intid: 40, level: true, vcpu: 0 }];
    expect(fieldsThatChanged({ ...world, run }, [], next)).toEqual(['.owner.#count']);
  });
});

describe('the hash of a GIC', () => {
  it('is the same for equal ones, however they came to be so, and differs where they do', () => {
    fc.assert(
      fc.property(operations(3), operations(3), (some, others) => {
        const [a, b] = [some, others].map((each) => {
          const world = traffic({ ...base, version: 3 }, false);
          for (const operation of each) world.run(operation);
          return world.gic;
        });
        expect(a.equals(b)).toBe(a.hash() === b.hash());
        b.rollback(a.checkpoint());
        expect(a.equals(b)).toBe(true);
        expect(b.hash()).toBe(a.hash());
        expect(Number.isSafeInteger(a.hash())).toBe(true);
      }),
    );
  });

  it('leaves out what can’t be seen: the count of kicks, a cached translation, an LPI that is gone', () => {
    const run = its.start();
    const { guest } = run;
    const hash = guest.gic.hash();
    guest.gic.its[0].invalidateCache();
    expect(guest.gic.hash()).toBe(hash);
    const twin = its.start().guest;
    twin.mapEvent(0, 0, 9000, 0);
    twin.unmapDevice(2, 1);
    const other = its.start().guest;
    other.unmapDevice(2, 1);
    other.mapEvent(0, 0, 9000, 0);
    expect(twin.gic.equals(other.gic)).toBe(true);
    expect(twin.gic.hash()).toBe(other.gic.hash());
    expect(twin.gic.hash()).not.toBe(hash);
  });

  it('differs for each single bit of each plane, and for any two of them', () => {
    const { gic } = traffic({ ...base, version: 3 }, false);
    const hashes = new Set([gic.hash()]);
    const { latch, line, active } = gic.irqs;
    let count = 1;
    for (const plane of [latch, line, active]) {
      for (let i = 0; i < gic.irqs.fixedEnd; i++) {
        for (const second of [i, (i + 31) % gic.irqs.fixedEnd]) {
          const flip = () => {
            plane[i >>> 5] ^= 1 << (i & 31);
            if (second !== i) latch[second >>> 5] ^= 1 << (second & 31);
          };
          flip();
          hashes.add(gic.hash());
          count++;
          flip();
        }
      }
    }
    // two in one plane can be the same two, seen from either of them
    expect(hashes.size).toBeGreaterThan(count - gic.irqs.fixedEnd);
    expect(gic.equals(traffic({ ...base, version: 3 }, false).gic)).toBe(true);
  });
});

describe('a checkpoint', () => {
  it('can be put into another GIC of the same configuration, also one that has no LPIs yet', () => {
    const run = its.start();
    run.guest.msi(0, 1, 0);
    const checkpoint = run.guest.gic.checkpoint();
    const twin = new Guest(run.guest.gic.config).gic;
    twin.rollback(checkpoint);
    expect(twin.equals(run.guest.gic)).toBe(true);
    expect(twin.hash()).toBe(run.guest.gic.hash());
    expect(vgicState(twin)).toBe(vgicState(run.guest.gic));
    expect(twin.its[0].devices.size).toBe(3);
  });

  it('of another shape is refused by name, and nothing has changed', () => {
    const gic = (config: Partial<GicConfig>) => new Guest({ ...base, version: 3, ...config }).gic;
    const target = gic({});
    target.setLine(40, true);
    const hash = target.hash();
    const refusal = (config: Partial<GicConfig>) => () => target.rollback(gic(config).checkpoint());
    expect(refusal({ vcpus: 4 })).toThrow(GicError);
    expect(refusal({ vcpus: 4 })).toThrow(/vCPUs is 4; this one's is 3/);
    expect(refusal({ interrupts: 96 })).toThrow(/interrupts is 96/);
    expect(refusal({ listRegisters: 4 })).toThrow(/list registers is 4/);
    expect(refusal({ priorityBits: 7 })).toThrow(/priority bits is 7/);
    expect(target.hash()).toBe(hash);
    expect(target.equals(gic({ vcpus: 4 }))).toBe(false);
  });

  it('of a GIC whose pending state is with a GICv4 host is refused, and so is its hash', () => {
    const { gic } = new Guest({ ...base, version: 3, gicv4Driver: new Gicv4Driver({ cpus: base.vcpus }) });
    expect(() => gic.checkpoint()).toThrow(/checkpoint: there is none of a GIC .* GICv4 host/);
    expect(() => gic.hash()).toThrow(GicError);
  });

  it('of a RAM has all its bytes', () => {
    const ram = new Ram(0x4000_0000, new Uint8Array(8192));
    const empty = new Checkpoint().take(ram);
    ram.store8(0x4000_0123, 0x55);
    empty.restore(ram);
    expect(ram.bytes.every((byte) => byte === 0)).toBe(true);
  });
});
