import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { GIC_EVENTS, Gic, type GicEventListeners, SYSTEM_REGISTERS } from '../src/index.js';

/**
 * What the paths of an interrupt allocate, garbage included: the growth of the used heap over cycles between which nothing
 * is collected, once V8 has optimised them. The smallest of several runs counts, since the compiler allocates too; a path
 * that allocates does so in every run.
 */

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const CYCLES = 10_000;
const WARM_UP = 300_000;
const RUNS = 20;

function bytesPerCycle(run: (cycles: number) => void): number {
  run(WARM_UP);
  let least = Infinity;
  for (let n = 0; n < RUNS; n++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    run(CYCLES);
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  return least / CYCLES;
}

const GICD = 0x0800_0000;
const GICC = 0x0801_0000;
const { ICC_IAR1_EL1, ICC_EOIR1_EL1, ICC_SGI1R_EL1, ICC_PMR_EL1, ICC_IGRPEN1_EL1 } = SYSTEM_REGISTERS;

/** SPIs 32 to 95 edge-triggered and enabled, to vCPU 0, which is loaded and ready to take them. */
function openGic(version: 2 | 3): Gic {
  const gic = new Gic({ version, vcpus: 2, interrupts: 128 });
  gic.write(0, GICD, 4, 0x13, 0);
  for (let at = 8; at < 24; at += 4) gic.write(0, GICD + 0xc00 + at, 4, 0xaaaa_aaaa, 0);
  if (version === 2) for (let at = 32; at < 96; at += 4) gic.write(0, GICD + 0x800 + at, 4, 0x0101_0101, 0);
  for (const at of [4, 8]) gic.write(0, GICD + 0x100 + at, 4, 0x7fff_ffff, 0);
  gic.enter(0);
  if (version === 2) {
    gic.write(0, GICC, 4, 1, 0);
    gic.write(0, GICC + 4, 4, 0xf8, 0);
  } else {
    gic.writeSystemRegister(0, ICC_PMR_EL1, 0xf8, 0);
    gic.writeSystemRegister(0, ICC_IGRPEN1_EL1, 1, 0);
  }
  gic.leave(0);
  return gic;
}

/** Enters, acknowledges, ends, leaves; returns the INTID. */
function serve(gic: Gic): number {
  gic.enter(0);
  const v2 = gic.config.version === 2;
  const intid = v2 ? gic.read(0, GICC + 0xc, 4) : gic.readSystemRegister(0, ICC_IAR1_EL1);
  if (v2) gic.write(0, GICC + 0x10, 4, intid, 0);
  else gic.writeSystemRegister(0, ICC_EOIR1_EL1, intid, 0);
  gic.leave(0);
  return intid;
}

describe.each([3, 2] as const)('a GICv%d does not allocate', (version) => {
  test('when a device raises an SPI and the guest serves it', () => {
    const gic = openGic(version);
    const bytes = bytesPerCycle((cycles) => {
      for (let n = 0; n < cycles; n++) {
        gic.setLine(40, true);
        if (serve(gic) !== 40) throw new Error('the SPI was lost');
      }
    });
    expect(bytes).toBeLessThan(1);
  });

  test('when the SPI’s way is listened to, and the GIC was put back to a checkpoint before', () => {
    const gic = openGic(version);
    let told = 0;
    const count = () => {
      told++;
    };
    for (const name of Object.keys(GIC_EVENTS) as (keyof GicEventListeners)[]) gic.events.on(name, count);
    gic.events.on('acknowledged', count);
    gic.rollback(gic.checkpoint());
    const bytes = bytesPerCycle((cycles) => {
      for (let n = 0; n < cycles; n++) {
        gic.setLine(40, true);
        if (serve(gic) !== 40) throw new Error('the SPI was lost');
      }
    });
    expect(bytes).toBeLessThan(1);
    expect(told).toBeGreaterThan(10 * CYCLES);
  });

  test('when a vCPU sends itself an SGI', () => {
    const gic = openGic(version);
    const bytes = bytesPerCycle((cycles) => {
      for (let n = 0; n < cycles; n++) {
        if (version === 2) gic.write(0, GICD + 0xf00, 4, (2 << 24) | 5, 0);
        else gic.writeSystemRegister(0, ICC_SGI1R_EL1, (5 << 24) | 1, 0);
        if (serve(gic) !== 5) throw new Error('the SGI was lost');
      }
    });
    expect(bytes).toBeLessThan(1);
  });

  test('when it enters and leaves with more pending than list registers, one of them active', () => {
    const gic = openGic(version);
    for (let intid = 32; intid < 63; intid++) gic.setLine(intid, true);
    gic.enter(0);
    if (version === 2) gic.read(0, GICC + 0xc, 4);
    else gic.readSystemRegister(0, ICC_IAR1_EL1);
    const bytes = bytesPerCycle((cycles) => {
      for (let n = 0; n < cycles; n++) {
        gic.enter(0);
        gic.leave(0);
      }
    });
    expect(bytes).toBeLessThan(1);
  });

  test('when a line falls while its interrupt is in a list register', () => {
    const gic = openGic(version);
    gic.write(0, GICD + 0xc08, 4, 0, 0);
    const bytes = bytesPerCycle((cycles) => {
      for (let n = 0; n < cycles; n++) {
        gic.setLine(40, true);
        gic.enter(0);
        gic.setLine(40, false);
        if (gic.irqAsserted(0)) throw new Error('the line is low');
      }
    });
    expect(bytes).toBeLessThan(1);
  });

  test('when more are active than list registers, and end', () => {
    const gic = openGic(version);
    for (let n = 0; n < 8; n++) gic.write(0, GICD + 0x428 + n, 1, 0xf0 - 16 * n, 0);
    const bytes = bytesPerCycle((cycles) => {
      for (let n = 0; n < cycles; n++) {
        for (let intid = 40; intid < 48; intid++) {
          gic.setLine(intid, true);
          gic.enter(0);
          if (version === 2) gic.read(0, GICC + 0xc, 4);
          else gic.readSystemRegister(0, ICC_IAR1_EL1);
        }
        for (let intid = 47; intid >= 40; intid--) {
          if (version === 2) gic.write(0, GICC + 0x10, 4, intid, 0);
          else gic.writeSystemRegister(0, ICC_EOIR1_EL1, intid, 0);
        }
        gic.leave(0);
      }
      if (!gic.irqs.lists.isEmpty(0)) throw new Error('an end was lost');
    });
    expect(bytes).toBeLessThan(1);
  });

  test('when the guest loads and stores a register of 32 interrupts, below 2^31', () => {
    const gic = openGic(version);
    const bytes = bytesPerCycle((cycles) => {
      for (let n = 0; n < cycles; n++) {
        gic.write(0, GICD + 0x104, 4, 0x7fff_ffff, 0);
        if (gic.read(0, GICD + 0x104, 4) !== 0x7fff_ffff) throw new Error('GICD_ISENABLER1 was lost');
      }
    });
    expect(bytes).toBeLessThan(1);
  });
});

test('the measurement sees one small object for each cycle', () => {
  const kept: object[] = [{}];
  const bytes = bytesPerCycle((cycles) => {
    for (let n = 0; n < cycles; n++) kept[0] = { n };
  });
  expect(bytes).toBeGreaterThan(16);
});
