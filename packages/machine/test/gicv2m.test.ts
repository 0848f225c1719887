import { describe, expect, it } from 'vitest';
import { Gicv2m, V2M_FIRST_SPI, V2M_SPIS } from '../src/gicv2m.js';

const BASE = 0x0802_0000;
const DOORBELL = BASE + 0x40;

function make() {
  const edges: number[] = [];
  return { frame: new Gicv2m((intid) => edges.push(intid)), edges };
}

describe('a GICv2m frame (DEN0029, appendix)', () => {
  it('says in MSI_TYPER which SPIs it has: 64 from INTID 80 on, as on QEMU’s virt', () => {
    const { frame } = make();
    expect(frame.read(0, BASE + 8, 4)).toBe((80 << 16) | 64);
    expect(frame.read(0, BASE + 0xfcc, 4)).toBe(0);
    expect(frame.read(0, DOORBELL, 4)).toBe(0);
    expect(frame.read(0, BASE + 8, 1)).toBe(0);
  });

  it('sets the SPI that is written to MSI_SETSPI_NS, if it is one of its own', () => {
    const { frame, edges } = make();
    for (const intid of [V2M_FIRST_SPI, 100, V2M_FIRST_SPI + V2M_SPIS - 1]) frame.write(0, DOORBELL, 4, intid, 0);
    frame.write(0, DOORBELL, 2, 90, 0);
    for (const intid of [0, 32, V2M_FIRST_SPI - 1, V2M_FIRST_SPI + V2M_SPIS, 1023])
      frame.write(0, DOORBELL, 4, intid, 0);
    frame.write(0, DOORBELL, 1, 90, 0);
    frame.write(0, BASE + 8, 4, 90, 0);
    expect(edges).toEqual([80, 100, 143, 90]);
  });

  it('takes the messages of devices at its doorbell alone', () => {
    const { frame, edges } = make();
    expect(frame.signal(DOORBELL, 81)).toBe(true);
    expect(frame.signal(DOORBELL + 4, 81)).toBe(false);
    expect(frame.signal(2 ** 40 + DOORBELL, 81)).toBe(false);
    expect(edges).toEqual([81]);
  });
});
