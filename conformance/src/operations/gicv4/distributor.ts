/** What is switched off and on again, EnableLPIs, ITSs, the distributor; SGIs that become vSGIs and back. */
import { baseRegister } from '../../generator/guest-tables.js';
import { hex, hex64 } from '../../generator/protocol.js';
import { DISTRIBUTOR_3, GITS_CTLR, REDISTRIBUTOR, REDISTRIBUTOR_STRIDE } from '../../generator/registers.js';
import type { Sequence } from '../../generator/sequence.js';
import { enterOn } from '../gic/delivery.js';
import { writeRedistributor } from '../its/lpis.js';
import { anyEvent } from './events.js';
import { register, stop, takeAll, writeGicr } from './guest.js';

/** EnableLPIs or an ITS goes off and on again, while device MSIs come. KVM's software takes no pending bits then. */
export function switchOffAndOn(s: Sequence): void {
  const { random } = s;
  const msis = () => {
    for (let n = random.below(3); n > 0; n--) s.emit({ op: 'device_msi', host_irq: anyEvent(s).hostIrq }, 'device MSI');
  };
  if (random.chance(0.5)) {
    const vcpu = s.realVcpu();
    writeRedistributor(s, vcpu, 'GICR_CTLR', '0x0', 4);
    msis();
    // with GICR_PENDBASER.PTZ: what the table has pending would come to be in software, forwarded or not
    writeRedistributor(s, vcpu, 'GICR_PENDBASER', baseRegister(s.tables!.pending[vcpu]!, 0x40000000, 0x780));
    writeRedistributor(s, vcpu, 'GICR_CTLR', '0x1', 4);
    return;
  }
  const its = random.pick(s.tables!.its);
  const control = (value: string) =>
    s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(its.base + GITS_CTLR), value }, 'GITS_CTLR write');
  control('0x0');
  msis();
  control('0x1');
}

function control(s: Sequence, value: number): void {
  const addr = hex(s.vm.configuration.distributor + register(DISTRIBUTOR_3, 'GICD_CTLR'));
  s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr, value: hex(value) }, 'GICD_CTLR write');
}

const ENABLE = 0x12;
const NASSGIREQ = 0x100;

/** The distributor goes off and on; every vCPU runs, since KVM lets one sleep through what came meanwhile. */
export function switchDistributor(s: Sequence): void {
  const { random, vm } = s;
  stop(s);
  const vsgis = vm.vsgis ? NASSGIREQ : 0;
  control(s, vsgis | (random.chance(0.8) ? 0x10 : ENABLE));
  for (let n = random.below(3); n > 0; n--) {
    if (random.chance(0.5)) s.emit({ op: 'device_msi', host_irq: anyEvent(s).hostIrq }, 'device MSI');
    else enterOn(s, s.realVcpu());
  }
  if (random.chance(0.3)) takeAll(s);
  stop(s);
  control(s, vsgis | ENABLE);
}

/**
 * SGIs become vSGIs or the GIC's again. In KVM the first ICENABLER then does not reach the hardware, nor does an ISENABLER of an
 * SGI that was disabled in between, and what is pending when they come back is not queued: here all are enabled in an
 * order that mends that, and nothing pends.
 */
export function switchVsgis(s: Sequence): void {
  const { vm } = s;
  if (vm.configuration.gicv4 !== 41 || !vm.configuration.vsgis) return;
  stop(s);
  takeAll(s);
  stop(s);
  control(s, vm.vsgis ? NASSGIREQ : 0);
  if (vm.vsgis) for (let vcpu = 0; vcpu < s.vcpus; vcpu++) writeGicr(s, vcpu, 'GICR_ICPENDR0', '0xffff');
  vm.vsgis = !vm.vsgis;
  control(s, vm.vsgis ? NASSGIREQ : 0);
  if (vm.vsgis) enableSgisAnew(s);
  control(s, (vm.vsgis ? NASSGIREQ : 0) | ENABLE);
}

export function enableSgisAnew(s: Sequence): void {
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) {
    for (const name of ['GICR_ISENABLER0', 'GICR_ICENABLER0', 'GICR_ISENABLER0']) writeGicr(s, vcpu, name, '0xffff');
  }
}

/** SGIs, and the registers that they have, whoever delivers them. */
export function directSgi(s: Sequence): void {
  const { random } = s;
  const vcpu = s.realVcpu();
  const sgi = random.below(16);
  const bit = hex(1 << sgi);
  random.weighted<() => void>([
    [
      6,
      () => {
        const value = hex64(random.chance(0.1) ? 0x100 : 0, (sgi << 24) | random.below(1 << s.vcpus));
        s.emit({ op: 'icc_sgi', vcpu, reg: 'ICC_SGI1R_EL1', value }, 'ICC_SGI1R_EL1 write');
      },
    ],
    [1, () => writeGicr(s, vcpu, 'GICR_ISENABLER0', bit)],
    [1, () => writeGicr(s, vcpu, 'GICR_ICENABLER0', bit)],
    [1, () => writeGicr(s, vcpu, 'GICR_ISPENDR0', bit)],
    [1, () => writeGicr(s, vcpu, 'GICR_ICPENDR0', bit)],
    [1, () => writeGicr(s, vcpu, 'GICR_IPRIORITYR0', hex(random.pick(s.priorities)), sgi, 1)],
    [
      2,
      () => {
        const name = random.pick(['GICR_ISENABLER0', 'GICR_ISPENDR0', 'GICR_ICPENDR0', 'GICR_IPRIORITYR0']);
        const base = s.vm.configuration.redistributors + vcpu * REDISTRIBUTOR_STRIDE;
        s.emit({ op: 'mmio_read', vcpu, addr: hex(base + register(REDISTRIBUTOR, name)) }, `${name} read`);
      },
    ],
  ])();
  if (random.chance(0.3)) takeAll(s);
}
