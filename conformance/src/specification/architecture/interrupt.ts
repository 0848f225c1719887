import { FIRST_LPI } from './configuration.js';

/** Nobody: a target that there is not. */
export const NOWHERE = -1;

/**
 * One interrupt: an SGI or PPI of one vCPU, an SPI, or an LPI. Its state is inactive, pending, active, or active and pending
 * (IHI 0069, 4.1.2 "Interrupt handling state machine"; IHI 0048, 3.2.4).
 */
export class Interrupt {
  enabled = false;
  group = 0;
  priority = 0;
  active = false;

  /** Edge-triggered, not level-sensitive. */
  edge = false;
  /** What an edge, a message or a write of ISPENDR leaves; of a level-sensitive interrupt the write alone. */
  latch = false;
  /** The level of the input line, of an edge-triggered interrupt too. */
  line = false;
  /** GICv2: the vCPUs that have sent this SGI and whose SGI is not acknowledged, one bit each (IHI 0048, 3.2.1). */
  sources = 0;

  /** An SPI's GICD_IROUTER<n>, or with GICv2 its byte of GICD_ITARGETSR, as it was written. */
  route = 0;

  constructor(
    readonly intid: number,
    /** The vCPU that it reaches: `NOWHERE` if its route or target list names none. */
    public target: number,
  ) {}

  get isLpi(): boolean {
    return this.intid >= FIRST_LPI;
  }

  /** IHI 0069, 4.1.2: an edge-triggered one until it is acknowledged, a level-sensitive one as long as its line is asserted. */
  get pending(): boolean {
    return this.latch || this.sources !== 0 || (this.line && !this.edge);
  }

  /**
   * The state after an acknowledge. Its edge, message or ISPENDR is used up; a line that is still asserted makes it active
   * and pending. LPIs have no active state (IHI 0069, 4.1.2 and 5.1).
   */
  acknowledge(): void {
    this.latch = false;
    this.sources &= this.sources - 1;
    if (!this.isLpi) this.active = true;
  }
}
