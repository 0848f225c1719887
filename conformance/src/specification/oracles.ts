import type { Operation } from '../generator/protocol.js';
import type { Difference } from '../harness/pair.js';
import { LIST_REGISTERS, type Oracle, replay, SPECIFICATION } from './comparison.js';
import { checkDeliveries, replayDeliveries } from './property.js';
import { type ComparisonResult, compare, type SequenceRun } from './run.js';

/** A judge of the Gic within this process. */
export interface SequenceOracle {
  readonly name: string;
  readonly about: string;
  /** Operations of a run, unless told otherwise: so many that all of them together take some two minutes. */
  readonly operations: number;
  run(options: SequenceRun): Promise<ComparisonResult>;
  replay(
    operations: readonly Operation[],
    told?: (operation: Operation, answer: string) => void,
  ): Difference | undefined;
}

const comparing = (oracle: Oracle, operations: number, about: string): SequenceOracle => ({
  name: oracle.name,
  about,
  operations,
  run: (options) => compare(options, oracle),
  replay: (script, told) => replay(oracle, script, told),
});

export const SEQUENCE_ORACLES: readonly SequenceOracle[] = [
  comparing(SPECIFICATION, 2_000_000, 'the architecture, written down without list registers'),
  comparing(LIST_REGISTERS, 400_000, 'the same with 1, 2, 3, 4, 8 and 16 list registers'),
  {
    name: 'deliveries',
    about: 'each edge, MSI and SGI is taken, and nothing else',
    operations: 1_000_000,
    run: (options) => checkDeliveries(options),
    replay: (script) => replayDeliveries(script),
  },
];
