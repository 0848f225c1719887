import { COMMANDS, Gic, itsAt, Ram } from 'vgic';
import {
  BASER_VALID,
  COMMAND_QUEUE_PAGE,
  COMMAND_SIZE,
  GICD_CTLR_ARE_NS,
  GICD_CTLR_ENABLE_GRP1,
  GICD_V3_REGISTERS,
  GICR_CTLR_ENABLE_LPIS,
  GICR_REGISTERS,
  GITS_CTLR_ENABLED,
  GITS_REGISTERS,
  GITS_TRANSLATER_OFFSET,
  LPI_MIN,
  offsetsOf,
  PAGE_64K,
  PENDBASER_PTZ,
  SYSTEM_REGISTERS,
} from 'vgic/architecture';
import { Gicv4Driver, MOST_MSIS } from 'vgic/gicv4';

/**
 * A machine of one vCPU whose guest has mapped devices of 32 events each, an LPI for each event, as `bench` of
 * conformance/kvm/glue.c makes it.
 */

const GICD = 0x0800_0000;
const ITS = 0x0808_0000;
export const DOORBELL = ITS + GITS_TRANSLATER_OFFSET;
const GICR = 0x080a_0000;
const { GICD_CTLR } = offsetsOf(GICD_V3_REGISTERS);
const { GICR_CTLR, GICR_PROPBASER, GICR_PENDBASER } = offsetsOf(GICR_REGISTERS);
const { GITS_CTLR, GITS_CBASER, GITS_CWRITER, GITS_BASER } = offsetsOf(GITS_REGISTERS);

const RAM = 0x4000_0000;
const QUEUE_BYTES = 0x1_0000;
/** Priority 0xa0, enabled. */
const CONFIGURATION = 0xa1;
export const EVENTS_PER_DEVICE = 32;
const EVENT_BITS = 5;
export const INTID_BITS = 24;
const LIST_REGISTERS = 4;

export interface ItsMachine {
  readonly gic: Gic;
  readonly memory: Ram;
  readonly devices: number;
  readonly events: number;
  /** The vCPU's pending table: address and bytes. */
  readonly pending: number;
  readonly pendingBytes: number;
  /** The host's GICv4.1, which forwards MSI n to event n; without it everything is software. */
  readonly driver?: Gicv4Driver;
}

/** The most events that a host forwards, in whole devices. */
export const MOST_FORWARDED = MOST_MSIS & -EVENTS_PER_DEVICE;

/** The same machine, of up to {@link MOST_FORWARDED} events, each of which is a passed-through device's. */
export function forwardedMachine(events: number): ItsMachine & { readonly driver: Gicv4Driver } {
  const driver = new Gicv4Driver({ gicv4: 41, msis: events });
  const machine = itsMachine(events, driver);
  machine.gic.put(0);
  for (let n = 0; n < events; n++) {
    const result = machine.gic.setForwarding(n, DOORBELL, n & (EVENTS_PER_DEVICE - 1), n >>> EVENT_BITS);
    if (result !== 0) throw new Error(`MSI ${n} is not forwarded: ${result}`);
  }
  machine.gic.load(0);
  return { ...machine, driver };
}

/** `events` is a multiple of 32; more than 57344 need INTIDs of more than 16 bits, which are ours alone. */
export function itsMachine(events: number, gicv4Driver?: Gicv4Driver): ItsMachine {
  const devices = events / EVENTS_PER_DEVICE;
  const large = LPI_MIN + events > 0x1_0000;
  const intidBits = large ? INTID_BITS : 16;
  let free = RAM;
  const take = (bytes: number) => {
    const at = free;
    free += Math.ceil(bytes / PAGE_64K) * PAGE_64K;
    return at;
  };
  const properties = take(2 ** intidBits);
  const pendingBytes = 2 ** intidBits / 8;
  const pending = take(pendingBytes);
  const deviceTable = take(devices * 8);
  const collectionTable = take(PAGE_64K);
  const queue = take(QUEUE_BYTES);
  const itts = take(events * 8);
  const bytes = new Uint8Array(free - RAM);
  bytes.fill(CONFIGURATION, properties - RAM, properties - RAM + 2 ** intidBits);
  const memory = new Ram(RAM, bytes);
  const gic = new Gic({
    ...{ version: 3, vcpus: 1, interrupts: 992, listRegisters: LIST_REGISTERS, memory, its: [itsAt(ITS)] },
    ...(gicv4Driver === undefined ? {} : { gicv4Driver }),
    ...(large ? { intidBits, idBits: 1 } : {}),
  });
  gic.load(0);
  gic.write(0, GICD + GICD_CTLR, 4, GICD_CTLR_ARE_NS | GICD_CTLR_ENABLE_GRP1, 0);
  gic.enter(0);
  gic.writeSystemRegister(0, SYSTEM_REGISTERS.ICC_PMR_EL1, 0xf8, 0);
  gic.writeSystemRegister(0, SYSTEM_REGISTERS.ICC_IGRPEN1_EL1, 1, 0);
  gic.leave(0);
  gic.write(0, GICR + GICR_PROPBASER, 8, properties + intidBits - 1, 0);
  gic.write(0, GICR + GICR_PENDBASER, 8, pending, PENDBASER_PTZ);
  gic.write(0, GICR + GICR_CTLR, 4, GICR_CTLR_ENABLE_LPIS, 0);
  gic.write(0, ITS + GITS_BASER, 8, deviceTable + Math.ceil((devices * 8) / PAGE_64K) - 1, BASER_VALID);
  gic.write(0, ITS + GITS_BASER + 8, 8, collectionTable, BASER_VALID);
  gic.write(0, ITS + GITS_CBASER, 8, queue + QUEUE_BYTES / COMMAND_QUEUE_PAGE - 1, BASER_VALID);
  gic.write(0, ITS + GITS_CTLR, 4, GITS_CTLR_ENABLED, 0);
  let writer = 0;
  /** A command by its first six words; the other two are of MOVALL alone. */
  const issue = (...words: number[]) => {
    for (let n = 0; n < 6; n += 2) memory.store64(queue + writer + 4 * n, words[n], words[n + 1]);
    writer = (writer + COMMAND_SIZE) % QUEUE_BYTES;
    gic.write(0, ITS + GITS_CWRITER, 8, writer, 0);
  };
  issue(COMMANDS.MAPC.opcode, 0, 0, 0, 0, BASER_VALID);
  for (let device = 0; device < devices; device++) {
    issue(COMMANDS.MAPD.opcode, device, EVENT_BITS - 1, 0, itts + device * EVENTS_PER_DEVICE * 8, BASER_VALID);
    for (let event = 0; event < EVENTS_PER_DEVICE; event++) {
      issue(COMMANDS.MAPTI.opcode, device, event, LPI_MIN + device * EVENTS_PER_DEVICE + event, 0, 0);
    }
  }
  return { gic, memory, devices, events, pending, pendingBytes };
}

/** The MSI of the nth event of the machine. */
export function sendMsi(gic: Gic, n: number): number {
  return gic.signalMsi(DOORBELL, n & (EVENTS_PER_DEVICE - 1), n >>> EVENT_BITS);
}

/** LPIs off and on: nothing is pending any more, no translation is cached. */
export function dropPending(gic: Gic): void {
  gic.write(0, GICR + GICR_CTLR, 4, 0, 0);
  gic.write(0, GICR + GICR_CTLR, 4, GICR_CTLR_ENABLE_LPIS, 0);
}
