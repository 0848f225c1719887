import type { Operation } from '../generator/protocol.js';
import { Choice, Random } from '../generator/random.js';
import type { Difference } from '../harness/pair.js';
import { shrink } from '../harness/shrink.js';
import { machineOfOperation, machineOperation, ramOf } from './comparison.js';
import { DELIVERY_OPERATIONS, Deliveries } from './deliveries.js';
import type { ComparisonResult, SequenceFinding, SequenceRun } from './run.js';
import type { Subject } from './subject.js';
import { type Machine, machineOf } from './traffic/machine.js';
import { Vgic } from './vgic.js';

export type SubjectOf = (machine: Machine) => Subject;

const vgic: SubjectOf = ({ guest, host }) => new Vgic(guest, host, ramOf(0));

const KINDS = new Choice(DELIVERY_OPERATIONS);
const SHORTEST = 20;
const LONGEST = 1200;
const VALUES = 0x10000;
const SHRINKING = 10_000;

/** Random traffic of well-behaved guests until so many operations were done; see {@link Deliveries}. */
export async function checkDeliveries(options: SequenceRun, subjectOf: SubjectOf = vgic): Promise<ComparisonResult> {
  const findings: SequenceFinding[] = [];
  const seen = new Set<string>();
  const count = { operations: 0, sequences: 0, differences: 0, acknowledged: 0, moves: 0 };
  for (let sequence = options.only ?? 0; count.operations < options.operations; sequence++) {
    count.sequences++;
    const operations = sequenceOf(options.seed, sequence, options.kvm);
    const difference = replayDeliveries(operations, subjectOf, count);
    if (difference !== undefined) {
      count.differences++;
      if (!seen.has(kindOf(difference.right))) {
        seen.add(kindOf(difference.right));
        const replayer = {
          replay: async (candidate: readonly Operation[]) => ({ difference: replayDeliveries(candidate, subjectOf) }),
        };
        const shrunk = await shrink(replayer, operations, difference, options.shrinking ?? SHRINKING);
        const finding = { seed: options.seed, sequence, length: operations.length, shrunk };
        findings.push(finding);
        options.onFinding?.(finding);
        if (findings.length >= options.mostFindings) break;
      }
    }
    if (options.only !== undefined) break;
  }
  return { ...count, findings };
}

function sequenceOf(seed: number, sequence: number, kvm: string | undefined): Operation[] {
  const random = new Random(seed, sequence);
  const machine = machineOf(random, kvm);
  const operations: Operation[] = [
    { ...machineOperation('deliveries', machine), split: Number(random.chance(0.5)), seed: random.below(VALUES) },
  ];
  const length = random.between(SHORTEST, LONGEST);
  for (let n = 0; n < length; n++) {
    const op = KINDS.pick(random);
    operations.push({ op, vcpu: random.below(8), at: random.below(VALUES), value: random.below(VALUES) });
  }
  // an operation of its own, at which the end may fail
  operations.push({ op: 'rest' });
  return operations;
}

/** What is wrong, without its numbers. */
const kindOf = (violation: string): string => violation.replaceAll(/0x[0-9a-f]+|\d+/g, 'n');

export function replayDeliveries(
  operations: readonly Operation[],
  subjectOf: SubjectOf = vgic,
  count = { operations: 0, acknowledged: 0, moves: 0 },
): Difference | undefined {
  const [create, ...others] = operations;
  if (create?.op !== 'create') return undefined;
  let at = 0;
  const found = (violation: string): Difference => ({
    at,
    left: 'each is taken, and nothing else',
    right: violation,
    fields: [kindOf(violation)],
  });
  try {
    const deliveries = new Deliveries(
      subjectOf(machineOfOperation(create)),
      machineOfOperation(create),
      Number(create.split ?? 0) !== 0,
      Number(create.seed ?? 0),
    );
    for (const operation of others) {
      at++;
      count.operations++;
      if (operation.op === 'move') count.moves++;
      const violation = operation.op === 'rest' ? deliveries.rest() : deliveries.perform(operation);
      if (violation !== undefined) return found(violation);
    }
    count.acknowledged += deliveries.taken;
    return undefined;
  } catch (error) {
    return at === 0 ? undefined : found(error instanceof Error ? error.message : String(error));
  }
}
