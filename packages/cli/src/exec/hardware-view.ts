import { gichListRegister } from 'vgic/architecture';
import type { VirtualMachine } from 'vgic/kvm';

/** A number as the protocol writes registers. */
export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

/** A 64-bit register from its halves. */
export function hex64(low: number, high: number): string {
  if (high === 0) return hex(low);
  return `0x${(high >>> 0).toString(16)}${(low >>> 0).toString(16).padStart(8, '0')}`;
}

/** The virtual CPU interface of the physical CPU that a vCPU is on, as the protocol shows it. */
export function hardwareView(vm: VirtualMachine, vcpu: number): Record<string, unknown> {
  const cpu = vm.cpuInterfaces[vcpu];
  const gich = cpu.config.version === 2;
  const lrs: string[] = [];
  for (let n = 0; n < cpu.listRegisters; n++) {
    const low = cpu.lrLow[n];
    const high = cpu.lrHigh[n];
    lrs.push(gich ? hex(gichListRegister(low, high)) : hex64(low, high));
  }
  const view: Record<string, unknown> = {
    used: cpu.used,
    lrs,
    hcr: hex(cpu.hcr),
    vmcr: hex(cpu.vmcr),
    misr: hex(cpu.maintenanceStatus()),
    eisr: hex(cpu.endedListRegisters()),
    elrsr: hex(cpu.emptyListRegisters()),
  };
  if (gich) {
    view.apr = hex(cpu.ap1r[0]);
  } else {
    view.ap0r = Array.from(cpu.ap0r, hex);
    view.ap1r = Array.from(cpu.ap1r, hex);
  }
  view.in_guest = vm.gic?.isInGuest(vcpu) ?? false;
  view.loaded = vm.isLoaded(vcpu);
  return view;
}
