import { Gic, type GicConfig, gicv3Features, itsAt, kvmNamed, Ram, restoreGic, saveGic } from 'vgic';
import { GITS_TRANSLATER } from '../generator/registers.js';
import type { GuestGic } from './architecture/configuration.js';
import { eventBits } from './architecture/its.js';
import { addressOf, encodingOf, ITS_BASE } from './places.js';
import type { Step } from './steps.js';
import { INSIDE, OUTSIDE, SIGNAL, type Subject, WAITING } from './subject.js';

/** The host that a Gic is on. */
export interface HostGic {
  readonly hostVersion: 2 | 3;
  readonly listRegisters: number;
  /** The KVM that it follows, as `kvmNamed` takes it: `none`, `6.12`, or names of deviations. */
  readonly kvm: string;
}

const RAM_BASE = 0x40000000;
const KIB_64 = 0x10000;
/** Where the guest has the tables of its ITS and LPIs, each with 64 KiB; the ITTs are last. */
const QUEUE = RAM_BASE;
const QUEUE_BYTES = 0x1000;
const DEVICES = RAM_BASE + KIB_64;
const COLLECTIONS = RAM_BASE + 2 * KIB_64;
const PROPERTIES = RAM_BASE + 3 * KIB_64;
const PENDING = RAM_BASE + 4 * KIB_64;
const ITTS = PENDING + 8 * KIB_64;
export const RAM_BYTES = 17 * KIB_64;
/** Room for 2^14 entries of 8 bytes for device 3, the last one, and less for the others. */
const ITT_BYTES = 0x1000;
const LPI_ID_BITS = 14;
const VALID = 0x80000000;
const FEATURES = gicv3Features({ messageBasedSpis: true, extendedSpis: 32, extendedPpis: 32 });
/** Rounds of entries after a step, each of those kicked by the one before, until we say that it does not end. */
const PATIENCE = 8;

/**
 * A Gic as an embedder drives it, in accordance with the contract of docs/embedding.md and no more: after each step the vCPUs
 * in the guest that were kicked, or whose maintenance interrupt is asserted, leave it and enter again; one that waits
 * is looked at when it is kicked.
 */
export class Vgic implements Subject {
  readonly name: string;
  #gic: Gic;
  readonly #memory: Ram | undefined;
  readonly #commandQueue: Uint32Array;
  readonly #where: Uint8Array;
  /** Kicks since they were last looked at, a bit for each vCPU; and of those that wait, since they began to. */
  #kicked = 0;
  #told = 0;
  #writer = 0;
  #listening: (() => void) | undefined;

  constructor(
    readonly guest: GuestGic,
    readonly host: HostGic,
    ram?: Uint8Array,
    /** List registers of the host that a `move` leads to, which asks for so many. */
    readonly movesTo = (listRegisters: number): number => listRegisters,
  ) {
    this.name = `vgic with ${host.listRegisters} list registers`;
    this.#where = new Uint8Array(guest.vcpus);
    const bytes = guest.its ? (ram ?? new Uint8Array(RAM_BYTES)).fill(0) : new Uint8Array(QUEUE_BYTES);
    this.#commandQueue = new Uint32Array(bytes.buffer, bytes.byteOffset + QUEUE - RAM_BASE, QUEUE_BYTES / 4);
    if (guest.its) this.#memory = new Ram(RAM_BASE, bytes);
    this.#gic = this.#create(host.listRegisters);
    if (guest.its) this.#placeTables();
  }

  get gic(): Gic {
    return this.#gic;
  }

  #create(listRegisters: number): Gic {
    const { version, vcpus, interrupts, priorityBits, extended } = this.guest;
    const memory = this.#memory;
    const kvm = kvmNamed(this.host.kvm);
    const gic = new Gic({
      ...(kvm === undefined ? {} : { kvm }),
      ...(extended ? { features: FEATURES } : {}),
      ...({ version, vcpus, interrupts, priorityBits, listRegisters, hostVersion: this.host.hostVersion } as GicConfig),
      seis: true,
      ...(memory === undefined ? {} : { memory, its: [itsAt(ITS_BASE)] }),
    });
    this.#listening?.();
    this.#listening = gic.events.on('kick', (vcpu) => {
      this.#kicked |= 1 << vcpu;
      this.#told |= 1 << vcpu;
    });
    return gic;
  }

  #placeTables(): void {
    this.#store(0, 'GITS_BASER', 0, DEVICES, VALID);
    this.#store(0, 'GITS_BASER', 1, COLLECTIONS, VALID);
    this.#store(0, 'GITS_CBASER', 0, QUEUE, VALID);
    for (let vcpu = 0; vcpu < this.guest.vcpus; vcpu++) {
      this.#store(vcpu, 'GICR_PROPBASER', 0, PROPERTIES + LPI_ID_BITS - 1, 0);
      this.#store(vcpu, 'GICR_PENDBASER', 0, PENDING + vcpu * KIB_64, 0);
      this.#gic.exit(vcpu);
    }
    this.#kicked = 0;
  }

  #store(vcpu: number, name: string, at: number, low: number, high: number): void {
    this.#gic.write(vcpu, addressOf(3, vcpu, name, at), 8, low, high);
  }

  perform(step: Step): number {
    const answer = this.#perform(step);
    this.#settle();
    return answer;
  }

  /**
   * The contract: before the next instruction who was kicked, or has a maintenance interrupt, leaves the guest and enters again.
   * An entry may kick others.
   */
  #settle(): void {
    const gic = this.#gic;
    for (let vcpu = 0; vcpu < this.#where.length; vcpu++) {
      if (this.#where[vcpu] === INSIDE && gic.maintenanceAsserted(vcpu)) this.#kicked |= 1 << vcpu;
    }
    for (let round = 0; this.#kicked !== 0; round++) {
      if (round === PATIENCE) throw new Error('the entries of vCPUs kick vCPUs without an end');
      const kicked = this.#kicked;
      this.#kicked = 0;
      for (let vcpu = 0; vcpu < this.#where.length; vcpu++) {
        if (((kicked >>> vcpu) & 1) !== 0 && this.#where[vcpu] === INSIDE) gic.enter(vcpu);
      }
    }
  }

  #perform(step: Step): number {
    const gic = this.#gic;
    const { vcpu, at, low } = step;
    switch (step.op) {
      case 'read':
        this.#enter(vcpu);
        return this.#read(step);
      case 'write':
        this.#enter(vcpu);
        this.#write(step);
        return 0;
      case 'line':
        gic.setLine(at, low !== 0, vcpu);
        return 0;
      case 'msi':
        gic.signalMsi(ITS_BASE + GITS_TRANSLATER, at, low);
        return 0;
      case 'command':
        this.#enter(vcpu);
        this.#command(step);
        return 0;
      case 'configure':
        this.#enter(vcpu);
        this.#memory?.bytes.fill(
          low,
          PROPERTIES - RAM_BASE + step.intid - 8192,
          PROPERTIES - RAM_BASE + step.intid - 8191,
        );
        this.#queue(OPCODES.INV, step.device, at, 0, 0);
        this.#announce(vcpu);
        return 0;
      case 'enter':
        this.#enter(vcpu);
        return 0;
      case 'exit':
        gic.exit(vcpu);
        this.#where[vcpu] = OUTSIDE;
        return 0;
      case 'wait':
        gic.wait(vcpu);
        this.#where[vcpu] = WAITING;
        this.#told &= ~(1 << vcpu);
        // looked at once when it begins
        if (gic.hasPending(vcpu)) this.#told |= 1 << vcpu;
        return 0;
      case 'move':
        this.#move(at);
        return 0;
    }
  }

  #enter(vcpu: number): void {
    if (this.#where[vcpu] === INSIDE) return;
    this.#gic.enter(vcpu);
    this.#where[vcpu] = INSIDE;
  }

  /** All vCPUs stop; a fresh GIC elsewhere, whose host may have another number of list registers, goes on. */
  #move(listRegisters: number): void {
    for (let vcpu = 0; vcpu < this.#where.length; vcpu++) this.#gic.exit(vcpu);
    const saved = saveGic(this.#gic);
    this.#gic = this.#create(this.movesTo(listRegisters));
    restoreGic(this.#gic, saved);
    this.#kicked = 0;
    for (let vcpu = 0; vcpu < this.#where.length; vcpu++) {
      if (this.#where[vcpu] === INSIDE) this.#gic.enter(vcpu);
      if (this.#where[vcpu] !== WAITING) continue;
      this.#gic.wait(vcpu);
      if (this.#gic.hasPending(vcpu)) this.#told |= 1 << vcpu;
    }
  }

  signals(vcpu: number): number {
    const gic = this.#gic;
    switch (this.#where[vcpu]) {
      case INSIDE:
        return (gic.irqAsserted(vcpu) ? SIGNAL.IRQ : 0) | (gic.fiqAsserted(vcpu) ? SIGNAL.FIQ : 0);
      case WAITING:
        if (!gic.hasPending(vcpu)) {
          // whoever was told has looked, and sleeps again
          this.#told &= ~(1 << vcpu);
          return 0;
        }
        return ((this.#told >>> vcpu) & 1) === 0 ? SIGNAL.WAKE | SIGNAL.NOT_TOLD : SIGNAL.WAKE;
      default:
        return 0;
    }
  }

  #read({ vcpu, of, name, at, size }: Step): number {
    const encoding = encodingOf(name);
    if (encoding !== undefined) return this.#gic.readSystemRegister(vcpu, encoding);
    const low = this.#gic.read(vcpu, addressOf(this.guest.version, of, name, at), size);
    return size === 8 ? low + this.#gic.high * 2 ** 32 : low;
  }

  #write({ vcpu, of, name, at, size, low, high }: Step): void {
    const encoding = encodingOf(name);
    if (encoding !== undefined) this.#gic.writeSystemRegister(vcpu, encoding, low, high);
    else this.#gic.write(vcpu, addressOf(this.guest.version, of, name, at), size, low, high);
  }

  #command({ vcpu, name, device, at, intid, collection, low }: Step): void {
    if (name === 'MOVALL') {
      for (let moved = 0; moved < 32; moved++) {
        if ((collection >>> moved) & 1) this.#queue(0x09, 0, 0, 0, (low << 16) | moved, VALID);
      }
      this.#queue(0x0e, 0, 0, 0, at << 16, 0, low << 16);
    } else if (name === 'MAPC') this.#queue(0x09, 0, 0, 0, (at << 16) | collection, low === 0 ? 0 : VALID);
    else if (name === 'MAPD') {
      this.#queue(0x08, device, eventBits(device) - 1, 0, ITTS + device * ITT_BYTES, low === 0 ? 0 : VALID);
    } else this.#queue(OPCODES[name] ?? 0, device, at, intid, collection);
    this.#announce(vcpu);
  }

  /**
   * A command to the queue, by its words of 32 bits (IHI 0069, 5.3): opcode, DeviceID, EventID or Size, INTID, ICID or the low half
   * of an address, V, and MOVALL's second redistributor.
   */
  #queue(
    opcode: number,
    device: number,
    event: number,
    intid: number,
    collection: number,
    valid = 0,
    second = 0,
  ): void {
    const at = this.#writer / 4;
    const words = this.#commandQueue;
    words[at] = opcode;
    words[at + 1] = device;
    words[at + 2] = event;
    words[at + 3] = intid;
    words[at + 4] = collection;
    words[at + 5] = valid;
    words[at + 6] = second;
    words[at + 7] = 0;
    this.#writer = (this.#writer + 32) % QUEUE_BYTES;
  }

  /** Says in GITS_CWRITER what is in the queue. */
  #announce(vcpu: number): void {
    this.#gic.write(vcpu, addressOf(3, vcpu, 'GITS_CWRITER', 0), 8, this.#writer, 0);
  }
}

/** Commands that have the fields that a step has. */
const OPCODES: Readonly<Record<string, number>> = {
  MOVI: 0x01,
  INT: 0x03,
  CLEAR: 0x04,
  MAPTI: 0x0a,
  MAPI: 0x0b,
  INV: 0x0c,
  INVALL: 0x0d,
  DISCARD: 0x0f,
};
