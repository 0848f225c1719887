/*
 * KVM's device API, for a VMM that talks to KVM already: the same steps, numbers and errors, without a kernel.
 *
 *     npm run example kvm-device-api
 *
 * prints
 *
 *     KVM_CREATE_DEVICE answers 0, and once more -17
 *     SPI 33 is pending: GICD_ISPENDR1 is 0x2
 *     while vCPU 0 runs the same attribute answers -16
 *     KVM_DEV_ARM_VGIC_GRP_NR_IRQS, attribute 0x0: EBUSY.
 */
import { ERRNO, GicError } from 'vgic';
import { GICD_V3_REGISTERS, offsetsOf } from 'vgic/architecture';
import {
  Host,
  KVM_ARM_IRQ_TYPE_SPI,
  KVM_DEV_ARM_VGIC_CTRL_INIT,
  KVM_DEV_ARM_VGIC_GRP_ADDR,
  KVM_DEV_ARM_VGIC_GRP_CTRL,
  KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
  KVM_DEV_ARM_VGIC_GRP_NR_IRQS,
  KVM_VGIC_V3_ADDR_TYPE_DIST,
  KVM_VGIC_V3_ADDR_TYPE_REDIST,
  VirtualMachine,
} from 'vgic/kvm';

const { GICD_ISPENDR } = offsetsOf(GICD_V3_REGISTERS);

const host = new Host({ version: 3, listRegisters: 4, priorityBits: 5, idBits: 0, affinity3: true, seis: false });
const vm = new VirtualMachine(host, { vcpus: 4 });

// What is an ioctl of the virtual machine or of a vCPU answers as it does: 0 or more, or a negative errno.
console.log(`KVM_CREATE_DEVICE answers ${vm.createDevice(3)}, and once more ${vm.createDevice(3)}`);
const { device } = vm;
if (device === undefined) throw new Error('There is no device.');

// `write` and `read` throw a GicError with a sentence; `set`, `get` and `has` answer a negative errno instead.
device.write(KVM_DEV_ARM_VGIC_GRP_ADDR, BigInt(KVM_VGIC_V3_ADDR_TYPE_DIST), 0x0800_0000n);
device.write(KVM_DEV_ARM_VGIC_GRP_ADDR, BigInt(KVM_VGIC_V3_ADDR_TYPE_REDIST), 0x080a_0000n);
device.write(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0n, 128n);
device.write(KVM_DEV_ARM_VGIC_GRP_CTRL, BigInt(KVM_DEV_ARM_VGIC_CTRL_INIT), 0n);

vm.irqLine((KVM_ARM_IRQ_TYPE_SPI << 24) | 33, true); // KVM_IRQ_LINE
const isPending = BigInt(GICD_ISPENDR + 4);
console.log(
  `SPI 33 is pending: GICD_ISPENDR1 is 0x${device.read(KVM_DEV_ARM_VGIC_GRP_DIST_REGS, isPending).toString(16)}`,
);

vm.setRunning(0, true); // a thread is in KVM_RUN
const answer = device.get(KVM_DEV_ARM_VGIC_GRP_DIST_REGS, isPending, { value: 0n });
console.log(`while vCPU 0 runs the same attribute answers ${answer}`);
vm.setRunning(0, false);

try {
  device.write(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0n, 256n);
} catch (error) {
  if (!(error instanceof GicError) || error.errno !== ERRNO.EBUSY) throw error;
  console.log(error.message);
}
