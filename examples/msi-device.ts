/*
 * MSIs by the ITS: a guest maps two events of a network card to LPIs, one for each of its vCPUs, and the card sends them.
 * What the guest does for that is in guest.ts and its-driver.ts.
 *
 *     npm run example msi-device
 *
 * prints
 *
 *     event 0: delivered, vCPU 0 takes 8192, vCPU 1 takes nothing
 *     event 1: delivered, vCPU 0 takes nothing, vCPU 1 takes 8193
 *     event 2: not mapped, vCPU 0 takes nothing, vCPU 1 takes nothing
 *     event 0: delivered, vCPU 0 takes nothing, vCPU 1 takes nothing
 *     the guest enables LPI 8192: vCPU 0 takes 8192
 */
import { Gic, itsAt, Ram } from 'vgic';
import { enableCpuInterface, enableDistributor, takeAll } from './guest.js';
import { DISABLED, DOORBELL, ENABLED, ITS, ItsDriver, RAM, RAM_SIZE } from './its-driver.js';

const VCPUS = 2;
/** What the bus knows of who writes: for PCI, bus 0, device 1, function 0. */
const NETWORK_CARD = 0x0008;

const memory = new Ram(RAM, new Uint8Array(RAM_SIZE)); // the guest's RAM, or a part of it
const gic = new Gic({ version: 3, vcpus: VCPUS, memory, its: [itsAt(ITS)] });

enableDistributor(gic);
for (let vcpu = 0; vcpu < VCPUS; vcpu++) enableCpuInterface(gic, vcpu);
const its = new ItsDriver(gic, memory, VCPUS);
its.mapDevice(NETWORK_CARD);
its.mapEvent(NETWORK_CARD, 0, 8192, 0);
its.mapEvent(NETWORK_CARD, 1, 8193, 1);

/** The card writes an EventID to GITS_TRANSLATER. */
function send(eventId: number): string {
  const result = gic.signalMsi(DOORBELL, eventId, NETWORK_CARD);
  return result > 0 ? 'delivered' : result === 0 ? 'not mapped' : `error ${result}`;
}

function taken(vcpu: number): string {
  return `vCPU ${vcpu} takes ${takeAll(gic, vcpu).join(' and ') || 'nothing'}`;
}

console.log(`event 0: ${send(0)}, ${taken(0)}, ${taken(1)}`);
console.log(`event 1: ${send(1)}, ${taken(0)}, ${taken(1)}`);
console.log(`event 2: ${send(2)}, ${taken(0)}, ${taken(1)}`);

// An LPI that is not enabled stays pending until the guest enables it.
its.configure(NETWORK_CARD, 0, 8192, DISABLED);
console.log(`event 0: ${send(0)}, ${taken(0)}, ${taken(1)}`);
its.configure(NETWORK_CARD, 0, 8192, ENABLED);
console.log(`the guest enables LPI 8192: ${taken(0)}`);
