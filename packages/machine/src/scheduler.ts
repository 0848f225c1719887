import type { Power } from './psci.js';

/** What the scheduler remembers; plain JSON. 64-bit values are hexadecimal text. */
export interface ScheduleState {
  /** The vCPU whose turn it is or was last. */
  turn: number;
  /** Instructions left of that turn; 0 when it is over. */
  remaining: number;
  vcpus: { power: Power; waiting: boolean; start: { entry: string; context: string } | null }[];
}

/** Where a vCPU starts that PSCI has switched on. */
export interface Start {
  entry: bigint;
  context: bigint;
}

/**
 * Which vCPU runs: the runnable ones in turn, each for a quantum of instructions at most. A turn also ends by WFI, WFE,
 * YIELD and CPU_OFF. Choices are made only when the next instruction is due, from state alone, so that stopping in between
 * changes nothing.
 */
export class Scheduler {
  readonly #quantum: number;
  readonly #power: Power[];
  readonly #waiting: boolean[];
  readonly #starts: (Start | undefined)[];
  #turn = 0;
  #remaining: number;

  /** vCPU 0 is on and has the first turn; the others are off. */
  constructor(vcpus: number, quantum: number) {
    this.#quantum = quantum;
    this.#power = Array.from({ length: vcpus }, (_, vcpu) => (vcpu === 0 ? 'on' : 'off'));
    this.#waiting = new Array(vcpus).fill(false);
    this.#starts = new Array(vcpus).fill(undefined);
    this.#remaining = quantum;
  }

  /** Instructions that the vCPU returned by `next` may run before its turn is over. */
  get remaining(): number {
    return this.#remaining;
  }

  /** Whether every vCPU is off: nothing can happen any more. */
  get allOff(): boolean {
    return this.#power.every((power) => power === 'off');
  }

  power(vcpu: number): Power {
    return this.#power[vcpu];
  }

  isWaiting(vcpu: number): boolean {
    return this.#waiting[vcpu];
  }

  /** The vCPU that runs now, or -1 when all are off or wait; `hasPending` says whether an interrupt ends its WFI. */
  next(hasPending: (vcpu: number) => boolean): number {
    if (this.#remaining > 0) return this.#turn;
    const count = this.#power.length;
    for (let step = 1; step <= count; step++) {
      const vcpu = (this.#turn + step) % count;
      if (this.#power[vcpu] === 'off' || (this.#waiting[vcpu] && !hasPending(vcpu))) continue;
      this.#waiting[vcpu] = false;
      this.#turn = vcpu;
      this.#remaining = this.#quantum;
      return vcpu;
    }
    return -1;
  }

  /** The vCPU in turn has executed that many instructions. */
  spend(instructions: number): void {
    this.#remaining -= instructions;
  }

  endTurn(): void {
    this.#remaining = 0;
  }

  /** The vCPU in turn waits for an interrupt. */
  wait(vcpu: number): void {
    this.#waiting[vcpu] = true;
    this.#remaining = 0;
  }

  /** Switches a vCPU on; it is `pending` until `takeStart` begins it. */
  powerOn(vcpu: number, start: Start): void {
    this.#power[vcpu] = 'pending';
    this.#starts[vcpu] = start;
    this.#waiting[vcpu] = false;
  }

  /** Where a vCPU begins that was `pending` and now is `on`; undefined when it runs already. */
  takeStart(vcpu: number): Start | undefined {
    const start = this.#starts[vcpu];
    if (start) {
      this.#starts[vcpu] = undefined;
      this.#power[vcpu] = 'on';
    }
    return start;
  }

  /** The vCPU in turn switches itself off. */
  powerOff(vcpu: number): void {
    this.#power[vcpu] = 'off';
    this.#waiting[vcpu] = false;
    this.#remaining = 0;
  }

  save(): ScheduleState {
    return {
      turn: this.#turn,
      remaining: this.#remaining,
      vcpus: this.#power.map((power, vcpu) => {
        const start = this.#starts[vcpu];
        return {
          power,
          waiting: this.#waiting[vcpu],
          start: start ? { entry: start.entry.toString(16), context: start.context.toString(16) } : null,
        };
      }),
    };
  }

  /** Takes a state that `checkScheduleState` accepts for this number of vCPUs and this quantum. */
  restore(state: ScheduleState): void {
    this.#turn = state.turn;
    this.#remaining = state.remaining;
    state.vcpus.forEach(({ power, waiting, start }, vcpu) => {
      this.#power[vcpu] = power;
      this.#waiting[vcpu] = waiting;
      this.#starts[vcpu] = start
        ? { entry: BigInt(`0x${start.entry}`), context: BigInt(`0x${start.context}`) }
        : undefined;
    });
  }
}

/** Says what is impossible in a saved schedule, or undefined when it can be restored. */
export function checkScheduleState(state: unknown, vcpus: number, quantum: number): string | undefined {
  const { turn, remaining, vcpus: list } = (state ?? {}) as Partial<ScheduleState>;
  if (!Array.isArray(list) || list.length !== vcpus) return 'the schedule is of another number of vCPUs';
  const isHex = (text: unknown) => typeof text === 'string' && /^[0-9a-f]{1,16}$/.test(text);
  for (const [vcpu, entry] of list.entries()) {
    const { power, waiting, start } = (entry ?? {}) as Partial<ScheduleState['vcpus'][number]>;
    const pending = power === 'pending';
    const startFits = pending ? isHex(start?.entry) && isHex(start?.context) : start === null;
    if ((power !== 'on' && power !== 'off' && !pending) || typeof waiting !== 'boolean' || !startFits) {
      return `the power state of vCPU ${vcpu} is impossible`;
    }
    if (waiting && power !== 'on') return `vCPU ${vcpu} waits for an interrupt though it is not on`;
  }
  if (!Number.isInteger(turn) || turn! < 0 || turn! >= vcpus) return 'the turn is of a vCPU that is not there';
  if (!Number.isInteger(remaining) || remaining! < 0 || remaining! > quantum)
    return 'the turn has an impossible length';
  const inTurn = list[turn!];
  // `pending` has not begun: only the choice of the next turn begins it, so that a turn under way is of one that is on.
  if (remaining! > 0 && (inTurn.power !== 'on' || inTurn.waiting)) return 'the turn is of a vCPU that does not run';
  return undefined;
}
