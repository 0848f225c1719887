import type { MachineConfig } from '../../src/index.js';
import { DEVIATIONS, type Deviation, without } from './deviations.js';
import { onQemu, onVgic, type Setting, type Words } from './run.js';

/** The guest's word for operations: 3-7,9-10. */
export function ranges(operations: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < operations.length; ) {
    let end = at + 1;
    while (end < operations.length && operations[end] === operations[end - 1]! + 1) end++;
    parts.push(`${operations[at]}-${operations[end - 1]! + 1}`);
    at = end;
  }
  return parts.join(',');
}

/** One machine's output for the same operations. */
export type Side = (setting: Setting, words: Words) => string[] | Promise<string[]>;

export const qemu: Side = onQemu;
export const vgic =
  (config: Partial<MachineConfig> = {}): Side =>
  (setting, words) =>
    onVgic(setting, words, config);

/** The first operation after which the guest sees something else on one of the two, with as few before it as can be. */
export interface Difference {
  readonly setting: Setting;
  /** The guest's command line. */
  readonly words: Words;
  /** For a person: the operations, and the last one on each side. */
  readonly report: string;
}

const ALL = 2 ** 31;
/** How long a difference is made smaller, in milliseconds. */
const PATIENCE = 120_000;

/** The index of the first line that differs, -1 if none does. */
function firstDifference(left: readonly string[], right: readonly string[]): number {
  const at = left.findIndex((line, index) => line !== right[index]);
  return at < 0 && left.length !== right.length ? left.length : at;
}

/**
 * Runs the guest on both sides; undefined when it sees the same. If not, operations are left out as long as there still is
 * a difference: halves first, then ever smaller pieces (delta debugging).
 */
export async function difference(
  setting: Setting,
  one: Side,
  other: Side,
  deviations: readonly Deviation[] = DEVIATIONS,
): Promise<Difference | undefined> {
  const words = without(setting.gic, deviations);
  const run = async (of: Setting, more: Words) => {
    const [left, right] = [await one(of, { ...words, ...more }), await other(of, { ...words, ...more })];
    return { left, right, at: firstDifference(left, right) };
  };
  if ((await run(setting, {})).at < 0) return undefined;
  const told = { text: `0-${ALL}`, hash: ALL };
  const whole = await run(setting, told);
  const first = Number.parseInt((whole.left[whole.at] ?? whole.right[whole.at] ?? '').replace(/^\.*/, ''), 10);
  // No more than up to the first that differs, then all is read.
  const { vcpus } = setting;
  const shorter =
    first >= vcpus ? { ...setting, operations: Math.min(setting.operations, first - vcpus + 1) } : setting;
  let kept = Array.from({ length: shorter.operations }, (_, index) => index + vcpus);
  const only = (operations: readonly number[]) => ({ only: operations.length > 0 ? ranges(operations) : '0' });
  const until = Date.now() + PATIENCE;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = kept.length - size; from > -size && Date.now() < until; from -= size) {
      const fewer = kept.toSpliced(Math.max(from, 0), size + Math.min(from, 0));
      if (fewer.length < kept.length && (await run(shorter, only(fewer))).at >= 0) kept = fewer;
    }
  }
  const { left, right, at } = await run(shorter, { ...told, ...only(kept) });
  const report = [...left.slice(0, at), `one:   ${left[at]}`, `other: ${right[at]}`].join('\n');
  return { setting: shorter, words: { ...words, ...only(kept) }, report };
}
