/*
 * Direct injection: the MSIs of a passed-through device reach a running vCPU by the host's GICv4, without the hypervisor.
 *
 *     npm run example gicv4
 *
 * prints
 *
 *     MSI 0 is an lpi: vCPU 0 takes 8192
 *     MSI 0 is forwarded
 *     MSI 0 is a vlpi: vCPU 0 takes 8192 without leaving the guest
 *     the doorbell rings for vCPU 0
 *     MSI 0 is a vlpi: vCPU 0, which was waiting, takes 8192
 */
import { Gic, itsAt, Ram } from 'vgic';
import { Gicv4Driver } from 'vgic/gicv4';
import { acknowledge, enableCpuInterface, enableDistributor, end, takeAll } from './guest.js';
import { DOORBELL, ITS, ItsDriver, RAM, RAM_SIZE } from './its-driver.js';

/** MSI 0 of the host is event 0 of the guest's device 8. */
const [MSI, EVENT, DEVICE, LPI] = [0, 0, 8, 8192];

const driver = new Gicv4Driver({ gicv4: 41, cpus: 1, msis: 32 }); // the host, for all its virtual machines
const memory = new Ram(RAM, new Uint8Array(RAM_SIZE));
const gic = new Gic({ version: 3, vcpus: 1, memory, its: [itsAt(ITS)], gicv4Driver: driver });
driver.onMsi = () => gic.signalMsi(DOORBELL, EVENT, DEVICE); // what is not forwarded is delivered in software

enableDistributor(gic);
enableCpuInterface(gic, 0);
const its = new ItsDriver(gic, memory, 1);
its.mapDevice(DEVICE);
its.mapEvent(DEVICE, EVENT, LPI, 0);

console.log(`MSI 0 is an ${driver.send(MSI)}: vCPU 0 takes ${takeAll(gic, 0)}`);

// The guest has programmed the device, so its MSI can be forwarded. Anything but 0: not yet, and all goes on in software.
if (gic.setForwarding(MSI, DOORBELL, EVENT, DEVICE) === 0) console.log('MSI 0 is forwarded');

gic.enter(0);
const way = driver.send(MSI); // look at irqAsserted after it: no kick comes, and no exit is needed
const intid = acknowledge(gic, 0);
console.log(`MSI 0 is a ${way}: vCPU 0 takes ${intid} without leaving the guest`);
if (intid !== undefined) end(gic, 0, intid);

gic.events.on('kick', (vcpu) => console.log(`the doorbell rings for vCPU ${vcpu}`));
gic.wait(0); // WFI: not exit, which asks for no doorbell
console.log(`MSI 0 is a ${driver.send(MSI)}: vCPU 0, which was waiting, takes ${takeAll(gic, 0)}`);

gic.unsetForwarding(MSI); // the route changes; what is pending stays pending
gic.close(); // the vPEs go back to the host
