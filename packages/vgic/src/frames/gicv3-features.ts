import { GICD_TYPER_ID_BITS_SHIFT, GICD_TYPER_LPIS, GICD_V3_REGISTERS } from '../architecture/distributor-v3.js';
import {
  GICD_FEATURE_REGISTERS,
  GICD_TYPER_ESPI,
  GICD_TYPER_ESPI_RANGE_SHIFT,
  GICD_TYPER_ID_BITS,
  GICD_TYPER_MBIS,
  GICR_FEATURE_REGISTERS,
  GICR_TYPER_PPI_NUM_SHIFT,
} from '../architecture/gicv3-features.js';
import { EPPI_COUNT, ESPI_COUNT, INTID_SPECIAL_MIN, PRIVATE_COUNT, SPI_LIMIT } from '../architecture/intid.js';
import { GICR_REGISTERS } from '../architecture/redistributor.js';
import { offsetsOf, WORD } from '../architecture/register-map.js';
import { checkBoolean, checkOneOf, isWhole, refuse } from '../arguments.js';
import { testBit } from '../interrupts/bitmap.js';
import { ExtendedRanges } from '../interrupts/extended-ranges.js';
import { type Interrupts, NO_VCPU } from '../interrupts/interrupts.js';
import type { AddressMap } from './address-map.js';
import type { FrameContext } from './context.js';
import { DISTRIBUTOR_V3 } from './distributor-v3.js';
import { Frame, RAZ_WI, type ReadColumn, type UserColumns, type WriteColumn } from './frame.js';
import * as perInterrupt from './interrupt-registers.js';
import { REDISTRIBUTOR } from './redistributor.js';

/** What a GICv3 may have, and KVM's has not. */
export interface Gicv3FeatureConfig {
  /**
   * GICD_TYPER.MBIS: an SPI is sent by a write of its INTID to GICD_SETSPI_NSR, and taken back by one to GICD_CLRSPI_NSR.
   * Default false.
   */
  readonly messageBasedSpis?: boolean;
  /** SPIs of the extended range of GICv3.1, INTID 4096 and up: a multiple of 32, 0 to 1024. Default 0. */
  readonly extendedSpis?: number;
  /** PPIs of the extended range of GICv3.1, INTID 1056 and up, of each vCPU. Default 0. */
  readonly extendedPpis?: 0 | 32 | 64;
}

/** What {@link gicv3Features} gives a GIC, {@link GicConfig.features}: the numbers, and the code for them. */
export interface Gicv3Features extends Required<Gicv3FeatureConfig> {
  /** Whether there is any interrupt of an extended range. */
  readonly extendedRange: boolean;
  readonly distributor: Frame;
  readonly redistributor: Frame;
  rangesFrom(base: number, vcpus: number): ExtendedRanges;
  /** A device's message to an address: 1, 0 where there is no such SPI, undefined if it is for somebody else. */
  signal(context: FrameContext & { readonly addresses: AddressMap }, address: number, data: number): number | undefined;
}

// ---- message-based SPIs. Source: IHI 0069H, 12.9, GICD_SETSPI_NSR and GICD_CLRSPI_NSR

const { GICD_SETSPI_NSR, GICD_CLRSPI_NSR } = offsetsOf(GICD_FEATURE_REGISTERS);

/** The bits of an INTID in a message. */
const MESSAGE_INTID = 0x1fff;

/** The index of an SPI, or -1. */
function spiOf(irqs: Interrupts, intid: number): number {
  const isShared = intid >= PRIVATE_COUNT && (intid < INTID_SPECIAL_MIN || intid >= SPI_LIMIT);
  const i = isShared ? irqs.indexOf(0, intid) : -1;
  return i < irqs.lpiBase && irqs.ownerOf(i) === NO_VCPU ? i : -1;
}

/**
 * A message is an edge, or drives the line of a level-sensitive SPI, which remains high until it is taken back. A wire of the
 * same SPI drives the same line. Returns 1, or 0 where there is no such SPI.
 */
function takeMessage(context: FrameContext, set: boolean, data: number): number {
  const { irqs } = context;
  const intid = data & MESSAGE_INTID;
  const i = spiOf(irqs, intid);
  if (i < 0) return 0;
  if (!set) {
    irqs.inject(i, false);
    perInterrupt.CLEAR_PENDING_V3.write(context, 0, (intid >>> 5) * WORD, WORD, 1 << (intid & 31), 0, NO_VCPU);
  } else if (testBit(irqs.edge, i)) {
    irqs.pend(i);
  } else {
    irqs.inject(i, true);
  }
  return 1;
}

/** 16 bits may be written too: the lower ones. */
function messages(set: boolean): WriteColumn & UserColumns {
  return {
    write(context, _vcpu, at, _width, value) {
      if (at === 0 && context.config.features?.messageBasedSpis) takeMessage(context, set, value);
    },
    user: false,
  };
}

/** With one security state (GICD_CTLR.DS = 1) the secure registers ignore writes. */
const SECURE: WriteColumn & UserColumns = { write: () => {}, user: false };

// ---- frames

/** INTIDs of the extended ranges have 13 bits. */
const EXTENDED_ID_BITS = 13;

const { GICD_TYPER } = DISTRIBUTOR_V3.handlers;
const { GICR_TYPER } = REDISTRIBUTOR.handlers;

const DISTRIBUTOR_TYPER: ReadColumn = {
  read(context, vcpu, at, width, requester) {
    const { messageBasedSpis = false, extendedSpis = 0, extendedRange = false } = context.config.features ?? {};
    let typer = GICD_TYPER.read(context, vcpu, at, width, requester);
    if (messageBasedSpis) typer |= GICD_TYPER_MBIS;
    if (extendedSpis > 0) typer |= GICD_TYPER_ESPI | ((extendedSpis / 32 - 1) << GICD_TYPER_ESPI_RANGE_SHIFT);
    if (!extendedRange || typer & GICD_TYPER_LPIS) return typer;
    return (typer & ~GICD_TYPER_ID_BITS) | ((EXTENDED_ID_BITS - 1) << GICD_TYPER_ID_BITS_SHIFT);
  },
};

const REDISTRIBUTOR_TYPER: ReadColumn = {
  ...GICR_TYPER,
  read(context, vcpu, at, width, requester) {
    const ppis = context.config.features?.extendedPpis ?? 0;
    return GICR_TYPER.read(context, vcpu, at, width, requester) | ((ppis / 32) << GICR_TYPER_PPI_NUM_SHIFT);
  },
};

export const FEATURED_DISTRIBUTOR = new Frame(
  [...GICD_V3_REGISTERS, ...GICD_FEATURE_REGISTERS],
  {
    ...DISTRIBUTOR_V3.handlers,
    GICD_TYPER: DISTRIBUTOR_TYPER,
    GICD_SETSPI_NSR: messages(true),
    GICD_CLRSPI_NSR: messages(false),
    GICD_SETSPI_SR: SECURE,
    GICD_CLRSPI_SR: SECURE,
    GICD_IGROUPRnE: perInterrupt.GROUP,
    GICD_ISENABLERnE: perInterrupt.SET_ENABLE,
    GICD_ICENABLERnE: perInterrupt.CLEAR_ENABLE,
    GICD_ISPENDRnE: perInterrupt.SET_PENDING,
    GICD_ICPENDRnE: perInterrupt.CLEAR_PENDING_V3,
    GICD_ISACTIVERnE: perInterrupt.SET_ACTIVE,
    GICD_ICACTIVERnE: perInterrupt.CLEAR_ACTIVE,
    GICD_IPRIORITYRnE: perInterrupt.PRIORITY,
    GICD_ICFGRnE: perInterrupt.CONFIGURATION,
    GICD_IGRPMODRnE: RAZ_WI,
    GICD_NSACRnE: RAZ_WI,
    GICD_IROUTERnE: DISTRIBUTOR_V3.handlers.GICD_IROUTER,
  },
  DISTRIBUTOR_V3.options,
);

export const FEATURED_REDISTRIBUTOR = new Frame(
  [...GICR_REGISTERS, ...GICR_FEATURE_REGISTERS],
  {
    ...REDISTRIBUTOR.handlers,
    GICR_TYPER: REDISTRIBUTOR_TYPER,
    GICR_IGROUPRnE: perInterrupt.GROUP,
    GICR_ISENABLERnE: perInterrupt.SET_ENABLE,
    GICR_ICENABLERnE: perInterrupt.CLEAR_ENABLE,
    GICR_ISPENDRnE: perInterrupt.SET_PENDING,
    GICR_ICPENDRnE: perInterrupt.CLEAR_PENDING_V3,
    GICR_ISACTIVERnE: perInterrupt.SET_ACTIVE,
    GICR_ICACTIVERnE: perInterrupt.CLEAR_ACTIVE,
    GICR_IPRIORITYRnE: perInterrupt.PRIORITY,
    GICR_ICFGRnE: perInterrupt.CONFIGURATION,
    GICR_IGRPMODRnE: RAZ_WI,
  },
  REDISTRIBUTOR.options,
);

/**
 * Message-based SPIs and GICv3.1's extended ranges, for {@link GicConfig.features}. A GIC is given them, so that one without is
 * bundled without their code.
 * @throws GicError EINVAL if the configuration is none.
 *
 * @example
 * const features = gicv3Features({ messageBasedSpis: true, extendedSpis: 64, extendedPpis: 32 });
 * const gic = new Gic({ version: 3, vcpus: 4, features });
 * gic.setLine(4096, true); // the first extended SPI
 */
export function gicv3Features(config: Gicv3FeatureConfig): Gicv3Features {
  if (typeof config !== 'object' || config === null) refuse('features', 'an object', config);
  const { messageBasedSpis = false, extendedSpis = 0, extendedPpis = 0 } = config;
  checkBoolean('messageBasedSpis', messageBasedSpis);
  if (!isWhole(extendedSpis, 0, ESPI_COUNT) || extendedSpis % 32 !== 0) {
    refuse('extendedSpis', `a multiple of 32 from 0 to ${ESPI_COUNT}`, extendedSpis);
  }
  checkOneOf('extendedPpis', extendedPpis, [0, EPPI_COUNT / 2, EPPI_COUNT]);
  return {
    messageBasedSpis,
    extendedSpis,
    extendedPpis,
    extendedRange: extendedSpis + extendedPpis > 0,
    distributor: FEATURED_DISTRIBUTOR,
    redistributor: FEATURED_REDISTRIBUTOR,
    rangesFrom: (base, vcpus) => new ExtendedRanges(base, vcpus, extendedPpis, extendedSpis),
    signal(context, address, data) {
      const at = context.addresses.find(address, WORD);
      if (!messageBasedSpis || at?.frame !== FEATURED_DISTRIBUTOR) return undefined;
      const offset = address - at.base;
      return offset === GICD_SETSPI_NSR || offset === GICD_CLRSPI_NSR
        ? takeMessage(context, offset === GICD_SETSPI_NSR, data)
        : undefined;
    },
  };
}
