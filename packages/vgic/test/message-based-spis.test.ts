import { describe, expect, it } from 'vitest';
import { Gic, gicv3Features, itsAt, Ram, restoreGic, saveGic } from '../src/index.js';
import { GICD_BASE, Guest, SPURIOUS } from './guest.js';

/** Message-based SPIs. Source: IHI 0069H, 12.9, GICD_SETSPI_NSR, GICD_CLRSPI_NSR, GICD_SETSPI_SR, GICD_CLRSPI_SR. */

const MESSAGES = {
  interrupts: 64,
  features: gicv3Features({ messageBasedSpis: true, extendedSpis: 32, extendedPpis: 32 }),
};

const SETSPI_NSR = GICD_BASE + 0x40;
const CLRSPI_NSR = GICD_BASE + 0x48;

describe('message-based SPIs', () => {
  it('are there where GICD_TYPER.MBIS says so', () => {
    const mbis = (guest: Guest) => (guest.load('GICD_TYPER') >>> 16) & 1;
    expect(mbis(new Guest(MESSAGES))).toBe(1);
    expect(mbis(new Guest({ features: gicv3Features({}) }))).toBe(0);
    expect(mbis(new Guest())).toBe(0);
  });

  it.each([40, 4100])('a message makes edge-triggered SPI %i pending, once until it is acknowledged', (intid) => {
    const guest = Guest.ready(MESSAGES);
    guest.spi(intid, { edge: true });
    for (let n = 0; n < 2; n++) guest.store('GICD_SETSPI_NSR', intid);
    expect(guest.bit('ISPENDR', intid)).toBe(1);
    expect(guest.serve()).toEqual([intid]);
    guest.store('GICD_SETSPI_NSR', intid);
    expect(guest.serve()).toEqual([intid]);
  });

  it('one to an active edge-triggered SPI makes it active and pending', () => {
    const guest = Guest.ready(MESSAGES);
    guest.spi(40, { edge: true });
    guest.store('GICD_SETSPI_NSR', 40);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    guest.store('GICD_SETSPI_NSR', 40);
    expect([guest.bit('ISACTIVER', 40), guest.bit('ISPENDR', 40)]).toEqual([1, 1]);
    guest.end(40);
    guest.exit();
    expect(guest.serve()).toEqual([40]);
  });

  it.each([40, 4100])('level-sensitive SPI %i is pending from a message to the one that takes it back', (intid) => {
    const guest = Guest.ready(MESSAGES);
    guest.spi(intid);
    guest.store('GICD_SETSPI_NSR', intid);
    guest.mark('ICPENDR', intid);
    expect(guest.bit('ISPENDR', intid)).toBe(1);
    let times = 0;
    const taken = guest.serve(0, () => {
      times++;
      if (times === 3) guest.store('GICD_CLRSPI_NSR', intid);
    });
    expect(taken).toEqual([intid, intid, intid]);
    expect(guest.bit('ISPENDR', intid)).toBe(0);
  });

  it.each([
    ['edge-triggered', true],
    ['level-sensitive', false],
  ] as const)('taken back, an %s SPI is not pending, whatever has made it so', (_kind, edge) => {
    const guest = Guest.ready(MESSAGES);
    guest.spi(40, { edge });
    for (const make of [() => guest.store('GICD_SETSPI_NSR', 40), () => guest.mark('ISPENDR', 40)]) {
      make();
      guest.store('GICD_CLRSPI_NSR', 40);
      expect(guest.bit('ISPENDR', 40)).toBe(0);
      expect(guest.enter().acknowledge()).toBe(SPURIOUS);
      guest.exit();
    }
  });

  it('an edge-triggered SPI’s message is no level: switched to level-sensitive and taken, it is over', () => {
    const guest = Guest.ready(MESSAGES);
    guest.spi(40, { edge: true });
    guest.store('GICD_SETSPI_NSR', 40);
    guest.setEdge(40, false);
    expect(guest.serve()).toEqual([40]);
  });

  it('16 bits may be written: the lower ones', () => {
    const guest = Guest.ready(MESSAGES);
    guest.spi(40, { edge: true });
    guest.gic.write(0, SETSPI_NSR + 2, 2, 40, 0);
    guest.gic.write(0, SETSPI_NSR, 1, 40, 0);
    guest.gic.write(0, SETSPI_NSR, 8, 40, 0);
    expect(guest.bit('ISPENDR', 40)).toBe(0);
    guest.gic.write(0, SETSPI_NSR, 2, 40, 0);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
    guest.gic.write(0, CLRSPI_NSR, 2, 40, 0);
    expect(guest.bit('ISPENDR', 40)).toBe(0);
  });

  it('bits above the INTID are reserved', () => {
    const guest = Guest.ready(MESSAGES);
    guest.store('GICD_SETSPI_NSR', 0xffffe000 | 40);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
  });

  it.each([0, 15, 16, 31, 64, 1019, 1020, 1023, 1056, 1087, 4095, 4128, 0x1fff])(
    'INTID %i is no SPI: ignored',
    (intid) => {
      const guest = Guest.ready(MESSAGES);
      const hash = guest.gic.hash();
      guest.store('GICD_SETSPI_NSR', intid);
      guest.store('GICD_CLRSPI_NSR', intid);
      expect(guest.gic.hash()).toBe(hash);
      expect(guest.gic.signalMsi(SETSPI_NSR, intid, 0)).toBe(0);
    },
  );

  it.each([1020, 1023])('INTID %i is none also where the distributor has 1024', (intid) => {
    const guest = Guest.ready({ ...MESSAGES, interrupts: 1024 });
    const hash = guest.gic.hash();
    guest.store('GICD_SETSPI_NSR', intid);
    expect(guest.gic.hash()).toBe(hash);
  });

  it('the secure registers ignore writes, since there is one security state', () => {
    const guest = Guest.ready(MESSAGES);
    guest.store('GICD_SETSPI_SR', 40);
    expect(guest.bit('ISPENDR', 40)).toBe(0);
    guest.store('GICD_SETSPI_NSR', 40);
    guest.store('GICD_CLRSPI_SR', 40);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
  });

  it('all four read as zero, and that is an error of access', () => {
    for (const name of ['GICD_SETSPI_NSR', 'GICD_CLRSPI_NSR', 'GICD_SETSPI_SR', 'GICD_CLRSPI_SR']) {
      const guest = new Guest(MESSAGES);
      expect([guest.load(name), guest.load('GICD_STATUSR')]).toEqual([0, 4]);
    }
  });

  it('without them the registers are of nothing', () => {
    for (const config of [{}, { features: gicv3Features({ extendedSpis: 32 }) }]) {
      const guest = Guest.ready(config);
      guest.store('GICD_SETSPI_NSR', 40);
      expect(guest.bit('ISPENDR', 40)).toBe(0);
      expect(guest.gic.signalMsi(SETSPI_NSR, 40, 0)).toBe(-19);
    }
  });

  it('are a device’s MSIs: 1, delivered; no device has to say who it is', () => {
    const guest = Guest.ready(MESSAGES);
    const { gic } = guest;
    const kicked: number[] = [];
    gic.events.on('kick', (vcpu) => kicked.push(vcpu));
    guest.spi(40);
    expect(gic.signalMsi(SETSPI_NSR, 40, undefined)).toBe(1);
    expect(kicked).toEqual([0]);
    expect(guest.serve(0, () => expect(gic.signalMsi(CLRSPI_NSR, 40, 7)).toBe(1))).toEqual([40]);
    for (const offset of [0, 0x44, 0x50, 0x58, 0x6000]) expect(gic.signalMsi(GICD_BASE + offset, 40, 0)).toBe(-19);
  });

  it('go beside an ITS', () => {
    const memory = new Ram(0x40000000, new Uint8Array(0x10000));
    const guest = Guest.ready({ ...MESSAGES, memory, its: [itsAt(0x08080000)] });
    guest.spi(40, { edge: true });
    expect(guest.gic.signalMsi(SETSPI_NSR, 40, undefined)).toBe(1);
    expect(guest.gic.signalMsi(GICD_BASE, 40, 0)).toBe(-22);
    expect(guest.gic.signalMsi(0x08090040, 0, 0)).toBe(-16);
    expect(guest.serve()).toEqual([40]);
  });

  it('a level that was not taken back is still high after a restore', () => {
    const guest = Guest.ready(MESSAGES);
    guest.spi(40);
    guest.spi(4100);
    for (const intid of [40, 4100]) guest.store('GICD_SETSPI_NSR', intid);
    const gic = new Gic(guest.gic.config);
    restoreGic(gic, JSON.parse(JSON.stringify({ state: saveGic(guest.gic).state })));
    const other = new Guest({}, gic);
    expect(other.serve(0, (iar) => other.store('GICD_CLRSPI_NSR', iar))).toEqual([40, 4100]);
  });
});
