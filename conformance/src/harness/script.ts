/** Scripts of operations in files: findings, regressions, replays. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { lineOf, type Operation, parseScript } from '../generator/protocol.js';
import { excerpts } from './comparison.js';
import type { Pair } from './pair.js';
import type { Finding } from './run.js';

/** Writes the smallest sequence of a finding as a script that both programs can run; its path. */
export function writeFinding(directory: string, finding: Finding): string {
  mkdirSync(directory, { recursive: true });
  const { seed, sequence, profile, shrunk } = finding;
  const path = join(directory, `${profile}-${seed}-${sequence}.jsonl`);
  const [left, right] = excerpts(shrunk.difference.left, shrunk.difference.right);
  const comments = [
    `seed ${seed}, sequence ${sequence}, profile ${profile}`,
    `differs in: ${shrunk.difference.fields.join(', ')}`,
    `left:  ${left.replaceAll('\n', ' | ')}`,
    `right: ${right.replaceAll('\n', ' | ')}`,
  ];
  writeFileSync(
    path,
    `${comments.map((line) => `# ${line}`).join('\n')}\n${shrunk.operations.map(lineOf).join('\n')}\n`,
  );
  return path;
}

export const readScript = (path: string): Operation[] => parseScript(readFileSync(path, 'utf8'));

/** Runs a script on both sides; every operation with its answers as text, and whether there is a difference. */
export async function replay(
  pair: Pair,
  path: string,
): Promise<{ lines: string[]; operations: number; same: boolean }> {
  const operations = readScript(path);
  const { answers, difference } = await pair.replay(operations);
  const lines: string[] = [];
  for (const [index, operation] of operations.entries()) {
    lines.push(`> ${lineOf(operation)}`);
    if (difference?.at === index) {
      const [left, right] = excerpts(difference.left, difference.right);
      lines.push(`  left  ${left}`, `  right ${right}`, `  differs in ${difference.fields.join(', ')}`);
      break;
    }
    lines.push(`  ${answers[index] ?? ''}`);
  }
  return { lines, operations: operations.length, same: difference === undefined };
}

/** The scripts kept in a directory, in the order of their names. */
export function scriptsIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => join(directory, name));
}

export const scriptName = (path: string): string => basename(path).replace(/\.(jsonl|smoke)$/, '');
