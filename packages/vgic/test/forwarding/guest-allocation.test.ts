import { describe, expect, it } from 'vitest';
import { SYSTEM_REGISTERS } from '../../src/index.js';
import { bytesPerCycle, NOTHING } from '../physical-gic/heap-growth.js';
import { FIRST_LPI, PassedThrough } from './passed-through.js';

const { ICC_IAR1_EL1, ICC_EOIR1_EL1 } = SYSTEM_REGISTERS;

describe.each([41, 40] as const)('a guest’s whole GIC (GICv4 version %i)', (gicv4) => {
  /** Events 0 to 3 of a host's device are forwarded to vCPU 0. */
  function forwarded(): PassedThrough {
    const machine = PassedThrough.ready({ gicv4 });
    for (let event = 0; event < 4; event++) machine.forward(event);
    return machine;
  }
  function serve({ gic }: PassedThrough, event: number): void {
    const intid = gic.readSystemRegister(0, ICC_IAR1_EL1);
    gic.writeSystemRegister(0, ICC_EOIR1_EL1, intid, 0);
    if (intid !== FIRST_LPI + event) throw new Error(`the vLPI was lost: ${intid}`);
  }

  it('allocates nothing from a host device’s MSI to its end, in a vCPU that runs', () => {
    const machine = forwarded();
    machine.gic.enter(0);
    const bytes = bytesPerCycle((n) => {
      machine.host.send(n & 3);
      serve(machine, n & 3);
    });
    expect(bytes).toBeLessThan(NOTHING);
  });

  it('allocates nothing at entry and exit', () => {
    const { gic } = forwarded();
    const bytes = bytesPerCycle(() => {
      gic.enter(0);
      gic.exit(0);
    });
    expect(bytes).toBeLessThan(NOTHING);
  });

  it('allocates nothing for a vCPU that waits and whose doorbell rings', () => {
    const machine = forwarded();
    const { gic } = machine;
    const bytes = bytesPerCycle((n) => {
      gic.enter(0);
      gic.wait(0);
      machine.host.send(n & 3);
      if (!gic.hasPending(0)) throw new Error('no doorbell');
      gic.enter(0);
      serve(machine, n & 3);
      gic.exit(0);
    });
    expect(bytes).toBeLessThan(NOTHING);
  });
});
