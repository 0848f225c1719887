/* Phases that turn LPIs and the ITS off and on again. */
#include "device.h"
#include "gic.h"
#include "its.h"

/** GICR_CTLR.EnableLPIs off: what is sent is lost. On again: what the pending table says is pending. */
static void enable_lpis(struct vcpu *v) {
  for each_own_channel(v, c) {
    for (u32 vector = 0; vector < FEW; vector++) move(v, c, vector, v->id);
    lpi_disable_all(v);
    send_uncounted(c, 0);
    expect_quiet(v, lpi_of(c, 0), "an LPI was taken with EnableLPIs off");
    if (by_device) {
      v->dropped[c]++;
      device_acknowledge(c, 0);
    }
    for (u32 lpi = 0; lpi < LPIS; lpi++) lpi_set_pending_bit(v, lpi, false);
    for (u32 vector = 1; vector < FEW; vector += 2) {
      shared_count(v->sent[lpi_of(c, vector)]);
      lpi_set_pending_bit(v, lpi_of(c, vector), true);
    }
    lpi_enable_all(v, false);
    for (u32 vector = 1; vector < FEW; vector += 2)
      wait_taken(v, lpi_of(c, vector), "an LPI was not taken that the pending table had as pending");
    /* The GIC may leave in the table what it has read from it. */
    for (u32 lpi = 0; lpi < LPIS; lpi++) lpi_set_pending_bit(v, lpi, false);
    for (u32 vector = 0; vector < FEW; vector++) {
      send_and_wait(v, c, vector, "an LPI was not taken after EnableLPIs");
      move(v, c, vector, (c + vector) % vcpu_count);
    }
  }
}

void phase_enable_lpis(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++) in_turn(v, enable_lpis);
}

/* Disabled, the ITS takes no MSIs; commands wait in their queue. */
static void its_disabled(struct vcpu *v) {
  its_enable(v, false);
  if (by_device) {
    send_uncounted(0, 0);
    expect_quiet(v, lpi_of(0, 0), "an LPI was taken with the ITS disabled");
    v->dropped[0]++;
    device_acknowledge(0, 0);
  }
  for (u32 vector = 1; vector < FEW; vector++) {
    shared_count(v->sent[lpi_of(0, vector)]);
    its_queue_int(v, 0, vector);
  }
  expect_quiet(v, lpi_of(0, 1), "the ITS has carried out commands while disabled");
  its_enable(v, true);
  for (u32 vector = 1; vector < FEW; vector++) wait_taken(v, lpi_of(0, vector), "a command was not carried out when the ITS was enabled");
  send_and_wait(v, 0, 0, "an LPI was not taken when the ITS was enabled again");
}

void phase_its_disabled(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++) barrier(v, its_disabled);
}

static void set_indirect(struct vcpu *v) {
  its_enable(v, false);
  its_set_device_table(v, true);
  its_enable(v, true);
  map_all(v);
}

/** A device table of two levels instead, with other DeviceIDs. */
void phase_indirect(struct vcpu *v) {
  barrier(v, set_indirect);
  phase_direct(v);
}
