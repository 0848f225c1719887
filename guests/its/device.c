#include "device.h"

#define DEVICE 0x0b000000ul
#define CHANNEL_SIZE 0x200
#define ADDRESS 0x00
#define DEVICE_ID 0x08
#define FIRST_EVENT 0x0c
#define BURST_VECTORS 0x10
#define CONTROL 0x14
#define CONTROL_RUN (1u << 0)
#define CONTROL_HANDSHAKE (1u << 1)
#define COUNT 0x18
#define PERIOD 0x1c
#define TRIGGER 0x20
#define ACKNOWLEDGE 0x24
#define BUSY 0x28
#define UNDELIVERED 0x2c
#define SENT 0x80
#define OWED 0x100

static u64 at(u32 channel, u32 offset) { return DEVICE + channel * CHANNEL_SIZE + offset; }

void device_set_up(u32 channel, u32 device_id, u64 doorbell, bool handshake) {
  write32(at(channel, CONTROL), handshake ? CONTROL_HANDSHAKE : 0);
  write64(at(channel, ADDRESS), doorbell);
  write32(at(channel, DEVICE_ID), device_id);
  write32(at(channel, FIRST_EVENT), 0);
  dsb();
}
void device_trigger(u32 channel, u32 vector) {
  write32(at(channel, TRIGGER), vector);
  dsb();
}
void device_acknowledge(u32 channel, u32 vector) {
  write32(at(channel, ACKNOWLEDGE), vector);
  dsb();
}
void device_burst(u32 channel, u32 vectors, u32 count, u32 period) {
  write32(at(channel, BURST_VECTORS), vectors);
  write32(at(channel, COUNT), count);
  write32(at(channel, PERIOD), period);
  dsb();
  write32(at(channel, CONTROL), CONTROL_RUN | CONTROL_HANDSHAKE);
}
bool device_done(u32 channel) {
  if (read32(at(channel, CONTROL)) & CONTROL_RUN || read32(at(channel, BUSY))) return false;
  for (u32 vector = 0; vector < VECTORS; vector++)
    if (read32(at(channel, OWED + vector * 4))) return false;
  return true;
}
u32 device_sent(u32 channel, u32 vector) { return read32(at(channel, SENT + vector * 4)); }
u32 device_undelivered(u32 channel) { return read32(at(channel, UNDELIVERED)); }
