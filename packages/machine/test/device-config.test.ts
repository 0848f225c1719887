import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeDevices, type DeviceConfig } from '../src/device-config.js';

describe('the devices of a configuration', () => {
  it('get the first free slots, addresses that follow each other, and every option said', () => {
    const given: DeviceConfig[] = [
      { type: 'virtio-net-pci' },
      { type: 'virtio-net-pci', slot: 1, mac: '02:00:00:00:00:01' },
      { type: 'virtio-net-pci' },
      { type: 'virtio-blk-pci', readonly: true },
      { type: 'virtio-rng-pci', seed: 7 },
      { type: 'virtio-console-pci' },
    ];
    const complete = completeDevices(given);
    expect(complete).toEqual([
      { type: 'virtio-net-pci', slot: 2, mac: '52:54:00:12:34:56' },
      { type: 'virtio-net-pci', slot: 1, mac: '02:00:00:00:00:01' },
      { type: 'virtio-net-pci', slot: 3, mac: '52:54:00:12:34:58' },
      { type: 'virtio-blk-pci', slot: 4, readonly: true },
      { type: 'virtio-rng-pci', slot: 5, seed: 7 },
      { type: 'virtio-console-pci', slot: 6 },
    ]);
    expect(completeDevices(complete)).toEqual(complete);
  });

  it('are refused in one sentence when they cannot be', () => {
    const wrong: Record<string, unknown> = {
      'The devices of a machine are a list.': {},
      'There is no device e1000; possible are virtio-net-pci, virtio-blk-pci, virtio-console-pci, virtio-rng-pci.': [
        { type: 'e1000' },
      ],
      'A virtio-rng-pci cannot have slot 0; possible is 1 to 31.': [{ type: 'virtio-rng-pci', slot: 0 }],
      'A virtio-rng-pci cannot have slot 32; possible is 1 to 31.': [{ type: 'virtio-rng-pci', slot: 32 }],
      'A virtio-rng-pci cannot have slot x; possible is 1 to 31.': [{ type: 'virtio-rng-pci', slot: 'x' }],
      'Two devices cannot have slot 3.': [
        { type: 'virtio-rng-pci', slot: 3 },
        { type: 'virtio-net-pci', slot: 3 },
      ],
      'A virtio-net-pci cannot have mac 01:00:00:00:00:00; possible is the MAC address of one station, such as 52:54:00:12:34:56.':
        [{ type: 'virtio-net-pci', mac: '01:00:00:00:00:00' }],
      'A virtio-blk-pci cannot have readonly 1; possible is true or false.': [{ type: 'virtio-blk-pci', readonly: 1 }],
      'A virtio-rng-pci cannot have seed 4294967296; possible is a whole number below 2^32.': [
        { type: 'virtio-rng-pci', seed: 2 ** 32 },
      ],
      'A virtio-console-pci has no option colour.': [{ type: 'virtio-console-pci', colour: 1 }],
      'A machine cannot have more than 31 devices.': new Array(32).fill({ type: 'virtio-rng-pci' }),
    };
    for (const [sentence, devices] of Object.entries(wrong))
      expect(() => completeDevices(devices)).toThrow(new RangeError(sentence));
  });

  it('can be anything without harm: RangeError or a list', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        try {
          completeDevices([value]);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
