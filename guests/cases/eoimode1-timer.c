/*
 * EOImode 1: four SPIs are acknowledged and their priority dropped, the threads that deactivate them have not yet run. The
 * timer comes nevertheless, and an SGI. IHI 0069H, 4.1: an active interrupt holds back no other by itself.
 *
 *     spi 21
 *     spi 22
 *     spi 23
 *     spi 24
 *     timer 1b
 *     sgi 5
 *     after DIR of 33: 3ff
 */
#include "cases.h"

void eoimode1_timer(void) {
  cases_distributor();
  cases_cpu_interface(0, EOIMODE);
  distributor_write(ISENABLER + 4, 0x1e);
  distributor_write(ISPENDR + 4, 0x1e);
  for (u32 i = 0; i < 4; i++) {
    const u32 intid = cases_acknowledge(100);
    say("spi", intid);
    cases_end(intid);
  }
  write32(SGI_BASE(0) + ISENABLER, 1u << PPI_VIRTUAL_TIMER | 1u << 5);
  write_register(cntv_cval_el0, now() + 1000);
  write_register(cntv_ctl_el0, 1);
  u32 intid = cases_acknowledge(100);
  say("timer", intid);
  write_register(cntv_ctl_el0, 0);
  isb();
  if (intid != SPURIOUS) cases_end(intid), cases_deactivate(intid);
  write_icc(ICC_SGI1R_EL1, 5ul << 24 | 1);
  isb();
  intid = cases_acknowledge(100);
  say("sgi", intid);
  if (intid != SPURIOUS) cases_end(intid), cases_deactivate(intid);
  cases_deactivate(33);
  say("after DIR of 33:", cases_acknowledge(20));
}
