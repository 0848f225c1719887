/** The kinds of operations that profiles mix: each adds one operation, or a few that belong together. */

import { drawConfiguration } from '../generator/configuration.js';
import { hex } from '../generator/protocol.js';
import type { Sequence } from '../generator/sequence.js';
import { cpuInterface, itsRegister, nowhere, offset, register, sweep } from './gic/accesses.js';
import { address, anyAttribute, attribute, control, interruptCount, levelInfo, setUp } from './gic/attributes.js';
import {
  acknowledgeOn,
  boot,
  completeOn,
  deactivateOn,
  deliver,
  enterOn,
  exitOn,
  flood,
  guestVcpu,
  sendSgi,
  setLine,
} from './gic/delivery.js';
import * as gicv4 from './gicv4/index.js';
import { itsBoot, itsBootAgain, moveTables, toggleIts } from './its/boot.js';
import { commands, observedCommand } from './its/commands.js';
import { configureLpi, deliverMsi, enableLpis, routeMsi, signalMsi, signalRoute, writePending } from './its/lpis.js';
import { createIts, itsAttribute, placeIts, restoreInPlace, saveTables } from './its/state.js';
import { migrate } from './migration.js';

const LINES_NOT_COMMANDS: readonly string[] = [
  '{',
  'nonsense',
  '[]',
  '{"op":"create","vm":8}',
  '{"op":"nothing"}',
  '{"op":""}',
  '{}',
  '{"op":"flush","vcpu":[0]}',
  '{"op":"mmio_read"}',
  '{"op":"mmio_write","addr":"0x08000000"}',
  '{"op":"mmio_read","addr":"zero"}',
  '{"op":"irq_line","irq":40}',
  '{"op":"irq_line","irq":40,"level":1,"type":"sgi"}',
  '{"op":"icc_write","reg":"ICC_PMR_EL1"}',
  '{"op":"icc_read","reg":"ICC_NONE_EL1"}',
  '{"op":"icc_read"}',
  '{"op":"host_irq"}',
  '{"op":"map_phys"}',
  '{"op":"flush","id":7}',
  '{"op":"pending","id":"seven","vcpu":0}',
  '{"op":"create"}',
  '{"op":"mem_read","addr":"0x40000000","len":"0x40000001"}',
  '{"op":"mem_write","addr":"0x40000000","hex":"0"}',
  '{"op":"mem_write","addr":"0x40000000","hex":"zz"}',
  '{"op":"flush","vcpu":"0x0"}',
  '{"op":"flush","vcpu":"1 "}',
  '{"op":"flush","vcpu":""}',
  '{"op":"flush","vcpu":1.5}',
  '{"op":"flush","vcpu":true}',
  '{"op":"flush","vcpu":"0x10000000000000000"}',
  '{"op":"flush","vcpu":null}',
  '{"op":"pending","vcpu":0,"vm":"7"}',
  '{"op":"pending","vm":-1}',
  '{"op":5}',
  '{"op":"flush",}',
  '{"op":"hw","vcpu":-1}',
  '{"op":"mem_copy","from":1}',
  '{"op":"mem_copy","from":8}',
  '{"op":"mem_copy","from":"self"}',
];

function memory(s: Sequence): void {
  const { random } = s;
  const at = random.chance(0.8)
    ? s.vm.configuration.ramBase + random.below(0x10000)
    : random.pick([0x3ffffff8, 0x40000000 + s.ramBytes - 4, 0]);
  const addr = hex(at);
  if (random.chance(0.5)) s.emit({ op: 'mem_read', addr, len: random.pick([0, 1, 8, 64]) }, 'memory read');
  else
    s.emit(
      { op: 'mem_write', addr, hex: random.pick(['', 'a5', '0011223344556677']), repeat: random.between(0, 3) },
      'memory write',
    );
}

function recreate(s: Sequence): void {
  const { random, vm } = s;
  if (random.chance(0.3)) {
    s.emit({ op: 'reset' }, 'reset');
  } else {
    s.emit({ op: 'destroy' }, 'destroy');
    if (random.chance(0.2))
      s.emit({ op: random.pick(['flush', 'pending', 'hw', 'destroy', 'vgic_state']) }, 'without a VM');
    const { vm: _slot, ...create } = random.chance(0.1)
      ? drawConfiguration(random, s.subject.configuration).create
      : vm.configuration.create;
    s.emit({ ...create, op: 'create' }, 'create');
  }
  vm.inGuest.fill(false);
  vm.held.fill(false);
  vm.dead = false;
  for (const queue of vm.queues) queue.unsure = true;
}

/** Every kind: what it is called, and how it adds its operations. */
export const KINDS = {
  boot,
  /** A guest that starts over: what the random part has switched off is on again. */
  bootAgain: (s: Sequence) => {
    if (!s.vm.dead) boot(s);
  },
  register,
  offset,
  nowhere,
  sweep,
  cpuInterface,
  deliver,
  complete: (s: Sequence) => completeOn(s, guestVcpu(s)),
  deactivate: (s: Sequence) => deactivateOn(s, guestVcpu(s)),
  memory,
  recreate,
  migrate,
  attribute,
  anyAttribute,
  address,
  control,
  interruptCount,
  levelInfo,
  setUp,
  flood,
  itsBoot: (s: Sequence) => (s.vm.configuration.gicv4 ? gicv4.directBoot(s) : itsBoot(s)),
  itsBootAgain,
  commands,
  observedCommand,
  itsRegister,
  toggleIts,
  moveTables,
  configureLpi,
  writePending,
  enableLpis,
  msi: signalMsi,
  deliverMsi,
  routeMsi,
  irqfdMsi: signalRoute,
  saveTables,
  restoreInPlace,
  itsAttribute,
  placeIts,
  createIts,
  forward: gicv4.forward,
  unforward: gicv4.unforward,
  deviceMsi: gicv4.deviceMsi,
  takeAll: gicv4.takeAll,
  directCommand: gicv4.directCommand,
  softwareMsi: gicv4.softwareMsi,
  lookAtHost: gicv4.lookAtHost,
  blockVcpu: gicv4.blockVcpu,
  moveVcpu: gicv4.moveVcpu,
  switchOffAndOn: gicv4.switchOffAndOn,
  switchDistributor: gicv4.switchDistributor,
  switchVsgis: gicv4.switchVsgis,
  directSgi: gicv4.directSgi,
  saveForwarded: gicv4.saveForwarded,
  resetIts: gicv4.resetIts,
  wait: (s: Sequence) => s.emit({ op: 'wfi', vcpu: guestVcpu(s) }, 'wait for interrupt'),
  sgi: sendSgi,
  acknowledge: (s: Sequence) => acknowledgeOn(s, guestVcpu(s)),
  enter: (s: Sequence) => enterOn(s, s.vcpu()),
  exit: (s: Sequence) => exitOn(s, s.random.chance(0.7) ? guestVcpu(s) : s.vcpu()),
  hardware: (s: Sequence) => s.emit({ op: 'hw', vcpu: s.vcpu() }, 'hardware'),
  pending: (s: Sequence) => s.emit({ op: 'pending', vcpu: s.vcpu() }, 'pending'),
  state: (s: Sequence) => s.emit({ op: 'vgic_state' }, 'state dump'),
  line: (s: Sequence) => {
    if (s.random.chance(0.02)) {
      s.emit(
        { op: 'irq_line', type: s.random.pick(['spi', 'ppi']), vcpu: s.vcpu(), irq: s.random.below(1100), level: 1 },
        'line any',
      );
    } else setLine(s, s.intid(), s.random.chance(0.6) ? 1 : 0, s.vcpu());
  },
  loadPut: (s: Sequence) => {
    const vcpu = s.vcpu();
    const { inGuest, held } = s.vm;
    const load = s.random.chance(0.5);
    if (vcpu >= 0 && vcpu < held.length) held[vcpu] = load;
    if (load) s.emit({ op: 'load', vcpu }, 'load');
    else {
      if (vcpu >= 0 && vcpu < inGuest.length) inGuest[vcpu] = false;
      s.emit({ op: 'put', vcpu }, 'put');
    }
  },
  running: (s: Sequence) => {
    const vcpu = s.vcpu();
    const on = s.random.chance(0.4);
    if (on && vcpu >= 0 && vcpu < s.vm.held.length) s.vm.held[vcpu] = true;
    s.emit({ op: 'running', vcpu, on }, 'running');
  },
  moveCpu: (s: Sequence) => {
    const cpu = s.random.pick([-1, 0, 1, s.realVcpu(), 100, 4095, 4096]);
    s.emit({ op: 'vcpu_cpu', vcpu: s.vcpu(), ...(cpu === -1 ? {} : { cpu }) }, 'move to a CPU');
  },
  mapPhysical: (s: Sequence) => {
    const irq = s.intid();
    const vcpu = s.realVcpu();
    if (s.random.chance(0.3)) s.emit({ op: 'unmap_phys', vcpu, irq }, 'unmap physical');
    else
      s.emit(
        { op: 'map_phys', vcpu, irq, ...(s.random.chance(0.5) ? {} : { host_irq: s.random.below(64) }) },
        'map physical',
      );
  },
  hostInterrupt: (s: Sequence) => {
    const { random } = s;
    const state: Record<string, number> = {};
    for (const name of ['line', 'active', 'pending']) if (random.chance(0.4)) state[name] = random.below(2);
    const irq = random.chance(0.9) ? s.intid() : random.pick([0, 1023, 1024, 1100]);
    s.emit({ op: 'host_irq', host_irq: irq, ...state }, 'host interrupt');
    if (random.chance(0.5)) setLine(s, irq, state.line ?? random.below(2), s.realVcpu());
  },
  route: (s: Sequence) => {
    const pin = s.random.chance(0.9) ? s.intid() - 32 : s.random.below(1100);
    s.emit({ op: 'set_route', gsi: s.random.below(8), pin }, 'route');
  },
  irqfd: (s: Sequence) => {
    const gsi = s.random.chance(0.5) ? s.random.below(8) : Math.max(0, s.intid() - 32);
    s.emit({ op: 'irqfd', gsi, level: s.random.chance(0.7) ? 1 : 0 }, 'irqfd');
  },
  malformed: (s: Sequence) => s.emit({ op: 'raw', line: s.random.pick(LINES_NOT_COMMANDS) }, 'no command'),
} satisfies Record<string, (s: Sequence) => void>;

export type Kind = keyof typeof KINDS;
