/*
 * All orders in which three things can happen, each from the same state: gic.checkpoint() and gic.rollback() take microseconds,
 * and a hash tells states apart. KVM 6.12, which this GIC follows, does not look for what is pending when the distributor is
 * switched on; without `kvm` each order delivers both.
 *
 *     npm run example checkpoint
 *
 * prints
 *
 *     SPI 40 comes, SPI 41 comes, the distributor is switched on: vCPU 0 takes nothing
 *     SPI 40 comes, the distributor is switched on, SPI 41 comes: vCPU 0 takes 41
 *     SPI 41 comes, SPI 40 comes, the distributor is switched on: vCPU 0 takes nothing
 *     SPI 41 comes, the distributor is switched on, SPI 40 comes: vCPU 0 takes 40
 *     the distributor is switched on, SPI 40 comes, SPI 41 comes: vCPU 0 takes 40 and 41
 *     the distributor is switched on, SPI 41 comes, SPI 40 comes: vCPU 0 takes 41 and 40
 *     5 different states
 */
import { Gic } from 'vgic';
import { GICD_V3_REGISTERS, offsetsOf } from 'vgic/architecture';
import { enableCpuInterface, enableDistributor, enableSpi, GICD, takeAll } from './guest.js';

const { GICD_CTLR } = offsetsOf(GICD_V3_REGISTERS);

const gic = new Gic({ version: 3, vcpus: 1, kvm: '6.12' });
enableDistributor(gic);
enableCpuInterface(gic, 0);
for (const intid of [40, 41]) enableSpi(gic, intid, 'edge');
const on = gic.read(0, GICD + GICD_CTLR, 4);
gic.write(0, GICD + GICD_CTLR, 4, 0, 0);

const steps = {
  'SPI 40 comes': () => gic.setLine(40, true),
  'SPI 41 comes': () => gic.setLine(41, true),
  'the distributor is switched on': () => gic.write(0, GICD + GICD_CTLR, 4, on, 0),
};

const before = gic.checkpoint();
const states = new Set<number>();
for (const order of ordersOf(Object.entries(steps))) {
  gic.rollback(before);
  for (const [, step] of order) step();
  states.add(gic.hash());
  console.log(`${order.map(([name]) => name).join(', ')}: vCPU 0 takes ${takeAll(gic, 0).join(' and ') || 'nothing'}`);
}
console.log(`${states.size} different states`);

/** Every order of some things. */
function ordersOf<Thing>(things: Thing[]): Thing[][] {
  if (things.length === 0) return [[]];
  return things.flatMap((first, n) => ordersOf(things.toSpliced(n, 1)).map((rest) => [first, ...rest]));
}
