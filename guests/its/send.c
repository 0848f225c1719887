/* One MSI: of the device or, without one, of the ITS itself by INT. */
#include "device.h"
#include "gic.h"
#include "its.h"

u32 by_device;
u32 has_device;
u32 allowed[LPIS];
u32 home[LPIS];

void move(struct vcpu *v, u32 channel, u32 vector, u32 target) {
  const u32 lpi = lpi_of(channel, vector);
  home[lpi] = target;
  shared_write(allowed[lpi], 1u << target);
  its_move(v, channel, vector, collection_of(target));
}

/** Devices and events of all channels, each event with the LPI of its number, to the vCPUs in turn. */
void map_all(struct vcpu *v) {
  for (u32 c = 0; c < channel_count; c++) {
    its_map_device(v, c, true);
    for (u32 vector = 0; vector < VECTORS; vector++) {
      const u32 lpi = lpi_of(c, vector);
      home[lpi] = (c + vector) % vcpu_count;
      shared_write(allowed[lpi], 1u << home[lpi]);
      lpi_configure(lpi, LPI_PRIORITY, true);
      its_map(v, c, vector, lpi, collection_of(home[lpi]));
    }
    if (has_device) device_set_up(c, its_device_id(c), GITS_TRANSLATER, true);
  }
}

void send_uncounted(u32 channel, u32 vector) {
  dsb();
  if (by_device) device_trigger(channel, vector);
  else its_int(self(), channel, vector);
}

void send(struct vcpu *v, u32 channel, u32 vector) {
  shared_count(v->sent[lpi_of(channel, vector)]);
  send_uncounted(channel, vector);
}

bool lpi_idle(u32 lpi) { return taken_total(lpi) == sent_total(lpi); }

void wait_taken(struct vcpu *v, u32 lpi, const char *what) { sleep_until(v, lpi_idle(lpi), what, intid_of(lpi)); }

void send_and_wait(struct vcpu *v, u32 channel, u32 vector, const char *what) {
  send(v, channel, vector);
  wait_taken(v, lpi_of(channel, vector), what);
}

void expect_quiet(struct vcpu *v, u32 lpi, const char *what) {
  const u32 before = taken_total(lpi);
  pause(3000);
  expect(v, what, intid_of(lpi), before, taken_total(lpi));
}
