import { CPU_INTERFACE_V2 } from '../frames/cpu-interface-v2.js';
import { DISTRIBUTOR_V2 } from '../frames/distributor-v2.js';
import { DISTRIBUTOR_V3 } from '../frames/distributor-v3.js';
import type { Frame } from '../frames/frame.js';
import type { Gicv3Features } from '../frames/gicv3-features.js';
import { ITS_FRAME } from '../frames/its.js';
import { REDISTRIBUTOR } from '../frames/redistributor.js';
import type { Gic } from '../gic.js';
import { NO_VCPU } from '../interrupts/interrupts.js';
import type { GicDescription } from './gic-state.js';

function featuresOf({ messageBasedSpis, extendedSpis, extendedPpis }: Gicv3Features): GicDescription['features'] {
  return { messageBasedSpis, extendedSpis, extendedPpis };
}

/** What a GIC is like, for a state to say. */
export function describe(gic: Gic): GicDescription {
  const { irqs, lpis, its, addresses } = gic;
  const { version, vcpus, count: interrupts } = irqs;
  const { features } = gic.config;
  const { priorityBits, idBits, affinity3, seis } = gic.cpuInterface(0).config;
  const placeOf = (frame: Frame, n: number) => {
    const base = addresses.baseOf(frame, n);
    return base === undefined ? null : `0x${base.toString(16)}`;
  };
  return {
    version,
    vcpus,
    interrupts,
    intidBits: lpis.intidBits,
    features: features === undefined ? null : featuresOf(features),
    cpuInterface: version === 3 ? { priorityBits, idBits, affinity3, seis } : null,
    frames: {
      distributor: placeOf(version === 3 ? (features?.distributor ?? DISTRIBUTOR_V3) : DISTRIBUTOR_V2, NO_VCPU),
      redistributors: Array.from({ length: version === 3 ? vcpus : 0 }, (_, vcpu) =>
        placeOf(features?.redistributor ?? REDISTRIBUTOR, vcpu),
      ),
      cpuInterface: version === 2 ? placeOf(CPU_INTERFACE_V2, NO_VCPU) : null,
      its: its.map((_, n) => placeOf(ITS_FRAME, n)),
    },
  };
}
