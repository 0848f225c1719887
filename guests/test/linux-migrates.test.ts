import { Machine, type MachineState, MemoryDisk, type MigrationSource } from '@vgic/machine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LATENCY } from '../../packages/machine/src/network/user-network.js';
import { Link, migrate, settle, type Wire } from '../../packages/machine/test/migration/link.js';
import { linuxMissing } from '../linux.mjs';
import { withZero } from './forgetful-restore.js';
import { answered } from './linux-account.js';
import { boot, DEVICES, emptyDisk, print, tell } from './linux-on-vgic.js';

const skipped = linuxMissing();
const board = { vcpus: 2, gic: 3 } as const;

/** A guest with its network up, stopped at the end of a line of its console, to be started again and again from there. */
function standing(tests: string, line: string): MachineState {
  const machine = boot(board, `ping:1:10,${tests},off`, DEVICES);
  print(machine, line);
  return machine.save();
}

/** What is printed from here on, as it comes. */
function listen(machine: Machine): { text: string } {
  const heard = { text: '' };
  machine.onConsoleOutput = (byte) => {
    if (byte !== 13) heard.text += String.fromCharCode(byte);
  };
  return heard;
}

describe.skipIf(skipped !== '')(`Linux, moved while it pings the gateway 60 times${skipped}`, () => {
  const lazily = <Value>(make: () => Value) => {
    let made: Value | undefined;
    return () => {
      made ??= make();
      return made;
    };
  };
  const start = lazily(() => standing('echo,ping:60:10,interrupts', 'vgic-init: echo waits'));
  /** The guest told to go on, as often as it takes. */
  const pinging = () => tell(Machine.restore(start(), emptyDisk()), 'go');
  /** What is printed when nothing happens, when each answer begins to be printed, and when each MSI is sent. */
  const whole = lazily(() => {
    const machine = pinging();
    const answers: number[] = [];
    const msis: number[] = [];
    const signal = machine.gic.signalMsi.bind(machine.gic);
    machine.gic.signalMsi = (...write) => {
      msis.push(machine.time);
      return signal(...write);
    };
    let line = '';
    let text = '';
    machine.onConsoleOutput = (byte) => {
      if (byte === 13) return;
      if (line === '') answers.push(machine.time);
      line += String.fromCharCode(byte);
      if (byte !== 10) return;
      if (!/^vgic-init: ping seq=/.test(line)) answers.pop();
      text += line;
      line = '';
    };
    expect(machine.run(60_000_000_000)).toEqual({ reason: 'off' });
    return { text, answers, msis };
  });
  /** A moment at which an answer is on its way: the card has said that the ping is sent, and not yet that something came. */
  const underWay = fc.record({ ping: fc.nat(59), before: fc.nat(LATENCY - 1000) }).map(({ ping, before }) => {
    const arrivals = whole().msis.filter((time, n, all) => n > 0 && time - all[n - 1] <= LATENCY);
    return { moment: arrivals[ping % arrivals.length] - 1 - before, slice: 1 };
  });
  /** A moment at which an MSI has just been sent, and the guest has not taken its interrupt. */
  const untaken = fc.record({ msi: fc.nat(), after: fc.nat(20) }).map(({ msi, after }) => {
    const { msis } = whole();
    return { moment: msis[msi % msis.length] + after, slice: 1 };
  });
  /** Any moment early enough for the guest to go on pinging during its migration. */
  const anyTime = fc
    .record({ part: fc.nat(900), slice: fc.integer({ min: 1, max: 100_000 }) })
    .map(({ part, slice }) => {
      const { answers } = whole();
      return { moment: Math.floor(answers[0] + ((answers[59] - answers[0]) * part) / 1000), slice };
    });
  /** Three moments at a time, one of each kind: 21 in all. */
  const moments = fc.tuple(underWay, untaken, anyTime);
  const seven = { numRuns: 7, endOnFailure: true };

  it('has all its answers when nothing happens', () => {
    const { text } = whole();
    expect(answered(text)).toEqual([...Array(60).keys()]);
    expect(text).toMatch(/^vgic-init: ping sent=60 answered=60 lost=0 /m);
    expect(text).toMatch(/^vgic-init: PASS$/m);
  });

  it('loses none by a live migration, at 21 moments, and prints what it would have', () => {
    let onBothSides = 0;
    fc.assert(
      fc.property(moments, (three) => {
        for (const { moment, slice } of three) {
          const source = pinging();
          const here = listen(source);
          source.run(moment);
          const destination = migrate(new Link(source, { backends: emptyDisk() }), slice)!;
          expect(destination === source).toBe(false);
          const there = print(destination);
          expect(here.text + there).toBe(whole().text);
          if (answered(here.text).length > 0 && answered(there).length > 0) onBothSides++;
        }
      }),
      seven,
    );
    expect(onBothSides).toBeGreaterThan(5);
  });

  it('loses none by a save and a restore, at 21 moments, some with a packet on its way or an LPI pending', () => {
    const seen = { packets: 0, lpis: 0 };
    fc.assert(
      fc.property(moments, (three) => {
        for (const { moment } of three) {
          const machine = pinging();
          const here = listen(machine);
          machine.run(moment);
          const state = machine.save();
          if (/"frames":\[\{/.test(JSON.stringify(state.devices))) seen.packets++;
          if (state.gic.queues.flat().some((intid) => intid >= 8192)) seen.lpis++;
          expect(here.text + print(Machine.restore(state, emptyDisk()))).toBe(whole().text);
        }
      }),
      seven,
    );
    expect(seen.packets).toBeGreaterThanOrEqual(7);
    expect(seen.lpis).toBeGreaterThan(0);
  });

  it('loses each ping after a live migration that forgets GITS_CTLR (the check itself)', () => {
    const source = pinging();
    const here = listen(source);
    source.run(whole().answers[30]);
    const save = source.save.bind(source);
    source.save = (collect) => withZero(save(collect), 'GITS_CTLR');
    const text = here.text + print(migrate(new Link(source, { backends: emptyDisk() }), 1)!);
    expect(text).toMatch(/^vgic-init: ping sent=60 answered=31 lost=29 /m);
  });

  // Negative control: a VMM that forgets these registers has a guest that lives and a network that is dead.
  it.each([
    { register: 'GITS_CTLR', isRefused: false },
    { register: 'GITS_BASER0', isRefused: false },
    // Events of a collection that is not there: vgic does not restore them, as KVM does not.
    { register: 'GITS_BASER1', isRefused: true },
  ] as const)('loses each ping after a restore in which $register is zero, and lives on', ({ register, isRefused }) => {
    const machine = pinging();
    const here = listen(machine);
    machine.run(whole().answers[30] + 5_000_000);
    const state = machine.save();
    const end = (changed: MachineState) => here.text + print(Machine.restore(changed, emptyDisk()));
    if (isRefused)
      expect(() => end(withZero(state, register))).toThrow(/its\[0\]: the tables of this ITS can't be restored/);
    const text = end(withZero(state, register, isRefused));
    expect(answered(text)).toEqual([...Array(31).keys()]);
    expect(text).toMatch(/^vgic-init: ping sent=60 answered=31 lost=29 /m);
    expect(text).toMatch(/^vgic-init: FAIL ping: 29 of 60 lost, 0 answered twice$/m);
    // The same way without zeros loses none.
    expect(end(withZero(state, undefined))).toBe(whole().text);
  });
});

/**
 * Where a migration is broken off: at a byte of its RAM or of the answers, or in the middle of a write, from the moment on in
 * which the guest stands, or in which the source has given it up.
 */
interface Break {
  kind: 'RAM' | 'answer' | 'handover' | 'commitment';
  at: number;
}

/** A wire that breaks there, once. */
function breaking({ kind, at }: Break, sourceOf: () => MigrationSource): Wire {
  const counts = {
    RAM: (from: string) => from === 'source',
    answer: (from: string) => from === 'destination',
    handover: (from: string) => from === 'source' && !sourceOf().guestMayRun,
    commitment: (from: string) => from === 'source' && sourceOf().phase === 'committed',
  };
  const inBytes = kind === 'RAM' || kind === 'answer';
  let left = at;
  return (bytes, from) => {
    if (left < 0 || !counts[kind](from)) return bytes;
    const place = inBytes ? left : bytes.length >> 1;
    const breaks = inBytes ? left < bytes.length : left === 0;
    left -= inBytes ? bytes.length : 1;
    return breaks ? bytes.subarray(0, place) : bytes;
  };
}

const MOST = { RAM: 45_000_000, answer: 100, handover: 24, commitment: 1 };
const breaks: fc.Arbitrary<Break> = fc
  .constantFrom('RAM' as const, 'RAM' as const, 'answer' as const, 'handover' as const, 'commitment' as const)
  .chain((kind) => fc.record({ kind: fc.constant(kind), at: fc.nat(MOST[kind]) }));

describe.skipIf(skipped !== '')(`Linux, that pings until it is told${skipped}`, () => {
  it('has all its answers after 100 migrations that break anywhere, and runs at one side after each', () => {
    const state = standing('hold:10', 'vgic-init: ping seq=5 ');
    const ends = { moved: 0, failed: 0 };
    let machine = Machine.restore(state, emptyDisk());
    let heard = listen(machine);
    let text = '';
    fc.assert(
      fc.property(breaks, fc.integer({ min: 1, max: 50_000 }), (where, slice) => {
        machine.run(machine.time + slice * 100);
        const link: Link = new Link(machine, {
          backends: emptyDisk(),
          wire: breaking(where, () => link.source),
        });
        let owner = migrate(link, slice);
        if (!owner) {
          // Whether it has moved only the destination knows: nobody but it may run the guest until it has said so.
          expect(link.source.guestMayRun).toBe(false);
          link.reconnect();
          owner = migrate(link, slice);
        }
        settle(link);
        expect(owner).toBeDefined();
        ends[owner === machine ? 'failed' : 'moved']++;
        if (owner === machine) return;
        text += heard.text;
        machine = owner!;
        heard = listen(machine);
      }),
      { numRuns: 100, endOnFailure: true },
    );
    expect(Math.min(ends.moved, ends.failed)).toBeGreaterThan(0);
    const told = machine.time;
    const end = (guest: Machine) => print(tell(guest, 'enough'));
    text += heard.text + end(machine);
    expect(text).toMatch(/^vgic-init: hold sent=(\d+) answered=\1 lost=0 /m);
    expect(text).toMatch(/^vgic-init: PASS$/m);
    // It prints what it would have without a migration.
    const calm = Machine.restore(state, emptyDisk());
    const before = listen(calm);
    calm.run(told);
    expect(text).toBe(before.text + end(calm));
  }, 300_000);
});

describe.skipIf(skipped !== '')(`Linux, that floods the gateway and writes to its disk${skipped}`, () => {
  it('loses no packet and no block by ten migrations in a row, and its disk is what it would have been', () => {
    const state = standing('echo,random,flood:2000,block:400,flood:2000,block:200,interrupts', 'vgic-init: echo waits');
    const start = (disk: MemoryDisk) => tell(Machine.restore(state, { disks: { 2: disk } }), 'go');
    const sectors = () => new Uint8Array(4 << 20);
    const calmSectors = sectors();
    const calm = start(new MemoryDisk(calmSectors));
    const expected = print(calm);
    expect(expected).toMatch(/^vgic-init: PASS$/m);
    expect(expected).toContain('vgic-init: flood sent=2000 answered=2000 lost=0');

    const movedSectors = sectors();
    const disk = new MemoryDisk(movedSectors);
    let machine = start(disk);
    let text = '';
    const each = (calm.time - machine.time) / 11;
    for (let n = 0; n < 10; n++) {
      const heard = listen(machine);
      machine.run(machine.time + each / 2);
      const moved = migrate(new Link(machine, { backends: { disks: { 2: disk } } }), Math.floor(each / 1000))!;
      expect(moved === machine).toBe(false);
      text += heard.text;
      machine = moved;
    }
    text += print(machine);
    expect(text).toBe(expected);
    expect(Buffer.compare(movedSectors, calmSectors)).toBe(0);
    expect(movedSectors.some((byte) => byte !== 0)).toBe(true);
  });
});
