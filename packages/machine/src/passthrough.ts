import { type Gic, Ram } from 'vgic';
import { type Forwarding, Gicv4Driver, type Gicv4Version } from 'vgic/gicv4';
import { MSI_CHANNELS, MSI_VECTORS, type MsiRoute } from './msi-device.js';

const MSIS = MSI_CHANNELS * MSI_VECTORS;
/** The host's RAM for tables: 64 KiB for each CPU, each vPE and some more, of which 8 vCPUs need 27. */
const HOST_RAM_BASE = 0x1_0000_0000;
const HOST_RAM_SIZE = 4 << 20;

/** What the MSIs of the passed-through device have caused. No part of the machine's state. */
export interface MsiCounts {
  /** MSIs that the device has sent. */
  sent: number;
  /** Of these, vLPIs: the host's ITS has sent them to a vPE. All others came to the host, and through it to the guest. */
  vlpis: number;
  /** Of these, those for the vCPU in the guest: they are signalled there, and it has not left it. */
  vlpisInGuest: number;
  /** How often the vCPU in the guest had to leave it and enter again to get an MSI in its list registers. */
  exits: number;
  /** Doorbells that vLPIs have rung for a vCPU that waits. */
  doorbells: number;
}

export function noMsis(): MsiCounts {
  return { sent: 0, vlpis: 0, vlpisInGuest: 0, exits: 0, doorbells: 0 };
}

/** What of direct injection has to be as it was for a restored guest to go on bit for bit; plain JSON. */
export interface PassthroughState {
  /** The MSIs that are forwarded, in the order in which they came to be. */
  forwarded: number[];
  /** Of the vCPUs that wait, those whose doorbell has rung. */
  rung: number[];
}

/** Says what is impossible in a saved state, or undefined when it can be restored. */
export function checkPassthroughState(state: unknown, vcpus: number): string | undefined {
  if (state === null) return undefined;
  const { forwarded, rung } = (state ?? {}) as Partial<PassthroughState>;
  const possible = areDistinct(forwarded, MSIS) && areDistinct(rung, vcpus);
  return possible ? undefined : 'the MSIs that are injected directly are impossible';
}

/** Whether a value from outside is a list of different numbers below a limit. */
function areDistinct(list: unknown, limit: number): boolean {
  return (
    Array.isArray(list) &&
    list.length <= limit &&
    new Set(list).size === list.length &&
    list.every((value) => Number.isInteger(value) && value >= 0 && value < limit)
  );
}

/**
 * The host's GIC: a physical CPU for each vCPU, and an MSI for each vector of the device. Without vSGIs, since a guest sees
 * those (GICD_TYPER2.nASSGIcap) and could not go on where there are none.
 */
export function physicalGicv4(gicv4: Gicv4Version, vcpus: number): Gicv4Driver {
  const memory = new Ram(HOST_RAM_BASE, new Uint8Array(HOST_RAM_SIZE));
  return new Gicv4Driver({ gicv4, vsgis: false, cpus: vcpus, msis: MSIS, memory });
}

/** What the VMM's half of direct injection needs of the machine. */
export interface PassthroughHost {
  readonly gic: Gic;
  readonly counts: MsiCounts;
  /** Where the guest has programmed an MSI to go. */
  routeOf(msi: number): MsiRoute;
  /** Sends an MSI to the guest in software, as irqfd does. Says whether an interrupt has come of it. */
  signal(route: MsiRoute): boolean;
  /** Whether a vCPU waits for an interrupt. */
  isWaiting(vcpu: number): boolean;
}

/**
 * The VMM's half of direct injection, as VFIO and irqfd do it: the device's MSIs are MSIs of the host, forwarded to where
 * the guest has programmed them to go. While one can't be forwarded, it comes to the host and goes to the guest in software.
 *
 * KVM forwards regardless of what the guest enables later: a vLPI comes though the guest's ITS or LPIs are off. This board
 * looks after each of the guest's accesses and ends such a forwarding, so that no guest can tell whether there is one.
 */
export class Passthrough {
  readonly #driver: Gicv4Driver;
  readonly #host: PassthroughHost;
  readonly #forwarding: Forwarding;
  /** Whether the MSI that has just come to the host has led to an interrupt. */
  #delivered = false;

  /** `driver` is the GIC's. */
  constructor(driver: Gicv4Driver, host: PassthroughHost) {
    const { gic } = host;
    if (gic.forwarding === undefined) throw new Error('This GIC has no direct injection.');
    this.#driver = driver;
    this.#host = host;
    this.#forwarding = gic.forwarding;
    driver.onMsi = (msi) => {
      // what can be forwarded now needs no list register any more, this one included
      this.#forward(msi);
      this.#delivered = host.signal(host.routeOf(msi));
    };
    gic.events.on('doorbell', () => {
      host.counts.doorbells++;
    });
  }

  /** The device sends its MSI. Says whether an interrupt has come of it. */
  send(msi: number): boolean {
    const { counts } = this.#host;
    const vcpu = this.#forwarding.vcpuOf(msi);
    this.#delivered = false;
    if (this.#driver.send(msi) !== 'vlpi') return this.#delivered;
    counts.vlpis++;
    if (this.#forwarding.isResident(vcpu)) counts.vlpisInGuest++;
    return true;
  }

  #forward(msi: number): void {
    const { address, eventId, deviceId } = this.#host.routeOf(msi);
    this.#host.gic.setForwarding(msi, address, eventId, deviceId);
  }

  /** The guest has programmed a channel anew. */
  reroute(channel: number): void {
    for (let msi = channel * MSI_VECTORS; msi < (channel + 1) * MSI_VECTORS; msi++) {
      this.#host.gic.unsetForwarding(msi);
      this.#forward(msi);
    }
  }

  /** The guest has written to the GIC: what software would not deliver any more is forwarded no more. */
  review(): void {
    this.#forwarding.endUndeliverable();
  }

  /** A vCPU waits that is not loaded: its doorbell is to ring. */
  askForDoorbell(vcpu: number): void {
    const { gic } = this.#host;
    gic.load(vcpu);
    gic.wait(vcpu);
  }

  /** Before a save: what is pending can be read. The answer is for {@link start}, here or in the restored machine. */
  stop(): PassthroughState {
    const { gic, isWaiting } = this.#host;
    const forwarded = [...this.#forwarding.forwardings()];
    const vcpus = Array.from({ length: gic.irqs.vcpus }, (_, vcpu) => vcpu);
    const rung = vcpus.filter((vcpu) => isWaiting(vcpu) && this.#forwarding.hasRung(vcpu));
    // GICv4.0 gives pending state back only where a forwarding ends
    if (!this.#forwarding.readable) for (const msi of forwarded) gic.unsetForwarding(msi);
    return { forwarded, rung };
  }

  /**
   * After a save or a restore, before a vCPU runs: MSIs are forwarded, those of the state or, without one, all that can be;
   * and who waits asks for the doorbell, which a save has silenced and a restored host has not heard of.
   */
  start(state: PassthroughState | null): void {
    const { gic, isWaiting } = this.#host;
    // from here on the guest's switching its LPIs off counts
    this.review();
    for (const msi of state?.forwarded ?? Array(MSIS).keys()) this.#forward(msi);
    for (let vcpu = 0; vcpu < gic.irqs.vcpus; vcpu++) {
      if (!isWaiting(vcpu)) continue;
      this.askForDoorbell(vcpu);
      if (state?.rung.includes(vcpu)) this.#forwarding.setRung(vcpu);
    }
  }
}
