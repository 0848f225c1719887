/** What a sequence is made of: a kind of machine and a mixture of operations. */
import type { Subject } from '../generator/sequence.js';
import type { Kind } from '../operations/kinds.js';

export interface Profile extends Subject {
  readonly name: string;
  /** What it looks for, in one sentence. */
  readonly about: string;
  /** Its share of the sequences. */
  readonly weight: number;
  /** How often a guest has set up its GIC before the random part begins. */
  readonly boot: number;
  /** Operations (macros count once) in a sequence. */
  readonly length: readonly [least: number, most: number];
  readonly kinds: readonly (readonly [weight: number, kind: Kind])[];
}
