#ifndef STORM_H
#define STORM_H

#include "guest.h"

/** Priorities and routes of this vCPU; no SGI may be under way to it. */
void storm_prepare(struct vcpu *v);
/** When all are done: what they added by exclusives. */
void storm_check(struct vcpu *v);

#endif
