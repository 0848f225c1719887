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

export function instantiate(imports: CoreImports): CoreExports {
  const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  compiled ??= new api.Module(Uint8Array.from(atob(WASM_BASE64), (letter) => letter.charCodeAt(0)));
  const abort = () => {
    throw new Error('the core aborted');
  };
  return new api.Instance(compiled, { ...imports, env: { abort } }).exports;
}
