import { Choice, type Random } from '../../generator/random.js';
import { type Step, step } from '../steps.js';
import { SIGNAL } from '../subject.js';
import { ItsTraffic } from './its.js';
import { LIST_REGISTERS, type Machine } from './machine.js';
import { interfaceSteps, reachStep, registerSteps, systemRegisterSteps } from './registers.js';
import { Values } from './values.js';

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
const MOST_REMEMBERED = 40;
/** Of what a sequence has more than others, and how much more. */
const FOCUSES = ['nothing', 'registers', 'interface', 'lpis', 'lpis'] as const;
const FOCUSED = 4;
const isSpecial = (intid: number): boolean => intid >= 1020 && intid <= 1023;

/**
 * Random steps of guests and devices, most of them sensible and some hostile. It knows what guests are told, and nothing of
 * the GIC's state.
 */
export class Traffic {
  readonly #handled: readonly Handled[];
  readonly #values: Values;
  readonly #its: ItsTraffic;
  readonly #version: 2 | 3;
  readonly #acknowledges: readonly string[];
  readonly #ends: readonly string[];
  /** What each vCPU was last signalled; for who runs the steps to fill in. */
  readonly signals: Uint8Array;
  readonly #kinds: Choice<() => Step>;
  readonly #registers: Choice<() => Step>;
  readonly #interface: Choice<() => Step>;

  constructor(
    readonly random: Random,
    readonly machine: Machine,
    /** In how many of a thousand steps the machine moves to another host. */
    moves = 0.6,
  ) {
    const { version, vcpus, its } = machine.guest;
    this.#version = version;
    this.#acknowledges = ACKNOWLEDGES[version];
    this.#ends = ENDS[version];
    this.signals = new Uint8Array(vcpus);
    this.#handled = Array.from({ length: vcpus }, () => ({ acknowledged: [], dropped: [], split: false }));
    this.#values = new Values(random, machine.guest);
    this.#its = new ItsTraffic(this.#values);
    const focus = random.pick(FOCUSES);
    const on = (kind: (typeof FOCUSES)[number], weight: number) => (kind === focus ? FOCUSED * weight : weight);
    this.#kinds = new Choice([
      [110, () => this.#line()],
      [60, () => this.#sendSgi()],
      [150, () => this.#acknowledge()],
      [160, () => this.#end()],
      [50, () => this.#deactivate()],
      [on('registers', 120), () => this.#registers.pick(random)()],
      [version === 3 ? on('registers', 25) : 0, () => reachStep(this.#values)],
      [on('interface', 60), () => this.#interface.pick(random)()],
      [45, () => this.#mend()],
      [60, () => step('enter', this.#values.vcpu())],
      [25, () => step('exit', this.#values.vcpu())],
      [25, () => step('wait', this.#values.vcpu())],
      [moves, () => step('move', 0, '', this.random.pick(LIST_REGISTERS))],
      [its ? on('lpis', 70) : 0, () => this.#its.msi()],
      [its ? on('lpis', 50) : 0, () => this.#its.command()],
    ]);
    this.#registers = new Choice(registerSteps(this.#values));
    this.#interface = new Choice((version === 3 ? systemRegisterSteps : interfaceSteps)(this.#values));
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
        if (guest.extended) {
          for (let vcpu = 0; vcpu < guest.vcpus; vcpu++) steps.push(step('write', vcpu, 'ISENABLER', 33, 0xffffffff));
          steps.push(
            step('write', 0, 'ISENABLER', 128, 0xffffffff),
            step('write', 0, 'ICFGR', 256, this.random.word()),
          );
          for (let at = 4096; at < 4104; at += 4)
            steps.push(step('write', 0, 'IPRIORITYR', at, this.#values.priorities()));
        }
        if (guest.its) steps.push(step('write', vcpu, 'GICR_CTLR', 0, 1));
      } else {
        const ackCtl = this.random.chance(0.6) ? 4 : 0;
        steps.push(step('write', vcpu, 'GICC_PMR', 0, 0xff));
        steps.push(
          step('write', vcpu, 'GICC_CTLR', 0, (split ? 0x203 : 3) | ackCtl | (this.random.chance(0.3) ? 8 : 0)),
        );
      }
      steps.push(step('write', vcpu, 'ISENABLER', 0, 0xffffffff));
      for (let at = 0; at < 32; at += 4) steps.push(step('write', vcpu, 'IPRIORITYR', at, this.#values.priorities()));
    }
    steps.push(step('write', 0, 'GICD_CTLR', 0, 3));
    for (let n = 1; n < guest.interrupts / 32; n++) {
      steps.push(step('write', 0, 'ISENABLER', n, 0xffffffff));
      if (this.random.chance(0.7)) steps.push(step('write', 0, 'ICFGR', 2 * n, this.random.word()));
    }
    for (let at = 32; at < 48; at += 4) {
      steps.push(step('write', 0, 'IPRIORITYR', at, this.#values.priorities()));
      if (guest.version === 2) steps.push(step('write', 0, 'ITARGETSR', at, this.random.word() | 0x01010101));
    }
    if (guest.extended) {
      for (let vcpu = 0; vcpu < guest.vcpus; vcpu++) steps.push(step('write', vcpu, 'ISENABLER', 33, 0xffffffff));
      steps.push(step('write', 0, 'ISENABLER', 128, 0xffffffff), step('write', 0, 'ICFGR', 256, this.random.word()));
      for (let at = 4096; at < 4104; at += 4) steps.push(step('write', 0, 'IPRIORITYR', at, this.#values.priorities()));
    }
    if (guest.its) steps.push(...this.#its.start());
    return steps.filter(() => !this.random.chance(0.02));
  }

  next(): Step {
    return this.#kinds.pick(this.random)();
  }

  /** What a guest learns by the answer to a step; whether an interrupt was acknowledged by it. */
  learn(step: Step, answer: number): boolean {
    const { op, vcpu, name, low } = step;
    if (op === 'command') this.#its.learn(step);
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

  // ---- steps

  #line(): Step {
    const { random } = this;
    return step('line', this.#values.vcpu(), '', Math.max(16, this.#values.intid()), random.chance(0.6) ? 1 : 0);
  }

  #sendSgi(): Step {
    const { random } = this;
    const vcpu = this.#values.vcpu();
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
    const vcpu = random.chance(0.8) ? this.#first((n) => this.signals[n] !== 0) : this.#values.vcpu();
    const signals = this.signals[vcpu];
    const other = random.chance(0.1);
    if (this.#version === 3) return step('read', vcpu, this.#acknowledges[Number((signals === SIGNAL.FIQ) !== other)]);
    return step('read', vcpu, this.#acknowledges[Number(random.chance(0.2))]);
  }

  /** A vCPU of which something is true, or any. */
  #first(holds: (vcpu: number) => boolean): number {
    const first = this.#values.vcpu();
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
      return step('write', vcpu, this.#ends[random.below(2)], 0, this.#values.anyIntid());
    }
    const at = random.chance(0.85) ? acknowledged.length - 1 : random.below(acknowledged.length);
    const [taken] = acknowledged.splice(at, 1);
    const { by } = taken;
    // of an SGI of a GICv2 the source too; which interrupt ends is said by the INTID
    const value = this.#version === 2 && random.chance(0.02) ? taken.value ^ 0x400 : taken.value;
    if (split) dropped.push(value);
    if (dropped.length > MOST_REMEMBERED) dropped.shift();
    return step('write', vcpu, this.#ends[random.chance(0.95) ? by : 1 - by], 0, value);
  }

  /** Opens again what other steps have closed, so that interrupts go on. */
  #mend(): Step {
    const { random } = this;
    const vcpu = this.#values.vcpu();
    const word = random.below(this.machine.guest.interrupts / 32);
    const steps = [
      () => step('write', vcpu, 'GICD_CTLR', 0, 3),
      () => step('write', vcpu, 'ISENABLER', word, 0xffffffff),
      () => step('write', vcpu, 'ICACTIVER', word, 0xffffffff),
      () => step('write', vcpu, this.#ends[random.below(2)], 0, this.#values.intid()),
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
    const vcpu = this.#values.vcpu();
    const of = random.chance(0.8) ? vcpu : this.#values.vcpu();
    const { dropped } = this.#handled[of];
    if (dropped.length === 0 && random.chance(0.8)) return this.#acknowledge();
    if (dropped.length === 0 || random.chance(0.05)) return step('write', vcpu, name, 0, this.#values.anyIntid());
    const [intid] = dropped.splice(random.below(dropped.length), 1);
    return step('write', vcpu, name, 0, intid);
  }
}
