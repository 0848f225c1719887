/**
 * Makes a failing sequence small: delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input") on the list of operations, then on the arguments of those that are left.
 */

import type { Operation } from '../generator/protocol.js';
import { type Difference, isFailure } from './pair.js';

export interface Shrunk {
  readonly operations: readonly Operation[];
  readonly difference: Difference;
  /** How many candidates were replayed. */
  readonly replays: number;
}

/** Runs operations from the beginning, and answers their first difference: a `Pair`, or a comparison within this process. */
export interface Replayer {
  replay(operations: readonly Operation[]): Promise<{ readonly difference?: Difference | undefined }>;
}

/** Arguments whose value places the operation rather than says how much: not worth trying other numbers. */
const FIXED: readonly string[] = ['op', 'addr', 'attr', 'group', 'reg', 'irq', 'vm', 'line', 'hex', 'host_irq', 'gsi'];

/**
 * @param operations a sequence in which `difference` is the first one
 * @param budget milliseconds to spend
 */
export async function shrink(
  pair: Replayer,
  operations: readonly Operation[],
  difference: Difference,
  budget = 60_000,
): Promise<Shrunk> {
  const end = Date.now() + budget;
  let found = isFailure(difference) ? ((await pair.replay(operations)).difference ?? difference) : difference;
  let best = operations.slice(0, found.at + 1);
  let replays = 0;
  const goal = signature(operations[found.at]!, found);

  /** Replays a candidate; keeps it if the same kind of difference is still there. */
  const better = async (candidate: readonly Operation[]): Promise<boolean> => {
    if (Date.now() > end) return false;
    replays++;
    const { difference: still } = await pair.replay(candidate);
    if (!still || signature(candidate[still.at]!, still) !== goal) return false;
    best = candidate.slice(0, still.at + 1);
    found = still;
    return true;
  };

  await better(best);
  for (let before = -1; before !== weight(best) && Date.now() < end; ) {
    before = weight(best);
    await removeOperations(() => best, better);
    await removeArguments(() => best, better);
    await simplifyValues(() => best, better);
  }
  return { operations: best, difference: found, replays };
}

type Better = (candidate: readonly Operation[]) => Promise<boolean>;

const weight = (operations: readonly Operation[]) => JSON.stringify(operations).length;

/** What must stay the same for a candidate to show the same defect. */
export function signature(operation: Operation, { fields, left, right }: Difference): string {
  const errors = fields.includes('err') ? [left, right].map((answer) => /"err":(-?\d+)/.exec(answer)?.[1] ?? 'ok') : [];
  return [operation.op, operation.group ?? '', operation.reg ?? '', ...[...fields].sort(), ...errors].join(' ');
}

async function removeOperations(best: () => readonly Operation[], better: Better): Promise<void> {
  for (let size = Math.ceil(best().length / 2); size >= 1; size = Math.floor(size / 2)) {
    // from the end: what comes last depends on what came before
    for (let at = best().length - 1 - size; at > -size; at -= size) {
      const from = Math.max(0, at);
      const list = best();
      const to = Math.min(at + size, list.length - 1);
      if (to > from) await better([...list.slice(0, from), ...list.slice(to)]);
    }
  }
}

async function removeArguments(best: () => readonly Operation[], better: Better): Promise<void> {
  for (let index = best().length - 1; index >= 0; index--) {
    for (const name of Object.keys(best()[index] ?? {})) {
      if (name === 'op' || name === 'addr' || name === 'line') continue;
      const list = [...best()];
      const operation = list[index];
      if (!operation || (name === 'value' && operation.op !== 'get_attr')) continue;
      const { [name]: _removed, ...rest } = operation;
      list[index] = rest as Operation;
      await better(list);
    }
  }
}

async function simplifyValues(best: () => readonly Operation[], better: Better): Promise<void> {
  for (let index = best().length - 1; index >= 0; index--) {
    for (const name of Object.keys(best()[index] ?? {})) {
      if (FIXED.includes(name)) continue;
      for (const candidate of simpler(best()[index]?.[name])) {
        const list = [...best()];
        if (!list[index]) break;
        list[index] = { ...list[index], [name]: candidate };
        if ((await better(list)) && (candidate === 0 || candidate === '0x0')) break;
      }
    }
  }
}

/** Simpler values: zero, one, then the value without one of its bits. */
function* simpler(value: Operation[string] | undefined): Generator<number | string> {
  if (typeof value === 'number') {
    if (value > 0) yield 0;
    for (let low = 1; low < Math.min(value, 9); low++) yield low;
    return;
  }
  if (typeof value !== 'string' || !/^0x[0-9a-f]+$/.test(value)) return;
  let bits = BigInt(value);
  if (bits === 0n) return;
  yield '0x0';
  if (bits !== 1n) yield '0x1';
  for (let bit = 63n; bit >= 0n; bit--) {
    if (((bits >> bit) & 1n) === 0n || bits === 1n << bit) continue;
    bits &= ~(1n << bit);
    yield `0x${bits.toString(16)}`;
    bits |= 1n << bit;
  }
}
