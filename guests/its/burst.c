/*
 * All channels send by themselves over time, as fast as they are acknowledged, while the vCPUs move the events, hold them
 * back and let them go, all at once; handlers linger and nest. How many are sent is always the same; where, is not.
 */
#include "device.h"
#include "gic.h"
#include "its.h"

#define EVERYWHERE ((1u << vcpu_count) - 1)

static u32 sent_before[LPIS];

static void disturb(struct vcpu *v, u32 channel) {
  const u32 vector = random_below(v, FEW);
  const u32 lpi = lpi_of(channel, vector);
  switch (random_below(v, 6)) {
    case 0:
    case 1:
      its_move(v, channel, vector, collection_of(random_below(v, vcpu_count)));
      break;
    case 2:
      its_move(v, channel, vector, other_collection_of(random_below(v, vcpu_count)));
      break;
    case 3:
      lpi_configure(lpi, priority[lpi], false);
      its_invalidate(v, channel, vector);
      pause(random_below(v, 3000));
      lpi_configure(lpi, priority[lpi], true);
      its_invalidate(v, channel, vector);
      break;
    case 4:
      lpi_configure(lpi, priority[lpi], false);
      for (u32 i = 0; i < vcpu_count; i++) its_invalidate_all(v, collection_of(i));
      lpi_configure(lpi, priority[lpi], true);
      its_invalidate(v, channel, vector);
      break;
    default:
      timer_tick(now() + 200);
      wfi();
      timer_off();
  }
}

static bool all_done(struct vcpu *v) {
  for each_own_channel(v, c)
    if (!device_done(c)) return false;
  return true;
}

void phase_burst(struct vcpu *v) {
  for each_own_channel(v, c)
    for (u32 vector = 0; vector < FEW; vector++) {
      const u32 lpi = lpi_of(c, vector);
      shared_write(allowed[lpi], EVERYWHERE);
      lpi_configure(lpi, 0x40 + vector % 4 * 0x20, true);
      its_invalidate(v, c, vector);
      sent_before[lpi] = device_sent(c, vector);
    }
  barrier(v, 0);
  v->nesting = 1;
  for each_own_channel(v, c) device_burst(c, FEW, 24 * rounds, 2000 + 300 * c);
  const u64 until = now() + timeout;
  while (!all_done(v) && now() < until && !shared_read(aborted))
    for each_own_channel(v, c) disturb(v, c);
  if (!all_done(v)) wait_failed(v, "a burst does not end", intid_of(lpi_of(v->id, 0)));
  for each_own_channel(v, c)
    for (u32 vector = 0; vector < FEW; vector++) {
      const u32 lpi = lpi_of(c, vector);
      v->sent[lpi] += device_sent(c, vector) - sent_before[lpi];
    }
  barrier(v, 0);
  v->nesting = 0;
  for each_own_channel(v, c)
    for (u32 vector = 0; vector < FEW; vector++) {
      lpi_configure(lpi_of(c, vector), LPI_PRIORITY, true);
      its_invalidate(v, c, vector);
      move(v, c, vector, (c + vector) % vcpu_count);
    }
}
