import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPl011State, Pl011 } from '../src/pl011.js';

const BASE = 0x0900_0000;
const DR = 0x00;
const RSR = 0x04;
const FR = 0x18;
const IBRD = 0x24;
const FBRD = 0x28;
const LCR_H = 0x2c;
const CR = 0x30;
const IFLS = 0x34;
const IMSC = 0x38;
const RIS = 0x3c;
const MIS = 0x40;
const ICR = 0x44;
const RX = 0x10;
const TX = 0x20;
const RT = 0x40;

function board() {
  const output: number[] = [];
  const lines: boolean[] = [];
  const clock = { now: 0 };
  const uart = new Pl011({
    output: (byte) => output.push(byte),
    line: (level) => lines.push(level),
    now: () => clock.now,
  });
  const read = (offset: number) => uart.read(0, BASE + offset, 4);
  const write = (offset: number, value: number) => uart.write(0, BASE + offset, 4, value, 0);
  return { uart, output, lines, clock, read, write };
}

const text = (string: string) => new TextEncoder().encode(string);

describe('the PL011 out of reset', () => {
  it('has the reset values of its manual and is idle', () => {
    const { read, lines } = board();
    expect(read(FR)).toBe(0x90);
    expect(read(CR)).toBe(0x300);
    expect(read(IFLS)).toBe(0x12);
    expect([IBRD, FBRD, LCR_H, IMSC, RIS, MIS, RSR].map(read)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(lines).toEqual([]);
  });

  it('identifies itself as a PrimeCell', () => {
    const { read } = board();
    const identification = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => read(0xfe0 + index * 4));
    expect(identification).toEqual([0x11, 0x10, 0x14, 0, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  it('keeps the writable bits of its registers and no others', () => {
    const { read, write } = board();
    for (const [offset, mask] of [
      [IBRD, 0xffff],
      [FBRD, 0x3f],
      [LCR_H, 0xff],
      [IFLS, 0x3f],
      [IMSC, 0x7ff],
      [0x48, 7],
    ]) {
      write(offset, 0xffff_ffff);
      expect(read(offset)).toBe(mask);
    }
  });
});

describe('transmission', () => {
  it('sends each byte at once, in order, eight bits of it', () => {
    const { output, read, write } = board();
    for (const value of [0x48, 0x169, 0xff]) write(DR, value);
    expect(output).toEqual([0x48, 0x69, 0xff]);
    expect(read(FR) & 0x80).toBe(0x80);
  });

  it('raises the transmit interrupt by a write, masked until it is asked for, until it is cleared', () => {
    const { lines, read, write } = board();
    write(DR, 0x41);
    expect([read(RIS) & TX, read(MIS), lines]).toEqual([TX, 0, []]);
    write(IMSC, TX);
    expect([read(MIS), lines]).toEqual([TX, [true]]);
    write(ICR, TX);
    expect([read(RIS) & TX, lines]).toEqual([0, [true, false]]);
    write(DR, 0x42);
    expect(lines).toEqual([true, false, true]);
  });

  it('comes back in loopback and does not go out', () => {
    const { output, read, write } = board();
    write(CR, 0x380);
    write(DR, 0x5a);
    expect(output).toEqual([]);
    expect(read(DR)).toBe(0x5a);
  });
});

describe('reception', () => {
  it('without FIFOs raises the receive interrupt with each byte and drops it with each read', () => {
    const { uart, read } = board();
    uart.receive(text('ab'));
    expect(read(RIS) & RX).toBe(RX);
    expect(read(FR) & 0x50).toBe(0x40);
    expect(read(DR)).toBe(0x61);
    // The second byte has moved up: it interrupts anew.
    expect(read(RIS) & RX).toBe(RX);
    expect(read(DR)).toBe(0x62);
    expect(read(RIS) & RX).toBe(0);
    expect(read(FR) & 0x50).toBe(0x10);
  });

  it.each([
    [0, 2],
    [1, 4],
    [2, 8],
    [3, 12],
    [4, 14],
  ])('with trigger code %i raises the receive interrupt at %i bytes and not before', (code, level) => {
    const { uart, read, write } = board();
    write(LCR_H, 0x70);
    write(IFLS, code << 3);
    uart.receive(new Uint8Array(level - 1));
    expect(read(RIS) & RX).toBe(0);
    uart.receive(new Uint8Array(1));
    expect(read(RIS) & RX).toBe(RX);
    read(DR);
    expect(read(RIS) & RX).toBe(0);
  });

  it('raises the timeout interrupt 32 bit periods after the last byte, when some are left', () => {
    const { uart, clock, lines, read, write } = board();
    write(IBRD, 13); // 24 MHz / 16 / 13.02 is 115200 baud
    write(FBRD, 1);
    write(LCR_H, 0x70);
    write(IMSC, RT);
    uart.receive(text('a'));
    const due = uart.deadline;
    expect(due).toBeGreaterThan(277_000);
    expect(due).toBeLessThan(278_000);
    clock.now = due - 1;
    uart.advance(clock.now);
    expect(lines).toEqual([]);
    clock.now = due;
    uart.advance(clock.now);
    expect([read(RIS) & RT, lines]).toEqual([RT, [true]]);
    expect(read(DR)).toBe(0x61);
    expect([read(RIS) & RT, lines]).toEqual([0, [true, false]]);
    expect(uart.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('tells again of bytes left when the timeout interrupt is cleared without reading them', () => {
    const { uart, clock, read, write } = board();
    write(LCR_H, 0x70);
    uart.receive(text('a'));
    clock.now = uart.deadline;
    uart.advance(clock.now);
    write(ICR, RT);
    expect(read(RIS) & RT).toBe(0);
    clock.now = uart.deadline;
    uart.advance(clock.now);
    expect(read(RIS) & RT).toBe(RT);
  });

  it('loses no byte however many come at once and however the guest switches the FIFOs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 10_000 }), fc.infiniteStream(fc.boolean()), (bytes, switches) => {
        const { uart, read, write } = board();
        uart.receive(bytes);
        const got: number[] = [];
        while (!(read(FR) & 0x10)) {
          write(LCR_H, switches.next().value ? 0x70 : 0);
          got.push(read(DR));
        }
        expect(Uint8Array.from(got)).toEqual(bytes);
        expect(uart.unread).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it('reads zero from an empty receiver', () => {
    expect(board().read(DR)).toBe(0);
  });
});

type Step =
  | { kind: 'write'; offset: number; value: number }
  | { kind: 'read'; offset: number }
  | { kind: 'receive'; bytes: Uint8Array }
  | { kind: 'time'; by: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    offset: fc.nat(0x3ff).map((n) => n * 4),
    value: fc.nat(0xffff_ffff),
  }),
  fc.record({
    kind: fc.constant('write' as const),
    offset: fc.constantFrom(DR, LCR_H, IFLS, IMSC, ICR, CR),
    value: fc.nat(0x7ff),
  }),
  fc.record({ kind: fc.constant('read' as const), offset: fc.constantFrom(DR, FR, RIS, MIS) }),
  fc.record({ kind: fc.constant('receive' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant('time' as const), by: fc.nat(400_000) }),
);

describe('a saved PL011', () => {
  it('goes on exactly as the one it was saved from, at any moment of any use', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.array(step, { maxLength: 40 }), (before, after) => {
        const apply = (it: ReturnType<typeof board>, steps: Step[]) =>
          steps.map((one) => {
            if (one.kind === 'write') it.write(one.offset, one.value);
            else if (one.kind === 'receive') it.uart.receive(one.bytes);
            else if (one.kind === 'time') {
              it.clock.now += one.by;
              it.uart.advance(it.clock.now);
            } else return it.read(one.offset);
            return 0;
          });
        const original = board();
        apply(original, before);
        const state = JSON.parse(JSON.stringify(original.uart.save()));
        expect(checkPl011State(state)).toBeUndefined();
        const copy = board();
        copy.clock.now = original.clock.now;
        copy.uart.restore(state);
        // Whoever hears the line was saved with it: it is not driven anew.
        expect(copy.lines).toEqual([]);
        original.output.length = 0;
        original.lines.length = 0;
        expect(apply(copy, after)).toEqual(apply(original, after));
        expect(copy.output).toEqual(original.output);
        expect(copy.uart.save()).toEqual(original.uart.save());
        expect(copy.lines).toEqual(original.lines);
      }),
    );
  });

  it('is refused when it is impossible', () => {
    const good = board().uart.save();
    expect(checkPl011State(good)).toBeUndefined();
    const bad: unknown[] = [
      null,
      {},
      { ...good, raw: 0x800 },
      { ...good, raw: 1.5 },
      { ...good, received: new Array(17).fill(0) },
      { ...good, received: [256] },
      { ...good, waiting: ['a'] },
      { ...good, timeout: -1 },
      { ...good, timeout: 'soon' },
      { ...good, registers: { ...good.registers, fbrd: 0x40 } },
      { ...good, registers: undefined },
    ];
    for (const state of bad) expect(checkPl011State(state)).toMatch(/impossible/);
  });
});
