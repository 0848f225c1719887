import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decode,
  type Field,
  GICC_REGISTERS,
  GICD_FEATURE_REGISTERS,
  GICD_V2_REGISTERS,
  GICD_V2_SIZE,
  GICD_V3_REGISTERS,
  GICD_V3_SIZE,
  GICR_FEATURE_REGISTERS,
  GICR_REGISTERS,
  GICR_SIZE,
  GICR_V4_REGISTERS,
  GICR_V4_SIZE,
  GICV_SIZE,
  GITS_REGISTERS,
  GITS_V4_REGISTERS,
  GITS_V4_SIZE,
  type HasFields,
  ICC_REGISTERS,
  ICH_REGISTERS,
  ITS_SIZE,
  offsetsOf,
  PROPBASER_FIELDS,
  type RegisterDescription,
  SYSTEM_REGISTER_ORDER,
  SYSTEM_REGISTERS,
  type SystemRegisterDescription,
  VPENDBASER_V40_FIELDS,
} from '../src/architecture/index.js';
import { SYSTEM_REGISTER_ROWS, systemRegisterAt } from '../src/cpu-interface/system-registers.js';
import { CPU_INTERFACE_V2 } from '../src/frames/cpu-interface-v2.js';
import { DISTRIBUTOR_V2 } from '../src/frames/distributor-v2.js';
import { DISTRIBUTOR_V3 } from '../src/frames/distributor-v3.js';
import { FEATURED_DISTRIBUTOR, FEATURED_REDISTRIBUTOR } from '../src/frames/gicv3-features.js';
import { ITS_FRAME } from '../src/frames/its.js';
import { REDISTRIBUTOR } from '../src/frames/redistributor.js';
import { PHYSICAL_ITS_FRAME, PHYSICAL_REDISTRIBUTOR } from '../src/physical-gic/physical-frames.js';

/**
 * The register maps against the architecture's tables, written down a second time by their offsets alone: everything else
 * finds its registers by the maps.
 */

type Expected = readonly (readonly [name: string, offset: number, length: number])[];

/** IHI 0069, "The GIC Distributor register map". */
const GICD_V3: Expected = [
  ['GICD_CTLR', 0x0000, 4],
  ['GICD_TYPER', 0x0004, 4],
  ['GICD_IIDR', 0x0008, 4],
  ['GICD_TYPER2', 0x000c, 4],
  ['GICD_STATUSR', 0x0010, 4],
  ['GICD_IGROUPR', 0x0080, 0x80],
  ['GICD_ISENABLER', 0x0100, 0x80],
  ['GICD_ICENABLER', 0x0180, 0x80],
  ['GICD_ISPENDR', 0x0200, 0x80],
  ['GICD_ICPENDR', 0x0280, 0x80],
  ['GICD_ISACTIVER', 0x0300, 0x80],
  ['GICD_ICACTIVER', 0x0380, 0x80],
  ['GICD_IPRIORITYR', 0x0400, 0x400],
  ['GICD_ITARGETSR', 0x0800, 0x400],
  ['GICD_ICFGR', 0x0c00, 0x100],
  ['GICD_IGRPMODR', 0x0d00, 0x80],
  ['GICD_IROUTER', 0x6000, 0x2000],
  ['GICD_IDREGS', 0xffd0, 0x30],
];

/** IHI 0069, "The GIC Redistributor register map": RD and SGI frame. */
const GICR: Expected = [
  ['GICR_CTLR', 0x0000, 4],
  ['GICR_IIDR', 0x0004, 4],
  ['GICR_TYPER', 0x0008, 8],
  ['GICR_STATUSR', 0x0010, 4],
  ['GICR_WAKER', 0x0014, 4],
  ['GICR_PROPBASER', 0x0070, 8],
  ['GICR_PENDBASER', 0x0078, 8],
  ['GICR_INVLPIR', 0x00a0, 8],
  ['GICR_INVALLR', 0x00b0, 8],
  ['GICR_SYNCR', 0x00c0, 4],
  ['GICR_IDREGS', 0xffd0, 0x30],
  ['GICR_IGROUPR0', 0x10080, 4],
  ['GICR_ISENABLER0', 0x10100, 4],
  ['GICR_ICENABLER0', 0x10180, 4],
  ['GICR_ISPENDR0', 0x10200, 4],
  ['GICR_ICPENDR0', 0x10280, 4],
  ['GICR_ISACTIVER0', 0x10300, 4],
  ['GICR_ICACTIVER0', 0x10380, 4],
  ['GICR_IPRIORITYR', 0x10400, 0x20],
  ['GICR_ICFGR', 0x10c00, 8],
  ['GICR_IGRPMODR0', 0x10d00, 4],
  ['GICR_NSACR', 0x10e00, 4],
];

/** The same two tables: message-based SPIs, and GICv3.1's extended SPI and PPI ranges. */
const GICD_FEATURES: Expected = [
  ['GICD_SETSPI_NSR', 0x0040, 4],
  ['GICD_CLRSPI_NSR', 0x0048, 4],
  ['GICD_SETSPI_SR', 0x0050, 4],
  ['GICD_CLRSPI_SR', 0x0058, 4],
  ['GICD_IGROUPRnE', 0x1000, 0x80],
  ['GICD_ISENABLERnE', 0x1200, 0x80],
  ['GICD_ICENABLERnE', 0x1400, 0x80],
  ['GICD_ISPENDRnE', 0x1600, 0x80],
  ['GICD_ICPENDRnE', 0x1800, 0x80],
  ['GICD_ISACTIVERnE', 0x1a00, 0x80],
  ['GICD_ICACTIVERnE', 0x1c00, 0x80],
  ['GICD_IPRIORITYRnE', 0x2000, 0x400],
  ['GICD_ICFGRnE', 0x3000, 0x100],
  ['GICD_IGRPMODRnE', 0x3400, 0x80],
  ['GICD_NSACRnE', 0x3600, 0x100],
  ['GICD_IROUTERnE', 0x8000, 0x2000],
];
const GICR_FEATURES: Expected = [
  ['GICR_IGROUPRnE', 0x10084, 8],
  ['GICR_ISENABLERnE', 0x10104, 8],
  ['GICR_ICENABLERnE', 0x10184, 8],
  ['GICR_ISPENDRnE', 0x10204, 8],
  ['GICR_ICPENDRnE', 0x10284, 8],
  ['GICR_ISACTIVERnE', 0x10304, 8],
  ['GICR_ICACTIVERnE', 0x10384, 8],
  ['GICR_IPRIORITYRnE', 0x10420, 0x40],
  ['GICR_ICFGRnE', 0x10c08, 0x10],
  ['GICR_IGRPMODRnE', 0x10d04, 8],
];

/** IHI 0048, "Distributor register map" and "CPU interface register map". */
const GICD_V2: Expected = [
  ['GICD_CTLR', 0x000, 4],
  ['GICD_TYPER', 0x004, 4],
  ['GICD_IIDR', 0x008, 4],
  ['GICD_IGROUPR', 0x080, 0x80],
  ['GICD_ISENABLER', 0x100, 0x80],
  ['GICD_ICENABLER', 0x180, 0x80],
  ['GICD_ISPENDR', 0x200, 0x80],
  ['GICD_ICPENDR', 0x280, 0x80],
  ['GICD_ISACTIVER', 0x300, 0x80],
  ['GICD_ICACTIVER', 0x380, 0x80],
  ['GICD_IPRIORITYR', 0x400, 0x400],
  ['GICD_ITARGETSR', 0x800, 0x400],
  ['GICD_ICFGR', 0xc00, 0x100],
  ['GICD_SGIR', 0xf00, 4],
  ['GICD_CPENDSGIR', 0xf10, 0x10],
  ['GICD_SPENDSGIR', 0xf20, 0x10],
];
const GICC: Expected = [
  ['GICC_CTLR', 0x00, 4],
  ['GICC_PMR', 0x04, 4],
  ['GICC_BPR', 0x08, 4],
  ['GICC_IAR', 0x0c, 4],
  ['GICC_EOIR', 0x10, 4],
  ['GICC_RPR', 0x14, 4],
  ['GICC_HPPIR', 0x18, 4],
  ['GICC_ABPR', 0x1c, 4],
  ['GICC_AIAR', 0x20, 4],
  ['GICC_AEOIR', 0x24, 4],
  ['GICC_AHPPIR', 0x28, 4],
  ['GICC_APR', 0xd0, 0x10],
  ['GICC_IIDR', 0xfc, 4],
  ['GICC_DIR', 0x1000, 4],
];

/** IHI 0069, "The ITS register map"; what GICv4.1 adds. */
const GITS: Expected = [
  ['GITS_CTLR', 0x0000, 4],
  ['GITS_IIDR', 0x0004, 4],
  ['GITS_TYPER', 0x0008, 8],
  ['GITS_CBASER', 0x0080, 8],
  ['GITS_CWRITER', 0x0088, 8],
  ['GITS_CREADR', 0x0090, 8],
  ['GITS_BASER', 0x0100, 0x40],
  ['GITS_IDREGS', 0xffd0, 0x30],
];
const GITS_V4: Expected = [...GITS, ['GITS_MPIDR', 0x0018, 4], ['GITS_SGIR', 0x20020, 8]];
const GICR_V4: Expected = [
  ...GICR,
  ['GICR_SETLPIR', 0x0040, 8],
  ['GICR_CLRLPIR', 0x0048, 8],
  ['GICR_VPROPBASER', 0x20070, 8],
  ['GICR_VPENDBASER', 0x20078, 8],
  ['GICR_VSGIR', 0x20080, 4],
  ['GICR_VSGIPENDR', 0x20088, 4],
];

const FEATURED_GICD = [...GICD_V3_REGISTERS, ...GICD_FEATURE_REGISTERS];
const FEATURED_GICR = [...GICR_REGISTERS, ...GICR_FEATURE_REGISTERS];

const MAPS: readonly (readonly [string, readonly RegisterDescription[], number])[] = [
  ['GICv3 distributor with all features', FEATURED_GICD, GICD_V3_SIZE],
  ['redistributor with all features', FEATURED_GICR, GICR_SIZE],
  ['GICv3 distributor', GICD_V3_REGISTERS, GICD_V3_SIZE],
  ['redistributor', GICR_REGISTERS, GICR_SIZE],
  ['GICv2 distributor', GICD_V2_REGISTERS, GICD_V2_SIZE],
  ['GICv2 CPU interface', GICC_REGISTERS, GICV_SIZE],
  ['ITS', GITS_REGISTERS, ITS_SIZE],
  ['redistributor of a GICv4', GICR_V4_REGISTERS, GICR_V4_SIZE],
  ['ITS of a GICv4', GITS_V4_REGISTERS, GITS_V4_SIZE],
];

/** What is wrong with the fields of a register of so many bits. */
function fieldFaults(fields: readonly Field[], width: number): string[] {
  const faults: string[] = [];
  let taken = 0n;
  for (const { name, lsb, width: bits } of fields) {
    const mask = ((1n << BigInt(bits)) - 1n) << BigInt(lsb);
    if (bits < 1 || bits > 52 || lsb < 0 || lsb + bits > width) faults.push(`${name} is outside`);
    if (taken & mask) faults.push(`${name} overlaps`);
    taken |= mask;
  }
  if (new Set(fields.map(({ name }) => name)).size !== fields.length) faults.push('a name twice');
  return faults;
}

describe('register maps', () => {
  it.each<[string, readonly RegisterDescription[], Expected]>([
    ['GICv3 distributor', GICD_V3_REGISTERS, GICD_V3],
    ['redistributor', GICR_REGISTERS, GICR],
    ['GICv3 distributor with all features', FEATURED_GICD, [...GICD_V3, ...GICD_FEATURES]],
    ['redistributor with all features', FEATURED_GICR, [...GICR, ...GICR_FEATURES]],
    ['GICv2 distributor', GICD_V2_REGISTERS, GICD_V2],
    ['GICv2 CPU interface', GICC_REGISTERS, GICC],
    ['ITS', GITS_REGISTERS, GITS],
    ['redistributor of a GICv4', GICR_V4_REGISTERS, GICR_V4],
    ['ITS of a GICv4', GITS_V4_REGISTERS, GITS_V4],
  ])('the %s has each register where the architecture has it', (_name, map, expected) => {
    expect(map.map(({ name, offset, length }) => [name, offset, length])).toEqual(expected);
  });

  it('the frames have their sizes', () => {
    expect([GICD_V3_SIZE, GICR_SIZE, GICD_V2_SIZE, GICV_SIZE]).toEqual([0x10000, 0x20000, 0x1000, 0x2000]);
  });

  /** IHI 0069, 12.2: op0 3, op1 0, then CRn, CRm, op2. */
  it.each([
    ['ICC_PMR_EL1', 4, 6, 0],
    ['ICC_IAR0_EL1', 12, 8, 0],
    ['ICC_EOIR0_EL1', 12, 8, 1],
    ['ICC_HPPIR0_EL1', 12, 8, 2],
    ['ICC_BPR0_EL1', 12, 8, 3],
    ['ICC_AP0R0_EL1', 12, 8, 4],
    ['ICC_AP0R1_EL1', 12, 8, 5],
    ['ICC_AP0R2_EL1', 12, 8, 6],
    ['ICC_AP0R3_EL1', 12, 8, 7],
    ['ICC_AP1R0_EL1', 12, 9, 0],
    ['ICC_AP1R1_EL1', 12, 9, 1],
    ['ICC_AP1R2_EL1', 12, 9, 2],
    ['ICC_AP1R3_EL1', 12, 9, 3],
    ['ICC_DIR_EL1', 12, 11, 1],
    ['ICC_RPR_EL1', 12, 11, 3],
    ['ICC_SGI1R_EL1', 12, 11, 5],
    ['ICC_ASGI1R_EL1', 12, 11, 6],
    ['ICC_SGI0R_EL1', 12, 11, 7],
    ['ICC_IAR1_EL1', 12, 12, 0],
    ['ICC_EOIR1_EL1', 12, 12, 1],
    ['ICC_HPPIR1_EL1', 12, 12, 2],
    ['ICC_BPR1_EL1', 12, 12, 3],
    ['ICC_CTLR_EL1', 12, 12, 4],
    ['ICC_SRE_EL1', 12, 12, 5],
    ['ICC_IGRPEN0_EL1', 12, 12, 6],
    ['ICC_IGRPEN1_EL1', 12, 12, 7],
  ] as const)('%s is S3_0_C%i_C%i_%i', (name, crn, crm, op2) => {
    expect(SYSTEM_REGISTERS[name]).toBe((3 << 14) | (crn << 7) | (crm << 3) | op2);
  });

  /** IHI 0069, 12.4: op0 3, op1 4, CRn 12, then CRm, op2. */
  it.each([
    ['ICH_AP0R3_EL2', 8, 3],
    ['ICH_AP1R0_EL2', 9, 0],
    ['ICH_HCR_EL2', 11, 0],
    ['ICH_VTR_EL2', 11, 1],
    ['ICH_MISR_EL2', 11, 2],
    ['ICH_EISR_EL2', 11, 3],
    ['ICH_ELRSR_EL2', 11, 5],
    ['ICH_VMCR_EL2', 11, 7],
    ['ICH_LR0_EL2', 12, 0],
    ['ICH_LR7_EL2', 12, 7],
    ['ICH_LR8_EL2', 13, 0],
    ['ICH_LR15_EL2', 13, 7],
  ] as const)('%s is S3_4_C12_C%i_%i', (name, crm, op2) => {
    const found = ICH_REGISTERS.find((row) => row.name === name);
    expect(found?.encoding).toBe((3 << 14) | (4 << 11) | (12 << 7) | (crm << 3) | op2);
  });

  it.each(MAPS)('no two registers of the %s overlap or reach beyond it', (_name, map, size) => {
    const rows = [...map].sort((a, b) => a.offset - b.offset);
    for (let n = 1; n < rows.length; n++) {
      expect(rows[n].offset, rows[n].name).toBeGreaterThanOrEqual(rows[n - 1].offset + rows[n - 1].length);
    }
    expect(rows.at(-1)!.offset + rows.at(-1)!.length).toBeLessThanOrEqual(size);
  });

  it.each(MAPS)('registers of the %s are aligned, and can be accessed in their width', (_name, map) => {
    for (const { name, offset, width, count, length, widths } of map) {
      expect(offset % (width / 8), name).toBe(0);
      expect(length, name).toBe((count * width) / 8);
      expect(widths & (width / 8), name).not.toBe(0);
      expect(widths & ~(width === 64 ? 12 : /^GICD_(SET|CLR)SPI/.test(name) ? 6 : 5), name).toBe(0);
    }
  });
});

describe('fields', () => {
  const all: readonly (readonly [string, HasFields, number])[] = [
    ...MAPS.flatMap(([frame, map]) => map.map((row) => [`${row.name} of a ${frame}`, row, row.width] as const)),
    ...[...ICC_REGISTERS, ...ICH_REGISTERS].map((row) => [row.name, row, row.width] as const),
    ['GICR_VPROPBASER of GICv4.0', { fields: PROPBASER_FIELDS }, 64],
    ['GICR_VPENDBASER of GICv4.0', { fields: VPENDBASER_V40_FIELDS }, 64],
  ];

  it('of every register are inside of it, disjoint, and have each a name of its own', () => {
    for (const [name, { fields }, width] of all) expect(fieldFaults(fields, width), name).toEqual([]);
  });

  it('are listed from the highest', () => {
    for (const [name, { fields }] of all) {
      const places = fields.map(({ lsb }) => lsb);
      expect(places, name).toEqual([...places].sort((a, b) => b - a));
    }
  });

  it.each([
    ['outside', [{ name: 'A', lsb: 31, width: 2 }], ['A is outside']],
    [
      'overlapping',
      [
        { name: 'A', lsb: 4, width: 4 },
        { name: 'B', lsb: 0, width: 5 },
      ],
      ['B overlaps'],
    ],
    [
      'namesakes',
      [
        { name: 'A', lsb: 4, width: 4 },
        { name: 'A', lsb: 0, width: 4 },
      ],
      ['a name twice'],
    ],
  ])('that are %s are seen (negative control)', (_what, fields, faults) => {
    expect(fieldFaults(fields, 32)).toEqual(faults);
  });

  it('that can only be written are fields of their register', () => {
    for (const [, map] of MAPS) {
      for (const { fields, writeOnlyFields } of map) {
        expect(fields.map(({ name }) => name)).toEqual(expect.arrayContaining([...writeOnlyFields]));
      }
    }
  });

  const row = (name: string): HasFields => {
    const rows: readonly (HasFields & { name: string })[] = [
      ...MAPS.flatMap(([, map]) => map),
      ...ICC_REGISTERS,
      ...ICH_REGISTERS,
    ];
    return rows.find((each) => each.name === name)!;
  };

  it('decode a value for people', () => {
    expect(decode(row('GICD_TYPER'), 0x007a0007)).toMatchObject({
      IDbits: 15,
      LPIS: 1,
      ITLinesNumber: 7,
      CPUNumber: 0,
    });
    expect(decode(row('ICC_CTLR_EL1'), 0x8403)).toMatchObject({ A3V: 1, PRIbits: 4, EOImode: 1, CBPR: 1, SEIS: 0 });
    expect(decode(row('GICC_IAR'), 0x0c05)).toEqual({ CPUID: 3, Interrupt_ID: 5 });
    expect(decode(row('GICD_ISENABLER'), 0xff)).toEqual({});
  });

  it.each([
    ['as one number', [0x5020_0027_0000_2001n]],
    ['in halves', [0x2001, 0x5020_0027]],
    ['in halves with sign', [0x2001, 0x5020_0027 | 0]],
  ] as const)('decode 64 bits given %s', (_how, value) => {
    expect(decode(row('ICH_LR0_EL2'), ...(value as [number, number]))).toEqual({
      State: 1,
      HW: 0,
      Group: 1,
      NMI: 0,
      Priority: 0x20,
      pINTID: 0x27,
      vINTID: 0x2001,
    });
  });

  it('decoded and put together again are the value without its reserved bits', () => {
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), ([, register], value) => {
        const values = decode(register, value);
        let together = 0n;
        let known = 0n;
        for (const { name, lsb, width } of register.fields) {
          together |= BigInt(values[name]) << BigInt(lsb);
          known |= ((1n << BigInt(width)) - 1n) << BigInt(lsb);
        }
        expect(together).toBe(value & known);
      }),
    );
  });

  it('lie where the offsets say', () => {
    expect(offsetsOf(GITS_REGISTERS).GITS_CWRITER).toBe(0x88);
  });
});

describe('registers and what they do', () => {
  it.each([
    ['GICv3 distributor', DISTRIBUTOR_V3, GICD_V3_REGISTERS],
    ['redistributor', REDISTRIBUTOR, GICR_REGISTERS],
    ['GICv3 distributor with all features', FEATURED_DISTRIBUTOR, FEATURED_GICD],
    ['redistributor with all features', FEATURED_REDISTRIBUTOR, FEATURED_GICR],
    ['GICv2 distributor', DISTRIBUTOR_V2, GICD_V2_REGISTERS],
    ['GICv2 CPU interface', CPU_INTERFACE_V2, GICC_REGISTERS],
    ['ITS', ITS_FRAME, GITS_REGISTERS],
    ['redistributor of a GICv4', PHYSICAL_REDISTRIBUTOR, GICR_V4_REGISTERS],
    ['ITS of a GICv4', PHYSICAL_ITS_FRAME, GITS_V4_REGISTERS],
  ] as const)(
    'each register of the %s is found by name and by each of its offsets, and no other',
    (_name, frame, map) => {
      const found = new Map<number, string>();
      for (let offset = 0; offset < frame.size; offset += 4) {
        const row = frame.at(offset);
        if (row !== undefined) found.set(offset, row.name);
      }
      for (const { name, offset, length } of map) {
        expect(frame.named(name)?.offset).toBe(offset);
        for (let at = 0; at < length; at += 4) {
          expect(found.get(offset + at)).toBe(name);
          found.delete(offset + at);
        }
      }
      expect([...found]).toEqual([]);
    },
  );

  it('only the CPU interface of a GICv2 is reached without leaving the guest', () => {
    const frames = [DISTRIBUTOR_V2, DISTRIBUTOR_V3, REDISTRIBUTOR, ITS_FRAME, CPU_INTERFACE_V2];
    expect(frames.filter(({ traps }) => !traps)).toEqual([CPU_INTERFACE_V2]);
  });

  it('each system register has the columns that its access, its traps and its place in a save ask for', () => {
    expect(SYSTEM_REGISTER_ROWS.map(({ name }) => name)).toEqual(ICC_REGISTERS.map(({ name }) => name));
    for (const row of SYSTEM_REGISTER_ROWS) {
      const { name, access, saved, trappedBy } = row;
      expect(row.read !== undefined, name).toBe(access !== 'write-only');
      expect(row.write !== undefined || row.emulate !== undefined, name).toBe(access !== 'read-only');
      expect(row.emulate === undefined || trappedBy === 'always', name).toBe(true);
      expect([row.userRead !== undefined, row.userWrite !== undefined], name).toEqual(
        Array(2).fill(saved !== undefined),
      );
    }
  });

  it('each system register is found by its encoding, and nothing by any other', () => {
    const names: string[] = [];
    for (let encoding = -1; encoding < 0x20000; encoding++) {
      const row = systemRegisterAt(encoding);
      if (row === undefined) continue;
      expect(row.encoding).toBe(encoding);
      names.push(row.name);
    }
    expect(names.sort()).toEqual(ICC_REGISTERS.map(({ name }) => name).sort());
  });

  it('no two system registers share an encoding', () => {
    const rows: readonly SystemRegisterDescription[] = [...ICC_REGISTERS, ...ICH_REGISTERS];
    expect(new Set(rows.map(({ encoding }) => encoding)).size).toBe(rows.length);
  });

  it('a save takes the system registers in the order in which they can be restored', () => {
    expect(SYSTEM_REGISTER_ORDER).toEqual([
      'ICC_SRE_EL1',
      'ICC_PMR_EL1',
      'ICC_BPR0_EL1',
      'ICC_BPR1_EL1',
      'ICC_CTLR_EL1',
      ...[0, 1, 2, 3].map((n) => `ICC_AP0R${n}_EL1`),
      ...[0, 1, 2, 3].map((n) => `ICC_AP1R${n}_EL1`),
      'ICC_IGRPEN0_EL1',
      'ICC_IGRPEN1_EL1',
    ]);
  });
});
