/** What somebody writes who has installed the packages: compiled, run in Node, bundled and served to a browser as it is. */
import { Machine } from '@vgic/machine';
import { Gic, SYSTEM_REGISTERS } from 'vgic';

/** A device raises SPI 33; the INTID that the guest's acknowledge answers, and whether one is left afterwards. */
export function deliver(): { acknowledged: number; left: boolean } {
  const kicked: number[] = [];
  const gic = new Gic({ version: 3, vcpus: 1 });
  gic.events.on('kick', (vcpu) => kicked.push(vcpu));
  gic.write(0, 0x0800_0000, 4, 2, 0); // GICD_CTLR.EnableGrp1
  gic.write(0, 0x0800_0084, 4, 2, 0); // GICD_IGROUPR1: group 1
  gic.write(0, 0x0800_0104, 4, 2, 0); // GICD_ISENABLER1
  gic.writeSystemRegister(0, SYSTEM_REGISTERS.ICC_PMR_EL1, 0xff, 0);
  gic.writeSystemRegister(0, SYSTEM_REGISTERS.ICC_IGRPEN1_EL1, 1, 0);
  gic.setLine(33, true);
  if (kicked.length !== 1) throw new Error(`the vCPUs that were kicked: ${kicked.join()}`);
  gic.enter(0);
  if (!gic.irqAsserted(0)) throw new Error('the IRQ input is low');
  const acknowledged = gic.readSystemRegister(0, SYSTEM_REGISTERS.ICC_IAR1_EL1);
  gic.setLine(33, false); // level-sensitive, as it is after reset: the device has been served
  gic.writeSystemRegister(0, SYSTEM_REGISTERS.ICC_EOIR1_EL1, acknowledged, 0);
  gic.exit(0);
  return { acknowledged, left: gic.hasPending(0) };
}

/** What a guest has printed when it is switched off. */
export function boot(kernel: Uint8Array): string {
  let text = '';
  const machine = new Machine({ vcpus: 1, memory: 2 ** 24, gic: 3 });
  machine.onConsoleOutput = (byte: number) => {
    text += String.fromCharCode(byte);
  };
  machine.load({ kernel });
  const outcome = machine.run();
  return outcome.reason === 'off' ? text : outcome.reason;
}
