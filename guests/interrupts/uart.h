#ifndef UART_H
#define UART_H

#include "guest.h"

/** Starts the baton at vCPU 0: so many interrupts, and those that come twice. */
void uart_start(struct vcpu *v, const char *text, u32 steps);
bool uart_done(void);

#endif
