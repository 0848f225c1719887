import { describe, expect, it } from 'vitest';
import { Gicv4Driver, UNMAPPED_INTERRUPT } from '../../src/gicv4.js';
import { ERRNO, GicError, Ram, restoreGic, saveGic } from '../../src/index.js';
import { ARCHITECTURE } from '../guest.js';
import { ItsGuest } from '../its-guest.js';
import { DEVICE, DOORBELL, FIRST_LPI, newDriver, PassedThrough } from './passed-through.js';

/** The hypervisor's side of GICv4, as the guest and its devices see it. */

const VERSIONS = [41, 40] as const;

/** LPI 8192 is forwarded. */
function forwarded(gicv4: 40 | 41 = 41, kvm = ARCHITECTURE): PassedThrough {
  const machine = PassedThrough.ready({ gicv4, kvm });
  expect(machine.forward(0)).toBe(0);
  return machine;
}

describe('forwarding is answered', () => {
  it.each(VERSIONS)('with 0 where it is set, and again where it is set already (GICv4 version %i)', (gicv4) => {
    const machine = forwarded(gicv4);
    expect(machine.forward(0)).toBe(0);
    expect(machine.isForwarded(0)).toBe(true);
    machine.unforward(0);
    expect(machine.isForwarded(0)).toBe(false);
  });

  it('with EBUSY while the ITS or the LPIs of the target are disabled', () => {
    const machine = PassedThrough.ready();
    machine.its.store('GITS_CTLR', 0n, 0, 4);
    expect(machine.forward(0)).toBe(-ERRNO.EBUSY);
    machine.its.store('GITS_CTLR', 1n, 0, 4);
    machine.its.disableLpis(0);
    expect(machine.forward(0)).toBe(-ERRNO.EBUSY);
    machine.its.enableLpis(0);
    expect(machine.forward(0)).toBe(0);
  });

  it('with 0x10307 for an event that is not mapped', () => {
    expect(PassedThrough.ready().forward(9)).toBe(UNMAPPED_INTERRUPT);
  });

  it('with EINVAL for an MSI that the GICv4 does not get, or that another virtual machine has', () => {
    const machine = PassedThrough.ready();
    machine.host.canForward = () => false;
    expect(machine.forward(0)).toBe(-ERRNO.EINVAL);

    const driver = newDriver(41);
    const guests = [0, 1].map(() => {
      const its = ItsGuest.ready({ ram: 1 << 20, gicv4Driver: driver });
      its.mapDevice(DEVICE);
      its.mapEvent(DEVICE, 0, FIRST_LPI);
      return its.gic;
    });
    expect(guests.map((gic) => gic.setForwarding(5, DOORBELL, 0, DEVICE))).toEqual([0, -ERRNO.EINVAL]);
    guests[0].close();
    expect(guests[1].setForwarding(5, DOORBELL, 0, DEVICE)).toBe(0);
  });
});

describe('what is pending in software', () => {
  it.each(VERSIONS)('goes to the host when its LPI is forwarded (GICv4 version %i)', (gicv4) => {
    const machine = PassedThrough.ready({ gicv4 });
    machine.msi(0);
    machine.forward(0);
    expect([machine.isLatched(FIRST_LPI), machine.isPendingOnHost(FIRST_LPI)]).toEqual([false, true]);
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });

  it('goes there from a list register at the exit, and is taken once', () => {
    const machine = PassedThrough.ready();
    machine.msi(0);
    machine.gic.enter(0);
    machine.forward(0);
    machine.gic.exit(0);
    expect([machine.isLatched(FIRST_LPI), machine.isPendingOnHost(FIRST_LPI)]).toEqual([false, true]);
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });
});

const ENDS: Readonly<Record<string, (machine: PassedThrough) => void>> = {
  'it is unset': (machine) => machine.unforward(0),
  'the guest discards the event': (machine) => machine.event('DISCARD', 0),
  'the guest unmaps the device': (machine) => machine.its.unmapDevice(DEVICE),
  'the ITS is reset': (machine) => machine.gic.its[0].reset(),
  'the virtual machine goes': (machine) => machine.gic.close(),
};

describe.each(VERSIONS)('what is pending on the host (GICv4 version %i)', (gicv4) => {
  /** Those that unmap the guest's event, and with it what is pending. */
  const UNMAPPING = ['the guest discards the event', 'the guest unmaps the device'];

  it.each(Object.keys(ENDS))('comes back in KVM 6.12 when %s, and the MSI is the host’s again', (name) => {
    const machine = forwarded(gicv4, '6.12');
    machine.msi(0);
    ENDS[name](machine);
    expect([machine.isForwarded(0), machine.isLatched(FIRST_LPI)]).toEqual([false, true]);
    expect(machine.host.mappingOf(0)).toBeUndefined();
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });

  it.each(Object.keys(ENDS))('comes back, or goes with its event, when %s, and the MSI is the host’s again', (name) => {
    const comesBack = !UNMAPPING.includes(name);
    const machine = forwarded(gicv4);
    machine.msi(0);
    ENDS[name](machine);
    expect([machine.isForwarded(0), machine.isLatched(FIRST_LPI)]).toEqual([false, comesBack]);
    expect(machine.host.mappingOf(0)).toBeUndefined();
    expect(machine.taken()).toEqual(comesBack ? [FIRST_LPI] : []);
  });
});

describe.each(VERSIONS)('a forwarded LPI follows the guest (GICv4 version %i)', (gicv4) => {
  it('in its pending state, by the DISCARD of another event that leads to it', () => {
    const machine = forwarded(gicv4);
    machine.its.mapEvent(DEVICE, 5, FIRST_LPI);
    machine.msi(0);
    expect(machine.isPendingOnHost(FIRST_LPI)).toBe(true);
    machine.event('DISCARD', 5);
    expect([machine.isForwarded(0), machine.isPendingOnHost(FIRST_LPI)]).toEqual([true, false]);
    expect(machine.taken()).toEqual([]);
  });

  const MOVES: Readonly<Record<string, (machine: PassedThrough) => void>> = {
    MOVI: (machine) => machine.event('MOVI', 0, { collection: 1 }),
    MOVALL: (machine) => machine.issue('MOVALL', { target: 0, target2: 1 }),
    MAPC: (machine) => machine.its.mapCollection(0, 1),
  };
  it.each(Object.keys(MOVES))('with what is pending, and with what comes, to another vCPU: %s', (name) => {
    const machine = forwarded(gicv4);
    machine.msi(0);
    MOVES[name](machine);
    expect([machine.taken(0), machine.taken(1)]).toEqual([[], [FIRST_LPI]]);
    machine.msi(0);
    expect([machine.taken(0), machine.taken(1)]).toEqual([[], [FIRST_LPI]]);
  });

  it('in enable and priority, by INV and by INVALL', () => {
    const machine = forwarded(gicv4);
    machine.forward(1);
    machine.its.configure(FIRST_LPI, 0xa0);
    machine.event('INV', 0);
    machine.msi(0);
    machine.msi(1);
    expect(machine.taken()).toEqual([FIRST_LPI + 1]);
    machine.its.configure(FIRST_LPI, 0x41);
    machine.issue('INVALL', { collection: 0 });
    machine.gic.enter(0);
    expect(machine.guest.mrs('ICC_HPPIR1_EL1')).toBe(FIRST_LPI);
    machine.guest.acknowledge();
    expect(machine.guest.mrs('ICC_RPR_EL1')).toBe(0x40);
  });

  it('in its pending state, by INT and CLEAR', () => {
    const machine = forwarded(gicv4);
    machine.event('INT', 0);
    expect(machine.isPendingOnHost(FIRST_LPI)).toBe(true);
    machine.event('CLEAR', 0);
    expect(machine.taken()).toEqual([]);
  });

  it('but not in EnableLPIs: nothing stops it, as in KVM', () => {
    const machine = forwarded(gicv4);
    machine.msi(0);
    machine.its.disableLpis(0);
    machine.its.enableLpis(0);
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });

  it('and stays forwarded while one of two events on it goes that is not its own', () => {
    const machine = forwarded(gicv4);
    machine.its.mapEvent(DEVICE, 5, FIRST_LPI);
    machine.event('DISCARD', 5);
    expect(machine.isForwarded(0)).toBe(true);
    machine.its.mapEvent(DEVICE, 5, FIRST_LPI);
    machine.event('DISCARD', 0);
    expect(machine.isForwarded(0)).toBe(false);
    machine.msi(5);
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });
});

describe.each(VERSIONS)('a vPE (GICv4 version %i)', (gicv4) => {
  it('is resident on the CPU of its vCPU while that is loaded, and moves with it', () => {
    const { gic, forwarding, host, cpuOf } = forwarded(gicv4);
    gic.load(0);
    expect([forwarding.isResident(0), host.residentOn(0)?.id]).toEqual([true, forwarding.vpes[0].id]);
    gic.put(0);
    expect([forwarding.isResident(0), host.residentOn(0)]).toEqual([false, undefined]);
    cpuOf[0] = 1;
    gic.load(0);
    expect([forwarding.vpes[0].cpu, host.residentOn(1)?.id]).toEqual([1, forwarding.vpes[0].id]);
  });

  it('rings for a vCPU that waits: a kick, and something to run for', () => {
    const machine = forwarded(gicv4);
    const { gic } = machine;
    gic.enter(0);
    gic.wait(0);
    expect([gic.kicks(0), gic.hasPending(0)]).toEqual([0, false]);
    machine.msi(0);
    expect([gic.kicks(0), gic.hasPending(0)]).toEqual([1, true]);
    machine.msi(0);
    expect(gic.kicks(0)).toBe(1);
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });

  it('does not ring for a vCPU that was preempted, which runs again anyway', () => {
    const machine = forwarded(gicv4);
    machine.gic.enter(0);
    machine.gic.exit(0);
    // GICv4.1 does not look
    expect(machine.gic.hasPending(0)).toBe(gicv4 === 41);
    machine.msi(0);
    expect(machine.gic.kicks(0)).toBe(0);
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });

  it('lets its vCPU wait through a distributor that is off, and wakes it when that goes on', () => {
    const machine = forwarded(gicv4);
    machine.guest.store('GICD_CTLR', 0, 0, 1);
    machine.gic.enter(0);
    machine.gic.wait(0);
    machine.msi(0);
    expect(machine.gic.hasPending(0)).toBe(false);
    machine.guest.store('GICD_CTLR', 2, 0, 1);
    expect([machine.gic.hasPending(0), machine.gic.kicks(0) > 0]).toEqual([true, true]);
    expect(machine.taken()).toEqual([FIRST_LPI]);
  });
});

describe('the doorbell of a GICv4.0', () => {
  const vpeOf = ({ forwarding }: PassedThrough) => forwarding.vpes[0];

  it('is masked while its vCPU runs and after it was preempted, and open while it waits', () => {
    const machine = forwarded(40);
    const { gic } = machine;
    const masked = () => vpeOf(machine).masked;
    gic.enter(0);
    expect(masked()).toBe(true);
    gic.exit(0);
    expect(masked()).toBe(true);
    gic.enter(0);
    gic.wait(0);
    expect(masked()).toBe(false);
    gic.enter(0);
    expect(masked()).toBe(true);
  });

  it('is latched while it is masked: no kick comes, but it rings when the vCPU waits', () => {
    const machine = forwarded(40);
    const { gic, host } = machine;
    gic.enter(0);
    gic.exit(0);
    machine.msi(0);
    expect([host.isDoorbellLatched(vpeOf(machine)), gic.kicks(0), gic.hasPending(0)]).toEqual([true, 0, false]);
    gic.wait(0);
    expect([host.isDoorbellLatched(vpeOf(machine)), gic.kicks(0), gic.hasPending(0)]).toEqual([false, 1, true]);
  });

  it('that rang is masked again, and one that is latched is dropped at the next entry', () => {
    const machine = forwarded(40);
    const { gic, host } = machine;
    gic.enter(0);
    gic.wait(0);
    machine.msi(0);
    expect([vpeOf(machine).masked, gic.kicks(0)]).toEqual([true, 1]);
    machine.forward(1);
    machine.msi(1);
    expect([host.isDoorbellLatched(vpeOf(machine)), gic.kicks(0)]).toEqual([true, 1]);
    gic.enter(0);
    expect(host.isDoorbellLatched(vpeOf(machine))).toBe(false);
    expect(machine.taken()).toEqual([FIRST_LPI, FIRST_LPI + 1]);
  });

  it('does not ring for a vLPI that is disabled', () => {
    const machine = forwarded(40);
    machine.its.configure(FIRST_LPI, 0xa0);
    machine.event('INV', 0);
    machine.gic.enter(0);
    machine.gic.wait(0);
    machine.msi(0);
    expect([machine.gic.kicks(0), machine.gic.hasPending(0)]).toEqual([0, false]);
  });
});

describe('what the core’s inputs show', () => {
  it.each(VERSIONS)('IRQ for a vLPI in the guest, and nothing outside of it (GICv4 version %i)', (gicv4) => {
    const machine = forwarded(gicv4);
    const { gic, guest } = machine;
    const inputs = () => [gic.irqAsserted(0), gic.fiqAsserted(0)];
    machine.msi(0);
    expect(inputs()).toEqual([false, false]);
    gic.enter(0);
    expect(inputs()).toEqual([true, false]);
    guest.acknowledge();
    expect(inputs()).toEqual([false, false]);
    // while it is served: of the same priority
    machine.msi(0);
    expect(inputs()).toEqual([false, false]);
    guest.end(FIRST_LPI);
    expect(inputs()).toEqual([true, false]);
    guest.msr('ICC_IGRPEN1_EL1', 0);
    expect(inputs()).toEqual([false, false]);
    guest.msr('ICC_IGRPEN1_EL1', 1);
    gic.exit(0);
    expect(inputs()).toEqual([false, false]);
  });

  it('FIQ for a vSGI of group 0, IRQ for one of group 1', () => {
    const { gic, guest } = PassedThrough.ready();
    guest.store('GICD_CTLR', 0);
    guest.store('GICD_CTLR', 0x102);
    guest.msr('ICC_IGRPEN0_EL1', 1);
    guest.setGroup(4, 0);
    guest.setPriority(4, 0x40);
    gic.enter(0);
    const inputs = () => [gic.irqAsserted(0), gic.fiqAsserted(0)];
    guest.sendSgi(3, [0]);
    expect(inputs()).toEqual([true, false]);
    guest.msr('ICC_SGI0R_EL1', (4 << 24) | 1);
    expect(inputs()).toEqual([false, true]);
    guest.mrs('ICC_IAR0_EL1');
    expect(inputs()).toEqual([false, false]);
    guest.msr('ICC_EOIR0_EL1', 4);
    expect(inputs()).toEqual([true, false]);
  });
});

describe('beside list registers', () => {
  /** LPIs 8192 and 8193 of one priority, the second one forwarded, both pending; in the guest. */
  function both(priority: number): PassedThrough {
    const machine = PassedThrough.ready();
    machine.its.configure(FIRST_LPI + 1, priority | 1);
    machine.event('INV', 1);
    machine.forward(1);
    machine.msi(0);
    machine.msi(1);
    machine.gic.enter(0);
    return machine;
  }

  it('the list register comes first among equals', () => {
    const { guest } = both(0xa0);
    expect([guest.mrs('ICC_HPPIR1_EL1'), guest.acknowledge()]).toEqual([FIRST_LPI, FIRST_LPI]);
  });

  it('a vLPI of a higher priority comes first, and preempts', () => {
    const { guest, gic } = both(0x40);
    expect(guest.acknowledge()).toBe(FIRST_LPI + 1);
    expect([guest.mrs('ICC_RPR_EL1'), gic.irqAsserted(0)]).toEqual([0x40, false]);
    guest.end(FIRST_LPI + 1);
    expect([guest.mrs('ICC_RPR_EL1'), gic.irqAsserted(0)]).toEqual([0xff, true]);
    expect(guest.acknowledge()).toBe(FIRST_LPI);
  });

  it('the priority mask holds a vLPI back', () => {
    const { guest, gic } = both(0x40);
    guest.msr('ICC_PMR_EL1', 0x40);
    expect([gic.irqAsserted(0), guest.acknowledge(), guest.mrs('ICC_HPPIR1_EL1')]).toEqual([
      false,
      1023,
      FIRST_LPI + 1,
    ]);
  });
});

describe('vSGIs', () => {
  const NASSGIREQ = 0x100;
  function withVsgis(): PassedThrough {
    const machine = PassedThrough.ready();
    machine.guest.store('GICD_CTLR', 0);
    machine.guest.store('GICD_CTLR', 2 | NASSGIREQ);
    return machine;
  }

  it('are offered by GICD_TYPER2 with GICv4.1 alone', () => {
    expect(PassedThrough.ready().guest.load('GICD_TYPER2')).toBe(0x100);
    expect(PassedThrough.ready({ gicv4: 40 }).guest.load('GICD_TYPER2')).toBe(0);
    expect(PassedThrough.ready({ vsgis: false }).guest.load('GICD_TYPER2')).toBe(0);
  });

  it('are taken, also by a vCPU that waits, and have no active state', () => {
    const { guest, gic } = withVsgis();
    gic.enter(1);
    gic.wait(1);
    guest.sendSgi(3, [1]);
    expect(gic.hasPending(1)).toBe(true);
    gic.enter(1);
    expect(guest.acknowledge(1)).toBe(3);
    expect(guest.bit('ISACTIVER', 3, 1)).toBe(0);
  });

  it('of group 0 arrive too', () => {
    const { guest, gic } = withVsgis();
    guest.msr('ICC_IGRPEN0_EL1', 1);
    guest.setGroup(4, 0);
    guest.msr('ICC_SGI0R_EL1', (4 << 24) | 1);
    gic.enter(0);
    expect(gic.fiqAsserted(0)).toBe(true);
    expect(guest.mrs('ICC_IAR0_EL1')).toBe(4);
  });

  it('have the registers that SGIs have', () => {
    const { guest } = withVsgis();
    guest.disable(3);
    guest.sendSgi(3, [0]);
    guest.sendSgi(5, [0]);
    guest.setPriority(5, 0x40);
    expect([guest.bit('ISPENDR', 3), guest.bit('ISENABLER', 3)]).toEqual([1, 0]);
    guest.mark('ICPENDR', 5);
    expect(guest.serve()).toEqual([]);
    guest.enable(3);
    guest.mark('ISPENDR', 5);
    expect(guest.serve()).toEqual([5, 3]);
  });

  it('that are pending come along when the guest asks for them, and back when it does not any more', () => {
    const machine = PassedThrough.ready();
    const { guest } = machine;
    guest.sendSgi(6, [0]);
    guest.store('GICD_CTLR', 0);
    guest.store('GICD_CTLR', 2 | NASSGIREQ);
    expect(guest.bit('ISPENDR', 6)).toBe(1);
    guest.store('GICD_CTLR', NASSGIREQ);
    guest.store('GICD_CTLR', 2);
    expect(guest.serve()).toEqual([6]);
  });
});

describe('a save', () => {
  const moves = [
    [41, 41],
    [41, 3],
    [3, 41],
  ] as const;
  it.each(moves)('carries what is pending from a host of kind %i to one of kind %i', (from, to) => {
    const machine = PassedThrough.ready({ gicv4: from });
    machine.forward(0);
    machine.msi(0);
    machine.msi(1);
    const saved = saveGic(machine.gic);
    const twin = new PassedThrough({ gicv4: to }, { guest: machine.its, bytes: machine.its.memory.bytes.slice() });
    restoreGic(twin.gic, saved);
    expect(twin.forward(0)).toBe(0);
    expect(twin.taken().sort()).toEqual([FIRST_LPI, FIRST_LPI + 1]);
    // the guest goes on here as well
    expect(machine.taken().sort()).toEqual([FIRST_LPI, FIRST_LPI + 1]);
  });

  it.each([
    ['after it', false, true],
    ['before it, which fails, and after it', true, true],
    ['before it alone, which fails', true, false],
  ])('ends in what the guest sees when its forwarding is set %s', (_when, before, after) => {
    const machine = forwarded();
    machine.msi(0);
    machine.msi(1);
    const saved = saveGic(machine.gic);
    const ram = { guest: machine.its, bytes: machine.its.memory.bytes.slice() };
    const twin = new PassedThrough({ ...machine.config, gicv4: 41 }, ram);
    if (before) expect(twin.forward(0)).not.toBe(0);
    restoreGic(twin.gic, saved);
    // between the two the device's MSI goes by software
    twin.msi(2);
    if (after) expect(twin.forward(0)).toBe(0);
    expect(twin.isForwarded(0)).toBe(after);
    expect(twin.taken().sort()).toEqual([FIRST_LPI, FIRST_LPI + 1, FIRST_LPI + 2]);
    expect(twin.taken()).toEqual([]);
  });

  it('of forwarded LPIs is refused with EACCES where a GICv4.0 does not tell what is pending', () => {
    const machine = forwarded(40);
    expect(() => saveGic(machine.gic)).toThrow(GicError);
    expect(machine.gic.savePendingTables()).toBe(-ERRNO.EACCES);
    machine.unforward(0);
    expect(machine.gic.savePendingTables()).toBe(0);
  });

  it('keeps GICD_CTLR.nASSGIreq and the vSGIs that are pending', () => {
    const machine = PassedThrough.ready();
    machine.guest.store('GICD_CTLR', 0);
    machine.guest.store('GICD_CTLR', 0x102);
    machine.guest.sendSgi(3, [0]);
    const twin = new PassedThrough({}, { guest: machine.its, bytes: machine.its.memory.bytes.slice() });
    restoreGic(twin.gic, saveGic(machine.gic));
    expect(twin.guest.load('GICD_CTLR') & 0x100).toBe(0x100);
    expect(twin.guest.serve()).toEqual([3]);
  });

  it.each([40, 3] as const)('of vSGIs goes on with SGIs in software on a host of kind %i', (gicv4) => {
    const machine = PassedThrough.ready();
    machine.guest.store('GICD_CTLR', 0);
    machine.guest.store('GICD_CTLR', 0x102);
    machine.guest.sendSgi(3, [0]);
    const twin = new PassedThrough({ gicv4 }, { guest: machine.its, bytes: machine.its.memory.bytes.slice() });
    restoreGic(twin.gic, saveGic(machine.gic));
    expect(twin.guest.load('GICD_CTLR') & 0x100).toBe(0x100);
    expect(twin.guest.serve()).toEqual([3]);
    twin.guest.sendSgi(4, [0]);
    expect(twin.guest.serve()).toEqual([4]);
  });
});

describe("the host's RAM", () => {
  it('has a place for every CPU from the start: no vCPU that moves to one finds it used up', () => {
    const cpus = 300;
    const driver = new Gicv4Driver({ cpus });
    const sets = [];
    for (;;) {
      try {
        sets.push(driver.allocate(20));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
        break;
      }
    }
    const [vpe] = sets[0].vpes;
    driver.mapVpe(vpe);
    for (let cpu = 0; cpu < cpus; cpu++) driver.moveVpe(vpe, cpu);
    expect(vpe.cpu).toBe(cpus - 1);
    driver.mapVlpi(0, vpe, FIRST_LPI, 1);
    driver.send(0);
    expect(driver.unmapVlpi(0)).toBe(true);
  });

  it('is refused with ENOSPC where it has not', () => {
    const memory = new Ram(0x1_0000_0000, new Uint8Array(1 << 20));
    expect(() => new Gicv4Driver({ cpus: 64, memory })).toThrow(/ENOSPC|no room/);
  });
});
