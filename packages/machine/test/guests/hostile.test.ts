import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Machine, type MachineState, SnapshotError } from '../../src/index.js';
import { guestImage } from '../guest-run.js';
import { testProgram } from '../programs/index.js';

/** Saved states of busy guests, one out of each phase of their lives. */
const states = ['interrupts', 'its'].flatMap((guest) => {
  const machine = new Machine({ vcpus: 4, memory: 16 << 20, gic: 3 });
  machine.load({ kernel: guestImage(guest), append: 'rounds=2 timeout=2' });
  const list: MachineState[] = [];
  for (let until = 100_000; machine.run(until).reason === 'time'; until += 300_000) list.push(machine.save());
  return list;
});
/** Pages of RAM into which the GIC's save has written its tables. */
const tablePages = [...new Set(states.flatMap((state) => [...state.tables.pages]))];

const word = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0xffff_ffff, 0x8000_0000));
/** Anything that JSON can hold, to be put where something else was. */
const anything = fc.oneof(
  word,
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.string({ maxLength: 5 }),
  fc.constant([]),
  fc.constant({}),
);

/** Changes one leaf of a JSON value, found by the numbers. */
function changeLeaf(value: unknown, path: number[], to: unknown): unknown {
  if (typeof value !== 'object' || value === null || path.length === 0) return to;
  const keys = Object.keys(value);
  if (keys.length === 0) return to;
  const key = keys[path[0] % keys.length];
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  copy[key] = changeLeaf(copy[key], path.slice(1), to);
  return copy;
}

const path = fc.array(fc.nat(10_000), { minLength: 1, maxLength: 5 });
type Change = (state: MachineState) => MachineState;
/** Changes tell what they are when a counterexample is printed: the states are too long for that. */
const named = (change: Change, ...name: unknown[]): Change =>
  Object.assign(change, { [fc.toStringMethod]: () => JSON.stringify(name) });

const changePart = (
  part: 'config' | 'schedule' | 'gic' | 'uart' | 'msiDevice' | 'ended' | 'time',
  at: number[],
  to: unknown,
) => named((state) => ({ ...state, [part]: changeLeaf(state[part], at, to) }), part, at, to);

const ROOMS = ['redistributors', 'cpuInterfaces', 'its'] as const;

/** A register of a vCPU or an ITS, in its own form. */
const changeRegister = (room: (typeof ROOMS)[number], which: number, at: number, to: number) =>
  named(
    (state) => {
      const all = [...state.gic[room]];
      const n = which % all.length;
      const names = Object.keys(all[n]);
      const name = names[at % names.length];
      const inForm = (value: unknown): unknown =>
        Array.isArray(value) ? value.map(inForm) : typeof value === 'number' ? to : `0x${to.toString(16)}`;
      all[n] = { ...all[n], [name]: inForm(all[n][name]) as number };
      return { ...state, gic: { ...state.gic, [room]: all } };
    },
    'GIC register',
    room,
    which,
    at,
    to,
  );

const changeVcpu = (vcpu: number, at: number, to: number) =>
  named(
    (state) => {
      const vcpus = state.vcpus.map((bytes) => bytes.slice());
      vcpus[vcpu][at % vcpus[vcpu].length] = to;
      return { ...state, vcpus };
    },
    'vCPU',
    vcpu,
    at,
    to,
  );

const changeRam = (at: number, to: number) =>
  named(
    (state) => {
      const contents = state.ram.contents.slice();
      new DataView(contents.buffer).setUint32((at % (contents.length >> 2)) * 4, to, true);
      return { ...state, ram: { ...state.ram, contents } };
    },
    'RAM',
    at,
    to,
  );

/** An entry of the ITS's tables or of the pending tables. */
const changeTable = (page: number, at: number, to: number) =>
  named(
    (state) => {
      const contents = state.tables.contents.slice();
      const index = state.tables.pages.indexOf(tablePages[page % tablePages.length]);
      if (index >= 0) new DataView(contents.buffer).setUint32(index * 4096 + at * 4, to, true);
      return { ...state, tables: { ...state.tables, contents } };
    },
    'table',
    page,
    at,
    to,
  );

const changeMappings = (mappings: unknown) =>
  named(
    (state) => ({
      ...state,
      gic: { ...state.gic, mappings: state.gic.its.map(() => mappings as never) },
    }),
    'mappings',
    mappings,
  );
const number = fc.oneof(fc.integer({ min: -2, max: 20 }), fc.integer({ min: 8190, max: 8200 }), word, fc.double());
const listOf = <T>(one: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 9, arbitrary: fc.array(one, { maxLength: 5 }) }, anything as never);
const someMappings = fc.record({
  collections: listOf(fc.tuple(fc.nat(5), fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, number))),
  devices: listOf(
    fc.record({
      id: fc.oneof(fc.nat(5), number),
      ittAddress: fc.oneof(fc.nat(), number),
      eventBits: fc.oneof(fc.integer({ min: 1, max: 16 }), number),
      events: fc
        .array(fc.tuple(fc.nat(40), fc.integer({ min: 8192, max: 8300 }), fc.integer({ min: -1, max: 5 })))
        .map((list) => list.sort(([a], [b]) => a - b)),
    }),
  ),
});

const change = fc.oneof(
  fc
    .tuple(fc.constantFrom('config', 'schedule', 'gic', 'uart', 'msiDevice', 'ended', 'time'), path, anything)
    .map((args) => changePart(...args)),
  fc.tuple(fc.constantFrom(...ROOMS), fc.nat(), fc.nat(), word).map((args) => changeRegister(...args)),
  fc.tuple(fc.nat(3), fc.nat(), fc.nat(255)).map((args) => changeVcpu(...args)),
  fc.tuple(fc.nat(), word).map((args) => changeRam(...args)),
  fc.tuple(fc.nat(), fc.nat(1023), word).map((args) => changeTable(...args)),
  fc.oneof(someMappings, anything).map(changeMappings),
);

describe('a hostile snapshot', () => {
  it('is refused as a SnapshotError, or runs: nothing is thrown, nothing hangs, time goes on', () => {
    let ran = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(states.length - 1), fc.array(change, { minLength: 1, maxLength: 3 }), (from, changes) => {
        let machine: Machine;
        let forged: MachineState;
        try {
          forged = changes.reduce((before, each) => each(before), states[from]);
        } catch {
          // Two changes that cannot both be made.
          return;
        }
        try {
          machine = Machine.restore(forged);
        } catch (error) {
          expect(error).toBeInstanceOf(SnapshotError);
          expect((error as Error).message).toMatch(/\.$/);
          refused++;
          return;
        }
        ran++;
        const until = machine.time + 50_000;
        const { reason } = machine.run(until);
        if (reason === 'time') expect(machine.time).toBe(until);
        // What has run can be saved and restored again.
        Machine.restore(machine.save());
      }),
      { numRuns: 250 },
    );
    expect(ran).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(20);
  });
});

describe('a hostile guest', () => {
  it('of random instructions is bounded, and its end is one of those that are told', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4096 }), fc.integer({ min: 1, max: 4 }), (code, vcpus) => {
        const machine = new Machine({ vcpus, memory: 4 << 20, gic: 3 });
        machine.load({ kernel: code });
        const { reason } = machine.run(100_000);
        expect(['time', 'off', 'reset', 'waiting', 'lockup']).toContain(reason);
        expect(machine.time).toBeLessThanOrEqual(100_000);
      }),
      { numRuns: 200 },
    );
  });

  it('that touches every device register with every size does no harm', () => {
    // X0: an address that is walked; loads and stores of each size there; vectors that step over what faults.
    const machine = new Machine({ vcpus: 2, memory: 4 << 20, gic: 3 });
    machine.load({ kernel: testProgram('poke') });
    expect(machine.run(200_000_000).reason).toBe('off');
    expect(() => Machine.restore(machine.save())).not.toThrow();
  });
});
