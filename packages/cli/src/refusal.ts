import { ImageError } from '@vgic/machine';

/** Exit statuses of the command. */
export const STATUS = {
  /** The guest ended as it should, or what was asked for was done. */
  done: 0,
  /** The guest locked up, cannot go on, or did not come to where it should; a snapshot could not be written. */
  failed: 1,
  /** What was asked for cannot be: a wrong option, a bad image, a bad snapshot. Nothing has been done. */
  refused: 2,
} as const;

/** Ends the command with one sentence on stderr. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(sentence: string, status: number = STATUS.refused) {
    super(sentence);
    this.status = status;
  }
}

/** Does something with a machine; that there can be none like it, or with such a program, becomes a Refusal. */
export function refusing<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof ImageError || error instanceof RangeError) throw new Refusal(error.message);
    throw error;
  }
}
