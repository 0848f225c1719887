/** Random sequences on both programs, several pairs of programs at a time, until enough operations were compared. */

import type { Operation } from '../generator/protocol.js';
import { Random } from '../generator/random.js';
import { Sequence } from '../generator/sequence.js';
import { generate } from '../profiles/generate.js';
import type { Profile } from '../profiles/profile.js';
import { Coverage } from './coverage.js';
import type { DeclaredDifference } from './differences.js';
import { type Difference, Pair } from './pair.js';
import { type Shrunk, shrink, signature } from './shrink.js';

export interface RunOptions {
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly profiles: readonly Profile[];
  readonly seed: number;
  /** Stop when so many operations were compared. */
  readonly operations: number;
  /** Pairs of programs that work at the same time. */
  readonly lanes: number;
  /** Only this sequence of the seed. */
  readonly only?: number;
  /** First sequence number. */
  readonly first?: number;
  /** Kinds of differences that are shrunk; after so many the run ends. */
  readonly mostFindings: number;
  /** Milliseconds to spend on shrinking a sequence (default: a minute). */
  readonly shrinking?: number;
  /** Milliseconds that a program may take to answer (default: a minute). */
  readonly patience?: number;
  readonly onFinding?: (finding: Finding) => void;
  readonly onProgress?: (operations: number, sequences: number) => void;
}

/** A difference, with the smallest sequence that shows it. */
export interface Finding {
  readonly seed: number;
  readonly sequence: number;
  readonly profile: string;
  readonly difference: Difference;
  readonly operations: readonly Operation[];
  readonly shrunk: Shrunk;
}

export interface RunResult {
  readonly operations: number;
  readonly sequences: number;
  /** Sequences that ended in a difference. */
  readonly differences: number;
  readonly findings: readonly Finding[];
  readonly declared: ReadonlyMap<DeclaredDifference, number>;
  /** Operations compared, by the name of the profile. */
  readonly byProfile: ReadonlyMap<string, number>;
  readonly coverage: Coverage;
}

export async function run(options: RunOptions): Promise<RunResult> {
  const coverage = new Coverage();
  const findings: Finding[] = [];
  const seen = new Map<string, number>();
  const declared = new Map<DeclaredDifference, number>();
  const byProfile = new Map<string, number>();
  const last = options.only === undefined ? Number.POSITIVE_INFINITY : options.only;
  let next = options.only ?? options.first ?? 0;
  let operations = 0;
  let sequences = 0;
  let differences = 0;

  const one = async (pair: Pair, number: number): Promise<void> => {
    const profile = profileOf(options.profiles, options.seed, number);
    const sequence = new Sequence(profile, options.seed, number);
    const history: Operation[] = [];
    const steps = generate(sequence, profile);
    sequences++;
    for (let step = steps.next(); !step.done; ) {
      const { operations: batch, labels } = step.value;
      const { answers, difference, end, declared: met } = await pair.exchange(batch);
      for (const [by, times] of met) declared.set(by, (declared.get(by) ?? 0) + times);
      const stop = difference?.at ?? end?.at;
      const compared = stop === undefined ? batch.length : stop + 1;
      for (let i = 0; i < Math.min(compared, answers.length); i++) coverage.count(labels[i]!, answers[i]!);
      operations += compared;
      byProfile.set(profile.name, (byProfile.get(profile.name) ?? 0) + compared);
      history.push(...batch);
      if (stop === undefined) {
        step = steps.next(answers);
        continue;
      }
      await pair.clear(sequence.slots);
      if (difference) await differ(pair, number, profile, history, batch.length, difference);
      return;
    }
  };

  const differ = async (
    pair: Pair,
    number: number,
    profile: Profile,
    history: readonly Operation[],
    batch: number,
    inBatch: Difference,
  ): Promise<void> => {
    differences++;
    const difference = { ...inBatch, at: history.length - batch + inBatch.at };
    const kind = signature(history[difference.at]!, difference);
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    if (seen.get(kind)! > 1) return;
    const shrunk = await shrink(pair, history, difference, options.shrinking);
    const finding = {
      seed: options.seed,
      sequence: number,
      profile: profile.name,
      difference,
      operations: history,
      shrunk,
    };
    findings.push(finding);
    options.onFinding?.(finding);
  };

  const lane = async (): Promise<void> => {
    const pair = new Pair(options.left, options.right, options.patience);
    try {
      while (operations < options.operations && next <= last && findings.length < options.mostFindings) {
        await one(pair, next++);
        options.onProgress?.(operations, sequences);
      }
    } finally {
      pair.stop();
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  return { operations, sequences, differences, findings, declared, byProfile, coverage };
}

/** Which profile a sequence has: it depends on nothing but the seed and the number. */
function profileOf(profiles: readonly Profile[], seed: number, number: number): Profile {
  return new Random(seed ^ 0x70726f66, number).weighted(profiles.map((profile) => [profile.weight, profile] as const));
}
