/* Lines for whoever reads the console, each written at once and beginning with "vgic-init: ". */
#ifndef SAY_H
#define SAY_H

#include "linux.h"

/** In `format`: %s a string, %u an unsigned long, %x in hexadecimal, %c a CRC-32, %t nanoseconds, printed as milliseconds. */
void say(const char *format, ...);

/** The same as a string, cut off where the room ends. */
void format_text(char *text, u32 size, const char *format, ...);

/** Says FAIL, the name of the test under way and the reason, and ends the machine. */
__attribute__((noreturn)) void fail(const char *format, ...);

/** Ends the machine, as the command line says. */
__attribute__((noreturn)) void end(void);

/** The word of the test under way, or null. */
extern const char *under_way;

#endif
