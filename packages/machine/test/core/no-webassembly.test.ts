import { afterEach, describe, expect, it, vi } from 'vitest';

/** The compiled core is kept by its module, so each test has a module of its own. */
async function newMachine() {
  vi.resetModules();
  const { Machine } = await import('../../src/index.js');
  return () => new Machine({ vcpus: 1, memory: 2 ** 21, gic: 3 });
}

afterEach(() => vi.unstubAllGlobals());

describe('a machine', () => {
  it('says so where there is no WebAssembly', async () => {
    const make = await newMachine();
    vi.stubGlobal('WebAssembly', undefined);
    expect(make).toThrow('A machine needs WebAssembly, which this JavaScript engine does not have.');
  });

  it('says so where a Content-Security-Policy forbids WebAssembly', async () => {
    const make = await newMachine();
    class Module {
      constructor() {
        throw new Error('Refused to compile or instantiate WebAssembly module');
      }
    }
    vi.stubGlobal('WebAssembly', { Module });
    expect(make).toThrow(/needs script-src 'wasm-unsafe-eval'\. The engine says: Refused to compile/);
  });

  it('can be built where there is WebAssembly', async () => {
    expect((await newMachine())().time).toBe(0);
  });
});
