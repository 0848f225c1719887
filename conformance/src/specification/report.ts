import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineOf } from '../generator/protocol.js';
import { readScript, scriptName, scriptsIn } from '../harness/script.js';
import { SEQUENCE_ORACLES, type SequenceOracle } from './oracles.js';
import type { SequenceFinding } from './run.js';

/** What a run of one judge comes to, in words; and files of the smallest sequences. */

interface RunOptions {
  readonly sequence: number | undefined;
  readonly findings: number;
  readonly directory: string;
  readonly kvm: string | undefined;
}

export async function judge(oracle: SequenceOracle, options: RunOptions, seed: number, operations: number) {
  const began = Date.now();
  const result = await oracle.run({
    seed,
    operations,
    only: options.sequence,
    mostFindings: options.findings,
    kvm: options.kvm,
    onFinding: (finding) => tell(oracle, options.directory, finding),
  });
  const seconds = (Date.now() - began) / 1000;
  process.stdout.write(
    `${oracle.name}, seed ${seed}: ${result.operations} operations in ${result.sequences} sequences, ` +
      `${result.differences} differ; ${result.acknowledged} interrupts taken, ${result.moves} saves and restores; ` +
      `${seconds.toFixed(1)} s, ${Math.round(result.operations / seconds)} operations a second\n`,
  );
  return result;
}

function tell(oracle: SequenceOracle, directory: string, { seed, sequence, length, shrunk }: SequenceFinding): void {
  const { left, right } = shrunk.difference;
  const [create, ...others] = shrunk.operations;
  const lines = [{ ...create, oracle: oracle.name }, ...others].map(lineOf);
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${oracle.name}-${seed}-${sequence}.jsonl`);
  writeFileSync(path, `# seed ${seed}, sequence ${sequence}\n# ${left}\n# ${right}\n${lines.join('\n')}\n`);
  process.stdout.write(
    `\n${oracle.name}: seed ${seed}, sequence ${sequence}: ${length} operations shrunk to ${lines.length} ` +
      `in ${shrunk.replays} replays\n${lines.map((line) => `  ${line}`).join('\n')}\n` +
      `  ${left}\n  ${right}\n  again: npm run conformance -- --replay ${path}\n\n`,
  );
}

/** Which of these judges a script is for, as its first operation says; undefined: it is for Linux's VGIC. */
export function oracleOf(path: string): SequenceOracle | undefined {
  const [create] = readScript(path);
  return SEQUENCE_ORACLES.find(({ name }) => name === create?.oracle);
}

/** Runs the scripts of a directory by their judges, and shows those that differ. */
export function replayRegressions(directory: string, oracles: readonly SequenceOracle[]) {
  let operations = 0;
  let differences = 0;
  const scripts = scriptsIn(directory).filter((path) => oracles.includes(oracleOf(path) as SequenceOracle));
  for (const path of scripts) {
    const script = readScript(path);
    const difference = oracleOf(path)?.replay(script);
    operations += script.length;
    if (difference === undefined) continue;
    differences++;
    process.stdout.write(`regression ${scriptName(path)}:\n  ${difference.left}\n  ${difference.right}\n`);
  }
  process.stdout.write(`regressions: ${scripts.length} scripts, ${operations} operations, ${differences} differ\n`);
  return { operations, differences };
}

/** Runs a script and shows each answer. */
export function replaySequence(oracle: SequenceOracle, path: string) {
  const operations = readScript(path);
  const difference = oracle.replay(operations, (operation, answer) => {
    process.stdout.write(`> ${lineOf(operation)}\n  ${answer}\n`);
  });
  if (difference !== undefined) {
    process.stdout.write(`> ${lineOf(operations[difference.at])}\n  ${difference.left}\n  ${difference.right}\n`);
  }
  return { operations: operations.length, differences: difference === undefined ? 0 : 1 };
}
