/**
 * A virtual machine is saved register by register through the device API, and restored into a fresh one in another
 * slot, in the order that Documentation/virt/kvm/devices/arm-vgic-v3.rst asks for: the answers of the first half are
 * the values of the second.
 */

import { affinityOf, GROUP, hex, hex64 } from '../generator/protocol.js';
import { CPU_REGS_2, DISTRIBUTOR_2, DISTRIBUTOR_3, REDISTRIBUTOR, SYSTEM_REGISTERS } from '../generator/registers.js';
import type { Answer, Sequence } from '../generator/sequence.js';
import { settleAfterRestore } from './gicv4/index.js';
import { damageTables } from './its/damage.js';
import { restoreIts, type SavedIts, saveIts } from './its/state.js';

interface Saved {
  readonly name: string;
  readonly group: number;
  readonly attr: string;
  /** Written before it to clear what may be set: the ICxxxR of an ISxxxR. */
  readonly clearBefore?: string;
}

const offsetOf = (frame: typeof DISTRIBUTOR_2, name: string) =>
  frame.registers.find((register) => register.name === name)!.offset;

/** Arrays of a distributor or redistributor in the order of restoring; LEVEL_INFO stands before the pending latches. */
const ARRAYS = [
  { name: 'IGROUPR', bits: 1 },
  { name: 'ISENABLER', bits: 1, clear: 'ICENABLER' },
  { name: 'ICFGR', bits: 2 },
  { name: 'LEVEL_INFO', bits: 1 },
  { name: 'ISPENDR', bits: 1, clear: 'ICPENDR' },
  { name: 'ISACTIVER', bits: 1, clear: 'ICACTIVER' },
  { name: 'IPRIORITYR', bits: 8 },
] as const;

/** What a VMM saves of a GICv3, in the order in which it restores it. */
function registers3(vcpus: number, interrupts: number): Saved[] {
  const saved: Saved[] = [];
  for (const name of ['GICD_IIDR', 'GICD_CTLR', 'GICD_STATUSR']) {
    saved.push({ name, group: GROUP.DIST_REGS, attr: hex(offsetOf(DISTRIBUTOR_3, name)) });
  }
  for (let vcpu = 0; vcpu < vcpus; vcpu++) {
    const high = affinityOf(vcpu);
    // the tables' places come before EnableLPIs, after which they can't be written any more
    for (const base of ['GICR_PROPBASER', 'GICR_PENDBASER']) {
      for (const half of [0, 4]) {
        saved.push({ name: base, group: GROUP.REDIST_REGS, attr: hex64(high, offsetOf(REDISTRIBUTOR, base) + half) });
      }
    }
    for (const name of ['GICR_CTLR', 'GICR_STATUSR', 'GICR_WAKER']) {
      saved.push({ name, group: GROUP.REDIST_REGS, attr: hex64(high, offsetOf(REDISTRIBUTOR, name)) });
    }
    for (const array of ARRAYS) saved.push(...arrayOf(array, 0, 32, high, 'GICR_', REDISTRIBUTOR, GROUP.REDIST_REGS));
  }
  for (const array of ARRAYS) saved.push(...arrayOf(array, 32, interrupts, 0, 'GICD_', DISTRIBUTOR_3, GROUP.DIST_REGS));
  const router = offsetOf(DISTRIBUTOR_3, 'GICD_IROUTER');
  for (let intid = 32; intid < interrupts; intid++) {
    saved.push({ name: 'GICD_IROUTER', group: GROUP.DIST_REGS, attr: hex(router + intid * 8) });
  }
  for (let vcpu = 0; vcpu < vcpus; vcpu++) {
    for (const { name, encoding, saved: keep } of SYSTEM_REGISTERS) {
      if (keep) saved.push({ name, group: GROUP.CPU_SYSREGS, attr: hex64(affinityOf(vcpu), encoding) });
    }
  }
  return saved;
}

function arrayOf(
  array: (typeof ARRAYS)[number],
  from: number,
  to: number,
  high: number,
  prefix: string,
  frame: typeof DISTRIBUTOR_2,
  group: number,
): Saved[] {
  const saved: Saved[] = [];
  const suffix = frame === REDISTRIBUTOR ? '0' : '';
  for (let intid = from; intid < to; intid += 32 / array.bits) {
    if (array.name === 'LEVEL_INFO') {
      saved.push({ name: array.name, group: GROUP.LEVEL_INFO, attr: hex64(high, intid) });
      continue;
    }
    const at = (intid * array.bits) / 8;
    const attr = hex64(high, offsetOf(frame, `${prefix}${array.name}${suffix}`) + at);
    const clear = 'clear' in array ? hex64(high, offsetOf(frame, `${prefix}${array.clear}${suffix}`) + at) : undefined;
    saved.push({ name: `${prefix}${array.name}`, group, attr, ...(clear ? { clearBefore: clear } : {}) });
  }
  return saved;
}

/** What a VMM saves of a GICv2. */
function registers2(vcpus: number, interrupts: number): Saved[] {
  const saved: Saved[] = [];
  const distributor = (name: string, vcpu: number, at = 0, clear?: string) =>
    saved.push({
      name,
      group: GROUP.DIST_REGS,
      attr: hex64(vcpu, offsetOf(DISTRIBUTOR_2, name) + at),
      ...(clear ? { clearBefore: hex64(vcpu, offsetOf(DISTRIBUTOR_2, clear) + at) } : {}),
    });
  distributor('GICD_IIDR', 0);
  distributor('GICD_CTLR', 0);
  const arrays = [
    ...ARRAYS.filter((array) => array.name !== 'LEVEL_INFO' && array.name !== 'ISACTIVER'),
    { name: 'ITARGETSR', bits: 8 },
    { name: 'ISACTIVER', bits: 1, clear: 'ICACTIVER' },
  ];
  for (const array of arrays) {
    for (let intid = 0; intid < interrupts; intid += 32 / array.bits) {
      const clear = 'clear' in array && array.clear ? `GICD_${array.clear}` : undefined;
      for (let vcpu = 0; vcpu < (intid < 32 ? vcpus : 1); vcpu++) {
        distributor(`GICD_${array.name}`, vcpu, (intid * array.bits) / 8, clear);
      }
    }
  }
  for (let vcpu = 0; vcpu < vcpus; vcpu++) {
    for (let at = 0; at < 16; at += 4) distributor('GICD_SPENDSGIR', vcpu, at, 'GICD_CPENDSGIR');
    for (const register of CPU_REGS_2.registers) {
      saved.push({ name: `${register.name} saved`, group: GROUP.CPU_REGS, attr: hex64(vcpu, register.offset) });
    }
  }
  return saved;
}

/**
 * Stops the vCPUs (mostly), reads everything, makes a second machine and writes everything there; the sequence goes
 * on in the second one, while the first is left as it is, goes on living, or goes away.
 */
export function migrate(s: Sequence): void {
  const { random } = s;
  const { configuration } = s.vm;
  const to = s.otherSlot;
  if (random.chance(0.95)) {
    for (let vcpu = 0; vcpu < s.vcpus; vcpu++) s.emit({ op: 'sync', vcpu }, 'exit to save');
    s.vm.inGuest.fill(false);
    s.vm.held.fill(false);
  }
  const saved = (configuration.gic === 3 ? registers3 : registers2)(s.vcpus, configuration.interrupts);
  const values = new Map<Saved, string>();
  const its: SavedIts[] = [];
  if (s.tables) saveIts(s, its);
  for (const entry of saved) {
    s.emit({ op: 'get_attr', group: entry.group, attr: entry.attr }, `save ${entry.name}`, (answer: Answer) => {
      if (answer.value !== undefined) values.set(entry, answer.value);
      if (entry === saved[saved.length - 1]) restore();
    });
  }
  const gone = random.chance(0.5);
  const clears = random.chance(0.7);
  const skipsZero = random.chance(0.5);
  const shuffled = random.chance(0.15);
  const restore = () => {
    const from = s.vm;
    // memory goes over while its source is still there
    if (gone && !s.tables) s.emit({ op: 'destroy' }, 'destroy');
    s.moveTo(to, configuration);
    s.emit({ op: 'destroy' }, 'destroy');
    const { vm: _slot, ...create } = configuration.create;
    s.emit({ ...create, op: 'create' }, 'create to restore');
    if (s.tables) {
      s.vm.queues = from.queues.map((queue) => ({ ...queue }));
      s.emit({ op: 'mem_copy', from: from.slot }, 'memory copy');
      if (gone) s.emit({ op: 'destroy', vm: from.slot }, 'destroy');
      if (random.chance(s.subject.damage ?? 0)) damageTables(s);
    }
    const order = [...values];
    if (shuffled) for (let i = 0; i < 20; i++) order.push(...order.splice(random.below(order.length), 1));
    for (const [entry, value] of order) {
      if (entry.clearBefore && clears) {
        s.emit(
          { op: 'set_attr', group: entry.group, attr: entry.clearBefore, value: '0xffffffff' },
          `clear for ${entry.name}`,
        );
      }
      if (skipsZero && Number(value) === 0) continue;
      s.emit({ op: 'set_attr', group: entry.group, attr: entry.attr, value }, `restore ${entry.name}`);
    }
    if (s.tables) restoreIts(s, its);
    s.emit({ op: 'pending', vcpu: 0 }, 'pending after restore');
    s.vm.vsgis = from.vsgis;
    if (s.vm.configuration.gicv4) settleAfterRestore(s);
  };
}
