import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zlibCompression } from '../../src/node/index.js';
import { bootGuest, finish, type GuestRun, guestImage, listen } from '../guest-run.js';
import { testProgram } from '../programs/index.js';
import { Link, migrate } from './link.js';

const SMALL = { memory: 16 << 20 };
const boot = (name: string) => bootGuest(guestImage(name), 'rounds=2', SMALL);

/** How to migrate: how far the guest runs between two frames, and when it is stopped. */
const ways = fc.record({
  compress: fc.boolean(),
  slice: fc.integer({ min: 1, max: 200_000 }),
  limits: fc.record({
    downtime: fc.integer({ min: 0, max: 20 }),
    rounds: fc.integer({ min: 1, max: 6 }),
    atLast: fc.constant('stop' as const),
  }),
});
type Way = typeof ways extends fc.Arbitrary<infer Value> ? Value : never;

/** No round is good enough for it but the last: so long as the guest writes to its memory there are more than one. */
const inRounds: Way = { compress: false, slice: 20_000, limits: { downtime: 0, rounds: 4, atLast: 'stop' } };

/** Migrates at each of the moments, in turn, from machine to machine: the last one, and all that the guest printed before. */
function migrateAt(guest: GuestRun, moments: number[], { compress, slice, limits }: Way) {
  let text = '';
  let rounds = 0;
  let run = guest;
  for (const moment of moments.toSorted((a, b) => a - b)) {
    if (run.machine.time < moment) run.machine.run(moment);
    const link = new Link(run.machine, { limits, ...(compress && { compression: zlibCompression }) });
    const machine = migrate(link, slice);
    // The guest may have come to its end before it was moved.
    if (machine === run.machine) break;
    rounds = Math.max(rounds, link.source.progress.rounds);
    text += run.text();
    run = listen(machine!);
  }
  return { guest: run, text, rounds };
}

describe.each([
  { what: 'that proves an interrupt controller', start: () => boot('interrupts'), isBusy: true },
  { what: 'that proves an ITS', start: () => boot('its'), isBusy: true },
  {
    what: 'on a timer and a GICv2',
    start: () => bootGuest(testProgram('timer-gicv2'), '', { ...SMALL, gic: 2, vcpus: 1 }),
  },
])('the guest $what, migrated while it runs', ({ start, isBusy }) => {
  const whole = start();
  const expected = finish(whole);
  const { time } = whole.machine;
  const moments = fc.uniqueArray(fc.integer({ min: 1, max: time - 1 }), { minLength: 1, maxLength: 4 });

  it('ends bit for bit as when it is left in peace, wherever and however often it is migrated', () => {
    let most = 0;
    fc.assert(
      fc.property(moments, ways, (list, way) => {
        const { guest, text, rounds } = migrateAt(start(), list, way);
        most = Math.max(most, rounds);
        expect(finish(guest)).toEqual(expected);
        expect(text + guest.text()).toBe(whole.text());
      }),
      { numRuns: 5, examples: [[[Math.floor(time / 10)], inRounds]] },
    );
    if (isBusy) expect(most).toBeGreaterThan(1);
  });
});
