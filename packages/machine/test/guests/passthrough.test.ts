import fc from 'fast-check';
import { saveGic } from 'vgic';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Machine } from '../../src/index.js';
import { Passthrough } from '../../src/passthrough.js';
import { bootGuest, digest, finish, type GuestRun, guestImage, LIMIT, listen } from '../guest-run.js';

/** The guest that proves the ITS, its device passed through: it can't tell. */

const kernel = guestImage('its');
const boot = (vcpus: number, gicv4: 0 | 40 | 41) =>
  bootGuest(kernel, 'rounds=1 timeout=5', { memory: 8 << 20, vcpus, gicv4 });

/** What the guest prints to its end: what was sent, taken and undelivered of each device, by phase. */
function printed(guest: GuestRun): string {
  expect(guest.machine.run(LIMIT)).toEqual({ reason: 'off' });
  return guest.text();
}

/** Different moments before the end of a run of that length. */
function points(count: number, length: number, seed: number): number[] {
  const moment = fc.integer({ min: 1, max: length - 1 });
  const lists = fc.uniqueArray(moment, { minLength: count, maxLength: count });
  return fc.sample(lists, { numRuns: 1, seed })[0].sort((a, b) => a - b);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each([1, 2, 4, 8])('the guest on %i vCPUs', (vcpus) => {
  const plain = boot(vcpus, 0);
  const text = printed(plain);

  it('passes without direct injection, and leaves the guest for MSIs', () => {
    expect(text).toMatch(/\nPASS\r?\n$/);
    const { exits, ...counts } = plain.machine.msiCounts;
    expect(exits).toBeGreaterThan(200);
    expect(counts).toMatchObject({ vlpis: 0, vlpisInGuest: 0, doorbells: 0 });
  });

  it.each([40, 41] as const)(
    'prints the same with GICv4 version %i, and never leaves the guest for an MSI: 0 exits',
    (gicv4) => {
      const guest = boot(vcpus, gicv4);
      expect(printed(guest)).toBe(text);
      const { sent, vlpis, vlpisInGuest, exits, doorbells } = guest.machine.msiCounts;
      expect(exits).toBe(0);
      expect(sent).toBe(plain.machine.msiCounts.sent);
      expect(vlpis).toBeGreaterThan(sent / 2);
      expect(vlpisInGuest).toBeGreaterThan(200);
      expect(doorbells).toBeGreaterThan(0);
    },
  );
});

describe.each([1, 2, 4])('saved in mid-flow, the guest on %i vCPUs', (vcpus) => {
  const plain = boot(vcpus, 0);
  const text = printed(plain);

  it.each([40, 41] as const)('goes on bit for bit in a fresh machine, 10 times, with GICv4 version %i', (gicv4) => {
    const whole = boot(vcpus, gicv4);
    const expected = finish(whole);
    let guest = boot(vcpus, gicv4);
    let before = '';
    for (const point of points(10, whole.machine.time, vcpus)) {
      guest.machine.run(point);
      const state = guest.machine.save();
      before += guest.text();
      guest = listen(Machine.restore(state));
      expect(digest(guest.machine.save())).toEqual(digest(state));
    }
    expect(finish(guest)).toEqual(expected);
    expect(before + guest.text()).toBe(whole.text());
  });

  it.each([40, 41] as const)('is not changed by 10 saves with GICv4 version %i', (gicv4) => {
    const whole = boot(vcpus, gicv4);
    const expected = finish(whole);
    const guest = boot(vcpus, gicv4);
    for (const point of points(10, whole.machine.time, vcpus + 10)) {
      guest.machine.run(point);
      guest.machine.save();
    }
    expect(finish(guest)).toEqual(expected);
  });

  it('prints the same when its host has GICv4.1, none, GICv4.0, none, GICv4.1, GICv4.0 in turn, at 20 points', () => {
    const hosts = [41, 0, 40, 0, 41, 40] as const;
    let guest = boot(vcpus, 40);
    let before = '';
    for (const [n, point] of points(20, plain.machine.time, vcpus + 20).entries()) {
      guest.machine.run(point);
      before += guest.text();
      const gicv4 = hosts[n % hosts.length];
      guest = listen(Machine.restore(guest.machine.save(), {}, { gicv4 }));
      expect(guest.machine.config.gicv4).toBe(gicv4);
    }
    expect(before + printed(guest)).toBe(text);
  });
});

/** Moments at which the host has a vLPI pending: about so many. */
function whileVlpisPend(gicv4: 40 | 41, count: number): number[] {
  const { machine } = boot(2, gicv4);
  const found: number[] = [];
  for (let time = 200_000; machine.run(time).reason === 'time'; time += 997) {
    const { driver, vpes } = machine.gic.forwarding!;
    if (vpes.some(({ id }) => driver.gic.vpes.get(id)!.hasPending)) found.push(time);
  }
  expect(found.length).toBeGreaterThan(20);
  return found.filter((_, n) => n % Math.ceil(found.length / count) === 0);
}

/** How the guest ends in fresh machines, from saves at such moments. `prepare` is done to the machine that is saved. */
function ends(gicv4: 40 | 41, count: number, prepare: (machine: Machine) => void = () => {}) {
  const guest = boot(2, gicv4);
  prepare(guest.machine);
  return whileVlpisPend(gicv4, count).map((point) => {
    guest.machine.run(point);
    const copy = listen(Machine.restore(guest.machine.save()));
    return { text: printed(copy), time: copy.machine.time };
  });
}

const PASS = /\nPASS\r?\n$/;

describe('a host that leaves something out', () => {
  it('passes when it leaves nothing out, and takes as long as if it had not been saved', () => {
    for (const gicv4 of [40, 41] as const) {
      const whole = boot(2, gicv4);
      printed(whole);
      for (const { text, time } of ends(gicv4, 8)) {
        expect(text).toMatch(PASS);
        expect(time).toBe(whole.machine.time);
      }
    }
  });

  /** The guest looks again at each tick of its timer: a vCPU that is not woken is late, by much. */
  const timeOf = (gicv4: 40 | 41, prepare: (machine: Machine) => void = () => {}) => {
    const guest = boot(2, gicv4);
    prepare(guest.machine);
    expect(printed(guest)).toMatch(PASS);
    return guest.machine.time;
  };

  it.each([40, 41] as const)('lets vCPUs sleep when doorbells go unheard (GICv4 version %i)', (gicv4) => {
    const late = timeOf(gicv4, ({ gic }) => {
      for (const vpe of gic.forwarding!.vpes) vpe.onDoorbell = () => {};
    });
    expect(late).toBeGreaterThan(1.5 * timeOf(gicv4));
  });

  it('lets vCPUs sleep whose doorbells it does not ask for at WFI', () => {
    const late = timeOf(40, ({ gic }) => {
      gic.wait = (vcpu) => gic.exit(vcpu);
    });
    expect(late).toBeGreaterThan(1.5 * timeOf(40));
  });

  it('lets a vCPU sleep that waited when it was saved, when it does not ask for its doorbell anew', () => {
    const whole = timeOf(41);
    vi.spyOn(Passthrough.prototype, 'askForDoorbell').mockImplementation(() => {});
    expect(ends(41, 8).some(({ time }) => time > whole)).toBe(true);
  });

  it('loses nothing when it forwards nothing after a restore: software delivers until the device sends again', () => {
    const { start } = Passthrough.prototype;
    vi.spyOn(Passthrough.prototype, 'start').mockImplementation(function (this: Passthrough, state) {
      start.call(this, { forwarded: [], rung: state?.rung ?? [] });
    });
    for (const { text } of ends(41, 8)) expect(text).toMatch(PASS);
  });

  it('loses what is pending when it saves without unmapping the vPEs', () => {
    const unread = ends(41, 4, ({ gic }) => {
      gic.forwarding!.withPendingInMemory = (action) => action();
    });
    for (const { text } of unread) expect(text).toMatch(/^LPI sent \d+ taken \d+ lost [1-9]\d* spurious 0\r?$/m);
  });

  it('has no state to save with GICv4.0 while something is forwarded: the forwarding ends, and begins again', () => {
    const { machine } = boot(2, 40);
    machine.run(whileVlpisPend(40, 1)[0]);
    expect(() => saveGic(machine.gic)).toThrow(expect.objectContaining({ code: 'EACCES' }));
    const { forwarded } = machine.save().passthrough!;
    expect(forwarded.length).toBeGreaterThan(0);
    expect([...machine.gic.forwarding!.forwardings()]).toEqual(forwarded);
  });

  it('delivers to a guest that has turned LPIs off, when it does not look after what the guest writes', () => {
    vi.spyOn(Passthrough.prototype, 'review').mockImplementation(() => {});
    const text = printed(boot(1, 41));
    expect(text).toMatch(/^FAIL vCPU 0: .*EnableLPIs/m);
    expect(text).toMatch(/^LPI sent \d+ taken \d+ lost 0 spurious [1-9]/m);
  });
});
