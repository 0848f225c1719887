/**
 * What browsers, workers and Node all have, and the language's own libraries do not declare. The sources outside `node/` may
 * use this and nothing else of the platform: their compiler knows neither Node's types nor the DOM's.
 */
declare global {
  function atob(text: string): string;
  function structuredClone<T>(value: T): T;
  function setTimeout(action: () => void, milliseconds: number): unknown;
  function clearTimeout(timer: unknown): void;
  const performance: { now(): number };

  class TextEncoder {
    encode(text?: string): Uint8Array;
  }

  class TextDecoder {
    constructor(label?: string, options?: { fatal?: boolean });
    decode(bytes?: Uint8Array): string;
  }

  class MessageChannel {
    readonly port1: { onmessage: (() => void) | null; close(): void };
    readonly port2: { postMessage(message: unknown): void };
  }
}

export {};
