import { Ram, type RamPages } from 'vgic';
import type { Core } from './core/index.js';
import { RAM_BASE } from './memory-map.js';
import { PAGE_SIZE, type RamState } from './snapshot/ram-state.js';

/** The core's RAM as the GIC sees it. What the GIC writes there is no stale code for a vCPU, and dirty for a migration. */
export class GicMemory extends Ram {
  readonly #core: Core;

  constructor(core: Core) {
    super(RAM_BASE, core.ram);
    this.#core = core;
  }

  override store8(address: number, value: number): boolean {
    const stored = super.store8(address, value);
    if (stored) this.#core.ramChanged(address - RAM_BASE, 1);
    return stored;
  }

  override store64(address: number, low: number, high: number): boolean {
    const stored = super.store64(address, low, high);
    if (stored) this.#core.ramChanged(address - RAM_BASE, 8);
    return stored;
  }

  /** Does something while there are other pages in RAM, and takes them out again, also when it throws. `before`: what was in their place. */
  undoing<Value>(pages: RamPages, action: () => Value): { value: Value; before: RamState } {
    const before = this.take(pages.pages);
    this.put(pages);
    try {
      return { value: action(), before };
    } finally {
      this.put(before);
    }
  }

  /** Pages as they are. */
  take(pages: Uint32Array): RamState {
    const contents = new Uint8Array(pages.length * PAGE_SIZE);
    for (const [index, page] of pages.entries()) {
      contents.set(this.bytes.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), index * PAGE_SIZE);
    }
    return { size: this.size, pages, contents };
  }

  put({ pages, contents }: RamPages): void {
    for (const [index, page] of pages.entries()) {
      this.bytes.set(contents.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE), page * PAGE_SIZE);
      this.#core.ramChanged(page * PAGE_SIZE, PAGE_SIZE);
    }
  }
}
