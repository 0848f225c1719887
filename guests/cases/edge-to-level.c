/*
 * The UART's line with GICD_ICFGR changed while it is high, or falls: what is level-sensitive is pending while its line is
 * high, whenever it has become so. IHI 0069H, 4.1.
 *
 *     rose while edge-triggered: pending 2
 *     rose while edge-triggered: taken 21
 *     level-sensitive, line high: pending 2
 *     fell while edge-triggered: pending 0
 *     fell while edge-triggered: taken 3ff
 */
#include "cases.h"

#define EDGE 8u /* of INTID 33, in GICD_ICFGR2 */
#define UART_BIT 2u

static void configure(u32 value) {
  distributor_write(ICENABLER + 4, UART_BIT);
  distributor_write(ICFGR + 8, value);
}

void edge_to_level(void) {
  cases_distributor();
  cases_cpu_interface(0, 0);
  configure(EDGE);
  console_write('\n');
  console_unmask_transmit(true);
  distributor_write(ICPENDR + 4, UART_BIT);
  configure(0);
  cases_enable(SPI_UART);
  u32 intid = (u32)read_icc(ICC_IAR1_EL1);
  u32 pending = distributor_read(ISPENDR + 4);
  say("rose while edge-triggered: pending", pending);
  say("rose while edge-triggered: taken", intid);
  if (intid != SPURIOUS) cases_end(intid);
  console_unmask_transmit(false);
  configure(0);
  distributor_write(ICPENDR + 4, UART_BIT);
  console_unmask_transmit(true);
  say("level-sensitive, line high: pending", distributor_read(ISPENDR + 4));
  configure(EDGE);
  console_unmask_transmit(false);
  distributor_write(ICPENDR + 4, UART_BIT);
  configure(0);
  cases_enable(SPI_UART);
  pending = distributor_read(ISPENDR + 4);
  intid = (u32)read_icc(ICC_IAR1_EL1);
  say("fell while edge-triggered: pending", pending);
  say("fell while edge-triggered: taken", intid);
}
