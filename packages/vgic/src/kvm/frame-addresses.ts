import { GICD_V3_SIZE } from '../architecture/distributor-v3.js';
import { GICD_V2_SIZE, GICV_SIZE } from '../architecture/gicv2.js';
import { ERRNO } from '../errors.js';
import type { AddressMap } from '../frames/address-map.js';
import { REDISTRIBUTOR } from '../frames/redistributor.js';
import { type RedistributorRegion, RedistributorRegions } from '../frames/redistributor-regions.js';
import type { UserBuffer } from './register-access.js';
import * as uapi from './uapi.js';
import type { VirtualMachine } from './virtual-machine.js';

const { E2BIG, EEXIST, EFAULT, EINVAL, ENOENT, ENXIO } = ERRNO;

const SIZE_4K = 0x1000n;
const SIZE_64K = 0x10000n;
const WRAP = 1n << 64n;

/** KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION's value: count 63:52, base 51:16, flags 15:12, index 11:0. */
const REGION_COUNT_SHIFT = 52n;
const REGION_BASE_MASK = 0x000fffffffff0000n;
const REGION_FLAGS_MASK = 0xf000n;
/** KVM keeps the index in eight bits. */
const REGION_INDEX_MASK = 0xffn;

function overlaps(a: bigint, aSize: bigint, b: bigint, bSize: bigint): boolean {
  return a < b + bSize && b < a + aSize;
}

/** KVM_DEV_ARM_VGIC_GRP_ADDR: where the frames are, set once each, checked as KVM does. */
export class FrameAddresses {
  distributor = uapi.VGIC_ADDR_UNDEF;
  cpuInterface = uapi.VGIC_ADDR_UNDEF;
  readonly regions = new RedistributorRegions();

  constructor(
    readonly machine: VirtualMachine,
    readonly version: 2 | 3,
    readonly map: AddressMap,
  ) {}

  /** Whether this device knows that type of address. */
  hasType(attr: bigint): boolean {
    const types =
      this.version === 2
        ? [uapi.KVM_VGIC_V2_ADDR_TYPE_DIST, uapi.KVM_VGIC_V2_ADDR_TYPE_CPU]
        : [
            uapi.KVM_VGIC_V3_ADDR_TYPE_DIST,
            uapi.KVM_VGIC_V3_ADDR_TYPE_REDIST,
            uapi.KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION,
          ];
    return types.some((type) => BigInt(type) === attr);
  }

  access(attr: bigint, buffer: UserBuffer, write: boolean): number {
    const isRegion = attr === BigInt(uapi.KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION);
    if (buffer === undefined) return write || isRegion ? -EFAULT : this.hasType(attr) ? -EFAULT : -ENXIO;
    if (!this.hasType(attr)) return -ENXIO;
    switch (Number(attr)) {
      case uapi.KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION:
        return this.#accessRegion(buffer, write);
      case uapi.KVM_VGIC_V3_ADDR_TYPE_REDIST:
        if (write) return this.#addRegion(0, buffer.value, 0);
        buffer.value = this.regions.list.length > 0 ? BigInt(this.regions.list[0].base) : uapi.VGIC_ADDR_UNDEF;
        return 0;
      case uapi.KVM_VGIC_V2_ADDR_TYPE_CPU: {
        if (!write) {
          buffer.value = this.cpuInterface;
          return 0;
        }
        const result = this.#checkRange(this.cpuInterface, buffer.value, SIZE_4K, BigInt(GICV_SIZE));
        if (result === 0) this.cpuInterface = buffer.value;
        return result;
      }
      default: {
        if (!write) {
          buffer.value = this.distributor;
          return 0;
        }
        const [alignment, size] = this.version === 2 ? [SIZE_4K, GICD_V2_SIZE] : [SIZE_64K, GICD_V3_SIZE];
        const result = this.#checkRange(this.distributor, buffer.value, alignment, BigInt(size));
        if (result === 0) this.distributor = buffer.value;
        return result;
      }
    }
  }

  #checkRange(present: bigint, address: bigint, alignment: bigint, size: bigint): number {
    if (present !== uapi.VGIC_ADDR_UNDEF) return -EEXIST;
    if (address % alignment !== 0n || size % alignment !== 0n) return -EINVAL;
    if (address + size >= WRAP) return -EINVAL;
    return address + size > 1n << BigInt(this.machine.ipaBits) ? -E2BIG : 0;
  }

  /** The same checks for an ITS, whose device keeps its address itself. */
  checkItsRange(present: bigint, address: bigint, size: bigint): number {
    return this.#checkRange(present, address, SIZE_64K, size);
  }

  #accessRegion(buffer: { value: bigint }, write: boolean): number {
    const { value } = buffer;
    const index = Number(value & REGION_INDEX_MASK);
    const count = Number(value >> REGION_COUNT_SHIFT);
    if (write) {
      if (count === 0 || (value & REGION_FLAGS_MASK) !== 0n) return -EINVAL;
      return this.#addRegion(index, value & REGION_BASE_MASK, count);
    }
    const region = this.regions.list.find((other) => other.index === index);
    if (region === undefined) return -ENOENT;
    buffer.value = BigInt(index) | BigInt(region.base) | (BigInt(region.count) << REGION_COUNT_SHIFT);
    return 0;
  }

  #sizeOf(region: RedistributorRegion): bigint {
    return BigInt(RedistributorRegions.sizeOf(region, this.machine.vcpus));
  }

  #overlapsRegion(base: bigint, size: bigint): boolean {
    return this.regions.list.some((region) => overlaps(base, size, BigInt(region.base), this.#sizeOf(region)));
  }

  #addRegion(index: number, base: bigint, count: number): number {
    const list = this.regions.list;
    const last = list[list.length - 1];
    const size = BigInt(RedistributorRegions.sizeOf({ base: 0, count, index, taken: 0 }, this.machine.vcpus));
    if (base + size >= WRAP) return -EINVAL;
    if (last === undefined) {
      if (index !== 0) return -EINVAL;
    } else {
      if (count === 0) return last.count !== 0 ? -EINVAL : -EEXIST;
      if (index !== last.index + 1) return -EINVAL;
    }
    const distributorPlaced = this.distributor !== uapi.VGIC_ADDR_UNDEF;
    if (count === 0 && distributorPlaced && overlaps(base, size, this.distributor, BigInt(GICD_V3_SIZE))) {
      return -EINVAL;
    }
    if (this.#overlapsRegion(base, size)) return -EINVAL;
    const outside = this.#checkRange(uapi.VGIC_ADDR_UNDEF, base, SIZE_64K, size);
    if (outside !== 0) return outside;

    const region: RedistributorRegion = { base: Number(base), count, index, taken: 0 };
    list.push(region);
    if (this.#anyVcpuUnplaced() && !this.#isSound()) {
      list.pop();
      return -EINVAL;
    }
    for (let vcpu = 0; vcpu < this.machine.vcpus; vcpu++) {
      if (this.regions.has(vcpu)) continue;
      const address = this.regions.place(vcpu);
      if (address !== undefined) this.map.add({ base: address, frame: REDISTRIBUTOR, vcpu });
    }
    return 0;
  }

  #anyVcpuUnplaced(): boolean {
    for (let vcpu = 0; vcpu < this.machine.vcpus; vcpu++) if (!this.regions.has(vcpu)) return true;
    return false;
  }

  /** No region beyond the address space, none over the distributor. */
  #isSound(): boolean {
    const fits = this.regions.list.every(
      (region) => this.#checkRange(uapi.VGIC_ADDR_UNDEF, BigInt(region.base), SIZE_64K, this.#sizeOf(region)) === 0,
    );
    const placed = this.distributor !== uapi.VGIC_ADDR_UNDEF;
    return fits && !(placed && this.#overlapsRegion(this.distributor, BigInt(GICD_V3_SIZE)));
  }

  /** What is checked before the first vCPU runs: ENXIO where an address is missing, EINVAL for an overlap. */
  checkComplete(): number {
    const distributorMissing = this.distributor === uapi.VGIC_ADDR_UNDEF;
    if (this.version === 2) {
      if (distributorMissing || this.cpuInterface === uapi.VGIC_ADDR_UNDEF) return -ENXIO;
      const clash = overlaps(this.distributor, BigInt(GICD_V2_SIZE), this.cpuInterface, BigInt(GICV_SIZE));
      return clash ? -EINVAL : 0;
    }
    if (this.#anyVcpuUnplaced() || distributorMissing) return -ENXIO;
    return this.#isSound() ? 0 : -EINVAL;
  }
}
