import type { IntidRange } from '../gic-features.js';
import { affinityOf, RAM_BASE, type RegionName, regionOf } from '../memory-map.js';
import { UART_CLOCK_MHZ } from '../pl011.js';
import { cells64, type DeviceTreeNode, flatten } from './flattened.js';
import { pcieHost } from './pcie.js';

/** What the tree tells of this machine and this boot. */
export interface BoardDescription {
  vcpus: number;
  /** Bytes of RAM. */
  memory: number;
  gic: 2 | 3;
  /** SPIs that GICD_SETSPI_NSR sends; none when left out. */
  messageBasedSpis?: IntidRange | null;
  /** The kernel's command line. */
  bootargs?: string;
  /** Where the initrd is: physical addresses of its first byte and of the byte after its last. */
  initrd?: { start: number; end: number };
}

const PHANDLE = { gic: 1, clock: 2, its: 3, v2m: 4 } as const;

/** Interrupt specifiers of the Arm GIC binding: type, number within the type, flags. */
const SPECIFIER = { spi: 0, ppi: 1, levelHigh: 4 } as const;

/** Timer PPIs in the order of the binding `arm,armv8-timer`: secure physical, non-secure physical, virtual, hypervisor. */
const TIMER_PPIS = [13, 14, 11, 10] as const;

/** The device tree of the board, flattened: QEMU's `virt` as far as this board has its devices. */
export function boardDeviceTree(board: BoardDescription): Uint8Array {
  return flatten({
    name: '',
    properties: {
      compatible: 'linux,dummy-virt',
      model: 'linux,dummy-virt',
      '#address-cells': [2],
      '#size-cells': [2],
      'interrupt-parent': [PHANDLE.gic],
    },
    children: [
      chosen(board),
      { name: 'aliases', properties: { serial0: uartPath() } },
      psci(),
      {
        name: `memory@${RAM_BASE.toString(16)}`,
        properties: { device_type: 'memory', reg: [...cells64(RAM_BASE), ...cells64(board.memory)] },
      },
      cpus(board.vcpus),
      timer(board),
      gic(board),
      {
        name: 'apb-pclk',
        properties: {
          compatible: 'fixed-clock',
          '#clock-cells': [0],
          'clock-frequency': [UART_CLOCK_MHZ * 1_000_000],
          'clock-output-names': 'clk24mhz',
          phandle: [PHANDLE.clock],
        },
      },
      uart(),
      ...(board.gic === 3 ? [msiDevice()] : []),
      pcieHost(PHANDLE.gic, board.gic === 3 ? PHANDLE.its : PHANDLE.v2m),
    ],
  });
}

function reg(...names: RegionName[]): number[] {
  return names.flatMap((name) => [...cells64(regionOf(name).base), ...cells64(regionOf(name).size)]);
}

function uartPath(): string {
  return `/pl011@${regionOf('pl011').base.toString(16)}`;
}

function chosen({ bootargs, initrd }: BoardDescription): DeviceTreeNode {
  return {
    name: 'chosen',
    properties: {
      'stdout-path': uartPath(),
      ...(bootargs === undefined ? {} : { bootargs }),
      ...(initrd && { 'linux,initrd-start': cells64(initrd.start), 'linux,initrd-end': cells64(initrd.end) }),
    },
  };
}

function psci(): DeviceTreeNode {
  return { name: 'psci', properties: { compatible: ['arm,psci-1.0', 'arm,psci-0.2', 'arm,psci'], method: 'hvc' } };
}

function cpus(count: number): DeviceTreeNode {
  const children = Array.from({ length: count }, (_, vcpu): DeviceTreeNode => {
    const affinity = affinityOf(vcpu);
    return {
      name: `cpu@${affinity.toString(16)}`,
      properties: { device_type: 'cpu', compatible: 'arm,armv8', reg: [affinity], 'enable-method': 'psci' },
    };
  });
  return { name: 'cpus', properties: { '#address-cells': [1], '#size-cells': [0] }, children };
}

function timer({ gic, vcpus }: BoardDescription): DeviceTreeNode {
  // A GICv2 specifier of a PPI has the mask of CPUs it goes to in bits 15:8; a GICv3's has none.
  const flags = SPECIFIER.levelHigh | (gic === 2 ? ((1 << vcpus) - 1) << 8 : 0);
  return {
    name: 'timer',
    properties: {
      compatible: ['arm,armv8-timer', 'arm,armv7-timer'],
      interrupts: TIMER_PPIS.flatMap((ppi) => [SPECIFIER.ppi, ppi, flags]),
      'always-on': true,
    },
  };
}

function gic(board: BoardDescription): DeviceTreeNode {
  const distributor = regionOf('gic-distributor').base.toString(16);
  const common = {
    'interrupt-controller': true,
    '#interrupt-cells': [3],
    '#address-cells': [2],
    '#size-cells': [2],
    ranges: true,
    phandle: [PHANDLE.gic],
  } as const;
  if (board.gic === 2) {
    return {
      name: `intc@${distributor}`,
      properties: {
        compatible: 'arm,cortex-a15-gic',
        reg: reg('gic-distributor', 'gic-cpu-interface'),
        ...common,
      },
      children: [v2m()],
    };
  }
  return {
    name: `intc@${distributor}`,
    properties: {
      compatible: 'arm,gic-v3',
      reg: reg('gic-distributor', 'gic-redistributors'),
      '#redistributor-regions': [1],
      ...messageBasedSpis(board),
      ...common,
    },
    children: [its()],
  };
}

/** Binding `arm,gic-v3`: the SPIs are INTIDs there. */
function messageBasedSpis({ messageBasedSpis: range }: BoardDescription): DeviceTreeNode['properties'] {
  return range ? { 'msi-controller': true, 'mbi-ranges': [range.first, range.count] } : {};
}

function v2m(): DeviceTreeNode {
  return {
    name: `v2m@${regionOf('gic-v2m').base.toString(16)}`,
    properties: {
      compatible: 'arm,gic-v2m-frame',
      'msi-controller': true,
      reg: reg('gic-v2m'),
      phandle: [PHANDLE.v2m],
    },
  };
}

function its(): DeviceTreeNode {
  return {
    name: `its@${regionOf('gic-its').base.toString(16)}`,
    properties: {
      compatible: 'arm,gic-v3-its',
      'msi-controller': true,
      '#msi-cells': [1],
      reg: reg('gic-its'),
      phandle: [PHANDLE.its],
    },
  };
}

/** Its channels have the DeviceIDs that the guest gives them; the tree names the first. */
function msiDevice(): DeviceTreeNode {
  return {
    name: `msi-test@${regionOf('msi-test').base.toString(16)}`,
    properties: { compatible: 'vgic,msi-test', reg: reg('msi-test'), 'msi-parent': [PHANDLE.its, 0] },
  };
}

function uart(): DeviceTreeNode {
  const region = regionOf('pl011');
  return {
    name: `pl011@${region.base.toString(16)}`,
    properties: {
      compatible: ['arm,pl011', 'arm,primecell'],
      reg: reg('pl011'),
      interrupts: [SPECIFIER.spi, region.spi!, SPECIFIER.levelHigh],
      clocks: [PHANDLE.clock, PHANDLE.clock],
      'clock-names': ['uartclk', 'apb_pclk'],
    },
  };
}
