/** DeviceIDs, EventIDs, INTIDs, collections and targets: mostly from the sequence's pools, or just beside what there can be. */
import type { ItsPlan } from '../../generator/guest-tables.js';
import type { Sequence } from '../../generator/sequence.js';

export const deviceOf = (s: Sequence, its: ItsPlan): number =>
  s.random.chance(0.96)
    ? s.random.pick(its.devices).id
    : s.random.weighted([
        [1, () => s.random.below(8)],
        [1, () => s.random.pick([8191, 8192, 16384, 65535, 65536, 0xffffffff])],
        [1, () => s.random.word()],
      ])();

export const eventOf = (s: Sequence): number =>
  s.random.chance(0.94)
    ? s.random.pick(s.tables!.events)
    : s.random.weighted([
        [3, () => s.random.below(64)],
        [3, () => s.random.pick(s.tables!.lpis)],
        [1, () => s.random.pick([255, 256, 16383, 65535, 65536, 0xffffffff])],
        [1, () => s.random.word()],
      ])();

export const lpiOf = (s: Sequence): number =>
  s.random.chance(0.95)
    ? s.random.pick(s.tables!.lpis)
    : s.random.weighted([
        [1, () => s.random.below(70_000)],
        [2, () => s.random.pick([0, 31, 1023, 8191, 8192, 16383, 16384, 65535, 65536, 0xffffffff])],
        [1, () => s.random.word()],
      ])();

export const collectionOf = (s: Sequence): number =>
  s.random.chance(0.95) ? s.random.pick(s.tables!.collections) : s.random.pick([1, 7, 8191, 8192, 65535]);

export const targetOf = (s: Sequence): number =>
  s.random.chance(0.95)
    ? s.realVcpu()
    : s.random.pick([s.vcpus, 15, 16, 255, 256, 511, 512, 0xffff, 0xffffffff, s.random.word()]);

/** Where MAPD says that a device's ITT is: planned, or at a place that makes a difference. */
export function ittOf(s: Sequence, its: ItsPlan, planned: number): number {
  const { random } = s;
  if (random.chance(0.93)) return planned;
  const tables = s.tables!;
  const end = tables.ramBase + tables.ramBytes;
  return random.pick([
    its.devices[0]!.itt,
    its.collectionTable,
    its.deviceTable,
    tables.spare,
    tables.pending[0]! + 0x400,
    end - 0x100,
    end - 0x1000,
    end,
    tables.ramBase - 0x100,
    0,
    2 ** 40 + tables.ramBase,
    2 ** 52 - 0x100,
  ]);
}
