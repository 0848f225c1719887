import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Machine, type MachineConfig } from '../../src/index.js';
import { bootGuest, digest, finish, type GuestRun, guestImage, LIMIT, listen, SOAK } from '../guest-run.js';

const kernel = guestImage('interrupts');
const boot = (config: Partial<MachineConfig> = {}, append = 'rounds=2') => bootGuest(kernel, append, config);

/** How a guest ends, wherever that is. */
const ended = (guest: GuestRun) => ({ ...finish(guest), config: undefined });

/** In CI some numbers, in `npm run soak` all. */
const LIST_REGISTERS = SOAK ? Array.from({ length: 16 }, (_, n) => n + 1) : [1, 2, 3, 8, 16];
const POINTS = SOAK ? 200 : 20;

describe('the guest that proves an interrupt controller', () => {
  it.each([
    { vcpus: 1, listRegisters: 4, quantum: 20_000 },
    { vcpus: 2, listRegisters: 4, quantum: 20_000 },
    { vcpus: 4, listRegisters: 4, quantum: 20_000 },
    { vcpus: 8, listRegisters: 4, quantum: 20_000 },
    ...LIST_REGISTERS.map((listRegisters) => ({ vcpus: 4, listRegisters, quantum: 20_000 })),
    { vcpus: 4, listRegisters: 4, quantum: 100 },
    { vcpus: 4, listRegisters: 4, quantum: 1_000_000 },
  ])('passes its own account: $vcpus vCPUs, $listRegisters list registers, turns of $quantum', (config) => {
    const guest = boot(config, '');
    const outcome = guest.machine.run(LIMIT);
    expect(guest.text()).toMatch(/\nPASS\r?\n$/);
    expect(outcome).toEqual({ reason: 'off' });
  });

  it('prints the same whatever the list registers and the turns', () => {
    const text = (config: Partial<MachineConfig>) => {
      const guest = boot(config);
      guest.machine.run(LIMIT);
      return guest.text();
    };
    const expected = text({});
    for (const listRegisters of LIST_REGISTERS) expect(text({ listRegisters })).toBe(expected);
    expect(text({ quantum: 333 })).toBe(expected);
  });

  it.each(['lost-sgi', 'lost-spi', 'spurious-sgi', 'order', 'state', 'hang'])(
    'fails when it is made to make the mistake "%s"',
    (fault) => {
      const guest = boot({}, `rounds=2 timeout=2 fault=${fault}`);
      guest.machine.run(LIMIT);
      expect(guest.text()).toMatch(/\nFAIL /);
    },
  );
});

describe('the same guest, cut into pieces', () => {
  const whole = boot();
  const expected = finish(whole);
  /** Moments all over its life. */
  const moments = fc.uniqueArray(fc.integer({ min: 1, max: whole.machine.time - 1 }), { minLength: 1, maxLength: 12 });
  const ascending = (list: number[]) => list.toSorted((a, b) => a - b);

  it('ends bit for bit like the whole when it is stopped anywhere', () => {
    fc.assert(
      fc.property(moments, (cuts) => {
        const pieces = boot();
        for (const cut of ascending(cuts)) pieces.machine.run(cut);
        expect(finish(pieces)).toEqual(expected);
        expect(pieces.text()).toBe(whole.text());
      }),
      { numRuns: 8 },
    );
  });

  it('ends bit for bit like the whole when it is saved and restored anywhere', () => {
    fc.assert(
      fc.property(moments, (cuts) => {
        let guest = boot();
        let text = '';
        for (const cut of ascending(cuts)) {
          guest.machine.run(cut);
          text += guest.text();
          guest = listen(Machine.restore(guest.machine.save()));
        }
        expect(finish(guest)).toEqual(expected);
        expect(text + guest.text()).toBe(whole.text());
      }),
      { numRuns: 8 },
    );
  });

  it.each([
    { listRegisters: 4, there: 4 },
    { listRegisters: 1, there: 1 },
    { listRegisters: 1, there: 4 },
    { listRegisters: 4, there: 1 },
  ])(
    `ends the same from a save at each of ${POINTS} points with $listRegisters list registers, restored in a fresh machine with $there`,
    ({ listRegisters, there }) => {
      const small = () => boot({ memory: 16 << 20, listRegisters });
      const reference = small();
      const end = ended(reference);
      const moment = fc.integer({ min: 1, max: reference.machine.time - 1 });
      const sample = fc.uniqueArray(moment, { minLength: POINTS, maxLength: POINTS });
      const points = fc.sample(sample, { numRuns: 1, seed: 200 })[0];
      const saved = small();
      for (const point of ascending(points)) {
        saved.machine.run(point);
        const copy = listen(Machine.restore(saved.machine.save(), {}, { listRegisters: there }));
        const before = saved.text();
        expect(ended(copy)).toEqual(end);
        expect(before + copy.text()).toBe(reference.text());
      }
      expect(ended(saved)).toEqual(end);
    },
    600_000,
  );

  it('is the same when saved at a moment by the way as when run to it in one piece', () => {
    fc.assert(
      fc.property(moments, (cuts) => {
        const pieces = boot();
        for (const cut of ascending(cuts)) pieces.machine.run(cut);
        const straight = boot();
        straight.machine.run(Math.max(...cuts));
        expect(digest(pieces.machine.save())).toEqual(digest(straight.machine.save()));
      }),
      { numRuns: 8 },
    );
  });

  it('notices when one pending bit is taken out of a snapshot', () => {
    const guest = boot({}, 'rounds=2 timeout=2');
    let seen = '';
    guest.machine.onConsoleOutput = (byte) => {
      seen += String.fromCharCode(byte);
      if (seen.endsWith('every state at once')) guest.machine.stop();
    };
    guest.machine.run(LIMIT);
    const state = guest.machine.save();
    const { distributor } = state.gic;
    const pending = distributor.GICD_ISPENDR as number[];
    const index = pending.findIndex((value) => value !== 0);
    expect(index).toBeGreaterThanOrEqual(0);
    const GICD_ISPENDR = pending.with(index, (pending[index] & (pending[index] - 1)) >>> 0);
    const copy = listen(
      Machine.restore({ ...state, gic: { ...state.gic, distributor: { ...distributor, GICD_ISPENDR } } }),
    );
    copy.machine.run(LIMIT);
    expect(copy.text()).not.toMatch(/\nPASS/);
  });
});
