import type { VirtualMachine } from 'vgic/kvm';
import { hex } from './hardware-view.js';

const SGI_COUNT = 16;

/** What the host's GICv4 has of a virtual machine, as the protocol's `phys` shows it; of one vCPU with `only`. */
export function physicalView(vm: VirtualMachine | undefined, only: number | undefined): Record<string, unknown> {
  const forwarding = vm?.device?.model.forwarding;
  if (vm === undefined || forwarding === undefined) return { vpes: [], maps: [] };
  const { driver } = forwarding;
  const vcpus = forwarding.vpes.map((_, vcpu) => vcpu).filter((vcpu) => only === undefined || vcpu === only);
  const maps: Record<string, unknown>[] = [];
  for (const msi of [...forwarding.forwardings()].sort((a, b) => a - b)) {
    const mapping = driver.mappingOf(msi);
    if (mapping === undefined) continue;
    const vcpu = forwarding.vpes.indexOf(mapping.vpe);
    if (only !== undefined && vcpu !== only) continue;
    const { memory, held } = driver.configurationOf(mapping.vpe, mapping.intid);
    const state = { prop: hex(memory), cached: hex(held), db: mapping.rings ? 1 : 0 };
    maps.push({ host_irq: msi, vcpu, vintid: mapping.intid, ...state });
  }
  return { vpes: vcpus.map((vcpu) => vpeView(vm, vcpu)), maps };
}

function vpeView(vm: VirtualMachine, vcpu: number): Record<string, unknown> {
  const forwarding = vm.device!.model.forwarding!;
  const { driver } = forwarding;
  const vpe = forwarding.vpes[vcpu];
  const hardware = driver.gic.vpes.get(vpe.id);
  const resident = forwarding.isResident(vcpu);
  const vpt: number[] = [];
  hardware?.vlpis.each((intid) => vpt.push(intid));
  const bit = (flag: boolean | number | undefined) => (flag ? 1 : 0);
  const view: Record<string, unknown> = {
    vcpu,
    vpe_id: vpe.id,
    mapped: bit(vpe.mapped),
    its_cpu: vpe.cpu,
    resident: bit(resident),
    cpu: resident ? vpe.cpu : -1,
    g0en: forwarding.groups[vcpu] & 1,
    g1en: forwarding.groups[vcpu] >> 1,
    ready: forwarding.ready[vcpu],
    pending_last: forwarding.pendingLast[vcpu],
    in_wfi: bit(vm.isWaiting(vcpu)),
    vlpi_count: [...forwarding.forwardings()].filter((msi) => driver.mappingOf(msi)?.vpe === vpe).length,
    db_irq: vpe.doorbell,
    db_masked: bit(vpe.masked),
    db_latched: bit(driver.isDoorbellLatched(vpe)),
    db_armed: bit(hardware?.doorbellArmed),
    vpt,
  };
  if (driver.version === 40) return view;
  const sgis = Array.from({ length: SGI_COUNT }, (_, sgi) => hardware?.sgiConfiguration(sgi) ?? 0);
  const mask = (flag: number) => hex(sgis.reduce((bits, byte, sgi) => bits | (byte & flag ? 1 << sgi : 0), 0));
  return {
    ...view,
    sgi_pending: hex(hardware?.sgiPending ?? 0),
    sgi_enabled: mask(1),
    sgi_group: mask(2),
    sgi_prio: sgis.map((byte) => byte & 0xf0),
  };
}
