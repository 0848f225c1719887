import fc from 'fast-check';
import type { RamPages } from 'vgic';
import { describe, expect, it } from 'vitest';
import { Machine, type MachineConfig, type MachineState, RAM_BASE } from '../../src/index.js';
import { bootGuest, digest, finish, guestImage, LIMIT, listen, SOAK } from '../guest-run.js';

const kernel = guestImage('its');
/** With room for the guest and no more: it is saved often. */
const boot = (config: Partial<MachineConfig> = {}, append = 'rounds=1 timeout=20') =>
  bootGuest(kernel, append, { memory: 8 << 20, ...config });

/** In CI some numbers, in `npm run soak` all. */
const LIST_REGISTERS = SOAK ? Array.from({ length: 16 }, (_, n) => n + 1) : [1, 2, 16];

/** What the guest says at the end: all LPIs that were sent and taken. */
const TOTAL = /^LPI sent (\d+) taken (\d+) lost (\d+) spurious (\d+)\r?$/m;

describe('the guest that proves the ITS', () => {
  it.each([
    { vcpus: 1, listRegisters: 4, quantum: 20_000 },
    { vcpus: 2, listRegisters: 4, quantum: 20_000 },
    { vcpus: 4, listRegisters: 4, quantum: 20_000 },
    { vcpus: 8, listRegisters: 4, quantum: 20_000 },
    ...LIST_REGISTERS.map((listRegisters) => ({ vcpus: 4, listRegisters, quantum: 20_000 })),
    { vcpus: 4, listRegisters: 4, quantum: 100 },
    { vcpus: 4, listRegisters: 4, quantum: 1_000_000 },
  ])('takes every MSI, and no other: $vcpus vCPUs, $listRegisters list registers, turns of $quantum', (config) => {
    const guest = boot(config, '');
    expect(guest.machine.run(LIMIT)).toEqual({ reason: 'off' });
    expect(guest.text()).toMatch(/\nPASS\r?\n$/);
    const [sent, taken, lost, spurious] = TOTAL.exec(guest.text())!.slice(1).map(Number);
    expect(sent).toBeGreaterThan(7000);
    expect({ taken, lost, spurious }).toEqual({ taken: sent, lost: 0, spurious: 0 });
  });

  it('needs no device: it passes with INT commands alone', () => {
    const guest = boot({}, 'msi=int');
    guest.machine.run(LIMIT);
    expect(guest.text()).toMatch(/\nPASS\r?\n$/);
    expect(guest.machine.save().msiDevice).toEqual(boot().machine.save().msiDevice);
  });

  it.each([
    { fault: 'lost', line: /^LPI sent \d+ taken \d+ lost 1 spurious 0\r?$/m },
    { fault: 'spurious', line: /^LPI sent \d+ taken \d+ lost 0 spurious 1\r?$/m },
    { fault: 'target', line: /^FAIL vCPU 1: an LPI came to a vCPU that it is not for/m },
    { fault: 'priority', line: /^FAIL vCPU 0: order of LPIs by priority/m },
    { fault: 'hang', line: /^FAIL vCPU \d: (a deliberate hang|the boot vCPU does not open a barrier)/m },
  ])('finds the deliberate mistake "$fault"', ({ fault, line }) => {
    const guest = boot({}, `rounds=1 timeout=5 fault=${fault}`);
    expect(guest.machine.run(LIMIT)).toEqual({ reason: 'off' });
    expect(guest.text()).toMatch(line);
    expect(guest.text()).not.toMatch(/^PASS/m);
  });
});

describe.each([1, 2, 4])('the same guest on %i vCPUs, saved in mid-flow', (vcpus) => {
  const whole = boot({ vcpus });
  const expected = finish(whole);
  const length = whole.machine.time;
  const points = (count: number) => {
    const moment = fc.integer({ min: 1, max: length - 1 });
    const list = fc.sample(fc.uniqueArray(moment, { minLength: count, maxLength: count }), { numRuns: 1, seed: vcpus });
    return list[0].sort((a, b) => a - b);
  };

  it('prints the same, counts the same and ends at the same time when it moves to a fresh machine at 200 points', () => {
    let guest = boot({ vcpus });
    let text = '';
    for (const point of points(200)) {
      guest.machine.run(point);
      const state = guest.machine.save();
      text += guest.text();
      guest = listen(Machine.restore(state));
      // Nothing is lost on the way into a state and out of it.
      expect(digest(guest.machine.save())).toEqual(digest(state));
    }
    expect(finish(guest)).toEqual(expected);
    expect(text + guest.text()).toBe(whole.text());
    expect(guest.machine.time).toBe(length);
  });

  it('ends the same from each of 40 saves, and is not changed by having been saved', () => {
    const saved = boot({ vcpus });
    for (const point of points(40)) {
      saved.machine.run(point);
      const copy = listen(Machine.restore(saved.machine.save()));
      const before = saved.text();
      expect(finish(copy)).toEqual(expected);
      expect(before + copy.text()).toBe(whole.text());
    }
    expect(finish(saved)).toEqual(expected);
    expect(saved.text()).toBe(whole.text());
  });
});

/** The bytes of pages of RAM from an address on, to be changed. */
function bytesAt({ pages, contents }: RamPages, address: number, length: number): Uint8Array[] {
  const first = Math.floor((address - RAM_BASE) / 4096);
  const found = [...pages.entries()].filter(([, page]) => page >= first && page * 4096 < address - RAM_BASE + length);
  return found.map(([index]) => contents.subarray(index * 4096, (index + 1) * 4096));
}

/** Bits 31:16 of a register: where its table is in this small RAM. */
const tableAt = (value: unknown) => Number(BigInt(value as string) & 0xffff_0000n);

describe('a snapshot of the same guest that lacks something', () => {
  const PAGE_64K = 0x1_0000;

  /** Pages of the pending tables: where GICR_PENDBASER of each vCPU says, as the guest has told it. */
  function pendingPages(state: MachineState): Uint8Array[] {
    return state.gic.redistributors.flatMap(({ GICR_PENDBASER }) =>
      bytesAt(state.tables, tableAt(GICR_PENDBASER), PAGE_64K),
    );
  }

  /** A moment in each phase, while LPIs are pending. */
  const states: MachineState[] = [];
  const guest = boot({ vcpus: 2 });
  for (let time = 200_000; guest.machine.run(time).reason === 'time'; time += 1009) {
    const state = guest.machine.save();
    if (pendingPages(state).some((page) => page.some((byte) => byte !== 0))) states.push(state);
  }

  const outcome = (state: MachineState) => {
    const copy = listen(Machine.restore(state));
    expect(copy.machine.run(LIMIT)).toEqual({ reason: 'off' });
    return copy.text();
  };
  const some = (count: number) => states.filter((_, n) => n % Math.ceil(states.length / count) === 0);

  it('passes when it lacks nothing', () => {
    expect(states.length).toBeGreaterThan(20);
    for (const state of some(10)) expect(outcome(structuredClone(state))).toMatch(/\nPASS\r?\n$/);
  });

  it('loses MSIs, and says which, when the pending tables are empty', () => {
    for (const state of some(20)) {
      const emptied = structuredClone(state);
      for (const page of pendingPages(emptied)) page.fill(0);
      const text = outcome(emptied);
      expect(text).toMatch(/\nFAIL /);
      expect(text).toMatch(/^error LPI \d+: sent \d+, taken \d+\r?$/m);
      expect(Number(TOTAL.exec(text)![3])).toBeGreaterThan(0);
    }
  });

  it('loses MSIs when the device table is empty', () => {
    for (const state of some(10)) {
      const emptied = structuredClone(state);
      const [deviceTable] = emptied.gic.its[0].GITS_BASER as string[];
      // of two levels the first is the guest's own, in RAM
      for (const pages of [emptied.tables, emptied.ram]) {
        for (const page of bytesAt(pages, tableAt(deviceTable), PAGE_64K)) page.fill(0);
      }
      expect(outcome(emptied)).toMatch(/\nFAIL /);
    }
  });
});
