import { describe, expect, it } from 'vitest';
import { LR_ACTIVE, LR_HW, LR_PENDING, LR_PINTID_MASK, LR_STATE } from '../src/architecture/virtual-interface.js';
import { PhysicalInterrupts } from '../src/index.js';
import { machineWithDevice, nameOf, readyMachine } from './machine.js';

/** Virtual interrupts tied to interrupts of the host: IHI 0069, ICH_LR<n>_EL2.HW; KVM's kvm_vgic_map_phys_irq. */

const HOST_IRQ = 27;

/** A GICv3 guest whose PPI 27 is the host's interrupt 27, as with KVM's virtual timer. */
function mapped(intid = 27) {
  const { machine, guest } = readyMachine(3, { vcpus: 1 });
  const { host } = machine;
  guest.prepare();
  if (intid >= 32) guest.setEdge(intid, false);
  guest.enable(intid);
  expect(machine.mapPhysical(0, intid, HOST_IRQ)).toBe(0);
  /** The device interrupts the host, whose handler marks it active and injects it. */
  const fire = () => {
    host.interrupts.setLine(HOST_IRQ, true);
    host.interrupts.setActive(HOST_IRQ, true);
    expect(machine.irqLine((intid < 32 ? 2 << 24 : 1 << 24) | intid, true)).toBe(0);
  };
  return { host: host.interrupts, machine, guest, fire };
}

describe('an interrupt tied to one of the host', () => {
  it('has HW = 1 and the physical INTID in its list register', () => {
    const { guest, fire } = mapped();
    fire();
    guest.enter();
    const [{ low, high }] = guest.listRegisters();
    expect([low, high & (LR_HW | LR_PINTID_MASK | LR_PENDING)]).toEqual([27, LR_HW | LR_PENDING | HOST_IRQ]);
  });

  it('its deactivation by the guest deactivates the physical one', () => {
    const { host, guest, fire } = mapped();
    fire();
    guest.enter();
    guest.acknowledge();
    expect(host.active(HOST_IRQ)).toBe(true);
    host.setLine(HOST_IRQ, false);
    guest.end(27);
    expect(host.active(HOST_IRQ)).toBe(false);
    expect(guest.serve()).toEqual([]);
  });

  it('is never pending and active in a list register, and asks for no maintenance interrupt', () => {
    const { guest, fire, machine } = mapped();
    fire();
    guest.enter();
    guest.acknowledge();
    machine.irqLine((2 << 24) | 27, true);
    guest.enter();
    expect(guest.listRegisters().map(({ high }) => (high & LR_STATE) >>> 0)).toEqual([LR_ACTIVE]);
    guest.end(27);
    expect(guest.gic.maintenanceAsserted(0)).toBe(false);
  });

  it('one whose physical line fell before the guest took it, and that was folded back, is not taken', () => {
    const { host, guest, fire } = mapped();
    fire();
    guest.enter();
    host.setLine(HOST_IRQ, false);
    guest.exit();
    expect(host.active(HOST_IRQ)).toBe(false);
    expect(guest.serve()).toEqual([]);
  });

  it('the pending register shows the physical interrupt’s state', () => {
    const { host, guest } = mapped();
    expect(guest.bit('ISPENDR', 27)).toBe(0);
    host.setLine(HOST_IRQ, true);
    expect(guest.bit('ISPENDR', 27)).toBe(1);
    host.setLine(HOST_IRQ, false);
    expect(guest.bit('ISPENDR', 27)).toBe(0);
  });

  it('made active and inactive by the guest, so is the physical one', () => {
    const { host, guest } = mapped();
    guest.mark('ISACTIVER', 27);
    expect(host.active(HOST_IRQ)).toBe(true);
    guest.mark('ICACTIVER', 27);
    expect(host.active(HOST_IRQ)).toBe(false);
  });

  it('made pending by the guest, the physical one is active, as if its handler had run', () => {
    const { host, guest } = mapped();
    guest.mark('ISPENDR', 27);
    expect(host.active(HOST_IRQ)).toBe(true);
    expect(guest.serve()).toEqual([27]);
    expect(host.active(HOST_IRQ)).toBe(false);
  });

  it('its pending state cleared by the guest, so is the physical latch, and the active state unless the guest serves it', () => {
    const { host, guest } = mapped();
    for (const active of [false, true]) {
      host.setPending(HOST_IRQ, true);
      host.setActive(HOST_IRQ, true);
      if (active) guest.mark('ISACTIVER', 27);
      guest.mark('ICPENDR', 27);
      expect([host.latch(HOST_IRQ), host.active(HOST_IRQ)]).toEqual([false, active]);
    }
  });

  it.each(['ISPENDR', 'ICPENDR', 'ISACTIVER', 'ICACTIVER', 'ISENABLER', 'ICENABLER'])(
    'a store to %s for another interrupt leaves the host’s interrupts alone',
    (name) => {
      const { host, guest } = mapped();
      host.setPending(HOST_IRQ, true);
      host.setActive(HOST_IRQ, true);
      host.setActive(1, true);
      guest.mark(name, 26);
      guest.mark(name, 40);
      expect([0, 1, HOST_IRQ].map((irq) => host.active(irq))).toEqual([false, true, true]);
      expect([0, 1, HOST_IRQ].map((irq) => host.latch(irq))).toEqual([false, false, true]);
    },
  );

  it('userspace’s pending and active state of it leave the physical one alone', () => {
    const { host, guest, machine } = mapped();
    const attr = (name: string) => BigInt(guest.description(name).offset);
    for (const name of ['GICR_ISPENDR0', 'GICR_ISACTIVER0', 'GICR_ICACTIVER0']) {
      machine.device?.write(5, attr(name), BigInt(1 << 27));
      expect([host.latch(HOST_IRQ), host.active(HOST_IRQ)], name).toEqual([false, false]);
    }
  });

  it('enabling it looks at the physical line, which may have changed unseen', () => {
    const { host, guest } = mapped(40);
    guest.disable(40);
    host.setLine(HOST_IRQ, true);
    guest.enable(40);
    expect(guest.serve(0, () => host.setLine(HOST_IRQ, false))).toEqual([40]);
  });

  it('enabling it together with others looks at no line but its own', () => {
    const { host, guest } = mapped(40);
    guest.disable(40);
    host.setLine(HOST_IRQ, true);
    for (const intid of [39, 41, 42]) guest.setEdge(intid, false);
    guest.store('GICD_ISENABLER', 0xffffffff, 4);
    expect(guest.load('GICD_ISPENDR', 4)).toBe(1 << 8);
    host.setLine(HOST_IRQ, false);
    guest.store('GICD_ISENABLER', 0xffffffff, 4);
    expect([guest.load('GICD_ISPENDR', 4), guest.serve().length]).toEqual([0, 0]);
  });

  it('can be an edge-triggered SPI, which keeps its latch', () => {
    const { guest, fire } = mapped(40);
    guest.setEdge(40, true);
    fire();
    guest.enter().exit();
    expect(guest.serve()).toEqual([40]);
    expect(guest.serve()).toEqual([]);
  });

  it('unmapped it is an interrupt of its own again', () => {
    const { machine, guest, fire } = mapped();
    fire();
    expect(machine.unmapPhysical(0, 27)).toBe(0);
    guest.enter();
    expect(guest.listRegisters().map(({ high }) => high & LR_HW)).toEqual([0]);
  });

  it.each([
    ['an SGI', 0, 5, 1, 'EINVAL'],
    ['an INTID beyond the last', 0, 256, 1, 'EINVAL'],
    ['a vCPU that does not exist', 1, 27, 1, 'EINVAL'],
    ['a physical interrupt that does not exist', 0, 27, 1024, 'EINVAL'],
    ['a negative physical interrupt', 0, 27, -1, 'EINVAL'],
  ])('is refused for %s', (_what, vcpu, intid, irq, result) => {
    expect(nameOf(mapped().machine.mapPhysical(vcpu, intid, irq))).toBe(result);
  });

  it('is refused with EAGAIN before the GIC is initialised', () => {
    const { machine } = machineWithDevice(3);
    expect([machine.mapPhysical(0, 27, 1), machine.unmapPhysical(0, 27)].map(nameOf)).toEqual(['EAGAIN', 'EAGAIN']);
  });
});

describe('the host’s interrupts', () => {
  it('are pending by latch or line', () => {
    const host = new PhysicalInterrupts();
    host.setPending(5, true);
    host.setLine(6, true);
    expect([5, 6, 7].map((irq) => host.isPending(irq))).toEqual([true, true, false]);
    expect([5, 6].map((irq) => host.latch(irq))).toEqual([true, false]);
  });

  it('a deactivation by a list register with a physical INTID beyond the last is ignored', () => {
    const host = new PhysicalInterrupts();
    host.setActive(1023, true);
    host.deactivate(0x1fff);
    expect(host.active(1023)).toBe(true);
    host.deactivate(1023);
    expect(host.active(1023)).toBe(false);
  });
});
