import type { Case } from './generate.js';
import { parseFull } from './harness.js';
import { buildImage, type RunOptions } from './image.js';
import { RESULT_NAMES, SCRATCH } from './layout.js';
import type { VectorInputs } from './vector-inputs.js';

/** Runs a raw image and returns what it printed. */
export type Run = (image: Uint8Array) => string | Promise<string>;

export interface Difference {
  readonly index: number;
  readonly name: string;
  /** Instruction words, inputs and both results, for a person to read. */
  readonly report: string;
}

const hex = (value: number | bigint, digits = 16): string => value.toString(16).padStart(digits, '0');

/** The hash of each case. Throws when the program did not come to its end. */
function hashes(output: string, count: number, who: string): string[] {
  const lines = output.trim().split(/\s+/);
  if (lines.length !== count || lines.some((line) => !/^[0-9a-f]{8}$/.test(line))) {
    const wrong = lines.findIndex((line) => !/^[0-9a-f]{8}$/.test(line));
    throw new Error(
      `${who} printed ${lines.length} lines for ${count} cases${wrong < 0 ? '' : `; line ${wrong} is '${lines[wrong]}'`}`,
    );
  }
  return lines;
}

/**
 * Runs the cases on both sides and returns where they differ, the first `limit` of them with all registers and memory.
 * `ours` is the side that `options.falsify` falsifies.
 */
export async function differences(
  cases: readonly Case[],
  reference: Run,
  ours: Run,
  options: Pick<RunOptions, 'mmu' | 'falsify'> & { readonly limit?: number } = {},
): Promise<Difference[]> {
  const { falsify, limit = 5, ...both } = options;
  const falsified = falsify === undefined ? both : { ...both, falsify };
  const expected = hashes(await reference(buildImage(cases, both)), cases.length, 'the reference');
  const actual = hashes(await ours(buildImage(cases, falsified)), cases.length, 'our core');
  const found: Difference[] = [];
  for (const one of cases) {
    const { index, name } = one;
    if (expected[index] === actual[index]) continue;
    let report = '';
    if (found.length < limit) {
      const right = parseFull(await reference(buildImage(cases, { ...both, full: index })));
      const wrong = parseFull(await ours(buildImage(cases, { ...falsified, full: index })));
      report = describeDifference(one, right, wrong);
    }
    found.push({ index, name, report });
  }
  return found;
}

/** Words, fields and inputs of a case. */
export function describeCase({ index, detail, words, inputs, vectors }: Case): string {
  const registers = inputs.map((value, n) => `${['SP', 'SPSR'][n - 31] ?? `X${n}`}=${hex(value)}`);
  return `case ${index}: ${words.map((w) => hex(w, 8)).join(' ')} (${detail})\n  in:  ${registers.join(' ')}\n  ${describeVectors(vectors)}`;
}

function describeVectors({ cpacr, fpcr, fpsr, registers }: VectorInputs): string {
  const values = Array.from({ length: 32 }, (_, n) => `V${n}=${hex(registers[2 * n + 1])}:${hex(registers[2 * n])}`);
  return `FPEN=${cpacr >> 20n} FPCR=${hex(fpcr, 8)} FPSR=${hex(fpsr, 8)} ${values.join(' ')}`;
}

type Full = ReturnType<typeof parseFull>;

function describeDifference(one: Case, expected: Full, actual: Full): string {
  const lines = [describeCase(one)];
  for (const name of RESULT_NAMES) {
    const [a, b] = [expected.registers.get(name), actual.registers.get(name)];
    if (a !== b) lines.push(`  ${name}: expected ${a}, got ${b}`);
  }
  expected.scratch.forEach((word, i) => {
    if (word !== actual.scratch[i])
      lines.push(`  memory at ${hex(SCRATCH + 8 * i, 8)}: expected ${word}, got ${actual.scratch[i]}`);
  });
  if (lines.length === 1) lines.push('  the same when run alone: it depends on how the run is cut into slices');
  return lines.join('\n');
}

/** A failure's text: how many differ, of which encodings, and the first in full. */
export function summary(found: readonly Difference[]): string {
  const counts = new Map<string, number>();
  for (const { name } of found) counts.set(name, (counts.get(name) ?? 0) + 1);
  const byName = [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${count} × ${name}`);
  return [
    `${found.length} cases differ: ${byName.join('; ')}`,
    ...found.map((d) => d.report).filter((r) => r !== ''),
  ].join('\n');
}
