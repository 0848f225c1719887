import type { Weights } from '../../generator/random.js';
import { ofAnother, type Step, step } from '../steps.js';
import type { Values } from './values.js';

export type Steps = Weights<() => Step>;

/** Accesses to the distributor's registers, and to a vCPU's own of the same kind. */
export function registerSteps(values: Values): Steps {
  const { random, guest } = values;
  const bits = (name: string) => () => step('write', values.vcpu(), name, values.word(), values.bits());
  const reads = ['ISPENDR', 'ISACTIVER', 'ISENABLER', 'ICPENDR', 'ICACTIVER', 'ICENABLER', 'IGROUPR', 'ICFGR'];
  const one = guest.version === 2;
  const reserved = ['IGROUPR', 'ISENABLER', 'ISPENDR', 'ISACTIVER', 'ICENABLER', 'ICPENDR'].map(
    (name) => `GICD_${name}`,
  );
  return [
    [8, bits('ISENABLER')],
    [3, bits('ICENABLER')],
    [8, bits('ISPENDR')],
    [6, bits('ICPENDR')],
    [3, bits('ISACTIVER')],
    [6, bits('ICACTIVER')],
    [3, bits('IGROUPR')],
    [4, () => step('write', values.vcpu(), 'ICFGR', 2 * values.word() + random.below(2), random.word())],
    [5, () => step('write', values.vcpu(), 'IPRIORITYR', values.intid(), values.priority(), 0, 1)],
    [2, () => step('write', values.vcpu(), 'IPRIORITYR', values.intid() & ~3, values.priorities())],
    [2, () => step('read', values.vcpu(), 'IPRIORITYR', values.intid() & ~3)],
    [20, () => step('read', values.vcpu(), random.pick(reads), values.word())],
    [4, () => step('write', values.vcpu(), 'GICD_CTLR', 0, random.pick([0, 1, 2, 3, 3, 3, 3, 3, random.word()]))],
    [2, () => step('read', values.vcpu(), random.pick(['GICD_CTLR', 'GICD_TYPER']))],
    [one ? 0 : 0.5, () => step('read', values.vcpu(), 'IGRPMODR', values.word())],
    [one ? 0 : 1, () => step('write', values.vcpu(), random.pick(reserved), 0, values.bits())],
    [one ? 0 : 0.5, () => step('read', values.vcpu(), random.pick(reserved))],
    [one ? 0 : 8, () => route(values)],
    [one ? 0 : 2, () => step('read', values.vcpu(), 'IROUTER', spi(values), 0, 0, 8)],
    [guest.extended ? 8 : 0, () => step('write', values.vcpu(), 'GICD_SETSPI_NSR', 0, values.intid())],
    [guest.extended ? 4 : 0, () => step('write', values.vcpu(), 'GICD_CLRSPI_NSR', 0, values.intid())],
    [one ? 0 : 1, () => step('write', values.vcpu(), 'GICR_WAKER', 0, random.below(8))],
    [one ? 0 : 1, () => step('read', values.vcpu(), 'GICR_WAKER')],
    [one ? 6 : 0, () => step('write', values.vcpu(), 'ITARGETSR', 32 + random.below(8), random.below(256), 0, 1)],
    [one ? 1 : 0, () => step('write', values.vcpu(), 'ITARGETSR', 32 + 4 * random.below(4), random.word())],
    [one ? 2 : 0, () => step('read', values.vcpu(), 'ITARGETSR', 4 * random.below(16))],
    [one ? 3 : 0, () => step('write', values.vcpu(), 'SPENDSGIR', random.below(4), random.below(256), 0, 1)],
    [one ? 3 : 0, () => step('write', values.vcpu(), 'CPENDSGIR', random.below(4), random.below(256), 0, 1)],
    [one ? 2 : 0, () => step('read', values.vcpu(), random.pick(['SPENDSGIR', 'CPENDSGIR']), 4 * random.below(4))],
  ];
}

/** An access to the redistributor of another vCPU. */
export function reachStep(values: Values): Step {
  const { random } = values;
  const sets = ['ISENABLER', 'ISPENDR', 'ISPENDR', 'ICPENDR', 'ISACTIVER', 'ICACTIVER', 'ICENABLER', 'IGROUPR'];
  const of = values.vcpu();
  const kind = random.below(10);
  if (kind < 6) return ofAnother(step('write', values.vcpu(), random.pick(sets), 0, values.bits()), of);
  if (kind < 8) return ofAnother(step('read', values.vcpu(), random.pick(sets)), of);
  if (kind < 9)
    return ofAnother(step('write', values.vcpu(), 'IPRIORITYR', random.below(32), values.priority(), 0, 1), of);
  return ofAnother(step('write', values.vcpu(), 'GICR_WAKER', 0, random.below(8)), of);
}

/** An SPI that is in use. */
function spi({ random, guest }: Values): number {
  return (guest.extended && random.chance(0.4) ? 4096 : 32) + random.below(8);
}

function route(values: Values): Step {
  const { random } = values;
  const low = random.chance(0.85) ? values.vcpu() : random.chance(0.7) ? 0xff : random.word();
  return step('write', values.vcpu(), 'IROUTER', spi(values), low, random.chance(0.05) ? 1 : 0, 8);
}

/** Makers of steps that read one of some registers, or write a register. */
const accesses = (values: Values) => ({
  write: (name: string, value: () => number) => () => step('write', values.vcpu(), name, 0, value()),
  read:
    (...names: string[]) =>
    () =>
      step('read', values.vcpu(), values.random.pick(names)),
});

/** Accesses to the CPU interface of a GICv3. */
export function systemRegisterSteps(values: Values): Steps {
  const { random } = values;
  const { read, write } = accesses(values);
  const activePriorities = [0, 1, 2, 3].flatMap((n) => [`ICC_AP0R${n}_EL1`, `ICC_AP1R${n}_EL1`]);
  const level = () => random.pick([0, 0, 0, 1 << random.below(32)]);
  return [
    [6, write('ICC_PMR_EL1', () => random.pick([0xff, 0xff, 0xff, 0xf0, 0xa0, 0x80, 0, random.below(256)]))],
    [5, write('ICC_BPR1_EL1', () => random.below(8))],
    [3, write('ICC_BPR0_EL1', () => random.below(8))],
    [3, write('ICC_CTLR_EL1', () => random.pick([0, 0, 2, 2, 2, 1, 3, random.word()]))],
    [4, write('ICC_IGRPEN1_EL1', () => random.pick([0, 1, 1, 1]))],
    [4, write('ICC_IGRPEN0_EL1', () => random.pick([0, 1, 1, 1]))],
    [0.4, write('ICC_AP1R0_EL1', level)],
    [0.4, write('ICC_AP0R0_EL1', level)],
    [0.3, () => step('write', values.vcpu(), random.pick(activePriorities), 0, level())],
    [8, read('ICC_HPPIR1_EL1', 'ICC_HPPIR0_EL1')],
    [6, read('ICC_RPR_EL1')],
    [2, read('ICC_BPR0_EL1', 'ICC_BPR1_EL1', 'ICC_PMR_EL1', 'ICC_CTLR_EL1')],
    [1, read('ICC_IGRPEN0_EL1', 'ICC_IGRPEN1_EL1', 'ICC_SRE_EL1')],
    [0.2, write('ICC_SRE_EL1', () => random.below(8))],
    [2, read(...activePriorities)],
  ];
}

/** Accesses to the CPU interface of a GICv2. */
export function interfaceSteps(values: Values): Steps {
  const { random } = values;
  const { read, write } = accesses(values);
  const control = () => random.pick([7, 7, 3, 0xf, 0x203, 0x207, 0x207, 0x17, 6, 5, random.word()]);
  return [
    [5, write('GICC_CTLR', control)],
    [5, write('GICC_PMR', () => random.pick([0xff, 0xff, 0xff, 0xf0, 0xa0, 0x80, 0, random.below(256)]))],
    [4, write('GICC_BPR', () => random.below(8))],
    [3, write('GICC_ABPR', () => random.below(8))],
    [8, read('GICC_HPPIR', 'GICC_AHPPIR')],
    [6, read('GICC_RPR')],
    [3, read('GICC_CTLR', 'GICC_PMR', 'GICC_BPR', 'GICC_ABPR', 'GICC_APR0')],
  ];
}
