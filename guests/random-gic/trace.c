#include "trace.h"

#include "../interrupts/console.h"

#define TEXT_SIZE (8u << 20)
/** More than an access or the end of an operation adds: without that much room text is left out, and the hash goes on. */
#define ROOM 128

u32 text_from, text_to, hash_every = 256;

static char text[TEXT_SIZE];
static u32 length;
static u64 hash = 0xcbf29ce484222325;
static u32 current, in_words;

static void put(const char *from) {
  while (*from) text[length++] = *from++;
}

static void put_hex(u64 value) {
  u32 shift = 60;
  while (shift && !(value >> shift)) shift -= 4;
  for (;; shift -= 4) {
    text[length++] = "0123456789abcdef"[value >> shift & 15];
    if (!shift) return;
  }
}

static void put_decimal(u32 value) {
  char digits[10];
  u32 count = 0;
  do digits[count++] = '0' + value % 10;
  while (value /= 10);
  while (count) text[length++] = digits[--count];
}

static void mix(u64 value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15;
  hash ^= hash >> 29;
}

void trace_begin(u32 operation, u32 vcpu) {
  current = operation;
  in_words = operation >= text_from && operation < text_to && length + ROOM < TEXT_SIZE;
  if (!in_words) return;
  put_decimal(operation);
  put(" vCPU ");
  put_decimal(vcpu);
}

void trace_access(enum register_name name, u32 index, u32 owner, enum trace_kind kind, u64 value) {
  const struct register_description *r = &registers[name];
  const bool byte = kind >= TRACE_READ_BYTE;
  /* Not what is written: it follows from the seed and from what was read before. */
  if (kind == TRACE_READ || kind == TRACE_READ_BYTE) mix(value);
  if (!in_words || length + ROOM >= TEXT_SIZE) return;
  put("; ");
  put(r->name);
  if (r->count > 1) put_decimal(byte ? index / 4 : index);
  if (byte) {
    put(".");
    put_decimal(index % 4);
  }
  if (r->frame == GICR || r->frame == SGI) {
    put("@");
    put_decimal(owner);
  }
  put(kind == TRACE_WRITE || kind == TRACE_WRITE_BYTE ? " := " : " ");
  put_hex(value);
}

void trace_end(void) {
  if (in_words) put("\n");
  in_words = 0;
  if ((current + 1) % hash_every || length + ROOM >= TEXT_SIZE) return;
  put("up to ");
  put_decimal(current);
  put(": ");
  put_hex(hash);
  put("\n");
}

void trace_print(void) {
  put("in all: ");
  put_hex(hash);
  put("\n");
  for (u32 i = 0; i < length; i++) {
    if (text[i] == '\n') console_write('\r');
    console_write(text[i]);
  }
}
