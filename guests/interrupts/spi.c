/*
 * SPIs that software makes pending: the states of an interrupt, its priority, and what holds it back.
 * Eight INTIDs belong to each vCPU, so that all vCPUs go through this at once, through the same registers.
 */
#include "gic.h"

#define QUIET 10000 /* ns in which an interrupt that is held back must not come */

static u32 own(struct vcpu *v, u32 n) { return SPI_SOFTWARE + v->id * SPI_PER_VCPU + n; }

static u32 next_vcpu(struct vcpu *v) { return (v->id + 1) % vcpu_count; }

/** In the handler of any software SPI. */
void spi_interrupt(struct vcpu *v, u32 intid) {
  if (!is_software_spi(intid) || shared_read(spi_target[intid]) != v->id) {
    unexpected_interrupt(v, intid);
    return;
  }
  shared_count(v->spi_taken[intid - SPI_FIRST]);
  if (v->log_length < LOG_SIZE) v->log[v->log_length] = intid;
  shared_count(v->log_length);
  expect(v, "active state of an SPI in its handler", intid, 1, gic_active(v, intid));
  if (v->on_spi && v->on_spi(v, intid)) return;
  gic_end(v, intid);
}

static void start_test(struct vcpu *v, bool (*on_spi)(struct vcpu *, u32)) {
  v->on_spi = on_spi;
  v->log_length = 0;
}

static bool wait_log(struct vcpu *v, u32 length, const char *what, u32 intid) {
  return spin_until(v, shared_read(v->log_length) >= length, what, intid);
}

static void expect_log(struct vcpu *v, const char *what, const u32 *order, u32 length) {
  if (shared_read(aborted)) return;
  expect(v, what, 0, length, shared_read(v->log_length));
  for (u32 i = 0; i < length && i < LOG_SIZE; i++) expect(v, what, order[i], order[i], v->log[i]);
}

static void expect_idle(struct vcpu *v, const char *what, u32 intid) {
  expect(v, what, intid, 0, gic_pending(v, intid) | gic_active(v, intid) << 1);
}

/* Pending, active, active and pending; cleared; and what the level-sensitive one does with a latch. */

static bool again_while_active(struct vcpu *v, u32 intid) {
  if (v->log_length != 1) return false;
  expect(v, "pending state of an SPI in its handler", intid, 0, gic_pending(v, intid));
  spi_send(v, intid);
  expect(v, "pending state of an active and pending SPI", intid, 1, gic_pending(v, intid));
  expect(v, "active state of an active and pending SPI", intid, 1, gic_active(v, intid));
  return false;
}

static void latch_and_clear(struct vcpu *v, u32 spi) {
  start_test(v, 0);
  irq_off();
  spi_send(v, spi);
  expect(v, "pending state of a latched SPI", spi, 1, gic_pending(v, spi));
  /* The request of a vCPU that is at the next barrier already may be before it. */
  const u32 highest = gic_highest_pending();
  if (highest >= 16) expect(v, "ICC_HPPIR1_EL1", spi, spi, highest);
  irq_on();
  wait_log(v, 1, "a latched SPI was not taken", spi);
  expect_idle(v, "state of an SPI after its end", spi);

  irq_off();
  gic_set_pending(v, spi);
  gic_clear_pending(v, spi);
  expect_idle(v, "state of an SPI after GICD_ICPENDR", spi);
  irq_on();
  pause(QUIET);
  expect(v, "an SPI was taken after GICD_ICPENDR", spi, 1, shared_read(v->log_length));
}

static void active_and_pending(struct vcpu *v, u32 spi) {
  start_test(v, again_while_active);
  spi_send(v, spi);
  wait_log(v, 2, "an SPI that was active and pending was not taken again", spi);
  pause(QUIET);
  expect(v, "times that an active and pending SPI was taken", spi, 2, shared_read(v->log_length));
  expect_idle(v, "state of an SPI after its second end", spi);
}

static void active_by_software(struct vcpu *v, u32 spi) {
  start_test(v, 0);
  gic_set_active(v, spi);
  expect(v, "active state after GICD_ISACTIVER", spi, 1, gic_active(v, spi));
  spi_send(v, spi);
  pause(QUIET);
  expect(v, "an active SPI was taken", spi, 0, shared_read(v->log_length));
  expect(v, "pending state of an active SPI", spi, 1, gic_pending(v, spi));
  gic_clear_active(v, spi);
  wait_log(v, 1, "an SPI was not taken after GICD_ICACTIVER", spi);
  expect_idle(v, "state of an SPI after its end", spi);
}

void phase_spi_states(struct vcpu *v) {
  for (u32 n = 0; n < SPI_PER_VCPU; n++) {
    gic_route(own(v, n), v->id);
    gic_enable(v, own(v, n));
  }
  for (u32 round = 0; round < rounds && !shared_read(aborted); round++) {
    const u32 edge = own(v, round % SPI_LEVEL);
    const u32 level = own(v, SPI_LEVEL);
    latch_and_clear(v, edge);
    latch_and_clear(v, level);
    /* Not with the level-sensitive one: KVM keeps its latch until it is deactivated, so that a second one merges. */
    active_and_pending(v, edge);
    active_by_software(v, edge);
    active_by_software(v, level);
  }
  start_test(v, 0);
}

/* What holds a pending interrupt back, and lets it come. */

enum gate { GATE_ENABLE, GATE_PRIORITY_MASK, GATE_GROUP, GATES };

static void set_gate(struct vcpu *v, enum gate gate, u32 spi, bool open) {
  switch (gate) {
    case GATE_ENABLE: open ? gic_enable(v, spi) : gic_disable(v, spi); break;
    case GATE_PRIORITY_MASK: gic_set_priority_mask(open ? 0xff : 0x60); break;
    default: gic_set_group1(open);
  }
}

static void behind_gate(struct vcpu *v, enum gate gate, u32 spi, u32 urgent) {
  start_test(v, 0);
  gic_set_priority(v, spi, 0x60);
  gic_set_priority(v, urgent, 0x58);
  set_gate(v, gate, spi, false);
  spi_send(v, spi);
  pause(QUIET);
  expect(v, "an SPI was taken that was held back", spi, 0, shared_read(v->log_length));
  expect(v, "pending state of an SPI that is held back", spi, 1, gic_pending(v, spi));
  if (gate == GATE_PRIORITY_MASK) {
    spi_send(v, urgent);
    wait_log(v, 1, "an SPI above ICC_PMR_EL1 was not taken", urgent);
  }
  set_gate(v, gate, spi, true);
  wait_log(v, gate == GATE_PRIORITY_MASK ? 2 : 1, "an SPI was not taken when it was let go", spi);
  expect(v, "last SPI taken", spi, spi, v->log[v->log_length - 1]);
}

static void in_priority_order(struct vcpu *v) {
  u32 order[SPI_LEVEL];
  start_test(v, 0);
  irq_off();
  for (u32 n = 0; n < SPI_LEVEL; n++) {
    const u32 rank = (n * 3 + 1) % SPI_LEVEL;
    order[rank] = own(v, n);
    gic_set_priority(v, own(v, n), 0x40 + 8 * rank);
  }
  for (u32 n = 0; n < SPI_LEVEL; n++) spi_send(v, own(v, n));
  irq_on();
  wait_log(v, SPI_LEVEL, "one of seven pending SPIs was not taken", own(v, 0));
  expect_log(v, "order of SPIs by priority", order, SPI_LEVEL);
}

/* Binary point 6: only bits 7 and 6 of a priority preempt. */
static bool preempted(struct vcpu *v, u32 intid) {
  if (intid != own(v, 0)) return false;
  spi_send(v, own(v, 1));
  irq_on();
  pause(QUIET);
  expect(v, "an SPI of the same group priority preempted", own(v, 1), 1, shared_read(v->log_length));
  spi_send(v, own(v, 2));
  wait_log(v, 2, "an SPI of a higher group priority did not preempt", own(v, 2));
  irq_off();
  return false;
}

static void preemption(struct vcpu *v) {
  const u32 order[] = {own(v, 0), own(v, 2), own(v, 1)};
  start_test(v, preempted);
  gic_set_priority(v, own(v, 0), 0xe0);
  gic_set_priority(v, own(v, 1), 0xc8);
  gic_set_priority(v, own(v, 2), 0xb8);
  gic_set_binary_point(v, 6);
  spi_send(v, own(v, 0));
  wait_log(v, 3, "an SPI was not taken after the one before it ended", own(v, 1));
  expect_log(v, "order of preemption", order, 3);
  gic_set_binary_point(v, 0);
}

/* EOImode 1: the end drops the priority alone; ICC_DIR_EL1 deactivates, in any order. */
static bool dropped(struct vcpu *v, u32 intid) {
  gic_priority_drop(intid);
  expect(v, "running priority after the drop", intid, RPR_IDLE, gic_running_priority());
  expect(v, "active state after the drop", intid, 1, gic_active(v, intid));
  return true;
}

static void separate_deactivation(struct vcpu *v) {
  const u32 order[] = {own(v, 0), own(v, 1), own(v, 2), own(v, 0)};
  start_test(v, dropped);
  gic_set_eoi_mode(v, 1);
  for (u32 n = 0; n < 3; n++) {
    gic_set_priority(v, own(v, n), 0x70);
    spi_send(v, own(v, n));
    wait_log(v, n + 1, "an SPI was not taken while another was dropped but active", own(v, n));
  }
  spi_send(v, own(v, 0));
  gic_deactivate(own(v, 1));
  pause(QUIET);
  expect(v, "an SPI was taken before its deactivation", own(v, 0), 3, shared_read(v->log_length));
  expect(v, "state of an SPI that is dropped and pending", own(v, 0), 3, gic_pending(v, own(v, 0)) | gic_active(v, own(v, 0)) << 1);
  expect_idle(v, "state of an SPI after ICC_DIR_EL1", own(v, 1));
  gic_deactivate(own(v, 0));
  wait_log(v, 4, "an SPI was not taken after ICC_DIR_EL1", own(v, 0));
  gic_deactivate(own(v, 2));
  gic_deactivate(own(v, 0));
  for (u32 n = 0; n < 3; n++) expect_idle(v, "state of an SPI after ICC_DIR_EL1", own(v, n));
  expect_log(v, "order with separate deactivation", order, 4);
  gic_set_eoi_mode(v, 0);
}

/* Routed away while it is pending and disabled. */
static void routed_away(struct vcpu *v, u32 spi) {
  const u32 before = spi_total_taken(spi);
  gic_disable(v, spi);
  spi_send(v, spi);
  gic_route(spi, next_vcpu(v));
  gic_enable(v, spi);
  spin_until(v, spi_total_taken(spi) == before + 1, "an SPI that was routed to another vCPU was not taken", spi);
  /* The other has counted it, but may not have ended it. */
  spin_until(v, !gic_active(v, spi), "an SPI stays active on another vCPU", spi);
  gic_route(spi, v->id);
}

void phase_spi_control(struct vcpu *v) {
  for (u32 round = 0; round < rounds && !shared_read(aborted); round++) {
    for (enum gate gate = 0; gate < GATES; gate++) behind_gate(v, gate, own(v, round % SPI_LEVEL), own(v, (round + 1) % SPI_LEVEL));
    in_priority_order(v);
    preemption(v);
    separate_deactivation(v);
    start_test(v, 0);
    barrier(v, 0); /* the log must not be looked at from here on: others route to this vCPU */
    routed_away(v, own(v, SPI_LEVEL - 1));
    barrier(v, 0);
  }
}

/* More pending than any list registers hold: 24 priorities, each vCPU in its turn, with the others asleep. */

#define MANY 24

static void many_pending(struct vcpu *v) {
  u32 order[MANY];
  start_test(v, 0);
  irq_off();
  for (u32 n = 0, spi = SPI_SOFTWARE; n < MANY; n++, spi++) {
    const u32 rank = (n * 7 + v->id) % MANY;
    if (spi % SPI_PER_VCPU == 5) spi++; /* not all next to each other */
    order[rank] = spi;
    gic_route(spi, v->id);
    gic_set_priority(v, spi, 0x20 + 8 * rank);
    gic_enable(v, spi);
    spi_send(v, spi);
  }
  if (fault == FAULT_ORDER) gic_set_priority(v, order[3], 0x18);
  for (u32 n = 0; n < MANY; n++) expect(v, "pending state of one of many SPIs", order[n], 1, gic_pending(v, order[n]));
  if (fault == FAULT_LOST_SPI) gic_clear_pending(v, order[MANY / 2]);
  irq_on();
  wait_log(v, MANY, "one of many pending SPIs was not taken", order[MANY - 1]);
  expect_log(v, "order of many SPIs by priority", order, MANY);
}

void phase_many_pending(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round += 4)
    for (u32 i = 0; i < vcpu_count; i++) {
      if (v->id == i && !shared_read(aborted)) many_pending(v);
      barrier(v, 0);
    }
  for (u32 n = 0; n < SPI_PER_VCPU; n++) {
    gic_set_priority(v, own(v, n), 0xa0);
    gic_route(own(v, n), v->id);
  }
}

/*
 * Group 0 is signalled as FIQ. Nothing of group 1 may come meanwhile: an SGI of higher priority between the FIQ and the
 * read of ICC_IAR0_EL1 would rightly make that read 1023. So the boot vCPU, to which the others send SGIs on their way
 * to a barrier, goes first, alone.
 */
static void group0_rounds(struct vcpu *v) {
  const u32 spi = SPI_GROUP0 + v->id;
  gic_route(spi, v->id);
  gic_set_priority(v, spi, 0x48);
  gic_enable(v, spi);
  for (u32 round = 0; round < rounds; round++) {
    spi_send(v, spi);
    spin_until(v, spi_total_taken(spi) == v->spi_sent[spi - SPI_FIRST], "an SPI of group 0 was not taken as FIQ", spi);
  }
  gic_disable(v, spi);
}

void phase_group0(struct vcpu *v) {
  barrier(v, group0_rounds);
  if (v->id != 0) group0_rounds(v);
}
