import { regionOf } from '../memory-map.js';
import { INTX_LINES, intxLine } from '../pcie/host.js';
import { cells64, type DeviceTreeNode } from './flattened.js';

/** The node of the PCIe host: binding `pci-host-ecam-generic`, addresses after the Open Firmware PCI Bus Binding (IEEE 1275). */

/** Space codes in the first cell of a PCI address. */
const SPACE = { io: 0x0100_0000, memory32: 0x0200_0000 } as const;
/** ECAM has a mebibyte for each bus. */
const BUS_SIZE = 0x10_0000;
/** Of a unit interrupt specifier: which of the four rotations of INTA# to INTD# the device has, and the pin. */
const ROTATION_MASK = [(INTX_LINES - 1) << 11, 0, 0, 7];
const SPECIFIER = { spi: 0, levelHigh: 4 } as const;

/** `gic` and `msi` are the phandles of the interrupt controller and of what takes MSIs. */
export function pcieHost(gic: number, msi: number): DeviceTreeNode {
  const ecam = regionOf('pcie-ecam');
  const memory = regionOf('pcie-mmio');
  const io = regionOf('pcie-pio');
  return {
    name: `pcie@${memory.base.toString(16)}`,
    properties: {
      compatible: 'pci-host-ecam-generic',
      device_type: 'pci',
      '#address-cells': [3],
      '#size-cells': [2],
      '#interrupt-cells': [1],
      'linux,pci-domain': [0],
      'bus-range': [0, ecam.size / BUS_SIZE - 1],
      'dma-coherent': true,
      reg: [...cells64(ecam.base), ...cells64(ecam.size)],
      ranges: [
        ...[SPACE.io, 0, 0, ...cells64(io.base), ...cells64(io.size)],
        ...[SPACE.memory32, ...cells64(memory.base), ...cells64(memory.base), ...cells64(memory.size)],
      ],
      'interrupt-map-mask': ROTATION_MASK,
      'interrupt-map': interruptMap(gic, ecam.spi!),
      // Every RequesterID is a DeviceID of its own.
      'msi-map': [0, msi, 0, 0x1_0000],
    },
  };
}

function interruptMap(gic: number, firstSpi: number): number[] {
  const cells: number[] = [];
  for (let slot = 0; slot < INTX_LINES; slot++) {
    for (let pin = 0; pin < 4; pin++) {
      const line = intxLine(slot + pin);
      cells.push(slot << 11, 0, 0, pin + 1, gic, 0, 0, SPECIFIER.spi, firstSpi + line, SPECIFIER.levelHigh);
    }
  }
  return cells;
}
