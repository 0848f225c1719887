import { describe, expect, it } from 'vitest';
import { GicMemory } from '../src/gic-memory.js';
import { RAM_BASE } from '../src/memory-map.js';
import { BareBoard } from './core/bare-board.js';

/** MOV X0, #1; HVC #0 */
const PROGRAM: [number, number, string][] = [
  [0, 0xd2800020, 'mov x0, #1'],
  [4, 0xd4000002, 'hvc #0'],
];
const MOV_X0_2 = 0xd2800040;

function board() {
  const bare = new BareBoard();
  bare.load(PROGRAM);
  const log = new Uint32Array(16);
  return {
    bare,
    memory: new GicMemory(bare.core),
    run: () => {
      bare.core.setPc(0, BigInt(RAM_BASE));
      bare.core.run(0, 2);
      return bare.x(0);
    },
    dirty: () => {
      bare.core.takeDirty(log);
      return [...Array(512).keys()].filter((page) => (log[page >> 5] >>> (page & 31)) & 1);
    },
  };
}

describe('what the GIC writes to RAM', () => {
  it('counts as code at once, as often as it is written', () => {
    const { memory, run } = board();
    expect(run()).toBe(1n);
    memory.store64(RAM_BASE, MOV_X0_2, PROGRAM[1][1]);
    expect(run()).toBe(2n);
    memory.store8(RAM_BASE, 0x60);
    expect(run()).toBe(3n);
    memory.store8(RAM_BASE, 0x20);
    expect(run()).toBe(1n);
  });

  it('is in the dirty log each time that is taken', () => {
    const { bare, memory, dirty } = board();
    bare.core.enableDirtyLog(true);
    for (let time = 0; time < 3; time++) {
      memory.store64(RAM_BASE + 0x5ff8, 1, 2);
      memory.store8(RAM_BASE + 0x7000, 3);
      expect(dirty()).toEqual([5, 7]);
      expect(dirty()).toEqual([]);
    }
  });

  it('outside RAM is nowhere', () => {
    const { bare, memory, dirty } = board();
    bare.core.enableDirtyLog(true);
    expect(memory.store8(RAM_BASE - 1, 1)).toBe(false);
    expect(memory.store64(RAM_BASE + bare.core.ram.length - 4, 1, 1)).toBe(false);
    expect(memory.store8(2 ** 51, 1)).toBe(false);
    expect(dirty()).toEqual([]);
  });
});
