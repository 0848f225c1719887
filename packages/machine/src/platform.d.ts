/**
 * What browsers, workers and Node all have, and the language's own libraries do not declare. The sources outside `node/` may
 * use this and nothing else of the platform: their compiler knows neither Node's types nor the DOM's.
 */
declare global {
  function atob(text: string): string;
  function structuredClone<T>(value: T): T;

  class TextEncoder {
    encode(text?: string): Uint8Array;
  }

  class TextDecoder {
    constructor(label?: string, options?: { fatal?: boolean });
    decode(bytes?: Uint8Array): string;
  }
}

export {};
