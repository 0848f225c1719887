/**
 * What Arm says of a GIC, as data: the register maps of all frames, the system registers, their fields, the ranges of INTIDs.
 * Constants that end in `_SHIFT` and masks of registers of 64 bits count within the half of 32 bits that they lie in.
 * Source: IHI 0048B (GICv2), IHI 0069H (GICv3 and GICv4).
 *
 * @example
 * import { decode, GICD_V3_REGISTERS, offsetsOf } from 'vgic/architecture';
 *
 * const { GICD_TYPER } = offsetsOf(GICD_V3_REGISTERS); // 4
 * const typer = GICD_V3_REGISTERS.find(({ name }) => name === 'GICD_TYPER');
 * decode(typer, 0x37a0007).ITLinesNumber; // 7
 *
 * @module
 */
export * from './distributor-v3.js';
export * from './gicv2.js';
export * from './gicv3-features.js';
export * from './gicv4.js';
export { ICH_REGISTERS } from './ich-registers.js';
export * from './intid.js';
export * from './its.js';
export * from './lpi.js';
export * from './redistributor.js';
export {
  type AccessKind,
  BYTE,
  DOUBLEWORD,
  decode,
  type Field,
  HALFWORD,
  type HasFields,
  type NamesOf,
  offsetsOf,
  type RegisterDescription,
  WORD,
} from './register-map.js';
export {
  encoding,
  ICC_CTLR_A3V,
  ICC_CTLR_CBPR,
  ICC_CTLR_EOIMODE,
  ICC_CTLR_EXT_RANGE,
  ICC_CTLR_IDBITS_SHIFT,
  ICC_CTLR_PRIBITS_SHIFT,
  ICC_CTLR_SEIS,
  ICC_REGISTERS,
  ICC_SRE_ALL,
  SGIR_IRM,
  SYSTEM_REGISTER_ORDER,
  SYSTEM_REGISTERS,
  type SystemRegisterDescription,
  type SystemRegisterName,
  type TrappedBy,
} from './system-registers.js';
export * from './virtual-interface.js';
