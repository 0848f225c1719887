/*
 * What happens in a GIC, told to whoever wants to know: here to one that counts, one that drives a device, and a trace of all.
 *
 *     npm run example events
 *
 * prints
 *
 *     line: vcpu -1 intid 33
 *     queued: vcpu 0 intid 33
 *     kick: vcpu 0
 *     filled: vcpu 0 n 0
 *     acknowledged: vcpu 0 intid 33
 *     systemRegisterRead: requester 0 vcpu 0
 *     folded: vcpu 0 n 0
 *     line: vcpu -1 intid 33
 *     filled: vcpu 0 n 0
 *     kick: vcpu 0
 *     systemRegisterWritten: requester 0 vcpu 0
 *     priorityDropped: vcpu 0 intid 33
 *     deactivated: vcpu 0 intid 33
 *     maintenance: vcpu 0 status 1
 *     folded: vcpu 0 n 0
 *     (the guest has ended a level-sensitive SPI: its line may have to rise again)
 *     resample: intid 33
 *     taken: { '33': 1 }
 */
import { GIC_EVENTS, Gic } from 'vgic';
import { acknowledge, enableCpuInterface, enableDistributor, enableSpi, end } from './guest.js';

const UART = 33;
const gic = new Gic({ version: 3, vcpus: 1 });
enableDistributor(gic);
enableCpuInterface(gic, 0);
enableSpi(gic, UART, 'level');

const taken = new Map<number, number>();
gic.events.on('acknowledged', (_vcpu, intid) => taken.set(intid, (taken.get(intid) ?? 0) + 1));
gic.events.on('resample', () =>
  console.log('(the guest has ended a level-sensitive SPI: its line may have to rise again)'),
);
const stop = gic.events.onAny((name, ...values) => {
  const [first, second] = GIC_EVENTS[name].arguments.map(([argument], n) => `${argument} ${values[n]}`);
  console.log(`${name}: ${[first, second].join(' ').trim()}`);
});

gic.setLine(UART, true);
gic.enter(0);
const intid = acknowledge(gic, 0);
gic.setLine(UART, false); // the guest has served the device
if (intid !== undefined) end(gic, 0, intid);
gic.exit(0);

stop(); // who counts goes on
console.log('taken:', Object.fromEntries(taken));
