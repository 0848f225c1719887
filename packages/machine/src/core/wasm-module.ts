/**
 * The compiled core: from base64 to an instance. WebAssembly is looked up on the global object, as the compiler's
 * libraries without DOM do not declare it.
 */
import { WASM_BASE64 } from './generated/wasm.js';

/** The exports of packages/machine/core/index.ts. Addresses are offsets into the memory. */
export interface CoreExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  init(vcpus: number, ramBase: number, ramSize: number, gicSystemRegisters: boolean): number;
  ramAddress(): number;
  dirtyLogAddress(): number;
  highAddress(): number;
  contextAddress(vcpu: number): number;
  contextBytes(): number;
  faultOffset(): number;
  pcOffset(): number;
  run(vcpu: number, budget: number): number;
  executed(): number;
  stop(): void;
  refuse(): void;
  setLines(vcpu: number, lines: number): void;
  setTime(time: number): void;
  timerOutput(vcpu: number, timer: number): number;
  nextTimer(vcpu: number): number;
  reset(vcpu: number, entryLow: number, entryHigh: number, contextLow: number, contextHigh: number): void;
  normalise(vcpu: number): void;
  adopt(vcpu: number): number;
  instructionAt(vcpu: number, low: number, high: number): number;
  pstate(vcpu: number): number;
  systemRegister(vcpu: number, encoding: number): number;
  knowsSystemRegister(encoding: number): number;
  ramChanged(offset: number, length: number): void;
  enableDirtyLog(on: boolean): void;
  clearDirty(): void;
}

/** The imports of packages/machine/core/execute/host.ts. */
export interface CoreImports {
  host: {
    mmioRead(vcpu: number, address: number, size: number): number;
    mmioWrite(vcpu: number, address: number, size: number, low: number, high: number): void;
    systemRegisterRead(vcpu: number, encoding: number): number;
    systemRegisterWrite(vcpu: number, encoding: number, low: number, high: number): void;
    timerChanged(vcpu: number): void;
  };
}

interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: CoreImports & { env: object }) => { exports: CoreExports };
}

let compiled: object | undefined;

/** RangeError with one sentence where WebAssembly is missing or forbidden. */
function compile(): object {
  const api = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
  if (api === undefined)
    throw new RangeError('A machine needs WebAssembly, which this JavaScript engine does not have.');
  try {
    return new api.Module(Uint8Array.from(atob(WASM_BASE64), (letter) => letter.charCodeAt(0)));
  } catch (error) {
    throw new RangeError(
      'A machine needs WebAssembly, and this page may not compile it; its Content-Security-Policy needs ' +
        `script-src 'wasm-unsafe-eval'. The engine says: ${(error as Error).message}`,
    );
  }
}

/** Throws a RangeError with one sentence where there is no WebAssembly, an Error where there is no memory for it. */
export function instantiate(imports: CoreImports): CoreExports {
  compiled ??= compile();
  const abort = () => {
    throw new Error('the core aborted');
  };
  const { WebAssembly: api } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
  try {
    return new api.Instance(compiled, { ...imports, env: { abort } }).exports;
  } catch (error) {
    // an engine without room says so by a RangeError, which here means a sentence for people
    throw new Error(`no memory for the core: ${(error as Error).message}`);
  }
}
