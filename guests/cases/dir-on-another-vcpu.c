/*
 * An SPI is acknowledged and its priority dropped on vCPU 0, and vCPU 1 deactivates it: a driver's thread has moved. It is
 * made pending again. IHI 0069H, ICC_DIR_EL1.
 *
 *     first 23
 *     isactiver1 0
 *     second 23
 */
#include "cases.h"

static void deactivate(void) { cases_deactivate(35); }

void dir_on_another_vcpu(void) {
  cases_distributor();
  cases_cpu_interface(0, EOIMODE);
  cases_enable(35);
  distributor_write(ISPENDR + 4, 8);
  const u32 intid = cases_acknowledge(100);
  say("first", intid);
  cases_end(intid);
  cases_run_on_other(deactivate);
  say("isactiver1", distributor_read(ISACTIVER + 4));
  distributor_write(ISPENDR + 4, 8);
  say("second", cases_acknowledge(100));
}
