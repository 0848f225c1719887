import { ERRNO, type ErrorCode } from '../src/index.js';
import {
  Host,
  type HostConfig,
  KVM_DEV_ARM_VGIC_CTRL_INIT,
  KVM_DEV_ARM_VGIC_GRP_ADDR,
  KVM_DEV_ARM_VGIC_GRP_CTRL,
  type VgicDevice,
  VirtualMachine,
  type VirtualMachineConfig,
} from '../src/kvm/index.js';
import { GICD_BASE, GICR_BASE, GICV_BASE, Guest } from './guest.js';

/** Virtual machines by KVM's device API, from an empty one to one whose guest runs. */

export const HOST: HostConfig = {
  version: 3,
  listRegisters: 4,
  priorityBits: 5,
  idBits: 0,
  affinity3: true,
  seis: false,
};

export function emptyMachine(
  config: Partial<VirtualMachineConfig> = {},
  host: Partial<HostConfig> = {},
): VirtualMachine {
  return new VirtualMachine(new Host({ ...HOST, ...host }), { vcpus: 2, ...config });
}

/** With a device, which is not configured yet. */
export function machineWithDevice(
  version: 2 | 3,
  config: Partial<VirtualMachineConfig> = {},
  host: Partial<HostConfig> = {},
): { machine: VirtualMachine; device: VgicDevice } {
  const machine = emptyMachine(config, host);
  const result = machine.createDevice(version);
  if (result !== 0 || machine.device === undefined) throw new Error(`no device: ${result}`);
  return { machine, device: machine.device };
}

export function initialise(device: VgicDevice): number {
  return device.set(KVM_DEV_ARM_VGIC_GRP_CTRL, BigInt(KVM_DEV_ARM_VGIC_CTRL_INIT), undefined);
}

/** Initialised, its frames placed: a vCPU can run. */
export function readyMachine(
  version: 2 | 3,
  config: Partial<VirtualMachineConfig> = {},
  host: Partial<HostConfig> = {},
): { machine: VirtualMachine; device: VgicDevice; guest: Guest } {
  const { machine, device } = machineWithDevice(version, config, host);
  const place = (type: number, base: number) => device.write(KVM_DEV_ARM_VGIC_GRP_ADDR, BigInt(type), BigInt(base));
  if (version === 2) {
    place(0, GICD_BASE);
    place(1, GICV_BASE);
  } else {
    place(2, GICD_BASE);
    place(3, GICR_BASE);
  }
  if (initialise(device) !== 0 || machine.prepareRun(0) !== 0 || machine.gic === undefined)
    throw new Error('not ready');
  return { machine, device, guest: new Guest({ version, vcpus: machine.vcpus }, machine.gic) };
}

/** 0 and more as they are, errors by name: `ENXIO`. */
export function nameOf(result: number): number | ErrorCode {
  return result >= 0 ? result : ((Object.keys(ERRNO) as ErrorCode[]).find((name) => ERRNO[name] === -result) ?? result);
}
