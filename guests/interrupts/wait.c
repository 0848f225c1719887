/* Waiting, always with an end. */
#include "gic.h"

u64 timeout;
u32 aborted;

#define TIMER_ENABLE 1u /* CNTP_CTL_EL0, CNTV_CTL_EL0 */

static void set_timer(u32 intid, u64 control, u64 compare) {
  if (intid == PPI_PHYSICAL_TIMER) {
    write_register(cntp_cval_el0, compare);
    write_register(cntp_ctl_el0, control);
  } else {
    write_register(cntv_cval_el0, compare);
    write_register(cntv_ctl_el0, control);
  }
  isb();
}

/* CNTVOFF is zero for a guest at EL1 of these boards, or constant: CNTPCT - CNTVCT is added to be sure. */
static u64 counter_offset(u32 intid) {
  return intid == PPI_PHYSICAL_TIMER ? read_register(cntpct_el0) - read_register(cntvct_el0) : 0;
}

void wait_begin(struct vcpu *v) {
  v->deadline = now() + timeout;
  if (v->watchdog) set_timer(v->watchdog, TIMER_ENABLE, v->deadline + counter_offset(v->watchdog));
}

bool wait_over(struct vcpu *v) { return now() >= v->deadline || shared_read(aborted); }

void wait_end(struct vcpu *v, bool arrived, const char *what, u32 intid) {
  if (v->watchdog) set_timer(v->watchdog, 0, ~0ul);
  if (!arrived) wait_failed(v, what, intid);
}

void wait_failed(struct vcpu *v, const char *what, u32 intid) {
  if (!shared_read(aborted)) report_error(v, &v->timeouts, what, intid, 1, 0);
  shared_write(aborted, 1);
}

/* The deadline of a wait has passed: the loop of the wait sees that. */
void watchdog_taken(struct vcpu *v, u32 intid) {
  set_timer(intid, 0, ~0ul);
  gic_end(v, intid);
}

void pause(u32 nanoseconds) {
  const u64 until = now() + nanoseconds / 16 + 1;
  while (now() < until) yield();
}

/* xorshift32 (Marsaglia): the same sequence everywhere. */
u32 random_below(struct vcpu *v, u32 bound) {
  u32 x = v->random;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  v->random = x;
  return (x >> 8) % bound;
}
