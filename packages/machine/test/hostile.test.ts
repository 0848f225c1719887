import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Machine, type MachineState, SnapshotError } from '../src/index.js';
import { testProgram } from './programs/index.js';

/** Saved states of a busy guest, one out of each phase of its life. */
const kernel = readFileSync(new URL('../../../guests/interrupts/interrupts.bin', import.meta.url));
const states = (() => {
  const machine = new Machine({ vcpus: 4, memory: 16 << 20, gic: 3 });
  machine.load({ kernel, append: 'rounds=2 timeout=2' });
  const list: MachineState[] = [];
  for (let until = 100_000; machine.run(until).reason === 'time'; until += 300_000) list.push(machine.save());
  return list;
})();

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

const changePart = (part: 'config' | 'schedule' | 'gic' | 'uart' | 'ended' | 'time', at: number[], to: unknown) =>
  named((state) => ({ ...state, [part]: changeLeaf(state[part], at, to) }), part, at, to);

const changeRecord = (at: number, to: number) =>
  named(
    (state) => {
      const records = [...state.gic.records];
      const index = at % records.length;
      records[index] = { ...records[index], value: `0x${to.toString(16)}` };
      return { ...state, gic: { ...state.gic, records } };
    },
    'GIC record',
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

const change = fc.oneof(
  fc
    .tuple(fc.constantFrom('config', 'schedule', 'gic', 'uart', 'ended', 'time'), path, anything)
    .map((args) => changePart(...args)),
  fc.tuple(fc.nat(), word).map((args) => changeRecord(...args)),
  fc.tuple(fc.nat(3), fc.nat(), fc.nat(255)).map((args) => changeVcpu(...args)),
  fc.tuple(fc.nat(), word).map((args) => changeRam(...args)),
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
      { numRuns: 150 },
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
