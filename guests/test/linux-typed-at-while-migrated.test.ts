import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Machine } from '@vgic/machine';
import { describe, expect, it } from 'vitest';
import { Link, migrate } from '../../packages/machine/test/migration/link.js';
import { busyboxInitrd, kernelFile, linuxMissing } from '../linux.mjs';
import { print, tell } from './linux-on-vgic.js';

const skipped = linuxMissing();
const SLOT = 1;
const PIECE = 100;
const INPUT = Uint8Array.from({ length: 100 * PIECE }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
/** A terminal forgets its settings when nobody has it open. */
const SCRIPT = `(busybox stty raw -echo; echo $((40 + 2)) listens; head -c ${INPUT.length} | sha256sum) < /dev/hvc0; poweroff -f`;

describe.skipIf(skipped !== '')(`Linux with a virtio console, typed at while it is migrated${skipped}`, () => {
  it('reads every byte, in order, whichever side it was typed at', () => {
    let machine = new Machine({
      vcpus: 2,
      memory: 192 << 20,
      gic: 3,
      devices: [{ type: 'virtio-console-pci', slot: SLOT }],
    });
    const append = 'console=ttyAMA0 nokaslr cryptomgr.notests quiet';
    machine.load({ kernel: readFileSync(kernelFile), initrd: busyboxInitrd(), append });
    print(machine, 'Linux ');
    print(tell(machine, SCRIPT), '42 listens');

    let typed = 0;
    /** Types a piece at whoever has the guest. */
    const type = (end: number) => {
      if (typed >= end) return;
      expect(machine.sendDeviceInput(SLOT, INPUT.subarray(typed, typed + PIECE))).toBe(PIECE);
      typed += PIECE;
    };
    const atEach: number[] = [];
    for (const end of [0.4, 0.8].map((part) => part * INPUT.length)) {
      const link: Link = new Link(machine, {
        wire: (bytes, from) => {
          if (from === 'source' && link.source.guestMayRun) type(end);
          return bytes;
        },
      });
      const before = typed;
      const moved = migrate(link, 20_000)!;
      expect(moved === machine).toBe(false);
      atEach.push(typed - before);
      machine = moved;
    }
    while (typed < INPUT.length) {
      type(INPUT.length);
      machine.run(machine.time + 20_000);
    }
    expect(Math.min(...atEach)).toBeGreaterThan(0);
    expect(print(machine)).toContain(createHash('sha256').update(INPUT).digest('hex'));
  });
});
