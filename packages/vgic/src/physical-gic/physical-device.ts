import { NO_DOORBELL } from '../architecture/gicv4.js';
import { Device } from '../its/device.js';

/** The target of an ITE that leads to a vLPI: above all collection IDs, the vPEID in the bits below. */
const VIRTUAL_TARGET = 0x10000;

const PAGE_SHIFT = 5;
const PAGE = 1 << PAGE_SHIFT;

/**
 * A device of the physical ITS. Its translation entries are those of the guest's ITS, with two additions: the target may be
 * a vPE, and an entry for a vLPI has a doorbell. Source: IHI 0069, 5.2.3 "Interrupt Translation tables".
 */
export class PhysicalDevice extends Device {
  readonly #doorbells: (Uint16Array | undefined)[] = [];

  /** The vPEID that a mapped event leads to, or -1: its LPI is physical, or nothing is mapped. */
  vpe(event: number): number {
    const target = this.collection(event);
    return target >= VIRTUAL_TARGET ? target - VIRTUAL_TARGET : -1;
  }

  /** LPI that rings for this event (GICv4.0), or NO_DOORBELL. */
  doorbell(event: number): number {
    const page = this.#doorbells[event >>> PAGE_SHIFT];
    return page === undefined ? NO_DOORBELL : page[event & (PAGE - 1)];
  }

  mapVirtual(event: number, virtualIntid: number, vpe: number, doorbell: number): void {
    this.map(event, virtualIntid, VIRTUAL_TARGET + vpe);
    this.setDoorbell(event, doorbell);
  }

  setVpe(event: number, vpe: number): void {
    this.setCollection(event, VIRTUAL_TARGET + vpe);
  }

  setDoorbell(event: number, doorbell: number): void {
    let page = this.#doorbells[event >>> PAGE_SHIFT];
    if (page === undefined) {
      if (doorbell === NO_DOORBELL) return;
      page = new Uint16Array(PAGE).fill(NO_DOORBELL);
      this.#doorbells[event >>> PAGE_SHIFT] = page;
    }
    page[event & (PAGE - 1)] = doorbell;
  }

  /** Visits the events that lead to a vPE, with their vINTIDs. */
  eachOfVpe(vpe: number, visit: (event: number, virtualIntid: number) => void): void {
    this.each((event, intid, target) => {
      if (target === VIRTUAL_TARGET + vpe) visit(event, intid);
      return true;
    });
  }
}
