import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LR_ACTIVE, LR_PENDING, LR_STATE } from '../src/architecture/virtual-interface.js';
import type { Gic, GicConfig, KvmCompatibility } from '../src/index.js';
import { BOTH_WAYS, Guest } from './guest.js';
import { Actors, CAST, type Cast, deliveries, drain, type Operation, prepare } from './traffic.js';

/**
 * No interrupt is lost and none invented, whatever the order in which devices, guests and the scheduler act. The oracle is
 * the architecture's: an edge is owed until it is acknowledged, a level as long as the line is high.
 */

type Kind = 'edge' | 'level' | 'sgi';

/** What the check finds: an interrupt is lost, invented, or twice in list registers. */
class Wrong extends Error {}

/** What every interrupt may and must still do. The key of a private one has its vCPU, that of a GICv2 SGI its sender. */
class Ledger {
  /** An edge or SGI after which there was no acknowledge. */
  readonly owed = new Set<string>();
  /** How often it may still be acknowledged: once for the latch, once more for what a list register holds already. */
  readonly allowed = new Map<string, number>();
  readonly lineHigh = new Set<string>();
  /** KVM: level-sensitive interrupts whose line was high when the vCPU last entered. */
  readonly takeable: Set<string>[];
  /** What may not be taken since it is active, disabled, or another vCPU's. KVM notices the last two at the next exit. */
  readonly active = new Set<string>();
  readonly disabled = new Set<string>();
  readonly routes = new Map<string, number>();
  readonly asKvm: boolean;

  constructor(
    readonly guest: Guest,
    readonly cast: Cast,
  ) {
    this.takeable = Array.from({ length: cast.vcpus }, () => new Set());
    this.asKvm = guest.gic.config.kvm === '6.12';
  }

  kindOf(intid: number): Kind {
    return intid < 16 ? 'sgi' : this.cast.edges.includes(intid) ? 'edge' : 'level';
  }

  keyOf(intid: number, vcpu: number, source = 0): string {
    return intid < 32 ? `${intid}@${vcpu}${intid < 16 ? `<${source}` : ''}` : `${intid}`;
  }

  #anyInGuest(): boolean {
    for (let vcpu = 0; vcpu < this.cast.vcpus; vcpu++) if (this.guest.gic.isInGuest(vcpu)) return true;
    return false;
  }

  #edge(key: string): void {
    this.owed.add(key);
    const most = this.#anyInGuest() ? 2 : 1;
    this.allowed.set(key, Math.min((this.allowed.get(key) ?? 0) + 1, most));
  }

  #entered(vcpu: number): void {
    this.takeable[vcpu] = new Set(this.lineHigh);
  }

  acknowledged(vcpu: number, iar: number): void {
    const intid = iar & 0x3ff;
    if (intid >= 1020) return;
    const key = this.keyOf(intid, vcpu, this.guest.version === 2 ? iar >>> 10 : 0);
    if (!this.asKvm) this.#mayTake(vcpu, intid, this.keyOf(intid, vcpu));
    if (this.kindOf(intid) === 'level') {
      const isHigh = this.asKvm ? this.takeable[vcpu].delete(key) : this.lineHigh.has(key);
      if (!isHigh) throw new Wrong(`${key} was taken by vCPU ${vcpu} with its line low`);
      return;
    }
    this.owed.delete(key);
    const allowed = this.allowed.get(key) ?? 0;
    if (allowed === 0) throw new Wrong(`${key} was taken by vCPU ${vcpu} though nobody sent it`);
    this.allowed.set(key, allowed - 1);
  }

  #mayTake(vcpu: number, intid: number, interrupt: string): void {
    const refuse = (why: string) => {
      throw new Wrong(`${interrupt} was taken by vCPU ${vcpu}, but ${why}`);
    };
    if (this.active.has(interrupt)) refuse('it is active');
    if (this.disabled.has(interrupt)) refuse('it is disabled');
    if (intid >= 32 && (this.routes.get(interrupt) ?? 0) !== vcpu) refuse('it is routed to another one');
    this.active.add(interrupt);
  }

  ended(vcpu: number, iar: number): void {
    this.active.delete(this.keyOf(iar & 0x3ff, vcpu));
  }

  before(operation: Operation): void {
    if (operation.op === 'line') {
      const key = this.keyOf(operation.intid, operation.vcpu);
      if (this.kindOf(operation.intid) === 'edge') {
        if (operation.level) this.#edge(key);
      } else if (operation.level) this.lineHigh.add(key);
      else this.lineHigh.delete(key);
    } else if (operation.op === 'sgi') {
      const source = this.guest.version === 2 ? operation.sender : 0;
      for (const vcpu of operation.targets) this.#edge(this.keyOf(operation.sgi, vcpu, source));
      this.#entered(operation.sender);
    } else if (operation.op === 'enter') {
      this.#entered(operation.vcpu);
    } else if (operation.op === 'route') {
      this.#entered(operation.by);
      this.routes.set(this.keyOf(operation.intid, 0), operation.vcpu);
    } else if (operation.op === 'enable' || operation.op === 'disable' || operation.op === 'priority') {
      // the store takes the vCPU out of the guest and in again
      this.#entered(operation.vcpu);
      const key = this.keyOf(operation.intid, operation.vcpu);
      if (operation.op === 'disable') this.disabled.add(key);
      else if (operation.op === 'enable') this.disabled.delete(key);
    }
  }

  after(): void {
    if (this.#anyInGuest()) return;
    for (const [key, allowed] of this.allowed) this.allowed.set(key, Math.min(allowed, 1));
  }
}

type Sabotage = (gic: Gic) => void;

interface Setting {
  config: Partial<GicConfig>;
  eoiMode: boolean;
  cast?: Cast;
}

/** Runs traffic, then lets every vCPU take what is left. Throws if something was lost or invented. */
function deliver(setting: Setting, operations: readonly Operation[], sabotage: Sabotage = () => {}): void {
  const { config, eoiMode, cast = CAST } = setting;
  const guest = prepare(new Guest({ vcpus: cast.vcpus, interrupts: 64, ...config }), cast);
  sabotage(guest.gic);
  const actors = new Actors(guest, eoiMode);
  const ledger = new Ledger(guest, cast);
  const inGuest = new Set<number>();
  actors.onEnd = (vcpu, iar) => ledger.ended(vcpu, iar);
  for (const operation of operations) {
    if (operation.op === 'priority' && actors.inUse(operation.intid)) continue;
    ledger.before(operation);
    const iar = actors.run(operation);
    if (iar !== undefined && 'vcpu' in operation) ledger.acknowledged(operation.vcpu, iar);
    ledger.after();
    checkListRegisters(guest);
    if (operation.op === 'enter') inGuest.add(operation.vcpu);
    else if (operation.op === 'exit') inGuest.delete(operation.vcpu);
    for (const vcpu of inGuest) if (!guest.gic.isInGuest(vcpu)) throw new Wrong(`vCPU ${vcpu} is out of the guest`);
  }

  for (let vcpu = 0; vcpu < cast.vcpus; vcpu++) {
    actors.run({ op: 'mask', vcpu, mask: 0xff });
    actors.finish(vcpu);
    for (const intid of [...cast.edges, ...cast.levels, ...cast.ppis]) {
      const key = ledger.keyOf(intid, vcpu);
      if (ledger.disabled.delete(key)) guest.enable(intid, vcpu);
    }
  }
  ledger.after();
  const due = new Set(ledger.lineHigh);
  drain(actors, (vcpu, iar) => {
    const key = ledger.keyOf(iar & 0x3ff, vcpu);
    if (!ledger.asKvm) ledger.active.delete(key);
    if (ledger.kindOf(iar & 0x3ff) !== 'level') ledger.acknowledged(vcpu, iar);
    else if (!due.delete(key)) throw new Wrong(`${key} was taken by vCPU ${vcpu} with its line low`);
  });
  if (ledger.owed.size > 0) throw new Wrong(`lost: ${[...ledger.owed].join(' ')}`);
  if (due.size > 0) throw new Wrong(`lost, though the line is high: ${[...due].join(' ')}`);
}

/** No interrupt is in two list registers: of one vCPU (unless from two senders), or an SPI of two. */
function checkListRegisters(guest: Guest): void {
  const { vcpus } = guest.gic.irqs;
  const held = new Set<string>();
  for (let vcpu = 0; vcpu < vcpus; vcpu++) {
    for (const { low } of guest.listRegisters(vcpu)) {
      const intid = low & 0x3ff;
      const key = intid < 32 ? `${low}@${vcpu}` : `${intid}`;
      if (held.has(key)) throw new Wrong(`${key} is in two list registers`);
      held.add(key);
    }
  }
}

const settings = (kvm: KvmCompatibility): fc.Arbitrary<Setting> =>
  fc.record({
    config: fc.oneof(
      fc.record({
        version: fc.constant(3 as const),
        listRegisters: fc.constantFrom(1, 2, 4, 16),
        kvm: fc.constant(kvm),
      }),
      fc.record({
        version: fc.constant(2 as const),
        hostVersion: fc.constantFrom(2 as const, 3 as const),
        listRegisters: fc.constantFrom(1, 2, 4, 16),
        kvm: fc.constant(kvm),
      }),
    ),
    eoiMode: fc.boolean(),
  });

const traffic = (cast: Cast) =>
  fc.array(
    fc.oneof(
      { weight: 20, arbitrary: deliveries(cast) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('deactivate' as const), vcpu: fc.nat(cast.vcpus - 1) }) },
    ),
    { minLength: 1, maxLength: 120, size: 'max' },
  );

const property = (kvm: KvmCompatibility, sabotage?: Sabotage) =>
  fc.property(settings(kvm), traffic(CAST), (setting, operations) => deliver(setting, operations, sabotage));

describe.each(BOTH_WAYS)('delivery %s', (_way, kvm) => {
  it('no interrupt is lost and none invented, and none is in two list registers, in any order of events', () => {
    fc.assert(property(kvm), { numRuns: 1000 });
  });
});

/** A check that cannot fail is none: here the mechanism is broken, and the check must see it. */
describe('negative controls of delivery', () => {
  const beforeLeaving = (gic: Gic, act: (vcpu: number) => void) => {
    for (const method of ['enter', 'exit'] as const) {
      const original = gic[method].bind(gic);
      gic[method] = (vcpu: number) => {
        if (gic.isInGuest(vcpu)) act(vcpu);
        original(vcpu);
      };
    }
  };

  /** Found in the one way or the other, and in both. */
  const breakages: [string, RegExp, Sabotage][] = [
    [
      'a fold that drops what is pending in a list register',
      /^lost/,
      (gic) =>
        beforeLeaving(gic, (vcpu) => {
          const cpu = gic.cpuInterface(vcpu);
          for (let n = 0; n < cpu.used; n++) cpu.lrHigh[n] &= ~LR_PENDING;
        }),
    ],
    [
      'a fold that drops the pending half of pending and active',
      /^lost/,
      (gic) =>
        beforeLeaving(gic, (vcpu) => {
          const cpu = gic.cpuInterface(vcpu);
          for (let n = 0; n < cpu.used; n++) {
            if ((cpu.lrHigh[n] & LR_STATE) >>> 0 === LR_STATE) cpu.lrHigh[n] &= ~LR_PENDING;
          }
        }),
    ],
    [
      'an entry that leaves the latch set',
      /nobody sent it/,
      (gic) => {
        const original = gic.enter.bind(gic);
        gic.enter = (vcpu) => {
          original(vcpu);
          const cpu = gic.cpuInterface(vcpu);
          for (let n = 0; n < cpu.used; n++) {
            const i = gic.irqs.indexOf(vcpu, cpu.lrLow[n] & 0x3ff);
            if (cpu.lrHigh[n] & LR_PENDING) gic.irqs.latch[i >>> 5] |= 1 << (i & 31);
          }
        };
      },
    ],
    [
      'a line whose fall is not noticed',
      /line low|never comes to rest/,
      (gic) => {
        const original = gic.setLine.bind(gic);
        gic.setLine = (intid, level, vcpu) => {
          if (level || intid === 32) original(intid, level, vcpu);
        };
      },
    ],
    [
      'a line whose rise is not noticed while the vCPU is in the guest',
      /^lost/,
      (gic) => {
        const original = gic.setLine.bind(gic);
        gic.setLine = (intid, level, vcpu = 0) => {
          if (!level || !gic.isInGuest(vcpu)) original(intid, level, vcpu);
        };
      },
    ],
    [
      'a list register that is filled twice',
      /two list registers/,
      (gic) => {
        const original = gic.enter.bind(gic);
        gic.enter = (vcpu) => {
          original(vcpu);
          const cpu = gic.cpuInterface(vcpu);
          if (cpu.used > 0 && cpu.used < cpu.listRegisters) {
            cpu.setListRegister(cpu.used, cpu.lrLow[0], cpu.lrHigh[0]);
            cpu.used++;
          }
        };
      },
    ],
  ];

  /** KVM moves an interrupt at an exit. */
  const breakagesOfKvm: [string, RegExp, Sabotage][] = [
    [
      'an interrupt that is forgotten when it moves to another vCPU',
      /^lost/,
      (gic) => {
        const original = gic.exit.bind(gic);
        gic.exit = (vcpu) => {
          const { lists } = gic.irqs;
          const own = [...lists.owner.keys()].filter((i) => lists.owner[i] === vcpu);
          original(vcpu);
          for (const i of own) if (lists.owner[i] >= 0 && lists.owner[i] !== vcpu) lists.remove(i);
        };
      },
    ],
  ];

  const breakagesOfTheArchitecture: [string, RegExp, Sabotage][] = [
    [
      'a change that takes nothing back from list registers',
      /line low|is disabled|routed to another|^lost/,
      ({ vcpus }) => {
        vcpus.takeBack = () => {};
      },
    ],
    [
      'a falling line that takes nothing back from a list register',
      /line low/,
      ({ vcpus, irqs }) => {
        const { inject } = irqs;
        const { takeBack } = vcpus;
        irqs.inject = (i, level) => {
          vcpus.takeBack = () => {};
          inject.call(irqs, i, level);
          vcpus.takeBack = takeBack;
        };
      },
    ],
    [
      'a vCPU that stays out of the guest after a change',
      /out of the guest/,
      ({ vcpus }) => {
        const { endChange, resume } = vcpus;
        vcpus.endChange = () => {
          vcpus.resume = () => {};
          endChange.call(vcpus);
          vcpus.resume = resume;
        };
      },
    ],
    [
      'an end outside the list registers that is forgotten',
      /^lost/,
      (gic) => {
        for (let vcpu = 0; vcpu < gic.config.vcpus; vcpu++) gic.cpuInterface(vcpu).unlistedEnd = () => {};
      },
    ],
    [
      'an end outside the list registers that is counted, and not told',
      /^lost/,
      (gic) => {
        for (let vcpu = 0; vcpu < gic.config.vcpus; vcpu++) gic.cpuInterface(vcpu).unlistedEnd = undefined;
      },
    ],
    [
      'an interrupt that stays where it is when its route changes',
      /routed to another/,
      ({ irqs }) => {
        irqs.retarget = (i, vcpu) => {
          irqs.target[i] = vcpu;
        };
      },
    ],
    [
      'an interrupt that is taken out of the list of its old vCPU, and into no other',
      /^lost/,
      ({ irqs }) => {
        const { retarget } = irqs;
        irqs.retarget = (i, vcpu) => {
          const before = irqs.lists.owner[i];
          retarget.call(irqs, i, vcpu);
          if (before >= 0 && irqs.lists.owner[i] >= 0 && before !== irqs.lists.owner[i]) irqs.lists.remove(i);
        };
      },
    ],
    [
      'an active interrupt that is filled as one that is pending',
      /it is active|nobody sent it|line low/,
      (gic) => {
        const original = gic.enter.bind(gic);
        gic.enter = (vcpu) => {
          original(vcpu);
          const cpu = gic.cpuInterface(vcpu);
          for (let n = 0; n < cpu.used; n++) {
            if ((cpu.lrHigh[n] & LR_STATE) >>> 0 === LR_ACTIVE) cpu.lrHigh[n] ^= LR_STATE;
            cpu.ap1r[0] = 0;
          }
        };
      },
    ],
  ];

  it.each(
    BOTH_WAYS.flatMap(([way, kvm]) => {
      const own = kvm === '6.12' ? breakagesOfKvm : breakagesOfTheArchitecture;
      return [...breakages, ...own].map(([what, found, sabotage]) => [what, way, kvm, found, sabotage] as const);
    }),
  )('the check sees %s, %s', (_what, _way, kvm, found, sabotage) => {
    const result = fc.check(property(kvm, sabotage), { seed: 1, numRuns: 1000, endOnFailure: true });
    expect(result.failed).toBe(true);
    expect(result.errorInstance).toBeInstanceOf(Wrong);
    expect((result.errorInstance as Wrong).message).toMatch(found);
  });
});
