import type { StatePart, StateVisitor } from '../checkpoint.js';
import { clearBit, setBit, testBit, writeBit } from './bitmap.js';

/** How many physical interrupts there are. */
export const PHYSICAL_INTERRUPT_COUNT = 1024;

/**
 * The state of the host's own interrupts, to which virtual ones can be tied: a list register with HW = 1 deactivates the
 * physical interrupt together with the virtual one (IHI 0069, 4.8 "Maintenance interrupts and hardware interrupts").
 * All virtual machines of a host share one of these.
 */
export class PhysicalInterrupts implements StatePart {
  readonly #line = new Uint32Array(PHYSICAL_INTERRUPT_COUNT / 32);
  readonly #pending = new Uint32Array(PHYSICAL_INTERRUPT_COUNT / 32);
  readonly #notForwardable = new Uint32Array(PHYSICAL_INTERRUPT_COUNT / 32);
  readonly #active = new Uint32Array(PHYSICAL_INTERRUPT_COUNT / 32);

  /** The input from the device. */
  line(irq: number): boolean {
    return testBit(this.#line, irq);
  }
  setLine(irq: number, level: boolean): void {
    writeBit(this.#line, irq, level);
  }
  /** The latch alone; what the physical distributor shows is latch or line, see {@link isPending}. */
  latch(irq: number): boolean {
    return testBit(this.#pending, irq);
  }
  setPending(irq: number, pending: boolean): void {
    writeBit(this.#pending, irq, pending);
  }
  isPending(irq: number): boolean {
    return testBit(this.#pending, irq) || testBit(this.#line, irq);
  }
  active(irq: number): boolean {
    return testBit(this.#active, irq);
  }
  setActive(irq: number, active: boolean): void {
    if (active) setBit(this.#active, irq);
    else clearBit(this.#active, irq);
  }
  /** Whether it is behind an ITS that can inject directly (GICv4). */
  isForwardable(irq: number): boolean {
    return !testBit(this.#notForwardable, irq);
  }
  setForwardable(irq: number, forwardable: boolean): void {
    writeBit(this.#notForwardable, irq, !forwardable);
  }
  /** What the CPU interface does when the guest deactivates a list register with HW = 1. */
  deactivate(irq: number): void {
    if (irq < PHYSICAL_INTERRUPT_COUNT) clearBit(this.#active, irq);
  }

  visitState(state: StateVisitor): void {
    state.array(this.#line);
    state.array(this.#pending);
    state.array(this.#notForwardable);
    state.array(this.#active);
  }
}
