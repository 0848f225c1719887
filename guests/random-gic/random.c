#include "guest.h"

static u32 state;

static u32 scramble(u32 value) {
  value = (value ^ value >> 16) * 0x21f0aaad;
  value = (value ^ value >> 15) * 0x735a2d97;
  return value ^ value >> 15;
}

u32 lot(u32 seed, u32 number) { return scramble(scramble(seed + 0x9e3779b9) ^ number); }

void random_begin(u32 seed) { state = seed; }

u32 random_word(void) {
  state += 0x9e3779b9;
  return scramble(state);
}

u32 random_below(u32 limit) { return (u32)((u64)random_word() * limit >> 32); }
