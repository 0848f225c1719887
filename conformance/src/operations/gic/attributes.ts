/** Operations of user space: KVM's device API, as a VMM uses it and as it should not. */
import { ADDRESS, affinityOf, CONTROL, GROUP, hex, hex64 } from '../../generator/protocol.js';
import {
  CPU_REGS_2,
  DISTRIBUTOR_2,
  DISTRIBUTOR_3,
  type Frame,
  REDISTRIBUTOR,
  type Register,
  SYSTEM_REGISTERS,
} from '../../generator/registers.js';
import type { Sequence } from '../../generator/sequence.js';
import { registerValue, systemRegisterValue } from '../../generator/values.js';

type Access = 'get_attr' | 'set_attr' | 'has_attr';

const access = (s: Sequence): Access =>
  s.random.weighted([
    [5, 'get_attr'],
    [5, 'set_attr'],
    [1, 'has_attr'],
  ]);

/** Attribute bits 63:32 that select a vCPU; sometimes one that is not there. */
function selector(s: Sequence): number {
  const { random } = s;
  const vcpu = random.chance(0.97) ? s.realVcpu() : random.pick([s.vcpus, 15, 16, 255]);
  const value = s.gic === 3 ? affinityOf(vcpu) : vcpu;
  return random.chance(0.01) ? random.word() : value;
}

const FRAMES: Readonly<Record<2 | 3, readonly (readonly [number, number, Frame])[]>> = {
  2: [
    [4, GROUP.DIST_REGS, DISTRIBUTOR_2],
    [2, GROUP.CPU_REGS, CPU_REGS_2],
  ],
  3: [
    [4, GROUP.DIST_REGS, DISTRIBUTOR_3],
    [3, GROUP.REDIST_REGS, REDISTRIBUTOR],
  ],
};

const SAVED = SYSTEM_REGISTERS.map((register) => [register.saved ? 1 : 0.1, register] as const);

/** A VMM stops its vCPUs before it reads or writes their state; one in six does not. */
export function stopVcpus(s: Sequence): void {
  const { held, inGuest } = s.vm;
  if (s.random.chance(0.15)) return;
  for (let vcpu = 0; vcpu < held.length; vcpu++) {
    if (!held[vcpu]) continue;
    s.emit({ op: 'sync', vcpu }, 'exit to save');
    if (s.random.chance(0.3)) s.emit({ op: 'running', vcpu, on: false }, 'running');
    held[vcpu] = false;
    inGuest[vcpu] = false;
  }
}

/** A register of the saved state. */
export function attribute(s: Sequence): void {
  const { random } = s;
  stopVcpus(s);
  if (s.gic === 3 && random.chance(0.3)) {
    const register = random.weighted(SAVED);
    const attr = hex64(selector(s), register.encoding);
    emitAccess(s, access(s), GROUP.CPU_SYSREGS, attr, () => systemRegisterValue(s, register, true), register.name);
    return;
  }
  const [, group, frame] = random.weighted(FRAMES[s.gic].map((entry) => [entry[0], entry] as const));
  const register = random.weighted(frame.registers.map((entry) => [entry.weight, entry] as const));
  let at = placeIn(s, register);
  if (random.chance(0.02)) at += random.below(8);
  const attr = hex64(selector(s), register.offset + at);
  emitAccess(s, access(s), group, attr, () => registerValue(s, register, at, 4), register.name);
}

function placeIn(s: Sequence, register: Register): number {
  if (!register.bits) return register.bytes > 4 ? (s.random.below(register.bytes) & -4) >>> 0 : 0;
  const interrupts = (register.bytes * 8) / register.bits;
  const fitting = s.intids.filter((intid) => intid < interrupts);
  const intid = fitting.length && s.random.chance(0.9) ? s.random.pick(fitting) : s.random.below(interrupts);
  return Math.floor((intid * register.bits) / 8) & -4;
}

function emitAccess(s: Sequence, op: Access, group: number, attr: string, value: () => string, name: string): void {
  const label = `${name} user ${op.slice(0, 3)}`;
  if (op !== 'set_attr') {
    const preset = s.random.chance(0.05) ? { value: hex64(s.random.word(), s.random.word()) } : {};
    s.emit({ op, group, attr, ...preset }, label);
  } else if (s.random.chance(0.01)) s.emit({ op, group, attr }, `${name} user set null`);
  else s.emit({ op, group, attr, value: value() }, label);
}

/** The line levels of 32 interrupts. */
export function levelInfo(s: Sequence): void {
  const { random } = s;
  stopVcpus(s);
  const intid = random.chance(0.95) ? s.intid() & -32 : s.intid();
  const info = random.chance(0.97) ? 0 : random.below(1 << 22);
  const attr = hex64(selector(s), ((info << 10) | (intid & 0x3ff)) >>> 0);
  const value = () => {
    let word = 0;
    for (const member of s.intids) if ((member & -32) === intid && random.chance(0.6)) word |= 1 << (member & 31);
    return hex(random.chance(0.9) ? word : random.word());
  };
  emitAccess(s, access(s), GROUP.LEVEL_INFO, attr, value, 'LEVEL_INFO');
}

/** Any group, any attribute. */
export function anyAttribute(s: Sequence): void {
  const { random } = s;
  const group = random.chance(0.9) ? random.below(9) : random.pick([9, 255, 0xffffffff]);
  const low = random.weighted([
    [2, () => random.below(8)],
    [3, () => random.below(0x400) * 4],
    [2, () => random.below(0x8000) * 4],
    [1, () => random.below(0x20000)],
    [1, () => random.word()],
  ])();
  const attr = hex64(random.chance(0.8) ? selector(s) : random.below(20), low);
  const op = access(s);
  const device = random.chance(0.02) ? { dev: random.pick(['its0', 'its1', 'its', 'gic', '']) } : {};
  // CTRL's attributes and NR_IRQS change the machine for good: they have kinds of their own
  if (op === 'set_attr' && (group === GROUP.CTRL || group === GROUP.NR_IRQS) && random.chance(0.8)) return;
  const value =
    op === 'set_attr' && random.chance(0.95)
      ? { value: hex64(random.chance(0.2) ? random.word() : 0, random.word()) }
      : {};
  s.emit({ op, ...device, group, attr, ...value }, `group ${group > 8 ? 'none' : group} user ${op.slice(0, 3)}`);
}

/** Group ADDR: the frames' addresses, legacy redistributor base and regions. */
export function address(s: Sequence): void {
  const { random } = s;
  const { configuration } = s.vm;
  const op: Access = random.weighted([
    [6, 'set_attr'],
    [3, 'get_attr'],
    [1, 'has_attr'],
  ]);
  const own =
    configuration.gic === 2
      ? [ADDRESS.V2_DIST, ADDRESS.V2_CPU]
      : [ADDRESS.V3_DIST, ADDRESS.V3_REDIST, ADDRESS.V3_REDIST_REGION, ADDRESS.V3_REDIST_REGION];
  const attr = random.chance(0.93) ? random.pick(own) : random.below(8);
  s.emit(
    { op, group: GROUP.ADDR, attr, ...(random.chance(0.98) ? { value: addressValue(s, attr) } : {}) },
    `ADDR ${attr} user ${op.slice(0, 3)}`,
  );
}

function addressValue(s: Sequence, attr: number): string {
  const { random } = s;
  const { configuration } = s.vm;
  if (attr === ADDRESS.V3_REDIST_REGION) {
    const index = random.weighted([
      [5, 0],
      [3, 1],
      [2, 2],
      [0.3, 0xfff],
    ]);
    const count = random.weighted([
      [5, random.between(1, s.vcpus)],
      [2, s.vcpus],
      [0.5, 0],
      [0.5, 0xfff],
      [1, s.vcpus + 1],
    ]);
    const flags = random.chance(0.03) ? random.below(16) : 0;
    const base = random.pick([
      configuration.redistributors,
      0x0a000000,
      0x0a000000 + index * 0x100000,
      configuration.distributor,
      0x0a008000,
    ]);
    const high = ((count << 20) | (random.chance(0.03) ? 0x100 : 0)) >>> 0;
    return hex64(high, ((base & 0xffff0000) | (flags << 12) | index) >>> 0);
  }
  const right =
    attr === ADDRESS.V2_CPU
      ? configuration.cpuInterface
      : attr === ADDRESS.V3_REDIST
        ? configuration.redistributors
        : configuration.distributor;
  return random.weighted([
    [8, () => hex(right)],
    [1, () => hex(configuration.distributor)],
    [1, () => hex(right + 0x1000)],
    [1, () => hex(right + 0x800)],
    [0.5, () => hex64(0x100, 0)],
    [0.5, () => hex64(0xff, 0xffff0000)],
    [0.5, () => '0xffffffffffff0000'],
    [0.5, () => hex64(random.word(), random.word())],
  ])();
}

/** Group CTRL: initialisation, and what belongs to the ITS. */
export function control(s: Sequence): void {
  const { random } = s;
  const op: Access = random.weighted([
    [8, 'set_attr'],
    [1, 'get_attr'],
    [1, 'has_attr'],
  ]);
  const attr = random.weighted([
    [8, CONTROL.INIT],
    [1, CONTROL.SAVE_PENDING_TABLES],
    [1, random.below(8)],
  ]);
  s.emit(
    { op, group: GROUP.CTRL, attr, ...(random.chance(0.2) ? { value: 0 } : {}) },
    `CTRL ${attr} user ${op.slice(0, 3)}`,
  );
}

/** Group NR_IRQS. */
export function interruptCount(s: Sequence): void {
  const { random } = s;
  const op: Access = random.weighted([
    [5, 'set_attr'],
    [2, 'get_attr'],
    [0.5, 'has_attr'],
  ]);
  const value = random.weighted([
    [6, s.vm.configuration.interrupts],
    [1, 32],
    [1, 1024],
    [1, 1056],
    [1, 100],
    [1, 0],
    [0.5, random.word()],
  ]);
  const attr = random.chance(0.9) ? 0 : random.word();
  s.emit(
    { op, group: GROUP.NR_IRQS, attr, ...(random.chance(0.97) ? { value: hex(value) } : {}) },
    `NR_IRQS user ${op.slice(0, 3)}`,
  );
}

/** A VGIC set up as a VMM does it, with an optional step left out now and then. */
export function setUp(s: Sequence): void {
  const { random } = s;
  const { configuration } = s.vm;
  const set = (group: number, attr: number, value?: string) =>
    s.emit({ op: 'set_attr', group, attr, ...(value === undefined ? {} : { value }) }, 'set up');
  const init = () => set(GROUP.CTRL, CONTROL.INIT);
  const steps: (() => void)[] = [() => set(GROUP.NR_IRQS, 0, hex(configuration.interrupts))];
  if (configuration.gic === 2) {
    steps.push(() => set(GROUP.ADDR, ADDRESS.V2_DIST, hex(configuration.distributor)));
    steps.push(() => set(GROUP.ADDR, ADDRESS.V2_CPU, hex(configuration.cpuInterface)));
  } else {
    steps.push(() => set(GROUP.ADDR, ADDRESS.V3_DIST, hex(configuration.distributor)));
    if (random.chance(0.5)) steps.push(() => set(GROUP.ADDR, ADDRESS.V3_REDIST, hex(configuration.redistributors)));
    else steps.push(() => regions(s, set));
  }
  if (random.chance(0.15)) steps.splice(random.below(steps.length), 1);
  if (random.chance(0.2)) steps.reverse();
  if (random.chance(0.8)) steps.push(init);
  else steps.splice(random.below(steps.length), 0, init);
  for (const step of steps) step();
  for (const step of s.later.splice(0)) step();
}

/**
 * Redistributor regions that hold the vCPUs together: the first at the usual place, the others elsewhere or right behind,
 * which decides which redistributor is the last of its row.
 */
function regions(s: Sequence, set: (group: number, attr: number, value: string) => void): void {
  const { random } = s;
  let left = s.vcpus + (random.chance(0.2) ? 1 : 0);
  let base = s.vm.configuration.redistributors;
  const places: number[] = [];
  const order: (() => void)[] = [];
  for (let index = 0; left > 0; index++) {
    const count = random.between(1, left);
    const [at, number] = [base, index];
    order.push(() => set(GROUP.ADDR, ADDRESS.V3_REDIST_REGION, hex64(count << 20, (at | number) >>> 0)));
    for (let i = 0; i < count; i++) places.push(at + i * 0x20000);
    base = random.chance(0.5) ? at + count * 0x20000 : 0x0a000000 + (index + 1) * 0x200000;
    left -= count;
  }
  for (const step of order) step();
  if (random.chance(0.3)) return;
  for (const place of places) {
    s.later.push(() =>
      s.emit({ op: 'mmio_read', vcpu: s.realVcpu(), addr: hex(place + 8), len: 8 }, 'GICR_TYPER of a region read'),
    );
  }
}
