import { Ram } from 'vgic';
import type { Core } from './core/index.js';
import { RAM_BASE } from './memory-map.js';
import { PAGE_SIZE, type RamState } from './snapshot/ram-state.js';

/** The core's RAM as the GIC sees it. What the GIC writes there is no stale code for a vCPU, and dirty for a migration. */
export class GicMemory extends Ram {
  readonly #core: Core;
  /** During `undoing`: the pages written, as they were before. */
  #kept: Map<number, Uint8Array> | undefined;

  constructor(core: Core) {
    super(RAM_BASE, core.ram);
    this.#core = core;
  }

  override store8(address: number, value: number): boolean {
    this.#keep(address, 1);
    const stored = super.store8(address, value);
    if (stored) this.#core.ramChanged(address - RAM_BASE, 1);
    return stored;
  }

  override store64(address: number, low: number, high: number): boolean {
    this.#keep(address, 8);
    const stored = super.store64(address, low, high);
    if (stored) this.#core.ramChanged(address - RAM_BASE, 8);
    return stored;
  }

  /** Does something and takes back what the GIC has written meanwhile, also when it throws. `before`: what was in those pages. */
  undoing<Value>(action: () => Value): { value: Value; before: RamState } {
    const kept = new Map<number, Uint8Array>();
    this.#kept = kept;
    try {
      return { value: action(), before: stateOf(kept, this.size) };
    } finally {
      this.#kept = undefined;
      this.putBack(stateOf(kept, this.size));
    }
  }

  /** Makes pages what they were. */
  putBack({ pages, contents }: RamState): void {
    for (const [index, page] of pages.entries()) {
      this.bytes.set(contents.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE), page * PAGE_SIZE);
      this.#core.ramChanged(page * PAGE_SIZE, PAGE_SIZE);
    }
  }

  #keep(address: number, length: number): void {
    if (this.#kept === undefined || !this.has(address, length)) return;
    const page = Math.floor((address - RAM_BASE) / PAGE_SIZE);
    if (!this.#kept.has(page)) this.#kept.set(page, this.bytes.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE));
  }
}

function stateOf(kept: Map<number, Uint8Array>, size: number): RamState {
  const pages = Uint32Array.from(kept.keys()).sort();
  const contents = new Uint8Array(pages.length * PAGE_SIZE);
  for (const [index, page] of pages.entries()) contents.set(kept.get(page)!, index * PAGE_SIZE);
  return { size, pages, contents };
}
