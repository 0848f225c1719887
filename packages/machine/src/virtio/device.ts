import type { Chain } from './chain.js';

/** What makes a virtio device the kind that it is; the transport does the rest. */
export interface VirtioDevice {
  /** Device ID (VIRTIO 1.2, chapter 5). */
  readonly type: number;
  /** PCI class code: base class, subclass, programming interface. */
  readonly classCode: number;
  /** Feature bits of this kind that it offers. */
  readonly features: readonly number[];
  /** The largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** The device-specific configuration, which does not change and which a driver can't write. */
  readonly configuration: Uint8Array;
  /** Virtual time at which it has something to do by itself; without it, never. */
  readonly deadline?: number;
  /** Virtual time has come to `now`. */
  advance?(now: number): void;
  /** Whether it can do something with a chain of that queue now. */
  wants(queue: number): boolean;
  /** Does it; returns how many bytes it has written to the chain. May throw DriverFault. */
  use(queue: number, chain: Chain): number;
  /** The driver has reset the device. */
  reset(): void;
  save(): object;
  /** Says what is impossible in a saved state, or undefined when `restore` can take it. */
  check(state: unknown): string | undefined;
  restore(state: object): void;
}

/** What every device needs of the board. */
export interface VirtioHost {
  /** Virtual time, in nanoseconds. */
  now(): number;
}
