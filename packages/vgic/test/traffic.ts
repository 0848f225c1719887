import fc from 'fast-check';
import { GICD_FEATURE_REGISTERS, GICR_FEATURE_REGISTERS } from '../src/architecture/gicv3-features.js';
import { EPPI_MIN, ESPI_MIN, SGI_COUNT } from '../src/architecture/intid.js';
import { LR_ACTIVE } from '../src/architecture/virtual-interface.js';
import type { SystemRegisterName } from '../src/index.js';
import { type GicvName, type Guest, SPURIOUS } from './guest.js';

/** Random traffic on a GIC: devices, guests and the scheduler, one operation after the other, as data. */

export type Operation =
  | { op: 'line'; intid: number; level: boolean; vcpu: number }
  | { op: 'sgi'; sender: number; sgi: number; targets: number[] }
  | { op: 'enter' | 'exit' | 'acknowledge' | 'end' | 'deactivate'; vcpu: number }
  | { op: 'enable' | 'disable'; intid: number; vcpu: number }
  | { op: 'priority'; intid: number; priority: number; vcpu: number }
  | { op: 'route'; intid: number; vcpu: number; by: number }
  | { op: 'mask'; vcpu: number; mask: number }
  /** Any store to a register, which may change what an interrupt is. */
  | { op: 'store'; name: string; at: number; value: number; vcpu: number }
  /** Control of the CPU interface: binary points, groups, EOImode, CBPR. */
  | { op: 'control'; name: SystemRegisterName | GicvName; value: number; vcpu: number };

/** What the traffic is about: a few of each kind, so that they meet. */
export interface Cast {
  readonly vcpus: number;
  readonly edges: readonly number[];
  readonly levels: readonly number[];
  readonly ppis: readonly number[];
  readonly sgis: readonly number[];
}

export const CAST: Cast = {
  vcpus: 3,
  edges: [32, 33, 34, 35, 36, 37],
  levels: [40, 41, 42, 43],
  ppis: [20, 27],
  sgis: [0, 1, 9],
};

/** The same with interrupts of the extended ranges, each the same distance from one of {@link CAST}. */
export const EXTENDED_CAST: Cast = {
  ...CAST,
  edges: CAST.edges.map((intid) => intid - 32 + ESPI_MIN),
  levels: CAST.levels.map((intid) => intid - 32 + ESPI_MIN),
  ppis: CAST.ppis.map((intid) => intid + EPPI_MIN),
};

const PRIORITIES = [0x00, 0x40, 0x80, 0xa0, 0xa0, 0xc0];

/** Operations that deliver and move interrupts; none that makes them pending, active or edge-triggered by register. */
export function deliveries(cast: Cast): fc.Arbitrary<Operation> {
  const vcpu = fc.nat(cast.vcpus - 1);
  const shared = fc.constantFrom(...cast.edges, ...cast.levels);
  const any = fc.constantFrom(...cast.edges, ...cast.levels, ...cast.ppis);
  const op = <const Name extends string>(name: Name) => fc.constant(name);
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ op: op('line'), intid: any, level: fc.boolean(), vcpu }) },
    {
      weight: 2,
      arbitrary: fc.record({
        op: op('sgi'),
        sender: vcpu,
        sgi: fc.constantFrom(...cast.sgis),
        targets: fc.uniqueArray(vcpu, { minLength: 1 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ op: op('enter'), vcpu }) },
    { weight: 2, arbitrary: fc.record({ op: op('exit'), vcpu }) },
    { weight: 6, arbitrary: fc.record({ op: op('acknowledge'), vcpu }) },
    { weight: 5, arbitrary: fc.record({ op: op('end'), vcpu }) },
    { weight: 1, arbitrary: fc.record({ op: op('enable'), intid: any, vcpu }) },
    { weight: 1, arbitrary: fc.record({ op: op('disable'), intid: any, vcpu }) },
    {
      weight: 1,
      arbitrary: fc.record({ op: op('priority'), intid: any, priority: fc.constantFrom(...PRIORITIES), vcpu }),
    },
    { weight: 2, arbitrary: fc.record({ op: op('route'), intid: shared, vcpu, by: vcpu }) },
    { weight: 1, arbitrary: fc.record({ op: op('mask'), vcpu, mask: fc.constantFrom(0xff, 0xff, 0xb0, 0x60) }) },
  ) as fc.Arbitrary<Operation>;
}

/** Registers of the frames in which a store changes the state of interrupts. */
export const STATE_REGISTERS: Readonly<Record<2 | 3, readonly string[]>> = {
  2: [
    ...['GICD_IGROUPR', 'GICD_ISENABLER', 'GICD_ICENABLER', 'GICD_ISPENDR', 'GICD_ICPENDR', 'GICD_ISACTIVER'],
    ...['GICD_ICACTIVER', 'GICD_IPRIORITYR', 'GICD_ITARGETSR', 'GICD_ICFGR', 'GICD_CPENDSGIR', 'GICD_SPENDSGIR'],
  ],
  3: [
    ...['GICD_IGROUPR', 'GICD_ISENABLER', 'GICD_ICENABLER', 'GICD_ISPENDR', 'GICD_ICPENDR', 'GICD_ISACTIVER'],
    ...['GICD_ICACTIVER', 'GICD_IPRIORITYR', 'GICD_ICFGR', 'GICR_IGROUPR0', 'GICR_ISENABLER0', 'GICR_ICENABLER0'],
    ...['GICR_ISPENDR0', 'GICR_ICPENDR0', 'GICR_ISACTIVER0', 'GICR_ICACTIVER0', 'GICR_IPRIORITYR'],
    ...['GICR_PENDBASER', 'GICR_PROPBASER', 'GICR_STATUSR', 'GICD_STATUSR'],
  ],
};

/** Those of the extended ranges. */
export const EXTENDED_STATE_REGISTERS: readonly string[] = [...GICD_FEATURE_REGISTERS, ...GICR_FEATURE_REGISTERS]
  .map(({ name }) => name)
  .filter((name) => /_I(GROUP|SENABLE|CENABLE|SPEND|CPEND|SACTIVE|CACTIVE|PRIORITY|CFG)R+nE$/.test(name));

/** Stores of any value to one of these registers, of the first 64 INTIDs. */
export function stores(
  cast: Cast,
  version: 2 | 3,
  names: readonly string[] = STATE_REGISTERS[version],
): fc.Arbitrary<Operation> {
  const sparse = fc.tuple(fc.nat(31), fc.nat(31)).map(([a, b]) => ((1 << a) | (1 << b)) >>> 0);
  return fc.record({
    op: fc.constant('store' as const),
    name: fc.constantFrom(...names),
    at: fc.nat(15).map((word) => word * 4),
    value: fc.oneof(sparse, fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 0xffffffff)),
    vcpu: fc.nat(cast.vcpus - 1),
  });
}

/** Any control of the CPU interfaces. */
export function controls(cast: Cast, version: 2 | 3): fc.Arbitrary<Operation> {
  const names =
    version === 3
      ? (['ICC_BPR0_EL1', 'ICC_BPR1_EL1', 'ICC_CTLR_EL1', 'ICC_PMR_EL1', 'ICC_IGRPEN0_EL1', 'ICC_IGRPEN1_EL1'] as const)
      : (['BPR', 'ABPR', 'CTLR', 'PMR'] as const);
  return fc.record({
    op: fc.constant('control' as const),
    name: fc.constantFrom(...names),
    value: fc.oneof(fc.nat(7), fc.nat(0x3ff)),
    vcpu: fc.nat(cast.vcpus - 1),
  });
}

/** Makes the interrupts of a cast what they are, enabled, all of the same priority. */
export function prepare(guest: Guest, cast: Cast): Guest {
  guest.prepare();
  for (const intid of cast.edges) guest.spi(intid, { edge: true });
  for (const intid of cast.levels) guest.spi(intid);
  for (let vcpu = 0; vcpu < cast.vcpus; vcpu++) for (const intid of cast.ppis) guest.enable(intid, vcpu);
  return guest;
}

/**
 * The guests on all vCPUs of a GIC, doing what they are told. What each has acknowledged and not ended is on its stack, so
 * that it ends interrupts from the innermost, as the architecture demands.
 */
export class Actors {
  readonly stacks: number[][];
  /** Ended with EOImode 1, but not deactivated. */
  readonly dropped: number[][];
  /** Called for each interrupt that is active no more. */
  onEnd: (vcpu: number, iar: number) => void = () => {};

  constructor(
    readonly guest: Guest,
    readonly eoiMode = false,
  ) {
    const { vcpus } = guest.gic.irqs;
    this.stacks = Array.from({ length: vcpus }, () => []);
    this.dropped = Array.from({ length: vcpus }, () => []);
    if (eoiMode) for (let vcpu = 0; vcpu < vcpus; vcpu++) guest.setEoiMode(true, vcpu);
  }

  /** Whether the GIC is KVM's, whose guests have to keep clear of what it loses. */
  get asKvm(): boolean {
    return this.guest.gic.config.kvm === '6.12';
  }

  /**
   * Whether a vCPU has it in a list register or is serving it. KVM's guest does not change its priority then: the old or the
   * new one may count, and an end of interrupt that drops another one deactivates nothing.
   */
  inUse(intid: number): boolean {
    if (!this.asKvm) return false;
    const mask = this.guest.version === 2 ? 0x3ff : 0xffffff;
    return this.stacks.some(
      (stack, vcpu) =>
        stack.some((iar) => (iar & mask) === intid) ||
        this.guest.listRegisters(vcpu).some(({ low }) => (low & mask) === intid),
    );
  }

  /** Does one operation; answers what the guest saw: what it acknowledged, or undefined. */
  run(operation: Operation): number | undefined {
    const { guest } = this;
    const { gic } = guest;
    switch (operation.op) {
      case 'line':
        gic.setLine(operation.intid, operation.level, operation.vcpu);
        break;
      case 'sgi':
        guest.sendSgi(operation.sgi, operation.targets, operation.sender);
        break;
      case 'enter':
        gic.enter(operation.vcpu);
        break;
      case 'exit':
        gic.exit(operation.vcpu);
        break;
      case 'acknowledge': {
        if (!gic.isInGuest(operation.vcpu)) return undefined;
        const iar = guest.acknowledge(operation.vcpu);
        if ((iar & 0x3ff) < 1020 || iar > 1023) this.stacks[operation.vcpu].push(iar);
        return iar;
      }
      case 'end': {
        if (gic.isInGuest(operation.vcpu)) this.#end(operation.vcpu);
        break;
      }
      case 'deactivate': {
        if (gic.isInGuest(operation.vcpu)) this.#deactivate(operation.vcpu);
        break;
      }
      case 'enable':
        guest.enable(operation.intid, operation.vcpu);
        break;
      case 'disable':
        guest.disable(operation.intid, operation.vcpu);
        break;
      case 'priority':
        if (!this.inUse(operation.intid)) guest.setPriority(operation.intid, operation.priority, operation.vcpu);
        break;
      case 'route':
        guest.route(operation.intid, operation.vcpu, operation.by);
        break;
      case 'mask':
        if (guest.version === 3) guest.msr('ICC_PMR_EL1', operation.mask, operation.vcpu);
        else guest.gicvStore('PMR', operation.mask, operation.vcpu);
        break;
      case 'control':
        if (guest.version === 3) guest.msr(operation.name as SystemRegisterName, operation.value, operation.vcpu);
        else guest.gicvStore(operation.name as GicvName, operation.value, operation.vcpu);
        break;
      case 'store':
        guest.store(operation.name, operation.value, operation.at, operation.vcpu);
        break;
    }
    return undefined;
  }

  /**
   * Whether what is active can be ended now. KVM does not see the end of what is in no list register: see 'an active
   * interrupt that is in no list register' in list-registers.test.ts. Its actors wait until it is in one.
   */
  #held(vcpu: number, iar: number): boolean {
    if (!this.asKvm) return true;
    const mask = this.guest.version === 2 ? 0x1fff : 0xffffff;
    return this.guest.listRegisters(vcpu).some(({ low, high }) => high & LR_ACTIVE && (low & mask) === iar);
  }

  #end(vcpu: number): void {
    const iar = this.stacks[vcpu].at(-1);
    if (iar === undefined || !this.#held(vcpu, iar)) return;
    this.stacks[vcpu].pop();
    this.guest.end(iar, vcpu);
    if (this.eoiMode) this.dropped[vcpu].push(iar);
    else this.onEnd(vcpu, iar);
  }

  #deactivate(vcpu: number): void {
    const iar = this.dropped[vcpu][0];
    if (iar === undefined) {
      if (!this.asKvm) this.#deactivateOthers(vcpu);
      return;
    }
    if (!this.#held(vcpu, iar)) return;
    this.dropped[vcpu].shift();
    this.guest.deactivate(iar, vcpu);
    this.onEnd(vcpu, iar);
  }

  /** A vCPU deactivates the first SPI that another one has acknowledged and dropped. */
  #deactivateOthers(vcpu: number): void {
    const { irqs } = this.guest.gic;
    const mask = this.guest.version === 2 ? 0x3ff : 0xffffff;
    for (const dropped of this.dropped) {
      const at = dropped.findIndex((iar) => irqs.ownerOf(irqs.indexOf(vcpu, iar & mask)) < 0);
      if (at < 0) continue;
      const [iar] = dropped.splice(at, 1);
      this.guest.deactivate(iar, vcpu);
      this.onEnd(vcpu, iar);
      return;
    }
  }

  /** Ends and deactivates all that is open. */
  finish(vcpu: number): void {
    for (let rounds = 0; this.stacks[vcpu].length + this.dropped[vcpu].length > 0; rounds++) {
      if (rounds > 100) throw new Error(`vCPU ${vcpu} can't end what it has acknowledged.`);
      this.guest.gic.enter(vcpu);
      this.#end(vcpu);
      this.#deactivate(vcpu);
      this.dropped[vcpu].push(...this.dropped[vcpu].splice(0, 1));
    }
    this.guest.gic.exit(vcpu);
  }
}

/** Everything that each vCPU would take now, in order; level-sensitive lines fall when their interrupt is taken. */
export function drain(actors: Actors, onTaken: (vcpu: number, iar: number) => void = () => {}): number[][] {
  const { guest } = actors;
  const { vcpus } = guest.gic.irqs;
  const taken: number[][] = Array.from({ length: vcpus }, () => []);
  for (let quiet = false, rounds = 0; !quiet; rounds++) {
    if (rounds > 50) throw new Error('The vCPUs never come to rest.');
    quiet = true;
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      for (let step = 0; ; step++) {
        if (step > 500) throw new Error(`vCPU ${vcpu} never comes to rest.`);
        guest.gic.enter(vcpu);
        const iar = guest.acknowledge(vcpu);
        if (iar === SPURIOUS) break;
        quiet = false;
        taken[vcpu].push(iar);
        const intid = guest.version === 2 ? iar & 0x3ff : iar;
        if (intid >= SGI_COUNT) guest.gic.setLine(intid, false, vcpu);
        onTaken(vcpu, iar);
        guest.end(iar, vcpu);
        if (actors.eoiMode) guest.deactivate(iar, vcpu);
      }
      guest.gic.exit(vcpu);
    }
  }
  return taken;
}
