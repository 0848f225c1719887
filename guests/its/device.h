/* The device "vgic,msi-test": channels that send MSIs, at once or in a burst over time. */
#ifndef DEVICE_H
#define DEVICE_H

#include "guest.h"

/** DeviceID and doorbell of a channel; with the handshake a vector is sent again only when it was acknowledged. */
void device_set_up(u32 channel, u32 device_id, u64 doorbell, bool handshake);
void device_trigger(u32 channel, u32 vector);
void device_acknowledge(u32 channel, u32 vector);
/** Sends `count` MSIs, of `vectors` vectors in turn, one each `period` nanoseconds, by itself. */
void device_burst(u32 channel, u32 vectors, u32 count, u32 period);
/** The burst is over, and each of its MSIs was acknowledged. */
bool device_done(u32 channel);
u32 device_sent(u32 channel, u32 vector);
u32 device_undelivered(u32 channel);

#endif
