import { GICR_SIZE } from '../architecture/redistributor.js';

/** A row of redistributors at consecutive addresses. */
export interface RedistributorRegion {
  readonly base: number;
  /** Redistributors it has room for; 0 for the one region of the old interface, which fits all vCPUs. */
  readonly count: number;
  readonly index: number;
  /** How many vCPUs have their place in it. */
  taken: number;
}

/** Which vCPU's redistributor lies where. Source: KVM, arm-vgic-v3.rst, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION. */
export class RedistributorRegions {
  readonly list: RedistributorRegion[] = [];
  readonly #places = new Map<number, { region: RedistributorRegion; place: number }>();

  static readonly sizeOf = (region: RedistributorRegion, vcpus: number): number =>
    (region.count === 0 ? vcpus : region.count) * GICR_SIZE;

  has(vcpu: number): boolean {
    return this.#places.has(vcpu);
  }

  /** Gives a vCPU the next place, in the first region that has one. Returns its address, or undefined if all are full. */
  place(vcpu: number): number | undefined {
    const region = this.list.find(({ count, taken }) => count === 0 || taken < count);
    if (region === undefined) return undefined;
    const place = region.taken++;
    this.#places.set(vcpu, { region, place });
    return region.base + place * GICR_SIZE;
  }

  /** GICR_TYPER.Last: the last place taken, unless another region goes on right behind. */
  isLast(vcpu: number): boolean {
    const found = this.#places.get(vcpu);
    if (found === undefined) return false;
    const { region, place } = found;
    if (place < region.taken - 1) return false;
    if (region.count === 0 || place !== region.count - 1) return true;
    const end = region.base + region.count * GICR_SIZE;
    return !this.list.some((other) => other.base === end && other.taken > 0);
  }
}
