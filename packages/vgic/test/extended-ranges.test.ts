import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GICD_FEATURE_REGISTERS, GICR_FEATURE_REGISTERS } from '../src/architecture/gicv3-features.js';
import { EPPI_MIN, ESPI_MIN } from '../src/architecture/intid.js';
import { census, type Gic, type Gicv3FeatureConfig, gicv3Features, itsAt, Ram, vgicState } from '../src/index.js';
import { ALL_ONES, Guest, SPURIOUS } from './guest.js';
import { Actors, CAST, deliveries, EXTENDED_CAST, type Operation, prepare } from './traffic.js';

/** GICv3.1's extended PPIs and SPIs. Source: IHI 0069H, 2.2 "INTIDs", 12.8 to 12.11. */

const FEATURES = { extendedSpis: 64, extendedPpis: 32 } as const;
const EXTENDED = { interrupts: 64, features: gicv3Features(FEATURES) };

const withFeatures = (config: Gicv3FeatureConfig) =>
  new Guest({ vcpus: 2, interrupts: 96, features: gicv3Features(config) });

describe('a GIC with extended ranges says so', () => {
  it.each([
    [0, 0, 9],
    [32, 1 << 8, 12],
    [64, (1 << 8) | (1 << 27), 12],
    [1024, ((1 << 8) | (31 << 27)) >>> 0, 12],
  ])('%i extended SPIs: GICD_TYPER.ESPI, ESPI_range and IDbits', (extendedSpis, range, idBits) => {
    const guest = withFeatures({ extendedSpis });
    const plain = new Guest({ interrupts: 96 }).load('GICD_TYPER') & ~(0x1f << 19);
    expect(guest.load('GICD_TYPER')).toBe(((idBits << 19) | range | plain) >>> 0);
  });

  it.each([
    [0, 0],
    [32, 1],
    [64, 2],
  ] as const)('%i extended PPIs: GICR_TYPER.PPInum is %i, of every vCPU', (extendedPpis, ppiNum) => {
    const guest = withFeatures({ extendedPpis });
    expect([0, 1].map((vcpu) => guest.load('GICR_TYPER', 0, vcpu))).toEqual([ppiNum << 27, (ppiNum << 27) | 0x110]);
    expect(guest.load('GICR_TYPER', 4, 1)).toBe(1);
    expect((guest.load('GICD_TYPER') >>> 19) & 0x1f).toBe(extendedPpis === 0 ? 9 : 12);
  });

  it('with LPIs the INTIDs have the bits that LPIs need', () => {
    const memory = new Ram(0x40000000, new Uint8Array(0x10000));
    const guest = new Guest({ ...EXTENDED, memory, its: [itsAt(0x08080000)] });
    expect((guest.load('GICD_TYPER') >>> 19) & 0x1f).toBe(15);
  });

  it.each([
    [{}, 0],
    [{ messageBasedSpis: true }, 0],
    [{ extendedSpis: 32 }, 1],
    [{ extendedPpis: 32 }, 1],
  ] as const)('%j: ICC_CTLR_EL1.ExtRange is %i', (config, extRange) => {
    expect((withFeatures(config).mrs('ICC_CTLR_EL1') >>> 19) & 1).toBe(extRange);
  });
});

describe('registers of the extended ranges', () => {
  const guestWith = (name: string) =>
    new Guest({
      interrupts: 64,
      features: gicv3Features(name.startsWith('GICD') ? { extendedSpis: 64 } : { extendedPpis: 32 }),
    });
  const arrays = [...GICD_FEATURE_REGISTERS, ...GICR_FEATURE_REGISTERS].filter((row) => row.bitsPerInterrupt !== 0);

  it.each(arrays)(
    '$name reads as zero and ignores writes beyond the last interrupt',
    ({ name, bitsPerInterrupt, length }) => {
      const guest = guestWith(name);
      const hash = guest.gic.hash();
      for (let at = (bitsPerInterrupt * (name.startsWith('GICD') ? 64 : 32)) / 8; at < length; at += 4) {
        guest.store(name, ALL_ONES, at);
        expect(guest.load(name, at), `${at}`).toBe(0);
      }
      expect(guest.gic.hash()).toBe(hash);
    },
  );

  it.each(arrays)('$name is of no interrupt where the range has none', ({ name, length }) => {
    const guest = new Guest({
      features: gicv3Features(name.startsWith('GICD') ? { extendedPpis: 64 } : { extendedSpis: 1024 }),
    });
    const hash = guest.gic.hash();
    for (let at = 0; at < length; at += 4) {
      guest.store(name, ALL_ONES, at);
      expect(guest.load(name, at), `${at}`).toBe(0);
    }
    expect(guest.gic.hash()).toBe(hash);
  });

  it.each(arrays.filter(({ name }) => !/IGRPMODR|NSACR/.test(name)))(
    'what is stored to $name is of the interrupts that it says, and of no other',
    ({ name, bitsPerInterrupt, width, length }) => {
      for (let at = 0; at < Math.min(length, 4 * bitsPerInterrupt); at += width / 8) {
        const guest = guestWith(name);
        const set = name.replace(/_IC(?!FGR)/, '_IS');
        if (name !== set) guest.store(set, ALL_ONES, at);
        const before = vgicState(guest.gic).split('\n');
        guest.store(name, /IGROUPR|ICFGR/.test(name) ? ~guest.load(name, at) >>> 0 : ALL_ONES, at);
        const changed = vgicState(guest.gic)
          .split('\n')
          .filter((line, n) => line !== before[n] && /^ +E?[SP]PI/.test(line))
          .map((line) => Number(line.trim().split(/ +/)[1]));
        const first = (name.startsWith('GICD') ? ESPI_MIN : EPPI_MIN) + Math.floor((at * 8) / bitsPerInterrupt);
        const count = Math.max(1, 32 / bitsPerInterrupt);
        expect(changed).toEqual(Array.from({ length: count }, (_, n) => first + n));
      }
    },
  );

  it('IPRIORITYR takes bytes, IROUTER 64 bits or halves of them', () => {
    const guest = new Guest({ ...EXTENDED, vcpus: 2 });
    guest.store('GICD_IPRIORITYRnE', 0x48, 61, 0, 1);
    guest.store('GICR_IPRIORITYRnE', 0x50, 7, 1, 1);
    expect(guest.load('GICD_IPRIORITYRnE', 60)).toBe(0x4800);
    expect([0, 1].map((vcpu) => guest.load('GICR_IPRIORITYRnE', 4, vcpu))).toEqual([0, 0x50000000]);
    guest.store('GICD_IROUTERnE', 1, 8, 0, 4);
    guest.store('GICD_IROUTERnE', 5, 12, 0, 4);
    expect([guest.load('GICD_IROUTERnE', 8, 0, 8), guest.gic.high]).toEqual([1, 0]);
    expect(guest.load('GICD_IROUTER', 33 * 8)).toBe(0);
  });

  it('an extended PPI’s trigger can be configured, of each vCPU by itself', () => {
    const guest = new Guest({ ...EXTENDED, vcpus: 2 });
    guest.setEdge(EPPI_MIN + 17, true, 1);
    expect([0, 1].map((vcpu) => guest.load('GICR_ICFGRnE', 4, vcpu))).toEqual([0, 8]);
  });

  it('what a GIC has without extended ranges is as it is: they are reserved', () => {
    const guest = new Guest();
    for (const { name } of arrays) {
      guest.store(name, ALL_ONES);
      expect(guest.load(name)).toBe(0);
    }
    expect(guest.load('GICD_STATUSR')).toBe(3);
  });
});

describe('interrupts of the extended ranges', () => {
  it('the first and the last extended SPI come from their lines, go where they are routed, and end', () => {
    const guest = Guest.ready({ ...EXTENDED, vcpus: 3 });
    for (const [intid, vcpu] of [
      [4096, 1],
      [4159, 2],
    ]) {
      guest.spi(intid, { vcpu });
      guest.gic.setLine(intid, true);
      expect(guest.serve(0)).toEqual([]);
      expect(guest.serve(vcpu, (iar) => guest.gic.setLine(iar, false))).toEqual([intid]);
    }
  });

  it('each vCPU has an extended PPI of its own', () => {
    const guest = Guest.ready({ ...EXTENDED, vcpus: 3 });
    for (const vcpu of [0, 1, 2]) guest.enable(1087, vcpu);
    guest.gic.setLine(1087, true, 1);
    const low = () => guest.gic.setLine(1087, false, 1);
    expect([guest.serve(0), guest.serve(1, low), guest.serve(2)]).toEqual([[], [1087], []]);
  });

  it('they need deactivation: with EOImode 1 one that is only dropped does not come again', () => {
    const guest = Guest.ready(EXTENDED);
    guest.spi(4100, { edge: true });
    guest.setEoiMode(true);
    guest.gic.setLine(4100, true);
    guest.enter();
    expect(guest.acknowledge()).toBe(4100);
    guest.end(4100);
    guest.exit().gic.setLine(4100, true);
    expect(guest.bit('ISACTIVER', 4100)).toBe(1);
    expect(guest.enter().acknowledge()).toBe(SPURIOUS);
    guest.deactivate(4100);
    guest.exit();
    expect(guest.enter().acknowledge()).toBe(4100);
  });

  it('the end of a level-sensitive extended SPI is told for its line, that of an extended PPI is not', () => {
    const guest = Guest.ready(EXTENDED);
    const resampled: number[] = [];
    guest.gic.events.on('resample', (intid) => resampled.push(intid));
    guest.spi(4100);
    guest.enable(1060);
    for (const intid of [1060, 4100]) guest.gic.setLine(intid, true);
    expect(guest.serve(0, (iar) => guest.gic.setLine(iar, false)).sort()).toEqual([1060, 4100]);
    expect(resampled).toEqual([4100]);
  });

  it('events name their INTID and their vCPU', () => {
    const guest = Guest.ready({ ...EXTENDED, vcpus: 2 });
    const told: unknown[] = [];
    for (const name of ['line', 'queued'] as const)
      guest.gic.events.on(name, (...values: number[]) => told.push([name, ...values]));
    guest.enable(1060, 1);
    guest.spi(4100);
    guest.gic.setLine(1060, true, 1);
    guest.gic.setLine(4100, true);
    expect(told).toEqual([
      ['line', 1, 1060, 1],
      ['queued', 1, 1060],
      ['line', -1, 4100, 1],
      ['queued', 0, 4100],
    ]);
  });

  it.each([15, 64, 1020, 1055, 1088, 1119, 4095, 4160, 5119, 5120, 8191, 8192, 4096.5, -1, Number.NaN, '4096'])(
    'INTID %s has no line, and that is said',
    (intid) => {
      const { gic } = new Guest(EXTENDED);
      expect(() => gic.setLine(intid as number, true)).toThrow(/^intid: /);
      const hash = gic.hash();
      expect(gic.hash()).toBe(hash);
    },
  );

  it('a bigint or a vCPU that there is not is refused with a sentence', () => {
    const { gic } = new Guest(EXTENDED);
    expect(() => gic.setLine(4096n as never, true)).toThrow(/^intid: .*4096n/);
    expect(() => gic.setLine(1056, true, 1)).toThrow(/^vcpu: /);
    expect(() => gic.setLine(1056, true, -1)).toThrow(/^vcpu: /);
  });

  it('people see them: in the text of the state, by kind, and in the census', () => {
    const guest = Guest.ready({ ...EXTENDED, vcpus: 2 });
    guest.spi(4100, { vcpu: 1 });
    guest.gic.setLine(4100, true);
    guest.enable(1060, 1);
    guest.gic.setLine(1060, true, 1);
    const lines = vgicState(guest.gic).split('\n');
    const places = lines.filter((line) => line.endsWith('VCPU_ID')).map((line) => line.slice(0, 6));
    expect(places).toEqual(['VCPU 0', 'VCPU 1', 'SPI  0', 'VCPU 0', 'VCPU 1', 'SPI  0']);
    expect(lines.filter((line) => line.startsWith('      ESPI 4100'))).toEqual([
      '      ESPI 4100      1 0101011        0        1   0 160       1 ',
    ]);
    expect(lines.filter((line) => line.startsWith('      EPPI 1060')).length).toBe(2);
    expect(census(guest.gic)).toMatchObject({ pending: 2, lineHigh: 2 });
  });

  it('a checkpoint has them, and goes to a GIC with the same ranges only', () => {
    const guest = Guest.ready(EXTENDED);
    const { gic } = guest;
    const before = gic.checkpoint();
    const hash = gic.hash();
    guest.spi(4100);
    guest.enable(1060);
    for (const intid of [1060, 4100]) gic.setLine(intid, true);
    expect(gic.hash()).not.toBe(hash);
    gic.rollback(before);
    expect(gic.hash()).toBe(hash);
    expect(guest.serve()).toEqual([]);
    for (const [config, sentence] of [
      [{ extendedSpis: 96 }, "checkpoint: it is of a GIC whose extended PPIs is 32; this one's is 0."],
      [{ extendedSpis: 32 }, "checkpoint: it is of a GIC whose interrupts is 160; this one's is 96."],
      [undefined, "checkpoint: it is of a GIC whose interrupts is 160; this one's is 64."],
    ] as const) {
      const features = config && { features: gicv3Features(config) };
      expect(() => new Guest({ interrupts: 64, ...features }).gic.rollback(before)).toThrow(sentence);
    }
  });
});

// ---- an extended SPI is an SPI, an extended PPI a PPI

/** The extended interrupt that stands for one of {@link CAST}, and the other way round. */
const extendedOf = (intid: number) => (intid < 16 ? intid : intid < 32 ? intid + EPPI_MIN : intid - 32 + ESPI_MIN);
const plainOf = (intid: number | undefined) =>
  intid === undefined || intid < EPPI_MIN ? intid : intid < ESPI_MIN ? intid - EPPI_MIN : intid - ESPI_MIN + 32;

const KINDS = ['IGROUPR', 'ISENABLER', 'ICENABLER', 'ISPENDR', 'ICPENDR', 'ISACTIVER', 'ICACTIVER'] as const;

/** A store that is of PPIs, or of SPIs 32 to 63, and not of SGIs; and the same one of extended interrupts. */
const pairOfStores: fc.Arbitrary<[Operation, Operation]> = fc
  .record({
    kind: fc.constantFrom(...KINDS, 'IPRIORITYR' as const, 'ICFGR' as const),
    shared: fc.boolean(),
    at: fc.nat(3).map((word) => word * 4),
    value: fc.integer({ min: 0, max: 0xffffffff }),
    vcpu: fc.nat(CAST.vcpus - 1),
  })
  .map(({ kind, shared, at, value, vcpu }) => {
    const store = (name: string, offset: number, bits = value): Operation => ({
      op: 'store',
      name,
      at: offset,
      value: bits >>> 0,
      vcpu,
    });
    if (kind === 'IPRIORITYR') {
      return shared
        ? [store('GICD_IPRIORITYR', 32 + at), store('GICD_IPRIORITYRnE', at)]
        : [store('GICR_IPRIORITYR', 16 + at), store('GICR_IPRIORITYRnE', 16 + at)];
    }
    // a PPI's trigger is fixed
    if (kind === 'ICFGR') return [store('GICD_ICFGR', 8 + (at & 4)), store('GICD_ICFGRnE', at & 4)];
    if (shared) return [store(`GICD_${kind}`, 4), store(`GICD_${kind}nE`, 0)];
    const ppis = kind === 'IGROUPR' ? value | 0xffff : value & 0xffff0000;
    return [store(`GICR_${kind}0`, 0, ppis), store(`GICR_${kind}nE`, 0, ppis)];
  });

const pairs: fc.Arbitrary<[Operation, Operation]> = fc.oneof(
  {
    weight: 12,
    arbitrary: deliveries(CAST).map((operation): [Operation, Operation] => [
      operation,
      'intid' in operation ? { ...operation, intid: extendedOf(operation.intid) } : operation,
    ]),
  },
  { weight: 3, arbitrary: pairOfStores },
  {
    weight: 1,
    arbitrary: fc.nat(CAST.vcpus - 1).map((vcpu): [Operation, Operation] => [
      { op: 'deactivate', vcpu },
      { op: 'deactivate', vcpu },
    ]),
  },
);

/** All that there is of an interrupt. */
function stateOf({ irqs }: Gic, vcpu: number, intid: number): unknown[] {
  const i = irqs.indexOf(vcpu, intid);
  const bits = [irqs.latch, irqs.line, irqs.active, irqs.enabled, irqs.group, irqs.edge].map(
    (plane) => (plane[i >>> 5] >>> (i & 31)) & 1,
  );
  return [...bits, irqs.priority[i], irqs.target[i], irqs.affinity[i], irqs.lists.owner[i], irqs.ownerOf(i)];
}

type Sabotage = (gic: Gic) => void;

function alike(
  eoiMode: boolean,
  listRegisters: number,
  list: readonly [Operation, Operation][],
  sabotage: Sabotage = () => {},
): void {
  const config = { ...EXTENDED, vcpus: CAST.vcpus, listRegisters };
  const plain = new Actors(prepare(new Guest(config), CAST), eoiMode);
  const extended = new Actors(prepare(new Guest(config), EXTENDED_CAST), eoiMode);
  sabotage(extended.guest.gic);
  const [a, b] = [plain.guest.gic, extended.guest.gic];
  for (const [n, [one, other]] of list.entries()) {
    expect(plainOf(extended.run(other)), `operation ${n}`).toBe(plain.run(one));
    for (let vcpu = 0; vcpu < CAST.vcpus; vcpu++) {
      const signals = (gic: Gic) => [
        gic.irqAsserted(vcpu),
        gic.fiqAsserted(vcpu),
        gic.maintenanceAsserted(vcpu),
        gic.hasPending(vcpu),
      ];
      expect(signals(b), `operation ${n}`).toEqual(signals(a));
      const ppis = CAST.ppis.map((intid) => [intid, vcpu] as const);
      for (const [intid, owner] of [...ppis, ...[...CAST.edges, ...CAST.levels].map((spi) => [spi, 0] as const)]) {
        expect(stateOf(b, owner, extendedOf(intid)), `operation ${n}, ${intid}`).toEqual(stateOf(a, owner, intid));
      }
    }
  }
}

const alikeProperty = (sabotage?: Sabotage) =>
  fc.property(
    fc.boolean(),
    fc.constantFrom(1, 2, 4),
    fc.array(pairs, { maxLength: 80, size: 'max' }),
    (eoiMode, listRegisters, list) => alike(eoiMode, listRegisters, list, sabotage),
  );

describe('interrupts of the extended ranges and the others', () => {
  it('the same stimuli have the same effect', () => {
    fc.assert(alikeProperty(), { numRuns: 200 });
  });

  it.each<[string, Sabotage]>([
    ['an extended SPI goes to another vCPU', ({ irqs }) => irqs.target.fill(1, irqs.indexOf(0, 4096), irqs.fixedEnd)],
    [
      'two extended INTIDs are one',
      ({ irqs }) => {
        const { extended } = irqs;
        const indexOf = extended!.indexOf.bind(extended);
        extended!.indexOf = (vcpu, intid) => indexOf(vcpu, intid & ~1);
      },
    ],
    [
      'the extended PPIs of all vCPUs are one',
      ({ irqs }) => {
        const { extended } = irqs;
        const indexOf = extended!.indexOf.bind(extended);
        extended!.indexOf = (vcpu, intid) => indexOf(intid < ESPI_MIN ? 0 : vcpu, intid);
      },
    ],
  ])('%s is noticed (negative control)', (_what, sabotage) => {
    expect(fc.check(alikeProperty(sabotage), { numRuns: 200 }).failed).toBe(true);
  });
});
