import { describe, expect, it } from 'vitest';
import { Core, Exit } from '../../src/core/index.js';
import { BareBoard } from './bare-board.js';
import { badHandler, interrupt, lockup, lockupTagged, waits, writer } from './programs.js';

describe('a run of the core', () => {
  it('ends after exactly the budget, and counts what it executed', () => {
    const board = new BareBoard();
    board.load(writer.slice(1));
    board.core.setPc(0, 0x40000004n);
    for (const budget of [1, 2, 3, 1000, 1001, 20_000]) {
      expect(board.core.run(0, budget)).toBe(Exit.Budget);
      expect(board.core.executed).toBe(budget);
    }
    expect(board.x(0)).toBe(BigInt(Math.ceil((1 + 2 + 3 + 1000 + 1001 + 20_000) / 2)));
  });

  it('does nothing with a budget of zero', () => {
    const board = new BareBoard();
    board.load(waits);
    expect(board.core.run(0, 0)).toBe(Exit.Budget);
    expect(board.core.executed).toBe(0);
    expect(board.core.pc(0)).toBe(0x40000000n);
  });

  it('ends behind WFI, WFE, YIELD, HVC and SMC, each with its own reason', () => {
    const board = new BareBoard();
    board.load(waits);
    const seen = Array.from({ length: 6 }, () => [board.core.run(0, 1000), Number(board.x(0)), board.core.executed]);
    expect(seen).toEqual([
      [Exit.WaitForInterrupt, 1, 2],
      [Exit.Yield, 2, 2],
      [Exit.Yield, 3, 2],
      [Exit.Hypercall, 4, 2],
      [Exit.SecureCall, 5, 2],
      [Exit.Hypercall, 6, 2],
    ]);
    expect(board.core.pc(0)).toBe(0x40000030n);
  });

  it.each([
    ['IRQ', true, false],
    ['FIQ', false, true],
  ])('does not wait in WFI while the %s line is high, masked though it is', (_name, irq, fiq) => {
    const board = new BareBoard();
    board.load(waits);
    board.core.setInterruptLines(0, irq, fiq);
    expect(board.core.run(0, 1000)).toBe(Exit.Yield);
    expect(board.core.executed).toBe(4);
  });

  it('ends after the instruction in which the host stops it', () => {
    const board: BareBoard = new BareBoard({ host: { mmioWrite: () => board.core.stop() } });
    board.load(interrupt);
    expect(board.core.run(0, 1000)).toBe(Exit.Stopped);
    expect(board.core.executed).toBe(5);
    expect(board.core.pc(0)).toBe(0x40000014n);
    expect(board.core.run(0, 1)).toBe(Exit.Budget);
    expect(board.x(5)).toBe(1n);
  });

  it('tells a host call how many instructions came before the one at hand', () => {
    let executed = -1;
    const board: BareBoard = new BareBoard({
      host: {
        mmioWrite: () => {
          executed = board.core.executed;
        },
      },
    });
    board.load(interrupt);
    board.core.run(0, 20);
    expect(executed).toBe(4);
    expect(board.core.executed).toBe(20);
  });
});

describe('a host call', () => {
  it('may look at another vCPU, save it and reset it, and the run goes on as if not', () => {
    const board: BareBoard = new BareBoard({
      vcpus: 3,
      host: {
        mmioWrite: () => {
          board.core.saveVcpu(1);
          board.core.reset(2, 0x40000004n, 5n);
          board.core.pstate(1);
          board.core.instructionAt(1, 0x40000000n);
          board.core.systemRegister(1, 0xc208);
          board.core.setInterruptLines(1, true, true);
        },
      },
    });
    board.load(interrupt);
    board.core.run(0, 10);
    expect(board.core.executed).toBe(10);
    expect([board.x(5, 0), board.x(5, 1), board.x(0, 2)]).toEqual([1n, 0n, 5n]);
    expect(board.core.pc(2)).toBe(0x40000004n);
    board.core.setInterruptLines(1, false, false);
  });
});

describe('an interrupt line', () => {
  it.each([
    ['IRQ', true, false, 0x280n, 0x80n],
    ['FIQ', false, true, 0x300n, 0x40n],
    ['FIQ before IRQ', true, true, 0x300n, 0xc0n],
  ])('raised inside a device access strikes before the next instruction: %s', (_name, irq, fiq, vector, status) => {
    const board: BareBoard = new BareBoard({
      host: { mmioWrite: (vcpu) => board.core.setInterruptLines(vcpu, irq, fiq) },
    });
    board.load(interrupt);
    expect(board.core.run(0, 1000)).toBe(Exit.Hypercall);
    expect(board.x(3)).toBe(0x40000014n);
    expect(board.x(4)).toBe(status);
    expect(board.x(6)).toBe(vector);
    expect(board.x(5)).toBe(0n);
  });

  it('that falls again inside the same access is not seen', () => {
    const board: BareBoard = new BareBoard({
      host: {
        mmioWrite: (vcpu) => {
          board.core.setInterruptLines(vcpu, true, false);
          board.core.setInterruptLines(vcpu, false, false);
        },
      },
    });
    board.load(interrupt);
    expect(board.core.run(0, 1000)).toBe(Exit.Budget);
    expect(board.x(5)).toBe(1n);
  });
});

describe('a guest whose exceptions lead nowhere', () => {
  it('locks up, and the report is about the first fault', () => {
    const board = new BareBoard();
    board.load(lockup);
    expect(board.core.run(0, 1000)).toBe(Exit.Lockup);
    expect(board.core.executed).toBe(3);
    const report = board.core.lockup;
    expect(report).toMatchObject({ vcpu: 0, pc: 0x40000008n, instruction: 0xf9400401 });
    expect(report?.reason).toContain('data abort on address 0x10000008');
    expect(report?.reason).toContain('vector at 0x10000200');
    expect(board.core.run(0, 1000)).toBe(Exit.Lockup);
    expect(board.core.executed).toBe(0);
  });

  it('locks up even where the vector base has a tag that the MMU ignores', () => {
    const board = new BareBoard();
    board.load(lockupTagged);
    expect(board.core.run(0, 1000)).toBe(Exit.Lockup);
    expect(board.core.lockup?.pc).toBe(0x40000014n);
  });

  it('is the same after its locked-up state was saved and restored', () => {
    const board = new BareBoard();
    board.load(lockup);
    board.core.run(0, 1000);
    const other = new BareBoard();
    other.core.restoreVcpu(0, board.core.saveVcpu(0));
    expect(other.core.run(0, 1000)).toBe(Exit.Lockup);
    expect(other.core.lockup).toEqual(board.core.lockup);
  });

  it('runs again after a reset', () => {
    const board = new BareBoard();
    board.load(lockup);
    board.core.run(0, 1000);
    board.load(waits);
    expect(board.core.lockup).toBeUndefined();
    expect(board.core.run(0, 1000)).toBe(Exit.WaitForInterrupt);
  });

  it('is not locked up when a fault in a handler has a working handler itself', () => {
    const board = new BareBoard();
    board.load(badHandler);
    expect(board.core.run(0, 1000)).toBe(Exit.Hypercall);
    expect(board.x(3)).toBe(0x10000000n);
    expect(board.x(4)).toBe(0x40000800n);
  });
});

describe('the making of a core', () => {
  const host = new BareBoard().core && {
    mmioRead: () => 0,
    mmioWrite: () => {},
    systemRegisterRead: () => 0,
    systemRegisterWrite: () => {},
    timerChanged: () => {},
  };
  const good = { vcpus: 1, ramBase: 0x40000000, ramSize: 2 << 20, host };

  it.each([
    { vcpus: 0 },
    { vcpus: 17 },
    { vcpus: 1.5 },
    { ramSize: 0 },
    { ramSize: 4096 },
    { ramSize: 2 ** 32 },
    { ramBase: 4096 },
    { ramBase: -(2 ** 21) },
    { ramBase: 2 ** 40 },
  ])('refuses %o with a sentence', (bad) => {
    expect(() => Core.create({ ...good, ...bad })).toThrow(RangeError);
  });

  it('gives 3 GiB of RAM, all of it in reach of the guest', () => {
    const core = Core.create({ ...good, ramSize: 3 * 2 ** 30 });
    // LDR X1, [X0]; STR X0, [X0, #-8]; HVC #0, in the last page.
    const end = core.ram.length - 4096;
    new DataView(core.ram.buffer, core.ram.byteOffset).setUint32(end, 0xf9400001, true);
    new DataView(core.ram.buffer, core.ram.byteOffset).setUint32(end + 4, 0xf81f8000, true);
    new DataView(core.ram.buffer, core.ram.byteOffset).setUint32(end + 8, 0xd4000002, true);
    new DataView(core.ram.buffer, core.ram.byteOffset).setBigUint64(end + 4096 - 8, 0x1234n, true);
    const last = BigInt(0x40000000 + core.ram.length - 8);
    core.reset(0, BigInt(0x40000000 + end), last);
    expect(core.run(0, 100)).toBe(Exit.Hypercall);
    expect(core.readRegister(0, 1)).toBe(0x1234n);
    expect(new DataView(core.ram.buffer, core.ram.byteOffset).getBigUint64(end + 4096 - 16, true)).toBe(last);
  });
});
