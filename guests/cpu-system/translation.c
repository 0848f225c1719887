/* Stage 1 translation: every fault at every level, permissions, both address ranges. */
#include "cpu-system.h"

SNIPPET(load, "ldr x0, [x0]");
SNIPPET(load_half, "ldrh w0, [x0]");
SNIPPET(store, "str x1, [x0]");
SNIPPET(load_unprivileged, "ldtr x0, [x0]");
SNIPPET(store_unprivileged, "sttr x1, [x0]");
SNIPPET(store_pre, "str x1, [x0, #8]!");
SNIPPET(load_two, "ldp x1, x2, [x0], #32");
SNIPPET(store_two, "stp x1, x2, [x0, #16]!");
SNIPPET(exclusive_load, "ldxr x0, [x0]");
SNIPPET(zero, "dc zva, x0");
SNIPPET(jump, "br x0");
SNIPPET(return_five, "mov x0, #5");

#define PA(page) ((u64)(page))
#define NOT_RAM 0x60000000ul

static const u64 far_away = 1ul << 40; /* one more bit than TCR.IPS allows */

static void levels(void) {
  heading("translation faults by level");
  at_el1("level 0, load", load, 1ul << 39, 0, 0);
  at_el1("level 0, store", store, 1ul << 39, 0, 0);
  at_el1("level 1, load", load, WINDOW + 0x40000000ul, 0, 0);
  at_el1("level 1, store", store, WINDOW + 0x40000000ul, 0, 0);
  at_el1("level 2, load", load, WINDOW_BLOCK, 0, 0);
  at_el1("level 2, store", store, WINDOW_BLOCK, 0, 0);
  at_el1("level 3, load", load, WINDOW + 0x5008, 0, 0);
  at_el1("level 3, store", store, WINDOW + 0x5008, 0, 0);
  at_el0("level 3, load", load, WINDOW + 0x5008, 0, 0);
  at_el1("level 3, exclusive load", exclusive_load, WINDOW + 0x5008, 0, 0);
  at_el1("level 3, DC ZVA", zero, WINDOW + 0x5048, 0, 0);
  at_el1("level 0, fetch", jump, 1ul << 39, 0, 0);
  at_el1("level 1, fetch", jump, WINDOW + 0x40000000ul, 0, 0);
  at_el1("level 2, fetch", jump, WINDOW_BLOCK, 0, 0);
  at_el1("level 3, fetch", jump, WINDOW + 0x5000, 0, 0);
  at_el0("level 3, fetch", jump, WINDOW + 0x5000, 0, 0);
  at_el1("neither half", load, 1ul << 52, 0, 0);
  at_el1("neither half, high", load, UPPER - 0x1000, 0, 0);
  window_level3[6] = PA(page_a) | NORMAL | 1; /* bit 1 clear at level 3: reserved */
  flush_tlb();
  at_el1("level 3, block descriptor", load, WINDOW + 0x6000, 0, 0);

  heading("access flag and address size by level");
  level0[1] = (u64)window_level1 | 3;
  window_level1[0] = 0x40000000ul | BLOCK | SHARED;
  window_level2[1] = 0x40000000ul | BLOCK | SHARED;
  map_page(7, PA(page_a) | PAGE | SHARED);
  flush_tlb();
  at_el1("access flag, level 1", load, 1ul << 39, 0, 0);
  at_el1("access flag, level 2", load, WINDOW_BLOCK, 0, 0);
  at_el1("access flag, level 3", load, WINDOW + 0x7000, 0, 0);
  at_el1("access flag, level 3, store", store, WINDOW + 0x7000, 0, 0);
  at_el1("access flag, level 3, fetch", jump, WINDOW + 0x7000, 0, 0);
  window_level1[0] = far_away | BLOCK | NORMAL;
  window_level2[1] = far_away | BLOCK | NORMAL;
  map_page(7, far_away | PAGE | NORMAL);
  flush_tlb();
  at_el1("address size, level 1", load, 1ul << 39, 0, 0);
  at_el1("address size, level 2", load, WINDOW_BLOCK, 0, 0);
  at_el1("address size, level 3", load, WINDOW + 0x7000, 0, 0);
  level0[1] = far_away | 3;
  window_level1[0] = far_away | 3;
  flush_tlb();
  at_el1("address size of a table, level 0", load, 1ul << 39, 0, 0);
  level0[1] = (u64)window_level1 | 3;
  flush_tlb();
  at_el1("address size of a table, level 1", load, 1ul << 39, 0, 0);

  heading("external aborts");
  window_level1[0] = NOT_RAM | 3;
  window_level2[1] = NOT_RAM | BLOCK | NORMAL;
  map_page(7, NOT_RAM | PAGE | NORMAL);
  flush_tlb();
  at_el1("on a walk, level 2", load, 1ul << 39, 0, 0);
  at_el1("on a load", load, WINDOW + 0x7010, 0, 0);
  at_el1("on a store", store, WINDOW_BLOCK, 0, 0);
  at_el1("on a fetch", jump, WINDOW + 0x7010, 0, 0);
  level0[1] = 0;
  window_level1[0] = 0;
  window_level2[1] = 0;
  flush_tlb();
}

static void one_page(const char *name, u64 at) {
  text(name);
  text("\n");
  at_el1("  load", load, at, 0, 0);
  at_el1("  store", store, at + 8, 0x77, 0);
  at_el1("  LDTR", load_unprivileged, at, 0, 0);
  at_el1("  STTR", store_unprivileged, at + 8, 0x77, 0);
  at_el1("  DC ZVA", zero, at + 64, 0, 0);
  at_el0("  load", load, at, 0, 0);
  at_el0("  store", store, at + 8, 0x77, 0);
  at_el1("  fetch", jump, at, 0, 0);
  at_el0("  fetch", jump, at, 0, 0);
}

static void permissions(void) {
  heading("permissions");
  map_page(1, PA(page_a) | PAGE | NORMAL | READ_ONLY | PXN | UXN);
  map_page(2, PA(page_a) | PAGE | NORMAL | EL0 | READ_ONLY | PXN | UXN);
  map_page(3, PA(page_a) | PAGE | NORMAL | PXN | UXN);
  map_page(4, PA(page_a) | PAGE | NORMAL | EL0 | PXN | UXN);
  *(u64 *)page_a = 0x0123456789abcdeful;
  flush_tlb();
  one_page("EL1 read-only", WINDOW + 0x1000);
  one_page("EL0 read-only", WINDOW + 0x2000);
  one_page("EL1 read-write", WINDOW + 0x3000);
  one_page("EL0 read-write", WINDOW + 0x4000);
  heading("execute permissions");
  const u32 five[] = {0xd28000a0, 0xd65f03c0}; /* MOV X0, #5; RET */
  for (int i = 0; i < 2; i++) ((volatile u32 *)page_code)[i] = five[i];
  __asm__ volatile("dsb ish; ic iallu; dsb ish; isb" ::: "memory");
  u64 at = WINDOW + 0x1000;
  map_page(1, PA(page_code) | PAGE | NORMAL | READ_ONLY);
  at_el1("EL1 read-only", jump, at, 0, 0);
  at_el0("EL1 read-only, execute-only for EL0", jump, at, 0, 0);
  map_page(1, PA(page_code) | PAGE | NORMAL | READ_ONLY | PXN);
  at_el1("PXN", jump, at, 0, 0);
  at_el0("PXN", jump, at, 0, 0);
  map_page(1, PA(page_code) | PAGE | NORMAL | EL0 | READ_ONLY | UXN);
  at_el1("UXN", jump, at, 0, 0);
  at_el0("UXN", jump, at, 0, 0);
  map_page(1, PA(page_code) | PAGE | NORMAL | EL0);
  at_el1("writable by EL0", jump, at, 0, 0);
  at_el0("writable by EL0", jump, at, 0, 0);
  map_page(1, PA(page_code) | PAGE | NORMAL);
  at_el1("writable by EL1", jump, at, 0, 0);
  at_el0("writable by EL1", jump, at, 0, 0);
  WRITE(sctlr_el1, READ(sctlr_el1) | 1ul << 19);
  flush_tlb();
  at_el1("writable by EL1, WXN", jump, at, 0, 0);
  map_page(1, PA(page_code) | PAGE | NORMAL | EL0);
  at_el0("writable by EL0, WXN", jump, at, 0, 0);
  WRITE(sctlr_el1, READ(sctlr_el1) & ~(1ul << 19));
  flush_tlb();

  heading("permissions of tables");
  map_page(1, PA(page_a) | PAGE | NORMAL | EL0);
  window_level2[0] = (u64)window_level3 | 3 | 1ul << 61; /* APTable: no access from EL0 */
  flush_tlb();
  at_el1("APTable 01, load", load, WINDOW + 0x1000, 0, 0);
  at_el0("APTable 01, load", load, WINDOW + 0x1000, 0, 0);
  window_level2[0] = (u64)window_level3 | 3 | 2ul << 61; /* no writes */
  flush_tlb();
  at_el1("APTable 10, store", store, WINDOW + 0x1000, 0, 0);
  at_el0("APTable 10, store", store, WINDOW + 0x1000, 0, 0);
  at_el0("APTable 10, load", load, WINDOW + 0x1008, 0, 0);
  map_page(1, PA(page_code) | PAGE | NORMAL | EL0 | READ_ONLY);
  window_level2[0] = (u64)window_level3 | 3 | 1ul << 59;
  flush_tlb();
  at_el1("PXNTable", jump, WINDOW + 0x1000, 0, 0);
  at_el0("PXNTable", jump, WINDOW + 0x1000, 0, 0);
  window_level2[0] = (u64)window_level3 | 3 | 1ul << 60;
  flush_tlb();
  at_el1("UXNTable", jump, WINDOW + 0x1000, 0, 0);
  at_el0("UXNTable", jump, WINDOW + 0x1000, 0, 0);
  window_level2[0] = (u64)window_level3 | 3;
  flush_tlb();
}

static void mappings(void) {
  heading("mappings");
  map_page(1, PA(page_a) | PAGE | NORMAL | EL0 | PXN | UXN);
  map_page(2, PA(page_b) | PAGE | NORMAL | EL0 | PXN | UXN);
  map_page(3, 0);
  for (int i = 0; i < 512; i++) {
    ((u64 *)page_a)[i] = 0xa000 + i;
    ((u64 *)page_b)[i] = 0xb000 + i;
  }
  at_el1("page", load, WINDOW + 0x1010, 0, 0);
  at_el1("across two pages", load, WINDOW + 0x1ffc, 0, 0);
  at_el1("across two pages, halfword", load_half, WINDOW + 0x1fff, 0, 0);
  at_el1("into a page that is not there, load", load, WINDOW + 0x2ffc, 0, 0);
  at_el1("into a page that is not there, store", store, WINDOW + 0x2ffd, 0, 0);
  at_el1("into a page that is not there, pair", load_two, WINDOW + 0x2ff8, 0, 0);
  at_el1("from a page that is not there", load, WINDOW + 0x3ffc, 0, 0);
  probe(store_pre, WINDOW + 0x3000, 0, 0);
  line("pre-indexed store that faults leaves its base at window +", outcome.x[0] - WINDOW);
  probe(load_two, WINDOW + 0x3000, 0, 0);
  line("post-indexed pair that faults leaves its base at window +", outcome.x[0] - WINDOW);
  probe(store_two, WINDOW + 0x3000, 0, 0);
  line("pre-indexed pair that faults leaves its base at window +", outcome.x[0] - WINDOW);
  window_level2[1] = 0x40000000ul | BLOCK | NORMAL | EL0 | PXN | UXN;
  flush_tlb();
  at_el1("level 2 block", load, WINDOW_BLOCK + ((u64)page_a - 0x40000000ul) + 16, 0, 0);
  window_level1[0] = 0x40000000ul | BLOCK | NORMAL | EL0 | PXN | UXN;
  level0[1] = (u64)window_level1 | 3;
  flush_tlb();
  at_el1("level 1 block", load, (1ul << 39) + ((u64)page_b - 0x40000000ul) + 16, 0, 0);
  at_el1("upper half, through TTBR1", load, UPPER + (u64)page_a + 24, 0, 0);
  at_el1("upper half, level 1", load, UPPER + WINDOW + 0x40000000ul, 0, 0);
  at_el1("upper half, level 0", load, UPPER + (1ul << 39), 0, 0);

  heading("TCR_EL1");
  u64 tcr = READ(tcr_el1);
  at_el1("tagged address without TBI0", load, 0x5a00000000000000ul | (u64)page_a, 0, 0);
  WRITE(tcr_el1, tcr | 1ul << 37);
  flush_tlb();
  at_el1("tagged address with TBI0", load, 0x5a00000000000000ul | (u64)page_a, 0, 0);
  at_el1("tagged fault with TBI0", load, 0x5a00000000000000ul | (WINDOW + 0x3000), 0, 0);
  at_el1("tagged jump with TBI0", jump, 0x5a00000000000000ul | (u64)return_five, 0, 0);
  at_el1("tagged fetch fault with TBI0", jump, 0x5a00000000000000ul | (WINDOW + 0x3000), 0, 0);
  WRITE(tcr_el1, tcr | 1ul << 38);
  flush_tlb();
  at_el1("tagged upper address with TBI1", load, 0xa5ff000000000000ul | (u64)page_a, 0, 0);
  WRITE(tcr_el1, tcr | 1ul << 23);
  flush_tlb();
  at_el1("upper half with EPD1", load, UPPER + (u64)page_a, 0, 0);
  WRITE(tcr_el1, (tcr & ~(63ul << 16)) | 25ul << 16);
  flush_tlb();
  at_el1("upper half outside T1SZ", load, UPPER + (u64)page_a, 0, 0);
  WRITE(tcr_el1, tcr);
  level0[1] = 0;
  window_level1[0] = 0;
  window_level2[1] = 0;
  flush_tlb();
}

void translation(void) {
  levels();
  permissions();
  mappings();
}
