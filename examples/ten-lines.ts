/*
 * A GIC in ten lines: a guest enables an interrupt, a device raises it, the guest takes it.
 *
 *     npm run example ten-lines
 *
 * prints
 *
 *     something is pending for vCPU 0
 *     vCPU 0 took INTID 33
 */
import { Gic, SYSTEM_REGISTERS } from 'vgic';
import { GICD_CTLR_ENABLE_GRP1, GICD_V3_REGISTERS, offsetsOf } from 'vgic/architecture';

const { GICD_CTLR, GICD_IGROUPR, GICD_ISENABLER } = offsetsOf(GICD_V3_REGISTERS);
const { ICC_PMR_EL1, ICC_IGRPEN1_EL1, ICC_IAR1_EL1, ICC_EOIR1_EL1 } = SYSTEM_REGISTERS;

/** Where QEMU's `virt` board has its distributor, and a Gic too unless told otherwise. */
const GICD = 0x0800_0000;
/** SPI 33 is bit 1 of the second register of each array that has a bit for each interrupt. */
const [WORD_OF_33, BIT_OF_33] = [4, 1 << 1];

const gic = new Gic({ version: 3, vcpus: 4 });
gic.events.on('kick', (vcpu) => console.log(`something is pending for vCPU ${vcpu}`));

// What every guest does first. Without one of these five writes nothing is ever delivered.
gic.write(0, GICD + GICD_CTLR, 4, GICD_CTLR_ENABLE_GRP1, 0);
gic.write(0, GICD + GICD_IGROUPR + WORD_OF_33, 4, BIT_OF_33, 0);
gic.write(0, GICD + GICD_ISENABLER + WORD_OF_33, 4, BIT_OF_33, 0);
gic.writeSystemRegister(0, ICC_PMR_EL1, 0xff, 0);
gic.writeSystemRegister(0, ICC_IGRPEN1_EL1, 1, 0);

gic.setLine(33, true); // a device raises SPI 33
gic.enter(0); // vCPU 0 enters the guest: its list registers are filled
if (gic.irqAsserted(0)) {
  // its core takes an IRQ exception, and the handler acknowledges and ends the interrupt
  const intid = gic.readSystemRegister(0, ICC_IAR1_EL1);
  console.log(`vCPU 0 took INTID ${intid}`);
  gic.writeSystemRegister(0, ICC_EOIR1_EL1, intid, 0);
}
gic.exit(0); // it leaves the guest: the list registers are folded back
