import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GITS_REGISTERS } from '../../src/architecture/its.js';
import { COMMANDS, Command, GicError, type GicState, restoreGic, saveGic, vgicState } from '../../src/index.js';
import { testBit } from '../../src/interrupts/bitmap.js';
import { restoreDetachedLpis } from '../../src/state/detached-lpis.js';
import { GICD_BASE, GICR_BASE } from '../guest.js';
import { ITS_BASE } from '../its-guest.js';
import { DEVICE, FIRST_LPI, PassedThrough } from './passed-through.js';

/**
 * Whatever a guest with forwarded MSIs writes, and whatever a snapshot holds that is restored on a host with GICv4: nothing
 * is thrown but a refusal of the snapshot, and the guest's GIC and the host's agree on what is forwarded.
 */

const VERSIONS = [41, 40] as const;
const VCPUS = 2;
const MSIS = 8;

/** @throws where one side has a forwarding that the other has not, or another one. */
function checkAgreement({ gic, forwarding, host }: PassedThrough): void {
  const { irqs } = gic;
  const forwarded = new Set<number>();
  for (const msi of forwarding.forwardings()) {
    const { intid = -1 } = forwarding.forwardingOf(msi) ?? {};
    const i = irqs.lpiIndex(intid);
    forwarded.add(i);
    if (!testBit(irqs.onVpe, i) || testBit(irqs.latch, i) || forwarding.msiOf(i) !== msi) {
      throw new Error(`MSI ${msi} is forwarded, and the GIC has its LPI ${intid}.`);
    }
    const mapping = host.mappingOf(msi);
    const right = mapping?.intid === intid && (irqs.target[i] < 0 || mapping.vpe === forwarding.vpes[irqs.target[i]]);
    if (!right) throw new Error(`The host sends MSI ${msi} elsewhere than to LPI ${intid}.`);
  }
  irqs.eachLpi((i) => {
    if (testBit(irqs.onVpe, i) === forwarded.has(i)) return true;
    throw new Error(`LPI ${irqs.intidOf(i)} is the host’s, but nothing is forwarded to it.`);
  });
  for (let msi = 0; msi < host.msis; msi++) {
    if ((host.mappingOf(msi) !== undefined) === (forwarding.forwardingOf(msi) !== undefined)) continue;
    throw new Error(`The host has MSI ${msi} forwarded, the GIC has not, or the other way round.`);
  }
  for (let i = 0; i < irqs.sharedBase; i++) {
    if (!testBit(irqs.onVpe, i)) continue;
    if (!forwarding.hasVsgis || testBit(irqs.latch, i)) throw new Error(`SGI ${i & 31} is no vSGI.`);
  }
}

/** Every vCPU takes something, and the machine is asked for all that it is asked for. */
function use(machine: PassedThrough): void {
  const { gic, guest } = machine;
  for (let msi = 0; msi < MSIS; msi++) machine.msi(msi);
  for (let vcpu = 0; vcpu < VCPUS; vcpu++) {
    guest.serve(vcpu, () => {}, 20);
    gic.exit(vcpu);
    gic.wait(vcpu);
    gic.hasPending(vcpu);
  }
  expect(vgicState(gic).length).toBeLessThan(200_000);
  gic.savePendingTables();
  checkAgreement(machine);
}

function forwarded(gicv4: 40 | 41): PassedThrough {
  const machine = PassedThrough.ready({ gicv4, vcpus: VCPUS });
  for (let event = 0; event < 4; event++) expect(machine.forward(event)).toBe(0);
  machine.event('MOVI', 2, { collection: 1 });
  return machine;
}

const word = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 2, 5, 7, 0x102, 0x112, 8192, 8193, 0xffff, 0x4000_0000, 0x8000_0000, 0xffffffff),
);
/** Fields that hit what is there as often as not. */
const near = fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: word });
const fields = fc.record({
  deviceId: fc.oneof({ weight: 6, arbitrary: fc.constant(DEVICE) }, { weight: 1, arbitrary: near }),
  eventId: fc.nat(9),
  intid: fc.oneof(fc.integer({ min: FIRST_LPI, max: FIRST_LPI + 6 }), word),
  collection: near,
  target: near,
  target2: near,
  valid: fc.nat(1),
  size: fc.nat(31),
});
const names = Object.keys(COMMANDS) as (keyof typeof COMMANDS)[];

type Step = (machine: PassedThrough) => void;
const vcpu = fc.nat(VCPUS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom(...names), fields).map(
      ([name, given]): Step =>
        (machine) => {
          const ittAddress = machine.its.itt(DEVICE) / 256;
          machine.its.submit([Command.of(name, { ...given, ittAddress })]);
        },
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...GITS_REGISTERS.map(({ offset }) => offset)), fc.constantFrom(1, 2, 4, 8), word, word)
      .map(
        ([at, width, low, high]): Step =>
          ({ gic }) => {
            gic.write(0, ITS_BASE + at, width, low, high);
            gic.read(0, ITS_BASE + at, width);
          },
      ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        vcpu,
        fc.constantFrom(0, 0x70, 0x78, 0x10000, 0x10080, 0x10100, 0x10180, 0x10200, 0x10280, 0x10400),
        word,
        word,
      )
      .map(
        ([n, at, low, high]): Step =>
          ({ gic }) => {
            for (const width of [4, 8]) gic.write(n, GICR_BASE + n * 0x20000 + at, width, low, high);
            gic.read(n, GICR_BASE + n * 0x20000 + at, 4);
          },
      ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(vcpu, fc.constantFrom(0, 4, 8, 0x80, 0x100, 0xf00), word).map(
      ([n, at, low]): Step =>
        ({ gic }) => {
          gic.write(n, GICD_BASE + at, 4, low, 0);
          gic.read(n, GICD_BASE + at, 4);
        },
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(fc.nat(MSIS - 1), fc.nat(9), fc.nat(3)).map(
      ([msi, event, what]): Step =>
        (machine) => {
          if (what === 0) machine.unforward(msi);
          else if (what === 1) machine.forward(event, msi);
          else machine.msi(msi);
        },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(vcpu, fc.nat(3)).map(
      ([n, what]): Step =>
        ({ gic, guest }) => {
          if (what === 0) gic.enter(n);
          else if (what === 1) gic.exit(n);
          else if (what === 2) gic.wait(n);
          else if (gic.isInGuest(n)) guest.acknowledge(n);
        },
    ),
  },
);

describe.each(VERSIONS)('a hostile guest (GICv4 version %i)', (gicv4) => {
  it('throws nothing, and leaves host and GIC agreed on what is forwarded', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const machine = forwarded(gicv4);
        for (const each of steps) {
          each(machine);
          checkAgreement(machine);
        }
        use(machine);
        machine.gic.close();
        for (let msi = 0; msi < MSIS; msi++) expect(machine.host.mappingOf(msi)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });
});

it('a negative control: a forwarding that one side forgets is noticed', () => {
  const machine = forwarded(41);
  checkAgreement(machine);
  machine.host.unmapVlpi(1);
  expect(() => checkAgreement(machine)).toThrow();
});

it('the state of an LPI that is forwarded already goes to the host', () => {
  const machine = forwarded(41);
  const lpi = { intid: FIRST_LPI, priority: 0x40, enabled: true };
  restoreDetachedLpis(machine.gic, [{ ...lpi, target: 1, pending: true }]);
  checkAgreement(machine);
  expect([machine.isLatched(FIRST_LPI), machine.isPendingOnHost(FIRST_LPI, 1)]).toEqual([false, true]);
  machine.gic.enter(1);
  machine.guest.acknowledge(1);
  expect(machine.guest.mrs('ICC_RPR_EL1', 1)).toBe(0x40);
  machine.guest.end(FIRST_LPI, 1);
  restoreDetachedLpis(machine.gic, [{ ...lpi, target: 0, pending: true }]);
  restoreDetachedLpis(machine.gic, [{ ...lpi, target: 0, pending: false }]);
  expect([machine.taken(0), machine.taken(1)]).toEqual([[], []]);
});

// ---- snapshots

type Path = (string | number)[];
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, child]) => pathsOf(child, [...path, key]))];
}

/** A copy in which one place has another value, or is not there. */
function changed(state: unknown, path: Path, value: unknown): unknown {
  const copy = { root: structuredClone(state) };
  let holder: Record<string | number, unknown> = copy;
  let key: string | number = 'root';
  for (const each of path) {
    holder = holder[key] as typeof holder;
    key = each;
  }
  if (value === undefined && Array.isArray(holder)) holder.splice(Number(key), 1);
  else if (value === undefined) delete holder[key];
  else holder[key] = value;
  return copy.root;
}

const poison = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, false, -1, 0, 1, 2, 3, 8191, 8192, 8193, 65536, 2 ** 32, 0.5, [], {}),
  fc.constantFrom<unknown>([8192], [8193, 8192], [[8192], []]),
  fc.record({
    intid: fc.integer({ min: 8190, max: 8200 }),
    target: fc.integer({ min: -1, max: 2 }),
    priority: fc.constantFrom(0, 0x40, 0xfc, 0xff),
    enabled: fc.boolean(),
    pending: fc.boolean(),
  }),
  fc.integer({ min: 0, max: 0xffffffff }).map((n) => `0x${n.toString(16)}`),
  fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }).map((n) => `0x${n.toString(16)}`),
);

describe.each(VERSIONS)('a hostile snapshot (GICv4 version %i)', (gicv4) => {
  /** Of a machine with LPIs pending, one of which no translation leads to any more, and SGIs that are vSGIs. */
  const source = PassedThrough.ready({ gicv4: 41, vcpus: VCPUS });
  source.guest.store('GICD_CTLR', 0);
  source.guest.store('GICD_CTLR', 0x102);
  for (let event = 0; event < 3; event++) source.forward(event);
  for (let event = 0; event < 4; event++) source.msi(event);
  source.guest.sendSgi(3, [0]);
  source.issue('MOVALL', { target: 0, target2: 1 });
  const saved = saveGic(source.gic);
  const state = JSON.parse(JSON.stringify(saved.state)) as GicState;
  const ram = source.its.memory.bytes.slice();
  const paths = pathsOf(state);

  function survive(snapshot: unknown, bytes: Uint8Array): 'restored' | 'refused' {
    const machine = new PassedThrough({ gicv4, vcpus: VCPUS }, { guest: source.its, bytes });
    let outcome: 'restored' | 'refused' = 'restored';
    try {
      restoreGic(machine.gic, { ...saved, state: snapshot as GicState });
    } catch (error) {
      if (!(error instanceof GicError)) throw error;
      outcome = 'refused';
    }
    checkAgreement(machine);
    for (let event = 0; event < 4; event++) machine.forward(event);
    checkAgreement(machine);
    use(machine);
    // once more, over a GIC that is not fresh and forwards
    try {
      restoreGic(machine.gic, { ...saved, state: snapshot as GicState });
    } catch (error) {
      if (!(error instanceof GicError)) throw error;
    }
    checkAgreement(machine);
    use(machine);
    return outcome;
  }

  it('is restored where nothing is wrong with it', () => {
    expect(survive(state, ram.slice())).toBe('restored');
  });

  it('throws nothing but a GicError, and host and GIC agree', () => {
    const seen = { restored: 0, refused: 0 };
    const change = fc.tuple(fc.nat(1_000_000), poison);
    const store = fc.tuple(fc.nat(ram.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 3 }),
        fc.array(store, { maxLength: 8 }),
        (list, stores) => {
          let snapshot: unknown = state;
          for (const [at, value] of list) {
            const places = snapshot === state ? paths : pathsOf(snapshot);
            snapshot = changed(snapshot, places[at % places.length], value);
          }
          const bytes = ram.slice();
          for (const [at, byte] of stores) bytes[at] = byte;
          seen[survive(snapshot, bytes)]++;
        },
      ),
      { numRuns: 100 },
    );
    expect(Math.min(seen.restored, seen.refused)).toBeGreaterThan(0);
  });
});
