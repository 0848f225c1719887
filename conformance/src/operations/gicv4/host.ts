/** A look at the host's side, and what may be done only after one. */
import type { Answer, Sequence } from '../../generator/sequence.js';
import type { ForwardableEvent } from './events.js';
import { takeAll } from './guest.js';

/** The host's side, with what the oracle says of what it lost. */
export function look(s: Sequence): void {
  s.emit({ op: 'phys' }, 'host state and log');
}

export function lookAtHost(s: Sequence): void {
  const { random } = s;
  s.emit({ op: 'phys', log: 0, ...(random.chance(0.3) ? { vcpu: s.realVcpu() } : {}) }, 'host state');
  if (random.chance(0.15)) s.emit({ op: 'vgic_state' }, 'state dump');
}

/** What is pending in the virtual pending tables, as KVM has it. */
const pendingIn = (answer: Answer): number[] =>
  ((answer.vpes as { vpt?: number[] }[] | undefined) ?? []).flatMap(({ vpt }) => vpt ?? []);

/** The LPIs that vCPUs have in their lists, from the state dump: the last column is not -1. */
const queuedIn = (answer: Answer): number[] =>
  Array.from(String(answer.text ?? '').matchAll(/^ +LPI +(\d+) .* (-?\d+) *$/gm))
    .filter(([, , vcpu]) => Number(vcpu) >= 0)
    .map(([, intid]) => Number(intid));

/**
 * Does something with events that drops what is pending of them: mostly when nothing is. Nor may a vCPU have their LPIs in its
 * list, since KVM keeps such an LPI, marked as forwarded, when its event is gone.
 */
export function whenNothingPends(s: Sequence, events: readonly ForwardableEvent[], action: () => void): void {
  const anyway = s.random.chance(0.04);
  let pending: number[] = [];
  s.emit({ op: 'phys', log: 0 }, 'host state', (answer: Answer) => {
    pending = pendingIn(answer);
  });
  s.emit({ op: 'vgic_state' }, 'state dump', (answer: Answer) => {
    const queued = queuedIn(answer);
    const has = (lpis: readonly number[]) => events.some(({ lpi }) => lpis.includes(lpi));
    if (!has(queued) && (anyway || !has(pending))) {
      action();
      look(s);
    } else takeAll(s);
  });
}
