/** When a migration's rounds are enough: what is measured of them, and what follows. Times are in milliseconds. */

export interface PaceLimits {
  /** The guest may stand still for this long. */
  downtime: number;
  /** After so many rounds it is decided one way or the other. */
  rounds: number;
  /** Hold the guest back when it dirties its memory faster than it can be sent. */
  throttle: boolean;
  /** When no round was good enough: stop the guest nevertheless, or give up. */
  atLast: 'stop' | 'give-up';
}

export const DEFAULT_LIMITS: PaceLimits = { downtime: 300, rounds: 30, throttle: true, atLast: 'give-up' };

/** Parts of the time that the guest is held back: first, and by how much more each time. As QEMU's auto-converge. */
const FIRST_THROTTLE = 0.2;
const MORE_THROTTLE = 0.1;
const MOST_THROTTLE = 0.99;
/** A round that leaves more than this part of what it sent brings the end no nearer. */
const PROGRESS = 0.5;
/** So many rounds without progress until the guest is held back (more). */
const PATIENCE = 2;

export interface Round {
  /** Bytes of the stream, and how long they took to be in the destination's RAM. */
  bytes: number;
  milliseconds: number;
  /** Pages that were to be sent, and those dirty at the end of the round. */
  pages: number;
  dirty: number;
}

/** What saving the machine without its RAM takes: it comes on top of the pages. */
export interface StateCost {
  bytes: number;
  milliseconds: number;
}

export type Verdict = 'again' | 'stop' | 'give-up';

export class Pace {
  readonly limits: PaceLimits;
  rounds = 0;
  /** Part of the time, 0 to 0.99, that the guest is to stand still. It is not aware of it. */
  throttle = 0;
  /** Bytes in a millisecond that arrive, and pages that get dirty in one. */
  bandwidth = 0;
  dirtyRate = 0;
  /** What stopping now would cost; undefined before the first round is over. */
  expectedDowntime: number | undefined;
  #bytes = 0;
  #milliseconds = 0;
  #fruitless = 0;

  constructor(limits: PaceLimits) {
    this.limits = limits;
  }

  roundOver({ bytes, milliseconds, pages, dirty }: Round, pageSize: number, state: StateCost): Verdict {
    // A clock that stands still tells nothing; a whole stream in no time is no reason to divide by it.
    const took = Math.max(milliseconds, 0.001);
    this.rounds++;
    this.#bytes += bytes;
    this.#milliseconds += took;
    // A small round is mostly waiting for its answer; the whole so far tells better then.
    this.bandwidth = Math.max(bytes / took, this.#bytes / this.#milliseconds);
    this.dirtyRate = dirty / took;
    // The destination takes about as long to restore the state as the source to save it.
    this.expectedDowntime = (dirty * pageSize + state.bytes) / this.bandwidth + 2 * state.milliseconds;
    if (this.expectedDowntime <= this.limits.downtime || dirty === 0) return 'stop';
    if (this.rounds >= this.limits.rounds) return this.limits.atLast;
    this.#fruitless = dirty > pages * PROGRESS ? this.#fruitless + 1 : 0;
    if (this.limits.throttle && this.#fruitless >= PATIENCE) {
      this.#fruitless = 0;
      const more = this.throttle === 0 ? FIRST_THROTTLE : this.throttle + MORE_THROTTLE;
      this.throttle = Math.min(more, MOST_THROTTLE);
    }
    return 'again';
  }
}
