import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Exit } from '../../src/core/index.js';
import { BareBoard } from './bare-board.js';
import { timer, timerLoop } from './programs.js';

/** A board whose virtual timer is its IRQ line, as a machine's is: raised at the exact instruction. */
class TimerBoard {
  readonly board: BareBoard;
  time = 0;

  constructor() {
    this.board = new BareBoard({ host: { timerChanged: () => this.board.core.stop() } });
    this.board.load(timerLoop);
  }

  /** Executes until the virtual time `until`; time spent in WFI passes at once. */
  run(until: number): void {
    const { core } = this.board;
    while (this.time < until) {
      core.setTime(this.time);
      core.setInterruptLines(0, core.timerOutput(0, 'virtual'), false);
      const budget = Math.min(until, core.nextTimer(0)) - this.time;
      const exit = core.run(0, budget);
      this.time += core.executed;
      if (exit === Exit.WaitForInterrupt) {
        core.setTime(this.time);
        const wake = core.timerOutput(0, 'virtual') ? this.time : core.nextTimer(0);
        // Idle time is skipped whole, or the wait goes on in the next run: executing WFI again is the same as waiting.
        if (wake > until) core.setPc(0, core.pc(0) - 4n);
        this.time = Math.min(wake, until);
      }
    }
  }

  /** A digest of the vCPU and of the RAM that the program uses. */
  state(): string {
    this.board.core.setInterruptLines(0, false, false);
    const hash = createHash('sha256').update(this.board.core.saveVcpu(0));
    return hash.update(this.board.core.ram.subarray(0, 0x30000)).digest('hex');
  }

  static restored(from: TimerBoard): TimerBoard {
    const other = new TimerBoard();
    other.board.core.ram.set(from.board.core.ram);
    other.board.core.ramChanged(0, other.board.core.ram.length);
    other.board.core.restoreVcpu(0, from.board.core.saveVcpu(0));
    other.time = from.time;
    return other;
  }
}

const TOTAL = 30_000;

describe('a program with interrupts, exceptions, translation, exclusives and WFI', () => {
  const whole = new TimerBoard();
  whole.run(TOTAL);
  const expected = whole.state();

  it('does what it is meant to do, or the rest here proves nothing', () => {
    expect(whole.board.x(15)).toBeGreaterThan(10n); // timer interrupts taken
    expect(whole.board.x(21) % 0x56000007n).toBe(0n); // SVC #7, and nothing else
    expect(whole.board.x(21)).toBeGreaterThan(0x56000007n);
    expect(whole.board.core.lockup).toBeUndefined();
  });

  it('is the same however its run is split', () => {
    const splits = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3000 })), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(splits, (steps) => {
        const split = new TimerBoard();
        for (const step of steps) split.run(Math.min(split.time + step, TOTAL));
        split.run(TOTAL);
        expect(split.state()).toBe(expected);
      }),
      { numRuns: 40 },
    );
  });

  it('is the same instruction by instruction', () => {
    const split = new TimerBoard();
    while (split.time < TOTAL) split.run(split.time + 1);
    expect(split.state()).toBe(expected);
  });

  it('is the same when it is saved anywhere and goes on in another core', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: TOTAL - 1 }), { minLength: 1, maxLength: 4 }), (points) => {
        let board = new TimerBoard();
        for (const point of [...points].sort((a, b) => a - b)) {
          board.run(point);
          board = TimerBoard.restored(board);
        }
        board.run(TOTAL);
        expect(board.state()).toBe(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('is another when one instruction more is executed', () => {
    const other = new TimerBoard();
    other.run(TOTAL + 1);
    expect(other.state()).not.toBe(expected);
  });
});

describe('the saved state of a vCPU', () => {
  const board = new BareBoard();
  board.load(timerLoop);
  board.core.run(0, 500);
  const saved = board.core.saveVcpu(0);

  it('restores to the same bytes', () => {
    const other = new BareBoard();
    other.core.restoreVcpu(0, saved);
    expect(other.core.saveVcpu(0)).toEqual(saved);
  });

  it('is refused with a RangeError when it is cut short, too long, of another version or nothing of the kind', () => {
    const other = new BareBoard();
    const changed = (at: number) => saved.map((byte, i) => (i === at ? byte ^ 0xff : byte));
    for (const bytes of [
      saved.subarray(0, 5),
      saved.subarray(0, saved.length - 1),
      new Uint8Array([...saved, 0]),
      changed(0),
      changed(4),
      changed(8),
    ]) {
      expect(() => other.core.restoreVcpu(0, bytes)).toThrow(RangeError);
    }
  });

  it('with any byte changed is refused or runs without harm', () => {
    const other = new BareBoard();
    fc.assert(
      fc.property(fc.nat(saved.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = saved.map((byte, i) => (i === at ? byte ^ flip : byte));
        other.core.ram.set(board.core.ram.subarray(0, 0x30000));
        other.core.ramChanged(0, other.core.ram.length);
        try {
          other.core.restoreVcpu(0, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
        other.core.run(0, 2000);
        expect(other.core.executed).toBeLessThanOrEqual(2000);
      }),
      { numRuns: 2000 },
    );
  });

  it('is of one vCPU alone', () => {
    const two = new BareBoard({ vcpus: 2 });
    const before = two.core.saveVcpu(0);
    two.core.restoreVcpu(1, saved);
    expect(two.core.saveVcpu(0)).toEqual(before);
    expect(two.core.saveVcpu(1)).toEqual(saved);
  });
});

describe('the generic timer', () => {
  it('counts one tick in sixteen instructions, and its output rises at the instruction that nextTimer tells', () => {
    const board = new BareBoard();
    board.load(timer);
    board.core.setTime(1600);
    board.core.run(0, 7);
    expect([board.x(0), board.x(2), board.x(3)]).toEqual([100n, 110n, 1n]);
    const rise = board.core.nextTimer(0);
    expect(rise).toBe(1760);
    board.core.run(0, rise - 1607 - 1);
    expect(board.core.timerOutput(0, 'virtual')).toBe(false);
    board.core.run(0, 1);
    expect(board.core.timerOutput(0, 'virtual')).toBe(true);
    expect(board.core.timerOutput(0, 'physical')).toBe(false);
    expect(board.core.nextTimer(0)).toBe(Number.POSITIVE_INFINITY);
    expect(board.core.run(0, 100)).toBe(Exit.Hypercall);
    expect(board.x(4)).toBe(5n); // ENABLE, ISTATUS
    expect(board.x(5)).toBe(110n);
    expect(board.x(6)).toBe(0n);
    expect(board.x(7)).toBe(7n); // ENABLE, IMASK, ISTATUS
    expect(board.x(8)).toBe(62_500_000n);
    expect(board.core.timerOutput(0, 'virtual')).toBe(false);
  });
});
