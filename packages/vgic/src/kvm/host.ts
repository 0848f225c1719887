import type { Gicv4Version } from '../architecture/gicv4.js';
import { GicError } from '../errors.js';
import { PHYSICAL_INTERRUPT_COUNT, PhysicalInterrupts } from '../interrupts/physical-interrupts.js';
import type { KvmCompatibility } from '../kvm-deviations.js';
import { Gicv4Driver } from '../physical-gic/gicv4-driver.js';
import type { VirtualMachine } from './virtual-machine.js';

/** What the hardware of a host is like, as far as a VGIC sees it; all its virtual machines share it. */
export interface HostConfig {
  /** Version of the host's GIC. */
  readonly version: 2 | 3;
  /** List registers of each physical CPU, 1 to 16. */
  readonly listRegisters: number;
  /** Bits of priority of the virtual CPU interface, 5 to 8. */
  readonly priorityBits: number;
  /** ICH_VTR_EL2.IDbits. */
  readonly idBits: number;
  /** ICH_VTR_EL2.A3V. */
  readonly affinity3: boolean;
  /** ICH_VTR_EL2.SEIS. */
  readonly seis: boolean;
  /** The kernel that its KVM is of, or some of its deviations by name: {@link KVM_DEVIATIONS}. Default: none of them. */
  readonly kvm?: KvmCompatibility | undefined;
  /** 40 or 41: a host with GICv4.0 or GICv4.1, and kvm-arm.vgic_v4_enable=1. Default: none. */
  readonly gicv4?: Gicv4Version | undefined;
  /** GICv4.1: whether the CPU interfaces take vSGIs. Default true. */
  readonly vsgis?: boolean;
}

/** Virtual machines that can have a range of physical CPUs of their own. */
const MACHINES = 8;

/** Physical CPUs that a host sets apart for each of its virtual machines by default. */
export const CPUS_PER_MACHINE = 512;

/** A host: its interrupts, and the virtual machines whose vCPUs run on its physical CPUs. */
export class Host {
  readonly interrupts = new PhysicalInterrupts();
  readonly machines = new Set<VirtualMachine>();
  /** The driver of its GICv4, if it has one. */
  readonly gicv4Driver: Gicv4Driver | undefined;

  constructor(readonly config: HostConfig) {
    const { version, listRegisters, priorityBits } = config;
    if (version !== 2 && version !== 3) throw new GicError('EINVAL', `A host's GIC is version 2 or 3, not ${version}.`);
    if (!(listRegisters >= 1 && listRegisters <= 16)) {
      throw new GicError('EINVAL', `A host has 1 to 16 list registers, not ${listRegisters}.`);
    }
    if (!(priorityBits >= 5 && priorityBits <= 8)) {
      throw new GicError('EINVAL', `A host has 5 to 8 bits of priority, not ${priorityBits}.`);
    }
    const { gicv4, vsgis = true } = config;
    if (gicv4 === undefined) return;
    if (version !== 3) throw new GicError('EINVAL', 'A host with a GICv2 has no GICv4.');
    const cpus = MACHINES * CPUS_PER_MACHINE;
    this.gicv4Driver = new Gicv4Driver({ gicv4, vsgis, cpus, msis: PHYSICAL_INTERRUPT_COUNT, priorityBits });
    this.gicv4Driver.canForward = (msi) => this.interrupts.isForwardable(msi);
  }

  /** Interrupts of the host that can be forwarded: numbers below this. */
  get msis(): number {
    return PHYSICAL_INTERRUPT_COUNT;
  }

  /** Whether a vCPU other than this one is loaded on a physical CPU. */
  isTaken(cpu: number, machine: VirtualMachine, vcpu: number): boolean {
    for (const other of this.machines) {
      for (let v = 0; v < other.vcpus; v++) {
        if ((other !== machine || v !== vcpu) && other.occupies(v, cpu)) return true;
      }
    }
    return false;
  }
}
