/*
 * What a guest's operating system does with an ITS, as far as the examples need it: it gives the GIC tables in its RAM, maps
 * events of its devices to LPIs, and configures those.
 */
import { Command, type CommandName, type FieldName, type Gic, type Ram } from 'vgic';
import {
  GICR_CTLR_ENABLE_LPIS,
  GICR_REGISTERS,
  GITS_CTLR_ENABLED,
  GITS_REGISTERS,
  GITS_TRANSLATER_OFFSET,
  offsetsOf,
} from 'vgic/architecture';
import { redistributor } from './guest.js';

const { GICR_CTLR, GICR_PROPBASER, GICR_PENDBASER } = offsetsOf(GICR_REGISTERS);
const { GITS_CTLR, GITS_CBASER, GITS_CWRITER, GITS_BASER } = offsetsOf(GITS_REGISTERS);

/** Where QEMU's `virt` board has its ITS. */
export const ITS = 0x0808_0000;
/** GITS_TRANSLATER: what a device writes its EventID to. It lies in the second 64 KiB of the ITS. */
export const DOORBELL = ITS + GITS_TRANSLATER_OFFSET;

/** The guest's RAM, and what it keeps where in it: 64 KiB each. */
export const RAM = 0x4000_0000;
export const RAM_SIZE = 0x10_0000;
const DEVICE_TABLE = RAM;
const COLLECTION_TABLE = RAM + 0x1_0000;
const CONFIGURATION_TABLE = RAM + 0x2_0000;
const COMMAND_QUEUE = RAM + 0x3_0000;
const TRANSLATION_TABLES = RAM + 0x4_0000;
const PENDING_TABLES = RAM + 0x8_0000;
const TABLE = 0x1_0000;

/** Upper half of the registers that say where a table is. */
const VALID = 0x8000_0000;
const QUEUE_SIZE = 0x1000;
const INTID_BITS = 16;
const EVENT_BITS = 4;
const FIRST_LPI = 8192;
/** A byte of the configuration table: priority 0xa0, and bit 0 enables. */
export const ENABLED = 0xa1;
export const DISABLED = 0xa0;

/** The driver of the one ITS. */
export class ItsDriver {
  #written = 0;

  /** Tables, LPIs of each vCPU, the command queue; a collection for each vCPU, of the same number. */
  constructor(
    readonly gic: Gic,
    readonly memory: Ram,
    vcpus: number,
  ) {
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      const frame = redistributor(vcpu);
      gic.write(vcpu, frame + GICR_PROPBASER, 8, CONFIGURATION_TABLE | (INTID_BITS - 1), 0);
      gic.write(vcpu, frame + GICR_PENDBASER, 8, PENDING_TABLES + vcpu * TABLE, 0);
      gic.write(vcpu, frame + GICR_CTLR, 4, GICR_CTLR_ENABLE_LPIS, 0);
    }
    // GITS_BASER<n>.Type says what each is for: here 0 for devices, 1 for collections
    gic.write(0, ITS + GITS_BASER, 8, DEVICE_TABLE, VALID);
    gic.write(0, ITS + GITS_BASER + 8, 8, COLLECTION_TABLE, VALID);
    gic.write(0, ITS + GITS_CBASER, 8, COMMAND_QUEUE, VALID);
    gic.write(0, ITS + GITS_CTLR, 4, GITS_CTLR_ENABLED, 0);
    for (let vcpu = 0; vcpu < vcpus; vcpu++) this.issue('MAPC', { collection: vcpu, target: vcpu, valid: 1 });
  }

  /** Puts a command into the queue and tells the ITS, which carries it out at once. */
  issue(name: CommandName, fields: Partial<Record<FieldName, number>>): void {
    const { words } = Command.of(name, fields);
    for (let n = 0; n < words.length; n += 2) {
      this.memory.store64(COMMAND_QUEUE + this.#written + 4 * n, words[n], words[n + 1]);
    }
    this.#written = (this.#written + words.byteLength) % QUEUE_SIZE;
    this.gic.write(0, ITS + GITS_CWRITER, 8, this.#written, 0);
  }

  /** A device may send 16 events from now on: it gets an interrupt translation table. */
  mapDevice(deviceId: number): void {
    const ittAddress = (TRANSLATION_TABLES + deviceId * 0x1000) / 2 ** 8;
    this.issue('MAPD', { deviceId, size: EVENT_BITS - 1, ittAddress, valid: 1 });
  }

  /** An event of a device is this LPI, which goes to the vCPU, and is configured so. */
  mapEvent(deviceId: number, eventId: number, intid: number, vcpu: number, configuration = ENABLED): void {
    this.memory.store8(CONFIGURATION_TABLE + intid - FIRST_LPI, configuration);
    this.issue('MAPTI', { deviceId, eventId, intid, collection: vcpu });
    this.issue('INV', { deviceId, eventId });
    this.issue('SYNC', { target: vcpu });
  }

  /** The guest writes the LPI's byte, and has the GIC read it anew. */
  configure(deviceId: number, eventId: number, intid: number, configuration: number): void {
    this.memory.store8(CONFIGURATION_TABLE + intid - FIRST_LPI, configuration);
    this.issue('INV', { deviceId, eventId });
  }
}
