/**
 * The Power State Coordination Interface, PSCI 1.1 (Arm DEN0022), called by HVC #0 with the SMC calling convention
 * (Arm DEN0028). The interface only decides; what it asks for is done by the machine.
 */

/** Return codes (DEN0022, 5.2.2). */
export const PSCI_RETURN = {
  SUCCESS: 0,
  NOT_SUPPORTED: -1,
  INVALID_PARAMETERS: -2,
  DENIED: -3,
  ALREADY_ON: -4,
  ON_PENDING: -5,
  INTERNAL_FAILURE: -6,
  NOT_PRESENT: -7,
  DISABLED: -8,
  INVALID_ADDRESS: -9,
} as const;

/** Function identifiers (DEN0022, 5.1; DEN0028, 7). Those with a 64-bit form have bit 30 set in it. */
export const PSCI_FUNCTION = {
  SMCCC_VERSION: 0x8000_0000,
  SMCCC_ARCH_FEATURES: 0x8000_0001,
  PSCI_VERSION: 0x8400_0000,
  CPU_SUSPEND_32: 0x8400_0001,
  CPU_SUSPEND_64: 0xc400_0001,
  CPU_OFF: 0x8400_0002,
  CPU_ON_32: 0x8400_0003,
  CPU_ON_64: 0xc400_0003,
  AFFINITY_INFO_32: 0x8400_0004,
  AFFINITY_INFO_64: 0xc400_0004,
  MIGRATE_INFO_TYPE: 0x8400_0006,
  SYSTEM_OFF: 0x8400_0008,
  SYSTEM_RESET: 0x8400_0009,
  PSCI_FEATURES: 0x8400_000a,
} as const;
const IMPLEMENTED = new Set<number>(Object.values(PSCI_FUNCTION));

const PSCI_VERSION_1_1 = 0x1_0001;
const SMCCC_VERSION_1_1 = 0x1_0001;
/** MIGRATE_INFO_TYPE: there is no Trusted OS that would have to migrate (5.9.2). */
const NO_TRUSTED_OS = 2;
/** MPIDR_EL1.Aff3 and Aff2:Aff1:Aff0; the rest of a target_cpu argument must be zero (5.1.4). */
const AFFINITY_MASK = 0xff_00ff_ffffn;

/** The power of a vCPU, as AFFINITY_INFO tells it: `pending` between CPU_ON and its first instruction. */
export type Power = 'on' | 'off' | 'pending';
const AFFINITY_INFO_VALUE: Record<Power, number> = { on: 0, off: 1, pending: 2 };

/** What the interface needs of the machine. */
export interface PsciHost {
  readonly vcpus: number;
  /** MPIDR_EL1 affinity of a vCPU. */
  affinity(vcpu: number): bigint;
  power(vcpu: number): Power;
  /** Whether a vCPU could fetch its first instruction there. */
  isExecutable(address: bigint): boolean;
  /** Switches a vCPU on that is off: it starts at `entry` with `context` in X0. */
  powerOn(vcpu: number, entry: bigint, context: bigint): void;
  powerOff(vcpu: number): void;
  /** The caller waits as by WFI. */
  wait(vcpu: number): void;
  systemOff(): void;
  systemReset(): void;
}

/**
 * Answers one call: `argument(n)` is Xn of the calling vCPU, `argument(0)` the function identifier.
 * Returns the new X0, or undefined when the caller does not return.
 */
export function callPsci(host: PsciHost, vcpu: number, argument: (n: number) => bigint): bigint | undefined {
  const identifier = Number(argument(0) & 0xffff_ffffn);
  // A call of the 32-bit convention passes W registers (DEN0028, 3.1).
  const wide = (identifier & 0x4000_0000) !== 0;
  const parameter = (n: number) => (wide ? argument(n) : argument(n) & 0xffff_ffffn);
  switch (identifier) {
    case PSCI_FUNCTION.PSCI_VERSION:
      return BigInt(PSCI_VERSION_1_1);
    case PSCI_FUNCTION.PSCI_FEATURES:
      // Zero also is CPU_SUSPEND's answer: original format of power_state, platform-coordinated (5.16.2).
      return code(IMPLEMENTED.has(Number(parameter(1) & 0xffff_ffffn)) ? 'SUCCESS' : 'NOT_SUPPORTED');
    case PSCI_FUNCTION.SMCCC_VERSION:
      return BigInt(SMCCC_VERSION_1_1);
    case PSCI_FUNCTION.SMCCC_ARCH_FEATURES:
      return code(Number(parameter(1) & 0xffff_ffffn) >>> 1 === 0x4000_0000 ? 'SUCCESS' : 'NOT_SUPPORTED');
    case PSCI_FUNCTION.MIGRATE_INFO_TYPE:
      return BigInt(NO_TRUSTED_OS);
    case PSCI_FUNCTION.CPU_ON_32:
    case PSCI_FUNCTION.CPU_ON_64:
      return cpuOn(host, parameter(1), parameter(2), parameter(3));
    case PSCI_FUNCTION.AFFINITY_INFO_32:
    case PSCI_FUNCTION.AFFINITY_INFO_64:
      return affinityInfo(host, parameter(1), parameter(2));
    case PSCI_FUNCTION.CPU_SUSPEND_32:
    case PSCI_FUNCTION.CPU_SUSPEND_64:
      // Every state is a standby state, for a VM as for KVM: entered as by WFI, left with SUCCESS.
      host.wait(vcpu);
      return code('SUCCESS');
    case PSCI_FUNCTION.CPU_OFF:
      host.powerOff(vcpu);
      return undefined;
    case PSCI_FUNCTION.SYSTEM_OFF:
      host.systemOff();
      return undefined;
    case PSCI_FUNCTION.SYSTEM_RESET:
      host.systemReset();
      return undefined;
    default:
      return code('NOT_SUPPORTED');
  }
}

function cpuOn(host: PsciHost, target: bigint, entry: bigint, context: bigint): bigint {
  const vcpu = vcpuOf(host, target);
  if (vcpu === undefined) return code('INVALID_PARAMETERS');
  const power = host.power(vcpu);
  if (power !== 'off') return code(power === 'on' ? 'ALREADY_ON' : 'ON_PENDING');
  if (!host.isExecutable(entry)) return code('INVALID_ADDRESS');
  host.powerOn(vcpu, entry, context);
  return code('SUCCESS');
}

function affinityInfo(host: PsciHost, target: bigint, lowestLevel: bigint): bigint {
  if (target & ~AFFINITY_MASK || lowestLevel > 3n) return code('INVALID_PARAMETERS');
  // Levels above a vCPU's name a group of them: on when one of them is.
  const mask = [~0n, ~0xffn, ~0xffffn, ~0xff_ffffn][Number(lowestLevel)] & AFFINITY_MASK;
  let answer: number | undefined;
  for (let vcpu = 0; vcpu < host.vcpus; vcpu++) {
    if ((host.affinity(vcpu) & mask) !== (target & mask)) continue;
    const value = AFFINITY_INFO_VALUE[host.power(vcpu)];
    if (value === AFFINITY_INFO_VALUE.on || answer === undefined) answer = value;
    else if (value === AFFINITY_INFO_VALUE.pending && answer === AFFINITY_INFO_VALUE.off) answer = value;
  }
  return answer === undefined ? code('INVALID_PARAMETERS') : BigInt(answer);
}

function vcpuOf(host: PsciHost, target: bigint): number | undefined {
  if (target & ~AFFINITY_MASK) return undefined;
  for (let vcpu = 0; vcpu < host.vcpus; vcpu++) if (host.affinity(vcpu) === target) return vcpu;
  return undefined;
}

/** A return code as the 64-bit value of X0. */
export function code(name: keyof typeof PSCI_RETURN): bigint {
  return BigInt.asUintN(64, BigInt(PSCI_RETURN[name]));
}
