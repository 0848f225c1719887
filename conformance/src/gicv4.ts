/**
 * GICv4: a guest whose LPIs are forwarded to the host's GIC, with what its ITS, its scheduler and its VMM do meanwhile. KVM
 * loses or doubles interrupts in places (kvm/NOTES.md). The kinds here stay out of them, or go there seldom and look
 * right behind at what the oracle tells of it: then the sequence ends (differences.ts).
 */
import { enterOn, exitOn } from './delivery.js';
import { baseRegister, FIRST_LPI, type ItsPlan } from './guest-tables.js';
import { bootIts } from './its.js';
import { commandNamed, type Fields, queueCommand, resetQueue } from './its-commands.js';
import { bootLpis, writeRedistributor } from './lpis.js';
import { CONTROL, GROUP, hex, hex64 } from './protocol.js';
import {
  DISTRIBUTOR_3,
  GITS_CTLR,
  GITS_CWRITER,
  GITS_TRANSLATER,
  REDISTRIBUTOR,
  REDISTRIBUTOR_STRIDE,
} from './registers.js';
import type { Answer, Sequence } from './sequence.js';

/** An event of the guest's, the LPI that it leads to and no other does, and the host interrupt that is meant for it. */
interface ForwardableEvent {
  readonly its: ItsPlan;
  readonly deviceId: number;
  readonly eventId: number;
  readonly lpi: number;
  readonly hostIrq: number;
}

const FIRST_HOST_IRQ = 32;
const UNUSED_HOST_IRQ = 900;
/** A collection that no command maps: MAPC with V=0 of it does nothing but empty the translation cache. */
const NO_COLLECTION = 8190;

/** From one LPI to the next: in a word of the pending tables, in a few, or far apart. */
const DISTANCES = [1, 7, 97] as const;

function eventsOf(s: Sequence): ForwardableEvent[] {
  const distance = DISTANCES[s.tables!.lpis[0]! % DISTANCES.length]!;
  const events: ForwardableEvent[] = [];
  for (const its of s.tables!.its) {
    for (const { id: deviceId, eventBits } of its.devices) {
      for (const eventId of s.tables!.events) {
        if (eventId >= 2 ** eventBits) continue;
        const n = events.length;
        events.push({ its, deviceId, eventId, lpi: FIRST_LPI + n * distance, hostIrq: FIRST_HOST_IRQ + n });
      }
    }
  }
  return events;
}

const anyEvent = (s: Sequence): ForwardableEvent => {
  const events = eventsOf(s);
  const forwarded = events.filter(({ hostIrq }) => s.vm.forwarded.has(hostIrq));
  return s.random.pick(forwarded.length && s.random.chance(0.75) ? forwarded : events);
};

const collectionOf = (s: Sequence): number => s.random.pick(s.tables!.collections);

/** Sends commands to an ITS. */
function command(s: Sequence, its: ItsPlan, ...list: readonly (readonly [name: string, fields: Fields])[]): void {
  if (s.vm.queues[its.number]!.unsure) resetQueue(s, its);
  for (const [name, fields] of list) queueCommand(s, its, commandNamed(name), fields);
  const { writer } = s.vm.queues[its.number]!;
  const write = {
    op: 'mmio_write',
    vcpu: s.realVcpu(),
    addr: hex(its.base + GITS_CWRITER),
    len: 8,
    value: hex(writer),
  };
  s.emit(write, 'GITS_CWRITER write');
}

/** The host's side, with what the oracle says of what it lost. */
function look(s: Sequence): void {
  s.emit({ op: 'phys' }, 'host state and log');
}

export function lookAtHost(s: Sequence): void {
  const { random } = s;
  s.emit({ op: 'phys', log: 0, ...(random.chance(0.3) ? { vcpu: s.realVcpu() } : {}) }, 'host state');
  if (random.chance(0.15)) s.emit({ op: 'vgic_state' }, 'state dump');
}

function mapTo(s: Sequence, { deviceId, eventId, lpi }: ForwardableEvent): [string, Fields] {
  return ['MAPTI', { deviceId, eventId, intid: lpi, collection: collectionOf(s) }];
}

function mapAll(s: Sequence, its: ItsPlan): void {
  const { random } = s;
  const list: [string, Fields][] = [];
  for (const collection of s.tables!.collections) {
    if (random.chance(0.97)) list.push(['MAPC', { collection, target: s.realVcpu(), valid: 1 }]);
  }
  for (const { id, eventBits, itt } of its.devices) {
    list.push(['MAPD', { deviceId: id, size: eventBits - 1, ittAddress: itt, valid: 1 }]);
    for (const { deviceId, eventId, lpi } of eventsOf(s).filter(
      (event) => event.its === its && event.deviceId === id,
    )) {
      if (random.chance(0.97)) list.push(['MAPTI', { deviceId, eventId, intid: lpi, collection: collectionOf(s) }]);
    }
  }
  command(s, its, ...list);
}

const register = (frame: typeof DISTRIBUTOR_3, name: string) =>
  frame.registers.find((row) => row.name === name)!.offset;

function writeGicr(s: Sequence, vcpu: number, name: string, value: string, at = 0, len = 4): void {
  const address = s.vm.configuration.redistributors + vcpu * REDISTRIBUTOR_STRIDE + register(REDISTRIBUTOR, name) + at;
  s.emit(
    { op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(address), value, ...(len === 4 ? {} : { len }) },
    `${name} write`,
  );
}

function configure(s: Sequence, lpi: number): void {
  const { random } = s;
  const byte = (random.pick(s.priorities) & 0xfc) | (random.chance(0.5) ? 2 : 0) | (random.chance(0.85) ? 1 : 0);
  const hexByte = byte.toString(16).padStart(2, '0');
  s.emit({ op: 'mem_write', addr: hex(s.tables!.configuration + lpi - FIRST_LPI), hex: hexByte }, 'LPI configuration');
}

/** As a guest does it later. With GICv4.0 no vCPU blocks: KVM lets it sleep when what is pending is enabled. */
function reconfigure(s: Sequence, lpi: number): void {
  if (s.vm.configuration.gicv4 === 40) stop(s);
  configure(s, lpi);
}

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

/** All vCPUs leave the guest and their physical CPUs: nothing is in list registers. */
function stop(s: Sequence): void {
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) exitOn(s, vcpu, true);
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

/** What is pending in the virtual pending tables, as KVM has it. */
const pendingIn = (answer: Answer): number[] =>
  ((answer.vpes as { vpt?: number[] }[] | undefined) ?? []).flatMap(({ vpt }) => vpt ?? []);

/** The LPIs that vCPUs have in their lists, from the state dump: the last column is not -1. */
const queuedIn = (answer: Answer): number[] =>
  Array.from(String(answer.text ?? '').matchAll(/^ +LPI +(\d+) .* (-?\d+) *$/gm))
    .filter(([, , vcpu]) => Number(vcpu) >= 0)
    .map(([, intid]) => Number(intid));

/**
 * Does something with events that drops what is pending of them: mostly when nothing is. Nor may a vCPU have their LPIs in its
 * list, since KVM keeps such an LPI, marked as forwarded, when its event is gone.
 */
function whenNothingPends(s: Sequence, events: readonly ForwardableEvent[], action: () => void): void {
  const anyway = s.random.chance(0.04);
  let pending: number[] = [];
  s.emit({ op: 'phys', log: 0 }, 'host state', (answer: Answer) => {
    pending = pendingIn(answer);
  });
  s.emit({ op: 'vgic_state' }, 'state dump', (answer: Answer) => {
    const queued = queuedIn(answer);
    const has = (lpis: readonly number[]) => events.some(({ lpi }) => lpis.includes(lpi));
    if (!has(queued) && (anyway || !has(pending))) {
      action();
      look(s);
    } else takeAll(s);
  });
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

/** Every vCPU enters, takes what there is, ends it, and mostly stays. */
export function takeAll(s: Sequence): void {
  const { random } = s;
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) {
    if (random.chance(0.15)) continue;
    enterOn(s, vcpu);
    for (let n = random.between(1, 3); n > 0; n--) take(s, vcpu);
    if (random.chance(0.3)) exitOn(s, vcpu);
  }
}

function take(s: Sequence, vcpu: number): void {
  const { random } = s;
  if (random.chance(0.2)) s.emit({ op: 'icc_read', vcpu, reg: 'ICC_HPPIR1_EL1' }, 'ICC_HPPIR1_EL1 read');
  s.emit({ op: 'icc_read', vcpu, reg: 'ICC_IAR1_EL1' }, 'ICC_IAR1_EL1 read', ({ value }: Answer) => {
    const intid = Number(value ?? 1023);
    if (intid >= 1020 && intid < FIRST_LPI) return;
    const end = (reg: string) => s.emit({ op: 'icc_write', vcpu, reg, value: hex(intid) }, `${reg} write`);
    end('ICC_EOIR1_EL1');
    if (intid < FIRST_LPI && s.vm.twoSteps[vcpu]) end('ICC_DIR_EL1');
  });
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

/** A guest's commands on events that are forwarded, or not. */
export function directCommand(s: Sequence): void {
  const { random } = s;
  const event = anyEvent(s);
  const { its, deviceId, eventId, lpi } = event;
  const of = { deviceId, eventId };
  const collection = collectionOf(s);
  const eventsOfDevice = eventsOf(s).filter((each) => each.its === its && each.deviceId === deviceId);
  const itt = its.devices.find(({ id }) => id === deviceId)!;
  const device = { deviceId, size: itt.eventBits - 1, ittAddress: itt.itt };
  random.weighted<() => void>([
    [5, () => command(s, its, ['MOVI', { ...of, collection }])],
    [3, () => command(s, its, ['MAPC', { collection, target: s.realVcpu(), valid: 1 }])],
    [2, () => command(s, its, ['MOVALL', { target: s.realVcpu(), target2: s.realVcpu() }])],
    [5, () => command(s, its, ['INT', of])],
    [3, () => command(s, its, ['CLEAR', of])],
    [
      6,
      () => {
        reconfigure(s, lpi);
        command(s, its, random.chance(0.7) ? ['INV', of] : ['INVALL', { collection }]);
      },
    ],
    [
      2,
      () => {
        reconfigure(s, lpi);
        if (random.chance(0.5)) writeRedistributor(s, s.realVcpu(), 'GICR_INVLPIR', hex64(0, lpi));
        else writeRedistributor(s, s.realVcpu(), 'GICR_INVALLR', '0x0');
      },
    ],
    [2, () => command(s, its, ['MAPTI', { ...of, intid: lpi, collection }])],
    [1.5, () => whenNothingPends(s, [event], () => forgets(s, [event], () => command(s, its, ['DISCARD', of])))],
    [
      0.7,
      () =>
        whenNothingPends(s, eventsOfDevice, () =>
          forgets(s, eventsOfDevice, () => command(s, its, ['MAPD', { ...device, valid: random.chance(0.5) ? 0 : 1 }])),
        ),
    ],
    [0.5, () => command(s, its, ['MAPC', { collection, valid: 0 }], ['MAPC', { collection, target: 0, valid: 1 }])],
    [0.3, () => command(s, its, ['MAPC', { collection, valid: 0 }])],
    [
      0.5,
      () =>
        command(
          s,
          its,
          ...eventsOf(s)
            .filter((each) => each.its === its)
            .map((each) => mapTo(s, each)),
        ),
    ],
  ])();
  if (random.chance(0.4)) lookAtHost(s);
}

/** The events are forwarded no more: their MSIs go by software from then on. */
function forgets(s: Sequence, events: readonly ForwardableEvent[], action: () => void): void {
  action();
  for (const { hostIrq } of events) s.vm.forwarded.delete(hostIrq);
}

export function resetIts(s: Sequence): void {
  const its = s.random.pick(s.tables!.its);
  const events = eventsOf(s).filter((each) => each.its === its);
  stop(s);
  whenNothingPends(s, events, () => {
    forgets(s, events, () =>
      s.emit({ op: 'set_attr', dev: its.dev, group: GROUP.CTRL, attr: CONTROL.ITS_RESET }, 'reset ITS'),
    );
    look(s);
    bootIts(s, its, mapAll);
  });
}

/** KVM_SIGNAL_MSI, beside the device. */
export function softwareMsi(s: Sequence): void {
  const { its, deviceId, eventId } = anyEvent(s);
  s.emit({ op: 'msi', doorbell: hex(its.base + GITS_TRANSLATER), devid: deviceId, data: eventId }, 'MSI');
}

/** EnableLPIs or an ITS goes off and on again, while device MSIs come. KVM's software takes no pending bits then. */
export function switchOffAndOn(s: Sequence): void {
  const { random } = s;
  const msis = () => {
    for (let n = random.below(3); n > 0; n--) s.emit({ op: 'device_msi', host_irq: anyEvent(s).hostIrq }, 'device MSI');
  };
  if (random.chance(0.5)) {
    const vcpu = s.realVcpu();
    writeRedistributor(s, vcpu, 'GICR_CTLR', '0x0', 4);
    msis();
    // with GICR_PENDBASER.PTZ: what the table has pending would come to be in software, forwarded or not
    writeRedistributor(s, vcpu, 'GICR_PENDBASER', baseRegister(s.tables!.pending[vcpu]!, 0x40000000, 0x780));
    writeRedistributor(s, vcpu, 'GICR_CTLR', '0x1', 4);
    return;
  }
  const its = random.pick(s.tables!.its);
  const control = (value: string) =>
    s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(its.base + GITS_CTLR), value }, 'GITS_CTLR write');
  control('0x0');
  msis();
  control('0x1');
}

// ---- the distributor and vSGIs

function control(s: Sequence, value: number): void {
  const addr = hex(s.vm.configuration.distributor + register(DISTRIBUTOR_3, 'GICD_CTLR'));
  s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr, value: hex(value) }, 'GICD_CTLR write');
}

const ENABLE = 0x12;
const NASSGIREQ = 0x100;

/** The distributor goes off and on; every vCPU runs, since KVM lets one sleep through what came meanwhile. */
export function switchDistributor(s: Sequence): void {
  const { random, vm } = s;
  stop(s);
  const vsgis = vm.vsgis ? NASSGIREQ : 0;
  control(s, vsgis | (random.chance(0.8) ? 0x10 : ENABLE));
  for (let n = random.below(3); n > 0; n--) {
    if (random.chance(0.5)) s.emit({ op: 'device_msi', host_irq: anyEvent(s).hostIrq }, 'device MSI');
    else enterOn(s, s.realVcpu());
  }
  if (random.chance(0.3)) takeAll(s);
  stop(s);
  control(s, vsgis | ENABLE);
}

/**
 * SGIs become vSGIs or the GIC's again. In KVM the first ICENABLER then does not reach the hardware, nor does an ISENABLER of an
 * SGI that was disabled in between, and what is pending when they come back is not queued: here all are enabled in an
 * order that mends that, and nothing pends.
 */
export function switchVsgis(s: Sequence): void {
  const { vm } = s;
  if (vm.configuration.gicv4 !== 41 || !vm.configuration.vsgis) return;
  stop(s);
  takeAll(s);
  stop(s);
  control(s, vm.vsgis ? NASSGIREQ : 0);
  if (vm.vsgis) for (let vcpu = 0; vcpu < s.vcpus; vcpu++) writeGicr(s, vcpu, 'GICR_ICPENDR0', '0xffff');
  vm.vsgis = !vm.vsgis;
  control(s, vm.vsgis ? NASSGIREQ : 0);
  if (vm.vsgis) enableSgisAnew(s);
  control(s, (vm.vsgis ? NASSGIREQ : 0) | ENABLE);
}

function enableSgisAnew(s: Sequence): void {
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) {
    for (const name of ['GICR_ISENABLER0', 'GICR_ICENABLER0', 'GICR_ISENABLER0']) writeGicr(s, vcpu, name, '0xffff');
  }
}

/** The restored guest goes on, and its devices are forwarded to it. */
export function settleAfterRestore(s: Sequence): void {
  // a queue that was restored in another order would carry its commands out once more
  for (const its of s.tables!.its) resetQueue(s, its);
  if (s.vm.vsgis) enableSgisAnew(s);
  for (let n = s.random.below(5); n > 0; n--) forward(s);
}

/** SGIs, and the registers that they have, whoever delivers them. */
export function directSgi(s: Sequence): void {
  const { random } = s;
  const vcpu = s.realVcpu();
  const sgi = random.below(16);
  const bit = hex(1 << sgi);
  random.weighted<() => void>([
    [
      6,
      () => {
        const value = hex64(random.chance(0.1) ? 0x100 : 0, (sgi << 24) | random.below(1 << s.vcpus));
        s.emit({ op: 'icc_sgi', vcpu, reg: 'ICC_SGI1R_EL1', value }, 'ICC_SGI1R_EL1 write');
      },
    ],
    [1, () => writeGicr(s, vcpu, 'GICR_ISENABLER0', bit)],
    [1, () => writeGicr(s, vcpu, 'GICR_ICENABLER0', bit)],
    [1, () => writeGicr(s, vcpu, 'GICR_ISPENDR0', bit)],
    [1, () => writeGicr(s, vcpu, 'GICR_ICPENDR0', bit)],
    [1, () => writeGicr(s, vcpu, 'GICR_IPRIORITYR0', hex(random.pick(s.priorities)), sgi, 1)],
    [
      2,
      () => {
        const name = random.pick(['GICR_ISENABLER0', 'GICR_ISPENDR0', 'GICR_ICPENDR0', 'GICR_IPRIORITYR0']);
        const base = s.vm.configuration.redistributors + vcpu * REDISTRIBUTOR_STRIDE;
        s.emit({ op: 'mmio_read', vcpu, addr: hex(base + register(REDISTRIBUTOR, name)) }, `${name} read`);
      },
    ],
  ])();
  if (random.chance(0.3)) takeAll(s);
}

// ---- saving

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
