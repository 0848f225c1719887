/*
 * Every state at once, on vCPU 0, for two milliseconds while the others exchange SGIs with it and each other:
 *
 *   A     SPI, active: its handler was preempted
 *   30    physical timer, active and pending because its line is high: its handler was preempted by
 *   B     SPI, active and pending: its handler runs, with interrupts on
 *   E     SPI of the last vCPU, made active and pending by software
 *   D     SPI, pending but disabled
 *   many  24 SPIs, pending with 24 priorities, some edge-triggered, some level-sensitive by their latch alone
 *   33    UART, its line held high, pending
 *   27    virtual timer, its line held high, pending
 *   C     level-sensitive SPI, pending by its latch
 *
 * At most four are active on one vCPU: KVM keeps what is active in list registers, and may have no more than four.
 */
#include "console.h"
#include "gic.h"
#include "timer.h"

#define MANY 24
#define A (SPI_SOFTWARE + 0)
#define B (SPI_SOFTWARE + 1)
#define C (SPI_SOFTWARE + SPI_LEVEL)
#define D (SPI_SOFTWARE + 2)
#define E (SPI_SOFTWARE + 3)
#define MANY_FIRST (SPI_SOFTWARE + SPI_PER_VCPU)

#define PRIORITY_B 0x08
#define PRIORITY_TIMER 0x10
#define PRIORITY_A 0x18
#define PRIORITY_MANY 0x20
#define HOLD 2000000 /* ns */

enum { PENDING = 1, ACTIVE = 2 };

static u32 reached;
static u32 done[MAX_VCPUS];

static void append(struct vcpu *v, u32 intid) {
  if (v->log_length < LOG_SIZE) v->log[v->log_length] = intid;
  shared_count(v->log_length);
}

static void expect_state(struct vcpu *v, u32 intid, u32 state) {
  expect(v, "state in the plateau (1 pending, 2 active)", intid, state, gic_pending(v, intid) | gic_active(v, intid) << 1);
}

static void expect_all_states(struct vcpu *v) {
  expect(v, "running priority in the plateau", B, PRIORITY_B, gic_running_priority());
  expect_state(v, A, ACTIVE);
  expect_state(v, B, ACTIVE | PENDING);
  expect_state(v, C, PENDING);
  expect_state(v, D, fault == FAULT_STATE ? ACTIVE : PENDING);
  expect_state(v, E, ACTIVE | PENDING);
  for (u32 n = 0; n < MANY; n++) expect_state(v, MANY_FIRST + n, PENDING);
  expect_state(v, PPI_PHYSICAL_TIMER, ACTIVE | PENDING);
  expect_state(v, PPI_VIRTUAL_TIMER, PENDING);
  expect_state(v, SPI_UART, PENDING);
  expect(v, "line of the virtual timer", PPI_VIRTUAL_TIMER, 1, timer_expired(PPI_VIRTUAL_TIMER));
  expect(v, "line of the physical timer", PPI_PHYSICAL_TIMER, 1, timer_expired(PPI_PHYSICAL_TIMER));
  expect(v, "line of the UART", SPI_UART, 1, console_transmit_asserted());
}

static bool others_done(void) {
  for (u32 i = 1; i < vcpu_count; i++)
    if (!shared_read(done[i])) return false;
  return true;
}

static void hold(struct vcpu *v) {
  for (u32 n = 0; n < MANY; n++) spi_send(v, MANY_FIRST + n);
  spi_send(v, B);
  spi_send(v, C);
  spi_send(v, D);
  shared_count(v->sent[UART_SPI]);
  console_unmask_transmit(true);
  shared_count(v->sent[VIRTUAL_TIMER]);
  timer_start(PPI_VIRTUAL_TIMER, 0);
  irq_on();
  spin_until(v, timer_expired(PPI_VIRTUAL_TIMER), "the virtual timer did not expire", PPI_VIRTUAL_TIMER);
  expect_all_states(v);
  print("every state at once\n");
  shared_write(reached, 1);
  if (vcpu_count > 1) sgi_request_all_others(v, false);
  pause(HOLD);
  spin_until(v, others_done(), "a vCPU did not finish its SGIs", 0);
  expect_all_states(v);
  expect(v, "interrupts taken in the plateau", 0, 3, shared_read(v->log_length));
  irq_off();
}

static bool on_spi(struct vcpu *v, u32 intid) {
  if (intid == A) {
    shared_count(v->sent[PHYSICAL_TIMER]);
    timer_start(PPI_PHYSICAL_TIMER, 0);
    irq_on();
    spin_until(v, shared_read(v->log_length) >= 4, "an active interrupt was not preempted", B);
    irq_off();
  } else if (intid == B && v->log_length == 3) {
    hold(v);
  }
  return false;
}

void plateau_interrupt(struct vcpu *v, u32 intid) {
  if (v->id != 0 || is_software_spi(intid)) {
    spi_interrupt(v, intid);
    return;
  }
  append(v, intid);
  switch (intid) {
    case PPI_PHYSICAL_TIMER:
      shared_count(v->taken[PHYSICAL_TIMER]);
      spi_send(v, B);
      irq_on();
      spin_until(v, shared_read(v->log_length) >= 4, "an active and pending SPI was not taken again", B);
      irq_off();
      timer_stop(PPI_PHYSICAL_TIMER);
      break;
    case PPI_VIRTUAL_TIMER:
      shared_count(v->taken[VIRTUAL_TIMER]);
      timer_stop(PPI_VIRTUAL_TIMER);
      break;
    case SPI_UART:
      shared_count(v->taken[UART_SPI]);
      console_unmask_transmit(false);
      break;
    default: unexpected_interrupt(v, intid); return;
  }
  gic_end(v, intid);
}

static void prepare(struct vcpu *v) {
  static const u32 priorities[][2] = {{A, PRIORITY_A}, {B, PRIORITY_B}, {D, 0x00}, {E, 0xa0}, {SPI_UART, 0xe0}, {C, 0xf0}};
  v->on_spi = on_spi;
  v->log_length = 0;
  v->watchdog = 0;
  for (u32 i = 0; i < sizeof priorities / sizeof *priorities; i++) {
    const u32 intid = priorities[i][0];
    gic_set_priority(v, intid, priorities[i][1]);
    gic_route(intid, intid == E ? vcpu_count - 1 : 0);
    gic_enable(v, intid);
  }
  gic_set_priority(v, PPI_PHYSICAL_TIMER, PRIORITY_TIMER);
  gic_set_priority(v, PPI_VIRTUAL_TIMER, 0xe8);
  gic_disable(v, D);
  for (u32 n = 0; n < MANY; n++) {
    gic_set_priority(v, MANY_FIRST + n, PRIORITY_MANY + 8 * (n * 11 % MANY));
    gic_route(MANY_FIRST + n, 0);
    gic_enable(v, MANY_FIRST + n);
  }
  gic_set_active(v, E);
  spi_send(v, E);
}

static void expect_order(struct vcpu *v) {
  u32 order[LOG_SIZE];
  u32 length = 0;
  order[length++] = A;
  order[length++] = PPI_PHYSICAL_TIMER;
  order[length++] = B;
  order[length++] = B;
  for (u32 n = 0; n < MANY; n++) order[length + n * 11 % MANY] = MANY_FIRST + n;
  length += MANY;
  order[length++] = SPI_UART;
  order[length++] = PPI_VIRTUAL_TIMER;
  order[length++] = C;
  order[length++] = D;
  expect(v, "interrupts taken after the plateau", 0, length, v->log_length);
  for (u32 i = 0; i < length; i++) expect(v, "order after the plateau", order[i], order[i], v->log[i]);
}

static void finish(struct vcpu *v) {
  const u32 last = 4 + MANY + 3;
  spin_until(v, shared_read(v->log_length) >= last, "an interrupt of the plateau was not taken", C);
  expect(v, "interrupts taken before D was enabled", D, last, shared_read(v->log_length));
  gic_enable(v, D);
  spin_until(v, shared_read(v->log_length) > last, "an SPI was not taken when it was enabled", D);
  if (!shared_read(aborted)) expect_order(v);
  const u32 before = spi_total_taken(E);
  gic_clear_active(v, E);
  spin_until(v, spi_total_taken(E) == before + 1, "an SPI was not taken when software made it inactive", E);
  v->on_spi = 0;
  v->watchdog = PPI_PHYSICAL_TIMER;
}

void phase_plateau(struct vcpu *v) {
  if (v->id == 0) {
    prepare(v);
    spi_send(v, A);
    finish(v);
  } else {
    sleep_until(v, shared_read(reached), "vCPU 0 did not reach the plateau", 0);
    for (u32 i = 0; i < 32 + rounds; i++) {
      const u32 target = (v->id + i) % vcpu_count;
      sgi_request(v, target, true);
      sgi_wait_reply(v, target);
      pause(20000);
    }
    shared_write(done[v->id], 1);
  }
}
