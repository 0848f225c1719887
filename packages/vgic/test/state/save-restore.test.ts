import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Gic,
  type GicConfig,
  GicError,
  type GicState,
  gicv3Features,
  type KvmCompatibility,
  type Registers,
  type RegisterValue,
  restoreGic,
  saveGic,
  vgicState,
} from '../../src/index.js';
import { fromRecords, toRecords } from '../../src/kvm/index.js';
import { ARCHITECTURE, BOTH_WAYS, Guest } from '../guest.js';
import { readyMachine } from '../machine.js';
import {
  Actors,
  CAST,
  type Cast,
  controls,
  deliveries,
  EXTENDED_CAST,
  EXTENDED_STATE_REGISTERS,
  type Operation,
  prepare,
  STATE_REGISTERS,
  stores,
} from '../traffic.js';

/** A restored GIC behaves as the saved one: the guest notices nothing. */

const copy = (state: GicState): GicState => JSON.parse(JSON.stringify(state));

type Tamper = (state: GicState) => unknown;

/** A fresh GIC of the same kind that goes on from here, and the guests on it. */
function restored(actors: Actors, config: GicConfig, tamper: Tamper = (state) => state): Actors {
  const gic = new Gic(config);
  restoreGic(gic, { state: tamper(copy(saveGic(actors.guest.gic).state)) as GicState });
  const twin = new Actors(new Guest(config, gic));
  for (const [vcpu, stack] of actors.stacks.entries()) twin.stacks[vcpu].push(...stack);
  for (const [vcpu, dropped] of actors.dropped.entries()) twin.dropped[vcpu].push(...dropped);
  return Object.assign(twin, { eoiMode: actors.eoiMode });
}

/** Everything that software on a vCPU can see without changing it. */
function view(guest: Guest): string[] {
  const seen: string[] = [];
  for (const name of [...STATE_REGISTERS[guest.version], ...EXTENDED_STATE_REGISTERS]) {
    if (name.endsWith('nE') && guest.gic.config.features === undefined) continue;
    const { length } = guest.description(name);
    for (let at = 0; at < Math.min(length, name.includes('IPRIORITYR') ? 64 : 16); at += 4) {
      for (let vcpu = 0; vcpu < guest.gic.irqs.vcpus; vcpu++) {
        seen.push(`${name}+${at}@${vcpu}=${guest.load(name, at, vcpu).toString(16)}`);
      }
    }
  }
  for (let vcpu = 0; vcpu < guest.gic.irqs.vcpus; vcpu++) {
    const { gic } = guest;
    seen.push(`hasPending@${vcpu}=${gic.hasPending(vcpu)}`);
    const names =
      guest.version === 3
        ? ([
            'ICC_PMR_EL1',
            'ICC_BPR0_EL1',
            'ICC_BPR1_EL1',
            'ICC_CTLR_EL1',
            'ICC_RPR_EL1',
            'ICC_IGRPEN0_EL1',
            'ICC_IGRPEN1_EL1',
          ] as const)
        : [];
    for (const name of names) seen.push(`${name}@${vcpu}=${guest.mrs(name, vcpu)}`);
    if (guest.version === 2) {
      for (const name of ['CTLR', 'PMR', 'BPR', 'ABPR', 'RPR', 'APR'] as const) {
        seen.push(`GICV_${name}@${vcpu}=${guest.gicvLoad(name, vcpu)}`);
      }
    }
  }
  return seen;
}

const BOTH_CASTS: Cast = {
  ...CAST,
  edges: [...CAST.edges.slice(3), ...EXTENDED_CAST.edges],
  levels: [...CAST.levels.slice(2), ...EXTENDED_CAST.levels],
  ppis: [...CAST.ppis, ...EXTENDED_CAST.ppis],
};

interface Setting {
  config: GicConfig;
  eoiMode: boolean;
}

/** Runs some traffic, saves, and runs the rest on the saved GIC and on the restored one: they must do the same. */
function compare(
  { config, eoiMode }: Setting,
  before: readonly Operation[],
  after: readonly Operation[],
  tamper?: Tamper,
): void {
  const actors = new Actors(prepare(new Guest(config), config.features ? BOTH_CASTS : CAST), eoiMode);
  for (const operation of before) actors.run(operation);
  for (let vcpu = 0; vcpu < CAST.vcpus; vcpu++) actors.guest.gic.exit(vcpu);
  const twin = restored(actors, config, tamper);
  expect(vgicState(twin.guest.gic)).toBe(vgicState(actors.guest.gic));
  expect(view(twin.guest)).toEqual(view(actors.guest));
  for (const [n, operation] of after.entries()) {
    expect(twin.run(operation), `operation ${n}`).toBe(actors.run(operation));
    for (let vcpu = 0; vcpu < CAST.vcpus; vcpu++) {
      const signals = ({ guest: { gic } }: Actors) => [
        gic.irqAsserted(vcpu),
        gic.fiqAsserted(vcpu),
        gic.maintenanceAsserted(vcpu),
        gic.hasPending(vcpu),
      ];
      expect(signals(twin), `operation ${n}`).toEqual(signals(actors));
    }
  }
  for (const each of [actors, twin]) for (let vcpu = 0; vcpu < CAST.vcpus; vcpu++) each.guest.gic.exit(vcpu);
  expect(view(twin.guest)).toEqual(view(actors.guest));
  expect(vgicState(twin.guest.gic)).toBe(vgicState(actors.guest.gic));
}

const base = { vcpus: CAST.vcpus, interrupts: 64 };
const version3: fc.Arbitrary<GicConfig> = fc.record({
  version: fc.constant(3 as const),
  listRegisters: fc.constantFrom(1, 2, 4),
  priorityBits: fc.constantFrom(5, 6, 7, 8),
  vcpus: fc.constant(base.vcpus),
  interrupts: fc.constant(base.interrupts),
});
const version2: fc.Arbitrary<GicConfig> = fc.record({
  version: fc.constant(2 as const),
  hostVersion: fc.constantFrom(2 as const, 3 as const),
  listRegisters: fc.constantFrom(1, 2, 4),
  vcpus: fc.constant(base.vcpus),
  interrupts: fc.constant(base.interrupts),
});

const version31: fc.Arbitrary<GicConfig> = fc
  .tuple(version3, fc.constantFrom(32 as const, 64 as const))
  .map(([config, extendedPpis]) => ({ ...config, features: gicv3Features({ extendedSpis: 32, extendedPpis }) }));

const operations = (version: 2 | 3, cast = CAST, names = STATE_REGISTERS[version]) =>
  fc.array(
    fc.oneof(
      { weight: 12, arbitrary: deliveries(cast) },
      { weight: 2, arbitrary: stores(cast, version, names) },
      { weight: 1, arbitrary: controls(CAST, version) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('deactivate' as const), vcpu: fc.nat(CAST.vcpus - 1) }) },
    ),
    { maxLength: 60, size: 'max' },
  );

const extendedOperations = operations(3, BOTH_CASTS, [
  ...STATE_REGISTERS[3],
  ...EXTENDED_STATE_REGISTERS,
  ...EXTENDED_STATE_REGISTERS,
]);

const property = (config: fc.Arbitrary<GicConfig>, tamper: Tamper | undefined, some: fc.Arbitrary<Operation[]>) =>
  fc.property(fc.record({ config, eoiMode: fc.boolean() }), some, some, (setting, before, after) =>
    compare(setting, before, after, tamper),
  );

const following = (configs: fc.Arbitrary<GicConfig>, kvm: KvmCompatibility) =>
  configs.map((config) => ({ ...config, kvm }));

describe.each(BOTH_WAYS)('save and restore, %s', (_way, kvm) => {
  it('a restored GICv3 goes on exactly as the saved one, wherever it was saved', () => {
    fc.assert(property(following(version3, kvm), undefined, operations(3)), { numRuns: 200 });
  });

  it('so does one with extended ranges', () => {
    fc.assert(property(following(version31, kvm), undefined, extendedOperations), { numRuns: 200 });
  });

  it('a restored GICv2 goes on exactly as the saved one, wherever it was saved', () => {
    fc.assert(property(following(version2, kvm), undefined, operations(2)), { numRuns: 200 });
  });
});

describe('save and restore', () => {
  it.each([2, 3] as const)(
    'a GICv%i’s state is plain JSON; saving changes nothing; a restored GIC saves the same',
    (version) => {
      const guest = busy(version);
      const before = vgicState(guest.gic);
      const { state } = saveGic(guest.gic);
      expect(vgicState(guest.gic)).toBe(before);
      expect(copy(state)).toEqual(state);
      const gic = new Gic(guest.gic.config);
      restoreGic(gic, { state: copy(state) });
      expect(saveGic(gic).state).toEqual(state);
    },
  );

  it.each([
    ['the order in which interrupts of one priority became pending is kept in KVM 6.12', '6.12', [50, 33, 41, 38]],
    ['interrupts of one priority are taken by INTID, before and after', ARCHITECTURE, [33, 38, 41, 50]],
  ] as const)('%s', (_what, kvm, order) => {
    const guest = Guest.ready({ interrupts: 64, kvm });
    for (const intid of [50, 33, 41, 38]) {
      guest.spi(intid, { edge: true });
      guest.gic.setLine(intid, true);
    }
    const gic = new Gic(guest.gic.config);
    restoreGic(gic, saveGic(guest.gic));
    expect(new Guest({}, gic).serve()).toEqual(order);
    expect(guest.serve()).toEqual(order);
  });

  it('an active interrupt is ended after the restore, and the running priority holds until then', () => {
    const guest = Guest.ready({ interrupts: 64 });
    for (const [intid, priority] of [
      [40, 0x80],
      [41, 0xa0],
    ]) {
      guest.spi(intid, { edge: true, priority });
      guest.gic.setLine(intid, true);
    }
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    guest.exit();
    const gic = new Gic(guest.gic.config);
    restoreGic(gic, saveGic(guest.gic));
    const other = new Guest({}, gic).enter();
    expect([other.mrs('ICC_RPR_EL1'), other.acknowledge()]).toEqual([0x80, 1023]);
    other.end(40);
    expect(other.acknowledge()).toBe(41);
  });

  it('a line that is high is restored without an edge, and the fall of it is seen', () => {
    const guest = Guest.ready({ interrupts: 64 });
    guest.spi(40);
    guest.spi(41, { edge: true });
    guest.gic.setLine(40, true);
    const gic = new Gic(guest.gic.config);
    restoreGic(gic, saveGic(guest.gic));
    const other = new Guest({}, gic);
    gic.setLine(40, false);
    expect(other.serve()).toEqual([]);
  });

  it('a state goes to a host with other list registers', () => {
    const guest = Guest.ready({ interrupts: 64, listRegisters: 16 });
    for (let intid = 40; intid < 50; intid++) {
      guest.spi(intid, { edge: true });
      guest.gic.setLine(intid, true);
    }
    guest.enter().exit();
    const gic = new Gic({ ...guest.gic.config, listRegisters: 1 });
    restoreGic(gic, saveGic(guest.gic));
    expect(new Guest({}, gic).serve().sort()).toEqual(Array.from({ length: 10 }, (_, n) => 40 + n));
  });

  it('an interrupt that KVM has left unqueued, since it came while the distributor was off, is delivered after a restore', () => {
    const guest = Guest.ready({ interrupts: 64 });
    guest.spi(40, { edge: true });
    guest.store('GICD_CTLR', 0);
    guest.gic.setLine(40, true);
    guest.store('GICD_CTLR', 2);
    const gic = new Gic(guest.gic.config);
    restoreGic(gic, saveGic(guest.gic));
    expect(new Guest({}, gic).serve()).toEqual([40]);
  });

  it('what a KVM has not is refused by its records, with a sentence', () => {
    const sentence = 'KVM records: a KVM has neither message-based SPIs nor extended ranges; features is to be null.';
    const { state } = saveGic(new Gic({ version: 3, vcpus: 1, features: gicv3Features({ messageBasedSpis: true }) }));
    expect(() => toRecords(state)).toThrow(sentence);
    expect(() => fromRecords(state.gic, { device: [], its: [] })).toThrow(sentence);
  });

  it.each([2, 3] as const)(
    'the records of a GICv%i are accepted by KVM’s device, in their order, and carry the state',
    (version) => {
      const guest = busy(version);
      const records = toRecords(saveGic(guest.gic).state);
      const { device, guest: other } = readyMachine(version, { vcpus: 2 });
      for (const { group, attr, value } of records.device) {
        expect(device.set(group, BigInt(attr), { value: BigInt(value) }), `${group} ${attr}`).toBe(0);
      }
      const taken = [0, 1].map((vcpu) => other.serve(vcpu).sort());
      expect(taken).toEqual([0, 1].map((vcpu) => guest.serve(vcpu).sort()));
      expect(taken.flat().length).toBeGreaterThan(5);
    },
  );
});

/** Known to be wrong: each of these turns red when it is mended, and becomes a plain test then. */
describe('save and restore of what KVM’s interface can’t carry', () => {
  it('a GICv2’s interrupt that only its line holds pending is not pending any more when the line falls after the restore', () => {
    const guest = Guest.ready({ version: 2, interrupts: 64 });
    guest.spi(40);
    guest.gic.setLine(40, true);
    const gic = new Gic(guest.gic.config);
    restoreGic(gic, saveGic(guest.gic));
    gic.setLine(40, false);
    expect(new Guest({}, gic).serve()).toEqual([]);
  });

  it('with 8 bits of priority the running priority holds over a restore', () => {
    const guest = Guest.ready({ interrupts: 64, priorityBits: 8 });
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    guest.exit();
    const gic = new Gic(guest.gic.config);
    restoreGic(gic, saveGic(guest.gic));
    expect(new Guest({}, gic).mrs('ICC_RPR_EL1')).toBe(0xa0);
  });
});

/** A GIC of two vCPUs with something of everything. */
function busy(version: 2 | 3): Guest {
  const guest = Guest.ready({ version, vcpus: 2 });
  for (const intid of [33, 34, 35]) {
    guest.spi(intid, { edge: true, priority: 0x40 + 8 * (intid & 7), vcpu: intid & 1 });
    guest.gic.setLine(intid, true);
  }
  guest.spi(40, { edge: true, priority: 0x20 });
  guest.gic.setLine(40, true);
  guest.enable(27, 1);
  guest.mark('ISPENDR', 27, 1);
  guest.sendSgi(3, [0, 1], 0);
  guest.sendSgi(4, [1], 1);
  guest.enter(0);
  guest.acknowledge(0);
  guest.end(40, 0);
  guest.gic.setLine(40, true);
  guest.exit(0);
  return guest;
}

describe('a state that can’t be saved or restored', () => {
  const code = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      if (error instanceof GicError) return error.code;
      throw error;
    }
    return undefined;
  };

  it('a GIC with a vCPU in the guest is neither saved nor restored: EBUSY', () => {
    const guest = Guest.ready({ interrupts: 64 });
    const state = saveGic(guest.gic);
    guest.enter();
    expect([code(() => saveGic(guest.gic)), code(() => restoreGic(guest.gic, state))]).toEqual(['EBUSY', 'EBUSY']);
    guest.gic.leave(0);
    expect(code(() => saveGic(guest.gic))).toBe('EBUSY');
    guest.exit();
    expect(code(() => saveGic(guest.gic))).toBeUndefined();
  });

  it.each([
    ['of another version of GIC', { version: 2 as const }],
    ['of another number of vCPUs', { vcpus: 3 }],
    ['of another number of interrupts', { interrupts: 96 }],
  ])('a state %s is refused: EINVAL', (_what, other) => {
    const guest = Guest.ready({ interrupts: 64, vcpus: 2 });
    const gic = new Gic({ version: 3, vcpus: 2, interrupts: 64, ...other });
    expect(code(() => restoreGic(gic, saveGic(guest.gic)))).toBe('EINVAL');
  });

  it.each([
    ['more bits of priority', { priorityBits: 7 }],
    ['more bits of INTID', { idBits: 1 }],
    ['SErrors', { seis: true }],
    ['no affinity 3', { affinity3: false }],
  ])('a state from a host with %s, which the guest would miss, is refused: EINVAL', (_what, source) => {
    const guest = Guest.ready({ interrupts: 64, ...source });
    const gic = new Gic({ version: 3, vcpus: 1, interrupts: 64 });
    expect(code(() => restoreGic(gic, saveGic(guest.gic)))).toBe('EINVAL');
  });

  it('a refusal says which register of which vCPU does not take what', () => {
    const guest = Guest.ready({ interrupts: 64, vcpus: 2 });
    const { state } = saveGic(guest.gic);
    const cpuInterfaces = state.cpuInterfaces.with(1, { ...state.cpuInterfaces[1], ICC_SRE_EL1: 6 });
    expect(() => restoreGic(new Gic(guest.gic.config), { state: { ...state, cpuInterfaces } })).toThrow(
      'GIC state, cpuInterfaces[1].ICC_SRE_EL1: this GIC does not take 6: EINVAL.',
    );
  });

  it.each<[string, GicConfig, GicConfig, string]>([
    [
      'the distributor',
      { distributorBase: 0x07000000 },
      {},
      'frames.distributor: this GIC has "0x8000000", not "0x7000000"',
    ],
    [
      'the redistributors',
      {},
      { redistributorBase: 0x09000000 },
      'frames.redistributors[0]: this GIC has "0x9000000", not "0x80a0000"',
    ],
    [
      'a GICv2’s CPU interface',
      { version: 2, cpuInterfaceBase: 0x09000000 },
      { version: 2 },
      'frames.cpuInterface: this GIC has "0x8010000", not "0x9000000"',
    ],
    ['the priorities', { priorityBits: 5 }, { priorityBits: 7 }, 'cpuInterface.priorityBits: this GIC has 7, not 5'],
    ['the INTIDs', { idBits: 1 }, {}, 'cpuInterface.idBits: this GIC has 0, not 1'],
    ['the affinity', { affinity3: false }, {}, 'cpuInterface.affinity3: this GIC has true, not false'],
    ['the SErrors', { seis: true }, {}, 'cpuInterface.seis: this GIC has false, not true'],
    ['the LPIs', { idBits: 1, intidBits: 20 }, { idBits: 1 }, 'intidBits: this GIC has 16, not 20'],
    ['the SPIs', { interrupts: 128 }, {}, 'interrupts: this GIC has 64, not 128'],
    ['the vCPUs', { vcpus: 3 }, {}, 'vcpus: this GIC has 1, not 3'],
    ['the version', { version: 2 }, {}, 'version: this GIC has 3, not 2'],
    [
      'the extended SPIs',
      { features: gicv3Features({ extendedSpis: 64 }) },
      { features: gicv3Features({ extendedSpis: 32 }) },
      'features.extendedSpis: this GIC has 32, not 64',
    ],
    [
      'message-based SPIs',
      { features: gicv3Features({ messageBasedSpis: true }) },
      {},
      'features: this GIC has null, not an object',
    ],
    ['no extended PPIs', {}, { features: gicv3Features({ extendedPpis: 32 }) }, 'features: an object, not null'],
  ] as [string, GicConfig, GicConfig, string][])(
    'a guest that would find %s elsewhere or otherwise is not restored, and the sentence has the field and both values',
    (_what, there, here, sentence) => {
      const config: GicConfig = { version: 3, vcpus: 1, interrupts: 64 };
      const { state } = saveGic(new Gic({ ...config, ...there }));
      expect(() => restoreGic(new Gic({ ...config, ...here }), { state })).toThrow(`GIC state, gic.${sentence}.`);
    },
  );

  it('a state of an older vgic is refused with a sentence', () => {
    const gic = new Gic({ version: 3, vcpus: 1 });
    expect(() => restoreGic(gic, { state: { version: 1, records: [] } as never })).toThrow(
      'The GIC state is in format 1, of an older vgic; this one reads format 3.',
    );
  });
});

/** A check that cannot fail is none: here a part of the state gets lost on the way, and the comparison must see it. */
describe('negative controls of save and restore', () => {
  const zero = (value: RegisterValue) => (typeof value === 'number' ? 0 : '0x0');
  const zeroed = (registers: Registers, name: string, at?: number) => {
    const value = registers[name];
    const zeros = Array.isArray(value)
      ? value.map((each: RegisterValue, n) => (at === undefined || n === at ? zero(each) : each))
      : zero(value as RegisterValue);
    return { ...registers, [name]: zeros };
  };
  /** A register, or the first of an array, is zero. */
  const without =
    (room: 'distributor' | 'banked' | 'redistributors' | 'cpuInterfaces', name: string, at?: number): Tamper =>
    (state) => ({
      ...state,
      [room]:
        room === 'distributor'
          ? zeroed(state.distributor, name, at)
          : state[room].map((registers) => zeroed(registers, name, at)),
    });
  /** What a guest can tell in KVM 6.12 alone has that with it. */
  const losses: [string, 2 | 3, Tamper, KvmCompatibility?][] = [
    ['the lines', 3, (state) => ({ ...state, lines: state.lines.map(() => 0) })],
    [
      'the order of the queues',
      3,
      (state) => ({ ...state, queues: state.queues.map((queue) => [...queue].reverse()) }),
      '6.12',
    ],
    ['the pending SPIs', 3, without('distributor', 'GICD_ISPENDR')],
    ['the pending SGIs and PPIs', 3, without('redistributors', 'GICR_ISPENDR0')],
    ['the active SPIs', 3, without('distributor', 'GICD_ISACTIVER')],
    ['the priorities of SPI 32 to 35', 3, without('distributor', 'GICD_IPRIORITYR', 0)],
    ['the route of SPI 32', 3, without('distributor', 'GICD_IROUTER', 0)],
    ['the priority mask', 3, without('cpuInterfaces', 'ICC_PMR_EL1')],
    ['the active priorities', 3, without('cpuInterfaces', 'ICC_AP1R0_EL1')],
    ['the active priorities of a GICv2', 2, without('cpuInterfaces', 'GICC_APR')],
    ['the senders of pending SGIs', 2, without('banked', 'GICD_SPENDSGIR')],
    ['the senders of active SGIs', 2, (state) => ({ ...state, activeSources: [] }), '6.12'],
    ['the targets of SPI 32 to 35', 2, without('distributor', 'GICD_ITARGETSR', 0)],
    ['the lines of a GICv2', 2, (state) => ({ ...state, lines: state.lines.map(() => 0) })],
  ];

  const extendedLosses: [string, Tamper][] = [
    ['the pending extended SPIs', without('distributor', 'GICD_ISPENDRnE')],
    ['the pending extended PPIs', without('redistributors', 'GICR_ISPENDRnE')],
    ['the active extended SPIs', without('distributor', 'GICD_ISACTIVERnE')],
    ['the groups of extended PPIs', without('redistributors', 'GICR_IGROUPRnE')],
    ['the triggers of extended PPIs', without('redistributors', 'GICR_ICFGRnE')],
    ['the priorities of extended SPI 4096 to 4099', without('distributor', 'GICD_IPRIORITYRnE', 0)],
    ['the route of extended SPI 4096', without('distributor', 'GICD_IROUTERnE', 0)],
  ];

  it.each([
    ...losses.map(
      ([what, version, tamper, kvm = ARCHITECTURE]) =>
        [what, tamper, following(version === 3 ? version3 : version2, kvm), operations(version)] as const,
    ),
    ...extendedLosses.map(([what, tamper]) => [what, tamper, version31, extendedOperations] as const),
  ])('the comparison sees that %s are missing', (_what, tamper, config, some) => {
    const result = fc.check(property(config, tamper, some), {
      // always the same streams: that one of them shows the loss is not left to chance
      seed: 1,
      numRuns: 300,
      endOnFailure: true,
    });
    expect(result.failed).toBe(true);
    expect((result.errorInstance as Error).name).toBe('AssertionError');
  });
});
