/** Virtual machines that the generator asks for: the arguments of `create`, and what it must know of them. */
import { hex, type Operation } from './protocol.js';
import type { Random } from './random.js';

/** Which configurations a profile wants. */
export interface ConfigurationDomain {
  /** Guest GIC and host GIC. */
  readonly versions: readonly (readonly [weight: number, pair: readonly [gic: 2 | 3, host: 2 | 3]])[];
  readonly vcpus: readonly (readonly [weight: number, vcpus: number])[];
  readonly interrupts: readonly (readonly [weight: number, interrupts: number])[];
  readonly listRegisters: readonly (readonly [weight: number, count: number])[];
  /** ITSs; none if absent. */
  readonly its?: readonly (readonly [weight: number, count: number])[];
  /** The host's GICv4, and whether its CPU interfaces take vSGIs; none if absent. */
  readonly gicv4?: readonly (readonly [weight: number, host: { readonly version: 40 | 41; readonly vsgis: boolean }])[];
  /** How often the first ITS lies over another frame. */
  readonly overlay?: number;
  /** How often a configuration that should be refused is asked for. */
  readonly hostile: number;
  /** How often the VM is created without initialising its VGIC. */
  readonly uninitialised: number;
}

export interface Configuration {
  readonly gic: 2 | 3;
  readonly host: 2 | 3;
  readonly vcpus: number;
  readonly interrupts: number;
  readonly listRegisters: number;
  readonly priorityBits: number;
  readonly idBits: number;
  readonly affinity3Valid: boolean;
  readonly systemErrors: boolean;
  readonly auto: boolean;
  readonly initialised: boolean;
  readonly distributor: number;
  readonly cpuInterface: number;
  readonly redistributors: number;
  readonly its: number;
  /** 0, 40 or 41. */
  readonly gicv4: number;
  readonly vsgis: boolean;
  /** Where each ITS is. */
  readonly itsBases: readonly number[];
  readonly ramBase: number;
  readonly ramBytes: number;
  /** The arguments as sent. */
  readonly create: Operation;
}

const HOSTILE: readonly Readonly<Record<string, string | number | boolean>>[] = [
  { vcpus: 0 },
  { vcpus: 9 },
  { vcpus: 513 },
  { gic: 4 },
  { gic: 3, host_gic: 2 },
  { nr_lr: 0 },
  { nr_lr: 65 },
  { gic: 3, host_gic: 3, nr_lr: 17 },
  { pri_bits: 4 },
  { pri_bits: 9 },
  { nr_irqs: 0 },
  { nr_irqs: 32 },
  { nr_irqs: 63 },
  { nr_irqs: 100 },
  { nr_irqs: 1024 },
  { nr_irqs: 1056 },
  { ram_size: '0x1800' },
  { ram_size: 0 },
  { ram_base: '0x40000800' },
  { gicd: '0x08000800' },
  { gicd: '0x10000000000' },
  { gicr: '0x080a8000' },
  { gicr: '0x08000000' },
  { gicc: '0x08000000' },
  { gicc: '0x08010800' },
  { gicc: '0x07fff000' },
  { gicr: '0x07fe0000', vcpus: 2 },
  { gicr: '0x08010000' },
  { gicr: '0xfffffe0000', vcpus: 2 },
  { gicr: '0xffffff0000' },
  { ipa_bits: 32, gicd: '0x100000000' },
  { nr_irqs: 'many' },
  { vcpus: '0x' },
];

const HOSTILE_ITS: typeof HOSTILE = [
  { its: 17 },
  { its: -1 },
  { its: 16 },
  { its_base: '0x08000000' },
  { its_base: '0x080a0000' },
  { its_base: '0x08090000', its: 1 },
  { its_base: '0x0808f000' },
  { its_base: '0x10000000000' },
  { its_base: '0xffffff0000' },
  { its_base: '0xfffffe0000', its: 1 },
  { its_base2: '0x08080000', its: 2 },
  { its_base2: '0x08070000', its: 2 },
  { gic: 2, host_gic: 2, its: 1 },
  { gic: 2, host_gic: 3, its: 1 },
];

/** The translation frame follows the control frame. */
const ITS_BYTES = 0x20000;
/** Where RAM is: addresses of more than 31 and of more than 32 bits are a matter of their own. */
const RAM_BASES = [
  [6, 0x40000000],
  [1, 0xc0000000],
  [1, 0x4_0000_0000],
  [1, 0xff_0000_0000],
] as const;
/** Enough for the tables of three ITSs and of the LPIs. */
const RAM_WITH_ITS = 0x200000;

/** Draws a configuration. The host's parameters can be given, since all virtual machines alive at once share them. */
export function drawConfiguration(random: Random, domain: ConfigurationDomain, slot = 0): Configuration {
  const [gic, host] = random.weighted(domain.versions);
  const vcpus = Math.min(random.weighted(domain.vcpus), gic === 2 ? 8 : 512);
  const interrupts = random.weighted(domain.interrupts);
  const listRegisters = random.weighted(domain.listRegisters);
  const priorityBits = random.weighted([[6, 5] as const, [1, 6] as const, [2, 7] as const, [1, 8] as const]);
  const idBits = random.weighted([[8, 0] as const, [2, 1] as const, [0.3, 7] as const]);
  const affinity3Valid = random.chance(0.8);
  const systemErrors = random.chance(0.2);
  const auto = random.chance(0.4);
  const initialised = !random.chance(domain.uninitialised);
  const elsewhere = random.chance(0.1);
  const distributor = elsewhere ? 0x2f000000 : 0x08000000;
  const cpuInterface = elsewhere ? 0x2c000000 : 0x08010000;
  const redistributors = elsewhere ? 0x2f100000 : 0x080a0000;
  const its = domain.its ? random.weighted(domain.its) : 0;
  const [usualIts, nextIts] = elsewhere ? [0x2f020000, 0x2f040000] : [0x08080000, 0x0c000000];
  const firstIts =
    its && domain.overlay && random.chance(domain.overlay)
      ? random.pick([redistributors, redistributors + 0x10000, redistributors - 0x10000, distributor - 0x10000])
      : usualIts;
  const itsBases = Array.from({ length: its }, (_, n) => (n === 0 ? firstIts : nextIts + (n - 1) * ITS_BYTES));
  const ramBase = its ? random.weighted(RAM_BASES) : 0x40000000;
  const ramBytes = its ? RAM_WITH_ITS : random.pick([0x10000, 0x40000]);

  const { version: gicv4, vsgis } = domain.gicv4 ? random.weighted(domain.gicv4) : { version: 0, vsgis: false };

  const create: Operation = { op: 'create', ...(slot ? { vm: slot } : {}), gic };
  if (host !== gic) create.host_gic = host;
  if (vcpus !== 1) create.vcpus = vcpus;
  if (interrupts !== 256) create.nr_irqs = interrupts;
  if (listRegisters !== 4) create.nr_lr = listRegisters;
  if (priorityBits !== 5) create.pri_bits = priorityBits;
  if (idBits !== 0) create.id_bits = idBits;
  if (!affinity3Valid) create.a3v = 0;
  if (systemErrors) create.seis = 1;
  if (auto) create.auto = true;
  if (random.chance(0.2)) create.vgic_first = true;
  if (!initialised) create.init = false;
  if (elsewhere) {
    create.gicd = hex(distributor);
    if (gic === 2) create.gicc = hex(cpuInterface);
    else create.gicr = hex(redistributors);
  }
  if (its) {
    create.its = its;
    if (elsewhere || firstIts !== usualIts) {
      create.its_base = hex(firstIts);
      create.its_base2 = hex(nextIts);
    }
  }
  if (gicv4 !== 0) create.gicv4 = gicv4;
  if (gicv4 === 41 && !vsgis) create.vsgi = 0;
  create.ram_size = hex(ramBytes);
  if (ramBase !== 0x40000000) create.ram_base = hex(ramBase);
  if (random.chance(domain.hostile)) Object.assign(create, random.pick(its ? HOSTILE_ITS : HOSTILE));
  return {
    gic, host, vcpus, interrupts, listRegisters, priorityBits, idBits, affinity3Valid, systemErrors, auto, initialised,
    distributor, cpuInterface, redistributors, its, gicv4, vsgis, itsBases, ramBase, ramBytes, create,
  }; // biome-ignore format: one name after the other
}
