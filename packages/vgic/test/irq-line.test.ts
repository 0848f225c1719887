import { describe, expect, it } from 'vitest';
import type { Route } from '../src/kvm/index.js';
import { emptyMachine, machineWithDevice, nameOf, readyMachine } from './machine.js';

/** KVM_IRQ_LINE, KVM_SET_GSI_ROUTING and KVM_IRQFD. Source: Linux, Documentation/virt/kvm/api.rst, 4.25, 4.52, 4.75. */

const CPU = 0 << 24;
const SPI = 1 << 24;
const PPI = 2 << 24;

describe('KVM_IRQ_LINE', () => {
  it.each([
    ['an SPI', SPI | 32, 0],
    ['the last SPI', SPI | 255, 0],
    ['an SPI beyond the last', SPI | 256, 'EINVAL'],
    ['a PPI as SPI', SPI | 31, 'EINVAL'],
    ['a PPI', PPI | 16, 0],
    ['the last PPI', PPI | 31, 0],
    ['an SGI as PPI', PPI | 15, 'EINVAL'],
    ['an SPI as PPI', PPI | 32, 'EINVAL'],
    ['a PPI of vCPU 1', PPI | (1 << 16) | 27, 0],
    ['a PPI of a vCPU that does not exist', PPI | (2 << 16) | 27, 'EINVAL'],
    ['a PPI of vCPU 256, by the upper bits, that does not exist', PPI | (1 << 28) | 27, 'EINVAL'],
    ['the IRQ input of a vCPU, which is outside of an in-kernel GIC', CPU | 0, 'ENXIO'],
    ['a type that does not exist', (3 << 24) | 32, 'ENXIO'],
  ])('%s: %s', (_what, irq, result) => {
    const { machine } = readyMachine(3);
    expect([nameOf(machine.irqLine(irq, true)), nameOf(machine.irqLine(irq, false))]).toEqual([result, result]);
  });

  it('the vCPU of a PPI is in bits 23:16, its upper part in bits 31:28', () => {
    const { machine } = readyMachine(3, { vcpus: 300 });
    const vcpu = 0x1 * 256 + 0x12;
    expect(machine.irqLine(PPI | (1 << 28) | (0x12 << 16) | 27, true)).toBe(0);
    const { irqs } = machine.gic!;
    expect(irqs.line[vcpu]).toBe(1 << 27);
    expect(irqs.line.reduce((sum, word) => sum + (word === 0 ? 0 : 1), 0)).toBe(1);
  });

  it('drives the line that the guest sees', () => {
    const { machine, guest } = readyMachine(3);
    guest.prepare();
    guest.spi(40);
    machine.irqLine(SPI | 40, true);
    expect(guest.bit('ISPENDR', 40)).toBe(1);
    expect(guest.serve(0, () => machine.irqLine(SPI | 40, false))).toEqual([40]);
    expect(guest.bit('ISPENDR', 40)).toBe(0);
  });

  it('without a device answers ENXIO; before a GICv3 is initialised EBUSY; a GICv2 initialises itself', () => {
    expect(nameOf(emptyMachine().irqLine(SPI | 40, true))).toBe('ENXIO');
    const { machine } = machineWithDevice(3);
    expect(nameOf(machine.irqLine(SPI | 40, true))).toBe('EBUSY');
    const v2 = machineWithDevice(2).machine;
    expect(v2.irqLine(SPI | 40, true)).toBe(0);
    expect(v2.gic).toBeDefined();
  });
});

describe('GSI routing and irqfd', () => {
  it('by default GSI n is pin n, which is SPI 32 + n', () => {
    const { machine, guest } = readyMachine(3);
    guest.prepare();
    guest.spi(40, { edge: true });
    expect(machine.irqfd(8, true)).toBe(0);
    expect(guest.serve()).toEqual([40]);
    expect(machine.irqfd(223, true)).toBe(0);
    expect(nameOf(machine.irqfd(224, true))).toBe('ENOENT');
  });

  it('a GSI goes where its route says, one without route nowhere: ENOENT', () => {
    const { machine, guest } = readyMachine(3);
    guest.prepare();
    guest.spi(50, { edge: true });
    expect(machine.routing.set([{ gsi: 5, type: 'irqchip', pin: 18 }])).toBe(0);
    expect([nameOf(machine.irqfd(5, true)), nameOf(machine.irqfd(18, true))]).toEqual([0, 'ENOENT']);
    expect(guest.serve()).toEqual([50]);
  });

  it.each([-1, 988, 100000])('a route to pin %i is refused, and all routes stay as they were', (pin) => {
    const { machine } = readyMachine(3);
    const routes: Route[] = [
      { gsi: 1, type: 'irqchip', pin: 2 },
      { gsi: 2, type: 'irqchip', pin },
    ];
    expect(nameOf(machine.routing.set(routes))).toBe('EINVAL');
    expect(machine.irqfd(200, true)).toBe(0);
  });

  it('a route to a pin that this GIC has not answers EINVAL when it is used', () => {
    const { machine } = readyMachine(3);
    expect(machine.routing.set([{ gsi: 1, type: 'irqchip', pin: 987 }])).toBe(0);
    expect(nameOf(machine.irqfd(1, true))).toBe('EINVAL');
  });

  it('an MSI without an ITS to translate it is not delivered', () => {
    const { machine } = readyMachine(3);
    expect(machine.routing.set([{ gsi: 1, type: 'msi', doorbell: 0x8090040n, deviceId: 0, data: 0 }])).toBe(0);
    expect(machine.irqfd(1, true)).toBeLessThan(0);
  });

  it('a resampler hears of the end of a level-sensitive SPI, and of nothing else', () => {
    const { machine, guest } = readyMachine(3);
    guest.prepare();
    guest.spi(40);
    guest.spi(41, { edge: true });
    machine.irqfd(8, true);
    machine.irqfd(9, true);
    const taken = guest.serve(0, (intid) => machine.irqfd(intid - 32, false));
    expect(taken.sort()).toEqual([40, 41]);
    expect(machine.acknowledged).toEqual([8]);
  });

  it('a resampler that raises the line again gets one more interrupt', () => {
    const { machine, guest } = readyMachine(3);
    guest.prepare();
    guest.spi(40);
    let more = 2;
    guest.gic.events.on('resample', () => {
      machine.irqfd(8, false);
      if (more-- > 0) machine.irqfd(8, true);
    });
    machine.irqfd(8, true);
    expect(guest.serve()).toEqual([40, 40, 40]);
  });

  it('acknowledged resamplers that nobody takes do not pile up without bound', () => {
    const { machine, guest } = readyMachine(3);
    guest.prepare();
    guest.spi(40);
    machine.irqfd(8, true);
    let rounds = 0;
    guest.serve(0, () => {
      if (++rounds === 500) machine.irqfd(8, false);
    });
    expect(rounds).toBe(500);
    expect(machine.acknowledged.length).toBe(1);
  });
});

describe('irqfd resampling of many and of routed GSIs', () => {
  it('every GSI whose interrupt has ended is reported, however many there are', () => {
    const { machine, guest } = readyMachine(3);
    guest.prepare();
    for (let intid = 32; intid < 132; intid++) {
      guest.spi(intid);
      machine.spiLine(intid, true);
    }
    guest.serve(0, (intid) => machine.spiLine(intid, false));
    expect(new Set(machine.acknowledged).size).toBe(100);
  });

  it('a resampler hears of its GSI, which the routing may give another pin', () => {
    const { machine, guest } = readyMachine(3);
    guest.prepare();
    guest.spi(40);
    machine.routing.set([{ gsi: 5, type: 'irqchip', pin: 8 }]);
    machine.irqfd(5, true);
    guest.serve(0, () => machine.irqfd(5, false));
    expect(machine.acknowledged).toEqual([5]);
  });
});
