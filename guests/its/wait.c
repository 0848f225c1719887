/* Waiting, always with an end, and vCPUs meeting each other. */
#include "gic.h"

u64 timeout;
u32 aborted;

#define TIMER_ENABLE 1u /* CNTP_CTL_EL0 */
#define TICK (TICK_NANOSECONDS / 16)

static void set_timer(u64 control, u64 compare) {
  write_register(cntp_cval_el0, compare);
  write_register(cntp_ctl_el0, control);
  isb();
}

/** The physical timer wakes this vCPU after a tick, or at the deadline if that is sooner. */
void timer_tick(u64 deadline) {
  const u64 present = now();
  const u64 next = deadline < present + TICK ? deadline : present + TICK;
  set_timer(TIMER_ENABLE, next + read_register(cntpct_el0) - present);
}
void timer_off(void) { set_timer(0, ~0ul); }

void timer_taken(struct vcpu *v) {
  (void)v;
  timer_off();
  gic_end(PPI_PHYSICAL_TIMER);
}

void wait_failed(struct vcpu *v, const char *what, u32 intid) {
  if (!shared_read(aborted)) report_error(v, &v->timeouts, what, intid, 1, 0);
  shared_write(aborted, 1);
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

/** All vCPUs meet here. The boot vCPU runs `alone` (may be 0) when all are here and before any goes on. */
void barrier(struct vcpu *v, void (*alone)(struct vcpu *)) {
  if (v->id != 0) {
    shared_count(v->barriers);
    sleep_until(v, shared_read(vcpus[0].barriers) == v->barriers, "the boot vCPU does not open a barrier", 0);
    return;
  }
  for (u32 i = 1; i < vcpu_count; i++)
    sleep_until(v, shared_read(vcpus[i].barriers) == v->barriers + 1, "a vCPU does not come to a barrier", i);
  if (alone && !shared_read(aborted)) alone(v);
  shared_count(v->barriers);
}

void in_turn(struct vcpu *v, void (*run)(struct vcpu *)) {
  for (u32 turn = 0; turn < vcpu_count; turn++) {
    if (turn == v->id && !shared_read(aborted)) run(v);
    barrier(v, 0);
  }
}
