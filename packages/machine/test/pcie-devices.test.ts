import { describe, expect, it } from 'vitest';
import { type Backends, type DeviceConfig, Machine, MemoryDisk, SnapshotError } from '../src/index.js';
import { zlibCompression } from '../src/node/zlib-compression.js';
import { decodeSnapshot } from '../src/snapshot/decode.js';
import { encodeSnapshot } from '../src/snapshot/encode.js';
import { testProgram } from './programs/index.js';

const DEVICES: DeviceConfig[] = [
  { type: 'virtio-net-pci' },
  { type: 'virtio-blk-pci' },
  { type: 'virtio-console-pci' },
  { type: 'virtio-rng-pci' },
];
const disks = (): Backends => ({ disks: { 2: new MemoryDisk(new Uint8Array(4096)) } });

function boot(gic: 2 | 3 = 3) {
  const machine = new Machine({ vcpus: 1, memory: 4 << 20, gic, devices: DEVICES }, disks());
  machine.load({ kernel: testProgram('spin') });
  machine.run(1000);
  return machine;
}

describe('a machine with devices on its bus', () => {
  it('is the same after a snapshot, by way of its file', () => {
    for (const gic of [2, 3] as const) {
      const machine = boot(gic);
      machine.sendDeviceInput(3, Uint8Array.of(1, 2, 3));
      const state = machine.save();
      const file = Uint8Array.from(Buffer.concat(encodeSnapshot(state, zlibCompression)));
      const copy = Machine.restore(decodeSnapshot(file, zlibCompression), disks());
      expect(copy.save()).toEqual(state);
      expect(copy.config).toEqual(machine.config);
      expect(state.devices).toHaveLength(4);
    }
  });

  it('is not restored without what its devices need, or with another', () => {
    const state = boot().save();
    expect(() => Machine.restore(state)).toThrow(new SnapshotError('The virtio-blk-pci at slot 2 has no disk.'));
    const other = { disks: { 2: new MemoryDisk(new Uint8Array(512)) } };
    expect(() => Machine.restore(state, other)).toThrow(
      new SnapshotError(
        'The snapshot has impossible contents: virtio-blk-pci at slot 2: its disk had 4096 bytes, and the one given has 512.',
      ),
    );
  });

  it('is not restored from a state that its devices cannot have', () => {
    const good = boot().save();
    const change = (n: number, path: string, value: unknown) => {
      const state = structuredClone(good) as never as Record<string, never>;
      const names = ['devices', String(n), ...path.split('.')];
      let at = state as Record<string, unknown>;
      for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
      at[names.at(-1)!] = value;
      return state as never;
    };
    const flipped = good.devices[0].pci.config.replace(/^../, '00');
    const wrong: [string, unknown, RegExp][] = [
      ['pci', null, /its PCI function/],
      ['pci.config', 'ff', /its PCI function/],
      ['pci.config', flipped, /its PCI function/],
      ['pci.interrupt', 1, /its PCI function/],
      ['pci.msiX.table', [], /its PCI function/],
      ['pci.msiX.table.3', 2, /its PCI function/],
      ['pci.msiX.pending', [3], /its PCI function/],
      ['pci.msiX.pending', [1, 1], /its PCI function/],
      ['common', 0, /its common configuration/],
      ['common.status', 256, /its common configuration/],
      ['common.status', 16, /its common configuration/],
      ['common.driverFeatures', [1], /its common configuration/],
      ['common.status', 8, /its common configuration/],
      ['common.configVector', 9, /its common configuration/],
      ['common.queues', [], /its common configuration/],
      ['common.queues.0.size', 3, /its common configuration/],
      ['common.queues.0.size', 512, /its common configuration/],
      ['common.queues.0.vector', 77, /its common configuration/],
      ['common.queues.0.areas', [0], /its common configuration/],
      ['common.queues.0.used', 65536, /its common configuration/],
      ['isr', 1, /its interrupt status/],
      ['isr', 4, /its interrupt status/],
      ['resume', -1, /its time/],
      ['resume', 'soon', /its time/],
      ['device', {}, /frames under way/],
    ];
    for (const [path, value, sentence] of wrong)
      expect(() => Machine.restore(change(0, path, value), disks()), path).toThrow(sentence);
    expect(() => Machine.restore(change(2, 'device.input', 'x'), disks())).toThrow(/the input that waits/);
    expect(() => Machine.restore(change(3, 'device.words', [0, 0, 0, 0]), disks())).toThrow(/its generator/);
    for (const devices of [undefined, {}, [], [null, null, null, null]]) {
      const restore = () => Machine.restore({ ...good, devices: devices as never }, disks());
      expect(restore).toThrow(SnapshotError);
    }
  });
});

describe('input for a console on the bus', () => {
  it('is refused where there is none', () => {
    expect(() => boot().sendDeviceInput(1, Uint8Array.of(1))).toThrow('There is no virtio-console-pci at slot 1.');
  });
});
