import type { Gic } from 'vgic';
import type { Core } from './core/index.js';
import type { MsiCounts } from './passthrough.js';

/** No vCPU. */
const NOBODY = -1;

/**
 * Which vCPU is in the guest, and whether its list registers still tell what the GIC knows. It stays there when a slice is
 * over for something that happens outside of it, and leaves when another one is to enter, when it waits, and between runs.
 */
export class GuestEntry {
  readonly #gic: Gic;
  readonly #core: Core;
  readonly #counts: MsiCounts;
  #vcpu = NOBODY;
  /** Something became of the GIC that the list registers do not tell yet. */
  #stale = false;
  /** An MSI is being signalled in software. */
  #msi = false;
  /** One is among what made the list registers stale. */
  #msiWaits = false;

  /** `counts`: where an MSI makes a vCPU leave the guest, that is counted. */
  constructor(gic: Gic, core: Core, counts: MsiCounts) {
    this.#gic = gic;
    this.#core = core;
    this.#counts = counts;
    gic.events.on('kick', (vcpu) => {
      if (vcpu !== this.#vcpu) return;
      this.#stale = true;
      if (this.#msi) this.#msiWaits = true;
    });
  }

  /** Whether a vCPU is in the guest. */
  get isOccupied(): boolean {
    return this.#vcpu !== NOBODY;
  }

  /** A device's line changed. That is outside the vCPU in the guest, whose list registers may tell otherwise now. */
  setLine(intid: number, level: boolean, vcpu: number): void {
    this.#gic.setLine(intid, level, vcpu);
    this.#stale = true;
  }

  /** An EventID is written to a doorbell, in software: if it is for the vCPU in the guest, that has to leave it. */
  signalMsi(address: number, eventId: number, deviceId: number): boolean {
    this.#msi = true;
    const delivered = this.#gic.signalMsi(address, eventId, deviceId) > 0;
    this.#msi = false;
    return delivered;
  }

  /** The vCPU is in the guest from here on, and its list registers and the core's lines are as the GIC is. */
  enter(vcpu: number): void {
    if (this.#vcpu !== vcpu) {
      this.leave();
      this.#vcpu = vcpu;
      this.#fresh();
      this.#gic.enter(vcpu);
    } else if (this.#stale) {
      this.#reenter();
    }
    this.#setLines();
  }

  /** After something of the vCPU in the guest that may have changed the GIC: the same, with a look at the list registers. */
  refresh(): void {
    if (this.#stale || this.#gic.maintenanceAsserted(this.#vcpu)) this.#reenter();
    this.#setLines();
  }

  /** No vCPU is in the guest. One that waits for an interrupt is to be woken by what comes, a vLPI too. */
  leave(waits = false): void {
    const vcpu = this.#vcpu;
    if (vcpu === NOBODY) return;
    if (waits) this.#gic.wait(vcpu);
    else this.#gic.exit(vcpu);
    // Outside the guest the inputs mean nothing; saved vCPUs are not to differ by when they were last looked at.
    this.#core.setInterruptLines(vcpu, false, false);
    this.#vcpu = NOBODY;
  }

  #reenter(): void {
    if (this.#msiWaits) this.#counts.exits++;
    this.#fresh();
    this.#gic.enter(this.#vcpu);
  }

  #fresh(): void {
    this.#stale = false;
    this.#msiWaits = false;
  }

  #setLines(): void {
    const vcpu = this.#vcpu;
    this.#core.setInterruptLines(vcpu, this.#gic.irqAsserted(vcpu), this.#gic.fiqAsserted(vcpu));
  }
}
