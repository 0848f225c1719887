#include "say.h"

#include <stdarg.h>

#define NANOSECONDS_IN_MICROSECOND 1000

const char *under_way;

struct line {
  u32 length;
  char text[512];
};

static void put(struct line *line, char character) {
  if (line->length < sizeof line->text - 1) line->text[line->length++] = character;
}

static void put_text(struct line *line, const char *text) {
  while (*text) put(line, *text++);
}

static void put_number(struct line *line, u64 value, u32 base, u32 least_digits) {
  char digits[20];
  u32 length = 0;
  do {
    const u32 digit = value % base;
    digits[length++] = digit < 10 ? '0' + digit : 'a' + digit - 10;
    value /= base;
  } while (value || length < least_digits);
  while (length) put(line, digits[--length]);
}

static void put_time(struct line *line, u64 nanoseconds) {
  const u64 microseconds = nanoseconds / NANOSECONDS_IN_MICROSECOND;
  put_number(line, microseconds / 1000, 10, 1);
  put(line, '.');
  put_number(line, microseconds % 1000, 10, 3);
  put_text(line, "ms");
}

static void put_format(struct line *line, const char *format, va_list arguments) {
  for (; *format; format++) {
    if (*format != '%') {
      put(line, *format);
      continue;
    }
    format++;
    if (*format == 's') put_text(line, va_arg(arguments, const char *));
    else if (*format == 'u') put_number(line, va_arg(arguments, u64), 10, 1);
    else if (*format == 'x') put_number(line, va_arg(arguments, u64), 16, 1);
    else if (*format == 'c') put_number(line, va_arg(arguments, u64), 16, 8);
    else put_time(line, va_arg(arguments, u64));
  }
}

static void finish(struct line *line) {
  line->text[line->length++] = '\n';
  for (u32 written = 0; written < line->length;) {
    const long result = write_file(1, line->text + written, line->length - written);
    if (result <= 0) return;
    written += result;
  }
}

void say(const char *format, ...) {
  struct line line;
  va_list arguments;
  line.length = 0;
  put_text(&line, "vgic-init: ");
  va_start(arguments, format);
  put_format(&line, format, arguments);
  va_end(arguments);
  finish(&line);
}

void format_text(char *text, u32 size, const char *format, ...) {
  struct line line;
  va_list arguments;
  line.length = 0;
  va_start(arguments, format);
  put_format(&line, format, arguments);
  va_end(arguments);
  for (u32 i = 0; i < size; i++) text[i] = i < line.length && i < size - 1 ? line.text[i] : 0;
}

void fail(const char *format, ...) {
  struct line line;
  va_list arguments;
  line.length = 0;
  put_text(&line, "vgic-init: FAIL ");
  if (under_way) {
    put_text(&line, under_way);
    put_text(&line, ": ");
  }
  va_start(arguments, format);
  put_format(&line, format, arguments);
  va_end(arguments);
  finish(&line);
  end();
}
