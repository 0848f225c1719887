/** INTID ranges. Source: IHI 0069, 2.2 "INTIDs"; IHI 0048, 2.2.1. */

/** Software-generated interrupts: INTID 0-15, banked per vCPU. */
export const SGI_COUNT = 16;
/** SGIs and private peripheral interrupts together: INTID 0-31, banked per vCPU. */
export const PRIVATE_COUNT = 32;
/** One more than the largest INTID of the shared range that KVM can be given (1020-1023 are special INTIDs). */
export const SPI_LIMIT = 1024;
/** GICv3.1, the extended PPI range: INTID 1056-1119, each vCPU's own. */
export const EPPI_MIN = 1056;
export const EPPI_COUNT = 64;
/** GICv3.1, the extended SPI range: INTID 4096-5119. */
export const ESPI_MIN = 4096;
export const ESPI_COUNT = 1024;
/** The first locality-specific peripheral interrupt. */
export const LPI_MIN = 8192;
/** Acknowledged when nothing is pending. */
export const INTID_SPURIOUS = 1023;
/** GICv2 only: a group 1 interrupt is pending, but only a group 0 one may be acknowledged here. */
export const INTID_SPURIOUS_OTHER_GROUP = 1022;
/** No CPU interface acts on an end of interrupt for this INTID or a larger special one. */
export const INTID_SPECIAL_MIN = 1020;

/** The kind of an INTID, as people abbreviate it. */
export type InterruptKind = 'SGI' | 'PPI' | 'SPI' | 'EPPI' | 'ESPI' | 'LPI';

export function interruptKind(intid: number): InterruptKind {
  if (intid < SGI_COUNT) return 'SGI';
  if (intid < PRIVATE_COUNT) return 'PPI';
  if (intid < EPPI_MIN) return 'SPI';
  if (intid < ESPI_MIN) return 'EPPI';
  return intid < LPI_MIN ? 'ESPI' : 'LPI';
}

/** The most vCPUs that a GICv2 can have: its target and source fields have eight bits (IHI 0048, 4.3.12). */
export const GICV2_MAX_VCPUS = 8;
/** The most vCPUs that KVM gives a GICv3 (VGIC_V3_MAX_CPUS). */
export const GICV3_MAX_VCPUS = 512;

/**
 * The affinity (MPIDR Aff2.Aff1.Aff0, 8 bits each) of a vCPU in KVM's default layout: 16 vCPUs to an Aff0 cluster, since
 * the target list of ICC_SGI1R_EL1 names 16. Source: KVM, reset of MPIDR_EL1.
 */
export function affinityOf(vcpu: number): number {
  return (vcpu & 0xf) | (((vcpu >>> 4) & 0xff) << 8) | (((vcpu >>> 12) & 0xff) << 16);
}

/** The inverse of {@link affinityOf}: the vCPU with that affinity among `count`, or -1. */
export function vcpuOfAffinity(affinity: number, count: number): number {
  const vcpu = (affinity & 0xf) | (((affinity >>> 8) & 0xff) << 4) | (((affinity >>> 16) & 0xff) << 12);
  return vcpu < count && affinityOf(vcpu) === affinity ? vcpu : -1;
}
