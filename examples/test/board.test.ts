import { SYSTEM_REGISTERS } from 'vgic';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Code, Instruction } from '../board.js';

const { ICC_PMR_EL1, ICC_IGRPEN1_EL1, ICC_IAR1_EL1, ICC_EOIR1_EL1, ICC_SGI1R_EL1 } = SYSTEM_REGISTERS;
const GICD = 0x0800_0000;
const GICR_SGI = 0x080b_0000;
const UART_DATA = 0x0900_0000;
const [SGI, UART] = [5, 33];

const store = (address: number, value: number): Instruction => {
  return (board, vcpu) => {
    board.store(vcpu, address, value);
    return 0;
  };
};
const msr = (register: number, value: number): Instruction => {
  return (board, vcpu) => {
    board.writeSystemRegister(vcpu, register, value);
    return 0;
  };
};
const wfi: Instruction = (board, vcpu) => {
  board.waitForInterrupt(vcpu);
  return 0;
};
const now: Instruction = (board) => board.now;

function* boot(): Code {
  yield store(GICD, 2);
  yield store(GICD + 0x84, 1 << (UART - 32));
  yield store(GICD + 0xc08, 0);
  yield store(GICD + 0x104, 1 << (UART - 32));
  yield store(GICR_SGI + 0x80, 1 << SGI);
  yield store(GICR_SGI + 0x100, 1 << SGI);
  yield msr(ICC_PMR_EL1, 0xff);
  yield msr(ICC_IGRPEN1_EL1, 1);
  yield msr(ICC_SGI1R_EL1, (SGI << 24) | 1); // to itself
  for (;;) yield wfi;
}

describe("the board's run loop", () => {
  let Board: typeof import('../board.js').Board;

  beforeAll(async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    ({ Board } = await import('../board.js'));
    log.mockRestore();
  });
  afterAll(() => vi.restoreAllMocks());

  it('lets no interrupt be taken whose line has fallen while interrupts were masked', () => {
    const taken: number[] = [];
    let byte = 0;
    function* handler(): Code {
      const intid = yield (board, vcpu) => board.readSystemRegister(vcpu, ICC_IAR1_EL1);
      taken.push(intid);
      // the UART's line rises amid this handler, which serves it by the way
      while ((yield now) < 60);
      byte = yield (board, vcpu) => board.load(vcpu, UART_DATA);
      yield msr(ICC_EOIR1_EL1, intid);
    }
    new Board([boot()], handler, [{ at: 50, text: 'x' }]).run();
    expect(byte).toBe('x'.charCodeAt(0));
    expect(taken).toEqual([SGI]);
  });
});
