import { GITS_TRANSLATER_OFFSET } from '../../src/architecture/its.js';
import { Gicv4Driver, type Gicv4Version } from '../../src/gicv4.js';
import { Ram } from '../../src/index.js';
import { ITS_BASE, ItsGuest, type ItsGuestConfig } from '../its-guest.js';

/** Where a device writes its MSI. */
export const DOORBELL = ITS_BASE + GITS_TRANSLATER_OFFSET;
/** The guest's name of the passed-through device. */
export const DEVICE = 7;
export const FIRST_LPI = 8192;

export interface PassedThroughConfig extends ItsGuestConfig {
  /** The host's GICv4; 3: it has none. Default 41. */
  readonly gicv4?: Gicv4Version | 3;
  readonly vsgis?: boolean;
  readonly cpus?: number;
}

const HOST_RAM_BASE = 0x1_0000_0000;
const HOST_RAM_SIZE = 2 << 20;
const GUEST_RAM_SIZE = 1 << 20;

/** A host of this kind, with RAM enough for a few vPEs. */
export function newDriver(gicv4: Gicv4Version, cpus = 2, vsgis = true): Gicv4Driver {
  const memory = new Ram(HOST_RAM_BASE, new Uint8Array(HOST_RAM_SIZE));
  return new Gicv4Driver({ gicv4, vsgis, cpus, msis: 64, memory });
}

/**
 * A guest with a passed-through device of 32 vectors: MSI n of the host is its event n. What the host's GIC does not
 * forward goes through irqfd, as VFIO has it.
 */
export class PassedThrough {
  readonly driver: Gicv4Driver | undefined;
  readonly its: ItsGuest;
  /** The physical CPU of each vCPU. */
  readonly cpuOf: number[];

  constructor(
    readonly config: PassedThroughConfig = {},
    ram?: { readonly guest: ItsGuest; readonly bytes: Uint8Array },
  ) {
    const { gicv4 = 41, vsgis = true, cpus = 2, ...rest } = config;
    const vcpus = rest.vcpus ?? 2;
    this.cpuOf = Array.from({ length: vcpus }, (_, vcpu) => vcpu % cpus);
    this.driver = gicv4 === 3 ? undefined : newDriver(gicv4, cpus, vsgis);
    const parts: ItsGuestConfig = {
      ram: GUEST_RAM_SIZE,
      vcpus,
      cpuOf: (vcpu) => this.cpuOf[vcpu],
      ...rest,
      ...(this.driver === undefined ? {} : { gicv4Driver: this.driver }),
    };
    if (ram === undefined) this.its = ItsGuest.ready(parts);
    else this.its = ItsGuest.arrived(ram.guest, ram.bytes, parts);
    if (this.driver !== undefined) this.driver.onMsi = (msi) => void this.its.msi(DEVICE, msi);
  }

  /** With the device known to the guest: events 0 to 3 are LPIs 8192 to 8195, on vCPU 0. */
  static ready(config: PassedThroughConfig = {}): PassedThrough {
    const machine = new PassedThrough(config);
    machine.its.mapDevice(DEVICE);
    for (let event = 0; event < 4; event++) machine.its.mapEvent(DEVICE, event, FIRST_LPI + event);
    return machine;
  }

  get gic() {
    return this.its.gic;
  }
  get guest() {
    return this.its.guest;
  }
  /** Direct injection, which there is. */
  get forwarding() {
    const { forwarding } = this.gic;
    if (forwarding === undefined) throw new Error('This machine has no GICv4.');
    return forwarding;
  }
  get host(): Gicv4Driver {
    if (this.driver === undefined) throw new Error('This machine has no GICv4.');
    return this.driver;
  }

  forward(event: number, msi = event): number {
    return this.gic.setForwarding(msi, DOORBELL, event, DEVICE);
  }
  unforward(msi: number): void {
    this.gic.unsetForwarding(msi);
  }
  isForwarded(event: number): boolean {
    return this.gic.forwarding?.forwardingOf(event) !== undefined;
  }

  /** The device sends the MSI of its event n. */
  msi(event: number): void {
    if (this.driver === undefined) this.its.msi(DEVICE, event);
    else this.driver.send(event);
  }

  /** What a vCPU takes until nothing is left. */
  taken(vcpu = 0): number[] {
    return this.its.taken(vcpu);
  }

  issue(...[name, fields]: Parameters<ItsGuest['issue']>): void {
    this.its.issue(name, fields);
  }
  /** A command for an event of the device. */
  event(name: Parameters<ItsGuest['issue']>[0], eventId: number, fields: Parameters<ItsGuest['issue']>[1] = {}): void {
    this.its.issue(name, { deviceId: DEVICE, eventId, ...fields });
  }

  /** Whether the latch in software has an LPI. */
  isLatched(intid: number): boolean {
    const { irqs } = this.gic;
    const i = irqs.lpiIndex(intid);
    return i >= 0 && ((irqs.latch[i >>> 5] >>> (i & 31)) & 1) !== 0;
  }
  /** Whether a vPE's pending bit of an LPI is set on the host; by a look at its tables, which changes nothing. */
  isPendingOnHost(intid: number, vcpu = 0): boolean {
    const vpe = this.host.gic.vpes.get(this.forwarding.vpes[vcpu].id);
    return vpe?.isPending(intid) ?? false;
  }
}
