/*
 * GICD_ISPENDR on a level-sensitive SPI: the latch is clear once it is acknowledged, and can be set again while it is
 * active; then it is taken again after its end. IHI 0069H, 4.1 and GICD_ISPENDRn.
 *
 *     first 23
 *     active: pending 0
 *     set again: pending 8
 *     set again: active 8
 *     ended: pending 8
 *     second 23
 *     then 3ff
 */
#include "cases.h"

void ispendr_of_active_level(void) {
  cases_distributor();
  cases_cpu_interface(0, 0);
  distributor_write(ICFGR + 8, 0);
  cases_enable(35);
  distributor_write(ISPENDR + 4, 8);
  const u32 intid = cases_acknowledge(100);
  say("first", intid);
  say("active: pending", distributor_read(ISPENDR + 4));
  distributor_write(ISPENDR + 4, 8);
  say("set again: pending", distributor_read(ISPENDR + 4));
  say("set again: active", distributor_read(ISACTIVER + 4));
  cases_end(intid);
  say("ended: pending", distributor_read(ISPENDR + 4));
  const u32 again = cases_acknowledge(100);
  say("second", again);
  if (again != SPURIOUS) cases_end(again);
  say("then", cases_acknowledge(20));
}
