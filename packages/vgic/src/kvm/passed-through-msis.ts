import { ERRNO } from '../errors.js';
import type { Gic } from '../gic.js';
import type { Route } from './routing.js';
import type { VirtualMachine } from './virtual-machine.js';

/** Where the MSI of a passed-through device goes in the guest. */
export type MsiRoute = Route & { type: 'msi' };

/** Which way an MSI took: to a vLPI by the host's hardware, through irqfd by software, or to nobody. */
export type MsiWay = 'vlpi' | 'irqfd' | 'none';

/**
 * The interrupts of passed-through devices, as VFIO and irqfd have them: a host interrupt's MSI route in the guest, and
 * whether it is forwarded. The answers are
 * those of KVM's kvm_vgic_v4_set_forwarding and kvm_vgic_v4_unset_forwarding.
 */
export class PassedThroughMsis {
  readonly #routes = new Map<number, MsiRoute>();

  constructor(readonly machine: VirtualMachine) {}

  /** An irqfd is bound to a host interrupt: its MSI is forwarded, if that can be. See {@link Gic.setForwarding}. */
  setForwarding(irq: number, route: MsiRoute): number {
    if (irq < 0 || irq >= this.machine.host.msis) return -ERRNO.EINVAL;
    this.#routes.set(irq, route);
    const gic = this.#gic;
    return gic === undefined ? 0 : gic.setForwarding(irq, Number(route.doorbell), route.data, route.deviceId);
  }

  /**
   * It is unbound: the MSI is the host's again, whatever its event leads to by now. `route` is where it was meant to go.
   * ENOENT without one, where none was set. Where it was not forwarded, what KVM answers for that route.
   */
  unsetForwarding(irq: number, route: MsiRoute | undefined = this.#routes.get(irq)): number {
    if (route === undefined) return -ERRNO.ENOENT;
    const gic = this.#gic;
    if (gic?.forwarding === undefined) return 0;
    if (gic.forwarding.forwardingOf(irq) !== undefined) {
      gic.unsetForwarding(irq);
      return 0;
    }
    return gic.checkForwarding(Number(route.doorbell), route.data, route.deviceId);
  }

  /** The device sends its MSI, whichever machine it is forwarded to. Returns the way it took, and what irqfd answered. */
  fire(irq: number): { via: MsiWay; result: number } {
    const { gicv4Driver } = this.machine.host;
    if (gicv4Driver?.mappingOf(irq) !== undefined) {
      gicv4Driver.send(irq);
      return { via: 'vlpi', result: 0 };
    }
    const route = this.#routes.get(irq);
    if (route === undefined) return { via: 'none', result: 0 };
    return { via: 'irqfd', result: this.machine.routing.signalRoute(this.machine, route) };
  }

  get #gic(): Gic | undefined {
    return this.machine.device?.model;
  }
}
