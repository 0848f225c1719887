#include "cpu-system.h"

struct outcome outcome;

static volatile u32 *const uart = (u32 *)0x09000000;

void text(const char *s) {
  while (*s) *uart = (u8)*s++;
}

void hex(u64 value) {
  int shift = 60;
  text("0x");
  while (shift > 0 && !(value >> shift)) shift -= 4;
  for (; shift >= 0; shift -= 4) *uart = (u8) "0123456789abcdef"[(value >> shift) & 15];
}

void line(const char *name, u64 value) {
  text(name);
  text(": ");
  hex(value);
  text("\n");
}

void heading(const char *name) {
  text("== ");
  text(name);
  text("\n");
}

extern u8 start[], bss_end[];

/* An address in the image shows as its place in the snippet or in its 64 bytes: the output must not depend on the linker. */
static void address(const char *name, u64 value, const u8 *snippet) {
  u64 low = (u32)value;
  text(name);
  if (value - (u64)snippet < 64) {
    text("snippet+");
    value -= (u64)snippet;
  } else if (low >= (u64)start && low < (u64)bss_end) {
    text("image+");
    value = (value & ~0xfffffffful) | (low & 63);
  }
  hex(value);
}

void show(const char *name, const u8 *snippet) {
  u64 class = outcome.esr >> 26;
  text(name);
  if (outcome.vector < 0) {
    address(": returned ", outcome.x[0], snippet);
    text("\n");
    return;
  }
  text(": ESR ");
  hex(outcome.esr);
  address(" ELR ", outcome.elr, snippet);
  /* Instruction and data aborts and PC alignment faults set FAR. */
  if (class == 0x20 || class == 0x21 || class == 0x22 || class == 0x24 || class == 0x25)
    address(" FAR ", outcome.far, snippet);
  text(" SPSR ");
  hex(outcome.spsr & 0x0fffffff);
  text(" vector ");
  hex((u64)outcome.vector);
  address(" x0 ", outcome.x[0], snippet);
  text("\n");
}

void at_el1(const char *name, const u8 *snippet, u64 a, u64 b, u64 c) {
  probe(snippet, a, b, c);
  show(name, snippet);
}

static u8 user_stack[1024] __attribute__((aligned(4096)));

void at_el0(const char *name, const u8 *snippet, u64 a, u64 b, u64 c) {
  probe_return_to(snippet, a, b, c, EL0t, (u64)user_stack + sizeof user_stack);
  /* SVC #0xf1 from EL0 is the normal end. */
  if (outcome.vector == 8 && outcome.esr == 0x560000f1) outcome.vector = -1;
  text("EL0 ");
  show(name, snippet);
}

void returning_to(const char *name, const u8 *snippet, u64 spsr) {
  probe_return_to(snippet, 1, 2, 3, spsr, (u64)user_stack + sizeof user_stack);
  show(name, snippet);
}

int main(void) {
  mmu_on();
  if (random_cases()) return 0;
  exceptions();
  state();
  translation();
  address_translation();
  tlb_maintenance();
  code();
  timer();
  text("end\n");
  return 0;
}
