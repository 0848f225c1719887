/*
 * With GICD_CTLR.DS = 1 EnableGrp0 and EnableGrp1 are two bits: each alone lets its own group through (IHI 0069H,
 * GICD_CTLR). No interrupt is distributed 1 of N: GICD_TYPER.No1N.
 *
 *     group 0 enabled: ctlr 51
 *     group 0 enabled: iar0 23
 *     group 0 enabled: iar1 3ff
 *     group 1 enabled: ctlr 52
 *     group 1 enabled: iar1 24
 *     group 1 enabled: iar0 3ff
 *     typer.No1N 1
 */
#include "cases.h"

void group_enables(void) {
  cases_distributor();
  cases_cpu_interface(0, 0);
  write_icc(ICC_IGRPEN0_EL1, 1);
  isb();
  distributor_write(IGROUPR + 4, 0x10);
  distributor_write(ISENABLER + 4, 0x18);
  distributor_write(GICD_CTLR, ENABLE_GRP0);
  say("group 0 enabled: ctlr", distributor_read(GICD_CTLR));
  distributor_write(ISPENDR + 4, 0x18);
  say("group 0 enabled: iar0", (u32)read_icc(ICC_IAR0_EL1));
  say("group 0 enabled: iar1", (u32)read_icc(ICC_IAR1_EL1));
  write_icc(ICC_EOIR0_EL1, 35);
  isb();
  distributor_write(ICACTIVER + 4, 0x18);
  distributor_write(ICPENDR + 4, 0x18);
  distributor_write(GICD_CTLR, ENABLE_GRP1);
  say("group 1 enabled: ctlr", distributor_read(GICD_CTLR));
  distributor_write(ISPENDR + 4, 0x18);
  say("group 1 enabled: iar1", (u32)read_icc(ICC_IAR1_EL1));
  say("group 1 enabled: iar0", (u32)read_icc(ICC_IAR0_EL1));
  say("typer.No1N", distributor_read(GICD_TYPER) >> 25 & 1);
}
