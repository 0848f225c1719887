import { describe, expect, it } from 'vitest';
import { Exit } from '../../src/core/index.js';
import { BareBoard } from './bare-board.js';
import {
  busError,
  deviceThenCode,
  exclusive,
  exclusiveEret,
  mmioWide,
  selfModifying,
  undefinedRegister,
  type Words,
  writer,
} from './programs.js';

describe('code that changes', () => {
  it('is executed as it is, with no cache maintenance, even right behind the store', () => {
    const board = new BareBoard();
    board.load(selfModifying);
    expect(board.core.run(0, 1000)).toBe(Exit.Hypercall);
    expect([board.x(10), board.x(11), board.x(12)]).toEqual([1n, 2n, 2n]);
  });

  it('under another vCPU takes effect at once', () => {
    const board = new BareBoard({ vcpus: 2 });
    // vCPU 1 stores X0 to X1, then HVC.
    const patcher: Words = [
      [0x100, 0xb9000020, 'str w0, [x1]'],
      [0x104, 0xd4000002, 'hvc #0'],
    ];
    board.load(patcher, 1);
    board.load(writer);
    board.core.setPc(1, 0x40000100n);
    board.core.run(0, 1);
    board.core.run(0, 10);
    expect(board.x(0)).toBe(5n);
    board.core.writeRegister(1, 0, 0x91001000n); // ADD X0, X0, #4
    board.core.writeRegister(1, 1, 0x40000004n);
    expect(board.core.run(1, 10)).toBe(Exit.Hypercall);
    board.core.run(0, 10);
    expect(board.x(0)).toBe(25n);
  });

  it('written by the host takes effect when the host says so', () => {
    const board = new BareBoard();
    board.load(writer);
    board.core.run(0, 1);
    board.core.run(0, 10);
    board.poke(4, 0x91002000); // ADD X0, X0, #8
    board.core.run(0, 10);
    expect(board.x(0)).toBe(45n);
  });
});

describe('code in more pages than are kept decoded', () => {
  it('is executed all the same, round after round', () => {
    const pages = 3000;
    const board = new BareBoard({ ramSize: 16 << 20 });
    for (let page = 0; page < pages; page++) {
      const next = page === pages - 1 ? -page : 1;
      board.poke(page * 4096 + 0x800, 0x91000400); // ADD X0, X0, #1
      board.poke(page * 4096 + 0x804, 0x14000000 | ((next * 1024 - 1) & 0x3ffffff)); // B to the next page's ADD
    }
    board.core.reset(0, 0x40000800n, 0n);
    expect(board.core.run(0, 2 * 3 * pages)).toBe(Exit.Budget);
    expect(board.x(0)).toBe(BigInt(3 * pages));
    expect(board.core.pc(0)).toBe(0x40000800n);
  });
});

describe('code that the host changes in the middle of a run', () => {
  it.each([
    ['one word', 4],
    ['all of RAM', 2 << 20],
  ])('takes effect at the next instruction: %s', (_name, length) => {
    const board: BareBoard = new BareBoard({
      host: {
        mmioWrite: () => {
          board.poke(0x0c, 0xd2800060); // MOV X0, #3
          board.core.ramChanged(length === 4 ? 0x0c : 0, length);
        },
      },
    });
    board.load(deviceThenCode);
    // Once without the change, so that the old instruction is predecoded.
    board.core.setPc(0, 0x4000000cn);
    board.core.run(0, 2);
    expect(board.x(0)).toBe(2n);
    board.core.setPc(0, 0x40000000n);
    expect(board.core.run(0, 10)).toBe(Exit.Hypercall);
    expect(board.x(0)).toBe(3n);
  });
});

describe('a store-exclusive', () => {
  const at = 0x40001000n;

  function begun(): BareBoard {
    const board = new BareBoard();
    board.load(exclusive);
    board.core.writeRegister(0, 1, at);
    board.poke(0x1000, 5);
    expect(board.core.run(0, 100)).toBe(Exit.Hypercall);
    expect(board.x(2)).toBe(5n);
    return board;
  }

  it('succeeds when nothing came between', () => {
    const board = begun();
    board.core.run(0, 100);
    expect(board.x(4)).toBe(0n);
    expect(board.peek(0x1000)).toBe(99);
  });

  it('fails when someone else stored another value, and stores nothing', () => {
    const board = begun();
    board.poke(0x1000, 6);
    board.core.run(0, 100);
    expect(board.x(4)).toBe(1n);
    expect(board.peek(0x1000)).toBe(6);
  });

  it('fails after CLREX', () => {
    const board = begun();
    board.core.run(0, 100);
    board.core.run(0, 100);
    expect(board.x(5)).toBe(1n);
  });

  it('fails after an exception return', () => {
    const board = new BareBoard();
    board.load(exclusiveEret);
    board.core.writeRegister(0, 1, at);
    expect(board.core.run(0, 100)).toBe(Exit.Hypercall);
    expect(board.x(4)).toBe(1n);
  });

  it('of a pair stores both halves', () => {
    const board = begun();
    for (let i = 0; i < 3; i++) board.core.run(0, 100);
    board.poke(0x1000, 0x11);
    board.poke(0x1008, 0x22);
    // Both were loaded before the pokes if at all: run the pair again from its load.
    board.core.setPc(0, 0x40000024n);
    expect(board.core.run(0, 100)).toBe(Exit.Hypercall);
    expect([board.x(6), board.x(7), board.x(8)]).toEqual([0x11n, 0x22n, 0n]);
    expect([board.peek(0x1000), board.peek(0x1008)]).toEqual([0x22, 0x11]);
  });
});

describe('an access that the host answers', () => {
  it('carries 64 bits both ways, and parts of them', () => {
    const seen: unknown[] = [];
    const board: BareBoard = new BareBoard({
      host: {
        mmioRead: (vcpu, address, size) => {
          seen.push(['read', vcpu, address, size]);
          board.core.high = 0x89abcdef;
          return 0xffffff80;
        },
        mmioWrite: (vcpu, address, size, low, high) => {
          seen.push(['write', vcpu, address, size, low, high]);
        },
      },
    });
    board.load(mmioWide);
    expect(board.core.run(0, 100)).toBe(Exit.Hypercall);
    expect(board.x(2)).toBe(0x89abcdefffffff80n);
    expect([board.x(3), board.x(4)]).toEqual([0xffffff80n, 0xffffff80n]);
    expect(board.x(5)).toBe(0xffffffffffffff80n);
    expect(seen).toEqual([
      ['read', 0, 0x09000000, 8],
      ['read', 0, 0x09000008, 4],
      ['read', 0, 0x0900000c, 4],
      ['read', 0, 0x09000001, 1],
      ['write', 0, 0x09000010, 8, 0xffffff80, 0x89abcdef],
    ]);
  });

  it('with a bus error is an external abort, data class, with the address', () => {
    const board = new BareBoard();
    board.load(busError);
    expect(board.core.run(0, 100)).toBe(Exit.Hypercall);
    expect(board.x(3)).toBe(0x96000050n);
    expect(board.x(4)).toBe(0x08000000n);
  });

  it('to a system register that is not there is UNDEFINED at the instruction', () => {
    const seen: unknown[] = [];
    const board: BareBoard = new BareBoard({
      host: {
        systemRegisterWrite: (_vcpu, encoding, low, high) => {
          seen.push(encoding, low, high);
        },
        systemRegisterRead: (_vcpu, encoding) => {
          seen.push(encoding);
          if (encoding !== 0xc660) board.core.raiseUndefined();
          board.core.high = 1;
          return 2;
        },
      },
    });
    board.load(undefinedRegister);
    expect(board.core.run(0, 100)).toBe(Exit.Hypercall);
    expect(board.x(2)).toBe(0x100000002n);
    expect(board.x(4)).toBe(0x02000000n);
    expect(board.x(5)).toBe(0x40000010n);
    // ICC_PMR_EL1, ICC_IAR1_EL1, PMCR_EL0.
    expect(seen).toEqual([0xc230, 0x40000800, 0, 0xc660, 0xdce0]);
  });
});

describe('the dirty log', () => {
  const pages = (words: Uint32Array) => [...Array(512).keys()].filter((n) => (words[n >> 5] >>> (n & 31)) & 1);
  const stores: Words = [
    [0, 0xf9000020, 'str x0, [x1]'],
    [4, 0x8b020021, 'add x1, x1, x2'],
    [8, 0x17fffffe, 'b 0'],
  ];

  it('names the pages that the guest stored to since it was last taken', () => {
    const board = new BareBoard();
    const log = new Uint32Array(16);
    board.load(stores);
    board.core.writeRegister(0, 1, 0x40003000n);
    board.core.writeRegister(0, 2, 0x1000n);
    board.core.run(0, 9);
    board.core.enableDirtyLog(true);
    board.core.takeDirty(log);
    expect(pages(log)).toEqual([]);
    board.core.writeRegister(0, 1, 0x40003000n);
    board.core.run(0, 6);
    board.core.takeDirty(log);
    expect(pages(log)).toEqual([3, 4]);
    board.core.writeRegister(0, 1, 0x40003000n);
    board.core.writeRegister(0, 2, 8n);
    board.core.run(0, 300);
    board.core.takeDirty(log);
    expect(pages(log)).toEqual([3]);
    board.core.run(0, 3);
    board.core.takeDirty(log);
    expect(pages(log)).toEqual([3]);
    board.core.takeDirty(log);
    expect(pages(log)).toEqual([]);
  });

  it('names the pages that a device wrote, and what ends beyond RAM', () => {
    const board = new BareBoard();
    const log = new Uint32Array(16);
    board.core.enableDirtyLog(true);
    board.core.ramChanged(0x5ff8, 16);
    board.core.ramChanged(511 * 4096, 8192);
    board.core.takeDirty(log);
    expect(pages(log)).toEqual([5, 6, 511]);
    board.core.ramChanged(0, 512 * 4096);
    board.core.takeDirty(log);
    expect(pages(log)).toHaveLength(512);
    board.core.takeDirty(log);
    expect(pages(log)).toEqual([]);
  });

  it('names both pages of a store across their border, and a page with code', () => {
    const board = new BareBoard();
    const log = new Uint32Array(16);
    board.load(stores);
    board.core.enableDirtyLog(true);
    board.core.writeRegister(0, 1, 0x40000ffcn);
    board.core.run(0, 1);
    board.core.takeDirty(log);
    expect(pages(log)).toEqual([0, 1]);
    board.core.setPc(0, 0x40000000n);
    board.core.writeRegister(0, 1, 0x40000800n);
    board.core.run(0, 1);
    board.core.takeDirty(log);
    expect(pages(log)).toEqual([0]);
  });
});
