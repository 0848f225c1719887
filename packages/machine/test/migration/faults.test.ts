import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteChannel, Machine, type MachineState } from '../../src/index.js';
import { bootGuest, digest, finish, guestImage, listen } from '../guest-run.js';
import { Link, migrate, settle, type Wire } from './link.js';

/** A guest amid its interrupts, to be started again and again from there. */
function amid(name: string, part: number): { state: MachineState; expected: ReturnType<typeof finish>; text: string } {
  const boot = () => bootGuest(guestImage(name), 'rounds=2', { memory: 16 << 20 });
  const whole = boot();
  finish(whole);
  const guest = boot();
  guest.machine.run(Math.floor(whole.machine.time * part));
  const state = guest.machine.save();
  const rest = listen(Machine.restore(state));
  return { state, expected: finish(rest), text: rest.text() };
}

const GUESTS = [
  { name: 'interrupts', ...amid('interrupts', 0.85) },
  { name: 'its', ...amid('its', 0.6) },
];

type Guest = (typeof GUESTS)[number];

/** Migrates with that wire. Exactly one side must have the guest at the end, and it must come to its right end. */
function survive({ state, expected, text }: Guest, wire: Wire, afterwards: (link: Link) => void = () => {}) {
  const before = listen(Machine.restore(state));
  const link = new Link(before.machine, { wire });
  let machine = migrate(link);
  if (!machine) {
    // Only the destination knows: until it has said so nobody but it may run.
    expect(link.source.guestMayRun).toBe(false);
    afterwards(link);
    link.reconnect();
    machine = migrate(link);
  }
  settle(link);
  expect(machine).toBeDefined();
  const moved = machine !== before.machine;
  const after = moved ? listen(machine!) : undefined;
  expect(finish(after ?? before)).toEqual(expected);
  expect(before.text() + (after?.text() ?? '')).toBe(text);
  return { moved, phase: link.source.phase, reason: link.source.progress.reason, link };
}

/** How many bytes go each way in a migration that nothing disturbs. */
function lengths({ state }: Guest): Record<'source' | 'destination', number> {
  const sum = { source: 0, destination: 0 };
  const wire: Wire = (bytes, from) => {
    sum[from] += bytes.length;
    return bytes;
  };
  migrate(new Link(Machine.restore(state), { wire }));
  return sum;
}

/** Breaks the connection after so many bytes of one direction, or damages that byte; then leaves it whole. */
function disturb(direction: 'source' | 'destination', at: number, damage = false): Wire {
  let passed = 0;
  let done = false;
  return (bytes, from) => {
    if (done || from !== direction) return bytes;
    const place = at - passed;
    passed += bytes.length;
    if (place >= bytes.length) return bytes;
    done = true;
    if (!damage) return bytes.subarray(0, place);
    const changed = bytes.slice();
    changed[place] ^= 1 << (at & 7);
    return changed;
  };
}

describe.each(GUESTS)('a migration of the guest $name', (guest) => {
  const total = lengths(guest);
  /** Bytes of either direction: every one of the destination's, the source's last ones as often as all of the others. */
  const place = fc.oneof(
    fc.nat(total.destination - 1).map((at) => ({ direction: 'destination' as const, at })),
    fc.nat(total.source - 1).map((at) => ({ direction: 'source' as const, at })),
    fc.nat(199).map((before) => ({ direction: 'source' as const, at: total.source - 1 - before })),
  );

  const ending = (moved: boolean) => (moved ? 'moved' : 'failed');

  it('whose connection breaks at any byte: exactly one side goes on, to the right end', () => {
    const ends = new Set<string>();
    fc.assert(
      fc.property(place, ({ direction, at }) => {
        const { moved, phase } = survive(guest, disturb(direction, at));
        expect(phase).toBe(ending(moved));
        ends.add(phase);
      }),
      { numRuns: 30 },
    );
    // Early breaks leave the guest where it was, late ones let it move after all.
    expect(ends).toEqual(new Set(['failed', 'moved']));
  });

  it('in which any bit is turned: it is noticed, and exactly one side goes on, to the right end', () => {
    fc.assert(
      fc.property(place, ({ direction, at }) => {
        const { moved, phase, reason } = survive(guest, disturb(direction, at, true));
        expect(phase).toBe(ending(moved));
        // A connection that was asked anew has no reason left.
        if (!moved) expect(reason).toMatch(/\.$/);
      }),
      { numRuns: 15 },
    );
  });

  it('cancelled between any two frames: the guest goes on at the source, and the destination hears why', () => {
    const frames: number[] = [];
    survive(guest, (bytes, from) => {
      if (from === 'source') frames.push(frames.length);
      return bytes;
    });
    // The last frame is the commitment, from which on it is too late.
    fc.assert(
      fc.property(fc.nat(frames.length - 2), (last) => {
        let sent = 0;
        let link: Link | undefined;
        const before = listen(Machine.restore(guest.state));
        const wire: Wire = (bytes, from) => {
          if (from === 'source' && sent++ === last) expect(link!.source.cancel('It was called off.')).toBe(true);
          return bytes;
        };
        link = new Link(before.machine, { wire });
        expect(migrate(link) === before.machine).toBe(true);
        while (link.pump());
        expect(link.destination).toMatchObject({ phase: 'failed', reason: 'It was called off.' });
        expect(finish(before)).toEqual(guest.expected);
        expect(before.text()).toBe(guest.text);
      }),
      { numRuns: 6 },
    );
  });

  it('whose destination gives up after the commitment was lost: the source has the guest back', () => {
    const lost = survive(guest, disturb('source', total.source - 1), ({ destination }) => {
      expect(destination.phase).toBe('ready');
      expect(destination.giveUp('The destination was told to quit.')).toBe(true);
    });
    expect(lost).toMatchObject({ moved: false, phase: 'failed', reason: 'The destination was told to quit.' });
  });

  it('whose commitment could not be sent: the source has the guest back at once', () => {
    const before = listen(Machine.restore(guest.state));
    const link: Link = new Link(before.machine, {
      wire: (bytes, from) => {
        if (from !== 'source' || link.source.phase !== 'committed') return bytes;
        link.source.disconnected('The system has refused to send it.', true);
        return undefined;
      },
    });
    expect(migrate(link) === before.machine).toBe(true);
    expect(link.destination.phase).toBe('ready');
    expect(finish(before)).toEqual(guest.expected);
  });

  it('whose source cannot even ask what became of a commitment that arrived: it stands, and asks once more', () => {
    const before = listen(Machine.restore(guest.state));
    // All arrives but that the destination runs.
    const link: Link = new Link(before.machine, {
      wire: (bytes, from) => (from === 'destination' && link.destination.phase === 'running' ? undefined : bytes),
    });
    expect(migrate(link) === before.machine).toBe(false);
    while (link.source.phase === 'committed') link.pump();
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(link.source.phase).toBe('unknown');
      const gone: ByteChannel = { writable: false, drained: true, write: () => {}, close: () => {} };
      link.source.reconnected(gone);
      link.source.disconnected('The system has refused to send it.', true);
      link.check();
    }
    expect(link.source.guestMayRun).toBe(false);
  });

  it('during whose handover something from outside writes to RAM: what arrives is of one moment', () => {
    const { machine } = listen(Machine.restore(guest.state));
    const { core } = machine;
    const at = core.ram.length - 5000;
    let writes = 0;
    const write = () => {
      core.ram[at]++;
      core.ramChanged(at, 1);
    };
    const link: Link = new Link(machine, {
      wire: (bytes, from) => {
        if (from === 'destination' || bytes.length < 4096) {
          // So that there are pages to send in the handover.
          if (link.source.phase === 'copying') write();
        } else if (link.source.phase === 'handover' && writes++ < 3) write();
        return bytes;
      },
    });
    const moved = migrate(link)!;
    expect(moved === machine).toBe(false);
    expect(writes).toBeGreaterThan(3);
    expect(digest(moved.save())).toEqual(digest(machine.save()));
  });

  it('whose destination cannot take the state: the guest goes on at the source, and both know why', () => {
    const before = listen(Machine.restore(guest.state));
    const { machine } = before;
    const save = machine.save.bind(machine);
    machine.save = (collect) => ({ ...save(collect), time: -1 });
    const link = new Link(machine);
    expect(migrate(link) === machine).toBe(true);
    const reason = 'The state of the machine has impossible contents: the time is impossible.';
    expect(link.source.progress.reason).toBe(reason);
    expect(link.destination).toMatchObject({ phase: 'failed', reason });
    machine.save = save;
    expect(finish(before)).toEqual(guest.expected);
  });
});

describe('the checks themselves', () => {
  const guest = { name: 'interrupts', ...amid('interrupts', 0.3) };

  it('find a page that was left out of the last round', () => {
    const machine = Machine.restore(guest.state);
    const { core } = machine;
    const take = core.takeDirty.bind(core);
    const before = core.ram.slice();
    const contents = (ram: Uint8Array, page: number) => Buffer.from(ram.subarray(page * 4096, (page + 1) * 4096));
    let forgotten: number | undefined;
    core.takeDirty = (into) => {
      take(into);
      const isDirty = (page: number) => ((into[page >> 5] >>> (page & 31)) & 1) !== 0;
      const pages = Array.from({ length: core.ram.length / 4096 }, (_, page) => page).filter(isDirty);
      forgotten ??= pages.find((page) => !contents(core.ram, page).equals(contents(before, page)));
      if (forgotten !== undefined) into[forgotten >> 5] &= ~(1 << (forgotten & 31));
    };
    const moved = migrate(new Link(machine, { limits: { downtime: 0, rounds: 2, atLast: 'stop' } }));
    expect(moved === machine).toBe(false);
    expect(forgotten).toBeDefined();
    // It may hang in the wake of it: not a moment longer than the right one.
    moved!.run(guest.expected.time);
    expect(digest(moved!.save())).not.toEqual(guest.expected);
  });

  it('find a destination that starts before the source has committed itself', () => {
    const [guest] = GUESTS;
    const eager = ({ phase }: { phase: string }) => phase === 'ready' || phase === 'running';
    const total = lengths(guest);
    const caught = fc.check(
      fc.property(fc.nat(total.destination - 1), (at) => {
        const link = new Link(Machine.restore(guest.state), {
          wire: disturb('destination', at),
          destinationMayRun: eager,
        });
        migrate(link);
      }),
      { numRuns: 100 },
    );
    expect(caught.failed).toBe(true);
    expect(String(caught.errorInstance)).toMatch(/Both sides may run/);
  });
});
