import type { Random } from '../../generator/random.js';
import type { GuestGic } from '../architecture/configuration.js';
import type { HostGic } from '../vgic.js';

/** A machine to try: the guest's GIC and its host. */
export interface Machine {
  readonly guest: GuestGic;
  readonly host: HostGic;
}

export const LIST_REGISTERS = [1, 1, 1, 2, 2, 3, 4, 4, 8, 16] as const;

export function machineOf(random: Random, kvm = 'none'): Machine {
  const version = random.chance(0.7) ? 3 : 2;
  const hostVersion = version === 3 || random.chance(0.5) ? version : 3;
  return {
    guest: {
      version,
      vcpus: random.weighted([
        [3, 1],
        [4, 2],
        [2, 3],
        [1, 4],
        [1, 8],
      ]),
      interrupts: random.chance(0.8) ? 64 : 96,
      // a GICv2's virtual interface has 5 bits (IHI 0048, 5.3.4), on a GICv3 host too
      priorityBits: version === 2 ? 5 : random.pick([5, 5, 6, 7, 8]),
      its: version === 3 && random.chance(0.5),
      extended: version === 3 && random.chance(0.3),
    },
    host: { hostVersion: version === 2 ? hostVersion : 3, listRegisters: random.pick(LIST_REGISTERS), kvm },
  };
}
