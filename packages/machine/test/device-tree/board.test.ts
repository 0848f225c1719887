import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { boardDeviceTree } from '../../src/device-tree/board.js';
import { flatten } from '../../src/device-tree/flattened.js';
import { cellsOf, findNode, readTree, stringsOf } from './tree-reader.js';

const board = { vcpus: 4, memory: 128 << 20, gic: 3 } as const;

describe('the flattened device tree', () => {
  it('keeps names, properties of every kind and children', () => {
    const root = readTree(
      flatten({
        name: '',
        properties: {
          cells: [1, 0xffff_ffff],
          text: 'abc',
          list: ['a', 'bc'],
          bytes: Uint8Array.of(1, 2, 3),
          flag: true,
        },
        children: [{ name: 'one@1', properties: { text: 'x' }, children: [{ name: 'two', properties: {} }] }],
      }),
    );
    expect(cellsOf(root, 'cells')).toEqual([1, 0xffff_ffff]);
    expect(stringsOf(root, 'text')).toEqual(['abc']);
    expect(stringsOf(root, 'list')).toEqual(['a', 'bc']);
    expect([...root.properties.get('bytes')!]).toEqual([1, 2, 3]);
    expect(root.properties.get('flag')).toHaveLength(0);
    expect(findNode(root, '/one@1/two')).toBeDefined();
  });

  it('keeps a command line that is not ASCII', () => {
    const root = readTree(boardDeviceTree({ ...board, bootargs: 'name=Grüße' }));
    expect(stringsOf(findNode(root, '/chosen')!, 'bootargs')).toEqual(['name=Grüße']);
  });
});

describe("the board's device tree", () => {
  it('has every vCPU with the affinity of its MPIDR, switched on by PSCI', () => {
    for (let vcpus = 1; vcpus <= 8; vcpus++) {
      const cpus = findNode(readTree(boardDeviceTree({ ...board, vcpus })), '/cpus')!;
      expect(cpus.children.map((cpu) => cellsOf(cpu, 'reg'))).toEqual(Array.from({ length: vcpus }, (_, n) => [n]));
      for (const cpu of cpus.children) expect(stringsOf(cpu, 'enable-method')).toEqual(['psci']);
    }
  });

  it('calls PSCI by HVC', () => {
    const psci = findNode(readTree(boardDeviceTree(board)), '/psci')!;
    expect(stringsOf(psci, 'method')).toEqual(['hvc']);
    expect(stringsOf(psci, 'compatible')).toContain('arm,psci-1.0');
  });

  it('describes a GICv3 with one region of redistributors and room for its ITS', () => {
    const gic = findNode(readTree(boardDeviceTree(board)), '/intc@8000000')!;
    expect(stringsOf(gic, 'compatible')).toEqual(['arm,gic-v3']);
    expect(cellsOf(gic, 'reg')).toEqual([0, 0x0800_0000, 0, 0x1_0000, 0, 0x080a_0000, 0, 0xf6_0000]);
    expect(cellsOf(gic, '#redistributor-regions')).toEqual([1]);
    expect(cellsOf(gic, '#address-cells')).toEqual([2]);
  });

  it('tells of the SPIs that are sent by messages, if there are some', () => {
    const gicOf = (more: object) => findNode(readTree(boardDeviceTree({ ...board, ...more })), '/intc@8000000')!;
    const gic = gicOf({ messageBasedSpis: { first: 128, count: 64 } });
    expect(gic.properties.get('msi-controller')).toHaveLength(0);
    expect(cellsOf(gic, 'mbi-ranges')).toEqual([128, 64]);
    for (const more of [{}, { messageBasedSpis: null }]) {
      expect([...gicOf(more).properties.keys()]).not.toContain('msi-controller');
      expect([...gicOf(more).properties.keys()]).not.toContain('mbi-ranges');
    }
  });

  it('has the ITS in the GICv3, as the parent of the MSI device', () => {
    const root = readTree(boardDeviceTree(board));
    const its = findNode(root, '/intc@8000000/its@8080000')!;
    expect(stringsOf(its, 'compatible')).toEqual(['arm,gic-v3-its']);
    expect(its.properties.get('msi-controller')).toHaveLength(0);
    expect(cellsOf(its, '#msi-cells')).toEqual([1]);
    expect(cellsOf(its, 'reg')).toEqual([0, 0x0808_0000, 0, 0x2_0000]);
    const device = findNode(root, '/msi-test@b000000')!;
    expect(stringsOf(device, 'compatible')).toEqual(['vgic,msi-test']);
    expect(cellsOf(device, 'msi-parent')).toEqual([...cellsOf(its, 'phandle'), 0]);
    expect(findNode(readTree(boardDeviceTree({ ...board, gic: 2 })), '/msi-test@b000000')).toBeUndefined();
  });

  it('describes a GICv2, whose timer interrupts name the vCPUs they go to', () => {
    const root = readTree(boardDeviceTree({ ...board, gic: 2 }));
    const gic = findNode(root, '/intc@8000000')!;
    expect(stringsOf(gic, 'compatible')).toEqual(['arm,cortex-a15-gic']);
    expect(cellsOf(gic, 'reg').slice(4, 6)).toEqual([0, 0x0801_0000]);
    expect(cellsOf(findNode(root, '/timer')!, 'interrupts').slice(0, 3)).toEqual([1, 13, 0xf04]);
  });

  it('gives the timer its four PPIs and the UART its SPI and clock', () => {
    const root = readTree(boardDeviceTree(board));
    const timer = cellsOf(findNode(root, '/timer')!, 'interrupts');
    expect(timer).toEqual([1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4]);
    const uart = findNode(root, '/pl011@9000000')!;
    expect(cellsOf(uart, 'interrupts')).toEqual([0, 1, 4]);
    const clock = cellsOf(findNode(root, '/apb-pclk')!, 'phandle');
    expect(cellsOf(uart, 'clocks')).toEqual([...clock, ...clock]);
    expect(stringsOf(findNode(root, '/chosen')!, 'stdout-path')).toEqual(['/pl011@9000000']);
  });

  it('tells memory above 4 GiB in two cells, and where the initrd is', () => {
    const initrd = { start: 0x4800_0000, end: 0x4800_1234 };
    const root = readTree(boardDeviceTree({ ...board, memory: 0xc000_0000, initrd }));
    expect(cellsOf(findNode(root, '/memory@40000000')!, 'reg')).toEqual([0, 0x4000_0000, 0, 0xc000_0000]);
    expect(cellsOf(findNode(root, '/chosen')!, 'linux,initrd-start')).toEqual([0, initrd.start]);
    expect(cellsOf(findNode(root, '/chosen')!, 'linux,initrd-end')).toEqual([0, initrd.end]);
  });

  it('describes the PCIe host: ECAM, windows, INTx by slot and pin, and whom every RequesterID goes to', () => {
    for (const gic of [2, 3] as const) {
      const root = readTree(boardDeviceTree({ ...board, gic }));
      const host = findNode(root, '/pcie@10000000')!;
      expect(stringsOf(host, 'compatible')).toEqual(['pci-host-ecam-generic']);
      expect(cellsOf(host, 'reg')).toEqual([0, 0x3f00_0000, 0, 0x100_0000]);
      expect(cellsOf(host, 'bus-range')).toEqual([0, 15]);
      expect(cellsOf(host, 'ranges')).toEqual([
        ...[0x0100_0000, 0, 0, 0, 0x3eff_0000, 0, 0x1_0000],
        ...[0x0200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2eff_0000],
      ]);
      const map = cellsOf(host, 'interrupt-map');
      expect(map).toHaveLength(160);
      const phandle = cellsOf(findNode(root, '/intc@8000000')!, 'phandle')[0];
      // Slot 3, INTB#: 3 + 1 modulo 4.
      expect(map.slice(130, 140)).toEqual([3 << 11, 0, 0, 2, phandle, 0, 0, 0, 3, 4]);
      expect(cellsOf(host, 'interrupt-map-mask')).toEqual([0x1800, 0, 0, 7]);
      const msi = findNode(root, gic === 3 ? '/intc@8000000/its@8080000' : '/intc@8000000/v2m@8020000')!;
      expect(msi.properties.get('msi-controller')).toHaveLength(0);
      expect(cellsOf(host, 'msi-map')).toEqual([0, ...cellsOf(msi, 'phandle'), 0, 0x1_0000]);
    }
  });

  it('is the same blob every time', () => {
    expect(boardDeviceTree(board)).toEqual(boardDeviceTree(board));
  });

  const dtc = spawnSync('dtc', ['--version']).status === 0;
  it.skipIf(!dtc)('is accepted by dtc without a warning (enable with: apt-get install device-tree-compiler)', () => {
    for (const gic of [2, 3] as const) {
      const input = boardDeviceTree({ ...board, gic });
      const { status, stderr } = spawnSync('dtc', ['-I', 'dtb', '-O', 'dts'], { input });
      expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
    }
  });
});
