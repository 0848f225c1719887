import type { Random } from '../generator/random.js';
import type { GuestGic } from './architecture/configuration.js';
import { command, ofAnother, type Step, step } from './steps.js';
import { SIGNAL } from './subject.js';
import type { HostGic } from './vgic.js';

/** A machine to try: the guest's GIC and its host. */
export interface Machine {
  readonly guest: GuestGic;
  readonly host: HostGic;
}

type Weights<T> = readonly (readonly [weight: number, entry: T])[];
type Steps = Weights<() => Step>;

/** As `Random.weighted`, of entries that stay: their weights are added up once. */
export class Choice<T> {
  readonly #upTo: Float64Array;
  readonly #entries: readonly T[];

  constructor(weights: Weights<T>) {
    let total = 0;
    this.#upTo = Float64Array.from(weights, ([weight]) => {
      total += weight;
      return total;
    });
    this.#entries = weights.map(([, entry]) => entry);
  }

  pick(random: Random): T {
    const upTo = this.#upTo;
    const at = (random.word() / 0x1_0000_0000) * upTo[upTo.length - 1];
    let entry = 0;
    while (upTo[entry] <= at) entry++;
    return this.#entries[entry];
  }
}

const LIST_REGISTERS = [1, 1, 1, 2, 2, 3, 4, 4, 8, 16] as const;

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
        [1, 8],
      ]),
      interrupts: random.chance(0.8) ? 64 : 96,
      // a GICv2's virtual interface has 5 bits (IHI 0048, 5.3.4)
      priorityBits: version === 2 ? 5 : random.pick([5, 5, 6, 7, 8]),
      its: version === 3 && random.chance(0.5),
    },
    host: { hostVersion: version === 2 ? hostVersion : 3, listRegisters: random.pick(LIST_REGISTERS), kvm },
  };
}

/** What a vCPU's software remembers: what it has acknowledged, and ended without a deactivation. */
interface Handled {
  /** What was read, and by which of the two registers. */
  readonly acknowledged: { by: number; value: number }[];
  readonly dropped: number[];
  split: boolean;
}

/** The registers that acknowledge and end, of group 1 first; GICv2's alias is for group 1 alone. */
const ACKNOWLEDGES = { 2: ['GICC_IAR', 'GICC_AIAR'], 3: ['ICC_IAR1_EL1', 'ICC_IAR0_EL1'] } as const;
const ENDS = { 2: ['GICC_EOIR', 'GICC_AEOIR'], 3: ['ICC_EOIR1_EL1', 'ICC_EOIR0_EL1'] } as const;
const LPIS_USED = 12;
const DEVICES = 4;
const EVENTS = 6;
const MOST_REMEMBERED = 40;
const isSpecial = (intid: number): boolean => intid >= 1020 && intid <= 1023;

/**
 * Random steps of guests and devices, most of them sensible and some hostile. It knows what guests are told, and nothing of
 * the GIC's state. The INTIDs, priorities and events are few, so that they meet.
 */
export class Traffic {
  readonly #handled: readonly Handled[];
  readonly #collections: Uint8Array;
  readonly #version: 2 | 3;
  readonly #acknowledges: readonly string[];
  readonly #ends: readonly string[];
  /** What each vCPU was last signalled; for who runs the steps to fill in. */
  readonly signals: Uint8Array;
  readonly #kinds: Choice<() => Step>;
  readonly #registers: Choice<() => Step>;
  readonly #interface: Choice<() => Step>;
  readonly #commands: Choice<() => Step>;

  constructor(
    readonly random: Random,
    readonly machine: Machine,
    /** In how many of a thousand steps the machine moves to another host. */
    moves = 0.5,
  ) {
    const { version, vcpus, its } = machine.guest;
    this.#version = version;
    this.#acknowledges = ACKNOWLEDGES[version];
    this.#ends = ENDS[version];
    this.signals = new Uint8Array(vcpus);
    this.#handled = Array.from({ length: vcpus }, () => ({ acknowledged: [], dropped: [], split: false }));
    this.#collections = new Uint8Array(4);
    this.#kinds = new Choice([
      [110, () => this.#line()],
      [60, () => this.#sendSgi()],
      [150, () => this.#acknowledge()],
      [160, () => this.#end()],
      [50, () => this.#deactivate()],
      [120, () => this.#registers.pick(random)()],
      [version === 3 ? 25 : 0, () => this.#reach()],
      [60, () => this.#interface.pick(random)()],
      [45, () => this.#mend()],
      [60, () => step('enter', this.#vcpu())],
      [25, () => step('exit', this.#vcpu())],
      [25, () => step('wait', this.#vcpu())],
      [moves, () => step('move', 0, '', this.random.pick(LIST_REGISTERS))],
      [its ? 70 : 0, () => this.#msi()],
      [its ? 50 : 0, () => this.#commands.pick(random)()],
    ]);
    this.#registers = new Choice(this.#registerSteps());
    this.#interface = new Choice(version === 3 ? this.#systemRegisterSteps() : this.#interfaceSteps());
    this.#commands = new Choice(this.#commandSteps());
  }

  /** What a guest does first, so that something is delivered; some of it is left out. */
  start(): Step[] {
    const { guest } = this.machine;
    const steps: Step[] = [];
    const split = this.random.chance(0.4);
    for (let vcpu = 0; vcpu < guest.vcpus; vcpu++) {
      if (guest.version === 3) {
        steps.push(step('write', vcpu, 'ICC_PMR_EL1', 0, 0xff), step('write', vcpu, 'ICC_IGRPEN1_EL1', 0, 1));
        steps.push(step('write', vcpu, 'ICC_IGRPEN0_EL1', 0, 1), step('write', vcpu, 'ICC_CTLR_EL1', 0, split ? 2 : 0));
        if (guest.its) steps.push(step('write', vcpu, 'GICR_CTLR', 0, 1));
      } else {
        const ackCtl = this.random.chance(0.6) ? 4 : 0;
        steps.push(step('write', vcpu, 'GICC_PMR', 0, 0xff));
        steps.push(
          step('write', vcpu, 'GICC_CTLR', 0, (split ? 0x203 : 3) | ackCtl | (this.random.chance(0.3) ? 8 : 0)),
        );
      }
      steps.push(step('write', vcpu, 'ISENABLER', 0, 0xffffffff));
      for (let at = 0; at < 32; at += 4) steps.push(step('write', vcpu, 'IPRIORITYR', at, this.#priorities()));
    }
    steps.push(step('write', 0, 'GICD_CTLR', 0, 3));
    for (let n = 1; n < guest.interrupts / 32; n++) {
      steps.push(step('write', 0, 'ISENABLER', n, 0xffffffff));
      if (this.random.chance(0.7)) steps.push(step('write', 0, 'ICFGR', 2 * n, this.random.word()));
    }
    for (let at = 32; at < 48; at += 4) {
      steps.push(step('write', 0, 'IPRIORITYR', at, this.#priorities()));
      if (guest.version === 2) steps.push(step('write', 0, 'ITARGETSR', at, this.random.word() | 0x01010101));
    }
    if (guest.its) this.#startIts(steps);
    return steps.filter(() => !this.random.chance(0.02));
  }

  #startIts(steps: Step[]): void {
    steps.push({ ...step('write', 0, 'GITS_CTLR', 0, 1) });
    for (let collection = 0; collection < this.#collections.length; collection++) {
      steps.push(this.#mapCollection(collection, 1));
    }
    for (let device = 0; device < DEVICES; device++) steps.push({ ...command(0, 'MAPD', device), low: 1 });
    for (let n = 0; n < LPIS_USED; n++) {
      const device = n % DEVICES;
      const event = Math.floor(n / DEVICES);
      steps.push({ ...step('configure', 0, '', event, this.#lpiConfiguration()), device, intid: 8192 + n });
      steps.push(command(0, 'MAPTI', device, event, 8192 + n, this.#collection()));
    }
  }

  next(): Step {
    return this.#kinds.pick(this.random)();
  }

  /** What a guest learns by the answer to a step; whether an interrupt was acknowledged by it. */
  learn({ op, vcpu, name, low }: Step, answer: number): boolean {
    const handled = this.#handled[vcpu];
    const by = op === 'read' ? this.#acknowledges.indexOf(name) : -1;
    if (by >= 0 && !isSpecial(answer)) {
      handled.acknowledged.push({ by, value: answer });
      if (handled.acknowledged.length > MOST_REMEMBERED) handled.acknowledged.shift();
      return true;
    }
    if (op === 'write' && name === 'ICC_CTLR_EL1') handled.split = (low & 2) !== 0;
    if (op === 'write' && name === 'GICC_CTLR') handled.split = (low & 0x200) !== 0;
    return false;
  }

  // ---- values

  #vcpu(): number {
    return this.random.below(this.machine.guest.vcpus);
  }

  /** Most of the time one of a few. */
  #intid(): number {
    const { random, machine } = this;
    const kind = random.below(8);
    if (kind < 4) return 32 + random.below(8);
    if (kind < 5) return 32 + random.below(machine.guest.interrupts - 32);
    return kind < 7 ? 16 + random.below(16) : random.below(16);
  }

  #anyIntid(): number {
    const { random } = this;
    if (random.chance(0.6)) return this.#intid();
    return random.pick([
      1019,
      1020,
      1021,
      1022,
      1023,
      1024,
      8191,
      8192 + random.below(LPIS_USED),
      random.below(0x10000),
    ]);
  }

  #priority(): number {
    return this.random.chance(0.9)
      ? this.random.pick([0x00, 0x20, 0x40, 0x80, 0xa0, 0xa8, 0xc0, 0xf0])
      : this.random.below(256);
  }
  #priorities(): number {
    return (this.#priority() | (this.#priority() << 8) | (this.#priority() << 16) | (this.#priority() << 24)) >>> 0;
  }

  #bits(): number {
    const { random } = this;
    const kind = random.below(24);
    if (kind < 12) return 1 << random.below(8);
    if (kind < 18) return 1 << random.below(32);
    if (kind < 22) return random.word() & random.word();
    return kind < 23 ? random.word() : 0xffffffff;
  }

  #lpiConfiguration(): number {
    return this.#priority() | (this.random.chance(0.85) ? 1 : 0);
  }

  #collection(): number {
    return this.random.below(this.#collections.length);
  }

  // ---- steps

  #line(): Step {
    const { random } = this;
    return step('line', this.#vcpu(), '', Math.max(16, this.#intid()), random.chance(0.6) ? 1 : 0);
  }

  #sendSgi(): Step {
    const { random } = this;
    const vcpu = this.#vcpu();
    const sgi = random.below(4);
    if (this.#version === 2) {
      return step('write', vcpu, 'GICD_SGIR', 0, (random.below(4) << 24) | (random.word() & 0xff0000) | sgi);
    }
    const name = random.chance(0.75) ? 'ICC_SGI1R_EL1' : random.chance(0.5) ? 'ICC_SGI0R_EL1' : 'ICC_ASGI1R_EL1';
    const everybody = random.chance(0.2) ? 0x100 : 0;
    const elsewhere = random.chance(0.05) ? 1 << (16 + random.below(8)) : 0;
    return step('write', vcpu, name, 0, (sgi << 24) | (random.word() & 0xff) | elsewhere, everybody);
  }

  /** Most of the time by a vCPU that is signalled an interrupt, and by the register for it, as an exception handler does. */
  #acknowledge(): Step {
    const { random } = this;
    const vcpu = random.chance(0.8) ? this.#first((n) => this.signals[n] !== 0) : this.#vcpu();
    const signals = this.signals[vcpu];
    const other = random.chance(0.1);
    if (this.#version === 3) return step('read', vcpu, this.#acknowledges[Number((signals === SIGNAL.FIQ) !== other)]);
    return step('read', vcpu, this.#acknowledges[Number(random.chance(0.2))]);
  }

  /** A vCPU of which something is true, or any. */
  #first(holds: (vcpu: number) => boolean): number {
    const first = this.#vcpu();
    const { vcpus } = this.machine.guest;
    for (let n = 0; n < vcpus; n++) if (holds((first + n) % vcpus)) return (first + n) % vcpus;
    return first;
  }

  /** An end, most of the time of what was acknowledged last and by the register for it. */
  #end(): Step {
    const { random } = this;
    const vcpu = this.#first((n) => this.#handled[n].acknowledged.length > 0);
    const { acknowledged, dropped, split } = this.#handled[vcpu];
    if (acknowledged.length === 0 && random.chance(0.9)) return this.#acknowledge();
    if (acknowledged.length === 0 || random.chance(0.02)) {
      return step('write', vcpu, this.#ends[random.below(2)], 0, this.#anyIntid());
    }
    const at = random.chance(0.85) ? acknowledged.length - 1 : random.below(acknowledged.length);
    const [{ by, value }] = acknowledged.splice(at, 1);
    if (split) dropped.push(value);
    if (dropped.length > MOST_REMEMBERED) dropped.shift();
    return step('write', vcpu, this.#ends[random.chance(0.95) ? by : 1 - by], 0, value);
  }

  /** Opens again what other steps have closed, so that interrupts go on. */
  #mend(): Step {
    const { random } = this;
    const vcpu = this.#vcpu();
    const word = random.below(this.machine.guest.interrupts / 32);
    const steps = [
      () => step('write', vcpu, 'GICD_CTLR', 0, 3),
      () => step('write', vcpu, 'ISENABLER', word, 0xffffffff),
      () => step('write', vcpu, 'ICACTIVER', word, 0xffffffff),
      () => step('write', vcpu, this.#ends[random.below(2)], 0, this.#intid()),
      ...(this.#version === 3
        ? [
            () => step('write', vcpu, 'ICC_PMR_EL1', 0, 0xff),
            () => step('write', vcpu, 'ICC_IGRPEN1_EL1', 0, 1),
            () => step('write', vcpu, 'ICC_IGRPEN0_EL1', 0, 1),
          ]
        : [
            () => step('write', vcpu, 'GICC_PMR', 0, 0xff),
            () => step('write', vcpu, 'GICC_CTLR', 0, this.#handled[vcpu].split ? 0x207 : 7),
          ]),
    ];
    return random.pick(steps)();
  }

  #deactivate(): Step {
    const { random } = this;
    const name = this.#version === 3 ? 'ICC_DIR_EL1' : 'GICC_DIR';
    const vcpu = this.#vcpu();
    const of = random.chance(0.8) ? vcpu : this.#vcpu();
    const { dropped } = this.#handled[of];
    if (dropped.length === 0 && random.chance(0.8)) return this.#acknowledge();
    if (dropped.length === 0 || random.chance(0.05)) return step('write', vcpu, name, 0, this.#anyIntid());
    const [intid] = dropped.splice(random.below(dropped.length), 1);
    return step('write', vcpu, name, 0, intid);
  }

  #registerSteps(): Steps {
    const { random, machine } = this;
    const words = machine.guest.interrupts / 32;
    /** Of SGIs and PPIs, or of SPIs, of which the first are in use. */
    const word = () => (random.chance(0.35) ? 0 : random.chance(0.85) ? 1 : random.below(words));
    const bits = (name: string) => () => step('write', this.#vcpu(), name, word(), this.#bits());
    const reads = ['ISPENDR', 'ISACTIVER', 'ISENABLER', 'ICPENDR', 'ICACTIVER', 'ICENABLER', 'IGROUPR', 'ICFGR'];
    const one = machine.guest.version === 2;
    return [
      [8, bits('ISENABLER')],
      [3, bits('ICENABLER')],
      [8, bits('ISPENDR')],
      [6, bits('ICPENDR')],
      [3, bits('ISACTIVER')],
      [6, bits('ICACTIVER')],
      [3, bits('IGROUPR')],
      [4, () => step('write', this.#vcpu(), 'ICFGR', 2 * word() + random.below(2), random.word())],
      [5, () => step('write', this.#vcpu(), 'IPRIORITYR', this.#intid(), this.#priority(), 0, 1)],
      [2, () => step('write', this.#vcpu(), 'IPRIORITYR', this.#intid() & ~3, this.#priorities())],
      [2, () => step('read', this.#vcpu(), 'IPRIORITYR', this.#intid() & ~3)],
      [20, () => step('read', this.#vcpu(), random.pick(reads), word())],
      [4, () => step('write', this.#vcpu(), 'GICD_CTLR', 0, random.pick([0, 1, 2, 3, 3, 3, 3, 3, random.word()]))],
      [2, () => step('read', this.#vcpu(), random.pick(['GICD_CTLR', 'GICD_TYPER']))],
      [one ? 0 : 0.5, () => step('read', this.#vcpu(), 'IGRPMODR', word())],
      [one ? 0 : 8, () => this.#route()],
      [one ? 0 : 2, () => step('read', this.#vcpu(), 'IROUTER', 32 + random.below(8), 0, 0, 8)],
      [one ? 0 : 1, () => step('write', this.#vcpu(), 'GICR_WAKER', 0, random.below(8))],
      [one ? 0 : 1, () => step('read', this.#vcpu(), 'GICR_WAKER')],
      [one ? 6 : 0, () => step('write', this.#vcpu(), 'ITARGETSR', 32 + random.below(8), random.below(256), 0, 1)],
      [one ? 1 : 0, () => step('write', this.#vcpu(), 'ITARGETSR', 32 + 4 * random.below(4), random.word())],
      [one ? 2 : 0, () => step('read', this.#vcpu(), 'ITARGETSR', 4 * random.below(16))],
      [one ? 3 : 0, () => step('write', this.#vcpu(), 'SPENDSGIR', random.below(4), random.below(256), 0, 1)],
      [one ? 3 : 0, () => step('write', this.#vcpu(), 'CPENDSGIR', random.below(4), random.below(256), 0, 1)],
      [one ? 2 : 0, () => step('read', this.#vcpu(), random.pick(['SPENDSGIR', 'CPENDSGIR']), 4 * random.below(4))],
      [machine.guest.its ? 3 : 0, () => step('write', this.#vcpu(), 'GICR_CTLR', 0, random.chance(0.7) ? 1 : 0)],
    ];
  }

  /** An access to the redistributor of another vCPU: where the register is not in one, its own. */
  #reach(): Step {
    const { random } = this;
    const sets = ['ISENABLER', 'ISPENDR', 'ISPENDR', 'ICPENDR', 'ISACTIVER', 'ICACTIVER', 'ICENABLER', 'IGROUPR'];
    const of = this.#vcpu();
    const kind = random.below(10);
    if (kind < 6) return ofAnother(step('write', this.#vcpu(), random.pick(sets), 0, this.#bits()), of);
    if (kind < 8) return ofAnother(step('read', this.#vcpu(), random.pick(sets)), of);
    if (kind < 9)
      return ofAnother(step('write', this.#vcpu(), 'IPRIORITYR', random.below(32), this.#priority(), 0, 1), of);
    return ofAnother(step('write', this.#vcpu(), 'GICR_WAKER', 0, random.below(8)), of);
  }

  #route(): Step {
    const { random } = this;
    const intid = 32 + random.below(8);
    const low = random.chance(0.85) ? this.#vcpu() : random.chance(0.7) ? 0xff : random.word();
    return step('write', this.#vcpu(), 'IROUTER', intid, low, random.chance(0.05) ? 1 : 0, 8);
  }

  #systemRegisterSteps(): Steps {
    const { random } = this;
    const write = (name: string, value: () => number) => () => step('write', this.#vcpu(), name, 0, value());
    const read =
      (...names: string[]) =>
      () =>
        step('read', this.#vcpu(), random.pick(names));
    const level = () => random.pick([0, 0, 0, 1 << random.below(32)]);
    return [
      [6, write('ICC_PMR_EL1', () => random.pick([0xff, 0xff, 0xff, 0xf0, 0xa0, 0x80, 0, random.below(256)]))],
      [5, write('ICC_BPR1_EL1', () => random.below(8))],
      [3, write('ICC_BPR0_EL1', () => random.below(8))],
      [3, write('ICC_CTLR_EL1', () => random.pick([0, 0, 2, 2, 2, 1, 3, random.word()]))],
      [4, write('ICC_IGRPEN1_EL1', () => random.pick([0, 1, 1, 1]))],
      [4, write('ICC_IGRPEN0_EL1', () => random.pick([0, 1, 1, 1]))],
      [0.4, write('ICC_AP1R0_EL1', level)],
      [0.4, write('ICC_AP0R0_EL1', level)],
      [8, read('ICC_HPPIR1_EL1', 'ICC_HPPIR0_EL1')],
      [6, read('ICC_RPR_EL1')],
      [2, read('ICC_BPR0_EL1', 'ICC_BPR1_EL1', 'ICC_PMR_EL1', 'ICC_CTLR_EL1')],
      [1, read('ICC_IGRPEN0_EL1', 'ICC_IGRPEN1_EL1')],
      [2, read(...[0, 1, 2, 3].flatMap((n) => [`ICC_AP0R${n}_EL1`, `ICC_AP1R${n}_EL1`]))],
    ];
  }

  #interfaceSteps(): Steps {
    const { random } = this;
    const write = (name: string, value: () => number) => () => step('write', this.#vcpu(), name, 0, value());
    const read =
      (...names: string[]) =>
      () =>
        step('read', this.#vcpu(), random.pick(names));
    const control = () => random.pick([7, 7, 3, 0xf, 0x203, 0x207, 0x207, 0x17, 6, 5, random.word()]);
    return [
      [5, write('GICC_CTLR', control)],
      [5, write('GICC_PMR', () => random.pick([0xff, 0xff, 0xff, 0xf0, 0xa0, 0x80, 0, random.below(256)]))],
      [4, write('GICC_BPR', () => random.below(8))],
      [3, write('GICC_ABPR', () => random.below(8))],
      [8, read('GICC_HPPIR', 'GICC_AHPPIR')],
      [6, read('GICC_RPR')],
      [3, read('GICC_CTLR', 'GICC_PMR', 'GICC_BPR', 'GICC_ABPR', 'GICC_APR0')],
    ];
  }

  // ---- ITS

  #msi(): Step {
    return step('msi', 0, '', this.random.below(EVENTS), this.random.below(DEVICES));
  }

  #mapCollection(collection: number, valid: number): Step {
    const target = this.#vcpu();
    this.#collections[collection] = target;
    return { ...command(this.#vcpu(), 'MAPC', 0, target, 0, collection), low: valid };
  }

  #commandSteps(): Steps {
    const { random } = this;
    const event = () => random.below(EVENTS);
    const device = () => random.below(DEVICES);
    const lpi = () => 8192 + random.below(LPIS_USED);
    const simple = (name: string) => () =>
      command(this.#vcpu(), name, device(), event(), 0, random.below(this.#collections.length + 1));
    return [
      [8, simple('MOVI')],
      [6, simple('INT')],
      [6, simple('CLEAR')],
      [3, simple('DISCARD')],
      [2, simple('INV')],
      [2, simple('INVALL')],
      [12, () => command(this.#vcpu(), 'MAPTI', device(), event(), lpi(), this.#collection())],
      [1, () => command(this.#vcpu(), 'MAPI', 3, lpi(), 0, this.#collection())],
      [0.5, () => ({ ...command(this.#vcpu(), 'MAPD', device()), low: 0 })],
      [2, () => ({ ...command(this.#vcpu(), 'MAPD', device()), low: 1 })],
      [1, () => this.#mapCollection(this.#collection(), random.chance(0.7) ? 1 : 0)],
      [2, () => this.#moveAll()],
      [
        6,
        () => ({
          ...step('configure', this.#vcpu(), '', event(), this.#lpiConfiguration()),
          device: device(),
          intid: lpi(),
        }),
      ],
      [0.5, () => step('write', this.#vcpu(), 'GITS_CTLR', 0, random.chance(0.7) ? 1 : 0)],
    ];
  }

  #moveAll(): Step {
    const from = this.#vcpu();
    let collections = 0;
    for (const [collection, target] of this.#collections.entries()) if (target === from) collections |= 1 << collection;
    const to = this.#vcpu();
    for (const [collection, target] of this.#collections.entries()) {
      if (target === from) this.#collections[collection] = to;
    }
    return { ...command(this.#vcpu(), 'MOVALL', 0, from, 0, collections), low: to };
  }
}
