/** Forwarding set and unset, MSIs of devices that are forwarded, vCPUs that block and move, saves and restores. */
import { FIRST_LPI } from '../../generator/guest-tables.js';
import { CONTROL, GROUP, hex } from '../../generator/protocol.js';
import { GITS_TRANSLATER } from '../../generator/registers.js';
import type { Answer, Sequence } from '../../generator/sequence.js';
import { enterOn, exitOn } from '../gic/delivery.js';
import { bootIts } from '../its/boot.js';
import { resetQueue } from '../its/commands.js';
import { bootLpis } from '../its/lpis.js';
import { enableSgisAnew } from './distributor.js';
import { anyEvent, eventsOf, type ForwardableEvent } from './events.js';
import { command, configure, mapAll, stop, takeAll, writeGicr } from './guest.js';
import { look, whenNothingPends } from './host.js';

const UNUSED_HOST_IRQ = 900;
/** A collection that no command maps: MAPC with V=0 of it does nothing but empty the translation cache. */
const NO_COLLECTION = 8190;

/** What a guest's kernel does first, beyond its distributor: LPIs, ITSs, all SGIs in group 1. */
export function directBoot(s: Sequence): void {
  if (s.vm.dead) return;
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) writeGicr(s, vcpu, 'GICR_IGROUPR0', '0xffffffff');
  bootLpis(s);
  for (const { lpi } of eventsOf(s)) configure(s, lpi);
  for (const its of s.tables!.its) bootIts(s, its, mapAll);
  // what an earlier machine in this slot has left
  look(s);
  if (s.random.chance(0.8)) for (let n = s.random.between(1, 6); n > 0; n--) forward(s);
}

/** Forwarding is set; no cached translation goes around it, and no list keeps what has gone to the host. */
export function forward(s: Sequence): void {
  const { random, vm } = s;
  const { its, deviceId, eventId, hostIrq } = anyEvent(s);
  stop(s);
  const operation = { op: 'set_forwarding', host_irq: hostIrq, devid: deviceId, data: eventId };
  if (random.chance(0.02)) {
    s.emit({ ...operation, host_irq: UNUSED_HOST_IRQ, doorbell: '0x0a000000' }, 'set forwarding where no ITS is');
  }
  s.emit({ ...operation, doorbell: hex(its.base + GITS_TRANSLATER) }, 'set forwarding', (answer: Answer) => {
    if (answer.ret === 0) vm.forwarded.add(hostIrq);
  });
  command(s, its, ['MAPC', { collection: NO_COLLECTION, valid: 0 }]);
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) {
    enterOn(s, vcpu);
    exitOn(s, vcpu, true);
  }
}

export function unforward(s: Sequence): void {
  const { vm } = s;
  const event = anyEvent(s);
  whenNothingPends(s, [event], () => {
    s.emit({ op: 'unset_forwarding', host_irq: event.hostIrq }, 'unset forwarding', (answer: Answer) => {
      if (answer.ret === 0) vm.forwarded.delete(event.hostIrq);
    });
  });
}

/** The events are forwarded no more: their MSIs go by software from then on. */
export function forgets(s: Sequence, events: readonly ForwardableEvent[], action: () => void): void {
  action();
  for (const { hostIrq } of events) s.vm.forwarded.delete(hostIrq);
}

export function deviceMsi(s: Sequence): void {
  const { random } = s;
  for (let n = random.weighted([[4, 1] as const, [2, 2] as const, [1, 5] as const]); n > 0; n--) {
    const hostIrq = random.chance(0.97) ? anyEvent(s).hostIrq : random.pick([0, 700, 1023, 1024]);
    s.emit({ op: 'device_msi', host_irq: hostIrq }, 'device MSI');
  }
  random.weighted<() => void>([
    [2, () => takeAll(s)],
    [1, () => s.emit({ op: 'pending', vcpu: s.realVcpu() }, 'pending')],
    [1, () => {}],
  ])();
}

/** KVM_SIGNAL_MSI, beside the device. */
export function softwareMsi(s: Sequence): void {
  const { its, deviceId, eventId } = anyEvent(s);
  s.emit({ op: 'msi', doorbell: hex(its.base + GITS_TRANSLATER), devid: deviceId, data: eventId }, 'MSI');
}

/** A vCPU blocks; its doorbell rings, or it does not. */
export function blockVcpu(s: Sequence): void {
  const { random } = s;
  const vcpu = s.realVcpu();
  s.vm.inGuest[vcpu] = false;
  s.vm.held[vcpu] = true;
  s.emit({ op: 'wfi', vcpu }, 'wait for interrupt');
  for (let n = random.below(3); n > 0; n--) {
    s.emit({ op: 'device_msi', host_irq: anyEvent(s).hostIrq }, 'device MSI');
    s.emit({ op: 'pending', vcpu }, 'pending');
  }
  if (random.chance(0.3)) s.emit({ op: 'wfi', vcpu }, 'wait for interrupt');
  if (random.chance(0.6)) enterOn(s, vcpu);
}

/** To a physical CPU that no other vCPU goes to: what EBUSY would refuse, other profiles look at. */
export function moveVcpu(s: Sequence): void {
  const vcpu = s.realVcpu();
  s.emit({ op: 'vcpu_cpu', vcpu, cpu: s.random.pick([0, 64, 128, 512, 2048]) + vcpu }, 'move to a CPU');
}

/** The restored guest goes on, and its devices are forwarded to it. */
export function settleAfterRestore(s: Sequence): void {
  // a queue that was restored in another order would carry its commands out once more
  for (const its of s.tables!.its) resetQueue(s, its);
  if (s.vm.vsgis) enableSgisAnew(s);
  for (let n = s.random.below(5); n > 0; n--) forward(s);
}

/** GICv4.0 can't be saved while something is forwarded; KVM saves the pending tables all the same, without it. */
export function saveForwarded(s: Sequence): void {
  const { random, vm } = s;
  stop(s);
  const { dev } = random.pick(s.tables!.its);
  s.emit({ op: 'set_attr', dev, group: GROUP.CTRL, attr: CONTROL.ITS_SAVE_TABLES }, 'save tables');
  if (vm.configuration.gicv4 === 40 && vm.forwarded.size && random.chance(0.9)) return;
  s.emit({ op: 'set_attr', group: GROUP.CTRL, attr: CONTROL.SAVE_PENDING_TABLES }, 'save pending tables');
  look(s);
  for (const table of s.tables!.pending) {
    s.emit({ op: 'mem_read', addr: hex(table + (FIRST_LPI >> 3)), len: 512 }, 'pending table');
  }
}
