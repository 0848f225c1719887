/** The sentence of a lockup report, from the syndrome of the first fault (Arm ARM D17.2.37, ESR_ELx). */

const CLASSES: Record<number, string> = {
  0: 'undefined instruction',
  7: 'trapped floating-point or SIMD instruction',
  14: 'illegal execution state',
  21: 'SVC',
  24: 'trapped system instruction',
  32: 'instruction abort from EL0',
  33: 'instruction abort',
  34: 'misaligned PC',
  36: 'data abort from EL0',
  37: 'data abort',
  38: 'misaligned SP',
  60: 'BRK',
};

const FAULTS: Record<number, string> = {
  0: 'address size fault',
  1: 'translation fault',
  2: 'access flag fault',
  3: 'permission fault',
};

function faultStatus(status: number): string {
  if (status === 0x10) return 'nothing answers there';
  if (status === 0x21) return 'alignment fault';
  if (status >> 2 === 5) return `translation table out of reach at level ${status & 3}`;
  const fault = FAULTS[status >> 2];
  return fault === undefined ? `fault status 0x${status.toString(16)}` : `${fault} at level ${status & 3}`;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

export function describeFault(
  vcpu: number,
  pc: bigint,
  instruction: number,
  syndrome: number,
  address: bigint,
  vector: bigint,
): string {
  const kind = syndrome >>> 26;
  const what = CLASSES[kind] ?? `exception class 0x${kind.toString(16)}`;
  const word = instruction === 0 ? '' : ` (instruction 0x${instruction.toString(16).padStart(8, '0')})`;
  const isAbort = kind >= 32 && kind <= 37 && kind !== 34;
  const where = isAbort ? ` on address ${hex(address)}: ${faultStatus(syndrome & 0x3f)}` : '';
  return `vCPU ${vcpu} at PC ${hex(pc)}${word}: ${what}${where}; no exception handler can run, as the vector at ${hex(vector)} faults itself`;
}
