/**
 * The physical address map of the board: that of QEMU's `virt` machine, so that guests made for it run here.
 * One table; the bus, the device tree and the loader all read it.
 */

/** What a region is for. `reserved` places are the map's own, with nothing there yet: an access is an external abort. */
export type RegionKind = 'gic' | 'uart' | 'msi' | 'pcie' | 'reserved' | 'ram';

/** A range of physical addresses. */
export interface Region {
  readonly name: string;
  readonly kind: RegionKind;
  /** First physical address. */
  readonly base: number;
  /** Length in bytes; RAM's is the machine's own. */
  readonly size: number;
  /** The SPI of the device (INTID - 32), when it has one. */
  readonly spi?: number;
}

/** Sorted by address. RAM is last and runs as far as the machine's memory does. */
export const MEMORY_MAP = [
  { name: 'gic-distributor', kind: 'gic', base: 0x0800_0000, size: 0x1_0000 },
  { name: 'gic-cpu-interface', kind: 'gic', base: 0x0801_0000, size: 0x1_0000 },
  { name: 'gic-v2m', kind: 'gic', base: 0x0802_0000, size: 0x1000 },
  { name: 'gic-its', kind: 'gic', base: 0x0808_0000, size: 0x2_0000 },
  { name: 'gic-redistributors', kind: 'gic', base: 0x080a_0000, size: 0xf6_0000 },
  { name: 'pl011', kind: 'uart', base: 0x0900_0000, size: 0x1000, spi: 1 },
  { name: 'pl031', kind: 'reserved', base: 0x0901_0000, size: 0x1000, spi: 2 },
  { name: 'fw-cfg', kind: 'reserved', base: 0x0902_0000, size: 0x18 },
  { name: 'pl061', kind: 'reserved', base: 0x0903_0000, size: 0x1000, spi: 7 },
  { name: 'virtio-mmio', kind: 'reserved', base: 0x0a00_0000, size: 0x4000, spi: 16 },
  // Not of `virt`, which has nothing between its virtio-mmio transports and its platform bus at 0x0c000000.
  { name: 'msi-test', kind: 'msi', base: 0x0b00_0000, size: 0x1000 },
  { name: 'pcie-mmio', kind: 'pcie', base: 0x1000_0000, size: 0x2eff_0000 },
  { name: 'pcie-pio', kind: 'pcie', base: 0x3eff_0000, size: 0x1_0000 },
  { name: 'pcie-ecam', kind: 'pcie', base: 0x3f00_0000, size: 0x100_0000, spi: 3 },
  { name: 'ram', kind: 'ram', base: 0x4000_0000, size: 0xc000_0000 },
] as const satisfies readonly Region[];

/** The name of a region of the map. */
export type RegionName = (typeof MEMORY_MAP)[number]['name'];

/** The region of that name. */
export function regionOf(name: RegionName): Region {
  return MEMORY_MAP.find((region) => region.name === name)!;
}

/** First physical address of RAM. */
export const RAM_BASE = regionOf('ram').base;

/** RAM comes in whole level-2 blocks of the 4 KiB granule. */
export const RAM_GRANULE = 0x20_0000;

/** The most RAM a machine can have: what a 32-bit offset into the core's memory can reach beside its own tables. */
export const RAM_MAXIMUM = 0xc000_0000;

/** The INTID of the PL011: SPI 1. */
export const UART_INTID = 32 + regionOf('pl011').spi!;

/** The INTID of the first of the PCIe host's four INTx lines: SPI 3. */
export const PCIE_INTID = 32 + regionOf('pcie-ecam').spi!;

/** The INTIDs that no device of `virt` has, of the 256 of this board's distributor: the last are those of virtio-mmio. */
export const MESSAGE_INTIDS = { first: 32 + regionOf('virtio-mmio').spi! + 32, count: 176 } as const;

/** PPIs of the generic timer as INTIDs (Arm BSA, table of PPI assignments; QEMU's `virt` uses the same). */
export const TIMER_INTID = { virtual: 27, physical: 30, secure: 29, hypervisor: 26 } as const;

/** MPIDR_EL1.Aff1:Aff0 of a vCPU: sixteen to a cluster, as KVM lays them out (a GICv3 SGI reaches sixteen by one target list). */
export function affinityOf(vcpu: number): number {
  return ((vcpu >> 4) << 8) | (vcpu & 15);
}
