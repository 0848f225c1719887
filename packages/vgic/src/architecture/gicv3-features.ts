import { GICD_V3_REGISTERS } from './distributor-v3.js';
import { EPPI_COUNT, EPPI_MIN, ESPI_COUNT, ESPI_MIN } from './intid.js';
import { GICR_REGISTERS, SGI_FRAME } from './redistributor.js';
import {
  BYTE,
  type Field,
  fields,
  HALFWORD,
  maskOf,
  type NamesOf,
  perInterrupt,
  type RegisterDescription,
  register,
  shiftOf,
  WORD,
} from './register-map.js';

/**
 * The registers that a GICv3 has with message-based SPIs and with the extended ranges of GICv3.1, and KVM's has not. Arrays of
 * an extended range have the names that Linux gives them: GICD_ISENABLERnE is the architecture's GICD_ISENABLER<n>E.
 * Source: IHI 0069H, 12.8 to 12.11.
 */

function fieldsOf<Map extends readonly RegisterDescription[]>(map: Map, name: NamesOf<Map>): readonly Field[] {
  return map.find((row) => row.name === name)?.fields ?? [];
}

const GICD_TYPER = fieldsOf(GICD_V3_REGISTERS, 'GICD_TYPER');
const GICR_TYPER = fieldsOf(GICR_REGISTERS, 'GICR_TYPER');
const MESSAGE = {
  access: 'write-only',
  widths: WORD | HALFWORD,
  fields: fields({ INTID: [12, 0] }),
} as const;
const ESPIS = { intids: ESPI_COUNT, firstIntid: ESPI_MIN };
const EPPIS = { intids: EPPI_COUNT, firstIntid: EPPI_MIN };

/** What is reserved in a distributor with neither (GICD_TYPER.MBIS and ESPI). */
export const GICD_FEATURE_REGISTERS = [
  register('GICD_SETSPI_NSR', 0x0040, MESSAGE),
  register('GICD_CLRSPI_NSR', 0x0048, MESSAGE),
  register('GICD_SETSPI_SR', 0x0050, MESSAGE),
  register('GICD_CLRSPI_SR', 0x0058, MESSAGE),
  perInterrupt('GICD_IGROUPRnE', 0x1000, 1, ESPIS),
  perInterrupt('GICD_ISENABLERnE', 0x1200, 1, ESPIS),
  perInterrupt('GICD_ICENABLERnE', 0x1400, 1, ESPIS),
  perInterrupt('GICD_ISPENDRnE', 0x1600, 1, ESPIS),
  perInterrupt('GICD_ICPENDRnE', 0x1800, 1, ESPIS),
  perInterrupt('GICD_ISACTIVERnE', 0x1a00, 1, ESPIS),
  perInterrupt('GICD_ICACTIVERnE', 0x1c00, 1, ESPIS),
  perInterrupt('GICD_IPRIORITYRnE', 0x2000, 8, { widths: WORD | BYTE, ...ESPIS }),
  perInterrupt('GICD_ICFGRnE', 0x3000, 2, ESPIS),
  perInterrupt('GICD_IGRPMODRnE', 0x3400, 1, ESPIS),
  perInterrupt('GICD_NSACRnE', 0x3600, 2, ESPIS),
  perInterrupt('GICD_IROUTERnE', 0x8000, 64, { fields: fieldsOf(GICD_V3_REGISTERS, 'GICD_IROUTER'), ...ESPIS }),
] as const;

/** What is reserved in a redistributor without extended PPIs (GICR_TYPER.PPInum). */
export const GICR_FEATURE_REGISTERS = [
  perInterrupt('GICR_IGROUPRnE', SGI_FRAME + 0x0084, 1, EPPIS),
  perInterrupt('GICR_ISENABLERnE', SGI_FRAME + 0x0104, 1, EPPIS),
  perInterrupt('GICR_ICENABLERnE', SGI_FRAME + 0x0184, 1, EPPIS),
  perInterrupt('GICR_ISPENDRnE', SGI_FRAME + 0x0204, 1, EPPIS),
  perInterrupt('GICR_ICPENDRnE', SGI_FRAME + 0x0284, 1, EPPIS),
  perInterrupt('GICR_ISACTIVERnE', SGI_FRAME + 0x0304, 1, EPPIS),
  perInterrupt('GICR_ICACTIVERnE', SGI_FRAME + 0x0384, 1, EPPIS),
  perInterrupt('GICR_IPRIORITYRnE', SGI_FRAME + 0x0420, 8, { widths: WORD | BYTE, ...EPPIS }),
  perInterrupt('GICR_ICFGRnE', SGI_FRAME + 0x0c08, 2, EPPIS),
  perInterrupt('GICR_IGRPMODRnE', SGI_FRAME + 0x0d04, 1, EPPIS),
] as const;

/** GICD_TYPER: MBIS, ESPI, the number of extended SPIs by 32, less one, and IDbits. Source: IHI 0069H, 12.9.38. */
export const GICD_TYPER_MBIS = maskOf(GICD_TYPER, 'MBIS');
export const GICD_TYPER_ESPI = maskOf(GICD_TYPER, 'ESPI');
export const GICD_TYPER_ESPI_RANGE_SHIFT = shiftOf(GICD_TYPER, 'ESPI_range');
export const GICD_TYPER_ID_BITS = maskOf(GICD_TYPER, 'IDbits');
/** GICR_TYPER.PPInum: 0, 1 or 2 where the last PPI is 31, 1087 or 1119. Source: IHI 0069H, 12.11.42. */
export const GICR_TYPER_PPI_NUM_SHIFT = shiftOf(GICR_TYPER, 'PPInum');
