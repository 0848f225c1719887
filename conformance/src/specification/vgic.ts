import { Command, Gic, type GicConfig, itsAt, kvmNamed, Ram, restoreGic, saveGic } from 'vgic';
import { GITS_TRANSLATER } from '../generator/registers.js';
import type { GuestGic } from './architecture/configuration.js';
import { eventBits } from './architecture/its.js';
import { addressOf, encodingOf, ITS_BASE } from './places.js';
import { type Step, step } from './steps.js';
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
/** Rounds of entries after a step, each of those kicked by the one before, until we say that it does not end. */
const PATIENCE = 8;

const CWRITER = step('write', 0, 'GITS_CWRITER', 0, 0, 0, 8);

/**
 * A Gic as an embedder drives it, in accordance with the contract of docs/embedding.md and no more: after each step the vCPUs
 * in the guest that were kicked, or whose maintenance interrupt is asserted, leave it and enter again; one that waits
 * is looked at when it is kicked.
 */
export class Vgic implements Subject {
  readonly name: string;
  #gic: Gic;
  #memory: Ram | undefined;
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
    if (guest.its) this.#memory = new Ram(RAM_BASE, (ram ?? new Uint8Array(RAM_BYTES)).fill(0));
    this.#gic = this.#create(host.listRegisters);
    if (guest.its) this.#placeTables();
  }

  get gic(): Gic {
    return this.#gic;
  }

  #create(listRegisters: number): Gic {
    const { version, vcpus, interrupts, priorityBits } = this.guest;
    const memory = this.#memory;
    const kvm = kvmNamed(this.host.kvm);
    const gic = new Gic({
      ...(kvm === undefined ? {} : { kvm }),
      ...({ version, vcpus, interrupts, priorityBits, listRegisters, hostVersion: this.host.hostVersion } as GicConfig),
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
        this.#submit(vcpu, [Command.of('INV', { deviceId: step.device, eventId: at })]);
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
    this.#submit(vcpu, this.#commands(name, device, at, intid, collection, low));
  }

  #commands(name: string, deviceId: number, at: number, intid: number, collection: number, low: number): Command[] {
    const valid = low === 0 ? 0 : 1;
    switch (name) {
      case 'MAPD': {
        const ittAddress = (ITTS + deviceId * ITT_BYTES) / 256;
        return [Command.of('MAPD', { deviceId, size: eventBits(deviceId) - 1, ittAddress, valid })];
      }
      case 'MAPC':
        return [Command.of('MAPC', { collection, target: at, valid })];
      case 'MAPTI':
        return [Command.of('MAPTI', { deviceId, eventId: at, intid, collection })];
      case 'INVALL':
        return [Command.of('INVALL', { collection })];
      case 'MOVALL':
        return [
          ...bitsOf(collection).map((moved) => Command.of('MAPC', { collection: moved, target: low, valid: 1 })),
          Command.of('MOVALL', { target: at, target2: low }),
        ];
      case 'MAPI':
      case 'MOVI':
        return [Command.of(name, { deviceId, eventId: at, collection })];
      case 'DISCARD':
      case 'CLEAR':
      case 'INT':
      case 'INV':
        return [Command.of(name, { deviceId, eventId: at })];
      default:
        return [];
    }
  }

  /** Writes commands to the queue, wrapping at its end, and says so in GITS_CWRITER. */
  #submit(vcpu: number, commands: readonly Command[]): void {
    const memory = this.#memory;
    if (memory === undefined) return;
    const words = new Uint32Array(memory.bytes.buffer, memory.bytes.byteOffset + QUEUE - RAM_BASE, QUEUE_BYTES / 4);
    for (const command of commands) {
      words.set(command.words, this.#writer / 4);
      this.#writer = (this.#writer + 32) % QUEUE_BYTES;
    }
    this.#gic.write(vcpu, addressOf(3, vcpu, CWRITER.name, 0), 8, this.#writer, 0);
  }
}

const bitsOf = (word: number): number[] =>
  Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (word >>> bit) & 1);
