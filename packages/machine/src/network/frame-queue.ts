import { fromHex, isHexBytes, isWhole, toHex } from '../state-checks.js';

/** Frames on their way to the guest; more are lost, as on any link. */
export const QUEUE_LIMIT = 512;
export const LONGEST_FRAME = 1514;

/** A frame and the virtual time of its arrival; plain JSON. */
export interface QueuedFrame {
  due: number;
  frame: string;
}

/** The link to the guest: frames in the order of their sending, each with the time at which it arrives. */
export class FrameQueue {
  #frames: { due: number; frame: Uint8Array }[] = [];
  /** How many of them have arrived. */
  #arrived = 0;

  /** Virtual time of the next arrival. */
  get deadline(): number {
    return this.#frames[this.#arrived]?.due ?? Number.POSITIVE_INFINITY;
  }

  get hasArrived(): boolean {
    return this.#arrived > 0;
  }

  push(frame: Uint8Array, due: number): void {
    if (this.#frames.length < QUEUE_LIMIT) this.#frames.push({ due, frame });
  }

  advance(now: number): void {
    while (this.deadline <= now) this.#arrived++;
  }

  /** The next that has arrived. */
  shift(): Uint8Array | undefined {
    if (this.#arrived === 0) return undefined;
    this.#arrived--;
    return this.#frames.shift()!.frame;
  }

  /** Loses what has arrived. */
  drop(): void {
    this.#frames.splice(0, this.#arrived);
    this.#arrived = 0;
  }

  save(): { frames: QueuedFrame[]; arrived: number } {
    return { frames: this.#frames.map(({ due, frame }) => ({ due, frame: toHex(frame) })), arrived: this.#arrived };
  }

  restore({ frames, arrived }: { frames: QueuedFrame[]; arrived: number }): void {
    this.#frames = frames.map(({ due, frame }) => ({ due, frame: fromHex(frame) }));
    this.#arrived = arrived;
  }
}

/** Whether `restore` can take a saved queue. */
export function checkFrameQueue(state: unknown): boolean {
  const { frames, arrived } = (state ?? {}) as { frames?: QueuedFrame[]; arrived?: number };
  return (
    Array.isArray(frames) &&
    frames.length <= QUEUE_LIMIT &&
    isWhole(arrived, frames.length) &&
    frames.every(
      (each, at) =>
        isWhole(each?.due, Number.MAX_SAFE_INTEGER) &&
        (at === 0 || each.due >= frames[at - 1].due) &&
        isHexBytes(each.frame, LONGEST_FRAME),
    )
  );
}
