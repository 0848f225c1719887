/** Two answers to the same operation: are they the same? */

import type { Operation } from '../generator/protocol.js';
import { DECLARED, type DeclaredDifference } from './differences.js';

/**
 * Fields of an answer that do not count: `msg` is a text for people, and `warnings` counts WARN_ON()s, KVM's complaints
 * about itself on the kernel's log, of which another implementation has none. Of `phys`: `log` is what each driver did, in
 * words; `db_irq` and `db_depth` are numbers of Linux's irq core. See conformance/kvm/differences.md.
 */
const IGNORED: readonly string[] = ['msg', 'warnings', 'log', 'db_irq', 'db_depth'];

export type Verdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'declared'; readonly by: DeclaredDifference }
  | { readonly kind: 'different'; readonly fields: readonly string[] };

const SAME: Verdict = { kind: 'same' };

/**
 * Compares the answers. The same bytes are the same answer without a closer look.
 * @param next the operation that follows and the left program's answer to it, if they are known
 */
export function compare(
  operation: Operation,
  left: string,
  right: string,
  next?: { readonly operation: Operation; readonly left: string },
): Verdict {
  if (left === right) return SAME;
  const a = parse(left);
  const b = parse(right);
  if (!a || !b) return { kind: 'different', fields: ['JSON'] };
  const fields = differingFields(a, b);
  const answer = next && parse(next.left);
  const following = next && answer && { operation: next.operation, left: answer };
  const by = DECLARED.find((declared) => declared.applies(operation, a, b, fields, following));
  if (by) return { kind: 'declared', by };
  return fields.length === 0 ? SAME : { kind: 'different', fields };
}

function parse(answer: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(answer);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function differingFields(a: Record<string, unknown>, b: Record<string, unknown>): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].filter((name) => !IGNORED.includes(name) && !same(a[name], b[name]));
}

function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (typeof a === 'object' && typeof b === 'object' && a && b) {
    return differingFields(a as Record<string, unknown>, b as Record<string, unknown>).length === 0;
  }
  return a === b;
}

const EXCERPT = 400;

/** Both answers for people: as they are, or, when they are long, from a little before the first character that differs. */
export function excerpts(left: string, right: string): readonly [string, string] {
  if (left.length <= EXCERPT && right.length <= EXCERPT) return [left, right];
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  const from = Math.max(0, at - 150);
  const cut = (text: string) =>
    `${from ? '...' : ''}${text.slice(from, from + EXCERPT)}${text.length > from + EXCERPT ? '...' : ''}`;
  return [cut(left), cut(right)];
}
