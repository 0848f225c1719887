import { describe, expect, it } from 'vitest';
import { GITS_TRANSLATER_OFFSET } from '../../src/architecture/its.js';
import { type Gicv4Version, ItsDriver } from '../../src/direct-injection/index.js';
import { ITS_BASE, ItsGuest } from '../its-guest.js';

/** A vCPU in WFI is to go on when something becomes deliverable to it, whoever of the guest's vCPUs has made it so. */

const DISABLED = 0xa0;
const ENABLED = 0xa1;
const MSI = 3;

/** vCPU 0 waits; LPI 8192 of its own is disabled, and an MSI of the host is forwarded to it. */
function waiting(gicv4: Gicv4Version) {
  const driver = new ItsDriver({ gicv4, cpus: 2 });
  const guest = ItsGuest.ready({ vcpus: 2, directInjection: driver });
  guest.configure(8192, DISABLED);
  guest.mapDevice(1);
  guest.mapEvent(1, 0, 8192);
  expect(guest.gic.setForwarding(MSI, ITS_BASE + GITS_TRANSLATER_OFFSET, 0, 1)).toBe(0);
  const wait = () => {
    guest.gic.enter(0);
    guest.gic.wait(0);
  };
  return { driver, guest, wait };
}

describe.each([40, 41] as const)('a vCPU that waits, with version %i of GICv4', (gicv4) => {
  it.each([
    ['INV', { deviceId: 1, eventId: 0 }],
    ['INVALL', { collection: 0 }],
  ] as const)('goes on when what came while it was disabled is enabled by %s', (command, fields) => {
    const { driver, guest, wait } = waiting(gicv4);
    wait();
    driver.send(MSI);
    // with GICv4.0 a doorbell may ring for nothing
    if (guest.gic.hasPending(0)) wait();
    expect(guest.gic.hasPending(0)).toBe(false);
    guest.configure(8192, ENABLED);
    guest.issue(command, fields);
    expect(guest.gic.hasPending(0)).toBe(true);
    expect(guest.taken(0)).toEqual([8192]);
  });

  it('goes on when what is pending and enabled moves to it', () => {
    const { driver, guest, wait } = waiting(gicv4);
    guest.configure(8192, ENABLED);
    guest.issue('INV', { deviceId: 1, eventId: 0 });
    guest.issue('MOVI', { deviceId: 1, eventId: 0, collection: 1 });
    wait();
    driver.send(MSI);
    expect(guest.gic.hasPending(0)).toBe(false);
    guest.issue('MOVI', { deviceId: 1, eventId: 0, collection: 0 });
    expect(guest.gic.hasPending(0)).toBe(true);
    expect(guest.taken(0)).toEqual([8192]);
  });
});
