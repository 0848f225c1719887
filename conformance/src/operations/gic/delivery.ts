/** Interrupts on their way: raised, in the guest, acknowledged, ended; and what a guest does first so that they come. */
import { hex } from '../../generator/protocol.js';
import {
  CPU_INTERFACE_2,
  DISTRIBUTOR_2,
  DISTRIBUTOR_3,
  type Frame,
  REDISTRIBUTOR,
  REDISTRIBUTOR_STRIDE,
  SYSTEM_REGISTERS,
} from '../../generator/registers.js';
import type { Answer, Sequence } from '../../generator/sequence.js';
import { registerValue, systemRegisterValue } from '../../generator/values.js';

/** Keeps what an acknowledge register gave, so that the sequence can end that interrupt. */
export function learnAcknowledge(s: Sequence, vcpu: number, name: string): ((answer: Answer) => void) | undefined {
  if (!/IAR/.test(name)) return undefined;
  const { vm } = s;
  const stack = vm.acknowledged[vcpu];
  return (answer) => {
    const value = answer.value === undefined ? 1023 : Number(answer.value);
    // GICC_IAR has the CPUID above the INTID; a GICv3's LPIs have more bits
    if ((s.gic === 2 ? value & 0x3ff : value) >= 1020 && value < 8192) return;
    stack?.push(value);
    // most handlers are short
    if (s.vm === vm && s.random.chance(0.75)) completeOn(s, vcpu);
  };
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

export function acknowledgeOn(s: Sequence, vcpu: number): void {
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
export function guestVcpu(s: Sequence): number {
  const inside = s.vm.inGuest.flatMap((is, vcpu) => (is ? [vcpu] : []));
  return inside.length && s.random.chance(0.95) ? s.random.pick(inside) : s.realVcpu();
}

export function enterOn(s: Sequence, vcpu: number): void {
  const { vm } = s;
  const { inGuest, held } = vm;
  if (vcpu >= 0 && vcpu < held.length) held[vcpu] = true;
  s.emit({ op: 'flush', vcpu }, 'enter', (answer) => {
    if (vcpu >= 0 && vcpu < inGuest.length) inGuest[vcpu] = answer.err === undefined;
    if (answer.err === -5) vm.dead = true;
  });
}

export function exitOn(s: Sequence, vcpu: number, put = s.random.chance(0.7)): void {
  const { inGuest, held } = s.vm;
  if (vcpu >= 0 && vcpu < inGuest.length) {
    inGuest[vcpu] = false;
    if (put) held[vcpu] = false;
  }
  s.emit(put ? { op: 'sync', vcpu } : { op: 'sync', vcpu, put: false }, 'exit');
}

export function setLine(s: Sequence, intid: number, level: number, vcpu: number): void {
  if (intid < 32) s.emit({ op: 'irq_line', type: 'ppi', vcpu, irq: intid, level }, 'line PPI');
  else s.emit({ op: 'irq_line', type: 'spi', irq: intid, level }, 'line SPI');
}

export function sendSgi(s: Sequence): void {
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
export function completeOn(s: Sequence, vcpu: number): void {
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

export function deactivateOn(s: Sequence, vcpu: number): void {
  const dropped = s.vm.dropped[vcpu]!;
  const value = dropped.length && s.random.chance(0.85) ? dropped.pop()! : s.acknowledged();
  if (dropped.length > 20) dropped.length = 0;
  guestWrite(s, vcpu, 'ICC_DIR_EL1', 'GICC_DIR', value);
}

/** An interrupt is raised, its vCPU enters, takes it and (some time) ends it. */
export function deliver(s: Sequence): void {
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
export function boot(s: Sequence): void {
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
export function flood(s: Sequence): void {
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
