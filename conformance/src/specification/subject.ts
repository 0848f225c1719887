import type { Step } from './steps.js';

/** A GIC whose answers are compared: the specification, or an implementation on some host. */
export interface Subject {
  readonly name: string;
  /** Does it, and answers what a guest reads by it; 0 if it reads nothing, -1 where that is UNDEFINED. */
  perform(step: Step): number;
  /** What a vCPU in the guest sees of its IRQ and FIQ inputs, and one that waits of its wake-up: see `SIGNAL`. */
  signals(vcpu: number): number;
}

/** Bits of `signals`. */
export const SIGNAL = {
  IRQ: 1,
  FIQ: 2,
  /** Of a vCPU that waits (WFI): it is to be woken. */
  WAKE: 4,
  /** It is to be woken, but nobody has been told. */
  NOT_TOLD: 8,
} as const;

export function signalNames(signals: number): string {
  const names = Object.entries(SIGNAL).filter(([, bit]) => (signals & bit) !== 0);
  return names.length === 0 ? 'no signal' : names.map(([name]) => name).join(' and ');
}

/** Where a vCPU is. */
export const OUTSIDE = 0;
export const INSIDE = 1;
export const WAITING = 2;
