import type { Operation } from '../generator/protocol.js';
import { Random } from '../generator/random.js';
import type { Difference } from '../harness/pair.js';
import { type Shrunk, shrink, signature } from '../harness/shrink.js';
import { Comparison, type Oracle, operationsOf, replay } from './comparison.js';
import type { Step } from './steps.js';
import { type Machine, machineOf } from './traffic/machine.js';
import { Traffic } from './traffic/traffic.js';

export interface SequenceRun {
  readonly seed: number;
  /** Stop when so many operations were compared. */
  readonly operations: number;
  /** Only this sequence of the seed. */
  readonly only?: number | undefined;
  /** Kinds of differences that are shrunk; after so many the run ends. */
  readonly mostFindings: number;
  /** Milliseconds to spend on shrinking a sequence. */
  readonly shrinking?: number;
  readonly onFinding?: (finding: SequenceFinding) => void;
  /** What every Gic has of a KVM, as `kvmNamed` takes it. Default: none. */
  readonly kvm?: string | undefined;
}

export interface SequenceFinding {
  readonly seed: number;
  readonly sequence: number;
  readonly length: number;
  readonly shrunk: Shrunk;
}

export interface ComparisonResult {
  readonly operations: number;
  readonly sequences: number;
  /** Sequences that ended in a difference. */
  readonly differences: number;
  readonly findings: readonly SequenceFinding[];
  /** Interrupts that were acknowledged, and GICs saved and restored. */
  readonly acknowledged: number;
  readonly moves: number;
}

const SHORTEST = 200;
const LONGEST = 3000;
const SHRINKING = 10_000;

export async function compare(options: SequenceRun, oracle: Oracle): Promise<ComparisonResult> {
  const { seed, only } = options;
  const findings: SequenceFinding[] = [];
  const seen = new Set<string>();
  const count = { operations: 0, sequences: 0, differences: 0, acknowledged: 0, moves: 0 };

  for (let sequence = only ?? 0; count.operations < options.operations; sequence++) {
    count.sequences++;
    const random = new Random(seed, sequence);
    const machine = machineOf(random, options.kvm);
    const steps: Step[] = [];
    const difference = runOne(oracle, machine, random, steps, count);
    if (difference !== undefined) {
      count.differences++;
      const operations = operationsOf(oracle.name, machine, steps);
      const kind = kindOf(operations, difference);
      if (!seen.has(kind)) {
        seen.add(kind);
        const replayer = {
          replay: async (candidate: readonly Operation[]) => ({ difference: replay(oracle, candidate) }),
        };
        const shrunk = await shrink(replayer, operations, difference, options.shrinking ?? SHRINKING);
        const finding = { seed, sequence, length: steps.length, shrunk };
        findings.push(finding);
        options.onFinding?.(finding);
        if (findings.length >= options.mostFindings) break;
      }
    }
    if (only !== undefined) break;
  }
  return { ...count, findings };
}

const kindOf = (operations: readonly Operation[], difference: Difference): string =>
  signature(operations[difference.at]!, difference);

/** One sequence, until its end or its first difference; the steps that were done are added to `steps`. */
function runOne(
  oracle: Oracle,
  machine: Machine,
  random: Random,
  steps: Step[],
  count: { operations: number; acknowledged: number; moves: number },
): Difference | undefined {
  const traffic = new Traffic(random, machine);
  const comparison = new Comparison(oracle, machine, traffic.signals);
  const start = traffic.start();
  const length = start.length + random.between(SHORTEST, LONGEST);
  for (let n = 0; n < length; n++) {
    const step = n < start.length ? start[n] : traffic.next();
    if (!comparison.allows(step)) continue;
    count.operations++;
    steps.push(step);
    const answer = comparison.perform(step);
    if (typeof answer !== 'number') {
      return { at: steps.length, left: answer.left, right: answer.right, fields: [answer.field] };
    }
    if (step.op === 'move') count.moves++;
    if (traffic.learn(step, answer)) count.acknowledged++;
  }
  return undefined;
}
