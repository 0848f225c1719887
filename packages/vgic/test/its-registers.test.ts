import { describe, expect, it } from 'vitest';
import { INDIRECT, ItsGuest, itsBase, VALID } from './its-guest.js';

/** IHI 0069, 12.18 and 12.19 "The ITS registers"; KVM's choices where the architecture leaves some. */

const hex = (value: bigint) => `0x${value.toString(16)}`;

describe('ITS registers: identification', () => {
  it('GITS_TYPER: physical LPIs, ITT entries of 8 bytes, 16 bits of EventID and of DeviceID, processor numbers as targets', () => {
    const guest = new ItsGuest();
    const low = 1 | (7 << 4) | (15 << 8) | (15 << 13);
    expect(guest.load('GITS_TYPER')).toBe(BigInt(low));
    expect([guest.load('GITS_TYPER', 0, 4), guest.load('GITS_TYPER', 4, 4)]).toEqual([BigInt(low), 0n]);
  });

  it('GITS_IIDR: Arm, product K, table ABI revision 0', () => {
    expect(new ItsGuest().load('GITS_IIDR', 0, 4)).toBe(0x4b00043bn);
  });

  it.each([
    ['PIDR4', 0xffd0, 0x40],
    ['PIDR5', 0xffd4, 0],
    ['PIDR0', 0xffe0, 0x92],
    ['PIDR1', 0xffe4, 0xb4],
    ['PIDR2', 0xffe8, 0x3b],
    ['PIDR3', 0xffec, 0],
    ['CIDR0', 0xfff0, 0x0d],
    ['CIDR1', 0xfff4, 0xf0],
    ['CIDR2', 0xfff8, 0x05],
    ['CIDR3', 0xfffc, 0xb1],
  ])('GITS_%s at %i reads %i', (_name, offset, value) => {
    const { gic } = new ItsGuest();
    expect(gic.read(0, itsBase() + offset, 4)).toBe(value);
  });

  it('these are read-only', () => {
    const guest = new ItsGuest();
    const before = [guest.load('GITS_TYPER'), guest.load('GITS_IIDR', 0, 4), guest.load('GITS_IDREGS', 0x18, 4)];
    guest.store('GITS_TYPER', ~0n & 0xffffffffffffffffn);
    guest.store('GITS_IIDR', 0xffffffffn, 0, 4);
    guest.store('GITS_IDREGS', 0xffffffffn, 0x18, 4);
    expect([guest.load('GITS_TYPER'), guest.load('GITS_IIDR', 0, 4), guest.load('GITS_IDREGS', 0x18, 4)]).toEqual(
      before,
    );
  });

  it('GICR_TYPER.PLPIS is set with an ITS, and only then', () => {
    expect(new ItsGuest().guest.load('GICR_TYPER') & 1).toBe(1);
    expect(new ItsGuest({ itsCount: 0 }).guest.load('GICR_TYPER') & 1).toBe(0);
  });
});

describe('ITS registers: GITS_CTLR', () => {
  it('after creation: disabled and quiescent', () => {
    expect(new ItsGuest().load('GITS_CTLR', 0, 4)).toBe(0x80000000n);
  });

  it('is quiescent when GITS_CREADR has reached GITS_CWRITER, which a disabled ITS with commands has not', () => {
    const guest = ItsGuest.ready();
    expect(guest.load('GITS_CTLR', 0, 4)).toBe(0x80000001n);
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.issue('SYNC');
    expect(guest.load('GITS_CTLR', 0, 4)).toBe(0n);
    guest.store('GITS_CTLR', 1n, 0, 4);
    expect(guest.load('GITS_CTLR', 0, 4)).toBe(0x80000001n);
  });

  it.each([
    ['device table', (guest: ItsGuest) => guest.store('GITS_BASER', 0n, 0)],
    ['collection table', (guest: ItsGuest) => guest.store('GITS_BASER', 0n, 8)],
    ['command queue', (guest: ItsGuest) => guest.store('GITS_CBASER', 0n)],
  ])('can’t be enabled without a valid %s', (_what, remove) => {
    const guest = new ItsGuest();
    guest.placeTables();
    remove(guest);
    guest.store('GITS_CTLR', 1n, 0, 4);
    expect(guest.load('GITS_CTLR', 0, 4) & 1n).toBe(0n);
    guest.placeTables();
    guest.store('GITS_CTLR', 1n, 0, 4);
    expect(guest.load('GITS_CTLR', 0, 4) & 1n).toBe(1n);
  });

  it('disabled, keeps the translations', () => {
    const guest = ItsGuest.ready();
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192);
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_CTLR', 1n, 0, 4);
    expect(guest.msi(1, 0)).toBe(1);
  });
});

describe('ITS registers: the command queue', () => {
  it('GITS_CBASER keeps its fields, with the attributes that KVM offers, and 64 KiB alignment', () => {
    const guest = new ItsGuest();
    // outer shareable, inner device: become inner shareable, write-back; outer write-back becomes "as inner"
    guest.store('GITS_CBASER', VALID | (7n << 53n) | (2n << 10n) | 0x123456f000n | 0x0fn);
    expect(hex(guest.load('GITS_CBASER'))).toBe(hex(VALID | (3n << 59n) | (1n << 10n) | 0x1234560000n | 0x0fn));
  });

  it('a write of GITS_CBASER empties the queue', () => {
    const guest = ItsGuest.ready();
    expect(guest.load('GITS_CREADR')).not.toBe(0n);
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_CBASER', guest.load('GITS_CBASER'));
    expect([guest.load('GITS_CREADR'), guest.load('GITS_CWRITER')]).toEqual([0n, 0n]);
  });

  it('GITS_CBASER and GITS_BASER<n> can’t be written while the ITS is enabled', () => {
    const guest = ItsGuest.ready();
    const read = () => [guest.load('GITS_CBASER'), guest.load('GITS_BASER', 0), guest.load('GITS_BASER', 8)];
    const before = read();
    guest.store('GITS_CBASER', VALID);
    guest.store('GITS_BASER', VALID, 0);
    guest.store('GITS_BASER', VALID, 8);
    expect(read()).toEqual(before);
  });

  it('GITS_CREADR is read-only for the guest', () => {
    const guest = ItsGuest.ready();
    const before = guest.load('GITS_CREADR');
    guest.store('GITS_CREADR', 0x40n);
    expect(guest.load('GITS_CREADR')).toBe(before);
  });

  it.each([
    ['beyond the queue', 0x10000n],
    ['far beyond the queue', 0xfffe0n],
  ])('a GITS_CWRITER %s is ignored', (_what, value) => {
    const guest = ItsGuest.ready();
    const before = guest.load('GITS_CWRITER');
    guest.store('GITS_CWRITER', value);
    expect([guest.load('GITS_CWRITER'), guest.load('GITS_CREADR')]).toEqual([before, before]);
  });

  it('GITS_CWRITER has bits 19:5 only: Retry and what is reserved read as zero', () => {
    const guest = ItsGuest.ready();
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_CWRITER', 0xffffffff_fff0_101fn);
    expect(guest.load('GITS_CWRITER')).toBe(0x1000n);
  });

  it('64-bit registers can be accessed by halves', () => {
    const guest = new ItsGuest();
    guest.store('GITS_CBASER', 0x40100000n, 0, 4);
    guest.store('GITS_CBASER', 0x80000001n, 4, 4);
    expect(hex(guest.load('GITS_CBASER') & ~(0xffn << 56n))).toBe('0x140100000');
    expect(guest.load('GITS_CBASER', 4, 4) >> 31n).toBe(1n);
    guest.store('GITS_CWRITER', 0x40n, 0, 4);
    expect(guest.load('GITS_CWRITER', 0, 4)).toBe(0x40n);
    guest.store('GITS_CWRITER', 0xffffffffn, 4, 4);
    expect(guest.load('GITS_CWRITER')).toBe(0x40n);
  });
});

describe('ITS registers: GITS_BASER<n>', () => {
  it('0 is the device table, 1 the collection table, entries of 8 bytes; the others are none', () => {
    const guest = new ItsGuest();
    const field = (n: number, shift: bigint, mask: bigint) => (guest.load('GITS_BASER', 8 * n) >> shift) & mask;
    expect([field(0, 56n, 7n), field(1, 56n, 7n)]).toEqual([1n, 4n]);
    expect([field(0, 48n, 31n), field(1, 48n, 31n)]).toEqual([7n, 7n]);
    for (let n = 2; n < 8; n++) {
      guest.store('GITS_BASER', VALID | 0x40000000n, 8 * n);
      expect(guest.load('GITS_BASER', 8 * n)).toBe(0n);
    }
  });

  it('Type and Entry_Size are read-only, pages are of 64 KiB', () => {
    const guest = new ItsGuest();
    guest.store('GITS_BASER', VALID | (2n << 56n) | (1n << 48n) | 0x40000000n);
    const value = guest.load('GITS_BASER');
    expect([(value >> 56n) & 7n, (value >> 48n) & 31n, (value >> 8n) & 3n, value & 0xffff_0000n]).toEqual([
      1n,
      7n,
      2n,
      0x40000000n,
    ]);
  });

  it('the device table can be of two levels, the collection table can’t', () => {
    const guest = new ItsGuest();
    guest.store('GITS_BASER', VALID | INDIRECT, 0);
    guest.store('GITS_BASER', VALID | INDIRECT, 8);
    expect([guest.load('GITS_BASER', 0) & INDIRECT, guest.load('GITS_BASER', 8) & INDIRECT]).toEqual([INDIRECT, 0n]);
  });

  it.each([
    ['device table', 0],
    ['collection table', 8],
  ])('a new value for the %s drops what is mapped through it, the same value again keeps it', (_what, at) => {
    const guest = ItsGuest.ready();
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192);
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_BASER', guest.load('GITS_BASER', at), at);
    guest.store('GITS_CTLR', 1n, 0, 4);
    expect(guest.msi(1, 0)).toBe(1);
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_BASER', guest.load('GITS_BASER', at) + 1n, at);
    guest.store('GITS_CTLR', 1n, 0, 4);
    expect(guest.msi(1, 0)).toBe(0);
  });

  it('Size decides how many DeviceIDs there are', () => {
    const guest = ItsGuest.ready({ deviceTablePages: 8 });
    guest.mapDevice(65535);
    guest.mapEvent(65535, 0, 8192);
    expect(guest.msi(65535, 0)).toBe(1);
  });

  it('a table outside RAM has no entries: nothing can be mapped', () => {
    const guest = new ItsGuest();
    guest.guest.prepare();
    guest.configureAll();
    guest.enableLpis();
    guest.placeTables();
    guest.store('GITS_BASER', VALID | 0x10000000n, 0);
    guest.store('GITS_CTLR', 1n, 0, 4);
    guest.mapCollection(0, 0);
    guest.mapDevice(1);
    expect(guest.gic.its[0].devices.size).toBe(0);
  });

  it('bits 51:48 of an address are in bits 15:12', () => {
    const guest = new ItsGuest();
    guest.store('GITS_BASER', VALID | 0x0000_1234_5678_0000n | (0xan << 12n));
    expect(guest.gic.its[0].deviceTable.address).toBe(0xa1234_5678_0000);
  });
});

describe('ITS registers: a device table of two levels', () => {
  /** Level 2 pages for DeviceIDs 0 to 8191 and 16384 to 24575, nothing in between. */
  function indirect(): ItsGuest {
    const guest = ItsGuest.ready({ vcpus: 1 });
    const level1 = guest.take(0x10000, 0x10000);
    guest.store64(level1, VALID | BigInt(guest.take(0x10000, 0x10000)));
    guest.store64(level1 + 16, VALID | BigInt(guest.take(0x10000, 0x10000)));
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.store('GITS_BASER', VALID | INDIRECT | BigInt(level1));
    guest.store('GITS_CTLR', 1n, 0, 4);
    return guest;
  }

  it.each([
    [0, 1],
    [8191, 1],
    [8192, 0],
    [16383, 0],
    [16384, 1],
    [24575, 1],
    [24576, 0],
    [65535, 0],
  ])('DeviceID %i has an entry if its level 2 page is valid: %i', (id, result) => {
    const guest = indirect();
    guest.mapDevice(id);
    guest.mapEvent(id, 0, 8192);
    expect(guest.msi(id, 0)).toBe(result);
  });

  it('a level 2 page outside RAM has no entries', () => {
    const guest = indirect();
    const level1 = guest.gic.its[0].deviceTable.address;
    guest.store64(level1 + 8, VALID | 0x10000000n);
    guest.mapDevice(8192);
    expect(guest.gic.its[0].devices.size).toBe(0);
  });

  it('MAPD with V=0 zeroes the entry in the level 2 page', () => {
    const guest = indirect();
    const level2 = Number(guest.load64(guest.gic.its[0].deviceTable.address + 16) & 0xffffffff0000n);
    guest.store64(level2 + 8, 0x77n);
    guest.mapDevice(16385);
    guest.unmapDevice(16385);
    expect(guest.load64(level2 + 8)).toBe(0n);
  });
});

describe('ITS frames', () => {
  it('GITS_TRANSLATER is not for vCPUs: it reads zero, and a store is no MSI', () => {
    const guest = ItsGuest.ready();
    guest.mapDevice(0);
    guest.mapEvent(0, 0, 8192);
    guest.gic.write(0, itsBase() + 0x10040, 4, 0, 0);
    expect([guest.gic.read(0, itsBase() + 0x10040, 4), guest.taken()]).toEqual([0, []]);
  });

  it.each([1, 2, 4, 8])('an access of %i bytes anywhere harms nothing', (size) => {
    const guest = ItsGuest.ready();
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192);
    for (let offset = 0; offset < 0x20000; offset += offset < 0x200 || offset >= 0xff00 ? size : 0x404) {
      const address = itsBase() + offset;
      guest.gic.read(0, address, size);
      guest.gic.write(0, address, size, 0xa5a5a5a5, 0x5a5a5a5a);
    }
    expect(guest.load('GITS_CREADR')).toBeLessThan(0x10000n);
    // 0xa5a5a5a5 has Enabled set, so that the tables could not be changed
    guest.issue('SYNC');
    expect(guest.msi(1, 0)).toBe(1);
  });
});
