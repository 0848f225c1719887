#include "text.h"

u64 length_of(const char *text) {
  u64 length = 0;
  while (text[length]) length++;
  return length;
}

bool equal(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

bool starts_with(const char *text, const char *beginning) {
  while (*beginning)
    if (*text++ != *beginning++) return false;
  return true;
}

const char *find(const char *text, const char *word) {
  for (; *text; text++)
    if (starts_with(text, word)) return text;
  return 0;
}

static u32 digit(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  const char lower = character | 0x20;
  return lower >= 'a' && lower <= 'f' ? 10u + lower - 'a' : 99;
}

bool parse_number(const char *text, u32 base, u64 *value) {
  u64 sum = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (digit(*text) >= base || sum > (~0ul - 15) / base) return false;
    sum = sum * base + digit(*text);
  }
  *value = sum;
  return true;
}

void *memcpy(void *to, const void *from, u64 size) {
  for (u64 i = 0; i < size; i++) ((u8 *)to)[i] = ((const u8 *)from)[i];
  return to;
}

void *memset(void *at, int value, u64 size) {
  for (u64 i = 0; i < size; i++) ((u8 *)at)[i] = value;
  return at;
}

u32 crc32(u32 crc, const void *bytes, u64 size) {
  static u32 table[256];
  if (!table[1]) {
    for (u32 i = 0; i < 256; i++) {
      u32 value = i;
      for (u32 bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320 : value >> 1;
      table[i] = value;
    }
  }
  crc = ~crc;
  for (u64 i = 0; i < size; i++) crc = crc >> 8 ^ table[(crc ^ ((const u8 *)bytes)[i]) & 0xff];
  return ~crc;
}
