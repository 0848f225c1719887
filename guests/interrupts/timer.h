#ifndef TIMER_H
#define TIMER_H

#include "arm.h"

/** Lets the line of a timer (its PPI) rise after some time. */
void timer_start(u32 intid, u32 nanoseconds);
void timer_stop(u32 intid);
void timer_mask(u32 intid);
/** CNTx_CTL_EL0.ISTATUS. */
bool timer_expired(u32 intid);

#endif
