/**
 * The differences from KVM that are meant: nothing but what stands here is excused, and each entry says exactly which
 * answers, why, and which paragraph of conformance/kvm/differences.md tells it to people.
 */
import type { Operation } from './protocol.js';

export interface DeclaredDifference {
  /** The paragraph of conformance/kvm/differences.md. */
  readonly paragraph: string;
  readonly reason: string;
  /** Whether this difference is it: operation, both answers, and the names of the fields that differ. */
  applies(
    operation: Operation,
    left: Readonly<Record<string, unknown>>,
    right: Readonly<Record<string, unknown>>,
    fields: readonly string[],
  ): boolean;
  /** What follows it: the answers may differ from there on, so the sequence ends; or they may not. */
  readonly afterwards: 'sequence ends' | 'goes on';
}

export const DECLARED: readonly DeclaredDifference[] = [];
