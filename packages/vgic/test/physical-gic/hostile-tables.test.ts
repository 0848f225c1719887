import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GICR_V4_SIZE, GITS_V4_REGISTERS, GITS_V4_SIZE, VLPI_FRAME } from '../../src/architecture/gicv4.js';
import { COMMANDS } from '../../src/index.js';
import { VIRTUAL_COMMANDS } from '../../src/its/commands.js';
import { HOST_RAM, Host, ready } from './host.js';

/** Whatever registers, commands and tables hold: nothing throws, every walk ends, and what is kept has an end. */

const word = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 2, 15, 1023, 8192, 0xffff, 0x8000_0000, 0xc000_0000, HOST_RAM, HOST_RAM + 0x10000, 0xffffffff),
);
const opcodes = [...Object.values(COMMANDS), ...Object.values(VIRTUAL_COMMANDS)].map(({ opcode }) => opcode);
const command = fc
  .tuple(fc.constantFrom(...opcodes), fc.array(word, { minLength: 8, maxLength: 8 }))
  .map(([opcode, words]) => {
    words[0] = ((words[0] & ~0xff) | opcode) >>> 0;
    return words;
  });
const itsOffset = fc.oneof(
  fc.constantFrom(...GITS_V4_REGISTERS.map(({ offset }) => offset)),
  fc.nat(GITS_V4_SIZE + 16),
);
const gicrOffset = fc.oneof(
  fc.constantFrom(0, 0x70, 0x78, 0xa0, 0xb0),
  fc.integer({ min: VLPI_FRAME + 0x68, max: VLPI_FRAME + 0x90 }),
  fc.nat(GICR_V4_SIZE + 16),
);
const width = fc.constantFrom(1, 2, 4, 8);
const cpu = fc.integer({ min: -1, max: 3 });

const step = fc.oneof(
  { weight: 6, arbitrary: command.map((words) => (host: Host) => host.issueWords(Uint32Array.from(words))) },
  {
    weight: 2,
    arbitrary: fc.tuple(itsOffset, width, word, word).map(([at, bytes, low, high]) => (host: Host) => {
      host.gic.writeIts(at, bytes, low, high);
      inRange(host.gic.readIts(at, bytes));
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(cpu, gicrOffset, width, word, word).map(([n, at, bytes, low, high]) => (host: Host) => {
      host.gic.writeRedistributor(n, at, bytes, low, high);
      inRange(host.gic.readRedistributor(n, at, bytes));
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat((4 << 20) / 8 - 1), word, word).map(([at, low, high]) => (host: Host) => {
      host.memory.store64(HOST_RAM + 8 * at, low, high);
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(word, word).map(([device, event]) => (host: Host) => {
      host.gic.msi(device, event);
      for (const vpe of host.gic.vpes.keys()) {
        const intid = host.gic.best(vpe);
        if (intid >= 0) expect(host.gic.acknowledge(vpe, intid)).toBe(true);
      }
      host.gic.acknowledge(device, event);
      host.gic.acknowledgePhysical(device, event);
      host.gic.bestPhysical(device);
    }),
  },
);

function inRange(value: number): void {
  expect(value).toBe(value >>> 0);
}

describe('any registers, commands and tables', () => {
  it.each([41, 40] as const)(
    'of GICv4 version %i throw nothing, and keep no more vPEs and tables than there is room for',
    (gicv4) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
          const host = ready({ gicv4, vpeIdBits: 4 });
          for (const each of steps) each(host);
          expect(host.gic.vpes.size).toBeLessThanOrEqual(16);
          // one table for each vPE, and one for each redistributor
          expect(host.gic.configurations.size).toBeLessThanOrEqual(16 + host.cpus);
          for (const cpu of [0, 1]) {
            const vpe = host.gic.residentOn(cpu);
            if (vpe !== undefined) expect([vpe.resident, host.gic.vpes.get(vpe.id)]).toEqual([cpu, vpe]);
          }
        }),
        { numRuns: 150 },
      );
    },
    60_000,
  );

  it('all devices together have room for 2^22 events; MAPD beyond that is skipped', () => {
    const host = new Host();
    for (let deviceId = 0; deviceId < 70; deviceId++) {
      host.issue('MAPD', { deviceId, size: 15, ittAddress: HOST_RAM / 256, valid: 1 });
    }
    expect(host.gic.its.devices.size).toBe(64);
    host.issue('MAPD', { deviceId: 3 });
    host.issue('MAPD', { deviceId: 69, size: 15, ittAddress: HOST_RAM / 256, valid: 1 });
    expect(host.gic.its.devices.has(69)).toBe(true);
  });

  it('a command queue outside RAM is gone through without effect', () => {
    const host = ready();
    host.storeGits('GITS_CTLR', 0);
    host.storeGits('GITS_CBASER', 0x000000ff, 0x8000ffff);
    host.storeGits('GITS_CTLR', 1);
    host.storeGits('GITS_CWRITER', 0xfffe0);
    expect(host.loadGits('GITS_CREADR')).toEqual(host.loadGits('GITS_CWRITER'));
  });

  it('a virtual pending table full of ones is taken once each, all that are enabled', () => {
    const host = ready();
    host.unmapVpe(0);
    host.memory.bytes.fill(0xff, host.vpt(0) - HOST_RAM, host.vpt(0) + 0x10000 - HOST_RAM);
    host.mapVpe(0);
    host.enter(0, 0);
    const vsgis = Array.from({ length: 16 }, (_, n) => n);
    const taken = host.taken(0).sort((a, b) => a - b);
    expect(taken.slice(0, 16)).toEqual(vsgis);
    expect(taken).toHaveLength(16 + 65536 - 8192);
    expect([taken[16], taken.at(-1)]).toEqual([8192, 65535]);
  }, 60_000);
});
