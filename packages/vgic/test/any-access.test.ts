import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GICD_V3_REGISTERS } from '../src/architecture/distributor-v3.js';
import { GICC_REGISTERS, GICD_V2_REGISTERS } from '../src/architecture/gicv2.js';
import { GICD_FEATURE_REGISTERS, GICR_FEATURE_REGISTERS } from '../src/architecture/gicv3-features.js';
import { GICR_REGISTERS, GICR_SIZE } from '../src/architecture/redistributor.js';
import {
  Gic,
  type GicConfig,
  type Gicv3Features,
  gicv3Features,
  SYSTEM_REGISTERS,
  saveGic,
  vgicState,
} from '../src/index.js';
import { GICD_BASE, GICR_BASE, GICV_BASE } from './guest.js';

/** The guest is hostile: whatever it loads, stores, reads or writes, nothing is thrown and nothing leaves its bounds. */

const VCPUS = 3;
const EXTENDED_INTIDS = [1056, 1087, 4096, 4110, 4159];
const FEATURES = gicv3Features({ messageBasedSpis: true, extendedSpis: 64, extendedPpis: 32 });

type Access =
  | { what: 'load'; vcpu: number; address: number; size: number }
  | { what: 'store'; vcpu: number; address: number; size: number; low: number; high: number }
  | { what: 'mrs'; vcpu: number; encoding: number }
  | { what: 'msr'; vcpu: number; encoding: number; low: number; high: number }
  | { what: 'line'; vcpu: number; intid: number; level: boolean }
  | { what: 'enter' | 'exit'; vcpu: number };

const word = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 2, 3, 0x3ff, 1020, 1023, 8192, 0x80000000, 0xffffffff),
);
const vcpu = fc.nat(VCPUS - 1);

/** Mostly near a register, also inside of it, across its end and that of the frame; sometimes anywhere. */
function addresses(version: 2 | 3): fc.Arbitrary<number> {
  const starts =
    version === 3
      ? [
          ...[...GICD_V3_REGISTERS, ...GICD_FEATURE_REGISTERS].map((row) => ({
            base: GICD_BASE + row.offset,
            length: row.length,
          })),
          ...[0, 1, 2].flatMap((n) =>
            [...GICR_REGISTERS, ...GICR_FEATURE_REGISTERS].map((row) => ({
              base: GICR_BASE + n * GICR_SIZE + row.offset,
              length: row.length,
            })),
          ),
        ]
      : [
          ...GICD_V2_REGISTERS.map((row) => ({ base: GICD_BASE + row.offset, length: row.length })),
          ...GICC_REGISTERS.map((row) => ({ base: GICV_BASE + row.offset, length: row.length })),
        ];
  const near = fc
    .tuple(fc.constantFrom(...starts), fc.nat(0x2000), fc.constantFrom(0, 0, 0, 0, 1, 2, 3, -1, -4))
    .map(([{ base, length }, at, off]) => base + ((at * 4) % length) + off);
  return fc.oneof(
    { weight: 20, arbitrary: near },
    { weight: 2, arbitrary: fc.integer({ min: GICD_BASE - 16, max: GICD_BASE + 0x200000 }) },
    { weight: 1, arbitrary: fc.maxSafeNat() },
    { weight: 1, arbitrary: fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 52, Number.MAX_SAFE_INTEGER) },
  );
}

function accesses(version: 2 | 3): fc.Arbitrary<Access> {
  const address = addresses(version);
  const size = fc.oneof({ weight: 10, arbitrary: fc.constant(4) }, { weight: 4, arbitrary: fc.constantFrom(1, 2, 8) });
  const encoding = fc.oneof(fc.constantFrom(...Object.values(SYSTEM_REGISTERS)), fc.nat(0xffff));
  const intid = fc.oneof(fc.integer({ min: 16, max: 127 }), fc.constantFrom(...EXTENDED_INTIDS));
  const op = <const Name extends string>(name: Name) => fc.constant(name);
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ what: op('load'), vcpu, address, size }) },
    { weight: 8, arbitrary: fc.record({ what: op('store'), vcpu, address, size, low: word, high: word }) },
    { weight: 3, arbitrary: fc.record({ what: op('mrs'), vcpu, encoding }) },
    { weight: 3, arbitrary: fc.record({ what: op('msr'), vcpu, encoding, low: word, high: word }) },
    {
      weight: 2,
      arbitrary: fc.record({ what: op('line'), vcpu, intid, level: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.record({ what: op('enter'), vcpu }) },
    { weight: 1, arbitrary: fc.record({ what: op('exit'), vcpu }) },
  ) as fc.Arbitrary<Access>;
}

class OutOfBounds extends Error {}

function isWord(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

function run(gic: Gic, access: Access): void {
  switch (access.what) {
    case 'load': {
      const low = gic.read(access.vcpu, access.address, access.size);
      if (!isWord(low) || !isWord(gic.high)) throw new OutOfBounds(`read ${low}, ${gic.high}`);
      break;
    }
    case 'store':
      gic.write(access.vcpu, access.address, access.size, access.low, access.high);
      break;
    case 'mrs': {
      const value = gic.readSystemRegister(access.vcpu, access.encoding);
      if (value !== -1 && !isWord(value)) throw new OutOfBounds(`MRS ${value}`);
      break;
    }
    case 'msr':
      gic.writeSystemRegister(access.vcpu, access.encoding, access.low, access.high);
      break;
    case 'line':
      if (access.intid < 128 || gic.config.features) gic.setLine(access.intid, access.level, access.vcpu);
      break;
    case 'enter':
      gic.enter(access.vcpu);
      break;
    case 'exit':
      gic.exit(access.vcpu);
      break;
  }
}

/** What must hold of the state at any time. */
function check(gic: Gic): void {
  const { irqs } = gic;
  const bad = (what: string) => {
    throw new OutOfBounds(what);
  };
  const interrupts = irqs.fixedEnd;
  for (let i = 0; i < interrupts; i++) {
    if (irqs.target[i] < -1 || irqs.target[i] >= VCPUS) bad(`target ${irqs.target[i]}`);
    if (irqs.priority[i] & 7) bad(`priority ${irqs.priority[i]}`);
    if (irqs.version === 2 && irqs.targets[i] >>> VCPUS) bad(`targets ${irqs.targets[i]}`);
    if (irqs.activeSource[i] > 7) bad(`active source ${irqs.activeSource[i]}`);
  }
  const { lists } = irqs;
  const listed = new Set<number>();
  for (let v = 0; v < VCPUS; v++) {
    let length = 0;
    for (let i = lists.head[v]; i >= 0; i = lists.next[i]) {
      if (listed.has(i)) bad(`${i} is listed twice`);
      listed.add(i);
      if (lists.owner[i] !== v) bad(`${i} is in the list of ${v}, not of ${lists.owner[i]}`);
      if (irqs.ownerOf(i) >= 0 && irqs.ownerOf(i) !== v) bad(`vCPU ${v} has the private interrupt ${i}`);
      length++;
    }
    if (length !== lists.length[v]) bad(`length ${lists.length[v]}`);
    const cpu = gic.cpuInterface(v);
    if (!isWord(cpu.hcr) || !isWord(cpu.vmcr) || cpu.used > cpu.listRegisters) bad(`interface of ${v}`);
    if (gic.irqAsserted(v) && gic.fiqAsserted(v)) bad('IRQ and FIQ for one interrupt');
    gic.maintenanceAsserted(v);
    gic.hasPending(v);
  }
  for (let i = 0; i < interrupts; i++) if (lists.owner[i] >= 0 && !listed.has(i)) bad(`${i} is in no list`);
}

function attack(
  config: Pick<GicConfig, 'version' | 'features'>,
  list: readonly Access[],
  sabotage: (gic: Gic) => void = () => {},
): void {
  const gic = new Gic({ ...config, vcpus: VCPUS, interrupts: 128, listRegisters: 2 });
  const gicd = GICD_BASE;
  gic.write(0, gicd, 4, 3, 0);
  sabotage(gic);
  for (const access of list) {
    run(gic, access);
    check(gic);
  }
  for (let v = 0; v < VCPUS; v++) gic.exit(v);
  check(gic);
  if (JSON.stringify(saveGic(gic).state).length + vgicState(gic).length > 100_000)
    throw new OutOfBounds('the state grows');
}

const property = (version: 2 | 3, sabotage?: (gic: Gic) => void, features?: Gicv3Features) =>
  fc.property(fc.array(accesses(version), { minLength: 1, maxLength: 150, size: 'max' }), (list) =>
    attack({ version, ...(features && { features }) }, list, sabotage),
  );

describe('any access', () => {
  it.each([2, 3] as const)(
    'of a GICv%i’s guest throws nothing, reads unsigned 32 bits, and keeps the state in bounds',
    (version) => {
      fc.assert(property(version), { numRuns: 200 });
    },
  );

  it('nor does any of the guest of a GICv3 with message-based SPIs and extended ranges', () => {
    fc.assert(property(3, undefined, FEATURES), { numRuns: 200 });
  });

  it.each([
    [2, 'as KVM has it', {}],
    [3, 'as KVM has it', {}],
    [3, 'with all features', { features: FEATURES }],
  ] as const)('of each width to each address of the frames of a GICv%i %s throws nothing', (version, _what, config) => {
    const gic = new Gic({ version, vcpus: VCPUS, interrupts: 128, ...config });
    const frames =
      version === 3
        ? [
            [GICD_BASE, 0x10000],
            [GICR_BASE, 2 * GICR_SIZE],
          ]
        : [
            [GICD_BASE, 0x1000],
            [GICV_BASE, 0x2000],
          ];
    for (const [base, size] of frames) {
      for (let address = base; address < base + size; address++) {
        const width = [4, 1, 8, 2][address & 3];
        for (const aligned of [address & ~(width - 1), address]) {
          gic.write(1, aligned, width, 0xa5a5a5a5, 0x5a5a5a5a);
          run(gic, { what: 'load', vcpu: 1, address: aligned, size: width });
        }
      }
    }
    check(gic);
  });

  it('of a system register with any encoding throws nothing', () => {
    const gic = new Gic({ version: 3, vcpus: 1 });
    for (const inGuest of [false, true]) {
      if (inGuest) gic.enter(0);
      for (let encoding = 0; encoding < 0x10000; encoding++) {
        run(gic, { what: 'mrs', vcpu: 0, encoding });
        run(gic, { what: 'msr', vcpu: 0, encoding, low: encoding, high: encoding });
      }
    }
  });

  it.each([
    ['the last byte of a frame and the first behind it', GICD_BASE + 0x10000 - 2],
    ['the first byte of a frame and the last before it', GICD_BASE - 2],
  ])('to %s belongs to no frame', (_what, address) => {
    const gic = new Gic({ version: 3, vcpus: 1, redistributorBase: 0x10000000 });
    expect(gic.contains(address, 4)).toBe(false);
    expect(gic.read(0, address, 4)).toBe(0);
  });
});

describe('negative controls of any access', () => {
  const breakages: [string, (gic: Gic) => void][] = [
    [
      'a read that is signed',
      (gic) => {
        const read = gic.read.bind(gic);
        gic.read = (v, address, size) => read(v, address, size) | 0;
      },
    ],
    [
      'a priority with more bits than there are',
      (gic) => {
        const write = gic.write.bind(gic);
        gic.write = (v, address, size, low, high) => {
          write(v, address, size, low, high);
          if (size === 1) gic.irqs.priority[40] = 0xff;
        };
      },
    ],
    [
      'an interrupt in two lists',
      (gic) => {
        const setLine = gic.setLine.bind(gic);
        gic.setLine = (intid, level, v) => {
          setLine(intid, level, v);
          const { lists } = gic.irqs;
          if (lists.head[0] >= 0) lists.append(1, lists.head[0]);
        };
      },
    ],
    [
      'an upper half that is none',
      (gic) => {
        const read = gic.read.bind(gic);
        gic.read = (v, address, size) => {
          const value = read(v, address, size);
          if (size === 8) gic.high = -1;
          return value;
        };
      },
    ],
  ];
  it.each(breakages)('the check sees %s', (_what, sabotage) => {
    const result = fc.check(property(3, sabotage), { seed: 1, numRuns: 300, endOnFailure: true });
    expect(result.failed).toBe(true);
    expect(result.errorInstance).toBeInstanceOf(OutOfBounds);
  });
});
