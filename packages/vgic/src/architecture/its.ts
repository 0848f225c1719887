import { DOUBLEWORD, register, WORD } from './register-map.js';

/** Size in bytes of an ITS: the control frame and the translation frame, 64 KiB each. */
export const ITS_SIZE = 0x20000;
/** GITS_TRANSLATER's place: a write of an EventID here is an MSI. */
export const GITS_TRANSLATER_OFFSET = 0x10040;

/** The ITS's control registers. Source: IHI 0069, 12.18 "The ITS register map". */
export const GITS_REGISTERS = [
  register('GITS_CTLR', 0x0000),
  register('GITS_IIDR', 0x0004, 4, WORD, 'read-only'),
  register('GITS_TYPER', 0x0008, 8, DOUBLEWORD | WORD, 'read-only'),
  register('GITS_CBASER', 0x0080, 8, DOUBLEWORD | WORD),
  register('GITS_CWRITER', 0x0088, 8, DOUBLEWORD | WORD),
  register('GITS_CREADR', 0x0090, 8, DOUBLEWORD | WORD, 'read-only'),
  register('GITS_BASER', 0x0100, 0x40, DOUBLEWORD | WORD),
  register('GITS_IDREGS', 0xffd0, 0x30, WORD, 'read-only'),
] as const;

/** GITS_CTLR (IHI 0069, 12.19.5). */
export const GITS_CTLR_ENABLED = (1 << 0) >>> 0;
export const GITS_CTLR_QUIESCENT = (1 << 31) >>> 0;

/** Bits of a DeviceID and of an EventID that KVM's ITS has. */
export const DEVICE_ID_BITS = 16;
export const EVENT_ID_BITS = 16;

/** GITS_TYPER (IHI 0069, 12.19.11): Physical, ITT_entry_size 7:4, ID_bits 12:8, Devbits 17:13; sizes less one. */
export const GITS_TYPER_PHYSICAL = 1;
export const GITS_TYPER_ITT_ENTRY_SIZE_SHIFT = 4;
export const GITS_TYPER_ID_BITS_SHIFT = 8;
export const GITS_TYPER_DEVICE_BITS_SHIFT = 13;

/** GITS_IIDR.Revision, in which KVM says which ABI its tables have. */
export const GITS_IIDR_REVISION_SHIFT = 12;

/** GITS_PIDR<n> and GITS_CIDR<n> by their offset in the identification registers, as KVM answers. */
export const GITS_IDENTIFICATION: Readonly<Record<number, number>> = {
  0: 0x40, // PIDR4
  16: 0x92, // PIDR0
  20: 0xb4, // PIDR1
  24: 0x3b, // PIDR2: GICv3
  32: 0x0d, // CIDR0
  36: 0xf0, // CIDR1
  40: 0x05, // CIDR2
  44: 0xb1, // CIDR3
};

/** GITS_BASER<n>.Type. */
export const TABLE_TYPE_DEVICE = 1;
export const TABLE_TYPE_COLLECTION = 4;

/**
 * GITS_BASER<n> in halves (IHI 0069, 12.19.1). Upper half: Valid, Indirect, InnerCache, Type, OuterCache, Entry_Size.
 * Lower half: address, Shareability, Page_Size, Size.
 */
export const BASER_VALID = (1 << 31) >>> 0;
export const BASER_INDIRECT = 1 << 30;
export const BASER_TYPE_SHIFT = 24;
export const BASER_ENTRY_SIZE_SHIFT = 16;
/** Entry_Size and Type are read-only. */
export const BASER_HIGH_READ_ONLY = (7 << BASER_TYPE_SHIFT) | (0x1f << BASER_ENTRY_SIZE_SHIFT);
export const BASER_PAGE_SIZE_MASK = 3 << 8;
export const BASER_PAGE_SIZE_64K = 2 << 8;
export const PAGE_64K = 0x10000;

/** The command queue: commands of 32 bytes, GITS_CBASER.Size + 1 pages of 4 KiB. */
export const COMMAND_SIZE = 32;
/** Offset field of GITS_CREADR and GITS_CWRITER. */
export const COMMAND_OFFSET_MASK = 0xfffe0;

/** A byte of the LPI configuration table (IHI 0069, 5.1.1). */
export const LPI_ENABLE = 1;
export const LPI_PRIORITY_MASK = 0xfc;

/** GICR_CTLR.EnableLPIs. */
export const GICR_CTLR_ENABLE_LPIS = 1;
