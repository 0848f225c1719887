import { fromHex, isHexBytes, toHex } from '../state-checks.js';
import type { Chain } from './chain.js';
import type { VirtioDevice } from './device.js';

/** The console device: VIRTIO 1.2, section 5.3; one port. */

const QUEUE = { receive: 0, transmit: 1 } as const;
/** Columns, rows, ports, emergency write (5.3.4): none of their features is offered. */
const CONFIGURATION_SIZE = 12;
/** Input that the guest has not read: more is not taken. */
const MOST_INPUT = 1 << 20;
/** Bytes of one output that are taken at a time. */
const PORTION = 1 << 16;

/** What the guest writes goes out at once; what is typed waits until the guest offers buffers. */
export class VirtioConsole implements VirtioDevice {
  readonly type = 3;
  readonly classCode = 0x07_8000;
  readonly features: readonly number[] = [];
  readonly queueSizes = [64, 64];
  readonly configuration = new Uint8Array(CONFIGURATION_SIZE);
  readonly #output: (bytes: Uint8Array) => void;
  #input: Uint8Array = new Uint8Array(0);

  constructor(output: (bytes: Uint8Array) => void) {
    this.#output = output;
  }

  /** Bytes typed that the guest has not read. */
  get unread(): number {
    return this.#input.length;
  }

  /** Types bytes; returns how many are taken. */
  receive(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, MOST_INPUT - this.#input.length);
    const all = new Uint8Array(this.#input.length + taken.length);
    all.set(this.#input);
    all.set(taken, this.#input.length);
    this.#input = all;
    return taken.length;
  }

  wants(queue: number): boolean {
    return queue === QUEUE.transmit || this.#input.length > 0;
  }

  use(queue: number, chain: Chain): number {
    if (queue === QUEUE.receive) {
      const written = chain.write(0, this.#input);
      this.#input = this.#input.slice(written);
      return written;
    }
    for (let at = 0; at < chain.readableLength; at += PORTION) this.#output(chain.read(at, PORTION));
    return 0;
  }

  /** What was typed waits for the next driver. */
  reset(): void {}

  save(): { input: string } {
    return { input: toHex(this.#input) };
  }

  check(state: unknown): string | undefined {
    const { input } = (state ?? {}) as { input?: unknown };
    return isHexBytes(input, MOST_INPUT) ? undefined : 'the input that waits is impossible';
  }

  restore(state: object): void {
    this.#input = fromHex((state as { input: string }).input);
  }
}
