import { Machine } from '@vgic/machine';
import { describe, expect, it } from 'vitest';
import { linuxMissing } from '../linux.mjs';
import { interruptLines, interruptNamed, sum } from './linux-account.js';
import { type Board, boot, print } from './linux-on-vgic.js';

const skipped = linuxMissing();

describe.skipIf(skipped !== '')(`Debian's arm64 kernel on vgic${skipped}`, () => {
  const boards: Board[] = [
    { vcpus: 1, gic: 3 },
    { vcpus: 2, gic: 3 },
    { vcpus: 4, gic: 3 },
    { vcpus: 4, gic: 2 },
  ];

  it.each(boards)(
    'boots to its init program on $vcpus vCPUs with a GICv$gic, which takes its interrupts on all',
    (board) => {
      const output = print(boot(board, `boot:${board.vcpus},interrupts,off`));
      expect(output).toMatch(/^vgic-init: PASS$/m);
      const controller = board.gic === 3 ? 'GICv3' : 'GIC-0';
      const timer = interruptNamed(output, 'arch_timer');
      expect(timer.what).toBe(`${controller} 27 Level arch_timer`);
      expect(timer.counts).toHaveLength(board.vcpus);
      for (const count of timer.counts) expect(count).toBeGreaterThan(0);
      expect(interruptNamed(output, 'uart-pl011').what).toBe(`${controller} 33 Level uart-pl011`);
      const calls = interruptNamed(output, 'Function call interrupts').counts;
      for (const count of calls) expect(count > 0).toBe(board.vcpus > 1);
      expect(interruptLines(output).get('Err')?.counts).toEqual([0]);
    },
  );

  it.each([
    { vcpus: 4, gic: 3 },
    { vcpus: 4, gic: 2 },
  ] as Board[])('switches its CPUs off and on again with a GICv$gic', (board) => {
    const output = print(boot(board, 'cpus:2,off'));
    expect(output).toMatch(/^vgic-init: PASS$/m);
    expect(output.match(/^vgic-init: cpus cpu=\d offline and online$/gm)).toHaveLength(6);
  });

  it('takes what is typed by the interrupt of the UART', () => {
    const machine = boot({ vcpus: 2, gic: 3 }, 'boot,echo,interrupts,off');
    expect(print(machine, 'vgic-init: echo waits')).not.toContain('PASS');
    machine.sendConsoleInput(new TextEncoder().encode('go on\r'));
    const output = print(machine);
    expect(output).toMatch(/^vgic-init: echo go on$/m);
    expect(sum(interruptNamed(output, 'uart-pl011').counts)).toBeGreaterThan(0);
    expect(output).toMatch(/^vgic-init: PASS$/m);
  });

  it('goes on after a save and a restore as if nothing had been', () => {
    const tests = 'boot:4,cpus,interrupts,off';
    const whole = print(boot({ vcpus: 4, gic: 3 }, tests));
    const machine = boot({ vcpus: 4, gic: 3 }, tests);
    const before = print(machine, 'vgic-init: cpus cpu=1');
    const after = print(Machine.restore(machine.save()));
    expect(before + after).toBe(whole);
    expect(whole).toMatch(/^vgic-init: PASS$/m);
  });

  // Negative controls: what must not pass does not.
  it.each([
    ['boot:3,off', /^vgic-init: FAIL boot: 2 CPUs are online, not 3$/m],
    ['boot,bot,off', /^vgic-init: FAIL bot is no test$/m],
    ['ping:1:10,off', /^vgic-init: FAIL ping: eth0 is not there$/m],
  ])('fails with vgic.test=%s on a board of 2 vCPUs without devices', (tests, line) => {
    const output = print(boot({ vcpus: 2, gic: 3 }, tests));
    expect(output).toMatch(line);
    expect(output).not.toContain('PASS');
  });
});
