import { describe, expect, it } from 'vitest';
import { ItsGuest, itsBase } from './its-guest.js';

/**
 * KVM's translation cache: the first MSI of an event goes through the tables, the next ones do not until something
 * invalidates the cache. A hit is seen by what it does not look at.
 */

function ready(): ItsGuest {
  const guest = ItsGuest.ready({ vcpus: 2 });
  guest.mapDevice(1);
  guest.mapDevice(2);
  guest.mapEvent(1, 0, 8192, 0);
  guest.mapEvent(1, 1, 8193, 1);
  guest.mapEvent(2, 0, 8200, 0);
  return guest;
}

const isCached = (guest: ItsGuest, deviceId = 1, eventId = 0) =>
  guest.gic.injectCachedMsi(itsBase() + 0x10040, eventId, deviceId);

describe('the translation cache', () => {
  it('has a translation from its first MSI on', () => {
    const guest = ready();
    expect(isCached(guest)).toBe(false);
    guest.msi(1, 0);
    expect(isCached(guest)).toBe(true);
    expect([isCached(guest, 1, 1), isCached(guest, 2, 0)]).toEqual([false, false]);
    expect(guest.taken()).toEqual([8192]);
  });

  it('has it from an INT command on as well', () => {
    const guest = ready();
    guest.issue('INT', { deviceId: 1, eventId: 0 });
    expect(isCached(guest)).toBe(true);
  });

  it('a hit costs no look at the translations: no collection or redistributor is asked', () => {
    const guest = ready();
    guest.msi(1, 0);
    const its = guest.gic.its[0];
    its.collections.clear();
    guest.gic.lpis.enabled[0] = 0;
    expect([guest.msi(1, 0), guest.msi(2, 0)]).toEqual([1, 0]);
  });

  it('an MSI that is not delivered is not cached', () => {
    const guest = ready();
    guest.disableLpis(1);
    expect(guest.msi(1, 1)).toBe(-16);
    expect(guest.msi(1, 5)).toBe(0);
    expect([isCached(guest, 1, 1), isCached(guest, 1, 5)]).toEqual([false, false]);
  });

  it.each<[string, (guest: ItsGuest) => void]>([
    ['DISCARD of any event', (guest) => guest.issue('DISCARD', { deviceId: 2, eventId: 0 })],
    ['MOVI of any event', (guest) => guest.issue('MOVI', { deviceId: 2, eventId: 0, collection: 1 })],
    ['MOVALL', (guest) => guest.issue('MOVALL', { target: 1, target2: 0 })],
    ['MAPC with V=0 of any collection', (guest) => guest.unmapCollection(7)],
    ['MAPD with V=0 of any device', (guest) => guest.unmapDevice(2)],
    ['MAPD of a mapped device', (guest) => guest.mapDevice(2)],
    [
      'disabling the ITS',
      (guest) => {
        guest.store('GITS_CTLR', 0n, 0, 4);
        guest.store('GITS_CTLR', 1n, 0, 4);
      },
    ],
    ['EnableLPIs off on any vCPU', (guest) => guest.disableLpis(1)],
    ['a reset', (guest) => guest.gic.its[0].reset()],
  ])('%s invalidates it', (_what, act) => {
    const guest = ready();
    guest.msi(1, 0);
    act(guest);
    expect(isCached(guest)).toBe(false);
  });

  it.each([
    ['device table', 0],
    ['collection table', 8],
  ])('another %s invalidates it', (_what, at) => {
    const guest = ready();
    guest.msi(1, 0);
    // as userspace may, the ITS being enabled for the guest
    const its = guest.gic.its[0];
    its.enabled = false;
    guest.store('GITS_BASER', guest.load('GITS_BASER', at) + 1n, at);
    expect(isCached(guest)).toBe(false);
  });

  it.each<[string, (guest: ItsGuest) => void]>([
    ['MAPTI of another event', (guest) => guest.mapEvent(1, 3, 8195)],
    ['MAPD of a new device', (guest) => guest.mapDevice(9)],
    ['MAPC that gives a collection another vCPU', (guest) => guest.mapCollection(0, 1)],
    [
      'INV, INVALL, CLEAR and SYNC',
      (guest) => {
        guest.issue('INV', { deviceId: 1, eventId: 0 });
        guest.issue('INVALL', { collection: 0 });
        guest.issue('CLEAR', { deviceId: 1, eventId: 0 });
        guest.issue('SYNC', { target: 0 });
      },
    ],
    ['a DISCARD of what is not mapped', (guest) => guest.issue('DISCARD', { deviceId: 1, eventId: 9 })],
    ['EnableLPIs on', (guest) => guest.enableLpis(0)],
  ])('%s does not', (_what, act) => {
    const guest = ready();
    guest.msi(1, 0);
    act(guest);
    expect(isCached(guest)).toBe(true);
  });

  it('a cached translation follows MAPC to the other vCPU', () => {
    const guest = ready();
    guest.msi(1, 0);
    guest.taken();
    guest.mapCollection(0, 1);
    expect(isCached(guest)).toBe(true);
    expect([guest.taken(0), guest.taken(1)]).toEqual([[], [8192]]);
  });

  it('an event mapped anew to another LPI is not found by the old translation', () => {
    const guest = ready();
    guest.msi(1, 0);
    guest.taken();
    guest.issue('DISCARD', { deviceId: 1, eventId: 0 });
    guest.mapEvent(1, 0, 8300, 0);
    expect([isCached(guest), guest.msi(1, 0), guest.taken()]).toEqual([false, 1, [8300]]);
  });

  it('each ITS has its own', () => {
    const guest = ItsGuest.ready({ itsCount: 2 });
    for (const n of [0, 1]) {
      guest.mapDevice(1, 5, undefined, n);
      guest.mapEvent(1, 0, 8192 + n, 0, n);
      guest.msi(1, 0, n);
    }
    guest.issue('DISCARD', { deviceId: 1, eventId: 0 }, 0);
    expect(isCached(guest)).toBe(false);
    expect(guest.gic.injectCachedMsi(itsBase(1), 0, 1)).toBe(true);
  });

  it('an EventID of more than 16 bits is never found, whatever device’s it would be in one number with the DeviceID', () => {
    const guest = ready();
    guest.msi(1, 0);
    expect([isCached(guest, 0, 0x10000), guest.msi(0, 0x10000)]).toEqual([false, 0]);
  });
});
