import { BYTE, DOUBLEWORD, perInterrupt, register, WORD } from './register-map.js';

/** Size in bytes of one vCPU's redistributor: the RD frame and the SGI frame, 64 KiB each. */
export const GICR_SIZE = 0x20000;
/** Where the SGI frame begins. */
export const SGI_FRAME = 0x10000;

/** A redistributor's registers, both frames. Source: IHI 0069, 12.10 "The GIC Redistributor register map". */
export const GICR_REGISTERS = [
  register('GICR_CTLR', 0x0000),
  register('GICR_IIDR', 0x0004, 4, WORD, 'read-only'),
  register('GICR_TYPER', 0x0008, 8, DOUBLEWORD | WORD, 'read-only'),
  register('GICR_STATUSR', 0x0010),
  register('GICR_WAKER', 0x0014),
  register('GICR_PROPBASER', 0x0070, 8, DOUBLEWORD | WORD),
  register('GICR_PENDBASER', 0x0078, 8, DOUBLEWORD | WORD),
  register('GICR_INVLPIR', 0x00a0, 8, DOUBLEWORD | WORD, 'write-only'),
  register('GICR_INVALLR', 0x00b0, 8, DOUBLEWORD | WORD, 'write-only'),
  register('GICR_SYNCR', 0x00c0, 4, WORD, 'read-only'),
  register('GICR_IDREGS', 0xffd0, 48, WORD, 'read-only'),
  perInterrupt('GICR_IGROUPR0', SGI_FRAME + 0x0080, 1, WORD, 32),
  perInterrupt('GICR_ISENABLER0', SGI_FRAME + 0x0100, 1, WORD, 32),
  perInterrupt('GICR_ICENABLER0', SGI_FRAME + 0x0180, 1, WORD, 32),
  perInterrupt('GICR_ISPENDR0', SGI_FRAME + 0x0200, 1, WORD, 32),
  perInterrupt('GICR_ICPENDR0', SGI_FRAME + 0x0280, 1, WORD, 32),
  perInterrupt('GICR_ISACTIVER0', SGI_FRAME + 0x0300, 1, WORD, 32),
  perInterrupt('GICR_ICACTIVER0', SGI_FRAME + 0x0380, 1, WORD, 32),
  perInterrupt('GICR_IPRIORITYR', SGI_FRAME + 0x0400, 8, WORD | BYTE, 32),
  perInterrupt('GICR_ICFGR', SGI_FRAME + 0x0c00, 2, WORD, 32),
  perInterrupt('GICR_IGRPMODR0', SGI_FRAME + 0x0d00, 1, WORD, 32),
  register('GICR_NSACR', SGI_FRAME + 0x0e00),
] as const;

/** GICR_CTLR: CES and IR say how EnableLPIs may change. Source: IHI 0069, 12.11.2. */
export const GICR_CTLR_CES = 1 << 1;
export const GICR_CTLR_IR = 1 << 2;

/** GICR_TYPER.PLPIS, Last and Processor_Number. Source: IHI 0069, 12.11.42. */
export const GICR_TYPER_PLPIS = 1 << 0;
export const GICR_TYPER_LAST = 1 << 4;
export const GICR_TYPER_PROCESSOR_NUMBER_SHIFT = 8;
