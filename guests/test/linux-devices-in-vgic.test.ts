import { Machine } from '@vgic/machine';
import { describe, expect, it } from 'vitest';
import { linuxMissing } from '../linux.mjs';
import { answered, interruptNamed, sum } from './linux-account.js';
import { type Board, boot, DEVICES, emptyDisk, print } from './linux-on-vgic.js';

const skipped = linuxMissing();

describe.skipIf(skipped !== '')(`Debian's arm64 kernel with the devices of vgic's machine${skipped}`, () => {
  it.each([
    { vcpus: 4, gic: 3 },
    { vcpus: 4, gic: 2 },
  ] as Board[])('has its disk, its random numbers and its network, by MSIs, with a GICv$gic', (board) => {
    const output = print(boot(board, 'random,block:32,ping:20:10,flood:200,cpus,interrupts,off', DEVICES));
    expect(output).toMatch(/^vgic-init: PASS$/m);
    expect(answered(output)).toEqual([...Array(20).keys()]);
    expect(output).toContain('vgic-init: block verified=32');
    expect(output).toContain('vgic-init: flood sent=200 answered=200 lost=0');
    for (const name of ['virtio0-input.0', 'virtio0-output.0', 'virtio1-req.0', 'virtio2-input']) {
      const line = interruptNamed(output, name);
      expect(line.what).toMatch(board.gic === 3 ? /^ITS-MSI \d+ Edge / : /^MSI \d+ Edge /);
      expect(sum(line.counts)).toBeGreaterThan(0);
    }
  });

  it.each([
    { vcpus: 4, gic: 3 },
    { vcpus: 4, gic: 2 },
  ] as Board[])("sends the card's MSIs to the CPU that Linux chooses and to no other, with a GICv$gic", (board) => {
    const output = print(boot(board, 'move:virtio0-input.0:2,interrupts,off', DEVICES));
    expect(output).toMatch(/^vgic-init: PASS$/m);
    const moves = [...output.matchAll(/^vgic-init: move virtio0-input.0 cpu=(\d) taken=([1-9]\d*)$/gm)];
    expect(moves.map(([, cpu]) => Number(cpu))).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    for (const count of interruptNamed(output, 'virtio0-input.0').counts) expect(count).toBeGreaterThan(0);
  });

  it('loses no ping by a save and a restore in the middle, and ends as it would have', () => {
    const start = () => boot({ vcpus: 2, gic: 3 }, 'hold:2,interrupts,off', DEVICES);
    const told = 'vgic-init: ping seq=40 ';
    const end = (machine: Machine) => {
      machine.sendConsoleInput(new TextEncoder().encode('enough\r'));
      return print(machine);
    };
    const straight = start();
    const whole = print(straight, told) + end(straight);

    const machine = start();
    const before = print(machine, 'vgic-init: ping seq=20 ');
    const restored = Machine.restore(machine.save(), emptyDisk());
    expect(before + print(restored, told) + end(restored)).toBe(whole);
    expect(whole).toMatch(/^vgic-init: hold told enough\nvgic-init: hold sent=(\d+) answered=\1 lost=0 /m);
    expect(whole).toMatch(/^vgic-init: PASS$/m);
  });

  // Negative controls: what must not pass does not.
  it.each([
    [
      'ping:3:10',
      'vgic.peer=10.0.2.77',
      /^(vgic-init: ping seq=\d lost\n){3}(.*\n)vgic-init: FAIL ping: 3 of 3 lost, 0 answered twice$/m,
    ],
    ['move:virtio9', '', /^vgic-init: FAIL move: \/proc\/interrupts has no virtio9$/m],
    ['block:2000', '', /^vgic-init: FAIL block: block 1024 cannot be written: error \d+$/m],
  ])('fails with vgic.test=%s %s', (tests, settings, failure) => {
    const output = print(boot({ vcpus: 1, gic: 3 }, `${tests},off`, DEVICES, settings));
    expect(output).toMatch(failure);
    expect(output).not.toContain('PASS');
  });
});
