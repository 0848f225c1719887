import { Machine } from '@vgic/machine';
import { describe, expect, it } from 'vitest';
import { linuxMissing } from '../linux.mjs';
import { answered, interruptNamed, sum } from './linux-account.js';
import { type Board, boot, DEVICES, emptyDisk, print } from './linux-on-vgic.js';

const skipped = linuxMissing();

const BOARD: Board = {
  vcpus: 2,
  gic: 3,
  messageBasedSpis: { first: 128, count: 64 },
  extendedSpis: 64,
  extendedPpis: 32,
};

/** The INTIDs of the UART and of the virtual timer, as the board has them. */
const UART = 33;
const TIMER = 27;
const ESPI_7 = 4096 + 7;
const EPPI_5 = 1056 + 5;

/** Cells of the device tree, which the loader has put into RAM, with others in their place. */
function rewire(machine: Machine, cells: readonly number[], others: readonly number[]): void {
  const bytes = (list: readonly number[]) => Buffer.from(Uint32Array.from(list).buffer).swap32();
  const ram = Buffer.from(machine.core.ram.buffer, machine.core.ram.byteOffset, machine.core.ram.byteLength);
  const tree = ram.indexOf(Buffer.from([0xd0, 0x0d, 0xfe, 0xed]));
  const at = ram.indexOf(bytes(cells), tree);
  expect(at).toBeGreaterThan(tree);
  bytes(others).copy(ram, at);
}

/** A line of the board goes to another INTID. */
function reroute(machine: Machine, intids: ReadonlyMap<number, number>): void {
  const setLine = machine.gic.setLine.bind(machine.gic);
  machine.gic.setLine = (intid, level, vcpu) => setLine(intids.get(intid) ?? intid, level, vcpu);
}

describe.skipIf(skipped !== '')(`Debian's arm64 kernel on a GICv3 with all features${skipped}`, () => {
  it('counts the interrupts of the extended ranges, and the message-based ones', () => {
    const output = print(boot(BOARD, 'boot:2,off', [], 'loglevel=7'));
    expect(output).toMatch(/GICv3: 224 SPIs implemented$/m);
    expect(output).toMatch(/GICv3: 64 Extended SPIs implemented$/m);
    expect(output).toMatch(/GICv3: MBI range \[128:191\]$/m);
    expect(output).toMatch(/^vgic-init: PASS$/m);
    expect(output).not.toMatch(/WARNING|Oops/);
  });

  it('takes a device’s line as an extended SPI, and the timers’ as extended PPIs', () => {
    const machine = boot(BOARD, 'boot:2,echo,interrupts,off');
    rewire(machine, [0, 1, 4], [2, 7, 4]);
    rewire(machine, [1, 13, 4, 1, 14, 4, 1, 11, 4], [1, 13, 4, 1, 14, 4, 3, 5, 4]);
    reroute(
      machine,
      new Map([
        [UART, ESPI_7],
        [TIMER, EPPI_5],
      ]),
    );
    expect(print(machine, 'vgic-init: echo waits')).not.toContain('PASS');
    machine.sendConsoleInput(new TextEncoder().encode('go on\r'));
    const output = print(machine);
    expect(output).toMatch(/^vgic-init: PASS$/m);
    const uart = interruptNamed(output, 'uart-pl011');
    expect(uart.what).toBe(`GICv3 ${ESPI_7} Level uart-pl011`);
    expect(sum(uart.counts)).toBeGreaterThan(0);
    const timer = interruptNamed(output, 'arch_timer');
    expect(timer.what).toBe(`GICv3 ${EPPI_5} Level arch_timer`);
    for (const count of timer.counts) expect(count).toBeGreaterThan(0);
  });

  it('takes PCIe devices’ MSIs as message-based SPIs, also after a save and a restore', () => {
    const machine = boot(BOARD, 'ping:20:10,interrupts,off', DEVICES);
    // msi-map: what takes MSIs is the GIC itself, not its ITS
    rewire(machine, [0, 3, 0, 0x1_0000], [0, 1, 0, 0x1_0000]);
    const before = print(machine, 'vgic-init: ping seq=10 ');
    const restored = Machine.restore(machine.save(), emptyDisk());
    const output = before + print(restored);
    expect(output).toMatch(/^vgic-init: PASS$/m);
    expect(answered(output)).toHaveLength(20);
    const { what, counts } = interruptNamed(output, 'virtio0-input');
    expect(what).not.toContain('ITS');
    expect(sum(counts)).toBeGreaterThanOrEqual(20);
    expect(restored.gic.its[0].devices.size).toBe(0);
  });
});
