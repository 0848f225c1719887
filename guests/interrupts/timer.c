/* The generic timer (Arm ARM D12): PPIs 27 and 30, level-sensitive; and a PPI that only software makes pending. */
#include "timer.h"

#include "gic.h"

#define CONTROL_ENABLE 1u
#define CONTROL_IMASK 2u
#define CONTROL_ISTATUS 4u

void timer_start(u32 intid, u32 nanoseconds) {
  const u64 ticks = nanoseconds / 16 + 1;
  if (intid == PPI_VIRTUAL_TIMER) {
    write_register(cntv_cval_el0, now() + ticks);
    write_register(cntv_ctl_el0, CONTROL_ENABLE);
  } else {
    isb();
    write_register(cntp_cval_el0, read_register(cntpct_el0) + ticks);
    write_register(cntp_ctl_el0, CONTROL_ENABLE);
  }
  isb();
}

static void set_control(u32 intid, u64 value) {
  if (intid == PPI_VIRTUAL_TIMER) write_register(cntv_ctl_el0, value);
  else write_register(cntp_ctl_el0, value);
  isb();
}

void timer_stop(u32 intid) { set_control(intid, 0); }
void timer_mask(u32 intid) { set_control(intid, CONTROL_ENABLE | CONTROL_IMASK); }

static u32 control(u32 intid) {
  isb();
  return intid == PPI_VIRTUAL_TIMER ? read_register(cntv_ctl_el0) : read_register(cntp_ctl_el0);
}

bool timer_expired(u32 intid) { return control(intid) & CONTROL_ISTATUS; }

/*
 * Each interrupt but the last starts the next; in turn the line falls because the timer is masked, because its compare
 * value moves, and because it stops. Every fourth is ended with the line still high, so that it must come again.
 */
void timer_interrupt(struct vcpu *v, u32 intid) {
  const enum kind kind = intid == PPI_VIRTUAL_TIMER ? VIRTUAL_TIMER : PHYSICAL_TIMER;
  if (intid != PPI_VIRTUAL_TIMER && intid != PPI_PHYSICAL_TIMER) {
    unexpected_interrupt(v, intid);
    return;
  }
  shared_count(v->taken[kind]);
  expect(v, "timer control in its handler", intid, CONTROL_ENABLE | CONTROL_ISTATUS, control(intid));
  expect(v, "active state of a timer in its handler", intid, 1, gic_active(v, intid));
  expect(v, "pending state of a timer whose line is high", intid, 1, gic_pending(v, intid));
  if (v->ticks) v->ticks--;
  switch (v->ticks % 4) {
    case 3:
      shared_count(v->sent[kind]);
      break;
    case 2:
      timer_mask(intid);
      expect(v, "timer control when masked", intid, CONTROL_ENABLE | CONTROL_IMASK | CONTROL_ISTATUS, control(intid));
      expect(v, "pending state of a timer whose line has fallen", intid, 0, gic_pending(v, intid));
      break;
    case 1:
      timer_start(intid, 20000);
      shared_count(v->sent[kind]);
      break;
    default: timer_stop(intid);
  }
  gic_end(v, intid);
}

static void timer_rounds(struct vcpu *v, u32 intid) {
  const enum kind kind = intid == PPI_VIRTUAL_TIMER ? VIRTUAL_TIMER : PHYSICAL_TIMER;
  for (u32 round = 0; round < rounds && !shared_read(aborted); round++) {
    shared_write(v->ticks, 4);
    while (shared_read(v->ticks)) {
      const u32 before = shared_read(v->ticks);
      shared_count(v->sent[kind]);
      timer_start(intid, 3000 + random_below(v, 8000));
      /* 4 ends with the line high, 3 (again) with it masked, 2 starts 1, and that stops it. */
      if (!sleep_until(v, shared_read(v->ticks) == (before == 4 ? 2 : 0), "a timer interrupt was not taken", intid)) break;
    }
  }
  timer_stop(intid);
}

void phase_virtual_timer(struct vcpu *v) { timer_rounds(v, PPI_VIRTUAL_TIMER); }

/* The virtual timer has been proved: it can now end the waits for the physical one. */
void phase_physical_timer(struct vcpu *v) {
  v->watchdog = PPI_VIRTUAL_TIMER;
  timer_rounds(v, PPI_PHYSICAL_TIMER);
  v->watchdog = PPI_PHYSICAL_TIMER;
}

void software_ppi_interrupt(struct vcpu *v, u32 intid) {
  if (intid != PPI_SOFTWARE) {
    unexpected_interrupt(v, intid);
    return;
  }
  /* Not whether it is still pending: KVM keeps the latch of a level-sensitive interrupt until it is deactivated. */
  expect(v, "active state of a PPI in its handler", intid, 1, gic_active(v, intid));
  shared_count(v->taken[SOFTWARE_PPI]);
  gic_end(v, intid);
}

void phase_software_ppi(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++) {
    irq_off();
    v->sent[SOFTWARE_PPI]++;
    gic_set_pending(v, PPI_SOFTWARE);
    expect(v, "pending state of a PPI", PPI_SOFTWARE, 1, gic_pending(v, PPI_SOFTWARE));
    irq_on();
    spin_until(v, shared_read(v->taken[SOFTWARE_PPI]) == v->sent[SOFTWARE_PPI], "a PPI was not taken", PPI_SOFTWARE);
  }
}
