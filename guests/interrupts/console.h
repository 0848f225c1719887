/* The PL011 UART (Arm DDI 0183): text by polling, and the transmit interrupt that the UART phase uses. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "arm.h"

void console_init(void);
/** Text, then numbers after each `%`: %u decimal, %x hexadecimal, %s text. A line feed also returns the carriage. */
void print(const char *format, ...);
void console_write(u32 character);
/** Lets the transmit interrupt out (UARTIMSC.TXIM) or not. */
void console_unmask_transmit(bool on);
void console_clear_transmit(void);
/** UARTRIS.TXRIS: room to transmit. */
bool console_transmit_raised(void);
/** UARTMIS.TXMIS: the interrupt line is high. */
bool console_transmit_asserted(void);

#endif
