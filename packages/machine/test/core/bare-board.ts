/** The least board that a bare-metal program can run on: RAM, a UART that only sends, PSCI SYSTEM_OFF. */
import { Core, type CoreHost, Exit } from '../../src/core/index.js';
import type { Words } from './programs.js';

export const RAM_BASE = 0x40000000;
export const UART = 0x09000000;
const SYSTEM_OFF = 0x84000008n;

export class BareBoard {
  readonly core: Core;
  output = '';

  constructor(options: { vcpus?: number; ramSize?: number; host?: Partial<CoreHost> } = {}) {
    const host: CoreHost = {
      mmioRead: (_vcpu, address) => {
        if (address >= UART && address < UART + 0x1000) return 0;
        this.core.raiseBusError();
        return 0;
      },
      mmioWrite: (_vcpu, address, _size, low) => {
        if (address === UART) this.output += String.fromCharCode(low & 0xff);
        else if (address < UART || address >= UART + 0x1000) this.core.raiseBusError();
      },
      systemRegisterRead: () => {
        this.core.raiseUndefined();
        return 0;
      },
      systemRegisterWrite: () => this.core.raiseUndefined(),
      timerChanged: () => {},
      ...options.host,
    };
    this.core = Core.create({
      vcpus: options.vcpus ?? 1,
      ramBase: RAM_BASE,
      ramSize: options.ramSize ?? 2 << 20,
      host,
    });
  }

  /** Puts a program at the start of RAM and a vCPU at its first instruction. */
  load(program: Words, vcpu = 0): void {
    for (const [offset, word] of program) this.poke(offset, word);
    this.core.reset(vcpu, BigInt(RAM_BASE), 0n);
  }

  /** Writes a 32-bit word into RAM behind the core's back, and tells it. */
  poke(offset: number, word: number): void {
    new DataView(this.core.ram.buffer, this.core.ram.byteOffset).setUint32(offset, word, true);
    this.core.ramChanged(offset, 4);
  }

  peek(offset: number): number {
    return new DataView(this.core.ram.buffer, this.core.ram.byteOffset).getUint32(offset, true);
  }

  /** X of a vCPU. */
  x(n: number, vcpu = 0): bigint {
    return this.core.readRegister(vcpu, n);
  }

  /** Runs vCPU 0 until SYSTEM_OFF, or throws after `limit` instructions. */
  runToOff(limit: number, slice = 20_000): number {
    let done = 0;
    while (done < limit) {
      const exit = this.core.run(0, slice);
      done += this.core.executed;
      if (exit === Exit.Hypercall && this.core.readRegister(0, 0) === SYSTEM_OFF) return done;
      if (exit === Exit.Lockup) throw new Error(this.core.lockup?.reason);
      if (exit === Exit.WaitForInterrupt) throw new Error('the program waits for an interrupt');
    }
    throw new Error(`the program still runs after ${limit} instructions`);
  }
}
