/* Strings, numbers and bytes, as far as a program without a library needs them. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>

#include "linux.h"

u64 length_of(const char *text);
bool equal(const char *a, const char *b);
bool starts_with(const char *text, const char *beginning);
/** The first place of `word` in `text`, or null. */
const char *find(const char *text, const char *word);
/** Reads all of the text as a number of that base (10 or 16) into `value`; false if it is none or has more than 64 bits. */
bool parse_number(const char *text, u32 base, u64 *value);
/* The compiler calls these two by their names, whoever else does. */
void *memcpy(void *to, const void *from, u64 size);
void *memset(void *at, int value, u64 size);
/** CRC-32 of IEEE 802.3, as in zip: pass 0 first, then what the part before gave. */
u32 crc32(u32 crc, const void *bytes, u64 size);
/** Nanoseconds of CLOCK_MONOTONIC. */
u64 now(void);
/** Waits until an input can be read or that moment has come; true when it can. A negative descriptor is no input. */
bool wait_for_input(int fd, u64 until);
/** Waits for one of two; a bit for each that can be read. */
u32 wait_for_inputs(int first, int second, u64 until);

#define MILLISECOND 1000000ul
#define SECOND 1000000000ul

#endif
