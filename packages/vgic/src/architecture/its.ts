import { IIDR_FIELDS } from './distributor-v3.js';
import { fields, maskOf, register, shiftOf } from './register-map.js';

/** Size in bytes of an ITS: the control frame and the translation frame, 64 KiB each. */
export const ITS_SIZE = 0x20000;
/** GITS_TRANSLATER's place: a write of an EventID here is an MSI. Source: IHI 0069H, 12.18. */
export const GITS_TRANSLATER_OFFSET = 0x10040;

const GITS_CTLR = fields({ Quiescent: 31, UMSIirq: 8, ITS_Number: [7, 4], ImDe: 1, Enabled: 0 });
const GITS_TYPER = fields({
  INV: 46,
  UMSIirq: 45,
  UMSI: 44,
  nID: 43,
  SVPET: [42, 41],
  VMAPP: 40,
  VSGI: 39,
  MPAM: 38,
  VMOVP: 37,
  CIL: 36,
  CIDbits: [35, 32],
  HCC: [31, 24],
  PTA: 19,
  SEIS: 18,
  Devbits: [17, 13],
  ID_bits: [12, 8],
  ITT_entry_size: [7, 4],
  CCT: 2,
  Virtual: 1,
  Physical: 0,
});
const GITS_CBASER = fields({
  Valid: 63,
  InnerCache: [61, 59],
  OuterCache: [55, 53],
  Physical_Address: [51, 12],
  Shareability: [11, 10],
  Size: [7, 0],
});
const GITS_BASER = fields({
  Valid: 63,
  Indirect: 62,
  InnerCache: [61, 59],
  Type: [58, 56],
  OuterCache: [55, 53],
  Entry_Size: [52, 48],
  Physical_Address: [47, 12],
  Shareability: [11, 10],
  Page_Size: [9, 8],
  Size: [7, 0],
});
const GITS_CWRITER = fields({ Offset: [19, 5], Retry: 0 });

/** The ITS's control registers. Source: IHI 0069H, 12.18 "The ITS register map" and 12.19. */
export const GITS_REGISTERS = [
  register('GITS_CTLR', 0x0000, { fields: GITS_CTLR }),
  register('GITS_IIDR', 0x0004, { access: 'read-only', fields: IIDR_FIELDS }),
  register('GITS_TYPER', 0x0008, { width: 64, access: 'read-only', fields: GITS_TYPER }),
  register('GITS_CBASER', 0x0080, { width: 64, fields: GITS_CBASER }),
  register('GITS_CWRITER', 0x0088, { width: 64, fields: GITS_CWRITER }),
  register('GITS_CREADR', 0x0090, { width: 64, access: 'read-only', fields: fields({ Offset: [19, 5], Stalled: 0 }) }),
  register('GITS_BASER', 0x0100, { width: 64, count: 8, fields: GITS_BASER }),
  register('GITS_IDREGS', 0xffd0, { count: 12, access: 'read-only' }),
] as const;

/** GITS_CTLR (IHI 0069H, 12.19.5). */
export const GITS_CTLR_ENABLED = maskOf(GITS_CTLR, 'Enabled');
export const GITS_CTLR_QUIESCENT = maskOf(GITS_CTLR, 'Quiescent');

/** Bits of a DeviceID and of an EventID that KVM's ITS has. */
export const DEVICE_ID_BITS = 16;
export const EVENT_ID_BITS = 16;

/** GITS_TYPER (IHI 0069H, 12.19.11), lower half; ITT_entry_size, ID_bits and Devbits are sizes less one. */
export const GITS_TYPER_PHYSICAL = maskOf(GITS_TYPER, 'Physical');
export const GITS_TYPER_VIRTUAL = maskOf(GITS_TYPER, 'Virtual');
export const GITS_TYPER_ITT_ENTRY_SIZE_SHIFT = shiftOf(GITS_TYPER, 'ITT_entry_size');
export const GITS_TYPER_ID_BITS_SHIFT = shiftOf(GITS_TYPER, 'ID_bits');
export const GITS_TYPER_DEVICE_BITS_SHIFT = shiftOf(GITS_TYPER, 'Devbits');
/** Upper half: VMOVP goes to one ITS only, VSGI, VMAPP as in GICv4.1, SVPET (vPE table shared by Aff3), no doorbell per event. */
export const GITS_TYPER_VMOVP = maskOf(GITS_TYPER, 'VMOVP');
export const GITS_TYPER_VSGI = maskOf(GITS_TYPER, 'VSGI');
export const GITS_TYPER_VMAPP = maskOf(GITS_TYPER, 'VMAPP');
export const GITS_TYPER_SVPET_SHIFT = shiftOf(GITS_TYPER, 'SVPET');
export const GITS_TYPER_NO_INDIVIDUAL_DOORBELL = maskOf(GITS_TYPER, 'nID');

/** GITS_IIDR.Revision, in which KVM says which ABI its tables have. */
export const GITS_IIDR_REVISION_SHIFT = shiftOf(IIDR_FIELDS, 'Revision');

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

/** GITS_CBASER and GITS_BASER<n> in halves (IHI 0069H, 12.19.2 and 12.19.1). Valid is in the upper half of both. */
export const BASER_VALID = maskOf(GITS_BASER, 'Valid');
export const BASER_INDIRECT = maskOf(GITS_BASER, 'Indirect');
export const BASER_TYPE_SHIFT = shiftOf(GITS_BASER, 'Type');
export const BASER_ENTRY_SIZE_SHIFT = shiftOf(GITS_BASER, 'Entry_Size');
/** Entry_Size and Type are read-only. */
export const BASER_HIGH_READ_ONLY = maskOf(GITS_BASER, 'Type') | maskOf(GITS_BASER, 'Entry_Size');
export const BASER_PAGE_SIZE_MASK = maskOf(GITS_BASER, 'Page_Size');
export const BASER_PAGE_SIZE_64K = 2 << shiftOf(GITS_BASER, 'Page_Size');
export const PAGE_64K = 0x10000;

/** The command queue: commands of 32 bytes, GITS_CBASER.Size + 1 pages of 4 KiB. */
export const COMMAND_SIZE = 32;
export const COMMAND_QUEUE_PAGE = 0x1000;
/** Offset field of GITS_CREADR and GITS_CWRITER. */
export const COMMAND_OFFSET_MASK = maskOf(GITS_CWRITER, 'Offset');
