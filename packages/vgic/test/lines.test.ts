import { describe, expect, it } from 'vitest';
import { ARCHITECTURE, Guest } from './guest.js';

/** The input lines of PPIs and SPIs: IHI 0069, 1.2.2 "Interrupt types" and 4.1.2 "Interrupt handling state machine". */

describe('interrupt lines', () => {
  it('each rising edge that finds the latch clear is one interrupt; the falling edge is none', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.gic.setLine(40, false);
    guest.gic.setLine(40, true);
    expect(guest.serve()).toEqual([40]);
    guest.gic.setLine(40, false);
    expect(guest.serve()).toEqual([]);
    guest.gic.setLine(40, true);
    expect(guest.serve()).toEqual([40]);
  });

  it('a PPI is the line of one vCPU', () => {
    const guest = Guest.ready({ vcpus: 3 });
    for (let vcpu = 0; vcpu < 3; vcpu++) guest.enable(27, vcpu);
    guest.gic.setLine(27, true, 1);
    const low = () => guest.gic.setLine(27, false, 1);
    expect([guest.serve(0), guest.serve(1, low), guest.serve(2)]).toEqual([[], [27], []]);
  });

  it('switching a level-sensitive interrupt to edge-triggered hides its high line, switching back shows it', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.setEdge(40, true);
    expect([guest.bit('ISPENDR', 40), guest.serve().length]).toEqual([0, 0]);
    guest.setEdge(40, false);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
  });

  it('an edge survives the switch to level-sensitive and is taken', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.gic.setLine(40, false);
    guest.setEdge(40, false);
    expect(guest.serve()).toEqual([40]);
    expect(guest.bit('ISPENDR', 40)).toBe(0);
  });

  it.each([
    ['follows its line from there on', ARCHITECTURE, 1],
    ['is low in KVM 6.12, which has not looked', '6.12', 0],
  ] as const)('an edge-triggered interrupt that becomes level-sensitive %s', (_what, kvm, pending) => {
    const guest = Guest.ready({ kvm });
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    expect(guest.serve()).toEqual([40]);
    guest.setEdge(40, false);
    expect(guest.bit('ISPENDR', 40)).toBe(pending);
    expect(guest.serve(0, () => guest.gic.setLine(40, false))).toEqual(pending ? [40] : []);
  });

  it('a line that falls while its interrupt is edge-triggered is low when it becomes level-sensitive', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.setEdge(40, true);
    guest.gic.setLine(40, false);
    guest.setEdge(40, false);
    expect(guest.bit('ISPENDR', 40)).toBe(0);
  });

  it('each rise of an edge-triggered interrupt is an edge, whatever the line was: KVM_IRQ_LINE', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    for (let n = 0; n < 3; n++) {
      guest.gic.setLine(40, true);
      expect(guest.serve()).toEqual([40]);
    }
  });

  it('a line that rises while its interrupt is disabled is taken when it is enabled, if it is still high', () => {
    const guest = Guest.ready();
    for (const intid of [40, 41]) {
      guest.setEdge(intid, false);
      guest.gic.setLine(intid, true);
    }
    guest.gic.setLine(41, false);
    for (const intid of [40, 41]) guest.enable(intid);
    expect(guest.serve(0, () => guest.gic.setLine(40, false))).toEqual([40]);
  });

  it('two devices cannot share a line: it has the level that was driven last', () => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    guest.gic.setLine(40, true);
    guest.gic.setLine(40, false);
    expect(guest.bit('ISPENDR', 40)).toBe(0);
  });
});

describe('kicks and waking up', () => {
  it.each([
    ['enabled', true, (guest: Guest) => guest.enable(40)],
    ['disabled', false, (guest: Guest) => guest.disable(40)],
    ['routed nowhere', false, (guest: Guest) => guest.store('GICD_IROUTER', 0xff, 40 * 8, 0, 8)],
    ['held by the distributor', false, (guest: Guest) => guest.store('GICD_CTLR', 0)],
  ])('an edge of an interrupt that is %s kicks its vCPU: %s', (_how, kicks, prepare) => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.spi(40, { edge: true, vcpu: 1 });
    prepare(guest);
    const kicked: number[] = [];
    guest.gic.events.on('kick', (vcpu) => kicked.push(vcpu));
    guest.gic.setLine(40, true);
    expect(kicked).toEqual(kicks ? [1] : []);
    expect(guest.gic.kicks(1)).toBe(kicks ? 1 : 0);
    guest.enter(1);
    expect(guest.gic.kicks(1)).toBe(0);
  });

  it('what happens while the vCPU is in the guest reaches it at its next entry', () => {
    const guest = Guest.ready().enter();
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    expect(guest.gic.irqAsserted(0)).toBe(false);
    expect(guest.gic.kicks(0)).toBeGreaterThan(0);
    guest.enter();
    expect(guest.gic.irqAsserted(0)).toBe(true);
  });

  it.each([
    ['pending and enabled', true, () => {}],
    ['disabled', false, (guest: Guest) => guest.disable(40)],
    ['below the priority mask', false, (guest: Guest) => guest.msr('ICC_PMR_EL1', 0xa0)],
    ['just above the priority mask', true, (guest: Guest) => guest.msr('ICC_PMR_EL1', 0xa8)],
    ['held by the distributor', false, (guest: Guest) => guest.store('GICD_CTLR', 0)],
    ['active', false, (guest: Guest) => guest.mark('ISACTIVER', 40)],
    ['of a group that the CPU interface has disabled', false, (guest: Guest) => guest.msr('ICC_IGRPEN1_EL1', 0)],
    ['of a group that the distributor has disabled', false, (guest: Guest) => guest.store('GICD_CTLR', 1)],
    ['of the priority that is running', false, (guest: Guest) => guest.msr('ICC_AP1R0_EL1', 1 << (0xa0 >> 3))],
    ['above the priority that is running', true, (guest: Guest) => guest.msr('ICC_AP1R0_EL1', 1 << (0xa8 >> 3))],
  ])('an interrupt that is %s ends WFI: %s', (_how, wakes, change) => {
    const guest = Guest.ready();
    guest.spi(40);
    guest.gic.setLine(40, true);
    change(guest);
    expect(guest.gic.hasPending(0)).toBe(wakes);
    guest.enter();
    expect(guest.gic.irqAsserted(0)).toBe(wakes);
  });

  it.each([
    ['of a group that the CPU interface has disabled', (guest: Guest) => guest.msr('ICC_IGRPEN1_EL1', 0)],
    ['of the priority that is running', (guest: Guest) => guest.msr('ICC_AP1R0_EL1', 1 << (0xa0 >> 3))],
  ])('an interrupt that is %s ends WFI in KVM 6.12, which does not look at that', (_how, change) => {
    const guest = Guest.ready({ kvm: '6.12' });
    guest.spi(40);
    guest.gic.setLine(40, true);
    change(guest);
    expect(guest.gic.hasPending(0)).toBe(true);
    guest.enter();
    expect(guest.gic.irqAsserted(0)).toBe(false);
  });

  it.each([2, 3] as const)(
    'of several the one that comes first says whether WFI ends, as the core has it (GICv%i)',
    (version) => {
      for (const mask of [0x20, 0x60, 0xa0, 0xf0]) {
        for (const enables of [0, 1, 2, 3]) {
          const guest = Guest.ready({ version });
          for (const [intid, group, priority] of [
            [40, 1, 0x80],
            [41, 0, 0x40],
            [42, 1, 0x40],
          ] as const) {
            guest.setGroup(intid, group);
            guest.spi(intid, { edge: true, priority });
            guest.gic.setLine(intid, true);
          }
          if (version === 3) {
            guest.msr('ICC_IGRPEN0_EL1', enables & 1);
            guest.msr('ICC_IGRPEN1_EL1', enables >> 1);
            guest.msr('ICC_PMR_EL1', mask);
          } else {
            guest.gicvStore('CTLR', enables);
            guest.gicvStore('PMR', mask);
          }
          const wakes = guest.gic.hasPending(0);
          guest.enter();
          expect(wakes, `mask ${mask}, enables ${enables}`).toBe(guest.gic.irqAsserted(0) || guest.gic.fiqAsserted(0));
        }
      }
    },
  );
});
