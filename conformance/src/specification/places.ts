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

function placesOf(registers: readonly { name: string; offset: number; width: number; bits: number }[]) {
  return new Map<string, Place>(
    registers.map(({ name, offset, bits }) => [name, { offset, stride: bits === 8 ? 1 : bits === 64 ? 8 : 4 }]),
  );
}

const DISTRIBUTORS = { 2: placesOf(DISTRIBUTOR_2.registers), 3: placesOf(DISTRIBUTOR_3.registers) };
const REDISTRIBUTORS = placesOf(REDISTRIBUTOR.registers);
const INTERFACE = placesOf(CPU_INTERFACE_2.registers);
const ITS_FRAME = placesOf(ITS.registers);
const ENCODINGS = new Map(SYSTEM_REGISTERS.map(({ name, encoding }) => [name, encoding]));

/** The encoding of a system register, or undefined for a register of a frame. */
export const encodingOf = (name: string): number | undefined => ENCODINGS.get(name);

const NOT_FOUND = { offset: 0, stride: 0 };
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
    return redistributor(vcpu) + offset + at * place.stride;
  }
  return GICD + place.offset + at * place.stride;
}

const redistributor = (vcpu: number): number => GICR + vcpu * REDISTRIBUTOR_STRIDE;

/** Whether register or byte `at` of an array by INTID is of SGIs and PPIs, in GICv3 a redistributor's. */
export function isOwn(name: string, at: number): boolean {
  if (name === 'IPRIORITYR') return at < 32;
  if (name === 'ICFGR') return at < 2;
  return at === 0 && REDISTRIBUTORS.has(prefixed(name).redistributor);
}
