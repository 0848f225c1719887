/*
 * A timer, an SGI and an SPI become pending while GICD_CTLR.EnableGrp1 is clear; then it is set. Each is taken, equal
 * priorities by INTID. IHI 0069H, GICD_CTLR.
 *
 *     sgi and timer pending 8000080
 *     spi pending 8
 *     taken 7
 *     taken 1b
 *     taken 23
 *     taken 3ff
 */
#include "cases.h"

void distributor_off_and_on(void) {
  cases_distributor();
  cases_cpu_interface(0, 0);
  cases_enable(35);
  write32(SGI_BASE(0) + ISENABLER, 1u << PPI_VIRTUAL_TIMER | 0xff);
  distributor_write(GICD_CTLR, 0);
  write_register(cntv_cval_el0, 0);
  write_register(cntv_ctl_el0, 1);
  isb();
  write_icc(ICC_SGI1R_EL1, 7ul << 24 | 1);
  isb();
  distributor_write(ISPENDR + 4, 8);
  say("sgi and timer pending", read32(SGI_BASE(0) + ISPENDR));
  say("spi pending", distributor_read(ISPENDR + 4));
  distributor_write(GICD_CTLR, ENABLE_GRP1);
  for (u32 i = 0; i < 4; i++) {
    const u32 intid = cases_acknowledge(20);
    say("taken", intid);
    if (intid == PPI_VIRTUAL_TIMER) write_register(cntv_ctl_el0, 0);
    isb();
    if (intid != SPURIOUS) cases_end(intid);
  }
}
