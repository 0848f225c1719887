/** The kinds of operations that profiles mix: each adds one operation, or a few that belong together. */
import {
  address,
  anyAttribute,
  attribute,
  control,
  interruptCount,
  levelInfo,
  setUp,
  stopVcpus,
} from './attributes.js';
import { drawConfiguration } from './configuration.js';
import { migrate } from './migration.js';
import { GROUP, hex, hex64 } from './protocol.js';
import {
  CPU_INTERFACE_2,
  DISTRIBUTOR_2,
  DISTRIBUTOR_3,
  type Frame,
  REDISTRIBUTOR,
  type Register,
  SYSTEM_REGISTERS,
} from './registers.js';
import type { Answer, Sequence } from './sequence.js';
import { registerValue, systemRegisterValue } from './values.js';

const REDISTRIBUTOR_STRIDE = 0x20000;

const weighedRegisters = (frame: Frame) => frame.registers.map((register) => [register.weight, register] as const);
const WEIGHED = new Map<Frame, ReturnType<typeof weighedRegisters>>(
  [DISTRIBUTOR_2, DISTRIBUTOR_3, REDISTRIBUTOR, CPU_INTERFACE_2].map((frame) => [frame, weighedRegisters(frame)]),
);
const WEIGHED_SYSTEM_REGISTERS = SYSTEM_REGISTERS.map((register) => [register.weight, register] as const);

/** A frame of the machine and where it is. */
function frame(s: Sequence): readonly [Frame, number] {
  const { configuration } = s.vm;
  if (configuration.gic === 2) return [DISTRIBUTOR_2, configuration.distributor];
  if (s.random.chance(0.55)) return [DISTRIBUTOR_3, configuration.distributor];
  return [REDISTRIBUTOR, configuration.redistributors + s.realVcpu() * REDISTRIBUTOR_STRIDE];
}

/** Where in a register (or an array of them) an access goes: mostly to an interrupt of the sequence. */
function placeIn(s: Sequence, register: Register, width: number): number {
  const { random } = s;
  if (!register.bits) return register.bytes > width && random.chance(0.5) ? random.below(register.bytes) & -width : 0;
  const interrupts = (register.bytes * 8) / register.bits;
  const fitting = s.intids.filter((intid) => intid < interrupts);
  const intid = fitting.length && random.chance(0.9) ? random.pick(fitting) : random.below(interrupts);
  return Math.floor((intid * register.bits) / 8) & -width;
}

function access(s: Sequence, inFrame: Frame, base: number, register: Register, write: boolean): void {
  const { random } = s;
  let width: number = register.width;
  if (width === 1 && random.chance(0.6)) width = 4;
  if (width === 8 && random.chance(0.3)) width = 4;
  if (random.chance(0.02)) width = random.pick([1, 2, 4, 8]);
  let at = placeIn(s, register, width);
  if (random.chance(0.01)) at += random.below(4);
  const addr = hex(base + register.offset + at);
  const vcpu = s.vcpu();
  const label = `${register.name} ${write ? 'write' : 'read'}`;
  const operation = { op: write ? 'mmio_write' : 'mmio_read', vcpu, addr, ...(width === 4 ? {} : { len: width }) };
  if (write) s.emit({ ...operation, value: registerValue(s, register, at, width) }, label);
  else s.emit(operation, label, inFrame === CPU_INTERFACE_2 ? learnAcknowledge(s, vcpu, register.name) : undefined);
}

/** A register of a distributor or redistributor, by its own access size most of the time. */
function register(s: Sequence): void {
  const [inFrame, base] = frame(s);
  access(s, inFrame, base, s.random.weighted(WEIGHED.get(inFrame)!), s.random.chance(0.65));
}

/** Any offset, width and alignment of a frame. */
function offset(s: Sequence): void {
  const { random } = s;
  const { configuration } = s.vm;
  const [inFrame, base] =
    configuration.gic === 2 && random.chance(0.3) ? ([CPU_INTERFACE_2, configuration.cpuInterface] as const) : frame(s);
  const len = random.weighted([
    [2, 1],
    [2, 2],
    [5, 4],
    [3, 8],
  ]);
  let at = random.chance(0.4) ? random.below(Math.min(inFrame.bytes, 0x1000)) : random.below(inFrame.bytes);
  if (inFrame === REDISTRIBUTOR && random.chance(0.5)) at = 0x10000 + random.below(0x1000);
  if (random.chance(0.7)) at &= -len;
  if (random.chance(0.02)) at = inFrame.bytes - random.below(9);
  const operation = { vcpu: s.vcpu(), addr: hex(base + at), len };
  if (random.chance(0.5)) s.emit({ op: 'mmio_read', ...operation }, `${inFrame.name} any offset read`);
  else {
    const value = hex64(len === 8 ? random.word() : 0, random.word());
    s.emit({ op: 'mmio_write', ...operation, value }, `${inFrame.name} any offset write`);
  }
}

/** A stretch of a frame, word by word: what is a register there, and what is none. */
function sweep(s: Sequence): void {
  const { random } = s;
  const [inFrame, base] = frame(s);
  const from = random.chance(0.3)
    ? random.below(inFrame.bytes - 0x100) & -4
    : (random.pick(inFrame.registers).offset + (random.below(3) - 1) * 0x80) & -4;
  const vcpu = s.realVcpu();
  const user = random.chance(0.3);
  if (user) stopVcpus(s);
  const group = inFrame === REDISTRIBUTOR ? GROUP.REDIST_REGS : GROUP.DIST_REGS;
  for (let at = Math.max(0, from); at < Math.min(inFrame.bytes, from + 0x100); at += 4) {
    const label = `${inFrame.name} sweep`;
    if (!user) s.emit({ op: 'mmio_read', vcpu, addr: hex(base + at) }, label);
    else s.emit({ op: random.chance(0.8) ? 'get_attr' : 'has_attr', group, attr: hex(at) }, `${label} by user space`);
  }
}

/** An address where no frame is, or just beside one. */
function nowhere(s: Sequence): void {
  const { random } = s;
  const { configuration } = s.vm;
  const addr = random.pick([
    '0x09000000',
    '0x0',
    '0xffffffffffffffe0',
    '0xffffffff',
    hex(configuration.distributor - 4),
    hex(configuration.distributor + (configuration.gic === 2 ? 0x1000 : 0x10000)),
    hex(configuration.redistributors + s.vcpus * REDISTRIBUTOR_STRIDE),
    hex(configuration.cpuInterface + 0x2000),
  ]);
  const len = random.pick([0, 1, 3, 4, 8, 16]);
  s.emit({ op: random.pick(['mmio_read', 'mmio_write']), vcpu: s.vcpu(), addr, len, value: '0x1' }, 'no device');
}

/** Keeps what an acknowledge register gave, so that the sequence can end that interrupt. */
function learnAcknowledge(s: Sequence, vcpu: number, name: string): ((answer: Answer) => void) | undefined {
  if (!/IAR/.test(name)) return undefined;
  const { vm } = s;
  const stack = vm.acknowledged[vcpu];
  return (answer) => {
    const value = answer.value === undefined ? 1023 : Number(answer.value);
    if ((value & 0x3ff) >= 1020) return;
    stack?.push(value);
    // most handlers are short
    if (s.vm === vm && s.random.chance(0.75)) completeOn(s, vcpu);
  };
}

/** The guest's CPU interface: any register of it. */
function cpuInterface(s: Sequence): void {
  if (s.gic === 2) {
    const chosen = s.random.weighted(WEIGHED.get(CPU_INTERFACE_2)!);
    access(s, CPU_INTERFACE_2, s.vm.configuration.cpuInterface, chosen, s.random.chance(0.5));
    if (s.random.chance(0.97)) return;
  }
  systemRegister(s, s.random.weighted(WEIGHED_SYSTEM_REGISTERS), s.random.chance(0.5));
}

function systemRegister(s: Sequence, chosen: (typeof SYSTEM_REGISTERS)[number], write: boolean): void {
  const vcpu = s.vcpu();
  const label = `${chosen.name} ${write ? 'write' : 'read'}`;
  if (!write) s.emit({ op: 'icc_read', vcpu, reg: chosen.name }, label, learnAcknowledge(s, vcpu, chosen.name));
  else {
    const op = chosen.values === 'generateSgi' && s.random.chance(0.7) ? 'icc_sgi' : 'icc_write';
    s.emit({ op, vcpu, reg: chosen.name, value: systemRegisterValue(s, chosen) }, label);
  }
}

const named = (name: string) => SYSTEM_REGISTERS.find((candidate) => candidate.name === name)!;
const gicc = (name: string) => CPU_INTERFACE_2.registers.find((candidate) => candidate.name === name)!;

/** The guest writes a register of its CPU interface, whichever version that is. */
function guestWrite(s: Sequence, vcpu: number, iccName: string, giccName: string, value: number): void {
  if (s.gic === 3) {
    s.emit({ op: 'icc_write', vcpu, reg: iccName, value: hex(value) }, `${iccName} write`);
  } else {
    const addr = hex(s.vm.configuration.cpuInterface + gicc(giccName).offset);
    s.emit({ op: 'mmio_write', vcpu, addr, value: hex(value) }, `${giccName} write`);
  }
}

function acknowledgeOn(s: Sequence, vcpu: number): void {
  if (s.gic === 3) {
    systemRegisterOf(s, vcpu, s.random.chance(0.85) ? 'ICC_IAR1_EL1' : 'ICC_IAR0_EL1');
  } else {
    const name = s.random.chance(0.75) ? 'GICC_IAR' : 'GICC_AIAR';
    const addr = hex(s.vm.configuration.cpuInterface + gicc(name).offset);
    s.emit({ op: 'mmio_read', vcpu, addr }, `${name} read`, learnAcknowledge(s, vcpu, name));
  }
}

function systemRegisterOf(s: Sequence, vcpu: number, name: string): void {
  s.emit({ op: 'icc_read', vcpu, reg: name }, `${name} read`, learnAcknowledge(s, vcpu, name));
}

/** A vCPU that is in the guest, if there is one. */
function guestVcpu(s: Sequence): number {
  const inside = s.vm.inGuest.flatMap((is, vcpu) => (is ? [vcpu] : []));
  return inside.length && s.random.chance(0.95) ? s.random.pick(inside) : s.realVcpu();
}

function enterOn(s: Sequence, vcpu: number): void {
  const { vm } = s;
  const { inGuest, held } = vm;
  if (vcpu >= 0 && vcpu < held.length) held[vcpu] = true;
  s.emit({ op: 'flush', vcpu }, 'enter', (answer) => {
    if (vcpu >= 0 && vcpu < inGuest.length) inGuest[vcpu] = answer.err === undefined;
    if (answer.err === -5) vm.dead = true;
  });
}

function exitOn(s: Sequence, vcpu: number): void {
  const { inGuest, held } = s.vm;
  const put = s.random.chance(0.7);
  if (vcpu >= 0 && vcpu < inGuest.length) {
    inGuest[vcpu] = false;
    if (put) held[vcpu] = false;
  }
  s.emit(put ? { op: 'sync', vcpu } : { op: 'sync', vcpu, put: false }, 'exit');
}

function setLine(s: Sequence, intid: number, level: number, vcpu: number): void {
  if (intid < 32) s.emit({ op: 'irq_line', type: 'ppi', vcpu, irq: intid, level }, 'line PPI');
  else s.emit({ op: 'irq_line', type: 'spi', irq: intid, level }, 'line SPI');
}

function sendSgi(s: Sequence): void {
  const vcpu = s.vcpu();
  if (s.gic === 3) {
    const chosen = named(
      s.random.weighted([
        [8, 'ICC_SGI1R_EL1'],
        [1, 'ICC_SGI0R_EL1'],
        [0.7, 'ICC_ASGI1R_EL1'],
      ]),
    );
    s.emit({ op: 'icc_sgi', vcpu, reg: chosen.name, value: systemRegisterValue(s, chosen) }, `${chosen.name} write`);
  } else {
    const sgir = DISTRIBUTOR_2.registers.find((candidate) => candidate.name === 'GICD_SGIR')!;
    const addr = hex(s.vm.configuration.distributor + sgir.offset);
    s.emit({ op: 'mmio_write', vcpu, addr, value: registerValue(s, sgir, 0, 4) }, 'GICD_SGIR write');
  }
}

/** Ends the innermost acknowledged interrupt of a vCPU, mostly. */
function completeOn(s: Sequence, vcpu: number): void {
  const { random, vm } = s;
  const stack = vm.acknowledged[vcpu]!;
  let value = s.acknowledged();
  if (stack.length && random.chance(0.9)) {
    value = random.chance(0.9) ? stack.pop()! : stack.shift()!;
    vm.dropped[vcpu]!.push(value);
  }
  const group0 = random.chance(0.1);
  guestWrite(
    s,
    vcpu,
    group0 ? 'ICC_EOIR0_EL1' : 'ICC_EOIR1_EL1',
    random.chance(0.9) ? 'GICC_EOIR' : 'GICC_AEOIR',
    value,
  );
  if (vm.twoSteps[vcpu] && random.chance(0.7)) deactivateOn(s, vcpu);
}

function deactivateOn(s: Sequence, vcpu: number): void {
  const dropped = s.vm.dropped[vcpu]!;
  const value = dropped.length && s.random.chance(0.85) ? dropped.pop()! : s.acknowledged();
  if (dropped.length > 20) dropped.length = 0;
  guestWrite(s, vcpu, 'ICC_DIR_EL1', 'GICC_DIR', value);
}

/** An interrupt is raised, its vCPU enters, takes it and (some time) ends it. */
function deliver(s: Sequence): void {
  const { random } = s;
  const vcpu = s.realVcpu();
  const intid = s.intid();
  if (intid < 16) sendSgi(s);
  else setLine(s, intid, 1, vcpu);
  const target = random.chance(0.7) ? vcpu : s.realVcpu();
  enterOn(s, target);
  acknowledgeOn(s, target);
  if (intid >= 16 && random.chance(0.5)) setLine(s, intid, 0, vcpu);
  if (random.chance(0.3)) exitOn(s, target);
}

/** What a guest's kernel does first: distributor, groups, the interrupts of the sequence, CPU interfaces. */
function boot(s: Sequence): void {
  const { random } = s;
  const { configuration } = s.vm;
  const write = (base: number, name: string, of: Frame, at: number, value: string, len = 4, vcpu = 0) => {
    const target = of.registers.find((candidate) => candidate.name === name)!;
    const addr = hex(base + target.offset + at);
    s.emit({ op: 'mmio_write', vcpu, addr, value, ...(len === 4 ? {} : { len }) }, `${name} write`);
  };
  const group1 = configuration.gic === 3 ? random.chance(0.8) : random.chance(0.4);
  const distributor = configuration.gic === 2 ? DISTRIBUTOR_2 : DISTRIBUTOR_3;
  write(configuration.distributor, 'GICD_CTLR', distributor, 0, configuration.gic === 2 ? '0x1' : '0x12');
  for (const intid of new Set(s.intids)) {
    const bit = hex(1 << (intid & 31));
    const word = (intid >> 5) * 4;
    const [edge, targeted] = [random.chance(0.4), s.realVcpu()];
    if (intid >= configuration.interrupts) continue;
    if (intid < 32 && configuration.gic === 3) {
      for (let vcpu = 0; vcpu < s.vcpus; vcpu++) {
        const base = configuration.redistributors + vcpu * REDISTRIBUTOR_STRIDE;
        if (!group1) write(base, 'GICR_IGROUPR0', REDISTRIBUTOR, 0, hex(random.word()));
        write(base, 'GICR_IPRIORITYR0', REDISTRIBUTOR, intid, hex(random.pick(s.priorities)), 1);
        write(base, 'GICR_ISENABLER0', REDISTRIBUTOR, 0, bit);
      }
    } else {
      for (let vcpu = 0; vcpu < (intid < 32 ? s.vcpus : 1); vcpu++) {
        if (random.chance(0.7) ? group1 : !group1) {
          write(configuration.distributor, 'GICD_IGROUPR', distributor, word, '0xffffffff', 4, vcpu);
        }
        write(
          configuration.distributor,
          'GICD_IPRIORITYR',
          distributor,
          intid,
          hex(random.pick(s.priorities)),
          1,
          vcpu,
        );
        if (intid >= 32) {
          const trigger = edge ? 0xaaaaaaaa : 0;
          write(configuration.distributor, 'GICD_ICFGR', distributor, (intid >> 4) * 4, hex(trigger));
          if (configuration.gic === 2)
            write(configuration.distributor, 'GICD_ITARGETSR', distributor, intid, hex(1 << targeted), 1);
          else write(configuration.distributor, 'GICD_IROUTER', distributor, intid * 8, hex(targeted), 8);
        }
        write(configuration.distributor, 'GICD_ISENABLER', distributor, word, bit, 4, vcpu);
      }
    }
  }
  const clean = random.chance(0.5);
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) {
    enterOn(s, vcpu);
    s.vm.inGuest[vcpu] = true;
    s.vm.acknowledged[vcpu]!.length = 0;
    if (clean) {
      guestWrite(s, vcpu, 'ICC_AP1R0_EL1', 'GICC_APR0', 0);
      if (configuration.gic === 3) guestWrite(s, vcpu, 'ICC_AP0R0_EL1', '', 0);
    }
    const twoSteps = random.chance(0.25);
    s.vm.twoSteps[vcpu] = twoSteps;
    guestWrite(s, vcpu, 'ICC_PMR_EL1', 'GICC_PMR', random.chance(0.9) ? 0xff : 0xf0);
    // priority groups of their own, for preemption
    if (random.chance(0.3)) guestWrite(s, vcpu, 'ICC_BPR0_EL1', 'GICC_BPR', random.below(8));
    if (random.chance(0.3)) guestWrite(s, vcpu, 'ICC_BPR1_EL1', 'GICC_ABPR', random.below(8));
    if (configuration.gic === 3) {
      const control = (twoSteps ? 2 : 0) | (random.chance(0.15) ? 1 : 0);
      if (control) guestWrite(s, vcpu, 'ICC_CTLR_EL1', '', control);
      guestWrite(s, vcpu, 'ICC_IGRPEN1_EL1', '', 1);
      if (random.chance(0.6)) guestWrite(s, vcpu, 'ICC_IGRPEN0_EL1', '', 1);
    } else {
      const groups = random.weighted([
        [6, 1],
        [5, 3],
        [3, 7],
        [1, 0x17],
      ]);
      guestWrite(s, vcpu, '', 'GICC_CTLR', groups | (twoSteps ? 0x200 : 0));
    }
    if (random.chance(0.6)) exitOn(s, vcpu);
  }
}

/** Many interrupts pend at once, far more than list registers. */
function flood(s: Sequence): void {
  const { random } = s;
  const { configuration } = s.vm;
  const frame = configuration.gic === 2 ? DISTRIBUTOR_2 : DISTRIBUTOR_3;
  const words = configuration.interrupts >> 5;
  const first = random.between(1, words - 1);
  for (let word = first; word < Math.min(words, first + random.between(1, 3)); word++) {
    for (const name of random.chance(0.7) ? ['GICD_ISENABLER', 'GICD_ISPENDR'] : ['GICD_ISPENDR', 'GICD_ISENABLER']) {
      const offset = frame.registers.find((candidate) => candidate.name === name)!.offset;
      const value = hex(random.chance(0.5) ? 0xffffffff : random.word());
      const addr = hex(configuration.distributor + offset + word * 4);
      s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr, value }, `${name} write`);
    }
    for (let i = 0; i < 3; i++) {
      const addr = hex(configuration.distributor + 0x400 + word * 32 + random.below(8) * 4);
      s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr, value: hex(random.word()) }, 'GICD_IPRIORITYR write');
    }
  }
  for (let i = 0; i < 3; i++) {
    const vcpu = s.realVcpu();
    enterOn(s, vcpu);
    for (let n = 0; n < 3; n++) acknowledgeOn(s, vcpu);
  }
}

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
    ? 0x40000000 + random.below(0x10000)
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
      ? drawConfiguration(random, s.profile.configuration).create
      : vm.configuration.create;
    s.emit({ ...create, op: 'create' }, 'create');
  }
  vm.inGuest.fill(false);
  vm.held.fill(false);
  vm.dead = false;
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
