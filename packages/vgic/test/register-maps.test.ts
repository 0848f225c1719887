import { describe, expect, it } from 'vitest';
import { GICD_V3_REGISTERS, GICD_V3_SIZE } from '../src/architecture/distributor-v3.js';
import { GICC_REGISTERS, GICD_V2_REGISTERS, GICD_V2_SIZE, GICV, GICV_SIZE } from '../src/architecture/gicv2.js';
import { GICR_REGISTERS, GICR_SIZE } from '../src/architecture/redistributor.js';
import type { RegisterDescription } from '../src/architecture/register-map.js';
import { SYSTEM_REGISTERS } from '../src/index.js';

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
  ['GICC_ABPR', 0x1c, 4],
  ['GICC_APR', 0xd0, 0x10],
  ['GICC_IIDR', 0xfc, 4],
];

describe('register maps', () => {
  it.each<[string, readonly RegisterDescription[], Expected]>([
    ['GICv3 distributor', GICD_V3_REGISTERS, GICD_V3],
    ['redistributor', GICR_REGISTERS, GICR],
    ['GICv2 distributor', GICD_V2_REGISTERS, GICD_V2],
    ['GICv2 CPU interface', GICC_REGISTERS, GICC],
  ])('the %s has each register where the architecture has it', (_name, map, expected) => {
    expect(map.map(({ name, offset, length }) => [name, offset, length])).toEqual(expected);
  });

  it('the frames have their sizes', () => {
    expect([GICD_V3_SIZE, GICR_SIZE, GICD_V2_SIZE, GICV_SIZE]).toEqual([0x10000, 0x20000, 0x1000, 0x2000]);
  });

  it('the virtual CPU interface of a GICv2 has its registers where the architecture has them', () => {
    expect(GICV).toEqual({
      CTLR: 0x00,
      PMR: 0x04,
      BPR: 0x08,
      IAR: 0x0c,
      EOIR: 0x10,
      RPR: 0x14,
      HPPIR: 0x18,
      ABPR: 0x1c,
      AIAR: 0x20,
      AEOIR: 0x24,
      AHPPIR: 0x28,
      APR: 0xd0,
      IIDR: 0xfc,
      DIR: 0x1000,
    });
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

  it('no two registers of a frame overlap', () => {
    for (const map of [GICD_V3_REGISTERS, GICR_REGISTERS, GICD_V2_REGISTERS, GICC_REGISTERS]) {
      const rows: readonly RegisterDescription[] = [...map].sort((a, b) => a.offset - b.offset);
      for (let n = 1; n < rows.length; n++) {
        expect(rows[n].offset, rows[n].name).toBeGreaterThanOrEqual(rows[n - 1].offset + rows[n - 1].length);
      }
    }
  });
});
