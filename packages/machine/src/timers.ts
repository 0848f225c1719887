import type { Core } from './core/index.js';
import { TIMER_INTID } from './memory-map.js';

const TIMERS = ['virtual', 'physical'] as const;

/** What the generic timers are wired to. */
export interface TimersHost {
  readonly core: Core;
  readonly vcpus: number;
  /** Whether a vCPU has power: without it its timers have no output. */
  isOn(vcpu: number): boolean;
  /** A PPI's line changes. */
  setLine(intid: number, level: boolean, vcpu: number): void;
}

/** The generic timers' interrupt lines: from the core's outputs to the GIC's PPIs. */
export class GenericTimers {
  readonly #host: TimersHost;
  /** Levels as the GIC has them: a bit for each of TIMERS, for each vCPU. */
  readonly #levels: Uint8Array;

  constructor(host: TimersHost) {
    this.#host = host;
    this.#levels = new Uint8Array(host.vcpus);
  }

  /** Tells the GIC which lines of a vCPU have changed. */
  update(vcpu: number): void {
    const levels = this.#outputs(vcpu);
    const changed = levels ^ this.#levels[vcpu];
    if (changed === 0) return;
    this.#levels[vcpu] = levels;
    for (const [bit, timer] of TIMERS.entries()) {
      if (changed & (1 << bit)) this.#host.setLine(TIMER_INTID[timer], (levels & (1 << bit)) !== 0, vcpu);
    }
  }

  /** Tells the GIC which lines have changed. Returns the virtual time at which an output next rises, Infinity if none will. */
  advance(): number {
    const { core, vcpus } = this.#host;
    let next = Number.POSITIVE_INFINITY;
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      if (!this.#host.isOn(vcpu)) continue;
      this.update(vcpu);
      next = Math.min(next, core.nextTimer(vcpu));
    }
    return next;
  }

  /** After a restore: the GIC was saved with its lines. */
  restore(): void {
    for (let vcpu = 0; vcpu < this.#host.vcpus; vcpu++) this.#levels[vcpu] = this.#outputs(vcpu);
  }

  #outputs(vcpu: number): number {
    const { core } = this.#host;
    if (!this.#host.isOn(vcpu)) return 0;
    return TIMERS.reduce((levels, timer, bit) => levels | (core.timerOutput(vcpu, timer) ? 1 << bit : 0), 0);
  }
}
