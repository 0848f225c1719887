import { PRIVATE_COUNT } from '../architecture/intid.js';
import { ERRNO } from '../errors.js';
import { KVM_IRQCHIP_NUM_PINS } from './uapi.js';
import type { VirtualMachine } from './virtual-machine.js';

/** What a GSI is routed to: a pin of the GIC (an SPI), or an MSI. */
export type Route =
  | { readonly gsi: number; readonly type: 'irqchip'; readonly pin: number }
  | {
      readonly gsi: number;
      readonly type: 'msi';
      readonly doorbell: bigint;
      readonly deviceId: number;
      readonly data: number;
    };

/** KVM_SET_GSI_ROUTING. Source: Linux, Documentation/virt/kvm/api.rst, 4.52. */
export class InterruptRouting {
  #routes = new Map<number, Route>();

  /** The routing of a new device: GSI n to pin n, for all its SPIs. */
  setDefault(spis: number): void {
    this.#routes = new Map();
    for (let pin = 0; pin < spis; pin++) this.#routes.set(pin, { gsi: pin, type: 'irqchip', pin });
  }

  /** Replaces all routes. EINVAL, and nothing changes, if one of them is none. */
  set(routes: Iterable<Route>): number {
    const table = new Map<number, Route>();
    for (const route of routes) {
      if (route.type === 'irqchip' && !(route.pin >= 0 && route.pin < KVM_IRQCHIP_NUM_PINS)) return -ERRNO.EINVAL;
      if (!table.has(route.gsi)) table.set(route.gsi, route);
    }
    this.#routes = table;
    return 0;
  }

  /** The GSIs that are routed to a pin: what an end of that SPI is reported to. */
  *gsisOf(pin: number): Generator<number> {
    for (const route of this.#routes.values()) if (route.type === 'irqchip' && route.pin === pin) yield route.gsi;
  }

  signal(machine: VirtualMachine, gsi: number, level: boolean): number {
    const route = this.#routes.get(gsi);
    if (route === undefined) return -ERRNO.ENOENT;
    if (route.type === 'msi') {
      if (!machine.device?.its.length || machine.device.version !== 3) return -ERRNO.ENODEV;
      return level ? this.signalRoute(machine, route) : -ERRNO.EPERM;
    }
    const spis = machine.device?.spis ?? 0;
    return route.pin < spis ? machine.spiLine(route.pin + PRIVATE_COUNT, level) : -ERRNO.EINVAL;
  }

  /** irqfd's fast path, a cached translation, answers 0; the slow path what KVM_SIGNAL_MSI does. */
  signalRoute(machine: VirtualMachine, route: Route & { type: 'msi' }): number {
    const address = Number(route.doorbell);
    if (machine.device?.model.injectCachedMsi(address, route.data, route.deviceId)) return 0;
    return machine.signalMsi(address, route.data, route.deviceId);
  }
}
