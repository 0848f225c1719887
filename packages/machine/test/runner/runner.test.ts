import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Machine, type MachineConfig, type Outcome, Runner, type RunnerOptions, type Turn } from '../../src/index.js';
import { bootGuest, digest, guestImage } from '../guest-run.js';
import { type ProgramName, testProgram } from '../programs/index.js';
import { FakeClock } from './fake-clock.js';

const MIB = 2 ** 20;
const bytes = (text: string) => new TextEncoder().encode(text);

function machineWith(name: ProgramName, config: Partial<MachineConfig> = {}): Machine {
  const machine = new Machine({ vcpus: 1, memory: 16 * MIB, gic: 3, ...config });
  machine.load({ kernel: testProgram(name) });
  return machine;
}

/** A runner with a clock of its own, and what it has printed. */
function runnerOf(machine: Machine, options: RunnerOptions = {}) {
  const clock = new FakeClock();
  const runner = new Runner(machine, { clock, ...options });
  const turns: Turn[] = [];
  let text = '';
  runner.on('turn', (turn) => turns.push(turn));
  runner.on('output', (output) => {
    text += new TextDecoder().decode(output);
  });
  return { clock, runner, turns, text: () => text };
}

describe('a runner', () => {
  it('runs a machine to its end, and tells every listener of its output and its end', async () => {
    const { runner, text } = runnerOf(machineWith('hello'));
    const printed: number[] = [];
    const ends: Outcome[] = [];
    runner.on('byte', (byte) => printed.push(byte));
    runner.on('ended', (outcome) => ends.push(outcome));
    runner.on('ended', (outcome) => ends.push(outcome));
    expect(runner.state).toBe('stopped');
    const over = runner.start();
    expect(runner.state).toBe('running');
    expect(await over).toEqual({ reason: 'off' });
    expect(runner.state).toBe('ended');
    expect([text(), Buffer.from(printed).toString()]).toEqual(['hello, world\n', 'hello, world\n']);
    expect(ends).toEqual([{ reason: 'off' }, { reason: 'off' }]);
    expect(await runner.start()).toEqual({ reason: 'off' });
  });

  it('says why a guest locked up', async () => {
    const { runner } = runnerOf(machineWith('wild'));
    expect(await runner.start()).toEqual({ reason: 'lockup', message: expect.stringMatching(/locked up at PC/) });
  });

  it('stops telling a listener that does not want to hear any more, the other ones still', async () => {
    const { runner, text } = runnerOf(machineWith('hello'));
    let heard = '';
    const off = runner.on('byte', (byte) => {
      heard += String.fromCharCode(byte);
      if (heard === 'hell') off();
    });
    await runner.start();
    expect([heard, text()]).toEqual(['hell', 'hello, world\n']);
  });

  it('comes back at a virtual time, to the instruction, and goes on from there', async () => {
    const { runner, turns } = runnerOf(machineWith('spin'));
    expect(await runner.start(12_345_678)).toEqual({ reason: 'time' });
    expect([runner.machine.time, runner.state, turns.length]).toEqual([12_345_678, 'stopped', 3]);
    expect(await runner.start(12_345_679)).toEqual({ reason: 'time' });
    expect(runner.machine.time).toBe(12_345_679);
  });

  it('lets other events have their turn between two of the guest', async () => {
    const runner = new Runner(machineWith('spin'));
    let others = 0;
    const timer = setInterval(() => others++, 1);
    setTimeout(() => runner.stop(), 100);
    expect(await runner.start()).toEqual({ reason: 'stopped' });
    clearInterval(timer);
    expect(others).toBeGreaterThan(1);
  });

  it('does so in a page too, where there is no setImmediate', async () => {
    const { setImmediate: own } = globalThis;
    Reflect.deleteProperty(globalThis, 'setImmediate');
    try {
      const runner = new Runner(machineWith('spin'), { slice: 1000 });
      let turns = 0;
      runner.on('turn', () => turns++);
      setTimeout(() => runner.stop(), 20);
      expect(await runner.start()).toEqual({ reason: 'stopped' });
      expect(turns).toBeGreaterThan(5);
    } finally {
      globalThis.setImmediate = own;
    }
  });

  it('cannot be started twice at a time', async () => {
    const { runner } = runnerOf(machineWith('hello'));
    const over = runner.start();
    await expect(runner.start()).rejects.toThrow('running already');
    await over;
  });
});

describe('stop', () => {
  it('from a listener of bytes leaves the guest right behind the byte; a new start goes on', async () => {
    const { runner, text } = runnerOf(machineWith('hello'));
    runner.on('byte', (byte) => {
      if (byte === 0x2c) runner.stop();
    });
    expect(await runner.start()).toEqual({ reason: 'stopped' });
    expect([text(), runner.state]).toEqual(['hello,', 'stopped']);
    expect(await runner.start()).toEqual({ reason: 'off' });
    expect(text()).toBe('hello, world\n');
  });

  it('from a listener of turns, from outside, and before the first turn', async () => {
    const { runner, turns } = runnerOf(machineWith('spin'));
    runner.on('turn', () => {
      if (turns.length === 3) runner.stop();
    });
    expect(await runner.start()).toEqual({ reason: 'stopped' });
    expect(turns.length).toBe(3);
    const over = runner.start();
    runner.stop();
    expect(await over).toEqual({ reason: 'stopped' });
    expect(turns.length).toBe(3);
  });

  it('ends a wait for input, and a pause', async () => {
    for (const options of [{}, { paused: true }]) {
      const { clock, runner } = runnerOf(machineWith('sleep'), options);
      clock.onIdle = () => runner.stop();
      expect(await runner.start()).toEqual({ reason: 'stopped' });
    }
  });

  it('without a run does nothing: the next one runs', async () => {
    const { runner } = runnerOf(machineWith('hello'));
    runner.stop();
    expect(await runner.start()).toEqual({ reason: 'off' });
  });
});

describe('a listener that fails', () => {
  const error = new Error('enough');

  it.each<[string, (runner: Runner) => void]>([
    [
      'throws at a byte',
      (runner) =>
        runner.on('byte', (byte) => {
          if (byte === 0x2c) throw error;
        }),
    ],
    [
      'throws at output',
      (runner) =>
        runner.on('output', () => {
          throw error;
        }),
    ],
    [
      'throws after a turn',
      (runner) =>
        runner.on('turn', () => {
          throw error;
        }),
    ],
    ['rejects after a turn', (runner) => runner.on('turn', () => Promise.reject(error))],
    [
      'throws at the end',
      (runner) =>
        runner.on('ended', () => {
          throw error;
        }),
    ],
  ])('and %s: the others are told, start rejects with its error, and the machine is whole', async (_, listen) => {
    const { runner } = runnerOf(machineWith('hello'), { slice: 10 });
    listen(runner);
    let text = '';
    let told = 0;
    runner.on('output', (output) => {
      text += new TextDecoder().decode(output);
    });
    for (const name of ['byte', 'turn'] as const) runner.on(name, () => told++);
    await expect(runner.start()).rejects.toBe(error);
    expect(told).toBeGreaterThan(0);
    expect(runner.state).not.toBe('running');
    while (runner.machine.run().reason !== 'off');
    await runner.start().catch(() => {});
    expect(text).toBe('hello, world\n');
  });

  it('twice gives the first error', async () => {
    const { runner } = runnerOf(machineWith('hello'));
    runner.on('turn', () => {
      throw error;
    });
    runner.on('turn', () => Promise.reject(new Error('later')));
    await expect(runner.start()).rejects.toBe(error);
  });
});

describe('the promise of a listener', () => {
  it('is waited for before the guest goes on', async () => {
    const { runner } = runnerOf(machineWith('spin'), { slice: 1000 });
    let busy = false;
    let seen = 0;
    runner.on('turn', async () => {
      expect(busy).toBe(false);
      busy = true;
      const { time } = runner.machine;
      await new Promise((resolve) => setTimeout(resolve, 2));
      expect(runner.machine.time).toBe(time);
      busy = false;
      if (++seen === 5) runner.stop();
    });
    await runner.start();
    expect([runner.machine.time, busy]).toEqual([5000, false]);
  });
});

describe('the budget of a turn', () => {
  const kernel = guestImage('interrupts');
  /** What an instruction costs in the guest's storms of interrupts, in milliseconds. */
  const PER_INSTRUCTION = 60e-6;

  /** The turns of the guest that floods itself with interrupts, when time passes for each of its instructions. */
  async function storm(options: RunnerOptions) {
    const { machine } = bootGuest(kernel, 'rounds=2');
    const found = runnerOf(machine, options);
    const run = machine.core.run.bind(machine.core);
    machine.core.run = (vcpu, budget) => {
      const exit = run(vcpu, budget);
      found.clock.pass(machine.core.executed * PER_INSTRUCTION);
      return exit;
    };
    expect(await found.runner.start()).toEqual({ reason: 'off' });
    expect(found.text()).toMatch(/\nPASS\r?\n$/);
    return found;
  }

  it('is kept within one small slice in a storm of interrupts', async () => {
    for (const budget of [2, 10]) {
      const { turns } = await storm({ budget });
      const longest = Math.max(...turns.map((turn) => turn.milliseconds));
      expect(longest).toBeLessThan(budget + 1);
      expect(longest).toBeGreaterThan(budget - 1);
    }
  });

  it('is what keeps it: without one a turn of the same guest takes many times as long', async () => {
    const { turns } = await storm({ budget: Number.POSITIVE_INFINITY });
    expect(Math.max(...turns.map((turn) => turn.milliseconds))).toBeGreaterThan(100);
  });

  it('is no reason to cut idle time into pieces', async () => {
    const machine = machineWith('timer');
    let runs = 0;
    const run = machine.run.bind(machine);
    machine.run = (...args) => {
      runs++;
      return run(...args);
    };
    const { runner, turns } = runnerOf(machine);
    expect(await runner.start()).toEqual({ reason: 'off' });
    expect(machine.time).toBeGreaterThan(5_000_000);
    expect([runs, turns.length]).toEqual([2, 2]);
  });
});

describe('a run cut into turns', () => {
  const kernel = guestImage('interrupts');
  const whole = bootGuest(kernel, 'rounds=2');
  whole.machine.run(20_000_000_000);
  const expected = digest(whole.machine.save());

  it('comes to the same state, time and console, however it is cut', async () => {
    const cuts = fc.record({
      budget: fc.constantFrom(0, 1, 10),
      slice: fc.integer({ min: 50_000, max: 5_000_000 }),
      cost: fc.double({ min: 0.01, max: 5, noNaN: true }),
      pace: fc.boolean(),
      throttle: fc.constantFrom(0, 0.5),
    });
    await fc.assert(
      fc.asyncProperty(cuts, async ({ cost, throttle, ...options }) => {
        const { machine } = bootGuest(kernel, 'rounds=2');
        const { clock, runner, text } = runnerOf(machine, options);
        runner.throttle = throttle;
        const run = machine.run.bind(machine);
        machine.run = (...args) => {
          clock.pass(cost);
          return run(...args);
        };
        expect(await runner.start()).toEqual({ reason: 'off' });
        expect(digest(machine.save())).toEqual(expected);
        expect(text()).toBe(whole.text());
      }),
      { numRuns: 4 },
    );
  });
});

describe('pace', () => {
  it('lets virtual time go no faster than the clock, with a slice of lead', async () => {
    const machine = machineWith('timer');
    const { clock, runner } = runnerOf(machine, { pace: true, slice: 500_000 });
    const began = clock.now();
    let dots = 0;
    runner.on('byte', () => dots++);
    runner.on('turn', () => {
      expect(machine.time / 1e6 - (clock.now() - began)).toBeLessThanOrEqual(5);
      // Who wakes the runner all the time does not make the guest faster.
      runner.wake();
      clock.pass(0.1);
    });
    await runner.start();
    expect(dots).toBe(5);
    expect(clock.now() - began).toBeGreaterThan(machine.time / 1e6 - 5);
  });

  it('waits for the clock; without it no time passes', async () => {
    for (const [pace, least] of [
      [true, 0.9],
      [false, 0],
    ] as const) {
      const machine = machineWith('spin');
      const { clock, runner } = runnerOf(machine, { pace });
      const began = clock.now();
      await runner.start(100_000_000);
      expect((clock.now() - began) / 100).toBeGreaterThanOrEqual(least);
      expect((clock.now() - began) / 100).toBeLessThanOrEqual(least + 0.1);
    }
  });

  it('does not hurry a guest that has been slow, and begins anew after a pause', async () => {
    const machine = machineWith('spin');
    const { clock, runner, turns } = runnerOf(machine, { pace: true });
    let slow = true;
    runner.on('turn', () => {
      if (slow) clock.pass(1000);
      slow = false;
      if (turns.length === 3) runner.pause();
    });
    clock.onIdle = () => {
      clock.pass(5000);
      runner.resume();
    };
    const began = clock.now();
    await runner.start(100_000_000);
    expect(clock.now() - began - 6000).toBeGreaterThan(80);
    expect(clock.now() - began - 6000).toBeLessThanOrEqual(100);
  });

  it('can be asked for in the middle', async () => {
    const machine = machineWith('spin');
    const { clock, runner } = runnerOf(machine);
    runner.on('turn', () => {
      if (machine.time === 50_000_000) runner.pace = true;
    });
    const began = clock.now();
    await runner.start(100_000_000);
    expect(clock.now() - began).toBeGreaterThanOrEqual(45);
    expect(clock.now() - began).toBeLessThanOrEqual(50);
  });
});

describe('throttle', () => {
  it('holds the guest back for a part of the time, woken or not', async () => {
    for (const wakes of [false, true]) {
      const machine = machineWith('spin');
      const { clock, runner, turns } = runnerOf(machine);
      runner.throttle = 0.75;
      const run = machine.run.bind(machine);
      machine.run = (...args) => {
        clock.pass(0.5);
        return run(...args);
      };
      if (wakes) runner.on('turn', () => runner.wake());
      const began = clock.now();
      await runner.start(50_000_000);
      const ran = turns.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
      const last = turns.at(-1)!;
      expect(clock.now() - began).toBeCloseTo((ran - last.milliseconds) * 4 + last.milliseconds, 6);
      expect(last.held).toBeCloseTo(last.milliseconds * 3, 6);
    }
  });

  it('counts what listeners take', async () => {
    const machine = machineWith('spin');
    const { clock, runner } = runnerOf(machine);
    runner.throttle = 0.5;
    const run = machine.run.bind(machine);
    machine.run = (...args) => {
      clock.pass(10);
      return run(...args);
    };
    runner.on('turn', ({ held }) => clock.pass(held));
    await runner.start(1_000_000);
    expect(clock.waits).toEqual([]);
  });

  it('is a part of the whole', () => {
    const { runner } = runnerOf(machineWith('spin'));
    for (const part of [-0.1, 1, 2, Number.NaN]) {
      expect(() => {
        runner.throttle = part;
      }).toThrow(RangeError);
    }
  });
});

describe('pause', () => {
  it('stands from the start on until resume; no virtual time passes, and who wakes the runner has a turn', async () => {
    const { clock, runner, turns, text } = runnerOf(machineWith('hello'), { paused: true });
    let idle = 0;
    clock.onIdle = () => {
      expect([runner.state, runner.machine.time, text()]).toEqual(['paused', 0, '']);
      if (++idle < 3) runner.wake();
      else runner.resume();
    };
    expect(runner.state).toBe('stopped');
    expect(await runner.start()).toEqual({ reason: 'off' });
    expect([idle, turns.filter(({ outcome }) => outcome === undefined).length]).toEqual([3, 3]);
    expect(text()).toBe('hello, world\n');
  });

  it('from a listener leaves the guest right behind the byte', async () => {
    const { clock, runner, text } = runnerOf(machineWith('hello'));
    const off = runner.on('byte', (byte) => {
      if (byte === 0x2c) runner.pause();
    });
    clock.onIdle = () => {
      expect([runner.state, text()]).toEqual(['paused', 'hello,']);
      off();
      runner.resume();
    };
    expect(await runner.start()).toEqual({ reason: 'off' });
    expect(text()).toBe('hello, world\n');
  });
});

describe('a guest that waits for input', () => {
  it('gets it at once, however it comes, and costs nothing until then', async () => {
    const { clock, runner, turns, text } = runnerOf(machineWith('echo'));
    const keys = ['a', 'b', 'q'];
    clock.onIdle = () => {
      expect(runner.state).toBe('running');
      runner.sendConsoleInput(bytes(keys.shift()!));
    };
    expect(await runner.start()).toEqual({ reason: 'off' });
    expect(text()).toBe('>AB');
    expect(turns.length).toBe(4);
  });

  it('does not miss what comes while listeners are busy, or while it is held back', async () => {
    const { clock, runner, text } = runnerOf(machineWith('echo'));
    runner.throttle = 0.9;
    const keys = ['a', 'q'];
    const type = () => {
      if (keys.length > 0) runner.sendConsoleInput(bytes(keys.shift()!));
    };
    runner.on('turn', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      type();
    });
    expect(await runner.start()).toEqual({ reason: 'off' });
    expect(text()).toBe('>A');
    expect(clock.waits).not.toContain(Number.POSITIVE_INFINITY);
  });
});

describe('a guest that resets', () => {
  it('ends the run when nobody can build it anew', async () => {
    const { runner } = runnerOf(machineWith('reset'));
    expect(await runner.start()).toEqual({ reason: 'reset' });
    expect(runner.state).toBe('ended');
  });

  it('goes on in a fresh machine, with the same listeners', async () => {
    const { runner, text } = runnerOf(machineWith('reset'), { reboot: () => machineWith('reset') });
    const machines = new Set([runner.machine]);
    runner.on('reboot', (machine) => {
      expect(machine).toBe(runner.machine);
      machines.add(machine);
      if (machines.size === 4) runner.stop();
    });
    expect(await runner.start()).toEqual({ reason: 'stopped' });
    expect([machines.size, text()]).toEqual([4, 'rrr']);
  });
});
