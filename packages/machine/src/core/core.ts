import { type CoreHost, type Exit, Exit as Exits, type LockupReport } from './host.js';
import { describeFault } from './lockup.js';
import { type CoreExports, instantiate } from './wasm-module.js';

export interface CoreOptions {
  /** 1 to 16. */
  vcpus: number;
  /** Physical address of RAM. */
  ramBase: number;
  /** Bytes: a multiple of 2 MiB, up to 3 GiB. */
  ramSize: number;
  host: CoreHost;
  /** ID_AA64PFR0_EL1.GIC: the host has the system registers of a GICv3 CPU interface. Default true. */
  gicSystemRegisters?: boolean;
}

/** Layout of a saved vCPU: this word, the version, the length of the context, then the context itself. */
const SAVED_MAGIC = 0x75706376;
const SAVED_VERSION = 2;
const SAVED_HEADER = 12;

const RAM_UNIT = 2 * 1024 * 1024;
const RAM_LIMIT = 3 * 1024 * 1024 * 1024;
const LINE_IRQ = 1 << 7;
const LINE_FIQ = 1 << 6;
const TIMERS = { virtual: 0, physical: 1 } as const;

function low(value: bigint): number {
  return Number(value & 0xffffffffn);
}

function high(value: bigint): number {
  return Number((value >> 32n) & 0xffffffffn);
}

/**
 * AArch64 cores (Armv8.0-A with floating point, Advanced SIMD and CRC32; EL1 and EL0) around one guest RAM, interpreted in WebAssembly.
 * Deterministic: `run(a); run(b)` does what `run(a + b)` does, to the instruction.
 */
export class Core {
  readonly ram: Uint8Array;
  readonly #wasm: CoreExports;
  readonly #view: DataView;
  readonly #words: Uint32Array;
  readonly #high: number;
  readonly #vcpus: number;
  #lockup: LockupReport | undefined;

  private constructor(wasm: CoreExports, options: CoreOptions) {
    this.#wasm = wasm;
    this.#vcpus = options.vcpus;
    this.#view = new DataView(wasm.memory.buffer);
    this.#words = new Uint32Array(wasm.memory.buffer);
    this.#high = wasm.highAddress() >>> 2;
    this.ram = new Uint8Array(wasm.memory.buffer, wasm.ramAddress() >>> 0, options.ramSize);
  }

  /** RangeError for sizes that cannot be; Error when the memory cannot be had. */
  static create(options: CoreOptions): Core {
    const { vcpus, ramBase, ramSize, host } = options;
    if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > 16) {
      throw new RangeError(`a machine has 1 to 16 vCPUs, not ${vcpus}`);
    }
    if (!Number.isInteger(ramSize) || ramSize < RAM_UNIT || ramSize > RAM_LIMIT || ramSize % RAM_UNIT !== 0) {
      throw new RangeError(`RAM is a multiple of 2 MiB up to 3 GiB, not ${ramSize} bytes`);
    }
    if (!Number.isSafeInteger(ramBase) || ramBase < 0 || ramBase % RAM_UNIT !== 0 || ramBase + ramSize > 2 ** 40) {
      throw new RangeError(`RAM begins at a multiple of 2 MiB within 40 bits, not at ${ramBase}`);
    }
    const wasm = instantiate({
      host: {
        mmioRead: (vcpu, address, size) => host.mmioRead(vcpu, address, size as 1 | 2 | 4 | 8),
        mmioWrite: (vcpu, address, size, lowHalf, highHalf) =>
          host.mmioWrite(vcpu, address, size as 1 | 2 | 4 | 8, lowHalf >>> 0, highHalf >>> 0),
        systemRegisterRead: (vcpu, encoding) => host.systemRegisterRead(vcpu, encoding),
        systemRegisterWrite: (vcpu, encoding, lowHalf, highHalf) =>
          host.systemRegisterWrite(vcpu, encoding, lowHalf >>> 0, highHalf >>> 0),
        timerChanged: (vcpu) => host.timerChanged(vcpu),
      },
    });
    if (!wasm.init(vcpus, ramBase, ramSize, options.gicSystemRegisters ?? true)) {
      throw new Error(`no memory for ${ramSize} bytes of guest RAM`);
    }
    return new Core(wasm, options);
  }

  /** Upper half of a 64-bit value in or out of a host call. */
  get high(): number {
    return this.#words[this.#high];
  }
  set high(value: number) {
    this.#words[this.#high] = value;
  }

  /** From inside `mmioRead` or `mmioWrite`: nothing is there. */
  raiseBusError(): void {
    this.#wasm.refuse();
  }

  /** From inside `systemRegisterRead` or `systemRegisterWrite`: there is no such register. */
  raiseUndefined(): void {
    this.#wasm.refuse();
  }

  /** Runs one vCPU for at most `budget` instructions (to 2^32 - 1). `executed` says how many. */
  run(vcpu: number, budget: number): Exit {
    this.#check(vcpu);
    const exit = this.#wasm.run(vcpu, Math.max(0, Math.min(budget, 0xffffffff))) as Exit;
    if (exit === Exits.Lockup) this.#lockup = this.#describeLockup(vcpu);
    return exit;
  }

  /** Instructions executed by the last run; inside a host call, by the current one, without the instruction at hand. */
  get executed(): number {
    return this.#wasm.executed() >>> 0;
  }

  /** From inside a host call: ends the run after this instruction. */
  stop(): void {
    this.#wasm.stop();
  }

  /** Level inputs, looked at before the next instruction. */
  setInterruptLines(vcpu: number, irq: boolean, fiq: boolean): void {
    this.#wasm.setLines(vcpu, (irq ? LINE_IRQ : 0) | (fiq ? LINE_FIQ : 0));
  }

  /** Virtual time, in instructions of the whole machine, at the start of the next run. Time goes on with each run. */
  setTime(instructions: number): void {
    this.#wasm.setTime(instructions);
  }

  /** The output line of a timer at the present time. */
  timerOutput(vcpu: number, timer: 'virtual' | 'physical'): boolean {
    return this.#wasm.timerOutput(vcpu, TIMERS[timer]) !== 0;
  }

  /** Virtual time at which a timer output of this vCPU next rises; Infinity if none will. */
  nextTimer(vcpu: number): number {
    return this.#wasm.nextTimer(vcpu);
  }

  /** X0..X30; 31 is the selected stack pointer. */
  readRegister(vcpu: number, n: number): bigint {
    return this.#view.getBigUint64(this.#context(vcpu) + this.#slot(n), true);
  }

  writeRegister(vcpu: number, n: number, value: bigint): void {
    this.#view.setBigUint64(this.#context(vcpu) + this.#slot(n), value, true);
  }

  pc(vcpu: number): bigint {
    return this.#view.getBigUint64(this.#context(vcpu) + this.#wasm.pcOffset(), true);
  }

  setPc(vcpu: number, pc: bigint): void {
    this.#view.setBigUint64(this.#context(vcpu) + this.#wasm.pcOffset(), pc, true);
  }

  /** PSTATE in the layout of SPSR_EL1. */
  pstate(vcpu: number): number {
    this.#check(vcpu);
    return this.#wasm.pstate(vcpu) >>> 0;
  }

  /** The instruction word at a virtual address of this vCPU; 0 where it could not be fetched. */
  instructionAt(vcpu: number, pc: bigint): number {
    this.#check(vcpu);
    return this.#wasm.instructionAt(vcpu, low(pc), high(pc)) >>> 0;
  }

  /** EL1h, MMU off, DAIF masked, X0 = context, the rest 0. The interrupt lines stay as they are. */
  reset(vcpu: number, entry: bigint, context: bigint): void {
    this.#check(vcpu);
    if (this.#lockup?.vcpu === vcpu) this.#lockup = undefined;
    this.#wasm.reset(vcpu, low(entry), high(entry), low(context), high(context));
  }

  /** A system register that the core holds itself, for debugging. */
  systemRegister(vcpu: number, encoding: number): bigint | undefined {
    this.#check(vcpu);
    if (!this.#wasm.knowsSystemRegister(encoding)) return undefined;
    const lowHalf = this.#wasm.systemRegister(vcpu, encoding) >>> 0;
    return BigInt(lowHalf) | (BigInt(this.high) << 32n);
  }

  /** All architectural state of a vCPU, its exclusive monitor and interrupt lines included. Equal states give equal bytes. */
  saveVcpu(vcpu: number): Uint8Array {
    this.#check(vcpu);
    this.#wasm.normalise(vcpu);
    const bytes = this.#wasm.contextBytes();
    const saved = new Uint8Array(SAVED_HEADER + bytes);
    const header = new DataView(saved.buffer);
    header.setUint32(0, SAVED_MAGIC, true);
    header.setUint32(4, SAVED_VERSION, true);
    header.setUint32(8, bytes, true);
    saved.set(new Uint8Array(this.#wasm.memory.buffer, this.#context(vcpu), bytes), SAVED_HEADER);
    return saved;
  }

  /** RangeError, with the vCPU unchanged or reset, when the bytes are no saved vCPU. */
  restoreVcpu(vcpu: number, saved: Uint8Array): void {
    this.#check(vcpu);
    const bytes = this.#wasm.contextBytes();
    if (saved.length < SAVED_HEADER) throw new RangeError('the state of a vCPU is cut short');
    const header = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
    if (header.getUint32(0, true) !== SAVED_MAGIC) throw new RangeError('these bytes are not the state of a vCPU');
    const version = header.getUint32(4, true);
    if (version !== SAVED_VERSION) throw new RangeError(`the state of a vCPU has the unknown version ${version}`);
    if (header.getUint32(8, true) !== bytes || saved.length !== SAVED_HEADER + bytes) {
      throw new RangeError(`the state of a vCPU has ${saved.length} bytes instead of ${SAVED_HEADER + bytes}`);
    }
    new Uint8Array(this.#wasm.memory.buffer, this.#context(vcpu), bytes).set(saved.subarray(SAVED_HEADER));
    if (!this.#wasm.adopt(vcpu)) throw new RangeError('the state of a vCPU is not one that a vCPU can be in');
    if (this.#lockup?.vcpu === vcpu) this.#lockup = undefined;
  }

  /** The host wrote guest RAM: predecoded code there is dropped, and the dirty log has the pages. */
  ramChanged(offset: number, length: number): void {
    if (length > 0) this.#wasm.ramChanged(offset, length);
  }

  /** Starts (with nothing dirty) or ends the log of the pages that the guest writes, or `ramChanged` names. */
  enableDirtyLog(on: boolean): void {
    this.#wasm.enableDirtyLog(on);
  }

  /** Sets `into` to the pages written since last taken, bit n of word n >> 5 for page n, and starts afresh. */
  takeDirty(into: Uint32Array): void {
    const words = Math.ceil(this.ram.length / 4096 / 32);
    if (into.length < words) throw new RangeError(`the dirty log has ${words} words, not ${into.length}`);
    const at = (this.#wasm.dirtyLogAddress() >>> 0) >>> 2;
    into.set(this.#words.subarray(at, at + words));
    this.#wasm.clearDirty();
  }

  /** Set once a vCPU has locked up. */
  get lockup(): LockupReport | undefined {
    return this.#lockup;
  }

  #check(vcpu: number): void {
    if (!(vcpu >= 0 && vcpu < this.#vcpus)) throw new RangeError(`there is no vCPU ${vcpu}`);
  }

  #context(vcpu: number): number {
    this.#check(vcpu);
    return this.#wasm.contextAddress(vcpu);
  }

  #slot(n: number): number {
    if (!(n >= 0 && n < 32)) throw new RangeError(`there is no register ${n}`);
    return n * 8;
  }

  #describeLockup(vcpu: number): LockupReport {
    const at = this.#context(vcpu) + this.#wasm.faultOffset();
    const pc = this.#view.getBigUint64(at, true);
    const address = this.#view.getBigUint64(at + 8, true);
    const syndrome = this.#view.getUint32(at + 16, true);
    const instruction = this.#view.getUint32(at + 24, true);
    const reason = describeFault(vcpu, pc, instruction, syndrome, address, this.pc(vcpu));
    return { vcpu, pc, instruction, reason };
  }
}
