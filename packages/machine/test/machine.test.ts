import { describe, expect, it } from 'vitest';
import { Machine, type MachineConfig, SnapshotError } from '../src/index.js';
import { type ProgramName, testProgram } from './programs/index.js';

const MIB = 2 ** 20;

function boot(name: ProgramName, config: Partial<MachineConfig> = {}) {
  const machine = new Machine({ vcpus: 1, memory: 16 * MIB, gic: 3, ...config });
  machine.load({ kernel: testProgram(name) });
  const printed: number[] = [];
  machine.onConsoleOutput = (byte) => printed.push(byte);
  return { machine, text: () => new TextDecoder().decode(Uint8Array.from(printed)) };
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a run', () => {
  it('ends when the guest switches itself off, and says so every time after', () => {
    const { machine, text } = boot('hello');
    expect(machine.run()).toEqual({ reason: 'off' });
    expect(text()).toBe('hello, world\n');
    const { time } = machine;
    expect(machine.run()).toEqual({ reason: 'off' });
    expect(machine.time).toBe(time);
  });

  it('ends when the guest asks for a reset', () => {
    expect(boot('reset').machine.run()).toEqual({ reason: 'reset' });
  });

  it('is bounded to the instruction, for a guest that never ends, and bounded without being told', () => {
    const { machine } = boot('spin');
    for (const until of [1, 2, 19_999, 20_000, 20_001, 123_456]) {
      expect(machine.run(until)).toEqual({ reason: 'time' });
      expect(machine.time).toBe(until);
    }
    expect(machine.run()).toEqual({ reason: 'time' });
    expect(machine.time).toBe(123_456 + 10_000_000);
    expect(machine.run(5)).toEqual({ reason: 'time' });
    expect(machine.time).toBe(10_123_456);
  });

  it('is bounded by the work that it costs, too: each instruction of a busy guest, next to nothing of idle time', () => {
    const { machine } = boot('spin');
    for (const work of [1, 2, 19_999, 20_000, 50_000]) {
      const { time } = machine;
      expect(machine.run(1e9, work)).toEqual({ reason: 'time' });
      expect(machine.time - time).toBeGreaterThanOrEqual(Math.min(work, 19_000));
      expect(machine.time - time).toBeLessThanOrEqual(work);
    }
    const idle = boot('timer');
    expect(idle.machine.run(20_000_000, 10_000)).toEqual({ reason: 'off' });
    for (const work of [0, -1, Number.NaN]) expect(() => machine.run(1e9, work)).toThrow(RangeError);
  });

  it('knows no part of an instruction: it stops at the last whole one', () => {
    const { machine } = boot('spin');
    for (let until = 0; until < 40; until += 0.3) {
      expect(machine.run(until)).toEqual({ reason: 'time' });
      expect(machine.time).toBe(Math.floor(until));
    }
  });

  it('says that the guest waits for input alone, at no cost and as often as asked', () => {
    const { machine } = boot('sleep', { vcpus: 2 });
    expect(machine.run()).toEqual({ reason: 'waiting' });
    const { time } = machine;
    expect(machine.run(1e12)).toEqual({ reason: 'waiting' });
    expect(machine.time).toBe(time);
  });

  it('can be stopped by what the guest prints, at that very instruction', () => {
    const { machine, text } = boot('hello');
    const print = machine.onConsoleOutput;
    machine.onConsoleOutput = (byte) => {
      print(byte);
      if (byte === 0x2c) machine.stop();
    };
    expect(machine.run()).toEqual({ reason: 'stopped' });
    expect(text()).toBe('hello,');
    // One instruction of the loop further the next byte has not been loaded, let alone printed.
    machine.run(machine.time + 3);
    expect(text()).toBe('hello,');
    expect(machine.run()).toEqual({ reason: 'off' });
    expect(text()).toBe('hello, world\n');
  });

  it('refuses to be saved or run from inside itself, and to begin without a program', () => {
    const { machine } = boot('hello');
    const errors: string[] = [];
    machine.onConsoleOutput = () => {
      for (const forbidden of [() => machine.save(), () => machine.run()]) {
        try {
          forbidden();
        } catch (error) {
          errors.push((error as Error).message);
        }
      }
      machine.stop();
    };
    machine.run();
    expect(errors).toEqual([
      'A machine cannot be saved in the middle of an instruction.',
      'This machine is running already.',
    ]);
    expect(() => new Machine({ vcpus: 1, memory: 2 * MIB, gic: 3 }).run()).toThrow(/no program/);
    expect(() => machine.load({ kernel: testProgram('hello') })).toThrow(/has its program already/);
  });
});

describe('a console callback that throws', () => {
  it('ends the run with its error, between two instructions: the guest can go on', () => {
    const { machine, text } = boot('hello');
    const print = machine.onConsoleOutput;
    machine.onConsoleOutput = (byte) => {
      print(byte);
      if (byte === 0x2c) throw new Error('the reader has gone');
    };
    expect(() => machine.run()).toThrow('the reader has gone');
    expect(machine.run()).toEqual({ reason: 'off' });
    expect(text()).toBe('hello, world\n');
  });
});

describe('a guest that goes wrong', () => {
  it('takes an external abort where nothing is, an undefined instruction where no register is, NOT_SUPPORTED for SMC', () => {
    const { machine, text } = boot('abort');
    expect(machine.run()).toEqual({ reason: 'off' });
    // 'f': exception class 0x25, a data abort; 'A': class 0, undefined.
    expect(text()).toBe('ffffAs');
  });

  it('that faults without vectors is reported with PC, instruction, vCPU and what happened first', () => {
    const { machine } = boot('wild');
    const outcome = machine.run();
    expect(outcome).toEqual({
      reason: 'lockup',
      message: expect.stringMatching(/vCPU 0 .*PC 0x40080004.*0xf9400020: .*0x1000/),
    });
    expect(machine.run()).toEqual(outcome);
  });

  it('that switches its last vCPU off is reported', () => {
    expect(boot('abandon', { vcpus: 2 }).machine.run()).toEqual({
      reason: 'lockup',
      message: expect.stringMatching(/CPU_OFF/),
    });
  });
});

describe('the console', () => {
  it('wakes a guest that waits, by interrupt, and gives it every byte', () => {
    const { machine, text } = boot('echo');
    expect(machine.run()).toEqual({ reason: 'waiting' });
    machine.sendConsoleInput(bytes('a'));
    expect(machine.run()).toEqual({ reason: 'waiting' });
    expect(text()).toBe('>A');
    machine.sendConsoleInput(bytes('bcdefghij'.repeat(100)));
    expect(machine.run()).toEqual({ reason: 'waiting' });
    expect(text()).toBe(`>A${'BCDEFGHIJ'.repeat(100)}`);
    machine.sendConsoleInput(bytes('xq'));
    expect(machine.run()).toEqual({ reason: 'off' });
    expect(text().endsWith('X')).toBe(true);
  });

  it('raises the receive timeout in virtual time for input below the trigger level', () => {
    const { machine, text } = boot('echo');
    machine.run();
    const before = machine.time;
    machine.sendConsoleInput(bytes('a'));
    machine.run();
    expect(text()).toBe('>A');
    expect(machine.time - before).toBeGreaterThan(277_000);
    expect(machine.time - before).toBeLessThan(280_000);
  });

  it('keeps input that the guest has not read over save and restore', () => {
    const { machine } = boot('echo');
    machine.run();
    machine.sendConsoleInput(bytes('abcdefghijklmnopqrstuvwxyz'.replace('q', '')));
    const copy = Machine.restore(machine.save());
    const printed: number[] = [];
    copy.onConsoleOutput = (byte) => printed.push(byte);
    copy.run();
    expect(Buffer.from(printed).toString()).toBe('ABCDEFGHIJKLMNOPRSTUVWXYZ');
  });
});

describe('virtual time', () => {
  it('skips what all spend waiting, to the tick of the next timer', () => {
    const { machine, text } = boot('timer');
    const dots: number[] = [];
    machine.onConsoleOutput = () => dots.push(machine.time);
    expect(machine.run(20_000_000)).toEqual({ reason: 'off' });
    expect(dots).toHaveLength(5);
    for (let n = 1; n < 5; n++) {
      // 62500 ticks of 16 ns, counted from the handler's write of CNTV_TVAL_EL0.
      expect(dots[n] - dots[n - 1]).toBeGreaterThanOrEqual(1_000_000 - 16);
      expect(dots[n] - dots[n - 1]).toBeLessThan(1_000_200);
    }
    expect(text()).toBe('');
  });
});

describe('a GICv2', () => {
  it('interrupts by its memory-mapped CPU interface', () => {
    const { machine, text } = boot('timer-gicv2', { gic: 2 });
    expect(machine.run(20_000_000)).toEqual({ reason: 'off' });
    expect(text()).toBe('.....');
  });

  it('has no system registers: the same guest for a GICv3 takes an undefined instruction', () => {
    const { machine } = boot('timer', { gic: 2 });
    expect(machine.run(20_000_000).reason).not.toBe('off');
  });
});

describe('PSCI on the board', () => {
  it.each([1, 2, 3, 8])('starts the other vCPUs of %i with their context, on their own affinity, once', (vcpus) => {
    const { machine, text } = boot('start-others', { vcpus });
    expect(machine.run()).toEqual({ reason: 'off' });
    const others = Array.from({ length: vcpus - 1 }, (_, n) => String(n + 1));
    // 'f': a second CPU_ON of each was answered ON_PENDING (-5).
    expect([...text()].sort()).toEqual([...others, ...others.map(() => 'f')].sort());
  });
});

describe('a machine cut into pieces', () => {
  const programs: { name: ProgramName; vcpus: number; quantum?: number; gic?: 2 }[] = [
    { name: 'hello', vcpus: 1 },
    { name: 'timer', vcpus: 1 },
    { name: 'start-others', vcpus: 4, quantum: 7 },
    { name: 'abort', vcpus: 1 },
    { name: 'timer-gicv2', vcpus: 1, gic: 2 },
    { name: 'uart-timeout', vcpus: 1, quantum: 1_000_000 },
  ];
  const start = ({ name, ...config }: (typeof programs)[number]) => {
    const guest = boot(name, config);
    if (name === 'uart-timeout') guest.machine.sendConsoleInput(bytes('a'.repeat(40)));
    return guest;
  };

  it.each(programs)(
    'ends bit for bit like the whole: $name on $vcpus vCPUs, stopped after every instruction',
    (program) => {
      const whole = start(program);
      whole.machine.run(20_000_000);
      const pieces = start(program);
      for (let n = 0; n < 3000; n++) pieces.machine.run(pieces.machine.time + 1);
      pieces.machine.run(20_000_000);
      expect(pieces.text()).toBe(whole.text());
      expect(pieces.machine.save()).toEqual(whole.machine.save());
    },
  );

  it.each(programs)('ends bit for bit like the whole when saved and restored: $name on $vcpus vCPUs', (program) => {
    const whole = start(program);
    whole.machine.run(20_000_000);
    const expected = whole.machine.save();
    for (const cut of [
      0, 1, 2, 3, 5, 10, 20, 21, 22, 23, 24, 25, 30, 50, 80, 81, 82, 150, 1_000_000, 1_000_060, 2_000_100,
    ]) {
      const first = start(program);
      first.machine.run(cut);
      const second = Machine.restore(first.machine.save());
      let text = first.text();
      second.onConsoleOutput = (byte) => {
        text += String.fromCharCode(byte);
      };
      second.run(20_000_000);
      expect(text).toBe(whole.text());
      expect(second.save()).toEqual(expected);
    }
  });
});

describe('a machine state that no machine can have', () => {
  it('is refused as a SnapshotError, whichever part is wrong', () => {
    const { machine } = boot('echo', { vcpus: 2 });
    machine.run();
    const good = machine.save();
    expect(() => Machine.restore(good)).not.toThrow();
    const wrong = [
      { ...good, vcpus: [good.vcpus[0]] },
      { ...good, vcpus: [good.vcpus[0], new Uint8Array(3)] },
      { ...good, vcpus: [good.vcpus[0], new Uint8Array(good.vcpus[0].length).fill(0xff)] },
      { ...good, gic: {} as never },
      { ...good, gic: { ...good.gic, queues: [] } },
      { ...good, gic: { ...good.gic, distributor: { ...good.gic.distributor, GICD_CTLR: 2 ** 32 } } },
      { ...good, config: { ...good.config, gic: 2 as const } },
      { ...good, config: { ...good.config, vcpus: 3 } },
      { ...good, ram: { ...good.ram, size: 4096 } },
      { ...good, ram: { ...good.ram, pages: Uint32Array.of(...good.ram.pages).reverse() } },
    ];
    for (const state of wrong) expect(() => Machine.restore(state)).toThrow(SnapshotError);
  });
});

describe('a machine that cannot be', () => {
  it.each([
    { vcpus: 0, memory: 2 * MIB, gic: 3 as const },
    { vcpus: 9, memory: 2 * MIB, gic: 3 as const },
    { vcpus: 1.5, memory: 2 * MIB, gic: 3 as const },
    { vcpus: 1, memory: 0, gic: 3 as const },
    { vcpus: 1, memory: 3 * MIB, gic: 3 as const },
    { vcpus: 1, memory: 4096 * MIB, gic: 3 as const },
    { vcpus: 1, memory: 2 * MIB, gic: 4 as never },
    { vcpus: 1, memory: 2 * MIB, gic: 3 as const, listRegisters: 0 },
    { vcpus: 1, memory: 2 * MIB, gic: 3 as const, quantum: -1 },
    { vcpus: 1, memory: 2 * MIB, gic: 3 as const, gicv4: 4 as never },
    { vcpus: 1, memory: 2 * MIB, gic: 2 as const, gicv4: 41 as const },
    { vcpus: 1, memory: 2 * MIB, gic: 2 as const, extendedSpis: 32 },
    { vcpus: 1, memory: 2 * MIB, gic: 2 as const, messageBasedSpis: { first: 128, count: 64 } },
    { vcpus: 1, memory: 2 * MIB, gic: 3 as const, extendedSpis: 1056 },
    { vcpus: 1, memory: 2 * MIB, gic: 3 as const, extendedPpis: 16 as never },
    { vcpus: 1, memory: 2 * MIB, gic: 3 as const, messageBasedSpis: { first: 79, count: 1 } },
    { vcpus: 1, memory: 2 * MIB, gic: 3 as const, messageBasedSpis: { first: 255, count: 2 } },
    { vcpus: 1, memory: 2 * MIB, gic: 3 as const, messageBasedSpis: { first: 128, count: 0 } },
    { vcpus: 1, memory: 2 * MIB, gic: 3 as const, messageBasedSpis: 128 as never },
  ])('is refused: %j', (config) => {
    expect(() => new Machine(config)).toThrow(RangeError);
  });
});
