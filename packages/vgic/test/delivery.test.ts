import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LR_PENDING, LR_STATE } from '../src/architecture/virtual-interface.js';
import type { Gic, GicConfig } from '../src/index.js';
import { Guest } from './guest.js';
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
  /** Level-sensitive interrupts whose line was high when the vCPU last entered. */
  readonly takeable: Set<string>[];

  constructor(
    readonly guest: Guest,
    readonly cast: Cast,
  ) {
    this.takeable = Array.from({ length: cast.vcpus }, () => new Set());
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
    if (this.kindOf(intid) === 'level') {
      if (!this.takeable[vcpu].delete(key)) throw new Wrong(`${key} was taken by vCPU ${vcpu} with its line low`);
      return;
    }
    this.owed.delete(key);
    const allowed = this.allowed.get(key) ?? 0;
    if (allowed === 0) throw new Wrong(`${key} was taken by vCPU ${vcpu} though nobody sent it`);
    this.allowed.set(key, allowed - 1);
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
    } else if (operation.op === 'enable' || operation.op === 'disable' || operation.op === 'priority') {
      // the store takes the vCPU out of the guest and in again
      this.#entered(operation.vcpu);
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
  const disabled = new Set<string>();
  for (const operation of operations) {
    if (operation.op === 'priority' && actors.inUse(operation.intid)) continue;
    ledger.before(operation);
    const iar = actors.run(operation);
    if (iar !== undefined && 'vcpu' in operation) ledger.acknowledged(operation.vcpu, iar);
    ledger.after();
    checkListRegisters(guest);
    if (operation.op === 'disable' || operation.op === 'enable') {
      const key = ledger.keyOf(operation.intid, operation.vcpu);
      if (operation.op === 'disable') disabled.add(key);
      else disabled.delete(key);
    }
  }

  for (let vcpu = 0; vcpu < cast.vcpus; vcpu++) {
    actors.run({ op: 'mask', vcpu, mask: 0xff });
    actors.finish(vcpu);
    for (const intid of [...cast.edges, ...cast.levels, ...cast.ppis]) {
      const key = ledger.keyOf(intid, vcpu);
      if (disabled.delete(key)) guest.enable(intid, vcpu);
    }
  }
  ledger.after();
  const due = new Set(ledger.lineHigh);
  drain(actors, (vcpu, iar) => {
    const key = ledger.keyOf(iar & 0x3ff, vcpu);
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

const settings: fc.Arbitrary<Setting> = fc.record({
  config: fc.oneof(
    fc.record({ version: fc.constant(3 as const), listRegisters: fc.constantFrom(1, 2, 4, 16) }),
    fc.record({
      version: fc.constant(2 as const),
      hostVersion: fc.constantFrom(2 as const, 3 as const),
      listRegisters: fc.constantFrom(1, 2, 4, 16),
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

const property = (sabotage?: Sabotage) =>
  fc.property(settings, traffic(CAST), (setting, operations) => deliver(setting, operations, sabotage));

describe('delivery', () => {
  it('no interrupt is lost and none invented, and none is in two list registers, in any order of events', () => {
    fc.assert(property(), { numRuns: 1000 });
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

  it.each(breakages)('the check sees %s', (_what, found, sabotage) => {
    const result = fc.check(property(sabotage), { seed: 1, numRuns: 1000, endOnFailure: true });
    expect(result.failed).toBe(true);
    expect(result.errorInstance).toBeInstanceOf(Wrong);
    expect((result.errorInstance as Wrong).message).toMatch(found);
  });
});
