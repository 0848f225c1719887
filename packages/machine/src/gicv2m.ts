import type { BusDevice } from './bus.js';
import { regionOf } from './memory-map.js';

/**
 * A GICv2m frame: a doorbell that turns a message-signalled interrupt into an SPI. After Arm's Server Base System
 * Architecture (DEN0029), appendix "GICv2m Architecture"; base, first SPI and number of SPIs are those of QEMU's `virt`.
 */

/** INTID of the first SPI that the frame has, and how many it has. */
export const V2M_FIRST_SPI = 80;
export const V2M_SPIS = 64;

const OFFSET = { type: 0x008, set: 0x040, identification: 0xfcc } as const;
/** MSI_IIDR: a product of no registered implementer, architecture version 0. */
const IDENTIFICATION = 0;

/** The frame. It remembers nothing: an interrupt that it has sent is in the GIC. */
export class Gicv2m implements BusDevice {
  readonly high = 0;
  readonly #edge: (intid: number) => void;

  /** `edge`: an SPI is set, as by an edge. */
  constructor(edge: (intid: number) => void) {
    this.#edge = edge;
  }

  read(_vcpu: number, address: number, size: number): number {
    const offset = address - regionOf('gic-v2m').base;
    if (size < 4) return 0;
    if (offset === OFFSET.type) return (V2M_FIRST_SPI << 16) | V2M_SPIS;
    return offset === OFFSET.identification ? IDENTIFICATION : 0;
  }

  /** MSI_SETSPI_NS takes halfwords and words; the INTID is in bits 9:0. */
  write(_vcpu: number, address: number, size: number, low: number, _high: number): void {
    if (size > 1) this.signal(address, low);
  }

  /** A write from a vCPU or a device; says whether a doorbell is there. */
  signal(address: number, data: number): boolean {
    if (address !== regionOf('gic-v2m').base + OFFSET.set) return false;
    const intid = data & 0x3ff;
    if (intid >= V2M_FIRST_SPI && intid < V2M_FIRST_SPI + V2M_SPIS) this.#edge(intid);
    return true;
  }
}
