import { Ram } from 'vgic';
import type { Core } from './core/index.js';
import { RAM_BASE } from './memory-map.js';

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
}
