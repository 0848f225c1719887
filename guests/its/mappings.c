/* Phases on what becomes of events that merge, are cleared, unmapped, or moved with all others. */
#include "device.h"
#include "gic.h"
#include "its.h"

static void count_dropped(struct vcpu *v, u32 channel, u32 vector) {
  if (!by_device) return;
  v->dropped[channel]++;
  device_acknowledge(channel, vector); /* nobody else will */
}

/** Five of one event while interrupts are masked are one interrupt. */
void phase_merge(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c) {
      const u32 lpi = lpi_of(c, 1);
      move(v, c, 1, v->id);
      if (by_device) device_set_up(c, its_device_id(c), GITS_TRANSLATER, false);
      irq_off();
      send(v, c, 1);
      for (u32 again = 1; again < 5; again++) send_uncounted(c, 1);
      irq_on();
      wait_taken(v, lpi, "an LPI that was sent five times was not taken");
      expect_quiet(v, lpi, "an LPI that was sent five times while pending was taken twice");
      if (by_device) device_set_up(c, its_device_id(c), GITS_TRANSLATER, true);
      move(v, c, 1, (c + 1) % vcpu_count);
    }
}

/** CLEAR takes the pending state away. */
void phase_clear(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c) {
      const u32 lpi = lpi_of(c, 2);
      move(v, c, 2, v->id);
      irq_off();
      send_uncounted(c, 2);
      its_clear(v, c, 2);
      expect(v, "ICC_HPPIR1_EL1 names an LPI that was cleared", intid_of(lpi), 0, gic_highest_pending() == intid_of(lpi));
      irq_on();
      expect_quiet(v, lpi, "an LPI was taken that was cleared");
      if (by_device) device_acknowledge(c, 2);
      send_and_wait(v, c, 2, "an LPI was not taken after CLEAR");
      move(v, c, 2, (c + 2) % vcpu_count);
    }
}

/** Unmapped, it leads nowhere; then to another LPI; then to the first again. */
void phase_discard(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c)
      for (u32 vector = 0; vector < FEW; vector += 2) {
        const u32 lpi = lpi_of(c, vector), other = lpi + LPI_OTHER;
        its_discard(v, c, vector);
        send_uncounted(c, vector);
        expect_quiet(v, lpi, "an LPI was taken whose event is not mapped");
        count_dropped(v, c, vector);

        shared_write(allowed[other], shared_read(allowed[lpi]));
        lpi_configure(other, LPI_PRIORITY, true);
        its_map(v, c, vector, other, collection_of(home[lpi]));
        shared_count(v->sent[other]);
        send_uncounted(c, vector);
        wait_taken(v, other, "an LPI was not taken to which an event was mapped anew");
        expect(v, "an event led to its former LPI", intid_of(lpi), 1, lpi_idle(lpi));

        its_discard(v, c, vector);
        its_map(v, c, vector, lpi, collection_of(home[lpi]));
        send_and_wait(v, c, vector, "an LPI was not taken after DISCARD and MAPTI");
      }
}

/** MAPD takes away all events of a device. */
void phase_unmap_device(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c) {
      its_map_device(v, c, false);
      for (u32 vector = 0; vector < 3; vector++) {
        send_uncounted(c, vector);
        expect_quiet(v, lpi_of(c, vector), "an LPI was taken whose device is not mapped");
        count_dropped(v, c, vector);
      }
      its_map_device(v, c, true);
      for (u32 vector = 0; vector < VECTORS; vector++) {
        const u32 lpi = lpi_of(c, vector);
        its_map(v, c, vector, lpi, collection_of(home[lpi]));
        send_and_wait(v, c, vector, "an LPI was not taken after MAPD and MAPTI");
      }
    }
}

static u32 victim;        /* whose pending LPIs MOVALL moves */
static u32 victim_masked; /* it has its interrupts masked */
static u32 moved_all;

/* What is pending at another vCPU, whose interrupts are masked, comes to the boot vCPU. */
static void move_all(struct vcpu *v) {
  spin_until(v, shared_read(victim_masked), "a vCPU does not mask its interrupts", 0);
  for (u32 vector = 0; vector < FEW; vector++) move(v, 0, vector, victim);
  irq_off();
  for (u32 vector = 0; vector < FEW; vector++) {
    send(v, 0, vector);
    shared_write(allowed[lpi_of(0, vector)], 1u << v->id);
  }
  its_move_all(v, victim, v->id);
  irq_on();
  for (u32 vector = 0; vector < FEW; vector++) wait_taken(v, lpi_of(0, vector), "a pending LPI was not taken where MOVALL moved it");
  /* The collections are where they were; MAPC says so to an ITS that has moved more than the pending state (KVM's does). */
  its_map_collection(v, collection_of(victim), victim);
  its_map_collection(v, other_collection_of(victim), victim);
  shared_write(moved_all, 1);
  for (u32 vector = 0; vector < FEW; vector++) {
    shared_write(allowed[lpi_of(0, vector)], 1u << victim);
    send_and_wait(v, 0, vector, "an LPI was not taken after MOVALL");
    move(v, 0, vector, vector % vcpu_count);
  }
}

void phase_move_all(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for (u32 i = vcpu_count > 1 ? 1 : 0; i < vcpu_count; i++) {
      if (v->id == 0) {
        victim = i;
        shared_write(victim_masked, vcpu_count == 1);
        shared_write(moved_all, 0);
      }
      barrier(v, 0);
      if (v->id == 0) {
        move_all(v);
      } else if (v->id == i) {
        irq_off();
        shared_write(victim_masked, 1);
        spin_until(v, shared_read(moved_all), "MOVALL is not done", 0);
        irq_on();
      }
      barrier(v, 0);
    }
}
