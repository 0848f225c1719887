#include "cpu-system.h"

/* 4 KiB granule, 48-bit addresses in both halves, 40-bit physical, 16-bit ASIDs from TTBR0. */
#define TCR (1ul << 36 | 2ul << 32 | 16ul << 16 | 2ul << 30 | 3ul << 28 | 1ul << 26 | 1ul << 24 | 3ul << 12 | 1ul << 10 | 1ul << 8 | 16ul)

#define TABLE __attribute__((aligned(4096)))
u64 level0[512] TABLE;
static u64 level1[512] TABLE, level2[512] TABLE, level3[512] TABLE;
u64 window_level1[512] TABLE, window_level2[512] TABLE, window_level3[512] TABLE, upper_level0[512] TABLE;
u8 page_a[4096] TABLE, page_b[4096] TABLE, page_code[4096] TABLE;

extern u8 text_end[], start[];

void flush_tlb(void) { __asm__ volatile("dsb ish; tlbi vmalle1; dsb ish; isb" ::: "memory"); }

void map_page(int n, u64 descriptor) {
  volatile u64 *entry = &window_level3[n];
  *entry = 0;
  __asm__ volatile("dsb ish; tlbi vaae1, %0; dsb ish; isb" ::"r"((WINDOW + 4096ul * n) >> 12) : "memory");
  *entry = descriptor;
  __asm__ volatile("dsb ish; isb" ::: "memory");
}

void mmu_on(void) {
  u64 data = NORMAL | EL0 | PXN | UXN;
  level0[0] = (u64)level1 | 3;
  level1[0] = BLOCK | AF | 1ul << 2 | PXN | UXN; /* devices: attribute 1 */
  level1[1] = (u64)level2 | 3;
  level1[2] = (u64)window_level2 | 3;
  level2[0] = (u64)level3 | 3;
  for (u64 n = 1; n < 512; n++) level2[n] = (0x40000000ul + n * 0x200000ul) | BLOCK | data;
  for (u64 n = 0; n < 512; n++) {
    u64 at = 0x40000000ul + n * 0x1000ul;
    int code = at >= (u64)start && at < (u64)text_end;
    level3[n] = at | PAGE | (code ? NORMAL | EL0 | READ_ONLY : data);
  }
  window_level2[0] = (u64)window_level3 | 3;
  upper_level0[0] = (u64)level1 | 3;
  WRITE(mair_el1, 0x00ff); /* 0: normal write-back, 1: device nGnRnE */
  WRITE(ttbr0_el1, level0);
  WRITE(ttbr1_el1, upper_level0);
  WRITE(tcr_el1, TCR);
  flush_tlb();
  WRITE(sctlr_el1, 0x30d00800ul | 1ul << 12 | 1ul << 5 | 1ul << 2 | 1ul);
}
