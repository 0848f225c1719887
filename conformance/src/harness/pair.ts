/** The two programs side by side. */

import { lineOf, type Operation } from '../generator/protocol.js';
import { compare } from './comparison.js';
import type { DeclaredDifference } from './differences.js';
import { Program, ProgramFailure } from './program.js';

/** The first difference among some operations. */
export interface Difference {
  /** Index of the operation. */
  readonly at: number;
  readonly left: string;
  readonly right: string;
  /** Fields of the answers that differ, or what happened to a program. */
  readonly fields: readonly string[];
}

export interface Exchanged {
  /** The left program's answers. */
  readonly answers: readonly string[];
  readonly difference: Difference | undefined;
  /** A declared difference after which the answers may differ. */
  readonly end: { readonly at: number; readonly by: DeclaredDifference } | undefined;
  readonly declared: ReadonlyMap<DeclaredDifference, number>;
}

export class Pair {
  readonly left: Program;
  readonly right: Program;

  constructor(left: readonly string[], right: readonly string[], patience?: number) {
    this.left = new Program(left, patience);
    this.right = new Program(right, patience);
  }

  stop(): void {
    this.left.stop();
    this.right.stop();
  }

  /** Sends the same operations to both, and looks for the first answer that differs. */
  async exchange(operations: readonly Operation[]): Promise<Exchanged> {
    const lines = operations.map(lineOf);
    const [left, right] = await Promise.all([answersOf(this.left, lines), answersOf(this.right, lines)]);
    const declared = new Map<DeclaredDifference, number>();
    const done = (difference: Difference | undefined, end: Exchanged['end']): Exchanged => ({
      answers: left.answers,
      difference,
      end,
      declared,
    });
    const both = Math.min(left.answers.length, right.answers.length);
    for (let at = 0; at < both; at++) {
      const [operation, answer] = [operations[at + 1], left.answers[at + 1]];
      const next = operation && answer !== undefined ? { operation, left: answer } : undefined;
      const verdict = compare(operations[at]!, left.answers[at]!, right.answers[at]!, next);
      if (verdict.kind === 'same') continue;
      if (verdict.kind === 'different') {
        return done({ at, left: left.answers[at]!, right: right.answers[at]!, fields: verdict.fields }, undefined);
      }
      declared.set(verdict.by, (declared.get(verdict.by) ?? 0) + 1);
      if (verdict.by.afterwards === 'sequence ends') return done(undefined, { at, by: verdict.by });
    }
    const failure = left.failure ?? right.failure;
    if (!failure) return done(undefined, undefined);
    const tell = (side: typeof left) => side.answers[both] ?? side.failure?.message ?? '';
    return done(
      { at: both, left: tell(left), right: tell(right), fields: [left.failure ? LEFT_FAILED : RIGHT_FAILED] },
      undefined,
    );
  }

  /**
   * As `exchange`, but when a program fails, its last answers may be lost on the way: then the operations are sent
   * again, each alone, to see which one it was.
   */
  async exchangeExactly(operations: readonly Operation[]): Promise<Exchanged> {
    const result = await this.exchange(operations);
    if (!result.difference || !isFailure(result.difference)) return result;
    await this.clear(slotsOf(operations));
    for (const [at, operation] of operations.entries()) {
      const alone = await this.exchange([operation]);
      if (alone.difference) return { ...alone, difference: { ...alone.difference, at } };
    }
    return result;
  }

  /** As `exchangeExactly` on fresh programs' state: every VM that the operations may have made is destroyed afterwards. */
  async replay(operations: readonly Operation[]): Promise<Exchanged> {
    const result = await this.exchangeExactly(operations);
    await this.clear(slotsOf(operations));
    return result;
  }

  /** Destroys the VMs in these slots on both sides, whatever the answers. */
  async clear(slots: Iterable<number>): Promise<void> {
    const lines = [...slots].map((slot) => JSON.stringify({ op: 'destroy', vm: slot }));
    await Promise.all([answersOf(this.left, lines), answersOf(this.right, lines)]);
  }
}

/** Whether a program ended or was silent, rather than that it answered otherwise. */
export const isFailure = ({ fields }: Difference): boolean => fields[0] === LEFT_FAILED || fields[0] === RIGHT_FAILED;

const LEFT_FAILED = 'left failed';
const RIGHT_FAILED = 'right failed';

/** The VM slots that operations speak of. */
function slotsOf(operations: readonly Operation[]): Set<number> {
  const slots = new Set<number>([0]);
  for (const { vm } of operations) if (typeof vm === 'number' && vm >= 0 && vm < 8) slots.add(vm);
  return slots;
}

interface Answered {
  readonly answers: readonly string[];
  readonly failure?: ProgramFailure;
}

async function answersOf(program: Program, lines: readonly string[]): Promise<Answered> {
  try {
    return { answers: await program.exchange(lines) };
  } catch (error) {
    if (!(error instanceof ProgramFailure)) throw error;
    return { answers: error.answers, failure: error };
  }
}
