import type { SourcePhase } from './source-protocol.js';

/** Milliseconds of a downtime, from the guest's last instruction here: when each of its steps was over. */
export interface Handover {
  /** The state was saved. */
  saved: number;
  /** The last of it was given to the channel. */
  sent: number;
  /** The destination said that it is ready. */
  ready: number;
}

export interface Progress {
  phase: SourcePhase;
  /** Why the migration failed or is unknown. */
  reason?: string;
  /** Rounds that are complete. */
  rounds: number;
  /** Pages sent with contents, and those that were all zeros. */
  pages: number;
  zeroPages: number;
  /** Pages of this round, and those of them not sent yet. */
  roundPages: number;
  leftPages: number;
  bytes: number;
  /** Bytes in a second that arrive. */
  bandwidth: number;
  /** Pages in a second that the guest makes dirty. */
  dirtyRate: number;
  /** Milliseconds. */
  expectedDowntime?: number;
  /** Milliseconds from the guest's last instruction here until the destination said that it runs. */
  downtime?: number;
  handover?: Handover;
  milliseconds: number;
  throttle: number;
}
