import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Machine, zlibCompression } from '../../src/index.js';
import { bootGuest, finish, type GuestRun, guestImage, listen } from '../guest-run.js';
import { Link, migrate } from './link.js';

const CONFIG = { memory: 16 << 20 };
const GUESTS = [
  { name: 'interrupts', boot: () => bootGuest(guestImage('interrupts'), 'rounds=2', CONFIG) },
  {
    name: 'interrupts with a GICv2',
    boot: () => bootGuest(guestImage('interrupts'), 'rounds=2', { ...CONFIG, gic: 2 }),
  },
  { name: 'its', boot: () => bootGuest(guestImage('its'), 'rounds=2', CONFIG) },
];

/** Migrates at each of the moments, in turn, from machine to machine: the last one, and all that the guest printed before. */
function migrateAt(guest: GuestRun, moments: number[], options = {}): { guest: GuestRun; text: string } {
  let text = '';
  let run = guest;
  for (const moment of moments.toSorted((a, b) => a - b)) {
    if (run.machine.time < moment) run.machine.run(moment);
    const machine = migrate(new Link(run.machine, options));
    if (machine === run.machine) break;
    text += run.text();
    run = listen(machine!);
  }
  return { guest: run, text };
}

describe.each(GUESTS.slice(0, 1).concat(GUESTS.slice(2)))('the guest $name, migrated while it runs', ({ boot }) => {
  const whole = boot();
  const expected = finish(whole);
  const { time } = whole.machine;
  const moments = fc.uniqueArray(fc.integer({ min: 1, max: time - 1 }), { minLength: 1, maxLength: 4 });

  it('ends bit for bit as when it is left in peace, wherever and however often it is migrated', () => {
    fc.assert(
      fc.property(moments, fc.boolean(), (list, compress) => {
        const migrated = migrateAt(boot(), list, compress ? { compression: zlibCompression } : {});
        expect(finish(migrated.guest)).toEqual(expected);
        expect(migrated.text + migrated.guest.text()).toBe(whole.text());
      }),
      { numRuns: 6 },
    );
  });
});
void Machine;
