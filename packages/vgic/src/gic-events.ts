import { eventsOf } from './events.js';
import type { Frame } from './frames/frame.js';
import type { Command } from './its/commands.js';

/** What happens in a GIC: see {@link GIC_EVENTS} for what each event and argument means. `vcpu` may be NO_VCPU, -1. */
export interface GicEventListeners {
  line(vcpu: number, intid: number, level: number): void;
  latch(vcpu: number, intid: number, set: number): void;
  queued(vcpu: number, intid: number): void;
  kick(vcpu: number): void;
  filled(vcpu: number, n: number, low: number, high: number): void;
  folded(vcpu: number, n: number, low: number, high: number): void;
  maintenance(vcpu: number, status: number): void;
  acknowledged(vcpu: number, intid: number, priority: number, group: number): void;
  priorityDropped(vcpu: number, intid: number, priority: number): void;
  deactivated(vcpu: number, intid: number): void;
  resample(intid: number): void;
  command(its: number, command: Command): void;
  registerRead(
    requester: number,
    vcpu: number,
    frame: Frame,
    offset: number,
    width: number,
    low: number,
    high: number,
  ): void;
  registerWritten(
    requester: number,
    vcpu: number,
    frame: Frame,
    offset: number,
    width: number,
    low: number,
    high: number,
  ): void;
  systemRegisterRead(requester: number, vcpu: number, encoding: number, value: number): void;
  systemRegisterWritten(requester: number, vcpu: number, encoding: number, low: number): void;
  doorbell(vcpu: number): void;
  resident(vcpu: number, resident: number): void;
  saved(): void;
  restored(): void;
}

/**
 * The events of a GIC, each for any number of listeners: `gic.events.on('kick', (vcpu) => …)`.
 *
 * `kick`, `resample` and `doorbell` are told where the GIC is whole: their listeners may call it as they like. All others are
 * told in the middle of an operation: their listeners look, and don't touch. What a listener throws does not reach the GIC or
 * whoever called it; it surfaces as an unhandled rejection.
 *
 * @example
 * const end = gic.events.on('acknowledged', (vcpu, intid) => console.log(`vCPU ${vcpu} takes ${intid}`));
 * gic.events.onAny((name, ...values) => console.log(name, ...values));
 * end();
 */
export class GicEvents extends eventsOf<GicEventListeners>({
  line: 3,
  latch: 3,
  queued: 2,
  kick: 1,
  filled: 4,
  folded: 4,
  maintenance: 2,
  acknowledged: 4,
  priorityDropped: 3,
  deactivated: 2,
  resample: 1,
  command: 2,
  registerRead: 7,
  registerWritten: 7,
  systemRegisterRead: 4,
  systemRegisterWritten: 4,
  doorbell: 1,
  resident: 2,
  saved: 0,
  restored: 0,
}) {}
