/* Phases on single events: sent, moved, held back by the configuration table, in order, in numbers. */
#include "gic.h"
#include "its.h"

/** Each event of each channel, to its vCPU. */
void phase_direct(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c)
      for (u32 vector = 0; vector < VECTORS; vector++)
        send_and_wait(v, c, vector, "an LPI was not taken");
}

void phase_int(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c)
      for (u32 vector = 0; vector < FEW; vector++) {
        shared_count(v->sent[lpi_of(c, vector)]);
        dsb();
        its_int(v, c, vector);
        wait_taken(v, lpi_of(c, vector), "an LPI of an INT command was not taken");
      }
}

/** Each goes on to the next vCPU after it was taken. */
void phase_move(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c)
      for (u32 vector = 0; vector < FEW; vector++) {
        move(v, c, vector, (home[lpi_of(c, vector)] + 1) % vcpu_count);
        send_and_wait(v, c, vector, "an LPI was not taken after MOVI");
      }
}

/** Pending here, where interrupts are masked, and moved before it is taken: to another vCPU, or another collection of this one. */
static void move_pending(struct vcpu *v) {
  const u32 target = (v->id + 1) % vcpu_count;
  for each_own_channel(v, c)
    for (u32 vector = 0; vector < FEW; vector++) {
      const u32 lpi = lpi_of(c, vector);
      move(v, c, vector, v->id);
      irq_off();
      send(v, c, vector);
      spin_until(v, gic_highest_pending() == intid_of(lpi), "ICC_HPPIR1_EL1 does not name an LPI that is pending", intid_of(lpi));
      if (target != v->id) {
        move(v, c, vector, target);
        spin_until(v, lpi_idle(lpi), "a pending LPI was not taken where MOVI moved it", intid_of(lpi));
      } else {
        its_move(v, c, vector, other_collection_of(v->id));
      }
      irq_on();
      wait_taken(v, lpi, "a pending LPI was not taken after MOVI");
      move(v, c, vector, (c + vector) % vcpu_count);
    }
}

void phase_move_pending(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++) in_turn(v, move_pending);
}

static void invalidate_everywhere(struct vcpu *v) {
  for (u32 i = 0; i < vcpu_count; i++) its_invalidate_all(v, collection_of(i));
}

static void configure_few(u32 channel, bool enabled) {
  for (u32 vector = 0; vector < FEW; vector++) lpi_configure(lpi_of(channel, vector), LPI_PRIORITY, enabled);
}

/** Disabled in the configuration table it stays pending: one by INV, then many by INVALL. */
void phase_configuration(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c) {
      for (u32 vector = 0; vector < FEW; vector += 4) {
        const u32 lpi = lpi_of(c, vector);
        lpi_configure(lpi, LPI_PRIORITY, false);
        its_invalidate(v, c, vector);
        send(v, c, vector);
        expect_quiet(v, lpi, "an LPI was taken that is disabled");
        lpi_configure(lpi, LPI_PRIORITY, true);
        its_invalidate(v, c, vector);
        wait_taken(v, lpi, "a pending LPI was not taken when it was enabled");
      }
      configure_few(c, false);
      invalidate_everywhere(v);
      for (u32 vector = 0; vector < FEW; vector++) send(v, c, vector);
      expect_quiet(v, lpi_of(c, 0), "an LPI was taken that is disabled");
      configure_few(c, true);
      invalidate_everywhere(v);
      for (u32 vector = 0; vector < FEW; vector++)
        wait_taken(v, lpi_of(c, vector), "a pending LPI was not taken when INVALL enabled it");
    }
}

static u32 priority_of(u32 vector) { return 0x20 + vector * 5 % FEW * 0x10; }

/** All pending here at once, each with a priority of its own: they must come in that order. */
void phase_priority(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c) {
      for (u32 vector = 0; vector < FEW; vector++) {
        move(v, c, vector, v->id);
        lpi_configure(lpi_of(c, vector), priority_of(vector), true);
        its_invalidate(v, c, vector);
      }
      irq_off();
      for (u32 vector = 0; vector < FEW; vector++) send(v, c, vector);
      v->log_length = 0;
      shared_write(v->logging, 1);
      irq_on();
      for (u32 vector = 0; vector < FEW; vector++) wait_taken(v, lpi_of(c, vector), "an LPI with a priority was not taken");
      shared_write(v->logging, 0);
      u32 last = 0;
      for (u32 n = 0; n < v->log_length; n++) {
        const u32 vector = v->log[n] % VECTORS;
        if (v->log[n] / VECTORS != c) continue;
        const u32 wanted = fault == FAULT_PRIORITY ? 0xf0 - priority_of(vector) : priority_of(vector);
        expect(v, "order of LPIs by priority", intid_of(v->log[n]), 1, wanted >= last);
        last = wanted;
      }
      for (u32 vector = 0; vector < FEW; vector++) {
        lpi_configure(lpi_of(c, vector), LPI_PRIORITY, true);
        its_invalidate(v, c, vector);
        move(v, c, vector, (c + vector) % vcpu_count);
      }
    }
}

/** More pending on one vCPU than a CPU interface has list registers. */
void phase_many_pending(struct vcpu *v) {
  for (u32 round = 0; round < rounds; round++)
    for each_own_channel(v, c) {
      for (u32 vector = 0; vector < VECTORS; vector++) move(v, c, vector, v->id);
      irq_off();
      for (u32 vector = 0; vector < VECTORS; vector++) send(v, c, vector);
      irq_on();
      for (u32 vector = 0; vector < VECTORS; vector++) wait_taken(v, lpi_of(c, vector), "one of many LPIs was not taken");
      for (u32 vector = 0; vector < VECTORS; vector++) move(v, c, vector, (c + vector) % vcpu_count);
    }
}
