import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Machine } from '../../src/index.js';
import { bootGuest, guestImage } from '../guest-run.js';

const PAGE = 4096;
const boot = (name: string) => bootGuest(guestImage(name), 'rounds=1', { memory: 16 << 20 }).machine;

/** Runs in pieces, some of them followed by a save; gives the pages that changed in a piece and are not in its log. */
function escaped(machine: Machine, pieces: readonly { length: number; save: boolean }[], lose = false): number[] {
  const { core } = machine;
  const missing: number[] = [];
  const log = new Uint32Array(core.ram.length / PAGE / 32);
  core.enableDirtyLog(true);
  let before = core.ram.slice();
  for (const { length, save } of pieces) {
    machine.run(machine.time + length);
    if (save) machine.save();
    core.takeDirty(log);
    if (lose) log.fill(0);
    const after = core.ram.slice();
    for (let page = 0; page < after.length / PAGE; page++) {
      if ((log[page >> 5] >>> (page & 31)) & 1) continue;
      const of = (ram: Uint8Array) => Buffer.from(ram.buffer, page * PAGE, PAGE);
      if (!of(before).equals(of(after))) missing.push(page);
    }
    before = after;
  }
  core.enableDirtyLog(false);
  return missing;
}

/** Short pieces see each store by itself, long ones go through the fast paths. */
const pieces = fc.array(fc.record({ length: fc.integer({ min: 1, max: 200_000 }), save: fc.boolean() }), {
  minLength: 10,
  maxLength: 18,
});

describe('the dirty log', () => {
  it.each(['interrupts', 'its', 'cpu-system'])(
    'has every page that the guest %s, the GIC or a device writes',
    (name) => {
      fc.assert(
        fc.property(pieces, (list) => {
          expect(escaped(boot(name), list)).toEqual([]);
        }),
        { numRuns: 3 },
      );
    },
  );

  it('would be found to miss one (the check itself)', () => {
    expect(escaped(boot('interrupts'), [{ length: 100_000, save: false }], true)).not.toEqual([]);
  });
});
