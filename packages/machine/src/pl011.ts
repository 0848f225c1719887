import type { BusDevice } from './bus.js';

/**
 * The PrimeCell UART (PL011), after its Technical Reference Manual, Arm DDI 0183.
 * Transmission takes no time: a byte written to UARTDR is out at once and the transmit interrupt is raised, as QEMU's does.
 */

/** Interrupt bits of UARTRIS, UARTMIS, UARTIMSC and UARTICR (DDI 0183, 3.3.10 to 3.3.13). */
const INTERRUPT = { receive: 1 << 4, transmit: 1 << 5, receiveTimeout: 1 << 6, all: 0x7ff } as const;
/** Bits of the flag register (3.3.3). */
const FLAG = { receiveEmpty: 1 << 4, receiveFull: 1 << 6, transmitEmpty: 1 << 7 } as const;
/** UARTLCR_H.FEN: the FIFOs are on (3.3.7). */
const FIFO_ENABLE = 1 << 4;
/** UARTCR.LBE: what is sent comes back (3.3.8). */
const LOOPBACK = 1 << 7;

const FIFO_DEPTH = 16;
/** UARTIFLS.RXIFLSEL (3.3.9): 1/8, 1/4, 1/2, 3/4 and 7/8 of the FIFO; the reserved codes act as the highest. */
const RECEIVE_TRIGGER = [2, 4, 8, 12, 14, 14, 14, 14] as const;
/** UARTCLK in MHz, as the device tree gives it. */
export const UART_CLOCK_MHZ = 24;
/** UARTPeriphID0-3 and UARTPCellID0-3 (3.3.15): part 0x011, designer Arm, revision 1 (16-byte FIFOs). */
const IDENTIFICATION = [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;

/** The registers that only hold what was written: offset, writable bits, value at reset. */
const STORED = {
  ilpr: { offset: 0x20, mask: 0xff, reset: 0 },
  ibrd: { offset: 0x24, mask: 0xffff, reset: 0 },
  fbrd: { offset: 0x28, mask: 0x3f, reset: 0 },
  lcrH: { offset: 0x2c, mask: 0xff, reset: 0 },
  cr: { offset: 0x30, mask: 0xff87, reset: 0x300 },
  ifls: { offset: 0x34, mask: 0x3f, reset: 0x12 },
  imsc: { offset: 0x38, mask: INTERRUPT.all, reset: 0 },
  dmacr: { offset: 0x48, mask: 0x7, reset: 0 },
} as const;
type StoredName = keyof typeof STORED;
const STORED_NAMES = Object.keys(STORED) as StoredName[];
const STORED_AT = new Map<number, StoredName>(STORED_NAMES.map((name) => [STORED[name].offset, name]));

const OFFSET = { dr: 0x00, rsr: 0x04, fr: 0x18, ris: 0x3c, mis: 0x40, icr: 0x44, identification: 0xfe0 } as const;

/** What the UART needs of the board. */
export interface Pl011Host {
  /** A byte went out. */
  output(byte: number): void;
  /** The combined interrupt UARTINTR changed its level. */
  line(level: boolean): void;
  /** Virtual time now, in nanoseconds. */
  now(): number;
}

/** All that a PL011 remembers; plain JSON. */
export interface Pl011State {
  registers: Record<StoredName, number>;
  /** UARTRIS. */
  raw: number;
  /** Received bytes not yet read, oldest first; at most 16. */
  received: number[];
  /** Console input that has not reached the FIFO, oldest first. */
  waiting: number[];
  /** Virtual time at which the receive timeout is raised, or null. */
  timeout: number | null;
}

/** One PL011. */
export class Pl011 implements BusDevice {
  /** No register is wider than 32 bits. */
  readonly high = 0;
  readonly #host: Pl011Host;
  #registers = Object.fromEntries(STORED_NAMES.map((name) => [name, STORED[name].reset])) as Record<StoredName, number>;
  #raw = 0;
  #received: number[] = [];
  #waiting: number[] = [];
  #waitingFrom = 0;
  #line = false;

  /** Virtual time of the next thing the UART does by itself (the receive timeout); Infinity when there is none. */
  deadline = Number.POSITIVE_INFINITY;

  constructor(host: Pl011Host) {
    this.#host = host;
  }

  /** Gives bytes to the receiver. What does not fit in the FIFO waits outside: the sender is held, nothing is overrun. */
  receive(bytes: Uint8Array): void {
    for (const byte of bytes) this.#waiting.push(byte);
    this.#fill();
    this.#update();
  }

  /** Bytes given to `receive` that the guest has not read. */
  get unread(): number {
    return this.#received.length + this.#waiting.length - this.#waitingFrom;
  }

  /** Lets virtual time reach `now`: the receive timeout is raised when its moment has come (DDI 0183, 2.8.3). */
  advance(now: number): void {
    if (now < this.deadline) return;
    this.deadline = Number.POSITIVE_INFINITY;
    if (this.#received.length > 0) this.#raw |= INTERRUPT.receiveTimeout;
    this.#update();
  }

  read(_vcpu: number, address: number, _size: number): number {
    const offset = address & 0xffc;
    const stored = STORED_AT.get(offset);
    if (stored) return this.#registers[stored];
    switch (offset) {
      case OFFSET.dr:
        return this.#readData();
      case OFFSET.fr: {
        const count = this.#received.length;
        return (
          FLAG.transmitEmpty | (count === 0 ? FLAG.receiveEmpty : 0) | (count >= this.#depth() ? FLAG.receiveFull : 0)
        );
      }
      case OFFSET.ris:
        return this.#raw;
      case OFFSET.mis:
        return this.#raw & this.#registers.imsc;
      default:
        // UARTRSR: no byte ever arrives with an error.
        return offset >= OFFSET.identification ? IDENTIFICATION[(offset - OFFSET.identification) >> 2] : 0;
    }
  }

  write(_vcpu: number, address: number, _size: number, low: number, _high: number): void {
    const offset = address & 0xffc;
    const stored = STORED_AT.get(offset);
    if (stored) {
      this.#registers[stored] = low & STORED[stored].mask;
      if (stored === 'lcrH' || stored === 'ifls') this.#fill();
    } else if (offset === OFFSET.dr) {
      const byte = low & 0xff;
      this.#raw |= INTERRUPT.transmit;
      if (this.#registers.cr & LOOPBACK) this.receive(Uint8Array.of(byte));
      else this.#host.output(byte);
    } else if (offset === OFFSET.icr) {
      this.#raw &= ~low;
      // Bytes may still be there, and no interrupt would tell of them: the timeout counts anew.
      if (low & INTERRUPT.receiveTimeout && this.#received.length > 0) this.#startTimeout();
    }
    this.#update();
  }

  save(): Pl011State {
    return {
      registers: { ...this.#registers },
      raw: this.#raw,
      received: [...this.#received],
      waiting: this.#waiting.slice(this.#waitingFrom),
      timeout: Number.isFinite(this.deadline) ? this.deadline : null,
    };
  }

  /** Takes a state that `checkPl011State` accepts. The line has the level it had then: whoever it leads to was saved too. */
  restore(state: Pl011State): void {
    this.#registers = { ...state.registers };
    this.#raw = state.raw;
    this.#received = [...state.received];
    this.#waiting = [...state.waiting];
    this.#waitingFrom = 0;
    this.deadline = state.timeout ?? Number.POSITIVE_INFINITY;
    this.#line = (this.#raw & this.#registers.imsc) !== 0;
  }

  #depth(): number {
    return this.#registers.lcrH & FIFO_ENABLE ? FIFO_DEPTH : 1;
  }

  #trigger(): number {
    return this.#registers.lcrH & FIFO_ENABLE ? RECEIVE_TRIGGER[(this.#registers.ifls >> 3) & 7] : 1;
  }

  #readData(): number {
    const byte = this.#received.shift() ?? 0;
    if (this.#received.length < this.#trigger()) this.#raw &= ~INTERRUPT.receive;
    if (this.#received.length === 0) {
      this.#raw &= ~INTERRUPT.receiveTimeout;
      this.deadline = Number.POSITIVE_INFINITY;
    }
    this.#fill();
    this.#update();
    return byte;
  }

  /** Moves waiting bytes into the FIFO as far as there is room. */
  #fill(): void {
    const room = Math.min(this.#depth() - this.#received.length, this.#waiting.length - this.#waitingFrom);
    if (room <= 0) return;
    for (let moved = 0; moved < room; moved++) this.#received.push(this.#waiting[this.#waitingFrom++]);
    if (this.#waitingFrom === this.#waiting.length || this.#waitingFrom > 4096) {
      this.#waiting = this.#waiting.slice(this.#waitingFrom);
      this.#waitingFrom = 0;
    }
    if (this.#received.length >= this.#trigger()) this.#raw |= INTERRUPT.receive;
    this.#startTimeout();
  }

  /** The receive timeout comes 32 bit periods after the last byte; without a baud rate, as at 115200. */
  #startTimeout(): void {
    const divisor = this.#registers.ibrd * 64 + this.#registers.fbrd || 833;
    this.deadline = this.#host.now() + Math.ceil((32 * 16 * divisor * 1000) / (64 * UART_CLOCK_MHZ));
  }

  #update(): void {
    const level = (this.#raw & this.#registers.imsc) !== 0;
    if (level === this.#line) return;
    this.#line = level;
    this.#host.line(level);
  }
}

/** Says what is impossible in a saved PL011, or undefined when it can be restored. */
export function checkPl011State(state: unknown): string | undefined {
  const { registers, raw, received, waiting, timeout } = (state ?? {}) as Partial<Pl011State>;
  const bytes = (list: unknown, most: number) =>
    Array.isArray(list) && list.length <= most && list.every((b) => Number.isInteger(b) && b >= 0 && b <= 0xff);
  for (const name of STORED_NAMES) {
    const value = registers?.[name];
    if (!Number.isInteger(value) || (value! & STORED[name].mask) !== value)
      return `UART register ${name} is impossible`;
  }
  if (!Number.isInteger(raw) || (raw! & INTERRUPT.all) !== raw) return 'the UART interrupt status is impossible';
  if (!bytes(received, FIFO_DEPTH)) return 'the UART receive FIFO is impossible';
  if (!bytes(waiting, Number.POSITIVE_INFINITY)) return 'the console input that waits is impossible';
  if (timeout !== null && !(Number.isSafeInteger(timeout) && timeout! >= 0)) return 'the UART timeout is impossible';
  return undefined;
}
