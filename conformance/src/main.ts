/** `npm run conformance`: vgic against Linux's own VGIC, operation by operation. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lineOf } from './generator/protocol.js';
import { excerpts } from './harness/comparison.js';
import type { DeclaredDifference } from './harness/differences.js';
import { buildOracle, oracleMissing, PROJECT } from './harness/oracle.js';
import { Pair } from './harness/pair.js';
import { type Finding, type RunResult, run } from './harness/run.js';
import { replay, scriptName, scriptsIn, writeFinding } from './harness/script.js';
import { LINUX, OptionError, type Options, parseOptions, USAGE } from './options.js';
import { judge, oracleOf, replayRegressions, replaySequence } from './specification/report.js';

const FIXED_SEED = 1;
const REGRESSIONS = join(PROJECT, 'conformance/regressions');
/** The oracle's own scripts; that of GICv4 goes where KVM loses interrupts, so that it can't be compared as a whole. */
const SMOKE = ['gicv2', 'gicv3', 'hwirq', 'its'].map((name) => join(PROJECT, `conformance/kvm/smoke/${name}.smoke`));

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const scripts = options.replay.map((path) => ({ path, oracle: oracleOf(path) }));
  const linux = options.replay.length > 0 ? scripts.some(({ oracle }) => oracle === undefined) : options.linux;
  const missing = linux && options.left === undefined ? oracleMissing() : undefined;
  if (missing) process.stderr.write(`conformance: skipped: ${missing}\n`);

  const total = { operations: 0, differences: 0 };
  const count = ({ operations, differences }: Counted): void => {
    total.operations += operations;
    total.differences += differences;
  };
  if (options.replay.length > 0) {
    for (const { path, oracle } of scripts) if (oracle !== undefined) count(replaySequence(oracle, path));
    if (linux && !missing) {
      const paths = scripts.filter(({ oracle }) => oracle === undefined).map(({ path }) => path);
      count(await replayScripts(options.left ?? buildOracle(), options, paths));
    }
  } else {
    if (options.regressions && options.oracles.length > 0) {
      count(replayRegressions(join(REGRESSIONS, 'architecture'), options.oracles));
    }
    for (const oracle of options.oracles) {
      for (const [seed, share] of seeds(options, oracle.operations)) count(await judge(oracle, options, seed, share));
    }
    if (linux && !missing) await compareWithLinux(options, count);
  }
  process.stdout.write(`conformance: ${total.operations} operations, ${total.differences} differences\n`);
  if (total.differences > 0) return 1;
  return missing ? 3 : 0;
}

interface Counted {
  readonly operations: number;
  readonly differences: number;
}

async function compareWithLinux(options: Options, count: (counted: Counted) => void): Promise<void> {
  const left = options.left ?? buildOracle();
  if (options.regressions) count(await runRegressions(left, options));
  for (const [seed, share] of seeds(options, LINUX.operations)) count(await runSeed(left, options, seed, share));
}

/** Seeds and how many operations each gets: the same ones every time, and some that no run has seen. */
function seeds(options: Options, usual: number): [number, number][] {
  const operations = options.operations ?? usual;
  if (options.seed !== undefined) return [[options.seed, operations]];
  const fresh = Date.now() % 0x1_0000_0000;
  return [
    [FIXED_SEED, operations / 2],
    [fresh, operations / 2],
  ];
}

async function runRegressions(
  left: readonly string[],
  { right }: Options,
): Promise<{ operations: number; differences: number }> {
  let operations = 0;
  let differences = 0;
  const scripts = [...SMOKE, ...(existsSync(REGRESSIONS) ? scriptsIn(REGRESSIONS) : [])];
  const pair = new Pair(left, right);
  for (const path of scripts) {
    const result = await replay(pair, path);
    operations += result.operations;
    if (result.same) continue;
    differences++;
    process.stdout.write(`regression ${scriptName(path)}:\n${result.lines.slice(-4).join('\n')}\n`);
  }
  pair.stop();
  process.stdout.write(`regressions: ${scripts.length} scripts, ${operations} operations, ${differences} differ\n`);
  return { operations, differences };
}

async function runSeed(
  left: readonly string[],
  options: Options,
  seed: number,
  operations: number,
): Promise<RunResult> {
  const began = Date.now();
  const terminal = process.stderr.isTTY;
  let shown = 0;
  process.stdout.write(`seed ${seed}: ${options.profiles.map(({ name }) => name).join(', ')}\n`);
  const result = await run({
    left,
    right: options.right,
    profiles: options.profiles,
    seed,
    operations,
    lanes: options.sequence === undefined ? options.lanes : 1,
    ...(options.sequence === undefined ? {} : { only: options.sequence }),
    mostFindings: options.findings,
    onFinding: (finding) => report(options, finding),
    onProgress: (done, sequences) => {
      if (!terminal || done - shown < 20_000) return;
      shown = done;
      process.stderr.write(`\r${done} operations in ${sequences} sequences `);
    },
  });
  if (terminal) process.stderr.write('\r');
  const seconds = (Date.now() - began) / 1000;
  process.stdout.write(
    `seed ${seed}: ${result.operations} operations in ${result.sequences} sequences, ${result.differences} differ; ` +
      `${seconds.toFixed(1)} s, ${Math.round(result.operations / seconds)} operations a second\n`,
  );
  const shares = [...result.byProfile].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(`  by profile: ${shares.join(', ')}\n`);
  for (const [declared, times] of result.declared) reportDeclared(declared, times);
  process.stdout.write(`${result.coverage.report(options.coverage).join('\n')}\n`);
  return result;
}

function reportDeclared(declared: DeclaredDifference, times: number): void {
  process.stdout.write(`  declared difference, ${times} times: ${declared.reason} (${declared.paragraph})\n`);
}

function report(options: Options, finding: Finding): void {
  const { shrunk, seed, sequence, profile } = finding;
  const path = writeFinding(options.directory, finding);
  const [left, right] = excerpts(shrunk.difference.left, shrunk.difference.right);
  process.stdout.write(
    `\ndifference: seed ${seed}, sequence ${sequence}, profile ${profile}: ` +
      `${finding.operations.length} operations shrunk to ${shrunk.operations.length} in ${shrunk.replays} replays\n` +
      `${shrunk.operations.map((operation) => `  ${lineOf(operation)}`).join('\n')}\n` +
      `  left  ${left}\n  right ${right}\n  differs in ${shrunk.difference.fields.join(', ')}\n` +
      `  again: npm run conformance -- --replay ${path}\n\n`,
  );
}

async function replayScripts(left: readonly string[], options: Options, paths: readonly string[]): Promise<Counted> {
  const pair = new Pair(left, options.right);
  let operations = 0;
  let differences = 0;
  for (const path of paths) {
    const result = await replay(pair, path);
    operations += result.operations;
    if (!result.same) differences++;
    process.stdout.write(`${result.lines.join('\n')}\n`);
  }
  pair.stop();
  return { operations, differences };
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof OptionError)) throw error;
  process.stderr.write(`conformance: ${error.message}\n`);
  process.exitCode = 2;
}
