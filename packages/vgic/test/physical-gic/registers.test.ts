import { describe, expect, it } from 'vitest';
import { GICR_V4_REGISTERS, GITS_V4_REGISTERS } from '../../src/architecture/gicv4.js';
import { Host, ready } from './host.js';

/** IHI 0069, 12.11, 12.12, 12.18 and 12.19: what the registers read. */

describe('the register maps', () => {
  it('have GICv4’s registers where the architecture has them', () => {
    const offsets = Object.fromEntries(
      [...GICR_V4_REGISTERS, ...GITS_V4_REGISTERS].map((row) => [row.name, row.offset]),
    );
    expect(offsets).toMatchObject({
      GICR_VPROPBASER: 0x20070,
      GICR_VPENDBASER: 0x20078,
      GICR_VSGIR: 0x20080,
      GICR_VSGIPENDR: 0x20088,
      GITS_MPIDR: 0x18,
      GITS_SGIR: 0x20020,
    });
  });
});

const bit = (value: number, n: number) => (value >>> n) & 1;

describe('GITS_TYPER', () => {
  it.each([
    [41, { virtual: 1, vmovp: 1, vsgi: 1, vmapp: 1, svpet: 1 }],
    [40, { virtual: 1, vmovp: 1, vsgi: 0, vmapp: 0, svpet: 0 }],
  ] as const)('of GICv4 version %i says which virtual commands there are', (gicv4, expected) => {
    const [low, high] = new Host({ gicv4 }).loadGits('GITS_TYPER');
    expect({
      virtual: bit(low, 1),
      vmovp: bit(high, 37 - 32),
      vsgi: bit(high, 39 - 32),
      vmapp: bit(high, 40 - 32),
      svpet: (high >>> (41 - 32)) & 3,
    }).toEqual(expected);
  });
});

describe('GICR_TYPER', () => {
  it.each([
    [41, 1],
    [40, 0],
  ] as const)('of GICv4 version %i has VLPIS, and RVPEID %i', (gicv4, rvpeid) => {
    const host = new Host({ gicv4 });
    const [low] = host.loadGicr(1, 'GICR_TYPER');
    expect([bit(low, 0), bit(low, 1), bit(low, 7), (low >>> 8) & 0xffff]).toEqual([1, 1, rvpeid, 1]);
    expect([0, 1].map((cpu) => bit(host.loadGicr(cpu, 'GICR_TYPER')[0], 4))).toEqual([0, 1]);
  });
});

describe('GITS_BASER<n>', () => {
  it('are for devices, collections and vPEs, and the other five are none', () => {
    const host = new Host();
    const types = Array.from({ length: 8 }, (_, n) => (host.loadGits('GITS_BASER', 8 * n)[1] >>> 24) & 7);
    expect(types).toEqual([1, 4, 2, 0, 0, 0, 0, 0]);
  });

  it('ignore writes while the ITS is enabled', () => {
    const host = ready();
    const before = host.loadGits('GITS_BASER', 16);
    host.storeGits('GITS_BASER', 0, 0, 16);
    expect(host.loadGits('GITS_BASER', 16)).toEqual(before);
  });

  it('the vPE table may have two levels: a vPEID without a page of the second is in error', () => {
    const host = ready();
    host.storeGits('GITS_CTLR', 0);
    const level1 = host.take(0x10000);
    host.storeGits('GITS_BASER', level1, 0xc0000000, 16);
    host.storeGits('GITS_CTLR', 1);
    host.memory.store64(level1, host.take(0x10000), 0x80000000);
    for (const vpe of [0, 2047, 2048]) host.mapVpe(vpe);
    expect([...host.gic.vpes.keys()]).toEqual([0, 2047]);
  });
});

describe('GITS_CTLR', () => {
  it('Enabled stays 0 without a device table; an MSI and a vSGI then go nowhere', () => {
    const host = ready();
    host.storeGits('GITS_CTLR', 0);
    expect(host.gic.msi(1, 0)).toBe('disabled');
    host.storeGits('GITS_BASER', 0, 0, 0);
    host.storeGits('GITS_CTLR', 1);
    expect(bit(host.loadGits('GITS_CTLR')[0], 0)).toBe(0);
  });
});

describe('GICR_INVLPIR and GICR_INVALLR', () => {
  it('with V=1 read the configuration of a vPE’s vLPIs anew, as INV and VINVALL do', () => {
    const host = ready();
    host.enter(0, 0);
    for (const intid of [8192, 8193]) host.configureVirtual(intid, 0xa0);
    host.storeGicr(1, 'GICR_INVLPIR', 8192, 0x80000000);
    for (const event of [0, 1]) host.gic.msi(1, event);
    expect(host.taken(0)).toEqual([8193]);
    host.gic.msi(1, 1);
    host.storeGicr(1, 'GICR_INVALLR', 0, 0x80000000);
    expect(host.taken(0)).toEqual([]);
  });

  it('with V=0 read that of physical LPIs', () => {
    const host = ready();
    host.enter(0, 0);
    host.configureVirtual(8192, 0xa0);
    host.storeGicr(0, 'GICR_INVLPIR', 8192);
    host.storeGicr(0, 'GICR_INVALLR', 0);
    host.gic.msi(1, 0);
    expect(host.taken(0)).toEqual([8192]);
  });
});

describe('GICR_CTLR.EnableLPIs', () => {
  it('becoming 0 leaves the pending table complete in memory, becoming 1 takes it over', () => {
    const host = ready();
    host.issue('MAPTI', { deviceId: 1, eventId: 9, intid: 9504, collection: 0 });
    host.gic.msi(1, 9);
    host.storeGicr(0, 'GICR_CTLR', 0);
    const table = (host.loadGicr(0, 'GICR_PENDBASER')[0] & 0xffff0000) >>> 0;
    expect([host.memory.load8(table + 9504 / 8), host.gic.msi(1, 9), host.gic.bestPhysical(0)]).toEqual([
      1,
      'lost',
      -1,
    ]);
    host.storeGicr(0, 'GICR_CTLR', 1);
    expect([host.takenPhysical(0), host.told.at(-1)]).toEqual([[9504], [0, 9504]]);
  });
});
