import { describe, expect, it } from 'vitest';
import { Guest } from './guest.js';

/** The listeners of a Gic may act at once: a kick may take its vCPU out of the guest and in again. */

/** A machine that answers each kick of a vCPU in the guest by an exit and an entry, from within the listener. */
function eager(guest: Guest): Guest {
  guest.gic.events.on('kick', (vcpu) => {
    if (guest.gic.isInGuest(vcpu)) guest.gic.enter(vcpu);
  });
  return guest;
}

describe('a kick that is answered at once', () => {
  it('by a device’s edge delivers it at once', () => {
    const guest = eager(Guest.ready());
    guest.spi(40, { edge: true });
    guest.enter();
    guest.gic.setLine(40, true);
    expect(guest.gic.irqAsserted(0)).toBe(true);
    expect(guest.serve()).toEqual([40]);
  });

  it('by another vCPU’s SGI delivers it at once', () => {
    const guest = eager(Guest.ready({ vcpus: 2 }));
    guest.enter(0).enter(1);
    guest.sendSgi(3, [1], 0);
    expect(guest.gic.irqAsserted(1)).toBe(true);
    expect(guest.serve(1)).toEqual([3]);
  });

  it('by the vCPU’s own store loses nothing', () => {
    const guest = eager(Guest.ready());
    guest.setEdge(40, true);
    guest.gic.setLine(40, true);
    guest.enter();
    guest.enable(40);
    expect(guest.serve()).toEqual([40]);
  });

  it('by the vCPU’s own SGI loses nothing', () => {
    const guest = eager(Guest.ready());
    guest.enter();
    guest.sendSgi(3, [0], 0);
    expect(guest.serve()).toEqual([3]);
  });

  it('by the exit of another vCPU, from which the interrupt moves, delivers it', () => {
    const guest = eager(Guest.ready({ vcpus: 2 }));
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.route(40, 1);
    guest.enter(1);
    guest.enter(0);
    guest.exit(0);
    expect(guest.serve(1)).toEqual([40]);
  });

  it('by a resampler that raises the line again is one more interrupt', () => {
    const guest = eager(Guest.ready());
    guest.spi(40);
    let more = 1;
    guest.gic.events.on('resample', (intid) => {
      guest.gic.setLine(intid, false);
      if (more-- > 0) guest.gic.setLine(intid, true);
    });
    guest.gic.setLine(40, true);
    expect(guest.serve()).toEqual([40, 40]);
  });
});

describe('a kick that is answered while guests are stopped or on their way out', () => {
  it('by a store that stops all vCPUs loses nothing', () => {
    const guest = eager(Guest.ready({ vcpus: 2 }));
    for (const intid of [40, 41]) guest.spi(intid, { edge: true, vcpu: 1 });
    guest.enter(0).enter(1);
    guest.gic.setLine(41, true);
    guest.mark('ISACTIVER', 40, 0);
    guest.enter(1);
    expect(guest.serve(1)).toEqual([41]);
  });

  it('by an entry of a vCPU that is on its way out of the guest loses nothing', () => {
    const guest = Guest.ready();
    guest.gic.events.on('kick', (vcpu) => guest.gic.enter(vcpu));
    guest.enter();
    guest.sendSgi(3, [0], 0);
    expect(guest.serve()).toEqual([3]);
  });
});
