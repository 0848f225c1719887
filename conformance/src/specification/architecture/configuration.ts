/** A GIC as its guest can tell it from another one. */
export interface GuestGic {
  readonly version: 2 | 3;
  readonly vcpus: number;
  /** INTIDs of the distributor, SGIs and PPIs included. */
  readonly interrupts: number;
  /** Bits of priority of the CPU interface: 5 to 8. */
  readonly priorityBits: number;
  /** An ITS, and LPIs. */
  readonly its: boolean;
  /** GICv3.1: 32 interrupts in each of the extended ranges; and message-based SPIs. */
  readonly extended: boolean;
}

/**
 * Bits of a priority that the distributor keeps. How many is IMPLEMENTATION DEFINED, and software finds out by a write of
 * all ones (IHI 0069, 4.8; IHI 0048, 3.3).
 */
export const DISTRIBUTOR_PRIORITY_MASK = 0xf8;
/** Bits 7:2 of a byte of the LPI configuration table are the priority, bit 0 the enable (IHI 0069, 5.1.1). */
export const LPI_PRIORITY_MASK = 0xfc;
export const LPI_ENABLE = 1;

/** INTID ranges (IHI 0069, 2.2; IHI 0048, 2.2.1). */
export const SGIS = 16;
export const PRIVATE = 32;
export const SPECIAL = 1020;
export const SPURIOUS = 1023;
export const GROUP_1_PENDING = 1022;
export const FIRST_LPI = 8192;
/** The extended ranges of GICv3.1, and how many of them a guest has here. */
export const FIRST_EXTENDED_PPI = 1056;
export const FIRST_EXTENDED_SPI = 4096;
export const EXTENDED = 32;
/** LPIs of a guest here. */
export const LPIS = 16;
