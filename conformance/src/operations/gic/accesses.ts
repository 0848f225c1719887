/** Accesses of a guest to the frames and registers of its GIC, right and wrong. */

import { GROUP, hex, hex64 } from '../../generator/protocol.js';
import {
  CPU_INTERFACE_2,
  DISTRIBUTOR_2,
  DISTRIBUTOR_3,
  type Frame,
  ITS,
  REDISTRIBUTOR,
  REDISTRIBUTOR_STRIDE,
  type Register,
  SYSTEM_REGISTERS,
} from '../../generator/registers.js';
import type { Sequence } from '../../generator/sequence.js';
import { registerValue, systemRegisterValue } from '../../generator/values.js';
import { stopVcpus } from './attributes.js';
import { learnAcknowledge } from './delivery.js';

const weighedRegisters = (frame: Frame) => frame.registers.map((register) => [register.weight, register] as const);
const WEIGHED = new Map<Frame, ReturnType<typeof weighedRegisters>>(
  [DISTRIBUTOR_2, DISTRIBUTOR_3, REDISTRIBUTOR, CPU_INTERFACE_2, ITS].map((frame) => [frame, weighedRegisters(frame)]),
);
const WEIGHED_SYSTEM_REGISTERS = SYSTEM_REGISTERS.map((register) => [register.weight, register] as const);

/** A frame of the machine and where it is. */
function frame(s: Sequence): readonly [Frame, number] {
  const { configuration } = s.vm;
  if (configuration.gic === 2) return [DISTRIBUTOR_2, configuration.distributor];
  if (configuration.its && s.random.chance(0.4)) return itsFrame(s);
  if (s.random.chance(0.55)) return [DISTRIBUTOR_3, configuration.distributor];
  return [REDISTRIBUTOR, configuration.redistributors + s.realVcpu() * REDISTRIBUTOR_STRIDE];
}

/** The frame of an ITS: whatever is written there may move its queue. */
function itsFrame(s: Sequence): readonly [Frame, number] {
  const number = s.random.below(s.vm.configuration.its);
  const queue = s.vm.queues[number];
  if (queue) queue.unsure = true;
  return [ITS, s.vm.configuration.itsBases[number]!];
}

/** A register of an ITS, which only a guest's first or last writes reach while it is enabled. */
export function itsRegister(s: Sequence): void {
  const [frame, base] = itsFrame(s);
  const register = s.random.weighted(WEIGHED.get(frame)!);
  const write = s.random.chance(0.5);
  if (write && register.name !== 'GITS_CTLR' && s.random.chance(0.5)) {
    s.emit({ op: 'mmio_write', vcpu: s.realVcpu(), addr: hex(base), value: '0x0' }, 'GITS_CTLR write');
  }
  access(s, frame, base, register, write);
  if (s.random.chance(0.6)) {
    const addr = hex(base + register.offset + (register.bytes > 8 ? s.random.below(2) * 8 : 0));
    const len = register.width === 8 ? { len: 8 } : {};
    s.emit({ op: 'mmio_read', vcpu: s.realVcpu(), addr, ...len }, `${register.name} read`);
  }
}

/** Where in a register (or an array of them) an access goes: mostly to an interrupt of the sequence. */
function placeIn(s: Sequence, register: Register, width: number): number {
  const { random } = s;
  if (register.name === 'GITS_BASER' && random.chance(0.8)) return random.below(16) & -width;
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
export function register(s: Sequence): void {
  const [inFrame, base] = frame(s);
  access(s, inFrame, base, s.random.weighted(WEIGHED.get(inFrame)!), s.random.chance(0.65));
}

/** Any offset, width and alignment of a frame. */
export function offset(s: Sequence): void {
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
export function sweep(s: Sequence): void {
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
export function nowhere(s: Sequence): void {
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
    ...configuration.itsBases.flatMap((base) => [hex(base - 4), hex(base + ITS.bytes), hex(base + 0x10000)]),
  ]);
  const len = random.pick([0, 1, 3, 4, 8, 16]);
  s.emit({ op: random.pick(['mmio_read', 'mmio_write']), vcpu: s.vcpu(), addr, len, value: '0x1' }, 'no device');
}

/** The guest's CPU interface: any register of it. */
export function cpuInterface(s: Sequence): void {
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
