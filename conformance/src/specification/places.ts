import {
  CPU_INTERFACE_2,
  DISTRIBUTOR_2,
  DISTRIBUTOR_3,
  ITS,
  REDISTRIBUTOR,
  REDISTRIBUTOR_STRIDE,
  SYSTEM_REGISTERS,
} from '../generator/registers.js';

/** Where a guest finds the registers: the tester's own list of offsets, at the places that a Gic has unless told otherwise. */
const GICD = 0x08000000;
const GICC = 0x08010000;
const GICR = 0x080a0000;
export const ITS_BASE = 0x08080000;

interface Place {
  readonly offset: number;
  /** Bytes of a register of an array that is counted by registers; 1 where it is by byte, 8 for GICD_IROUTER. */
  readonly stride: number;
}

function placesOf(registers: readonly { name: string; offset: number; bits: number }[]) {
  return new Map<string, Place>(
    registers.map(({ name, offset, bits }) => [name, { offset, stride: bits === 8 ? 1 : bits === 64 ? 8 : 4 }]),
  );
}

/** Next to GICD_SETSPI_NSR; KVM has neither. */
const CLRSPI = { name: 'GICD_CLRSPI_NSR', offset: 0x048, bits: 0 };
const DISTRIBUTORS = {
  2: placesOf(DISTRIBUTOR_2.registers),
  3: placesOf([...DISTRIBUTOR_3.registers, CLRSPI]),
} as const;
const REDISTRIBUTORS = placesOf(REDISTRIBUTOR.registers);
const INTERFACE = placesOf(CPU_INTERFACE_2.registers);
const ITS_FRAME = placesOf(ITS.registers);
const ENCODINGS = new Map(SYSTEM_REGISTERS.map(({ name, encoding }) => [name, encoding]));

/** The encoding of a system register, or undefined for a register of a frame. */
export const encodingOf = (name: string): number | undefined => ENCODINGS.get(name);

const NOT_FOUND = { offset: 0, stride: 0 };

/** Of the extended SPIs, INTID 4096 on (IHI 0069, 12.8). Those of the extended PPIs lie behind the private ones'. */
const EXTENDED_SPIS: Readonly<Record<string, number>> = {
  IGROUPR: 0x1000,
  ISENABLER: 0x1200,
  ICENABLER: 0x1400,
  ISPENDR: 0x1600,
  ICPENDR: 0x1800,
  ISACTIVER: 0x1a00,
  ICACTIVER: 0x1c00,
  IPRIORITYR: 0x2000,
  ICFGR: 0x3000,
  IGRPMODR: 0x3400,
  IROUTER: 0x8000,
};
const FIRST_EXTENDED_SPI = 4096;
/** From PPI 31 to the first one of the extended range. */
const GAP = 1056 - 32;
/** Names of arrays with their prefix and suffix, made once. */
const PREFIXED = new Map<string, { distributor: string; redistributor: string }>();
function prefixed(name: string) {
  let names = PREFIXED.get(name);
  if (names === undefined) {
    names = { distributor: `GICD_${name}`, redistributor: `GICR_${name}0` };
    PREFIXED.set(name, names);
  }
  return names;
}

/** The guest-physical address of a register; of an array by INTID the part for SGIs and PPIs is the vCPU's own. */
export function addressOf(version: 2 | 3, vcpu: number, name: string, at: number): number {
  if (name.startsWith('GICC_')) return GICC + (INTERFACE.get(name) ?? NOT_FOUND).offset;
  if (name.startsWith('GITS_')) return ITS_BASE + (ITS_FRAME.get(name) ?? NOT_FOUND).offset + 8 * at;
  if (name.startsWith('GICR_')) return redistributor(vcpu) + (REDISTRIBUTORS.get(name) ?? NOT_FOUND).offset;
  if (name.startsWith('GICD_')) return GICD + (DISTRIBUTORS[version].get(name) ?? NOT_FOUND).offset;
  const { distributor, redistributor: own } = prefixed(name);
  const place = DISTRIBUTORS[version].get(distributor) ?? NOT_FOUND;
  if (version === 3 && isOwn(name, at)) {
    const { offset } = REDISTRIBUTORS.get(own) ?? NOT_FOUND;
    const behind = at - (at * perNumber(name) < GAP ? 0 : GAP / perNumber(name));
    return redistributor(vcpu) + offset + behind * place.stride;
  }
  const extended = at - FIRST_EXTENDED_SPI / perNumber(name);
  if (extended >= 0) return GICD + EXTENDED_SPIS[name] + extended * place.stride;
  return GICD + place.offset + at * place.stride;
}

const redistributor = (vcpu: number): number => GICR + vcpu * REDISTRIBUTOR_STRIDE;

/** INTIDs for each number of an array. */
function perNumber(name: string): number {
  if (name === 'IPRIORITYR' || name === 'IROUTER' || name === 'ITARGETSR') return 1;
  return name === 'ICFGR' ? 16 : 32;
}

/** Whether register or byte `at` of an array by INTID is of SGIs and PPIs, in GICv3 a redistributor's. */
export function isOwn(name: string, at: number): boolean {
  const intid = at * perNumber(name);
  return (
    (intid < 32 || (intid >= 1056 && intid < FIRST_EXTENDED_SPI)) && REDISTRIBUTORS.has(prefixed(name).redistributor)
  );
}
