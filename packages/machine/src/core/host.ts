/** What the AArch64 core asks of the board around it; all synchronous, called in the middle of a run. */
export interface CoreHost {
  /**
   * A load from a physical address that is not RAM. Returns the low half; an 8-byte load also sets `core.high`.
   * Calls `core.raiseBusError()` when nothing is there: the guest takes an external abort.
   */
  mmioRead(vcpu: number, address: number, size: 1 | 2 | 4 | 8): number;
  mmioWrite(vcpu: number, address: number, size: 1 | 2 | 4 | 8, low: number, high: number): void;
  /** MRS of a register the core does not hold itself (ICC_*, …): the low half, `core.high` the high one. `core.raiseUndefined()` when there is none. */
  systemRegisterRead(vcpu: number, encoding: number): number;
  systemRegisterWrite(vcpu: number, encoding: number, low: number, high: number): void;
  /** A timer's control or compare register was written: its output line may have changed. */
  timerChanged(vcpu: number): void;
}

/** Why a run ended. */
export enum Exit {
  /** The budget of instructions is used up. */
  Budget = 0,
  /** WFI with no interrupt line asserted. PC is behind it. */
  WaitForInterrupt = 1,
  /** WFE or YIELD. PC is behind it. */
  Yield = 2,
  /** HVC. PC is behind it; the arguments are in X0..X7, the result goes to X0. */
  Hypercall = 3,
  /** SMC. PC is behind it. */
  SecureCall = 4,
  /** No progress is possible: see `Core.lockup`. */
  Lockup = 5,
  /** `Core.stop()` was called. */
  Stopped = 6,
}

export interface LockupReport {
  vcpu: number;
  /** Of the instruction whose fault began it. */
  pc: bigint;
  /** Its word; 0 when it could not be fetched. */
  instruction: number;
  /** One sentence about the first fault. */
  reason: string;
}
