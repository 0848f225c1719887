#include "console.h"

#include <stdarg.h>

#include "guest.h"

#define UARTDR (UART + 0x00)
#define UARTFR (UART + 0x18)
#define UARTFR_TXFF (1u << 5)
#define UARTLCR_H (UART + 0x2c)
#define UARTLCR_H_WLEN_8 (3u << 5) /* FEN left 0: one character at a time, an interrupt for each */
#define UARTCR (UART + 0x30)
#define UARTCR_UARTEN_TXE_RXE 0x301
#define UARTIMSC (UART + 0x38)
#define UARTRIS (UART + 0x3c)
#define UARTMIS (UART + 0x40)
#define UARTICR (UART + 0x44)
#define UART_TX (1u << 5) /* in UARTIMSC, UARTRIS, UARTMIS and UARTICR */

#define WRITE_TICKS 6250000 /* 100 ms at 62.5 MHz: a character that the UART does not take is dropped */

void console_init(void) {
  write32(UARTIMSC, 0);
  write32(UARTCR, 0);
  write32(UARTICR, 0x7ff);
  write32(UARTLCR_H, UARTLCR_H_WLEN_8);
  write32(UARTCR, UARTCR_UARTEN_TXE_RXE);
}

void console_write(u32 character) {
  const u64 until = now() + WRITE_TICKS;
  while (read32(UARTFR) & UARTFR_TXFF) {
    if (now() > until) return;
    yield();
  }
  write32(UARTDR, character);
  dsb();
}

void console_unmask_transmit(bool on) {
  write32(UARTIMSC, on ? UART_TX : 0);
  dsb();
}

void console_clear_transmit(void) {
  write32(UARTICR, UART_TX);
  dsb();
}

bool console_transmit_raised(void) { return read32(UARTRIS) & UART_TX; }
bool console_transmit_asserted(void) { return read32(UARTMIS) & UART_TX; }

static void print_number(u32 value, u32 base) {
  char digits[10];
  u32 length = 0;
  do {
    const u32 digit = value % base;
    digits[length++] = digit < 10 ? '0' + digit : 'a' + digit - 10;
    value /= base;
  } while (value);
  while (length) console_write(digits[--length]);
}

void print(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  for (; *format; format++) {
    if (*format == '\n') console_write('\r');
    if (*format != '%') {
      console_write(*format);
      continue;
    }
    format++;
    if (*format == 'u') print_number(va_arg(arguments, u32), 10);
    else if (*format == 'x') print_number(va_arg(arguments, u32), 16);
    else for (const char *text = va_arg(arguments, const char *); *text; text++) console_write(*text);
  }
  va_end(arguments);
}
