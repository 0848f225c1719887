/*
 * What a guest's operating system does with a GICv3, as far as the examples need it: every access here is the guest's own, by
 * an instruction of one of its vCPUs.
 */
import { type Gic, SYSTEM_REGISTERS } from 'vgic';
import { GICD_CTLR_ENABLE_GRP1, GICD_V3_REGISTERS, GICR_REGISTERS, GICR_SIZE, offsetsOf } from 'vgic/architecture';

const { GICD_CTLR, GICD_IGROUPR, GICD_ISENABLER, GICD_ICFGR } = offsetsOf(GICD_V3_REGISTERS);
const { GICR_IGROUPR0, GICR_ISENABLER0 } = offsetsOf(GICR_REGISTERS);
const { ICC_PMR_EL1, ICC_IGRPEN1_EL1, ICC_IAR1_EL1, ICC_EOIR1_EL1 } = SYSTEM_REGISTERS;

/** Where QEMU's `virt` board has the frames. */
export const GICD = 0x0800_0000;
export const GICR = 0x080a_0000;

/** The frames of a vCPU's redistributor lie one behind the other. */
export const redistributor = (vcpu: number) => GICR + vcpu * GICR_SIZE;

const ALL = 0xffff_ffff;
/** Acknowledged when nothing is left. */
const SPURIOUS = 1023;

/** Everything in group 1, and group 1 enabled at the distributor; the boot vCPU does this. */
export function enableDistributor(gic: Gic): void {
  gic.write(0, GICD + GICD_CTLR, 4, GICD_CTLR_ENABLE_GRP1, 0);
  for (let n = 1; n < 8; n++) gic.write(0, GICD + GICD_IGROUPR + 4 * n, 4, ALL, 0);
}

/** Each vCPU enables its SGIs and PPIs and its CPU interface. */
export function enableCpuInterface(gic: Gic, vcpu: number): void {
  gic.write(vcpu, redistributor(vcpu) + GICR_IGROUPR0, 4, ALL, 0);
  gic.write(vcpu, redistributor(vcpu) + GICR_ISENABLER0, 4, ALL, 0);
  gic.writeSystemRegister(vcpu, ICC_PMR_EL1, 0xff, 0);
  gic.writeSystemRegister(vcpu, ICC_IGRPEN1_EL1, 1, 0);
}

/** An SPI: its trigger in two bits of GICD_ICFGR, then its enable. It goes to vCPU 0 unless GICD_IROUTER says otherwise. */
export function enableSpi(gic: Gic, intid: number, trigger: 'edge' | 'level'): void {
  const configuration = GICD + GICD_ICFGR + 4 * (intid >>> 4);
  const bit = 2 << (2 * (intid & 15));
  const others = gic.read(0, configuration, 4) & ~bit;
  gic.write(0, configuration, 4, trigger === 'edge' ? others | bit : others, 0);
  gic.write(0, GICD + GICD_ISENABLER + 4 * (intid >>> 5), 4, 1 << (intid & 31), 0);
}

/** The IRQ handler's first half, on a vCPU in the guest: the INTID, or undefined where nothing is left. */
export function acknowledge(gic: Gic, vcpu: number): number | undefined {
  if (!gic.irqAsserted(vcpu)) return undefined;
  const intid = gic.readSystemRegister(vcpu, ICC_IAR1_EL1);
  return intid === SPURIOUS ? undefined : intid;
}

/** Its second half. */
export function end(gic: Gic, vcpu: number, intid: number): void {
  gic.writeSystemRegister(vcpu, ICC_EOIR1_EL1, intid, 0);
}

/**
 * The vCPU takes all that comes, and waits for more (WFI) until nothing is pending for it. `serve` is what the handler of an
 * interrupt does between acknowledging and ending it.
 */
export function takeAll(gic: Gic, vcpu: number, serve: (intid: number, vcpu: number) => void = () => {}): number[] {
  const taken: number[] = [];
  while (gic.hasPending(vcpu)) {
    gic.enter(vcpu);
    for (let intid = acknowledge(gic, vcpu); intid !== undefined; intid = acknowledge(gic, vcpu)) {
      taken.push(intid);
      serve(intid, vcpu);
      end(gic, vcpu, intid);
    }
    gic.wait(vcpu);
  }
  return taken;
}
