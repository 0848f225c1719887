/* The generic timer's registers (DDI 0487 D11): conditions, not counts, so that the speed of the machine does not show. */
#include "cpu-system.h"

static void condition(const char *name, int holds) { line(name, holds ? 1 : 0); }

static void one(const char *which, u64 (*read)(int), void (*write)(int, u64)) {
  enum { CTL, CVAL, TVAL, CNT };
  heading(which);
  write(CTL, 0);
  line("CTL off", read(CTL) & 3);
  u64 now = read(CNT);
  write(CVAL, now + 0x100000000ul);
  condition("CVAL keeps 64 bits", read(CVAL) == now + 0x100000000ul);
  u64 left = read(TVAL);
  condition("TVAL is 32 bits of what is left", left == (u64)(u32)left && left > 0xff000000ul);
  write(CTL, 1);
  line("CTL on, not yet", read(CTL));
  write(CVAL, now);
  line("CTL on, CVAL past", read(CTL));
  write(CTL, 3);
  line("CTL masked, CVAL past", read(CTL));
  condition("TVAL is negative after", (long)(int)read(TVAL) < 0);
  write(TVAL, 0x40000000);
  condition("TVAL ahead sets CVAL", read(CVAL) - read(CNT) <= 0x40000000ul && read(CVAL) - read(CNT) > 0x3f000000ul);
  line("CTL masked, not yet", read(CTL));
  write(TVAL, 0xffffff00);
  condition("TVAL is sign-extended", read(CVAL) < read(CNT) && read(CNT) - read(CVAL) < 0x1000000);
  line("CTL masked, behind", read(CTL));
  write(TVAL, 0xabcd000000000400ul);
  condition("TVAL ignores its upper half", read(CVAL) - now < 0x100000000ul);
  write(CVAL, ~0ul);
  line("CTL with the last CVAL", read(CTL));
  write(CVAL, 0);
  line("CTL with CVAL 0", read(CTL));
  write(CVAL, read(CNT) + 2000);
  u64 turns = 0;
  while (!(read(CTL) & 4) && turns < 100000000) turns++;
  condition("the condition comes by itself", turns < 100000000 && read(CNT) >= read(CVAL));
  write(CTL, 0);
}

static u64 read_virtual(int n) {
  __asm__ volatile("isb");
  switch (n) {
  case 0: return READ(cntv_ctl_el0);
  case 1: return READ(cntv_cval_el0);
  case 2: return READ(cntv_tval_el0);
  default: return READ(cntvct_el0);
  }
}

static void write_virtual(int n, u64 value) {
  if (n == 0) WRITE(cntv_ctl_el0, value);
  if (n == 1) WRITE(cntv_cval_el0, value);
  if (n == 2) WRITE(cntv_tval_el0, value);
}

static u64 read_physical(int n) {
  __asm__ volatile("isb");
  switch (n) {
  case 0: return READ(cntp_ctl_el0);
  case 1: return READ(cntp_cval_el0);
  case 2: return READ(cntp_tval_el0);
  default: return READ(cntpct_el0);
  }
}

static void write_physical(int n, u64 value) {
  if (n == 0) WRITE(cntp_ctl_el0, value);
  if (n == 1) WRITE(cntp_cval_el0, value);
  if (n == 2) WRITE(cntp_tval_el0, value);
}

void timer(void) {
  one("virtual timer", read_virtual, write_virtual);
  one("physical timer", read_physical, write_physical);
  line("frequency", READ(cntfrq_el0));
  u64 first = READ(cntvct_el0);
  for (volatile int i = 0; i < 10000; i++) {
  }
  condition("the count goes forward", READ(cntvct_el0) > first);
}
